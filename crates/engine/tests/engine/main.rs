//! Candles over a lake that is made by hand; checks over files that the stand-in vendor makes, with faults planted in
//! them, and over recorded data.

// Helpers of tests are tests too, which clippy does not see.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

mod candle_checks;
mod candle_corpus;
mod candle_meanings;
mod candle_support;
mod candles;
mod certified;
mod compared;
mod corpus;
mod corpus_values;
mod days_before;
mod exchange_clock;
mod exports;
mod hive;
mod kept;
mod lake_support;
mod live_candles;
mod live_checks;
mod live_lifetime;
mod metadata_faults;
mod month;
mod month_of_venue;
mod mutations;
mod reading;
mod recorded;
mod reference;
mod replaced;
mod reports;
mod stream;
mod stream_ticks;
mod user_files;
mod vendor_files;
