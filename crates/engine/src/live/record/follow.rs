//! What a session hands on is brought into the lake, again and again until it is there.

use std::time::Duration;

use futures::future::BoxFuture;
use mtdh_lake::Lake;
use mtdh_lake::live::SealedSegment;
use mtdh_source::live::clock;
use mtdh_source::live::out::Gap;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::claim::Held;
use super::{Progress, Tell, VenueSummary};
use crate::EngineError;
use crate::live::LiveError;
use crate::live::parts::{self, Of};
use crate::live::plan::{Keys, SessionPlan};
use crate::live::rebuild::add_gaps;
use crate::live::session::waiting::{Share, Waits};
use crate::live::session::{Ended, Running, State, Told, Work};

/// Gaps are written together, at most so often: each time a day's table is written anew.
const GAPS_EVERY: Duration = Duration::from_secs(2);
/// What the lake refuses is tried again after this, and then ever more slowly.
const AGAIN: Duration = Duration::from_millis(500);
const AGAIN_AT_MOST: Duration = Duration::from_secs(30);
/// Attempts after the recording was asked to end. What is not in the lake then is made at the next start, from the captures.
const LAST_ATTEMPTS: u32 = 2;
/// And no longer than this, where the lake does not answer.
const LAST_PATIENCE: Duration = Duration::from_secs(15);

/// What is followed, and where to.
pub(super) struct Following {
    pub lake: Lake,
    pub of: Of,
    pub plan: SessionPlan,
    pub stop: CancellationToken,
    pub tell: Tell,
}

/// What was not brought into the lake.
#[derive(Default)]
struct Left {
    stretches: u64,
    captures: u64,
    gaps: u64,
    /// Why, of the last.
    error: String,
}

impl Following {
    /// Brings into the lake what a session hands on. What came of it, and whether all of it is there.
    pub async fn run(self, running: Running, held: Held) -> (VenueSummary, bool) {
        let exchange = self.of.venue.exchange();
        let Running { thread, mut work, durable, mut told } = running;
        let telling = {
            let tell = self.tell.clone();
            tokio::spawn(async move {
                while let Some(told) = told.recv().await {
                    tell(Progress { exchange, told });
                }
            })
        };
        let mut summary = VenueSummary {
            exchange: exchange.to_owned(),
            is_experimental: self.of.venue.is_experimental(),
            session: self.of.session.to_string(),
            ..VenueSummary::default()
        };
        let bringing = async {
            let (mut left, mut parts) = (Left::default(), 0);
            self.bring_all(&mut work, durable, &held, &mut left, &mut parts).await;
            (left, parts)
        };
        let taken_over = async {
            let other = held.keep().await;
            self.stop.cancel();
            (self.tell)(Progress { exchange, told: Told::Note(format!("the recording ends, as {other}")) });
            summary.failures.push(format!("another recorder took over: {other}"));
            std::future::pending::<()>().await;
        };
        let (left, parts) = tokio::select! {
            brought = bringing => brought,
            () = taken_over => (Left::default(), 0),
        };
        summary.parts = parts;
        summary.failures.extend(left.told());
        // The session is at its end, as nothing is handed on any more.
        let ended = tokio::task::spawn_blocking(move || thread.join()).await;
        // It ends with the session.
        let _told = telling.await;
        let mut is_all_there = left.is_nothing();
        match ended {
            Ok(Ok(Ok(Ended { state, given_up, is_capture_only }))) => {
                let State { counts, lines, gaps, .. } = state;
                (summary.messages, summary.quirks) = (counts.messages, counts.quirks);
                (summary.unread, summary.rows, summary.lines, summary.gaps) =
                    (counts.unread, counts.rows, lines, gaps);
                summary.is_capture_only = is_capture_only;
                summary.failures.extend(given_up);
            }
            Ok(Ok(Err(error))) => {
                is_all_there = false;
                summary.failures.push(mtdh_core::error::chain(&error));
            }
            _ => {
                is_all_there = false;
                summary.failures.push("the session ended by a fault of the program".to_owned());
            }
        }
        held.end(is_all_there).await;
        (summary, is_all_there)
    }

    async fn bring_all(
        &self,
        work: &mut tokio::sync::mpsc::Receiver<Work>,
        mut durable: watch::Receiver<u64>,
        held: &Held,
        left: &mut Left,
        parts: &mut u64,
    ) {
        let mut keys = Keys::of(&self.plan);
        // They count as waiting until the lake has them.
        let mut gaps: (Vec<Gap>, Vec<Share>) = Default::default();
        let mut flush = tokio::time::interval(GAPS_EVERY);
        loop {
            tokio::select! {
                one = work.recv() => match one {
                    Some(Work::Gaps(new, share)) => {
                        gaps.0.extend(new);
                        gaps.1.push(share);
                    }
                    Some(Work::Stretch(waits)) => *parts += self.bring_rows(waits, &mut durable, left).await,
                    Some(Work::Sealed(segment)) => self.bring_capture(&segment, left).await,
                    Some(Work::Left) => {
                        left.stretches += 1;
                        "the disk had no room for it".clone_into(&mut left.error);
                    }
                    None => break,
                },
                _ = flush.tick() => {
                    self.put_gaps(&mut keys, &mut gaps).await;
                    let now = clock::now();
                    if work.is_empty() && left.is_nothing() {
                        held.brought(now);
                    }
                }
            }
        }
        if left.is_nothing() {
            let (last, put) = (self.last(), self.put_gaps(&mut keys, &mut gaps));
            tokio::select! {
                () = put => {}
                () = last => {}
            }
        }
        left.gaps = gaps.0.len() as u64;
    }

