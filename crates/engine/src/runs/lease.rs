//! Leases on parts of a shard: progress objects that are renewed, and takeover by a higher token.
//!
//! Each holder of a part has an object of its own, named by its token; only the holder writes it, every third of a lease. A
//! worker that has seen the newest object of a part unchanged for a whole lease, by its own clock, creates the next one, with
//! the next token, on condition that it does not exist. This is one atomic step on a disk, on GCS and on S3: a takeover
//! cannot be half done, and does not depend on wall clocks.
//!
//! A holder has lost its part as soon as an object with a higher token exists. It looks for one with each renewal, and before
//! it publishes an object if its last renewal is at least half a lease old: a process that was frozen finds out before it
//! publishes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use mtdh_core::shards::Part;
use mtdh_lake::{Lake, LakeError, LakePath, WriteMode};
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;

use crate::runs::summary::{DownloadSummary, RunState, RunSummary, SUMMARY_VERSION, now, text};

/// The holder of a part, and how long its lease lasts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LeaseNote {
    /// The holder: machine, process, and a part that makes it unique.
    pub holder: String,
    /// 1 for the first holder of the part, one more for each takeover.
    pub token: u32,
    /// Number of renewals.
    pub beat: u64,
    /// Seconds without a renewal after which another worker may take over.
    pub seconds: f64,
}

/// A part's progress: one object for each of its holders.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PartProgress {
    /// Its number within the shard.
    pub part: u32,
    /// Its holder.
    pub lease: LeaseNote,
    /// Numbers of the plan's tasks that are done, as `0-15,17`.
    pub units_done: String,
    /// Weight of the part's tasks, in rows.
    pub weight: u64,
    /// Weight of the tasks that are done, in rows.
    pub weight_done: u64,
    /// The part's counts, including those of its earlier holders.
    #[serde(flatten)]
    pub summary: RunSummary,
}

impl PartProgress {
    /// Reads the object of one holder; the plan has `units` tasks. The content is checked before it is used: another program,
    /// or a person, may have written it.
    ///
    /// # Errors
    /// When the store fails, or the object is not valid.
    pub async fn read(
        lake: &Lake,
        run_id: &str,
        part: Part,
        token: u32,
        units: usize,
    ) -> Result<Option<PartProgress>, LakeError> {
        let path = lake.part_progress_path(run_id, part, token);
        let Some(bytes) = lake.read(&path).await? else { return Ok(None) };
        check_versions(&path, &bytes)?;
        let wrong = |reason: String| {
            let reason = format!("{reason}; delete it, and its part is worked on anew");
            LakeError::WrongTable { path: path.to_string(), reason }
        };
        let read: PartProgress = serde_json::from_slice(&bytes).map_err(|e| wrong(e.to_string()))?;
        read.check(part, token, units).map_err(wrong)?;
        Ok(Some(read))
    }

    fn check(&self, part: Part, token: u32, units: usize) -> Result<(), String> {
        let DownloadSummary { files, files_done, files_failed, bytes, rows, rows_rejected, .. } =
            self.summary.done;
        if (self.part, self.lease.token) != (part.number, token) {
            return Err(format!("it says part {} and holder {}", self.part, self.lease.token));
        }
        if !(0.0..=LONGEST_LEASE).contains(&self.lease.seconds) {
            return Err(format!("its lease is {} s, and the longest is {LONGEST_LEASE}", self.lease.seconds));
        }
        let counts = [files as u64, files_done as u64, files_failed as u64, bytes, rows, rows_rejected];
        let weights = [self.weight, self.weight_done];
        if let Some(count) = counts.iter().chain(&weights).find(|count| **count > MOST) {
            return Err(format!("it counts {count} of something"));
        }
        read_ranges(&self.units_done, units).map(drop)
    }

    /// The numbers of the tasks that are done; the plan has `units` tasks.
    pub fn done(&self, units: usize) -> BTreeSet<usize> {
        // An object that was read has passed the check.
        read_ranges(&self.units_done, units).unwrap_or_default()
    }
}

