//! Answers of rows: streamed batch by batch, or a page of JSON.

use std::io;
use std::sync::atomic::Ordering;

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use axum::body::Body;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};
use mtdh_core::Day;
use mtdh_engine::EngineError;
use mtdh_engine::query::Missing;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio::sync::mpsc;

use super::compression::{Packer, mark, unmarked};
use super::forms::{Encoder, Form};
use super::{Answered, Ask};
use crate::options::hexadecimal;
use crate::problem::Problem;
use crate::state::Shared;

/// Pieces of an answer that may wait for its client.
const PIECES: usize = 4;

/// Rows of an answer that is made at once, without a task of its own.
const FEW_ROWS: usize = 1 << 13;

/// Rows of a page of JSON, unless the request says fewer.
pub const PAGE_ROWS: u64 = 10_000;

/// Days that the header of missing days lists.
const MOST_DAYS: usize = 400;

/// Rows to answer with.
pub struct Rows {
    /// Their columns.
    pub schema: SchemaRef,
    /// The batches.
    pub batches: BoxStream<'static, Result<RecordBatch, EngineError>>,
    /// What the lake lacks of the request.
    pub missing: Vec<Missing>,
    /// The entity tag; `None`: an object has no identity.
    pub etag: Option<String>,
}

/// The days that are missing, each once.
pub fn days_of(missing: &[Missing]) -> Vec<Day> {
    let mut days: Vec<Day> = missing.iter().map(|missing| missing.day).collect();
    days.sort_unstable();
    days.dedup();
    days
}

/// The header of missing days.
fn missing_header(missing: &[Missing]) -> Option<(HeaderName, HeaderValue)> {
    let days = days_of(missing);
    let mut words: Vec<String> = days.iter().take(MOST_DAYS).map(ToString::to_string).collect();
    if days.len() > MOST_DAYS {
        words.push(format!("and-{}-more", days.len() - MOST_DAYS));
    }
    let value = HeaderValue::from_str(&words.join(",")).ok().filter(|_| !words.is_empty())?;
    Some((HeaderName::from_static("x-mtdh-missing-days"), value))
}

/// An entity tag of texts.
pub fn tag<'a>(parts: impl Iterator<Item = &'a str>) -> String {
    let mut hash = Sha256::new();
    hash.update(env!("CARGO_PKG_VERSION"));
    for part in parts {
        hash.update([0]);
        hash.update(part);
    }
    format!("\"{}\"", &hexadecimal(&hash.finalize())[..32])
}

/// Whether a client has what it asks for.
pub fn is_known(headers: &HeaderMap, etag: &str) -> bool {
    let named = headers.get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    named
        .flat_map(|text| text.split(','))
        .map(str::trim)
        .any(|known| known == "*" || unmarked(known.strip_prefix("W/").unwrap_or(known)) == etag)
}

/// 304 with the entity tag.
pub fn not_modified(etag: &str) -> Response {
    let mut response = StatusCode::NOT_MODIFIED.into_response();
    if let Ok(value) = HeaderValue::from_str(etag) {
        response.headers_mut().insert(header::ETAG, value);
    }
    response
}

/// Streams rows in a form. The status is decided when the first batch is there; what fails later breaks the connection off.
pub async fn streamed(ask: &Ask, form: Form, rows: Rows) -> Answered {
    let Rows { schema, mut batches, missing, etag } = rows;
    let not_made = |error: io::Error| {
        Problem::new(StatusCode::NOT_ACCEPTABLE, "not-acceptable", error.to_string())
            .hint("ask for another format, such as arrow or csv")
    };
    let packer =
        if form.is_text() { Packer::accepted(&ask.headers).map_err(not_made)? } else { Packer::PLAIN };
    let coding = packer.coding();
    let mut encoder = Encoder::new(form, &schema, packer).map_err(not_made)?;
    let first = batches.try_next().await?;
    let is_short = first.as_ref().is_none_or(|batch| batch.num_rows() <= FEW_ROWS);
    let second = if is_short && first.is_some() { batches.try_next().await? } else { None };
    let body = if is_short && second.is_none() {
        let broken =
            |error: io::Error| Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "failed", error.to_string());
        let mut whole = encoder.start().map_err(broken)?.to_vec();
        if let Some(batch) = &first {
            ask.state.counters.rows.fetch_add(batch.num_rows() as u64, Ordering::Relaxed);
            for part in encoder.parts(batch) {
                for piece in encoder.pieces(&part).map_err(broken)? {
                    whole.extend_from_slice(&piece);
                }
            }
        }
        whole.extend_from_slice(&encoder.finish().map_err(broken)?);
        ask.state.counters.bytes.fetch_add(whole.len() as u64, Ordering::Relaxed);
        Body::from(whole)
    } else {
        let first = futures::stream::iter([first, second].into_iter().flatten().map(Ok));
        body(encoder, first.chain(batches).boxed(), ask.state.clone())
    };
    let mut response = Response::new(body);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(form.media_type()));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    headers.append(header::VARY, HeaderValue::from_static("accept, accept-encoding"));
    if let Some((name, value)) = missing_header(&missing) {
        headers.insert(name, value);
    }
    if let Some(value) = etag.and_then(|etag| HeaderValue::from_str(&etag).ok()) {
        headers.insert(header::ETAG, value);
    }
    if let Some(coding) = coding {
        mark(headers, coding);
    }
    Ok(response)
}

