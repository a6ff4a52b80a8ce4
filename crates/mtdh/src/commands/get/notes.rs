//! What `get` says on stderr.

use std::collections::BTreeMap;

use anyhow::Result;
use mtdh_core::Day;
use mtdh_core::moment::TimeValue;
use mtdh_core::partition::{Origin, Origins};
use mtdh_core::universe::KeyPattern;
use mtdh_engine::query::{Chosen, Lacking, TickTable};
use mtdh_engine::slice::{Slice, SliceTable};
use mtdh_engine::{Context, InstrumentKey};

use super::outputs::Place;
use super::write::Written;
use crate::output::{many, note, size};

/// Instruments whose missing days are named.
const MOST_NAMED: usize = 10;

/// Says for this release what a day or a month as end means, which was excluded before.
pub fn of_end(end: Option<TimeValue>) {
    if let Some(end @ TimeValue::Days(days)) = end {
        let first = days.first();
        note(&format!("--end {end} is included since this version; to end before it: --end {first}T00:00"));
    }
}

/// Says how many rows an output has, and what reading them has cost.
pub fn of_written(place: Option<&Place>, written: &Written, slices: &[&Slice]) {
    let name = match place {
        Some(Place::File(file)) => format!("{}: ", file.display()),
        _ => String::new(),
    };
    let rows = many(written.rows, "row");
    let (read, requests) = (written.cost.bytes(), written.cost.requests());
    let stored: u64 = slices.iter().map(|slice| slice.stored_bytes()).sum();
    if slices.iter().any(|slice| matches!(slice.request.table, SliceTable::Made(_))) {
        return note(&format!("{name}{rows}; made of {} of trades", size(stored)));
    }
    if slices.iter().any(|slice| slice.request.table == SliceTable::Instruments) {
        return note(&format!("{name}{rows}"));
    }
    let share = if stored > 0 { read as f64 / stored as f64 * 100.0 } else { 0.0 };
    note(&format!(
        "{name}{rows}; read {} of {} ({share:.1} %) in {}",
        size(read),
        size(stored),
        many(requests, "request")
    ));
}

/// Says which days come from a recording.
pub fn of_origins(slices: &[Slice]) {
    let objects = slices.iter().flat_map(|slice| &slice.chosen.objects);
    let mut days: Vec<_> =
        objects.filter(|object| object.origin == Origin::Live).map(|object| object.day).collect();
    days.sort();
    days.dedup();
    match &days[..] {
        [] => note("all rows are the vendor's"),
        [day] => note(&format!("{day} is of a live recording, all other days are the vendor's")),
        [first, .., last] => {
            let count = many(days.len() as u64, "day");
            note(&format!(
                "{count} from {first} to {last} are of live recordings, all others are the vendor's"
            ));
        }
    }
}

/// Says of how many objects it is not known what their amounts are worth.
pub fn of_worth(slices: &[Slice]) {
    let objects = slices.iter().flat_map(|slice| &slice.chosen.objects);
    let unknown: Vec<_> = objects
        .filter_map(|object| match &object.valuation {
            Some(Err(reason)) => Some((object.day, &object.key, *reason)),
            _ => None,
        })
        .collect();
    if let [(day, key, reason), rest @ ..] = &unknown[..] {
        let others = if rest.is_empty() { String::new() } else { format!(", and {} more", rest.len()) };
        note(&format!("what amounts are worth is not known of {key} on {day}: {reason}{others}"));
    }
}

/// Keys and patterns of which the lake has nothing, and which its tables do not expect either: with the table's name.
pub fn unmatched(slices: &[Slice]) -> Vec<(&'static str, String)> {
    let mut found = Vec::new();
    for slice in slices.iter().filter(|slice| slice.request.table != SliceTable::Instruments) {
        for text in &slice.request.instruments {
            let pattern = KeyPattern::new(text);
            let is_there = slice.chosen.objects.iter().any(|object| pattern.matches(&object.key));
            let is_missing = |lacking: &str| lacking == text || pattern.matches_text(lacking);
            if !is_there && !slice.chosen.missing.iter().any(|missing| is_missing(&missing.instrument)) {
                found.push((slice.request.table.name(), text.clone()));
            }
        }
    }
    found
}

