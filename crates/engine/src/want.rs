//! What is wanted of a lake, as selections: each set of `lake.toml` at a time, narrowed by what a caller asks for.

mod asked;
mod document;
mod merge;

use mtdh_core::DayRange;
use mtdh_core::key::InstrumentKey;
use mtdh_core::universe::KeyPattern;
use mtdh_core::want::{Wanted, WantedSet};

use crate::error::EngineError;
use crate::selection::{Filter, Selection};

pub use asked::{Asked, AskedOfLake};
pub(crate) use asked::{asked, forget, note};
pub use document::document;

/// A set, and what it selects at a time.
#[derive(Clone, Debug)]
pub struct Chosen {
    /// Its name.
    pub name: String,
    /// The set.
    pub set: WantedSet,
    /// What it selects: days that have ended only.
    pub selection: Selection,
}

/// What a caller asks for of what is wanted.
#[derive(Clone, Debug, Default)]
pub struct Narrowing {
    /// Filters; what is not set narrows nothing.
    pub filter: Filter,
    /// Days; `None`: all that are wanted.
    pub days: Option<DayRange>,
}

/// The sets, as selections at a time, microseconds since the Unix epoch, UTC. Sets of which nothing is left are left out: none of
/// their days has ended yet, or the narrowing leaves nothing.
///
/// # Errors
/// When a pattern cannot be narrowed by another, or a list of instruments is none.
pub fn chosen(wanted: &Wanted, by: &Narrowing, now_us: i64) -> Result<Vec<Chosen>, EngineError> {
    let mut all = Vec::new();
    for (name, set) in &wanted.sets {
        let Some(days) = set.days(now_us).and_then(|days| within(days, by.days)) else { continue };
        if let Some(selection) = narrowed(selection(set, days)?, &by.filter, name)? {
            all.push(Chosen { name: name.clone(), set: set.clone(), selection });
        }
    }
    Ok(all)
}

/// The days that two ranges share.
pub(crate) fn within(days: DayRange, other: Option<DayRange>) -> Option<DayRange> {
    let Some(other) = other else { return Some(days) };
    DayRange::new(days.first().max(other.first()), days.last().min(other.last())).ok()
}

fn selection(set: &WantedSet, days: DayRange) -> Result<Selection, EngineError> {
    let filter = Filter {
        venues: set.venues.clone(),
        instrument_types: set.instrument_types.clone(),
        data_types: set.data_types.clone(),
        instruments: set.instruments.clone(),
        // Only built-in lists: the file's reader has refused every other.
        universe: set.universe.clone(),
        max_instruments: set.max_instruments,
    };
    filter.of_vendor(days)
}

/// What is left of a set's selection; `None`: nothing.
pub(crate) fn narrowed(mut of: Selection, by: &Filter, set: &str) -> Result<Option<Selection>, EngineError> {
    let Filter { venues, instrument_types, data_types, max_instruments, .. } = by;
    if !venues.is_empty() {
        of.venues.retain(|venue| venues.contains(venue));
    }
    if !data_types.is_empty() {
        of.data_types.retain(|data_type| data_types.contains(data_type));
    }
    if !instrument_types.is_empty() {
        let types = instrument_types.iter().copied().filter(|kind| of.takes_type(*kind)).collect();
        of.instrument_types = types;
        if of.instrument_types.is_empty() {
            return Ok(None);
        }
    }
    let patterns = by.patterns()?;
    if !patterns.is_empty() {
        of.patterns = both(&of, &patterns, set)?;
        if of.patterns.is_empty() {
            return Ok(None);
        }
    }
    of.max_instruments = match (of.max_instruments, *max_instruments) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    };
    Ok((!of.venues.is_empty() && !of.data_types.is_empty()).then_some(of))
}

/// The patterns that match what both match.
fn both(of: &Selection, by: &[KeyPattern], set: &str) -> Result<Vec<KeyPattern>, EngineError> {
    if of.patterns.is_empty() {
        return Ok(by.to_vec());
    }
    let mut kept: Vec<KeyPattern> = Vec::new();
    for pattern in by {
        for own in &of.patterns {
            let (text, own_text) = (pattern.to_string(), own.to_string());
            let both = match (pattern.is_name(), own.is_name()) {
                (true, _) => own.matches_text(&text).then_some(pattern),
                (_, true) => pattern.matches_text(&own_text).then_some(own),
                // A star matches every text of the other, also its stars.
                _ if !text.contains('?') && pattern.matches_text(&own_text) => Some(own),
                _ if !own_text.contains('?') && own.matches_text(&text) => Some(pattern),
                _ => {
                    let (pattern, own, set) = (text, own_text, set.to_owned());
                    return Err(EngineError::WantedPattern { pattern, own, set });
                }
            };
            if let Some(both) = both.filter(|both| !kept.contains(both)) {
                kept.push(both.clone());
            }
        }
    }
    Ok(kept)
}

