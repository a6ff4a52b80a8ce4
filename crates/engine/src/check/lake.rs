//! Checks over the days of a lake.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use chrono::{DateTime, Utc};
use mtdh_core::check::completeness::{DayOfLake, Expected};
use mtdh_core::check::grade::Grade;
use mtdh_core::check::{CheckFn, Finding, Group, Incident, RecordedGap, Severity};
use mtdh_core::error::chain;
use mtdh_core::instrument::Instrument;
use mtdh_core::key::InstrumentKey;
use mtdh_core::partition::{Origin, Partition, Status};
use mtdh_core::venue::exchange_of_venue;
use mtdh_core::{DataType, Day};
use mtdh_lake::tables::gaps::GapRow;
use mtdh_lake::{Lake, LakeError};
use mtdh_source::tardis::metadata::Metadata;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::instrument::InstrumentOfDay;
use super::kept::{Keep, object_name};
use super::{CheckPlan, CheckReport, Checked};
use crate::check::instrument_day::Outcome;
use crate::download::row_counts::{answered, compared};
use crate::error::EngineError;
use crate::expectation::{self, DayExpectation, NotExpectedLine};
use crate::names::Names;
use crate::runs::phase;
use crate::selection::Selection;
use mtdh_lake::inventory::{ObjectState, Verify, inventory};

/// Which data types' rows are checked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RowsOf {
    /// Those of the selection.
    Selection,
    /// All that are in the lake.
    #[default]
    All,
}

/// How long to wait for the vendor's incident reports. A check continues without them: it must not hang without a network.
const PATIENCE: Duration = Duration::from_secs(30);

/// Fetches the incident reports of venues. Those that cannot be fetched are left out, with a note for people.
pub async fn incidents(
    metadata: &Metadata,
    venues: &[String],
) -> (BTreeMap<String, Vec<Incident>>, Vec<String>) {
    let ask = |venue: &String| {
        let venue = venue.clone();
        async move {
            let asked = metadata.incidents(&exchange_of_venue(&venue)).await.map_err(|error| chain(&error));
            asked.map(|reports| (venue, reports))
        }
    };
    let answers = venues.iter().map(|venue| async move {
        let late = |_| Err(format!("no answer within {} s", PATIENCE.as_secs()));
        let answer = tokio::time::timeout(PATIENCE, ask(venue)).await.unwrap_or_else(late);
        answer.map_err(|reason| format!("the incident reports of {venue} cannot be had: {reason}"))
    });
    let (mut all, mut notes) = (BTreeMap::new(), Vec::new());
    for answer in futures::future::join_all(answers).await {
        match answer {
            Ok((venue, reports)) => {
                all.insert(venue, reports.into_iter().map(incident).collect());
            }
            Err(note) => notes.push(note),
        }
    }
    (all, notes)
}

fn incident(report: mtdh_source::tardis::metadata::model::Incident) -> Incident {
    Incident {
        from_us: report.from.timestamp_micros(),
        to_us: report.to.timestamp_micros(),
        details: if report.details.is_empty() { report.status } else { report.details },
    }
}

/// Checks the selection's days. `names` is the outcome of looking up names that no table has. When every group is checked,
/// each partition gets a grade, which is written to the day's report of available data.
///
/// # Errors
/// When the lake cannot be read. If the lake is read-only, grades are not stored, and the report has a note.
pub async fn check_lake(
    lake: &Lake,
    names: &Names,
    plan: &CheckPlan,
    selection: &Selection,
    rows_of: RowsOf,
    keep: Keep,
    stop: &CancellationToken,
) -> Result<CheckReport, EngineError> {
    let mut report = CheckReport::default();
    let mut rows_before: Option<BTreeMap<Partition, u64>> = None;
    let phase = phase::days("checking", selection.days);
    for day in selection.days.days() {
        let _day_done = phase.item();
        if stop.is_cancelled() {
            report.is_interrupted = true;
            break;
        }
        if plan.is_about_partitions() {
            let before = match rows_before.take() {
                Some(rows) => rows,
                None if plan.has(Group::Completeness) => rows(&seen(lake, day.previous()).await?),
                None => BTreeMap::new(),
            };
            let there = seen(lake, day).await?;
            rows_before = Some(rows(&there));
            let seen = Seen { day, names, there, rows_before: before };
            check_day(lake, plan, selection, rows_of, keep, &seen, stop, &mut report).await?;
        }
    }
    drop(phase);
    if plan.has(Group::Aggregation) {
        super::candles::check_candles(lake, plan, selection, stop, &mut report).await?;
    }
    report.sort();
    Ok(report)
}

