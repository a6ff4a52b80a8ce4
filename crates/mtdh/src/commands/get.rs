//! `mtdh get`: a slice of time out of the lake.

use std::ffi::OsStr;
use std::io::{BufWriter, Write};
use std::path::Path;

use anyhow::{Context as _, Result, bail};
use mtdh_core::key::InstrumentKey;
use mtdh_core::{DataType, Day};
use mtdh_engine::Context;
use mtdh_engine::export::{ExportError, ExportFormat, Exporter};
use mtdh_engine::files::unfinished::Unfinished;
use mtdh_engine::names::suggestions;
use mtdh_engine::query::{Lacking, Slice, missing_days, newest_table, slice, why_lacking};

use super::{Session, connect};
use crate::Outcome;
use crate::args::{Format, GetArgs};
use crate::output::{many, note, size};
use crate::stdout::{self, Stdout};

pub async fn run(session: &Session<'_>, args: GetArgs) -> Result<Outcome> {
    let connection = connect(&session.addresses)?;
    let key = key(&connection, &args.key).await?;
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
        let slice = match slice(&connection.lake, &key, args.data_type, range.clone(), take).await {
            // Nothing more is read for nobody. What is missing is missing all the same.
            Err(ExportError::Unread) => {
                let missing = missing_days(&connection.lake, &key, args.data_type, range).await?;
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
        let slice = slice(&connection.lake, &key, args.data_type, range, take).await?;
        check_lake(&connection, &slice).await?;
        let unfinished = exporter.finish()?.into_inner().map_err(std::io::IntoInnerError::into_error)?;
        unfinished.publish().with_context(not_written)?;
        slice
    };
    report(&slice);
    if !slice.missing_days.is_empty() {
        note_lacking(&connection, &key, args.data_type, &slice).await?;
    }
    Ok(if slice.missing_days.is_empty() { Outcome::Clean } else { Outcome::NotClean })
}

/// Whether there is a lake at all, where a day is missing; else it is not asked, since that is one more request.
async fn check_lake(connection: &Context, slice: &Slice) -> Result<()> {
    if !slice.missing_days.is_empty() {
        connection.lake.check_readable().await?;
    }
    Ok(())
}

/// The form that an output's ending asks for; `-` is CSV, or JSON lines where `--format` says so.
pub fn form(output: &Path, format: Format) -> Result<ExportFormat> {
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
        "{}; read {} of {} ({share:.1} %) in {}",
        many(slice.rows, "row"),
        size(read),
        size(slice.object_bytes),
        many(requests, "request")
    ));
}

/// The instrument that a user names. What is no key may be the vendor's symbol: then the key is said.
async fn key(connection: &Context, text: &str) -> Result<InstrumentKey> {
    let error = match text.parse::<InstrumentKey>() {
        Ok(key) => return Ok(key),
        Err(error) => error,
    };
    // Without a lake there is nothing to suggest.
    if connection.lake.check_readable().await.is_err() {
        return Err(error.into());
    }
    match &suggestions(text, &newest_table(&connection.lake).await?)[..] {
        [] => Err(error.into()),
        keys => bail!("`{text}` is not an instrument key; perhaps {}", keys.join(" or ")),
    }
}

/// Says in one line which days a slice lacks, and in another why.
async fn note_lacking(
    connection: &Context,
    key: &InstrumentKey,
    data_type: DataType,
    slice: &Slice,
) -> Result<()> {
    match &slice.missing_days[..] {
        [] => {}
        [day] => {
            note(&format!("{day} is not in the lake: rows of that day, if any, are not in the slice"));
        }
        [first, .., last] => {
            let days = many(slice.missing_days.len() as u64, "day");
            note(&format!(
                "{days} from {first} to {last} are not in the lake: rows of those days, if any, are not in the slice"
            ));
        }
    }
    match why_lacking(&connection.lake, key.as_str(), data_type, slice).await? {
        Lacking::UnknownKey { suggestions } if suggestions.is_empty() => {
            note(&format!("no instrument table has {key}; see mtdh instruments list"));
        }
        Lacking::UnknownKey { suggestions } => {
            note(&format!("no instrument table has {key}; perhaps {}", suggestions.join(" or ")));
        }
        Lacking::NoSuchType { data_types } => {
            let names: Vec<&str> = data_types.iter().map(|t| t.name()).collect();
            note(&format!("the vendor lists no {data_type} of {key}; it lists {}", names.join(", ")));
        }
        Lacking::NotFetched => {
            let day = slice.missing_days[0];
            note(&format!(
                "{data_type} of {key} was not fetched: mtdh download --start-date {day} --instruments {key} --data-types {data_type}"
            ));
        }
        Lacking::Days => {}
    }
    Ok(())
}
