//! What the lake has, partition by partition, and counts of it.

use futures::{StreamExt, TryStreamExt};
use mtdh_core::check::grade::Grade;
use mtdh_core::partition::Status;
use mtdh_core::{DataType, Day, DayRange};

use crate::coverage::{DayLines, days};
use crate::problem::Problem;
use crate::state::Shared;

pub use crate::coverage::Line;

/// Days that are looked at at the same time.
const AT_ONCE: usize = 4;

/// The days of a range.
#[derive(Debug)]
pub struct Covered {
    /// The days that the lake has something of, in order.
    pub days: Vec<DayLines>,
    /// When the oldest of them was looked at, microseconds since the Unix epoch, UTC; `None`: there are no days.
    pub as_of_us: Option<i64>,
}

impl Covered {
    /// Looks at the days of a range that the lake has, `all`.
    ///
    /// # Errors
    /// When the lake cannot be read.
    pub async fn of(state: &Shared, all: &[Day], range: DayRange) -> Result<Covered, Problem> {
        let wanted: Vec<Day> = all.iter().copied().filter(|day| range.contains(*day)).collect();
        let looks = wanted.into_iter().map(|day| days(state, DayRange::of(day)));
        let looked: Vec<Vec<DayLines>> = futures::stream::iter(looks).buffered(AT_ONCE).try_collect().await?;
        let days: Vec<DayLines> = looked.into_iter().flatten().collect();
        let as_of_us = days.iter().map(|of| of.as_of_us).min();
        Ok(Covered { days, as_of_us })
    }

    /// The lines that count, with their days. What is not there counts only of the usual data types: a lake need not have all. The
    /// API counts by the same rule.
    pub fn lines(&self) -> impl Iterator<Item = (Day, &Line)> {
        let all = self.days.iter().flat_map(|of| of.lines.iter().map(|line| (of.day, line)));
        all.filter(|(_, line)| line.status.is_answered() || DataType::DEFAULT.contains(&line.data_type))
    }
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
