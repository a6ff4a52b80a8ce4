//! Progress of a run: counters that the work raises and a front end reads at any time. A task is a vendor file of a download,
//! or an instrument-day of candles or checks.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use super::phase::{self, Phase, PhaseLink};

/// Counters of a run.
#[derive(Debug, Default)]
pub struct Progress {
    tasks: AtomicU64,
    tasks_done: AtomicU64,
    bytes: AtomicU64,
    rows: AtomicU64,
    failures: AtomicU64,
    parts: AtomicU64,
    takeovers: AtomicU64,
    /// The phase that its tasks are of.
    phase: Mutex<PhaseLink>,
}

/// The counters at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reading {
    /// Tasks of the run.
    pub tasks: u64,
    /// Tasks that are done, failed ones included.
    pub tasks_done: u64,
    /// Bytes read from the source: compressed bytes of vendor files, or bytes of stored objects.
    pub bytes: u64,
    /// Rows published: ticks or candles.
    pub rows: u64,
    /// Tasks that failed.
    pub failures: u64,
    /// Parts of a saved plan's shards that were worked on.
    pub parts: u64,
    /// Those of them that had another holder before.
    pub takeovers: u64,
}

impl Progress {
    /// Reads the counters.
    pub fn read(&self) -> Reading {
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Reading {
            tasks: get(&self.tasks),
            tasks_done: get(&self.tasks_done),
            bytes: get(&self.bytes),
            rows: get(&self.rows),
            failures: get(&self.failures),
            parts: get(&self.parts),
            takeovers: get(&self.takeovers),
        }
    }

    /// The phase of these tasks, which ends when the last of those who asked for it drops it.
    pub(crate) fn phase(&self, name: &'static str, noun: &'static str) -> Phase {
        // Nothing panics while the lock is held.
        let mut link = self.phase.lock().unwrap_or_else(PoisonError::into_inner);
        link.phase().unwrap_or_else(|| {
            let phase = phase::begin(name, noun, 0);
            *link = phase.link();
            phase
        })
    }

    fn open_phase(&self) -> Option<Phase> {
        self.phase.lock().unwrap_or_else(PoisonError::into_inner).phase()
    }

    pub(crate) fn part_held(&self, is_takeover: bool) {
        self.parts.fetch_add(1, Ordering::Relaxed);
        self.takeovers.fetch_add(u64::from(is_takeover), Ordering::Relaxed);
    }

    pub(crate) fn expect_tasks(&self, count: usize) {
        self.tasks.fetch_add(count as u64, Ordering::Relaxed);
        if let Some(phase) = self.open_phase() {
            phase.expect(count);
        }
    }

    pub(crate) fn add_bytes(&self, count: u64) {
        self.bytes.fetch_add(count, Ordering::Relaxed);
        if let Some(phase) = self.open_phase() {
            phase.read(count);
        }
    }

    pub(crate) fn add_rows(&self, count: u64) {
        self.rows.fetch_add(count, Ordering::Relaxed);
    }

    pub(crate) fn task_done(&self) {
        self.tasks_done.fetch_add(1, Ordering::Relaxed);
        if let Some(phase) = self.open_phase() {
            phase.done();
        }
    }

    pub(crate) fn task_failed(&self) {
        self.failures.fetch_add(1, Ordering::Relaxed);
        if let Some(phase) = self.open_phase() {
            phase.failed();
        }
        self.task_done();
    }
}
