//! From a symbol to what it says: the first form of the exchange that fits, in common names.

use super::grammar::Grammar;
use super::reading::{Reading, Split, Symbol, Terms};
use super::{Reason, alias};
use crate::key::InstrumentType;

/// Parses a symbol with the first form that fits.
pub(super) fn read(symbol: &Symbol, grammar: &Grammar) -> Reading {
    match symbol.kind {
        InstrumentType::Unknown => return Reading::Open(Reason::UnknownType),
        InstrumentType::Combo | InstrumentType::Prediction => return Reading::OwnName(symbol.kind),
        _ => {}
    }
    match grammar.shapes.iter().find_map(|shape| shape(symbol)) {
        Some(Reading::Terms(terms)) => in_common_names(terms, grammar, symbol),
        Some(reading) => reading,
        None if symbol.is_ambiguous() => Reading::Open(Reason::TwoReadings),
        None if symbol.is_pair() && symbol.text.chars().all(char::is_alphanumeric) => {
            Reading::Open(Reason::Quote)
        }
        None => Reading::Open(Reason::Form),
    }
}

fn in_common_names(terms: Terms, grammar: &Grammar, symbol: &Symbol) -> Reading {
    let is_written = terms.split == Split::Written;
    let terms = Terms {
        base: alias(&terms.base, grammar).to_owned(),
        quote: alias(&terms.quote, grammar).to_owned(),
        settle: terms.settle.map(|asset| alias(&asset, grammar).to_owned()),
        ..terms
    };
    if !grammar.order_is_guess || !is_written {
        return Reading::Terms(terms);
    }
    if symbol.is_first_version() {
        return Reading::Terms(Terms { split: Split::EitherOrder, ..terms });
    }
    in_likely_order(terms)
}

/// Base and quote of an exchange whose order is not known. Money before a coin is the quote; of two coins the first is the base,
/// unless it is one that others are quoted in.
fn in_likely_order(terms: Terms) -> Reading {
    const MONEY: [&str; 14] =
        ["USD", "USDT", "USDC", "EUR", "GBP", "JPY", "KRW", "TRY", "BRL", "INR", "IDR", "THB", "AUD", "CAD"];
    let is_money = |asset: &str| MONEY.contains(&asset);
    match (is_money(&terms.base), is_money(&terms.quote)) {
        (true, false) => Reading::Terms(Terms { base: terms.quote, quote: terms.base, ..terms }),
        (false, false) if terms.base == "BTC" => Reading::Open(Reason::Order),
        _ => Reading::Terms(terms),
    }
}
