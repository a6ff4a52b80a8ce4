//! A parsed symbol, before it is converted to a key.

use std::cell::Cell;

use super::Reason;
use super::words::{Cut, Words};
use crate::day::Day;
use crate::key::{InstrumentType, OptionSide};

/// A form of symbols: parses a symbol, or returns `None` if it has another form.
pub(super) type Shape = fn(&Symbol) -> Option<Reading>;

/// One listed symbol, ready to be parsed.
pub(super) struct Symbol<'a> {
    /// In dataset form: upper case, `-` for `/` and `:`.
    pub text: &'a str,
    /// The listed type.
    pub kind: InstrumentType,
    /// First UTC day of the list's entry.
    pub since: Option<Day>,
    /// The UTC day for which the symbol is named.
    pub day: Option<Day>,
    /// The expiry that the vendor's metadata gives for the day.
    pub dated_expiry: Option<Day>,
    /// How words without a separator are split.
    pub words: Words<'a>,
    /// Whether a word was met that can be split in several ways.
    pub is_ambiguous: Cell<bool>,
}

impl Symbol<'_> {
    /// Base and quote of a word without a separator.
    pub fn pair_of<'t>(&self, word: &'t str) -> Option<(&'t str, &'t str)> {
        if word.contains(['-', '_']) {
            return None;
        }
        match self.words.split(word) {
            Cut::Pair(base, quote) => Some((base, quote)),
            Cut::Several => {
                self.is_ambiguous.set(true);
                None
            }
            Cut::None => None,
        }
    }

    /// Whether a word of the symbol can be split in several ways.
    pub fn is_ambiguous(&self) -> bool {
        self.is_ambiguous.get()
    }

    /// Whether the symbol is read as version 1 of the naming did.
    pub fn is_first_version(&self) -> bool {
        matches!(self.words, Words::First(_))
    }

    /// The day of an expiry without a year: `first_from` gives the first such day from another day on.
    pub fn expiry_by_day<T: PartialEq>(
        &self,
        first_from: impl Fn(Day) -> Option<T>,
        is_day: impl Fn(&T, Day) -> bool,
    ) -> Result<Option<T>, Reason> {
        let dated = self.dated_expiry.and_then(|day| first_from(day).filter(|found| is_day(found, day)));
        match (dated, self.day.or(self.since)) {
            (Some(found), _) => Ok(Some(found)),
            (None, Some(day)) => Ok(first_from(day)),
            (None, None) => Err(Reason::NoYear),
        }
    }

    pub fn is_pair(&self) -> bool {
        matches!(self.kind, InstrumentType::SpotPair | InstrumentType::Perp)
    }

    pub fn is_perp(&self) -> bool {
        self.kind == InstrumentType::Perp
    }

    pub fn is_future(&self) -> bool {
        self.kind == InstrumentType::Future
    }

    pub fn is_option(&self) -> bool {
        self.kind == InstrumentType::Option
    }
}

/// The result of a shape.
pub(super) enum Reading {
    /// The terms of a contract or a pair.
    Terms(Terms),
    /// Named by the venue's own name, as a combo or a prediction.
    OwnName(InstrumentType),
    /// A contract named by its root and its month, as on traditional exchanges.
    Month { root: String, year: i32, month: u32 },
    /// The shape fits, but the symbol does not tell the terms.
    Open(Reason),
}

impl From<Terms> for Reading {
    fn from(terms: Terms) -> Reading {
        Reading::Terms(terms)
    }
}

/// How well the symbol separates base and quote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Split {
    /// They are separate, or the exchange has a rule.
    Written,
    /// They are separate, but their order is uncertain.
    EitherOrder,
    /// They are one word, this one.
    Glued(String),
}

/// The terms of an instrument, parsed from its symbol.
#[derive(Clone, Debug)]
pub(super) struct Terms {
    pub base: String,
    pub quote: String,
    pub split: Split,
    /// `None` if the symbol does not state it; see [`super::grammar::Settled`].
    pub settle: Option<String>,
    pub expiry: Option<Day>,
    /// Whether the expiry is the exchange's convention (the last Friday of a month) and not in the symbol.
    pub expiry_is_habit: bool,
    /// Strike and side.
    pub right: Option<(String, OptionSide)>,
    /// Distinguishes it from another instrument of the venue with the same terms.
    pub mark: Option<String>,
}

impl Terms {
    pub fn new(base: &str, quote: &str) -> Terms {
        Terms {
            base: base.to_owned(),
            quote: quote.to_owned(),
            split: Split::Written,
            settle: None,
            expiry: None,
            expiry_is_habit: false,
            right: None,
            mark: None,
        }
    }

    pub fn glued(self) -> Terms {
        let split = Split::Glued(format!("{}{}", self.base, self.quote));
        Terms { split, ..self }
    }

    pub fn settled_in(self, asset: &str) -> Terms {
        Terms { settle: Some(asset.to_owned()), ..self }
    }

    pub fn ending(self, day: Day) -> Terms {
        Terms { expiry: Some(day), ..self }
    }

    pub fn ending_by_habit(self, day: Day) -> Terms {
        Terms { expiry: Some(day), expiry_is_habit: true, ..self }
    }

    pub fn with_right(self, strike: &str, side: OptionSide) -> Terms {
        Terms { right: Some((strike.to_owned(), side)), ..self }
    }

    pub fn marked(self, mark: &str) -> Terms {
        Terms { mark: Some(mark.to_owned()), ..self }
    }
}
