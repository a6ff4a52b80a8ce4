//! Compression of text, as a client accepts it.

use std::io::{self, Write};

use axum::body::{Body, HttpBody};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::Response;
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;

/// Shorter documents are sent as they are.
const SHORTEST: u64 = 1400;

/// Level of zstd: about as quick as the text is made.
const ZSTD_LEVEL: i32 = 1;

/// Packs pieces of a body.
pub(crate) enum Packer {
    /// As they are.
    Plain,
    /// gzip.
    Gzip(Box<GzEncoder<Vec<u8>>>),
    /// Zstandard.
    Zstd(Box<zstd::stream::write::Encoder<'static, Vec<u8>>>),
}

impl Packer {
    /// The best that a client accepts.
    ///
    /// # Errors
    /// When the library fails.
    pub fn accepted(headers: &HeaderMap) -> io::Result<Packer> {
        let accepts = |name: &str| {
            let values =
                headers.get_all(header::ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
            values.flat_map(|text| text.split(',')).any(|part| {
                let mut pieces = part.split(';').map(str::trim);
                let is_named = pieces.next().is_some_and(|coding| coding.eq_ignore_ascii_case(name));
                let weight = pieces.find_map(|piece| piece.strip_prefix("q=")?.parse::<f32>().ok());
                is_named && weight.unwrap_or(1.0) > 0.0
            })
        };
        if accepts("zstd") {
            Ok(Packer::Zstd(Box::new(zstd::stream::write::Encoder::new(Vec::new(), ZSTD_LEVEL)?)))
        } else if accepts("gzip") {
            Ok(Packer::Gzip(Box::new(GzEncoder::new(Vec::new(), Compression::fast()))))
        } else {
            Ok(Packer::Plain)
        }
    }

    /// The word for the header Content-Encoding; `None`: plain.
    pub fn coding(&self) -> Option<&'static str> {
        match self {
            Packer::Plain => None,
            Packer::Gzip(_) => Some("gzip"),
            Packer::Zstd(_) => Some("zstd"),
        }
    }

    /// Packs a piece. What comes out may be empty: it waits for more.
    ///
    /// # Errors
    /// When the library fails.
    pub fn push(&mut self, piece: Vec<u8>) -> io::Result<Bytes> {
        match self {
            Packer::Plain => Ok(piece.into()),
            Packer::Gzip(encoder) => {
                encoder.write_all(&piece)?;
                Ok(std::mem::take(encoder.get_mut()).into())
            }
            Packer::Zstd(encoder) => {
                encoder.write_all(&piece)?;
                Ok(std::mem::take(encoder.get_mut()).into())
            }
        }
    }

    /// Packs the last piece.
    ///
    /// # Errors
    /// When the library fails.
    pub fn finish(mut self, piece: Vec<u8>) -> io::Result<Bytes> {
        let mut packed = self.push(piece)?.to_vec();
        packed.extend(match self {
            Packer::Plain => Vec::new(),
            Packer::Gzip(encoder) => encoder.finish()?,
            Packer::Zstd(encoder) => encoder.finish()?,
        });
        Ok(packed.into())
    }
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
            parts.headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(coding));
            Response::from_parts(parts, Body::from(packed))
        }
        Err(_) => Response::from_parts(parts, Body::from(whole)),
    }
}
