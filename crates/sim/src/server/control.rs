//! What other processes tell a running world, and ask of it. On a port of its own: nothing here is a request of the
//! simulated world, so none is counted and no fault befalls it.
//!
//! | request | what |
//! |---|---|
//! | `PUT /faults` | a list of faults replaces all; counting begins anew |
//! | `PUT /options` | the vendor's behaviour, as in [`Options`] |
//! | `GET /requests` | host, method, URL, status, attempt, bytes and moment (`at_ms`, from the start on) of each request so far |
//! | `DELETE /requests` | forgets them |
//! | `GET /unfinished/{bucket}` | how many uploads were begun and neither finished nor given up |

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use serde_json::{Value, json};

use crate::config::Options;
use crate::server::fault::Fault;
use crate::server::wire::Listener;
use crate::server::world::World;

const MOST_BODY_BYTES: usize = 16 << 20;

/// The service.
pub(crate) async fn serve(world: Arc<World>, listener: Listener) {
    let router = Router::new().fallback(handle).with_state(world);
    if let Err(error) = axum::serve(listener, router).await {
        tracing::error!(%error, "the control of the simulated world ended");
    }
}

async fn handle(State(world): State<Arc<World>>, request: axum::extract::Request) -> Response {
    let (parts, body) = request.into_parts();
    let Ok(body) = axum::body::to_bytes(body, MOST_BODY_BYTES).await else {
        return (StatusCode::BAD_REQUEST, "unreadable body").into_response();
    };
    match carry_out(&world, &parts.method, parts.uri.path(), &body) {
        Some(Ok(said)) => said.to_string().into_response(),
        Some(Err(error)) => (StatusCode::BAD_REQUEST, error.to_string()).into_response(),
        None => (StatusCode::NOT_FOUND, "there is no such control").into_response(),
    }
}

fn carry_out(
    world: &World,
    method: &Method,
    path: &str,
    body: &Bytes,
) -> Option<Result<Value, serde_json::Error>> {
    let done = |()| Value::Null;
    Some(match (method.as_str(), path) {
        ("PUT", "/faults") => {
            serde_json::from_slice::<Vec<Fault>>(body).map(|faults| world.set_faults(faults)).map(done)
        }
        ("PUT", "/options") => {
            serde_json::from_slice::<Options>(body).map(|options| world.set_options(options)).map(done)
        }
        ("GET", "/requests") => Ok(requests(world)),
        ("DELETE", "/requests") => {
            world.log.clear();
            world.key_use.clear();
            Ok(Value::Null)
        }
        ("GET", path) => Ok(world.buckets.unfinished(path.strip_prefix("/unfinished/")?).into()),
        _ => return None,
    })
}

fn requests(world: &World) -> Value {
    let request = |r: crate::server::request_log::Request| {
        json!({
            "host": r.host, "method": r.method, "url": r.url, "status": r.status, "attempt": r.attempt,
            "bytes": r.bytes, "at_ms": r.at.as_millis() as u64,
        })
    };
    world.log.entries().into_iter().map(request).collect()
}
