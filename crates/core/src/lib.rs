//! The domain model of a market-data lake: instruments, days, tables, partitions, checks and candles.
//!
//! No I/O, no async, no clock, no environment. Start with [`table`] for the stored columns, [`key`] for instrument names and
//! [`footer`] for the metadata of an object.
#![deny(missing_docs)]

pub mod book;
pub mod candle;
pub mod certificate;
pub mod check;
pub mod clock;
pub mod day;
pub mod error;
pub mod expectation;
pub mod footer;
pub mod hive;
pub mod instrument;
pub mod key;
pub mod live;
pub mod meant;
pub mod moment;
pub mod nearest;
pub mod partition;
pub mod shards;
pub mod stable;
pub mod symbol;
pub mod table;
pub mod text;
pub mod time_unit;
pub mod universe;
pub mod venue;
pub mod want;

pub use day::{Day, DayRange};
pub use table::{DataType, Table};
