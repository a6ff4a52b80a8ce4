//! What live feeds share that knows no exchange and no socket: sequence rules, books, trade ids, tickers, and what is lost.
//!
//! Start with [`book::LiveBook`]. A venue's messages are read elsewhere; here are their numbers and levels.

pub mod book;
mod held;
pub mod ids;
pub mod loss;
pub mod pace;
pub mod rule;
pub mod ticker;
pub mod top;
