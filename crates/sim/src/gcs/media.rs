//! Reading an object: the same on both faces.

use axum::http::header::{
    ACCEPT_RANGES, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, ETAG, HeaderName, LAST_MODIFIED,
};
use axum::http::{Method, StatusCode};

use super::error::GcsError;
use super::object::Object;
use crate::generate::times::{http_date, read_http_date};
use crate::server::front::answer::{Answer, Body};
use crate::server::front::ask::Ask;
use crate::server::range::{Range, read_range};

/// The object, or the part of it that is asked for, or that it has not changed.
pub(super) fn answer(object: &Object, ask: &Ask) -> Result<Answer, GcsError> {
    let etag = quoted_etag(object);
    if let Some(wanted) = ask.header("if-match")
        && !matches(wanted, &etag)
    {
        return Err(GcsError::PreconditionFailed);
    }
    if ask.header("if-none-match").is_some_and(|known| matches(known, &etag)) || !is_modified(object, ask) {
        return Ok(described(Answer::empty(StatusCode::NOT_MODIFIED), object));
    }
    if is_too_new(object, ask) {
        return Err(GcsError::PreconditionFailed);
    }
    let length = object.bytes.len();
    let range = ask.header("range").map(|range| read_range(range, length as u64));
    let answer = match range {
        Some(Range::Beyond) => return Err(GcsError::BadRange { length }),
        Some(Range::Part { first, last }) => {
            let body = object.bytes.slice(first as usize..=last as usize);
            Answer::new(StatusCode::PARTIAL_CONTENT, "", body)
                .with(CONTENT_RANGE, &format!("bytes {first}-{last}/{length}"))
        }
        None | Some(Range::Unreadable) => Answer::new(StatusCode::OK, "", object.bytes.clone()),
    };
    let mut answer = described(answer, object);
    if ask.method == Method::HEAD
        && let Body::Whole(body) = &mut answer.body
    {
        answer.headers.insert(CONTENT_LENGTH, std::mem::take(body).len().into());
    }
    Ok(answer)
}

/// An answer with everything that the headers say of an object.
pub(super) fn described(answer: Answer, object: &Object) -> Answer {
    let header = |name: &str| HeaderName::from_bytes(name.as_bytes());
    let mut answer = answer
        .with(ETAG, &quoted_etag(object))
        .with(LAST_MODIFIED, &http_date(object.created_us))
        .with(CONTENT_TYPE, object.content_type())
        .with(ACCEPT_RANGES, "bytes");
    let own =
        object.about.metadata.iter().map(|(name, value)| (format!("x-goog-meta-{name}"), value.clone()));
    let kept = object.about.headers.iter().map(|(name, value)| (name.to_string(), value.clone()));
    let facts = [
        ("x-goog-generation", object.generation.to_string()),
        ("x-goog-metageneration", object.metageneration.to_string()),
        ("x-goog-hash", object.hashes()),
        ("x-goog-storage-class", "STANDARD".to_owned()),
        ("x-goog-stored-content-encoding", "identity".to_owned()),
        ("x-goog-stored-content-length", object.bytes.len().to_string()),
    ];
    for (name, value) in
        facts.map(|(name, value)| (name.to_owned(), value)).into_iter().chain(kept).chain(own)
    {
        if let Ok(name) = header(&name) {
            answer = answer.with(name, &value);
        }
    }
    answer
}

/// The ETag with its quotes.
pub(super) fn quoted_etag(object: &Object) -> String {
    format!("\"{}\"", object.etag)
}

fn matches(tags: &str, etag: &str) -> bool {
    tags.split(',').any(|tag| tag.trim() == "*" || tag.trim().trim_matches('"') == etag.trim_matches('"'))
}

fn is_modified(object: &Object, ask: &Ask) -> bool {
    let since = ask.header("if-modified-since").and_then(read_http_date);
    ask.headers.contains_key("if-none-match")
        || since.is_none_or(|since| whole_second(object.created_us) > since)
}

fn is_too_new(object: &Object, ask: &Ask) -> bool {
    let since = ask.header("if-unmodified-since").and_then(read_http_date);
    !ask.headers.contains_key("if-match")
        && since.is_some_and(|since| whole_second(object.created_us) > since)
}

fn whole_second(us: i64) -> i64 {
    us - us.rem_euclid(crate::generate::times::SECOND_US)
}
