//! What a session hands on is brought into the lake, again and again until it is there.

use std::sync::Arc;
use std::time::Duration;

use mtdh_lake::Lake;
use mtdh_source::live::out::Gap;
use tokio_util::sync::CancellationToken;

use super::{Progress, VenueSummary};
use crate::EngineError;
use crate::live::LiveError;
use crate::live::parts::{self, Of};
use crate::live::plan::{Keys, SessionPlan};
use crate::live::rebuild::add_gaps;
use crate::live::session::{Ended, Running, State, Work};

/// Brings into the lake what a session hands on.
pub(super) async fn follow(
    lake: Lake,
    of: Of,
    plan: SessionPlan,
    running: Running,
    stop: CancellationToken,
    tell: Arc<dyn Fn(Progress) + Send + Sync>,
) -> VenueSummary {
    let exchange = of.venue.exchange();
    let Running { thread, mut work, mut told } = running;
    let telling = {
        let tell = tell.clone();
        tokio::spawn(async move {
            while let Some(told) = told.recv().await {
                tell(Progress { exchange, told });
            }
        })
    };
    let mut summary = VenueSummary {
        exchange: exchange.to_owned(),
        is_experimental: of.venue.is_experimental(),
        session: of.session.to_string(),
        ..VenueSummary::default()
    };
    let mut keys = Keys::of(&plan);
    let mut gaps: Vec<Gap> = Vec::new();
    let mut flush = tokio::time::interval(GAPS_EVERY);
    loop {
        tokio::select! {
            one = work.recv() => match one {
                Some(Work::Gaps(new)) => gaps.extend(new),
                Some(work) => bring(&lake, &of, &work, &stop, &mut summary).await,
                None => break,
            },
            _ = flush.tick() => put_gaps(&lake, &of, &mut keys, &mut gaps).await,
        }
    }
    put_gaps(&lake, &of, &mut keys, &mut gaps).await;
    if !gaps.is_empty() {
        summary.failures.push(format!(
            "{} gaps are not in the table; making the day again from its captures writes them",
            gaps.len()
        ));
    }
    // The session is at its end, as nothing is handed on any more.
    let ended = tokio::task::spawn_blocking(move || thread.join()).await;
    // It ends with the session.
    let _told = telling.await;
    match ended {
        Ok(Ok(Ok(Ended { state, given_up, is_capture_only }))) => {
            let State { counts, lines, gaps, .. } = state;
            summary.messages = counts.messages;
            (summary.unread, summary.rows, summary.lines, summary.gaps) =
                (counts.unread, counts.rows, lines, gaps);
            summary.is_capture_only = is_capture_only;
            summary.failures.extend(given_up);
        }
        Ok(Ok(Err(error))) => summary.failures.push(mtdh_core::error::chain(&error)),
        _ => summary.failures.push("the session ended by a fault of the program".to_owned()),
    }
    summary
}

/// Gaps are written together, at most so often: each time a day's table is written anew.
const GAPS_EVERY: Duration = Duration::from_secs(2);
/// What the lake refuses is tried again after this, and then ever more slowly.
const AGAIN: Duration = Duration::from_millis(500);
const AGAIN_AT_MOST: Duration = Duration::from_secs(30);
/// Attempts after the recording was asked to end. What is not in the lake then is made at the next start, from the captures.
const LAST_ATTEMPTS: u32 = 2;

async fn bring(lake: &Lake, of: &Of, work: &Work, stop: &CancellationToken, summary: &mut VenueSummary) {
    let (mut wait, mut last_attempts) = (AGAIN, 0);
    loop {
        let done = match work {
            Work::Stretch(stretch, capture) => match durable(capture.as_ref()).await {
                Ok(()) => parts::publish(lake, of, stretch).await.map(|published| published.made),
                Err(source) => Err(LiveError::Scratch { source }.into()),
            },
            Work::Sealed(segment) => lake.upload_segment(segment).await.map(|_| 0).map_err(EngineError::from),
            Work::Gaps(_) => Ok(0),
        };
        let error = match done {
            Ok(parts) => {
                summary.parts += parts;
                return;
            }
            Err(error) => mtdh_core::error::chain(&error),
        };
        last_attempts += u32::from(stop.is_cancelled());
        tracing::warn!(exchange = of.venue.exchange(), error, "the lake did not take what was recorded");
        if last_attempts >= LAST_ATTEMPTS {
            let what = if matches!(work, Work::Sealed(_)) { "a capture" } else { "rows" };
            summary.failures.push(format!("{what} could not be brought into the lake: {error}"));
            return;
        }
        tokio::time::sleep(wait.min(if stop.is_cancelled() { AGAIN } else { AGAIN_AT_MOST })).await;
        wait = (wait * 2).min(AGAIN_AT_MOST);
    }
}

/// Brings a capture to the disk, if it is not there.
async fn durable(capture: Option<&std::fs::File>) -> std::io::Result<()> {
    let Some(capture) = capture.map(std::fs::File::try_clone).transpose()? else { return Ok(()) };
    let synced = tokio::task::spawn_blocking(move || capture.sync_data()).await;
    synced.unwrap_or_else(|error| Err(std::io::Error::other(error)))
}

async fn put_gaps(lake: &Lake, of: &Of, keys: &mut Keys, gaps: &mut Vec<Gap>) {
    if gaps.is_empty() {
        return;
    }
    match add_gaps(lake, of, keys, gaps).await {
        Ok(()) => gaps.clear(),
        Err(error) => {
            let error = mtdh_core::error::chain(&error);
            tracing::warn!(exchange = of.venue.exchange(), error, "the lake did not take the table of gaps");
        }
    }
}
