//! A file as an HTTP response: its headers, and the requested range.

use axum::http::StatusCode;
use axum::http::header::{ACCEPT_RANGES, CONTENT_ENCODING, CONTENT_RANGE, CONTENT_TYPE, ETAG, LAST_MODIFIED};
use bytes::Bytes;

use super::file_cache::StoredFile;
use crate::config::{Options, RangeMode, Validators};
use crate::generate::times::http_date;
use crate::server::fault::Md5Header;
use crate::server::front::request::HttpRequest;
use crate::server::front::response::{HttpResponse, X_MD5};
use crate::server::range::{Range, parse_range};

/// Builds the response with a file or a part of it.
pub(super) fn file(stored: &StoredFile, request: &HttpRequest, options: &Options) -> HttpResponse {
    let etag = format!("\"{}\"", stored.md5);
    let modified = http_date(stored.modified_us);
    let if_range_matches = match (request.header("if-range"), options.validators) {
        (None, _) => true,
        (Some(_), Validators::Neither) => false,
        (Some(validator), Validators::Both) => validator == etag || validator == modified,
    };
    let wanted = request.header("range").filter(|_| if_range_matches && options.range != RangeMode::Ignored);
    let response = respond_with_range(&stored.bytes, wanted, options.range);
    let response = response.with(CONTENT_TYPE, "application/gzip").with(ACCEPT_RANGES, "bytes");
    let response = match options.validators {
        Validators::Both => response.with(ETAG, &etag).with(LAST_MODIFIED, &modified),
        Validators::Neither => response,
    };
    let response = match options.x_md5 {
        Md5Header::Right => response.with(X_MD5, &stored.md5),
        Md5Header::Wrong => response.with(X_MD5, "d41d8cd98f00b204e9800998ecf8427e"),
        Md5Header::Absent => response,
    };
    let mut response =
        if options.content_encoding { response.with(CONTENT_ENCODING, "gzip") } else { response };
    response.is_chunked = options.chunked && response.status == StatusCode::OK;
    response
}

/// Builds the response with the range of a `Range` header, or with the whole file.
fn respond_with_range(bytes: &Bytes, wanted: Option<&str>, mode: RangeMode) -> HttpResponse {
    let length = bytes.len() as u64;
    let whole = || HttpResponse::new(StatusCode::OK, "", bytes.clone());
    match wanted.map(|range| parse_range(range, length)) {
        None | Some(Range::Unreadable) => whole(),
        Some(Range::Beyond) => HttpResponse::empty(StatusCode::RANGE_NOT_SATISFIABLE)
            .with(CONTENT_RANGE, &format!("bytes */{length}")),
        Some(Range::Part { first, last }) => {
            let first = if mode == RangeMode::WrongStart { 0 } else { first };
            let body = bytes.slice(first as usize..=last as usize);
            HttpResponse::new(StatusCode::PARTIAL_CONTENT, "", body)
                .with(CONTENT_RANGE, &format!("bytes {first}-{last}/{length}"))
        }
    }
}
