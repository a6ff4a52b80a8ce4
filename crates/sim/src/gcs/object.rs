//! One object: its bytes, its checksums and what was said of it when it was stored.

use std::collections::BTreeMap;

use axum::http::HeaderMap;
use bytes::Bytes;
use md5::{Digest, Md5};

use super::error::GcsError;
use crate::server::file_cache::hex;

/// An object.
#[derive(Clone, Debug)]
pub(crate) struct Object {
    pub(super) bytes: Bytes,
    /// Unique in the whole world, and larger than that of every object before.
    pub(super) generation: i64,
    pub(super) metageneration: i64,
    /// Microseconds since the Unix epoch, UTC.
    pub(super) created_us: i64,
    pub(super) about: About,
    pub(super) crc32c: u32,
    /// Nothing for an object that was put together from parts.
    pub(super) md5: Option<[u8; 16]>,
    /// Without its quotes.
    pub(super) etag: String,
}

/// What is said of an object when it is stored.
#[derive(Clone, Debug, Default)]
pub(super) struct About {
    pub(super) content_type: Option<String>,
    /// `Cache-Control` and its like, by name in lower case.
    pub(super) headers: BTreeMap<&'static str, String>,
    /// The user's own: `x-goog-meta-` headers, or `metadata` of the JSON face.
    pub(super) metadata: BTreeMap<String, String>,
}

/// Headers that are kept with an object and given back with it, and their names in JSON.
pub(super) const KEPT_HEADERS: [(&str, &str); 4] = [
    ("cache-control", "cacheControl"),
    ("content-disposition", "contentDisposition"),
    ("content-encoding", "contentEncoding"),
    ("content-language", "contentLanguage"),
];

impl About {
    /// What the headers of a request say.
    pub(super) fn of_headers(headers: &HeaderMap) -> About {
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let own = headers.iter().filter_map(|(name, value)| {
            let name = name.as_str().strip_prefix("x-goog-meta-")?;
            Some((name.to_owned(), value.to_str().ok()?.to_owned()))
        });
        About {
            content_type: text("content-type"),
            headers: KEPT_HEADERS.iter().filter_map(|(name, _)| Some((*name, text(name)?))).collect(),
            metadata: own.collect(),
        }
    }
}

/// Checksums that a client gives for what it stores.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Claimed {
    /// Base64, as everywhere in GCS.
    pub(super) md5: Option<String>,
    pub(super) crc32c: Option<String>,
}

impl Claimed {
    /// Those in the headers of a request.
    pub(super) fn of_headers(headers: &HeaderMap) -> Claimed {
        let mut claimed = Claimed::default();
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        claimed.md5 = text("content-md5").map(str::to_owned);
        for hash in text("x-goog-hash").unwrap_or_default().split(',') {
            match hash.trim().split_once('=') {
                Some(("md5", value)) => claimed.md5 = Some(value.to_owned()),
                Some(("crc32c", value)) => claimed.crc32c = Some(value.to_owned()),
                _ => {}
            }
        }
        claimed
    }
}

impl Object {
    /// An object that came as a whole.
    ///
    /// # Errors
    /// When a checksum that was given for it does not fit.
    pub(super) fn whole(bytes: Bytes, about: About, claimed: &Claimed) -> Result<Object, GcsError> {
        let md5: [u8; 16] = Md5::digest(&bytes).into();
        let object = Object { etag: hex(&md5), md5: Some(md5), ..Object::of_parts(bytes, about, 0) };
        let fits = |claim: &Option<String>, right: Option<String>| claim.is_none() || *claim == right;
        if !fits(&claimed.md5, object.md5_base64()) || !fits(&claimed.crc32c, Some(object.crc32c_base64())) {
            return Err(GcsError::BadDigest);
        }
        Ok(object)
    }

    /// An object that was put together from parts: it has no MD5.
    pub(super) fn of_parts(bytes: Bytes, about: About, parts: usize) -> Object {
        let crc32c = crc32c::crc32c(&bytes);
        let etag = format!("{crc32c:08x}-{parts}");
        Object { bytes, generation: 0, metageneration: 1, created_us: 0, about, crc32c, md5: None, etag }
    }

    pub(super) fn md5_base64(&self) -> Option<String> {
        self.md5.map(|md5| base64(&md5))
    }

    pub(super) fn crc32c_base64(&self) -> String {
        base64(&self.crc32c.to_be_bytes())
    }

    /// The value of `x-goog-hash`.
    pub(super) fn hashes(&self) -> String {
        let crc32c = format!("crc32c={}", self.crc32c_base64());
        match self.md5_base64() {
            Some(md5) => format!("{crc32c},md5={md5}"),
            None => crc32c,
        }
    }

    pub(super) fn content_type(&self) -> &str {
        self.about.content_type.as_deref().unwrap_or("application/octet-stream")
    }
}

/// Bytes in base64.
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
        let good = Object::whole("hello".into(), About::default(), &Claimed::default()).unwrap();
        assert_eq!(good.hashes(), "crc32c=mnG7TA==,md5=XUFAKrxLKna5cZ2REBfFkg==");
        let claimed = Claimed { crc32c: Some("AAAAAA==".into()), ..Claimed::default() };
        assert_eq!(
            Object::whole("hello".into(), About::default(), &claimed).unwrap_err(),
            GcsError::BadDigest
        );
    }
}
