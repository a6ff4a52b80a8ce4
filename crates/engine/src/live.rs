//! Rows and candles that arrive live.

pub mod analysis;
pub mod candles;
pub mod checks;
pub mod compare;
pub mod lines;
pub mod machine;
pub mod validate;
