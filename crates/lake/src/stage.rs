//! Objects on their way in: written somewhere out of sight, published whole.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

/// Up to this size an object stays in memory: most partitions of a day are far smaller.
const MEMORY_BYTES: usize = 1 << 20;

/// An object that is being written.
#[derive(Debug)]
pub struct Stage {
    folder: PathBuf,
    content: Content,
    bytes: u64,
}

/// What a stage holds.
#[derive(Debug)]
pub(crate) enum Content {
    Memory(Vec<u8>),
    File(NamedTempFile),
}

impl Stage {
    pub(crate) fn new(folder: &Path) -> Stage {
        Stage { folder: folder.to_owned(), content: Content::Memory(Vec::new()), bytes: 0 }
    }

    /// Bytes so far.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    pub(crate) fn into_content(self) -> Content {
        self.content
    }
}

impl Write for Stage {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if let Content::Memory(memory) = &mut self.content {
            if memory.len() + bytes.len() <= MEMORY_BYTES {
                memory.extend_from_slice(bytes);
                self.bytes += bytes.len() as u64;
                return Ok(bytes.len());
            }
            let mut file = NamedTempFile::new_in(&self.folder)?;
            file.write_all(memory)?;
            self.content = Content::File(file);
        }
        let written = match &mut self.content {
            Content::File(file) => file.write(bytes)?,
            Content::Memory(_) => unreachable!("a full memory became a file above"),
        };
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        match &mut self.content {
            Content::File(file) => file.flush(),
            Content::Memory(_) => Ok(()),
        }
    }
}

/// A folder for one process's unfinished objects. It goes with the process; what a killed process left is removed by
/// the next one that works at the same place.
#[derive(Debug)]
pub struct Workplace {
    path: PathBuf,
    /// Held as long as the process lives; the system lets go of it however the process ends.
    _lock: File,
}

const LOCK_NAME: &str = "lock";
const PREFIX: &str = "mtdh-";

impl Workplace {
    /// Makes a folder of this process below `parent`, and removes those of dead processes.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn create(parent: &Path) -> io::Result<Workplace> {
        fs::create_dir_all(parent)?;
        remove_abandoned(parent)?;
        let path = tempfile::Builder::new().prefix(PREFIX).tempdir_in(parent)?.keep();
        // Under its name only when it is held: others take a folder whose lock is free for a dead process's.
        let unnamed = path.join("lock.new");
        let lock = File::create_new(&unnamed)?;
        lock.lock()?;
        fs::rename(unnamed, path.join(LOCK_NAME))?;
        Ok(Workplace { path, _lock: lock })
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Workplace {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.path) {
            tracing::warn!(folder = %self.path.display(), %error, "temporary folder stays behind");
        }
    }
}

fn remove_abandoned(parent: &Path) -> io::Result<()> {
    for entry in fs::read_dir(parent)? {
        let path = entry?.path();
        let is_ours = path.file_name().is_some_and(|n| n.to_string_lossy().starts_with(PREFIX));
        // A folder without a lock file may be one that another process is just making.
        let Some(lock) = is_ours.then(|| File::open(path.join(LOCK_NAME)).ok()).flatten() else { continue };
        if lock.try_lock().is_ok() {
            match fs::remove_dir_all(&path) {
                // Another process that starts now was faster.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                removed => removed?,
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_dead_process_left_is_removed_and_what_a_living_one_has_stays() {
        let parent = tempfile::tempdir().unwrap();
        let living = Workplace::create(parent.path()).unwrap();
        let dead = parent.path().join("mtdh-dead");
        fs::create_dir(&dead).unwrap();
        fs::write(dead.join(LOCK_NAME), "").unwrap();
        let other = Workplace::create(parent.path()).unwrap();
        assert!(!dead.exists() && living.path().exists() && other.path().exists());
        let path = other.path().to_owned();
        drop(other);
        assert!(!path.exists());
    }

    #[test]
    fn a_stage_outgrows_the_memory_without_losing_a_byte() {
        let folder = tempfile::tempdir().unwrap();
        let content: Vec<u8> = (0..MEMORY_BYTES + 5000).map(|i| i as u8).collect();
        let mut stage = Stage::new(folder.path());
        content.chunks(777).for_each(|chunk| stage.write_all(chunk).unwrap());
        let Content::File(file) = stage.into_content() else { panic!("still in memory") };
        assert!(fs::read(file.path()).unwrap() == content);
    }
}
