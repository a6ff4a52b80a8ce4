//! What a lake keeps of a check: its report `checks.parquet`, a line for each thing that was looked at and for each finding.
//!
//! Does not decide what a newer check replaces: [`mtdh_lake::tables::checks`] does.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use mtdh_core::check::completeness::Expected;
use mtdh_core::check::{self, CheckFn, Finding, Group, Severity};
use mtdh_core::error::chain;
use mtdh_core::key::InstrumentKey;
use mtdh_core::partition::{Partition, Status};
use mtdh_core::{DataType, Day};
use mtdh_lake::inventory::{ObjectState, Verify, inventory};
pub use mtdh_lake::tables::checks::{CheckLine, CheckRun, EVERYTHING, Found, Subject};
use mtdh_lake::tables::reports::Available;
use mtdh_lake::{Entry, Lake, LakeError};

use super::{CheckPlan, CheckReport};
use crate::selection::Selection;

/// The first word of the name of an object of candles.
pub(crate) const CANDLES: &str = "candles";

/// Whether the lake keeps what a check found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Keep {
    /// It does, in each day's report of checks.
    #[default]
    InLake,
    /// Nothing is written; grades neither.
    Nothing,
}

/// The name of a partition's object in a report of checks: an object with other content has another.
pub(crate) fn object_name(data_type: DataType, state: Option<&ObjectState>) -> String {
    match state {
        None => format!("{data_type} missing"),
        Some(ObjectState::Unreadable { .. }) => format!("{data_type} unreadable"),
        Some(ObjectState::Answered(object)) => answered_name(object),
    }
}

fn answered_name(object: &Available) -> String {
    let data_type = object.partition.data_type;
    // Objects of version 0.1.0 have no digest.
    match (&object.digest, &object.source_sha256) {
        (Some(digest), _) => format!("{data_type} {digest}"),
        (None, Some(sha256)) => format!("{data_type} source-sha256={sha256}"),
        (None, None) => format!("{data_type} bytes={}", object.bytes),
    }
}

/// As [`object_name`], of candles. `name` is `candles` and the timeframe.
///
/// # Errors
/// When the store fails.
pub(crate) async fn candles_name(lake: &Lake, name: &str, entry: &Entry) -> Result<String, LakeError> {
    let digest = async { lake.stored(entry).await?.data_digest().await };
    match digest.await {
        Ok(Some(digest)) => Ok(format!("{name} {digest}")),
        Ok(None) => Ok(format!("{name} bytes={}", entry.bytes)),
        Err(error) if error.is_distrust() || error.is_changed() => Ok(format!("{name} unreadable")),
        Err(error) => Err(error),
    }
}

/// The run, as its lines describe it. `selection` is as the user asked for it.
pub(crate) fn run_of(made_by: &str, plan: &CheckPlan, selection: &Selection) -> CheckRun {
    CheckRun {
        made_by: made_by.to_owned(),
        checked_us: plan.now_us,
        first_day: selection.days.first(),
        last_day: selection.days.last(),
        selection: words(selection),
        settings: plan.settings.given().collect(),
    }
}

/// The selection in words.
pub(crate) fn words(selection: &Selection) -> String {
    let list =
        |name: &str, items: Vec<String>| (!items.is_empty()).then(|| format!("{name} {}", items.join(" ")));
    let mut types = selection.data_types.clone();
    types.sort_unstable();
    let is_usual = DataType::DEFAULT.iter().all(|usual| types.contains(usual));
    let parts = [
        list("venues", selection.venues.clone()),
        list("instrument types", selection.instrument_types.iter().map(ToString::to_string).collect()),
        list(
            "data types",
            if is_usual { Vec::new() } else { types.iter().map(ToString::to_string).collect() },
        ),
        list("instruments", selection.patterns.iter().map(ToString::to_string).collect()),
        selection.max_instruments.map(|most| format!("{most} instruments at most")),
    ];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    if parts.is_empty() { EVERYTHING.to_owned() } else { parts.join("; ") }
}

/// The lines of a report, by day. Findings that are of no day are not kept: they say that there was nothing to look at.
pub(crate) fn lines(run: &Arc<CheckRun>, report: &CheckReport) -> BTreeMap<Day, Vec<CheckLine>> {
    let mut lines: BTreeMap<Day, Vec<CheckLine>> = BTreeMap::new();
    for ((day, subject), looked) in report.looked.iter().filter(|(_, looked)| !looked.groups.is_empty()) {
        lines.entry(*day).or_default().push(CheckLine {
            day: *day,
            subject: subject.clone(),
            groups: looked.groups.iter().map(ToString::to_string).collect(),
            found: None,
            objects: looked.objects.iter().cloned().collect(),
            rows: looked.rows,
            run: run.clone(),
        });
    }
    for finding in &report.findings {
        let Some(day) = finding.day else { continue };
        lines.entry(day).or_default().push(line(run, report, finding, day));
    }
    lines
}

