//! The order book at a moment: the last snapshot, or the changes up to it replayed.

use std::ops::Range;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, TimestampMicrosecondType};
use arrow_array::{Array, Float64Array, RecordBatch};
use axum::http::StatusCode;
use futures::TryStreamExt;
use futures::future::BoxFuture;
use mtdh_core::book::{BookLevel, LevelChange, OrderBook};
use mtdh_core::{DataType, Day};
use mtdh_engine::query::{Form, ReadRequest, TickTable};
use serde_json::{Value, json};

use super::status::{document, rfc3339};
use super::{Answered, Ask};
use crate::problem::Problem;
use crate::state::{Shared, now_us};

/// How far back a snapshot is looked for first; then from the day's start.
const NEAR_US: [i64; 2] = [60_000_000, 3_600_000_000];

/// A book, when its last row arrived and what it is made of.
struct Found {
    bids: Vec<BookLevel>,
    asks: Vec<BookLevel>,
    timestamp: i64,
    local_timestamp: i64,
    source: DataType,
    is_replayed: bool,
}

pub(super) fn at(ask: Ask) -> BoxFuture<'static, Answered> {
    Box::pin(async move {
        let at = ask.given.time("at")?.ok_or_else(|| Problem::parameter("at", "`at` is needed"))?.as_start();
        let depth = ask.given.value::<usize>("depth")?.unwrap_or(25);
        let key = ask.state.context.instrument_key(ask.given.text("key").unwrap_or_default()).await?;
        let key = key.to_string();
        let sources: &[DataType] = match ask.given.text("source") {
            Some("snapshot") => &[DataType::BookSnapshot25, DataType::BookSnapshot5],
            Some("changes") => &[DataType::IncrementalBookL2],
            _ if depth <= 5 => {
                &[DataType::BookSnapshot5, DataType::BookSnapshot25, DataType::IncrementalBookL2]
            }
            _ if depth <= 25 => {
                &[DataType::BookSnapshot25, DataType::IncrementalBookL2, DataType::BookSnapshot5]
            }
            _ => &[DataType::IncrementalBookL2, DataType::BookSnapshot25, DataType::BookSnapshot5],
        };
        for source in sources {
            let found = match source {
                DataType::IncrementalBookL2 => replayed(&ask.state, &key, at).await?,
                _ => snapshot(&ask.state, &key, *source, at).await?,
            };
            if let Some(found) = found {
                return Ok(document(&shown(&key, at, depth, found)));
            }
        }
        let day = Day::containing_us(at).map(|day| day.to_string()).unwrap_or_default();
        let detail = format!("the lake has no book of {key} on {day} at or before that moment");
        Err(Problem::new(StatusCode::NOT_FOUND, "missing", detail)
            .with("missing_days", vec![day])
            .hint("the book is made of book_snapshot_25, book_snapshot_5 or incremental_book_L2 of the same UTC day"))
    })
}

fn shown(key: &str, at: i64, depth: usize, found: Found) -> Value {
    let levels = |levels: &[BookLevel]| -> Vec<Value> {
        levels.iter().take(depth).map(|(price, amount)| json!([price, amount])).collect()
    };
    json!({
        "key": key,
        "at": rfc3339(at),
        "local_timestamp": rfc3339(found.local_timestamp),
        "timestamp": rfc3339(found.timestamp),
        "source": found.source.name(),
        "made_by": if found.is_replayed { "replay" } else { "snapshot" },
        "bids": levels(&found.bids),
        "asks": levels(&found.asks),
        "as_of": rfc3339(now_us()),
    })
}

/// The batches of an instrument's rows that arrived in a range; `None`: the lake has no object of the day.
async fn read(
    state: &Shared,
    key: &str,
    data_type: DataType,
    within_us: Range<i64>,
) -> Result<Option<mtdh_engine::query::RowStream>, Problem> {
    let request = ReadRequest::new(TickTable::Ticks(data_type), vec![key.to_owned()], within_us);
    let chosen = state.context.choose(&request).await?;
    if chosen.objects.is_empty() {
        return Ok(None);
    }
    Ok(Some(state.context.rows(&request, chosen.objects, Form::STREAM)?))
}

fn times<'a>(batch: &'a RecordBatch, name: &str) -> Option<&'a [i64]> {
    Some(batch.column_by_name(name)?.as_primitive_opt::<TimestampMicrosecondType>()?.values())
}

fn numbers<'a>(batch: &'a RecordBatch, name: &str) -> Option<&'a Float64Array> {
    batch.column_by_name(name)?.as_primitive_opt::<Float64Type>()
}

