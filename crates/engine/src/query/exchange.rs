//! Rows by the exchange's clock: which objects may have them, and their order.
//!
//! Objects are cut by UTC days of arrival, and their rows are in order of arrival. By the exchange's clock ([`Clock::Exchange`],
//! the column `timestamp`) rows of a day may lie in the object of a day beside it, and out of order. What holds:
//!
//! - A row is found if it arrived on the UTC day of its `timestamp`, the day before or the day after ([`days_to_open`]), whatever
//!   the range. What the statistics of pages exclude is not read.
//! - They come sorted by the exchange's clock. Rows of the same microsecond come in order of arrival.
//! - The memory is bounded: the range is read in [`windows`] that hold about so many rows, each sorted for itself ([`Sorter`]).
//!   Only rows of one microsecond cannot be parted. A page whose times reach far is read for each window that it touches.
//!
//! A reader of several days and instruments reads one after the other by [`sorted`], a day's part of the range at a time
//! ([`parts`]), or all instruments of a day together, by either clock. [`Stretch`]es are of [`mtdh_lake::Lake::stretches`].

use std::ops::Range;
use std::sync::Arc;

use arrow_array::RecordBatch;
use futures::{FutureExt, StreamExt, TryStreamExt, future, stream};
use mtdh_core::clock::Clock;
use mtdh_core::{Day, DayRange};
use mtdh_lake::read::{ReadCost, Stretch};
use mtdh_lake::{Entry, Lake, LakeError};
use tokio::sync::mpsc;

mod sorter;

pub use sorter::Sorter;

/// Bytes of the rows of a window, about.
const WINDOW_BYTES: u64 = 64 << 20;

/// The days whose objects may have rows of a range of a clock, the end excluded. `None`: the range is empty or outside of the
/// calendar.
pub fn days_to_open(clock: Clock, within_us: &Range<i64>) -> Option<DayRange> {
    let days = days_within(within_us)?;
    match clock {
        Clock::Arrival => Some(days),
        Clock::Exchange => DayRange::new(days.first().previous(), days.last().next()).ok(),
    }
}

/// The UTC days that a range touches, the end excluded.
fn days_within(within_us: &Range<i64>) -> Option<DayRange> {
    let last = within_us.end.checked_sub(1).filter(|last| *last >= within_us.start)?;
    DayRange::new(Day::containing_us(within_us.start)?, Day::containing_us(last)?).ok()
}

/// A range in pieces, each of one UTC day.
pub fn parts(within_us: &Range<i64>) -> impl Iterator<Item = (Day, Range<i64>)> + use<> {
    let within_us = within_us.clone();
    let days = days_within(&within_us).into_iter().flat_map(DayRange::days);
    days.map(move |day| (day, day.start_us().max(within_us.start)..day.end_us().min(within_us.end)))
}

/// How near to midnight a range must end for rows of it to be expected in the object of the next day: an hour.
const NEAR_US: i64 = 3_600_000_000;

/// The days that should have rows of a range: those that it touches, and by the exchange's clock the next day, too, if the range
/// ends within an hour of it. The day before may have some, where the exchange's clock is ahead, but is not expected to.
pub fn days_expected(clock: Clock, within_us: &Range<i64>) -> Option<DayRange> {
    let days = days_within(within_us)?;
    let is_near = clock == Clock::Exchange && days.last().end_us() - within_us.end < NEAR_US;
    let last = if is_near { days.last().next() } else { days.last() };
    DayRange::new(days.first(), last).ok()
}

/// Rows of a window, for rows of so many columns.
pub fn rows_of_window(columns: usize) -> u64 {
    WINDOW_BYTES / (columns as u64 * 8 + 32)
}

/// Parts a range into windows with about `most_rows` rows each, in order, without gaps. Rows count as spread evenly over their
/// stretch.
pub fn windows(stretches: &[Stretch], within_us: Range<i64>, most_rows: u64) -> Vec<Range<i64>> {
    // Where rows per microsecond change, and by how much.
    let mut changes: Vec<(i64, f64)> = Vec::new();
    for stretch in stretches {
        let length = stretch.last_us as f64 - stretch.first_us as f64 + 1.0;
        let end = stretch.last_us.saturating_add(1).min(within_us.end);
        let start = stretch.first_us.max(within_us.start);
        if start < end {
            let density = stretch.rows as f64 / length;
            changes.extend([(start, density), (end, -density)]);
        }
    }
    changes.push((within_us.end, 0.0));
    changes.sort_by_key(|(at, _)| *at);
    let most = most_rows.max(1) as f64;
    let (mut start, mut at) = (within_us.start, within_us.start);
    let (mut held, mut density) = (0.0, 0.0_f64);
    let mut windows = Vec::new();
    for (next, change) in changes {
        while held + density * (next - at) as f64 > most {
            let fits = (((most - held) / density) as i64).min(next - at);
            at = (at + fits).max(start + 1);
            windows.push(start..at);
            (start, held) = (at, 0.0);
            if at >= next {
                break;
            }
        }
        held += density * (next - at).max(0) as f64;
        at = at.max(next);
        density = (density + change).max(0.0);
    }
    if start < within_us.end {
        windows.push(start..within_us.end);
    }
    windows
}

