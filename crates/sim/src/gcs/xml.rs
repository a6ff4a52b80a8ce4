//! The XML face.

use axum::http::{Method, StatusCode};

use super::conditions::Conditions;
use super::error::GcsError;
use super::listing::{MOST, Page, Query};
use super::media::{self, described, quoted_etag};
use super::multipart;
use super::object::{About, Claimed, Object};
use crate::generate::times::iso;
use crate::server::front::answer::Answer;
use crate::server::front::ask::{Ask, decode};
use crate::server::world::World;

/// Content type of the XML face.
pub(super) const CONTENT_TYPE: &str = "application/xml; charset=UTF-8";

/// Answers a request.
pub(super) fn answer(world: &World, ask: &Ask) -> Result<Answer, GcsError> {
    let segments = ask.segments();
    let (bucket, rest) = segments.split_first().ok_or(GcsError::NoSuchBucket)?;
    let name = rest.join("/");
    if name.is_empty() {
        return on_bucket(world, ask, bucket);
    }
    world.buckets.check(bucket)?;
    if let Some(id) = ask.parameter("uploadId") {
        return multipart::go_on(world, ask, &id);
    }
    let place = (bucket.as_str(), name.as_str());
    match ask.method {
        Method::POST if ask.parameter("uploads").is_some() => multipart::begin(world, ask, bucket, &name),
        Method::PUT => put(world, ask, place),
        Method::GET | Method::HEAD => media::answer(&*world.buckets.get(place, generation(ask)?)?, ask),
        Method::DELETE => {
            world.buckets.delete(place, &Conditions::of_headers(ask)?)?;
            Ok(Answer::empty(StatusCode::NO_CONTENT))
        }
        _ => Err(GcsError::MethodNotAllowed),
    }
}

/// The generation that is asked for.
pub(super) fn generation(ask: &Ask) -> Result<Option<i64>, GcsError> {
    let text = ask.parameter("generation");
    text.map(|text| text.parse().map_err(|_| GcsError::Invalid(format!("generation `{text}`")))).transpose()
}

fn on_bucket(world: &World, ask: &Ask, bucket: &str) -> Result<Answer, GcsError> {
    match ask.method {
        Method::PUT if world.buckets.create(bucket) => Ok(Answer::empty(StatusCode::OK)),
        Method::PUT => Err(GcsError::BucketExists),
        Method::DELETE => world.buckets.remove(bucket).map(|()| Answer::empty(StatusCode::NO_CONTENT)),
        Method::HEAD => world.buckets.check(bucket).map(|()| Answer::empty(StatusCode::OK)),
        Method::GET => list(world, ask, bucket),
        Method::POST if ask.parameter("delete").is_some() => delete_many(world, ask, bucket),
        _ => Err(GcsError::MethodNotAllowed),
    }
}

/// The delete of S3's clients, who name even one object in a list.
fn delete_many(world: &World, ask: &Ask, bucket: &str) -> Result<Answer, GcsError> {
    world.buckets.check(bucket)?;
    let mut text = "<?xml version='1.0' encoding='UTF-8'?><DeleteResult>".to_owned();
    for key in values(&String::from_utf8_lossy(&ask.body), "Key") {
        match world.buckets.delete((bucket, &plain(&key)), &Conditions::default()) {
            Ok(()) | Err(GcsError::NoSuchKey) => {
                text.push_str(&format!("<Deleted><Key>{key}</Key></Deleted>"));
            }
            Err(error) => return Err(error),
        }
    }
    text.push_str("</DeleteResult>");
    Ok(Answer::new(StatusCode::OK, CONTENT_TYPE, text))
}

fn put(world: &World, ask: &Ask, place: (&str, &str)) -> Result<Answer, GcsError> {
    let conditions = Conditions::of_headers(ask)?;
    if let Some(source) = ask.header("x-goog-copy-source") {
        return copy(world, source, place, &conditions);
    }
    let about = About::of_headers(&ask.headers);
    let object = Object::whole(ask.body.clone(), about, &Claimed::of_headers(&ask.headers))?;
    let object = world.buckets.put(place, object, &conditions, world.now_us())?;
    let mut answer = described(Answer::empty(StatusCode::OK), &object);
    answer.headers.remove(axum::http::header::CONTENT_TYPE);
    Ok(answer)
}

