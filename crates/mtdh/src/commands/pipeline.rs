//! `mtdh full-pipeline`: instruments, download, validate; one report, one exit status.

use anyhow::{Result, bail};
use mtdh_engine::instruments::{InstrumentsReport, write_instruments};
use mtdh_engine::run::RunSummary;
use mtdh_engine::validate::ValidationReport;
use serde::Serialize;

use super::{Session, download, instruments, validate};
use crate::Outcome;
use crate::args::{Format, PipelineArgs};
use crate::output::{note, print};

/// What the three steps reported.
#[derive(Serialize)]
pub struct PipelineReport {
    instruments: InstrumentsReport,
    download: RunSummary,
    validation: Option<ValidationReport>,
}

pub async fn run(mut session: Session<'_>, args: PipelineArgs) -> Result<Outcome> {
    if args.download.run.is_some() {
        bail!("full-pipeline makes its own plan; work on that of a run with: mtdh download --run RUN");
    }
    let (selection, shard, connection) = download::set_up(&mut session, &args.download.plan).await?;
    note("1 of 3: instruments");
    let found = write_instruments(&connection.lake, &connection.instrument_source(), &selection).await?;
    let is_table = session.format == Format::Table;
    if is_table {
        print(session.format, &instruments::summary(&found), &found)?;
        instruments::notes(&found);
    }
    note("2 of 3: download");
    let plan = download::plan_selection(&connection, &selection, shard, args.download.plan.force).await?;
    if args.download.dry_run {
        return download::print_plan(&session, &plan, None);
    }
    let is_known = download::note_unknown(&plan);
    let summary = download::execute(&session, &connection, plan, shard, &args.download).await?;
    if is_table {
        print(session.format, &download::summary_rows(&summary), &summary)?;
    }
    download::note_run(&summary);
    download::note_place(&summary);
    let mut report = PipelineReport { instruments: found, download: summary, validation: None };
    if session.stop.is_cancelled() {
        if !is_table {
            print(session.format, &download::summary_rows(&report.download), &report)?;
        }
        return Ok(Outcome::Interrupted);
    }
    note("3 of 3: validate");
    let validation = validate::validate_selection(&connection, &selection, &args.depth).await?;
    let outcome =
        match (download::outcome(&session, &report.download, is_known), validate::outcome(&validation)) {
            (Outcome::Clean, outcome) => outcome,
            (outcome, _) => outcome,
        };
    let rows = validate::report_rows(&validation);
    report.validation = Some(validation);
    print(session.format, &rows, &report)?;
    if let Some(validation) = &report.validation {
        validate::note_report(validation);
    }
    Ok(outcome)
}
