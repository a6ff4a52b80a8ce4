//! Staging of objects: written out of sight, published when they are complete.

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use rustix::fs::OFlags;
use tempfile::NamedTempFile;

use crate::lock;
use crate::write_back::WriteBack;

/// Up to this size an object stays in memory: most partitions of a day are far smaller.
const MEMORY_BYTES: usize = 1 << 20;

/// An object that is being written.
#[derive(Debug)]
pub struct StagedObject {
    folder: PathBuf,
    content: Content,
    bytes: u64,
    /// Whether it stays on this disk.
    is_local: bool,
}

/// The content of a stage.
#[derive(Debug)]
pub(crate) enum Content {
    Memory(Vec<u8>),
    File(NamedTempFile, WriteBack),
}

impl StagedObject {
    pub(crate) fn new(folder: &Path, is_local: bool) -> StagedObject {
        StagedObject { folder: folder.to_owned(), content: Content::Memory(Vec::new()), bytes: 0, is_local }
    }

    /// Bytes written so far.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    pub(crate) fn into_content(self) -> Content {
        self.content
    }
}

impl Write for StagedObject {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if let Content::Memory(memory) = &mut self.content {
            if memory.len() + bytes.len() <= MEMORY_BYTES {
                memory.extend_from_slice(bytes);
                self.bytes += bytes.len() as u64;
                return Ok(bytes.len());
            }
            let mut file = unfinished(&self.folder)?;
            file.write_all(memory)?;
            self.content = Content::File(file, WriteBack::default());
        }
        let Content::File(file, write_back) = &mut self.content else {
            unreachable!("a full memory became a file above")
        };
        let written = file.write(bytes)?;
        if self.is_local {
            write_back.wrote(file.as_file(), written)?;
        }
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        match &mut self.content {
            Content::File(file, _) => file.flush(),
            Content::Memory(_) => Ok(()),
        }
    }
}

/// A file in `folder` that will become an object, with the permissions of the user's other files (0666 without the umask's
/// bits) instead of those of temporary files.
pub(crate) fn unfinished(folder: &Path) -> io::Result<NamedTempFile> {
    tempfile::Builder::new().permissions(fs::Permissions::from_mode(0o666)).tempfile_in(folder)
}

/// A folder for one process's unfinished objects. It is removed when the process ends; the folder of a killed process is
/// removed by the next process that works in the same place.
///
/// Its lock file is beside the folder. It is created before the folder and removed after it: a folder without a lock file is
/// abandoned.
#[derive(Debug)]
pub struct StagingDir {
    path: PathBuf,
    /// Held as long as the process lives; the system releases it however the process ends.
    _lock: File,
}

const PREFIX: &str = "mtdh-";
const LOCK_SUFFIX: &str = ".lock";

impl StagingDir {
    /// Creates a folder for this process below `parent`, and removes those of dead processes.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn create(parent: &Path) -> io::Result<StagingDir> {
        fs::create_dir_all(parent)?;
        remove_abandoned(parent)?;
        loop {
            let named = tempfile::Builder::new()
                .prefix(PREFIX)
                .suffix(LOCK_SUFFIX)
                .permissions(fs::Permissions::from_mode(0o666))
                .tempfile_in(parent)?;
            // Until it is kept it removes itself, also where files cannot be locked.
            named.as_file().lock().map_err(|error| io::Error::new(error.kind(), NoLocks(error)))?;
            let (lock, lock_path) = named.keep().map_err(|error| error.error)?;
            // Another process may have taken it for a dead one's before it was locked. Names are not reused.
            if lock_path.exists() {
                let path = lock_path.with_extension("");
                // Registered before it exists, so that it is found however the process ends.
                own().push(path.clone());
                fs::create_dir(&path)?;
                return Ok(StagingDir { path, _lock: lock });
            }
        }
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether its lock excludes others.
    pub(crate) fn is_locked(&self) -> io::Result<bool> {
        match File::open(lock_of(&self.path))?.try_lock() {
            Ok(()) => Ok(false),
            Err(fs::TryLockError::WouldBlock) => Ok(true),
            Err(fs::TryLockError::Error(error)) => Err(error),
        }
    }
}

/// The system's error where files cannot be locked.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct NoLocks(io::Error);

