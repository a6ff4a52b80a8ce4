//! The file of a session beside its captures: locked while its recorder lives, and there until all that it recorded is in the lake.

use std::fs::{self, File, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use mtdh_lake::live::found_venues;

/// How the files end.
const ENDING: &str = "claim";

/// The file of a session, locked.
pub(super) struct Mark {
    path: PathBuf,
    _lock: File,
}

/// Whether a recorder lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Life {
    /// Its file is locked.
    Alive,
    /// Its file is there, and not locked.
    Dead,
    /// There is no such file here.
    Unknown,
}

/// The file of a session below the folder of all captures.
pub(super) fn path(folder: &Path, exchange: &str, session: &str) -> PathBuf {
    folder.join(exchange).join(format!("{session}.{ENDING}"))
}

/// Whether the recorder of a file lives.
pub(super) fn life(path: &Path) -> Life {
    match File::open(path).map(|file| file.try_lock()) {
        Ok(Ok(())) => Life::Dead,
        Ok(Err(TryLockError::WouldBlock)) => Life::Alive,
        Ok(Err(TryLockError::Error(_))) | Err(_) => Life::Unknown,
    }
}

impl Mark {
    /// Makes a file of a session. It has its name from the moment on at which it is locked.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn new(path: PathBuf, content: &[u8]) -> io::Result<Mark> {
        let folder = path.parent().unwrap_or(Path::new("/"));
        fs::create_dir_all(folder)?;
        let mut file = tempfile::NamedTempFile::new_in(folder)?;
        file.write_all(content)?;
        file.as_file().lock()?;
        let lock = file.persist_noclobber(&path).map_err(|error| error.error)?;
        Ok(Mark { path, _lock: lock })
    }

    /// Removes the file.
    pub fn remove(&self) {
        if let Err(error) = fs::remove_file(&self.path) {
            tracing::warn!(path = %self.path.display(), %error, "the next recorder looks at this session once more");
        }
    }
}

/// The files below the folder of all captures whose recorders are dead, and what they say, by exchange and session. Each is given to one
/// process, which has locked it.
///
/// # Errors
/// When the disk refuses.
pub(super) fn left(folder: &Path) -> io::Result<Vec<(Mark, Vec<u8>)>> {
    let venues = found_venues(folder).map_err(io::Error::other)?;
    let mut left = Vec::new();
    for venue in venues {
        let Ok(files) = fs::read_dir(folder.join(venue)) else { continue };
        for file in files {
            let path = file?.path();
            if path.extension().is_some_and(|ending| ending == ENDING) {
                left.extend(left_at(path)?);
            }
        }
    }
    left.sort_by(|a, b| a.0.path.cmp(&b.0.path));
    Ok(left)
}

fn left_at(path: PathBuf) -> io::Result<Option<(Mark, Vec<u8>)>> {
    let file = match File::open(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        other => other?,
    };
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Ok(None),
        Err(TryLockError::Error(error)) => return Err(error),
    }
    // Another process may have seen to it before it was locked here.
    let Ok(content) = fs::read(&path) else { return Ok(None) };
    Ok(Some((Mark { path, _lock: file }, content)))
}

/// This process, for people.
pub(super) fn own_name() -> String {
    let host = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let host = if host.trim().is_empty() { "this machine" } else { host.trim() };
    format!("process {} of {host}", std::process::id())
}
