//! `mtdh validate`.

use std::sync::Arc;

use anyhow::Result;
use mtdh_engine::instruments::ensure_instruments;
use mtdh_engine::progress::Progress;
use mtdh_engine::recheck::{Recheck, recheck};
use mtdh_engine::validate::{Counts, Depth, ValidationReport, reason_not_to_write, validate};
use mtdh_engine::{Connection, Selection};

use super::{Session, connect, selection};
use crate::Outcome;
use crate::args::{DepthArgs, ValidateArgs};
use crate::output::{Rows, many, note, print};
use crate::progress::Bar;

use super::download::note_not_in_table;

pub async fn run(mut session: Session<'_>, args: ValidateArgs) -> Result<Outcome> {
    let mut selection = selection(&args.selection)?;
    session.addresses.source_folder.clone_from(&args.source.source);
    let connection = connect(&session.addresses)?;
    connection.lake.check_readable().await?;
    let filters = &args.selection.filters;
    if filters.venues.is_empty() && selection.patterns.is_empty() {
        selection.venues = venues_of_tables(&connection, &selection).await?;
    }
    let mut report = validate_selection(&connection, &selection, &args.depth).await?;
    if args.recheck {
        let progress = Arc::new(Progress::default());
        let _bar = Bar::start(progress.clone());
        report.recheck = Some(recheck(&connection, &selection, &progress, session.stop).await?);
    }
    print_report(&session, &report)?;
    Ok(if session.stop.is_cancelled() { Outcome::Interrupted } else { outcome(&report) })
}

/// The venues of the days' tables: what the lake claims to have is what is held against it.
pub async fn venues_of_tables(connection: &Connection, selection: &Selection) -> Result<Vec<String>> {
    let mut venues = std::collections::BTreeSet::new();
    for day in selection.days.days() {
        let table = connection.lake.instruments(day).await?.unwrap_or_default();
        venues.extend(table.iter().map(|i| i.key.venue().to_owned()));
    }
    Ok(venues.into_iter().collect())
}

/// Validates. Days whose table says that the vendor had not exported them yet are looked up again first.
pub async fn validate_selection(
    connection: &Connection,
    selection: &Selection,
    depth: &DepthArgs,
) -> Result<ValidationReport> {
    for day in selection.days.days() {
        let table = connection.lake.instruments(day).await?.unwrap_or_default();
        let waiting: Vec<_> = selection.instruments(&table).into_iter().filter(|i| !i.is_exported).collect();
        if waiting.is_empty() {
            continue;
        }
        let mut venues: Vec<String> = waiting.iter().map(|i| i.key.venue().to_owned()).collect();
        venues.dedup();
        let days = mtdh_core::DayRange::new(day, day)?;
        let part = Selection { days, venues, ..selection.clone() };
        let renewed = ensure_instruments(&connection.lake, &connection.instrument_source(), &part).await;
        if let Some(reason) = reason_not_to_write(renewed)? {
            note(&format!("the instrument table of {day} stays as it is: {reason}"));
        }
    }
    let depth = if depth.deep { Depth::Deep { sample: depth.sample } } else { Depth::Listing };
    Ok(validate(&connection.lake, selection, depth).await?)
}

/// Complete is clean.
pub fn outcome(report: &ValidationReport) -> Outcome {
    if report.is_complete() { Outcome::Clean } else { Outcome::NotClean }
}

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
    ]);
    for line in &report.lines {
        let names = [line.day.as_str(), &line.venue, line.instrument_type, line.data_type].map(str::to_owned);
        rows.rows.push(names.into_iter().chain(counts(&line.counts)).collect());
    }
    if report.lines.len() > 1 {
        let names = ["all", "", "", ""].map(str::to_owned);
        rows.rows.push(names.into_iter().chain(counts(&report.totals)).collect());
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

/// Never rounded up to 100 %.
fn percent(share: f64) -> String {
    format!("{:.2}%", (share * 10_000.0).floor() / 100.0)
}

/// Prints the report; the missing partitions go to stderr, shortened.
pub fn print_report(session: &Session<'_>, report: &ValidationReport) -> Result<()> {
    print(session.format, &report_rows(report), report)?;
    note_report(report);
    Ok(())
}

/// What people should know of a validation.
pub fn note_report(report: &ValidationReport) {
    const SHOWN: usize = 20;
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
    note_not_in_table(report.not_in_table.iter().cloned());
    if report.read_whole > 0 {
        note(&format!("all rows of {} objects were read", report.read_whole));
    }
    report.recheck.iter().for_each(note_recheck);
    if let Some(reason) = &report.not_stored {
        note(&format!("the reports were not stored: {reason}"));
    }
    let totals = &report.totals;
    let verdict = match totals.coverage() {
        None if totals.not_exported_yet > 0 => {
            format!("not exported by the vendor yet: {}", many(totals.not_exported_yet as u64, "partition"))
        }
        None => "nothing was expected, so that nothing is known to be complete".to_owned(),
        Some(_) if report.is_complete() => "complete".to_owned(),
        Some(_) if totals.missing == 0 && report.recheck.as_ref().is_some_and(|r| !r.is_clean()) => {
            "not known to be what the vendor has now".to_owned()
        }
        Some(_) if totals.missing == 0 => "not known to be complete".to_owned(),
        Some(share) => format!(
            "not complete: {} of {} partitions are answered ({})",
            totals.answered(),
            totals.expected(),
            percent(share)
        ),
    };
    note(&verdict);
}

/// What the vendor has now of the files behind the lake.
fn note_recheck(recheck: &Recheck) {
    const SHOWN: usize = 20;
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
