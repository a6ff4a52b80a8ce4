//! The output of `validate`.

use anyhow::Result;
use mtdh_engine::validate::proof::{Damaged, Proof};
use mtdh_engine::validate::recheck::Recheck;
use mtdh_engine::validate::verdict::Verdict;
use mtdh_engine::validate::{Counts, MissingPartition, ValidationReport};

use super::SHOWN;
use super::download::note_names;
use super::instruments::{note_not_expected, note_withdrawn};
use crate::args::Format;
use crate::output::{self, Rows, many, note, print};

/// Lines of the report: counts and coverage by day, venue, type and data type.
pub fn report_rows(report: &ValidationReport) -> Rows {
    let mut rows = Rows::new(&[
        "day",
        "venue",
        "instrument_type",
        "data_type",
        "stored",
        "empty",
        "absent",
        "missing",
        "not_exported_yet",
        "coverage",
        "not_expected",
        "reason",
    ]);
    let mut add = |names: [&str; 4], counts: [String; 6], not_expected: u64, reason: &str| {
        let names = names.map(str::to_owned).into_iter().chain(counts);
        rows.rows.push(names.chain([not_expected.to_string(), reason.to_owned()]).collect());
    };
    for line in &report.lines {
        let names = [line.day.as_str(), &line.venue, line.instrument_type, line.data_type];
        add(names, counts(&line.counts), 0, "-");
    }
    for line in &report.not_expected {
        add([&line.day, &line.venue, "-", "-"], counts(&Counts::default()), line.count, &line.reason);
    }
    if report.lines.len() > 1 {
        let all = report.not_expected.iter().map(|line| line.count).sum();
        add(["all", "", "", ""], counts(&report.totals), all, "-");
    }
    rows
}

fn counts(counts: &Counts) -> [String; 6] {
    let Counts { stored, empty, absent, missing, not_exported_yet } = counts;
    let coverage = counts.coverage().map_or_else(|| "-".to_owned(), percent);
    [
        stored.to_string(),
        empty.to_string(),
        absent.to_string(),
        missing.to_string(),
        not_exported_yet.to_string(),
        coverage,
    ]
}

/// Rounds down: only complete coverage is 100 %.
fn percent(share: f64) -> String {
    format!("{:.2}%", (share * 10_000.0).floor() / 100.0)
}

/// Prints the report; the missing partitions go to stderr, shortened.
pub fn print_report(format: Format, report: &ValidationReport, next: Option<&str>) -> Result<()> {
    print(format, &report_rows(report), report)?;
    note_report(report, next);
    Ok(())
}

/// Prints notes on a validation, and its verdict, with the command that comes next, if one helps.
pub fn note_report(report: &ValidationReport, next: Option<&str>) {
    note_details(report);
    output::verdict(&last_line(report), next);
}

/// The verdict of a validation, in words.
pub fn last_line(report: &ValidationReport) -> String {
    format!("{}{}", verdict(report), native(report))
}

/// Prints notes on a validation.
pub fn note_details(report: &ValidationReport) {
    for missing in report.missing.iter().take(SHOWN) {
        let reason =
            if missing.reason == "missing" { String::new() } else { format!(": {}", missing.reason) };
        note(&format!("missing: {} {} {}{reason}", missing.day, missing.data_type, missing.instrument_key));
    }
    if report.missing.len() > SHOWN {
        note(&format!(
            "and {} more; the missing data report of the day has them all",
            report.missing.len() - SHOWN
        ));
    }
    for partial in report.partial.iter().take(SHOWN) {
        let MissingPartition { day, data_type, instrument_key, reason } = partial;
        note(&format!("not whole: {day} {data_type} {instrument_key}: {reason}"));
    }
    if report.partial.len() > SHOWN {
        note(&format!(
            "and {} more that are not whole; --format json has them all",
            report.partial.len() - SHOWN
        ));
    }
    for day in &report.days_without_instruments {
        note(&format!(
            "{day} has no instrument table, so that nothing can be said of it; make it: mtdh instruments --start-date {day}"
        ));
    }
    for name in &report.venues_without_instruments {
        note(&format!(
            "no instrument in the table: {name}; nothing can be said of it before mtdh instruments was run for it"
        ));
    }
    for name in &report.venues_without_expectation {
        note(&format!("nothing is expected of {name}, so that nothing is known to be complete"));
    }
    note_not_expected(&report.not_expected);
    note_names(&report.names);
    note_withdrawn(&report.withdrawn);
    if report.unexpected_objects > 0 {
        let objects = many(report.unexpected_objects, "object");
        let first = report.unexpected_examples.first().map(String::as_str).unwrap_or_default();
        note(&format!("{objects} in the lake that the tables do not expect, as {first}"));
    }
    note_former_keys(report);
    if report.read_whole > 0 {
        note(&format!("all rows of {} were read", many(report.read_whole as u64, "object")));
    }
    if report.proof.verified > 0 {
        note(&format!("every byte of {} was verified", many(report.proof.verified as u64, "object")));
    }
    if report.read_whole + report.proof.verified == 0 {
        note(
            "no object was read whole, so that nothing is said of their bytes: --bytes verifies all of them",
        );
    }
    note_proof(&report.proof);
    if let Some(recheck) = &report.recheck {
        note_recheck(recheck);
    }
    if let Some(reason) = &report.not_stored {
        note(&format!("the reports were not stored: {reason}"));
    }
}

