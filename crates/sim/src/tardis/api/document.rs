//! JSON documents that are made once, kept, and revalidated by their ETag.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, CONTENT_ENCODING, ETAG, VARY};
use bytes::Bytes;
use md5::{Digest, Md5};

use crate::generate::files::gzip;
use crate::lock;
use crate::server::file_cache::hex;
use crate::server::front::answer::Answer;
use crate::server::front::ask::Ask;

/// Content type of all metadata.
pub(super) const JSON: &str = "application/json; charset=utf-8";

/// A document in both codings.
#[derive(Debug)]
pub(crate) struct Document {
    plain: Bytes,
    gzipped: Bytes,
    etag: String,
}

/// The documents of the newest states of the world, by path and clock.
#[derive(Debug, Default)]
pub(crate) struct Documents {
    kept: Mutex<HashMap<(String, i64), Arc<Document>>>,
}

const MOST: usize = 40;

impl Documents {
    pub(crate) fn get(&self, key: &(String, i64)) -> Option<Arc<Document>> {
        lock(&self.kept).get(key).cloned()
    }

    /// Keeps a document.
    pub(crate) fn keep(&self, key: (String, i64), json: Vec<u8>) -> Arc<Document> {
        let etag = format!("W/\"{}\"", hex(&Md5::digest(&json)));
        let gzipped = gzip::compress(&json, None);
        let document = Arc::new(Document { plain: json.into(), gzipped, etag });
        let mut kept = lock(&self.kept);
        if kept.len() >= MOST {
            kept.clear();
        }
        kept.insert(key, Arc::clone(&document));
        document
    }
}

impl Document {
    /// The document in the coding that the client takes, or 304.
    pub(super) fn answer(&self, ask: &Ask) -> Answer {
        if is_known(ask, &self.etag) {
            return not_modified(&self.etag);
        }
        let answer = if ask.takes_gzip() {
            Answer::new(StatusCode::OK, JSON, self.gzipped.clone()).with(CONTENT_ENCODING, "gzip")
        } else {
            Answer::new(StatusCode::OK, JSON, self.plain.clone())
        };
        validated(answer, &self.etag)
    }
}

/// Whether the client has this version already.
pub(super) fn is_known(ask: &Ask, etag: &str) -> bool {
    let opaque = |tag: &str| tag.trim().trim_start_matches("W/").to_owned();
    let known = ask.header("if-none-match").unwrap_or_default();
    known.split(',').any(|tag| tag.trim() == "*" || opaque(tag) == opaque(etag))
}

/// 304.
pub(super) fn not_modified(etag: &str) -> Answer {
    validated(Answer::empty(StatusCode::NOT_MODIFIED), etag)
}

/// The headers by which an answer can be revalidated.
pub(super) fn validated(answer: Answer, etag: &str) -> Answer {
    answer.with(ETAG, etag).with(VARY, "Accept-Encoding").with(CACHE_CONTROL, "no-cache")
}
