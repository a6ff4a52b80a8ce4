//! A replay over HTTP: a message a line, for as long as the client takes them.

use std::io;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderValue, header};
use axum::response::Response;
use bytes::Bytes;
use futures::future::BoxFuture;
use tokio::sync::mpsc;

use super::error::ReplayError;
use super::merge::{Part, start};
use super::planned;
use crate::api::{Answered, Ask};
use crate::state::Shared;

/// The type of tardis-machine.
const CONTENT_TYPE: HeaderValue = HeaderValue::from_static("application/x-json-stream");

/// Time for the line that says why an answer ends early to leave, before the connection is broken.
const LAST_LINE: Duration = Duration::from_millis(200);

/// Where an answer is.
enum Sending {
    Parts,
    /// The last line was sent; what follows is the break.
    Broken,
}

/// Answers with a replay.
pub fn replay(ask: Ask) -> BoxFuture<'static, Answered> {
    Box::pin(async move {
        let state = ask.state;
        let parts = start(state.clone(), planned(&state, &ask.given).await?);
        let begun = (parts, Sending::Parts, state);
        let body = Body::from_stream(futures::stream::unfold(Some(begun), |begun| async move {
            let (mut parts, sending, state) = begun?;
            next(&mut parts, sending, &state)
                .await
                .map(|(piece, sending)| (piece, sending.map(|sending| (parts, sending, state))))
        }));
        let mut response = Response::new(body);
        response.headers_mut().insert(header::CONTENT_TYPE, CONTENT_TYPE);
        response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        Ok(response)
    })
}

/// The next piece of an answer and what follows; `None`: the answer is whole.
async fn next(
    parts: &mut mpsc::Receiver<Part>,
    sending: Sending,
    state: &Shared,
) -> Option<(io::Result<Bytes>, Option<Sending>)> {
    if let Sending::Broken = sending {
        tokio::time::sleep(LAST_LINE).await;
        return Some((Err(io::Error::other("the replay ended early")), None));
    }
    let part = tokio::select! {
        part = parts.recv() => part,
        () = state.stop.cancelled() => Some(Part::Failed(ReplayError::Stopped)),
    };
    let error = match part {
        Some(Part::Lines(lines)) => return Some((Ok(lines), Some(Sending::Parts))),
        Some(Part::End) => return None,
        Some(Part::Failed(error)) => error,
        None => ReplayError::Died,
    };
    tracing::warn!(%error, "a replay ended early");
    state.counters.broken.fetch_add(1, Ordering::Relaxed);
    Some((Ok(error.line().into()), Some(Sending::Broken)))
}
