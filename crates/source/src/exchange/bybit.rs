//! Bybit.

pub mod live;
