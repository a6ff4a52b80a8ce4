//! The output of `check`.

use std::io::Write;

use anyhow::Result;
use mtdh_core::check::Severity;
use mtdh_engine::check::CheckReport;
use mtdh_engine::report::Document;
use mtdh_engine::report::formats::{CSV_COLUMNS, Form, cells};

use crate::args::Format;
use crate::output::{Rows, count, many, note, print, verdict};
use crate::stdout::Stdout;

/// Findings that need attention, in few columns. The others are counted in the last line and are in reports.
fn for_people(document: &Document) -> Rows {
    let mut rows = Rows::new(&["severity", "check", "day", "instrument_key", "data_type", "count", "first"]);
    let nothing = document.nothing_checked();
    let all = document.findings.iter().chain(nothing.iter());
    for finding in all.filter(|f| f.severity != Severity::Info.name()) {
        let text = |cell: &Option<String>| cell.clone().unwrap_or_default();
        let mut first = finding.examples.first().cloned().unwrap_or_default();
        if let Some(explanation) = &finding.explanation {
            first = format!("{first}; {explanation}");
        }
        rows.rows.push(vec![
            finding.severity.clone(),
            finding.check.clone(),
            text(&finding.day),
            text(&finding.instrument_key),
            text(&finding.data_type),
            finding.count.to_string(),
            first,
        ]);
    }
    rows
}

fn rows(document: &Document) -> Rows {
    let mut rows = Rows::new(&CSV_COLUMNS);
    let nothing = document.nothing_checked();
    rows.rows = document.findings.iter().chain(nothing.iter()).map(|f| cells(f).to_vec()).collect();
    rows
}

/// Prints a report, with the verdict in its last line.
pub fn print_document(
    format: Format,
    document: &Document,
    report: &CheckReport,
    next: Option<&str>,
) -> Result<()> {
    match format {
        Format::Github => Stdout.write_all(Form::Github.of(document).as_bytes())?,
        Format::Junit => Stdout.write_all(Form::Junit.of(document).as_bytes())?,
        Format::Json | Format::Jsonl | Format::Csv => print(format, &rows(document), document)?,
        _ => print(format, &for_people(document), document)?,
    }
    for text in &document.notes {
        note(text);
    }
    if report.is_interrupted {
        note("interrupted: not everything was checked");
        return Ok(());
    }
    if !document.unchecked.is_empty() {
        note(&format!("nothing to look at for {}", document.unchecked.join(", ")));
    }
    let of = |severity: Severity| many(report.count(severity) as u64, severity.name());
    let what = match document.summary.files {
        0 => many(document.summary.partitions as u64, "partition"),
        files => many(files as u64, "file"),
    };
    let text = format!(
        "{}: {}, {}, {} info; {what}, {} rows",
        document.verdict.text(),
        of(Severity::Error),
        of(Severity::Warning),
        count(report.count(Severity::Info) as u64),
        count(document.summary.rows)
    );
    verdict(&text, next);
    Ok(())
}