/// The end of the last line: how many instruments have a native key.
fn native(report: &ValidationReport) -> String {
    match report.native_examples.first() {
        Some(first) => format!("; {}", native_keys(report.native_keys, first)),
        None => String::new(),
    }
}

/// How many instruments of the days have a native key, in words.
pub fn native_keys(count: u64, first: &str) -> String {
    let (instruments, verb) = (many(count, "instrument"), if count == 1 { "has a" } else { "have a" });
    format!("{instruments} of the days {verb} native key, as {first}")
}

/// Says that the lake has keys of an earlier version, and what moves it.
fn note_former_keys(report: &ValidationReport) {
    if report.former_key_objects > 0 {
        let objects = many(report.former_key_objects, "object");
        note(&format!("{objects} under instrument keys of an earlier version: mtdh rekey moves them"));
    }
    if !report.former_key_venues.is_empty() {
        let venues = report.former_key_venues.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
        note(&format!("the tables have instrument keys of an earlier version, of {venues}: mtdh rekey"));
    }
}

/// The last line: the verdict.
fn verdict(report: &ValidationReport) -> String {
    let totals = &report.totals;
    let waiting = many(report.days_not_exported.len() as u64, "day");
    match totals.coverage() {
        None if totals.not_exported_yet > 0 => {
            format!("not exported by the vendor yet: {}", many(totals.not_exported_yet as u64, "partition"))
        }
        None => "nothing was expected, so that nothing is known to be complete".to_owned(),
        Some(_) if report.is_complete() => "complete".to_owned(),
        Some(_) if report.verdict == Verdict::CompleteUpTo => match &report.complete_up_to {
            Some(day) if report.lines.first().is_some_and(|first| first.day <= *day) => {
                format!("complete up to {day}; {waiting} not exported yet")
            }
            _ => format!("complete as far as the vendor has exported; {waiting} not exported yet"),
        },
        Some(_) if report.verdict == Verdict::NeedsDecision => {
            "not known to be complete: what stands above needs your decision".to_owned()
        }
        Some(_) if report.failed_files > 0 && totals.missing == 0 => {
            format!("not known to be complete: {} failed", many(report.failed_files as u64, "file"))
        }
        Some(_) if totals.missing == 0 && report.recheck.as_ref().is_some_and(|r| !r.is_clean()) => {
            "not known to be what the vendor has now".to_owned()
        }
        Some(_) if totals.missing == 0 && !report.proof.damaged.is_empty() => {
            "damaged: no partition is missing, but other objects cannot be trusted".to_owned()
        }
        Some(_) if totals.missing == 0 && !report.partial.is_empty() => {
            format!("not whole: {} of recordings", many(report.partial.len() as u64, "partition"))
        }
        Some(_) if totals.missing == 0 => "not known to be complete".to_owned(),
        Some(share) => format!(
            "not complete: {} of {} partitions are answered ({})",
            totals.answered(),
            totals.expected(),
            percent(share)
        ),
    }
}

/// Prints the state of the objects' bytes.
fn note_proof(proof: &Proof) {
    let Proof { without_checksums, never, oldest, damaged, .. } = proof;
    for Damaged { path, reason } in damaged.iter().take(SHOWN) {
        note(&format!("damaged: {path}: {reason}; `mtdh candles` makes candles again"));
    }
    if damaged.len() > SHOWN {
        note(&format!("and {} more; --format json has them all", damaged.len() - SHOWN));
    }
    if *without_checksums > 0 {
        let objects = many(*without_checksums as u64, "object");
        note(&format!("without checksums: {objects} of mtdh 0.1.0, which count as stored"));
    }
    if let Some(day) = oldest {
        let never = if *never > 0 { format!("; {never} were never read whole") } else { String::new() };
        note(&format!("the oldest proof of an object's bytes is of {day}{never}"));
    }
}

/// Prints the result of the recheck at the vendor.
fn note_recheck(recheck: &Recheck) {
    for reissued in recheck.reissued.iter().take(SHOWN) {
        let what = match (&reissued.was, &reissued.now) {
            (_, None) => "the vendor no longer has it",
            (None, _) => "the vendor has it now",
            _ => "the vendor issued it anew",
        };
        let partitions = many(reissued.partitions.len() as u64, "partition");
        note(&format!("changed: {} ({partitions}): {what}", reissued.file));
    }
    if recheck.reissued.len() > SHOWN {
        note(&format!("and {} more; --format json has them all", recheck.reissued.len() - SHOWN));
    }
    for failure in recheck.failures.iter().take(SHOWN) {
        note(&format!("not rechecked: {}: {}", failure.file, failure.cause));
    }
    let (same, changed) = (
        recheck.files - recheck.reissued.len() - recheck.failures.len() - recheck.left,
        recheck.reissued.len(),
    );
    note(&format!(
        "{} rechecked: {same} as they were, {changed} changed",
        many(recheck.files as u64, "file")
    ));
    if changed > 0 {
        note("mtdh download --force with the same flags replaces what changed");
    }
}

#[cfg(test)]
mod tests {
    use super::percent;

    #[test]
    fn almost_all_is_not_all() {
        for (share, text) in [(1.0, "100.00%"), (0.99999, "99.99%"), (0.0, "0.00%")] {
            assert_eq!(percent(share), text);
        }
    }
}
