//! The response cache on disk: one file per response, with a header line followed by the body as received.
//!
//! A body is never in memory as a whole: it is written as it arrives, and read again for each pass.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use mtdh_core::Day;
use reqwest::Url;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tempfile::NamedTempFile;

use crate::gunzip::Gunzip;

/// The longest header line, bytes.
const LONGEST_FIRST_LINE: u64 = 64 * 1024;

/// A folder of cached responses, one subfolder per base URL.
#[derive(Clone, Debug)]
pub struct Cache {
    folder: PathBuf,
    lifetime: Duration,
}

/// A cached response. Its file stays readable even if it is replaced or deleted.
#[derive(Clone, Debug)]
pub struct Cached {
    about: FirstLine,
    file: Arc<File>,
    /// Offset of the body, bytes.
    body_at: u64,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct FirstLine {
    /// The server's entity tag.
    etag: Option<String>,
    /// When it was last known to be current, seconds since the Unix epoch.
    current_at: u64,
    is_gzip: bool,
}

/// A response that is being received. Deleted on drop unless it is kept.
#[derive(Debug)]
pub struct Incoming {
    file: NamedTempFile,
    about: FirstLine,
    body_at: u64,
}

impl Incoming {
    /// Appends bytes of the body.
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes)
    }

    /// The received response.
    pub fn answer(&self) -> io::Result<Cached> {
        let file = Arc::new(self.file.reopen()?);
        Ok(Cached { about: self.about.clone(), file, body_at: self.body_at })
    }
}

impl Cached {
    /// The server's entity tag.
    pub fn etag(&self) -> Option<&str> {
        self.about.etag.as_deref()
    }

    /// The UTC day on which it was last known to be current; `None` if outside the calendar.
    pub fn day(&self) -> Option<Day> {
        Day::containing_us(i64::try_from(self.about.current_at).ok()?.checked_mul(1_000_000)?)
    }

    /// Reads the decompressed body from the start.
    pub fn open(&self) -> Box<dyn Read> {
        let body = BufReader::new(self.body());
        if self.about.is_gzip { Box::new(Gunzip::new(body)) } else { Box::new(body) }
    }

    fn body(&self) -> At {
        At { file: Arc::clone(&self.file), at: self.body_at }
    }
}

/// Reads a file from an offset, independently of other readers.
struct At {
    file: Arc<File>,
    at: u64,
}

impl Read for At {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.file.read_at(buffer, self.at)?;
        self.at += length as u64;
        Ok(length)
    }
}

impl Cache {
    /// A cache below `parent` for the API at `base`.
    pub fn new(parent: PathBuf, base: &Url, lifetime: Duration) -> Cache {
        let hash = Sha256::digest(base.as_str());
        let name: String = hash.iter().take(6).map(|b| format!("{b:02x}")).collect();
        Cache { folder: parent.join(name), lifetime }
    }

    /// The folder of this base URL.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Whether a response is within its lifetime. A response dated in the future, because of a wrong clock, is not fresh.
    pub fn is_fresh(&self, cached: &Cached) -> bool {
        now().checked_sub(cached.about.current_at).is_some_and(|age| age < self.lifetime.as_secs())
    }

    fn file(&self, path: &str) -> PathBuf {
        self.folder.join(path.replace('/', "-"))
    }

    /// The cached response; `None` if there is none, or if it has an unknown format of another version.
    pub fn read(&self, path: &str) -> io::Result<Option<Cached>> {
        let file = match File::open(self.file(path)) {
            Ok(file) => Arc::new(file),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let mut line = Vec::new();
        BufReader::new(At { file: Arc::clone(&file), at: 0 })
            .take(LONGEST_FIRST_LINE)
            .read_until(b'\n', &mut line)?;
        let (Some(b'\n'), Ok(about)) = (line.last(), serde_json::from_slice(&line)) else { return Ok(None) };
        Ok(Some(Cached { about, file, body_at: line.len() as u64 }))
    }

    /// Starts to receive a response.
    pub fn begin(&self, etag: Option<String>, is_gzip: bool) -> io::Result<Incoming> {
        fs::create_dir_all(&self.folder)?;
        let about = FirstLine { etag, current_at: now(), is_gzip };
        let mut line = serde_json::to_vec(&about)?;
        line.push(b'\n');
        let mut file = NamedTempFile::new_in(&self.folder)?;
        file.write_all(&line)?;
        Ok(Incoming { file, about, body_at: line.len() as u64 })
    }

    /// A copy of a response that is known to be current now.
    pub fn renew(&self, cached: &Cached) -> io::Result<Incoming> {
        let mut incoming = self.begin(cached.about.etag.clone(), cached.about.is_gzip)?;
        io::copy(&mut cached.body(), &mut incoming.file)?;
        Ok(incoming)
    }

    /// Deletes the cached response.
    pub fn forget(&self, path: &str) -> io::Result<()> {
        match fs::remove_file(self.file(path)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// Stores a response atomically: other processes see the old one or the new one.
    pub fn keep(&self, path: &str, incoming: Incoming) -> io::Result<()> {
        incoming.file.persist(self.file(path)).map_err(|e| e.error)?;
        Ok(())
    }
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs())
}
