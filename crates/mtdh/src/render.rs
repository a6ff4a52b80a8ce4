//! What verbs print: tables on stdout, notes on stderr. Nothing here decides or asks for anything.

pub mod candles;
pub mod check;
pub mod download;
pub mod fleet;
pub mod instruments;
pub mod ls;
pub mod validate;

/// How many lines of one kind are printed at most.
pub const SHOWN: usize = 20;
