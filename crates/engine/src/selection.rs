//! Which partitions a use case is about: days and filters, the same for every use case.

use std::path::Path;

use mtdh_core::instrument::{DayTable, Instrument};
use mtdh_core::key::{InstrumentKey, InstrumentType};
use mtdh_core::partition::Partition;
use mtdh_core::universe::{KeyPattern, named_universe};
use mtdh_core::venue::{DEFAULT_VENUES, exchange_of_venue};
use mtdh_core::{DataType, DayRange};

use crate::error::{EngineError, FileError};

/// A user's filters, without the days. The use case chooses what is not set.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Venues. Empty: the venues of the instruments' keys; else [`DEFAULT_VENUES`] for use cases that ask the vendor, and
    /// every venue of the lake for those that read it.
    pub venues: Vec<String>,
    /// Instrument types. Empty: all but combos, and the types that instruments name.
    pub instrument_types: Vec<InstrumentType>,
    /// Data types. Empty: [`DataType::DEFAULT`].
    pub data_types: Vec<DataType>,
    /// Instrument keys, or patterns of them.
    pub instruments: Vec<String>,
    /// A built-in list of instruments, or a file with one key a line; lines that begin with `#` are comments. `None`: no
    /// list.
    pub universe: Option<String>,
    /// Maximum number of instruments a day; `None`: no limit.
    pub max_instruments: Option<usize>,
}

impl Filter {
    /// The selection of a use case that asks the vendor.
    ///
    /// # Errors
    /// When the universe does not exist or cannot be used.
    pub fn of_vendor(&self, days: DayRange) -> Result<Selection, EngineError> {
        let mut selection = self.of_lake(days)?;
        if selection.venues.is_empty() {
            selection.venues = DEFAULT_VENUES.iter().map(|venue| (*venue).to_owned()).collect();
            selection.venues.sort();
        }
        Ok(selection)
    }

    /// The selection of a use case that reads a lake. Without venues and instruments its venues are empty, which means those
    /// of the lake.
    ///
    /// # Errors
    /// When the universe does not exist or cannot be used.
    pub fn of_lake(&self, days: DayRange) -> Result<Selection, EngineError> {
        let keys = self.keys()?;
        let data_types =
            if self.data_types.is_empty() { DataType::DEFAULT.to_vec() } else { self.data_types.clone() };
        Ok(Selection {
            days,
            venues: self.venues_of(&keys),
            instrument_types: self.instrument_types.clone(),
            data_types,
            patterns: keys.iter().map(|key| KeyPattern::new(key)).collect(),
            max_instruments: self.max_instruments,
        })
    }

    /// Whether nothing is set.
    pub fn is_empty(&self) -> bool {
        let Filter { venues, instrument_types, data_types, instruments, universe, max_instruments } = self;
        let is_unlimited = universe.is_none() && max_instruments.is_none();
        is_unlimited
            && venues.is_empty()
            && instrument_types.is_empty()
            && data_types.is_empty()
            && instruments.is_empty()
    }

    /// Keys and patterns of what it means, without its list: its instruments; else all of its venues and types.
    pub(crate) fn asked(&self) -> Vec<String> {
        if !self.instruments.is_empty() {
            return self.instruments.clone();
        }
        let every = ["*".to_owned()];
        let venues: &[String] = if self.venues.is_empty() { &every } else { &self.venues };
        let of_venue = |venue: &String| match &self.instrument_types[..] {
            [] if venue == "*" => vec!["*".to_owned()],
            [] => vec![format!("{venue}:*")],
            types => types.iter().map(|kind| format!("{venue}:{}:*", kind.name())).collect(),
        };
        venues.iter().flat_map(of_venue).collect()
    }

    /// Whether its venues and types allow a key; a text that is none, such as a pattern, is allowed.
    pub(crate) fn takes(&self, text: &str) -> bool {
        let Ok(key) = text.parse::<InstrumentKey>() else { return true };
        (self.venues.is_empty() || self.venues.iter().any(|venue| venue == key.venue()))
            && (self.instrument_types.is_empty() || self.instrument_types.contains(&key.instrument_type()))
    }

    /// Its instruments, and those of its list.
    pub(crate) fn keys(&self) -> Result<Vec<String>, EngineError> {
        let mut keys = self.instruments.clone();
        if let Some(name) = &self.universe {
            keys.extend(universe(name)?);
        }
        Ok(keys)
    }

    /// The given venues; else those of the keys, if each key names one; otherwise the default venues.
    fn venues_of(&self, keys: &[String]) -> Vec<String> {
        let named = keys.iter().filter_map(|key| key.split_once(':')).map(|(venue, _)| venue.to_uppercase());
        let named: Vec<String> = named.filter(|venue| !venue.contains(['*', '?'])).collect();
        let mut venues = if !self.venues.is_empty() {
            self.venues.clone()
        } else if named.len() == keys.len() {
            named
        } else {
            DEFAULT_VENUES.iter().map(|venue| (*venue).to_owned()).collect()
        };
        venues.sort();
        venues.dedup();
        venues
    }
}

/// The keys of a built-in list, or of a file.
fn universe(name: &str) -> Result<Vec<String>, EngineError> {
    if let Some(keys) = named_universe(name) {
        return Ok(keys.iter().map(InstrumentKey::to_string).collect());
    }
    let path = Path::new(name);
    if !path.is_file() {
        return Err(EngineError::NoUniverse { name: name.to_owned() });
    }
    let text = std::fs::read_to_string(path).map_err(|error| FileError::Read(error).of(path))?;
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    let key = |line: &str| {
        let key = line.parse::<InstrumentKey>();
        key.map(|key| key.to_string()).map_err(|error| FileError::Wrong(error.to_string()).of(path))
    };
    let keys = lines.map(key).collect::<Result<Vec<String>, EngineError>>()?;
    if keys.is_empty() {
        let reason = "it holds no key; write one a line, as DERIBIT:PERP:BTC-USD";
        return Err(FileError::Wrong(reason.to_owned()).of(path));
    }
    Ok(keys)
}

