//! Uploads of the JSON API: `media`, `multipart` and `resumable`.

use axum::http::header::{LOCATION, RANGE};
use axum::http::{HeaderName, Method, StatusCode};
use bytes::Bytes;
use serde_json::{Map, Value};

use super::conditions::Conditions;
use super::error::GcsError;
use super::object::{Attributes, ExpectedChecksums, Object};
use super::resource::{resource, update_attributes};
use super::store::Buckets;
use super::uploads::ResumableUpload;
use crate::server::front::request::HttpRequest;
use crate::server::front::response::{HttpResponse, status_of};

/// Answers an upload request.
pub(super) fn respond(
    buckets: &Buckets,
    request: &HttpRequest,
    bucket: &str,
) -> Result<HttpResponse, GcsError> {
    if let Some(id) = request.parameter("upload_id") {
        return match request.method {
            Method::PUT | Method::POST => resume_upload(buckets, request, &id),
            Method::DELETE => buckets.end_resumable(&id).map(|_| HttpResponse::empty(status_of(499))),
            _ => Err(GcsError::MethodNotAllowed),
        };
    }
    buckets.check_bucket(bucket)?;
    match request.parameter("uploadType").as_deref() {
        Some("media") => {
            let resource_fields = Map::new();
            let content_type = request.header("content-type");
            store_object(
                buckets,
                request,
                bucket,
                (resource_fields, content_type),
                request.body.clone(),
                &Conditions::of_query(request)?,
            )
        }
        Some("multipart") => {
            let Related { resource_fields, content_type, content } = related_parts(request)?;
            store_object(
                buckets,
                request,
                bucket,
                (resource_fields, content_type.as_deref()),
                content,
                &Conditions::of_query(request)?,
            )
        }
        Some("resumable") => begin_resumable(buckets, request, bucket),
        other => Err(GcsError::Invalid(format!("uploadType `{}`", other.unwrap_or_default()))),
    }
}

fn store_object(
    buckets: &Buckets,
    request: &HttpRequest,
    bucket: &str,
    (resource_fields, content_type): (Map<String, Value>, Option<&str>),
    content: Bytes,
    conditions: &Conditions,
) -> Result<HttpResponse, GcsError> {
    let name = object_name(request, &resource_fields)?;
    let object = build_object(content, &resource_fields, content_type)?;
    let object = buckets.put_object((bucket, &name), object, conditions)?;
    Ok(HttpResponse::json(StatusCode::OK, &resource(request, (bucket, &name), &object)))
}

fn object_name(request: &HttpRequest, resource_fields: &Map<String, Value>) -> Result<String, GcsError> {
    let name = resource_fields.get("name").and_then(Value::as_str).map(str::to_owned);
    name.or_else(|| request.parameter("name").map(|name| name.into_owned()))
        .filter(|name| !name.is_empty())
        .ok_or_else(|| GcsError::Invalid("an object needs a name".to_owned()))
}

fn build_object(
    content: Bytes,
    resource_fields: &Map<String, Value>,
    content_type: Option<&str>,
) -> Result<Object, GcsError> {
    let mut attributes =
        Attributes { content_type: content_type.map(str::to_owned), ..Attributes::default() };
    update_attributes(&mut attributes, resource_fields);
    let text = |name: &str| resource_fields.get(name).and_then(Value::as_str).map(str::to_owned);
    Object::from_bytes(
        content,
        attributes,
        &ExpectedChecksums { md5: text("md5Hash"), crc32c: text("crc32c") },
    )
}

/// The parts of a `multipart/related` body.
struct Related {
    /// The object's resource.
    resource_fields: Map<String, Value>,
    content_type: Option<String>,
    content: Bytes,
}

fn related_parts(request: &HttpRequest) -> Result<Related, GcsError> {
    let wrong = |what: &str| GcsError::Invalid(format!("multipart body: {what}"));
    let header = request.header("content-type").unwrap_or_default();
    let boundary =
        header.split_once("boundary=").map(|(_, rest)| rest.split(';').next().unwrap_or(rest).trim());
    let boundary = boundary.ok_or_else(|| wrong("no boundary"))?.trim_matches(['"', '\'']);
    let mark = format!("--{boundary}");
    let starts = line_positions(&request.body, mark.as_bytes());
    let [first, second, end, ..] = starts.as_slice() else { return Err(wrong("two parts are needed")) };
    let part = |from: usize, to: usize| request.body.slice(from + mark.len()..to);
    let (_, json) = split_part(&part(*first, *second)).ok_or_else(|| wrong("first part"))?;
    let (headers, content) = split_part(&part(*second, *end)).ok_or_else(|| wrong("second part"))?;
    let resource_fields = serde_json::from_slice(&json).map_err(|e| wrong(&e.to_string()))?;
    let content_type = headers.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-type").then(|| value.trim().to_owned())
    });
    Ok(Related { resource_fields, content_type, content })
}

