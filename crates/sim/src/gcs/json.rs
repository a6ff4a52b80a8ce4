//! The JSON face.

use std::collections::BTreeMap;

use axum::http::{Method, StatusCode};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Map, Value, json};

use super::conditions::Conditions;
use super::error::GcsError;
use super::listing::{MOST, Query};
use super::media;
use super::object::{About, KEPT_HEADERS, Object};
use super::upload;
use super::xml::generation;
use crate::generate::times::iso;
use crate::server::front::answer::Answer;
use crate::server::front::ask::Ask;
use crate::server::world::World;

/// Answers a request.
pub(super) fn answer(world: &World, ask: &Ask) -> Result<Answer, GcsError> {
    let segments = ask.segments();
    let segments: Vec<&str> = segments.iter().map(String::as_str).filter(|part| !part.is_empty()).collect();
    match segments.as_slice() {
        ["upload", "storage", "v1", "b", bucket, "o"]
        | ["resumable", "upload", "storage", "v1", "b", bucket, "o"] => upload::answer(world, ask, bucket),
        ["download", "storage", "v1", "b", bucket, "o", name @ ..] => {
            media::answer(&*world.buckets.get((bucket, &name.join("/")), generation(ask)?)?, ask)
        }
        ["storage", "v1", "b"] => on_buckets(world, ask),
        ["storage", "v1", "b", bucket] => on_bucket(world, ask, bucket),
        ["storage", "v1", "b", bucket, "storageLayout"] => {
            world.buckets.check(bucket)?;
            Ok(ok(&json!({
                "kind": "storage#storageLayout", "bucket": bucket, "location": "US-EAST1", "locationType": "region",
                "hierarchicalNamespace": {"enabled": false},
            })))
        }
        ["storage", "v1", "b", bucket, "o"] => list(world, ask, bucket),
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
        ] => copy(world, ask, (bucket, name), (to_bucket, &to.join("/")), verb),
        ["storage", "v1", "b", bucket, "o", name @ ..] => on_object(world, ask, (bucket, &name.join("/"))),
        _ => Err(GcsError::NoSuchKey),
    }
}

fn ok(value: &Value) -> Answer {
    Answer::json(StatusCode::OK, value)
}

fn body(ask: &Ask) -> Result<Map<String, Value>, GcsError> {
    if ask.body.is_empty() {
        return Ok(Map::new());
    }
    serde_json::from_slice(&ask.body)
        .map_err(|e| GcsError::Invalid(format!("the body is no JSON object: {e}")))
}

fn bucket_resource(name: &str) -> Value {
    json!({
        "kind": "storage#bucket", "id": name, "name": name, "projectNumber": "1", "metageneration": "1",
        "location": "US-EAST1", "locationType": "region", "storageClass": "STANDARD", "etag": "CAE=",
        "timeCreated": "2024-01-01T00:00:00.000Z", "updated": "2024-01-01T00:00:00.000Z",
    })
}

fn on_buckets(world: &World, ask: &Ask) -> Result<Answer, GcsError> {
    match ask.method {
        Method::GET => {
            let buckets: Vec<Value> =
                world.buckets.names().iter().map(|name| bucket_resource(name)).collect();
            Ok(ok(&json!({"kind": "storage#buckets", "items": buckets})))
        }
        Method::POST => {
            let body = body(ask)?;
            let name = body.get("name").and_then(Value::as_str);
            let name = name.ok_or_else(|| GcsError::Invalid("a bucket needs a name".to_owned()))?;
            if world.buckets.create(name) {
                Ok(ok(&bucket_resource(name)))
            } else {
                Err(GcsError::BucketExists)
            }
        }
        _ => Err(GcsError::MethodNotAllowed),
    }
}

fn on_bucket(world: &World, ask: &Ask, bucket: &str) -> Result<Answer, GcsError> {
    match ask.method {
        Method::GET => world.buckets.check(bucket).map(|()| ok(&bucket_resource(bucket))),
        Method::DELETE => world.buckets.remove(bucket).map(|()| Answer::empty(StatusCode::NO_CONTENT)),
        _ => Err(GcsError::MethodNotAllowed),
    }
}

fn on_object(world: &World, ask: &Ask, place: (&str, &str)) -> Result<Answer, GcsError> {
    let conditions = Conditions::of_query(ask)?;
    match ask.method {
        Method::DELETE => {
            world.buckets.delete(place, &conditions)?;
            Ok(Answer::empty(StatusCode::NO_CONTENT))
        }
        Method::PATCH | Method::PUT => {
            let current = world.buckets.get(place, generation(ask)?)?;
            conditions.check(Some(&current))?;
            let mut object = Object::clone(&current);
            describe(&mut object.about, &body(ask)?);
            let object = world.buckets.describe(place, object)?;
            Ok(ok(&resource(ask, place, &object)))
        }
        Method::GET | Method::HEAD => {
            let object = world.buckets.get(place, generation(ask)?)?;
            conditions.check(Some(&object))?;
            match ask.parameter("alt").as_deref() {
                Some("media") => media::answer(&object, ask),
                _ => Ok(ok(&resource(ask, place, &object))),
            }
        }
        _ => Err(GcsError::MethodNotAllowed),
    }
}

