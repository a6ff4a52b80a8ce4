//! What the lake has, partition by partition, kept in a form that a page counts quickly.
//!
//! A day's lines are made by `Context::coverage` and kept for a while: a page is answered from lines that are younger than
//! [`FRESH`]; older ones are made anew. Pages say of when their answer is.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use arrow_array::cast::AsArray;
use arrow_array::types::UInt64Type;
use arrow_array::{Array, RecordBatch};
use futures::{StreamExt, TryStreamExt};
use mtdh_core::check::grade::Grade;
use mtdh_core::key::InstrumentType;
use mtdh_core::partition::Status;
use mtdh_core::{DataType, Day, DayRange};
use mtdh_engine::{EngineError, Selection};

use crate::state::{Shared, now_us};

/// How long a day's lines are believed.
pub const FRESH: Duration = Duration::from_secs(20);

/// Days that are made at the same time.
const DAYS_AT_ONCE: usize = 4;

/// The most days whose lines are kept.
const MOST_DAYS: usize = 4000;

/// An instrument, once for all of its lines.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Name {
    /// The key.
    pub key: String,
    /// Its venue.
    pub venue: String,
    /// Its type.
    pub kind: String,
}

/// A partition that is expected, or that the lake has.
#[derive(Clone, Debug)]
pub struct Line {
    /// The instrument.
    pub name: Arc<Name>,
    /// The data type.
    pub data_type: DataType,
    /// Its status.
    pub status: Status,
    /// The grade by the last check; `None`: not checked.
    pub grade: Option<Grade>,
    /// Rows stored; `None`: there is no object that can be trusted.
    pub rows: Option<u64>,
    /// Bytes of the object; `None`: as for rows.
    pub bytes: Option<u64>,
    /// Why it is as it is; `None`: it is stored.
    pub reason: Option<Arc<str>>,
}

/// The lines of a day.
#[derive(Debug)]
pub struct OfDay {
    /// The day.
    pub day: Day,
    /// Its lines, by data type and key.
    pub lines: Vec<Line>,
    /// When they were made, microseconds since the Unix epoch, UTC.
    pub as_of_us: i64,
    made: Instant,
}

/// The days of a range.
#[derive(Debug)]
pub struct Covered {
    /// The days that the lake has something of, in order.
    pub days: Vec<Arc<OfDay>>,
    /// The data types that count: those that are downloaded when nobody chooses, and others that the lake has in the range.
    pub types: BTreeSet<DataType>,
    /// When the oldest of them was made; `None`: there are no days.
    pub as_of_us: Option<i64>,
}

impl Covered {
    /// The lines that count, with their days.
    pub fn lines(&self) -> impl Iterator<Item = (Day, &Line)> {
        let all = self.days.iter().flat_map(|of| of.lines.iter().map(|line| (of.day, line)));
        all.filter(|(_, line)| self.types.contains(&line.data_type))
    }
}

/// The days that were looked at lately.
#[derive(Default)]
pub struct Kept {
    days: Mutex<BTreeMap<Day, Arc<OfDay>>>,
    names: Mutex<HashMap<String, Arc<Name>>>,
    listed: Mutex<Option<(Instant, Arc<Vec<Day>>)>>,
}

impl Kept {
    /// Every day that the lake has data or instruments of, in order.
    ///
    /// # Errors
    /// When the lake cannot be read.
    pub async fn days(&self, state: &Shared) -> Result<Arc<Vec<Day>>, EngineError> {
        if let Some((made, days)) = &*lock(&self.listed)
            && made.elapsed() < FRESH
        {
            return Ok(days.clone());
        }
        let days = Arc::new(state.context.days().await?);
        *lock(&self.listed) = Some((Instant::now(), days.clone()));
        Ok(days)
    }

    /// The lines of a range of days.
    ///
    /// # Errors
    /// When the lake cannot be read.
    pub async fn covered(&self, state: &Shared, range: DayRange) -> Result<Covered, EngineError> {
        let all = self.days(state).await?;
        let wanted: Vec<Day> = all.iter().copied().filter(|day| range.contains(*day)).collect();
        let made = wanted.into_iter().map(|day| self.of_day(state, day));
        let days: Vec<Arc<OfDay>> = futures::stream::iter(made).buffered(DAYS_AT_ONCE).try_collect().await?;
        let mut types: BTreeSet<DataType> = DataType::DEFAULT.into();
        for line in days.iter().flat_map(|of| &of.lines) {
            if line.status.is_answered() || line.reason.is_some() && line.status == Status::Missing {
                types.insert(line.data_type);
            }
        }
        let as_of_us = days.iter().map(|of| of.as_of_us).min();
        Ok(Covered { days, types, as_of_us })
    }

    async fn of_day(&self, state: &Shared, day: Day) -> Result<Arc<OfDay>, EngineError> {
        let known = lock(&self.days).get(&day).cloned();
        if let Some(known) = known
            && known.made.elapsed() < FRESH
        {
            return Ok(known);
        }
        let selection = Selection {
            days: DayRange::of(day),
            venues: Vec::new(),
            instrument_types: InstrumentType::ALL.to_vec(),
            data_types: DataType::ALL.to_vec(),
            patterns: Vec::new(),
            max_instruments: None,
        };
        let (made, as_of_us) = (Instant::now(), now_us());
        let table = state.context.coverage(&selection).await?;
        let of_day = Arc::new(OfDay { day, lines: self.read(&table), as_of_us, made });
        let mut days = lock(&self.days);
        if days.len() >= MOST_DAYS {
            days.clear();
        }
        days.insert(day, of_day.clone());
        Ok(of_day)
    }

