//! Kraken, spot.

pub mod live;
