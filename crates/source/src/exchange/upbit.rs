//! Upbit.

pub mod live;