impl Filter {
    /// The patterns of its instruments, and of its list.
    fn patterns(&self) -> Result<Vec<KeyPattern>, EngineError> {
        Ok(self.keys()?.iter().map(|key| KeyPattern::new(key)).collect())
    }

    /// A set of what this filter selects by itself, with every default written out: what is wanted stays the same when a newer
    /// program has others. A file of instruments becomes its keys.
    ///
    /// # Errors
    /// When the list of instruments does not exist or cannot be used.
    pub fn wanted(&self, set: WantedSet, days: DayRange) -> Result<WantedSet, EngineError> {
        let selection = self.of_vendor(days)?;
        let built_in =
            self.universe.as_deref().filter(|name| mtdh_core::universe::named_universe(name).is_some());
        let keys = if built_in.is_some() { self.instruments.clone() } else { self.keys()? };
        let spelled = |text: &String| match text.parse::<InstrumentKey>() {
            Ok(key) => key.to_string(),
            Err(_) => KeyPattern::new(text).to_string(),
        };
        Ok(WantedSet {
            venues: selection.venues,
            instrument_types: self.instrument_types.clone(),
            instruments: keys.iter().map(spelled).collect(),
            universe: built_in.map(str::to_ascii_lowercase),
            data_types: selection.data_types,
            max_instruments: self.max_instruments,
            ..set
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOON: i64 = 1_709_553_600_000_000; // 2024-03-04T12:00Z

    fn list(text: &str) -> Vec<String> {
        text.split_whitespace().map(str::to_owned).collect()
    }

    #[test]
    fn flags_narrow_what_is_wanted_and_never_widen_it() {
        let wanted =
            |fields: &str| Wanted::parse(&format!("[sets.a]\n{fields}\nfrom = 2024-03-01\n")).unwrap();
        let days =
            |first: &str, last: &str| DayRange::new(first.parse().unwrap(), last.parse().unwrap()).unwrap();
        let march = Some(days("2024-03-02", "2024-03-31"));
        // The set, venues, instruments, days, and what is left: first and last day, venues, patterns.
        for (fields, venues, instruments, of, left) in [
            ("venues = ['DERIBIT', 'BINANCE']", "", "", None, Some("2024-03-01 2024-03-03 BINANCE,DERIBIT ")),
            ("venues = ['DERIBIT', 'BINANCE']", "DERIBIT", "", march, Some("2024-03-02 2024-03-03 DERIBIT ")),
            ("venues = ['DERIBIT']", "BINANCE", "", None, None),
            ("venues = ['DERIBIT']", "", "", Some(days("2024-01-01", "2024-02-29")), None),
            ("venues = ['DERIBIT']", "", "", Some(days("2024-03-04", "2024-03-05")), None),
            ("venues = ['DERIBIT']", "", "*BTC*", None, Some("2024-03-01 2024-03-03 DERIBIT *BTC*")),
            (
                "instruments = ['DERIBIT:PERP:*']",
                "",
                "DERIBIT:PERP:BTC-USD DERIBIT:OPTION:X",
                None,
                Some("2024-03-01 2024-03-03 DERIBIT DERIBIT:PERP:BTC-USD"),
            ),
            (
                "instruments = ['DERIBIT:PERP:*']",
                "",
                "DERIBIT:*",
                None,
                Some("2024-03-01 2024-03-03 DERIBIT DERIBIT:PERP:*"),
            ),
            (
                "instruments = ['DERIBIT:*']",
                "",
                "DERIBIT:PERP:*",
                None,
                Some("2024-03-01 2024-03-03 DERIBIT DERIBIT:PERP:*"),
            ),
            ("instruments = ['DERIBIT:PERP:BTC-USD']", "", "*ETH*", None, None),
        ] {
            let filter = Filter { venues: list(venues), instruments: list(instruments), ..Filter::default() };
            let chosen = chosen(&wanted(fields), &Narrowing { filter, days: of }, NOON).unwrap();
            let text = chosen.first().map(|chosen| {
                let Selection { days, venues, patterns, .. } = &chosen.selection;
                let patterns: Vec<String> = patterns.iter().map(ToString::to_string).collect();
                format!("{} {} {} {}", days.first(), days.last(), venues.join(","), patterns.join(","))
            });
            assert_eq!(text.as_deref(), left, "{fields} {venues} {instruments}");
        }
        let filter = Filter { instruments: list("*BTC*"), ..Filter::default() };
        let error =
            chosen(&wanted("instruments = ['DERIBIT:PERP:*']"), &Narrowing { filter, days: None }, NOON);
        assert!(matches!(error, Err(EngineError::WantedPattern { .. })), "{error:?}");
    }
}
