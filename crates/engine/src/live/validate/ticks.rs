//! Validation of live rows of one instrument and data type: row checks, lateness against the newest exchange time, and
//! silences against the rate of arrival so far.

use std::ops::Range;

use arrow_array::RecordBatch;
use mtdh_core::Day;
use mtdh_core::check::finding::{duration, moment};
use mtdh_core::check::silence::Watch;
use mtdh_core::check::{Context, Finding, Rows, Severity, Tally, find};

use super::{TickStream, Told};
use crate::check::CheckPlan;
use crate::check::row_checks::RowChecks;

/// One stream of rows.
pub(super) struct Ticks {
    of: TickStream,
    day: Option<OneDay>,
    /// The newest exchange time, microseconds since the Unix epoch, UTC.
    newest_us: i64,
    /// The last arrival, and whether the silence after it was reported.
    last: Option<(i64, bool)>,
    /// Length of a silence before this day's rate was known, microseconds; `None`: not known.
    threshold_us: Option<i64>,
    /// How far the clock was ahead of the last arrival when that was validated: rows of a recording arrived long ago, and no
    /// silence has lasted since.
    behind_us: i64,
}

/// The state of the current day.
struct OneDay {
    day: Day,
    passing: RowChecks,
    watch: Watch,
}

impl Ticks {
    pub(super) fn new(of: TickStream) -> Ticks {
        Ticks { of, day: None, newest_us: i64::MIN, last: None, threshold_us: None, behind_us: 0 }
    }

    /// Validates rows that arrived. Returns the findings, and how many rows were late.
    pub(super) fn rows(
        &mut self,
        plan: &CheckPlan,
        batch: &RecordBatch,
        watermark_us: i64,
        now_us: i64,
    ) -> Result<(Vec<Told>, u64), String> {
        let rows = Rows::new(self.of.data_type, batch, 0)?;
        let mut told = Vec::from_iter(self.silences(rows.arrival()));
        self.behind_us = self.last.map_or(0, |(last, _)| now_us.saturating_sub(last).max(0));
        let late = self.late(&rows, watermark_us);
        let count = late.as_ref().map_or(0, |(_, _, found)| found.count);
        told.extend(late);
        for piece in by_day(rows.arrival()) {
            let start_us = rows.arrival()[piece.start];
            let piece = batch.slice(piece.start, piece.len());
            let day = Day::containing_us(start_us);
            // A row of an earlier day passes the checks of the current day, which report that it is of another one.
            if let Some(day) = day.filter(|day| self.day.as_ref().is_none_or(|now| now.day < *day)) {
                told.extend(self.begin(plan, day));
            }
            let Some(now) = &mut self.day else { continue };
            now.watch.rows(&now.passing.rows(&piece)?);
        }
        if let Some(now) = &mut self.day {
            told.extend(now.passing.found().into_iter().map(said));
            self.threshold_us = now.watch.threshold_us().or(self.threshold_us);
        }
        Ok((told, count))
    }

    /// Starts a day, and reports findings that needed the end of the one before.
    fn begin(&mut self, plan: &CheckPlan, day: Day) -> Vec<Told> {
        let told = self.end();
        let TickStream { key, data_type } = &self.of;
        self.day = find("silence").map(|check| OneDay {
            day,
            passing: RowChecks::start(plan, Some(key), *data_type, Some(day), &Context::default()),
            watch: Watch::new(&plan.settings.values(check), key.venue(), *data_type),
        });
        told
    }

    /// Reports findings that need the end of the rows.
    pub(super) fn end(&mut self) -> Vec<Told> {
        let day = self.day.take();
        day.into_iter().flat_map(|day| day.passing.finish()).map(said).collect()
    }

    /// Rows that are further behind the newest exchange time than the watermark: results that were closed by then lack them.
    fn late(&mut self, rows: &Rows<'_>, watermark_us: i64) -> Option<Told> {
        let mut tally = Tally::default();
        for (exchange, arrival) in rows.exchange_time().iter().zip(rows.arrival()) {
            self.newest_us = self.newest_us.max(*exchange);
            let behind = self.newest_us - exchange;
            if behind > watermark_us {
                tally.note(*arrival, || {
                    format!("{} is {} behind the newest row", moment(*exchange), duration(behind))
                });
            }
        }
        tally.found().pop().map(|found| ("late_tick", Severity::Warning, found))
    }

    /// Pauses between arrivals that are too long for the rate so far.
    fn silences(&mut self, arrival: &[i64]) -> Option<Told> {
        let mut tally = Tally::default();
        for us in arrival {
            let Some((last, is_told)) = self.last else {
                self.last = Some((*us, false));
                continue;
            };
            if self.threshold_us.is_some_and(|threshold| us - last > threshold) && !is_told {
                tally.note(last, || silence(last, *us));
                tally.reach(*us);
            }
            if *us > last {
                self.last = Some((*us, false));
            }
        }
        self.told_silence(tally)
    }

    /// When the silence after the last row becomes a finding; `None`: it was reported, or the rate is not known.
    pub(super) fn due_us(&self) -> Option<i64> {
        let (last, is_told) = self.last?;
        self.threshold_us
            .filter(|_| !is_told)
            .map(|threshold| last.saturating_add(self.behind_us).saturating_add(threshold).saturating_add(1))
    }

    /// Reports a silence that still lasts, once.
    pub(super) fn quiet(&mut self, now_us: i64) -> Option<Told> {
        self.due_us().filter(|due| *due <= now_us)?;
        let (last, is_told) = self.last.as_mut()?;
        *is_told = true;
        let now_us = now_us.saturating_sub(self.behind_us);
        let mut tally = Tally::default();
        tally.note(*last, || silence(*last, now_us));
        tally.reach(now_us);
        self.told_silence(tally)
    }

    fn told_silence(&self, tally: Tally) -> Option<Told> {
        let found = tally.found().pop()?;
        find("silence").map(|check| (check.name, check.severity, found))
    }
}

fn silence(from_us: i64, to_us: i64) -> String {
    format!("{} from {} to {}", duration(to_us - from_us), moment(from_us), moment(to_us))
}

fn said(finding: Finding) -> Told {
    (finding.check, finding.severity, finding.found)
}

/// Ranges of rows that arrived on one day.
fn by_day(arrival: &[i64]) -> Vec<Range<usize>> {
    let day = |us: &i64| us.div_euclid(mtdh_core::day::DAY_US);
    let mut start = 0;
    let runs = arrival.chunk_by(|a, b| day(a) == day(b));
    runs.map(|run| {
        start += run.len();
        start - run.len()..start
    })
    .collect()
}
