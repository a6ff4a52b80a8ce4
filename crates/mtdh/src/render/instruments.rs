//! The output of `instruments`.

use mtdh_core::expectation::NotExpected;
use mtdh_core::instrument::{AmountUnit, Instrument};
use mtdh_engine::expectation::NotExpectedLine;
use mtdh_engine::instruments::{InstrumentsReport, Unavailable};

use super::SHOWN;
use crate::output::{Rows, note};

/// Prints what the vendor no longer lists.
pub fn note_withdrawn(withdrawn: &[String]) {
    withdrawn.iter().take(SHOWN).for_each(|line| note(&format!("no longer listed by the vendor: {line}")));
    if withdrawn.len() > SHOWN {
        note(&format!("and {} more; --format json has them all", withdrawn.len() - SHOWN));
    }
    if !withdrawn.is_empty() {
        note("they stay in the tables, marked; accept that they went with --accept-removed");
    }
}

/// Prints what cannot be read of the vendor's lists, and exchanges that are closed. What else is not expected is in the table.
pub fn note_not_expected(lines: &[NotExpectedLine]) {
    let is_told = |line: &&NotExpectedLine| {
        NotExpected::from_name(&line.reason)
            .is_some_and(|reason| reason.is_fault() || reason == NotExpected::Closed)
    };
    let told: Vec<&NotExpectedLine> = lines.iter().filter(is_told).collect();
    for line in told.iter().take(SHOWN) {
        let meaning = NotExpected::from_name(&line.reason).map_or("", NotExpected::meaning);
        let first = line.examples.first().map(String::as_str).unwrap_or_default();
        let more = if line.count > 1 { format!(", and {} more", line.count - 1) } else { String::new() };
        note(&format!("{} {}: {meaning}: {first}{more}", line.day, line.venue));
    }
    if told.len() > SHOWN {
        note(&format!("and {} more; --format json has them all", told.len() - SHOWN));
    }
}

/// Prints the venues whose instruments could not be had.
pub fn note_unavailable(venues: &[Unavailable]) {
    for Unavailable { venue, cause } in venues {
        note(&format!("left out: {venue}: {cause}"));
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

/// Prints notes besides the counts.
pub fn notes(report: &InstrumentsReport) {
    for (title, lines) in [
        ("symbols without a canonical key", &report.native_keys),
        ("symbols that share a key", &report.shared_keys),
    ] {
        if lines.is_empty() {
            continue;
        }
        note(&format!("{} {title}:", lines.len()));
        lines.iter().take(SHOWN).for_each(|line| note(&format!("  {line}")));
        if lines.len() > SHOWN {
            note(&format!("  and {} more; --format json has them all", lines.len() - SHOWN));
        }
    }
    note_not_expected(&report.not_expected);
    note_unavailable(&report.unavailable);
    note_withdrawn(&report.withdrawn);
    if let Some(path) = &report.aggregate {
        note(&format!("all days in one table: {path}"));
    }
}

pub fn cells(i: &Instrument) -> Vec<String> {
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

pub fn document(i: &Instrument) -> serde_json::Value {
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
        "canonical": i.canonical,
        "native_reason": i.native_reason,
        "aliases": i.aliases,
        "price_currency": i.price_currency,
        "amount_unit": i.amount_unit.map(AmountUnit::name),
        "quanto": i.quanto,
        "changes_at": i.changes_at_us.iter().map(|us| time(Some(*us))).collect::<Vec<_>>(),
        "contract_sizes_after": i.contract_sizes_after,
    })
}