impl NoLocks {
    /// The cause of a failed [`StagingDir::create`], if it was this one.
    pub(crate) fn of(error: &io::Error) -> Option<&NoLocks> {
        error.get_ref()?.downcast_ref()
    }
}

impl Drop for StagingDir {
    fn drop(&mut self) {
        match remove(&self.path) {
            Ok(()) => own().retain(|path| *path != self.path),
            // Perhaps for lack of file descriptors, of which there are more later.
            Err(error) => tracing::debug!(folder = %self.path.display(), %error, "removed at the end"),
        }
    }
}

/// Folders of this process that may exist.
static OWN: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());

fn own() -> std::sync::MutexGuard<'static, Vec<PathBuf>> {
    // Nothing panics while the lock is held.
    OWN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Removes this process's remaining folders for unfinished objects at its end, when abandoned work may still hold them.
/// Writes in progress there fail.
pub fn remove_staging_dirs() {
    for folder in own().drain(..) {
        if let Err(error) = remove(&folder) {
            tracing::warn!(
                folder = %folder.display(), %error,
                "a temporary folder stays behind; the next run at this lake removes it"
            );
        }
    }
}

fn lock_of(folder: &Path) -> PathBuf {
    let mut path = folder.as_os_str().to_owned();
    path.push(LOCK_SUFFIX);
    path.into()
}

/// Removes a folder, then its lock; it is no error if they do not exist.
fn remove(folder: &Path) -> io::Result<()> {
    for removed in [fs::remove_dir_all(folder), fs::remove_file(lock_of(folder))] {
        match removed {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

fn remove_abandoned(parent: &Path) -> io::Result<()> {
    for entry in fs::read_dir(parent)? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if !name.starts_with(PREFIX) {
            continue;
        }
        let is_lock = name.ends_with(LOCK_SUFFIX);
        let folder = if is_lock { path.with_extension("") } else { path.clone() };
        // Held until all is removed: a process that has made the lock file and not yet locked it waits, and then finds it
        // gone.
        let lock = if is_lock {
            match lock::open(&path, OFlags::empty()) {
                Ok(lock) if lock.try_lock().is_ok() => Some(lock),
                _ => continue,
            }
        } else if fs::exists(lock_of(&folder))? {
            continue;
        } else {
            None
        };
        remove(&folder)?;
        drop(lock);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_dead_process_left_is_removed_and_what_a_living_one_has_stays() {
        let parent = tempfile::tempdir().unwrap();
        let at = |name: &str| parent.path().join(name);
        let living = StagingDir::create(parent.path()).unwrap();
        fs::write(living.path().join("part"), "x").unwrap();
        // Killed while it worked, before its folder was made, and while its folder was removed.
        fs::write(at("mtdh-dead.lock"), "").unwrap();
        fs::create_dir(at("mtdh-dead")).unwrap();
        fs::write(at("mtdh-dead/part"), "x").unwrap();
        fs::write(at("mtdh-early.lock"), "").unwrap();
        fs::create_dir(at("mtdh-late")).unwrap();
        fs::write(at("update.lock"), "").unwrap();
        let other = StagingDir::create(parent.path()).unwrap();
        let names = || {
            let entries = fs::read_dir(parent.path()).unwrap();
            let mut names: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
            names.sort();
            names
        };
        let mut expected: Vec<_> =
            [&living, &other].iter().flat_map(|w| [w.path().to_owned(), lock_of(w.path())]).collect();
        expected.push(at("update.lock"));
        expected.sort();
        assert_eq!(names(), expected);
        assert!(living.path().join("part").exists());
        drop((living, other));
        assert_eq!(names(), [at("update.lock")]);
    }

    #[test]
    fn a_stage_outgrows_the_memory_without_losing_a_byte() {
        let folder = tempfile::tempdir().unwrap();
        let content: Vec<u8> = (0..MEMORY_BYTES + 5000).map(|i| i as u8).collect();
        let mut stage = StagedObject::new(folder.path(), true);
        content.chunks(777).for_each(|chunk| stage.write_all(chunk).unwrap());
        let Content::File(file, _) = stage.into_content() else { panic!("still in memory") };
        assert!(fs::read(file.path()).unwrap() == content);
    }
}
