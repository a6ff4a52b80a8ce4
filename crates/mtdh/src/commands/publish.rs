//! `mtdh publish`: the lake as tables of other programs.

use anyhow::Result;
use mtdh_core::DayRange;
use mtdh_engine::iceberg::{IcebergReport, IcebergRequest, IcebergTables};
use mtdh_engine::{Context, Selection};

use super::bigquery;
use crate::args::{IcebergArgs, PublishCommand};
use crate::exit::Outcome;
use crate::output::{Rows, count, many, note, print, size};
use crate::session::{Session, check_venues, range};

pub async fn run(session: &Session<'_>, command: PublishCommand) -> Result<Outcome> {
    match command {
        PublishCommand::Iceberg(args) => iceberg(session, args).await,
        PublishCommand::Bigquery(args) => bigquery::run(session, args).await,
    }
}

async fn iceberg(session: &Session<'_>, args: IcebergArgs) -> Result<Outcome> {
    let context = session.context()?;
    context.check_readable().await?;
    let request = IcebergRequest {
        selection: selection(&context, &args).await?,
        tables: tables(&args),
        verify: args.verify,
        stop: session.stop.clone(),
        ..IcebergRequest::default()
    };
    let report = context.publish_iceberg(&request).await?;
    print(session.format, &rows(&report), &report)?;
    Ok(told(&report))
}

/// Days and instruments; `None`: no flag narrows them.
async fn selection(context: &Context, args: &IcebergArgs) -> Result<Option<Selection>> {
    let mut filter = args.filters.filter();
    // They say which tables, not which rows.
    filter.data_types = Vec::new();
    let is_narrow = !filter.venues.is_empty()
        || !filter.instrument_types.is_empty()
        || !filter.instruments.is_empty()
        || filter.universe.is_some()
        || filter.max_instruments.is_some();
    let days = match args.start_date {
        Some(first) => range(first, args.end_date)?,
        None if !is_narrow => return Ok(None),
        None => match context.all_days().await?[..] {
            [first, .., last] => DayRange::new(first, last)?,
            [day] => DayRange::of(day),
            [] => return Ok(None),
        },
    };
    let mut selection = filter.of_lake(days)?;
    if args.filters.instrument_types.is_empty() {
        // A filter that is not set filters nothing.
        selection.instrument_types = mtdh_core::key::InstrumentType::ALL.to_vec();
    }
    check_venues(context, &selection).await?;
    Ok(Some(selection))
}

fn tables(args: &IcebergArgs) -> IcebergTables {
    let (data_types, timeframes) = (&args.filters.data_types, &args.timeframes);
    if data_types.is_empty() && timeframes.is_empty() {
        return IcebergTables::All;
    }
    IcebergTables::Named { data_types: data_types.clone(), timeframes: timeframes.clone() }
}

fn rows(report: &IcebergReport) -> Rows {
    let mut rows = Rows::new(&[
        "table", "outcome", "version", "files", "rows", "bytes", "added", "replaced", "removed", "metadata",
    ]);
    rows.rows = report
        .tables
        .iter()
        .map(|table| {
            let counts = [table.files, table.rows, table.bytes, table.added, table.replaced, table.removed];
            let mut row = vec![table.table.clone(), table.outcome.to_owned(), table.version.to_string()];
            row.extend(counts.map(|count| count.to_string()));
            row.push(table.metadata.clone());
            row
        })
        .collect();
    rows
}

/// Says what came of it.
fn told(report: &IcebergReport) -> Outcome {
    for table in &report.tables {
        if let Some(from) = &table.moved_from {
            note(&format!(
                "{}: the lake lay elsewhere when it was published ({from}); published anew",
                table.table
            ));
        }
    }
    for line in &report.unreadable {
        note(&format!("left out: {line}"));
    }
    for path in &report.without_checksums {
        note(&format!("not proved, for it has no checksums: {path}"));
    }
    if report.is_interrupted {
        note("interrupted; tables that were not done stay as they were");
        return Outcome::Interrupted;
    }
    let sum = |of: fn(&mtdh_engine::iceberg::TableReport) -> u64| report.tables.iter().map(of).sum::<u64>();
    if report.tables.is_empty() {
        note("the lake has nothing of that to publish");
        return Outcome::NotClean;
    }
    let written = report.tables.iter().filter(|table| table.outcome == "published").count() as u64;
    let files = many(sum(|table| table.files), "file");
    note(&format!(
        "{}, {files}, {} rows, {}",
        many(report.tables.len() as u64, "table"),
        count(sum(|t| t.rows)),
        size(sum(|t| t.bytes))
    ));
    match written {
        0 => note("nothing changed since the last time; nothing was written"),
        written => note(&format!("{} published", many(written, "new version"))),
    }
    if report.is_clean() { Outcome::Clean } else { Outcome::NotClean }
}

/// Says which tables do not know what was just changed.
///
/// # Errors
/// When the lake cannot be listed.
pub async fn note_stale(context: &Context) -> Result<()> {
    let tables = context.iceberg_tables().await?;
    if !tables.is_empty() {
        note(&format!(
            "the Iceberg tables do not know of this yet ({}); mtdh publish iceberg brings them up to date",
            tables.join(", ")
        ));
    }
    Ok(())
}
