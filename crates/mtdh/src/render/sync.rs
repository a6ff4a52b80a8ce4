//! The output of `sync`: a line a set, what is wrong in words, numbers for Prometheus.

use std::fmt::Write;

use mtdh_engine::download::plan::{Plan, Skip};
use mtdh_engine::sync::{LISTED, LastSync, SetReport, SyncReport};
use mtdh_engine::want::Chosen;

use crate::output::{Rows, count, many, note, size, verdict};

/// What a plan of each set would do.
pub fn plan_rows(planned: &[(&Chosen, Plan)]) -> Rows {
    let mut rows =
        Rows::new(&["set", "first_day", "last_day", "files", "partitions", "in_lake", "not_exported_yet"]);
    let line = |(chosen, plan): &(&Chosen, Plan)| {
        let skipped = plan.skipped_by_reason();
        let of = |reasons: &[Skip]| reasons.iter().filter_map(|r| skipped.get(r)).sum::<usize>().to_string();
        vec![
            chosen.name.clone(),
            chosen.selection.days.first().to_string(),
            chosen.selection.days.last().to_string(),
            plan.units.len().to_string(),
            plan.partitions().to_string(),
            of(&[Skip::Stored, Skip::Empty, Skip::Absent]),
            of(&[Skip::NotExportedYet]),
        ]
    };
    rows.rows = planned.iter().map(line).collect();
    rows
}

/// A line for each set.
pub fn report_rows(report: &SyncReport) -> Rows {
    let mut rows = Rows::new(&[
        "set",
        "first_day",
        "last_day",
        "fetched",
        "failed",
        "stored",
        "empty",
        "absent",
        "missing",
        "not_exported_yet",
        "candles_made",
        "days_checked",
        "errors",
        "verdict",
    ]);
    let line = |set: &SetReport| {
        let counts = &set.counts;
        vec![
            set.name.clone(),
            set.first_day.clone(),
            set.last_day.clone(),
            set.files_done.to_string(),
            set.files_failed.to_string(),
            counts.stored.to_string(),
            counts.empty.to_string(),
            counts.absent.to_string(),
            counts.missing.to_string(),
            counts.not_exported_yet.to_string(),
            set.candle_objects.to_string(),
            set.days_checked.to_string(),
            errors(set).to_string(),
            set.verdict.to_owned(),
        ]
    };
    rows.rows = report.sets.iter().map(line).collect();
    rows
}

fn errors(set: &SetReport) -> u64 {
    set.findings.get("error").copied().unwrap_or_default()
}

/// What is wrong, in words; the last line is the verdict, with the command that comes next. `on_lake` makes a command on the same
/// lake of its words.
pub fn note_report(report: &SyncReport, on_lake: impl Fn(&str) -> String) {
    for set in &report.sets {
        let say = |text: &str| note(&format!("{}: {text}", set.name));
        set.notes.iter().chain(&set.failures).take(LISTED).for_each(|text| say(text));
        for missing in &set.missing {
            say(&format!(
                "{}: {} {} {}",
                missing.reason, missing.day, missing.instrument_key, missing.data_type
            ));
        }
        let unlisted = set.counts.missing.saturating_sub(set.missing.len());
        if unlisted > 0 {
            say(&format!("and {} more; mtdh validate lists them", count(unlisted as u64)));
        }
        if !set.days_late.is_empty() {
            let days = many(set.days_late.len() as u64, "day");
            say(&format!("{days} not exported in time, the first {}", set.days_late[0]));
        }
        if !set.days_waiting.is_empty() {
            say(&format!("not exported yet, which is no fault so far: {}", set.days_waiting.join(", ")));
        }
        if set.candles_lacking > 0 {
            say(&format!(
                "candles of {} lack, or inputs of them",
                many(set.candles_lacking as u64, "instrument-day")
            ));
        }
        if errors(set) > 0 {
            say(&format!(
                "{} of checks; mtdh check all with the set's days lists them",
                many(errors(set), "error")
            ));
        }
    }
    for set in report.sets.iter().filter(|set| set.certified > 0) {
        let named = many(set.certified as u64, "object");
        note(&format!(
            "{}: {named} no longer kept stay, as certificates name them; mtdh sync --break-certificates removes them",
            set.name
        ));
    }
    for set in report.sets.iter().filter(|set| set.removed + set.not_removed > 0) {
        let removed = many(set.removed as u64, "object");
        note(&format!("{}: no longer kept, removed: {removed}, {}", set.name, size(set.bytes_removed)));
        if set.not_removed > 0 {
            let more = many(set.not_removed as u64, "object");
            note(&format!("{}: {more} more are no longer kept; mtdh sync --yes removes them", set.name));
        }
    }
    let bytes: u64 = report.sets.iter().map(|set| set.bytes).sum();
    if bytes > 0 {
        let rows: u64 = report.sets.iter().map(|set| set.rows).sum();
        note(&format!("received {}, stored {}", size(bytes), many(rows, "row")));
    }
    for table in report.iceberg.iter().filter(|table| table.outcome == "published") {
        let files = many(table.files, "file");
        note(&format!("Iceberg table {}: version {}, {files}", table.table, table.version));
    }
    if let Some(reason) = &report.iceberg_stale {
        note(&format!("the Iceberg tables are not up to date: {reason}"));
    }
    note(&format!("report: runs/{}/sync.json in the lake", report.run_id));
    let (text, next) = last_line(report);
    verdict(text, next.map(on_lake).as_deref());
}

