//! Tardis: its files, its metadata, and how both are read.

pub mod csv;
pub mod datasets;
pub mod instruments;
pub mod metadata;
pub mod vendor_file;
