//! Rows and candles that arrive live.

pub mod validate;
