//! What every server here shares: the wire, faults, the log of requests.

pub(crate) mod control;
pub(crate) mod damage;
pub(crate) mod fault;
pub(crate) mod file_cache;
pub(crate) mod front;
pub(crate) mod range;
pub(crate) mod request_log;
pub(crate) mod wire;
pub(crate) mod world;
