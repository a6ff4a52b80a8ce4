//! Progress of a run, and what is left of it: read from the lake alone, on any machine.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use futures::StreamExt;
use mtdh_core::Day;
use mtdh_core::partition::Shard;
use mtdh_core::shards::Part;
use mtdh_lake::Lake;
use serde::Serialize;

use super::saved_plan::{Outline, SavedPlan, newest_tokens};
use crate::download::plan::DownloadTask;
use crate::error::EngineError;
use crate::runs::lease::PartProgress;
use crate::runs::summary::{Failure, RunState, RunSummary};

/// Progress objects read at the same time.
const READS: usize = 16;

/// The state of one shard.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ShardReport {
    /// Its index, from 0.
    pub index: u32,
    /// `not_begun`, `running`, `silent` (a part is running but was not renewed for a lease), `done`, `failed` (done, with
    /// failures), `interrupted` (nobody works on what is left), `used_up` or `stopped`.
    pub state: &'static str,
    /// Holders of its parts, and the last holders of ended ones, each once, by part; empty when nobody has started.
    pub holders: Vec<String>,
    /// How often a part of it was taken over.
    pub takeovers: u32,
    /// Its files.
    pub files: usize,
    /// Files that are done.
    pub files_done: usize,
    /// Files that failed.
    pub files_failed: usize,
    /// Share of its expected work that is done, 0 to 1.
    pub share_done: f64,
    /// Compressed bytes received.
    pub bytes: u64,
    /// Rows stored.
    pub rows: u64,
    /// Seconds since its last renewal, by this machine's wall clock; `None`: nobody works on it.
    pub silent_seconds: Option<f64>,
}

/// The state of a run.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RunReport {
    /// The run.
    pub run_id: String,
    /// SHA-256 of its plan.
    pub plan_sha256: String,
    /// `not_begun`, `running`, `done` or `not_clean` (nobody works on it, and files are left or failed).
    pub state: &'static str,
    /// Files of the plan.
    pub files: usize,
    /// Files that are done.
    pub files_done: usize,
    /// Files that failed.
    pub files_failed: usize,
    /// Share of the expected work that is done, 0 to 1.
    pub share_done: f64,
    /// Compressed bytes received.
    pub bytes: u64,
    /// Rows stored.
    pub rows: u64,
    /// Files per second since the start of the run; `None`: nothing is done yet.
    pub files_per_second: Option<f64>,
    /// Bytes per second since the start of the run; `None`: nothing is done yet.
    pub bytes_per_second: Option<f64>,
    /// Estimated seconds left, by expected rows; `None`: nothing is done yet, or nobody works on the run.
    pub seconds_left: Option<f64>,
    /// Shards that their workers stopped renewing.
    pub dead_shards: usize,
    /// Shards that another worker has taken over.
    pub taken_over_shards: usize,
    /// Failed files by cause.
    pub failures: BTreeMap<String, usize>,
    /// Its shards, in order.
    pub shards: Vec<ShardReport>,
    /// Start of its first part, RFC 3339, UTC; `None`: nobody has begun.
    #[serde(skip)]
    pub started_at: Option<String>,
    /// Last change of a part, RFC 3339, UTC; `None`: as `started_at`.
    #[serde(skip)]
    pub updated_at: Option<String>,
    /// First and last day of its files; `None`: it has none.
    #[serde(skip)]
    pub days: Option<(Day, Day)>,
}