/// Days and filters. An empty list of types or patterns filters nothing, except that combos are left out unless they are
/// asked for: by type, or by a key or pattern that names the type.
#[derive(Clone, Debug)]
pub struct Selection {
    /// Days, both ends included.
    pub days: DayRange,
    /// Venues.
    pub venues: Vec<String>,
    /// Instrument types.
    pub instrument_types: Vec<InstrumentType>,
    /// Data types.
    pub data_types: Vec<DataType>,
    /// Instrument keys, or patterns of them; one must match.
    pub patterns: Vec<KeyPattern>,
    /// Maximum number of instruments a day, in the order of their keys; `None`: no limit.
    pub max_instruments: Option<usize>,
}

impl Selection {
    /// The vendor's ids of the venues.
    pub fn exchanges(&self) -> Vec<String> {
        self.venues.iter().map(|v| exchange_of_venue(v)).collect()
    }

    /// Whether instruments of a type are selected. A key that is named brings its type.
    pub fn takes_type(&self, instrument_type: InstrumentType) -> bool {
        if self.instrument_types.is_empty() {
            instrument_type != InstrumentType::Combo
                || self.patterns.iter().any(|pattern| pattern.names_type(instrument_type))
        } else {
            self.instrument_types.contains(&instrument_type)
        }
    }

    /// Whether a day's table holds instruments of a type once it has their venue: all but combos, which are included only
    /// when asked for. Other filters do not narrow the table: it must not look complete when it is not.
    pub fn tabulates(&self, instrument_type: InstrumentType) -> bool {
        instrument_type != InstrumentType::Combo || self.takes_type(instrument_type)
    }

    /// Patterns that no instrument of a table matches.
    pub fn unmatched<'a>(&'a self, all: &[Instrument]) -> impl Iterator<Item = &'a KeyPattern> {
        self.patterns.iter().filter(|p| !all.iter().any(|i| p.matches(&i.key)))
    }

    /// Venues that a table does not cover.
    pub fn venues_without_rows<'a>(&'a self, table: &'a DayTable) -> impl Iterator<Item = &'a String> + 'a {
        self.venues.iter().filter(|venue| !table.knows(venue))
    }

    /// Whether an instrument is selected, before [`Selection::max_instruments`].
    pub fn takes(&self, instrument: &Instrument) -> bool {
        self.takes_key(&instrument.key)
    }

    /// The selected instruments, in the order of their keys.
    pub fn instruments<'a>(&self, all: &'a [Instrument]) -> Vec<&'a Instrument> {
        let mut taken: Vec<&Instrument> = all.iter().filter(|i| self.takes(i)).collect();
        taken.sort_by(|a, b| a.key.cmp(&b.key));
        taken.truncate(self.max_instruments.unwrap_or(usize::MAX));
        taken
    }

    /// Whether an instrument with this key is selected.
    pub fn takes_key(&self, key: &InstrumentKey) -> bool {
        let kind = key.instrument_type();
        let is_usual = |pattern: &KeyPattern| {
            // Another pattern that names combos does not widen this one.
            kind != InstrumentType::Combo || !self.instrument_types.is_empty() || pattern.names_type(kind)
        };
        self.venues.iter().any(|v| v == key.venue())
            && self.takes_type(kind)
            && (self.patterns.is_empty() || self.patterns.iter().any(|p| p.matches(key) && is_usual(p)))
    }

    /// Whether a partition is selected.
    pub fn takes_partition(&self, partition: &Partition) -> bool {
        self.takes_key(&partition.key) && self.data_types.contains(&partition.data_type)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_that_is_named_brings_its_type() {
        const COMBO: &str = "DERIBIT:COMBO:BTC-FS-28JUN24_PERP";
        const PERP: &str = "DERIBIT:PERP:BTC-USD";
        for (instruments, types, taken) in [
            (&[][..], &[][..], &[PERP][..]),
            (&[COMBO], &[], &[COMBO]),
            (&["deribit:combo:*"], &[], &[COMBO]),
            (&["DERIBIT:COMBO:BTC-FS-*"], &[], &[COMBO]),
            (&["DERIBIT:*"], &[], &[PERP]),
            (&["*"], &[], &[PERP]),
            (&["DERIBIT:COMBO:ETH*", "*BTC*"], &[], &[PERP]),
            (&[PERP, COMBO], &[], &[PERP, COMBO]),
            (&["*"], &[InstrumentType::Combo], &[COMBO]),
            (&[COMBO], &[InstrumentType::Perp], &[]),
        ] {
            let filter = Filter {
                venues: vec!["DERIBIT".to_owned()],
                instruments: instruments.iter().map(|text| (*text).to_owned()).collect(),
                instrument_types: types.to_vec(),
                ..Filter::default()
            };
            let day = "2024-03-01".parse().unwrap();
            let selection = filter.of_lake(DayRange::new(day, day).unwrap()).unwrap();
            let keys = [PERP, COMBO].into_iter().filter(|key| selection.takes_key(&key.parse().unwrap()));
            assert_eq!(keys.collect::<Vec<_>>(), taken, "{instruments:?} {types:?}");
            assert!(
                taken
                    .iter()
                    .all(|key| selection.takes_type(key.parse::<InstrumentKey>().unwrap().instrument_type()))
            );
        }
    }
}
