//! The output of `plan` and `download`.

use std::collections::BTreeMap;

use anyhow::Result;
use mtdh_core::check::Severity;
use mtdh_engine::download::plan::{DownloadTask, Plan, Skip};
use mtdh_engine::download::size::PlanSize;
use mtdh_engine::expectation::NotExpectedLine;
use mtdh_engine::instruments::Unavailable;
use mtdh_engine::names::Names;
use mtdh_engine::runs::summary::RunSummary;
use serde::Serialize;

use super::SHOWN;
use super::instruments::{note_not_expected, note_unavailable, note_withdrawn};
use crate::args::Format;
use crate::output::{Rows, many, note, print, size, verdict};

/// A plan as a document.
#[derive(Serialize)]
struct PlanDocument<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    run_id: Option<String>,
    files: usize,
    partitions: usize,
    expected_rows: u64,
    partitions_without_statistics: usize,
    lines: Vec<PlanLine>,
    skipped: Vec<SkipLine>,
    not_expected: &'a [NotExpectedLine],
    native_keys: u64,
    unavailable: &'a [Unavailable],
    days_not_exported: Vec<String>,
    names: &'a Names,
    withdrawn: &'a [String],
    size: &'a PlanSize,
    units: UnitLines<'a>,
}

#[derive(Default, Serialize)]
struct PlanLine {
    day: String,
    venue: String,
    data_type: &'static str,
    files: usize,
    partitions: usize,
    expected_rows: Option<u64>,
    skipped: BTreeMap<Skip, usize>,
}

#[derive(Serialize)]
struct SkipLine {
    day: String,
    venue: String,
    data_type: &'static str,
    reason: Skip,
    partitions: usize,
}

#[derive(Serialize)]
struct UnitLine {
    file: String,
    partitions: usize,
    is_group: bool,
    expected_rows: Option<u64>,
}

/// A line for each file, made when it is needed: a plan may have hundreds of thousands.
struct UnitLines<'a>(&'a [DownloadTask]);

impl Serialize for UnitLines<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(|unit| UnitLine {
            file: unit.file.path(),
            partitions: unit.members.len(),
            is_group: unit.is_group,
            expected_rows: expected_rows(unit),
        }))
    }
}

/// Expected rows of a file; `None`: the vendor has no statistics of one of its members.
fn expected_rows(unit: &DownloadTask) -> Option<u64> {
    unit.members.iter().map(|member| member.expected_rows).sum()
}

