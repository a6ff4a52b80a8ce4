//! Answers on disk: one file each, a line of what is known about the body, then the body as it came.

use std::fs;
use std::io::{self, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use mtdh_core::Day;
use reqwest::Url;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::gunzip::Gunzip;

/// A folder of kept answers, apart for each vendor address.
#[derive(Clone, Debug)]
pub struct Cache {
    folder: PathBuf,
    lifetime: Duration,
}

/// An answer.
#[derive(Clone, Debug, Default)]
pub struct Cached {
    /// The server's entity tag.
    pub etag: Option<String>,
    /// When it was last known to be current, seconds since the Unix epoch.
    current_at: u64,
    is_gzip: bool,
    body: Bytes,
}

#[derive(Serialize, Deserialize)]
struct FirstLine {
    etag: Option<String>,
    current_at: u64,
    is_gzip: bool,
}

impl Cached {
    pub fn new(etag: Option<String>, is_gzip: bool, body: Vec<u8>) -> Cached {
        Cached { etag, current_at: now(), is_gzip, body: body.into() }
    }

    /// The same, known to be current now.
    pub fn renewed(self) -> Cached {
        Cached { current_at: now(), ..self }
    }

    /// The UTC day on which it was last known to be current; null: beyond the calendar.
    pub fn day(&self) -> Option<Day> {
        Day::containing_us(i64::try_from(self.current_at).ok()?.checked_mul(1_000_000)?)
    }

    /// The plain body.
    pub fn open(&self) -> Box<dyn Read + '_> {
        if self.is_gzip {
            Box::new(BufReader::new(Gunzip::new(&self.body[..])))
        } else {
            Box::new(&self.body[..])
        }
    }
}

impl Cache {
    pub fn new(parent: PathBuf, base: &Url, lifetime: Duration) -> Cache {
        let hash = Sha256::digest(base.as_str());
        let name: String = hash.iter().take(6).map(|b| format!("{b:02x}")).collect();
        Cache { folder: parent.join(name), lifetime }
    }

    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Whether an answer need not be asked for again. One that is dated in the future, by a clock that was wrong then
    /// or is now, is not fresh.
    pub fn is_fresh(&self, cached: &Cached) -> bool {
        now().checked_sub(cached.current_at).is_some_and(|age| age < self.lifetime.as_secs())
    }

    fn file(&self, path: &str) -> PathBuf {
        self.folder.join(path.replace('/', "-"))
    }

    /// The kept answer. One that cannot be read, as another version may have written it, counts as none.
    pub fn read(&self, path: &str) -> io::Result<Option<Cached>> {
        let bytes = match fs::read(self.file(path)) {
            Ok(bytes) => Bytes::from(bytes),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let Some(end) = memchr::memchr(b'\n', &bytes) else { return Ok(None) };
        let Ok(first) = serde_json::from_slice::<FirstLine>(&bytes[..end]) else { return Ok(None) };
        let FirstLine { etag, current_at, is_gzip } = first;
        Ok(Some(Cached { etag, current_at, is_gzip, body: bytes.slice(end + 1..) }))
    }

    /// Keeps no answer any longer.
    pub fn forget(&self, path: &str) -> io::Result<()> {
        match fs::remove_file(self.file(path)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// Keeps an answer; other processes see the old one or the new one, never a part.
    pub fn write(&self, path: &str, cached: &Cached) -> io::Result<()> {
        fs::create_dir_all(&self.folder)?;
        let Cached { etag, current_at, is_gzip, body } = cached;
        let first = FirstLine { etag: etag.clone(), current_at: *current_at, is_gzip: *is_gzip };
        let mut file = tempfile::NamedTempFile::new_in(&self.folder)?;
        serde_json::to_writer(&mut file, &first)?;
        file.write_all(b"\n")?;
        file.write_all(body)?;
        file.persist(self.file(path)).map_err(|e| e.error)?;
        Ok(())
    }
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs())
}
