//! `mtdh sync`: brings the lake to what is wanted.

use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Result;
use mtdh_core::partition::Shard;
use mtdh_core::text::without_credentials;
use mtdh_engine::report::coverage::PageHead;
use mtdh_engine::runs::progress::Progress;
use mtdh_engine::runs::summary::new_run_id;
use mtdh_engine::sync::{Patience, Retention, SyncOptions};
use mtdh_engine::want::{Chosen, Narrowing};
use mtdh_engine::{Context, EngineError, Filter, PlanOptions};

use super::fleet::holder;
use super::reports;
use crate::args::SyncArgs;
use crate::exit::Outcome;
use crate::log;
use crate::metrics::{Metrics, run_text};
use crate::output::{many, note, print, verdict};
use crate::render::sync::{last_line, metrics_text, note_report, plan_rows, report_rows};
use crate::session::{Session, check_venues};

pub async fn run(session: &Session<'_>, args: SyncArgs) -> Result<Outcome> {
    reports::check(&args.report)?;
    let context = session.context()?;
    context.check_readable().await?;
    let Some(sets) = context.chosen(&Narrowing::default()).await? else {
        return Err(EngineError::NothingWanted.into());
    };
    for chosen in &sets {
        check_venues(&context, &chosen.selection).await?;
    }
    if sets.is_empty() {
        note("nothing is wanted yet: no day of a set has ended, or there is no set");
    }
    if args.dry_run {
        return show(session, &context, &sets).await;
    }
    let (progress, run_id) = (Arc::new(Progress::default()), new_run_id());
    log::set_run(&run_id, Shard::WHOLE);
    let told = Arc::new(Mutex::new(metrics_text(&context.last_sync().await?, None)));
    let counters = run_text(progress.clone(), &run_id, Shard::WHOLE);
    let shown = told.clone();
    let text = move || counters() + &shown.lock().unwrap_or_else(PoisonError::into_inner);
    let _metrics = Metrics::of(&args.metrics, Arc::new(text)).await?;
    let patience = if args.wait { Patience::Endless } else { Patience::None };
    let options = SyncOptions {
        holder: holder(),
        lease: session.lease,
        patience,
        retention: if args.yes { Retention::Whole } else { Retention::Careful },
        break_certificates: args.break_certificates,
        slots: args.max_workers,
        progress,
        stop: session.stop.clone(),
        on_step: &|set, step| note(&format!("{set}: {}", step.name())),
    };
    let synced = context.sync(&sets, options).await;
    let report = match synced {
        Err(busy @ EngineError::SyncRuns { .. }) => {
            note(&format!("{}; mtdh sync --wait waits for it", mtdh_engine::chain(&busy)));
            return Ok(Outcome::Busy);
        }
        other => other?,
    };
    *told.lock().unwrap_or_else(PoisonError::into_inner) =
        metrics_text(&context.last_sync().await?, Some(&report));
    let outcome = if report.is_interrupted { Outcome::Interrupted } else { report.judgement().into() };
    let names: Vec<&str> = sets.iter().map(|chosen| chosen.name.as_str()).collect();
    let head = PageHead {
        subject: without_credentials(context.lake_url()),
        command: Some(session.command.clone()),
        scope: Some(format!("about what lake.toml wants: {}", names.join(", "))),
        filter: Filter::default(),
        verdict: last_line(&report).0.to_owned(),
        is_clean: outcome == Outcome::Clean,
    };
    reports::write(&args.report, &report, || head.sync(&report))?;
    print(session.format, &report_rows(&report), &report)?;
    note_report(&report, |words| session.command_on_lake(words));
    Ok(outcome)
}

/// Shows what lacks. Days that are not exported yet are no failure of a plan.
async fn show(session: &Session<'_>, context: &Context, sets: &[Chosen]) -> Result<Outcome> {
    let mut planned = Vec::new();
    for chosen in sets {
        planned.push((chosen, context.plan(&chosen.selection, PlanOptions::default()).await?.plan));
    }
    let rows = plan_rows(&planned);
    print(session.format, &rows, &rows.objects())?;
    let files: usize = planned.iter().map(|(_, plan)| plan.units.len()).sum();
    let is_lacking = planned.iter().any(|(_, plan)| plan.is_lacking());
    let needs_decision = planned.iter().any(|(_, plan)| plan.needs_decision());
    for (_, plan) in &planned {
        crate::render::download::note_unknown(plan);
    }
    let said = format!("to fetch: {}; nothing was fetched", many(files as u64, "file"));
    let next = session.command_with("--dry-run", "");
    verdict(&said, (files > 0).then_some(&next));
    Ok(match () {
        () if needs_decision => Outcome::NeedsDecision,
        () if is_lacking => Outcome::NotClean,
        () => Outcome::Clean,
    })
}
