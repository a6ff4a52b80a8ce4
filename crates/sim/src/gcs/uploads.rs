//! Uploads in progress. Their requests are in `multipart` (XML API) and `upload` (JSON API).

use std::collections::BTreeMap;

use bytes::Bytes;
use md5::{Digest, Md5};
use serde_json::{Map, Value};

use super::conditions::Conditions;
use super::error::GcsError;
use super::object::{Attributes, Object};
use crate::hex::lower_hex;

/// A multipart upload of the XML API.
#[derive(Debug)]
pub(super) struct MultipartUpload {
    pub(super) bucket: String,
    pub(super) name: String,
    pub(super) attributes: Attributes,
    /// The parts received so far, by number.
    pub(super) parts: BTreeMap<u32, Bytes>,
}

/// A resumable upload of the JSON API.
#[derive(Debug)]
pub(super) struct ResumableUpload {
    pub(super) bucket: String,
    pub(super) name: String,
    /// The object's resource, as sent with the first request.
    pub(super) resource: Map<String, Value>,
    pub(super) conditions: Conditions,
    /// The bytes received so far.
    pub(super) received: Vec<u8>,
}

impl MultipartUpload {
    /// Joins the parts that the client lists.
    ///
    /// # Errors
    /// Fails when a part is missing, out of order or listed with another ETag, and when no part is listed.
    pub(super) fn join(&self, numbers: &[String], etags: &[String]) -> Result<Object, GcsError> {
        let mut whole = Vec::with_capacity(self.parts.values().map(Bytes::len).sum());
        let mut before = 0;
        for (place, number) in numbers.iter().enumerate() {
            let number: u32 = number.parse().map_err(|_| GcsError::Invalid("part number".to_owned()))?;
            let part = self.parts.get(&number).filter(|_| number > before);
            let part =
                part.ok_or_else(|| GcsError::Invalid(format!("part {number} is missing or out of order")))?;
            let etag = etags.get(place).map(|etag| etag.replace("&quot;", ""));
            if etag.is_some_and(|etag| etag.trim_matches('"') != lower_hex(&Md5::digest(part))) {
                return Err(GcsError::Invalid(format!("part {number} has another ETag")));
            }
            whole.extend_from_slice(part);
            before = number;
        }
        if numbers.is_empty() {
            return Err(GcsError::Invalid("an upload needs a part".to_owned()));
        }
        Ok(Object::from_parts(whole.into(), self.attributes.clone(), numbers.len()))
    }
}
