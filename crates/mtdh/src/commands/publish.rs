//! `mtdh publish`: the lake as tables of other programs.

use anyhow::{Context as _, Result};
use mtdh_engine::Context;
use mtdh_engine::iceberg::{IcebergReport, IcebergRequest, TableReport};

use super::bigquery;
use crate::args::{IcebergArgs, PublishCommand, SelectionArgs};
use crate::exit::Outcome;
use crate::output::{Rows, count, many, note, print, size, verdict};
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
    let days = args.start_date.map(|first| range(first, args.end_date)).transpose()?;
    let request = context.iceberg_request(&args.filters.filter(), days, &args.timeframes).await?;
    if let Some(selection) = &request.selection {
        check_venues(&context, selection).await?;
    }
    let request = IcebergRequest { verify: args.verify, stop: session.stop.clone(), ..request };
    let report = context.publish_iceberg(&request).await?;
    print(session.format, &rows(&report), &report)?;
    let (start_date, end_date, filters) = (args.start_date, args.end_date, args.filters);
    let selection = SelectionArgs { start_date, end_date, filters };
    Ok(told(&report, &session.command_of("validate --bytes", &selection)))
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

/// Says what came of it. `proof` tells more of what was left out.
fn told(report: &IcebergReport, proof: &str) -> Outcome {
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
        verdict("interrupted; tables that were not done stay as they were", None);
        return Outcome::Interrupted;
    }
    let sum = |of: fn(&TableReport) -> u64| report.tables.iter().map(of).sum::<u64>();
    if report.tables.is_empty() {
        verdict("the lake has nothing of that to publish", None);
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
    let left_out = match report.unreadable.len() {
        0 => String::new(),
        count => format!("; {} left out", many(count as u64, "object")),
    };
    let said = match written {
        0 => "nothing changed since the last time; nothing was written".to_owned(),
        written => format!("published: {}", many(written, "new version")),
    };
    verdict(&format!("{said}{left_out}"), (!report.unreadable.is_empty()).then_some(proof));
    if report.is_clean() { Outcome::Clean } else { Outcome::NotClean }
}

/// Brings published tables up to date after objects are gone. Returns whether they are.
///
/// # Errors
/// When a table cannot be published: it is stale then, and the error says so.
pub async fn refresh(context: &Context) -> Result<bool> {
    let report =
        context.refresh_iceberg().await.context("the Iceberg tables are stale: mtdh publish iceberg")?;
    for table in report.tables.iter().filter(|table| table.outcome == "published") {
        note(&format!(
            "Iceberg table {}: version {}, {}",
            table.table,
            table.version,
            many(table.files, "file")
        ));
    }
    for line in &report.unreadable {
        note(&format!("left out of its Iceberg table: {line}"));
    }
    Ok(report.is_clean())
}

/// Says which tables do not know what was just changed.
///
/// # Errors
/// When the lake cannot be listed.
pub async fn note_stale(context: &Context) -> Result<()> {
    let tables = context.iceberg_tables().await?;
    if !tables.is_empty() {
        let tables = tables.join(", ");
        note(&format!(
            "stale now: the Iceberg tables ({tables}); mtdh publish iceberg brings them up to date"
        ));
    }
    Ok(())
}
