//! Checks over the days of a lake.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use chrono::{DateTime, Utc};
use mtdh_core::check::completeness::{DayOfLake, Expected};
use mtdh_core::check::grade::Grade;
use mtdh_core::check::{Finding, Group, Incident, Run, Severity};
use mtdh_core::instrument::Instrument;
use mtdh_core::key::InstrumentKey;
use mtdh_core::partition::{Partition, Status};
use mtdh_core::venue::exchange_of_venue;
use mtdh_core::{DataType, Day};
use mtdh_lake::{Lake, LakeError, layout};
use mtdh_source::metadata::Metadata;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::before::DaysBefore;
use super::subject::{Outcome, Part, Subject, check_subject};
use super::{CheckPlan, CheckReport, Checked};
use crate::error::{EngineError, chain};
use crate::expectation::{self, NotExpectedLine};
use crate::names::Names;
use crate::presence::{Presence, Trust, presence};
use crate::row_counts::{answered, compared};
use crate::selection::Selection;

/// Which data types the rows are checked of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RowsOf {
    /// Those of the selection.
    Selection,
    /// Every one that is in the lake.
    All,
}

/// How long the vendor may take to tell its incidents. A check goes on without them: it must not hang where there is no
/// network.
const PATIENCE: Duration = Duration::from_secs(30);

/// Asks the vendor for the incident reports of venues. Those that cannot be had are left out, with a note for people.
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

fn incident(report: mtdh_source::metadata::model::Incident) -> Incident {
    Incident {
        from_us: report.from.timestamp_micros(),
        to_us: report.to.timestamp_micros(),
        details: if report.details.is_empty() { report.status } else { report.details },
    }
}

/// Checks the selection's days. `names` is what became of the names that no table has. When every group is checked, each partition gets a grade, which is noted in the day's
/// report of available data.
///
/// # Errors
/// When the lake cannot be read. A lake that cannot be written keeps no grades, and the report has a note.
pub async fn check_lake(
    lake: &Lake,
    names: &Names,
    plan: &CheckPlan,
    selection: &Selection,
    rows_of: RowsOf,
    stop: &CancellationToken,
) -> Result<CheckReport, EngineError> {
    let mut report = CheckReport::default();
    let mut rows_before: Option<BTreeMap<Partition, u64>> = None;
    for day in selection.days.days() {
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
            check_day(lake, plan, selection, rows_of, &seen, stop, &mut report).await?;
        }
    }
    if plan.has(Group::Aggregation) {
        super::candles::check_candles(lake, plan, selection, stop, &mut report).await?;
    }
    report.sort();
    Ok(report)
}

/// What the lake has of a day, and what is asked for of it by name.
struct Seen<'a> {
    day: Day,
    names: &'a Names,
    there: BTreeMap<Partition, Presence>,
    /// Rows of the partitions of the day before.
    rows_before: BTreeMap<Partition, u64>,
}

async fn seen(lake: &Lake, day: Day) -> Result<BTreeMap<Partition, Presence>, LakeError> {
    presence(lake, day, &DataType::ALL, Trust::Report).await
}

/// The rows of the partitions that the vendor answered with a file.
fn rows(there: &BTreeMap<Partition, Presence>) -> BTreeMap<Partition, u64> {
    answered(there.values().filter_map(|presence| match presence {
        Presence::Answered(available) => Some(&**available),
        Presence::Unreadable { .. } => None,
    }))
}

async fn check_day(
    lake: &Lake,
    plan: &CheckPlan,
    selection: &Selection,
    rows_of: RowsOf,
    Seen { day, names, there, rows_before }: &Seen<'_>,
    stop: &CancellationToken,
    report: &mut CheckReport,
) -> Result<(), EngineError> {
    let day = *day;
    let found = lake.day_table(day).await?;
    let has_table = found.is_some();
    let table = found.unwrap_or_default();
    let instruments = &table.instruments[..];
    let expectation = expectation::of_day(selection, &table, there, day);
    let mut expected = expectation.partitions;
    let by_key: BTreeMap<&InstrumentKey, &Instrument> = instruments.iter().map(|i| (&i.key, i)).collect();
    let meant = meant(selection, rows_of, instruments, there, &expected);
    let known: BTreeSet<Partition> = expected.iter().map(|e| e.partition.clone()).collect();
    // What nobody expected but is there must be readable all the same.
    expected.extend(there.iter().filter_map(|(partition, presence)| {
        let is_meant =
            meant.get(&partition.key).is_some_and(|types| types.contains_key(&partition.data_type));
        (is_meant && !known.contains(partition)).then(|| presence.expected(partition))
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
            venues_without_instruments: &match has_table {
                true => selection.venues_without_rows(&table).cloned().collect::<Vec<_>>(),
                false => Vec::new(),
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
            if let Run::Lake(run) = check.run {
                report.findings.extend(run(&facts));
                // A day of which nothing is expected has nothing to look at.
                *report.looked_at.entry(check.name).or_default() += u64::from(!expected.is_empty());
            }
        }
    }
    let mut statuses = BTreeMap::new();
    let mut tasks: JoinSet<Result<(Option<InstrumentKey>, Outcome), LakeError>> = JoinSet::new();
    let at_once = std::thread::available_parallelism().map_or(2, usize::from);
    let mut rows_read: BTreeMap<Partition, u64> = BTreeMap::new();
    for (key, partitions) in meant {
        if stop.is_cancelled() {
            report.is_interrupted = true;
            break;
        }
        if tasks.len() >= at_once
            && let Some(done) = tasks.join_next().await
        {
            gather(done, day, report, &mut rows_read)?;
        }
        statuses
            .extend(partitions.iter().map(|(t, s)| (Partition { day, data_type: *t, key: key.clone() }, *s)));
        let instrument = by_key.get(&key).copied();
        let subject = subject(lake, plan, day, key, instrument, &partitions, there).await?;
        let plan = plan.clone();
        tasks.spawn(async move {
            let key = subject.key.clone();
            Ok((key, check_subject(&plan, subject).await?))
        });
    }
    while let Some(done) = tasks.join_next().await {
        gather(done, day, report, &mut rows_read)?;
    }
    grade(plan, day, &statuses, &rows_read, report);
    if plan.gives_grades() && !report.is_interrupted {
        store_grades(lake, day, there, report).await;
    }
    Ok(())
}

/// The names of a day, out of lines `DAY NAME`.
fn of_day(lines: &[String], day: Day) -> Vec<String> {
    let day = day.to_string();
    lines.iter().filter_map(|line| Some(line.strip_prefix(&day)?.trim_start().to_owned())).collect()
}

fn gather(
    done: Result<Result<(Option<InstrumentKey>, Outcome), LakeError>, tokio::task::JoinError>,
    day: Day,
    report: &mut CheckReport,
    rows: &mut BTreeMap<Partition, u64>,
) -> Result<(), EngineError> {
    // A check that panics is a bug, and not one finding less.
    let (key, outcome) = done.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()))?;
    let counts = outcome.rows.iter().copied();
    rows.extend(key.into_iter().flat_map(|key| {
        counts.clone().map(move |(data_type, count)| (Partition { day, data_type, key: key.clone() }, count))
    }));
    report.gather(outcome);
    Ok(())
}

