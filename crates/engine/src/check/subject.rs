//! One instrument's day: its rows are read once, in the order of arrival, and go by every check.

use std::ops::Range;

use arrow_array::RecordBatch;
use futures::TryStreamExt;
use mtdh_core::check::silence::Watch;
use mtdh_core::check::{
    Check, Finding, Found, InstrumentDay, PartitionFacts, RowCheck, Rows, Run, Scope, find,
};
use mtdh_core::key::InstrumentKey;
use mtdh_core::partition::Status;
use mtdh_core::{DataType, Day};
use mtdh_lake::LakeError;
use mtdh_lake::read::Batches;

use super::CheckPlan;
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

/// A check in progress: whose rows it wants, and of which data type it speaks.
struct Running {
    check: &'static Check,
    wants: Vec<DataType>,
    speaks_of: DataType,
    rows: Box<dyn RowCheck>,
}

/// A partition in progress.
struct Reading {
    data_type: DataType,
    batches: Batches,
    watch: Watch,
    /// Rows that came before.
    place: u64,
    /// Arrival of the last row that came.
    reached_us: i64,
    is_done: bool,
}

/// Reads a subject's rows and runs every check of the plan that applies.
pub(super) async fn check_subject(plan: &CheckPlan, mut subject: Subject) -> Result<Outcome, LakeError> {
    let mut outcome = Outcome::default();
    let mut running = start(plan, &subject);
    let mut readings: Vec<Reading> = subject
        .partitions
        .iter_mut()
        .filter_map(|part| {
            let batches = part.rows.take()?;
            let silence = find("silence").map(|check| plan.settings.values(check))?;
            let venue = subject.key.as_ref().map_or("", InstrumentKey::venue);
            let watch = Watch::new(&silence, venue, part.data_type);
            Some(Reading {
                data_type: part.data_type,
                batches,
                watch,
                place: 0,
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
                if let Err(reason) = reading.take(&batch, &mut running) {
                    unreadable.push((reading.data_type, reason));
                    reading.is_done = true;
                }
            }
            Ok(None) => reading.is_done = true,
            Err(error @ (LakeError::Parquet { .. } | LakeError::WrongTable { .. })) => {
                unreadable.push((reading.data_type, chain(&error)));
                reading.is_done = true;
            }
            Err(error) => return Err(error),
        }
    }
    let finding = |check: &'static Check, data_type, found: Found| Finding {
        check: check.name,
        severity: found.severity.unwrap_or(check.severity),
        key: subject.key.clone(),
        data_type: Some(data_type),
        day: subject.day,
        found,
    };
    for Running { check, speaks_of, rows, .. } in running {
        outcome.looked_at.push(check.name);
        outcome.findings.extend(rows.finish().into_iter().map(|found| finding(check, speaks_of, found)));
    }
    for (data_type, reason) in unreadable {
        let found = Found { count: 1, examples: vec![reason], ..Found::default() };
        outcome.findings.extend(find("unreadable_partition").map(|check| finding(check, data_type, found)));
    }
    outcome.rows = readings.iter().map(|r| (r.data_type, r.place)).collect();
    let facts = facts(&subject, readings);
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
        if let Run::Day(run) = check.run {
            outcome.looked_at.push(check.name);
            let found = run(&day, &plan.settings.values(check));
            outcome
                .findings
                .extend(found.into_iter().map(|(data_type, found)| finding(check, data_type, found)));
        }
    }
    Ok(outcome)
}

fn start(plan: &CheckPlan, subject: &Subject) -> Vec<Running> {
    let readable = |data_type: DataType| {
        subject.partitions.iter().any(|part| part.data_type == data_type && part.rows.is_some())
    };
    let mut running = Vec::new();
    for check in plan.checks() {
        let scope = |data_type| Scope {
            key: subject.key.as_ref(),
            data_type,
            day: subject.day,
            values: plan.settings.values(check),
        };
        match check.run {
            Run::Rows(of, start) => {
                for speaks_of in of.iter().copied().filter(|t| readable(*t)) {
                    running.push(Running {
                        check,
                        wants: vec![speaks_of],
                        speaks_of,
                        rows: start(&scope(speaks_of)),
                    });
                }
            }
            Run::Together(of, start) => {
                let Some(speaks_of) = of.last().copied().filter(|_| of.iter().all(|t| readable(*t))) else {
                    continue;
                };
                running.push(Running {
                    check,
                    wants: of.to_vec(),
                    speaks_of,
                    rows: start(&scope(speaks_of)),
                });
            }
            Run::Day(_) | Run::Lake(_) | Run::Candles(..) => {}
        }
    }
    running
}

impl Reading {
    fn take(&mut self, batch: &RecordBatch, running: &mut [Running]) -> Result<(), String> {
        let rows = Rows::new(self.data_type, batch, self.place)?;
        self.watch.rows(&rows);
        for check in running.iter_mut().filter(|r| r.wants.contains(&self.data_type)) {
            check.rows.rows(&rows);
        }
        self.place += rows.len() as u64;
        self.reached_us = rows.arrival().last().copied().unwrap_or(self.reached_us);
        Ok(())
    }
}

/// What is known of the partitions after reading. Rows were to be expected while the instrument was listed.
fn facts(subject: &Subject, readings: Vec<Reading>) -> Vec<PartitionFacts> {
    let within = subject.day.map(|day| day.start_us()..day.end_us());
    let mut readings = readings;
    let mut facts = Vec::new();
    for part in &subject.partitions {
        let place = readings.iter().position(|r| r.data_type == part.data_type);
        let pace = place.map(|place| readings.swap_remove(place).watch.finish(within.clone()));
        facts.push(PartitionFacts { data_type: part.data_type, status: part.status, pace });
    }
    facts
}
