//! Uploads of the JSON face: at once, with metadata, or resumable.

use axum::http::header::{LOCATION, RANGE};
use axum::http::{HeaderName, Method, StatusCode};
use bytes::Bytes;
use serde_json::{Map, Value};

use super::conditions::Conditions;
use super::error::GcsError;
use super::json::{describe, resource};
use super::object::{About, Claimed, Object};
use crate::server::front::answer::{Answer, status_of};
use crate::server::front::ask::Ask;
use crate::server::world::World;

/// A resumable upload.
#[derive(Debug)]
pub(super) struct Resumable {
    pub(super) bucket: String,
    name: String,
    said: Map<String, Value>,
    conditions: Conditions,
    received: Vec<u8>,
}

/// Answers a request.
pub(super) fn answer(world: &World, ask: &Ask, bucket: &str) -> Result<Answer, GcsError> {
    if let Some(id) = ask.parameter("upload_id") {
        return match ask.method {
            Method::PUT | Method::POST => go_on(world, ask, &id),
            Method::DELETE => world.buckets.end_resumable(&id).map(|_| Answer::empty(status_of(499))),
            _ => Err(GcsError::MethodNotAllowed),
        };
    }
    world.buckets.check(bucket)?;
    match ask.parameter("uploadType").as_deref() {
        Some("media") => {
            let said = Map::new();
            let content_type = ask.header("content-type");
            store(world, ask, bucket, (said, content_type), ask.body.clone(), &Conditions::of_query(ask)?)
        }
        Some("multipart") => {
            let Related { said, content_type, content } = related_parts(ask)?;
            store(world, ask, bucket, (said, content_type.as_deref()), content, &Conditions::of_query(ask)?)
        }
        Some("resumable") => begin(world, ask, bucket),
        other => Err(GcsError::Invalid(format!("uploadType `{}`", other.unwrap_or_default()))),
    }
}

fn store(
    world: &World,
    ask: &Ask,
    bucket: &str,
    (said, content_type): (Map<String, Value>, Option<&str>),
    content: Bytes,
    conditions: &Conditions,
) -> Result<Answer, GcsError> {
    let name = object_name(ask, &said)?;
    let object = object(content, &said, content_type)?;
    let object = world.buckets.put((bucket, &name), object, conditions, world.now_us())?;
    Ok(Answer::json(StatusCode::OK, &resource(ask, (bucket, &name), &object)))
}

fn object_name(ask: &Ask, said: &Map<String, Value>) -> Result<String, GcsError> {
    let name = said.get("name").and_then(Value::as_str).map(str::to_owned);
    name.or_else(|| ask.parameter("name").map(|name| name.into_owned()))
        .filter(|name| !name.is_empty())
        .ok_or_else(|| GcsError::Invalid("an object needs a name".to_owned()))
}

fn object(content: Bytes, said: &Map<String, Value>, content_type: Option<&str>) -> Result<Object, GcsError> {
    let mut about = About { content_type: content_type.map(str::to_owned), ..About::default() };
    describe(&mut about, said);
    let text = |name: &str| said.get(name).and_then(Value::as_str).map(str::to_owned);
    Object::whole(content, about, &Claimed { md5: text("md5Hash"), crc32c: text("crc32c") })
}

/// The parts of a `multipart/related` body.
struct Related {
    /// What is said of the object.
    said: Map<String, Value>,
    content_type: Option<String>,
    content: Bytes,
}

fn related_parts(ask: &Ask) -> Result<Related, GcsError> {
    let wrong = |what: &str| GcsError::Invalid(format!("multipart body: {what}"));
    let header = ask.header("content-type").unwrap_or_default();
    let boundary =
        header.split_once("boundary=").map(|(_, rest)| rest.split(';').next().unwrap_or(rest).trim());
    let boundary = boundary.ok_or_else(|| wrong("no boundary"))?.trim_matches(['"', '\'']);
    let mark = format!("--{boundary}");
    let starts = positions(&ask.body, mark.as_bytes());
    let [first, second, end, ..] = starts.as_slice() else { return Err(wrong("two parts are needed")) };
    let part = |from: usize, to: usize| ask.body.slice(from + mark.len()..to);
    let (_, json) = split_part(&part(*first, *second)).ok_or_else(|| wrong("first part"))?;
    let (headers, content) = split_part(&part(*second, *end)).ok_or_else(|| wrong("second part"))?;
    let said = serde_json::from_slice(&json).map_err(|e| wrong(&e.to_string()))?;
    let content_type = headers.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-type").then(|| value.trim().to_owned())
    });
    Ok(Related { said, content_type, content })
}

/// Where a mark begins a line.
fn positions(body: &[u8], mark: &[u8]) -> Vec<usize> {
    let is_line_start = |at: usize| at == 0 || body[at - 1] == b'\n';
    let mut found = Vec::new();
    let mut at = 0;
    while at + mark.len() <= body.len() {
        if body[at..].starts_with(mark) && is_line_start(at) {
            found.push(at);
            at += mark.len();
        } else {
            at += 1;
        }
    }
    found
}

