//! Guesses the instrument type of a symbol: rows and file names have the exchange and the symbol, but not the type.

use super::{Listed, Named, Unnamed, name_by_symbol};
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

/// Names a symbol by the first type whose form fits, the most specific forms first: option, future, perpetual, spot pair,
/// combo. On exchanges with spot pairs only, every pair is a spot pair.
///
/// # Errors
/// If no form fits. The error is that of the most likely type.
pub fn guess_by_symbol(exchange: &str, id: &str) -> Result<Named, Unnamed> {
    use InstrumentType::{Combo, Future, Option, Perp, Prediction, SpotPair};
    let types: &[InstrumentType] = match exchange {
        "okex-spreads" => &[Combo],
        "polymarket" => &[Prediction],
        _ if SPOT_ONLY.contains(&exchange) => &[SpotPair],
        "deribit" if !id.to_uppercase().ends_with("-PERPETUAL") => &[Option, Future, SpotPair, Combo],
        _ => &[Option, Future, Perp, SpotPair, Combo],
    };
    let name = |kind: &InstrumentType| name_by_symbol(&Listed { exchange, id, kind: *kind, since: None });
    types.iter().map(name).find(Result::is_ok).unwrap_or_else(|| name(&types[types.len().min(3) - 1]))
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
        ] {
            assert_eq!(guess_by_symbol(exchange, id).unwrap().key.as_str(), key);
        }
    }
}
