//! One process of a run: its own shard, then what others left lying, until nothing is left that anybody works on.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use mtdh_core::Day;
use mtdh_core::partition::Shard;
use mtdh_lake::reports::Available;

use super::lease::{Claim, Holding, ShardProgress, Watch};
use super::saved_plan::{SavedPlan, progress_objects};
use crate::error::EngineError;
use crate::ingest::Ingest;
use crate::plan::Unit;
use crate::presence::Presence;
use crate::run::{RunState, RunSummary};

/// One worker of a run.
pub struct Worker<'a> {
    /// What it works with; its `holding` is set for each shard.
    pub ingest: Ingest,
    /// The run.
    pub plan: &'a SavedPlan,
    /// Its own shard.
    pub shard: Shard,
    /// Its name: machine, process, and something that sets it apart.
    pub holder: String,
    /// For how long a holder may keep silent before another worker takes its shard over.
    pub lease: Duration,
    /// Hears of what happens.
    pub tell: &'a (dyn Fn(Event) + Send + Sync),
}

/// What happens to a worker.
#[derive(Clone, Debug)]
pub enum Event {
    /// It begins a shard.
    Begun {
        /// The shard.
        shard: Shard,
        /// Files to fetch.
        files: usize,
    },
    /// It takes a shard over.
    TakenOver {
        /// The shard.
        shard: Shard,
        /// Who held it.
        from: String,
        /// The new token.
        token: u32,
        /// Files that are left of it.
        files: usize,
    },
    /// It has nothing to do, and waits whether others finish what they hold.
    Waiting {
        /// Indices of the shards that others work on.
        shards: Vec<u32>,
    },
    /// Its shard was taken over by another worker while it kept silent.
    Lost {
        /// The shard.
        shard: Shard,
    },
}

/// What one worker did.
#[derive(Debug)]
pub struct WorkerReport {
    /// The summaries of the shards that it worked on, in this order.
    pub shards: Vec<RunSummary>,
}

impl WorkerReport {
    /// Whether a shard was taken from this worker.
    pub fn is_overtaken(&self) -> bool {
        self.shards.iter().any(|shard| shard.state == RunState::TakenOver)
    }
}

/// A shard that may be worked on.
struct Free {
    shard: Shard,
    /// The token to claim it with.
    token: u32,
    /// What its last holder left.
    before: Option<ShardProgress>,
}

