//! The REST API: one table of endpoints, and their handlers.

mod arrow;
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
mod instruments;
pub(crate) mod parameters;
pub(crate) mod rows;
mod runs;
pub(crate) mod scrub;
mod slices;
pub(crate) mod status;

use axum::Router;
use axum::body::Bytes;
use axum::extract::RawPathParams;
use axum::http::{HeaderMap, Method as HttpMethod, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodFilter, MethodRouter, on};
use futures::future::BoxFuture;

use crate::problem::Problem;
use crate::state::Shared;
use endpoints::{ENDPOINTS, Endpoint, Method};
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

/// The routes of the table.
pub fn router(state: &Shared) -> Router {
    let mut router = Router::new();
    for endpoint in ENDPOINTS {
        router = router.route(endpoint.path, route(endpoint, state.clone()));
    }
    router
}

fn route(endpoint: &'static Endpoint, state: Shared) -> MethodRouter {
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
            (endpoint.handler)(Ask { state, given, headers, method, uri, body }).await
        };
        let asked: Answered = asked.await;
        compression::packed(asked.unwrap_or_else(IntoResponse::into_response), &accepted).await
    };
    on(filter, handler)
}
