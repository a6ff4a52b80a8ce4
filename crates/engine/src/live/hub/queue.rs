//! The events that wait for one listener: a bounded ring, which a publisher fills without waiting.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use mtdh_core::DataType;
use tokio::sync::Notify;

use super::Limits;
use super::event::{Entry, Event};

/// What waits for a listener.
pub(super) struct Queue {
    waiting: Mutex<Waiting>,
    /// Told when the first event comes into an empty ring, and when the ring is full.
    pub(super) wake: Notify,
    /// Told once, when the ring is full.
    pub(super) full: Notify,
    limits: Limits,
    is_conflated: bool,
}

#[derive(Default)]
struct Waiting {
    /// `None`: a newer event of the same stream is behind.
    entries: VecDeque<Option<Arc<Entry>>>,
    /// Events that were taken off the front so far.
    before: usize,
    /// Where the newest event of a stream is that a newer one replaces: its place since the beginning.
    newest: HashMap<usize, usize>,
    bytes: usize,
    events: usize,
    conflated: u64,
    /// Events that found no room. From the first on, none is taken: what waits is without a hole.
    missed: u64,
}

/// What was taken of a ring.
#[derive(Default)]
pub(super) struct Batch {
    pub(super) entries: Vec<Arc<Entry>>,
    pub(super) conflated: u64,
    /// More than 0: the ring was full, and what waited before was taken already.
    pub(super) missed: u64,
}

/// Whether only the latest row of a stream is of use to somebody who is behind.
fn is_state(data_type: DataType) -> bool {
    matches!(data_type, DataType::BookTicker | DataType::Quotes | DataType::DerivativeTicker)
}

impl Queue {
    pub(super) fn new(limits: Limits, is_conflated: bool) -> Queue {
        let waiting = Mutex::default();
        Queue { waiting, wake: Notify::new(), full: Notify::new(), limits, is_conflated }
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds an event, or counts it as missed.
    pub(super) fn push(&self, entry: &Arc<Entry>) {
        let weight = entry.event.weight();
        let mut waiting = self.lock();
        let waiting = &mut *waiting;
        if waiting.missed > 0 {
            waiting.missed += 1;
            return;
        }
        if self.is_conflated
            && let Event::Rows(rows) = &entry.event
            && is_state(rows.stream.data_type)
        {
            let place = waiting.before + waiting.entries.len();
            let older = waiting.newest.insert(rows.stream.number, place);
            let older = older.and_then(|older| older.checked_sub(waiting.before));
            if let Some(gone) = older.and_then(|older| waiting.entries.get_mut(older)).and_then(Option::take)
            {
                waiting.bytes -= gone.event.weight();
                waiting.events -= 1;
                waiting.conflated += 1;
            }
        }
        let is_full = waiting.events >= self.limits.waiting_events
            || waiting.bytes + weight > self.limits.waiting_bytes;
        if is_full && waiting.events > 0 {
            waiting.missed = 1;
            self.full.notify_one();
            self.wake.notify_one();
            return;
        }
        waiting.entries.push_back(Some(entry.clone()));
        waiting.events += 1;
        waiting.bytes += weight;
        if waiting.events == 1 {
            self.wake.notify_one();
        }
        // Replaced events leave holes; they are closed before they are more than what waits.
        if waiting.entries.len() > 2 * waiting.events + 64 {
            waiting.close_holes();
        }
    }

    /// Takes up to so many events.
    pub(super) fn take(&self, most: usize) -> Batch {
        let mut waiting = self.lock();
        let mut batch = Batch { conflated: std::mem::take(&mut waiting.conflated), ..Batch::default() };
        while batch.entries.len() < most {
            let Some(entry) = waiting.entries.pop_front() else { break };
            waiting.before += 1;
            if let Some(entry) = entry {
                waiting.events -= 1;
                waiting.bytes -= entry.event.weight();
                batch.entries.push(entry);
            }
        }
        if batch.entries.is_empty() {
            batch.missed = waiting.missed;
        }
        batch
    }

    /// Forgets what waits.
    pub(super) fn clear(&self) {
        *self.lock() = Waiting::default();
    }

    /// Whether an event found no room.
    pub(super) fn is_full(&self) -> bool {
        self.lock().missed > 0
    }
}

impl Waiting {
    fn close_holes(&mut self) {
        self.entries.retain(Option::is_some);
        self.newest.clear();
        let before = self.before;
        for (place, entry) in self.entries.iter().enumerate() {
            if let Some(Event::Rows(rows)) = entry.as_ref().map(|entry| &entry.event)
                && is_state(rows.stream.data_type)
            {
                self.newest.insert(rows.stream.number, before + place);
            }
        }
    }
}