/// Reads the state of a run.
///
/// # Errors
/// When the run has no plan, or the lake cannot be read.
pub async fn look(lake: &Lake, run_id: &str) -> Result<RunReport, EngineError> {
    let plan = Outline::load(lake, run_id).await?;
    let newest = newest_tokens(lake, run_id).await?;
    let totals: BTreeSet<u32> = newest.keys().map(|part| part.shard.total()).collect();
    if totals.len() > 1 {
        let totals: Vec<String> = totals.iter().map(u32::to_string).collect();
        let reason = format!("its progress is that of {} shards", totals.join(" and of "));
        return Err(EngineError::WrongPlan { run_id: run_id.to_owned(), reason });
    }
    let total = newest.keys().map(|part| part.shard.total()).max().unwrap_or(0);
    let now = Utc::now();
    let mut parts: BTreeMap<Shard, Vec<SeenPart>> = BTreeMap::new();
    let reads = plan.parts(total).into_iter().filter(|_| total > 0).map(|(part, units)| {
        let (plan, token) = (&plan, newest.get(&part).copied());
        async move {
            let progress = match token {
                Some(token) => PartProgress::read(lake, run_id, part, token, plan.files.len()).await?,
                None => None,
            };
            let weight = units.iter().map(|unit| plan.files[*unit].2).sum();
            Ok::<_, EngineError>((part, SeenPart { files: units.len(), weight, progress }))
        }
    });
    let mut reads = futures::stream::iter(reads).buffered(READS);
    while let Some(read) = reads.next().await {
        let (Part { shard, .. }, seen) = read?;
        parts.entry(shard).or_default().push(seen);
    }
    let (mut failures, mut began, mut last) = (BTreeMap::new(), None, None);
    let mut weight_done = 0_u64;
    for progress in parts.values().flatten().filter_map(|seen| seen.progress.as_ref()) {
        let summary = &progress.summary;
        for failure in &summary.done.failures {
            *failures.entry(kind(failure)).or_default() += 1;
        }
        began = began.into_iter().chain(time(&summary.started_at)).min();
        last = last.into_iter().chain(time(&summary.updated_at)).max();
        weight_done = progress.weight_done.saturating_add(weight_done);
    }
    let shards = (0..total).filter_map(|index| Shard::new(index, total).ok());
    let report =
        |shard: Shard| shard_report(shard.index(), parts.get(&shard).map_or(&[], Vec::as_slice), now);
    let shards: Vec<ShardReport> = shards.map(report).collect();
    let bytes = total_of(shards.iter().map(|shard| shard.bytes));
    let sum = |count: fn(&ShardReport) -> usize| shards.iter().map(count).sum::<usize>();
    let (files_done, files_failed) = (sum(|s| s.files_done), sum(|s| s.files_failed));
    let is_at_work = shards.iter().any(|shard| matches!(shard.state, "running" | "silent"));
    let weight: u64 = plan.files.iter().map(|file| file.2).sum();
    let span = began.zip(last).map(|(began, last)| seconds(began, last)).filter(|span| *span > 0.0);
    let rate = |count: f64| span.map(|span| count / span).filter(|rate| *rate > 0.0);
    Ok(RunReport {
        run_id: run_id.to_owned(),
        state: match (shards.is_empty(), is_at_work, shards.iter().all(|shard| shard.state == "done")) {
            // A plan without files has no shards, and is done from the start.
            (true, _, _) if plan.files.is_empty() => "done",
            (true, _, _) => "not_begun",
            (_, true, _) => "running",
            (_, _, true) => "done",
            _ => "not_clean",
        },
        files: plan.files.len(),
        files_done,
        files_failed,
        share_done: share(weight_done, weight),
        bytes,
        rows: total_of(shards.iter().map(|shard| shard.rows)),
        files_per_second: rate(files_done as f64),
        bytes_per_second: rate(bytes as f64),
        seconds_left: rate(weight_done as f64)
            .filter(|_| is_at_work)
            .map(|rate| weight.saturating_sub(weight_done) as f64 / rate),
        dead_shards: sum(|s| usize::from(s.state == "silent")),
        taken_over_shards: sum(|s| usize::from(s.takeovers > 0)),
        failures,
        shards,
        plan_sha256: plan.hash.clone(),
        started_at: began.map(rfc3339),
        updated_at: last.map(rfc3339),
        days: {
            let days = || plan.files.iter().map(|file| file.1);
            days().min().zip(days().max())
        },
    })
}

fn rfc3339(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(chrono::SecondsFormat::Millis, true)
}

/// The files of a run's plan that are not done.
///
/// # Errors
/// As [`look`].
pub async fn left(lake: &Lake, run_id: &str) -> Result<Vec<DownloadTask>, EngineError> {
    let plan = SavedPlan::load(lake, run_id).await?;
    let mut noted: BTreeSet<usize> = BTreeSet::new();
    for (part, token) in newest_tokens(lake, run_id).await? {
        let units = plan.units.len();
        let progress = PartProgress::read(lake, run_id, part, token, units).await?;
        noted.extend(progress.iter().flat_map(|progress| progress.done(units)));
    }
    let all: Vec<usize> = (0..plan.units.len()).collect();
    let there = plan.inventory(lake, &all).await?;
    let is_done = |number: usize, unit: &DownloadTask| {
        let is_there = plan.is_answered(number, &there);
        // An object to be replaced exists in any case: only a worker's record shows that it was replaced.
        is_there && (noted.contains(&number) || !unit.members.iter().any(|member| member.replaces))
    };
    let left = plan.units.iter().enumerate().filter(|(number, unit)| !is_done(*number, unit));
    Ok(left.map(|(_, unit)| unit.clone()).collect())
}

