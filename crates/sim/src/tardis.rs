//! Tardis: its metadata API and its files.

pub(crate) mod api;
pub(crate) mod datasets;
pub(crate) mod key_use;
pub(crate) mod keys;
