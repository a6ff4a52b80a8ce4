//! What the vendor's answers let expect, by their JSON and the vendor's files alone, and what is wrong with what became of them.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use mtdh_core::DataType;
use mtdh_core::DataType::OptionsChain;
use mtdh_core::instrument::Instrument;
use mtdh_core::key::InstrumentKey;
use mtdh_core::partition::{Partition, Status};
use mtdh_engine::validate::ValidationReport;
use mtdh_engine::validate::verdict::Verdict;
use mtdh_sim::{csv, exchange_details, exchange_instruments};
use mtdh_source::tardis::csv::dataset_symbol;
use serde_json::Value;

use super::{Before, Case, DATA_TYPES, Exchange, Seen, config, day};

const GROUPS: [&str; 6] = ["SPOT", "PERPETUALS", "FUTURES", "OPTIONS", "COMBOS", "PREDICTIONS"];

/// A partition that the unmutated answers let expect, and what the vendor has of it.
#[derive(Clone, Debug)]
pub struct Expected {
    /// As in the vendor's files.
    pub symbol: String,
    pub data_type: DataType,
    pub key: InstrumentKey,
    pub rows: u64,
}

/// The vendor's answers about an exchange, with few symbols in them: those that live on the day, and some that do not.
pub fn answers(exchange: &str) -> [Value; 2] {
    let mut details = exchange_details(&config(), exchange);
    let (mut alive, mut dead) = (0, 0);
    let mut ids = BTreeSet::new();
    for symbol in details["datasets"]["symbols"].as_array().unwrap() {
        let id = symbol["id"].as_str().unwrap();
        let is_group = GROUPS.contains(&id);
        let is_alive = is_alive(symbol, None);
        alive += usize::from(is_alive && !is_group);
        dead += usize::from(!is_alive && !is_group);
        // A group's file has rows of all, so that all of an exchange with groups are kept.
        if is_group || (is_alive && (exchange == "deribit" || alive <= 4)) || (!is_alive && dead <= 2) {
            ids.insert(id.to_owned());
        }
    }
    let keep = |list: &mut Value| {
        list.as_array_mut().unwrap().retain(|s| ids.contains(&dataset_symbol(s["id"].as_str().unwrap())));
    };
    keep(&mut details["availableSymbols"]);
    keep(&mut details["datasets"]["symbols"]);
    let mut terms = exchange_instruments(&config(), exchange);
    keep(&mut terms);
    [details, terms]
}

/// Whether an element of one of the vendor's lists says that a symbol lives on the day. `until` is the end of the export: what
/// ends with it in the list of files goes on.
fn is_alive(element: &Value, until: Option<DateTime<Utc>>) -> bool {
    let moment = |name: &str| element[name].as_str().and_then(|text| text.parse::<DateTime<Utc>>().ok());
    let Some(since) = moment("availableSince") else { return false };
    let to = moment("availableTo").filter(|to| until.is_none_or(|until| *to < until));
    // An end before the start is none.
    let (since, to) = match to {
        Some(to) if to < since => (to, None),
        to => (since, to),
    };
    since.timestamp_micros() < day().end_us() && to.is_none_or(|to| to.timestamp_micros() > day().start_us())
}

/// Rows of a vendor's file by symbol; nothing where the vendor has no such file.
fn rows_by_symbol(exchange: &str, data_type: DataType, symbol: &str) -> Option<BTreeMap<String, u64>> {
    let text = String::from_utf8(csv(&config(), exchange, data_type, day(), symbol)?).unwrap();
    let mut counts = BTreeMap::new();
    for line in text.lines().skip(1) {
        *counts.entry(dataset_symbol(line.split(',').nth(1).unwrap())).or_default() += 1;
    }
    Some(counts)
}

