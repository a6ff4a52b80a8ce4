//! Text properties of an instrument, for responses and filters.

use crate::generate::universe::listing::{Kind, Listing, Margin};

/// A property that a filter can select by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Term {
    BaseCurrency,
    QuoteCurrency,
    Type,
    ContractType,
    UnderlyingType,
}

impl Term {
    /// Parses Tardis' name of a property. `None`: no such property.
    pub(super) fn parse(name: &str) -> Option<Term> {
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

/// Returns a property of an instrument. `None`: it does not have it.
pub(super) fn term(listing: &Listing, term: Term) -> Option<String> {
    match term {
        Term::BaseCurrency => Some(listing.base.to_owned()),
        Term::QuoteCurrency => Some(listing.quote.to_owned()),
        Term::Type => Some(listing.kind.name().to_owned()),
        Term::ContractType => contract_type(listing).map(str::to_owned),
        Term::UnderlyingType => underlying_type(listing).map(str::to_owned),
    }
}

/// Returns Tardis' `contractType`. `None` for spot.
pub(super) fn contract_type(listing: &Listing) -> Option<&'static str> {
    let is_inverse = listing.margin == Margin::Inverse;
    match listing.kind {
        Kind::Spot => None,
        Kind::Perpetual if listing.margin == Margin::Quanto => Some("quanto_perpetual"),
        Kind::Perpetual => Some(if is_inverse { "inverse_perpetual" } else { "linear_perpetual" }),
        Kind::Future => Some(if is_inverse { "inverse_future" } else { "linear_future" }),
        Kind::Option => listing.option.map(|terms| if terms.is_call { "call_option" } else { "put_option" }),
        Kind::Combo => Some("spread"),
    }
}

/// Returns Tardis' `underlyingType`. `None` for spot.
pub(super) fn underlying_type(listing: &Listing) -> Option<&'static str> {
    match listing.base {
        _ if listing.kind == Kind::Spot => None,
        "TSLA" => Some("equity"),
        _ => Some("native"),
    }
}
