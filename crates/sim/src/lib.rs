//! A deterministic simulator of the services that `mtdh` talks to: Tardis' metadata API and dataset files, Binance's
//! klines, and a GCS bucket.
//!
//! All data is generated from a seed. The instruments of an exchange follow from the calendar; a market's day follows
//! from its exchange, symbol and date. [`Sim`] serves the data on loopback ports and injects faults where a scenario
//! requests them. [`csv`], [`csv_gz`], [`exchange_details`] and [`exchange_instruments`] return the same data without
//! HTTP.
//!
//! Not for product code: only tests, benchmarks, the demo and `mtdh sim` may use this crate.
//!
//! # Where to start
//!
//! | module | contents |
//! |---|---|
//! | `sim` | [`Sim`]: creates the servers and connects each to its listener |
//! | `server` | what all servers share: front, faults, request log, control API; it knows no server |
//! | `tardis`, `exchange`, `gcs` | the servers; each owns its state and implements `server::handler::Handler` |
//! | `generate` | the data: instruments, markets, CSV files |
//! | `truth` | the data without HTTP |
//!
//! A new server is a `Handler` and one more `Door` in `sim`. Imports between modules form no cycles.

#![deny(missing_docs)]

mod config;
mod exchange;
mod gcs;
mod generate;
mod hex;
mod json_edit;
mod server;
mod sim;
pub mod sockets;
mod sync;
mod tardis;
mod truth;

pub use config::{
    Budget, Config, ContractsSince, EmptyFile, Options, RangeMode, Redirect, Size, Unexported, Validators,
};
pub use generate::large::write_large;
pub use json_edit::JsonEdit;
pub use server::fault::{
    Attempts, ColumnChange, ErrorBody, Fault, FaultKind, Host, Md5Header, RetryAfter, SaidLength, TrailerPart,
};
pub use server::request_log::{Request, authorization_hash};
pub use sim::Sim;
pub use tardis::keys::{EXPIRED_KEY, FULL_KEY, LIMITED_KEY};
pub use truth::{csv, csv_gz, exchange_details, exchange_instruments};
