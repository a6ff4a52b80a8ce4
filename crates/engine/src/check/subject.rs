//! One instrument's day: its rows are read once, in the order of arrival, and go by every check.

use std::ops::Range;

use arrow_array::RecordBatch;
use futures::TryStreamExt;
use mtdh_core::check::silence::Watch;
use mtdh_core::check::{Check, Finding, Found, InstrumentDay, PartitionFacts, RowCheck, Run, Scope, find};
use mtdh_core::key::InstrumentKey;
use mtdh_core::partition::Status;
use mtdh_core::{DataType, Day};
use mtdh_lake::LakeError;
use mtdh_lake::read::Batches;

use super::CheckPlan;
use super::passing::Passing;
use crate::error::chain;

/// What is checked together: the partitions of one instrument and day.
pub(super) struct Subject {
    /// The instrument; null where a file does not say.
    pub key: Option<InstrumentKey>,
    /// The day; null where a file does not say.
    pub day: Option<Day>,
    /// When the vendor has data of it, microseconds since the Unix epoch, UTC.
    pub life_us: Range<i64>,
    /// When the contract ends, microseconds since the Unix epoch, UTC.
    pub expiry_us: Option<i64>,
    /// Its partitions.
    pub partitions: Vec<Part>,
}

/// One partition of a subject.
pub(super) struct Part {
    pub data_type: DataType,
    pub status: Status,
    /// Its rows; null: there are none to be read.
    pub rows: Option<Batches>,
}

/// What was found of a subject.
#[derive(Default)]
pub(super) struct Outcome {
    pub findings: Vec<Finding>,
    /// Rows that were read of each partition.
    pub rows: Vec<(DataType, u64)>,
    /// The checks that had something to look at, once for each partition.
    pub looked_at: Vec<&'static str>,
}

/// A check of several data types in progress; it speaks of the last of those whose rows it wants.
struct Together {
    check: &'static Check,
    wants: &'static [DataType],
    speaks_of: DataType,
    rows: Box<dyn RowCheck>,
}

/// A partition in progress.
struct Reading {
    data_type: DataType,
    batches: Batches,
    watch: Watch,
    /// The checks of its rows alone.
    passing: Passing,
    /// Arrival of the last row that came.
    reached_us: i64,
    is_done: bool,
}

