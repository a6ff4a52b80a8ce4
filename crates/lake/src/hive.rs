//! The place of an export: a folder or bucket beside the lake, whose files are links to the lake's objects, or copies of them.
//!
//! Does not know tables or names of files: see [`mtdh_core::hive`].

use std::fs;
use std::io;
use std::path::{Path as FilePath, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use object_store::path::Path;
use rustix::fs::OFlags;

use crate::error::LakeError;
use crate::identity;
use crate::local::sync_folder;
use crate::lock;
use crate::object::{Entry, WriteMode};
use crate::open::Place;
use crate::stage::StagedObject;
use crate::store::Lake;

/// The file that one export at a time locks. It stays.
const LOCK: &str = "export.lock";

/// Bytes of an object that are copied at once.
const PIECE_BYTES: u64 = 4 << 20;

/// The place of an export. While it lives, no other export of this machine writes there.
#[derive(Debug)]
pub struct ExportPlace {
    store: Lake,
    /// Where unfinished files are, if it is a folder. Dropped after the store, which has files in it.
    temporary: Option<Temporary>,
    /// Links that were begun: several are made at once, each under a name of its own.
    begun: AtomicU64,
    /// Held as long as this lives; the system releases it however the process ends. `None`: a bucket, where each document is changed
    /// only as it was read.
    _lock: Option<fs::File>,
}

/// The folder of unfinished files, which goes with the export: no name of one begins with `_`.
#[derive(Debug)]
struct Temporary(PathBuf);

impl Drop for Temporary {
    fn drop(&mut self) {
        // One that is not empty stays, and the next export takes it away.
        drop(fs::remove_dir(&self.0));
    }
}

/// What became of a file that was to be linked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Linked {
    /// It is a link to the object, with this identity.
    Done(Option<String>),
    /// The places are not on one file system, or it has no links: it can be copied.
    NoLinks,
}

/// Why a place cannot take an export.
#[derive(Debug, thiserror::Error)]
pub enum PlaceError {
    /// The lake and the place overlap.
    #[error(
        "the export would lie in the lake, or the lake in the export: give a folder or prefix beside {lake}"
    )]
    Overlaps {
        /// The lake.
        lake: String,
    },
    /// Another export writes there.
    #[error("another export writes into {place}; try again when it is done")]
    Busy {
        /// The place.
        place: String,
    },
    /// The disk or store failed.
    #[error(transparent)]
    Lake(#[from] LakeError),
}

impl Lake {
    /// Opens the place of an export of this lake, a folder (made if it is not there) or a bucket, and keeps other exports out of it.
    ///
    /// # Errors
    /// When it is in the lake or around it, another export writes there, or it cannot be written.
    pub async fn export_place(&self, url: &str) -> Result<ExportPlace, PlaceError> {
        let store = Lake::open(url, &self.inner.options)?;
        if overlap(self, &store)? {
            return Err(PlaceError::Overlaps { lake: self.url().to_owned() });
        }
        let Place::Local(root) = &store.inner.place else {
            store.check_readable().await?;
            return Ok(ExportPlace { store, temporary: None, begun: AtomicU64::new(0), _lock: None });
        };
        store.make_folder()?;
        let path = root.join(LOCK);
        let disk = |source| LakeError::Disk { path: path.clone(), source };
        let lock = lock::open(&path, OFlags::CREATE).map_err(disk)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(fs::TryLockError::WouldBlock) => return Err(PlaceError::Busy { place: url.to_owned() }),
            Err(fs::TryLockError::Error(source)) => return Err(disk(source).into()),
        }
        let temporary = Some(Temporary(store.temporary_folder()));
        Ok(ExportPlace { store, temporary, begun: AtomicU64::new(0), _lock: Some(lock) })
    }
}

