//! The exchanges' own services, one folder each.

pub mod binance;
