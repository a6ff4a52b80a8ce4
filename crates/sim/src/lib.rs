//! A stand-in for the outside world: Tardis' metadata and files, Binance's candles, a GCS bucket.
//!
//! Everything is made from a seed: the instruments of an exchange follow from the calendar, a market's day from
//! its exchange, symbol and day. [`Sim`] serves it on loopback ports, with faults where a scenario asks for them;
//! [`csv`] and its neighbours give the same bytes without HTTP. Start reading with [`Sim::start`], then `front`
//! for what a request goes through, `files` for what is served, `market` for how it comes about.
//!
//! Not for product code: nothing but tests, benchmarks, the demonstration and `mtdh sim` may use it.

mod config;
mod exchange;
mod gcs;
mod generate;
mod json_edit;
mod server;
mod sim;
mod tardis;

use std::sync::{Mutex, MutexGuard, PoisonError};

pub use config::*;
pub use generate::large::write_large;
pub use generate::truth::{csv, csv_gz, exchange_details, exchange_instruments};
pub use json_edit::JsonEdit;
pub use server::fault::*;
pub use server::request_log::{Request, authorization_hash};
pub use sim::Sim;
pub use tardis::keys::{EXPIRED_KEY, FULL_KEY, LIMITED_KEY};

/// Locks; a panic of another holder is that one's failure, not ours.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
