//! `/live/events`: what is recorded now as server-sent events, which a client takes up again where it left off.

use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderValue, header};
use axum::response::Response;
use bytes::{BufMut, Bytes, BytesMut};
use futures::future::BoxFuture;
use futures::stream;
use mtdh_engine::live::hub::event::{Cursor, Entry, Event, Source};
use mtdh_engine::live::hub::{Begin, Listener, Lost, Start, Taken, line};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::Instant;

use super::{MANY, asked, begun, conflated, hub, lagged, place};
use crate::api::{Answered, Ask};
use crate::state::Shared;

/// Time until a client asks again when events have ended, milliseconds.
const RETRY: &str = "retry: 1000\n";

/// Silence after which a comment is sent, by which both sides learn whether the other lives.
const PING: Duration = Duration::from_secs(15);

/// The header by which a browser says where it left off.
const LAST_EVENT_ID: &str = "last-event-id";

/// A client's events.
struct Events {
    listener: Listener,
    cursor: Cursor,
    hub: i64,
    begin: Option<Begin>,
    is_over: bool,
    state: Shared,
    /// Given back at the end.
    _place: OwnedSemaphorePermit,
}

/// Answers with events.
pub(crate) fn events(ask: Ask) -> BoxFuture<'static, Answered> {
    Box::pin(async move {
        let hub = hub(&ask.state)?;
        let behind = ask.headers.get(LAST_EVENT_ID).and_then(|value| value.to_str().ok());
        let wanted = asked::read(&hub, &ask.given, behind.filter(|text| !text.is_empty()))?;
        let place = place(&ask.state)?;
        let cursor = match &wanted.start {
            Start::Now => Cursor::default(),
            Start::Behind(cursor) => cursor.clone(),
        };
        let listener = hub.listen(wanted);
        let begin = listener.begin();
        let cursor = if let Begin::Later(_) = begin { Cursor::default() } else { cursor };
        let events = Events {
            listener,
            cursor,
            hub: hub.opened(),
            begin: Some(begin),
            is_over: false,
            state: ask.state,
            _place: place,
        };
        let pieces = stream::unfold(events, |mut events| async move {
            let piece = events.next().await?;
            Some((Ok::<Bytes, std::io::Error>(piece), events))
        });
        let mut response = Response::new(Body::from_stream(pieces));
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        Ok(response)
    })
}

impl Events {
    /// The next piece; `None`: the end, behind which a client asks again.
    async fn next(&mut self) -> Option<Bytes> {
        if self.is_over {
            return None;
        }
        let mut text = BytesMut::new();
        if let Some(begin) = self.begin.take() {
            text.put_slice(RETRY.as_bytes());
            // It has no id: who has nothing more begins anew.
            put(&mut text, "begin", None, &begun(begin));
            if let Begin::Later(lost) = begin {
                put(&mut text, "lagged", None, &lagged(lost));
            }
            return Some(text.freeze());
        }
        let until = Instant::now() + PING;
        let taken = tokio::select! {
            taken = tokio::time::timeout_at(until, self.listener.take(MANY)) => taken,
            // Ended as a whole answer: the client asks again by itself.
            () = self.state.stop.cancelled() => return None,
        };
        match taken {
            Err(_) => text.put_slice(b": still here\n\n"),
            Ok(taken) => self.put_all(&taken, &mut text),
        }
        Some(text.freeze())
    }

    fn put_all(&mut self, taken: &Taken, text: &mut BytesMut) {
        if taken.conflated > 0 {
            put(text, "conflated", None, &conflated(taken.conflated));
        }
        for entry in &taken.entries {
            let may_go_on = self.cursor.advance(self.hub, entry);
            put(text, name(entry), may_go_on.then_some(&self.cursor), &line(entry));
        }
        if let Some(lost) = taken.lost {
            put(text, "lagged", None, &lagged(lost));
            // Of a ring that was full, what follows is remembered yet: the client asks again behind what it has.
            self.is_over = matches!(lost, Lost::Slow(_));
        }
    }
}

/// The name of an event.
fn name(entry: &Entry) -> &'static str {
    match &entry.event {
        Event::Rows(_) if entry.source == Source::Book => "book",
        Event::Rows(_) => "rows",
        Event::Disconnect(_) => "disconnect",
        Event::Gap(_) => "gap",
        Event::Candle(_) => "candle",
        Event::Finding(_) => "finding",
        Event::Health(_) => "health",
    }
}

/// Writes an event: its name, its id, and each line as data.
fn put(text: &mut BytesMut, name: &str, id: Option<&Cursor>, lines: &[u8]) {
    text.put_slice(b"event: ");
    text.put_slice(name.as_bytes());
    text.put_u8(b'\n');
    if let Some(cursor) = id {
        text.put_slice(format!("id: {cursor}\n").as_bytes());
    }
    for line in lines.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        text.put_slice(b"data: ");
        text.put_slice(line);
        text.put_u8(b'\n');
    }
    text.put_u8(b'\n');
}
