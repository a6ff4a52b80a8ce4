//! What the `amount` of rows counts, by exchange.
//!
//! The vendor never converts amounts: they are the exchange's own.
//! Source: <https://docs.tardis.dev/faq/data>, and the exchanges' own documents where they are named.

use mtdh_core::instrument::AmountUnit;
use mtdh_core::key::InstrumentType;

/// The unit of derivatives of an exchange.
enum Unit {
    /// One unit for all.
    All(AmountUnit),
    /// One for contracts that are settled in their base asset, one for the others.
    ByMargin { inverse: AmountUnit, linear: Option<AmountUnit> },
}

/// Derivatives, by exchange. Exchanges that are not here have none, or their unit is not known.
const DERIVATIVES: &[(&str, Unit)] = {
    use AmountUnit::{Base, Contracts, Quote};
    &[
        ("bitmex", Unit::All(Contracts)),
        ("okex-swap", Unit::All(Contracts)),
        ("okex-futures", Unit::All(Contracts)),
        ("okex-options", Unit::All(Contracts)),
        ("binance-delivery", Unit::All(Contracts)),
        ("gate-io-futures", Unit::All(Contracts)),
        ("kucoin-futures", Unit::All(Contracts)),
        ("huobi-dm", Unit::All(Contracts)),
        ("huobi-dm-swap", Unit::All(Contracts)),
        ("huobi-dm-linear-swap", Unit::All(Contracts)),
        ("huobi-dm-options", Unit::All(Contracts)),
        // The four below by the exchanges' own documents of an order's size.
        ("phemex", Unit::All(Contracts)),
        ("delta", Unit::All(Contracts)),
        ("mexc-futures", Unit::All(Contracts)),
        ("cryptofacilities", Unit::ByMargin { inverse: Contracts, linear: None }),
        // USD in inverse contracts, the coin in linear ones: <https://docs.deribit.com/#public-get_instruments>.
        ("deribit", Unit::ByMargin { inverse: Quote, linear: Some(Base) }),
        ("bybit", Unit::ByMargin { inverse: Quote, linear: Some(Base) }),
        ("bybit-options", Unit::All(Base)),
        ("binance-futures", Unit::All(Base)),
        ("bitget-futures", Unit::All(Base)),
        ("ftx", Unit::All(Base)),
        ("dydx", Unit::All(Base)),
        ("hyperliquid", Unit::All(Base)),
    ]
};

/// What `amount` counts; `None` if it is not known. `inverse`: whether the contract is settled in its base asset.
pub(super) fn amount_unit(exchange: &str, kind: InstrumentType, inverse: Option<bool>) -> Option<AmountUnit> {
    let of_derivative = || DERIVATIVES.iter().find(|(id, _)| *id == exchange).map(|(_, unit)| unit);
    match kind {
        InstrumentType::SpotPair => Some(AmountUnit::Base),
        InstrumentType::Option if exchange == "deribit" => Some(AmountUnit::Base),
        InstrumentType::Perp | InstrumentType::Future | InstrumentType::Option => match of_derivative()? {
            Unit::All(unit) => Some(*unit),
            Unit::ByMargin { inverse: if_inverse, linear } => {
                if inverse? {
                    Some(*if_inverse)
                } else {
                    *linear
                }
            }
        },
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use InstrumentType::{Combo, Future, Option as Opt, Perp, SpotPair};

    #[test]
    fn amounts_count_what_the_exchange_counts() {
        for (exchange, kind, inverse, expected) in [
            ("binance", SpotPair, None, Some("base")),
            ("bitmex", SpotPair, None, Some("base")),
            ("bitmex", Perp, Some(true), Some("contracts")),
            ("okex-swap", Perp, Some(false), Some("contracts")),
            ("binance-delivery", Future, Some(true), Some("contracts")),
            ("binance-futures", Perp, Some(false), Some("base")),
            ("deribit", Perp, Some(true), Some("quote")),
            ("deribit", Future, Some(false), Some("base")),
            ("deribit", Opt, Some(true), Some("base")),
            ("deribit", Combo, None, None),
            ("bybit", Perp, Some(true), Some("quote")),
            ("bybit", Perp, Some(false), Some("base")),
            ("bybit", Perp, None, None),
            ("cryptofacilities", Perp, Some(false), None),
            ("a-new-one", Perp, Some(false), None),
        ] {
            let found = amount_unit(exchange, kind, inverse).map(AmountUnit::name);
            assert_eq!(found, expected, "{exchange} {kind} {inverse:?}");
        }
    }
}
