//! What the lake keeps of checks, day by day, as it was seen a short while ago.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use futures::{StreamExt, TryStreamExt};
use mtdh_core::{Day, DayRange};
use mtdh_engine::Partition;
use mtdh_engine::check::kept::{Found, KeptLine};

use crate::problem::Problem;
use crate::state::{Shared, now_us};

/// How long what was seen of a day is answered with. What is checked since is seen after it.
const KEPT: Duration = Duration::from_secs(20);

/// Lines that are kept in memory, of all days together.
const MOST_LINES: usize = 50_000;

/// Days that are looked at at the same time.
const AT_ONCE: usize = 8;

/// The kept checks of a day.
#[derive(Clone, Debug)]
pub(crate) struct DayChecks {
    /// The day.
    pub day: Day,
    /// When the lake was looked at, microseconds since the Unix epoch, UTC.
    pub as_of_us: i64,
    /// The lines; of a day that was not checked there are none.
    pub lines: Arc<Vec<KeptLine>>,
}

/// What was seen of days lately.
#[derive(Default)]
pub(crate) struct SeenChecks {
    days: Mutex<BTreeMap<Day, (Instant, DayChecks)>>,
}

impl SeenChecks {
    fn get(&self, day: Day) -> Option<DayChecks> {
        let days = self.days.lock().unwrap_or_else(PoisonError::into_inner);
        days.get(&day).filter(|(seen, _)| seen.elapsed() < KEPT).map(|(_, checks)| checks.clone())
    }

    fn put(&self, checks: &DayChecks) {
        let mut days = self.days.lock().unwrap_or_else(PoisonError::into_inner);
        days.retain(|_, (seen, _)| seen.elapsed() < KEPT);
        let held: usize = days.values().map(|(_, checks)| checks.lines.len()).sum();
        if held + checks.lines.len() <= MOST_LINES {
            days.insert(checks.day, (Instant::now(), checks.clone()));
        }
    }
}

/// The checks of the days of a range that were checked, each day as it was seen at most 20 seconds ago.
///
/// # Errors
/// When the lake cannot be read.
pub(crate) async fn days(state: &Shared, range: DayRange) -> Result<Vec<DayChecks>, Problem> {
    let checked = state.context.checked_days().await?;
    let wanted = checked.into_iter().filter(|day| range.contains(*day));
    futures::stream::iter(wanted).map(|day| of_day(state, day)).buffered(AT_ONCE).try_collect().await
}

async fn of_day(state: &Shared, day: Day) -> Result<DayChecks, Problem> {
    if let Some(seen) = state.seen_checks.get(day) {
        return Ok(seen);
    }
    let as_of_us = now_us();
    let lines = state.context.checks(day).await?.unwrap_or_default();
    let checks = DayChecks { day, as_of_us, lines: Arc::new(lines) };
    state.seen_checks.put(&checks);
    Ok(checks)
}

/// The lines about a partition, and about it together with others of its instrument's day.
///
/// # Errors
/// When the lake cannot be read.
pub(crate) async fn of_partition(state: &Shared, partition: &Partition) -> Result<Vec<KeptLine>, Problem> {
    let checks = of_day(state, partition.day).await?;
    let is_of_it = |kept: &&KeptLine| {
        let subject = &kept.line.subject;
        subject.key.as_ref() == Some(&partition.key) && subject.data_type == Some(partition.data_type)
    };
    Ok(checks.lines.iter().filter(is_of_it).cloned().collect())
}

/// A finding that the lake keeps.
#[derive(Clone, Copy)]
pub(crate) struct Kept<'a> {
    /// Its line.
    pub kept: &'a KeptLine,
    /// What was found.
    pub found: &'a Found,
}

impl<'a> Kept<'a> {
    /// The finding of a line; `None`: the line says only what was checked.
    pub fn of(kept: &'a KeptLine) -> Option<Kept<'a>> {
        Some(Kept { kept, found: kept.line.found.as_ref()? })
    }

    /// The instrument key; `None`: it is about a day.
    pub fn key(&self) -> Option<&'a str> {
        self.kept.line.subject.key.as_ref().map(|key| key.as_str())
    }

    /// The key's venue.
    pub fn venue(&self) -> Option<&'a str> {
        self.kept.line.subject.key.as_ref().map(|key| key.venue())
    }

    /// `current`, or `older` if what was checked was replaced since.
    pub fn objects(&self) -> &'static str {
        if self.kept.is_current { "current" } else { "older" }
    }
}
