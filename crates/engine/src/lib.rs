//! The use cases: what is done with vendor files and a lake.
//!
//! Prints nothing; that is the front end's task. Start with [`Context`], which has a method for each use case. [`files`]
//! works on a user's own files, [`live`] on rows and candles as they arrive.

#![deny(missing_docs)]

pub mod candles;
pub mod certify;
pub mod check;
pub mod context;
pub mod doctor;
pub mod download;
pub mod error;
pub mod expectation;
pub mod export;
pub mod files;
pub mod fleet;
pub mod hive;
pub mod iceberg;
pub mod instruments;
pub mod judgement;
pub mod listing;
pub mod live;
pub mod names;
pub mod query;
pub mod rekey;
pub mod removal;
pub mod report;
pub mod runs;
pub mod schema;
pub mod selection;
pub mod slice;
pub mod sql;
pub mod sync;
pub mod validate;
pub mod venues;
pub mod want;
pub mod why;

pub use context::{
    CandlePlanOptions, CandleRunOptions, CertifyBy, CheckOptions, Config, Context, DownloadOptions, Evidence,
    LakeCheck, PlanOptions, Planned, Proved, StoredObject, ValidateOptions, Validation, Views, Work,
    WorkOptions, check_user_candles, check_user_files, compare_user_files, read_user_candles,
};
pub use error::{EngineError, FileError};
pub use mtdh_core::error::{ErrorKind, chain};
pub use mtdh_core::key::InstrumentKey;
pub use mtdh_core::partition::{Partition, Shard, Status};
pub use mtdh_core::{DataType, Day, DayRange};
pub use mtdh_lake::{Lake, LakeError, LakeOptions, remove_staging_dirs};
pub use mtdh_source::http::HttpError;
pub use mtdh_source::http::rate_limit::Budget;
pub use mtdh_source::http::retry::RetryPolicy;
pub use mtdh_source::tardis::metadata::MetadataError;
pub use mtdh_source::{INFLATER, SecretString};
pub use selection::{Filter, Selection};
