//! Rows of instruments in a range of time, their number, and what they would cost.

use axum::http::StatusCode;
use axum::response::IntoResponse;
use futures::StreamExt;
use futures::future::BoxFuture;
use mtdh_core::clock::Clock;
use mtdh_core::moment::{self, TimeValue};
use mtdh_core::partition::Origins;
use mtdh_engine::query::{Chosen, ReadRequest, TickTable};
use serde_json::json;

use super::forms::Form;
use super::rows::{
    self, PAGE_ROWS, Rows, is_known, not_modified, page, page_document, page_response, streamed, tag,
};
use super::status::document;
use super::{Answered, Ask};
use crate::problem::Problem;
use crate::state::now_us;

/// The most rows of a page of JSON.
pub const MOST_PAGE_ROWS: u64 = 100_000;

/// The most cells of a page of JSON, which is made in memory: a wide table has fewer rows.
const MOST_PAGE_CELLS: u64 = 1_000_000;

/// Cells of a batch: one of a wide table has fewer rows, since some batches wait for each client.
const BATCH_CELLS: usize = 1 << 19;

/// The most rows that may be asked for.
pub const MOST_LIMIT: u64 = 1_000_000_000;

/// The most days of a range: ten years. Each that is missing is named in the answer.
const MOST_DAYS: i64 = 3_660;

/// Batches that are handed out: small ones, so that a slow client holds little.
const READ: mtdh_engine::query::Form =
    mtdh_engine::query::Form { ahead: 2, waiting: Some(1), ..mtdh_engine::query::Form::STREAM };

pub(super) fn get(ask: Ask) -> BoxFuture<'static, Answered> {
    Box::pin(async move {
        let request = request_of(&ask)?;
        answer(&ask, request).await
    })
}

/// The members of a POST's body.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Posted {
    #[serde(rename = "type")]
    data_type: String,
    instruments: Vec<String>,
    start: String,
    #[serde(default, deserialize_with = "given")]
    end: Option<String>,
    #[serde(default, deserialize_with = "given")]
    columns: Option<Vec<String>>,
    #[serde(default, deserialize_with = "given")]
    limit: Option<u64>,
    #[serde(default, deserialize_with = "given")]
    clock: Option<String>,
    #[serde(default, deserialize_with = "given")]
    origin: Option<String>,
}

/// A member that is there, and then not null.
fn given<'de, D: serde::Deserializer<'de>, T: serde::Deserialize<'de>>(
    value: D,
) -> Result<Option<T>, D::Error> {
    T::deserialize(value).map(Some)
}

/// Why a request is of one data type.
const ONE_TYPE: &str = "a request is for one data type: rows of another have other columns; ask once for each, or for messages of \
     several by /replay-normalized";

pub(super) fn post(ask: Ask) -> BoxFuture<'static, Answered> {
    Box::pin(async move {
        let posted: Posted = serde_json::from_slice(&ask.body).map_err(|error| {
            Problem::new(
                StatusCode::BAD_REQUEST,
                "wrong-body",
                format!("the body is not what is asked for: {error}"),
            )
            .hint("docs/reference/api.md has an example")
        })?;
        let wrong = |name: &'static str| move |error: String| Problem::parameter(name, error);
        let data_type = posted
            .data_type
            .parse()
            .map_err(|e: mtdh_core::table::UnknownDataType| wrong("type")(e.to_string()).hint(ONE_TYPE))?;
        let time = |name: &'static str, text: &str| {
            TimeValue::parse(text, now_us()).map_err(|error| Problem::parameter(name, error.to_string()))
        };
        let (start, end) =
            (time("start", &posted.start)?, posted.end.as_deref().map(|end| time("end", end)).transpose()?);
        if posted.instruments.is_empty() || posted.instruments.len() > 10_000 {
            return Err(Problem::parameter("instruments", "it needs 1 to 10000 keys or patterns"));
        }
        if let Some(limit) = posted.limit.filter(|limit| !(1..=MOST_LIMIT).contains(limit)) {
            let detail = format!("`{limit}` is not a whole number from 1 to {MOST_LIMIT}");
            return Err(Problem::parameter("limit", detail));
        }
        let clock = posted.clock.as_deref().map(str::parse::<Clock>).transpose();
        let origins = posted.origin.as_deref().map(str::parse::<Origins>).transpose();
        let request = ReadRequest {
            table: TickTable::Ticks(data_type),
            instruments: posted.instruments,
            within_us: within(start, end)?,
            clock: clock.map_err(|error| wrong("clock")(error.to_string()))?.unwrap_or_default(),
            columns: posted.columns,
            limit: posted.limit,
            has_worth: false,
            origins: origins.map_err(|error| wrong("origin")(error.to_string()))?.unwrap_or_default(),
        };
        answer(&ask, request).await
    })
}

