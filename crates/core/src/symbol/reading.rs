//! A parsed symbol, before it is converted to a key.

use super::Reason;
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
    /// First UTC day of the list's entry; determines the year of forms without one.
    pub since: Option<Day>,
    /// Quotes of the exchange, for symbols without a separator.
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

/// The result of a shape.
pub(super) enum Reading {
    /// The terms of a contract or a pair.
    Terms(Terms),
    /// A combo or a prediction, named by the venue's own name.
    Native(InstrumentType),
    /// A contract named by its root and its month, as on traditional exchanges.
    Month { root: String, year: i32, month: u32 },
    /// The shape fits, but there is no key.
    Unnamed(Reason),
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
