//! The most recently used files, in memory up to [`MAX_BYTES`].

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use md5::{Digest, Md5};
use mtdh_core::Day;

use crate::config::EmptyFile;
use crate::generate::files::{FileName, gzip};
use crate::generate::universe::exported_at;
use crate::hex::lower_hex;
use crate::sync::lock;

/// A file as Tardis stores it.
#[derive(Debug)]
pub(crate) struct StoredFile {
    /// Gzipped CSV.
    pub(crate) bytes: Bytes,
    /// MD5 of the bytes in hexadecimal.
    pub(crate) md5: String,
    /// When it was issued, microseconds since the Unix epoch, UTC.
    pub(crate) modified_us: i64,
}

impl StoredFile {
    /// Compresses a CSV text. `modified_us` is when the file was reissued; `None`: the morning after its day.
    pub(crate) fn new(
        csv: &[u8],
        member_bytes: Option<usize>,
        modified_us: Option<i64>,
        day: Day,
    ) -> StoredFile {
        let bytes = gzip::compress(csv, member_bytes);
        let md5 = lower_hex(&Md5::digest(&bytes));
        StoredFile { bytes, md5, modified_us: modified_us.unwrap_or_else(|| exported_at(day)) }
    }
}

/// Everything that determines the bytes of a file.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct FileKey {
    pub(super) name: FileName,
    /// Version of the file, counted from 0.
    pub(super) issue: u32,
    pub(super) seed: u64,
    pub(super) empty_file: EmptyFile,
    pub(super) member_bytes: Option<usize>,
}

/// The most recently used files.
#[derive(Debug, Default)]
pub(crate) struct FileCache {
    entries: Mutex<Entries>,
}

#[derive(Debug, Default)]
struct Entries {
    files: HashMap<FileKey, Entry>,
    bytes: usize,
    /// Number of uses so far: the clock of `Entry::last_use`.
    uses: u64,
}

#[derive(Debug)]
struct Entry {
    file: Arc<StoredFile>,
    last_use: u64,
}

const MAX_BYTES: usize = 256 << 20;

impl FileCache {
    /// Returns a file and marks it as used. `None`: not cached.
    pub(super) fn get(&self, key: &FileKey) -> Option<Arc<StoredFile>> {
        let mut entries = lock(&self.entries);
        entries.uses += 1;
        let uses = entries.uses;
        let entry = entries.files.get_mut(key)?;
        entry.last_use = uses;
        Some(Arc::clone(&entry.file))
    }

    /// Adds a file, and evicts others when the cache is full.
    pub(super) fn insert(&self, key: FileKey, file: Arc<StoredFile>) {
        let mut entries = lock(&self.entries);
        entries.uses += 1;
        entries.bytes += file.bytes.len();
        let last_use = entries.uses;
        if let Some(replaced) = entries.files.insert(key, Entry { file, last_use }) {
            entries.bytes -= replaced.file.bytes.len();
        }
        if entries.bytes > MAX_BYTES {
            entries.evict_half();
        }
    }
}

impl Entries {
    /// Evicts the least recently used files until half of the cache is free.
    fn evict_half(&mut self) {
        let mut by_use: Vec<(u64, FileKey)> =
            self.files.iter().map(|(key, entry)| (entry.last_use, key.clone())).collect();
        by_use.sort_unstable_by_key(|(last_use, _)| *last_use);
        for (_, key) in by_use {
            if self.bytes <= MAX_BYTES / 2 {
                break;
            }
            if let Some(entry) = self.files.remove(&key) {
                self.bytes -= entry.file.bytes.len();
            }
        }
    }
}
