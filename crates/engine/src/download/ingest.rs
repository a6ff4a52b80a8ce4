//! Runs a download plan: fetches, converts and publishes many vendor files at once.
//!
//! A file that fails is recorded and the others continue. A failure that every other file would share (the lake's disk is
//! full, the key is refused, the quota is used up) ends the run.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Instant;

use futures::StreamExt;
use mtdh_core::Day;
use mtdh_core::check::Finding;
use mtdh_core::error::chain;
use mtdh_core::footer::SourceFile;
use mtdh_core::partition::{Partition, Shard, Status};
use mtdh_core::venue::venue_of_exchange;
use mtdh_lake::tables::reports::Available;
use mtdh_lake::{Lake, LakeError, WriteMode};
use mtdh_source::http::HttpError;
use mtdh_source::tardis::csv::Reject;
use mtdh_source::tardis::datasets::{Answer, Archive};
use mtdh_source::tardis::vendor_file::VendorFile;
use tokio::sync::OwnedSemaphorePermit;
use tokio_util::sync::CancellationToken;
use tracing::Span;

use crate::check::CheckPlan;
use crate::check::kept::{CheckLine, CheckRun, lines_of_download, run_of_download};
use crate::check::lake::now_us;
use crate::download::coverage::Coverage;
use crate::download::error::ConvertError;
use crate::download::failure::{End, TaskError, fatal};
use crate::download::grouped::convert_group;
use crate::download::partition::{Converted, Input, PartitionBuilder, convert_single, without_rows};
use crate::download::plan::{DownloadTask, Plan, TaskPartition};
use crate::download::quiet;
use crate::download::replaced::Replaced;
use crate::download::row_counts::few_of_run;
use crate::download::slots::{DownloadSlots, Slot};
use crate::download::superseded;
use crate::error::EngineError;
use crate::runs::lease::PartLease;
use crate::runs::progress::Progress;
use crate::runs::summary::{Failure, RunState, RunSummary};

/// How often a file that arrived damaged is fetched again.
const REFETCHES: u32 = 2;

/// A downloader: the lake, the source, the slots and the options of a run.
#[derive(Clone)]
pub struct Ingest {
    /// Where the partitions go.
    pub lake: Lake,
    /// Where the files come from.
    pub archive: Arc<Archive>,
    /// Slots for the files worked on at the same time.
    pub slots: DownloadSlots,
    /// Counters for a front end.
    pub progress: Arc<Progress>,
    /// Cancelled to end the run early: files in progress are abandoned.
    pub stop: CancellationToken,
    /// Row checks during the download; `None`: no checks.
    pub checks: Option<Arc<CheckPlan>>,
    /// What the API key covers.
    pub coverage: Coverage,
    /// The lease on the part of a saved plan that is worked on: it records progress, and is checked before each object is
    /// published. `None`: a run without a lease.
    pub holding: Option<Arc<PartLease>>,
}

/// The result of one file.
#[derive(Default)]
struct Done {
    published: Vec<Available>,
    bytes: u64,
    rows_rejected: u64,
    other_rows: u64,
    /// Partitions whose rows were checked, and the findings.
    checked: u64,
    findings: Vec<Finding>,
    /// What the lake keeps of that.
    kept: Vec<CheckLine>,
}

/// What a run has for the days' reports.
#[derive(Default)]
struct Reported {
    available: BTreeMap<Day, Vec<Available>>,
    checks: BTreeMap<Day, Vec<CheckLine>>,
}

impl Ingest {
    /// Runs a plan. The summary lists the files that failed; see [`RunSummary::is_clean`].
    ///
    /// # Errors
    /// When the run as a whole cannot continue.
    pub async fn run(&self, plan: Plan, run_id: String, shard: Shard) -> Result<RunSummary, EngineError> {
        let mut summary = RunSummary::start(run_id, shard, Default::default());
        (summary.done.files, summary.done.about) = (plan.units.len(), plan.about());
        let reason = |skip| serde_json::to_value(skip).ok().and_then(|v| v.as_str().map(str::to_owned));
        summary.done.not_expected.clone_from(&plan.not_expected);
        let skipped = plan.skipped_by_reason();
        summary.done.skipped =
            skipped.into_iter().filter_map(|(skip, count)| Some((reason(skip)?, count))).collect();
        self.lake.check_writable().await?;
        if plan.units.is_empty() {
            summary.state = RunState::Done;
            return Ok(summary);
        }
        self.go_on(self.slots.places(plan.units), summary, BTreeMap::new()).await
    }

