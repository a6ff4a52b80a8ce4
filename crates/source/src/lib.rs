//! Where data comes from: the vendor's files become record batches, its metadata becomes instruments.
//!
//! Not for keeping anything: that is the lake. Start with [`datasets::Archive`] for files, [`decode::Decoder`] for
//! what is in them, [`metadata::Metadata`] and [`catalog`] for instruments. [`klines`] are an exchange's own.

pub mod exchange;
pub mod gunzip;
pub mod http;
pub(crate) mod row_builder;
pub mod spool;
pub mod tardis;

pub use reqwest::Url;
pub use secrecy::SecretString;
