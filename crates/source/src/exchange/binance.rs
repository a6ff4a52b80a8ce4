//! Binance: its klines (candles), from its REST API and from its public archive, and its live feeds.

pub mod kline_archive;
pub mod klines;
pub mod live;
