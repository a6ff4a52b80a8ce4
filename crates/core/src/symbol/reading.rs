//! What is read from one symbol, before it becomes a key.

use super::Reason;
use crate::day::Day;
use crate::key::{InstrumentType, OptionSide};

/// A form that symbols can have: what it reads, or nothing where the symbol has another form.
pub(super) type Shape = fn(&Symbol) -> Option<Reading>;

/// One symbol of a list, ready to be read.
pub(super) struct Symbol<'a> {
    /// In dataset form: upper case, `-` for `/` and `:`.
    pub text: &'a str,
    /// What the list says it is.
    pub kind: InstrumentType,
    /// First day of the list's entry; forms without a year are dated by it.
    pub since: Option<Day>,
    /// Quotes of the exchange, for symbols that are written without a separator.
    pub quotes: &'a [&'a str],
}

impl Symbol<'_> {
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

/// What a shape found.
pub(super) enum Reading {
    /// The terms of a contract or a pair.
    Terms(Terms),
    /// A combo or a prediction, known by the venue's own name.
    Native(InstrumentType),
    /// A contract that is known by its root and its month, as off crypto.
    Month { root: String, year: i32, month: u32 },
    /// The shape is right, but there is no key for it.
    Unnamed(Reason),
}

impl From<Terms> for Reading {
    fn from(terms: Terms) -> Reading {
        Reading::Terms(terms)
    }
}

/// How far the symbol itself tells base from quote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Split {
    /// It writes them apart, or the exchange has a rule.
    Written,
    /// It writes them apart, but which comes first is not sure.
    EitherOrder,
    /// It writes them as this one word.
    Glued(String),
}

/// The terms of an instrument, as a symbol tells them.
#[derive(Clone, Debug)]
pub(super) struct Terms {
    pub base: String,
    pub quote: String,
    pub split: Split,
    /// None where the symbol does not tell; the exchange's habit may.
    pub settle: Option<String>,
    pub expiry: Option<Day>,
    /// Whether the day is the exchange's habit (the last Friday of a month) and not written.
    pub expiry_is_habit: bool,
    /// Strike and side.
    pub right: Option<(String, OptionSide)>,
    /// What tells it from an instrument of the venue with the same terms.
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
