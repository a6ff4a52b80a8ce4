//! Candles: those that the lake has, or made of its trades for this answer.

use std::collections::BTreeMap;
use std::ops::Range;

use arrow_array::RecordBatch;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use futures::future::BoxFuture;
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};
use mtdh_core::candle::Timeframe;
use mtdh_core::key::InstrumentKey;
use mtdh_core::{DataType, Day};
use mtdh_engine::EngineError;
use mtdh_engine::candles::Fill;
use mtdh_engine::query::{ChosenObject, Missing, ReadRequest, TickTable};

use super::forms::Form;
use super::rows::{
    PAGE_ROWS, Rows, is_known, not_modified, page, page_document, page_response, streamed, tag,
};
use super::slices::{Cursor, MOST_PAGE_ROWS, range_of};
use super::{Answered, Ask};
use crate::problem::Problem;
use crate::state::Shared;

/// Days of which candles are made for one answer.
const MOST_DAYS_MADE: usize = 31;

/// Where the candles of a day come from.
enum Source {
    Stored(ChosenObject),
    Trades,
}

pub(super) fn get(ask: Ask) -> BoxFuture<'static, Answered> {
    Box::pin(async move {
        let key = ask.state.context.instrument_key(ask.given.text("key").unwrap_or_default()).await?;
        let timeframe: Timeframe = ask.given.value("timeframe")?.unwrap_or_else(|| Timeframe::USUAL[0]);
        let fill = if ask.given.text("fill") == Some("flat") { Fill::Flat } else { Fill::None };
        let within_us = range_of(&ask)?;
        let columns = ask.given.list("columns");
        let columns = (!columns.is_empty()).then_some(columns);
        let limit = ask.given.value::<u64>("limit")?;
        let source = ask.given.text("source").unwrap_or("auto");
        let form = Form::wanted(ask.given.text("format"), &ask.headers)?;
        let request = |table| ReadRequest {
            columns: columns.clone(),
            ..ReadRequest::new(table, vec![key.to_string()], within_us.clone())
        };
        let stored = request(TickTable::Candles(timeframe));
        let schema = stored.schema()?;
        let mut days: BTreeMap<Day, Source> = BTreeMap::new();
        let mut missing: Vec<Missing> = Vec::new();
        let mut identities: Vec<String> = Vec::new();
        if source != "stored" {
            let trades = request(TickTable::Ticks(DataType::Trades));
            let chosen = ask.state.context.choose(&ReadRequest { columns: None, ..trades }).await?;
            identities.extend(
                chosen.objects.iter().map(|object| object.entry.identity.clone().unwrap_or_default()),
            );
            days.extend(chosen.objects.iter().map(|object| (object.day, Source::Trades)));
            missing = chosen.missing;
        }
        // Stored ones are not filled, or filled otherwise: what is asked for is then made.
        if source == "stored" || (source == "auto" && fill == Fill::None) {
            let chosen = ask.state.context.choose(&stored).await?;
            if source == "stored" {
                missing = chosen.missing;
            }
            for object in chosen.objects {
                identities.push(object.entry.identity.clone().unwrap_or_default());
                days.insert(object.day, Source::Stored(object));
            }
        }
        missing.retain(|missing| !days.contains_key(&missing.day));
        if days.is_empty() {
            let named: Vec<String> = super::rows::days_of(&missing).iter().map(ToString::to_string).collect();
            let detail = format!("the lake has neither candles {timeframe} nor trades of {key} then");
            return Err(Problem::new(StatusCode::NOT_FOUND, "missing", detail)
                .with("missing_days", named)
                .hint("on the server: mtdh download, or mtdh candles to store candles"));
        }
        let made = days.values().filter(|source| matches!(source, Source::Trades)).count();
        if made > MOST_DAYS_MADE {
            let detail =
                format!("candles of {made} days would have to be made, and {MOST_DAYS_MADE} are the most");
            return Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too-much", detail).hint(format!(
                "store them on the server: mtdh candles --timeframes {timeframe}, or ask for a shorter range"
            )));
        }
        let asked =
            format!("{key} {timeframe} {fill:?} {within_us:?} {columns:?} {limit:?} {form:?} {missing:?}");
        let etag = tag(identities.iter().map(String::as_str).chain([asked.as_str()]));
        if is_known(&ask.headers, &etag) {
            return Ok(not_modified(&etag));
        }
        let batches = candles(ask.state.clone(), key, timeframe, fill, within_us.clone(), stored, days);
        if form == Form::Json {
            let limit = limit.unwrap_or(PAGE_ROWS).min(MOST_PAGE_ROWS);
            let cursor = Cursor::of(&ask, identities.iter().map(String::as_str))?;
            let (text, rows, has_more) = page(&ask.state, &schema, batches, cursor.skip, limit).await?;
            let next = has_more.then(|| cursor.next(&ask, 0, cursor.skip + rows));
            let document = page_document(&schema, &text, &missing, next.as_deref());
            return Ok(page_response(document, &missing, next.as_deref(), Some(&etag)).into_response());
        }
        let batches = match limit {
            None => batches,
            Some(limit) => first(batches, limit),
        };
        streamed(&ask, form, Rows { schema, batches, missing, etag: Some(etag) }).await
    })
}

/// The first rows of batches.
fn first(
    batches: BoxStream<'static, Result<RecordBatch, EngineError>>,
    limit: u64,
) -> BoxStream<'static, Result<RecordBatch, EngineError>> {
    let left = batches.scan(limit, |left, batch| {
        let cut = batch.map(|batch| {
            let rows = (*left).min(batch.num_rows() as u64);
            *left -= rows;
            batch.slice(0, rows as usize)
        });
        let is_done = cut.as_ref().is_ok_and(|batch| batch.num_rows() == 0);
        futures::future::ready((!is_done).then_some(cut))
    });
    left.boxed()
}

/// The candles of days, one day after the other.
fn candles(
    state: Shared,
    key: InstrumentKey,
    timeframe: Timeframe,
    fill: Fill,
    within_us: Range<i64>,
    stored: ReadRequest,
    days: BTreeMap<Day, Source>,
) -> BoxStream<'static, Result<RecordBatch, EngineError>> {
    let of_day = move |(day, source): (Day, Source)| {
        let (state, key, within_us, stored) = (state.clone(), key.clone(), within_us.clone(), stored.clone());
        async move {
            match source {
                Source::Stored(object) => {
                    state.context.rows(&stored, vec![object], mtdh_engine::query::Form::STREAM)
                }
                Source::Trades => {
                    let made = state.context.candles_now(&key, day, timeframe, fill, &within_us).await?;
                    let made = made.and_then(|table| {
                        let schema = stored.schema().ok()?;
                        let names =
                            schema.fields().iter().map(|field| table.schema().index_of(field.name()).ok());
                        table.project(&names.collect::<Option<Vec<usize>>>()?).ok()
                    });
                    Ok(futures::stream::iter(made.into_iter().map(Ok)).boxed())
                }
            }
        }
    };
    futures::stream::iter(days).then(of_day).try_flatten().boxed()
}
