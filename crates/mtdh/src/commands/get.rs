//! `mtdh get`: a slice of time from the lake.

use std::ffi::OsStr;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, Result, bail};
use futures::TryStreamExt;
use mtdh_core::moment::{self, TimeValue};
use mtdh_core::partition::{Origin, Origins};
use mtdh_engine::export::{ExportError, ExportFormat, Exporter};
use mtdh_engine::files::unfinished::Unfinished;
use mtdh_engine::query::{Chosen, Form, Lacking, ReadCost, ReadRequest, TickTable};
use mtdh_engine::{Context, DataType, EngineError, InstrumentKey};

use crate::args::{Format, GetArgs};
use crate::exit::Outcome;
use crate::output::{many, note, size};
use crate::session::Session;
use crate::stdout::{self, Stdout};

/// Few rows at a time: those of a wide table are large, and a slow reader holds some of them up.
const READ: Form = Form { batch_rows: 1 << 13, has_views: false, ahead: 1, waiting: Some(4), is_pinned: true };

/// What is asked for, and what reading it has cost so far.
struct Slice {
    key: InstrumentKey,
    data_type: DataType,
    request: ReadRequest,
    cost: Arc<ReadCost>,
}

pub async fn run(session: &Session<'_>, args: GetArgs) -> Result<Outcome> {
    let context = session.context()?;
    let key = context.instrument_key(&args.key).await?;
    let within_us = moment::range(args.start, args.end)?;
    note_end(args.end);
    let request = ReadRequest {
        clock: args.clock,
        origins: args.origin,
        ..ReadRequest::new(TickTable::Ticks(args.data_type), vec![key.to_string()], within_us)
    };
    let form = form(&args.output, session.format)?;
    let slice = Slice { key, data_type: args.data_type, request, cost: Arc::default() };
    let (chosen, rows) = if args.output == Path::new("-") {
        let mut exporter = Exporter::new(args.data_type, form, BufWriter::new(Stdout))?;
        let (chosen, ended) = slice.export(&context, &mut exporter, stdout::is_read).await?;
        if ended == Ended::Unread {
            return Ok(outcome(&chosen));
        }
        let rows = exporter.rows();
        exporter.finish()?.flush()?;
        (chosen, rows)
    } else {
        let not_written = || format!("cannot write {}", args.output.display());
        let unfinished = Unfinished::new(&args.output).with_context(not_written)?;
        let mut exporter = Exporter::new(args.data_type, form, BufWriter::new(unfinished))?;
        let (chosen, _) = slice.export(&context, &mut exporter, || true).await?;
        let rows = exporter.rows();
        let unfinished = exporter.finish()?.into_inner().map_err(std::io::IntoInnerError::into_error)?;
        unfinished.publish().with_context(not_written)?;
        (chosen, rows)
    };
    report(&slice, &chosen, rows);
    if args.origin == Origins::Both {
        note_origins(&chosen);
    }
    if !chosen.missing.is_empty() {
        note_lacking(&context, &slice, &chosen).await?;
    }
    Ok(outcome(&chosen))
}

/// Missing days count, even if nobody reads the rows of the others.
fn outcome(chosen: &Chosen) -> Outcome {
    if chosen.missing.is_empty() { Outcome::Clean } else { Outcome::NotClean }
}

/// How reading ended.
#[derive(PartialEq, Eq)]
enum Ended {
    Whole,
    Unread,
}

impl Slice {
    /// Writes the rows for as long as somebody reads them. Returns what was there of the request.
    async fn export<W: Write + Send>(
        &self,
        context: &Context,
        exporter: &mut Exporter<W>,
        is_read: impl Fn() -> bool,
    ) -> Result<(Chosen, Ended)> {
        let chosen = context.find(&self.request).await.map_err(of_lake)?;
        let mut rows = context.rows_at(&self.request, chosen.objects.clone(), READ, &self.cost)?;
        while let Some(batch) = rows.try_next().await.map_err(of_lake)? {
            if !is_read() {
                return Ok((chosen, Ended::Unread));
            }
            exporter.write(&batch)?;
        }
        // Looked at only where a day is missing: it costs one more request.
        if !chosen.missing.is_empty() {
            context.check_readable().await.map_err(of_lake)?;
        }
        Ok((chosen, Ended::Whole))
    }
}

/// What the lake's errors are to one who only reads.
fn of_lake(error: EngineError) -> anyhow::Error {
    match error {
        EngineError::Lake(error) => ExportError::Lake(error).into(),
        other => other.into(),
    }
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

fn report(slice: &Slice, chosen: &Chosen, rows: u64) {
    let (read, requests) = (slice.cost.bytes(), slice.cost.requests());
    let stored: u64 = chosen.objects.iter().map(|object| object.entry.bytes).sum();
    let share = if stored > 0 { read as f64 / stored as f64 * 100.0 } else { 0.0 };
    note(&format!(
        "{}; read {} of {} ({share:.1} %) in {}",
        many(rows, "row"),
        size(read),
        size(stored),
        many(requests, "request")
    ));
}

/// Says which days come from a recording.
fn note_origins(chosen: &Chosen) {
    let mut days: Vec<_> = chosen
        .objects
        .iter()
        .filter(|object| object.origin == Origin::Live)
        .map(|object| object.day)
        .collect();
    days.dedup();
    match &days[..] {
        [] => note("all rows are the vendor's"),
        [day] => note(&format!("{day} is of a live recording, all other days are the vendor's")),
        [first, .., last] => {
            let count = many(days.len() as u64, "day");
            note(&format!(
                "{count} from {first} to {last} are of live recordings, all others are the vendor's"
            ));
        }
    }
}

/// Prints which days a slice lacks in one line, and why in another.
async fn note_lacking(context: &Context, slice: &Slice, chosen: &Chosen) -> Result<()> {
    let Slice { key, data_type, .. } = slice;
    match &chosen.missing[..] {
        [] => {}
        [one] => {
            let day = one.day;
            note(&format!("{day} is not in the lake: rows of that day, if any, are not in the slice"));
        }
        [first, .., last] => {
            let days = many(chosen.missing.len() as u64, "day");
            let (first, last) = (first.day, last.day);
            note(&format!(
                "{days} from {first} to {last} are not in the lake: rows of those days, if any, are not in the slice"
            ));
        }
    }
    match context.why_lacking(key, *data_type, chosen).await? {
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
        Lacking::NotFetched if slice.request.origins == Origins::Only(Origin::Live) => {
            note(&format!("{data_type} of {key} was not recorded then, or is not made of its captures yet"));
        }
        Lacking::NotFetched => {
            let day = chosen.missing[0].day;
            note(&format!(
                "{data_type} of {key} was not fetched: mtdh download --start-date {day} --instruments {key} --data-types {data_type}"
            ));
        }
        Lacking::Days => {}
    }
    Ok(())
}