/// The lake's objects of a day, and the names that were asked for.
struct Seen<'a> {
    day: Day,
    names: &'a Names,
    there: BTreeMap<Partition, ObjectState>,
    /// Rows of the partitions of the day before.
    rows_before: BTreeMap<Partition, u64>,
}

async fn seen(lake: &Lake, day: Day) -> Result<BTreeMap<Partition, ObjectState>, LakeError> {
    inventory(lake, day, &DataType::ALL, Verify::Index).await
}

/// The rows of the partitions that the vendor answered with a file.
fn rows(there: &BTreeMap<Partition, ObjectState>) -> BTreeMap<Partition, u64> {
    answered(there.values().filter_map(|state| match state {
        ObjectState::Answered(available) => Some(&**available),
        ObjectState::Unreadable { .. } => None,
    }))
}

#[allow(clippy::too_many_arguments, reason = "which rows of what, by which checks, to where")]
async fn check_day(
    lake: &Lake,
    plan: &CheckPlan,
    selection: &Selection,
    rows_of: RowsOf,
    keep: Keep,
    Seen { day, names, there, rows_before }: &Seen<'_>,
    stop: &CancellationToken,
    report: &mut CheckReport,
) -> Result<(), EngineError> {
    let day = *day;
    let found = lake.day_table(day).await?;
    let has_table = found.is_some() || lake.origin() == Origin::Live;
    let table = found.unwrap_or_default();
    let instruments = &table.instruments[..];
    // The vendor's table says nothing of what a recording was to have.
    let expectation = match lake.origin() {
        Origin::Vendor => expectation::of_day(selection, &table, there, day),
        Origin::Live => DayExpectation::default(),
    };
    let mut expected = expectation.partitions;
    let by_key: BTreeMap<&InstrumentKey, &Instrument> = instruments.iter().map(|i| (&i.key, i)).collect();
    let meant = meant(selection, rows_of, instruments, there, &expected);
    let known: BTreeSet<Partition> = expected.iter().map(|e| e.partition.clone()).collect();
    // An object that was not expected must be readable too.
    expected.extend(there.iter().filter_map(|(partition, state)| {
        let is_meant =
            meant.get(&partition.key).is_some_and(|types| types.contains_key(&partition.data_type));
        (is_meant && !known.contains(partition)).then(|| state.expected(partition))
    }));
    if plan.has(Group::Completeness) {
        for line in expectation::lines(day, &expectation.not_expected) {
            let NotExpectedLine { day, venue, reason, count, .. } = line;
            report.notes.push(format!("not expected on {day}: {count} of {venue}: {reason}"));
        }
        let mut counted = rows(there);
        let judged: BTreeSet<&Partition> = expected.iter().map(|e| &e.partition).collect();
        counted.retain(|partition, _| judged.contains(partition));
        let facts = DayOfLake {
            day,
            has_table,
            venues_without_instruments: &if has_table && lake.origin() == Origin::Vendor {
                selection.venues_without_rows(&table).cloned().collect::<Vec<_>>()
            } else {
                Vec::new()
            },
            venues_without_expectation: &expectation.venues_without_expectation,
            never_existed: &names.never_existed.iter().map(|n| n.name.clone()).collect::<Vec<_>>(),
            alive_and_missing: &of_day(&names.alive_and_missing, day),
            not_alive: &of_day(&names.not_alive, day),
            not_expected: &expectation.not_expected,
            withdrawn: &expectation.withdrawn,
            needs_acceptance: expectation.needs_acceptance,
            partitions: &expected,
            rows: &compared(day, &counted, rows_before, instruments),
        };
        for check in plan.checks() {
            if let CheckFn::Lake(run) = check.run {
                report.findings.extend(run(&facts));
                // A day without expected partitions has nothing to check.
                *report.looked_at.entry(check.name).or_default() += u64::from(!expected.is_empty());
            }
        }
        report.look(day, None, None).groups.insert(Group::Completeness);
        for Expected { partition, .. } in &expected {
            let Partition { key, data_type, .. } = partition;
            let looked = report.look(day, Some(key), Some(*data_type));
            looked.groups.insert(Group::Completeness);
            looked.objects = BTreeSet::from([object_name(*data_type, there.get(partition))]);
        }
    }
    let recorded = match lake.origin() {
        Origin::Live => lake.gaps_of_day(day).await?,
        Origin::Vendor => BTreeMap::new(),
    };
    let phase = phase::current();
    let bytes_of = |key: &InstrumentKey, data_type: &DataType| {
        let partition = Partition { day, data_type: *data_type, key: key.clone() };
        match there.get(&partition) {
            Some(ObjectState::Answered(available)) => available.bytes,
            _ => 0,
        }
    };
    let bytes_of = |key: &InstrumentKey, partitions: &BTreeMap<DataType, Status>| -> u64 {
        partitions.keys().map(|data_type| bytes_of(key, data_type)).sum()
    };
    phase.weigh(meant.iter().map(|(key, partitions)| bytes_of(key, partitions)).sum());
    let mut tasks = JoinSet::new();
    let at_once = std::thread::available_parallelism().map_or(2, usize::from);
    let mut checked = OfDay::default();
    for (key, partitions) in meant {
        if stop.is_cancelled() {
            report.is_interrupted = true;
            break;
        }
        if tasks.len() >= at_once
            && let Some(done) = tasks.join_next().await
        {
            checked.gather(done, report)?;
        }
        let of = |data_type: &DataType| Partition { day, data_type: *data_type, key: key.clone() };
        let there_of = |data_type: &DataType| Some((*data_type, there.get(&of(data_type))?.clone()));
        let mut of_day = InstrumentOfDay {
            lake: lake.clone(),
            day,
            instrument: by_key.get(&key).map(|instrument| (*instrument).clone()),
            there: partitions.keys().filter_map(there_of).collect(),
            newer: BTreeMap::new(),
            recorded: recorded_of(&recorded, &key),
            key: key.clone(),
            partitions,
        };
        let (plan, phase, bytes) = (plan.clone(), phase.clone(), bytes_of(&of_day.key, &of_day.partitions));
        tasks.spawn(async move {
            let outcome = of_day.check(&plan).await?;
            phase.advance(bytes);
            Ok((of_day, outcome))
        });
    }
    while let Some(done) = tasks.join_next().await {
        checked.gather(done, report)?;
    }
    grade(plan, day, &checked, report);
    if plan.gives_grades() && keep == Keep::InLake && !report.is_interrupted {
        store_grades(lake, day, &checked.there, report).await;
    }
    Ok(())
}

