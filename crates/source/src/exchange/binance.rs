//! Binance's klines: by REST and from its public archive.

pub mod kline_archive;
pub mod klines;