/// The last snapshot of the day at or before a moment.
async fn snapshot(state: &Shared, key: &str, source: DataType, at: i64) -> Result<Option<Found>, Problem> {
    let Some(day) = Day::containing_us(at) else { return Ok(None) };
    let starts = NEAR_US.iter().map(|near| at - near).chain([day.start_us()]);
    for start in starts.map(|start| start.max(day.start_us())) {
        let Some(mut batches) = read(state, key, source, start..at + 1).await? else { return Ok(None) };
        let mut last = None;
        while let Some(batch) = batches.try_next().await? {
            if batch.num_rows() > 0 {
                last = Some(batch.slice(batch.num_rows() - 1, 1));
            }
        }
        if let Some(found) = last.and_then(|row| of_row(&row, source)) {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

fn of_row(row: &RecordBatch, source: DataType) -> Option<Found> {
    let levels = if source == DataType::BookSnapshot5 { 5 } else { 25 };
    let side = |side: &str| -> Vec<BookLevel> {
        let cell = |name: String| {
            numbers(row, &name).filter(|column| column.is_valid(0)).map(|column| column.value(0))
        };
        let level =
            |level: usize| cell(format!("{side}_price_{level}")).zip(cell(format!("{side}_amount_{level}")));
        (1..=levels).filter_map(level).collect()
    };
    let time = |name| times(row, name)?.first().copied();
    Some(Found {
        bids: side("bid"),
        asks: side("ask"),
        timestamp: time("timestamp")?,
        local_timestamp: time("local_timestamp")?,
        source,
        is_replayed: false,
    })
}

/// The book that the day's changes up to a moment make.
async fn replayed(state: &Shared, key: &str, at: i64) -> Result<Option<Found>, Problem> {
    let Some(day) = Day::containing_us(at) else { return Ok(None) };
    let source = DataType::IncrementalBookL2;
    let Some(mut batches) = read(state, key, source, day.start_us()..at + 1).await? else { return Ok(None) };
    let mut replay = Replay::default();
    while let Some(batch) = batches.try_next().await? {
        replay.take(&batch, |_, _, _| ()).ok_or_else(without_columns)?;
    }
    replay.apply();
    let Some((timestamp, local_timestamp)) = replay.clocks.filter(|_| replay.book.has_snapshot()) else {
        return Ok(None);
    };
    let (bids, asks) = (replay.book.bids().collect(), replay.book.asks().collect());
    Ok(Some(Found { bids, asks, timestamp, local_timestamp, source, is_replayed: true }))
}

/// An object whose columns are not those of its table.
pub(crate) fn without_columns() -> Problem {
    let detail = "an object has not the columns of its data type";
    Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "damaged", detail)
}

/// Applies messages. Files do not mark them: a change of either clock begins one, and so does a snapshot row after one that is
/// none.
#[derive(Default)]
pub(crate) struct Replay {
    /// The book after the last whole message.
    pub book: OrderBook,
    message: Vec<LevelChange>,
    /// When the last row came: the exchange's time, and arrival; microseconds since the Unix epoch, UTC.
    pub clocks: Option<(i64, i64)>,
}

impl Replay {
    /// Applies the last message.
    pub fn apply(&mut self) {
        if !self.message.is_empty() {
            let _crossing = self.book.apply(&self.message);
            self.message.clear();
        }
    }

    /// Takes rows. `between` is shown the book between two messages, with the arrivals of both. `None`: a column is not there.
    pub fn take(&mut self, batch: &RecordBatch, mut between: impl FnMut(&OrderBook, i64, i64)) -> Option<()> {
        let (timestamps, arrivals) = (times(batch, "timestamp")?, times(batch, "local_timestamp")?);
        let is_snapshot = batch.column_by_name("is_snapshot")?.as_boolean_opt()?;
        let sides = batch.column_by_name("side")?.as_dictionary_opt::<arrow_array::types::Int32Type>()?;
        let words = sides.values().as_string_opt::<i32>()?;
        let (prices, amounts) = (numbers(batch, "price")?, numbers(batch, "amount")?);
        for row in 0..batch.num_rows() {
            let clocks = (timestamps[row], arrivals[row]);
            let is_snapshot = is_snapshot.value(row);
            let after_snapshot = self.message.last().is_some_and(|change| change.is_snapshot);
            if self.clocks != Some(clocks) || (is_snapshot && !after_snapshot) {
                self.apply();
                if let Some((_, before)) = self.clocks {
                    between(&self.book, before, clocks.1);
                }
            }
            self.clocks = Some(clocks);
            let is_ask = words.value(sides.keys().value(row) as usize) == "ask";
            let (price, amount) = (prices.value(row), amounts.value(row));
            self.message.push(LevelChange { is_snapshot, is_ask, price, amount });
        }
        Some(())
    }
}
