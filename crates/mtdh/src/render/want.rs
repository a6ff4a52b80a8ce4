//! What is wanted, as a table and as a document.

use mtdh_core::check::Group;
use mtdh_core::want::{Wanted, WantedSet};
use mtdh_engine::Selection;
use mtdh_engine::want::{Asked, AskedOfLake};

use crate::output::Rows;

/// A line for each set; `-` is the default.
pub fn rows(wanted: &Wanted) -> Rows {
    let mut rows = Rows::new(&[
        "set",
        "venues",
        "instrument_types",
        "instruments",
        "data_types",
        "from",
        "until",
        "candles",
        "checks",
        "keep_days",
    ]);
    let line = |(name, set): (&String, &WantedSet)| {
        let mut instruments = short(&set.instruments);
        if let Some(universe) = &set.universe {
            instruments = format!("{universe} {instruments}").trim_end_matches(" -").to_owned();
        }
        let checks = if set.checks == Group::USUAL { "all".to_owned() } else { words(&set.checks) };
        vec![
            name.clone(),
            words(&set.venues),
            words(&set.instrument_types),
            instruments,
            words(&set.data_types),
            set.from.to_string(),
            set.until.to_string(),
            words(&set.candles),
            checks,
            set.keep_days.map_or_else(|| "-".to_owned(), |days| days.to_string()),
        ]
    };
    rows.rows = wanted.sets.iter().map(line).collect();
    rows
}

/// What was asked of a lake that nobody wrote down anything for.
pub fn asked_rows(asked: &AskedOfLake) -> Rows {
    let mut rows =
        Rows::new(&["asked", "venues", "instrument_types", "instruments", "data_types", "from", "until"]);
    let line = |one: &Asked| {
        let Selection { days, venues, instrument_types, data_types, patterns, .. } = &one.selection;
        vec![
            one.name.clone(),
            words(venues),
            words(instrument_types),
            short(&patterns.iter().map(ToString::to_string).collect::<Vec<_>>()),
            words(data_types),
            days.first().to_string(),
            days.last().to_string(),
        ]
    };
    rows.rows = asked.asked.iter().map(line).collect();
    rows
}

fn words<T: ToString>(items: &[T]) -> String {
    if items.is_empty() {
        return "-".to_owned();
    }
    items.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
}

/// The first of many items.
fn short(items: &[String]) -> String {
    const SHOWN: usize = 3;
    match items.len().checked_sub(SHOWN) {
        Some(more) if more > 0 => format!("{} and {more} more", words(&items[..SHOWN])),
        _ => words(items),
    }
}
