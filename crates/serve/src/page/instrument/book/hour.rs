//! The books of an hour: the last of each of its parts.

use std::ops::Range;

use arrow_array::RecordBatch;
use futures::TryStreamExt;
use mtdh_core::book::OrderBook;
use mtdh_core::{DataType, Day};
use mtdh_engine::query::TickTable;

use super::super::{View, number_at, times};
use crate::api::book::{Replay, without_columns};
use crate::problem::Problem;

/// An hour, microseconds.
pub const HOUR_US: i64 = 3_600_000_000;

/// Parts of the hour; the slider has the last book of each.
pub const STEPS: i64 = 180;

/// Levels of a side.
pub const LEVELS: usize = 25;

/// Price and amount.
pub type Level = (f64, f64);

/// A book.
pub struct Snapshot {
    /// Arrival of its last row, microseconds since the Unix epoch, UTC.
    pub time: i64,
    /// Asks, best first.
    pub asks: Vec<Level>,
    /// Bids, best first.
    pub bids: Vec<Level>,
}

/// The part of the hour that a time is in. The moment that is asked for ends a part.
fn part(hour: &Range<i64>, at: i64, time: i64) -> (i64, bool) {
    ((time - hour.start).div_euclid(HOUR_US / STEPS), time <= at)
}

/// The books of an hour, in order.
///
/// # Errors
/// When the lake cannot be read.
pub async fn of_hour(
    view: &View<'_>,
    data_type: DataType,
    hour: Range<i64>,
    at: i64,
) -> Result<Vec<Snapshot>, Problem> {
    // A moment beyond the calendar has no rows.
    let Some((day, _)) = Day::containing_us(hour.start).zip(Day::containing_us(hour.end)) else {
        return Ok(Vec::new());
    };
    if data_type == DataType::IncrementalBookL2 {
        return replayed(view, day, hour, at).await;
    }
    let (mut stream, _) = view.rows(&view.request(TickTable::Ticks(data_type), hour.clone(), None)).await?;
    let levels = if data_type == DataType::BookSnapshot5 { 5 } else { LEVELS };
    let mut kept: Vec<Snapshot> = Vec::new();
    while let Some(batch) = stream.try_next().await? {
        let arrivals = times(&batch, "local_timestamp").unwrap_or_default();
        for (row, time) in arrivals.iter().enumerate() {
            // Only the last of a part is read.
            let now = part(&hour, at, *time);
            if arrivals.get(row + 1).is_some_and(|next| part(&hour, at, *next) == now) {
                continue;
            }
            let one = of_row(&batch, row, levels, *time);
            match kept.last_mut() {
                Some(last) if part(&hour, at, last.time) == now => *last = one,
                _ => kept.push(one),
            }
        }
    }
    Ok(kept)
}

fn of_row(batch: &RecordBatch, row: usize, levels: usize, time: i64) -> Snapshot {
    let side = |side: &str| -> Vec<Level> {
        let cell = |what: &str, level: usize| number_at(batch, &format!("{side}_{what}_{level}"), row);
        (1..=levels).filter_map(|level| cell("price", level).zip(cell("amount", level))).collect()
    };
    Snapshot { time, asks: side("ask"), bids: side("bid") }
}

/// The books that the day's changes make.
async fn replayed(view: &View<'_>, day: Day, hour: Range<i64>, at: i64) -> Result<Vec<Snapshot>, Problem> {
    let changes = TickTable::Ticks(DataType::IncrementalBookL2);
    let (mut stream, _) = view.rows(&view.request(changes, day.start_us()..hour.end, None)).await?;
    let (mut replay, mut kept) = (Replay::default(), Vec::new());
    let of_book = |book: &OrderBook, time: i64| Snapshot {
        time,
        asks: book.asks().take(LEVELS).collect(),
        bids: book.bids().take(LEVELS).collect(),
    };
    while let Some(batch) = stream.try_next().await? {
        let between = |book: &OrderBook, before: i64, next: i64| {
            let is_last = part(&hour, at, before) != part(&hour, at, next);
            // Before the hour only the last book counts: it is the book as the hour begins.
            if is_last && book.has_snapshot() && (hour.contains(&before) || hour.contains(&next)) {
                kept.push(of_book(book, before));
            }
        };
        replay.take(&batch, between).ok_or_else(without_columns)?;
    }
    replay.apply();
    if let Some((_, last)) = replay.clocks.filter(|_| replay.book.has_snapshot()) {
        kept.push(of_book(&replay.book, last));
    }
    Ok(kept)
}
