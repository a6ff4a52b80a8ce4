//! The exchanges' own WebSockets and REST on a loopback port: what a client of the venues meets, from the seeded market or from
//! recordings, with the venues' limits kept and faults planted.
//!
//! Nothing here is shared with the product's feeds. The form of what is sent is in `sockets/templates`, each line with the recording or
//! the document that it is from; the numbers of the limits are in `limits`, each with its citation.
//!
//! | module | contents |
//! |---|---|
//! | `server`, `venue`, `connection` | the port, a venue at work, one WebSocket |
//! | `protocol`, `venues` | what each venue understands and answers |
//! | `hub` | markets, streams, subscribers |
//! | `market`, `template` | values, and the forms that they are written in |
//! | `replay` | recorded traffic |
//! | `fault`, `inject`, `log` | what goes wrong, and what did |

mod clock;
mod config;
mod connection;
mod fault;
mod frame;
mod http;
mod hub;
mod inject;
mod limits;
mod log;
mod market;
mod protocol;
mod replay;
mod server;
mod template;
#[cfg(test)]
mod tests;
mod venue;
mod venues;

pub use config::{Pace, SocketConfig};
pub use fault::{SocketFault, SocketFaultKind};
pub use log::{Breach, Truth};
pub use server::Server;
pub use venues::{EXPERIMENTAL, VENUES};
