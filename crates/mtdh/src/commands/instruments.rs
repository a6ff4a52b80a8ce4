//! `mtdh instruments`, `instruments list`, `instruments show`.

use anyhow::{Result, bail};
use mtdh_core::Day;
use mtdh_core::instrument::Instrument;
use mtdh_core::key::{InstrumentKey, InstrumentType};
use mtdh_engine::instruments::{InstrumentsReport, Removed};

use super::{Session, days};
use crate::Outcome;
use crate::args::{FilterArgs, InstrumentsArgs, InstrumentsCommand, ListArgs, SelectionArgs};
use crate::output::{Rows, many, note, print};

pub async fn run(session: &Session<'_>, args: InstrumentsArgs) -> Result<Outcome> {
    let InstrumentsArgs { command, start_date, end_date, venues, combos, accept_removed } = args;
    match (command, start_date) {
        (Some(InstrumentsCommand::Show { key, date }), _) => show(session, &key, date).await,
        (Some(InstrumentsCommand::List(args)), _) => list(session, &args).await,
        (None, Some(start_date)) => {
            let instrument_types = if combos { InstrumentType::ALL.to_vec() } else { Vec::new() };
            let filters = FilterArgs { venues, instrument_types, ..FilterArgs::default() };
            let selected = SelectionArgs { start_date: Some(start_date), end_date, filters };
            let selection = selected.filters.filter().of_vendor(days(&selected)?)?;
            let removed = if accept_removed { Removed::Accept } else { Removed::Keep };
            let report = session.context()?.write_instruments(&selection, removed).await?;
            print_report(session, &report)
        }
        (None, None) => bail!("--start-date is needed"),
    }
}

/// Prints what happened to the tables, a line per day, venue and type.
pub fn print_report(session: &Session<'_>, report: &InstrumentsReport) -> Result<Outcome> {
    print(session.format, &summary(report), report)?;
    for day in &report.days {
        note(&format!(
            "{}: {} new, {} gone, {} changed since the table was last written",
            day.day, day.added, day.removed, day.changed
        ));
    }
    notes(report);
    let is_empty = report.days.iter().any(|d| d.counts.values().all(|types| types.is_empty()));
    Ok(match () {
        () if !report.withdrawn.is_empty() => Outcome::NeedsDecision,
        () if is_empty => Outcome::NotClean,
        () => Outcome::Clean,
    })
}

/// Says what the vendor no longer lists.
pub fn note_withdrawn(withdrawn: &[String]) {
    const SHOWN: usize = 10;
    withdrawn.iter().take(SHOWN).for_each(|line| note(&format!("no longer listed by the vendor: {line}")));
    if withdrawn.len() > SHOWN {
        note(&format!("and {} more; --format json has them all", withdrawn.len() - SHOWN));
    }
    if !withdrawn.is_empty() {
        note("they stay in the tables, marked; accept that they went with --accept-removed");
    }
}

/// Lines of the report: day, venue, type, count. A venue without instruments has one with 0.
pub fn summary(report: &InstrumentsReport) -> Rows {
    let mut rows = Rows::new(&["day", "venue", "instrument_type", "instruments", "not_expected", "reason"]);
    for day in &report.days {
        for (venue, types) in &day.counts {
            let cells = |kind: &str, count: usize| {
                let none = || "-".to_owned();
                vec![day.day.clone(), venue.clone(), kind.to_owned(), count.to_string(), none(), none()]
            };
            rows.rows.extend(types.iter().map(|(kind, count)| cells(kind, *count)));
            if types.is_empty() {
                rows.rows.push(cells("-", 0));
            }
        }
    }
    for line in &report.not_expected {
        let (day, venue, none) = (line.day.clone(), line.venue.clone(), || "-".to_owned());
        rows.rows.push(vec![day, venue, none(), none(), line.count.to_string(), line.reason.clone()]);
    }
    rows
}

/// What people should know besides the counts.
pub fn notes(report: &InstrumentsReport) {
    const SHOWN: usize = 10;
    for (title, lines) in
        [("symbols without a key", &report.unnamed), ("symbols that share a key", &report.shared_keys)]
    {
        if lines.is_empty() {
            continue;
        }
        note(&format!("{} {title}:", lines.len()));
        lines.iter().take(SHOWN).for_each(|line| note(&format!("  {line}")));
        if lines.len() > SHOWN {
            note(&format!("  and {} more; --format json has them all", lines.len() - SHOWN));
        }
    }
    note_withdrawn(&report.withdrawn);
    if let Some(path) = &report.aggregate {
        note(&format!("all days in one table: {path}"));
    }
}

