//! What an instrument, a day, a table and a partition *are*.
//!
//! The nouns and the arithmetic of a market-data lake: no I/O, no async, no clock, no environment. Start with
//! [`table`] for what is stored, [`key`] for how an instrument is named, [`footer`] for what an
//! object says of itself.

pub mod book;
pub mod candle;
pub mod check;
pub mod day;
pub mod error;
pub mod expectation;
pub mod footer;
pub mod instrument;
pub mod key;
pub mod nearest;
pub mod partition;
pub mod shards;
pub mod stable;
pub mod symbol;
pub mod table;
pub mod text;
pub mod universe;
pub mod venue;

pub use day::{Day, DayRange};
pub use table::{DataType, Table};