/// The range of `start` and `end`.
pub(super) fn range_of(ask: &Ask) -> Result<std::ops::Range<i64>, Problem> {
    let start = ask.given.time("start")?.ok_or_else(|| Problem::parameter("start", "`start` is needed"))?;
    within(start, ask.given.time("end")?)
}

fn within(start: TimeValue, end: Option<TimeValue>) -> Result<std::ops::Range<i64>, Problem> {
    let within_us =
        moment::range(start, end).map_err(|error| Problem::parameter("end", error.to_string()))?;
    let days = (within_us.end - within_us.start) / 86_400_000_000;
    if days > MOST_DAYS {
        let detail = format!("the range has {days} days, and {MOST_DAYS} are the most");
        return Err(Problem::parameter("end", detail).hint("ask for a part of it after the other"));
    }
    Ok(within_us)
}

pub(super) fn request_of(ask: &Ask) -> Result<ReadRequest, Problem> {
    let data_type = ask.given.value("type")?.ok_or_else(|| Problem::parameter("type", "`type` is needed"))?;
    let columns = ask.given.list("columns");
    Ok(ReadRequest {
        table: TickTable::Ticks(data_type),
        instruments: ask.given.list("key"),
        within_us: range_of(ask)?,
        clock: ask.given.value("clock")?.unwrap_or_default(),
        columns: (!columns.is_empty()).then_some(columns),
        limit: ask.given.value("limit")?,
        has_worth: false,
        origins: ask.given.value("origin")?.unwrap_or_default(),
    })
}

/// Fails where nothing of a request is in the lake, or too much.
pub(super) fn check(ask: &Ask, request: &ReadRequest, chosen: &Chosen) -> Result<(), Problem> {
    if chosen.objects.is_empty() {
        let days: Vec<String> = rows::days_of(&chosen.missing).iter().map(ToString::to_string).collect();
        let of = request.instruments.join(", ");
        if days.is_empty() {
            let detail =
                format!("the lake has no {} of {of} then, and its tables expect none", request.table.name());
            return Err(
                Problem::new(StatusCode::NOT_FOUND, "nothing-expected", detail).with("missing_days", days)
            );
        }
        let detail = format!("the lake has no {} of {of} on any of these days", request.table.name());
        let problem = Problem::new(StatusCode::NOT_FOUND, "missing", detail);
        return Err(problem
            .with("missing_days", days.clone())
            .hint(format!("on the server: mtdh download --start-date {}", days[0])));
    }
    let bytes: u64 = chosen.objects.iter().map(|object| object.entry.bytes).sum();
    if bytes > ask.state.options.limits.bytes && request.limit.is_none() {
        let detail = format!(
            "the stored objects have {bytes} bytes, and an answer may read {}",
            ask.state.options.limits.bytes
        );
        return Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too-much", detail)
            .hint("ask for a shorter range, fewer instruments, or set limit"));
    }
    Ok(())
}

/// The entity tag of an answer: of the objects, the question and the form.
pub(super) fn tag_of(ask: &Ask, request: &ReadRequest, chosen: &Chosen, form: Form) -> Option<String> {
    let objects: Option<Vec<&str>> =
        chosen.objects.iter().map(|object| object.entry.identity.as_deref()).collect();
    let asked = format!("{request:?} {form:?} {:?} {:?}", chosen.missing, ask.given.text("cursor"));
    let paths: Vec<String> = chosen.objects.iter().map(|object| object.entry.path.to_string()).collect();
    Some(tag(objects?.into_iter().chain(paths.iter().map(String::as_str)).chain([asked.as_str()])))
}

pub(super) async fn answer(ask: &Ask, request: ReadRequest) -> Answered {
    let form = Form::wanted(ask.given.text("format"), &ask.headers)?;
    let schema = request.schema()?;
    let chosen = ask.state.context.choose(&request).await?;
    check(ask, &request, &chosen)?;
    let etag = tag_of(ask, &request, &chosen, form);
    if let Some(etag) = etag.as_deref().filter(|etag| is_known(&ask.headers, etag)) {
        return Ok(not_modified(etag));
    }
    if form == Form::Json {
        return paged(ask, request, chosen, etag).await;
    }
    let limit = request.limit.unwrap_or(u64::MAX).min(ask.state.options.limits.rows.saturating_add(1));
    let read = ReadRequest { limit: Some(limit), ..request };
    let batch_rows = (BATCH_CELLS / schema.fields().len().max(1)).clamp(1 << 10, READ.batch_rows);
    let batches =
        ask.state.context.rows(&read, chosen.objects, mtdh_engine::query::Form { batch_rows, ..READ })?;
    streamed(ask, form, Rows { schema, batches, missing: chosen.missing, etag }).await
}

