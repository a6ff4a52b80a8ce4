//! The storage layer: paths, Parquet, listing; on disk, GCS or S3.
//!
//! Does not fetch data and knows no vendor. Start with [`store::Lake`]; [`layout`] maps objects to paths,
//! [`write::PartitionWriter`] makes partitions, [`read`] reads slices of them.

#![deny(missing_docs)]

mod answers;
pub mod briefs;
pub mod candles;
pub mod certificates;
mod encode;
pub mod error;
mod file_writer;
pub mod followed;
pub mod hive;
pub mod iceberg;
mod identity;
pub mod inventory;
mod kept;
mod known;
pub mod layout;
pub mod live;
mod local;
mod lock;
mod mark;
mod object;
mod objects;
mod open;
pub mod parquet_file;
mod probe;
pub mod read;
mod reader;
pub mod rekey;
mod retry;
mod run_objects;
mod seal;
pub mod spread;
pub mod stage;
pub mod store;
pub mod tables;
mod thrift;
mod upload;
mod want;
pub mod write;
mod write_back;

pub use error::LakeError;
pub use layout::Layout;
pub use mark::Mark;
pub use object::{Entry, WriteMode};
pub use object_store::path::Path as LakePath;
pub use open::LakeOptions;
pub use parquet::errors::ParquetError;
pub use run_objects::RunRecordKind;
pub use seal::Sealed;
pub use stage::{StagedObject, remove_staging_dirs};
pub use store::Lake;
pub use write_back::WriteBack;
