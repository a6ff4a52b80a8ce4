//! The server over real sockets, on a small lake made by the simulator.

mod answers;
mod documents;
mod failures;
mod rules;
mod support;
