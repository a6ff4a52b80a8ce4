//! How each fault is done: an answer instead of the right one, or the right one spoiled.

use std::io::Write;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::http::header::{CONTENT_ENCODING, CONTENT_LENGTH, ETAG, HeaderName, LOCATION};
use bytes::Bytes;
use md5::{Digest, Md5};

use super::answer::{Answer, Body, Pace, status_of};
use super::ask::Ask;
use crate::config::Md5Header;
use crate::gcs;
use crate::generate::files::gzip;
use crate::generate::times::http_date;
use crate::server::damage;
use crate::server::fault::{ErrorBody, FaultKind, Host, RetryAfter, SaidLength};
use crate::server::wire::ended;
use crate::server::world::World;

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
        FaultKind::Swollen { start, piece, times, end } => {
            let text = [start, piece, end].map(|text| text.clone().into_bytes());
            let times = *times;
            let body = crate::server::world::blocking(move || swollen(&text, times)).await;
            return Answer::new(status_of(200), JSON, body).with(CONTENT_ENCODING, "gzip");
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
        FaultKind::Words { status, body, etag } => {
            let answer = Answer::new(status_of(*status), JSON, body.clone());
            etag.iter().fold(answer, |answer, etag| answer.with(ETAG, etag))
        }
        FaultKind::RedirectTo { to } => Answer::empty(status_of(302)).with(LOCATION, to),
        FaultKind::NoSuchFile => Answer::vendor_error(400, 300, "invalid `symbol` parameter"),
        FaultKind::Reset => lost(Answer::empty(status_of(500))),
        FaultKind::OnlySay => Answer::empty(status_of(204)),
        FaultKind::DeadRedirect => {
            Answer::empty(status_of(302)).with(LOCATION, "http://127.0.0.1:1/moved.csv.gz")
        }
        _ => return None,
    })
}

const JSON: &str = "application/json; charset=utf-8";

/// Gzip data of a beginning, many pieces and an end.
fn swollen([start, piece, end]: &[Vec<u8>; 3], times: u64) -> Bytes {
    let mut encoder = gzip::encoder(Vec::new());
    let pieces = (0..times).map(|_| piece);
    let written =
        std::iter::once(start).chain(pieces).chain([end]).try_for_each(|part| encoder.write_all(part));
    let body = written.and_then(|()| encoder.finish());
    body.unwrap_or_else(|e| panic!("writing to memory cannot fail: {e}")).into()
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
        FaultKind::NoLength { md5 } if answer.status.is_success() => {
            return without_length(with_md5(answer, &body, *md5));
        }
        FaultKind::MemberCut { length, md5 } if answer.status.is_success() => {
            return cut_at_member(answer, body, kind, *length, *md5).await;
        }
        _ if answer.status.is_success() => return replace_body(answer, body, kind).await,
        _ => {}
    }
    answer
}

fn with_other_checksum(mut answer: Answer) -> Answer {
    answer.headers.remove("x-goog-hash");
    answer.with(ETAG, "\"d41d8cd98f00b204e9800998ecf8427e\"")
}

/// The vendor's header with a file's MD5.
const X_MD5: HeaderName = HeaderName::from_static("x-md5");

fn without_length(mut answer: Answer) -> Answer {
    answer.headers.remove(CONTENT_LENGTH);
    answer.is_chunked = true;
    answer
}

fn with_md5(mut answer: Answer, whole: &Bytes, md5: Md5Header) -> Answer {
    let digest = |bytes: &[u8]| Md5::digest(bytes).iter().map(|b| format!("{b:02x}")).collect::<String>();
    answer.headers.remove(X_MD5);
    match md5 {
        Md5Header::Absent => answer,
        Md5Header::Right => answer.with(X_MD5, &digest(whole)),
        Md5Header::Wrong => answer.with(X_MD5, &digest(b"another file")),
    }
}

/// A file of two members of which the first comes.
async fn cut_at_member(
    answer: Answer,
    body: Bytes,
    kind: &FaultKind,
    length: SaidLength,
    md5: Md5Header,
) -> Answer {
    let mut answer = replace_body(answer, body, kind).await;
    let Body::Whole(whole) = &answer.body else { return answer };
    let (whole, first) = (whole.clone(), damage::first_member(whole));
    answer = with_md5(answer, &whole, md5);
    // The bytes are no part of what the tag names.
    answer.headers.remove(ETAG);
    match length {
        SaidLength::Whole => answer.pace = Pace::Cut(first as u64),
        SaidLength::OfBody => answer.body = Body::Whole(whole.slice(..first)),
        SaidLength::None => {
            answer.body = Body::Whole(whole.slice(..first));
            answer = without_length(answer);
        }
    }
    answer
}

async fn replace_body(mut answer: Answer, body: Bytes, kind: &FaultKind) -> Answer {
    let kind = kind.clone();
    let is_gzip = answer.headers.contains_key(CONTENT_ENCODING);
    if matches!(kind, FaultKind::Json { .. }) {
        // Another document than the one that this tag names.
        answer.headers.remove(ETAG);
    }
    let damaged = crate::server::world::blocking(move || match &kind {
        FaultKind::Json { edits } => damage::document(&body, is_gzip, edits),
        kind => damage::file(&body, kind),
    })
    .await;
    answer.headers.remove(CONTENT_LENGTH);
    answer.body = Body::Whole(damaged);
    answer
}
