//! The naming of version 1, which 0.1.0 used, for keys that lakes still hold.
//!
//! It split a word at the longest quote out of one list for many exchanges, and took what a symbol left open from the vendor's
//! metadata, so that a key could depend on the user's plan. It must never change.

use super::grammar::{Grammar, grammar};
use super::named::{key_of_terms, plain};
use super::read::read;
use super::reading::{Reading, Split, Terms};
use super::version1_quotes::quotes;
use super::words::Words;
use super::{Contract, Listed, Reason, dataset_form};
use crate::key::{InstrumentKey, InstrumentType};
use crate::venue::venue_of_exchange;

/// The key of a symbol; `None` if it had none.
pub(super) fn key_of_symbol(exchange: &str, listed: &Listed) -> Option<InstrumentKey> {
    let (grammar, text) = (grammar(exchange), dataset_form(listed.id));
    let symbol =
        Listed { day: None, dated_expiry: None, ..*listed }.symbol(&text, Words::First(quotes(exchange)));
    key_of(exchange, listed.kind, &text, read(&symbol, &grammar))
}

/// The key of a symbol and its contract; `None` if it had none.
pub(super) fn key_of_contract(exchange: &str, listed: &Listed, contract: &Contract) -> Option<InstrumentKey> {
    let (grammar, text) = (grammar(exchange), dataset_form(listed.id));
    // The metadata's expiry determined the year of a day without one.
    let dated = Listed { since: contract.expiry, day: None, dated_expiry: None, ..*listed };
    let symbol = dated.symbol(&text, Words::First(quotes(exchange)));
    let reading = match read(&symbol, &grammar) {
        Reading::Terms(terms) => Reading::Terms(completed(terms, listed.kind, contract, &grammar)),
        Reading::Open(Reason::Form | Reason::Quote | Reason::Number | Reason::NoYear | Reason::NoExpiry) => {
            Reading::Terms(from_metadata(contract, listed.kind, &text, &grammar))
        }
        whole => whole,
    };
    key_of(exchange, listed.kind, &text, reading)
}

fn key_of(exchange: &str, kind: InstrumentType, text: &str, reading: Reading) -> Option<InstrumentKey> {
    let venue = venue_of_exchange(exchange);
    match reading {
        Reading::Open(_) => None,
        Reading::OwnName(kind) => InstrumentKey::native(&venue, kind, text).ok(),
        Reading::Month { root, year, month } => {
            format!("{venue}:{kind}:{root}-{year}{month:02}").parse().ok().filter(InstrumentKey::is_canonical)
        }
        Reading::Terms(terms) => key_of_terms(&venue, kind, &terms).ok(),
    }
}

/// The symbol's terms, completed from the metadata.
fn completed(terms: Terms, kind: InstrumentType, contract: &Contract, grammar: &Grammar) -> Terms {
    let (base, quote) = match &terms.split {
        Split::Written => None,
        Split::EitherOrder => same_names(&terms, contract, grammar),
        Split::Glued(word) => split_by_contract(word, contract),
    }
    .unwrap_or_else(|| (terms.base.clone(), terms.quote.clone()));
    let expiry = if terms.expiry_is_habit {
        contract.expiry.or(terms.expiry)
    } else {
        terms.expiry.or(contract.expiry)
    };
    // A perpetual has no expiry, even if the metadata has the far day that the exchange uses for one.
    let expiry = if kind == InstrumentType::Perp { terms.expiry } else { expiry };
    Terms { base, quote, expiry, ..terms }
}

/// Base and quote in the metadata's order, if they are those of the symbol reversed.
fn same_names(terms: &Terms, contract: &Contract, grammar: &Grammar) -> Option<(String, String)> {
    let (base, quote) = (plain(contract.base, grammar), plain(contract.quote, grammar));
    let is_reversed = base == terms.quote && quote == terms.base;
    is_reversed.then_some((base, quote))
}

/// The symbol's word, split before the metadata's quote, if the rest contains the metadata's base.
fn split_by_contract(word: &str, contract: &Contract) -> Option<(String, String)> {
    let (base, quote) = (dataset_form(contract.base), dataset_form(contract.quote));
    let rest = word.strip_suffix(quote.as_str())?;
    let holds = !base.is_empty() && !quote.is_empty() && rest.contains(base.as_str());
    holds.then(|| (rest.to_owned(), quote))
}

/// The terms of a symbol that could not be parsed.
fn from_metadata(contract: &Contract, kind: InstrumentType, text: &str, grammar: &Grammar) -> Terms {
    let (base, quote) = split_by_contract(text, contract)
        .unwrap_or_else(|| (plain(contract.base, grammar), plain(contract.quote, grammar)));
    // The metadata has the base as the quote of Deribit's inverse options; their strikes are in USD.
    let quote = if kind == InstrumentType::Option && base == quote { "USD".to_owned() } else { quote };
    let expiry = if kind == InstrumentType::Perp { None } else { contract.expiry };
    Terms {
        expiry,
        right: contract.strike.map(str::to_owned).zip(contract.option_side),
        ..Terms::new(&base, &quote)
    }
}