/// The partitions whose rows are checked or whose lack is told, by instrument.
fn meant(
    selection: &Selection,
    rows_of: RowsOf,
    instruments: &[Instrument],
    there: &BTreeMap<Partition, Presence>,
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
    for (partition, presence) in there {
        let is_within = limited.as_ref().is_none_or(|keys| keys.contains(&partition.key));
        if is_within && chosen.takes_partition(partition) {
            add(partition, presence.status());
        }
    }
    meant
}

async fn subject(
    lake: &Lake,
    plan: &CheckPlan,
    day: Day,
    key: InstrumentKey,
    instrument: Option<&Instrument>,
    partitions: &BTreeMap<DataType, Status>,
    there: &BTreeMap<Partition, Presence>,
) -> Result<Subject, LakeError> {
    let mut parts = Vec::new();
    for (data_type, status) in partitions {
        let partition = Partition { day, data_type: *data_type, key: key.clone() };
        let rows = match there.get(&partition) {
            Some(Presence::Answered(available)) if available.tally.rows_out > 0 && plan.reads_rows() => {
                Some(lake.batches(&available.entry(), i64::MIN..i64::MAX, &Default::default()).await)
            }
            // The group completeness tells it otherwise.
            Some(Presence::Unreadable { reason }) if !plan.has(Group::Completeness) => {
                let path = layout::partition(&partition).to_string();
                Some(Err(LakeError::WrongTable { path, reason: reason.clone() }))
            }
            _ => None,
        };
        let rows = match rows.transpose() {
            Ok(rows) => rows,
            // The stream gives it as its first item, so that it becomes a finding like a damage further down.
            Err(error) if error.is_distrust() => Some(Box::pin(futures::stream::iter([Err(error)])) as _),
            Err(error) => return Err(error),
        };
        parts.push(Part { data_type: *data_type, status: *status, rows });
    }
    let before = plan.reads_rows().then(|| DaysBefore { lake: lake.clone(), key: key.clone(), day });
    Ok(Subject {
        key: Some(key),
        day: Some(day),
        life_us: instrument
            .map_or(i64::MIN..i64::MAX, |i| i.available_from_us..i.available_to_us.unwrap_or(i64::MAX)),
        expiry_us: instrument.and_then(|i| i.expiry_us),
        tick_size: instrument.and_then(|i| i.tick_size),
        before,
        partitions: parts,
    })
}

/// Notes what was looked at, with its grade.
fn grade(
    plan: &CheckPlan,
    day: Day,
    statuses: &BTreeMap<Partition, Status>,
    rows: &BTreeMap<Partition, u64>,
    report: &mut CheckReport,
) {
    let mut worst: BTreeMap<Partition, Severity> = BTreeMap::new();
    for Finding { key, data_type, severity, .. } in report.findings.iter().filter(|f| f.day == Some(day)) {
        if let (Some(key), Some(data_type)) = (key, data_type) {
            let partition = Partition { day, data_type: *data_type, key: key.clone() };
            let known = worst.entry(partition).or_insert(*severity);
            *known = (*known).max(*severity);
        }
    }
    for (partition, status) in statuses {
        let grade = Grade::of_partition(*status, worst.get(partition).copied());
        let rows = rows.get(partition).copied().unwrap_or_default();
        let grade = plan.gives_grades().then_some(grade);
        report.partitions.insert(partition.clone(), Checked { status: *status, rows, grade });
    }
}

/// Notes the grades of a day's partitions in its report of available data.
async fn store_grades(
    lake: &Lake,
    day: Day,
    there: &BTreeMap<Partition, Presence>,
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
            for (partition, presence) in there {
                let Presence::Answered(seen) = presence else { continue };
                let Some(grade) = grade_of(partition) else { continue };
                let row = rows.entry(partition.clone()).or_insert_with(|| (**seen).clone());
                // An object that was replaced meanwhile is not the one that was checked.
                if row.holds_the_same(seen) {
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

/// The moment that a check is made at.
pub fn now_us() -> i64 {
    DateTime::<Utc>::from(std::time::SystemTime::now()).timestamp_micros()
}
