//! How far a run is, and what is left of it: from the lake alone, on any machine.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use mtdh_core::partition::Shard;
use mtdh_lake::Lake;
use serde::Serialize;

use super::lease::ShardProgress;
use super::saved_plan::{SavedPlan, progress_objects};
use crate::error::EngineError;
use crate::plan::Unit;
use crate::presence::Presence;
use crate::run::{Failure, RunState};

/// How one shard stands.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ShardReport {
    /// Its index, from 0.
    pub index: u32,
    /// `not_begun`, `running`, `silent` (running, and not renewed for a lease), `done`, `failed` (done, with failures),
    /// `interrupted`, `used_up` or `stopped`.
    pub state: &'static str,
    /// Who holds it, or held it last; null when nobody has begun.
    pub holder: Option<String>,
    /// How many workers have had it, the present one included.
    pub holders: u32,
    /// Its files.
    pub files: usize,
    /// Those that are done.
    pub files_done: usize,
    /// Those that failed.
    pub files_failed: usize,
    /// Share of its expected work that is done, 0 to 1.
    pub share_done: f64,
    /// Compressed bytes that came.
    pub bytes: u64,
    /// Rows stored.
    pub rows: u64,
    /// Seconds since its last renewal, by this machine's wall clock; null when nobody works on it.
    pub silent_seconds: Option<f64>,
}

/// How a run stands.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RunReport {
    /// The run.
    pub run_id: String,
    /// SHA-256 of its plan.
    pub plan_sha256: String,
    /// `not_begun`, `running`, `done` or `not_clean` (nobody works on it, and something is left or failed).
    pub state: &'static str,
    /// Files of the plan.
    pub files: usize,
    /// Those that are done.
    pub files_done: usize,
    /// Those that failed.
    pub files_failed: usize,
    /// Share of the expected work that is done, 0 to 1.
    pub share_done: f64,
    /// Compressed bytes that came.
    pub bytes: u64,
    /// Rows stored.
    pub rows: u64,
    /// Files a second since the run began; null before anything was done.
    pub files_per_second: Option<f64>,
    /// Bytes a second since the run began.
    pub bytes_per_second: Option<f64>,
    /// Seconds that are left at this pace, by expected rows; null when nothing was done, or nobody works on it.
    pub seconds_left: Option<f64>,
    /// Shards that workers stopped renewing.
    pub dead_shards: usize,
    /// Shards that another worker has taken over.
    pub taken_over_shards: usize,
    /// Failed files by cause.
    pub failures: BTreeMap<String, usize>,
    /// Its shards, in order.
    pub shards: Vec<ShardReport>,
}

/// Looks at a run.
///
/// # Errors
/// When the run has no plan, or the lake cannot be read.
pub async fn look(lake: &Lake, run_id: &str) -> Result<RunReport, EngineError> {
    let plan = SavedPlan::load(lake, run_id).await?;
    let newest = newest(lake, run_id).await?;
    let total = newest.keys().map(|shard| shard.1).max().unwrap_or(0);
    let (now, cut) = (Utc::now(), plan.cut(total));
    let (mut shards, mut failures, mut began, mut last) = (Vec::new(), BTreeMap::new(), None, None);
    let (mut weight_done, mut bytes, mut rows) = (0, 0, 0);
    for index in 0..total {
        let Ok(shard) = Shard::new(index, total) else { continue };
        let read = match newest.get(&(index, total)) {
            Some(token) => ShardProgress::read(lake, run_id, shard, *token).await?,
            None => None,
        };
        let Some(progress) = read else {
            shards.push(not_begun(index, cut.iter().filter(|shard| **shard == index).count()));
            continue;
        };
        let summary = &progress.summary;
        for failure in &summary.failures {
            *failures.entry(kind(failure)).or_default() += 1;
        }
        let time = |text: &str| DateTime::parse_from_rfc3339(text).ok().map(|t| t.with_timezone(&Utc));
        began = began.into_iter().chain(time(&summary.started_at)).min();
        last = last.into_iter().chain(time(&summary.updated_at)).max();
        (weight_done, bytes, rows) =
            (weight_done + progress.weight_done, bytes + summary.bytes, rows + summary.rows);
        let silent = time(&summary.updated_at).map(|t| seconds(t, now));
        shards.push(shard_report(index, &progress, silent));
    }
    let sum = |count: fn(&ShardReport) -> usize| shards.iter().map(count).sum::<usize>();
    let (files_done, files_failed) = (sum(|s| s.files_done), sum(|s| s.files_failed));
    let is_at_work = shards.iter().any(|shard| matches!(shard.state, "running" | "silent"));
    let weight: u64 = plan.weights.iter().sum();
    let span = began.zip(last).map(|(began, last)| seconds(began, last)).filter(|span| *span > 0.0);
    let rate = |count: f64| span.map(|span| count / span).filter(|rate| *rate > 0.0);
    Ok(RunReport {
        run_id: run_id.to_owned(),
        state: match (shards.is_empty(), is_at_work, shards.iter().all(|shard| shard.state == "done")) {
            (true, _, _) => "not_begun",
            (_, true, _) => "running",
            (_, _, true) => "done",
            _ => "not_clean",
        },
        files: plan.units.len(),
        files_done,
        files_failed,
        share_done: share(weight_done, weight),
        bytes,
        rows,
        files_per_second: rate(files_done as f64),
        bytes_per_second: rate(bytes as f64),
        seconds_left: rate(weight_done as f64)
            .filter(|_| is_at_work)
            .map(|rate| weight.saturating_sub(weight_done) as f64 / rate),
        dead_shards: sum(|s| usize::from(s.state == "silent")),
        taken_over_shards: sum(|s| usize::from(s.holders > 1)),
        failures,
        shards,
        plan_sha256: plan.hash,
    })
}

