//! Simulated Tardis servers: the metadata API, the dataset files, and the object store behind redirects.

pub(crate) mod api;
mod client_checks;
pub(crate) mod datasets;
pub(crate) mod key_use;
pub(crate) mod keys;
