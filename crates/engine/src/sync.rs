//! Brings a lake to what is wanted: instruments, files, candles, completeness, checks; set by set, only what lacks.
//!
//! Has no way of its own to do any of it: each step is a use case of [`Context`], and each is safe to be killed. What a killed run
//! did is in the lake, so that the next one does the rest.

mod checked;
mod hold;
mod report;
mod retention;

use std::sync::Arc;
use std::time::Duration;

use mtdh_core::candle::Fill;
use mtdh_core::check::Severity;
use mtdh_core::error::chain;
use mtdh_core::partition::Shard;
use mtdh_core::{DataType, Day};
use tokio_util::sync::CancellationToken;

use crate::candles::{CandleSummary, Remake};
use crate::certify::named::{Named, named};
use crate::check::CheckPlan;
use crate::check::kept::Keep;
use crate::check::lake::{RowsOf, now_us};
use crate::context::{
    CandlePlanOptions, CandleRunOptions, CheckOptions, Context, DownloadOptions, PlanOptions, ValidateOptions,
};
use crate::download::plan::Plan;
use crate::error::EngineError;
use crate::iceberg::{IcebergRequest, IcebergTables};
use crate::judgement::{Judgement, Waits};
use crate::runs::progress::Progress;
use crate::runs::summary::{RunSummary, new_run_id, now, text};
use crate::selection::Selection;
use crate::validate::ValidationReport;
use crate::validate::verdict::ExportGrace;
use crate::want::Chosen;
use retention::Retain;

pub use hold::{LastSync, Patience};
pub use report::{LISTED, SetReport, SyncReport};
pub use retention::Retention;

/// How to bring a lake to what is wanted.
pub struct SyncOptions<'a> {
    /// This process: machine, process, and a part that makes it unique.
    pub holder: String,
    /// How long a holder may go without renewing before another process takes over.
    pub lease: Duration,
    /// What is done about another process that is at it.
    pub patience: Patience,
    /// How much of what sets no longer keep is removed.
    pub retention: Retention,
    /// Whether what certificates name may go too.
    pub break_certificates: bool,
    /// Files worked on at the same time.
    pub slots: usize,
    /// Counters for showing progress.
    pub progress: Arc<Progress>,
    /// Cancel it to end early.
    pub stop: CancellationToken,
    /// Called when a step begins.
    pub on_step: &'a (dyn Fn(&str, Step) + Send + Sync),
}

/// A step of a set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Instrument tables, and what lacks.
    Plan,
    /// Files of the vendor.
    Download,
    /// Candles.
    Candles,
    /// What is there, and what is missing.
    Validate,
    /// Checks of what was not checked.
    Check,
}

impl Step {
    /// The word for people.
    pub fn name(self) -> &'static str {
        match self {
            Step::Plan => "instruments",
            Step::Download => "download",
            Step::Candles => "candles",
            Step::Validate => "validate",
            Step::Check => "check",
        }
    }
}

/// Runs a sync under the hold on the lake.
///
/// # Errors
/// When another process has the hold, or a step could not run.
pub(crate) async fn sync(
    context: &Context,
    sets: &[Chosen],
    options: SyncOptions<'_>,
) -> Result<SyncReport, EngineError> {
    let SyncOptions { holder, lease, patience, .. } = &options;
    context.lake.check_writable().await?;
    // Its own: losing the hold ends the run, and no other work of the process.
    let stop = options.stop.child_token();
    let started_at = now();
    let mut report = SyncReport {
        program_version: env!("CARGO_PKG_VERSION").to_owned(),
        run_id: new_run_id(),
        started_at: started_at.clone(),
        ended_at: started_at,
        sets: Vec::new(),
        iceberg: Vec::new(),
        iceberg_stale: None,
        is_interrupted: false,
        verdict: Judgement::Clean.name(),
        last_success_us: None,
        ended_us: 0,
    };
    let Some(hold) = hold::Hold::take(&context.lake, holder, *lease, *patience, &stop).await? else {
        report.is_interrupted = true;
        report.verdict = "interrupted";
        return Ok(report);
    };
    report.last_success_us = hold.last.success_us;
    let worked = work(context, sets, &options, &stop, &mut report).await;
    if worked.is_ok() && !stop.is_cancelled() {
        refresh_iceberg(context, &stop, &mut report).await;
    }
    if hold.is_lost() {
        return Err(EngineError::SyncTaken);
    }
    report.is_interrupted = options.stop.is_cancelled();
    let judgement = report.judgement();
    let is_success = worked.is_ok() && !report.is_interrupted && judgement == Judgement::Clean;
    report.verdict = match () {
        () if report.is_interrupted => "interrupted",
        () if worked.is_err() => "failed",
        () => judgement.name(),
    };
    report.ended_at = now();
    report.ended_us = now_us();
    let put = context.lake.put_sync_report(&report.run_id, &text(&report)).await;
    let ended = hold.end(report.verdict, is_success && put.is_ok()).await;
    worked?;
    put?;
    report.last_success_us = ended?.success_us;
    Ok(report)
}

