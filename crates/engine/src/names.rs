//! Resolves instruments that were asked for by name and are not in a day's table.
//!
//! There are three cases: the name never existed; it was not alive on the day; it was alive, and the table lacks it.
//! [`look_up`] decides, from the tables of the days and the vendor's list; every use case that takes names uses it.

use std::collections::{BTreeMap, BTreeSet};

use mtdh_core::Day;
use mtdh_core::error::chain;
use mtdh_core::instrument::Instrument;
use mtdh_core::key::InstrumentKey;
use mtdh_core::meant::{keys, keys_without_table};
use mtdh_core::universe::KeyPattern;
use mtdh_core::venue::exchange_of_venue;
use mtdh_lake::Lake;
use mtdh_source::tardis::instruments::Listing;
use mtdh_source::tardis::metadata::Also;
use serde::Serialize;

use crate::error::EngineError;
use crate::instruments::{Answers, InstrumentSource, ask};
use crate::runs::phase;
use crate::selection::Selection;

/// Number of keys suggested for a name.
const SUGGESTIONS: usize = 3;

/// Names that a day's table does not have.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Names {
    /// Names that no instrument ever had.
    pub never_existed: Vec<NeverExisted>,
    /// As `DAY NAME`: listed, but not alive that day, so nothing is missing.
    pub not_alive: Vec<String>,
    /// As `DAY NAME`: alive that day by the vendor's list, but not in the day's table.
    pub alive_and_missing: Vec<String>,
    /// Why the vendor's list could not be fetched; then a name in no table counts as one that never existed.
    pub notes: Vec<String>,
}

/// A name that no instrument ever had.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct NeverExisted {
    /// The name, as in keys.
    pub name: String,
    /// Keys that may be meant.
    pub suggestions: Vec<String>,
}

impl Names {
    /// Whether something that was asked for should be in the lake's tables and is not, or cannot be found at all.
    pub fn has_fault(&self) -> bool {
        !self.never_existed.is_empty() || !self.alive_and_missing.is_empty()
    }
}

/// Looks up the selection's names that a day's table does not have.
///
/// # Errors
/// When the lake fails. A vendor that cannot be reached is a note.
pub async fn look_up(
    lake: &Lake,
    source: &InstrumentSource<'_>,
    selection: &Selection,
) -> Result<Names, EngineError> {
    let mut names = Names::default();
    if selection.patterns.is_empty() {
        return Ok(names);
    }
    // Each selected instrument once, however many days have it; of others one day's, for suggestions.
    let mut named: BTreeMap<(InstrumentKey, i64), Instrument> = BTreeMap::new();
    let mut lacking: Vec<(Day, &KeyPattern)> = Vec::new();
    let mut known: Vec<Instrument> = Vec::new();
    let phase = phase::days("looking up names", selection.days);
    for day in selection.days.days() {
        let _day_done = phase.item();
        let Some(table) = lake.instruments(day).await? else { continue };
        let is_named = |i: &&Instrument| selection.patterns.iter().any(|pattern| pattern.matches(&i.key));
        named
            .extend(table.iter().filter(is_named).map(|i| ((i.key.clone(), i.available_from_us), i.clone())));
        let count = lacking.len();
        lacking.extend(selection.unmatched(&table).map(|pattern| (day, pattern)));
        if lacking.len() > count {
            known = table;
        }
    }
    if lacking.is_empty() {
        return Ok(names);
    }
    known.extend(named.into_values());
    let mut vendor: Vec<Listing> = Vec::new();
    let asked: BTreeSet<String> = lacking.iter().flat_map(|(_, p)| venues(p, selection)).collect();
    if let InstrumentSource::Vendor(metadata) = source {
        for venue in asked {
            let patterns = lacking.iter().map(|(_, pattern)| (*pattern).clone()).collect();
            let also = Also { patterns, ..Also::default() };
            match ask(metadata, &[exchange_of_venue(&venue)], selection.days, &also).await {
                Ok(Answers { listings, .. }) => {
                    known.extend(listings.iter().flat_map(Listing::instruments));
                    vendor.extend(listings);
                }
                Err(EngineError::NoExchange { .. }) => {}
                Err(error) => {
                    names
                        .notes
                        .push(format!("the vendor's list of {venue} cannot be had: {}", chain(&error)));
                }
            }
        }
    }
    // A folder's rows are each of one day, and prove nothing about other days.
    let is_of_folder = matches!(source, InstrumentSource::Folder(_));
    // Keys are those of a day: an instrument's key may be another one on other days.
    let mut of_day: BTreeMap<Day, Vec<Instrument>> = BTreeMap::new();
    for (day, _) in &lacking {
        let rows = || vendor.iter().flat_map(|listing| listing.on(*day).instruments).collect();
        of_day.entry(*day).or_insert_with(rows);
    }
    let mut unknown: BTreeSet<String> = BTreeSet::new();
    for (day, pattern) in lacking {
        let is_alive = of_day[&day].iter().any(|i| pattern.matches(&i.key));
        let mut found = known.iter().filter(|i| pattern.matches(&i.key)).peekable();
        // Without the vendor's list the tables of other days are the only witnesses.
        let is_alive_by_tables =
            || vendor.is_empty() && !is_of_folder && found.clone().any(|i| i.is_alive(day));
        match () {
            () if is_alive || is_alive_by_tables() => {
                names.alive_and_missing.push(format!("{day} {pattern}"))
            }
            () if found.peek().is_none() => drop(unknown.insert(pattern.to_string())),
            () => names.not_alive.push(format!("{day} {pattern}")),
        }
    }
    let suggested = |name: String| NeverExisted { suggestions: suggestions(&name, &known), name };
    names.never_existed = unknown.into_iter().map(suggested).collect();
    Ok(names)
}

/// The venues that a name may belong to.
fn venues(pattern: &KeyPattern, selection: &Selection) -> Vec<String> {
    let text = pattern.to_string();
    match text.split_once(':') {
        Some((venue, _)) if !venue.contains(['*', '?']) => vec![venue.to_owned()],
        _ => selection.venues.clone(),
    }
}

/// Keys that a name may mean; without a table those of the built-in lists.
pub(crate) fn suggestions(name: &str, known: &[Instrument]) -> Vec<String> {
    match known.is_empty() {
        // A key is no misspelling of another where no table says which there are.
        true if name.parse::<InstrumentKey>().is_ok_and(|key| key.is_canonical()) => Vec::new(),
        true => keys_without_table(name, SUGGESTIONS),
        false => keys(name, known, SUGGESTIONS),
    }
}

/// The key of a pair on a venue, as `BTC-USDT` on BINANCE: a spot pair there, a perpetual elsewhere; with an expiry a future.
///
/// # Errors
/// When the symbol is not a pair, or makes no valid key.
pub fn key_of_symbol(venue: &str, symbol: &str) -> Result<InstrumentKey, EngineError> {
    let kind = match (venue, symbol.matches('-').count()) {
        (_, 2) => "FUTURE",
        ("BINANCE", 1) => "SPOT_PAIR",
        (_, 1) => "PERP",
        _ => return Err(EngineError::NotAPair { symbol: symbol.to_owned() }),
    };
    Ok(format!("{venue}:{kind}:{}", symbol.to_uppercase()).parse()?)
}