/// What the recordings of a day tell to have lost of an instrument.
fn recorded_of(by_exchange: &BTreeMap<String, Vec<GapRow>>, key: &InstrumentKey) -> Vec<RecordedGap> {
    let rows = by_exchange.get(&exchange_of_venue(key.venue()));
    // A gap without a symbol is of a whole connection or session.
    let is_of = |row: &&GapRow| row.symbol.is_none() || row.key.as_ref() == Some(key);
    let gap = |row: &GapRow| {
        let details =
            if row.detail.is_empty() { row.kind.clone() } else { format!("{}, {}", row.kind, row.detail) };
        let outage = Incident { from_us: row.from_us, to_us: row.to_us, details };
        RecordedGap { data_type: row.data_type, outage }
    };
    rows.into_iter().flatten().filter(is_of).map(gap).collect()
}

/// The checked objects of a day.
#[derive(Default)]
struct OfDay {
    statuses: BTreeMap<Partition, Status>,
    /// Rows that were read.
    rows: BTreeMap<Partition, u64>,
    /// The objects.
    there: BTreeMap<Partition, ObjectState>,
}

impl OfDay {
    fn gather(
        &mut self,
        done: Result<Result<(InstrumentOfDay, Outcome), LakeError>, tokio::task::JoinError>,
        report: &mut CheckReport,
    ) -> Result<(), EngineError> {
        // A check that panics is a bug, and must not look like a missing finding.
        let done = done.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()));
        let (InstrumentOfDay { day, key, partitions, there, .. }, outcome) = done?;
        let of = |data_type| Partition { day, data_type, key: key.clone() };
        for data_type in partitions.keys() {
            let looked = report.look(day, Some(&key), Some(*data_type));
            looked.objects = BTreeSet::from([object_name(*data_type, there.get(data_type))]);
        }
        for (data_type, rows) in &outcome.rows {
            report.look(day, Some(&key), Some(*data_type)).rows = *rows;
        }
        for (name, judged) in &outcome.looked_at {
            for data_type in judged {
                let looked = report.look(day, Some(&key), Some(*data_type));
                looked.groups.extend(mtdh_core::check::find(name).map(|check| check.group));
            }
        }
        self.rows.extend(outcome.rows.iter().map(|(data_type, count)| (of(*data_type), *count)));
        self.statuses.extend(partitions.into_iter().map(|(data_type, status)| (of(data_type), status)));
        self.there.extend(there.into_iter().map(|(data_type, state)| (of(data_type), state)));
        report.gather(outcome);
        Ok(())
    }
}

