//! The replay of ticks in the form of tardis-machine: its messages over HTTP and WebSockets, made of the rows of the lake.
//!
//! The parameter is read by [`options`], whose dates have a rule of their own ([`dates`]). [`names`] finds the instruments and
//! [`plan`] the objects, all before the answer begins. [`merge`] brings their rows in order of arrival, and [`session`] makes the
//! messages.

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
mod text;
mod ws;

use std::net::SocketAddr;

use axum::Router;
use axum::routing::{any, get};
use tokio::net::TcpListener;

use crate::server;
use crate::state::{Shared, now_us};
use error::ReplayError;
use plan::Plan;

/// The path of a replay over HTTP.
const PATH: &str = "/replay-normalized";
/// The path of one over a WebSocket.
const WS_PATH: &str = "/ws-replay-normalized";

/// Its routes.
pub fn router(state: &Shared) -> Router {
    Router::new().route(PATH, get(http::replay)).route(WS_PATH, get(ws::replay)).with_state(state.clone())
}

/// Listens on the port beside the server's own, where tardis-machine has its WebSockets. `None`, with a warning: somebody else does.
pub async fn listen_beside(address: SocketAddr) -> Option<TcpListener> {
    let beside = SocketAddr::new(address.ip(), address.port().checked_add(1)?);
    match server::listen(beside).await {
        Ok(listener) => Some(listener),
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

/// Its routes: WebSockets only.
pub fn router_beside(state: &Shared) -> Router {
    let nothing_else = || any(ws::only_here);
    let routes = Router::new().route(WS_PATH, get(ws::replay));
    routes.route("/", nothing_else()).route("/{*path}", nothing_else()).with_state(state.clone())
}

/// Reads the parameter `options` of a query and plans the replay.
async fn planned(state: &Shared, query: Option<&str>) -> Result<Plan, ReplayError> {
    let options = parameter(query.unwrap_or_default())?;
    let replays = options::parse(&options, now_us())?;
    plan::plan(&state.context, &replays, state.options.limits.bytes).await
}

/// The parameter `options` of a query.
fn parameter(query: &str) -> Result<String, ReplayError> {
    let mut found = None;
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        if name != "options" {
            let name: String = name.chars().take(60).collect();
            return Err(ReplayError::Invalid(format!("there is no parameter `{name}`; there is options")));
        }
        let spaced = value.replace('+', " ");
        let text = percent_encoding::percent_decode_str(&spaced).decode_utf8();
        let text = text
            .map_err(|_| ReplayError::Invalid("options is not UTF-8 behind its percent signs".to_owned()))?;
        if found.replace(text.into_owned()).is_some() {
            return Err(ReplayError::Invalid(
                "options is given twice; several objects make an array".to_owned(),
            ));
        }
    }
    found.ok_or_else(|| {
        ReplayError::Invalid(
            "the parameter options is missing, such as options={\"exchange\":\"bitmex\",\"symbols\":[\"XBTUSD\"],\
             \"from\":\"2024-03-01\",\"to\":\"2024-03-02\",\"dataTypes\":[\"trade\"]}"
                .to_owned(),
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parameter_is_found_and_decoded() {
        for (query, expected) in [
            ("options={}", Ok("{}")),
            ("options=%7B%22a%22%3A1%7D", Ok("{\"a\":1}")),
            ("options=a+b%2Bc", Ok("a b+c")),
            ("", Err("the parameter options is missing")),
            ("other=1", Err("there is no parameter `other`")),
            ("options=1&options=2", Err("given twice")),
            ("options=%ff", Err("not UTF-8")),
        ] {
            let found = parameter(query).map_err(|error| error.to_string());
            match expected {
                Ok(text) => assert_eq!(found.as_deref(), Ok(text)),
                Err(words) => assert!(found.unwrap_err().contains(words), "{query}"),
            }
        }
    }
}