    /// The parts of rows that are in the lake now and were not before.
    async fn bring_rows(&self, waits: Waits, durable: &mut watch::Receiver<u64>, left: &mut Left) -> u64 {
        let last = waits.lines.1;
        let is_durable = left.is_nothing() && durable.wait_for(|line| *line > last).await.is_ok();
        let stretch = match is_durable {
            true => match tokio::task::spawn_blocking(move || waits.taken()).await {
                Ok(taken) => taken,
                Err(error) => Err(std::io::Error::other(error)),
            },
            false => Err(std::io::Error::other("its lines are not on the disk")),
        };
        let (stretch, _share) = match stretch {
            Ok(stretch) => stretch,
            Err(source) => {
                left.stretches += 1;
                if left.error.is_empty() {
                    left.error = LiveError::Scratch { source }.to_string();
                }
                return 0;
            }
        };
        match self.again(|| Box::pin(parts::publish(&self.lake, &self.of, &stretch))).await {
            Ok(published) => published.made,
            Err(error) => {
                left.stretches += 1;
                left.error = error;
                0
            }
        }
    }

    async fn bring_capture(&self, segment: &SealedSegment, left: &mut Left) {
        let brought = match left.is_nothing() {
            true => {
                let upload = || async { Ok(self.lake.upload_segment(segment).await?) };
                self.again(|| Box::pin(upload())).await.map(|_| ())
            }
            false => Err(std::mem::take(&mut left.error)),
        };
        if let Err(error) = brought {
            left.captures += 1;
            left.error = error;
        }
    }

    /// Tries until it is done; after the recording was asked to end, only for a while. What stood in the way then.
    async fn again<'a, T>(
        &self,
        attempt: impl Fn() -> BoxFuture<'a, Result<T, EngineError>>,
    ) -> Result<T, String> {
        let (mut wait, mut last_attempts, mut error) = (AGAIN, 0, "the lake did not answer".to_owned());
        let mut last = std::pin::pin!(self.last());
        loop {
            let done = tokio::select! {
                done = attempt() => done,
                () = &mut last => return Err(error),
            };
            match done {
                Ok(done) => return Ok(done),
                Err(failed) => error = mtdh_core::error::chain(&failed),
            }
            last_attempts += u32::from(self.stop.is_cancelled());
            tracing::warn!(
                exchange = self.of.venue.exchange(),
                error,
                "the lake did not take what was recorded"
            );
            if last_attempts >= LAST_ATTEMPTS {
                return Err(error);
            }
            let most = if self.stop.is_cancelled() { AGAIN } else { AGAIN_AT_MOST };
            tokio::select! {
                () = tokio::time::sleep(wait.min(most)) => {}
                () = &mut last => return Err(error),
            }
            wait = (wait * 2).min(AGAIN_AT_MOST);
        }
    }

    /// Comes when the lake was waited for long enough after the recording was asked to end.
    async fn last(&self) {
        self.stop.cancelled().await;
        tokio::time::sleep(LAST_PATIENCE).await;
    }

    async fn put_gaps(&self, keys: &mut Keys, gaps: &mut (Vec<Gap>, Vec<Share>)) {
        if gaps.0.is_empty() {
            return;
        }
        match add_gaps(&self.lake, &self.of, keys, &gaps.0).await {
            Ok(()) => *gaps = Default::default(),
            Err(error) => {
                let error = mtdh_core::error::chain(&error);
                let exchange = self.of.venue.exchange();
                tracing::warn!(exchange, error, "the lake did not take the table of gaps");
            }
        }
    }
}

impl Left {
    fn is_nothing(&self) -> bool {
        (self.stretches, self.captures, self.gaps) == (0, 0, 0)
    }

    /// What is told of it, a line each.
    fn told(&self) -> Vec<String> {
        let error = &self.error;
        let later = "the next recording in this folder brings it there";
        let kinds = [
            (self.stretches, "rows", "stretches of rows"),
            (self.captures, "a capture", "captures"),
            (self.gaps, "a gap", "gaps"),
        ];
        let told = |(count, one, many): (u64, &str, &str)| match count {
            0 => None,
            1 => Some(format!("{one} could not be brought into the lake; {later}: {error}")),
            _ => Some(format!("{count} {many} could not be brought into the lake; {later}: {error}")),
        };
        kinds.into_iter().filter_map(told).collect()
    }
}
