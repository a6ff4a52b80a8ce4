//! Tells the instrument type of a symbol: rows and file names have the exchange and the symbol, but not the type.

use super::grammar::grammar;
use super::names::has_key;
use super::read::read;
use super::reading::Reading;
use super::{Listed, Named, Names, Reason, dataset_form};
use crate::day::Day;
use crate::key::InstrumentType;

/// Exchanges with spot pairs only: the vendor has their derivatives, if any, under other ids.
const SPOT_ONLY: [&str; 26] = [
    "aster",
    "binance",
    "binance-dex",
    "binance-jersey",
    "binance-us",
    "bitfinex",
    "bitget",
    "bitstamp",
    "blockchain-com",
    "bybit-spot",
    "coinbase",
    "ftx-us",
    "gate-io",
    "gemini",
    "hitbtc",
    "huobi",
    "kraken",
    "kucoin",
    "mango",
    "mexc",
    "okcoin",
    "okex",
    "poloniex",
    "serum",
    "star-atlas",
    "upbit",
];

/// Exchanges with perpetuals, next to futures and options of other forms.
const PERPETUALS_FIRST: [&str; 18] = [
    "aster-futures",
    "binance-delivery",
    "binance-futures",
    "bitfinex-derivatives",
    "bitget-futures",
    "bybit",
    "coinbase-international",
    "cryptofacilities",
    "dydx",
    "dydx-v4",
    "gate-io-futures",
    "huobi-dm-linear-swap",
    "huobi-dm-swap",
    "hyperliquid",
    "kucoin-futures",
    "lighter",
    "mexc-futures",
    "okex-swap",
];

/// The type of a symbol that fits none of its exchange's forms.
fn usual_type(exchange: &str) -> InstrumentType {
    match exchange {
        _ if SPOT_ONLY.contains(&exchange) => InstrumentType::SpotPair,
        _ if PERPETUALS_FIRST.contains(&exchange) => InstrumentType::Perp,
        "deribit" | "okex-spreads" => InstrumentType::Combo,
        "polymarket" => InstrumentType::Prediction,
        "huobi-dm" | "okex-futures" => InstrumentType::Future,
        "binance-european-options"
        | "binance-options"
        | "bybit-options"
        | "huobi-dm-options"
        | "okex-options" => InstrumentType::Option,
        _ => InstrumentType::Unknown,
    }
}

impl Names {
    /// The name of a symbol whose type is not told: of the first type whose form fits, the most specific forms first, which are
    /// option, future, perpetual and spot pair. On exchanges with spot pairs only, every pair is a spot pair. `day` is a UTC day on
    /// which it was traded; `None` if unknown.
    ///
    /// A symbol that fits no form has a native key of the exchange's usual type, or of type UNKNOWN.
    pub fn name_by_form(&self, id: &str, day: Option<Day>) -> Named {
        self.name(&Listed { day, ..Listed::new(id, self.type_by_form(id, day)) })
    }

    /// The type of which a symbol has the form.
    fn type_by_form(&self, id: &str, day: Option<Day>) -> InstrumentType {
        use InstrumentType::{Future, Option, Perp, SpotPair};
        let exchange = self.exchange();
        let types: &[InstrumentType] = match exchange {
            _ if SPOT_ONLY.contains(&exchange) => &[SpotPair],
            "deribit" if !id.to_uppercase().ends_with("-PERPETUAL") => &[Option, Future, SpotPair],
            _ => &[Option, Future, Perp, SpotPair],
        };
        let (grammar, text) = (grammar(exchange), dataset_form(id));
        let readings = types.iter().map(|kind| {
            let listed = Listed { day, ..Listed::new(id, *kind) };
            (*kind, read(&listed.symbol(&text, self.words(&grammar, day)), &grammar))
        });
        let readings: Vec<_> = readings.collect();
        let certain = readings.iter().find(|(kind, reading)| has_key(self.venue(), *kind, reading));
        let fitting = || {
            readings
                .iter()
                .find(|(_, reading)| !matches!(reading, Reading::Open(Reason::Form | Reason::Quote)))
        };
        certain.or_else(fitting).map_or_else(|| usual_type(exchange), |(kind, _)| *kind)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_form_tells_the_type() {
        for (exchange, id, key) in [
            ("binance", "BTCUSDT", "BINANCE:SPOT_PAIR:BTC-USDT"),
            ("binance-futures", "BTCUSDT", "BINANCE-FUTURES:PERP:BTC-USDT"),
            ("binance-futures", "BTCUSDT_240329", "BINANCE-FUTURES:FUTURE:BTC-USDT-240329"),
            ("bitmex", "XBTUSD", "BITMEX:PERP:BTC-USD"),
            ("deribit", "BTC-PERPETUAL", "DERIBIT:PERP:BTC-USD"),
            ("deribit", "BTC-5JAN24-51000-C", "DERIBIT:OPTION:BTC-USD-240105-51000-CALL"),
            ("deribit", "BTC_USDC", "DERIBIT:SPOT_PAIR:BTC-USDC"),
            ("okex-swap", "BTC-USDT-SWAP", "OKX-SWAP:PERP:BTC-USDT"),
            ("huobi-dm-swap", "BTC-USD", "HUOBI-DM-SWAP:PERP:BTC-USD"),
            ("upbit", "KRW-BTC", "UPBIT:SPOT_PAIR:BTC-KRW"),
            ("bitmex", "XBTM26-XBTU26", "BITMEX:COMBO:XBTM26-XBTU26"),
            ("huobi-dm", "BTC_CW", "HUOBI-DM:FUTURE:BTC_CW"),
            ("hyperliquid", "@107", "HYPERLIQUID:SPOT_PAIR:@0040107"),
            ("lighter", "1", "LIGHTER:PERP:1"),
            ("okex-spreads", "BTC-USDT_BTC-USDT-SWAP", "OKX-SPREADS:COMBO:BTC-USDT_BTC-USDT-SWAP"),
            ("deribit", "BTC-FS-28MAR25_PERP", "DERIBIT:COMBO:BTC-FS-28MAR25_PERP"),
            ("next-exchange", "X#Y", "NEXT-EXCHANGE:UNKNOWN:X@0023Y"),
        ] {
            assert_eq!(Names::new(exchange).name_by_form(id, None).key.as_str(), key, "{exchange} {id}");
        }
    }
}