/// Finds the positions where a line begins with a mark.
fn line_positions(body: &[u8], mark: &[u8]) -> Vec<usize> {
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

/// Splits a part into headers and content. The part ends with the line break before the next mark.
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

fn begin_resumable(buckets: &Buckets, request: &HttpRequest, bucket: &str) -> Result<HttpResponse, GcsError> {
    let mut resource_fields: Map<String, Value> = if request.body.is_empty() {
        Map::new()
    } else {
        serde_json::from_slice(&request.body).map_err(|e| GcsError::Invalid(e.to_string()))?
    };
    if let (None, Some(content_type)) =
        (resource_fields.get("contentType"), request.header("x-upload-content-type"))
    {
        resource_fields.insert("contentType".to_owned(), content_type.into());
    }
    let name = object_name(request, &resource_fields)?;
    let conditions = Conditions::of_query(request)?;
    let current = buckets.get_object((bucket, &name), None).ok();
    conditions.check(current.as_deref())?;
    let upload = ResumableUpload {
        bucket: bucket.to_owned(),
        name,
        resource: resource_fields,
        conditions,
        received: Vec::new(),
    };
    let id = buckets.begin_resumable(upload)?;
    let host = request.header("host").unwrap_or("127.0.0.1");
    let location =
        format!("http://{host}/upload/storage/v1/b/{bucket}/o?uploadType=resumable&upload_id={id}");
    let uploader = HeaderName::from_static("x-guploader-uploadid");
    Ok(HttpResponse::empty(StatusCode::OK).with(LOCATION, &location).with(uploader, &id))
}

/// Appends the next piece of a resumable upload; the last piece stores the object.
fn resume_upload(buckets: &Buckets, request: &HttpRequest, id: &str) -> Result<HttpResponse, GcsError> {
    let piece = Piece::parse(request.header("content-range").unwrap_or_default())?;
    let (received, is_whole) = buckets.with_resumable(id, |upload| {
        let first = piece.first.unwrap_or(upload.received.len());
        if first > upload.received.len() {
            return Err(GcsError::Invalid(format!(
                "bytes from {first} on, but {} are here",
                upload.received.len()
            )));
        }
        let known = (upload.received.len() - first).min(request.body.len());
        upload.received.extend_from_slice(&request.body[known..]);
        Ok((upload.received.len(), piece.is_whole(upload.received.len())))
    })?;
    if !is_whole {
        let response = HttpResponse::empty(StatusCode::PERMANENT_REDIRECT);
        return Ok(if received == 0 {
            response
        } else {
            response.with(RANGE, &format!("bytes=0-{}", received - 1))
        });
    }
    let upload = buckets.end_resumable(id)?;
    let object = build_object(upload.received.into(), &upload.resource, None)?;
    let place = (upload.bucket.as_str(), upload.name.as_str());
    let object = buckets.put_object(place, object, &upload.conditions)?;
    Ok(HttpResponse::json(StatusCode::OK, &resource(request, place, &object)))
}

/// A piece of a resumable upload, from its `Content-Range` header.
#[derive(Debug, PartialEq, Eq)]
struct Piece {
    /// Offset of the first byte; `None`: the piece is empty or has no header.
    first: Option<usize>,
    /// Length of the object.
    total: Total,
}

#[derive(Debug, PartialEq, Eq)]
enum Total {
    /// Not sent, because this piece is the last one.
    ThisPiece,
    Unknown,
    Bytes(usize),
}

impl Piece {
    fn parse(header: &str) -> Result<Piece, GcsError> {
        if header.is_empty() {
            return Ok(Piece { first: None, total: Total::ThisPiece });
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
            Total::ThisPiece => true,
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
            ("", Some(Piece { first: None, total: Total::ThisPiece })),
            ("bytes 0-9/*", Some(Piece { first: Some(0), total: Total::Unknown })),
            ("bytes 10-19/20", Some(Piece { first: Some(10), total: Total::Bytes(20) })),
            ("bytes 10-*/*", Some(Piece { first: Some(10), total: Total::Unknown })),
            ("bytes */20", Some(Piece { first: None, total: Total::Bytes(20) })),
            ("rows 1-2/3", None),
            ("bytes 5/9", None),
        ] {
            assert_eq!(Piece::parse(header).ok(), expected, "{header}");
        }
    }
}
