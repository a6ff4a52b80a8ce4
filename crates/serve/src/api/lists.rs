//! What the lake has, as lists; what its tables and columns mean.

use std::sync::Arc;

use axum::http::StatusCode;
use futures::future::BoxFuture;
use mtdh_core::partition::Origin;
use mtdh_core::{DataType, DayRange};
use mtdh_engine::listing::table::ListTable;
use mtdh_engine::listing::wish::ListWish;
use mtdh_engine::listing::{By, What};
use mtdh_engine::schema::TableDocument;
use mtdh_engine::{EngineError, Filter};
use serde_json::{Value, json};

use super::scrub::scrubbed_document;
use super::status::{document, rfc3339};
use super::{Answered, Ask};
use crate::problem::Problem;
use crate::state::now_us;

/// What can be listed.
pub const LISTS: [&str; 5] = ["partitions", "candles", "instruments", "runs", "reports"];

/// What lines can be grouped by.
pub const GROUPINGS: [&str; 6] = ["day", "month", "venue", "instrument_type", "type", "key"];

/// Lines of a page where nothing is said.
const LINES: usize = 1_000;

/// The days of a request; `None`: all.
fn days(ask: &Ask) -> Result<Option<DayRange>, Problem> {
    let (start, end) = (ask.given.days("start")?, ask.given.days("end")?);
    let (first, last) = match (start, end) {
        (None, None) => return Ok(None),
        (Some(start), end) => (start.first(), end.unwrap_or(start).last()),
        (None, Some(end)) => (mtdh_core::want::earliest(), end.last()),
    };
    let days = DayRange::new(first, last);
    days.map(Some).map_err(|error| Problem::parameter("end", error.to_string()))
}

/// The filters of a request.
fn filter(ask: &Ask) -> Result<Filter, Problem> {
    let venue = |text: &String| {
        let found = mtdh_core::venue::parse_any_venue(text);
        found.map_err(|error| Problem::parameter("venue", error.to_string()))
    };
    Ok(Filter {
        venues: ask.given.list("venue").iter().map(venue).collect::<Result<_, _>>()?,
        instrument_types: ask.given.list("instrument_type").iter().filter_map(|t| t.parse().ok()).collect(),
        data_types: ask.given.list("type").iter().filter_map(|t| t.parse::<DataType>().ok()).collect(),
        instruments: ask.given.list("key"),
        ..Filter::default()
    })
}

/// A list that was made, with what is told of it besides.
struct Made {
    table: ListTable,
    by: Option<Vec<&'static str>>,
    sets: Option<Vec<String>>,
    notes: Vec<String>,
    unknown: Vec<Value>,
}

async fn of_runs(ask: &Ask) -> Result<Made, Problem> {
    let table = ListTable::of_runs(&ask.state.context.run_lines().await?);
    Ok(Made { table, by: None, sets: None, notes: Vec::new(), unknown: Vec::new() })
}

async fn of_lake(ask: &Ask, what: What) -> Result<Made, Problem> {
    let given = &ask.given;
    let origin = given.value::<Origin>("origin")?.unwrap_or(Origin::Vendor);
    let everything = given.text("everything") == Some("true");
    let (filter, days) = (filter(ask)?, days(ask)?);
    let wish = ListWish { what, filter, days, origin, everything, asks_vendor: false };
    let found = ask.state.context.list_wish(&wish).await.map_err(|error| match error {
        EngineError::UnknownVenue { .. } => Problem::parameter("venue", error.to_string()),
        EngineError::ReportsOfInstruments => Problem::parameter("what", error.to_string()),
        other => other.into(),
    })?;
    let is_long = given.text("long") == Some("true");
    let by: Vec<By> = given.list("by").iter().filter_map(|text| text.parse().ok()).collect();
    if is_long && !by.is_empty() {
        let detail = "`by` makes groups, and `long` a line for each object: one of them";
        return Err(Problem::parameter("long", detail));
    }
    let by = if by.is_empty() { what.usual().to_vec() } else { by };
    let unknown = found.unknown.iter().map(|(name, meant)| json!({"name": name, "suggestions": meant}));
    let unknown = unknown.collect();
    let listed = Arc::new(found.listed);
    let (of_table, grouped) = (listed.clone(), by.clone());
    // A million objects are grouped beside the threads that answer others.
    let table = tokio::task::spawn_blocking(move || match is_long {
        true => ListTable::objects(what, &of_table),
        false => ListTable::groups(what, &grouped, &of_table),
    });
    let broken = |_| Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "failed", "the list broke off");
    Ok(Made {
        table: table.await.map_err(broken)?,
        by: (!is_long).then(|| by.iter().map(|by| by.name()).collect()),
        sets: found.sets,
        notes: found.notes,
        unknown,
    })
}

pub(super) fn ls(ask: Ask) -> BoxFuture<'static, Answered> {
    Box::pin(async move {
        let given = &ask.given;
        let word = given.text("what").unwrap_or("partitions").to_owned();
        let of = ["start", "end", "venue", "instrument_type", "type", "key", "by", "long"];
        let mut made = match word.parse::<What>() {
            Ok(what) => of_lake(&ask, what).await?,
            Err(_) => {
                if let Some(name) = of.into_iter().find(|name| given.text(name).is_some()) {
                    let detail = "runs are not listed by days and instruments";
                    return Err(Problem::parameter(name, detail).hint("/v1/runs/{run} has all of a run"));
                }
                of_runs(&ask).await?
            }
        };
        if let Some(sort) = given.text("sort") {
            let allowed = made.table.columns();
            let wrong =
                |error: EngineError| Problem::parameter("sort", error.to_string()).with("allowed", allowed);
            made.table.sort(sort).map_err(wrong)?;
        }
        let limit = given.value::<usize>("limit")?.unwrap_or(LINES);
        let first = given.value::<usize>("cursor")?.unwrap_or(0).min(made.table.rows.len());
        let total = made.table.rows.len();
        let end = first.saturating_add(limit).min(total);
        let lines = made.table.documents(first..end).into_iter().map(scrubbed_document);
        Ok(document(&json!({
            "as_of": rfc3339(now_us()),
            "what": word,
            "by": made.by,
            "sets": made.sets,
            "total": total,
            "columns": made.table.columns(),
            "lines": lines.collect::<Vec<Value>>(),
            "unknown": made.unknown,
            "notes": made.notes,
            "next": (end < total).then(|| ask.next(&end.to_string())),
        })))
    })
}

pub(super) fn schema(_ask: Ask) -> BoxFuture<'static, Answered> {
    Box::pin(async { Ok(document(&json!({"tables": TableDocument::all()}))) })
}

pub(super) fn schema_of(ask: Ask) -> BoxFuture<'static, Answered> {
    Box::pin(async move {
        let name = ask.given.text("table").unwrap_or_default();
        let unknown =
            |error: EngineError| Problem::new(StatusCode::NOT_FOUND, "unknown-table", error.to_string());
        Ok(document(&TableDocument::find(name).map_err(unknown)?))
    })
}
