//! Data sources: converts the vendor's files to record batches and its metadata to instruments.
//!
//! Storing data is the job of the lake. Start with [`tardis::datasets::Archive`] for files, [`tardis::csv`] for their rows,
//! [`tardis::metadata::Metadata`] and [`tardis::instruments`] for instruments. [`exchange`] has the exchanges' own candles.
#![deny(missing_docs)]

pub mod exchange;
pub mod gunzip;
pub mod http;
pub mod live;
pub mod row_builder;
pub mod spool;
pub mod tardis;

pub use reqwest::Url;
pub use secrecy::SecretString;

/// The library that inflates vendor files, by name.
pub const INFLATER: &str = mtdh_inflate::Library::USED.name();