/// What two answers let expect, by their JSON alone. Keys are those of `table`.
pub fn expected(exchange: &str, details: &Value, table: &[Instrument]) -> Vec<Expected> {
    let symbols = details["datasets"]["symbols"].as_array().unwrap();
    let has = |symbol: &Value, data_type: DataType| {
        symbol["dataTypes"].as_array().unwrap().iter().any(|t| t == data_type.name())
    };
    let chain = symbols.iter().any(|s| s["id"] == "OPTIONS" && has(s, OptionsChain));
    let mut found = Vec::new();
    for symbol in symbols.iter().filter(|s| is_alive(s, None)) {
        let id = symbol["id"].as_str().unwrap();
        if GROUPS.contains(&id) || symbol["type"] == "combo" {
            continue;
        }
        let row = table
            .iter()
            .find(|i| dataset_symbol(&i.raw_symbol) == id)
            .unwrap_or_else(|| panic!("no row of {id}"));
        for data_type in DATA_TYPES {
            let is_chain = data_type == OptionsChain;
            if has(symbol, data_type) || (is_chain && chain && symbol["type"] == "option") {
                let file = if is_chain { "OPTIONS" } else { id };
                let rows = rows_by_symbol(exchange, data_type, file).unwrap();
                let rows = rows.get(id).copied().unwrap_or(0);
                found.push(Expected { symbol: id.to_owned(), data_type, key: row.key.clone(), rows });
            }
        }
    }
    found
}

/// What mutated answers say of a symbol.
struct Said {
    /// It is in one of the lists.
    is_named: bool,
    /// One of them lets it live on the day.
    is_alive: bool,
    /// Its data types, as words, those of a group too.
    data_types: BTreeSet<String>,
}

fn said(details: &Value, symbol: &str) -> Said {
    let elements = |list: &Value| list.as_array().cloned().unwrap_or_default();
    let is_it = |element: &&Value| element["id"].as_str().is_some_and(|id| dataset_symbol(id) == symbol);
    let (api, files) = (elements(&details["availableSymbols"]), elements(&details["datasets"]["symbols"]));
    let until = details["datasets"]["exportedUntil"].as_str().and_then(|text| text.parse().ok());
    let (api, own): (Vec<&Value>, Vec<&Value>) =
        (api.iter().filter(is_it).collect(), files.iter().filter(is_it).collect());
    let is_option = api.iter().chain(&own).any(|element| element["type"] == "option");
    let groups = files.iter().filter(|element| is_option && element["id"] == "OPTIONS");
    let words = |element: &Value| {
        elements(&element["dataTypes"]).into_iter().filter_map(|t| t.as_str().map(str::to_owned))
    };
    let chain = groups.flat_map(words).filter(|word| word == OptionsChain.name());
    Said {
        is_named: !api.is_empty() || !own.is_empty(),
        is_alive: api.iter().any(|e| is_alive(e, None)) || own.iter().any(|e| is_alive(e, until)),
        data_types: own.iter().flat_map(|element| words(element)).chain(chain).collect(),
    }
}

/// Everything that must not be: a false "complete", rows that are lost, values of a table that are lost.
pub fn wrong(exchange: &Exchange, case: &Case, details: &Value, seen: &Seen) -> Vec<String> {
    let mut found = rows_that_differ(exchange.id, seen);
    found.extend(twice(seen));
    if case.before != Before::Nothing {
        found.extend(lost_values(exchange, details, seen));
    }
    let Ok((report, true)) = &seen.end else { return found };
    if report.verdict != Verdict::Complete {
        return found;
    }
    let is_meant = |expected: &&Expected| case.selection.takes_key(&expected.key);
    for expected in exchange.expected.iter().filter(is_meant) {
        let said = said(details, &expected.symbol);
        // An end that the vendor gives is its word. What a first look is told nothing of, nobody can know.
        let is_told = match case.before {
            Before::Nothing => said.is_alive && said.data_types.contains(expected.data_type.name()),
            _ => said.is_alive || !said.is_named,
        };
        if is_told && !is_stored(expected, seen) && !is_counted(expected, report) {
            found.push(format!("a false complete: {} of {} is not there", expected.data_type, expected.key));
        }
    }
    found
}

