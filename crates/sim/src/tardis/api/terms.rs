//! What the metadata says of an instrument in words, for its answers and its filter alike.

use crate::generate::universe::listing::{Kind, Listing, Margin};

/// A property that a filter can ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Term {
    BaseCurrency,
    QuoteCurrency,
    Type,
    ContractType,
    UnderlyingType,
}

impl Term {
    /// The property by the vendor's name.
    pub(super) fn read(name: &str) -> Option<Term> {
        Some(match name {
            "baseCurrency" => Term::BaseCurrency,
            "quoteCurrency" => Term::QuoteCurrency,
            "type" => Term::Type,
            "contractType" => Term::ContractType,
            "underlyingType" => Term::UnderlyingType,
            _ => return None,
        })
    }
}

/// A property of an instrument, if it has it.
pub(super) fn term(listing: &Listing, term: Term) -> Option<String> {
    match term {
        Term::BaseCurrency => Some(listing.base.to_owned()),
        Term::QuoteCurrency => Some(listing.quote.to_owned()),
        Term::Type => Some(listing.kind.name().to_owned()),
        Term::ContractType => contract_type(listing).map(str::to_owned),
        Term::UnderlyingType => underlying_type(listing).map(str::to_owned),
    }
}

/// The kind of contract.
pub(super) fn contract_type(listing: &Listing) -> Option<&'static str> {
    let is_inverse = listing.margin == Margin::Inverse;
    match listing.kind {
        Kind::Spot => None,
        Kind::Perpetual => Some(if is_inverse { "inverse_perpetual" } else { "linear_perpetual" }),
        Kind::Future => Some(if is_inverse { "inverse_future" } else { "linear_future" }),
        Kind::Option => listing.option.map(|terms| if terms.is_call { "call_option" } else { "put_option" }),
        Kind::Combo => Some("spread"),
    }
}

/// What a contract is on.
pub(super) fn underlying_type(listing: &Listing) -> Option<&'static str> {
    match listing.base {
        _ if listing.kind == Kind::Spot => None,
        "TSLA" => Some("equity"),
        _ => Some("native"),
    }
}
