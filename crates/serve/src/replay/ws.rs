//! A replay over a WebSocket: a message a frame.

use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket, close_code};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures::stream::{SplitSink, SplitStream};
use futures::{SinkExt, StreamExt};

use super::error::ReplayError;
use super::merge::{Part, start};
use super::planned;
use crate::api::Opening;
use crate::api::parameters::Given;
use crate::problem::Problem;
use crate::slow::{Connection, Sending};
use crate::state::Shared;

/// Bytes of a reason: a close frame has 125, two of which are the code.
const REASON_BYTES: usize = 123;

/// Bytes of a client's message. Clients of a replay have nothing to say.
const MESSAGE_BYTES: usize = 64 << 10;

/// Silence after which the client is asked whether it lives.
const PING: Duration = Duration::from_secs(30);

/// Time for a client to answer the closing.
const CLOSING: Duration = Duration::from_secs(5);

/// Bytes that wait for the connection before its client is waited for.
const WRITE_BYTES: usize = 64 << 10;

/// Opens a WebSocket and sends a replay.
pub fn replay(opening: Opening) -> Response {
    let Opening { state, given, upgrade } = opening;
    // The answer to the request is over at once; what follows needs a permit of its own, for which also the server's end waits.
    let Ok(turn) = state.turns.clone().try_acquire_owned() else {
        let detail = format!("{} requests are worked on already", state.options.limits.requests);
        return Problem::new(StatusCode::TOO_MANY_REQUESTS, "too-many-requests", detail).into_response();
    };
    let upgrade =
        upgrade.max_message_size(MESSAGE_BYTES).max_frame_size(MESSAGE_BYTES).write_buffer_size(WRITE_BYTES);
    upgrade.on_upgrade(move |socket| async move {
        converse(socket, state, given).await;
        drop(turn);
    })
}

/// Why nothing more is sent.
enum Ended {
    /// All was sent.
    Whole,
    /// The client is gone.
    Gone,
    /// The server stops.
    Stopped,
    Failed(ReplayError),
}

async fn converse(socket: WebSocket, state: Shared, given: Result<Given, Problem>) {
    let (mut to, mut from) = socket.split();
    let connection = Connection::default();
    let sending = state.slow.enter(connection.clone());
    let ended = tokio::select! {
        ended = send_all(&mut to, &state, given, &sending) => ended,
        () = connection.broken.cancelled() => Ended::Gone,
        () = listen(&mut from) => Ended::Gone,
        () = state.stop.cancelled() => Ended::Stopped,
    };
    let (code, reason) = match ended {
        Ended::Gone => return,
        Ended::Whole => (close_code::NORMAL, "WS replay-normalized finished".to_owned()),
        Ended::Stopped => (close_code::AWAY, ReplayError::Stopped.to_string()),
        Ended::Failed(error) => {
            tracing::warn!(%error, "a replay ended early");
            state.counters.broken.fetch_add(1, Ordering::Relaxed);
            (close_code::ERROR, format!("Error: {error}"))
        }
    };
    let reason = Utf8Bytes::from(&reason[..reason.floor_char_boundary(REASON_BYTES)]);
    if to.send(Message::Close(Some(CloseFrame { code, reason }))).await.is_ok() {
        // The client's own closing, so that nothing that was sent is lost with the connection.
        let _late = tokio::time::timeout(CLOSING, listen(&mut from)).await;
    }
}

/// Reads what the client says, which answers its pings, until it is gone.
async fn listen(from: &mut SplitStream<WebSocket>) {
    while let Some(Ok(message)) = from.next().await {
        if let Message::Close(_) = message {
            // Reading on sends the answer to it.
            while let Some(Ok(_)) = from.next().await {}
            return;
        }
    }
}

async fn send_all(
    to: &mut SplitSink<WebSocket, Message>,
    state: &Shared,
    given: Result<Given, Problem>,
    sending: &Sending,
) -> Ended {
    let plan = match given {
        Ok(given) => planned(state, &given).await,
        Err(problem) => Err(ReplayError::Invalid(problem.detail)),
    };
    let plan = match plan {
        Ok(plan) => plan,
        Err(error) => return Ended::Failed(error),
    };
    let mut parts = start(state.clone(), plan);
    loop {
        let sent = match tokio::time::timeout(PING, parts.recv()).await {
            Err(_) => to.send(Message::Ping(Bytes::new())).await,
            Ok(Some(Part::Lines(lines))) => send_lines(to, &lines, sending).await,
            Ok(Some(Part::End)) => return Ended::Whole,
            Ok(Some(Part::Failed(error))) => return Ended::Failed(error),
            Ok(None) => return Ended::Failed(ReplayError::Died),
        };
        if sent.is_err() {
            return Ended::Gone;
        }
    }
}

async fn send_lines(
    to: &mut SplitSink<WebSocket, Message>,
    lines: &Bytes,
    sending: &Sending,
) -> Result<(), axum::Error> {
    for line in lines.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        let text = Utf8Bytes::try_from(lines.slice_ref(line)).map_err(axum::Error::new)?;
        sending.handed();
        to.feed(Message::Text(text)).await?;
    }
    to.flush().await?;
    sending.working();
    Ok(())
}
