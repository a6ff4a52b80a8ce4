//! Rows and candles that arrive live.

pub mod candles;
pub mod lines;
pub mod machine;
pub mod validate;