/// A body that is encoded as its client takes it.
fn body(
    encoder: Encoder,
    batches: BoxStream<'static, Result<RecordBatch, EngineError>>,
    state: Shared,
) -> Body {
    let (sender, receiver) = mpsc::channel::<io::Result<Bytes>>(PIECES);
    tokio::spawn(async move {
        if let Err(error) = encode(encoder, batches, &state, &sender).await {
            tracing::warn!(cause = %error, "an answer was broken off");
            state.counters.broken.fetch_add(1, Ordering::Relaxed);
            // The connection is broken off without the last chunk, so that no client takes the part for the whole.
            let _gone = sender.send(Err(error)).await;
        }
    });
    Body::from_stream(futures::stream::unfold(receiver, |mut receiver| async {
        Some((receiver.recv().await?, receiver))
    }))
}

async fn encode(
    mut encoder: Encoder,
    mut batches: BoxStream<'static, Result<RecordBatch, EngineError>>,
    state: &Shared,
    sender: &mpsc::Sender<io::Result<Bytes>>,
) -> io::Result<()> {
    let mut left = state.options.limits.rows;
    let give = async |piece: Bytes| {
        state.counters.bytes.fetch_add(piece.len() as u64, Ordering::Relaxed);
        piece.is_empty() || sender.send(Ok(piece)).await.is_ok()
    };
    if !give(encoder.start()?).await {
        return Ok(());
    }
    while let Some(batch) = batches.next().await {
        let batch = batch.map_err(|error| io::Error::other(mtdh_engine::chain(&error)))?;
        let rows = batch.num_rows() as u64;
        left = left
            .checked_sub(rows)
            .ok_or_else(|| io::Error::other("the answer has more rows than allowed"))?;
        state.counters.rows.fetch_add(rows, Ordering::Relaxed);
        for part in encoder.parts(&batch) {
            for piece in encoder.pieces(&part)? {
                // The client is gone: nothing more is read.
                if !give(piece).await {
                    return Ok(());
                }
            }
        }
    }
    give(encoder.finish()?).await;
    Ok(())
}

/// A page of rows as one JSON document; returns also how many rows it has and whether more follow.
pub async fn page(
    state: &Shared,
    schema: &SchemaRef,
    mut batches: BoxStream<'static, Result<RecordBatch, EngineError>>,
    skip: u64,
    limit: u64,
) -> Result<(String, u64, bool), Problem> {
    let broken =
        |error: io::Error| Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "failed", error.to_string());
    let mut encoder = Encoder::new(Form::Json, schema, Packer::PLAIN).map_err(broken)?;
    let (mut text, mut skip, mut rows, mut has_more) = (Vec::new(), skip, 0_u64, false);
    while let Some(batch) = batches.try_next().await? {
        let skipped = skip.min(batch.num_rows() as u64);
        skip -= skipped;
        let batch = batch.slice(skipped as usize, batch.num_rows() - skipped as usize);
        let taken = (limit - rows).min(batch.num_rows() as u64);
        text.extend_from_slice(&encoder.push(&batch.slice(0, taken as usize)).map_err(broken)?);
        rows += taken;
        if taken < batch.num_rows() as u64 {
            has_more = true;
            break;
        }
    }
    state.counters.rows.fetch_add(rows, Ordering::Relaxed);
    let text = String::from_utf8(text).map_err(|error| broken(io::Error::other(error)))?;
    Ok((text, rows, has_more))
}

/// The document of a page.
pub fn page_document(schema: &SchemaRef, rows: &str, missing: &[Missing], next: Option<&str>) -> String {
    let columns: Vec<Value> = schema
        .fields()
        .iter()
        .map(|field| json!({"name": field.name(), "type": type_name(field.data_type())}))
        .collect();
    let days: Vec<String> = days_of(missing).iter().map(ToString::to_string).collect();
    let lacking: Vec<Value> = missing
        .iter()
        .map(|missing| json!({"day": missing.day.to_string(), "instrument": missing.instrument}))
        .collect();
    format!(
        r#"{{"columns":{},"rows":[{rows}],"missing_days":{},"missing":{},"next":{}}}"#,
        Value::from(columns),
        json!(days),
        Value::from(lacking),
        json!(next)
    )
}

/// The word of a type in documents.
pub fn type_name(data_type: &arrow_schema::DataType) -> &'static str {
    use arrow_schema::DataType;
    match data_type {
        DataType::Timestamp(_, _) => "timestamp",
        DataType::Float64 => "float64",
        DataType::UInt64 => "uint64",
        DataType::Boolean => "bool",
        _ => "string",
    }
}

/// The headers of a page.
pub fn page_response(
    document: String,
    missing: &[Missing],
    next: Option<&str>,
    etag: Option<&str>,
) -> Response {
    let mut response = Response::new(Body::from(document));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    if let Some((name, value)) = missing_header(missing) {
        headers.insert(name, value);
    }
    let link = next.and_then(|next| HeaderValue::from_str(&format!("<{next}>; rel=\"next\"")).ok());
    if let Some(link) = link {
        headers.insert(header::LINK, link);
    }
    if let Some(value) = etag.and_then(|etag| HeaderValue::from_str(etag).ok()) {
        headers.insert(header::ETAG, value);
    }
    response
}