/// Reads a subject's rows and runs every check of the plan that applies.
pub(super) async fn check_subject(plan: &CheckPlan, mut subject: Subject) -> Result<Outcome, LakeError> {
    let mut outcome = Outcome::default();
    let mut together = start(plan, &subject);
    let mut readings: Vec<Reading> = subject
        .partitions
        .iter_mut()
        .filter_map(|part| {
            let batches = part.rows.take()?;
            let silence = find("silence").map(|check| plan.settings.values(check))?;
            let key = subject.key.as_ref();
            let watch = Watch::new(&silence, key.map_or("", InstrumentKey::venue), part.data_type);
            let passing = Passing::start(plan, key, part.data_type, subject.day);
            Some(Reading {
                data_type: part.data_type,
                batches,
                watch,
                passing,
                reached_us: i64::MIN,
                is_done: false,
            })
        })
        .collect();
    let mut unreadable = Vec::new();
    // Whoever is behind comes next, so that checks over several data types wait for little.
    while let Some(reading) = readings.iter_mut().filter(|r| !r.is_done).min_by_key(|r| r.reached_us) {
        match reading.batches.try_next().await {
            Ok(Some(batch)) => {
                if let Err(reason) = reading.take(&batch, &mut together) {
                    unreadable.push((reading.data_type, reason));
                    reading.is_done = true;
                }
            }
            Ok(None) => reading.is_done = true,
            Err(error) if error.is_distrust() => {
                unreadable.push((reading.data_type, chain(&error)));
                reading.is_done = true;
            }
            Err(error) => return Err(error),
        }
    }
    let finding = |check: &'static Check, data_type, found: Found| {
        Finding::of(check, subject.key.clone(), Some(data_type), subject.day, found)
    };
    let has_rows =
        |wanted: &DataType| readings.iter().any(|r| r.data_type == *wanted && r.passing.count() > 0);
    for Together { check, wants, speaks_of, rows } in together {
        if wants.iter().all(has_rows) {
            outcome.looked_at.push(check.name);
        }
        outcome.findings.extend(rows.finish().into_iter().map(|found| finding(check, speaks_of, found)));
    }
    for (data_type, reason) in unreadable {
        let found = Found { count: 1, examples: vec![reason], ..Found::default() };
        outcome.findings.extend(find("unreadable_partition").map(|check| finding(check, data_type, found)));
    }
    outcome.rows = readings.iter().map(|r| (r.data_type, r.passing.count())).collect();
    let with_rows = || readings.iter().filter(|r| r.passing.count() > 0);
    outcome.looked_at.extend(with_rows().flat_map(|r| r.passing.names()));
    let read: Vec<DataType> = with_rows().map(|r| r.data_type).collect();
    let facts = facts(&subject, readings, &mut outcome.findings);
    let venue = subject.key.as_ref().map_or("", InstrumentKey::venue);
    let day = InstrumentDay {
        key: subject.key.as_ref(),
        day: subject.day,
        life_us: subject.life_us.clone(),
        expiry_us: subject.expiry_us,
        incidents: plan.incidents.get(venue).map(Vec::as_slice),
        partitions: &facts,
        now_us: plan.now_us,
    };
    for check in plan.checks() {
        if let Run::Day(of, run) = check.run {
            outcome.looked_at.extend(read.iter().any(|t| of.contains(t)).then_some(check.name));
            let found = run(&day, &plan.settings.values(check));
            outcome
                .findings
                .extend(found.into_iter().map(|(data_type, found)| finding(check, data_type, found)));
        }
    }
    Ok(outcome)
}

fn start(plan: &CheckPlan, subject: &Subject) -> Vec<Together> {
    let readable = |data_type: &DataType| {
        subject.partitions.iter().any(|part| part.data_type == *data_type && part.rows.is_some())
    };
    let start = |check: &'static Check| {
        let Run::Together(wants, start) = check.run else { return None };
        let data_type = wants.last().copied().filter(|_| wants.iter().all(readable))?;
        let (key, values) = (subject.key.as_ref(), plan.settings.values(check));
        let rows = start(&Scope { key, data_type, day: subject.day, values });
        Some(Together { check, wants, speaks_of: data_type, rows })
    };
    plan.checks().filter_map(start).collect()
}

impl Reading {
    fn take(&mut self, batch: &RecordBatch, together: &mut [Together]) -> Result<(), String> {
        let rows = self.passing.rows(batch)?;
        self.watch.rows(&rows);
        for check in together.iter_mut().filter(|check| check.wants.contains(&self.data_type)) {
            check.rows.rows(&rows);
        }
        self.reached_us = rows.arrival().last().copied().unwrap_or(self.reached_us);
        Ok(())
    }
}

/// What is known of the partitions after reading, with what the checks of their rows found. Rows were to be expected while
/// the instrument was listed.
fn facts(subject: &Subject, readings: Vec<Reading>, findings: &mut Vec<Finding>) -> Vec<PartitionFacts> {
    let within = subject.day.map(|day| day.start_us()..day.end_us());
    let mut readings = readings;
    let mut facts = Vec::new();
    for part in &subject.partitions {
        let place = readings.iter().position(|r| r.data_type == part.data_type);
        let pace = place.map(|place| {
            let reading = readings.swap_remove(place);
            findings.extend(reading.passing.finish());
            reading.watch.finish(within.clone())
        });
        facts.push(PartitionFacts { data_type: part.data_type, status: part.status, pace });
    }
    facts
}