/// Objects whose rows are read in the order of a clock.
pub struct Sorting<'a> {
    /// The lake.
    pub lake: &'a Lake,
    /// The column of the clock.
    pub clock: &'static str,
    /// The objects; rows of the same time come in their order.
    pub entries: &'a [Entry],
    /// The range of the clock, microseconds since the Unix epoch, UTC; the end is excluded.
    pub within_us: Range<i64>,
    /// As in [`mtdh_lake::Lake::read_between`].
    pub columns: Option<&'a [&'a str]>,
    /// About so many rows are in memory.
    pub most_rows: u64,
    /// What reading costs is added to it.
    pub cost: &'a Arc<ReadCost>,
}

/// What is made of a batch of an object, which is named by its place, before its rows are sorted: all must have the same columns.
pub type Prepared<'a> = &'a (dyn Fn(usize, RecordBatch) -> Result<RecordBatch, LakeError> + Send + Sync);

/// Stored bytes of objects whose rows fit into one window: rows are seldom stored in less than a thirtieth of their size.
const SMALL_BYTES: u64 = 2 << 20;

/// Reads of objects at the same time.
const TOGETHER: usize = 8;

/// Reads the rows of objects and sends them in the order of a clock. By the exchange's clock the objects of an instrument are
/// those of [`days_to_open`], in order of their days. Ends early when the receiver is gone.
///
/// # Errors
/// When the store fails, or an object is not Parquet, has other columns or is replaced meanwhile.
pub async fn sorted(
    sorting: Sorting<'_>,
    prepared: Prepared<'_>,
    to: &mpsc::Sender<Result<RecordBatch, LakeError>>,
) -> Result<(), LakeError> {
    let Sorting { lake, clock, entries, within_us, columns, most_rows, cost } = sorting;
    // Where all objects together are small there is one window, and their footers need not be read before their rows.
    let is_small = entries.iter().map(|entry| entry.bytes).sum::<u64>() < SMALL_BYTES;
    let looks = entries.iter().map(|entry| match is_small {
        true => future::ready(Ok(vec![Stretch { rows: 1, first_us: i64::MIN, last_us: i64::MAX }])).boxed(),
        false => lake.stretches(entry, clock, cost).boxed(),
    });
    let looks: Vec<_> = looks.collect();
    let held: Vec<Vec<Stretch>> = stream::iter(looks).buffered(TOGETHER).try_collect().await?;
    let stretches: Vec<Stretch> = held.iter().flatten().copied().collect();
    let windows = if is_small { vec![within_us] } else { windows(&stretches, within_us, most_rows) };
    for window in windows {
        let may_hold = |stretch: &Stretch| stretch.first_us < window.end && stretch.last_us >= window.start;
        let within = entries.iter().enumerate().zip(&held);
        let within = within.filter(|(_, stretches)| stretches.iter().any(may_hold));
        let reads: Vec<_> = within
            .map(|((place, entry), _)| {
                let window = window.clone();
                let read = async move {
                    let mut batches: Vec<RecordBatch> = Vec::new();
                    let keep = |batch: RecordBatch| {
                        batches.push(prepared(place, batch)?);
                        Ok::<(), LakeError>(())
                    };
                    lake.read_between(entry, clock, window, columns, cost, keep).await?;
                    Ok::<_, LakeError>((entry, batches))
                };
                read.boxed()
            })
            .collect();
        let mut reads = stream::iter(reads).buffered(TOGETHER);
        let mut sorter = Sorter::new(clock);
        while let Some((entry, batches)) = reads.try_next().await? {
            for batch in batches {
                let wrong = |reason| LakeError::WrongTable { path: entry.path.to_string(), reason };
                sorter.push(batch).map_err(wrong)?;
            }
        }
        for batch in sorter.sorted() {
            let path = || entries.first().map(|entry| entry.path.to_string()).unwrap_or_default();
            let batch = batch.map_err(|reason| LakeError::WrongTable { path: path(), reason })?;
            if to.send(Ok(batch)).await.is_err() {
                return Ok(());
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
