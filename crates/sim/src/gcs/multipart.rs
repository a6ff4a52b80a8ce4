//! Multipart uploads of the XML API.

use std::collections::BTreeMap;

use axum::http::header::ETAG;
use axum::http::{HeaderName, HeaderValue, Method, StatusCode};

use super::conditions::Conditions;
use super::error::GcsError;
use super::media::{quoted_etag, with_object_headers};
use super::object::{Attributes, ExpectedChecksums, Object};
use super::store::Buckets;
use super::uploads::MultipartUpload;
use super::xml_text::{CONTENT_TYPE, element_values, escape};
use crate::server::front::request::HttpRequest;
use crate::server::front::response::HttpResponse;

/// Google's client requires this namespace.
const NAMESPACE: &str = "http://s3.amazonaws.com/doc/2006-03-01/";

/// Begins an upload.
pub(super) fn begin_upload(
    buckets: &Buckets,
    request: &HttpRequest,
    bucket: &str,
    name: &str,
) -> Result<HttpResponse, GcsError> {
    let attributes = Attributes::of_headers(&request.headers);
    let upload = MultipartUpload {
        bucket: bucket.to_owned(),
        name: name.to_owned(),
        attributes,
        parts: BTreeMap::new(),
    };
    let id = buckets.begin_multipart(upload)?;
    let body = format!(
        "<?xml version='1.0' encoding='UTF-8'?><InitiateMultipartUploadResult xmlns='{NAMESPACE}'><Bucket>{bucket}</Bucket>\
         <Key>{}</Key><UploadId>{id}</UploadId></InitiateMultipartUploadResult>",
        escape(name)
    );
    Ok(HttpResponse::new(StatusCode::OK, CONTENT_TYPE, body))
}

/// Continues an upload: stores a part, completes it or aborts it.
pub(super) fn resume_upload(
    buckets: &Buckets,
    request: &HttpRequest,
    id: &str,
) -> Result<HttpResponse, GcsError> {
    match request.method {
        Method::PUT => put_part(buckets, request, id),
        Method::POST => complete_upload(buckets, request, id),
        Method::DELETE => {
            buckets.end_multipart(id)?;
            Ok(HttpResponse::empty(StatusCode::NO_CONTENT))
        }
        _ => Err(GcsError::MethodNotAllowed),
    }
}

fn put_part(buckets: &Buckets, request: &HttpRequest, id: &str) -> Result<HttpResponse, GcsError> {
    let number = request.parameter("partNumber").unwrap_or_default();
    let number: u32 = number
        .parse()
        .ok()
        .filter(|n| (1..=10_000).contains(n))
        .ok_or_else(|| GcsError::Invalid(format!("part number `{number}`")))?;
    let part = Object::from_bytes(
        request.body.clone(),
        Attributes::default(),
        &ExpectedChecksums::of_headers(&request.headers),
    )?;
    let response = HttpResponse::empty(StatusCode::OK)
        .with(ETAG, &quoted_etag(&part))
        .with(HeaderName::from_static("x-goog-hash"), &part.hash_header());
    buckets.with_multipart(id, |upload| {
        upload.parts.insert(number, part.bytes);
        Ok(response)
    })
}

fn complete_upload(buckets: &Buckets, request: &HttpRequest, id: &str) -> Result<HttpResponse, GcsError> {
    let conditions = Conditions::of_headers(request)?;
    let text = String::from_utf8_lossy(&request.body);
    let numbers = element_values(&text, "PartNumber");
    let etags = element_values(&text, "ETag");
    let (bucket, name, object) = buckets.with_multipart(id, |upload| {
        let object = upload.join(&numbers, &etags)?;
        Ok((upload.bucket.clone(), upload.name.clone(), object))
    })?;
    let object = buckets.put_object((&bucket, &name), object, &conditions)?;
    buckets.end_multipart(id)?;
    let body = format!(
        "<?xml version='1.0' encoding='UTF-8'?><CompleteMultipartUploadResult xmlns='{NAMESPACE}'><Bucket>{bucket}</Bucket>\
         <Key>{}</Key><ETag>{}</ETag></CompleteMultipartUploadResult>",
        escape(&name),
        escape(&quoted_etag(&object)),
    );
    let mut response = with_object_headers(HttpResponse::new(StatusCode::OK, "", body), &object);
    response.headers.insert(axum::http::header::CONTENT_TYPE, CONTENT_TYPE_VALUE);
    Ok(response)
}

const CONTENT_TYPE_VALUE: HeaderValue = HeaderValue::from_static(CONTENT_TYPE);
