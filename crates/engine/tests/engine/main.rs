//! The checks over files that the stand-in vendor makes, with faults planted in them, and over recorded data.

// Helpers of tests are tests too, which clippy does not see.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

mod corpus;
mod market;
mod recorded;
mod reports;
