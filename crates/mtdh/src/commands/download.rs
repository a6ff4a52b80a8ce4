//! `mtdh plan` and `mtdh download`.

use anyhow::Result;
use mtdh_core::partition::Shard;
use mtdh_engine::download::plan::{Plan, Refetch};
use mtdh_engine::judgement::Judgement;
use mtdh_engine::runs::summary::{RunSummary, new_run_id};
use mtdh_engine::{Context, DownloadOptions, PlanOptions, Planned, Selection};

use super::check;
use crate::args::{AllowArgs, DownloadArgs, PlanArgs, RowCheckArgs};
use crate::exit::Outcome;
use crate::log;
use crate::metrics::Metrics;
use crate::output::note;
use crate::progress::Bar;
use crate::render::download::{note_unknown, print_plan, print_summary};
use crate::session::{Session, check_venues, days, shard};

/// `mtdh download`.
pub async fn run(mut session: Session<'_>, args: DownloadArgs) -> Result<Outcome> {
    let (context, plan, shard) = prepare(&mut session, &args.plan).await?;
    let allow = args.plan.allow;
    if args.dry_run {
        return show_plan(&session, &plan, allow);
    }
    note_unknown(&plan);
    let known = known(&session, &plan, allow);
    let summary = execute(&session, &context, plan, shard, &args).await?;
    print_summary(session.format, &summary)?;
    Ok(outcome(&session, &summary, known))
}

/// The outcome of a run. `of_plan` is what was known before it.
pub fn outcome(session: &Session<'_>, summary: &RunSummary, of_plan: Judgement) -> Outcome {
    if session.stop.is_cancelled() {
        Outcome::Interrupted
    } else {
        Judgement::of_download(summary, of_plan).into()
    }
}

/// What a run that does everything in the plan comes to.
pub fn known(session: &Session<'_>, plan: &Plan, allow: AllowArgs) -> Judgement {
    Judgement::of_plan(plan, &session.waits(allow))
}

/// Prints a plan that is not run yet, so days that are not exported yet are no failure.
pub fn show_plan(session: &Session<'_>, plan: &Plan, allow: AllowArgs) -> Result<Outcome> {
    print_plan(session.format, plan, None)?;
    Ok(known(session, plan, AllowArgs { allow_not_exported: true, ..allow }).into())
}

/// The selection and the shard, and a lake that can be read or created. Commands that write check first whether they can,
/// before they ask the vendor for anything.
pub async fn set_up(session: &mut Session<'_>, args: &PlanArgs) -> Result<(Selection, Shard, Context)> {
    let selection = args.selection.filters.filter().of_vendor(days(&args.selection)?)?;
    let shard = shard(&args.shard)?;
    session.config.source_folder.clone_from(&args.source.source);
    let context = session.context()?;
    context.check_usable().await?;
    check_venues(&context, &selection).await?;
    note_left_in_folder(&context, &selection);
    Ok((selection, shard, context))
}

/// Names the files of the folder of vendor files that are not asked for.
pub fn note_left_in_folder(context: &Context, selection: &Selection) {
    let lines = context.left_in_folder(selection);
    if lines.is_empty() {
        return;
    }
    note("files of the folder that are left out:");
    lines.iter().for_each(|line| note(&format!("  {line}")));
}

/// Sets up, makes the missing instrument tables, and plans.
pub async fn prepare(session: &mut Session<'_>, args: &PlanArgs) -> Result<(Context, Plan, Shard)> {
    let (selection, shard, context) = set_up(session, args).await?;
    let plan = plan(&context, &selection, shard, args).await?;
    Ok((context, plan, shard))
}

/// Makes the missing instrument tables, and plans.
pub async fn plan(context: &Context, selection: &Selection, shard: Shard, args: &PlanArgs) -> Result<Plan> {
    let refetch = if args.force { Refetch::All } else { Refetch::Missing };
    let options = PlanOptions { shard, refetch, removed: args.allow.removed() };
    let Planned { plan, tables_made } = context.plan(selection, options).await?;
    if !tables_made.is_empty() {
        let days: Vec<String> = tables_made.iter().map(ToString::to_string).collect();
        note(&format!("instrument tables made for {}", days.join(", ")));
    }
    Ok(plan)
}

/// Runs a plan, with a progress bar.
pub async fn execute(
    session: &Session<'_>,
    context: &Context,
    plan: Plan,
    shard: Shard,
    args: &DownloadArgs,
) -> Result<RunSummary> {
    let (run_id, options) = (new_run_id(), options(session, shard, args)?);
    log::set_run(&run_id, shard);
    let progress = options.progress.clone();
    let _metrics = Metrics::start(&args.metrics, progress.clone(), &run_id, shard).await?;
    let _bar = Bar::start(progress);
    Ok(context.download(plan, DownloadOptions { run_id: Some(run_id), ..options }).await?)
}

/// The download options, for a run of its own or for a worker of a saved plan.
pub fn options(session: &Session<'_>, shard: Shard, args: &DownloadArgs) -> Result<DownloadOptions> {
    let RowCheckArgs { check, set } = &args.row_checks;
    let checks = (!check.is_empty()).then(|| check::plan(check, set)).transpose()?;
    let (slots, stop) = (args.max_workers, session.stop.clone());
    Ok(DownloadOptions { shard, slots, checks, stop, ..DownloadOptions::default() })
}
