//! What every run has, whatever it does: a summary, progress, a lease on its part of the work, a budget.

pub mod budget;
pub mod lease;
pub mod progress;
pub mod summary;
