//! Converts a venue's symbols to instrument keys.
//!
//! [`name_by_symbol`] uses the symbol alone, [`name_by_contract`] also the vendor's structured metadata. Both return the same
//! key. There is no inverse: the vendor's symbol is looked up in the instrument table, never rebuilt from a key.
//!
//! Each exchange has a grammar, a list of forms; the table is in `grammar`. Forms shared by exchanges are in `pairs` and
//! `dated`, those of a single exchange in `own`. The expiry is read from the symbol, so that a contract's key never changes.

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

/// A symbol as listed by the vendor.
#[derive(Clone, Copy, Debug)]
pub struct Listed<'a> {
    /// The vendor's exchange id.
    pub exchange: &'a str,
    /// The symbol, in API form (`btcusdt`, `XBT/USD`) or dataset form (`BTCUSDT`, `XBT-USD`).
    pub id: &'a str,
    /// The instrument type.
    pub kind: InstrumentType,
    /// The first UTC day of the entry, which determines the year of symbols without one; `None` if unknown.
    pub since: Option<Day>,
}

/// An instrument key and the settlement of its contract.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    /// The key.
    pub key: InstrumentKey,
    /// The settlement asset, upper case; `None` for spot pairs, and if neither symbol nor metadata state it.
    pub settle: Option<String>,
    /// Whether the contract is settled in its base asset and quoted in another one.
    pub inverse: bool,
}

/// A symbol without a key.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
#[error("no key for {id} of {exchange}, type {kind}: {reason}")]
pub struct Unnamed {
    /// The vendor's exchange id.
    pub exchange: String,
    /// The symbol.
    pub id: String,
    /// The instrument type.
    pub kind: InstrumentType,
    /// The reason.
    pub reason: Reason,
}

/// Why a symbol has no key.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum Reason {
    /// It is a grouped symbol: it stands for all instruments of a type.
    #[error("it stands for all instruments of the type")]
    Group,
    /// It is a continuous contract: it stands for the current contract of a series.
    #[error("it moves on from contract to contract, so that it names none of them; take the dated ones")]
    Continuous,
    /// The exchange numbers its markets.
    #[error("it is a number, and only the vendor's instrument metadata tells base and quote")]
    Number,
    /// Symbols of the type have another form on this exchange.
    #[error("symbols of the type have another form there")]
    Form,
    /// Base and quote are one word, which does not end in a known quote of the exchange.
    #[error("it ends in no quote that is known there")]
    Quote,
    /// The symbol of a dated contract has no day.
    #[error("it does not tell on which day the contract ends")]
    NoExpiry,
    /// The expiry has no year, and the first day of data is unknown.
    #[error("the day in it has no year, and the list does not say since when it was traded")]
    NoYear,
    /// A name in it is not allowed in keys.
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
/// If the symbol does not have a form of the exchange's symbols of its type, or is incomplete.
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

/// The form of symbols in the vendor's files, which is unique per instrument.
fn dataset_form(id: &str) -> String {
    id.to_uppercase().replace(['/', ':'], "-")
}

/// Parses a symbol with the first form that fits.
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

/// The key of a parsed symbol.
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

/// The asset in which the exchange usually settles such a contract.
fn habitual_settle(habit: Settled, terms: &Terms) -> Option<String> {
    let is_usd = terms.quote == "USD";
    match habit {
        // A mark means that the contract is settled differently.
        _ if terms.mark.is_some() => None,
        Settled::Unknown => None,
        Settled::UnknownForUsd if is_usd => None,
        Settled::CoinForUsd if is_usd => Some(terms.base.clone()),
        Settled::Quote | Settled::CoinForUsd | Settled::UnknownForUsd => Some(terms.quote.clone()),
        Settled::Always(asset) => Some(asset.to_owned()),
    }
}
