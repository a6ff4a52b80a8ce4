//! Converts a venue's symbols to instrument keys.
//!
//! [`Names`] is the only way from a symbol to a key. The symbol alone decides; the rest of the venue's list only where a word can
//! be read in several ways; the vendor's structured metadata never, so that a key does not depend on a user's plan. There is no
//! inverse: the vendor's symbol is looked up in the instrument table, never rebuilt from a key.
//!
//! Each exchange has a grammar, a list of forms; the table is in `grammar`. Forms shared by exchanges are in `pairs` and
//! `dated`, those of a single exchange in `own`. A symbol that fits none, or whose words can be read in several ways, has a native
//! key.

mod assets;
mod dated;
mod dates;
mod grammar;
mod guess;
mod named;
mod names;
mod own;
mod pairs;
mod poloniex;
mod quotes;
mod read;
mod reading;
mod version1;
mod version1_quotes;
mod words;

use std::cell::Cell;

use crate::day::Day;
use crate::key::{InstrumentKey, InstrumentType, KeyError, OptionSide};
use grammar::Grammar;
pub use names::{Names, Stretch};
use reading::Symbol;
use words::Words;

/// A symbol as listed by the vendor, or as found in a file.
#[derive(Clone, Copy, Debug)]
pub struct Listed<'a> {
    /// The symbol, in API form (`btcusdt`, `XBT/USD`) or dataset form (`BTCUSDT`, `XBT-USD`).
    pub id: &'a str,
    /// The instrument type.
    pub kind: InstrumentType,
    /// The first UTC day of the entry; `None` if unknown.
    pub since: Option<Day>,
    /// The UTC day for which the symbol is named, which determines the year of symbols without one; `None`: any day of its life,
    /// or its first one.
    pub day: Option<Day>,
    /// UTC day of the `expiry` that `changes` in the vendor's metadata has for the day; `None` if it has none. It gives the year of a
    /// symbol without one.
    pub dated_expiry: Option<Day>,
    /// The vendor's metadata of the instrument; `None` if unknown. It does not change the key.
    pub contract: Option<&'a Contract<'a>>,
}

impl<'a> Listed<'a> {
    /// A symbol of which nothing else is known.
    pub fn new(id: &'a str, kind: InstrumentType) -> Listed<'a> {
        Listed { id, kind, since: None, day: None, dated_expiry: None, contract: None }
    }

    /// The symbol, ready to be parsed. `text` is its dataset form.
    fn symbol<'s>(&self, text: &'s str, words: Words<'s>) -> Symbol<'s> {
        Symbol {
            text,
            kind: self.kind,
            since: self.since,
            day: self.day,
            dated_expiry: self.dated_expiry,
            words,
            is_ambiguous: Cell::new(false),
        }
    }
}

/// The vendor's metadata of one instrument. Source: <https://docs.tardis.dev/api/instruments-metadata-api>.
#[derive(Clone, Copy, Debug, Default)]
pub struct Contract<'a> {
    /// `baseCurrency`.
    pub base: &'a str,
    /// `quoteCurrency`.
    pub quote: &'a str,
    /// `settlementCurrency`; `None` if missing.
    pub settle: Option<&'a str>,
    /// UTC day of today's `expiry`; `None` if missing.
    pub expiry: Option<Day>,
    /// `strikePrice` as a plain decimal number in the quote asset; `None` unless it is an option.
    pub strike: Option<&'a str>,
    /// `optionType`; `None` unless it is an option.
    pub option_side: Option<OptionSide>,
    /// `inverse`: whether it is margined in the base asset; `None` if missing.
    pub inverse: Option<bool>,
}

/// An instrument key, and what is known of the contract.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    /// The key.
    pub key: InstrumentKey,
    /// The base asset, upper case: the key's, or the metadata's if the key is native; `None` if neither states it.
    pub base: Option<String>,
    /// The quote asset, as the base.
    pub quote: Option<String>,
    /// The settlement asset, upper case; `None` if it is not a derivative, and if neither symbol nor metadata state it.
    pub settle: Option<String>,
    /// Whether the contract is settled in its base asset and quoted in another one; `None` if it is not a derivative, or unknown.
    pub inverse: Option<bool>,
    /// Why the key is native; `None` if it is canonical.
    pub native: Option<Reason>,
}

/// Why a symbol has no canonical key.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum Reason {
    /// It is a continuous contract: it stands for the current contract of a series.
    #[error("it moves on from contract to contract")]
    Continuous,
    /// The exchange numbers its markets.
    #[error("it is a number, which does not tell base and quote")]
    Number,
    /// The one who deployed the market chose its quote.
    #[error("its quote is the choice of the market's deployer, which is not known")]
    Deployer,
    /// Symbols of the type have another form on this exchange.
    #[error("symbols of the type have another form there")]
    Form,
    /// Base and quote are one word, which does not end in a known quote of the exchange.
    #[error("it ends in no quote that is known there")]
    Quote,
    /// Base and quote are one word, which can be split in several ways.
    #[error("it can be split into base and quote in several ways")]
    TwoReadings,
    /// It is not known which of two names is the base.
    #[error("it is not known which of the two names is the base")]
    Order,
    /// The symbol of a dated contract has no day.
    #[error("it does not tell on which day the contract ends")]
    NoExpiry,
    /// The expiry has no year, and no day is known on which it was traded.
    #[error("the day in it has no year, and nothing tells when it was traded")]
    NoYear,
    /// The vendor's type is none of ours, or nothing tells the type.
    #[error("its type is not known")]
    UnknownType,
    /// A name in it is not allowed in keys, or the key would be too long.
    #[error(transparent)]
    Key(Box<KeyError>),
}

impl From<KeyError> for Reason {
    fn from(error: KeyError) -> Reason {
        Reason::Key(Box::new(error))
    }
}

/// The form of symbols in the vendor's files, which is unique per instrument.
fn dataset_form(id: &str) -> String {
    id.to_uppercase().replace(['/', ':'], "-")
}

/// The common name of an asset.
fn alias<'a>(asset: &'a str, grammar: &Grammar) -> &'a str {
    grammar.aliases.iter().find(|(own, _)| *own == asset).map_or(asset, |(_, common)| common)
}
