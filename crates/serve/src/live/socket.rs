//! A client of a live stream over a WebSocket. It is never waited for: one whose ring is full is told so and closed.

use std::sync::Mutex;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket, WebSocketUpgrade, close_code};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures::stream::{SplitSink, SplitStream};
use futures::{SinkExt, StreamExt};
use mtdh_engine::live::hub::{Listener, Lost, Taken};
use tokio::time::{Instant, MissedTickBehavior};

use super::{MANY, place};
use crate::state::Shared;

/// Bytes of a reason: a close frame has 125, two of which are the code.
const REASON_BYTES: usize = 123;

/// Bytes of a client's message, as tardis-machine has it. What it says is not looked at.
const MESSAGE_BYTES: usize = 512 << 10;

/// How often a client is asked whether it lives.
const PING: Duration = Duration::from_secs(30);

/// Silence after which it does not.
const DEAD: Duration = Duration::from_secs(60);

/// Time for a client to take the closing and to answer it.
const CLOSING: Duration = Duration::from_secs(10);

/// Bytes that wait for the connection before its client is waited for.
const WRITE_BYTES: usize = 64 << 10;

/// What is told of a live stream, and how it ends.
pub(crate) trait Telling: Send + 'static {
    /// The frames of what was taken, in order.
    ///
    /// # Errors
    /// The code and reason by which the stream is closed behind them.
    fn tell(&mut self, taken: &Taken, frames: &mut Vec<Bytes>) -> Result<(), (u16, String)>;

    /// The last frame for a client that did not keep up.
    fn slow(&self, lost: Lost) -> Option<Bytes>;
}

/// A listening and what is told of it, or the reason why there is none.
pub(crate) type Opened<T> = Result<(Listener, T), String>;

/// Opens a WebSocket. `open` begins to listen; what is wrong is told by the frame that closes it.
pub(crate) fn converse<T: Telling>(
    state: Shared,
    upgrade: WebSocketUpgrade,
    open: impl FnOnce() -> Opened<T> + Send + 'static,
) -> Response {
    let turn = match place(&state) {
        Ok(turn) => turn,
        Err(problem) => return problem.into_response(),
    };
    let upgrade = upgrade
        .max_message_size(2 * MESSAGE_BYTES)
        .max_frame_size(2 * MESSAGE_BYTES)
        .write_buffer_size(WRITE_BYTES);
    upgrade.on_upgrade(move |socket| async move {
        run(socket, &state, open).await;
        drop(turn);
    })
}

/// Why nothing more is sent.
enum Ended {
    /// The client is gone, or does not live.
    Gone,
    /// The client said too much.
    Long,
    /// The server stops.
    Stopped,
    /// The client did not keep up.
    Slow,
    /// What the stream is about ended it.
    Closed(u16, String),
}

async fn run<T: Telling>(socket: WebSocket, state: &Shared, open: impl FnOnce() -> Opened<T>) {
    let (mut to, mut from) = socket.split();
    let mut last = None;
    let ended = match open() {
        Err(reason) => Ended::Closed(close_code::ERROR, reason),
        Ok((mut listener, mut telling)) => {
            let heard = Mutex::new(Instant::now());
            let full = listener.full();
            let ended = tokio::select! {
                ended = send_all(&mut to, &mut listener, &mut telling, &heard) => ended,
                ended = hear(&mut from, &heard) => ended,
                () = full => Ended::Slow,
                () = state.stop.cancelled() => Ended::Stopped,
            };
            if matches!(ended, Ended::Slow) {
                let lost = missed(&mut listener).await;
                last = telling.slow(lost);
            }
            ended
        }
    };
    let (code, reason) = match ended {
        Ended::Gone => return,
        Ended::Long => (close_code::SIZE, "Message too big".to_owned()),
        Ended::Stopped => (close_code::AWAY, "the server stops. Ask again".to_owned()),
        Ended::Slow => {
            tracing::warn!("a client of a live stream did not keep up: it was closed");
            state.counters.broken.fetch_add(1, Ordering::Relaxed);
            (close_code::POLICY, "Too much backpressure".to_owned())
        }
        Ended::Closed(code, reason) => (code, reason),
    };
    let reason = Utf8Bytes::from(&reason[..reason.floor_char_boundary(REASON_BYTES)]);
    let close = async {
        if let Some(last) = last {
            to.feed(text(last)).await?;
        }
        to.send(Message::Close(Some(CloseFrame { code, reason }))).await?;
        // The client's own closing, so that nothing that was sent is lost with the connection.
        while let Some(Ok(_)) = from.next().await {}
        Ok::<(), axum::Error>(())
    };
    // A client that takes nothing does not take the closing either.
    let _late = tokio::time::timeout(CLOSING, close).await;
}

/// How many events found no room by now. What waited before them is not sent.
async fn missed(listener: &mut Listener) -> Lost {
    loop {
        if let Some(lost) = listener.take(usize::MAX).await.lost {
            return lost;
        }
    }
}

fn text(bytes: Bytes) -> Message {
    // What is sent is JSON, written by this program from texts that are UTF-8.
    Message::Text(Utf8Bytes::try_from(bytes).unwrap_or_default())
}

/// Reads what the client says, which answers its pings, until it is gone or says too much.
async fn hear(from: &mut SplitStream<WebSocket>, heard: &Mutex<Instant>) -> Ended {
    loop {
        match from.next().await {
            Some(Ok(Message::Close(_))) => {
                // Reading on sends the answer to it.
                while let Some(Ok(_)) = from.next().await {}
                return Ended::Gone;
            }
            Some(Ok(message)) => {
                let is_long = match &message {
                    Message::Text(text) => text.len() > MESSAGE_BYTES,
                    Message::Binary(bytes) => bytes.len() > MESSAGE_BYTES,
                    _ => false,
                };
                if is_long {
                    return Ended::Long;
                }
                *heard.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = Instant::now();
            }
            // The protocol's own bound, by the only name that it has here.
            Some(Err(error)) if error.to_string().contains("too long") => return Ended::Long,
            Some(Err(_)) | None => return Ended::Gone,
        }
    }
}

async fn send_all(
    to: &mut SplitSink<WebSocket, Message>,
    listener: &mut Listener,
    telling: &mut impl Telling,
    heard: &Mutex<Instant>,
) -> Ended {
    let mut ping = tokio::time::interval_at(Instant::now() + PING, PING);
    ping.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let (mut frames, mut begun) = (Vec::new(), Some(Taken::default()));
    loop {
        let taken = tokio::select! {
            biased;
            _ = ping.tick() => {
                let last = *heard.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                if last.elapsed() > DEAD || to.send(Message::Ping(Bytes::new())).await.is_err() {
                    return Ended::Gone;
                }
                continue;
            }
            // What stands before the first event does not wait for it.
            taken = async { begun.take() }, if begun.is_some() => taken.unwrap_or_default(),
            taken = listener.take(MANY) => taken,
        };
        if let Some(Lost::Slow(_)) = taken.lost {
            return Ended::Slow;
        }
        let told = telling.tell(&taken, &mut frames);
        for frame in frames.drain(..) {
            if to.feed(text(frame)).await.is_err() {
                return Ended::Gone;
            }
        }
        if to.flush().await.is_err() {
            return Ended::Gone;
        }
        if let Err((code, reason)) = told {
            return Ended::Closed(code, reason);
        }
    }
}
