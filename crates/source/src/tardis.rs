//! Tardis.dev, the vendor: its files and its metadata.

pub mod csv;
pub mod datasets;
pub mod instruments;
pub mod machine;
pub mod metadata;
pub mod slices;
pub mod vendor_file;
