//! Files that were made a moment ago, kept in memory up to a bound.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use md5::{Digest, Md5};
use mtdh_core::Day;

use crate::config::EmptyFile;
use crate::generate::files::{FileName, gzip};
use crate::generate::universe::exported_at;
use crate::lock;

/// A file as the vendor stores it.
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
    /// Compresses a text; without a time of its own it was issued the morning after its day.
    pub(crate) fn new(
        csv: &[u8],
        member_bytes: Option<usize>,
        modified_us: Option<i64>,
        day: Day,
    ) -> StoredFile {
        let bytes = gzip::compress(csv, member_bytes);
        let md5 = hex(&Md5::digest(&bytes));
        StoredFile { bytes, md5, modified_us: modified_us.unwrap_or_else(|| exported_at(day)) }
    }
}

/// Name, issue, seed and the two options that change a file's bytes.
pub(crate) type FileKey = (FileName, u32, u64, EmptyFile, Option<usize>);

/// The most recently used files.
#[derive(Debug, Default)]
pub(crate) struct FileCache {
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    files: HashMap<FileKey, (Arc<StoredFile>, u64)>,
    bytes: usize,
    uses: u64,
}

const MOST_BYTES: usize = 256 << 20;

impl FileCache {
    pub(crate) fn get(&self, key: &FileKey) -> Option<Arc<StoredFile>> {
        let mut kept = lock(&self.kept);
        kept.uses += 1;
        let uses = kept.uses;
        let (file, used) = kept.files.get_mut(key)?;
        *used = uses;
        Some(Arc::clone(file))
    }

    pub(crate) fn keep(&self, key: FileKey, file: Arc<StoredFile>) {
        let mut kept = lock(&self.kept);
        kept.uses += 1;
        kept.bytes += file.bytes.len();
        let used = kept.uses;
        if let Some((replaced, _)) = kept.files.insert(key, (file, used)) {
            kept.bytes -= replaced.bytes.len();
        }
        if kept.bytes > MOST_BYTES {
            kept.forget_half();
        }
    }
}

impl Kept {
    /// Forgets the files that were used longest ago, until half of the room is free.
    fn forget_half(&mut self) {
        let mut by_use: Vec<(u64, FileKey)> =
            self.files.iter().map(|(key, (_, used))| (*used, key.clone())).collect();
        by_use.sort_unstable_by_key(|(used, _)| *used);
        for (_, key) in by_use {
            if self.bytes <= MOST_BYTES / 2 {
                break;
            }
            if let Some((file, _)) = self.files.remove(&key) {
                self.bytes -= file.bytes.len();
            }
        }
    }
}

/// Bytes as lower-case hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