fn line(run: &Arc<CheckRun>, report: &CheckReport, finding: &Finding, day: Day) -> CheckLine {
    let subject = Subject { key: finding.key.clone(), data_type: finding.data_type };
    let known = check::find(finding.check);
    // A check of several data types is about all their objects.
    let beside: &[&[DataType]] = match known.map(|check| &check.run) {
        Some(CheckFn::Together(types, _)) => &[types],
        Some(CheckFn::Beside(_, witnesses, _)) => &[witnesses],
        _ => &[],
    };
    let beside = beside
        .iter()
        .flat_map(|types| types.iter())
        .map(|data_type| Subject { key: finding.key.clone(), data_type: Some(*data_type) });
    let looked = report.looked.get(&(day, subject.clone()));
    let mut objects: BTreeSet<String> = looked.map(|looked| looked.objects.clone()).unwrap_or_default();
    for other in beside {
        objects.extend(report.looked.get(&(day, other)).into_iter().flat_map(|l| l.objects.iter().cloned()));
    }
    CheckLine {
        day,
        subject,
        groups: known.map(|check| check.group.to_string()).into_iter().collect(),
        found: Some(found_of(finding)),
        objects: objects.into_iter().collect(),
        rows: looked.map_or(0, |looked| looked.rows),
        run: run.clone(),
    }
}

fn found_of(finding: &Finding) -> Found {
    let found = &finding.found;
    Found {
        check: finding.check.to_owned(),
        severity: finding.severity,
        range_us: found.range_us,
        count: found.count,
        cause: found.explanation.as_ref().map(|explanation| explanation.class.to_owned()),
        explanation: found.explanation.as_ref().map(|explanation| explanation.text.clone()),
        examples: found.examples.clone(),
    }
}

/// A download that checks rows, as its lines describe it; `None`: it has no days.
pub(crate) fn run_of_download(
    plan: &CheckPlan,
    days: impl Iterator<Item = Day> + Clone,
    run_id: &str,
) -> Option<Arc<CheckRun>> {
    Some(Arc::new(CheckRun {
        made_by: "download".to_owned(),
        checked_us: plan.now_us,
        first_day: days.clone().min()?,
        last_day: days.max()?,
        selection: format!("run {run_id}"),
        settings: plan.settings.given().collect(),
    }))
}

/// The lines of a partition whose rows were checked while they were downloaded: by the checks that look at one data type alone.
pub(crate) fn lines_of_download(
    run: &Arc<CheckRun>,
    plan: &CheckPlan,
    object: &Available,
    findings: &[Finding],
) -> Vec<CheckLine> {
    let Partition { day, data_type, key } = &object.partition;
    let rows = object.tally.rows_out;
    let looks = |check: &&check::Check| matches!(check.run, CheckFn::Rows(of, _) if of.contains(data_type));
    let line = |groups: BTreeSet<String>, found| CheckLine {
        day: *day,
        subject: Subject { key: Some(key.clone()), data_type: Some(*data_type) },
        groups,
        found,
        objects: vec![answered_name(object)],
        rows,
        run: run.clone(),
    };
    let groups: BTreeSet<String> = plan.checks().filter(looks).map(|check| check.group.to_string()).collect();
    let looked = (rows > 0 && !groups.is_empty()).then(|| line(groups, None));
    let found = findings.iter().map(|finding| {
        let group = check::find(finding.check).map(|check| check.group.to_string());
        line(group.into_iter().collect(), Some(found_of(finding)))
    });
    looked.into_iter().chain(found).collect()
}

/// Keeps the lines in the days' reports. A lake that cannot be written is no failure of the check: the report has a note.
pub(crate) async fn keep(lake: &Lake, run: CheckRun, report: &mut CheckReport) {
    let run = Arc::new(run);
    let lines = lines(&run, report);
    if lines.is_empty() {
        return;
    }
    if let Err(error) = lake.check_writable().await {
        report.notes.push(format!("the findings are not kept in the lake: {}", chain(&error)));
        return;
    }
    for (day, lines) in lines {
        if let Err(error) = lake.update_checks(day, &lines).await {
            report.notes.push(format!("the findings of {day} are not kept in the lake: {}", chain(&error)));
        }
    }
}