    /// Resumes tasks, from a summary and report lines of the work already done on their shard.
    pub(crate) async fn go_on(
        &self,
        units: Vec<(DownloadTask, Slot)>,
        mut summary: RunSummary,
        available: BTreeMap<Day, Vec<Available>>,
    ) -> Result<RunSummary, EngineError> {
        let (started, seconds_before) = (Instant::now(), summary.seconds);
        if let Some(plan) = &self.checks {
            summary.done.row_checks.get_or_insert_default().groups =
                plan.groups.iter().map(ToString::to_string).collect();
        }
        self.put(&mut summary).await?;
        self.forget_replaced(&units).await?;
        let phase = self.progress.phase("downloading", "file");
        self.progress.expect_tasks(units.len());
        units.iter().for_each(|(unit, _)| phase.weigh_about(unit.weight()));
        let mut left: BTreeSet<String> = units.iter().map(|(unit, _)| unit.file.path()).collect();
        // What ends this run does not end the program.
        let run = Ingest { stop: self.stop.child_token(), ..self.clone() };
        let mut reported = Reported { available, checks: BTreeMap::new() };
        let days = units.iter().map(|(unit, _)| unit.file.day);
        let of = self.checks.as_deref().and_then(|plan| run_of_download(plan, days, &summary.run_id));
        let outcome = run.run_units(units, of.as_ref(), &mut left, &mut summary, &mut reported).await;
        summary.done.left = left.into_iter().collect();
        let Reported { available, checks } = reported;
        for (day, lines) in &checks {
            self.unless_contended(*day, self.lake.update_checks(*day, lines).await)?;
        }
        for (day, rows) in &available {
            let note = |known: &mut BTreeMap<Partition, Available>| {
                for row in rows {
                    let mut row = row.clone();
                    if let Some(older) = known.get(&row.partition).filter(|older| row.holds_the_same(older)) {
                        row.fetched_us = row.fetched_us.or(older.fetched_us);
                    }
                    known.insert(row.partition.clone(), row);
                }
            };
            self.unless_contended(*day, self.lake.update_available(*day, note).await)?;
        }
        // Partitions of the days before are recorded by now, as far as this run has them.
        summary.done.note_few_rows(&few_of_run(&self.lake, &available).await?);
        summary.state = match (&outcome, self.stop.is_cancelled()) {
            (Err(End::UsedUp(_)), _) => RunState::UsedUp,
            (Err(End::Failed(_)), _) => RunState::Stopped,
            (Ok(()), true) => RunState::Interrupted,
            // Another part of this process used up the vendor's quota.
            (Ok(()), false) if !summary.done.left.is_empty() => RunState::Interrupted,
            (Ok(()), false) => RunState::Done,
        };
        summary.ended_by = match &outcome {
            Err(End::UsedUp(error)) => Some(chain(error)),
            Err(End::Failed(error)) => Some(chain(error)),
            Ok(()) => None,
        };
        summary.seconds = seconds_before + started.elapsed().as_secs_f64();
        self.put(&mut summary).await?;
        match outcome {
            Err(End::Failed(error)) => Err(error),
            Ok(()) | Err(End::UsedUp(_)) => Ok(summary),
        }
    }

    /// Many workers end at once, each with lines for the same days. Lines that a report lacks are looked up; the summary has the
    /// findings too.
    fn unless_contended(&self, day: Day, updated: Result<(), LakeError>) -> Result<(), LakeError> {
        match updated {
            Err(error @ LakeError::Contended { .. }) if self.holding.is_some() => {
                tracing::warn!(%day, cause = %chain(&error), "the day's report lacks what was fetched now");
                Ok(())
            }
            other => other,
        }
    }