/// The headers and the content of one part, which ends with the line break before the next mark.
fn split_part(part: &Bytes) -> Option<(String, Bytes)> {
    let start = part.iter().position(|byte| *byte == b'\n')? + 1;
    let rest = part.slice(start..);
    let (end_of_headers, length) = [&b"\r\n\r\n"[..], b"\n\n"]
        .into_iter()
        .filter_map(|blank| {
            Some((rest.windows(blank.len()).position(|window| window == blank)?, blank.len()))
        })
        .min()?;
    let headers = String::from_utf8_lossy(&rest[..end_of_headers]).into_owned();
    let content = rest.slice(end_of_headers + length..);
    let line_break = if content.ends_with(b"\r\n") { 2 } else { usize::from(content.ends_with(b"\n")) };
    Some((headers, content.slice(..content.len() - line_break)))
}

fn begin(world: &World, ask: &Ask, bucket: &str) -> Result<Answer, GcsError> {
    let mut said: Map<String, Value> = match ask.body.is_empty() {
        true => Map::new(),
        false => serde_json::from_slice(&ask.body).map_err(|e| GcsError::Invalid(e.to_string()))?,
    };
    if let (None, Some(content_type)) = (said.get("contentType"), ask.header("x-upload-content-type")) {
        said.insert("contentType".to_owned(), content_type.into());
    }
    let name = object_name(ask, &said)?;
    let conditions = Conditions::of_query(ask)?;
    let current = world.buckets.get((bucket, &name), None).ok();
    conditions.check(current.as_deref())?;
    let upload = Resumable { bucket: bucket.to_owned(), name, said, conditions, received: Vec::new() };
    let id = world.buckets.begin_resumable(upload)?;
    let host = ask.header("host").unwrap_or("127.0.0.1");
    let location =
        format!("http://{host}/upload/storage/v1/b/{bucket}/o?uploadType=resumable&upload_id={id}");
    let uploader = HeaderName::from_static("x-guploader-uploadid");
    Ok(Answer::empty(StatusCode::OK).with(LOCATION, &location).with(uploader, &id))
}

/// Takes the next piece of a resumable upload; with the last one the object appears.
fn go_on(world: &World, ask: &Ask, id: &str) -> Result<Answer, GcsError> {
    let piece = Piece::read(ask.header("content-range").unwrap_or_default())?;
    let (received, is_whole) = world.buckets.with_resumable(id, |upload| {
        let first = piece.first.unwrap_or(upload.received.len());
        if first > upload.received.len() {
            return Err(GcsError::Invalid(format!(
                "bytes from {first} on, but {} are here",
                upload.received.len()
            )));
        }
        let known = (upload.received.len() - first).min(ask.body.len());
        upload.received.extend_from_slice(&ask.body[known..]);
        Ok((upload.received.len(), piece.is_whole(upload.received.len())))
    })?;
    if !is_whole {
        let answer = Answer::empty(StatusCode::PERMANENT_REDIRECT);
        return Ok(if received == 0 {
            answer
        } else {
            answer.with(RANGE, &format!("bytes=0-{}", received - 1))
        });
    }
    let upload = world.buckets.end_resumable(id)?;
    let object = object(upload.received.into(), &upload.said, None)?;
    let place = (upload.bucket.as_str(), upload.name.as_str());
    let object = world.buckets.put(place, object, &upload.conditions, world.now_us())?;
    Ok(Answer::json(StatusCode::OK, &resource(ask, place, &object)))
}

/// What a `Content-Range` header says of a piece.
#[derive(Debug, PartialEq, Eq)]
struct Piece {
    /// Place of its first byte; nothing when it has none, or when there is no header and this is all.
    first: Option<usize>,
    /// Length of the whole.
    total: Total,
}

#[derive(Debug, PartialEq, Eq)]
enum Total {
    /// This is the last piece.
    Here,
    Unknown,
    Bytes(usize),
}

impl Piece {
    fn read(header: &str) -> Result<Piece, GcsError> {
        if header.is_empty() {
            return Ok(Piece { first: None, total: Total::Here });
        }
        let wrong = || GcsError::Invalid(format!("Content-Range `{header}`"));
        let (range, total) =
            header.strip_prefix("bytes ").and_then(|rest| rest.split_once('/')).ok_or_else(wrong)?;
        let first = match range.split_once('-') {
            None if range == "*" => None,
            None => return Err(wrong()),
            Some((first, _)) => Some(first.parse().map_err(|_| wrong())?),
        };
        let total =
            if total == "*" { Total::Unknown } else { Total::Bytes(total.parse().map_err(|_| wrong())?) };
        Ok(Piece { first, total })
    }

    fn is_whole(&self, received: usize) -> bool {
        match self.total {
            Total::Here => true,
            Total::Unknown => false,
            Total::Bytes(total) => received >= total,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_ranges() {
        for (header, expected) in [
            ("", Some(Piece { first: None, total: Total::Here })),
            ("bytes 0-9/*", Some(Piece { first: Some(0), total: Total::Unknown })),
            ("bytes 10-19/20", Some(Piece { first: Some(10), total: Total::Bytes(20) })),
            ("bytes 10-*/*", Some(Piece { first: Some(10), total: Total::Unknown })),
            ("bytes */20", Some(Piece { first: None, total: Total::Bytes(20) })),
            ("rows 1-2/3", None),
            ("bytes 5/9", None),
        ] {
            assert_eq!(Piece::read(header).ok(), expected, "{header}");
        }
    }
}
