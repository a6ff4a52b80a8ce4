//! Downloads of objects, the same in both APIs.

use axum::http::header::{
    ACCEPT_RANGES, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, ETAG, HeaderName, LAST_MODIFIED,
};
use axum::http::{Method, StatusCode};

use super::error::GcsError;
use super::object::Object;
use crate::generate::times::{http_date, parse_http_date};
use crate::server::front::request::HttpRequest;
use crate::server::front::response::{Body, HttpResponse};
use crate::server::range::{Range, parse_range};

/// Builds the response with the object or the requested range, or a 304.
///
/// # Errors
/// Fails when a precondition does not hold, or the range is beyond the object.
pub(super) fn respond(object: &Object, request: &HttpRequest) -> Result<HttpResponse, GcsError> {
    let etag = quoted_etag(object);
    if let Some(wanted) = request.header("if-match")
        && !matches(wanted, &etag)
    {
        return Err(GcsError::PreconditionFailed);
    }
    if request.header("if-none-match").is_some_and(|known| matches(known, &etag))
        || !is_modified(object, request)
    {
        return Ok(with_object_headers(HttpResponse::empty(StatusCode::NOT_MODIFIED), object));
    }
    if violates_unmodified_since(object, request) {
        return Err(GcsError::PreconditionFailed);
    }
    let length = object.bytes.len();
    let range = request.header("range").map(|range| parse_range(range, length as u64));
    let response = match range {
        Some(Range::Beyond) => return Err(GcsError::BadRange { length }),
        Some(Range::Part { first, last }) => {
            let body = object.bytes.slice(first as usize..=last as usize);
            HttpResponse::new(StatusCode::PARTIAL_CONTENT, "", body)
                .with(CONTENT_RANGE, &format!("bytes {first}-{last}/{length}"))
        }
        None | Some(Range::Unreadable) => HttpResponse::new(StatusCode::OK, "", object.bytes.clone()),
    };
    let mut response = with_object_headers(response, object);
    if request.method == Method::HEAD
        && let Body::Whole(body) = &mut response.body
    {
        response.headers.insert(CONTENT_LENGTH, std::mem::take(body).len().into());
    }
    Ok(response)
}

/// Adds the headers that describe an object.
pub(super) fn with_object_headers(response: HttpResponse, object: &Object) -> HttpResponse {
    let header = |name: &str| HeaderName::from_bytes(name.as_bytes());
    let mut response = response
        .with(ETAG, &quoted_etag(object))
        .with(LAST_MODIFIED, &http_date(object.created_us))
        .with(CONTENT_TYPE, object.content_type())
        .with(ACCEPT_RANGES, "bytes");
    let own =
        object.attributes.metadata.iter().map(|(name, value)| (format!("x-goog-meta-{name}"), value.clone()));
    let kept = object.attributes.headers.iter().map(|(name, value)| (name.to_string(), value.clone()));
    let facts = [
        ("x-goog-generation", object.generation.to_string()),
        ("x-goog-metageneration", object.metageneration.to_string()),
        ("x-goog-hash", object.hash_header()),
        ("x-goog-storage-class", "STANDARD".to_owned()),
        ("x-goog-stored-content-encoding", "identity".to_owned()),
        ("x-goog-stored-content-length", object.bytes.len().to_string()),
    ];
    for (name, value) in
        facts.map(|(name, value)| (name.to_owned(), value)).into_iter().chain(kept).chain(own)
    {
        if let Ok(name) = header(&name) {
            response = response.with(name, &value);
        }
    }
    response
}

/// Returns the quoted ETag.
pub(super) fn quoted_etag(object: &Object) -> String {
    format!("\"{}\"", object.etag)
}

fn matches(tags: &str, etag: &str) -> bool {
    tags.split(',').any(|tag| tag.trim() == "*" || tag.trim().trim_matches('"') == etag.trim_matches('"'))
}

fn is_modified(object: &Object, request: &HttpRequest) -> bool {
    let since = request.header("if-modified-since").and_then(parse_http_date);
    request.headers.contains_key("if-none-match")
        || since.is_none_or(|since| whole_second(object.created_us) > since)
}

fn violates_unmodified_since(object: &Object, request: &HttpRequest) -> bool {
    let since = request.header("if-unmodified-since").and_then(parse_http_date);
    !request.headers.contains_key("if-match")
        && since.is_some_and(|since| whole_second(object.created_us) > since)
}

fn whole_second(us: i64) -> i64 {
    us - us.rem_euclid(crate::generate::times::SECOND_US)
}