/// Keeps which partitions of a day a validation found missing. A day without a report gets one only if something is missing.
///
/// # Errors
/// When the report cannot be read or written.
pub(crate) async fn keep_missing(
    lake: &Lake,
    run: &Arc<CheckRun>,
    day: Day,
    partitions: &[Expected],
    there: &BTreeMap<Partition, ObjectState>,
) -> Result<(), LakeError> {
    let is_missing = |expected: &Expected| expected.status == Status::Missing;
    if !partitions.iter().any(is_missing) && lake.checks(day).await?.is_none() {
        return Ok(());
    }
    let judged: BTreeMap<Subject, &Expected> = partitions
        .iter()
        .map(|expected| {
            let Partition { key, data_type, .. } = &expected.partition;
            (Subject { key: Some(key.clone()), data_type: Some(*data_type) }, expected)
        })
        .collect();
    let group = Group::Completeness.to_string();
    let line = |expected: &Expected, found| {
        let Partition { key, data_type, .. } = &expected.partition;
        CheckLine {
            day,
            subject: Subject { key: Some(key.clone()), data_type: Some(*data_type) },
            groups: BTreeSet::from([group.clone()]),
            found,
            objects: vec![object_name(*data_type, there.get(&expected.partition))],
            rows: 0,
            run: run.clone(),
        }
    };
    lake.change_checks(day, |old| {
        let is_told = |line: &CheckLine| {
            let check = line.found.as_ref().map(|found| found.check.as_str());
            judged.contains_key(&line.subject) && check.is_some_and(|check| MISSING.contains(&check))
        };
        let told: BTreeSet<Subject> =
            old.iter().filter(|line| is_told(line)).map(|line| line.subject.clone()).collect();
        let is_new =
            |subject: &Subject| told.contains(subject) || judged.get(subject).is_some_and(|e| is_missing(e));
        let mut lines: Vec<CheckLine> = Vec::new();
        for mut line in old.into_iter().filter(|line| !is_told(line)) {
            if line.found.is_none() && is_new(&line.subject) {
                line.groups.remove(&group);
            }
            lines.extend((!line.groups.is_empty()).then_some(line));
        }
        for (subject, expected) in judged.iter().filter(|(subject, _)| is_new(subject)) {
            lines.push(line(expected, None));
            let reason = expected.unreadable.clone();
            let found = is_missing(expected).then(|| Found {
                check: MISSING[usize::from(reason.is_some())].to_owned(),
                severity: Severity::Error,
                range_us: Some((day.start_us(), day.end_us())),
                count: 1,
                cause: None,
                explanation: None,
                examples: vec![reason.unwrap_or_else(|| "no object in the lake".to_owned())],
            });
            lines.extend(
                found.map(|found| CheckLine { subject: subject.clone(), ..line(expected, Some(found)) }),
            );
        }
        lines
    })
    .await
}

/// The checks whose findings a validation has too: there is no object; there is one that cannot be trusted.
const MISSING: [&str; 2] = ["missing_partition", "unreadable_partition"];

/// A line of a report of checks, and whether it is about the lake as it is.
#[derive(Clone, Debug)]
pub struct KeptLine {
    /// The line.
    pub line: CheckLine,
    /// Whether the objects that were looked at are still those that the lake has. False: it says nothing of the newer ones.
    pub is_current: bool,
}

/// The kept lines of a day; `None`: no check of it was kept.
///
/// # Errors
/// When the lake cannot be read.
pub(crate) async fn of_day(lake: &Lake, day: Day) -> Result<Option<Vec<KeptLine>>, LakeError> {
    let Some(lines) = lake.checks(day).await? else { return Ok(None) };
    let there = inventory(lake, day, &DataType::ALL, Verify::Index).await?;
    Ok(Some(compared(lake, day, lines, &there).await?))
}

/// The kept lines of an instrument's day; `None`: no check of the day was kept. `there`: its objects.
///
/// # Errors
/// When the lake cannot be read.
pub(crate) async fn of_instrument(
    lake: &Lake,
    day: Day,
    key: &InstrumentKey,
    there: &BTreeMap<Partition, ObjectState>,
) -> Result<Option<Vec<KeptLine>>, LakeError> {
    let Some(mut lines) = lake.checks(day).await? else { return Ok(None) };
    lines.retain(|line| line.subject.key.as_ref() == Some(key));
    Ok(Some(compared(lake, day, lines, there).await?))
}

/// Compares lines with the objects that the lake has.
async fn compared(
    lake: &Lake,
    day: Day,
    lines: Vec<CheckLine>,
    there: &BTreeMap<Partition, ObjectState>,
) -> Result<Vec<KeptLine>, LakeError> {
    let of_candles = lines.iter().filter(|line| line.subject.data_type.is_none());
    let keys: BTreeSet<InstrumentKey> = of_candles.filter_map(|line| line.subject.key.clone()).collect();
    let mut candles: BTreeMap<(InstrumentKey, String), String> = BTreeMap::new();
    if !keys.is_empty() {
        let listed = lake.list_candles(day, None).await?.into_iter();
        for (timeframe, key, entry) in listed.filter(|(_, key, _)| keys.contains(key)) {
            let name = format!("{CANDLES} {timeframe}");
            let now = candles_name(lake, &name, &entry).await?;
            candles.insert((key, name), now);
        }
    }
    let now = |key: &InstrumentKey, object: &str| -> Option<String> {
        let (name, _) = object.rsplit_once(' ')?;
        match name.parse::<DataType>() {
            Ok(data_type) => {
                let partition = Partition { day, data_type, key: key.clone() };
                Some(object_name(data_type, there.get(&partition)))
            }
            Err(_) => candles.get(&(key.clone(), name.to_owned())).cloned(),
        }
    };
    let kept = |line: CheckLine| {
        let is_current =
            line.subject.key.as_ref().is_none_or(|key| {
                line.objects.iter().all(|object| now(key, object).as_ref() == Some(object))
            });
        KeptLine { line, is_current }
    };
    Ok(lines.into_iter().map(kept).collect())
}
