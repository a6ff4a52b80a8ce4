//! Applies a fault: replaces the response, or damages it.

use std::io::Write;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::http::header::{CONTENT_ENCODING, CONTENT_LENGTH, ETAG, LOCATION};
use bytes::Bytes;
use md5::{Digest, Md5};

use super::request::HttpRequest;
use super::response::{Body, HttpResponse, Pace, X_MD5, status_of};
use crate::generate::files::gzip;
use crate::generate::times::http_date;
use crate::server::damage;
use crate::server::fault::{ErrorBody, FaultKind, Md5Header, RetryAfter, SaidLength};
use crate::server::handler::Handler;
use crate::server::wire::wait_until_stopped;
use crate::server::world::World;
use crate::sync::run_blocking;

/// Answers a request to which a fault applies.
pub(super) async fn respond(
    world: &World,
    handler: &dyn Handler,
    request: &Arc<HttpRequest>,
    kind: &FaultKind,
) -> HttpResponse {
    match kind {
        FaultKind::Hang => {
            wait_until_stopped(world.stopped.subscribe()).await;
            return without_reply(HttpResponse::empty(status_of(500)));
        }
        // The first execution keeps its effect; the client gets the response to the second.
        FaultKind::CarryOutTwice => drop(handler.respond(Arc::clone(request)).await),
        FaultKind::DamageUpload => {
            let body =
                damage::damage_file(&request.body, &FaultKind::FlipBit { at: request.body.len() as i64 / 2 });
            let damaged = Arc::new(HttpRequest { body, ..HttpRequest::clone(request) });
            return handler.respond(damaged).await;
        }
        FaultKind::Swollen { start, piece, times, end } => {
            let text = [start, piece, end].map(|text| text.clone().into_bytes());
            let times = *times;
            let body = run_blocking(move || inflatable_body(&text, times)).await;
            return HttpResponse::new(status_of(200), JSON, body).with(CONTENT_ENCODING, "gzip");
        }
        FaultKind::IgnoreConditions => {
            return handler.respond(Arc::new(request.without_conditions())).await;
        }
        _ => {}
    }
    match replacement(handler, request, kind) {
        Some(response) => response,
        None => damaged(handler.respond(Arc::clone(request)).await, kind).await,
    }
}

/// Builds the response of a fault that does not execute the request. `None`: the fault executes it.
fn replacement(handler: &dyn Handler, request: &HttpRequest, kind: &FaultKind) -> Option<HttpResponse> {
    Some(match kind {
        FaultKind::Status { status, body } => error(handler, request, *status, *body),
        FaultKind::TooManyRequests { retry_after } => {
            let value = retry_after_value(*retry_after);
            handler.too_many_requests(request, value.as_deref())
        }
        FaultKind::KeyLocked { retry_after_seconds } => HttpResponse::key_locked(*retry_after_seconds),
        FaultKind::EdgeBlocked => HttpResponse::edge_blocked(),
        FaultKind::EdgeDown => HttpResponse::web_page(520, "520: Web server is returning an unknown error"),
        FaultKind::WebPage => HttpResponse::web_page(200, "Welcome"),
        FaultKind::Words { status, body, etag } => {
            let response = HttpResponse::new(status_of(*status), JSON, body.clone());
            match etag {
                Some(etag) => response.with(ETAG, etag),
                None => response,
            }
        }
        FaultKind::RedirectTo { to } => HttpResponse::empty(status_of(302)).with(LOCATION, to),
        FaultKind::NoSuchFile => HttpResponse::vendor_error(400, 300, "invalid `symbol` parameter"),
        FaultKind::Reset => without_reply(HttpResponse::empty(status_of(500))),
        FaultKind::OnlySay => HttpResponse::empty(status_of(204)),
        FaultKind::DeadRedirect => {
            HttpResponse::empty(status_of(302)).with(LOCATION, "http://127.0.0.1:1/moved.csv.gz")
        }
        _ => return None,
    })
}

const JSON: &str = "application/json; charset=utf-8";

/// Compresses a start, many repetitions of a piece and an end with gzip.
fn inflatable_body([start, piece, end]: &[Vec<u8>; 3], times: u64) -> Bytes {
    let mut encoder = gzip::encoder(Vec::new());
    let pieces = (0..times).map(|_| piece);
    let written =
        std::iter::once(start).chain(pieces).chain([end]).try_for_each(|part| encoder.write_all(part));
    let body = written.and_then(|()| encoder.finish());
    body.unwrap_or_else(|e| panic!("writing to memory cannot fail: {e}")).into()
}

