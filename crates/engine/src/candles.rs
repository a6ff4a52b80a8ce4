//! Candles of days of the lake, and of a user's own files.
//!
//! The arithmetic is in [`mtdh_core::candle`]. This module decides which rows a day's candles are made of, and which candles
//! are up to date.

pub(crate) mod columns;
pub(crate) mod error;
pub(crate) mod feed;
pub mod files;
pub(crate) mod now;
pub mod plan;
mod recorded;
mod resent;
pub mod run;
pub mod task;
pub(crate) mod ticks;

pub use error::CandleError;
pub use files::{FileReport, candle_files};
pub use mtdh_core::candle::{Fill, Timeframe};
pub use plan::{CandlePlan, Remake, plan};
pub use run::{CandleRun, CandleSummary};
