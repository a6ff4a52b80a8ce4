//! Downloading: from a selection to objects in the lake. Plan, fetch, convert, publish.

pub mod account;
pub mod coverage;
pub mod error;
mod failure;
pub(crate) mod grouped;
pub mod ingest;
pub mod partition;
pub mod plan;
pub(crate) mod quiet;
mod replaced;
pub(crate) mod row_counts;
pub mod size;
pub mod slots;
mod superseded;
