//! The replay of ticks in the form of tardis-machine: its messages over HTTP and WebSockets, made of the rows of the lake.
//!
//! The parameter is read by [`options`], whose dates have a rule of their own ([`dates`]). [`names`] finds the instruments and
//! [`plan`] the objects, all before the answer begins. [`merge`] brings their rows in order of arrival, and [`session`] makes the
//! messages. [`stream`] has the same messages of what is recorded now.

mod bars;
mod dates;
mod error;
mod feed;
mod http;
mod kind;
mod merge;
mod names;
mod options;
mod plan;
mod rows;
mod session;
mod snapshots;
mod stream;
mod text;
mod written;
mod ws;

use std::net::SocketAddr;

use axum::Router;
use axum::routing::any;
use tokio::net::TcpListener;

use crate::api;
use crate::api::parameters::Given;
use crate::server;
use crate::state::{Shared, now_us};
use error::ReplayError;
pub use http::replay as over_http;
use plan::Plan;
pub use session::Named;
pub use stream::stream as live_over_socket;
pub use written::RowMessages;
pub use ws::replay as over_socket;

/// The path of a replay over HTTP.
pub const PATH: &str = "/replay-normalized";
/// The path of one over a WebSocket.
pub const WS_PATH: &str = "/ws-replay-normalized";

/// The path of a live stream in the same form.
pub const STREAM_PATH: &str = "/ws-stream-normalized";

/// Listens on the port beside the server's own, where tardis-machine has its WebSockets. `None`, with a warning: somebody else does.
pub async fn listen_beside(address: SocketAddr) -> Option<TcpListener> {
    let beside = SocketAddr::new(address.ip(), address.port().checked_add(1)?);
    match server::listen(beside).await {
        Ok((listener, _)) => Some(listener),
        Err(error) => {
            tracing::warn!(
                %error,
                "port {} is taken: clients of tardis-machine, which has its WebSockets there, must use {}",
                beside.port(),
                address.port()
            );
            None
        }
    }
}

/// The routes of that port: the table's WebSockets only.
pub fn router_beside(state: &Shared) -> Router {
    let nothing_else = || any(api::no_socket);
    api::sockets(state).route("/", nothing_else()).route("/{*path}", nothing_else())
}

/// Plans the replay that the parameter `options` asks for.
async fn planned(state: &Shared, given: &Given) -> Result<Plan, ReplayError> {
    // The table says that it is required.
    let replays = options::parse(given.text("options").unwrap_or_default(), now_us())?;
    plan::plan(&state.context, &replays, state.options.limits.bytes).await
}