    /// The lines of a table of `Context::coverage`.
    fn read(&self, table: &RecordBatch) -> Vec<Line> {
        let text = |name: &str| table.column_by_name(name).and_then(|column| column.as_string_opt::<i32>());
        let count = |name: &str| table.column_by_name(name).and_then(|column| column.as_primitive_opt::<UInt64Type>());
        let columns = (text("instrument_key"), text("venue"), text("instrument_type"), text("data_type"), text("status"));
        let (Some(keys), Some(venues), Some(kinds), Some(types), Some(statuses)) = columns else { return Vec::new() };
        let (rows, bytes, grades, reasons) = (count("rows"), count("bytes"), text("grade"), text("reason"));
        let mut names = lock(&self.names);
        let mut texts: HashMap<&str, Arc<str>> = HashMap::new();
        let line = |row: usize| {
            let name = names.entry(keys.value(row).to_owned()).or_insert_with(|| {
                let (venue, kind) = (venues.value(row).to_owned(), kinds.value(row).to_owned());
                Arc::new(Name { key: keys.value(row).to_owned(), venue, kind })
            });
            let reason = reasons.filter(|texts| texts.is_valid(row)).map(|texts| texts.value(row));
            Some(Line {
                name: name.clone(),
                data_type: types.value(row).parse().ok()?,
                status: Status::from_name(statuses.value(row))?,
                grade: grades.filter(|grades| grades.is_valid(row)).and_then(|grades| Grade::from_name(grades.value(row))),
                rows: rows.filter(|rows| rows.is_valid(row)).map(|rows| rows.value(row)),
                bytes: bytes.filter(|bytes| bytes.is_valid(row)).map(|bytes| bytes.value(row)),
                reason: reason.map(|text| texts.entry(text).or_insert_with(|| text.into()).clone()),
            })
        };
        (0..table.num_rows()).filter_map(line).collect()
    }
}

/// Locks; a panic while it was held leaves whole values.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// Counts of partitions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// With rows.
    pub stored: u64,
    /// Empty by the vendor's file.
    pub empty: u64,
    /// Absent by the vendor's answer.
    pub absent: u64,
    /// Missing.
    pub missing: u64,
    /// Not exported yet.
    pub not_exported: u64,
    /// Graded good.
    pub good: u64,
    /// Graded degraded.
    pub degraded: u64,
    /// Graded bad.
    pub bad: u64,
    /// Rows stored.
    pub rows: u64,
    /// Bytes of objects.
    pub bytes: u64,
}

impl Counts {
    /// Adds a line.
    pub fn add(&mut self, line: &Line) {
        match line.status {
            Status::Stored => self.stored += 1,
            Status::Empty => self.empty += 1,
            Status::Absent => self.absent += 1,
            Status::Missing => self.missing += 1,
            Status::NotExportedYet => self.not_exported += 1,
        }
        match line.grade {
            Some(Grade::Good) => self.good += 1,
            Some(Grade::Degraded) => self.degraded += 1,
            Some(Grade::Bad) => self.bad += 1,
            _ => {}
        }
        self.rows += line.rows.unwrap_or_default();
        self.bytes += line.bytes.unwrap_or_default();
    }

    /// The counts of some lines.
    pub fn of<'a>(lines: impl IntoIterator<Item = &'a Line>) -> Counts {
        let mut counts = Counts::default();
        lines.into_iter().for_each(|line| counts.add(line));
        counts
    }

    /// Partitions that are expected by now, or that are there.
    pub fn due(&self) -> u64 {
        self.stored + self.empty + self.absent + self.missing
    }

    /// The share of the due ones that are answered, in percent, rounded down: 100 only if nothing is missing. `None`: none is due.
    pub fn percent(&self) -> Option<f64> {
        let due = self.due();
        (due > 0).then(|| ((due - self.missing) as f64 / due as f64 * 10_000.0).floor() / 100.0)
    }

    /// The letter of a cell that shows the state.
    pub fn state_letter(&self) -> char {
        match self {
            Counts { missing: 1.., stored: 0, empty: 0, absent: 0, .. } => 'M',
            Counts { missing: 1.., .. } => 'm',
            Counts { stored: 1.., .. } => 's',
            Counts { empty: 1.., .. } | Counts { absent: 1.., .. } => 'e',
            Counts { not_exported: 1.., .. } => 'n',
            _ => ' ',
        }
    }

    /// The letter of a cell that shows the worst grade.
    pub fn grade_letter(&self) -> char {
        match self {
            Counts { missing: 1.., .. } => 'm',
            Counts { bad: 1.., .. } => 'b',
            Counts { degraded: 1.., .. } => 'd',
            Counts { good: 1.., .. } => 'g',
            Counts { stored: 1.., .. } => 'u',
            Counts { empty: 1.., .. } | Counts { absent: 1.., .. } => 'e',
            Counts { not_exported: 1.., .. } => 'n',
            _ => ' ',
        }
    }
}

impl Counts {
    /// Adds other counts.
    pub fn merge(&mut self, other: &Counts) {
        self.stored += other.stored;
        self.empty += other.empty;
        self.absent += other.absent;
        self.missing += other.missing;
        self.not_exported += other.not_exported;
        self.good += other.good;
        self.degraded += other.degraded;
        self.bad += other.bad;
        self.rows += other.rows;
        self.bytes += other.bytes;
    }
}
