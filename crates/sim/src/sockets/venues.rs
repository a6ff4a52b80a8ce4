//! The venues, a file for each family.

mod binance;
mod bitmex;
mod bybit;
mod coinbase;
mod deribit;
mod hyperliquid;
mod kraken;
mod okx;
mod upbit;

use super::protocol::Protocol;

/// Tardis' ids of the venues that can be played.
pub const VENUES: [&str; 16] = [
    "binance",
    "binance-futures",
    "binance-delivery",
    "deribit",
    "bybit",
    "bybit-spot",
    "bybit-options",
    "okex",
    "okex-futures",
    "okex-swap",
    "okex-options",
    "upbit",
    "coinbase",
    "kraken",
    "bitmex",
    "hyperliquid",
];

/// Venues of which there is no recording in the form that they send today: their messages are after single examples and documents
/// only. Bybit's recording is of its former form, OKX's of spot, futures and swaps.
pub const EXPERIMENTAL: [&str; 9] = [
    "binance-delivery",
    "bybit",
    "bybit-spot",
    "bybit-options",
    "okex-options",
    "coinbase",
    "kraken",
    "bitmex",
    "hyperliquid",
];

/// Returns a venue's rules. `None`: there is no such venue.
pub(super) fn find(venue: &str) -> Option<(&'static str, Box<dyn Protocol>)> {
    let id = VENUES.into_iter().find(|id| *id == venue)?;
    let protocol: Box<dyn Protocol> = match id {
        "deribit" => Box::new(deribit::Deribit),
        "bybit" | "bybit-spot" | "bybit-options" => Box::new(bybit::Bybit { id }),
        "okex" | "okex-futures" | "okex-swap" | "okex-options" => Box::new(okx::Okx),
        "upbit" => Box::new(upbit::Upbit),
        "coinbase" => Box::new(coinbase::Coinbase),
        "kraken" => Box::new(kraken::Kraken),
        "bitmex" => Box::new(bitmex::Bitmex),
        "hyperliquid" => Box::new(hyperliquid::Hyperliquid),
        _ => Box::new(binance::Binance::new(id)),
    };
    Some((id, protocol))
}

/// Returns the weight of a REST request of Binance.
pub(super) use binance::weight;