/// The longest lease, in seconds: the limit of the setting.
const LONGEST_LEASE: f64 = 86_400.0;

/// Upper limit for rows, bytes and files of a part.
const MOST: u64 = 1 << 50;
/// Refuses an object of a newer format, or of another version of the program, which may divide and count otherwise.
fn check_versions(path: &LakePath, bytes: &[u8]) -> Result<(), LakeError> {
    #[derive(Deserialize)]
    struct Versions {
        summary_version: u32,
        program_version: String,
    }
    // Any other fault is reported by the caller, which reads the whole object.
    let Ok(Versions { summary_version, program_version }) = serde_json::from_slice(bytes) else {
        return Ok(());
    };
    let path = || path.to_string();
    if summary_version > SUMMARY_VERSION {
        return Err(LakeError::Newer { path: path(), found: summary_version });
    }
    if program_version == env!("CARGO_PKG_VERSION") {
        Ok(())
    } else {
        Err(LakeError::OtherProgram { path: path(), found: program_version })
    }
}

/// A part that this worker holds.
#[derive(Debug)]
pub struct PartLease {
    lake: Lake,
    part: Part,
    note: LeaseNote,
    lease: Duration,
    /// Numbers and weights of the part's tasks, by the vendor's path.
    numbers: BTreeMap<String, (usize, u64)>,
    weight: u64,
    held: Mutex<LeaseState>,
    /// Allows one renewal at a time.
    renewing: tokio::sync::Mutex<()>,
    /// Cancels the work on the part when it is lost.
    work: CancellationToken,
}

#[derive(Debug)]
struct LeaseState {
    summary: RunSummary,
    done: BTreeSet<usize>,
    weight_done: u64,
    beat: u64,
    /// Start of the last renewal that was written while nobody had a higher token.
    renewed: Instant,
    is_lost: bool,
}

/// A claim on a part.
#[derive(Debug)]
pub struct LeaseRequest {
    /// The lake.
    pub lake: Lake,
    /// The part.
    pub part: Part,
    /// The token to claim.
    pub token: u32,
    /// The claiming worker.
    pub holder: String,
    /// How long a holder may go without renewing.
    pub lease: Duration,
    /// The part's tasks: number, weight, the vendor's path.
    pub units: Vec<(usize, u64, String)>,
    /// Tasks that are known to be done.
    pub done: BTreeSet<usize>,
    /// The counts to continue from.
    pub summary: RunSummary,
    /// Cancelled when the part is lost.
    pub work: CancellationToken,
}