/// Brings published tables up to date, whatever came of the sets: objects may have changed. The next sync does what failed here.
async fn refresh_iceberg(context: &Context, stop: &CancellationToken, report: &mut SyncReport) {
    let request =
        IcebergRequest { tables: IcebergTables::Published, stop: stop.clone(), ..IcebergRequest::default() };
    match context.publish_iceberg(&request).await {
        Ok(published) => {
            report.iceberg_stale = published.unreadable.first().cloned();
            report.iceberg = published.tables;
        }
        Err(error) => report.iceberg_stale = Some(chain(&error)),
    }
}

/// What came of the runs before.
///
/// # Errors
/// When the lake cannot be read.
pub(crate) async fn last(context: &Context) -> Result<LastSync, EngineError> {
    hold::last(&context.lake).await
}

async fn work(
    context: &Context,
    sets: &[Chosen],
    options: &SyncOptions<'_>,
    stop: &CancellationToken,
    report: &mut SyncReport,
) -> Result<(), EngineError> {
    let mut is_used_up = false;
    for chosen in sets {
        if stop.is_cancelled() {
            break;
        }
        let run = OfSet { context, chosen, options, stop, run_id: &report.run_id, is_used_up };
        let set = run.work().await?;
        is_used_up |= set.judgement == Some(Judgement::UsedUp);
        report.sets.push(set);
    }
    // Last of all, and not after anything that failed.
    if stop.is_cancelled() || report.judgement() != Judgement::Clean {
        return Ok(());
    }
    let lake = &context.lake;
    let removes = sets.iter().any(|chosen| chosen.set.keep_days.is_some());
    let certified = match removes && !options.break_certificates {
        true => named(lake).await?,
        false => Named::default(),
    };
    let retain = Retain { lake, sets, retention: options.retention, certified: &certified };
    for (chosen, set) in sets.iter().zip(&mut report.sets) {
        retention::retain(&retain, chosen, set).await?;
    }
    Ok(())
}

/// The work on one set.
struct OfSet<'a> {
    context: &'a Context,
    chosen: &'a Chosen,
    options: &'a SyncOptions<'a>,
    stop: &'a CancellationToken,
    run_id: &'a str,
    /// Whether nothing can be fetched any more: an earlier set has used up the quota.
    is_used_up: bool,
}