impl Worker<'_> {
    /// Works until no shard is left that this worker may have, or that another one is at.
    ///
    /// # Errors
    /// When the run cannot go on: the lake fails, the key is refused, or the run is cut into another number of shards.
    pub async fn work(&self) -> Result<WorkerReport, EngineError> {
        self.ingest.lake.check_writable().await?;
        let mut report = WorkerReport { shards: Vec::new() };
        let (mut watch, mut settled) = (Watch::default(), BTreeSet::new());
        let mut waited_for = Vec::new();
        while !self.ingest.stop.is_cancelled() {
            let (free, waiting) = self.look(&mut watch, &mut settled).await?;
            let (nothing_free, mut has_worked) = (free.is_empty(), false);
            for free in free {
                let Some(summary) = self.hold(free).await? else { continue };
                let state = summary.state;
                settled.insert(summary.shard_index);
                report.shards.push(summary);
                if matches!(state, RunState::TakenOver | RunState::UsedUp) {
                    return Ok(report);
                }
                has_worked = true;
                break;
            }
            if has_worked {
                continue;
            }
            if nothing_free && waiting.is_empty() {
                break;
            }
            if waited_for != waiting {
                (self.tell)(Event::Waiting { shards: waiting.clone() });
                waited_for = waiting;
            }
            tokio::select! {
                () = self.ingest.stop.cancelled() => {}
                // A holder renews every third of a lease; looking twice as often, its silence is found out within one lease
                // and one such third after it ended.
                () = tokio::time::sleep(self.lease / 6) => {}
            }
        }
        Ok(report)
    }

    /// The shards that this worker may have, its own first, and those that others work on. Shards of which nothing more
    /// is to be expected go into `settled`.
    async fn look(
        &self,
        watch: &mut Watch,
        settled: &mut BTreeSet<u32>,
    ) -> Result<(Vec<Free>, Vec<u32>), EngineError> {
        let (lake, run_id, total) = (&self.ingest.lake, &self.plan.run_id, self.shard.total());
        let mut newest: BTreeMap<u32, u32> = BTreeMap::new();
        for (index, other_total, token) in progress_objects(lake, run_id).await? {
            if other_total != total {
                let (run_id, index) = (run_id.clone(), self.shard.index());
                return Err(EngineError::OtherShards { run_id, total: other_total, index, asked: total });
            }
            newest.entry(index).and_modify(|known| *known = token.max(*known)).or_insert(token);
        }
        let (mut free, mut waiting) = (Vec::new(), Vec::new());
        for step in 0..total {
            let index = ((u64::from(self.shard.index()) + u64::from(step)) % u64::from(total)) as u32;
            let Ok(shard) = Shard::new(index, total) else { continue };
            let is_own = shard == self.shard;
            if settled.contains(&index) {
                continue;
            }
            let Some(token) = newest.get(&index).copied() else {
                // Shards that nobody has begun are for those that will.
                if is_own {
                    free.push(Free { shard, token: 1, before: None });
                }
                continue;
            };
            let Some(before) = ShardProgress::read(lake, run_id, shard, token).await? else { continue };
            let may_have = match before.summary.state {
                RunState::Done if before.summary.failures.is_empty() => false,
                RunState::Running if watch.is_silent(index, &before.lease, Instant::now()) => true,
                RunState::Running => {
                    waiting.push(index);
                    continue;
                }
                RunState::Interrupted => true,
                // What failed another worker would fail at as well: only who is started for this shard tries again.
                RunState::Done | RunState::UsedUp | RunState::Stopped | RunState::TakenOver => is_own,
            };
            match may_have {
                true => free.push(Free { shard, token: token + 1, before: Some(before) }),
                false => {
                    settled.insert(index);
                }
            }
        }
        Ok((free, waiting))
    }

    /// Claims a shard and works on it. Nothing when another worker was faster.
    async fn hold(&self, free: Free) -> Result<Option<RunSummary>, EngineError> {
        let Free { shard, token, before } = free;
        let lake = &self.ingest.lake;
        let units = self.plan.shard(shard);
        let mut done = before.as_ref().map(ShardProgress::done).unwrap_or_default();
        done.retain(|unit| *unit < self.plan.units.len());
        let mut summary = match &before {
            Some(before) => before.summary.clone(),
            None => RunSummary::start(self.plan.run_id.clone(), shard),
        };
        (summary.state, summary.files) = (RunState::Running, units.len());
        (summary.files_done, summary.files_failed) = (done.len(), 0);
        (summary.failures, summary.left, summary.ended_by) = (Vec::new(), Vec::new(), None);
        let named = |unit: &usize| (*unit, self.plan.weights[*unit], self.plan.units[*unit].file.path());
        let work = self.ingest.stop.child_token();
        let claim = Claim {
            lake: lake.clone(),
            shard,
            token,
            holder: self.holder.clone(),
            lease: self.lease,
            units: units.iter().map(named).collect(),
            done: done.clone(),
            summary: summary.clone(),
            work: work.clone(),
        };
        let Some(holding) = claim.take().await? else { return Ok(None) };
        let holding = Arc::new(holding);
        let keeper = Keeper::start(&holding);
        let mut available = BTreeMap::new();
        if before.is_some() {
            // Its last holder may have published more than it noted.
            available = self.find(&units, &mut done, &mut summary, &holding).await?;
        }
        let left: Vec<Unit> = units
            .iter()
            .filter(|unit| !done.contains(unit))
            .map(|unit| self.plan.units[*unit].clone())
            .collect();
        let files = left.len();
        self.ingest.progress.shard_held(before.is_some());
        (self.tell)(match before {
            Some(before) => Event::TakenOver { shard, from: before.lease.holder, token, files },
            None => Event::Begun { shard, files },
        });
        let ingest = Ingest { holding: Some(holding.clone()), stop: work, ..self.ingest.clone() };
        let outcome = ingest.go_on(left, summary, available).await;
        drop(keeper);
        let mut summary = outcome?;
        if holding.is_lost() {
            summary.state = RunState::TakenOver;
            (self.tell)(Event::Lost { shard });
        }
        Ok(Some(summary))
    }

    /// Notes the units that the lake has answers for, and gives the lines that belong into the days' reports.
    async fn find(
        &self,
        units: &[usize],
        done: &mut BTreeSet<usize>,
        summary: &mut RunSummary,
        holding: &Holding,
    ) -> Result<BTreeMap<Day, Vec<Available>>, EngineError> {
        let there = self.plan.presence(&self.ingest.lake, units).await?;
        let mut lines: BTreeMap<Day, Vec<Available>> = BTreeMap::new();
        for number in units {
            let unit = &self.plan.units[*number];
            let answers = unit.members.iter().map(|member| match there.get(&member.partition) {
                Some(Presence::Answered(line)) => Some((**line).clone()),
                _ => None,
            });
            let answers: Option<Vec<Available>> = answers.collect();
            let Some(answers) = answers else {
                // Noted as done, and not there: removed since.
                done.remove(number);
                continue;
            };
            // What is to be replaced is there in any case.
            let is_old = unit.members.iter().any(|member| member.replaces);
            if is_old && !done.contains(number) {
                continue;
            }
            if done.insert(*number) {
                summary.files_done += 1;
                for line in &answers {
                    summary.rows += line.tally.rows_out;
                    summary.rows_rejected += line.tally.rows_rejected;
                    summary.count(line.status);
                }
                holding.note_done(&unit.file.path());
            }
            lines.entry(unit.file.day).or_default().extend(answers);
        }
        summary.files_done = done.len();
        holding.note(summary);
        Ok(lines)
    }
}

/// Renews a lease until it is dropped.
struct Keeper {
    task: tokio::task::JoinHandle<()>,
}

impl Keeper {
    fn start(holding: &Arc<Holding>) -> Keeper {
        let holding = holding.clone();
        Keeper { task: tokio::spawn(async move { holding.keep().await }) }
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        self.task.abort();
    }
}
