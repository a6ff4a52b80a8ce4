//! Simulated services of the exchanges themselves.

pub(crate) mod binance;
