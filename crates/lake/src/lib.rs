//! Where data rests: paths, Parquet, listing; on disk, GCS or S3.
//!
//! Not for getting data: it knows no vendor. Start with [`store::Lake`]; [`layout`] says which object holds what,
//! [`write::PartitionWriter`] makes partitions, [`read`] reads slices of them.

mod again;
pub mod candles;
mod chunk;
pub mod error;
mod file_writer;
mod identity;
pub mod instrument_table;
pub mod layout;
mod local;
mod lock;
mod open;
pub mod parquet_file;
pub mod plan_table;
mod probe;
pub mod read;
mod reader;
pub mod reports;
mod seal;
mod small_table;
pub mod stage;
pub mod store;
mod thrift;
mod upload;
pub mod write;

pub use error::LakeError;
pub use object_store::path::Path as LakePath;
pub use open::LakeOptions;
pub use parquet::errors::ParquetError;
pub use seal::Sealed;
pub use stage::{Stage, remove_workplaces};
pub use store::{Entry, Existing, Lake};
