//! Uploads in parts, of the XML face.

use std::collections::BTreeMap;

use axum::http::header::ETAG;
use axum::http::{HeaderName, HeaderValue, Method, StatusCode};
use bytes::Bytes;
use md5::{Digest, Md5};

use super::conditions::Conditions;
use super::error::GcsError;
use super::media::{described, quoted_etag};
use super::object::{About, Claimed, Object};
use super::xml::{CONTENT_TYPE, escaped, values};
use crate::server::file_cache::hex;
use crate::server::front::answer::Answer;
use crate::server::front::ask::Ask;
use crate::server::world::World;

/// An upload in parts.
#[derive(Debug)]
pub(super) struct Multipart {
    pub(super) bucket: String,
    name: String,
    about: About,
    parts: BTreeMap<u32, Bytes>,
}

/// Google's own client looks for the elements in this namespace.
const NAMESPACE: &str = "http://s3.amazonaws.com/doc/2006-03-01/";

/// Begins an upload.
pub(super) fn begin(world: &World, ask: &Ask, bucket: &str, name: &str) -> Result<Answer, GcsError> {
    let about = About::of_headers(&ask.headers);
    let upload =
        Multipart { bucket: bucket.to_owned(), name: name.to_owned(), about, parts: BTreeMap::new() };
    let id = world.buckets.begin_multipart(upload)?;
    let body = format!(
        "<?xml version='1.0' encoding='UTF-8'?><InitiateMultipartUploadResult xmlns='{NAMESPACE}'><Bucket>{bucket}</Bucket>\
         <Key>{}</Key><UploadId>{id}</UploadId></InitiateMultipartUploadResult>",
        escaped(name)
    );
    Ok(Answer::new(StatusCode::OK, CONTENT_TYPE, body))
}

/// Goes on with an upload: a part, the end, or that it is given up.
pub(super) fn go_on(world: &World, ask: &Ask, id: &str) -> Result<Answer, GcsError> {
    match ask.method {
        Method::PUT => put_part(world, ask, id),
        Method::POST => complete(world, ask, id),
        Method::DELETE => {
            world.buckets.end_multipart(id)?;
            Ok(Answer::empty(StatusCode::NO_CONTENT))
        }
        _ => Err(GcsError::MethodNotAllowed),
    }
}

fn put_part(world: &World, ask: &Ask, id: &str) -> Result<Answer, GcsError> {
    let number = ask.parameter("partNumber").unwrap_or_default();
    let number: u32 = number
        .parse()
        .ok()
        .filter(|n| (1..=10_000).contains(n))
        .ok_or_else(|| GcsError::Invalid(format!("part number `{number}`")))?;
    let part = Object::whole(ask.body.clone(), About::default(), &Claimed::of_headers(&ask.headers))?;
    let answer = Answer::empty(StatusCode::OK)
        .with(ETAG, &quoted_etag(&part))
        .with(HeaderName::from_static("x-goog-hash"), &part.hashes());
    world.buckets.with_multipart(id, |upload| {
        upload.parts.insert(number, part.bytes);
        Ok(answer)
    })
}

fn complete(world: &World, ask: &Ask, id: &str) -> Result<Answer, GcsError> {
    let conditions = Conditions::of_headers(ask)?;
    let text = String::from_utf8_lossy(&ask.body);
    let numbers = values(&text, "PartNumber");
    let etags = values(&text, "ETag");
    let (bucket, name, object) = world.buckets.with_multipart(id, |upload| {
        let object = upload.joined(&numbers, &etags)?;
        Ok((upload.bucket.clone(), upload.name.clone(), object))
    })?;
    let object = world.buckets.put((&bucket, &name), object, &conditions, world.now_us())?;
    world.buckets.end_multipart(id)?;
    let body = format!(
        "<?xml version='1.0' encoding='UTF-8'?><CompleteMultipartUploadResult xmlns='{NAMESPACE}'><Bucket>{bucket}</Bucket>\
         <Key>{}</Key><ETag>{}</ETag></CompleteMultipartUploadResult>",
        escaped(&name),
        escaped(&quoted_etag(&object)),
    );
    let mut answer = described(Answer::new(StatusCode::OK, "", body), &object);
    answer.headers.insert(axum::http::header::CONTENT_TYPE, CONTENT_TYPE_VALUE);
    Ok(answer)
}

const CONTENT_TYPE_VALUE: HeaderValue = HeaderValue::from_static(CONTENT_TYPE);

impl Multipart {
    /// The parts that the client names, in its order, which must rise; each with the ETag that it was answered with.
    fn joined(&self, numbers: &[String], etags: &[String]) -> Result<Object, GcsError> {
        let mut whole = Vec::with_capacity(self.parts.values().map(Bytes::len).sum());
        let mut before = 0;
        for (place, number) in numbers.iter().enumerate() {
            let number: u32 = number.parse().map_err(|_| GcsError::Invalid("part number".to_owned()))?;
            let part = self.parts.get(&number).filter(|_| number > before);
            let part =
                part.ok_or_else(|| GcsError::Invalid(format!("part {number} is missing or out of order")))?;
            let etag = etags.get(place).map(|etag| etag.replace("&quot;", ""));
            if etag.is_some_and(|etag| etag.trim_matches('"') != hex(&Md5::digest(part))) {
                return Err(GcsError::Invalid(format!("part {number} has another ETag")));
            }
            whole.extend_from_slice(part);
            before = number;
        }
        if numbers.is_empty() {
            return Err(GcsError::Invalid("an upload needs a part".to_owned()));
        }
        Ok(Object::of_parts(whole.into(), self.about.clone(), numbers.len()))
    }
}