/// Where a page begins: for which objects as they were, at which of them, and how many of its rows were given.
pub(super) struct Cursor {
    of: String,
    pub(super) place: usize,
    pub(super) skip: u64,
}

impl Cursor {
    /// The cursor of a request whose objects have these identities now.
    ///
    /// # Errors
    /// When it is none, or the objects are no longer those of the last page.
    pub(super) fn of<'a>(ask: &Ask, identities: impl Iterator<Item = &'a str>) -> Result<Cursor, Problem> {
        let of = tag(identities).trim_matches('"')[..16].to_owned();
        let Some(text) = ask.given.text("cursor") else { return Ok(Cursor { of, place: 0, skip: 0 }) };
        let mut parts = text.split('.');
        let (known, place, skip) = (parts.next(), parts.next(), parts.next());
        let numbers =
            place.and_then(|p| p.parse::<usize>().ok()).zip(skip.and_then(|s| s.parse::<u64>().ok()));
        let wrong = || Problem::parameter("cursor", "it is none of this server; take it from `next`");
        let (place, skip) = numbers.filter(|_| parts.next().is_none()).ok_or_else(wrong)?;
        if known != Some(of.as_str()) {
            let detail = "objects of the range were replaced or came since the last page";
            return Err(
                Problem::new(StatusCode::CONFLICT, "changed", detail).hint("begin again with the first page")
            );
        }
        Ok(Cursor { of, place, skip })
    }

    /// The address of the page that begins there.
    pub(super) fn next(&self, ask: &Ask, place: usize, skip: u64) -> String {
        ask.next(&format!("{}.{place}.{skip}", self.of))
    }
}

async fn paged(ask: &Ask, request: ReadRequest, mut chosen: Chosen, etag: Option<String>) -> Answered {
    let schema = request.schema()?;
    let most = (MOST_PAGE_CELLS / schema.fields().len().max(1) as u64).clamp(1, MOST_PAGE_ROWS);
    let limit = request.limit.unwrap_or(PAGE_ROWS).min(most);
    let identities = chosen.objects.iter().map(|o| o.entry.identity.as_deref().unwrap_or_default());
    let cursor = Cursor::of(ask, identities)?;
    let Cursor { mut place, mut skip, .. } = cursor;
    let is_by_arrival = request.clock == Clock::Arrival || matches!(request.table, TickTable::Candles(_));
    let objects = if is_by_arrival {
        let rest = chosen.objects.split_off(place.min(chosen.objects.len()));
        rest.into_iter().map(|object| vec![object]).collect()
    } else {
        vec![std::mem::take(&mut chosen.objects)]
    };
    let read = ReadRequest { limit: None, ..request };
    let (mut text, mut given, mut next) = (String::new(), 0, None);
    let small = mtdh_engine::query::Form { batch_rows: 1 << 14, ahead: 1, ..READ };
    for part in objects {
        let batches = ask.state.context.rows(&read, part, small)?.boxed();
        let (rows, count, has_more) = page(&ask.state, &schema, batches, skip, limit - given).await?;
        if !rows.is_empty() && !text.is_empty() {
            text.push(',');
        }
        text.push_str(&rows);
        given += count;
        if has_more {
            next = Some((place, skip + count));
            break;
        }
        place += 1;
        skip = 0;
    }
    let next = next.map(|(place, skip)| cursor.next(ask, place, skip));
    // A POST's question is in its body: its next page is asked for with the same body.
    let document = page_document(&schema, &text, &chosen.missing, next.as_deref());
    Ok(page_response(document, &chosen.missing, next.as_deref(), etag.as_deref()).into_response())
}

pub(super) fn count(ask: Ask) -> BoxFuture<'static, Answered> {
    Box::pin(async move {
        let request = request_of(&ask)?;
        let chosen = ask.state.context.choose(&request).await?;
        check(&ask, &ReadRequest { limit: Some(1), ..request.clone() }, &chosen)?;
        let rows = ask.state.context.count(&request, &chosen.objects).await?;
        let bytes: u64 = chosen.objects.iter().map(|object| object.entry.bytes).sum();
        let days: Vec<String> = rows::days_of(&chosen.missing).iter().map(ToString::to_string).collect();
        Ok(document(&json!({
            "rows": rows,
            "objects": chosen.objects.len(),
            "stored_bytes": bytes,
            "missing_days": days,
            "as_of": super::status::rfc3339(now_us()),
        })))
    })
}
