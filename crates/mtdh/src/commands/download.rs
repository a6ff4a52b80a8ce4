//! `mtdh plan` and `mtdh download`.

use anyhow::Result;
use mtdh_core::partition::Shard;
use mtdh_engine::download::plan::{Plan, Refetch};
use mtdh_engine::judgement::{Judgement, Waits};
use mtdh_engine::runs::summary::{RunSummary, new_run_id};
use mtdh_engine::{Context, DownloadOptions, Filter, PlanOptions, Planned, Selection};

use super::check;
use super::publish::note_stale;
use crate::about::{About, Scope, Without, about};
use crate::args::{DownloadArgs, PlanArgs, RowCheckArgs};
use crate::exit::Outcome;
use crate::log;
use crate::metrics::Metrics;
use crate::output::{note, verdict};
use crate::render::download::{note_unknown, print_plan, print_summary};
use crate::session::{Session, named_days, shard};

/// `mtdh download`.
pub async fn run(mut session: Session<'_>, args: DownloadArgs) -> Result<Outcome> {
    let Prepared { context, about, plan, shard } =
        prepare(&mut session, &args.plan, Scope::of(args.everything)).await?;
    let waits = session.waits(args.plan.allow, about.export_grace_hours());
    if args.dry_run {
        let next = session.command_with("--dry-run", "");
        return show_plan(&session, &context, &plan, &waits, &next).await;
    }
    note_unknown(&plan);
    let known = Judgement::of_plan(&plan, &waits);
    note_asked(&context, &about, &plan).await?;
    let summary = execute(&session, &context, plan, shard, &args).await?;
    let next = match () {
        () if session.stop.is_cancelled() => None,
        () if !summary.done.left.is_empty() || summary.done.files_failed > 0 => Some(session.command.clone()),
        () => Some(session.command_of("validate", &args.plan.selection)),
    };
    print_summary(session.format, &summary, next.as_deref())?;
    if summary.done.files_done > 0 {
        note_stale(&context).await?;
    }
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

/// Prints a plan that is not run yet, so days that are not exported yet are no failure. `next` runs it.
pub async fn show_plan(
    session: &Session<'_>,
    context: &Context,
    plan: &Plan,
    waits: &Waits,
    next: &str,
) -> Result<Outcome> {
    let said = print_plan(session.format, plan, &context.plan_size(plan).await?, None)?;
    verdict(&said, (!plan.units.is_empty()).then_some(next));
    Ok(Judgement::of_plan(plan, &Waits { is_allowed: true, ..*waits }).into())
}

/// Notes what is asked of the lake, unless what is wanted of it is written down. A slip of the hand is not asked for.
pub async fn note_asked(context: &Context, about: &About, plan: &Plan) -> Result<()> {
    if about.sets.is_empty() && !plan.is_about_nothing() && !plan.needs_decision() {
        context.note_asked(&about.selections).await?;
    }
    Ok(())
}

/// A lake, what a verb is about, and the plan of it.
pub struct Prepared {
    /// The lake and the vendor.
    pub context: Context,
    /// What the verb is about.
    pub about: About,
    /// What is to be fetched.
    pub plan: Plan,
    /// This process's shard.
    pub shard: Shard,
}

/// What the verb is about and the shard, and a lake that can be read or created. Commands that write check first whether they can,
/// before they ask the vendor for anything.
pub async fn set_up(
    session: &mut Session<'_>,
    args: &PlanArgs,
    scope: Scope,
) -> Result<(About, Shard, Context)> {
    let (days, filters) = (named_days(&args.selection)?, &args.selection.filters);
    let shard = shard(&args.shard)?;
    session.config.source_folder.clone_from(&args.source.source);
    let context = session.context()?;
    context.check_usable().await?;
    let about = about(&context, filters, days, scope, Without::Flags, Filter::of_vendor).await?;
    about.selections.iter().for_each(|selection| note_left_in_folder(&context, selection));
    Ok((about, shard, context))
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
pub async fn prepare(session: &mut Session<'_>, args: &PlanArgs, scope: Scope) -> Result<Prepared> {
    let (about, shard, context) = set_up(session, args, scope).await?;
    let plan = plan_of_all(&context, &about, shard, args).await?;
    Ok(Prepared { context, about, plan, shard })
}

/// One plan of all that a verb is about.
pub async fn plan_of_all(context: &Context, about: &About, shard: Shard, args: &PlanArgs) -> Result<Plan> {
    let mut whole: Option<Plan> = None;
    for selection in &about.selections {
        let plan = plan(context, selection, shard, args).await?;
        match &mut whole {
            Some(whole) => whole.merge(plan),
            None => whole = Some(plan),
        }
    }
    Ok(whole.unwrap_or_default())
}

/// Makes the missing instrument tables, and plans.
async fn plan(context: &Context, selection: &Selection, shard: Shard, args: &PlanArgs) -> Result<Plan> {
    let refetch = if args.force { Refetch::All } else { Refetch::Missing };
    let options = PlanOptions { shard, refetch, removed: args.allow.removed() };
    let Planned { plan, tables_made } = context.plan(selection, options).await?;
    if !tables_made.is_empty() {
        let days: Vec<String> = tables_made.iter().map(ToString::to_string).collect();
        note(&format!("instrument tables made for {}", days.join(", ")));
    }
    Ok(plan)
}

/// Runs a plan.
pub async fn execute(
    session: &Session<'_>,
    context: &Context,
    plan: Plan,
    shard: Shard,
    args: &DownloadArgs,
) -> Result<RunSummary> {
    let (run_id, options) = (new_run_id(), options(session, shard, args)?);
    log::set_run(&run_id, shard);
    let _metrics = Metrics::start(&args.metrics, options.progress.clone(), &run_id, shard).await?;
    Ok(context.download(plan, DownloadOptions { run_id: Some(run_id), ..options }).await?)
}

/// The download options, for a run of its own or for a worker of a saved plan.
pub fn options(session: &Session<'_>, shard: Shard, args: &DownloadArgs) -> Result<DownloadOptions> {
    let RowCheckArgs { check, set } = &args.row_checks;
    let checks = (!check.is_empty()).then(|| check::plan(check, set)).transpose()?;
    let (slots, stop) = (args.max_workers, session.stop.clone());
    Ok(DownloadOptions { shard, slots, checks, stop, ..DownloadOptions::default() })
}
