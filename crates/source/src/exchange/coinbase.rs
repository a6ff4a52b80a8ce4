//! Coinbase Exchange.

pub mod live;