fn copy(
    world: &World,
    source: &str,
    place: (&str, &str),
    conditions: &Conditions,
) -> Result<Answer, GcsError> {
    let source = decode(source.trim_start_matches('/')).into_owned();
    let from = source.split_once('/').ok_or_else(|| GcsError::Invalid(format!("copy source `{source}`")))?;
    let object = Object::clone(&*world.buckets.get(from, None)?);
    let object = world.buckets.put(place, object, conditions, world.now_us())?;
    let body = format!(
        "<?xml version='1.0' encoding='UTF-8'?><CopyObjectResult><LastModified>{}</LastModified><ETag>{}</ETag></CopyObjectResult>",
        iso(object.created_us),
        escaped(&quoted_etag(&object)),
    );
    let answer = Answer::new(StatusCode::OK, CONTENT_TYPE, body);
    let generation = object.generation.to_string();
    Ok(answer.with(axum::http::HeaderName::from_static("x-goog-generation"), &generation))
}

fn list(world: &World, ask: &Ask, bucket: &str) -> Result<Answer, GcsError> {
    let text =
        |name: &str| ask.parameter(name).map(|value| value.into_owned()).filter(|value| !value.is_empty());
    let is_second_version = text("list-type").as_deref() == Some("2");
    let query = Query {
        prefix: text("prefix").unwrap_or_default(),
        delimiter: text("delimiter").unwrap_or_default(),
        after: if is_second_version { text("start-after") } else { None },
        token: if is_second_version { text("continuation-token") } else { text("marker") },
        most: text("max-keys").and_then(|most| most.parse().ok()).unwrap_or(MOST),
        ..Query::default()
    };
    let page = world.buckets.list(bucket, &query, ask.wants_stale_listing)?;
    Ok(Answer::new(StatusCode::OK, CONTENT_TYPE, list_text(bucket, &query, &page, is_second_version)))
}

fn list_text(bucket: &str, query: &Query, page: &Page, is_second_version: bool) -> String {
    let mut text = format!(
        "<?xml version='1.0' encoding='UTF-8'?><ListBucketResult xmlns='http://doc.s3.amazonaws.com/2006-03-01'>\
         <Name>{bucket}</Name><Prefix>{}</Prefix><MaxKeys>{}</MaxKeys><IsTruncated>{}</IsTruncated>",
        escaped(&query.prefix),
        query.most,
        page.next.is_some(),
    );
    if is_second_version {
        text.push_str(&format!("<KeyCount>{}</KeyCount>", page.objects.len() + page.prefixes.len()));
    }
    if let Some(next) = &page.next {
        let tag = if is_second_version { "NextContinuationToken" } else { "NextMarker" };
        text.push_str(&format!("<{tag}>{}</{tag}>", escaped(next)));
    }
    for (name, object) in &page.objects {
        text.push_str(&format!(
            "<Contents><Key>{}</Key><Generation>{}</Generation><MetaGeneration>{}</MetaGeneration>\
             <LastModified>{}</LastModified><ETag>{}</ETag><Size>{}</Size></Contents>",
            escaped(name),
            object.generation,
            object.metageneration,
            iso(object.created_us),
            escaped(&quoted_etag(object)),
            object.bytes.len(),
        ));
    }
    for prefix in &page.prefixes {
        text.push_str(&format!("<CommonPrefixes><Prefix>{}</Prefix></CommonPrefixes>", escaped(prefix)));
    }
    text.push_str("</ListBucketResult>");
    text
}

/// Text as it stands within XML.
pub(super) fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// What [`escaped`] made, as it was.
fn plain(text: &str) -> String {
    text.replace("&quot;", "\"")
        .replace("&apos;", "'")
        .replace("&gt;", ">")
        .replace("&lt;", "<")
        .replace("&amp;", "&")
}

/// The contents of all elements of a name. Elements within them are not looked at.
pub(super) fn values(text: &str, element: &str) -> Vec<String> {
    let (open, close) = (format!("<{element}>"), format!("</{element}>"));
    let pieces = text.split(open.as_str()).skip(1);
    pieces
        .filter_map(|piece| piece.split_once(close.as_str()))
        .map(|(value, _)| value.trim().to_owned())
        .collect()
}