fn document<'a>(plan: &'a Plan, size: &'a PlanSize, run_id: Option<&str>) -> PlanDocument<'a> {
    let mut lines: BTreeMap<(String, String, &'static str), PlanLine> = BTreeMap::new();
    for unit in &plan.units {
        let (day, data_type) = (unit.file.day.to_string(), unit.file.data_type.name());
        let venue = unit.members.first().map(|m| m.partition.key.venue().to_owned()).unwrap_or_default();
        let expected = expected_rows(unit);
        let line = lines.entry((day, venue, data_type)).or_default();
        let rows = expected.map(|rows| rows + line.expected_rows.unwrap_or(0));
        line.expected_rows = rows.or(line.expected_rows);
        line.files += 1;
        line.partitions += unit.members.len();
    }
    let mut skipped = Vec::new();
    for ((day, venue, data_type, reason), partitions) in &plan.skipped {
        let line = lines.entry((day.to_string(), venue.clone(), data_type.name())).or_default();
        line.skipped.insert(*reason, *partitions);
        let (day, venue, data_type) = (day.to_string(), venue.clone(), data_type.name());
        skipped.push(SkipLine { day, venue, data_type, reason: *reason, partitions: *partitions });
    }
    let named = |((day, venue, data_type), line)| PlanLine { day, venue, data_type, ..line };
    let (expected_rows, partitions_without_statistics) = plan.expected_rows();
    PlanDocument {
        run_id: run_id.map(str::to_owned),
        files: plan.units.len(),
        partitions: plan.partitions(),
        expected_rows,
        partitions_without_statistics,
        lines: lines.into_iter().map(named).collect(),
        skipped,
        not_expected: &plan.not_expected,
        native_keys: plan.native_keys,
        unavailable: &plan.unavailable,
        days_not_exported: plan.days_not_exported().iter().map(ToString::to_string).collect(),
        names: &plan.names,
        withdrawn: &plan.withdrawn,
        size,
        units: UnitLines(&plan.units),
    }
}

/// Prints a plan; with the run's name if it was saved. Returns what it comes to, for the last line.
pub fn print_plan(format: Format, plan: &Plan, received: &PlanSize, run_id: Option<&str>) -> Result<String> {
    let document = document(plan, received, run_id);
    let mut rows = Rows::new(&[
        "day",
        "venue",
        "data_type",
        "files",
        "partitions",
        "expected_rows",
        "in_lake",
        "not_listed",
        "not_exported_yet",
        "not_in_folder",
        "other_shard",
        "not_expected",
        "reason",
    ]);
    for line in &document.lines {
        let skipped =
            |reasons: &[Skip]| reasons.iter().filter_map(|r| line.skipped.get(r)).sum::<usize>().to_string();
        rows.rows.push(vec![
            line.day.clone(),
            line.venue.clone(),
            line.data_type.to_owned(),
            line.files.to_string(),
            line.partitions.to_string(),
            line.expected_rows.map_or_else(|| "-".to_owned(), |rows| rows.to_string()),
            skipped(&[Skip::Stored, Skip::Empty, Skip::Absent]),
            skipped(&[Skip::NotListed, Skip::OtherName]),
            skipped(&[Skip::NotExportedYet]),
            skipped(&[Skip::NotInFolder]),
            skipped(&[Skip::OtherShard]),
            "0".to_owned(),
            "-".to_owned(),
        ]);
    }
    for line in &plan.not_expected {
        let mut cells = vec![line.day.clone(), line.venue.clone()];
        cells.resize(rows.headers.len() - 2, "-".to_owned());
        cells.extend([line.count.to_string(), line.reason.clone()]);
        rows.rows.push(cells);
    }
    print(format, &rows, &document)?;
    let statistics = match document.partitions - document.partitions_without_statistics {
        0 => "the vendor has no statistics of their rows".to_owned(),
        known => format!(
            "{} expected in {known} of them by the vendor's statistics",
            many(document.expected_rows, "row")
        ),
    };
    let (files, partitions) =
        (many(document.files as u64, "file"), many(document.partitions as u64, "partition"));
    note_size(received);
    for unit in plan.units.iter().filter(|unit| unit.is_group).take(SHOWN) {
        let partitions = many(unit.members.len() as u64, "partition");
        note(&format!("one file of a group for {partitions}: {}", unit.file.path()));
    }
    note_unknown(plan);
    Ok(match document.files {
        0 => "nothing to fetch".to_owned(),
        _ => format!("to fetch: {files} for {partitions}; {statistics}"),
    })
}

/// Prints how much a plan would receive, by what that is known, and what it takes of the limits that are set.
fn note_size(received: &PlanSize) {
    if received.requests == 0 {
        return;
    }
    let PlanSize { by_statistics, by_lake, by_estimate, .. } = *received;
    let sources = [
        (by_statistics, "by the vendor's counts of rows"),
        (by_lake, "by files of the same kind that the lake has"),
        (by_estimate, "by the usual size of such files, a rough guess"),
    ];
    let sources = sources.iter().filter(|(files, _)| *files > 0);
    let by: Vec<String> = match sources.clone().count() {
        1 => sources.map(|(_, by)| (*by).to_owned()).collect(),
        _ => sources.map(|(files, by)| format!("{} {by}", many(*files as u64, "file"))).collect(),
    };
    let (about, requests) = (size(received.bytes), many(received.requests, "request"));
    note(&format!("to receive: about {about} in {requests}; {}", by.join(", ")));
    let days =
        received.days_of_quota.map(|days| format!("{} by the limit of bytes a day", many(days, "day")));
    let minutes = received
        .minutes_of_quota
        .map(|minutes| format!("{} by the limit of requests a minute", many(minutes, "minute")));
    let of: Vec<String> = days.into_iter().chain(minutes).collect();
    note(&match &of[..] {
        [] => "no limit of bytes a day or requests a minute is set, so that no quota is counted".to_owned(),
        of => format!("quota: {}", of.join(", ")),
    });
}

/// Prints what was asked for and is unknown or missing.
pub fn note_unknown(plan: &Plan) {
    for day in &plan.days_without_instruments {
        note(&format!("{day} has no instrument table, so that nothing is known to be fetched"));
    }
    for (day, venue) in &plan.venues_without_instruments {
        note(&format!("no instrument of {venue} in the table of {day}"));
    }
    for (day, venue) in &plan.venues_without_expectation {
        note(&format!("nothing is expected of {venue} on {day}"));
    }
    note_not_expected(&plan.not_expected);
    note_unavailable(&plan.unavailable);
    if plan.former_key_objects > 0 {
        let objects = many(plan.former_key_objects, "object");
        note(&format!(
            "{objects} under instrument keys of an earlier version: mtdh rekey moves them, else they are fetched again"
        ));
    }
    if plan.native_keys > 0 {
        let (count, verb) =
            (many(plan.native_keys, "instrument"), if plan.native_keys == 1 { "has a" } else { "have a" });
        note(&format!("{count} of the days {verb} native key"));
    }
    note_names(&plan.names);
    note_withdrawn(&plan.withdrawn);
    let waiting = plan.days_not_exported();
    if let (Some(first), Some(last)) = (waiting.first(), waiting.last()) {
        let days = many(waiting.len() as u64, "day");
        note(&format!("not exported by the vendor yet: {days}, {first} to {last}"));
    }
    if plan.is_about_nothing() {
        note("no instrument is what was asked for; see mtdh instruments list");
    }
}

/// Prints the result of looking up names that no table has.
pub fn note_names(names: &Names) {
    let Names { never_existed, not_alive, alive_and_missing, notes } = names;
    for name in never_existed.iter().take(SHOWN) {
        let meant = match &name.suggestions[..] {
            [] => String::new(),
            keys => format!("; perhaps {}", keys.join(" or ")),
        };
        note(&format!("no instrument ever had the name {}{meant}", name.name));
    }
    for name in alive_and_missing.iter().take(SHOWN) {
        note(&format!(
            "listed by the vendor but not in the instrument table: {name}; make it anew with mtdh instruments"
        ));
    }
    for name in not_alive.iter().take(SHOWN) {
        note(&format!("not alive that day, so that nothing is expected: {name}"));
    }
    let lengths = [never_existed.len(), alive_and_missing.len(), not_alive.len()];
    let more: usize = lengths.iter().map(|count| count.saturating_sub(SHOWN)).sum();
    if more > 0 {
        note(&format!("and {more} more names; --format json has them all"));
    }
    notes.iter().for_each(|line| note(line));
}

/// The summary's rows: what was published, what was skipped, what failed.
pub fn summary_rows(summary: &RunSummary) -> Rows {
    let mut rows = Rows::new(&["what", "count"]);
    let mut add = |what: String, count: u64| rows.rows.push(vec![what, count.to_string()]);
    add("files fetched".to_owned(), summary.done.files_done as u64);
    add("files failed".to_owned(), summary.done.files_failed as u64);
    summary
        .done
        .published
        .iter()
        .for_each(|(status, count)| add(format!("partitions {status}"), *count as u64));
    summary
        .done
        .skipped
        .iter()
        .for_each(|(reason, count)| add(format!("partitions not fetched: {reason}"), *count as u64));
    let mut not_expected: BTreeMap<&str, u64> = BTreeMap::new();
    for line in &summary.done.not_expected {
        *not_expected.entry(&line.reason).or_default() += line.count;
    }
    not_expected.into_iter().for_each(|(reason, count)| add(format!("not expected: {reason}"), count));
    add("rows stored".to_owned(), summary.done.rows);
    add("rows in quarantine".to_owned(), summary.done.rows_rejected);
    if summary.done.groups_not_used > 0 {
        add("groups' files not used".to_owned(), summary.done.groups_not_used as u64);
    }
    if summary.done.rows_not_asked_for > 0 {
        add("rows of instruments not asked for".to_owned(), summary.done.rows_not_asked_for);
    }
    add("bytes fetched".to_owned(), summary.done.bytes);
    if summary.done.few_rows.partitions > 0 {
        add("partitions with far fewer rows than usual".to_owned(), summary.done.few_rows.partitions);
    }
    if let Some(checks) = &summary.done.row_checks {
        add("partitions checked".to_owned(), checks.partitions);
        for severity in [Severity::Error, Severity::Warning, Severity::Info] {
            add(format!("findings: {severity}"), checks.count(severity));
        }
    }
    rows
}

/// Prints a run's summary; its failures go to stderr.
pub fn print_summary(format: Format, summary: &RunSummary, next: Option<&str>) -> Result<()> {
    print(format, &summary_rows(summary), summary)?;
    note_run(summary);
    note_place(summary);
    verdict(&last_line(summary), next);
    Ok(())
}

/// What a run came to.
fn last_line(summary: &RunSummary) -> String {
    let done = &summary.done;
    let files = |count: usize| many(count as u64, "file");
    match () {
        () if summary.is_used_up() => "not all was fetched: the quota is used up".to_owned(),
        () if done.files_failed > 0 => format!("not all was fetched: {} failed", files(done.files_failed)),
        () if !done.left.is_empty() => format!("not all was fetched: {} left", files(done.left.len())),
        () if done.files == 0 => "nothing was to be fetched".to_owned(),
        () => format!("fetched: {}", files(done.files_done)),
    }
}

/// Prints notes on a run: speed, failures, whether it ended early.
pub fn note_run(summary: &RunSummary) {
    if summary.done.files_done > 0 {
        let seconds = summary.seconds.max(0.001);
        note(&format!(
            "{}, {}, {} in {seconds:.1} s ({:.0} files/s)",
            many(summary.done.files_done as u64, "file"),
            many(summary.done.rows, "row"),
            size(summary.done.bytes),
            summary.done.files_done as f64 / seconds
        ));
    }
    for failure in summary.done.failures.iter().take(SHOWN) {
        let partitions = many(failure.partitions as u64, "partition");
        note(&format!("failed: {} ({partitions}): {}", failure.file, failure.cause));
    }
    if summary.done.failures.len() > SHOWN {
        note(&format!(
            "and {} more failures; the run's summary has them all",
            summary.done.failures.len() - SHOWN
        ));
    }
    if let Some(checks) = &summary.done.row_checks {
        checks.listed.iter().take(SHOWN).for_each(|finding| note(&finding.to_string()));
        let told = checks.count(Severity::Error) + checks.count(Severity::Warning);
        if told > SHOWN as u64 {
            let groups = checks.groups.join(" ");
            note(&format!("and {} more; `mtdh check {groups}` tells all", told - SHOWN as u64));
        }
    }
    let few = &summary.done.few_rows;
    few.listed.iter().take(SHOWN).for_each(|finding| note(&finding.to_string()));
    if few.partitions > SHOWN as u64 {
        note(&format!("and {} more with far fewer rows than usual", few.partitions - SHOWN as u64));
    }
    if let Some(cause) = &summary.ended_by {
        note(&format!("the run ended early: {cause}"));
        summary.done.left.iter().take(SHOWN).for_each(|file| note(&format!("left: {file}")));
        if summary.done.left.len() > SHOWN {
            note(&format!("and {} more; the run's summary has them all", summary.done.left.len() - SHOWN));
        }
    }
    if !summary.done.left.is_empty() {
        let files = many(summary.done.left.len() as u64, "file");
        let when =
            if summary.is_used_up() { "run the same command later" } else { "run the same command again" };
        note(&format!("left to do: {files}; {when} to go on, what is done is kept"));
    }
}

/// Prints where the summary is stored.
pub fn note_place(summary: &RunSummary) {
    if summary.done.files > 0 {
        let RunSummary { run_id, shard_index, total_shards, .. } = summary;
        note(&format!("summary: runs/{run_id}/shard-{shard_index}-of-{total_shards}.json in the lake"));
    }
}
