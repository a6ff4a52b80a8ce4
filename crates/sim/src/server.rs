//! What every simulated server shares: sockets, the front, faults, the request log, the control API.
//!
//! It knows no server: `sim` passes it the handlers.

pub(crate) mod control;
mod damage;
pub(crate) mod fault;
pub(crate) mod front;
pub(crate) mod handler;
pub(crate) mod range;
pub(crate) mod request_log;
pub(crate) mod wire;
pub(crate) mod world;
