//! BitMEX.

pub mod live;
