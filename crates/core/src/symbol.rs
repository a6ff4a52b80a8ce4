//! From a venue's symbol to an instrument key.
//!
//! Two ways lead to a key: [`name_by_symbol`] reads the symbol alone, [`name_by_contract`] uses the vendor's
//! structured metadata as well. Both give the same key. The way back does not exist: the vendor's symbol is
//! looked up in the instrument table, never rebuilt from a key.
//!
//! Each exchange has a grammar, a list of forms; the table is in `grammar`. Forms that exchanges share stand once, in `pairs`
//! and `dated`, those of one exchange in `own`. A contract's end is read from its symbol, so that its key does not
//! change during its life or after it.

mod contract;
mod dated;
mod dates;
mod grammar;
mod guess;
mod own;
mod pairs;
mod quotes;
mod reading;

use crate::day::Day;
use crate::key::{InstrumentKey, InstrumentType, KeyError};
use crate::venue::venue_of_exchange;
pub use contract::{Contract, name_by_contract};
use grammar::{Grammar, Settled, grammar};
pub use guess::guess_by_symbol;
use reading::{Reading, Split, Symbol, Terms};

/// What a list of the vendor says of one symbol.
#[derive(Clone, Copy, Debug)]
pub struct Listed<'a> {
    /// The vendor's exchange id.
    pub exchange: &'a str,
    /// The symbol, in API form (`btcusdt`, `XBT/USD`) or dataset form (`BTCUSDT`, `XBT-USD`).
    pub id: &'a str,
    /// The type.
    pub kind: InstrumentType,
    /// First day of the entry; dates the contracts whose symbols have no year. None where it is not known.
    pub since: Option<Day>,
}

/// An instrument and what its contract is settled in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    /// The key.
    pub key: InstrumentKey,
    /// The settlement asset, upper case; none for spot pairs, and where neither symbol nor metadata tells.
    pub settle: Option<String>,
    /// Whether the contract is settled in its base and quoted in another asset.
    pub inverse: bool,
}

/// A symbol that has no key.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
#[error("no key for {id} of {exchange}, type {kind}: {reason}")]
pub struct Unnamed {
    /// The vendor's exchange id.
    pub exchange: String,
    /// The symbol as it was given.
    pub id: String,
    /// The type as it was given.
    pub kind: InstrumentType,
    /// Why.
    pub reason: Reason,
}

/// Why a symbol has no key.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum Reason {
    /// The vendor's symbol for all instruments of a type.
    #[error("it stands for all instruments of the type")]
    Group,
    /// It names the current contract of a series.
    #[error("it moves on from contract to contract, so that it names none of them; take the dated ones")]
    Continuous,
    /// The exchange gives its markets numbers.
    #[error("it is a number, and only the vendor's instrument metadata tells base and quote")]
    Number,
    /// The exchange writes no symbol of the type like this.
    #[error("symbols of the type have another form there")]
    Form,
    /// Base and quote are written as one word, and it ends in no quote of the exchange.
    #[error("it ends in no quote that is known there")]
    Quote,
    /// The symbol of a dated contract without a day.
    #[error("it does not tell on which day the contract ends")]
    NoExpiry,
    /// The day on which the contract ends has no year, and the list does not tell since when there is data.
    #[error("the day in it has no year, and the list does not say since when it was traded")]
    NoYear,
    /// A name in it can stand in no key.
    #[error(transparent)]
    Key(Box<KeyError>),
}

impl From<KeyError> for Reason {
    fn from(error: KeyError) -> Reason {
        Reason::Key(Box::new(error))
    }
}

/// Names an instrument by its symbol.
///
/// ```
/// use mtdh_core::key::InstrumentType;
/// use mtdh_core::symbol::{Listed, name_by_symbol};
///
/// let listed = Listed { exchange: "deribit", id: "BTC-27DEC24", kind: InstrumentType::Future, since: None };
/// let named = name_by_symbol(&listed)?;
/// assert_eq!(named.key.as_str(), "DERIBIT:FUTURE:BTC-USD-241227");
/// assert!(named.inverse);
/// # Ok::<(), mtdh_core::symbol::Unnamed>(())
/// ```
///
/// # Errors
/// When the symbol has no form that the exchange's symbols of its type have, or does not tell enough.
pub fn name_by_symbol(listed: &Listed) -> Result<Named, Unnamed> {
    let grammar = grammar(listed.exchange);
    let text = dataset_form(listed.id);
    let symbol = Symbol { text: &text, kind: listed.kind, since: listed.since, quotes: grammar.quotes };
    let unnamed = |reason| Unnamed {
        exchange: listed.exchange.to_owned(),
        id: listed.id.to_owned(),
        kind: listed.kind,
        reason,
    };
    named(listed.exchange, &symbol, &grammar, read(&symbol, &grammar)).map_err(unnamed)
}