/// A part of a shard as it was read.
struct SeenPart {
    files: usize,
    weight: u64,
    /// `None`: nobody has started it.
    progress: Option<PartProgress>,
}

impl SeenPart {
    /// Its state; with the seconds since the last renewal if it is running.
    fn state(&self, now: DateTime<Utc>) -> (&'static str, Option<f64>) {
        let Some(PartProgress { lease, summary, .. }) = &self.progress else { return ("not_begun", None) };
        let silent = time(&summary.updated_at).map(|t| seconds(t, now));
        match summary.state {
            RunState::Done if summary.done.files_failed > 0 => ("failed", None),
            RunState::Running if silent.is_some_and(|silent| silent > lease.seconds) => ("silent", silent),
            RunState::Running => ("running", silent),
            RunState::TakenOver => ("interrupted", None),
            state => (state.name(), None),
        }
    }

    /// Whether its holder ended so recently that it may be about to take the next part.
    fn has_just_ended(&self, now: DateTime<Utc>) -> bool {
        self.progress.as_ref().is_some_and(|PartProgress { lease, summary, .. }| {
            summary.state == RunState::Done
                && time(&summary.updated_at).is_some_and(|t| seconds(t, now) < lease.seconds)
        })
    }
}

fn shard_report(index: u32, parts: &[SeenPart], now: DateTime<Utc>) -> ShardReport {
    let states: Vec<_> = parts.iter().map(|part| part.state(now)).collect();
    let has = |state: &str| states.iter().any(|known| known.0 == state);
    let all = |state: &str| states.iter().all(|known| known.0 == state);
    let first =
        ["silent", "running", "stopped", "used_up", "interrupted"].into_iter().find(|state| has(state));
    let state = match first {
        // A shard without files has no parts, and nothing is left of it.
        None if all("done") => "done",
        None if all("not_begun") => "not_begun",
        None if !has("not_begun") => "failed",
        None if parts.iter().any(|part| part.has_just_ended(now)) => "running",
        None => "interrupted",
        Some(state) => state,
    };
    let begun = || parts.iter().filter_map(|part| part.progress.as_ref());
    let sum = |count: fn(&RunSummary) -> u64| total_of(begun().map(|part| count(&part.summary)));
    let mut holders: Vec<String> = Vec::new();
    for part in begun() {
        if !holders.contains(&part.lease.holder) {
            holders.push(part.lease.holder.clone());
        }
    }
    ShardReport {
        index,
        state,
        takeovers: begun().map(|part| part.lease.token.saturating_sub(1)).fold(0, u32::saturating_add),
        holders,
        // Grouped files that were replaced by those of their members count as these do.
        files: parts
            .iter()
            .map(|part| part.progress.as_ref().map_or(part.files, |p| p.summary.done.files))
            .sum(),
        files_done: begun().map(|part| part.summary.done.files_done).sum(),
        files_failed: begun().map(|part| part.summary.done.files_failed).sum(),
        share_done: share(
            total_of(begun().map(|part| part.weight_done)),
            parts.iter().map(|part| part.weight).sum(),
        ),
        bytes: sum(|summary| summary.done.bytes),
        rows: sum(|summary| summary.done.rows),
        silent_seconds: states.iter().filter_map(|state| state.1).reduce(f64::max),
    }
}

/// A sum of numbers that others wrote.
fn total_of(numbers: impl Iterator<Item = u64>) -> u64 {
    numbers.fold(0, u64::saturating_add)
}

fn time(text: &str) -> Option<DateTime<Utc>> {
    DateTime::parse_from_rfc3339(text).ok().map(|t| t.with_timezone(&Utc))
}

fn seconds(from: DateTime<Utc>, to: DateTime<Utc>) -> f64 {
    (to - from).num_milliseconds().max(0) as f64 / 1000.0
}

fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 { 1.0 } else { part as f64 / whole as f64 }
}

/// A cause without the details of one file (its name, its symbol, numbers), so that equal causes are counted together.
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