fn list(world: &World, ask: &Ask, bucket: &str) -> Result<Answer, GcsError> {
    if ask.method != Method::GET {
        return Err(GcsError::MethodNotAllowed);
    }
    let text =
        |name: &str| ask.parameter(name).map(|value| value.into_owned()).filter(|value| !value.is_empty());
    let query = Query {
        prefix: text("prefix").unwrap_or_default(),
        delimiter: text("delimiter").unwrap_or_default(),
        from: text("startOffset"),
        until: text("endOffset"),
        token: text("pageToken"),
        most: text("maxResults").and_then(|most| most.parse().ok()).unwrap_or(MOST),
        after: None,
    };
    let page = world.buckets.list(bucket, &query, ask.wants_stale_listing)?;
    let mut answer = json!({"kind": "storage#objects"});
    if !page.objects.is_empty() {
        answer["items"] =
            page.objects.iter().map(|(name, object)| resource(ask, (bucket, name), object)).collect();
    }
    if !page.prefixes.is_empty() {
        answer["prefixes"] = page.prefixes.into();
    }
    if let Some(next) = page.next {
        answer["nextPageToken"] = next.into();
    }
    Ok(ok(&answer))
}

fn copy(
    world: &World,
    ask: &Ask,
    from: (&str, &str),
    to: (&str, &str),
    verb: &str,
) -> Result<Answer, GcsError> {
    let conditions = Conditions::of_query(ask)?;
    let mut object = Object::clone(&*world.buckets.get(from, None)?);
    let changes = body(ask)?;
    if !changes.is_empty() {
        describe(&mut object.about, &changes);
    }
    object.metageneration = 1;
    let object = world.buckets.put(to, object, &conditions, world.now_us())?;
    let resource = resource(ask, to, &object);
    Ok(ok(&match verb {
        "copyTo" => resource,
        _ => json!({
            "kind": "storage#rewriteResponse", "done": true, "objectSize": resource["size"],
            "totalBytesRewritten": resource["size"], "resource": resource,
        }),
    }))
}

/// Takes over what a JSON object says of an object.
pub(super) fn describe(about: &mut About, said: &Map<String, Value>) {
    if let Some(content_type) = said.get("contentType").and_then(Value::as_str) {
        about.content_type = Some(content_type.to_owned());
    }
    for (header, name) in KEPT_HEADERS {
        if let Some(value) = said.get(name).and_then(Value::as_str) {
            about.headers.insert(header, value.to_owned());
        }
    }
    if let Some(metadata) = said.get("metadata").and_then(Value::as_object) {
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let own: BTreeMap<String, String> =
            metadata.iter().filter_map(|(name, value)| Some((name.clone(), text(value)?))).collect();
        about.metadata = own;
    }
}

/// What the JSON face says of an object.
pub(super) fn resource(ask: &Ask, (bucket, name): (&str, &str), object: &Object) -> Value {
    let host = ask.header("host").unwrap_or("127.0.0.1");
    let path = utf8_percent_encode(name, NON_ALPHANUMERIC);
    let created = iso(object.created_us);
    let generation = object.generation;
    let mut resource = json!({
        "kind": "storage#object",
        "id": format!("{bucket}/{name}/{generation}"),
        "selfLink": format!("http://{host}/storage/v1/b/{bucket}/o/{path}"),
        "mediaLink": format!("http://{host}/download/storage/v1/b/{bucket}/o/{path}?generation={generation}&alt=media"),
        "name": name,
        "bucket": bucket,
        "generation": generation.to_string(),
        "metageneration": object.metageneration.to_string(),
        "contentType": object.content_type(),
        "storageClass": "STANDARD",
        "size": object.bytes.len().to_string(),
        "crc32c": object.crc32c_base64(),
        "etag": object.etag,
        "timeCreated": created,
        "updated": created,
        "timeStorageClassUpdated": created,
    });
    if let Some(md5) = object.md5_base64() {
        resource["md5Hash"] = md5.into();
    }
    for (header, field) in KEPT_HEADERS {
        if let Some(value) = object.about.headers.get(header) {
            resource[field] = value.clone().into();
        }
    }
    if !object.about.metadata.is_empty() {
        resource["metadata"] = json!(object.about.metadata);
    }
    resource
}
