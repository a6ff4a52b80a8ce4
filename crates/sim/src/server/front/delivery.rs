//! Sending an answer: at once, slowly, or only in part.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body as HttpBody;
use axum::http::header::CONTENT_LENGTH;
use axum::response::Response;
use bytes::Bytes;
use futures::stream::{self, Stream, StreamExt};
use tokio::sync::watch;

use super::answer::{Answer, Body, Pace};
use crate::server::request_log::InFlight;
use crate::server::wire::ended;
use crate::server::world::World;

const PIECE_BYTES: usize = 64 << 10;
/// How often a slow body sends something.
const DRIPS_PER_SECOND: u64 = 20;

/// Turns an answer into HTTP. The request counts as in flight until the last byte is out.
pub(super) fn send(answer: Answer, world: &Arc<World>, in_flight: InFlight) -> Response {
    let Answer { status, mut headers, body, is_chunked, pace, .. } = answer;
    let http_body = match body {
        Body::Pieces(pieces) => HttpBody::from_stream(until_gone(pieces, in_flight)),
        Body::Whole(bytes) => {
            if !is_chunked && !headers.contains_key(CONTENT_LENGTH) {
                headers.insert(CONTENT_LENGTH, bytes.len().into());
            }
            whole(bytes, pace, world.stopped.subscribe(), in_flight)
        }
    };
    let mut response = Response::new(http_body);
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    response
}

fn whole(bytes: Bytes, pace: Pace, stopped: watch::Receiver<bool>, in_flight: InFlight) -> HttpBody {
    let (piece_bytes, rest) = match pace {
        Pace::Usual => return HttpBody::from_stream(pieces(bytes, PIECE_BYTES, in_flight)),
        Pace::Cut(after) | Pace::Stall(after) => {
            (PIECE_BYTES, bytes.slice(..bytes.len().min(after as usize)))
        }
        Pace::Drip(per_second) => ((per_second / DRIPS_PER_SECOND).max(1) as usize, bytes),
    };
    let pause = Duration::from_secs(1) / DRIPS_PER_SECOND as u32;
    let sent = pieces(rest, piece_bytes, in_flight).then(move |piece| async move {
        if matches!(pace, Pace::Drip(_)) {
            tokio::time::sleep(pause).await;
        }
        piece
    });
    match pace {
        Pace::Cut(_) => HttpBody::from_stream(sent.chain(stream::once(end_badly()))),
        Pace::Stall(_) => HttpBody::from_stream(sent.chain(stream::once(end_with_world(stopped)))),
        Pace::Usual | Pace::Drip(_) => HttpBody::from_stream(sent),
    }
}

/// A body in pieces; the request is in flight until the last one.
fn pieces(bytes: Bytes, piece_bytes: usize, in_flight: InFlight) -> impl Stream<Item = io::Result<Bytes>> {
    stream::unfold((bytes, in_flight), move |(mut rest, in_flight)| async move {
        if rest.is_empty() {
            return None;
        }
        let piece = rest.split_to(piece_bytes.min(rest.len()));
        Some((Ok(piece), (rest, in_flight)))
    })
}

fn until_gone(
    pieces: tokio::sync::mpsc::Receiver<Bytes>,
    in_flight: InFlight,
) -> impl Stream<Item = io::Result<Bytes>> {
    stream::unfold((pieces, in_flight), |(mut pieces, in_flight)| async move {
        let piece = pieces.recv().await?;
        Some((Ok(piece), (pieces, in_flight)))
    })
}

/// Ends the connection once what was sent before is out.
async fn end_badly() -> io::Result<Bytes> {
    tokio::time::sleep(Duration::from_millis(5)).await;
    Err(io::ErrorKind::ConnectionAborted.into())
}

/// Sends nothing until the world ends.
async fn end_with_world(stopped: watch::Receiver<bool>) -> io::Result<Bytes> {
    ended(stopped).await;
    Err(io::ErrorKind::ConnectionAborted.into())
}
