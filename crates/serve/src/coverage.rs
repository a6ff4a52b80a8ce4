//! What the lake has and lacks, day by day, as it was seen lately.
//!
//! A day is kept with its mark (`Context::mark`): as long as that is the same, nothing of the day is read again. In the background
//! the days are looked at after the start, and again while somebody asks; an ask looks itself at what was not, and waits for it.

use std::collections::{BTreeMap, HashSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use arrow_array::cast::AsArray;
use arrow_array::types::UInt64Type;
use arrow_array::{Array, RecordBatch};
use axum::http::StatusCode;
use futures::{StreamExt, TryStreamExt};
use mtdh_core::check::grade::Grade;
use mtdh_core::key::InstrumentType;
use mtdh_core::{DataType, Day, DayRange};
use mtdh_engine::query::Mark;
use mtdh_engine::{Filter, Status};
use tokio_util::sync::CancellationToken;

use crate::api::scrub::scrubbed;
use crate::problem::Problem;
use crate::state::{Shared, now_us};

/// How often the days are looked at in the background.
const LOOK_EVERY: Duration = Duration::from_secs(15);

/// How long they are, after the last ask.
const LOOK_AFTER_ASK: Duration = Duration::from_secs(300);

/// Days that are looked at at the same time, of all asks.
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

/// A day as it was seen.
#[derive(Clone)]
struct Kept {
    /// When it was looked at.
    at: Instant,
    mark: Mark,
    lines: DayLines,
}

/// What was seen of days.
pub(crate) struct Seen {
    days: Mutex<BTreeMap<Day, Kept>>,
    keys: Mutex<HashSet<Arc<str>>>,
    /// A lock for each day that is looked at: others who want the day wait for it.
    looks: Mutex<BTreeMap<Day, Arc<tokio::sync::Mutex<()>>>>,
    room: tokio::sync::Semaphore,
    asked: Mutex<Instant>,
    /// Days looked at and to look at by the first look after the start.
    first_look: [AtomicU64; 2],
}

impl Default for Seen {
    fn default() -> Seen {
        Seen {
            days: Mutex::default(),
            keys: Mutex::default(),
            looks: Mutex::default(),
            room: tokio::sync::Semaphore::new(AT_ONCE),
            asked: Mutex::new(Instant::now()),
            first_look: [const { AtomicU64::new(0) }; 2],
        }
    }
}

impl Seen {
    fn get(&self, day: Day) -> Option<Kept> {
        let days = self.days.lock().unwrap_or_else(PoisonError::into_inner);
        days.get(&day).cloned()
    }

    fn fresh(&self, day: Day, age: Duration) -> Option<DayLines> {
        self.get(day).filter(|seen| seen.at.elapsed() < age).map(|seen| seen.lines)
    }

    /// Keeps a day. Days that have and expect nothing are not kept: anybody can ask for any number of them.
    fn put(&self, seen: Kept) {
        let mut days = self.days.lock().unwrap_or_else(PoisonError::into_inner);
        let day = seen.lines.day;
        if seen.lines.lines.is_empty() {
            days.remove(&day)
        } else {
            days.insert(day, seen)
        };
    }

    fn look_of(&self, day: Day) -> Arc<tokio::sync::Mutex<()>> {
        let mut looks = self.looks.lock().unwrap_or_else(PoisonError::into_inner);
        looks.retain(|_, look| Arc::strong_count(look) > 1);
        looks.entry(day).or_default().clone()
    }

    /// Days that the first look after the start has looked at, and how many it looks at.
    pub(crate) fn looked_at(&self) -> (u64, u64) {
        let [looked, all] = &self.first_look;
        (looked.load(Ordering::Relaxed), all.load(Ordering::Relaxed))
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

/// The partitions of days, each as it was seen lately ([`crate::Limits::age`]). Every type of instrument and data is in it; missing are
/// those that are expected, of every data type that the day's table lists.
///
/// # Errors
/// When the lake cannot be read, or looking at days that were not seen before takes longer than an answer may.
pub async fn days(state: &Shared, range: DayRange) -> Result<Vec<DayLines>, Problem> {
    *state.seen.asked.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    // A folder that is gone is not answered for by what it had.
    if state.context.lake_folder().is_some() {
        state.context.check_readable().await?;
    }
    let age = state.options.limits.age;
    let day = |day: Day| async move {
        match state.seen.fresh(day, age) {
            Some(seen) => Ok(seen),
            None => seen_by(state, day, age).await,
        }
    };
    let looked = futures::stream::iter(range.days()).map(day).buffered(AT_ONCE).try_collect();
    tokio::time::timeout(state.options.limits.first_byte.mul_f64(0.9), looked).await.unwrap_or_else(|_| {
        let (looked, all) = state.seen.looked_at();
        let detail =
            format!("the server is still looking through the lake: at {looked} of {all} days so far");
        Err(Problem::new(StatusCode::GATEWAY_TIMEOUT, "too-slow", detail)
            .hint("ask again in a minute, what was looked at is kept; or ask for a shorter range"))
    })
}

/// A day as it was seen less than `age` ago. The look goes on if nobody waits for it any longer.
async fn seen_by(state: &Shared, day: Day, age: Duration) -> Result<DayLines, Problem> {
    let state = state.clone();
    let looked = tokio::spawn(async move {
        let turn = state.seen.look_of(day);
        let _turn = turn.lock().await;
        // Another ask has looked while this one waited.
        if let Some(seen) = state.seen.fresh(day, age) {
            return Ok(seen);
        }
        // Never closed.
        let _room = state.seen.room.acquire().await;
        look(&state, day).await
    });
    looked.await.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()))
}

async fn look(state: &Shared, day: Day) -> Result<DayLines, Problem> {
    let (at, as_of_us) = (Instant::now(), now_us());
    // Before the day is read: what changes after the mark is seen by the next one.
    let mark = state.context.mark(day).await?;
    if let Some(seen) = state.seen.get(day).filter(|seen| seen.mark == mark) {
        let lines = DayLines { as_of_us, ..seen.lines };
        state.seen.put(Kept { at, mark, lines: lines.clone() });
        return Ok(lines);
    }
    let filter = Filter {
        instrument_types: InstrumentType::ALL.to_vec(),
        data_types: DataType::ALL.to_vec(),
        ..Filter::default()
    };
    let selection = filter.of_lake(DayRange::of(day))?;
    let table = state.context.coverage(&selection, false).await?;
    let lines = DayLines { day, as_of_us, lines: Arc::new(lines_of(&table, &state.seen)) };
    state.seen.put(Kept { at, mark, lines: lines.clone() });
    Ok(lines)
}

/// Looks at the days of the lake after the start, newest first, and again while somebody asks, until `stop` is cancelled.
pub(crate) async fn keep_looking(state: Shared, stop: CancellationToken) {
    let looking = async {
        look_at_all(&state, true).await;
        loop {
            tokio::time::sleep(LOOK_EVERY).await;
            let asked = *state.seen.asked.lock().unwrap_or_else(PoisonError::into_inner);
            if asked.elapsed() < LOOK_AFTER_ASK {
                look_at_all(&state, false).await;
            }
        }
    };
    tokio::select! {
        () = looking => {}
        () = stop.cancelled() => {}
    }
}

async fn look_at_all(state: &Shared, is_first: bool) {
    let days = match state.context.days().await {
        Ok(days) => days,
        // An ask for it gets the error.
        Err(error) => return tracing::debug!(cause = %error, "the lake was not looked at"),
    };
    if is_first {
        state.seen.first_look[1].store(days.len() as u64, Ordering::Relaxed);
    }
    let look = |day: Day| async move {
        // By those who ask meanwhile it was seen, too.
        if let Err(problem) = seen_by(state, day, LOOK_EVERY).await {
            tracing::debug!(%day, ?problem, "the day was not looked at");
        }
        if is_first {
            state.seen.first_look[0].fetch_add(1, Ordering::Relaxed);
        }
    };
    futures::stream::iter(days.into_iter().rev()).map(look).buffer_unordered(AT_ONCE).collect::<()>().await;
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
