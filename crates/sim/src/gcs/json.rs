//! The JSON API.

use axum::http::{Method, StatusCode};
use serde_json::{Map, Value, json};

use super::conditions::{Conditions, requested_generation};
use super::error::GcsError;
use super::listing::{MAX_ENTRIES, Query};
use super::media;
use super::object::Object;
use super::resource::{resource, update_attributes};
use super::store::Buckets;
use super::upload;
use crate::server::front::request::HttpRequest;
use crate::server::front::response::HttpResponse;

/// Answers a request to the JSON API.
pub(super) fn respond(buckets: &Buckets, request: &HttpRequest) -> Result<HttpResponse, GcsError> {
    let segments = request.segments();
    let segments: Vec<&str> = segments.iter().map(String::as_str).filter(|part| !part.is_empty()).collect();
    match segments.as_slice() {
        ["upload", "storage", "v1", "b", bucket, "o"]
        | ["resumable", "upload", "storage", "v1", "b", bucket, "o"] => {
            upload::respond(buckets, request, bucket)
        }
        ["download", "storage", "v1", "b", bucket, "o", name @ ..] => media::respond(
            &*buckets.get_object((bucket, &name.join("/")), requested_generation(request)?)?,
            request,
        ),
        ["storage", "v1", "b"] => respond_buckets(buckets, request),
        ["storage", "v1", "b", bucket] => respond_bucket(buckets, request, bucket),
        ["storage", "v1", "b", bucket, "storageLayout"] => {
            buckets.check_bucket(bucket)?;
            Ok(ok(&json!({
                "kind": "storage#storageLayout", "bucket": bucket, "location": "US-EAST1", "locationType": "region",
                "hierarchicalNamespace": {"enabled": false},
            })))
        }
        ["storage", "v1", "b", bucket, "o"] => list_objects(buckets, request, bucket),
        [
            "storage",
            "v1",
            "b",
            bucket,
            "o",
            name,
            verb @ ("rewriteTo" | "copyTo"),
            "b",
            to_bucket,
            "o",
            to @ ..,
        ] => copy_object(buckets, request, (bucket, name), (to_bucket, &to.join("/")), verb),
        ["storage", "v1", "b", bucket, "o", name @ ..] => {
            respond_object(buckets, request, (bucket, &name.join("/")))
        }
        _ => Err(GcsError::NoSuchKey),
    }
}

fn ok(value: &Value) -> HttpResponse {
    HttpResponse::json(StatusCode::OK, value)
}

/// Parses the body as a JSON object; an empty body is an empty object.
fn parse_body(request: &HttpRequest) -> Result<Map<String, Value>, GcsError> {
    if request.body.is_empty() {
        return Ok(Map::new());
    }
    serde_json::from_slice(&request.body)
        .map_err(|e| GcsError::Invalid(format!("the body is no JSON object: {e}")))
}

fn bucket_resource(name: &str) -> Value {
    json!({
        "kind": "storage#bucket", "id": name, "name": name, "projectNumber": "1", "metageneration": "1",
        "location": "US-EAST1", "locationType": "region", "storageClass": "STANDARD", "etag": "CAE=",
        "timeCreated": "2024-01-01T00:00:00.000Z", "updated": "2024-01-01T00:00:00.000Z",
    })
}

fn respond_buckets(buckets: &Buckets, request: &HttpRequest) -> Result<HttpResponse, GcsError> {
    match request.method {
        Method::GET => {
            let buckets: Vec<Value> =
                buckets.bucket_names().iter().map(|name| bucket_resource(name)).collect();
            Ok(ok(&json!({"kind": "storage#buckets", "items": buckets})))
        }
        Method::POST => {
            let body = parse_body(request)?;
            let name = body.get("name").and_then(Value::as_str);
            let name = name.ok_or_else(|| GcsError::Invalid("a bucket needs a name".to_owned()))?;
            if buckets.create_bucket(name) {
                Ok(ok(&bucket_resource(name)))
            } else {
                Err(GcsError::BucketExists)
            }
        }
        _ => Err(GcsError::MethodNotAllowed),
    }
}