    /// Removes the lines of objects that will be replaced from the days' reports. A reader during this run, or after it was
    /// killed, then reads the objects themselves.
    async fn forget_replaced(&self, units: &[(DownloadTask, Slot)]) -> Result<(), LakeError> {
        let mut days: BTreeMap<Day, BTreeSet<&Partition>> = BTreeMap::new();
        for member in units.iter().flat_map(|(unit, _)| &unit.members).filter(|member| member.replaces) {
            days.entry(member.partition.day).or_default().insert(&member.partition);
        }
        for (day, partitions) in days {
            self.lake
                .update_available(day, |rows| rows.retain(|known, _| !partitions.contains(known)))
                .await?;
        }
        Ok(())
    }

    /// Writes the summary; for a shard of a saved plan, records it as progress.
    async fn put(&self, summary: &mut RunSummary) -> Result<(), LakeError> {
        match &self.holding {
            Some(holding) => {
                holding.note(summary);
                holding.renew().await
            }
            None => summary.write(&self.lake).await,
        }
    }

    /// Runs the tasks; those that succeed or fail are removed from `left`.
    async fn run_units(
        &self,
        units: Vec<(DownloadTask, Slot)>,
        run: Option<&Arc<CheckRun>>,
        left: &mut BTreeSet<String>,
        summary: &mut RunSummary,
        reported: &mut Reported,
    ) -> Result<(), End> {
        let phase = self.progress.phase("downloading", "file");
        let mut replaced = Replaced::default();
        let mut waiting = units;
        // A process's first file is fetched alone: if the key is refused, nothing else is requested.
        let alone = if self.slots.is_proved() { waiting.len() } else { waiting.len().min(1) };
        let mut next = waiting.drain(..alone).collect::<Vec<_>>();
        while !next.is_empty() {
            let part = std::mem::take(&mut next);
            let work = part.into_iter().map(|(unit, mut place)| async move {
                place.take().await;
                let outcome = self.unit(&unit, run).await;
                drop(place);
                (unit, outcome)
            });
            let mut outcomes = futures::stream::iter(work).buffer_unordered(self.slots.count());
            let mut end = None;
            let (done_before, mut unsupported) = (summary.done.files_done, Vec::new());
            while let Some((unit, outcome)) = outcomes.next().await {
                match outcome {
                    None => continue,
                    Some(Ok(done)) => {
                        tracing::info!(file = unit.file.path(), bytes = done.bytes, "file done");
                        note_done(done, summary, reported, &self.progress);
                        let answered = replaced.answered(&unit).unwrap_or_else(|| unit.file.path());
                        if let Some(holding) = &self.holding {
                            holding.note_done(&answered);
                        }
                    }
                    Some(Err(error)) if error.is_interruption() => continue,
                    // The results of other files may support it.
                    Some(Err(error)) if error.is_unsupported() => {
                        unsupported.push((unit, error));
                        continue;
                    }
                    Some(Err(error)) => match self.fatal(error, &unit, &waiting, summary).await {
                        // The members' own files can replace the grouped file.
                        Ok(error) if unit.has_single_files() && error.is_of_group() => {
                            tracing::warn!(file = unit.file.path(), cause = %chain(&error), "its members are fetched by their own files");
                            let singles = unit.single_files();
                            summary.done.files += singles.len();
                            summary.done.groups_not_used += 1;
                            left.extend(singles.iter().map(|single| single.file.path()));
                            replaced.by(&unit, singles.len());
                            self.progress.expect_tasks(singles.len());
                            singles.iter().for_each(|single| phase.weigh_about(single.weight()));
                            waiting.extend(self.slots.places(singles));
                            self.progress.task_done();
                        }
                        Ok(error) => note_failure(&unit, &error, summary, &self.progress),
                        Err(cause) => {
                            // Files in progress finish and their objects are recorded; they may use the budget they were
                            // granted. If all would fail, they are abandoned.
                            match &cause {
                                End::UsedUp(_) => self.slots.close(),
                                End::Failed(_) => self.stop.cancel(),
                            }
                            end.get_or_insert(cause);
                            continue;
                        }
                    },
                }
                phase.advance(unit.weight());
                left.remove(&unit.file.path());
                if let Some(holding) = &self.holding {
                    holding.note(summary);
                }
            }
            if let Some(end) = end {
                return Err(end);
            }
            self.slots.prove();
            if summary.done.files_done > done_before || !waiting.is_empty() {
                waiting.extend(self.slots.places(unsupported.into_iter().map(|(unit, _)| unit).collect()));
            } else {
                for (unit, error) in unsupported {
                    note_failure(&unit, &error, summary, &self.progress);
                    left.remove(&unit.file.path());
                }
                if let Some(holding) = &self.holding {
                    holding.note(summary);
                }
            }
            next = std::mem::take(&mut waiting);
        }
        Ok(())
    }

