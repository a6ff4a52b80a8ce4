//! How each fault is done: an answer instead of the right one, or the right one spoiled.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::http::header::{CONTENT_LENGTH, ETAG, LOCATION};
use bytes::Bytes;

use super::answer::{Answer, Body, Pace, status_of};
use super::ask::Ask;
use crate::damage;
use crate::fault::{ErrorBody, FaultKind, Host, RetryAfter};
use crate::gcs;
use crate::times::http_date;
use crate::wire::ended;
use crate::world::World;

/// The answer to a request that a fault befalls.
pub(super) async fn answer(world: &Arc<World>, ask: &Arc<Ask>, kind: &FaultKind) -> Answer {
    match kind {
        FaultKind::Hang => {
            ended(world.stopped.subscribe()).await;
            return lost(Answer::empty(status_of(500)));
        }
        // What the first time did stays; the client hears of the second.
        FaultKind::CarryOutTwice => drop(super::answer(world, ask).await),
        FaultKind::DamageUpload => {
            let body = damage::file(&ask.body, &FaultKind::FlipBit { at: ask.body.len() as i64 / 2 });
            let damaged = Arc::new(Ask { body, ..Ask::clone(ask) });
            return super::answer(world, &damaged).await;
        }
        FaultKind::IgnoreConditions => {
            return super::answer(world, &Arc::new(ask.without_conditions())).await;
        }
        _ => {}
    }
    match instead(ask, kind) {
        Some(answer) => answer,
        None => spoil(super::answer(world, ask).await, kind).await,
    }
}

/// An answer that needs no look at what was asked for.
fn instead(ask: &Ask, kind: &FaultKind) -> Option<Answer> {
    Some(match kind {
        FaultKind::Status { status, body } => error(ask, *status, *body),
        FaultKind::TooManyRequests { retry_after } => {
            let value = retry_after_value(*retry_after);
            match ask.host {
                Host::Gcs => with_retry_after(error(ask, 429, ErrorBody::Own), value),
                _ => Answer::too_many_requests(value.as_deref()),
            }
        }
        FaultKind::KeyLocked { retry_after_seconds } => Answer::key_locked(*retry_after_seconds),
        FaultKind::EdgeBlocked => Answer::edge_blocked(),
        FaultKind::EdgeDown => Answer::web_page(520, "520: Web server is returning an unknown error"),
        FaultKind::WebPage => Answer::web_page(200, "Welcome"),
        FaultKind::NoSuchFile => Answer::vendor_error(400, 300, "invalid `symbol` parameter"),
        FaultKind::Reset => lost(Answer::empty(status_of(500))),
        FaultKind::OnlySay => Answer::empty(status_of(204)),
        FaultKind::DeadRedirect => {
            Answer::empty(status_of(302)).with(LOCATION, "http://127.0.0.1:1/moved.csv.gz")
        }
        _ => return None,
    })
}

fn error(ask: &Ask, status: u16, body: ErrorBody) -> Answer {
    match (body, ask.host) {
        (ErrorBody::Html, _) => Answer::web_page(status, &format!("{status}: error")),
        (ErrorBody::Empty, _) => Answer::empty(status_of(status)),
        (ErrorBody::Own, Host::Gcs) => gcs::error(ask, status),
        (ErrorBody::Own, _) => Answer::vendor_error(status, i64::from(status), "the service failed"),
    }
}

fn retry_after_value(retry_after: RetryAfter) -> Option<String> {
    match retry_after {
        RetryAfter::Absent => None,
        RetryAfter::Seconds(seconds) => Some(seconds.to_string()),
        RetryAfter::DateIn(seconds) => {
            let then = SystemTime::now() + Duration::from_secs(seconds);
            let us = then.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_micros() as i64);
            Some(http_date(us))
        }
    }
}

fn with_retry_after(answer: Answer, value: Option<String>) -> Answer {
    match value {
        Some(value) => answer.with(axum::http::header::RETRY_AFTER, &value),
        None => answer,
    }
}

fn lost(answer: Answer) -> Answer {
    Answer { is_lost: true, ..answer }
}

/// The right answer, spoiled. An error stays as it is where only a file can be spoiled.
async fn spoil(answer: Answer, kind: &FaultKind) -> Answer {
    match kind {
        FaultKind::LoseReply => return lost(answer),
        FaultKind::StaleListing | FaultKind::CarryOutTwice => return answer,
        FaultKind::OtherChecksum => return with_other_checksum(answer),
        _ => {}
    }
    let (mut answer, body) = answer.gathered().await;
    match kind {
        FaultKind::Cut { after, chunked } => {
            answer.pace = Pace::Cut(*after);
            answer.is_chunked |= chunked;
            if *chunked {
                answer.headers.remove(CONTENT_LENGTH);
            }
        }
        FaultKind::Stall { after } => answer.pace = Pace::Stall(*after),
        FaultKind::Drip { bytes_per_second } => answer.pace = Pace::Drip((*bytes_per_second).max(1)),
        _ if answer.status.is_success() => return replace_body(answer, body, kind).await,
        _ => {}
    }
    answer
}

fn with_other_checksum(mut answer: Answer) -> Answer {
    answer.headers.remove("x-goog-hash");
    answer.with(ETAG, "\"d41d8cd98f00b204e9800998ecf8427e\"")
}

async fn replace_body(mut answer: Answer, body: Bytes, kind: &FaultKind) -> Answer {
    let kind = kind.clone();
    let damaged = crate::world::blocking(move || damage::file(&body, &kind)).await;
    answer.headers.remove(CONTENT_LENGTH);
    answer.body = Body::Whole(damaged);
    answer
}
