//! The verbs: what is done with vendor files and a lake.
//!
//! Not for talking to people: nothing here prints. Start with [`instruments`], [`plan`], [`ingest`] and [`validate`],
//! the way of the main job; [`candles`] makes candles, [`query`] reads the lake, [`convert_file`] a user's own file.

pub mod account;
pub mod candles;
pub mod check;
pub mod connection;
pub mod convert;
pub mod convert_file;
pub mod error;
pub mod expectation;
pub mod export;
pub mod fleet;
mod followed;
mod group;
pub mod hands;
pub mod ingest;
pub mod instruments;
pub mod names;
pub mod plan;
pub mod presence;
pub mod progress;
pub mod proof;
pub mod query;
mod quiet;
pub mod recheck;
mod row_counts;
pub mod run;
pub mod selection;
pub mod stream;
pub mod unfinished;
pub mod validate;
pub mod verdict;

pub use connection::{Addresses, Connection};
pub use error::{EngineError, FileError};
pub use mtdh_core::error::{ErrorKind, chain};
pub use mtdh_lake::{Lake, LakeError, LakeOptions, remove_workplaces};
pub use mtdh_source::SecretString;
pub use mtdh_source::http::HttpError;
pub use mtdh_source::http::pace::Budget;
pub use mtdh_source::http::retry::RetryPolicy;
pub use mtdh_source::metadata::MetadataError;
pub use selection::Selection;