/// Whether one lies in the other.
fn overlap(lake: &Lake, other: &Lake) -> Result<bool, LakeError> {
    match (&lake.inner.place, &other.inner.place) {
        (Place::Local(a), Place::Local(b)) => {
            let (a, b) = (whole(a)?, whole(b)?);
            Ok(a.starts_with(&b) || b.starts_with(&a))
        }
        (Place::Remote(a), Place::Remote(b)) => {
            let bucket = |url: &str| url.splitn(4, '/').take(3).collect::<Vec<_>>().join("/").to_lowercase();
            let is_one = bucket(lake.url()) == bucket(other.url());
            Ok(is_one && (a.prefix.prefix_matches(&b.prefix) || b.prefix.prefix_matches(&a.prefix)))
        }
        _ => Ok(false),
    }
}

/// A path without links and dots; of a folder that is not there, as far as it is.
fn whole(path: &FilePath) -> Result<PathBuf, LakeError> {
    let disk = |source| LakeError::Disk { path: path.to_owned(), source };
    let path = std::path::absolute(path).map_err(disk)?;
    for folder in path.ancestors() {
        match folder.canonicalize() {
            Ok(found) => return Ok(found.join(path.strip_prefix(folder).unwrap_or(FilePath::new("")))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(disk(error)),
        }
    }
    Ok(path)
}

impl ExportPlace {
    /// Leaves a place that turned out to be a folder of something else: the lock, which nothing else of ours lies beside, goes.
    pub fn leave(self) {
        if let (Place::Local(root), Some(_)) = (&self.store.inner.place, &self._lock) {
            // A lock that stays does no harm.
            drop(fs::remove_file(root.join(LOCK)));
        }
    }

    /// Its objects.
    pub fn store(&self) -> &Lake {
        &self.store
    }

    /// Makes `path` a link to an object of a lake. Where `replaces` is not set, a file that is there stays, and is an error.
    ///
    /// # Errors
    /// When the disk refuses, or the object was replaced since it was found.
    pub async fn link(
        &self,
        path: &Path,
        lake: &Lake,
        entry: &Entry,
        replaces: bool,
    ) -> Result<Linked, LakeError> {
        let (Place::Local(from), Place::Local(to)) = (&lake.inner.place, &self.store.inner.place) else {
            return Ok(Linked::NoLinks);
        };
        let (from, to) = (from.join(entry.path.as_ref()), to.join(path.as_ref()));
        let number = self.begun.fetch_add(1, Ordering::Relaxed);
        let (unfinished, entry) = (self.store.temporary()?.join(format!("link-{number}")), entry.clone());
        let work = move || linked(&from, &to, &unfinished, &entry, replaces);
        tokio::task::spawn_blocking(work)
            .await
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()))
    }

    /// Makes `path` a copy of an object of a lake. Returns its identity. What is copied is verified on the way; what has no checksums,
    /// because version 0.1.0 wrote it, is copied as it is.
    ///
    /// # Errors
    /// As [`Lake::publish`], the object was replaced since it was found, or it is not what was written: then there is no copy.
    pub async fn copy(
        &self,
        path: &Path,
        lake: &Lake,
        entry: &Entry,
        replaces: bool,
    ) -> Result<Option<String>, LakeError> {
        let stored = lake.stored(entry).await?;
        let mut proof = lake.proof_of(entry).await?;
        let mut stage = self.store.stage()?;
        let mut at = 0;
        while at < stored.bytes() {
            let end = (at + PIECE_BYTES).min(stored.bytes());
            let piece = stored.fetch(at..end).await?;
            if let Some(proof) = &mut proof {
                proof.update(&piece);
            }
            io::Write::write_all(&mut stage, &piece).map_err(|source| self.disk(source))?;
            at = end;
        }
        if let Some(proof) = proof {
            proof.verify()?;
        }
        self.publish(path, stage, replaces).await
    }

    /// Publishes a file that was written here. Returns its identity.
    ///
    /// # Errors
    /// As [`Lake::publish`].
    pub async fn publish(
        &self,
        path: &Path,
        stage: StagedObject,
        replaces: bool,
    ) -> Result<Option<String>, LakeError> {
        let mode = if replaces { WriteMode::Overwrite } else { WriteMode::Create };
        match self.store.publish(path, stage, mode).await? {
            Some(identity) => Ok(Some(identity)),
            None => Ok(self.store.entry(path).await?.and_then(|entry| entry.identity)),
        }
    }

    /// Flushes the folders of files that were linked or removed to the disk. A bucket needs none of it.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn flush<'a>(&self, paths: impl Iterator<Item = &'a Path>) -> Result<(), LakeError> {
        let Place::Local(root) = &self.store.inner.place else { return Ok(()) };
        let mut folders: Vec<PathBuf> = Vec::new();
        for path in paths {
            let file = root.join(path.as_ref());
            folders.extend(
                file.ancestors()
                    .skip(1)
                    .take_while(|folder| folder.starts_with(root))
                    .map(FilePath::to_owned),
            );
        }
        folders.sort();
        folders.dedup();
        for folder in folders.into_iter().filter(|folder| folder.is_dir()) {
            sync_folder(&folder).map_err(|source| LakeError::Disk { path: folder, source })?;
        }
        Ok(())
    }

    /// Puts a document in the place of `old`, as it was read; `None`: there was none.
    ///
    /// # Errors
    /// When it was changed since, or the store fails.
    pub async fn put(&self, path: &Path, old: Option<&Bytes>, new: Vec<u8>) -> Result<(), LakeError> {
        let new = Bytes::from(new);
        let changed = || LakeError::Contended { path: path.to_string(), attempts: 1 };
        match &self.store.inner.place {
            // Its lock keeps others out.
            Place::Local(_) if self.store.read(path).await?.as_ref() != old => Err(changed()),
            Place::Local(_) => self.store.put(path, &new).await,
            Place::Remote(_) => {
                let change = |found: Option<&Bytes>| match found == old || found == Some(&new) {
                    true => Ok(new.clone()),
                    false => Err(changed()),
                };
                self.store.update(path, change).await
            }
        }
    }

    /// Creates a document where there must be none.
    ///
    /// # Errors
    /// [`LakeError::Exists`] if there is another one, and when the store fails.
    pub async fn create(&self, path: &Path, bytes: &[u8]) -> Result<(), LakeError> {
        let mut stage = self.store.stage()?;
        io::Write::write_all(&mut stage, bytes).map_err(|source| self.disk(source))?;
        self.store.publish(path, stage, WriteMode::Create).await.map(drop)
    }

    fn disk(&self, source: io::Error) -> LakeError {
        let path = self.temporary.as_ref().map_or_else(std::env::temp_dir, |folder| folder.0.clone());
        LakeError::Disk { path, source }
    }
}