    /// Downloads one file. `None`: the run ended before it was fetched.
    async fn unit(
        &self,
        unit: &DownloadTask,
        run: Option<&Arc<CheckRun>>,
    ) -> Option<Result<Done, TaskError>> {
        if let Some(covered) = self.coverage.is_known_to_exclude(&unit.file) {
            return Some(Err(TaskError::NotCovered(covered)));
        }
        let mut refetch = 0;
        loop {
            if self.slots.are_closed() {
                return None;
            }
            let fetched = tokio::select! {
                biased;
                () = self.stop.cancelled() => return None,
                fetched = self.fetch(unit, refetch) => fetched,
            };
            let answer = match fetched {
                Ok(answer) => answer,
                Err(error) => return Some(Err(error)),
            };
            // Of a file in a folder nobody knows when the vendor sent it.
            let fetched_us = matches!(*self.archive, Archive::Service(_)).then(now_us);
            let permit = self.slots.processor().await?;
            let (worker, job, run) = (self.clone(), unit.clone(), run.cloned());
            let runtime = tokio::runtime::Handle::current();
            let span = Span::current();
            let converting = tokio::task::spawn_blocking(move || {
                let _within = span.enter();
                let slots = worker.slots.clone();
                let processor = Processor { slots, runtime, permit: RefCell::new(Some(permit)) };
                worker.convert(&job, answer, fetched_us, run.as_ref(), &processor)
            });
            let outcome =
                converting.await.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()));
            match outcome {
                Err(TaskError::Convert(error)) if error.is_damage() && refetch < REFETCHES => {
                    tracing::warn!(file = unit.file.path(), cause = %chain(&error), "fetching again");
                    refetch += 1;
                }
                outcome => return Some(outcome),
            }
        }
    }

    /// Separates failures that end the run from those of one file. A file that the API key does not cover is one of its own,
    /// unless the key covers none of the others.
    async fn fatal(
        &self,
        error: TaskError,
        unit: &DownloadTask,
        waiting: &[(DownloadTask, Slot)],
        summary: &RunSummary,
    ) -> Result<TaskError, End> {
        let is_refusal =
            matches!(error.http(), Some(HttpError::Unauthorized { .. } | HttpError::Forbidden { .. }));
        if is_refusal && let Some(covered) = self.coverage.excludes(&unit.file).await {
            let is_first = summary.done.files_done == 0 && summary.done.files_failed == 0;
            let has_others = waiting.iter().any(|(other, _)| self.coverage.may_cover(&other.file));
            if !is_first || has_others {
                return Ok(TaskError::NotCovered(covered));
            }
        }
        fatal(error, summary)
    }

    async fn fetch(&self, unit: &DownloadTask, refetch: u32) -> Result<Answer, TaskError> {
        let temporary = self.lake.temporary().map_err(TaskError::Lake)?;
        let on_bytes = |count| self.progress.add_bytes(count);
        self.archive.fetch(&unit.file, refetch, temporary, &on_bytes).await.map_err(TaskError::Fetch)
    }

    /// Blocking. Converts the answer to partitions, and publishes each as soon as it is made.
    fn convert(
        &self,
        unit: &DownloadTask,
        answer: Answer,
        fetched_us: Option<i64>,
        run: Option<&Arc<CheckRun>>,
        processor: &Processor,
    ) -> Result<Done, TaskError> {
        let mut done = Done::default();
        let mut origin = SourceFile {
            path: unit.file.path(),
            exchange: unit.file.exchange.clone(),
            symbol: unit.file.symbol.clone(),
            ..SourceFile::default()
        };
        let new_stage = || self.lake.stage().map_err(ConvertError::Publish);
        let replaced: BTreeSet<&Partition> =
            unit.members.iter().filter(|m| m.replaces).map(|m| &m.partition).collect();
        let mut publish = |mut converted: Converted| {
            if let Some(holding) = &self.holding
                && !processor.wait(holding.may_publish()).map_err(ConvertError::Publish)?
            {
                return Err(ConvertError::Interrupted);
            }
            let replaces = replaced.contains(&converted.facts.partition);
            let findings = converted.findings.take();
            let mut published =
                processor.wait(self.publish(converted, replaces)).map_err(ConvertError::Publish)?;
            published.fetched_us = fetched_us;
            done.rows_rejected += published.tally.rows_rejected;
            if let (Some(run), Some(plan), Some(findings)) = (run, self.checks.as_deref(), &findings) {
                done.kept.extend(lines_of_download(run, plan, &published, findings));
            }
            done.published.push(published);
            done.checked += u64::from(findings.is_some());
            done.findings.extend(findings.into_iter().flatten());
            Ok(())
        };
        let spooled = match answer {
            Answer::Absent { reason } if unit.has_single_files() => {
                return Err(TaskError::NoGroup(reason));
            }
            Answer::Absent { reason } => {
                self.without_rows(unit, &origin, Status::Absent, &reason, publish)
                    .map_err(TaskError::Convert)?;
                return Ok(done);
            }
            Answer::File(spooled) => spooled,
        };
        let bytes = spooled.bytes;
        origin.bytes = Some(bytes);
        origin.etag.clone_from(&spooled.etag);
        origin.sha256 = Some(spooled.sha256.clone());
        origin.end = spooled.end;
        let reader = spooled.into_reader().map_err(|e| TaskError::Convert(ConvertError::Read(e)))?;
        let input = Input { reader, bytes };
        let begin = |partition: &Partition| {
            processor.take();
            PartitionBuilder::start(partition, new_stage()?, self.checks.as_deref())
        };
        let outcome = if unit.is_group {
            let temporary = self.lake.temporary().map_err(TaskError::Lake)?;
            match convert_group(input, unit, &origin, temporary, &self.stop, begin, &mut publish) {
                Err(ConvertError::EmptyGroup) if !unit.has_single_files() => {
                    let support = processor.wait(quiet::support(&self.lake, unit));
                    let publish_all =
                        |reason: String| self.without_rows(unit, &origin, Status::Empty, &reason, publish);
                    support.map_err(TaskError::Lake)?.and_then(publish_all).map(|()| None)
                }
                outcome => outcome.map(Some),
            }
        } else {
            let made = only_member(unit).and_then(|TaskPartition { partition, .. }| {
                convert_single(input, partition, origin, begin(partition)?, &self.stop)
            });
            made.and_then(publish).map(|()| None)
        };
        let leftovers = outcome.map_err(TaskError::Convert)?;
        done.bytes = bytes;
        if let Some(leftovers) = leftovers {
            done.other_rows = leftovers.other_rows;
            done.rows_rejected += leftovers.unnamed_rejects.len() as u64;
            processor
                .wait(self.quarantine_unnamed(unit, &leftovers.unnamed_rejects))
                .map_err(TaskError::Lake)?;
        }
        Ok(done)
    }

    /// The objects of all members of a file that has no rows of any.
    fn without_rows(
        &self,
        unit: &DownloadTask,
        origin: &SourceFile,
        status: Status,
        reason: &str,
        mut publish: impl FnMut(Converted) -> Result<(), ConvertError>,
    ) -> Result<(), ConvertError> {
        for member in &unit.members {
            let origin = SourceFile { symbol: member.symbol.clone(), ..origin.clone() };
            let stage = self.lake.stage().map_err(ConvertError::Publish)?;
            publish(without_rows(&member.partition, status, reason.to_owned(), origin, stage)?)?;
        }
        Ok(())
    }

    /// Quarantines rows of a grouped file whose instrument is not known.
    async fn quarantine_unnamed(&self, unit: &DownloadTask, rejects: &[Reject]) -> Result<(), LakeError> {
        let VendorFile { exchange, data_type, day, symbol } = &unit.file;
        if rejects.is_empty() {
            return Ok(());
        }
        let (venue, lines) = (venue_of_exchange(exchange), quarantine_lines(rejects));
        self.lake.put_grouped_quarantine(*day, *data_type, &venue, symbol, &lines).await
    }

    /// Quarantine first: a partition that counts rejected rows always has them stored beside it.
    async fn publish(&self, converted: Converted, replaces: bool) -> Result<Available, LakeError> {
        let Converted { facts, stage, digest, rejects, .. } = converted;
        let partition = &facts.partition;
        if !rejects.is_empty() {
            self.lake.put_quarantine(partition, &quarantine_lines(&rejects)).await?;
        } else if replaces {
            self.lake.delete_quarantine(partition).await?;
        }
        let existing = if replaces { WriteMode::Overwrite } else { WriteMode::Create };
        superseded::keep(&self.lake, &facts, existing).await?;
        let bytes = stage.bytes();
        let identity = self.lake.publish_partition(partition, stage, existing).await?;
        self.progress.add_rows(facts.tally.rows_out);
        Ok(Available::of(&facts, bytes, Some(digest), identity))
    }
}

