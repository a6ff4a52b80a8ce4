//! A stand-in for the outside world: Tardis' metadata and files, Binance's candles, a GCS bucket.

mod config;
mod decimal;
mod fault;
mod files;
mod market;
mod maths;
mod prices;
mod rng;
mod times;
mod truth;
mod universe;

use std::sync::{Mutex, MutexGuard, PoisonError};

pub use config::*;
pub use fault::*;
pub use truth::{csv, csv_gz};

/// Locks; a panic of another holder is that one's failure, not ours.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
