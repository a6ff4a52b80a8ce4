//! Sends a response: at once, slowly, or only in part.

use std::io;
use std::time::Duration;

use axum::body::Body as HttpBody;
use axum::http::header::CONTENT_LENGTH;
use axum::response::Response;
use bytes::Bytes;
use futures::stream::{self, Stream, StreamExt};
use tokio::sync::watch;

use super::response::{Body, HttpResponse, Pace};
use crate::server::request_log::InFlight;
use crate::server::wire::wait_until_stopped;
use crate::server::world::World;

const CHUNK_BYTES: usize = 64 << 10;
/// Pieces of a throttled body per second.
const CHUNKS_PER_SECOND: u64 = 20;

/// Converts a response to HTTP. The request counts as in flight until the last byte is sent.
pub(super) fn send(response: HttpResponse, world: &World, in_flight: InFlight) -> Response {
    let HttpResponse { status, mut headers, body, is_chunked, pace, .. } = response;
    let http_body = match body {
        Body::Pieces(pieces) => HttpBody::from_stream(received_pieces(pieces, in_flight)),
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
        Pace::Usual => return HttpBody::from_stream(pieces(bytes, CHUNK_BYTES, in_flight)),
        Pace::Cut(after) | Pace::Stall(after) => {
            (CHUNK_BYTES, bytes.slice(..bytes.len().min(after as usize)))
        }
        Pace::Drip(per_second) => ((per_second / CHUNKS_PER_SECOND).max(1) as usize, bytes),
    };
    let pause = Duration::from_secs(1) / CHUNKS_PER_SECOND as u32;
    let sent = pieces(rest, piece_bytes, in_flight).then(move |piece| async move {
        if matches!(pace, Pace::Drip(_)) {
            tokio::time::sleep(pause).await;
        }
        piece
    });
    match pace {
        Pace::Cut(_) => HttpBody::from_stream(sent.chain(stream::once(abort_connection()))),
        Pace::Stall(_) => HttpBody::from_stream(sent.chain(stream::once(hang_until_stopped(stopped)))),
        Pace::Usual | Pace::Drip(_) => HttpBody::from_stream(sent),
    }
}

/// Splits a body into pieces. The request is in flight until the last one is sent.
fn pieces(bytes: Bytes, piece_bytes: usize, in_flight: InFlight) -> impl Stream<Item = io::Result<Bytes>> {
    stream::unfold((bytes, in_flight), move |(mut rest, in_flight)| async move {
        if rest.is_empty() {
            return None;
        }
        let piece = rest.split_to(piece_bytes.min(rest.len()));
        Some((Ok(piece), (rest, in_flight)))
    })
}

fn received_pieces(
    pieces: tokio::sync::mpsc::Receiver<Bytes>,
    in_flight: InFlight,
) -> impl Stream<Item = io::Result<Bytes>> {
    stream::unfold((pieces, in_flight), |(mut pieces, in_flight)| async move {
        let piece = pieces.recv().await?;
        Some((Ok(piece), (pieces, in_flight)))
    })
}

/// Aborts the connection after the bytes before have been sent.
async fn abort_connection() -> io::Result<Bytes> {
    tokio::time::sleep(Duration::from_millis(5)).await;
    Err(io::ErrorKind::ConnectionAborted.into())
}

/// Sends nothing more, and aborts the connection when the simulator stops.
async fn hang_until_stopped(stopped: watch::Receiver<bool>) -> io::Result<Bytes> {
    wait_until_stopped(stopped).await;
    Err(io::ErrorKind::ConnectionAborted.into())
}