/// Whether the lake has a symbol's rows, under whatever key.
fn is_stored(expected: &Expected, seen: &Seen) -> bool {
    let rows = seen.table.instruments.iter().filter(|i| is_symbol(i, &expected.symbol));
    let keys = rows.map(|i| &i.key).chain([&expected.key]);
    let partition =
        |key: &InstrumentKey| Partition { day: day(), data_type: expected.data_type, key: key.clone() };
    keys.into_iter()
        .any(|key| seen.available.get(&partition(key)).is_some_and(|a| a.tally.rows_out == expected.rows))
}

fn is_symbol(instrument: &Instrument, symbol: &str) -> bool {
    dataset_symbol(&instrument.raw_symbol) == symbol
}

/// Whether a report names a symbol, or its key, among what is left out or withdrawn.
fn is_counted(expected: &Expected, report: &ValidationReport) -> bool {
    let (symbol, key) = (&expected.symbol, expected.key.to_string());
    let is_it = |text: &String| {
        let text = text.replace(['/', ':'], "-").to_uppercase();
        text.contains(symbol.as_str()) || text.contains(&key.replace([':', '/'], "-"))
    };
    let names = report.names.not_alive.iter();
    report
        .not_expected
        .iter()
        .flat_map(|line| &line.examples)
        .chain(&report.withdrawn)
        .chain(names)
        .any(is_it)
}

/// Objects whose rows are not those of the vendor's file that they are made of.
fn rows_that_differ(exchange: &str, seen: &Seen) -> Vec<String> {
    let mut found = Vec::new();
    for (partition, available) in &seen.available {
        let file = available.source.rsplit('/').next().unwrap();
        let file = file.strip_suffix(".csv.gz").unwrap_or(file);
        let rows = rows_by_symbol(exchange, partition.data_type, file);
        let owner = seen.table.instruments.iter().find(|i| i.key == partition.key);
        let expected = match (&rows, GROUPS.contains(&file)) {
            (None, _) => 0,
            (Some(rows), true) => {
                let symbol = owner.map(|i| dataset_symbol(&i.raw_symbol)).unwrap_or_default();
                rows.get(&symbol).copied().unwrap_or(0)
            }
            (Some(rows), false) => rows.values().sum(),
        };
        if available.tally.rows_out != expected || (available.status == Status::Absent) != rows.is_none() {
            let (status, rows) = (available.status, available.tally.rows_out);
            found.push(format!(
                "lost rows: {partition} is {status} with {rows} rows, the vendor's file has {expected}"
            ));
        }
    }
    found
}

fn twice(seen: &Seen) -> Vec<String> {
    let mut keys = BTreeSet::new();
    let again = seen.table.instruments.iter().filter(|i| !keys.insert(&i.key));
    again.map(|i| format!("the table has two rows of {}", i.key)).collect()
}

/// What the day's table knew and does not know any more, without a word.
fn lost_values(exchange: &Exchange, details: &Value, seen: &Seen) -> Vec<String> {
    let mut found = Vec::new();
    for old in &exchange.table {
        let symbol = dataset_symbol(&old.raw_symbol);
        let rows: Vec<&Instrument> =
            seen.table.instruments.iter().filter(|i| is_symbol(i, &symbol)).collect();
        let said = said(details, &symbol);
        if rows.is_empty() && (said.is_alive || !said.is_named) {
            found.push(format!("lost row: {} is in the table no more", old.key));
            continue;
        }
        for data_type in &old.data_types {
            let has = |i: &&Instrument| {
                i.data_types.contains(data_type) || i.withdrawn_data_types.contains(data_type)
            };
            if !rows.is_empty() && !rows.iter().any(has) {
                found.push(format!("lost value: {data_type} of {}", old.key));
            }
        }
        let known = |i: &Instrument| {
            [
                i.contract_type.is_some(),
                i.contract_size.is_some(),
                i.tick_size.is_some(),
                i.min_size.is_some(),
                i.expiry_us.is_some(),
                i.settle.is_some(),
                i.dataset_symbol.is_some(),
                i.terms_as_of.is_some(),
            ]
        };
        let lost = rows.iter().any(|new| known(old).iter().zip(known(new)).any(|(old, new)| *old && !new));
        if lost && rows.len() == 1 {
            found.push(format!("lost value: a term of {}: {old:?} became {:?}", old.key, rows[0]));
        }
    }
    found
}