impl LeaseRequest {
    /// Claims the part; `None`: another worker was faster.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn take(self) -> Result<Option<PartLease>, LakeError> {
        let LeaseRequest { lake, part, token, holder, lease, units, done, summary, work } = self;
        let weight = units.iter().map(|unit| unit.1).sum();
        let weight_done = units.iter().filter(|unit| done.contains(&unit.0)).map(|unit| unit.1).sum();
        let numbers = units.into_iter().map(|(number, weight, path)| (path, (number, weight))).collect();
        let held =
            LeaseState { summary, done, weight_done, beat: 0, renewed: Instant::now(), is_lost: false };
        let note = LeaseNote { holder, token, beat: 0, seconds: lease.as_secs_f64() };
        let (held, renewing) = (Mutex::new(held), tokio::sync::Mutex::default());
        let holding = PartLease { lake, part, note, lease, numbers, weight, held, renewing, work };
        let bytes = holding.bytes();
        match holding.lake.publish_bytes(&holding.path(token), &bytes, WriteMode::Create).await {
            Ok(()) => Ok(Some(holding)),
            Err(LakeError::Exists { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

impl PartLease {
    /// The token that it is held by.
    pub fn token(&self) -> u32 {
        self.note.token
    }

    /// Whether another worker has taken it over.
    pub fn is_lost(&self) -> bool {
        self.held().is_lost
    }

    /// Records progress, which the next renewal writes.
    pub(crate) fn note(&self, summary: &RunSummary) {
        self.held().summary.clone_from(summary);
    }

    /// Records that a file is done.
    pub(crate) fn note_done(&self, path: &str) {
        if let Some((number, weight)) = self.numbers.get(path) {
            let mut held = self.held();
            if held.done.insert(*number) {
                held.weight_done += weight;
            }
        }
    }

    /// Renews for ever, every third of a lease. A renewal that fails is tried again with the next.
    pub(crate) async fn keep(&self) {
        loop {
            tokio::time::sleep(self.lease / 3).await;
            if let Err(error) = self.renew().await {
                tracing::warn!(part = %self.part, cause = %mtdh_core::error::chain(&error), "the lease was not renewed");
            }
            if self.is_lost() {
                return;
            }
        }
    }

    /// Writes the progress, and checks whether the part is still this worker's.
    ///
    /// # Errors
    /// When the store fails.
    pub(crate) async fn renew(&self) -> Result<(), LakeError> {
        let _one = self.renewing.lock().await;
        let started = Instant::now();
        self.held().beat += 1;
        let bytes = self.bytes();
        self.lake.put(&self.path(self.note.token), &bytes).await?;
        if self.has_successor().await? {
            // Its final state, `done` included, is the successor's to report.
            let bytes = self.bytes();
            return self.lake.put(&self.path(self.note.token), &bytes).await;
        }
        self.held().renewed = started;
        Ok(())
    }

    /// Whether an object may be published: the part is still this worker's.
    ///
    /// # Errors
    /// When the store fails.
    pub(crate) async fn may_publish(&self) -> Result<bool, LakeError> {
        {
            let held = self.held();
            if held.is_lost {
                return Ok(false);
            }
            // Nobody takes over before a whole lease has passed since the renewal.
            if held.renewed.elapsed() < self.lease / 2 {
                return Ok(true);
            }
        }
        Ok(!self.has_successor().await?)
    }

    async fn has_successor(&self) -> Result<bool, LakeError> {
        let is_lost = self.lake.read(&self.path(self.note.token + 1)).await?.is_some();
        if is_lost {
            self.held().is_lost = true;
            self.work.cancel();
        }
        Ok(is_lost)
    }

    fn path(&self, token: u32) -> LakePath {
        let run_id = self.held().summary.run_id.clone();
        self.lake.part_progress_path(&run_id, self.part, token)
    }

    fn bytes(&self) -> Vec<u8> {
        let mut held = self.held();
        held.summary.updated_at = now();
        if held.is_lost {
            held.summary.state = RunState::TakenOver;
        }
        if held.summary.state == RunState::Done && held.summary.done.failures.is_empty() {
            // A grouped file that was replaced by those of its members is done as well.
            held.done = self.numbers.values().map(|unit| unit.0).collect();
            held.weight_done = self.weight;
        }
        let progress = PartProgress {
            part: self.part.number,
            lease: LeaseNote { beat: held.beat, ..self.note.clone() },
            units_done: ranges(&held.done),
            weight: self.weight,
            weight_done: held.weight_done,
            summary: held.summary.clone(),
        };
        text(&progress)
    }

    fn held(&self) -> MutexGuard<'_, LeaseState> {
        // Nothing panics while the lock is held.
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Formats numbers as `0-15,17`.
fn ranges(numbers: &BTreeSet<usize>) -> String {
    let mut spans: Vec<(usize, usize)> = Vec::new();
    for number in numbers {
        match spans.last_mut() {
            Some(span) if span.1 + 1 == *number => span.1 = *number,
            _ => spans.push((*number, *number)),
        }
    }
    let text = |(first, last)| if first == last { format!("{first}") } else { format!("{first}-{last}") };
    spans.into_iter().map(text).collect::<Vec<_>>().join(",")
}

/// Parses [`ranges`], as numbers below `units`.
fn read_ranges(text: &str, units: usize) -> Result<BTreeSet<usize>, String> {
    let mut numbers = BTreeSet::new();
    for part in text.split(',').filter(|_| !text.is_empty()) {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let span = first.parse::<usize>().ok().zip(last.parse::<usize>().ok());
        match span.filter(|(first, last)| first <= last && *last < units) {
            Some((first, last)) => numbers.extend(first..=last),
            None => return Err(format!("`{part}` is no range of a plan's {units} files")),
        }
    }
    Ok(numbers)
}

/// Observes the parts of others: since when each object has been unchanged.
#[derive(Debug, Default)]
pub struct Watch {
    seen: BTreeMap<Part, (u32, u64, Instant)>,
}

impl Watch {
    /// Records the current state of a part, and returns whether its holder has not renewed for its whole lease.
    pub fn is_silent(&mut self, part: Part, lease: &LeaseNote, now: Instant) -> bool {
        let seen = self.seen.entry(part).or_insert((lease.token, lease.beat, now));
        if (seen.0, seen.1) != (lease.token, lease.beat) {
            *seen = (lease.token, lease.beat, now);
        }
        now.duration_since(seen.2) >= Duration::from_secs_f64(lease.seconds.clamp(0.0, LONGEST_LEASE))
    }
}

#[cfg(test)]
mod tests {
    use mtdh_core::partition::Shard;
    use mtdh_lake::LakeOptions;

    use super::*;

    fn part(number: u32) -> Part {
        Part { shard: Shard::new(1, 3).unwrap(), number }
    }

    fn claim(lake: &Lake, token: u32, holder: &str) -> LeaseRequest {
        let part = part(2);
        LeaseRequest {
            lake: lake.clone(),
            part,
            token,
            holder: holder.to_owned(),
            lease: Duration::ZERO,
            units: vec![(0, 10, "a".to_owned()), (2, 30, "b".to_owned())],
            done: BTreeSet::new(),
            summary: RunSummary::start("r".to_owned(), part.shard, Default::default()),
            work: CancellationToken::new(),
        }
    }

    fn lake(folder: &tempfile::TempDir) -> Lake {
        Lake::open(folder.path().to_str().unwrap(), &LakeOptions::default()).unwrap()
    }

    #[tokio::test]
    async fn one_of_many_claimants_gets_the_part() {
        let folder = tempfile::tempdir().unwrap();
        let lake = lake(&folder);
        for token in [1, 2] {
            let claims = (0..8).map(|i| claim(&lake, token, &format!("worker-{i}")).take());
            let taken = futures::future::join_all(claims).await;
            let winners: Vec<_> = taken.into_iter().filter_map(Result::unwrap).collect();
            assert_eq!(winners.len(), 1);
            let read = PartProgress::read(&lake, "r", part(2), token, 3).await.unwrap().unwrap();
            assert_eq!(read.lease, winners[0].note);
        }
    }

    #[tokio::test]
    async fn a_holder_that_was_overtaken_notices_and_may_not_publish() {
        let folder = tempfile::tempdir().unwrap();
        let lake = lake(&folder);
        let first = claim(&lake, 1, "first").take().await.unwrap().unwrap();
        first.note_done("b");
        first.note_done("none of the shard's");
        first.renew().await.unwrap();
        assert!(first.may_publish().await.unwrap());
        let second = claim(&lake, 2, "second").take().await.unwrap().unwrap();
        assert!(!first.may_publish().await.unwrap(), "it is asked before it publishes");
        assert!(first.work.is_cancelled() && first.is_lost());
        first.renew().await.unwrap();
        let left = PartProgress::read(&lake, "r", part(2), 1, 3).await.unwrap().unwrap();
        assert_eq!((left.summary.state, left.weight_done, left.weight), (RunState::TakenOver, 30, 40));
        assert_eq!(left.done(3), BTreeSet::from([2]));
        let newest = PartProgress::read(&lake, "r", part(2), 2, 3).await.unwrap().unwrap();
        assert_eq!(newest.lease.holder, "second", "what the first writes is not what its successor did");
        assert!(second.may_publish().await.unwrap());
    }

    #[tokio::test]
    async fn a_holder_that_finds_its_successor_as_it_ends_does_not_say_done() {
        let folder = tempfile::tempdir().unwrap();
        let lake = lake(&folder);
        let first = claim(&lake, 1, "first").take().await.unwrap().unwrap();
        let mut summary = RunSummary::start("r".to_owned(), part(2).shard, Default::default());
        summary.state = RunState::Done;
        first.note(&summary);
        claim(&lake, 2, "second").take().await.unwrap().unwrap();
        first.renew().await.unwrap();
        let left = PartProgress::read(&lake, "r", part(2), 1, 3).await.unwrap().unwrap();
        assert_eq!(left.summary.state, RunState::TakenOver);
    }

    #[test]
    fn silence_is_measured_by_the_observers_clock_from_the_last_change_that_it_saw() {
        let start = Instant::now();
        let at = |seconds: u64| start + Duration::from_secs(seconds);
        let note = |token, beat| LeaseNote { holder: String::new(), token, beat, seconds: 30.0 };
        let mut watch = Watch::default();
        for (seconds, token, beat, expected) in [
            (0, 1, 4, false),
            (29, 1, 4, false),
            (30, 1, 4, true),
            (31, 1, 5, false),
            (60, 1, 5, false),
            (60, 2, 0, false),
            (89, 2, 0, false),
            (90, 2, 0, true),
        ] {
            let silent = watch.is_silent(part(0), &note(token, beat), at(seconds));
            assert_eq!(silent, expected, "after {seconds} s, token {token}, beat {beat}");
        }
        assert!(!watch.is_silent(part(1), &note(1, 4), at(100)), "another part has its own time");
    }

    #[test]
    fn ranges_read_back() {
        for (numbers, text) in [(vec![], ""), (vec![7], "7"), (vec![0, 1, 2, 5, 7, 8], "0-2,5,7-8")] {
            let numbers: BTreeSet<usize> = numbers.into_iter().collect();
            assert_eq!(ranges(&numbers), text);
            assert_eq!(read_ranges(text, 9), Ok(numbers));
        }
        for text in ["x", "3-", "2,", "-1", "5-4", "9", "0-99999999999", "0-18446744073709551615", "1e3"] {
            assert!(read_ranges(text, 9).is_err(), "{text}");
        }
    }

    #[tokio::test]
    async fn an_object_that_no_holder_writes_is_refused_by_its_name() {
        let folder = tempfile::tempdir().unwrap();
        let lake = lake(&folder);
        claim(&lake, 1, "first").take().await.unwrap().unwrap();
        let path = lake.part_progress_path("r", part(2), 1);
        let good: serde_json::Value =
            serde_json::from_slice(&lake.read(&path).await.unwrap().unwrap()).unwrap();
        for (at, value, words) in [
            ("/units_done", "\"0-99999999999\"", "`0-99999999999` is no range of a plan's 3 files"),
            ("/units_done", "\"3\"", "no range"),
            ("/lease/seconds", "1e300", "its lease is 1"),
            ("/lease/seconds", "-1", "its lease is -1"),
            ("/lease/token", "4294967295", "holder 4294967295"),
            ("/part", "3", "part 3"),
            ("/rows", "18446744073709551615", "18446744073709551615 of something"),
            ("/weight_done", "18446744073709551615", "of something"),
            ("/lease", "null", "invalid type"),
        ] {
            let mut changed = good.clone();
            *changed.pointer_mut(at).unwrap() = serde_json::from_str(value).unwrap();
            lake.put(&path, changed.to_string().as_bytes()).await.unwrap();
            let refused = PartProgress::read(&lake, "r", part(2), 1, 3).await.unwrap_err().to_string();
            assert!(refused.contains(words) && refused.contains(path.as_ref()), "{at}: {refused}");
        }
    }
}
