//! Probes whether a store has the capabilities that a lake needs: once, before anything is fetched.
//!
//! The probes do what publishing and changing objects rely on, with objects below `_tmp/` that are removed afterwards.

use std::fs;
use std::io::{self, Write};
use std::path::{Path as FilePath, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use futures::TryStreamExt;
use object_store::path::Path;
use object_store::{Error as StoreError, ObjectStore, ObjectStoreExt, PutMode, UpdateVersion};
use tempfile::NamedTempFile;

use crate::answers::says_no;
use crate::error::LakeError;
use crate::layout::TEMPORARY;
use crate::local;
use crate::object::WriteMode;
use crate::open::{Place, Remote};
use crate::retry::again;
use crate::stage::{Content, NoLocks, StagingDir};
use crate::store::Lake;
use crate::upload;

/// A capability that a lake needs, and the advice if it is missing.
struct Need {
    lack: &'static str,
    remedy: &'static str,
}

const OTHER_DISK: &str = "use a folder on a local disk or NFS, or the bucket itself as gs:// or s3://";
const OTHER_STORE: &str = "use a store that obeys If-None-Match and If-Match, as GCS, S3, R2 and MinIO do";

const LOCKS: Need = Need { lack: "files cannot be locked there", remedy: OTHER_DISK };
const SYNC_FILE: Need = Need { lack: "files cannot be flushed to the disk there", remedy: OTHER_DISK };
const SYNC_FOLDER: Need = Need { lack: "folders cannot be flushed to the disk there", remedy: OTHER_DISK };
const NO_REPLACE: Need =
    Need { lack: "a file cannot get a name there without replacing what has it", remedy: OTHER_DISK };
const NAMES: Need = Need { lack: "file names with a colon are refused there", remedy: OTHER_DISK };
const FILE_LISTING: Need = Need { lack: "a new file is not listed there", remedy: OTHER_DISK };
const CREATE: Need = Need { lack: "objects cannot be created only where there is none", remedy: OTHER_STORE };
const CHANGE: Need =
    Need { lack: "objects cannot be changed only where nobody else changed them", remedy: OTHER_STORE };
const LISTING: Need =
    Need { lack: "a new object is not listed", remedy: "use a store whose listings are up to date" };

impl Need {
    fn lacks(&self, lake: &Lake, said: impl std::fmt::Display) -> LakeError {
        let (url, said) = (lake.url().to_owned(), said.to_string());
        LakeError::Unfit { url, lack: self.lack, said, remedy: self.remedy }
    }

    /// The error for a failed probe on a disk: a missing capability, or a disk that fails in general.
    fn failed(&self, lake: &Lake, path: &FilePath, source: io::Error) -> LakeError {
        use io::ErrorKind::{CrossesDevices, InvalidInput, PermissionDenied, Unsupported};
        match source.kind() {
            CrossesDevices | InvalidInput | PermissionDenied | Unsupported => self.lacks(lake, source),
            _ => LakeError::Disk { path: path.to_owned(), source },
        }
    }

    /// The same for a store's error: a store that only refuses is not out of service.
    fn refused(&self, lake: &Lake, path: &Path, source: StoreError) -> LakeError {
        if says_no(&source) {
            self.lacks(lake, source)
        } else {
            LakeError::Store { path: path.to_string(), source }
        }
    }
}

impl Lake {
    /// Checks that the lake is writable and that its store has the capabilities that a lake needs, before anything is fetched
    /// for it. Probes each lake once per process. Creates a local lake's folder.
    ///
    /// # Errors
    /// [`LakeError::Unfit`] if a capability is missing; as [`Lake::check_readable`], and when the disk is full or read-only.
    pub async fn check_writable(&self) -> Result<(), LakeError> {
        let probe = || async {
            match &self.inner.place {
                Place::Local(_) => {
                    let lake = self.clone();
                    let probe = tokio::task::spawn_blocking(move || lake.probe_folder());
                    probe.await.unwrap_or_else(|error| Err(self.disk(self.temporary_folder(), error.into())))
                }
                Place::Remote(remote) => self.probe_bucket(remote).await,
            }
        };
        self.inner.probed.get_or_try_init(probe).await.copied()
    }

    fn probe_folder(&self) -> Result<(), LakeError> {
        let folder = self.temporary_folder();
        let lacking: Vec<PathBuf> =
            folder.ancestors().take_while(|folder| !folder.exists()).map(FilePath::to_owned).collect();
        match self.try_folder(&folder) {
            Ok(workplace) => {
                // If one is set already, this one is dropped.
                drop(self.inner.workplace.set(workplace));
                Ok(())
            }
            Err(error) => {
                // A folder that is not empty belongs to another process by now, and stays.
                lacking.iter().for_each(|folder| drop(fs::remove_dir(folder)));
                Err(error)
            }
        }
    }

    fn try_folder(&self, parent: &FilePath) -> Result<StagingDir, LakeError> {
        let disk = |source| self.disk(parent.to_owned(), source);
        let workplace = StagingDir::create(parent).map_err(|error| match NoLocks::of(&error) {
            Some(no_locks) => LOCKS.lacks(self, no_locks),
            None => disk(error),
        })?;
        if !workplace.is_locked().map_err(disk)? {
            return Err(LOCKS.lacks(self, "what one process had locked was given to another"));
        }
        let folder = workplace.path();
        let file = |bytes: &[u8]| {
            let mut file = NamedTempFile::new_in(folder)?;
            file.write_all(bytes)?;
            Ok(file)
        };
        // More than a stage keeps in memory: a full disk fails here.
        let first = file(&vec![0; 2 << 20]).map_err(disk)?;
        first.as_file().sync_all().map_err(|error| SYNC_FILE.failed(self, first.path(), error))?;
        local::sync_folder(folder).map_err(|error| SYNC_FOLDER.failed(self, folder, error))?;
        let plain = folder.join("probe");
        first.persist_noclobber(&plain).map_err(|e| NO_REPLACE.failed(self, &plain, e.error))?;
        match file(b"second").map_err(disk)?.persist_noclobber(&plain) {
            Err(refused) if refused.error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(failed) => return Err(NO_REPLACE.failed(self, &plain, failed.error)),
            Ok(_) => return Err(NO_REPLACE.lacks(self, "a second file took the name of the first")),
        }
        // A name like that of an instrument's object.
        let named = folder.join("PROBE:SPOT_PAIR:A-B~@0.parquet");
        file(b"third").map_err(disk)?.persist(&named).map_err(|e| NAMES.failed(self, &named, e.error))?;
        local::publish(Content::Memory(b"fourth".into()), folder, &named, WriteMode::Overwrite)
            .map_err(disk)?;
        if fs::read(&named).map_err(disk)? != b"fourth" {
            return Err(NO_REPLACE.lacks(self, "a file that was replaced has its old content"));
        }
        let mut listed = fs::read_dir(folder).map_err(disk)?.filter_map(Result::ok);
        if !listed.any(|entry| entry.path() == named) {
            return Err(FILE_LISTING.lacks(self, "it is not in its folder's listing"));
        }
        for path in [plain, named] {
            if let Err(error) = fs::remove_file(&path) {
                tracing::warn!(path = %path.display(), %error, "files cannot be removed here: what is temporary stays");
            }
        }
        Ok(workplace)
    }

    async fn probe_bucket(&self, remote: &Remote) -> Result<(), LakeError> {
        self.check_readable().await?;
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        // If nothing can be removed, the object of an earlier process is used again, so that they do not accumulate.
        let left =
            self.listed_probes(remote).await?.into_iter().find_map(|path| Some((made_at(&path)?, path)));
        if let Some((made_at, path)) = left
            && self.try_object(remote, &path, Whose::AnyProcess).await? == Tried::Fit
        {
            // A newer one may be in use by another process.
            if now.saturating_sub(made_at) > LONGEST_PROBE_SECONDS {
                self.remove_probe(remote, &path).await;
            }
            return Ok(());
        }
        let path = self.probes().join(format!("{now}-{:016x}", fastrand::u64(..)));
        for attempt in 1.. {
            match self.try_object(remote, &path, Whose::Ours).await {
                Ok(_) => {
                    self.remove_probe(remote, &path).await;
                    break;
                }
                Err(error) => {
                    // If that fails too, the first error is the one to report.
                    drop(remote.store.delete(&path).await);
                    let is_last = attempt == PROBES;
                    if is_last || !matches!(error, LakeError::Damaged { .. } | LakeError::Exists { .. }) {
                        return Err(error);
                    }
                }
            }
        }
        Ok(())
    }

    /// The folder of probes, as a path of the store.
    fn probes(&self) -> Path {
        self.full(&Path::from_iter([TEMPORARY, "probe"]))
    }

    async fn listed_probes(&self, remote: &Remote) -> Result<Vec<Path>, LakeError> {
        let folder = self.probes();
        let list = || async {
            let found = remote.store.list(Some(&folder)).map_ok(|meta| meta.location);
            found.try_collect().await
        };
        again(list).await.map_err(|source| LakeError::Store { path: folder.to_string(), source })
    }

    async fn try_object(&self, remote: &Remote, path: &Path, whose: Whose) -> Result<Tried, LakeError> {
        let second = Bytes::from_static(b"second");
        match whose {
            Whose::Ours => {
                self.create_probe(remote, path).await?;
                self.wait_for_listing(remote, path).await?;
            }
            // A listing may still show it after it was removed.
            Whose::AnyProcess => match remote.store.head(path).await {
                Err(StoreError::NotFound { .. }) => return Ok(Tried::Unclear),
                other => drop(other.map_err(|source| LakeError::Store { path: path.to_string(), source })?),
            },
        }
        match upload::conditional(remote, path, &second, PutMode::Create).await {
            Err(StoreError::AlreadyExists { .. }) => {}
            // The process that owns it has just removed it.
            Ok(_) if whose == Whose::AnyProcess => {
                self.remove_probe(remote, path).await;
                return Ok(Tried::Unclear);
            }
            Ok(_) => return Err(CREATE.lacks(self, "a second object took the place of the first")),
            Err(source) => return Err(CREATE.refused(self, path, source)),
        }
        let wrong =
            UpdateVersion { e_tag: Some(format!("\"{}\"", "0".repeat(32))), version: Some("1".into()) };
        match upload::conditional(remote, path, &second, PutMode::Update(wrong)).await {
            Err(StoreError::AlreadyExists { .. } | StoreError::Precondition { .. }) => {}
            Ok(_) => {
                return Err(CHANGE.lacks(self, "a change of another version than the one there was made"));
            }
            Err(source) => return Err(CHANGE.refused(self, path, source)),
        }
        if whose == Whose::AnyProcess {
            return Ok(Tried::Fit);
        }
        let own = Path::from_iter([TEMPORARY, "probe"]).join(path.filename().unwrap_or_default());
        self.update(&own, |_| Ok(second.clone())).await.map_err(|error| match error {
            LakeError::Contended { .. } => {
                CHANGE.lacks(self, "a change of the version that is there was not made")
            }
            LakeError::Store { source, .. } => CHANGE.refused(self, path, source),
            error => error,
        })?;
        Ok(Tried::Fit)
    }

    async fn create_probe(&self, remote: &Remote, path: &Path) -> Result<(), LakeError> {
        const FIRST: &[u8] = b"first";
        match upload::put(remote, path, Content::Memory(FIRST.to_vec()), WriteMode::Create).await {
            Err(LakeError::Store { source, .. }) => {
                // Does the store refuse only the condition?
                let is_taken = remote.store.put(path, Bytes::from_static(FIRST).into()).await.is_ok();
                let failed = |source| LakeError::Store { path: path.to_string(), source };
                Err(if is_taken { CREATE.refused(self, path, source) } else { failed(source) })
            }
            outcome => outcome.map(drop),
        }
    }

    async fn wait_for_listing(&self, remote: &Remote, path: &Path) -> Result<(), LakeError> {
        for attempt in 1..=LOOKS {
            if self.listed_probes(remote).await?.contains(path) {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(100 << attempt)).await;
        }
        Err(LISTING.lacks(self, format_args!("{LOOKS} listings did not have {path}")))
    }

    /// A store that cannot delete is no reason to stop: only leftovers and damaged objects need to be removed.
    async fn remove_probe(&self, remote: &Remote, path: &Path) {
        let said = match remote.store.delete(path).await {
            Err(StoreError::NotFound { .. }) => return,
            Err(error) => error.to_string(),
            Ok(()) => match remote.store.head(path).await {
                Ok(_) => "it says that it did, and the object is there".to_owned(),
                Err(_) => return,
            },
        };
        tracing::warn!(%path, %said, "objects cannot be removed here: this one stays, and so would one that arrives damaged");
    }
}

/// After this time no probe is still running; the clocks of different machines differ by less.
const LONGEST_PROBE_SECONDS: u64 = 3600;

/// When the object of a probe was made, seconds since the Unix epoch, from its name; `None`: the name is not a probe's.
fn made_at(path: &Path) -> Option<u64> {
    path.filename()?.split_once('-')?.0.parse().ok()
}

/// How often an object that arrives damaged is sent.
const PROBES: u32 = 4;
/// How often a listing is checked for a new object.
const LOOKS: u32 = 5;

/// The owner of a probe object.
#[derive(Clone, Copy, PartialEq)]
enum Whose {
    /// This process.
    Ours,
    /// An earlier process that left it, or another one that is using it.
    AnyProcess,
}

/// The result of a probe that found nothing missing.
#[derive(Clone, Copy, PartialEq)]
enum Tried {
    Fit,
    /// Another process may have removed the object meanwhile: the result is not known.
    Unclear,
}
