//! A cache of JSON documents that clients revalidate by ETag.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, CONTENT_ENCODING, ETAG, VARY};
use bytes::Bytes;
use md5::{Digest, Md5};

use crate::generate::files::gzip;
use crate::hex::lower_hex;
use crate::server::front::request::HttpRequest;
use crate::server::front::response::HttpResponse;
use crate::sync::lock;

/// Content type of all metadata.
pub(super) const JSON: &str = "application/json; charset=utf-8";

/// A document, plain and gzipped.
#[derive(Debug)]
pub(super) struct Document {
    plain: Bytes,
    gzipped: Bytes,
    etag: String,
}

/// The cached documents, by path and simulated time in microseconds since the Unix epoch.
#[derive(Debug, Default)]
pub(super) struct Documents {
    cached: Mutex<HashMap<(String, i64), Arc<Document>>>,
}

/// Documents in the cache; one more empties it.
const MAX_DOCUMENTS: usize = 40;

impl Documents {
    /// Returns a cached document. `None`: not cached.
    pub(super) fn get(&self, key: &(String, i64)) -> Option<Arc<Document>> {
        lock(&self.cached).get(key).cloned()
    }

    /// Compresses a document and adds it to the cache.
    pub(super) fn insert(&self, key: (String, i64), json: Vec<u8>) -> Arc<Document> {
        let etag = format!("W/\"{}\"", lower_hex(&Md5::digest(&json)));
        let gzipped = gzip::compress(&json, None);
        let document = Arc::new(Document { plain: json.into(), gzipped, etag });
        let mut cached = lock(&self.cached);
        if cached.len() >= MAX_DOCUMENTS {
            cached.clear();
        }
        cached.insert(key, Arc::clone(&document));
        document
    }
}

impl Document {
    /// Builds the response in a content coding that the client accepts, or 304.
    pub(super) fn respond(&self, request: &HttpRequest) -> HttpResponse {
        if client_has(request, &self.etag) {
            return not_modified(&self.etag);
        }
        let response = if request.accepts_gzip() {
            HttpResponse::new(StatusCode::OK, JSON, self.gzipped.clone()).with(CONTENT_ENCODING, "gzip")
        } else {
            HttpResponse::new(StatusCode::OK, JSON, self.plain.clone())
        };
        with_validators(response, &self.etag)
    }
}

/// Whether `If-None-Match` lists this ETag.
pub(super) fn client_has(request: &HttpRequest, etag: &str) -> bool {
    let opaque = |tag: &str| tag.trim().trim_start_matches("W/").to_owned();
    let known = request.header("if-none-match").unwrap_or_default();
    known.split(',').any(|tag| tag.trim() == "*" || opaque(tag) == opaque(etag))
}

/// Builds a 304.
pub(super) fn not_modified(etag: &str) -> HttpResponse {
    with_validators(HttpResponse::empty(StatusCode::NOT_MODIFIED), etag)
}

/// Adds the headers with which clients revalidate a response.
pub(super) fn with_validators(response: HttpResponse, etag: &str) -> HttpResponse {
    response.with(ETAG, etag).with(VARY, "Accept-Encoding").with(CACHE_CONTROL, "no-cache")
}
