//! The exchanges' own services, one folder each.

pub mod binance;
pub mod bitmex;
pub mod bybit;
pub mod coinbase;
pub mod deribit;
pub mod hyperliquid;
pub mod kraken;
pub mod okx;
pub mod upbit;
