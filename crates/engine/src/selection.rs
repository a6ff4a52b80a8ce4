//! Which partitions a verb is about: days and filters, the same for every verb.

use mtdh_core::instrument::{DayTable, Instrument};
use mtdh_core::key::{InstrumentKey, InstrumentType};
use mtdh_core::partition::Partition;
use mtdh_core::universe::KeyPattern;
use mtdh_core::venue::exchange_of_venue;
use mtdh_core::{DataType, DayRange};

/// Days and filters. An empty list of types or patterns filters nothing out, but that combos are left out unless
/// they are asked for.
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
    /// At most so many instruments a day, in the order of their keys.
    pub max_instruments: Option<usize>,
}

impl Selection {
    /// The vendor's ids of the venues.
    pub fn exchanges(&self) -> Vec<String> {
        self.venues.iter().map(|v| exchange_of_venue(v)).collect()
    }

    /// Whether instruments of a type are meant.
    pub fn takes_type(&self, instrument_type: InstrumentType) -> bool {
        if self.instrument_types.is_empty() {
            instrument_type != InstrumentType::Combo
        } else {
            self.instrument_types.contains(&instrument_type)
        }
    }

    /// Whether a day's table holds instruments of a type once their venue is in it: all but combos, which come only
    /// when they are asked for. What else a user filters does not narrow the table: it must not look complete when it
    /// is not.
    pub fn tabulates(&self, instrument_type: InstrumentType) -> bool {
        instrument_type != InstrumentType::Combo || self.takes_type(instrument_type)
    }

    /// Patterns that no instrument of a table matches.
    pub fn unmatched<'a>(&'a self, all: &[Instrument]) -> impl Iterator<Item = &'a KeyPattern> {
        self.patterns.iter().filter(|p| !all.iter().any(|i| p.matches(&i.key)))
    }

    /// Venues of which a table says nothing.
    pub fn venues_without_rows<'a>(&'a self, table: &'a DayTable) -> impl Iterator<Item = &'a String> + 'a {
        self.venues.iter().filter(|venue| !table.knows(venue))
    }

    /// Whether an instrument is meant, before [`Selection::max_instruments`].
    pub fn takes(&self, instrument: &Instrument) -> bool {
        self.takes_key(&instrument.key)
    }

    /// The instruments that are meant, in the order of their keys.
    pub fn instruments<'a>(&self, all: &'a [Instrument]) -> Vec<&'a Instrument> {
        let mut taken: Vec<&Instrument> = all.iter().filter(|i| self.takes(i)).collect();
        taken.sort_by(|a, b| a.key.cmp(&b.key));
        taken.truncate(self.max_instruments.unwrap_or(usize::MAX));
        taken
    }

    /// Whether an instrument of this key is meant.
    pub fn takes_key(&self, key: &InstrumentKey) -> bool {
        self.venues.iter().any(|v| v == key.venue())
            && self.takes_type(key.instrument_type())
            && (self.patterns.is_empty() || self.patterns.iter().any(|p| p.matches(key)))
    }

    /// Whether a partition is meant.
    pub fn takes_partition(&self, partition: &Partition) -> bool {
        self.takes_key(&partition.key) && self.data_types.contains(&partition.data_type)
    }
}
