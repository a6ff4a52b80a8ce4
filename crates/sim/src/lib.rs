//! A stand-in for the outside world: Tardis' metadata and files, Binance's candles, a GCS bucket.
//!
//! Everything is made from a seed: the instruments of an exchange follow from the calendar, a market's day from
//! its exchange, symbol and day. [`Sim`] serves it on loopback ports, with faults where a scenario asks for them;
//! [`csv`] and its neighbours give the same bytes without HTTP. Start reading with [`Sim::start`], then `front`
//! for what a request goes through, `files` for what is served, `market` for how it comes about.
//!
//! Not for product code: nothing but tests, benchmarks, the demonstration and `mtdh sim` may use it.

mod api;
mod binance;
mod config;
mod control;
mod damage;
mod datasets;
mod decimal;
mod fault;
mod file_cache;
mod files;
mod front;
mod gcs;
mod json_edit;
mod key_use;
mod keys;
mod large;
mod market;
mod maths;
mod prices;
mod range;
mod request_log;
mod rng;
mod sim;
mod times;
mod truth;
mod universe;
mod wire;
mod world;

use std::sync::{Mutex, MutexGuard, PoisonError};

pub use config::*;
pub use fault::*;
pub use json_edit::JsonEdit;
pub use keys::{EXPIRED_KEY, FULL_KEY, LIMITED_KEY};
pub use large::write_large;
pub use request_log::{Request, authorization_hash};
pub use sim::Sim;
pub use truth::{csv, csv_gz, exchange_details, exchange_instruments};

/// Locks; a panic of another holder is that one's failure, not ours.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
