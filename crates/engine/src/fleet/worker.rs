//! One worker process of a run: it works on its own shard, then on parts that others have not started or have abandoned,
//! until every part is done or held by a live worker.
//!
//! A shard is held in parts. A worker takes the next part as soon as a slot is free and no file waits for it, so that the end
//! of one part overlaps the start of the next.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use futures::StreamExt;
use mtdh_core::Day;
use mtdh_core::partition::Shard;
use mtdh_core::shards::Part;
use mtdh_lake::LakeError;
use mtdh_lake::layout::LAST_TOKEN;
use mtdh_lake::tables::reports::Available;
use serde::Serialize;
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use super::saved_plan::{SavedPlan, newest_tokens};
use crate::download::ingest::Ingest;
use crate::download::plan::DownloadTask;
use crate::download::slots::Slot;
use crate::error::EngineError;
use crate::runs::lease::{LeaseRequest, PartLease, PartProgress, Watch};
use crate::runs::summary::{RunState, RunSummary};
use mtdh_lake::inventory::ObjectState;

/// Progress objects read at the same time.
const READS: usize = 16;

/// One worker of a run.
pub struct Worker<'a> {
    /// The downloader; its `holding` is set for each part.
    pub ingest: Ingest,
    /// The run's plan.
    pub plan: &'a SavedPlan,
    /// Its own shard.
    pub shard: Shard,
    /// Its name: machine, process, and a part that makes it unique.
    pub holder: String,
    /// How long a holder may go without renewing before another worker takes over its part.
    pub lease: Duration,
    /// Called for each event.
    pub on_event: &'a (dyn Fn(Event) + Send + Sync),
}

/// An event of a worker.
#[derive(Clone, Debug)]
pub enum Event {
    /// It starts a part.
    Begun {
        /// The part.
        part: Part,
        /// Files to fetch.
        files: usize,
    },
    /// It takes a part over.
    TakenOver {
        /// The part.
        part: Part,
        /// The previous holder.
        from: String,
        /// The new token.
        token: u32,
        /// Files of the part that are left.
        files: usize,
    },
    /// It has nothing to do, and waits to see whether others finish their parts.
    Waiting {
        /// Indices of the shards that others work on.
        shards: BTreeSet<u32>,
    },
    /// A part was taken over by another worker because this one did not renew its lease.
    Lost {
        /// The part.
        part: Part,
    },
}

/// The summary of one worker for a part.
#[derive(Debug, Serialize)]
pub struct PartSummary {
    /// The part's number within its shard.
    pub part: u32,
    /// Its summary.
    #[serde(flatten)]
    pub summary: RunSummary,
}

/// A part that may be taken.
struct Free {
    part: Part,
    /// The token to claim it with.
    token: u32,
    /// The progress of its last holder; `None`: it was not started.
    before: Option<PartProgress>,
}

/// The state of the run, as read once.
#[derive(Default)]
struct Look {
    /// Parts that this worker may take.
    free: Vec<Free>,
    /// Indices of the shards that others work on.
    waiting: BTreeSet<u32>,
}

/// A worker's view of the run.
#[derive(Default)]
struct Known {
    /// The parts of the plan, with their tasks.
    cut: BTreeMap<Part, Vec<usize>>,
    /// Parts that this worker holds, or that need no more work.
    settled: BTreeSet<Part>,
    watch: Watch,
    waited_for: BTreeSet<u32>,
}

/// A part that this worker holds, with its state.
struct Taken {
    part: Part,
    units: Vec<usize>,
    token: u32,
    before: Option<PartProgress>,
    done: BTreeSet<usize>,
    summary: RunSummary,
    holding: Arc<PartLease>,
    work: CancellationToken,
    /// Occupies the queue for the part's files until they have slots of their own, so that no other part is taken meanwhile.
    place: Slot,
}

/// The work of a worker so far.
#[derive(Default)]
struct Did {
    parts: std::sync::Mutex<Vec<PartSummary>>,
    /// No further part may be started.
    is_enough: AtomicBool,
}