/// What is left of a run: the files of its plan that are not done.
///
/// # Errors
/// As [`look`].
pub async fn left(lake: &Lake, run_id: &str) -> Result<Vec<Unit>, EngineError> {
    let plan = SavedPlan::load(lake, run_id).await?;
    let mut noted: BTreeSet<usize> = BTreeSet::new();
    for (index, total, token) in progress_objects(lake, run_id).await? {
        let Ok(shard) = Shard::new(index, total) else { continue };
        let progress = ShardProgress::read(lake, run_id, shard, token).await?;
        noted.extend(progress.iter().flat_map(ShardProgress::done));
    }
    let all: Vec<usize> = (0..plan.units.len()).collect();
    let there = plan.presence(lake, &all).await?;
    let is_done = |number: usize, unit: &Unit| {
        let is_there = unit
            .members
            .iter()
            .all(|member| matches!(there.get(&member.partition), Some(Presence::Answered(_))));
        // What is to be replaced is there in any case: only a worker's word says that it was.
        is_there && (noted.contains(&number) || !unit.members.iter().any(|member| member.replaces))
    };
    let left = plan.units.iter().enumerate().filter(|(number, unit)| !is_done(*number, unit));
    Ok(left.map(|(_, unit)| unit.clone()).collect())
}

/// The newest token of each shard, by index and total.
async fn newest(lake: &Lake, run_id: &str) -> Result<BTreeMap<(u32, u32), u32>, EngineError> {
    let mut newest: BTreeMap<(u32, u32), u32> = BTreeMap::new();
    for (index, total, token) in progress_objects(lake, run_id).await? {
        newest.entry((index, total)).and_modify(|known| *known = token.max(*known)).or_insert(token);
    }
    Ok(newest)
}

fn not_begun(index: u32, files: usize) -> ShardReport {
    ShardReport {
        index,
        state: "not_begun",
        holder: None,
        holders: 0,
        files,
        files_done: 0,
        files_failed: 0,
        share_done: 0.0,
        bytes: 0,
        rows: 0,
        silent_seconds: None,
    }
}

fn shard_report(index: u32, progress: &ShardProgress, silent: Option<f64>) -> ShardReport {
    let ShardProgress { lease, weight, weight_done, summary, .. } = progress;
    let is_running = summary.state == RunState::Running;
    ShardReport {
        index,
        state: match summary.state {
            RunState::Done if summary.files_failed > 0 => "failed",
            RunState::Running if silent.is_some_and(|silent| silent > lease.seconds) => "silent",
            state => state.name(),
        },
        holder: Some(lease.holder.clone()),
        holders: lease.token,
        files: summary.files,
        files_done: summary.files_done,
        files_failed: summary.files_failed,
        share_done: share(*weight_done, *weight),
        bytes: summary.bytes,
        rows: summary.rows,
        silent_seconds: silent.filter(|_| is_running),
    }
}

fn seconds(from: DateTime<Utc>, to: DateTime<Utc>) -> f64 {
    (to - from).num_milliseconds().max(0) as f64 / 1000.0
}

fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 { 1.0 } else { part as f64 / whole as f64 }
}

/// A cause without what sets one file apart (its name, its symbol, numbers), so that equal causes are counted together.
fn kind(failure: &Failure) -> String {
    let symbol =
        failure.file.rsplit('/').next().and_then(|name| name.strip_suffix(".csv.gz")).unwrap_or_default();
    let cause = failure.cause.replace(&failure.file, "the file");
    let word = |word: &str| match word {
        word if word.contains("://") => "the file".to_owned(),
        word if !symbol.is_empty() && word.trim_matches(['`', ',', '.', ':']) == symbol => {
            "its own".to_owned()
        }
        word if word.chars().all(|c| c.is_ascii_digit() || c == '.') => "N".to_owned(),
        word => word.to_owned(),
    };
    cause.split(' ').map(word).collect::<Vec<_>>().join(" ")
}
