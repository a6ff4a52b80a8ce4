//! Stored objects as they are, with ranges, so that other programs read the lake's files over HTTP.

use std::ops::Range;
use std::sync::atomic::Ordering;

use axum::body::Body;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::response::Response;
use futures::StreamExt;
use futures::future::BoxFuture;

use super::rows::{is_known, not_modified, tag};
use super::{Answered, Ask};
use crate::problem::Problem;

/// What a header Range asks for.
#[derive(Debug, PartialEq, Eq)]
enum Asked {
    /// All bytes: no range, or one that this server may leave out (several ranges, another unit, nonsense).
    All,
    /// A part.
    Part(Range<u64>),
    /// A part that no byte lies in.
    Beyond,
}

/// Reads a header Range of an object of some bytes (RFC 9110, 14.2).
fn asked(headers: &HeaderMap, bytes: u64) -> Asked {
    let Some(value) = headers.get(header::RANGE).and_then(|value| value.to_str().ok()) else {
        return Asked::All;
    };
    let Some((unit, spec)) = value.split_once('=') else { return Asked::All };
    if !unit.trim().eq_ignore_ascii_case("bytes") || spec.contains(',') {
        return Asked::All;
    }
    let Some((first, last)) = spec.trim().split_once('-') else { return Asked::All };
    let number = |text: &str| {
        let is_plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        // More digits than a number holds lie beyond every object.
        is_plain.then(|| text.parse::<u64>().unwrap_or(u64::MAX))
    };
    match (first.trim(), last.trim()) {
        ("", last) => match number(last) {
            None => Asked::All,
            Some(0) => Asked::Beyond,
            Some(_) if bytes == 0 => Asked::Beyond,
            Some(last) => Asked::Part(bytes.saturating_sub(last)..bytes),
        },
        (first, last) => {
            let end = if last.is_empty() { Some(u64::MAX) } else { number(last) };
            match (number(first), end) {
                (Some(first), Some(end)) if first > end => Asked::All,
                (Some(first), Some(_)) if first >= bytes => Asked::Beyond,
                (Some(first), Some(end)) => Asked::Part(first..end.saturating_add(1).min(bytes)),
                _ => Asked::All,
            }
        }
    }
}

pub(super) fn get(ask: Ask) -> BoxFuture<'static, Answered> {
    Box::pin(async move {
        let path = ask.given.text("path").unwrap_or_default();
        let object = ask.state.context.open_object(path).await?.ok_or_else(|| {
            Problem::new(StatusCode::NOT_FOUND, "no-file", "the lake has no such object of data")
                .hint("/v1/paths gives the exact paths of a selection")
        })?;
        let etag = object.identity.as_deref().map(|identity| tag([path, identity].into_iter()));
        if let Some(etag) = etag.as_deref() {
            if ask.headers.contains_key(header::IF_NONE_MATCH) && is_known(&ask.headers, etag) {
                return Ok(not_modified(etag));
            }
            let wanted = ask.headers.get(header::IF_MATCH).and_then(|value| value.to_str().ok());
            if wanted.is_some_and(|wanted| {
                wanted.trim() != "*" && !wanted.split(',').any(|one| one.trim() == etag)
            }) {
                let detail = "the object is no longer that of the header If-Match";
                return Err(Problem::new(StatusCode::PRECONDITION_FAILED, "changed", detail));
            }
        }
        // A range of another version would not fit: then all is sent.
        let condition = ask.headers.get(header::IF_RANGE).and_then(|value| value.to_str().ok());
        let is_of_version = condition.is_none_or(|condition| Some(condition) == etag.as_deref());
        let asked = if is_of_version { asked(&ask.headers, object.bytes) } else { Asked::All };
        let (status, range) = match asked {
            Asked::All => (StatusCode::OK, 0..object.bytes),
            Asked::Part(range) => (StatusCode::PARTIAL_CONTENT, range),
            Asked::Beyond => {
                let detail = format!("the object has {} bytes, and the range lies beyond them", object.bytes);
                let problem = Problem::new(StatusCode::RANGE_NOT_SATISFIABLE, "wrong-range", detail);
                let mut response = axum::response::IntoResponse::into_response(problem);
                if let Ok(value) = HeaderValue::from_str(&format!("bytes */{}", object.bytes)) {
                    response.headers_mut().insert(header::CONTENT_RANGE, value);
                }
                return Ok(response);
            }
        };
        let media = if path.ends_with(".parquet") {
            "application/vnd.apache.parquet"
        } else {
            "application/x-ndjson"
        };
        let mut answer = Vec::from([
            (header::CONTENT_TYPE, media.to_owned()),
            (header::ACCEPT_RANGES, "bytes".to_owned()),
            (header::CACHE_CONTROL, "private, no-cache".to_owned()),
            (header::CONTENT_LENGTH, (range.end - range.start).to_string()),
        ]);
        if status == StatusCode::PARTIAL_CONTENT {
            answer.push((
                header::CONTENT_RANGE,
                format!("bytes {}-{}/{}", range.start, range.end - 1, object.bytes),
            ));
        }
        answer.extend(etag.map(|etag| (header::ETAG, etag)));
        // A reader of ranges asks often, and has seen the digest with the first answer.
        if status == StatusCode::OK
            && let Some(digest) = object.data_digest().await?
        {
            answer.push((HeaderName::from_static("x-mtdh-data-blake3"), digest));
        }
        let body = if ask.method == Method::HEAD {
            Body::empty()
        } else {
            ask.state.counters.bytes.fetch_add(range.end - range.start, Ordering::Relaxed);
            let state = ask.state.clone();
            let pieces = object.read(range).map(move |piece| {
                piece.map_err(|error| {
                    tracing::warn!(cause = %mtdh_engine::chain(&error), "a file's answer was broken off");
                    state.counters.broken.fetch_add(1, Ordering::Relaxed);
                    std::io::Error::other("the object cannot be read any further")
                })
            });
            Body::from_stream(pieces)
        };
        let mut response = Response::new(body);
        *response.status_mut() = status;
        for (name, value) in answer {
            if let Ok(value) = HeaderValue::from_str(&value) {
                response.headers_mut().insert(name, value);
            }
        }
        Ok(response)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_read_as_the_standard_says() {
        let part = |range| Asked::Part(range);
        for (value, bytes, expected) in [
            ("bytes=0-9", 100, part(0..10)),
            ("bytes=0-", 100, part(0..100)),
            ("bytes=99-", 100, part(99..100)),
            ("bytes=-8", 100, part(92..100)),
            ("bytes=-800", 100, part(0..100)),
            ("bytes=90-99999999999999999999999", 100, part(90..100)),
            ("Bytes=1-1", 100, part(1..2)),
            ("bytes=100-", 100, Asked::Beyond),
            ("bytes=99999999999999999999999-", 100, Asked::Beyond),
            ("bytes=-0", 100, Asked::Beyond),
            ("bytes=0-", 0, Asked::Beyond),
            ("bytes=-1", 0, Asked::Beyond),
            ("bytes=9-1", 100, Asked::All),
            ("bytes=0-1,3-4", 100, Asked::All),
            ("bytes=", 100, Asked::All),
            ("bytes=-", 100, Asked::All),
            ("bytes=a-b", 100, Asked::All),
            ("bytes=+1-2", 100, Asked::All),
            ("rows=0-1", 100, Asked::All),
            ("nonsense", 100, Asked::All),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::RANGE, HeaderValue::from_static(value));
            assert_eq!(asked(&headers, bytes), expected, "{value}");
        }
    }
}