fn respond_bucket(buckets: &Buckets, request: &HttpRequest, bucket: &str) -> Result<HttpResponse, GcsError> {
    match request.method {
        Method::GET => buckets.check_bucket(bucket).map(|()| ok(&bucket_resource(bucket))),
        Method::DELETE => buckets.delete_bucket(bucket).map(|()| HttpResponse::empty(StatusCode::NO_CONTENT)),
        _ => Err(GcsError::MethodNotAllowed),
    }
}

fn respond_object(
    buckets: &Buckets,
    request: &HttpRequest,
    place: (&str, &str),
) -> Result<HttpResponse, GcsError> {
    let conditions = Conditions::of_query(request)?;
    match request.method {
        Method::DELETE => {
            buckets.delete_object(place, &conditions)?;
            Ok(HttpResponse::empty(StatusCode::NO_CONTENT))
        }
        Method::PATCH | Method::PUT => {
            let current = buckets.get_object(place, requested_generation(request)?)?;
            conditions.check(Some(&current))?;
            let mut object = Object::clone(&current);
            update_attributes(&mut object.attributes, &parse_body(request)?);
            let object = buckets.update_object(place, object)?;
            Ok(ok(&resource(request, place, &object)))
        }
        Method::GET | Method::HEAD => {
            let object = buckets.get_object(place, requested_generation(request)?)?;
            conditions.check(Some(&object))?;
            match request.parameter("alt").as_deref() {
                Some("media") => media::respond(&object, request),
                _ => Ok(ok(&resource(request, place, &object))),
            }
        }
        _ => Err(GcsError::MethodNotAllowed),
    }
}

fn list_objects(buckets: &Buckets, request: &HttpRequest, bucket: &str) -> Result<HttpResponse, GcsError> {
    if request.method != Method::GET {
        return Err(GcsError::MethodNotAllowed);
    }
    let text = |name: &str| {
        request.parameter(name).map(|value| value.into_owned()).filter(|value| !value.is_empty())
    };
    let query = Query {
        prefix: text("prefix").unwrap_or_default(),
        delimiter: text("delimiter").unwrap_or_default(),
        from: text("startOffset"),
        until: text("endOffset"),
        token: text("pageToken"),
        limit: text("maxResults").and_then(|limit| limit.parse().ok()).unwrap_or(MAX_ENTRIES),
        after: None,
    };
    let page = buckets.list_objects(bucket, &query, request.wants_stale_listing)?;
    let mut response = json!({"kind": "storage#objects"});
    if !page.objects.is_empty() {
        response["items"] =
            page.objects.iter().map(|(name, object)| resource(request, (bucket, name), object)).collect();
    }
    if !page.prefixes.is_empty() {
        response["prefixes"] = page.prefixes.into();
    }
    if let Some(next) = page.next {
        response["nextPageToken"] = next.into();
    }
    Ok(ok(&response))
}

fn copy_object(
    buckets: &Buckets,
    request: &HttpRequest,
    from: (&str, &str),
    to: (&str, &str),
    verb: &str,
) -> Result<HttpResponse, GcsError> {
    let conditions = Conditions::of_query(request)?;
    let mut object = Object::clone(&*buckets.get_object(from, None)?);
    let changes = parse_body(request)?;
    if !changes.is_empty() {
        update_attributes(&mut object.attributes, &changes);
    }
    object.metageneration = 1;
    let object = buckets.put_object(to, object, &conditions)?;
    let resource = resource(request, to, &object);
    Ok(ok(&if verb == "copyTo" {
        resource
    } else {
        json!({
            "kind": "storage#rewriteResponse", "done": true, "objectSize": resource["size"],
            "totalBytesRewritten": resource["size"], "resource": resource,
        })
    }))
}
