//! Hyperliquid.

pub mod live;