async fn list(session: &Session<'_>, args: &ListArgs) -> Result<Outcome> {
    let (day, rows) = session.context()?.instruments(args.date).await?;
    let equals = |wanted: &Option<String>, value: Option<&str>| {
        wanted.as_ref().is_none_or(|w| value.is_some_and(|v| v.eq_ignore_ascii_case(w)))
    };
    let wanted = |i: &&Instrument| {
        let key = &i.key;
        let underlying = key.base().zip(key.quote()).map(|(b, q)| format!("{b}-{q}"));
        i.is_alive(day)
            && (args.venues.is_empty() || args.venues.iter().any(|v| v == key.venue()))
            && (args.instrument_types.is_empty() || args.instrument_types.contains(&key.instrument_type()))
            && equals(&args.base, key.base())
            && equals(&args.quote, key.quote())
            && equals(&args.underlying, underlying.as_deref().filter(|_| key.expiry().is_some()))
            && args.expiry.is_none_or(|day| key.expiry() == Some(day))
    };
    let found: Vec<&Instrument> = rows.iter().filter(wanted).collect();
    let mut table = Rows::new(&[
        "instrument_key",
        "tardis_exchange",
        "tardis_symbol",
        "available_from_datetime",
        "available_to_datetime",
        "data_types",
    ]);
    table.rows = found.iter().map(|i| cells(i)).collect();
    let document: Vec<_> = found.iter().map(|i| document(i)).collect();
    print(session.format, &table, &document)?;
    note(&format!("{} on {day}", many(found.len() as u64, "instrument")));
    Ok(if found.is_empty() { Outcome::NotClean } else { Outcome::Clean })
}

fn cells(i: &Instrument) -> Vec<String> {
    vec![
        i.key.to_string(),
        i.exchange.clone(),
        i.dataset_symbol.clone().unwrap_or_else(|| "-".to_owned()),
        time(Some(i.available_from_us)),
        time(i.available_to_us),
        i.data_types.iter().map(|t| t.name()).collect::<Vec<_>>().join(" "),
    ]
}

/// `-` for none.
fn time(us: Option<i64>) -> String {
    us.and_then(crate::time::shown).unwrap_or_else(|| "-".to_owned())
}

fn document(i: &Instrument) -> serde_json::Value {
    serde_json::json!({
        "instrument_key": i.key.to_string(),
        "venue": i.key.venue(),
        "instrument_type": i.key.instrument_type().name(),
        "base_asset": i.key.base(),
        "quote_asset": i.key.quote(),
        "settle_asset": i.settle,
        "tardis_exchange": i.exchange,
        "exchange_raw_symbol": i.raw_symbol,
        "tardis_symbol": i.dataset_symbol,
        "available_from_datetime": time(Some(i.available_from_us)),
        "available_to_datetime": i.available_to_us.map(|us| time(Some(us))),
        "data_types": i.data_types.iter().map(|t| t.name()).collect::<Vec<_>>(),
        "group_data_types": i.group_data_types.iter().map(|t| t.name()).collect::<Vec<_>>(),
        "withdrawn_data_types": i.withdrawn_data_types.iter().map(|t| t.name()).collect::<Vec<_>>(),
        "is_listed": i.is_listed,
        "terms_as_of": i.terms_as_of.map(|day| day.to_string()),
        "is_exported": i.is_exported,
        "inverse": i.inverse,
        "contract_type": i.contract_type,
        "expiry": i.expiry_us.map(|us| time(Some(us))),
        "strike": i.key.strike(),
        "option_type": i.option_side().map(|s| s.name()),
        "contract_size": i.contract_size,
        "tick_size": i.tick_size,
        "min_size": i.min_size,
        "trades_total": i.trades_total,
        "book_changes_total": i.book_changes_total,
    })
}

async fn show(session: &Session<'_>, key: &InstrumentKey, date: Option<Day>) -> Result<Outcome> {
    let context = session.context()?;
    let (day, rows) = context.instruments(date).await?;
    let Some(instrument) = rows.iter().find(|i| i.key == *key) else {
        let meant = match &context.suggest(key.as_str(), Some(day)).await?[..] {
            [] => format!("see mtdh instruments list --date {day}"),
            keys => format!("perhaps {}", keys.join(" or ")),
        };
        bail!("{key} is not in the table of {day}; {meant}");
    };
    let document = document(instrument);
    let mut table = Rows::new(&["field", "value"]);
    for (name, value) in document.as_object().into_iter().flatten() {
        let text = match value {
            serde_json::Value::Null => "-".to_owned(),
            serde_json::Value::String(text) => text.clone(),
            serde_json::Value::Array(list) => {
                list.iter().filter_map(|v| v.as_str()).collect::<Vec<_>>().join(" ")
            }
            other => other.to_string(),
        };
        table.rows.push(vec![name.clone(), text]);
    }
    print(session.format, &table, &document)?;
    Ok(Outcome::Clean)
}