fn error(handler: &dyn Handler, request: &HttpRequest, status: u16, body: ErrorBody) -> HttpResponse {
    match body {
        ErrorBody::Html => HttpResponse::web_page(status, &format!("{status}: error")),
        ErrorBody::Empty => HttpResponse::empty(status_of(status)),
        ErrorBody::Own => handler.error(request, status),
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

fn without_reply(response: HttpResponse) -> HttpResponse {
    HttpResponse { is_lost: true, ..response }
}

/// Damages a response. Faults that damage files leave error responses as they are.
async fn damaged(response: HttpResponse, kind: &FaultKind) -> HttpResponse {
    match kind {
        FaultKind::LoseReply => return without_reply(response),
        FaultKind::StaleListing | FaultKind::CarryOutTwice => return response,
        FaultKind::OtherChecksum => return with_other_checksum(response),
        _ => {}
    }
    let (mut response, body) = response.collected().await;
    match kind {
        FaultKind::Cut { after, chunked } => {
            response.pace = Pace::Cut(*after);
            response.is_chunked |= chunked;
            if *chunked {
                response.headers.remove(CONTENT_LENGTH);
            }
        }
        FaultKind::Stall { after } => response.pace = Pace::Stall(*after),
        FaultKind::Drip { bytes_per_second } => response.pace = Pace::Drip((*bytes_per_second).max(1)),
        FaultKind::NoLength { md5 } if response.status.is_success() => {
            return without_length(with_md5(response, &body, *md5));
        }
        FaultKind::MemberCut { length, md5 } if response.status.is_success() => {
            return cut_at_member(response, body, kind, *length, *md5).await;
        }
        _ if response.status.is_success() => return replace_body(response, body, kind).await,
        _ => {}
    }
    response
}

fn with_other_checksum(mut response: HttpResponse) -> HttpResponse {
    response.headers.remove("x-goog-hash");
    response.with(ETAG, "\"d41d8cd98f00b204e9800998ecf8427e\"")
}

fn without_length(mut response: HttpResponse) -> HttpResponse {
    response.headers.remove(CONTENT_LENGTH);
    response.is_chunked = true;
    response
}

fn with_md5(mut response: HttpResponse, whole: &Bytes, md5: Md5Header) -> HttpResponse {
    let digest = |bytes: &[u8]| Md5::digest(bytes).iter().map(|b| format!("{b:02x}")).collect::<String>();
    response.headers.remove(X_MD5);
    match md5 {
        Md5Header::Absent => response,
        Md5Header::Right => response.with(X_MD5, &digest(whole)),
        Md5Header::Wrong => response.with(X_MD5, &digest(b"another file")),
    }
}

/// Sends a file as two gzip members and ends the body after the first.
async fn cut_at_member(
    response: HttpResponse,
    body: Bytes,
    kind: &FaultKind,
    length: SaidLength,
    md5: Md5Header,
) -> HttpResponse {
    let mut response = replace_body(response, body, kind).await;
    let Body::Whole(whole) = &response.body else { return response };
    let (whole, first) = (whole.clone(), damage::first_member_length(whole));
    response = with_md5(response, &whole, md5);
    // The tag belongs to the undamaged file.
    response.headers.remove(ETAG);
    match length {
        SaidLength::Whole => response.pace = Pace::Cut(first as u64),
        SaidLength::OfBody => response.body = Body::Whole(whole.slice(..first)),
        SaidLength::None => {
            response.body = Body::Whole(whole.slice(..first));
            response = without_length(response);
        }
    }
    response
}

async fn replace_body(mut response: HttpResponse, body: Bytes, kind: &FaultKind) -> HttpResponse {
    let kind = kind.clone();
    let is_gzip = response.headers.contains_key(CONTENT_ENCODING);
    if matches!(kind, FaultKind::Json { .. }) {
        // The tag belongs to the original document.
        response.headers.remove(ETAG);
    }
    let damaged = run_blocking(move || match &kind {
        FaultKind::Json { edits } => damage::edit_document(&body, is_gzip, edits),
        kind => damage::damage_file(&body, kind),
    })
    .await;
    response.headers.remove(CONTENT_LENGTH);
    response.body = Body::Whole(damaged);
    response
}
