//! One object: its bytes, checksums and attributes.

use std::collections::BTreeMap;

use axum::http::HeaderMap;
use bytes::Bytes;
use md5::{Digest, Md5};

use super::error::GcsError;
use crate::hex::lower_hex;

/// A version of an object.
#[derive(Clone, Debug)]
pub(crate) struct Object {
    pub(super) bytes: Bytes,
    /// Version number; larger than that of every object stored before.
    pub(super) generation: i64,
    /// Version of the attributes, counted from 1.
    pub(super) metageneration: i64,
    /// When it was stored, microseconds since the Unix epoch, UTC.
    pub(super) created_us: i64,
    pub(super) attributes: Attributes,
    pub(super) crc32c: u32,
    /// `None` for an object joined from parts.
    pub(super) md5: Option<[u8; 16]>,
    /// ETag without quotes.
    pub(super) etag: String,
}

/// The attributes of an object that its client sets.
#[derive(Clone, Debug, Default)]
pub(super) struct Attributes {
    /// `None`: `application/octet-stream`.
    pub(super) content_type: Option<String>,
    /// The headers in [`KEPT_HEADERS`], by name in lower case.
    pub(super) headers: BTreeMap<&'static str, String>,
    /// Custom metadata: `x-goog-meta-` headers, or `metadata` of the JSON API.
    pub(super) metadata: BTreeMap<String, String>,
}

/// Headers that are stored with an object and returned with it, and their names in JSON.
pub(super) const KEPT_HEADERS: [(&str, &str); 4] = [
    ("cache-control", "cacheControl"),
    ("content-disposition", "contentDisposition"),
    ("content-encoding", "contentEncoding"),
    ("content-language", "contentLanguage"),
];

impl Attributes {
    /// Reads the headers of a request.
    pub(super) fn of_headers(headers: &HeaderMap) -> Attributes {
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let own = headers.iter().filter_map(|(name, value)| {
            let name = name.as_str().strip_prefix("x-goog-meta-")?;
            Some((name.to_owned(), value.to_str().ok()?.to_owned()))
        });
        Attributes {
            content_type: text("content-type"),
            headers: KEPT_HEADERS.iter().filter_map(|(name, _)| Some((*name, text(name)?))).collect(),
            metadata: own.collect(),
        }
    }
}

/// Checksums that a client sends with an upload; `None`: not sent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct ExpectedChecksums {
    /// MD5 in base64.
    pub(super) md5: Option<String>,
    /// CRC32C, big-endian, in base64.
    pub(super) crc32c: Option<String>,
}

impl ExpectedChecksums {
    /// Reads the headers of a request.
    pub(super) fn of_headers(headers: &HeaderMap) -> ExpectedChecksums {
        let mut expected = ExpectedChecksums::default();
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        expected.md5 = text("content-md5").map(str::to_owned);
        for hash in text("x-goog-hash").unwrap_or_default().split(',') {
            match hash.trim().split_once('=') {
                Some(("md5", value)) => expected.md5 = Some(value.to_owned()),
                Some(("crc32c", value)) => expected.crc32c = Some(value.to_owned()),
                _ => {}
            }
        }
        expected
    }
}

impl Object {
    /// Creates an object from a single upload.
    ///
    /// # Errors
    /// Fails when the bytes do not have an expected checksum.
    pub(super) fn from_bytes(
        bytes: Bytes,
        attributes: Attributes,
        expected: &ExpectedChecksums,
    ) -> Result<Object, GcsError> {
        let md5: [u8; 16] = Md5::digest(&bytes).into();
        let object =
            Object { etag: lower_hex(&md5), md5: Some(md5), ..Object::from_parts(bytes, attributes, 0) };
        let fits = |claim: &Option<String>, right: Option<String>| claim.is_none() || *claim == right;
        if !fits(&expected.md5, object.md5_base64()) || !fits(&expected.crc32c, Some(object.crc32c_base64()))
        {
            return Err(GcsError::BadDigest);
        }
        Ok(object)
    }

    /// Creates an object from joined parts. It has no MD5.
    pub(super) fn from_parts(bytes: Bytes, attributes: Attributes, parts: usize) -> Object {
        let crc32c = crc32c::crc32c(&bytes);
        let etag = format!("{crc32c:08x}-{parts}");
        Object { bytes, generation: 0, metageneration: 1, created_us: 0, attributes, crc32c, md5: None, etag }
    }

    /// Returns the MD5 in base64. `None`: joined from parts.
    pub(super) fn md5_base64(&self) -> Option<String> {
        self.md5.map(|md5| base64(&md5))
    }

    /// Returns the CRC32C in base64.
    pub(super) fn crc32c_base64(&self) -> String {
        base64(&self.crc32c.to_be_bytes())
    }

    /// Returns the value of `x-goog-hash`.
    pub(super) fn hash_header(&self) -> String {
        let crc32c = format!("crc32c={}", self.crc32c_base64());
        match self.md5_base64() {
            Some(md5) => format!("{crc32c},md5={md5}"),
            None => crc32c,
        }
    }

    /// Returns the content type, or the default.
    pub(super) fn content_type(&self) -> &str {
        self.attributes.content_type.as_deref().unwrap_or("application/octet-stream")
    }
}

/// Encodes bytes as base64.
pub(super) fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let bits =
            group.iter().chain([0, 0].iter()).take(3).fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte));
        for place in 0..4 {
            let digit = DIGITS[(bits >> (18 - 6 * place)) as usize & 63] as char;
            text.push(if place <= group.len() { digit } else { '=' });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_of_every_length() {
        for (bytes, text) in
            [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foobar", "Zm9vYmFy")]
        {
            assert_eq!(base64(bytes.as_bytes()), text);
        }
    }

    #[test]
    fn wrong_checksums_are_refused() {
        let good =
            Object::from_bytes("hello".into(), Attributes::default(), &ExpectedChecksums::default()).unwrap();
        assert_eq!(good.hash_header(), "crc32c=mnG7TA==,md5=XUFAKrxLKna5cZ2REBfFkg==");
        let expected = ExpectedChecksums { crc32c: Some("AAAAAA==".into()), ..ExpectedChecksums::default() };
        assert_eq!(
            Object::from_bytes("hello".into(), Attributes::default(), &expected).unwrap_err(),
            GcsError::BadDigest
        );
    }
}
