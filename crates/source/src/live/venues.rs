//! The exchanges whose live feeds can be read.

use super::venue::Venue;
use crate::exchange::binance::live as binance;
use crate::exchange::bitmex::live::BITMEX;
use crate::exchange::bybit::live as bybit;
use crate::exchange::coinbase::live::COINBASE;
use crate::exchange::deribit::live::DERIBIT;
use crate::exchange::hyperliquid::live::HYPERLIQUID;
use crate::exchange::kraken::live::KRAKEN;
use crate::exchange::okx::live as okx;
use crate::exchange::upbit::live::UPBIT;

static VENUES: [&dyn Venue; 16] = [
    &binance::SPOT,
    &binance::FUTURES,
    &binance::DELIVERY,
    &DERIBIT,
    &bybit::BYBIT,
    &bybit::BYBIT_SPOT,
    &bybit::BYBIT_OPTIONS,
    &okx::OKEX,
    &okx::OKEX_FUTURES,
    &okx::OKEX_SWAP,
    &okx::OKEX_OPTIONS,
    &UPBIT,
    &COINBASE,
    &KRAKEN,
    &BITMEX,
    &HYPERLIQUID,
];

/// All of them, in the order of documents.
pub fn all() -> &'static [&'static dyn Venue] {
    &VENUES
}

/// The exchange of this id; `None`: its feed cannot be read.
pub fn find(exchange: &str) -> Option<&'static dyn Venue> {
    all().iter().copied().find(|venue| venue.exchange() == exchange)
}
