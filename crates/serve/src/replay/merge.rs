//! The messages of a replay, in order of arrival over all instruments and data types.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use futures::{StreamExt, TryStreamExt};
use mtdh_engine::Context;
use tokio::sync::mpsc;

use super::error::ReplayError;
use super::feed::Feed;
use super::plan::{FeedPlan, Plan};
use super::session::Session;
use crate::state::Shared;

/// A part of the answer.
pub(super) enum Part {
    /// Whole messages, one a line.
    Lines(Bytes),
    /// The end of what was asked for. An answer without it is not whole.
    End,
    /// Why the answer ends early.
    Failed(ReplayError),
}

/// Parts that wait for a slow reader.
const WAITING: usize = 4;
/// Bytes of a part, about.
const PART_BYTES: usize = 32 << 10;
/// Rows of all open objects of a day that are decoded at a time, about.
const ROWS_HELD: usize = 1 << 19;
/// Rows that are decoded of one object at a time.
const MOST_ROWS: usize = 1 << 13;
const LEAST_ROWS: usize = 64;
/// Objects that are opened at the same time.
const OPENING: usize = 16;
/// Events after which it is looked whether anybody still listens, where none of them makes a message.
const UNHEARD: u32 = 1 << 14;

/// Begins a replay. Its parts come as they are taken; when the receiver is dropped it stops.
pub(super) fn start(state: Shared, plan: Plan) -> mpsc::Receiver<Part> {
    let (sender, receiver) = mpsc::channel(WAITING);
    tokio::spawn(async move {
        let mut left = state.options.limits.rows;
        let ended = run(&state.context, &plan, &sender, &mut left).await;
        state.counters.rows.fetch_add(state.options.limits.rows - left, Ordering::Relaxed);
        let last = match ended {
            Ok(()) => Part::End,
            Err(error) => Part::Failed(error),
        };
        // The reader may be gone.
        let _gone = sender.send(last).await;
    });
    receiver
}

/// `left` is how many events may still be sent.
async fn run(
    context: &Context,
    plan: &Plan,
    to: &mpsc::Sender<Part>,
    left: &mut u64,
) -> Result<(), ReplayError> {
    let mut session = Session::new(&plan.options);
    for day in &plan.days {
        let ended = replay_day(context, day, &mut session, to, left).await;
        // What came before a failure is whole messages, and is sent.
        if session.waiting() > 0 {
            let _gone = to.send(Part::Lines(session.take_lines().into())).await;
        }
        ended?;
        if to.is_closed() {
            break;
        }
    }
    Ok(())
}

async fn replay_day(
    context: &Context,
    plans: &[FeedPlan],
    session: &mut Session,
    to: &mpsc::Sender<Part>,
    left: &mut u64,
) -> Result<(), ReplayError> {
    let batch_rows = (ROWS_HELD / plans.len().max(1)).clamp(LEAST_ROWS, MOST_ROWS);
    let opening: Vec<_> = plans.iter().map(|plan| opened(context, plan, batch_rows)).collect();
    let opened: Vec<(Feed, Option<i64>)> =
        futures::stream::iter(opening).buffered(OPENING).try_collect().await?;
    // The plan's order decides between events of the same microsecond.
    let (mut feeds, arrivals): (Vec<Feed>, Vec<Option<i64>>) = opened.into_iter().unzip();
    let mut heads: BinaryHeap<Reverse<(i64, usize)>> = BinaryHeap::with_capacity(feeds.len());
    let known = arrivals.into_iter().enumerate();
    heads.extend(known.filter_map(|(place, arrival)| Some(Reverse((arrival?, place)))));
    let mut unheard = 0;
    while let Some(Reverse((_, place))) = heads.pop() {
        let feed = &mut feeds[place];
        while let Some(event) = feed.next().await? {
            *left = left.checked_sub(1).ok_or_else(|| {
                let too_much = "the replay has more rows than this server lets an answer have; ask for fewer days or symbols";
                ReplayError::TooMuch(too_much.to_owned())
            })?;
            session.take(feed.option, &feed.named, feed.kind, &event).map_err(|why| feed.wrong(&why))?;
            unheard += 1;
            if session.waiting() >= PART_BYTES {
                unheard = 0;
                if to.send(Part::Lines(session.take_lines().into())).await.is_err() {
                    return Ok(());
                }
            } else if unheard >= UNHEARD {
                unheard = 0;
                if to.is_closed() {
                    return Ok(());
                }
                tokio::task::yield_now().await;
            }
            let Some(arrival) = feed.arrival_us().await? else { break };
            let head = Reverse((arrival, place));
            if heads.peek().is_some_and(|other| *other > head) {
                heads.push(head);
                break;
            }
        }
    }
    Ok(())
}

/// An object, and when its first event arrived.
async fn opened(
    context: &Context,
    plan: &FeedPlan,
    batch_rows: usize,
) -> Result<(Feed, Option<i64>), ReplayError> {
    let mut feed = Feed::open(context, plan, batch_rows)?;
    let arrival = feed.arrival_us().await?;
    Ok((feed, arrival))
}
