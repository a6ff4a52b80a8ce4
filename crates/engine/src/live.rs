//! Rows and candles that arrive live.

pub mod hub;
pub mod lines;
pub mod machine;
pub mod validate;
