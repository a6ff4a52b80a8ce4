//! `mtdh get`: a slice of time out of the lake.

use std::ffi::OsStr;
use std::io::{BufWriter, Write};
use std::path::Path;

use anyhow::{Context, Result, bail};
use mtdh_core::Day;
use mtdh_engine::Connection;
use mtdh_engine::export::{ExportError, ExportFormat, Exporter};
use mtdh_engine::query::{Slice, missing_days, slice};

use mtdh_engine::unfinished::Unfinished;

use super::{Session, connect};
use crate::Outcome;
use crate::args::{Format, GetArgs};
use crate::output::{count, note, size};
use crate::stdout::{self, Stdout};

pub async fn run(session: &Session<'_>, args: GetArgs) -> Result<Outcome> {
    let connection = connect(&session.addresses)?;
    let end_of_day = Day::containing_us(args.start).map(Day::end_us);
    let end = args.end.or(end_of_day).context("--start lies outside of the calendar")?;
    if end <= args.start {
        bail!("--end does not lie after --start, so that nothing can be in between");
    }
    let range = args.start..end;
    let is_stdout = args.output == Path::new("-");
    let form = form(&args.output, session.format)?;
    let slice = if is_stdout {
        let mut exporter = Exporter::new(args.data_type, form, BufWriter::new(Stdout))?;
        let take = |batch| match stdout::is_read() {
            true => exporter.write(&batch),
            false => Err(ExportError::Unread),
        };
        let slice = match slice(&connection.lake, &args.key, args.data_type, range.clone(), take).await {
            // Nothing more is read for nobody. What is missing is missing all the same.
            Err(ExportError::Unread) => {
                let missing = missing_days(&connection.lake, &args.key, args.data_type, range).await?;
                return Ok(if missing.is_empty() { Outcome::Clean } else { Outcome::NotClean });
            }
            other => other?,
        };
        check_lake(&connection, &slice).await?;
        exporter.finish()?.flush()?;
        slice
    } else {
        let not_written = || format!("cannot write {}", args.output.display());
        let unfinished = Unfinished::new(&args.output).with_context(not_written)?;
        let mut exporter = Exporter::new(args.data_type, form, BufWriter::new(unfinished))?;
        let take = |batch| -> Result<(), ExportError> { exporter.write(&batch) };
        let slice = slice(&connection.lake, &args.key, args.data_type, range, take).await?;
        check_lake(&connection, &slice).await?;
        let unfinished = exporter.finish()?.into_inner().map_err(std::io::IntoInnerError::into_error)?;
        unfinished.publish().with_context(not_written)?;
        slice
    };
    report(&slice);
    Ok(if slice.missing_days.is_empty() { Outcome::Clean } else { Outcome::NotClean })
}

/// Whether there is a lake at all, where a day is missing; else it is not asked, since that is one more request.
async fn check_lake(connection: &Connection, slice: &Slice) -> Result<()> {
    if !slice.missing_days.is_empty() {
        connection.lake.check_readable().await?;
    }
    Ok(())
}

fn form(output: &Path, format: Format) -> Result<ExportFormat> {
    if output == Path::new("-") {
        return Ok(if matches!(format, Format::Json | Format::Jsonl) {
            ExportFormat::Jsonl
        } else {
            ExportFormat::Csv
        });
    }
    match output.extension().and_then(OsStr::to_str) {
        Some("parquet") => Ok(ExportFormat::Parquet),
        Some("csv") => Ok(ExportFormat::Csv),
        Some("jsonl") => Ok(ExportFormat::Jsonl),
        _ => bail!("the form of {} is not known; end it in .parquet, .csv or .jsonl", output.display()),
    }
}

fn report(slice: &Slice) {
    let (read, requests) = (slice.cost.bytes(), slice.cost.requests());
    let share = if slice.object_bytes > 0 { read as f64 / slice.object_bytes as f64 * 100.0 } else { 0.0 };
    note(&format!(
        "{} rows; read {} of {} ({share:.1} %) in {requests} requests",
        count(slice.rows),
        size(read),
        size(slice.object_bytes)
    ));
    for day in &slice.missing_days {
        note(&format!("{day} is not in the lake: rows of that day, if any, are not in the slice"));
    }
}
