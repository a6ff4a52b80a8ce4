//! `mtdh instruments`, `instruments list`, `instruments show`.

use anyhow::{Result, bail};
use mtdh_core::Day;
use mtdh_core::instrument::Instrument;
use mtdh_core::key::InstrumentType;
use mtdh_engine::instruments::{InstrumentsReport, Removed};

use crate::args::{FilterArgs, InstrumentsArgs, InstrumentsCommand, ListArgs, SelectionArgs};
use crate::exit::Outcome;
use crate::output::{Rows, many, note, print};
use crate::render::instruments::{cells, document, notes, summary};
use crate::session::{Session, check_venues, days};

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
            let context = session.context()?;
            check_venues(&context, &selection).await?;
            let report = context.write_instruments(&selection, removed).await?;
            print_report(session, &report)
        }
        (None, None) => bail!("--start-date is needed"),
    }
}

/// Prints the changes of the tables, a line per day, venue and type.
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
    Ok(if !report.withdrawn.is_empty() {
        Outcome::NeedsDecision
    } else if is_empty || !report.is_whole() {
        Outcome::NotClean
    } else {
        Outcome::Clean
    })
}

async fn list(session: &Session<'_>, args: &ListArgs) -> Result<Outcome> {
    let context = session.context()?;
    let (day, rows) = context.instruments(args.date).await?;
    for text in context.check_venues(&args.venues, &[day]).await? {
        note(&text);
    }
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
            && args.expiry.is_none_or(|days| key.expiry().is_some_and(|day| days.contains(day)))
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

async fn show(session: &Session<'_>, key: &str, date: Option<Day>) -> Result<Outcome> {
    let context = session.context()?;
    let key = &context.instrument_key(key).await?;
    let (day, rows) = context.instruments(date).await?;
    let Some(instrument) = rows.iter().find(|i| i.key == *key) else {
        let meant = match &context.suggest(&[key.as_str()], Some(day)).await?.concat()[..] {
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
