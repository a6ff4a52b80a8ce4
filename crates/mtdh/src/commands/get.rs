//! `mtdh get`: a slice of time from the lake.

use std::ffi::OsStr;
use std::io::{BufWriter, Write};
use std::path::Path;

use anyhow::{Context as _, Result, bail};
use mtdh_core::moment::{self, TimeValue};
use mtdh_engine::export::{ExportError, ExportFormat, Exporter};
use mtdh_engine::files::unfinished::Unfinished;
use mtdh_engine::query::{Lacking, Slice};
use mtdh_engine::{Context, SliceRequest};

use crate::args::{Format, GetArgs};
use crate::exit::Outcome;
use crate::output::{many, note, size};
use crate::session::Session;
use crate::stdout::{self, Stdout};

pub async fn run(session: &Session<'_>, args: GetArgs) -> Result<Outcome> {
    let context = session.context()?;
    let key = context.instrument_key(&args.key).await?;
    let within_us = moment::range(args.start, args.end)?;
    note_end(args.end);
    let request = SliceRequest { key, data_type: args.data_type, arrived_us: within_us };
    let form = form(&args.output, session.format)?;
    let slice = if args.output == Path::new("-") {
        let mut exporter = Exporter::new(args.data_type, form, BufWriter::new(Stdout))?;
        let mut take =
            |batch| if stdout::is_read() { exporter.write(&batch) } else { Err(ExportError::Unread) };
        let slice = match context.read_by(args.clock, &request, &mut take).await {
            // Nothing more is read without a reader. Missing days still count.
            Err(ExportError::Unread) => {
                let missing = context.missing_days(&request).await?;
                return Ok(if missing.is_empty() { Outcome::Clean } else { Outcome::NotClean });
            }
            other => other?,
        };
        exporter.finish()?.flush()?;
        slice
    } else {
        let not_written = || format!("cannot write {}", args.output.display());
        let unfinished = Unfinished::new(&args.output).with_context(not_written)?;
        let mut exporter = Exporter::new(args.data_type, form, BufWriter::new(unfinished))?;
        let slice = context.read_by(args.clock, &request, &mut |batch| exporter.write(&batch)).await?;
        let unfinished = exporter.finish()?.into_inner().map_err(std::io::IntoInnerError::into_error)?;
        unfinished.publish().with_context(not_written)?;
        slice
    };
    report(&slice);
    if !slice.missing_days.is_empty() {
        note_lacking(&context, &request, &slice).await?;
    }
    Ok(if slice.missing_days.is_empty() { Outcome::Clean } else { Outcome::NotClean })
}

/// Says for this release what a day or a month as end means, which was excluded before.
fn note_end(end: Option<TimeValue>) {
    if let Some(end @ TimeValue::Days(days)) = end {
        let first = days.first();
        note(&format!("--end {end} is included since this version; to end before it: --end {first}T00:00"));
    }
}

/// The format for an output's extension; `-` is CSV, or JSON lines with `--format jsonl`.
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

/// Prints which days a slice lacks in one line, and why in another.
async fn note_lacking(context: &Context, request: &SliceRequest, slice: &Slice) -> Result<()> {
    let SliceRequest { key, data_type, .. } = request;
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
    match context.why_lacking(request, slice).await? {
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
