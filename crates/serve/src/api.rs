//! The REST API: one table of endpoints, and their handlers.

pub(crate) mod body;
pub mod endpoints;
pub(crate) mod parameters;
mod status;

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
        asked.unwrap_or_else(IntoResponse::into_response)
    };
    on(filter, handler)
}
