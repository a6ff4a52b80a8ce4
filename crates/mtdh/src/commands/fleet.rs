//! Runs of a saved plan: `mtdh plan --save`, `download --run`, `monitor` and `resume`.

use std::time::Duration;

use anyhow::{Context as _, Result};
use mtdh_engine::WorkOptions;
use mtdh_engine::download::size::PlanSize;
use mtdh_engine::fleet::worker::PartSummary;
use mtdh_engine::judgement::Judgement;
use mtdh_engine::runs::summary::new_run_id;
use serde::Serialize;

use super::download::{self, Prepared};
use crate::about::Scope;
use crate::args::{DownloadArgs, MonitorArgs, ResumeArgs, SavePlanArgs};
use crate::exit::Outcome;
use crate::log;
use crate::metrics::Metrics;
use crate::output::{Rows, note, print, redraw, shell_word, verdict};
use crate::render::download::{note_run, print_plan};
use crate::render::fleet::{note_report, note_saved, print_event, report_rows};
use crate::session::{Session, shard};

/// `mtdh plan`.
pub async fn plan(mut session: Session<'_>, args: SavePlanArgs) -> Result<Outcome> {
    let SavePlanArgs { mut plan, everything, save } = args;
    if save.is_some() {
        // A saved plan is never a shard, whatever started this process.
        (plan.shard.shard_index, plan.shard.total_shards) = (Some(0), Some(1));
    }
    if let Some(name) = save.as_deref().filter(|name| !name.is_empty()) {
        // Before planning, which may take long.
        session.context()?.check_run_unused(name).await?;
    }
    let Prepared { context, about, plan: planned, .. } =
        download::prepare(&mut session, &plan, Scope::of(everything)).await?;
    let waits = session.waits(plan.allow, about.export_grace_hours());
    let Some(name) = save else {
        let next = session.command_with("plan", "download");
        return download::show_plan(&session, &context, &planned, &waits, &next).await;
    };
    if planned.is_about_nothing() {
        note("no plan is saved of what is not known");
        let said = print_plan(session.format, &planned, &PlanSize::default(), None)?;
        verdict(&said, None);
        return Ok(Judgement::of_plan(&planned, &waits).into());
    }
    download::note_asked(&context, &about, &planned).await?;
    let run_id = if name.is_empty() { new_run_id() } else { name };
    let saved = context.save_plan(&run_id, &planned.units).await?;
    let said = print_plan(session.format, &planned, &context.plan_size(&planned).await?, Some(&run_id))?;
    note_saved(&saved);
    let next = session.command_on_lake(&format!("download --run {}", shell_word(&run_id)));
    verdict(&said, (!planned.units.is_empty()).then_some(&next));
    Ok(Judgement::of_plan(&planned, &waits).into())
}

/// `mtdh download --run`.
pub async fn download(mut session: Session<'_>, args: DownloadArgs) -> Result<Outcome> {
    let run_id = args.run.clone().context("--run names the run")?;
    let shard = shard(&args.plan.shard)?;
    session.config.source_folder.clone_from(&args.plan.source.source);
    let holder = holder();
    session.config.run = Some((run_id.clone(), holder.clone()));
    let context = session.context()?;
    let options = download::options(&session, shard, &args)?;
    log::set_run(&run_id, shard);
    let metrics = Metrics::start(&args.metrics, options.progress.clone(), &run_id, shard).await?;
    let worker = WorkOptions { shard, holder, lease: session.lease, on_event: &print_event };
    let report = context.work(&run_id, options, worker).await;
    drop(metrics);
    let report = report?;
    let mut rows =
        Rows::new(&["shard", "part", "state", "files", "files_done", "files_failed", "rows", "bytes"]);
    rows.rows.extend(report.iter().map(|PartSummary { part, summary }| {
        vec![
            summary.shard_index.to_string(),
            part.to_string(),
            summary.state.name().to_owned(),
            summary.done.files.to_string(),
            summary.done.files_done.to_string(),
            summary.done.files_failed.to_string(),
            summary.done.rows.to_string(),
            summary.done.bytes.to_string(),
        ]
    }));
    print(session.format, &rows, &report)?;
    report.iter().for_each(|part| note_run(&part.summary));
    if report.is_empty() && !session.stop.is_cancelled() {
        note(&format!("nothing is left of shard {} of {}", shard.index(), shard.total()));
    }
    Ok(outcome(&session, &report))
}

fn outcome(session: &Session<'_>, report: &[PartSummary]) -> Outcome {
    if session.stop.is_cancelled() {
        Outcome::Interrupted
    } else if report.iter().any(|part| part.summary.is_used_up()) {
        Outcome::UsedUp
    } else if !report.iter().all(|part| part.summary.is_clean()) {
        Outcome::NotClean
    } else if report.iter().any(|part| part.summary.done.has_errors()) {
        Outcome::Unsound
    } else {
        Outcome::Clean
    }
}

/// Machine, process, and a part that distinguishes this process from another with the same number.
pub fn holder() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").ok();
    let name = name.or_else(|| std::env::var("HOSTNAME").ok()).unwrap_or_default();
    let name = if name.trim().is_empty() { "machine" } else { name.trim() };
    format!("{name}-{}-{}", std::process::id(), new_run_id())
}

/// `mtdh monitor`.
pub async fn monitor(session: &Session<'_>, args: MonitorArgs) -> Result<Outcome> {
    let context = session.context()?;
    loop {
        let report = context.monitor(&args.run).await?;
        if args.watch {
            redraw(session.format);
        }
        print(session.format, &report_rows(&report), &report)?;
        note_report(&report);
        if !args.watch || matches!(report.state, "done" | "not_clean") {
            return Ok(if report.state == "done" { Outcome::Clean } else { Outcome::NotClean });
        }
        tokio::select! {
            () = session.stop.cancelled() => return Ok(Outcome::Interrupted),
            () = tokio::time::sleep(Duration::from_secs_f64(args.every.clamp(0.1, 3600.0))) => {}
        }
    }
}

/// The plan saved for a run.
#[derive(Serialize)]
struct SavedLine<'a> {
    run_id: &'a str,
    of_run: &'a str,
    files: usize,
    sha256: &'a str,
}

/// `mtdh resume`.
pub async fn resume(session: &Session<'_>, args: ResumeArgs) -> Result<Outcome> {
    let context = session.context()?;
    let units = context.tasks_left(&args.run).await?;
    if units.is_empty() && args.save.is_none() {
        note(&format!("nothing is left of the run {}, so that no plan is saved", args.run));
        return Ok(Outcome::Clean);
    }
    let run_id = args.save.unwrap_or_else(new_run_id);
    let saved = context.save_plan(&run_id, &units).await?;
    let mut rows = Rows::new(&["run_id", "of_run", "files", "sha256"]);
    rows.rows.push(vec![run_id.clone(), args.run.clone(), units.len().to_string(), saved.hash.clone()]);
    let document = SavedLine { run_id: &run_id, of_run: &args.run, files: units.len(), sha256: &saved.hash };
    print(session.format, &rows, &document)?;
    note_saved(&saved);
    Ok(Outcome::Clean)
}
