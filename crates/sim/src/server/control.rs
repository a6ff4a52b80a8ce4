//! The control API: other processes change faults and options and read the request log while the simulator runs.
//!
//! It has a port of its own. Its requests are not logged, and no fault applies to them.
//!
//! | request | effect |
//! |---|---|
//! | `PUT /faults` | replaces all faults with the list in the body; attempts are counted from 1 again |
//! | `PUT /options` | replaces the options, see [`Options`] |
//! | `GET /requests` | lists host, method, URL, status, attempt, bytes and time (`at_ms`, since the start) of each request so far |
//! | `DELETE /requests` | clears that list |
//! | `GET /unfinished/{bucket}` | number of uploads that were begun and neither completed nor aborted |

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use serde_json::{Value, json};

use crate::config::Options;
use crate::server::fault::Fault;
use crate::server::request_log::Request;
use crate::server::wire::Listener;

const MAX_BODY_BYTES: usize = 16 << 20;

/// What the control API can do with a running simulator.
pub(crate) trait Control: Send + Sync + 'static {
    /// Replaces all faults.
    fn set_faults(&self, faults: Vec<Fault>);

    /// Replaces the options.
    fn set_options(&self, options: Options);

    /// Returns all requests so far.
    fn requests(&self) -> Vec<Request>;

    /// Clears the request log and the usage of all API keys.
    fn clear_requests(&self);

    /// Counts a bucket's uploads that were begun and neither completed nor aborted.
    fn unfinished_uploads(&self, bucket: &str) -> usize;
}

/// Serves the control API until the simulator stops.
pub(crate) async fn serve(control: Arc<dyn Control>, listener: Listener) {
    let router = Router::new().fallback(handle).with_state(control);
    if let Err(error) = axum::serve(listener, router).await {
        tracing::error!(%error, "the control of the simulated world ended");
    }
}

async fn handle(State(control): State<Arc<dyn Control>>, request: axum::extract::Request) -> Response {
    let (parts, body) = request.into_parts();
    let Ok(body) = axum::body::to_bytes(body, MAX_BODY_BYTES).await else {
        return (StatusCode::BAD_REQUEST, "unreadable body").into_response();
    };
    match execute(&*control, &parts.method, parts.uri.path(), &body) {
        Ok(Some(result)) => result.to_string().into_response(),
        Ok(None) => (StatusCode::NOT_FOUND, "there is no such control").into_response(),
        Err(error) => (StatusCode::BAD_REQUEST, error.to_string()).into_response(),
    }
}

/// Executes a request. `None`: no such endpoint.
fn execute(
    control: &dyn Control,
    method: &Method,
    path: &str,
    body: &Bytes,
) -> Result<Option<Value>, serde_json::Error> {
    match (method.as_str(), path) {
        ("PUT", "/faults") => control.set_faults(serde_json::from_slice(body)?),
        ("PUT", "/options") => control.set_options(serde_json::from_slice(body)?),
        ("GET", "/requests") => return Ok(Some(control.requests().into_iter().map(request_json).collect())),
        ("DELETE", "/requests") => control.clear_requests(),
        ("GET", path) => {
            let bucket = path.strip_prefix("/unfinished/");
            return Ok(bucket.map(|bucket| control.unfinished_uploads(bucket).into()));
        }
        _ => return Ok(None),
    }
    Ok(Some(Value::Null))
}

fn request_json(request: Request) -> Value {
    json!({
        "host": request.host, "method": request.method, "url": request.url, "status": request.status,
        "attempt": request.attempt, "bytes": request.bytes, "at_ms": request.at.as_millis() as u64,
    })
}
