//! Binance's klines (candles): from its REST API and from its public archive.

pub mod kline_archive;
pub mod klines;