/// The processor permit of a conversion: released while it waits for the store, acquired again for the next partition.
struct Processor {
    slots: DownloadSlots,
    runtime: tokio::runtime::Handle,
    permit: RefCell<Option<OwnedSemaphorePermit>>,
}

impl Processor {
    /// Waits for the store, with the permit released.
    fn wait<T>(&self, work: impl Future<Output = T>) -> T {
        self.permit.take();
        self.runtime.block_on(work)
    }

    /// Acquires the permit again if it was released.
    fn take(&self) {
        if self.permit.borrow().is_none() {
            *self.permit.borrow_mut() = self.runtime.block_on(self.slots.processor());
        }
    }
}

/// The one member of a file of one instrument. Instruments that share a symbol share the file, and its rows cannot be told
/// apart.
fn only_member(unit: &DownloadTask) -> Result<&TaskPartition, ConvertError> {
    let key = |member: &TaskPartition| member.partition.key.clone();
    match &unit.members[..] {
        [one, other, ..] => Err(ConvertError::SharedSymbol {
            symbol: unit.file.symbol.clone(),
            one: key(one),
            other: key(other),
        }),
        members => Ok(&members[0]),
    }
}

fn quarantine_lines(rejects: &[Reject]) -> Vec<u8> {
    let line = |r: &Reject| {
        serde_json::json!({"line": r.line, "text": r.text, "reason": r.reason}).to_string() + "\n"
    };
    rejects.iter().map(line).collect::<String>().into_bytes()
}

fn note_done(done: Done, summary: &mut RunSummary, reported: &mut Reported, progress: &Progress) {
    summary.done.files_done += 1;
    summary.done.bytes += done.bytes;
    summary.done.rows_rejected += done.rows_rejected;
    summary.done.rows_not_asked_for += done.other_rows;
    summary.done.note_checked(done.checked, &done.findings);
    for row in done.published {
        summary.done.rows += row.tally.rows_out;
        summary.done.count(row.status);
        reported.available.entry(row.partition.day).or_default().push(row);
    }
    for line in done.kept {
        reported.checks.entry(line.day).or_default().push(line);
    }
    progress.task_done();
}

fn note_failure(unit: &DownloadTask, error: &TaskError, summary: &mut RunSummary, progress: &Progress) {
    let failure = Failure { file: unit.file.path(), partitions: unit.members.len(), cause: chain(error) };
    // The summary lists it at the end; the log has it now.
    tracing::info!(file = failure.file, cause = failure.cause, "file failed");
    summary.done.files_failed += 1;
    summary.done.failures.push(failure);
    progress.task_failed();
}
