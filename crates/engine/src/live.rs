//! Rows and candles as they arrive.

pub mod validate;