/// Names what nothing fits, with what may be meant.
pub async fn of_unmatched(context: &Context, unmatched: &[(&'static str, String)]) -> Result<()> {
    let texts: Vec<&str> = unmatched.iter().map(|(_, text)| text.as_str()).collect();
    if texts.is_empty() {
        return Ok(());
    }
    let suggested = context.suggest(&texts, None).await?;
    for ((table, text), meant) in unmatched.iter().zip(suggested) {
        let meant =
            if meant.is_empty() { String::new() } else { format!("; perhaps {}", meant.join(" or ")) };
        note(&format!("the lake has no {table} that {text} means, and its tables expect none{meant}"));
    }
    Ok(())
}

/// Names the days that slices lack, and says why.
pub async fn of_lacking(context: &Context, slices: &[Slice], program: &str) -> Result<()> {
    let is_alone = slices.len() == 1 && slices.iter().all(|slice| slice.request.instruments.len() == 1);
    for slice in slices.iter().filter(|slice| !slice.chosen.missing.is_empty()) {
        let mut days_of: BTreeMap<&str, Vec<Day>> = BTreeMap::new();
        for missing in &slice.chosen.missing {
            days_of.entry(missing.instrument.as_str()).or_default().push(missing.day);
        }
        let table = slice.request.table.name();
        for (instrument, days) in days_of.iter().take(MOST_NAMED) {
            note(&format!("{}{}", of_instrument(is_alone, table, instrument), of_days(days)));
            why(context, slice, instrument, program).await?;
        }
        if let Some(more) = days_of.len().checked_sub(MOST_NAMED).filter(|more| *more > 0) {
            note(&format!("{table} of {} lack too", many(more as u64, "more instrument")));
        }
    }
    Ok(())
}

fn of_instrument(is_alone: bool, table: &str, instrument: &str) -> String {
    match table {
        _ if is_alone => String::new(),
        "instruments" => "the instrument table: ".to_owned(),
        _ => format!("{table} of {instrument}: "),
    }
}

fn of_days(days: &[Day]) -> String {
    match days {
        [] => String::new(),
        [day] => format!("{day} is not in the lake: rows of that day, if any, are not in the slice"),
        [first, .., last] => {
            let count = many(days.len() as u64, "day");
            format!(
                "{count} from {first} to {last} are not in the lake: rows of those days, if any, are not in the slice"
            )
        }
    }
}

/// Says why days of an instrument lack, if it is one.
async fn why(context: &Context, slice: &Slice, instrument: &str, program: &str) -> Result<()> {
    let Some(data_type) = slice.request.table.data_type() else {
        let day = slice.chosen.missing[0].day;
        note(&format!("make it: {program} instruments --start-date {day}"));
        return Ok(());
    };
    let Ok(key) = instrument.parse::<InstrumentKey>() else {
        let day = slice.chosen.missing[0].day;
        note(&format!(
            "no instrument table of {day} says which instruments {instrument} means: mtdh instruments --start-date {day}"
        ));
        return Ok(());
    };
    if let SliceTable::Stored(TickTable::Candles(timeframe)) = slice.request.table {
        let day = slice.chosen.missing[0].day;
        note(&format!(
            "candles {timeframe} are not stored: mtdh candles --start-date {day} --instruments {key} --timeframes {timeframe}; \
             to make them now, leave out --data-types candles"
        ));
        return Ok(());
    }
    let objects = slice.chosen.objects.iter().filter(|object| object.key == key).cloned().collect();
    let missing = slice.chosen.missing.iter().filter(|missing| missing.instrument == instrument).cloned();
    let chosen = Chosen { objects, missing: missing.collect() };
    match context.why_lacking(&key, data_type, &chosen).await? {
        Lacking::UnknownKey { suggestions } if suggestions.is_empty() => {
            note(&format!("no instrument table has {key}; see mtdh instruments list"));
        }
        Lacking::UnknownKey { suggestions } => {
            note(&format!("no instrument table has {key}; perhaps {}", suggestions.join(" or ")));
        }
        Lacking::NoSuchType { data_types } => {
            let names: Vec<&str> = data_types.iter().map(|t| t.name()).collect();
            note(&format!("the vendor lists no {data_type} of {key}; it lists {}", names.join(", ")));
        }
        Lacking::NotFetched if slice.request.origins == Origins::Only(Origin::Live) => {
            note(&format!("{data_type} of {key} was not recorded then, or is not made of its captures yet"));
        }
        Lacking::NotFetched => {
            let day = chosen.missing[0].day;
            note(&format!(
                "{data_type} of {key} was not fetched: mtdh download --start-date {day} --instruments {key} --data-types {data_type}"
            ));
        }
        Lacking::Days => {}
    }
    Ok(())
}
