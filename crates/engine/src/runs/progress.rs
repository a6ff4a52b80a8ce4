//! How far a run is: counters that the work raises and a face reads, whenever it likes.

use std::sync::atomic::{AtomicU64, Ordering};

/// Counters of a run.
#[derive(Debug, Default)]
pub struct Progress {
    files: AtomicU64,
    files_done: AtomicU64,
    bytes: AtomicU64,
    rows: AtomicU64,
    failures: AtomicU64,
    parts: AtomicU64,
    takeovers: AtomicU64,
}

/// The counters at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reading {
    /// Files that are to be fetched.
    pub files: u64,
    /// Files that are done, failed ones included.
    pub files_done: u64,
    /// Compressed bytes that came.
    pub bytes: u64,
    /// Rows published.
    pub rows: u64,
    /// Files that failed.
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
            files: get(&self.files),
            files_done: get(&self.files_done),
            bytes: get(&self.bytes),
            rows: get(&self.rows),
            failures: get(&self.failures),
            parts: get(&self.parts),
            takeovers: get(&self.takeovers),
        }
    }

    pub(crate) fn part_held(&self, is_takeover: bool) {
        self.parts.fetch_add(1, Ordering::Relaxed);
        self.takeovers.fetch_add(u64::from(is_takeover), Ordering::Relaxed);
    }

    pub(crate) fn expect_files(&self, count: usize) {
        self.files.fetch_add(count as u64, Ordering::Relaxed);
    }

    pub(crate) fn add_bytes(&self, count: u64) {
        self.bytes.fetch_add(count, Ordering::Relaxed);
    }

    pub(crate) fn add_rows(&self, count: u64) {
        self.rows.fetch_add(count, Ordering::Relaxed);
    }

    pub(crate) fn file_done(&self) {
        self.files_done.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn file_failed(&self) {
        self.failures.fetch_add(1, Ordering::Relaxed);
        self.file_done();
    }
}