/// The form that symbols have in the vendor's files, so that one instrument has one text.
fn dataset_form(id: &str) -> String {
    id.to_uppercase().replace(['/', ':'], "-")
}

/// What the first form that fits reads from a symbol.
fn read(symbol: &Symbol, grammar: &Grammar) -> Reading {
    if Some(symbol.text) == symbol.kind.group_id() {
        return Reading::Unnamed(Reason::Group);
    }
    if matches!(symbol.kind, InstrumentType::Combo | InstrumentType::Prediction) {
        return Reading::Native(symbol.kind);
    }
    match grammar.shapes.iter().find_map(|shape| shape(symbol)) {
        Some(Reading::Terms(terms)) => Reading::Terms(in_common_names(terms, grammar)),
        Some(reading) => reading,
        None if symbol.is_pair() && symbol.text.chars().all(char::is_alphanumeric) => {
            Reading::Unnamed(Reason::Quote)
        }
        None => Reading::Unnamed(Reason::Form),
    }
}

fn in_common_names(terms: Terms, grammar: &Grammar) -> Terms {
    let split = match terms.split {
        Split::Written if grammar.order_is_guess => Split::EitherOrder,
        split => split,
    };
    Terms {
        base: alias(&terms.base, grammar).to_owned(),
        quote: alias(&terms.quote, grammar).to_owned(),
        settle: terms.settle.map(|asset| alias(&asset, grammar).to_owned()),
        split,
        ..terms
    }
}

/// The common name of an asset.
fn alias<'a>(asset: &'a str, grammar: &Grammar) -> &'a str {
    grammar.aliases.iter().find(|(own, _)| *own == asset).map_or(asset, |(_, common)| common)
}

/// The key of what was read.
fn named(exchange: &str, symbol: &Symbol, grammar: &Grammar, reading: Reading) -> Result<Named, Reason> {
    let venue = venue_of_exchange(exchange);
    let unsettled = |key| Named { key, settle: None, inverse: false };
    match reading {
        Reading::Unnamed(reason) => Err(reason),
        Reading::Native(kind) => Ok(unsettled(InstrumentKey::native(&venue, kind, symbol.text)?)),
        Reading::Month { root, year, month } => {
            Ok(unsettled(format!("{venue}:{}:{root}-{year}{month:02}", symbol.kind).parse()?))
        }
        Reading::Terms(terms) => named_by_terms(&venue, symbol.kind, grammar, terms),
    }
}

fn named_by_terms(
    venue: &str,
    kind: InstrumentType,
    grammar: &Grammar,
    terms: Terms,
) -> Result<Named, Reason> {
    let (base, quote) = (terms.base.as_str(), terms.quote.as_str());
    let mut mark = terms.mark.clone();
    let key = match kind {
        InstrumentType::SpotPair => InstrumentKey::spot_pair(venue, base, quote)?,
        InstrumentType::Perp => {
            if let Some(day) = terms.expiry {
                mark = Some(mark.map_or_else(|| day.short(), |mark| format!("{mark}-{}", day.short())));
            }
            InstrumentKey::perp(venue, base, quote)?
        }
        InstrumentType::Future => {
            InstrumentKey::future(venue, base, quote, terms.expiry.ok_or(Reason::NoExpiry)?)?
        }
        InstrumentType::Option => {
            let expiry = terms.expiry.ok_or(Reason::NoExpiry)?;
            let (strike, side) = terms.right.as_ref().ok_or(Reason::Form)?;
            InstrumentKey::option(venue, base, quote, expiry, strike, *side)?
        }
        _ => return Err(Reason::Form),
    };
    let key = mark.map_or_else(|| key.clone(), |mark| key.with_twin(&mark));
    if kind == InstrumentType::SpotPair {
        return Ok(Named { key, settle: None, inverse: false });
    }
    let settle = terms.settle.clone().or_else(|| habitual_settle(grammar.settled_in, &terms));
    let inverse = settle.as_deref() == Some(base) && base != quote;
    Ok(Named { key, settle, inverse })
}

/// What the exchange settles such a contract in.
fn habitual_settle(habit: Settled, terms: &Terms) -> Option<String> {
    let is_usd = terms.quote == "USD";
    match habit {
        // A mark in place of a margin says that it is not the habit's.
        _ if terms.mark.is_some() => None,
        Settled::Unknown => None,
        Settled::UnknownForUsd if is_usd => None,
        Settled::CoinForUsd if is_usd => Some(terms.base.clone()),
        Settled::Quote | Settled::CoinForUsd | Settled::UnknownForUsd => Some(terms.quote.clone()),
        Settled::Always(asset) => Some(asset.to_owned()),
    }
}