impl Worker<'_> {
    /// Works until no part is left that this worker may take or that another worker holds. Returns what it did, in the order
    /// of completion.
    ///
    /// # Errors
    /// When the run cannot continue: the lake fails, the key is refused, or the run is divided into another number of shards.
    pub async fn work(&self) -> Result<Vec<PartSummary>, EngineError> {
        self.ingest.lake.check_writable().await?;
        let known = Known { cut: self.plan.parts(self.shard.total()), ..Known::default() };
        let (known, did) = (Mutex::new(known), Did::default());
        // A failure that every part would share ends all parts in progress.
        let stop = self.ingest.stop.child_token();
        // As many as there are slots: at the end of a part each file may be of another part.
        let lanes = (0..self.ingest.slots.count()).map(|_| async {
            let outcome = self.take_parts(&known, &did, &stop).await;
            if outcome.is_err() {
                stop.cancel();
            }
            outcome
        });
        // One phase, whatever the number of parts.
        let _phase = self.ingest.progress.phase("downloading", "file");
        let outcomes = futures::future::join_all(lanes).await;
        outcomes.into_iter().collect::<Result<(), EngineError>>()?;
        Ok(did.parts.into_inner().unwrap_or_else(PoisonError::into_inner))
    }

    /// Takes parts and works on them, one after the other.
    async fn take_parts(
        &self,
        known: &Mutex<Known>,
        did: &Did,
        stop: &CancellationToken,
    ) -> Result<(), EngineError> {
        loop {
            // Only one lane at a time looks for a part, when a slot is idle.
            let taken = self.next(&mut *known.lock().await, did, stop).await?;
            let Some(taken) = taken else { return Ok(()) };
            let part = taken.part;
            let summary = self.hold(taken).await?;
            if matches!(summary.state, RunState::TakenOver | RunState::UsedUp) {
                did.is_enough.store(true, Ordering::Relaxed);
            }
            let mut parts = did.parts.lock().unwrap_or_else(PoisonError::into_inner);
            parts.push(PartSummary { part: part.number, summary });
        }
    }

    /// Waits for a part that this worker may take, and claims it. `None`: there will be none.
    async fn next(
        &self,
        known: &mut Known,
        did: &Did,
        stop: &CancellationToken,
    ) -> Result<Option<Taken>, EngineError> {
        loop {
            tokio::select! {
                () = stop.cancelled() => return Ok(None),
                () = self.ingest.slots.idle() => {}
            }
            if did.is_enough.load(Ordering::Relaxed) || self.ingest.slots.are_closed() {
                return Ok(None);
            }
            let Look { free, waiting } = self.look(known).await?;
            let nothing_free = free.is_empty();
            for free in free {
                let (part, units) = (free.part, known.cut.get(&free.part).cloned().unwrap_or_default());
                if let Some(taken) = self.claim(free, units, stop).await? {
                    known.settled.insert(part);
                    return Ok(Some(taken));
                }
            }
            if nothing_free && waiting.is_empty() {
                did.is_enough.store(true, Ordering::Relaxed);
                return Ok(None);
            }
            if known.waited_for != waiting {
                (self.on_event)(Event::Waiting { shards: waiting.clone() });
                known.waited_for = waiting;
            }
            // A holder renews every third of a lease. This looks twice as often, so that a dead holder is detected within one
            // lease and a third after it ended.
            tokio::select! {
                () = stop.cancelled() => return Ok(None),
                () = tokio::time::sleep(self.lease / 6) => {}
            }
        }
    }

    /// The parts that this worker may take, those of its own shard first, and the shards that others work on. Parts that need
    /// no more work are settled.
    async fn look(&self, known: &mut Known) -> Result<Look, EngineError> {
        let (lake, run_id, own) = (&self.ingest.lake, &self.plan.run_id, self.shard);
        let newest = newest_tokens(lake, run_id).await?;
        if let Some(other) = newest.keys().find(|part| part.shard.total() != own.total()) {
            let (run_id, total) = (run_id.clone(), other.shard.total());
            return Err(EngineError::OtherShards { run_id, total, index: own.index(), asked: own.total() });
        }
        let mut order: Vec<Part> =
            known.cut.keys().copied().filter(|part| !known.settled.contains(part)).collect();
        // Of other shards the largest parts first; each worker starts at another shard.
        let steps = |part: &Part| {
            (u64::from(part.shard.index()) + u64::from(own.total()) - u64::from(own.index()))
                % u64::from(own.total())
        };
        order.sort_by_key(|part| (part.shard != own, part.number, steps(part)));
        let mut look = Look::default();
        // A shard that nobody has started is left to the worker that will.
        let is_begun = |part: &Part| part.shard == own || newest.keys().any(|p| p.shard == part.shard);
        let not_begun = order.iter().filter(|part| !newest.contains_key(part) && is_begun(part));
        look.free.extend(not_begun.map(|part| Free { part: *part, token: 1, before: None }));
        if !look.free.is_empty() {
            return Ok(look);
        }
        let units = self.plan.units.len();
        let begun: Vec<(Part, u32)> =
            order.iter().filter_map(|part| Some((*part, *newest.get(part)?))).collect();
        let reads = begun.into_iter().map(|(part, token)| async move {
            Ok::<_, LakeError>((part, token, PartProgress::read(lake, run_id, part, token, units).await?))
        });
        let mut reads = futures::stream::iter(reads).buffered(READS);
        // Parts of its own shard that their holders report as done.
        let mut said_done: Vec<Free> = Vec::new();
        while let Some(read) = reads.next().await {
            let (part, token, Some(before)) = read? else { continue };
            if token == LAST_TOKEN {
                let path = lake.part_progress_path(run_id, part, token).to_string();
                return Err(LakeError::WrongTable { path, reason: "it has the last token".to_owned() }.into());
            }
            let may_have = match before.summary.state {
                RunState::Done if before.summary.done.failures.is_empty() && part.shard == own => {
                    said_done.push(Free { part, token: token + 1, before: Some(before) });
                    continue;
                }
                RunState::Done if before.summary.done.failures.is_empty() => false,
                RunState::Running if known.watch.is_silent(part, &before.lease, Instant::now()) => true,
                RunState::Running => {
                    look.waiting.insert(part.shard.index());
                    continue;
                }
                RunState::Interrupted => true,
                // Another worker would fail in the same way: only the worker that is started for this shard tries again.
                RunState::Done | RunState::UsedUp | RunState::Stopped | RunState::TakenOver => {
                    part.shard == own
                }
            };
            if may_have {
                look.free.push(Free { part, token: token + 1, before: Some(before) });
            } else {
                known.settled.insert(part);
            }
        }
        drop(reads);
        if look.free.is_empty() {
            look.free = self.not_there(said_done, known).await?;
        }
        Ok(look)
    }

    /// The last look before a shard is done. Returns the parts of which the lake lacks an answer, since objects can be
    /// removed by hand; the others are settled.
    async fn not_there(&self, said_done: Vec<Free>, known: &mut Known) -> Result<Vec<Free>, EngineError> {
        if said_done.is_empty() {
            return Ok(Vec::new());
        }
        let units_of = |free: &Free| known.cut.get(&free.part).cloned().unwrap_or_default();
        let units: Vec<usize> = said_done.iter().flat_map(units_of).collect();
        let there = self.plan.inventory(&self.ingest.lake, &units).await?;
        let is_there = |free: &Free| units_of(free).iter().all(|unit| self.plan.is_answered(*unit, &there));
        let (whole, lacking): (Vec<Free>, Vec<Free>) = said_done.into_iter().partition(is_there);
        known.settled.extend(whole.iter().map(|free| free.part));
        Ok(lacking)
    }

    /// Claims a part. `None`: another worker was faster.
    async fn claim(
        &self,
        free: Free,
        units: Vec<usize>,
        stop: &CancellationToken,
    ) -> Result<Option<Taken>, EngineError> {
        let Free { part, token, before } = free;
        let done = before.as_ref().map(|before| before.done(self.plan.units.len())).unwrap_or_default();
        let mut summary = match &before {
            Some(before) => before.summary.clone(),
            None => RunSummary::start(self.plan.run_id.clone(), part.shard, Default::default()),
        };
        (summary.state, summary.done.files) = (RunState::Running, units.len());
        (summary.done.files_done, summary.done.files_failed) = (done.len(), 0);
        (summary.done.failures, summary.done.left, summary.ended_by) = (Vec::new(), Vec::new(), None);
        let named = |unit: &usize| (*unit, self.plan.weights[*unit], self.plan.units[*unit].file.path());
        let work = stop.child_token();
        let claim = LeaseRequest {
            lake: self.ingest.lake.clone(),
            part,
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
        let place = self.ingest.slots.place();
        Ok(Some(Taken { part, units, token, before, done, summary, holding, work, place }))
    }

    /// Works on a part.
    async fn hold(&self, taken: Taken) -> Result<RunSummary, EngineError> {
        let Taken { part, units, token, before, mut done, mut summary, holding, work, place } = taken;
        let keeper = Keeper::start(&holding);
        let mut available = BTreeMap::new();
        if before.is_some() {
            // Its last holder may have published more than it recorded.
            available = self.find(&units, &mut done, &mut summary, &holding).await?;
        }
        let left: Vec<DownloadTask> = units
            .iter()
            .filter(|unit| !done.contains(unit))
            .map(|unit| self.plan.units[*unit].clone())
            .collect();
        let files = left.len();
        let left = self.ingest.slots.places(left);
        drop(place);
        self.ingest.progress.part_held(before.is_some());
        (self.on_event)(match before {
            Some(before) => Event::TakenOver { part, from: before.lease.holder, token, files },
            None => Event::Begun { part, files },
        });
        let ingest = Ingest { holding: Some(holding.clone()), stop: work, ..self.ingest.clone() };
        let outcome = ingest.go_on(left, summary, available).await;
        drop(keeper);
        let mut summary = outcome?;
        if holding.is_lost() {
            summary.state = RunState::TakenOver;
            (self.on_event)(Event::Lost { part });
        }
        Ok(summary)
    }

    /// Records the tasks that the lake has answers for, and returns the lines for the days' reports.
    async fn find(
        &self,
        units: &[usize],
        done: &mut BTreeSet<usize>,
        summary: &mut RunSummary,
        holding: &PartLease,
    ) -> Result<BTreeMap<Day, Vec<Available>>, EngineError> {
        let there = self.plan.inventory(&self.ingest.lake, units).await?;
        let mut lines: BTreeMap<Day, Vec<Available>> = BTreeMap::new();
        for number in units {
            let unit = &self.plan.units[*number];
            let answers = unit.members.iter().map(|member| match there.get(&member.partition) {
                Some(ObjectState::Answered(line)) => Some((**line).clone()),
                _ => None,
            });
            let answers: Option<Vec<Available>> = answers.collect();
            let Some(answers) = answers else {
                // Recorded as done, but not there: removed since.
                done.remove(number);
                continue;
            };
            // An object to be replaced exists in any case.
            let is_old = unit.members.iter().any(|member| member.replaces);
            if is_old && !done.contains(number) {
                continue;
            }
            if done.insert(*number) {
                summary.done.files_done += 1;
                for line in &answers {
                    summary.done.rows += line.tally.rows_out;
                    summary.done.rows_rejected += line.tally.rows_rejected;
                    summary.done.count(line.status);
                }
                holding.note_done(&unit.file.path());
            }
            lines.entry(unit.file.day).or_default().extend(answers);
        }
        summary.done.files_done = done.len();
        holding.note(summary);
        Ok(lines)
    }
}

/// Renews a lease until it is dropped.
struct Keeper {
    task: tokio::task::JoinHandle<()>,
}

impl Keeper {
    fn start(holding: &Arc<PartLease>) -> Keeper {
        let holding = holding.clone();
        Keeper { task: tokio::spawn(async move { holding.keep().await }.in_current_span()) }
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        self.task.abort();
    }
}
