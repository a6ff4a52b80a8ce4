//! Keys from the vendor's structured metadata.
//!
//! The symbol decides what it writes down, the metadata decides what the symbol leaves to guess: so a key is the
//! same with and without the metadata, wherever the symbol suffices.

use super::grammar::{Grammar, grammar};
use super::reading::{Reading, Split, Symbol, Terms};
use super::{Named, Reason, Unnamed, alias, dataset_form, named, read};
use crate::day::Day;
use crate::key::{InstrumentType, OptionSide};

/// What the vendor's instrument metadata says of one instrument.
#[derive(Clone, Copy, Debug)]
pub struct Contract<'a> {
    /// The vendor's exchange id.
    pub exchange: &'a str,
    /// The symbol, in API or dataset form.
    pub id: &'a str,
    /// The type.
    pub kind: InstrumentType,
    /// `baseCurrency`.
    pub base: &'a str,
    /// `quoteCurrency`.
    pub quote: &'a str,
    /// `settlementCurrency`; none where the metadata has none.
    pub settle: Option<&'a str>,
    /// UTC day of `expiry`; none where the metadata has none.
    pub expiry: Option<Day>,
    /// `strikePrice` as a plain decimal number; none but for options.
    pub strike: Option<&'a str>,
    /// `optionType`; none but for options.
    pub option_side: Option<OptionSide>,
    /// `inverse`; none where the metadata has none.
    pub inverse: Option<bool>,
}

/// Names an instrument by its structured metadata.
///
/// # Errors
/// When neither the symbol nor the metadata tells what its type needs, or the symbol is a group or an alias that
/// moves from contract to contract.
pub fn name_by_contract(contract: &Contract) -> Result<Named, Unnamed> {
    let grammar = grammar(contract.exchange);
    let text = dataset_form(contract.id);
    // A day without a year is the one on which the contract ends.
    let symbol = Symbol { text: &text, kind: contract.kind, since: contract.expiry, quotes: grammar.quotes };
    let reading = match read(&symbol, &grammar) {
        Reading::Terms(terms) => Reading::Terms(completed(terms, contract, &grammar)),
        Reading::Unnamed(
            Reason::Form | Reason::Quote | Reason::Number | Reason::NoYear | Reason::NoExpiry,
        ) => Reading::Terms(from_metadata(contract, &text, &grammar)),
        whole => whole,
    };
    let unnamed = |reason| Unnamed {
        exchange: contract.exchange.to_owned(),
        id: contract.id.to_owned(),
        kind: contract.kind,
        reason,
    };
    named(contract.exchange, &symbol, &grammar, reading).map_err(unnamed)
}

/// The symbol's terms with what the metadata knows better.
fn completed(terms: Terms, contract: &Contract, grammar: &Grammar) -> Terms {
    let (base, quote) = match &terms.split {
        Split::Written => None,
        Split::EitherOrder => same_names(&terms, contract, grammar),
        Split::Glued(word) => parted(word, contract),
    }
    .unwrap_or_else(|| (terms.base.clone(), terms.quote.clone()));
    let expiry = if terms.expiry_is_habit {
        contract.expiry.or(terms.expiry)
    } else {
        terms.expiry.or(contract.expiry)
    };
    // A perpetual has no end, even if the metadata gives the far day that the exchange writes for one.
    let expiry = if contract.kind == InstrumentType::Perp { terms.expiry } else { expiry };
    Terms { settle: settle(contract, &base, grammar).or(terms.settle), base, quote, expiry, ..terms }
}

/// The metadata's order, if it names the same two.
fn same_names(terms: &Terms, contract: &Contract, grammar: &Grammar) -> Option<(String, String)> {
    let told = (plain(contract.base, grammar), plain(contract.quote, grammar));
    let reversed = told.0 == terms.quote && told.1 == terms.base;
    reversed.then_some(told)
}

/// The symbol's word, parted where the metadata's quote begins, if the metadata's base is in the rest. So
/// `1000SHIBUSDT` keeps its 1000 when the metadata says SHIB.
fn parted(word: &str, contract: &Contract) -> Option<(String, String)> {
    let (base, quote) = (dataset_form(contract.base), dataset_form(contract.quote));
    let rest = word.strip_suffix(quote.as_str())?;
    let holds = !base.is_empty() && !quote.is_empty() && rest.contains(base.as_str());
    holds.then(|| (rest.to_owned(), quote))
}

/// Terms of a symbol that could not be read.
fn from_metadata(contract: &Contract, text: &str, grammar: &Grammar) -> Terms {
    let (base, quote) = parted(text, contract)
        .unwrap_or_else(|| (plain(contract.base, grammar), plain(contract.quote, grammar)));
    // Deribit's inverse options are quoted in their base there; their strikes are in USD.
    let quote =
        if contract.kind == InstrumentType::Option && base == quote { "USD".to_owned() } else { quote };
    let expiry = if contract.kind == InstrumentType::Perp { None } else { contract.expiry };
    Terms {
        settle: settle(contract, &base, grammar),
        expiry,
        right: contract.strike.map(str::to_owned).zip(contract.option_side),
        ..Terms::new(&base, &quote)
    }
}

fn settle(contract: &Contract, base: &str, grammar: &Grammar) -> Option<String> {
    match (contract.settle, contract.inverse) {
        (Some(settle), _) => Some(plain(settle, grammar)),
        (None, Some(true)) => Some(base.to_owned()),
        (None, _) => None,
    }
}

fn plain(asset: &str, grammar: &Grammar) -> String {
    alias(&dataset_form(asset), grammar).to_owned()
}
