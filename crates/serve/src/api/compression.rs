//! Compression of text, as a client accepts it.

use std::io::{self, Write};

use axum::body::{Body, HttpBody};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::Response;
use bytes::Bytes;
use mtdh_engine::export::{Effort, Packed, Packing};

use super::accepts;

/// Shorter documents are sent as they are.
const SHORTEST: u64 = 1400;

/// Packs pieces of a body.
pub(crate) struct Packer {
    packed: Packed<Vec<u8>>,
    coding: Option<&'static str>,
}

impl Packer {
    /// Leaves them as they are.
    pub const PLAIN: Packer = Packer { packed: Packed::Plain(Vec::new()), coding: None };

    /// The best that a client accepts.
    ///
    /// # Errors
    /// When the library fails.
    pub fn accepted(headers: &HeaderMap) -> io::Result<Packer> {
        let ranges = accepts::ranges(headers, &header::ACCEPT_ENCODING);
        let wish = |name: &str| accepts::wish(&ranges, &[name], "", "*").map_or(0.0, |wish| wish.weight);
        let (zstd, gzip) = (wish("zstd"), wish("gzip"));
        let (packing, coding) = if zstd > 0.0 && zstd >= gzip {
            (Packing::Zstd, "zstd")
        } else if gzip > 0.0 {
            (Packing::Gzip, "gzip")
        } else {
            return Ok(Packer::PLAIN);
        };
        Ok(Packer { packed: Packed::new(packing, Effort::Quick, Vec::new())?, coding: Some(coding) })
    }

    /// The word for the header Content-Encoding; `None`: plain.
    pub fn coding(&self) -> Option<&'static str> {
        self.coding
    }

    /// Packs a piece. What comes out may be empty: it waits for more.
    ///
    /// # Errors
    /// When the library fails.
    pub fn push(&mut self, piece: Vec<u8>) -> io::Result<Bytes> {
        if let Packed::Plain(_) = self.packed {
            return Ok(piece.into());
        }
        self.packed.write_all(&piece)?;
        Ok(std::mem::take(self.packed.get_mut()).into())
    }

    /// Packs the last piece.
    ///
    /// # Errors
    /// When the library fails.
    pub fn finish(mut self, piece: Vec<u8>) -> io::Result<Bytes> {
        let mut packed = self.push(piece)?.to_vec();
        packed.extend(self.packed.finish()?);
        Ok(packed.into())
    }
}

/// Says in the headers that a body is packed. Packed bytes are others than plain ones, and so is their entity tag.
pub(crate) fn mark(headers: &mut HeaderMap, coding: &'static str) {
    headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(coding));
    let etag = headers.get(header::ETAG).and_then(|etag| etag.to_str().ok());
    let etag = etag.and_then(|etag| Some(format!("{}-{coding}\"", etag.strip_suffix('"')?)));
    if let Some(etag) = etag.and_then(|etag| HeaderValue::from_str(&etag).ok()) {
        headers.insert(header::ETAG, etag);
    }
}

/// An entity tag without the mark of packed bytes.
pub(crate) fn unmarked(etag: &str) -> String {
    let marks = ["-gzip\"", "-zstd\""];
    let plain = marks.iter().find_map(|mark| etag.strip_suffix(mark));
    plain.map_or_else(|| etag.to_owned(), |plain| format!("{plain}\""))
}

/// A JSON document in memory, packed if that is worth it and the client accepts it.
pub(crate) async fn packed(response: Response, accepted: &HeaderMap) -> Response {
    let is_json = response.headers().get(header::CONTENT_TYPE).is_some_and(|media| {
        let media = media.as_bytes();
        media.starts_with(b"application/json") || media.starts_with(b"application/problem+json")
    });
    let is_long = response.body().size_hint().exact().is_some_and(|bytes| bytes >= SHORTEST);
    if !is_json || !is_long || response.headers().contains_key(header::CONTENT_ENCODING) {
        return response;
    }
    let Ok(packer) = Packer::accepted(accepted) else { return response };
    let (mut parts, body) = response.into_parts();
    // In memory, so it does not fail.
    let whole = axum::body::to_bytes(body, usize::MAX).await.unwrap_or_default();
    parts.headers.append(header::VARY, HeaderValue::from_static("accept-encoding"));
    let Some(coding) = packer.coding() else { return Response::from_parts(parts, Body::from(whole)) };
    match packer.finish(whole.to_vec()) {
        Ok(packed) => {
            mark(&mut parts.headers, coding);
            Response::from_parts(parts, Body::from(packed))
        }
        Err(_) => Response::from_parts(parts, Body::from(whole)),
    }
}
