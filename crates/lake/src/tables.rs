//! Tables of the lake that are read and written whole: instruments, reports, plans.

pub(crate) mod columns;
pub(crate) mod identities;
pub mod instruments;
pub mod plan;
pub mod reports;
