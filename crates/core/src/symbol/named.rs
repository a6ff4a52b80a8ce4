//! From a parsed symbol to its key and settlement.

use super::grammar::{Grammar, Settled};
use super::reading::{Reading, Symbol, Terms};
use super::{Contract, Named, Reason, alias, dataset_form};
use crate::key::{InstrumentKey, InstrumentType, asset_name};

/// The name of a parsed symbol. The vendor's metadata never changes the key.
pub(super) fn named(
    venue: &str,
    symbol: &Symbol,
    grammar: &Grammar,
    reading: Reading,
    contract: Option<&Contract>,
) -> Named {
    let mut kind = symbol.kind;
    let mut terms = None;
    let key = match reading {
        Reading::Open(reason) => Err(reason),
        Reading::OwnName(own) => {
            kind = own;
            InstrumentKey::native(venue, kind, symbol.text).map_err(Reason::from)
        }
        Reading::Month { root, year, month } => {
            let key = format!("{venue}:{kind}:{root}-{year}{month:02}").parse().map_err(Reason::from);
            key.and_then(|key: InstrumentKey| if key.is_canonical() { Ok(key) } else { Err(Reason::Form) })
        }
        Reading::Terms(read) => {
            let key = key_of_terms(venue, kind, &read);
            // A native key says nothing of what a reading supposed.
            terms = key.is_ok().then_some(read);
            key
        }
    };
    let (key, native) = match key {
        Ok(key) => (key, None),
        Err(reason) => (InstrumentKey::of_own_name(venue, kind, symbol.text), Some(reason)),
    };
    let of_key = |part: Option<&str>| part.filter(|_| terms.is_some()).map(asset_name);
    let of_contract = |asset: &str| Some(plain(asset, grammar)).filter(|asset| !asset.is_empty());
    let base = of_key(key.base()).or_else(|| of_contract(contract?.base));
    let quote = of_key(key.quote()).or_else(|| of_contract(contract?.quote));
    if !matches!(kind, InstrumentType::Perp | InstrumentType::Future | InstrumentType::Option) {
        return Named { key, base, quote, settle: None, inverse: None, native };
    }
    let written =
        terms.and_then(|terms| terms.settle.clone().or_else(|| habitual_settle(grammar.settled_in, &terms)));
    let settle = settle(written, base.as_deref(), quote.as_deref(), grammar, contract);
    let in_base = settle.as_ref().map(|settle| Some(settle) == base.as_ref() && base != quote);
    let inverse = contract.and_then(|contract| contract.inverse).or(in_base);
    Named { key, base, quote, settle, inverse, native }
}

/// The settlement asset: the vendor's word, then the symbol's, then the exchange's habit. `base` and `quote` are those of the
/// key, or the vendor's.
fn settle(
    written: Option<String>,
    base: Option<&str>,
    quote: Option<&str>,
    grammar: &Grammar,
    contract: Option<&Contract>,
) -> Option<String> {
    let Some(contract) = contract else { return written };
    // `USD` in the vendor's word stands for any dollar.
    let dollar = plain(contract.quote, grammar);
    let vendors = Some(dollar).filter(|asset| !asset.is_empty() && asset != "USD");
    let own_quote = || vendors.clone().or_else(|| quote.map(str::to_owned));
    // The vendor gives the settlement of inverse and quanto contracts; others are settled in their quote.
    match (contract.settle, contract.inverse) {
        (Some(settle), _) => Some(plain(settle, grammar)),
        (None, Some(true)) => base.map(str::to_owned).or(written),
        (None, Some(false)) if written.is_none() || written.as_deref() == base => own_quote(),
        (None, None) if grammar.settled_in == Settled::VendorsQuote && written.is_none() => own_quote(),
        // An exchange's habit is no match for the vendor's word.
        _ if written.as_deref() == quote => own_quote(),
        _ => written,
    }
}

/// The asset in which the exchange usually settles such a contract.
pub(super) fn habitual_settle(habit: Settled, terms: &Terms) -> Option<String> {
    let is_usd = terms.quote == "USD";
    match habit {
        // A mark means that the contract is settled differently.
        _ if terms.mark.is_some() => None,
        Settled::Unknown | Settled::VendorsQuote => None,
        Settled::UnknownForUsd if is_usd => None,
        Settled::CoinForUsd if is_usd => Some(terms.base.clone()),
        Settled::Quote | Settled::CoinForUsd | Settled::UnknownForUsd => Some(terms.quote.clone()),
        Settled::Always(asset) => Some(asset.to_owned()),
    }
}

/// The canonical key of terms.
pub(super) fn key_of_terms(
    venue: &str,
    kind: InstrumentType,
    terms: &Terms,
) -> Result<InstrumentKey, Reason> {
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
    Ok(mark.map_or_else(|| key.clone(), |mark| key.with_twin(&mark)))
}

/// An asset of the vendor's metadata, by its common name.
pub(super) fn plain(asset: &str, grammar: &Grammar) -> String {
    alias(&dataset_form(asset), grammar).to_owned()
}
