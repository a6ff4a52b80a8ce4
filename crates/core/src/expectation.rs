//! What the vendor names but no partition is expected for, and why.

use std::collections::BTreeMap;
use std::fmt;

/// Why no partition is expected for something that the vendor names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NotExpected {
    /// The vendor had stopped recording the exchange before the day.
    Closed,
    /// The vendor had not started to record the exchange by the day.
    NotYetOpen,
    /// The vendor exports no files of the whole exchange.
    NothingExported,
    /// The symbol is in the vendor's list of symbols, not in its list of files.
    NoFiles,
    /// The vendor lists no data type for the symbol.
    NoDataTypes,
    /// The vendor lists a data type unknown to this program.
    UnknownDataType,
    /// The vendor lists the symbol with an instrument type unknown to this program.
    UnknownType,
    /// The vendor's lists have different types for the symbol. Its row has the most frequent one.
    TypesDiffer,
    /// The symbol cannot be converted to an instrument key.
    NoKey,
    /// A combo, and combos were not requested.
    CombosNotAskedFor,
    /// The table had it, and the vendor no longer lists it, although the vendor gave no end date.
    NoLongerListed,
    /// An element of the vendor's lists that could not be read: a symbol, contract terms, an incident.
    Unreadable,
    /// The vendor's contract terms could not be read, although the API key may cover them.
    WithoutTerms,
}

impl NotExpected {
    /// All reasons, in the order of reports.
    pub const ALL: [NotExpected; 13] = [
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
        NotExpected::Unreadable,
        NotExpected::WithoutTerms,
    ];

    /// The name in tables and reports.
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
            NotExpected::Unreadable => "unreadable",
            NotExpected::WithoutTerms => "without_terms",
        }
    }

    /// Parses [`NotExpected::name`].
    pub fn from_name(name: &str) -> Option<NotExpected> {
        NotExpected::ALL.into_iter().find(|reason| reason.name() == name)
    }

    /// The reason in a few words, for reports.
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
            NotExpected::Unreadable => "an entry of the vendor's lists cannot be read",
            NotExpected::WithoutTerms => "the vendor's contract terms cannot be read",
        }
    }

    /// Whether something is not known that a second look at the vendor's lists may tell.
    pub fn is_fault(self) -> bool {
        matches!(self, NotExpected::Unreadable | NotExpected::WithoutTerms)
    }

    /// Whether the whole exchange has no data on the day according to the vendor's dates, so that nothing can be missing.
    pub fn is_outside_of_life(self) -> bool {
        matches!(self, NotExpected::Closed | NotExpected::NotYetOpen)
    }
}

impl fmt::Display for NotExpected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The number of things not expected for one reason.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LeftOut {
    /// The number of exchange-days, symbols, or pairs of symbol and data type.
    pub count: u64,
    /// The first ones, at most [`LeftOut::EXAMPLES`], in order.
    pub examples: Vec<String>,
}

impl LeftOut {
    /// The largest number of examples.
    pub const EXAMPLES: usize = 10;

    /// Counts one more.
    pub fn add(&mut self, example: impl FnOnce() -> String) {
        self.count += 1;
        if self.examples.len() < LeftOut::EXAMPLES {
            self.examples.push(example());
        }
    }

    /// Adds the counts and examples of another.
    pub fn merge(&mut self, other: &LeftOut) {
        self.count += other.count;
        let room = LeftOut::EXAMPLES - self.examples.len().min(LeftOut::EXAMPLES);
        self.examples.extend(other.examples.iter().take(room).cloned());
    }
}

/// What has no row in a day's instrument table, by reason, for one venue. Every venue that was looked up has a note, even if
/// it is empty.
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
        for i in 0..25 {
            left.add(|| i.to_string());
        }
        let mut both = LeftOut::default();
        both.add(|| "a".to_owned());
        both.merge(&left);
        assert_eq!((both.count, both.examples.len()), (26, LeftOut::EXAMPLES));
        assert_eq!(both.examples[..3], ["a", "0", "1"]);
    }
}
