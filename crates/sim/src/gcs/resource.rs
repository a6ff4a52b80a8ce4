//! Objects as resources of the JSON API.

use std::collections::BTreeMap;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Map, Value, json};

use super::object::{Attributes, KEPT_HEADERS, Object};
use crate::generate::times::iso;
use crate::server::front::request::HttpRequest;

/// Sets the attributes that a JSON resource contains; the others keep their values.
pub(super) fn update_attributes(attributes: &mut Attributes, resource: &Map<String, Value>) {
    if let Some(content_type) = resource.get("contentType").and_then(Value::as_str) {
        attributes.content_type = Some(content_type.to_owned());
    }
    for (header, name) in KEPT_HEADERS {
        if let Some(value) = resource.get(name).and_then(Value::as_str) {
            attributes.headers.insert(header, value.to_owned());
        }
    }
    if let Some(metadata) = resource.get("metadata").and_then(Value::as_object) {
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let own: BTreeMap<String, String> =
            metadata.iter().filter_map(|(name, value)| Some((name.clone(), text(value)?))).collect();
        attributes.metadata = own;
    }
}

/// Builds the JSON resource of an object.
pub(super) fn resource(request: &HttpRequest, (bucket, name): (&str, &str), object: &Object) -> Value {
    let host = request.header("host").unwrap_or("127.0.0.1");
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
        if let Some(value) = object.attributes.headers.get(header) {
            resource[field] = value.clone().into();
        }
    }
    if !object.attributes.metadata.is_empty() {
        resource["metadata"] = json!(object.attributes.metadata);
    }
    resource
}