/// What a sync came to in words, and the words of the command that comes next.
pub fn last_line(report: &SyncReport) -> (&'static str, Option<&'static str>) {
    match report.verdict {
        "clean" => ("the lake is as is wanted", None),
        "not_clean" => ("the lake is not as is wanted", Some("validate")),
        "needs_decision" => {
            ("the lake is not known to be as is wanted: what stands above needs your decision", None)
        }
        "used_up" => ("the lake is not as is wanted: the quota is used up, until it is not", Some("sync")),
        "unsound" => ("the lake has all that is wanted, and checks of it found errors", Some("check all")),
        _ => ("interrupted; the next sync goes on from here", Some("sync")),
    }
}

/// A number of each set: its name, its description, and how it is read.
type SetNumber = (&'static str, &'static str, fn(&SetReport) -> u64);

/// What Prometheus is told of a sync: the run that ended, and when the lake was last as is wanted.
pub fn metrics_text(last: &LastSync, report: Option<&SyncReport>) -> String {
    let mut text = String::new();
    let mut add = |name: &str, help: &str, samples: &[(String, String)]| {
        if samples.is_empty() {
            return;
        }
        let mut lines = format!("# HELP {name} {help}\n# TYPE {name} gauge\n");
        for (labels, value) in samples {
            let labels = if labels.is_empty() { String::new() } else { format!("{{{labels}}}") };
            // A text takes every line.
            let _infallible = writeln!(lines, "{name}{labels} {value}");
        }
        text.push_str(&lines);
    };
    let seconds = |us: i64| (String::new(), format!("{:.3}", us as f64 / 1e6));
    let one = |us: Option<i64>| us.map(seconds).into_iter().collect::<Vec<_>>();
    add(
        "mtdh_sync_last_success_timestamp_seconds",
        "Start of the last sync that left the lake as is wanted, seconds since 1970, UTC.",
        &one(last.success_us),
    );
    add(
        "mtdh_sync_last_end_timestamp_seconds",
        "End of the last sync, seconds since 1970, UTC.",
        &one(last.ended_us),
    );
    let verdict = report.map(|report| report.verdict.to_owned()).or_else(|| last.verdict.clone());
    let is_clean = verdict.as_deref() == Some("clean");
    let clean = verdict.as_ref().map(|_| (String::new(), u8::from(is_clean).to_string()));
    add(
        "mtdh_sync_clean",
        "1: the last sync left the lake as is wanted; 0: it did not.",
        &clean.into_iter().collect::<Vec<_>>(),
    );
    let sets = report.map(|report| &report.sets[..]).unwrap_or_default();
    let each = |value: fn(&SetReport) -> u64| -> Vec<(String, String)> {
        sets.iter().map(|set| (format!("set=\"{}\"", set.name), value(set).to_string())).collect()
    };
    let numbers: [SetNumber; 4] = [
        ("mtdh_sync_set_clean", "1: the set is as is wanted.", |set| u64::from(set.verdict == "clean")),
        ("mtdh_sync_missing_partitions", "Partitions that are missing.", |set| set.counts.missing as u64),
        ("mtdh_sync_days_late", "Days that were not exported in time.", |set| set.days_late.len() as u64),
        ("mtdh_sync_check_errors", "Errors that checks found.", errors),
    ];
    for (name, help, value) in numbers {
        add(name, help, &each(value));
    }
    text
}
