//! A file as HTTP: its headers, and the part of it that is asked for.

use axum::http::StatusCode;
use axum::http::header::{
    ACCEPT_RANGES, CONTENT_ENCODING, CONTENT_RANGE, CONTENT_TYPE, ETAG, HeaderName, LAST_MODIFIED,
};
use bytes::Bytes;

use crate::config::{Md5Header, Options, RangeMode, Validators};
use crate::generate::times::http_date;
use crate::server::file_cache::StoredFile;
use crate::server::front::answer::Answer;
use crate::server::front::ask::Ask;
use crate::server::range::{Range, read_range};

const X_MD5: HeaderName = HeaderName::from_static("x-md5");

/// The answer to a request for a file that exists.
pub(super) fn file(stored: &StoredFile, ask: &Ask, options: &Options) -> Answer {
    let etag = format!("\"{}\"", stored.md5);
    let modified = http_date(stored.modified_us);
    let still_fits = match (ask.header("if-range"), options.validators) {
        (None, _) => true,
        (Some(_), Validators::Neither) => false,
        (Some(validator), Validators::Both) => validator == etag || validator == modified,
    };
    let wanted = ask.header("range").filter(|_| still_fits && options.range != RangeMode::Ignored);
    let answer = part(&stored.bytes, wanted, options.range);
    let answer = answer.with(CONTENT_TYPE, "application/gzip").with(ACCEPT_RANGES, "bytes");
    let answer = match options.validators {
        Validators::Both => answer.with(ETAG, &etag).with(LAST_MODIFIED, &modified),
        Validators::Neither => answer,
    };
    let answer = match options.x_md5 {
        Md5Header::Right => answer.with(X_MD5, &stored.md5),
        Md5Header::Wrong => answer.with(X_MD5, "d41d8cd98f00b204e9800998ecf8427e"),
        Md5Header::Absent => answer,
    };
    let mut answer = if options.content_encoding { answer.with(CONTENT_ENCODING, "gzip") } else { answer };
    answer.is_chunked = options.chunked && answer.status == StatusCode::OK;
    answer
}

/// The whole, or the part that a `Range` header asks for.
fn part(bytes: &Bytes, wanted: Option<&str>, mode: RangeMode) -> Answer {
    let length = bytes.len() as u64;
    let whole = || Answer::new(StatusCode::OK, "", bytes.clone());
    match wanted.map(|range| read_range(range, length)) {
        None | Some(Range::Unreadable) => whole(),
        Some(Range::Beyond) => {
            Answer::empty(StatusCode::RANGE_NOT_SATISFIABLE).with(CONTENT_RANGE, &format!("bytes */{length}"))
        }
        Some(Range::Part { first, last }) => {
            let first = if mode == RangeMode::WrongStart { 0 } else { first };
            let body = bytes.slice(first as usize..=last as usize);
            Answer::new(StatusCode::PARTIAL_CONTENT, "", body)
                .with(CONTENT_RANGE, &format!("bytes {first}-{last}/{length}"))
        }
    }
}
