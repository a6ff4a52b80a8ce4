//! Keys from the vendor's structured metadata.
//!
//! The symbol has priority; metadata fills in what the symbol leaves open. Wherever the symbol suffices, the key is therefore
//! the same with and without metadata.

use super::grammar::{Grammar, grammar};
use super::reading::{Reading, Split, Symbol, Terms};
use super::{Named, Reason, Unnamed, alias, dataset_form, named, read};
use crate::day::Day;
use crate::key::{InstrumentType, OptionSide};

/// The vendor's metadata of one instrument. Source: <https://docs.tardis.dev/api/instruments-metadata-api>.
#[derive(Clone, Copy, Debug)]
pub struct Contract<'a> {
    /// The vendor's exchange id.
    pub exchange: &'a str,
    /// The symbol, in API or dataset form.
    pub id: &'a str,
    /// The instrument type.
    pub kind: InstrumentType,
    /// `baseCurrency`.
    pub base: &'a str,
    /// `quoteCurrency`.
    pub quote: &'a str,
    /// `settlementCurrency`; `None` if missing.
    pub settle: Option<&'a str>,
    /// UTC day of `expiry`; `None` if missing.
    pub expiry: Option<Day>,
    /// `strikePrice` as a plain decimal number in the quote asset; `None` unless it is an option.
    pub strike: Option<&'a str>,
    /// `optionType`; `None` unless it is an option.
    pub option_side: Option<OptionSide>,
    /// `inverse`: whether it is margined in the base asset; `None` if missing.
    pub inverse: Option<bool>,
}

/// Names an instrument by its structured metadata.
///
/// # Errors
/// If symbol and metadata together are incomplete for the type, or the symbol is a grouped symbol or a continuous contract.
pub fn name_by_contract(contract: &Contract) -> Result<Named, Unnamed> {
    let grammar = grammar(contract.exchange);
    let text = dataset_form(contract.id);
    // The metadata's expiry determines the year of a day without one.
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

/// The symbol's terms, completed from the metadata.
fn completed(terms: Terms, contract: &Contract, grammar: &Grammar) -> Terms {
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
    let expiry = if contract.kind == InstrumentType::Perp { terms.expiry } else { expiry };
    Terms { settle: settle(contract, &base, grammar).or(terms.settle), base, quote, expiry, ..terms }
}

/// Base and quote in the metadata's order, if they are those of the symbol reversed.
fn same_names(terms: &Terms, contract: &Contract, grammar: &Grammar) -> Option<(String, String)> {
    let (base, quote) = (plain(contract.base, grammar), plain(contract.quote, grammar));
    let is_reversed = base == terms.quote && quote == terms.base;
    is_reversed.then_some((base, quote))
}

/// The symbol's word, split before the metadata's quote, if the rest contains the metadata's base. `1000SHIBUSDT` thus keeps
/// its 1000 if the metadata's base is SHIB.
fn split_by_contract(word: &str, contract: &Contract) -> Option<(String, String)> {
    let (base, quote) = (dataset_form(contract.base), dataset_form(contract.quote));
    let rest = word.strip_suffix(quote.as_str())?;
    let holds = !base.is_empty() && !quote.is_empty() && rest.contains(base.as_str());
    holds.then(|| (rest.to_owned(), quote))
}

/// The terms of a symbol that could not be parsed.
fn from_metadata(contract: &Contract, text: &str, grammar: &Grammar) -> Terms {
    let (base, quote) = split_by_contract(text, contract)
        .unwrap_or_else(|| (plain(contract.base, grammar), plain(contract.quote, grammar)));
    // The metadata has the base as the quote of Deribit's inverse options; their strikes are in USD.
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
