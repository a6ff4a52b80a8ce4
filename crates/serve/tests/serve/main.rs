//! The server over real sockets, on a small lake made by the simulator.

// Helpers of tests are tests too, which clippy does not see.
#![allow(clippy::unwrap_used)]

mod answers;
mod coverage;
mod documents;
mod failures;
mod findings;
mod lake;
mod live;
mod recorder;
mod replay;
mod rules;
mod socket;
mod stops;
mod support;
