//! The one table of endpoints, the router that is made of it, and the handlers of the REST API.

mod accepts;
pub(crate) mod body;
pub(crate) mod book;
mod candles;
pub(crate) mod compression;
mod coverage;
pub mod documents;
pub mod endpoints;
mod files;
mod findings;
pub(crate) mod forms;
pub(crate) mod handed;
mod instruments;
mod lists;
pub(crate) mod parameters;
pub(crate) mod rows;
mod runs;
pub(crate) mod scrub;
mod slices;
pub(crate) mod status;

use axum::Router;
use axum::body::Bytes;
use axum::extract::RawPathParams;
use axum::extract::ws::WebSocketUpgrade;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::http::{HeaderMap, HeaderValue, Method as HttpMethod, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodFilter, MethodRouter, get, on};
use futures::future::BoxFuture;

use crate::page::Routes;
use crate::problem::Problem;
use crate::state::Shared;
use endpoints::{ENDPOINTS, Endpoint, Group, Method, Served};
use parameters::Given;

/// What a handler answers to.
pub struct Ask {
    /// The state.
    pub state: Shared,
    /// The parameters, of path and query; all are of the endpoint's table and within its bounds.
    pub given: Given,
    /// The headers.
    pub headers: HeaderMap,
    /// The method as it came: GET or HEAD where the endpoint says GET.
    pub method: HttpMethod,
    /// The address that was asked for.
    pub uri: Uri,
    /// The body of a POST.
    pub body: Bytes,
}

impl Ask {
    /// The address of the next page: the same question with another cursor.
    pub(crate) fn next(&self, cursor: &str) -> String {
        let query = self.uri.query().unwrap_or_default().split('&');
        let mut query: Vec<&str> =
            query.filter(|pair| !pair.is_empty() && !pair.starts_with("cursor=")).collect();
        let cursor: String =
            percent_encoding::utf8_percent_encode(cursor, percent_encoding::NON_ALPHANUMERIC).to_string();
        let cursor = format!("cursor={cursor}");
        query.push(&cursor);
        format!("{}?{}", self.uri.path(), query.join("&"))
    }
}

/// The answer of a handler.
pub type Answered = Result<Response, Problem>;

/// What answers.
pub type Handler = fn(Ask) -> BoxFuture<'static, Answered>;

/// What opens a WebSocket.
pub struct Opening {
    /// The state.
    pub(crate) state: Shared,
    /// The parameters, or what is wrong with them: a client of a WebSocket reads no answer, but the frame that closes it.
    pub(crate) given: Result<Given, Problem>,
    /// The request to speak WebSocket.
    pub(crate) upgrade: WebSocketUpgrade,
}

/// What answers on a WebSocket.
pub type SocketHandler = fn(Opening) -> Response;

/// The routes of the table. Those of the page are taken from it; one that is not in the table is not served.
pub fn router(state: &Shared, mut pages: Routes) -> Router {
    let mut router = Router::new();
    for endpoint in ENDPOINTS {
        let route = match endpoint.served {
            Served::By(handler) => Some(route(endpoint, handler, state.clone())),
            Served::BySocket(handler) => Some(socket_route(endpoint, handler, state.clone())),
            // One route has all methods of its path.
            Served::ByPage => pages.take(endpoint.path),
        };
        if let Some(route) = route {
            router = router.route(endpoint.path, route);
        }
    }
    router
}

/// The WebSockets of the table alone.
pub fn sockets(state: &Shared) -> Router {
    let mut router = Router::new();
    for endpoint in ENDPOINTS {
        if let Served::BySocket(handler) = endpoint.served {
            router = router.route(endpoint.path, socket_route(endpoint, handler, state.clone()));
        }
    }
    router
}

fn route(endpoint: &'static Endpoint, handler: Handler, state: Shared) -> MethodRouter {
    let filter = match endpoint.method {
        Method::Get => MethodFilter::GET,
        Method::Post => MethodFilter::POST,
    };
    let handler = move |path: Result<RawPathParams, axum::extract::rejection::RawPathParamsRejection>,
                        method: HttpMethod,
                        headers: HeaderMap,
                        uri: Uri,
                        body: Result<Bytes, axum::extract::rejection::BytesRejection>| async move {
        let accepted = headers.clone();
        let asked = async {
            let path = path.map_err(|_| {
                Problem::new(
                    StatusCode::BAD_REQUEST,
                    "wrong-path",
                    "the path is not UTF-8 behind its percent signs",
                )
            })?;
            let body = body.map_err(|_| {
                Problem::new(
                    StatusCode::PAYLOAD_TOO_LARGE,
                    "long-body",
                    "the body cannot be read or is too long",
                )
            })?;
            let given = Given::read(endpoint, path.iter(), uri.query().unwrap_or_default())?;
            handler(Ask { state, given, headers, method, uri, body }).await
        };
        let asked: Answered = asked.await;
        let answer = asked.map_err(|problem| for_group(endpoint.group, problem));
        compression::packed(answer.unwrap_or_else(IntoResponse::into_response), &accepted).await
    };
    on(filter, handler)
}

/// Clients of tardis-machine look for `message`, all others for `detail`.
fn for_group(group: Group, problem: Problem) -> Problem {
    let message = problem.detail.clone();
    if group == Group::Replay { problem.with("message", message) } else { problem }
}

fn socket_route(endpoint: &'static Endpoint, handler: SocketHandler, state: Shared) -> MethodRouter {
    get(move |upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>, uri: Uri| async move {
        let Ok(upgrade) = upgrade else { return no_socket().await };
        let given = Given::read(endpoint, std::iter::empty(), uri.query().unwrap_or_default());
        handler(Opening { state, given, upgrade })
    })
}

/// That a path takes WebSockets only.
pub(crate) async fn no_socket() -> Response {
    let sockets = ENDPOINTS.iter().filter(|endpoint| matches!(endpoint.served, Served::BySocket(_)));
    let paths: Vec<&str> = sockets.map(|endpoint| endpoint.path).collect();
    let detail = format!("this is for WebSockets, at {}", paths.join(", "));
    let mut response = Problem::new(StatusCode::UPGRADE_REQUIRED, "upgrade-required", detail).into_response();
    response.headers_mut().insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    response
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use mtdh_engine::{Config, Context};

    use super::*;
    use crate::{Options, State, page};

    #[test]
    fn every_route_of_the_page_is_in_the_table_and_the_other_way_round() {
        let folder = tempfile::tempdir().unwrap();
        let lake = folder.path().display().to_string();
        let context = Context::open(&Config { lake, ..Config::default() }).unwrap();
        let address = "127.0.0.1:1".parse().unwrap();
        let state = State::new(context, Options::default(), address, Default::default());
        let mut pages = page::routes(&state);
        let of_page = ENDPOINTS.iter().filter(|endpoint| matches!(endpoint.served, Served::ByPage));
        for path in of_page.map(|endpoint| endpoint.path).collect::<BTreeSet<_>>() {
            assert!(pages.take(path).is_some(), "{path} is in the table, and the page has no such route");
        }
        assert!(pages.paths().is_empty(), "not in the table, and therefore not served: {:?}", pages.paths());
    }
}
