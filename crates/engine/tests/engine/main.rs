//! The checks over files that the stand-in vendor makes, with faults planted in them, and over recorded data.

#![allow(clippy::unwrap_used, reason = "a test that cannot set its stage has failed")]

mod corpus;
mod market;
mod recorded;
