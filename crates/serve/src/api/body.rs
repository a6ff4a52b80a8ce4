//! Bodies: of requests, read before their turn; of answers, which hold their turn until they are sent.

use std::sync::atomic::Ordering;
use std::task::Poll;
use std::time::Duration;

use axum::body::{Body, HttpBody};
use axum::extract::Request;
use axum::http::{HeaderValue, StatusCode, Version, header};
use axum::response::Response;
use bytes::Bytes;
use futures::stream::{self, BoxStream};
use futures::{StreamExt, TryStreamExt};
use tokio::sync::OwnedSemaphorePermit;

use crate::problem::Problem;
use crate::slow::{Connection, Slow};

/// Bytes of a request's body.
const REQUEST_BYTES: usize = 1 << 20;

/// Time for a request's body.
const REQUEST_TIME: Duration = Duration::from_secs(20);

/// A document in memory of so many bytes is handed over at once and holds no turn; a longer one goes in such pieces.
const PIECE: usize = 64 << 10;

/// A request with all of its body.
///
/// # Errors
/// When it is too long, takes too long, or breaks off.
pub(crate) async fn whole(request: Request) -> Result<Request, Problem> {
    if request.body().is_end_stream() {
        return Ok(request);
    }
    let too_long = || {
        let detail = format!("a request's body has {REQUEST_BYTES} bytes at most");
        Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "long-body", detail)
    };
    if request.body().size_hint().lower() > REQUEST_BYTES as u64 {
        return Err(too_long());
    }
    let (parts, body) = request.into_parts();
    let mut pieces = body.into_data_stream();
    let read = async {
        let mut found = Vec::new();
        while let Some(piece) = pieces.try_next().await.map_err(|_| {
            Problem::new(StatusCode::BAD_REQUEST, "wrong-body", "the body cannot be read to its end")
        })? {
            found.extend_from_slice(&piece);
            if found.len() > REQUEST_BYTES {
                return Err(too_long());
            }
        }
        Ok(found)
    };
    let late = |_| {
        let detail = format!("the body did not come within {} seconds", REQUEST_TIME.as_secs());
        Problem::new(StatusCode::REQUEST_TIMEOUT, "slow-body", detail)
    };
    let found = tokio::time::timeout(REQUEST_TIME, read).await.map_err(late)??;
    Ok(Request::from_parts(parts, Body::from(found)))
}

/// An answer that holds a permit until it is sent or given up, and that makes room if its client takes nothing.
pub(crate) fn sending(
    response: Response,
    version: Version,
    permit: OwnedSemaphorePermit,
    slow: &Slow,
    connection: Connection,
) -> Response {
    let media = response.headers().get(header::CONTENT_TYPE).map(HeaderValue::as_bytes);
    // Events come for minutes, and mostly wait: whatever they look at takes a turn of its own.
    let is_waiting = media.is_some_and(|media| media.starts_with(b"text/event-stream"));
    let bytes = response.body().size_hint().exact();
    if is_waiting || bytes.is_some_and(|bytes| bytes <= PIECE as u64) {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    if let Some(bytes) = bytes {
        parts.headers.insert(header::CONTENT_LENGTH, HeaderValue::from(bytes));
    }
    let is_unmarked = connection.is_unmarked.clone();
    is_unmarked.store(bytes.is_none() && version < Version::HTTP_11, Ordering::Relaxed);
    let sending = slow.enter(connection);
    let mut pieces = Some((pieces(body), permit));
    let body = stream::poll_fn(move |context| {
        let Some((stream, _)) = &mut pieces else { return Poll::Ready(None) };
        let polled = stream.poll_next_unpin(context);
        match &polled {
            Poll::Pending => sending.working(),
            Poll::Ready(Some(Ok(_))) => sending.handed(),
            Poll::Ready(Some(Err(_))) => pieces = None,
            Poll::Ready(None) => {
                is_unmarked.store(false, Ordering::Relaxed);
                pieces = None;
            }
        }
        polled
    });
    Response::from_parts(parts, Body::from_stream(body))
}

/// A body in pieces, so that one which is in memory is not handed over before its client takes it.
fn pieces(body: Body) -> BoxStream<'static, Result<Bytes, axum::Error>> {
    let is_in_memory = body.size_hint().exact().is_some();
    let whole = body.into_data_stream();
    if !is_in_memory {
        return whole.boxed();
    }
    let cut = |mut rest: Bytes| {
        std::iter::from_fn(move || (!rest.is_empty()).then(|| rest.split_to(rest.len().min(PIECE))))
    };
    whole.map_ok(move |whole| stream::iter(cut(whole)).map(Ok)).try_flatten().boxed()
}