fn linked(
    from: &FilePath,
    to: &FilePath,
    unfinished: &FilePath,
    entry: &Entry,
    replaces: bool,
) -> Result<Linked, LakeError> {
    let disk = |source| LakeError::Disk { path: to.to_owned(), source };
    if let Some(folder) = to.parent() {
        fs::create_dir_all(folder).map_err(disk)?;
    }
    let made = if replaces { unfinished } else { to };
    if let Err(error) = fs::hard_link(from, made) {
        use io::ErrorKind::{CrossesDevices, NotFound, PermissionDenied, TooManyLinks, Unsupported};
        return match error.kind() {
            CrossesDevices | PermissionDenied | TooManyLinks | Unsupported => Ok(Linked::NoLinks),
            NotFound => Err(LakeError::Changed { path: entry.path.to_string() }),
            _ => Err(disk(error)),
        };
    }
    let found = fs::metadata(made).ok().and_then(|metadata| identity::of_file(&metadata));
    if found != entry.identity {
        fs::remove_file(made).map_err(disk)?;
        return Err(LakeError::Changed { path: entry.path.to_string() });
    }
    if replaces {
        fs::rename(made, to).map_err(disk)?;
        // A rename onto another link of the same file does nothing, and leaves both.
        match fs::remove_file(made) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(disk(error)),
            _ => {}
        }
    }
    Ok(Linked::Done(found))
}