/// The names of a day, from lines `DAY NAME`.
fn of_day(lines: &[String], day: Day) -> Vec<String> {
    let day = day.to_string();
    lines.iter().filter_map(|line| Some(line.strip_prefix(&day)?.trim_start().to_owned())).collect()
}

/// The partitions whose rows are checked or whose absence is reported, by instrument.
fn meant(
    selection: &Selection,
    rows_of: RowsOf,
    instruments: &[Instrument],
    there: &BTreeMap<Partition, ObjectState>,
    expected: &[Expected],
) -> BTreeMap<InstrumentKey, BTreeMap<DataType, Status>> {
    let limited: Option<BTreeSet<&InstrumentKey>> = selection
        .max_instruments
        .map(|_| selection.instruments(instruments).into_iter().map(|i| &i.key).collect());
    let any_type = Selection { data_types: DataType::ALL.to_vec(), ..selection.clone() };
    let chosen = if rows_of == RowsOf::All { &any_type } else { selection };
    let mut meant: BTreeMap<InstrumentKey, BTreeMap<DataType, Status>> = BTreeMap::new();
    let mut add = |partition: &Partition, status| {
        meant.entry(partition.key.clone()).or_default().insert(partition.data_type, status);
    };
    expected.iter().for_each(|e| add(&e.partition, e.status));
    for (partition, state) in there {
        let is_within = limited.as_ref().is_none_or(|keys| keys.contains(&partition.key));
        if is_within && chosen.takes_partition(partition) {
            add(partition, state.status());
        }
    }
    meant
}

/// Records what was checked, with its grade.
fn grade(plan: &CheckPlan, day: Day, checked: &OfDay, report: &mut CheckReport) {
    let mut worst: BTreeMap<Partition, Severity> = BTreeMap::new();
    for Finding { key, data_type, severity, .. } in report.findings.iter().filter(|f| f.day == Some(day)) {
        if let (Some(key), Some(data_type)) = (key, data_type) {
            let partition = Partition { day, data_type: *data_type, key: key.clone() };
            let known = worst.entry(partition).or_insert(*severity);
            *known = (*known).max(*severity);
        }
    }
    for (partition, status) in &checked.statuses {
        let grade = Grade::of_partition(*status, worst.get(partition).copied());
        let rows = checked.rows.get(partition).copied().unwrap_or_default();
        let grade = plan.gives_grades().then_some(grade);
        report.partitions.insert(partition.clone(), Checked { status: *status, rows, grade });
    }
}

/// Writes the grades of a day's partitions to its report of available data.
async fn store_grades(
    lake: &Lake,
    day: Day,
    there: &BTreeMap<Partition, ObjectState>,
    report: &mut CheckReport,
) {
    let grade_of = |partition: &Partition| report.partitions.get(partition).and_then(|c| c.grade);
    let mut days: BTreeMap<&InstrumentKey, Grade> = BTreeMap::new();
    for (partition, checked) in report.partitions.iter().filter(|(p, _)| p.day == day) {
        let grade = checked.grade.unwrap_or(Grade::Unknown);
        let worst = days.entry(&partition.key).or_insert(grade);
        *worst = Grade::of_day([*worst, grade]);
    }
    if let Err(error) = lake.check_writable().await {
        report.notes.push(format!("the grades of {day} are not stored: {}", chain(&error)));
        return;
    }
    let stored = lake
        .update_available(day, |rows| {
            for (partition, state) in there {
                let ObjectState::Answered(seen) = state else { continue };
                let Some(grade) = grade_of(partition) else { continue };
                let row = rows.entry(partition.clone()).or_insert_with(|| (**seen).clone());
                // An object that was replaced meanwhile is not the one that was checked.
                if row.holds_the_same(seen) {
                    let older = std::mem::replace(row, (**seen).clone());
                    row.keep_grades(&older);
                    row.grade = Some(grade);
                    row.day_grade = days.get(&partition.key).copied();
                }
            }
        })
        .await;
    if let Err(error) = stored {
        report.notes.push(format!("the grades of {day} are not stored: {}", chain(&error)));
    }
}

/// The current time, microseconds since the Unix epoch, UTC.
pub fn now_us() -> i64 {
    DateTime::<Utc>::from(std::time::SystemTime::now()).timestamp_micros()
}
