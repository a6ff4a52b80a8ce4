//! Deribit: its live feed.

pub mod live;
