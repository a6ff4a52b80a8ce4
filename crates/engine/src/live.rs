//! Rows and candles that arrive live.

pub mod lines;
pub mod validate;
