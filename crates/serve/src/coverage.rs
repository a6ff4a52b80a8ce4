//! What the lake has and lacks, day by day, kept for a short while: a page asks for a year more than once.

use std::collections::{BTreeMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use arrow_array::cast::AsArray;
use arrow_array::types::UInt64Type;
use arrow_array::{Array, RecordBatch};
use futures::{StreamExt, TryStreamExt};
use mtdh_core::check::grade::Grade;
use mtdh_core::key::InstrumentType;
use mtdh_core::{DataType, Day, DayRange};
use mtdh_engine::{Filter, Status};

use crate::api::scrub::scrubbed;
use crate::problem::Problem;
use crate::state::{Shared, now_us};

/// How long what was seen of a day is answered with. What is published since is seen after it.
const KEPT: Duration = Duration::from_secs(20);

/// Days that are kept: those of one request.
const MOST_DAYS: usize = 4_000;

/// Days that are looked at at the same time.
const AT_ONCE: usize = 8;

/// A partition that is expected or there.
#[derive(Clone, Debug)]
pub struct Line {
    /// The instrument key.
    pub key: Arc<str>,
    /// The data type.
    pub data_type: DataType,
    /// What the lake has of it.
    pub status: Status,
    /// Its grade by the last check; `None`: it was not checked.
    pub grade: Option<Grade>,
    /// Rows; `None`: there is no object that can be trusted.
    pub rows: Option<u64>,
    /// Bytes; `None`: as for rows.
    pub bytes: Option<u64>,
    /// Why it is not stored; `None`: it is.
    pub reason: Option<Arc<str>>,
}

impl Line {
    /// The key's venue.
    pub fn venue(&self) -> &str {
        self.key.split(':').next().unwrap_or_default()
    }

    /// The key's instrument type.
    pub fn instrument_type(&self) -> &str {
        self.key.split(':').nth(1).unwrap_or_default()
    }

    /// Its grade, or `missing`.
    pub fn shown_grade(&self) -> Option<Grade> {
        if self.status == Status::Missing { Some(Grade::Missing) } else { self.grade }
    }
}

/// What was seen of a day.
#[derive(Clone, Debug)]
pub struct DayLines {
    /// The day.
    pub day: Day,
    /// When the lake was looked at, microseconds since the Unix epoch, UTC.
    pub as_of_us: i64,
    /// Its partitions, by data type and key.
    pub lines: Arc<Vec<Line>>,
}

/// What was seen of days lately.
#[derive(Default)]
pub(crate) struct Seen {
    days: Mutex<BTreeMap<Day, (Instant, DayLines)>>,
    keys: Mutex<HashSet<Arc<str>>>,
}

impl Seen {
    fn get(&self, day: Day) -> Option<DayLines> {
        let days = self.days.lock().unwrap_or_else(PoisonError::into_inner);
        days.get(&day).filter(|(seen, _)| seen.elapsed() < KEPT).map(|(_, lines)| lines.clone())
    }

    fn put(&self, lines: &DayLines) {
        let mut days = self.days.lock().unwrap_or_else(PoisonError::into_inner);
        // Any day can be asked for: what is too old to be used is not kept.
        if days.len() >= MOST_DAYS {
            days.retain(|_, (seen, _)| seen.elapsed() < KEPT);
        }
        if days.len() < MOST_DAYS {
            days.insert(lines.day, (Instant::now(), lines.clone()));
        }
    }

    /// The one copy of a key.
    fn key(&self, text: &str) -> Arc<str> {
        let mut keys = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = keys.get(text) {
            return known.clone();
        }
        let new: Arc<str> = text.into();
        keys.insert(new.clone());
        new
    }
}

/// The partitions of days, each day as it was seen at most 20 seconds ago. Every type of instrument and data is in it; missing are
/// those that are expected, of every data type that the day's table lists.
///
/// # Errors
/// When the lake cannot be read.
pub async fn days(state: &Shared, range: DayRange) -> Result<Vec<DayLines>, Problem> {
    let day = |day: Day| {
        let state = state.clone();
        async move {
            if let Some(seen) = state.seen.get(day) {
                return Ok(seen);
            }
            let looked = tokio::spawn(async move { look(&state, day).await });
            looked.await.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()))
        }
    };
    futures::stream::iter(range.days()).map(day).buffered(AT_ONCE).try_collect().await
}

async fn look(state: &Shared, day: Day) -> Result<DayLines, Problem> {
    let filter = Filter {
        instrument_types: InstrumentType::ALL.to_vec(),
        data_types: DataType::ALL.to_vec(),
        ..Filter::default()
    };
    let as_of_us = now_us();
    let selection = filter.of_lake(DayRange::of(day))?;
    let table = state.context.coverage(&selection, false).await?;
    let lines = Arc::new(lines_of(&table, &state.seen));
    let looked = DayLines { day, as_of_us, lines };
    state.seen.put(&looked);
    Ok(looked)
}

fn lines_of(table: &RecordBatch, seen: &Seen) -> Vec<Line> {
    let texts = |name: &str| table.column_by_name(name).and_then(|column| column.as_string_opt::<i32>());
    let counts =
        |name: &str| table.column_by_name(name).and_then(|column| column.as_primitive_opt::<UInt64Type>());
    let text = |name: &str, row: usize| {
        let column = texts(name)?;
        column.is_valid(row).then(|| column.value(row))
    };
    let count = |name: &str, row: usize| {
        let column = counts(name)?;
        column.is_valid(row).then(|| column.value(row))
    };
    let line = |row: usize| {
        Some(Line {
            key: seen.key(text("instrument_key", row)?),
            data_type: text("data_type", row)?.parse().ok()?,
            status: Status::from_name(text("status", row)?)?,
            grade: text("grade", row).and_then(Grade::from_name),
            rows: count("rows", row),
            bytes: count("bytes", row),
            reason: text("reason", row).map(|reason| scrubbed(reason).into()),
        })
    };
    (0..table.num_rows()).filter_map(line).collect()
}
