//! Common to all runs: a summary, progress, a lease on a part of the work, a budget; and the list of them.

pub mod budget;
pub mod lease;
pub mod list;
pub mod phase;
pub mod progress;
pub mod summary;
