//! What a day's verdict does not expect of a venue, although the vendor names it, and why.

use std::collections::BTreeMap;
use std::fmt;

/// Why something that the vendor names is not expected in the lake.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NotExpected {
    /// The vendor had stopped recording the exchange before the day.
    Closed,
    /// The vendor had not begun to record the exchange on the day.
    NotYetOpen,
    /// The vendor exports no files of the whole exchange.
    NothingExported,
    /// The symbol is in the vendor's list of symbols, not in its list of files.
    NoFiles,
    /// The vendor lists the symbol with no data type at all.
    NoDataTypes,
    /// The vendor lists a data type that this program does not know.
    UnknownDataType,
    /// The vendor gives the symbol a type that this program does not know.
    UnknownType,
    /// The vendor's lists give the symbol different types: its row has the type of most of them.
    TypesDiffer,
    /// No key can be made of the symbol.
    NoKey,
    /// A combo, while nobody asked for combos.
    CombosNotAskedFor,
    /// The table had it, and the vendor no longer lists it, although it gave no end.
    NoLongerListed,
}

impl NotExpected {
    /// All of them, in the order of reports.
    pub const ALL: [NotExpected; 11] = [
        NotExpected::Closed,
        NotExpected::NotYetOpen,
        NotExpected::NothingExported,
        NotExpected::NoFiles,
        NotExpected::NoDataTypes,
        NotExpected::UnknownDataType,
        NotExpected::UnknownType,
        NotExpected::TypesDiffer,
        NotExpected::NoKey,
        NotExpected::CombosNotAskedFor,
        NotExpected::NoLongerListed,
    ];

    /// The word used in tables and reports.
    pub fn name(self) -> &'static str {
        match self {
            NotExpected::Closed => "closed",
            NotExpected::NotYetOpen => "not_yet_open",
            NotExpected::NothingExported => "nothing_exported",
            NotExpected::NoFiles => "no_files",
            NotExpected::NoDataTypes => "no_data_types",
            NotExpected::UnknownDataType => "unknown_data_type",
            NotExpected::UnknownType => "unknown_type",
            NotExpected::TypesDiffer => "types_differ",
            NotExpected::NoKey => "no_key",
            NotExpected::CombosNotAskedFor => "combos_not_asked_for",
            NotExpected::NoLongerListed => "no_longer_listed",
        }
    }

    /// Reads [`NotExpected::name`] back.
    pub fn from_name(name: &str) -> Option<NotExpected> {
        NotExpected::ALL.into_iter().find(|reason| reason.name() == name)
    }

    /// What it means, in a few words for people.
    pub fn meaning(self) -> &'static str {
        match self {
            NotExpected::Closed => "the vendor stopped recording the exchange before the day",
            NotExpected::NotYetOpen => "the vendor records the exchange only from a later day on",
            NotExpected::NothingExported => "the vendor exports no files of the exchange",
            NotExpected::NoFiles => "the vendor exports no files of the symbol",
            NotExpected::NoDataTypes => "the vendor lists no data type for the symbol",
            NotExpected::UnknownDataType => "the vendor lists a data type that mtdh does not know",
            NotExpected::UnknownType => "the vendor gives the symbol a type that mtdh does not know",
            NotExpected::TypesDiffer => "the vendor's lists give the symbol different types",
            NotExpected::NoKey => "no instrument key can be made of the symbol",
            NotExpected::CombosNotAskedFor => "combos are left out unless they are asked for",
            NotExpected::NoLongerListed => "the vendor no longer lists it, and gave no end",
        }
    }

    /// Whether the whole exchange has no data on the day by the vendor's own dates, so that nothing can be missing.
    pub fn is_outside_of_life(self) -> bool {
        matches!(self, NotExpected::Closed | NotExpected::NotYetOpen)
    }
}

impl fmt::Display for NotExpected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// How many things were left out for one reason.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LeftOut {
    /// How many: days of an exchange, symbols, or pairs of symbol and data type.
    pub count: u64,
    /// The first [`LeftOut::EXAMPLES`] of them, in order.
    pub examples: Vec<String>,
}

impl LeftOut {
    /// So many are named.
    pub const EXAMPLES: usize = 10;

    /// Counts one more.
    pub fn add(&mut self, example: impl FnOnce() -> String) {
        self.count += 1;
        if self.examples.len() < LeftOut::EXAMPLES {
            self.examples.push(example());
        }
    }

    /// Counts another's too.
    pub fn merge(&mut self, other: &LeftOut) {
        self.count += other.count;
        let room = LeftOut::EXAMPLES - self.examples.len().min(LeftOut::EXAMPLES);
        self.examples.extend(other.examples.iter().take(room).cloned());
    }
}

/// What a day's table says of a venue beside its rows: what has no row, by reason. A venue that was looked up has such
/// a note, also an empty one.
pub type VenueNote = BTreeMap<NotExpected, LeftOut>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_read_back() {
        for reason in NotExpected::ALL {
            assert_eq!(NotExpected::from_name(reason.name()), Some(reason));
        }
    }

    #[test]
    fn everything_is_counted_and_the_first_are_named() {
        let mut left = LeftOut::default();
        (0..25).for_each(|i| left.add(|| i.to_string()));
        let mut both = LeftOut::default();
        both.add(|| "a".to_owned());
        both.merge(&left);
        assert_eq!((both.count, both.examples.len()), (26, LeftOut::EXAMPLES));
        assert_eq!(both.examples[..3], ["a", "0", "1"]);
    }
}
