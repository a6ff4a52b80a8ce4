//! Exchanges' own services.

pub(crate) mod binance;
