//! The XML API.

use axum::http::{Method, StatusCode};

use super::conditions::{Conditions, requested_generation};
use super::error::GcsError;
use super::listing::{MAX_ENTRIES, Page, Query};
use super::media::{self, quoted_etag, with_object_headers};
use super::multipart;
use super::object::{Attributes, ExpectedChecksums, Object};
use super::store::Buckets;
use super::xml_text::{CONTENT_TYPE, element_values, escape, unescape};
use crate::generate::times::iso;
use crate::server::front::request::{HttpRequest, percent_decode};
use crate::server::front::response::HttpResponse;

/// Answers a request to the XML API.
pub(super) fn respond(buckets: &Buckets, request: &HttpRequest) -> Result<HttpResponse, GcsError> {
    let segments = request.segments();
    let (bucket, rest) = segments.split_first().ok_or(GcsError::NoSuchBucket)?;
    let name = rest.join("/");
    if name.is_empty() {
        return respond_bucket(buckets, request, bucket);
    }
    buckets.check_bucket(bucket)?;
    if let Some(id) = request.parameter("uploadId") {
        return multipart::resume_upload(buckets, request, &id);
    }
    let place = (bucket.as_str(), name.as_str());
    match request.method {
        Method::POST if request.parameter("uploads").is_some() => {
            multipart::begin_upload(buckets, request, bucket, &name)
        }
        Method::PUT => put_object(buckets, request, place),
        Method::GET | Method::HEAD => {
            media::respond(&*buckets.get_object(place, requested_generation(request)?)?, request)
        }
        Method::DELETE => {
            buckets.delete_object(place, &Conditions::of_headers(request)?)?;
            Ok(HttpResponse::empty(StatusCode::NO_CONTENT))
        }
        _ => Err(GcsError::MethodNotAllowed),
    }
}

fn respond_bucket(buckets: &Buckets, request: &HttpRequest, bucket: &str) -> Result<HttpResponse, GcsError> {
    match request.method {
        Method::PUT if buckets.create_bucket(bucket) => Ok(HttpResponse::empty(StatusCode::OK)),
        Method::PUT => Err(GcsError::BucketExists),
        Method::DELETE => buckets.delete_bucket(bucket).map(|()| HttpResponse::empty(StatusCode::NO_CONTENT)),
        Method::HEAD => buckets.check_bucket(bucket).map(|()| HttpResponse::empty(StatusCode::OK)),
        Method::GET => list_objects(buckets, request, bucket),
        Method::POST if request.parameter("delete").is_some() => delete_objects(buckets, request, bucket),
        _ => Err(GcsError::MethodNotAllowed),
    }
}

/// Deletes the objects in the body's list. S3 clients delete single objects this way too.
fn delete_objects(buckets: &Buckets, request: &HttpRequest, bucket: &str) -> Result<HttpResponse, GcsError> {
    buckets.check_bucket(bucket)?;
    let mut text = "<?xml version='1.0' encoding='UTF-8'?><DeleteResult>".to_owned();
    for key in element_values(&String::from_utf8_lossy(&request.body), "Key") {
        match buckets.delete_object((bucket, &unescape(&key)), &Conditions::default()) {
            Ok(()) | Err(GcsError::NoSuchKey) => {
                text.push_str(&format!("<Deleted><Key>{key}</Key></Deleted>"));
            }
            Err(error) => return Err(error),
        }
    }
    text.push_str("</DeleteResult>");
    Ok(HttpResponse::new(StatusCode::OK, CONTENT_TYPE, text))
}

fn put_object(
    buckets: &Buckets,
    request: &HttpRequest,
    place: (&str, &str),
) -> Result<HttpResponse, GcsError> {
    let conditions = Conditions::of_headers(request)?;
    if let Some(source) = request.header("x-goog-copy-source") {
        return copy_object(buckets, source, place, &conditions);
    }
    let attributes = Attributes::of_headers(&request.headers);
    let object = Object::from_bytes(
        request.body.clone(),
        attributes,
        &ExpectedChecksums::of_headers(&request.headers),
    )?;
    let object = buckets.put_object(place, object, &conditions)?;
    let mut response = with_object_headers(HttpResponse::empty(StatusCode::OK), &object);
    response.headers.remove(axum::http::header::CONTENT_TYPE);
    Ok(response)
}

