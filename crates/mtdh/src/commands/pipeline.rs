//! `mtdh full-pipeline`: instruments, download, validate; one report, one exit status.

use anyhow::{Result, bail};
use mtdh_engine::instruments::InstrumentsReport;
use mtdh_engine::judgement::Judgement;
use mtdh_engine::runs::summary::RunSummary;
use mtdh_engine::validate::ValidationReport;
use serde::Serialize;

use super::{download, validate};
use crate::about::Scope;
use crate::args::{Format, PipelineArgs};
use crate::exit::Outcome;
use crate::output::{note, print};
use crate::render;
use crate::render::download::{note_place, note_run, note_unknown, summary_rows};
use crate::session::Session;

/// The reports of the three steps.
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
    let scope = Scope::of(args.download.everything);
    let (about, shard, context) = download::set_up(&mut session, &args.download.plan, scope).await?;
    let waits = session.waits(args.download.plan.allow, about.export_grace_hours());
    note("1 of 3: instruments");
    let allow = args.download.plan.allow;
    let mut found = InstrumentsReport::default();
    for selection in &about.selections {
        found.merge(context.write_instruments(selection, allow.removed()).await?);
    }
    let is_table = session.format == Format::Table;
    if is_table {
        print(session.format, &render::instruments::summary(&found), &found)?;
        render::instruments::notes(&found);
    }
    note("2 of 3: download");
    let plan = download::plan_of_all(&context, &about, shard, &args.download.plan).await?;
    if args.download.dry_run {
        let next = session.command_with("--dry-run", "");
        return download::show_plan(&session, &context, &plan, &waits, &next).await;
    }
    note_unknown(&plan);
    download::note_asked(&context, &about, &plan).await?;
    let known = match Judgement::of_plan(&plan, &waits) {
        Judgement::Clean if !found.is_whole() => Judgement::NotClean,
        known => known,
    };
    let summary = download::execute(&session, &context, plan, shard, &args.download).await?;
    if is_table {
        print(session.format, &summary_rows(&summary), &summary)?;
    }
    note_run(&summary);
    note_place(&summary);
    let mut report = PipelineReport { instruments: found, download: summary, validation: None };
    if session.stop.is_cancelled() {
        if !is_table {
            print(session.format, &summary_rows(&report.download), &report)?;
        }
        return Ok(Outcome::Interrupted);
    }
    note("3 of 3: validate");
    let mut validation = validate::of_all(&context, &about, &validate::options(&args.depth)).await?;
    // A report with failures must not say "complete".
    validation.failed_files = report.download.done.failures.len();
    validation.conclude();
    let verdict = Judgement::of_validation(&validation, &waits).into();
    let outcome = match (download::outcome(&session, &report.download, known), verdict) {
        (Outcome::Clean, outcome) => outcome,
        (outcome, _) => outcome,
    };
    let rows = render::validate::report_rows(&validation);
    // What failed is tried again by the same command; what is there can be checked.
    let next = match () {
        () if validation.totals.missing > 0 => Some(session.command.clone()),
        () if outcome == Outcome::Clean => {
            Some(session.command_of("check all", &args.download.plan.selection))
        }
        () => None,
    };
    report.validation = Some(validation);
    print(session.format, &rows, &report)?;
    if let Some(validation) = &report.validation {
        render::validate::note_report(validation, next.as_deref());
    }
    Ok(outcome)
}