impl OfSet<'_> {
    async fn work(&self) -> Result<SetReport, EngineError> {
        let Chosen { name, set, selection } = self.chosen;
        let days = selection.days;
        let mut report = SetReport {
            name: name.clone(),
            first_day: days.first().to_string(),
            last_day: days.last().to_string(),
            ..SetReport::default()
        };
        let grace_us = i64::from(set.export_grace_hours) * 3_600_000_000;
        let grace = ExportGrace { us: grace_us, now_us: now_us() };
        let waits = Waits { grace, is_allowed: false };

        self.step(Step::Plan);
        let planned = self.context.plan(selection, PlanOptions::default()).await?;
        (report.tables_made, report.files) = (planned.tables_made.len(), planned.plan.units.len());
        let known = Judgement::of_plan(&planned.plan, &waits);
        let fetched = if self.is_used_up && !planned.plan.units.is_empty() {
            Judgement::UsedUp
        } else {
            self.download(planned.plan, known, &mut report).await?
        };
        let candles = match self.stop.is_cancelled() {
            false if !set.candles.is_empty() => self.candles(&mut report).await?,
            _ => None,
        };
        let validated = if self.stop.is_cancelled() {
            Judgement::NotClean
        } else {
            self.validate(&waits, &mut report).await?
        };
        let made = candles.map_or(Judgement::Clean, |summary| of_candles(&summary, &mut report));
        let checked = match self.stop.is_cancelled() {
            false if !checked::groups(self.chosen).is_empty() => self.check(&mut report).await?,
            _ => Judgement::Clean,
        };
        let judgement = report::worst([fetched, validated, made, checked]);
        (report.judgement, report.verdict) = (Some(judgement), judgement.name());
        Ok(report)
    }

    fn step(&self, step: Step) {
        (self.options.on_step)(&self.chosen.name, step);
    }

    async fn download(
        &self,
        plan: Plan,
        known: Judgement,
        report: &mut SetReport,
    ) -> Result<Judgement, EngineError> {
        if plan.units.is_empty() {
            return Ok(known);
        }
        self.step(Step::Download);
        let options = DownloadOptions {
            run_id: Some(format!("{}-{}", self.run_id, self.chosen.name)),
            slots: self.options.slots,
            progress: self.options.progress.clone(),
            stop: self.stop.clone(),
            ..DownloadOptions::default()
        };
        let summary: RunSummary = self.context.download(plan, options).await?;
        let done = &summary.done;
        (report.files_done, report.files_failed) = (done.files_done, done.files_failed);
        (report.bytes, report.rows) = (done.bytes, done.rows);
        report.failures =
            done.failures.iter().take(LISTED).map(|f| format!("{}: {}", f.file, f.cause)).collect();
        report.notes.extend(summary.ended_by.clone());
        Ok(Judgement::of_download(&summary, known))
    }

    async fn candles(&self, report: &mut SetReport) -> Result<Option<CandleSummary>, EngineError> {
        self.step(Step::Candles);
        // Every input that there is: two sets of one instrument make the same candles.
        let selection = Selection { data_types: DataType::ALL.to_vec(), ..self.chosen.selection.clone() };
        let options = CandlePlanOptions {
            timeframes: self.chosen.set.candles.clone(),
            fill: Fill::None,
            shard: Shard::WHOLE,
            remake: Remake::Outdated,
        };
        let mut plan = self.context.plan_candles(&selection, &options).await?;
        // Inputs that nobody wants do not lack.
        plan.lacking.retain(|partition| self.chosen.selection.data_types.contains(&partition.data_type));
        if plan.is_about_nothing() {
            report.notes.push("there is nothing to make candles of".to_owned());
            return Ok(None);
        }
        let options = CandleRunOptions {
            run_id: Some(format!("{}-{}", self.run_id, self.chosen.name)),
            progress: self.options.progress.clone(),
            stop: self.stop.clone(),
            ..CandleRunOptions::default()
        };
        let summary = self.context.make_candles(plan, options).await?;
        report.candle_objects = summary.objects;
        Ok(Some(summary))
    }

    async fn validate(&self, waits: &Waits, report: &mut SetReport) -> Result<Judgement, EngineError> {
        self.step(Step::Validate);
        let validation = self.context.validate(&self.chosen.selection, ValidateOptions::default()).await?;
        report.notes.extend(validation.notes);
        let mut found: ValidationReport = validation.report;
        found.failed_files = report.files_failed;
        found.conclude();
        report.counts = found.totals;
        report.completeness = found.verdict.name().to_owned();
        report.missing = found.missing.iter().take(LISTED).cloned().collect();
        let is_waiting = |day: &String| day.parse::<Day>().is_ok_and(|day| waits.grace.covers(day));
        (report.days_waiting, report.days_late) =
            found.days_not_exported.iter().cloned().partition(is_waiting);
        report
            .notes
            .extend(found.not_stored.iter().map(|reason| format!("reports are not stored: {reason}")));
        report.notes.extend(found.names.never_existed.iter().map(|never| {
            let meant = match &never.suggestions[..] {
                [] => String::new(),
                keys => format!("; perhaps {}", keys.join(" or ")),
            };
            format!("there is no instrument {}{meant}", never.name)
        }));
        Ok(Judgement::of_validation(&found, waits))
    }

    async fn check(&self, report: &mut SetReport) -> Result<Judgement, EngineError> {
        self.step(Step::Check);
        let lake = &self.context.lake;
        let groups = checked::groups(self.chosen);
        for days in checked::unchecked(lake, self.chosen).await? {
            if self.stop.is_cancelled() {
                break;
            }
            let plan = CheckPlan::new(groups.iter().copied(), checked::settings(self.chosen));
            let selection = Selection { days, ..self.chosen.selection.clone() };
            let options = CheckOptions {
                rows_of: RowsOf::Selection,
                keep: Keep::InLake,
                stop: self.stop.clone(),
                ..CheckOptions::default()
            };
            let checked = self.context.check(plan, &selection, options).await?;
            report.days_checked += days.days().count();
            report.notes.extend(checked.report.notes);
        }
        report.notes.sort();
        report.notes.dedup();
        let findings = checked::findings(lake, self.chosen).await?;
        let errors = findings.get(&Severity::Error).copied().unwrap_or_default();
        report.findings =
            findings.into_iter().map(|(severity, count)| (severity.name().to_owned(), count)).collect();
        Ok(if errors > 0 { Judgement::Unsound } else { Judgement::Clean })
    }
}

/// What the candles came to. Days that wait for the vendor lack nothing yet.
fn of_candles(summary: &CandleSummary, report: &mut SetReport) -> Judgement {
    let waits = |line: &&String| {
        let days = report.days_waiting.iter().chain(&report.days_late);
        days.into_iter().any(|day| line.starts_with(day.as_str()))
    };
    let lines = summary.without_trades.iter().chain(&summary.lacking);
    let lacking = lines.filter(|line| !waits(line)).count() + summary.failures.len() + summary.left;
    report.candles_lacking = lacking;
    let failures = summary.failures.iter().take(LISTED);
    report.failures.extend(failures.map(|f| format!("candles {} {}: {}", f.day, f.instrument_key, f.cause)));
    if lacking > 0 { Judgement::NotClean } else { Judgement::Clean }
}