fn copy_object(
    buckets: &Buckets,
    source: &str,
    place: (&str, &str),
    conditions: &Conditions,
) -> Result<HttpResponse, GcsError> {
    let source = percent_decode(source.trim_start_matches('/')).into_owned();
    let from = source.split_once('/').ok_or_else(|| GcsError::Invalid(format!("copy source `{source}`")))?;
    let object = Object::clone(&*buckets.get_object(from, None)?);
    let object = buckets.put_object(place, object, conditions)?;
    let body = format!(
        "<?xml version='1.0' encoding='UTF-8'?><CopyObjectResult><LastModified>{}</LastModified><ETag>{}</ETag></CopyObjectResult>",
        iso(object.created_us),
        escape(&quoted_etag(&object)),
    );
    let response = HttpResponse::new(StatusCode::OK, CONTENT_TYPE, body);
    let generation = object.generation.to_string();
    Ok(response.with(axum::http::HeaderName::from_static("x-goog-generation"), &generation))
}

fn list_objects(buckets: &Buckets, request: &HttpRequest, bucket: &str) -> Result<HttpResponse, GcsError> {
    let text = |name: &str| {
        request.parameter(name).map(|value| value.into_owned()).filter(|value| !value.is_empty())
    };
    let is_second_version = text("list-type").as_deref() == Some("2");
    let query = Query {
        prefix: text("prefix").unwrap_or_default(),
        delimiter: text("delimiter").unwrap_or_default(),
        after: if is_second_version { text("start-after") } else { None },
        token: if is_second_version { text("continuation-token") } else { text("marker") },
        limit: text("max-keys").and_then(|limit| limit.parse().ok()).unwrap_or(MAX_ENTRIES),
        ..Query::default()
    };
    let page = buckets.list_objects(bucket, &query, request.wants_stale_listing)?;
    Ok(HttpResponse::new(StatusCode::OK, CONTENT_TYPE, list_result(bucket, &query, &page, is_second_version)))
}

fn list_result(bucket: &str, query: &Query, page: &Page, is_second_version: bool) -> String {
    let mut text = format!(
        "<?xml version='1.0' encoding='UTF-8'?><ListBucketResult xmlns='http://doc.s3.amazonaws.com/2006-03-01'>\
         <Name>{bucket}</Name><Prefix>{}</Prefix><MaxKeys>{}</MaxKeys><IsTruncated>{}</IsTruncated>",
        escape(&query.prefix),
        query.limit,
        page.next.is_some(),
    );
    if is_second_version {
        text.push_str(&format!("<KeyCount>{}</KeyCount>", page.objects.len() + page.prefixes.len()));
    }
    if let Some(next) = &page.next {
        let tag = if is_second_version { "NextContinuationToken" } else { "NextMarker" };
        text.push_str(&format!("<{tag}>{}</{tag}>", escape(next)));
    }
    for (name, object) in &page.objects {
        text.push_str(&format!(
            "<Contents><Key>{}</Key><Generation>{}</Generation><MetaGeneration>{}</MetaGeneration>\
             <LastModified>{}</LastModified><ETag>{}</ETag><Size>{}</Size></Contents>",
            escape(name),
            object.generation,
            object.metageneration,
            iso(object.created_us),
            escape(&quoted_etag(object)),
            object.bytes.len(),
        ));
    }
    for prefix in &page.prefixes {
        text.push_str(&format!("<CommonPrefixes><Prefix>{}</Prefix></CommonPrefixes>", escape(prefix)));
    }
    text.push_str("</ListBucketResult>");
    text
}
