//! The lake as a store of whole objects: list, read, publish, change.
//!
//! Does not know Parquet. `copy` and `rename` of object_store are never used: its version 0.13 has them swapped on GCS.

use std::convert::Infallible;
use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures::TryStreamExt;
use mtdh_core::key::InstrumentKey;
use mtdh_core::partition::Origin;
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{Error as StoreError, ObjectMeta, ObjectStore, ObjectStoreExt, PutMode, UpdateVersion};
use tokio::sync::{Mutex, OnceCell};

use crate::answers::refused_status;
use crate::error::{LakeError, is_refusal};
use crate::identity;
use crate::kept::KeptFooters;
use crate::known::KnownFooters;
use crate::layout::{Layout, TEMPORARY, object_key};
use crate::local::{self, Outcome};
use crate::lock::lock;
use crate::object::{Entry, WriteMode};
use crate::open::{LakeOptions, Place, Remote, place};
use crate::retry::again;
use crate::stage::{StagedObject, StagingDir};
use crate::upload;

/// Time limit for the store's first answer. Without credentials, its client keeps asking a metadata server that most machines
/// do not have.
const FIRST_ANSWER: Duration = Duration::from_secs(30);

/// Time after which waiting for an answer is reported.
const TOLD_AFTER: Duration = Duration::from_secs(2);

/// How often a change is tried when others were faster.
const UPDATE_ATTEMPTS: u32 = 30;

/// How often a small object that does not match its checksum is read.
const READ_ATTEMPTS: u32 = 3;

/// A lake: a folder, or a bucket and a prefix. Cheap to clone.
#[derive(Clone)]
pub struct Lake {
    pub(crate) inner: Arc<Inner>,
    layout: Layout,
}

/// The store of a folder, and the device and inode of the folder it was opened for.
type OpenedFolder = ((u64, u64), Arc<LocalFileSystem>);

pub(crate) struct Inner {
    url: String,
    /// What it was opened with.
    pub(crate) options: LakeOptions,
    pub(crate) place: Place,
    /// Created when the first object is staged.
    pub(crate) workplace: OnceLock<StagingDir>,
    /// Set when the store has passed the probes.
    pub(crate) probed: OnceCell<()>,
    /// Serializes changes of shared tables by tasks of one process, which wait here instead of conflicting.
    turn: Mutex<()>,
    /// The store of a local lake, kept since opening resolves each part of its path.
    opened: std::sync::Mutex<Option<OpenedFolder>>,
    /// Verified footers that are kept, if they are.
    pub(crate) footers: KeptFooters,
    /// What footers said of the partitions of days, by origin, if footers are kept.
    known: [KnownFooters; 2],
}

impl std::fmt::Debug for Lake {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Lake").field(&self.inner.url).finish()
    }
}

impl Lake {
    /// Opens the lake at `url`: a folder (it need not exist), `gs://bucket[/prefix]` or `s3://bucket[/prefix]`. Nothing is
    /// requested yet. Its partitions are the vendor's; see [`Lake::with_origin`].
    ///
    /// # Errors
    /// When the URL is not valid, or credentials that it needs cannot be read.
    pub fn open(url: &str, options: &LakeOptions) -> Result<Lake, LakeError> {
        let (place, workplace, probed) = (place(url, options)?, OnceLock::new(), OnceCell::new());
        let (turn, footers) = (Mutex::default(), KeptFooters::default());
        let (opened, known) = (std::sync::Mutex::default(), Default::default());
        let url = url.to_owned();
        let options = options.clone();
        let inner = Inner { url, options, place, workplace, probed, turn, opened, footers, known };
        Ok(Lake { inner: Arc::new(inner), layout: Layout::VENDOR })
    }

    /// The paths of its objects.
    pub fn layout(&self) -> Layout {
        self.layout
    }

    /// Whose partitions it reads and writes.
    pub fn origin(&self) -> Origin {
        self.layout.origin()
    }

    /// The same lake, with the partitions of this origin and what is derived from them.
    pub fn with_origin(&self, origin: Origin) -> Lake {
        Lake { inner: self.inner.clone(), layout: Layout::of(origin) }
    }

    pub(crate) fn known(&self) -> &KnownFooters {
        &self.inner.known[self.origin() as usize]
    }

    /// The URL, as given to [`Lake::open`].
    pub fn url(&self) -> &str {
        &self.inner.url
    }

    /// The folder of a local lake; `None`: a bucket.
    pub fn folder(&self) -> Option<&std::path::Path> {
        match &self.inner.place {
            Place::Local(root) => Some(root),
            Place::Remote(_) => None,
        }
    }

    /// Makes the lake's folder if it is not there. A bucket is made by its owner.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn make_folder(&self) -> Result<(), LakeError> {
        let Place::Local(root) = &self.inner.place else { return Ok(()) };
        std::fs::create_dir_all(root).map_err(|source| self.disk(root.clone(), source))
    }

    /// Checks that the lake can be read, before work is planned on it.
    ///
    /// # Errors
    /// When the folder or bucket does not exist or is not visible.
    pub async fn check_readable(&self) -> Result<(), LakeError> {
        match &self.inner.place {
            Place::Local(root) if root.is_dir() => Ok(()),
            Place::Local(root) if root.exists() => {
                let source = std::io::ErrorKind::NotADirectory.into();
                Err(LakeError::Disk { path: root.clone(), source })
            }
            Place::Local(root) => Err(LakeError::NoFolder(root.clone())),
            Place::Remote(remote) => {
                let root = self.full(&Path::default());
                let first = again(|| async { remote.store.list(Some(&root)).try_next().await });
                self.in_time(first).await?.map(drop).map_err(|source| self.first_failure(source))
            }
        }
    }

    /// Awaits a request that may be the first to the store, with a time limit.
    pub(crate) async fn in_time<T>(&self, request: impl Future<Output = T>) -> Result<T, LakeError> {
        let no_answer =
            |_| LakeError::NoAnswer { url: self.inner.url.clone(), seconds: FIRST_ANSWER.as_secs() };
        let told = async {
            tokio::time::sleep(TOLD_AFTER).await;
            let at_most = FIRST_ANSWER.as_secs();
            tracing::warn!("waiting for {}: no answer yet, for at most {at_most} s", self.inner.url);
            std::future::pending::<Infallible>().await
        };
        tokio::select! {
            answer = tokio::time::timeout(FIRST_ANSWER, request) => answer.map_err(no_answer),
            never = told => match never {},
        }
    }

    /// The error for a failed first request to the store.
    pub(crate) fn first_failure(&self, source: StoreError) -> LakeError {
        let url = self.inner.url.clone();
        let text = source.to_string();
        match refused_status(&text) {
            Some(404) => LakeError::NoBucket { url, source },
            Some(401 | 403) => LakeError::NoAccess { url, source },
            _ if matches!(source, StoreError::NotFound { .. }) => LakeError::NoBucket { url, source },
            // Without credentials the client asks a metadata server, and names it when there is none.
            _ if is_refusal(&source) || text.contains("token request") || text.contains("credential") => {
                LakeError::NoAccess { url, source }
            }
            _ => LakeError::Store { path: url, source },
        }
    }

    /// Space for an object that will be published.
    ///
    /// # Errors
    /// When the folder for unfinished objects cannot be made.
    pub fn stage(&self) -> Result<StagedObject, LakeError> {
        let is_local = matches!(self.inner.place, Place::Local(_));
        Ok(StagedObject::new(self.workplace()?.path(), is_local))
    }

    /// A temporary folder of this process, removed at its end; on the lake's disk if the lake is local.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn temporary(&self) -> Result<&std::path::Path, LakeError> {
        Ok(self.workplace()?.path())
    }

    fn workplace(&self) -> Result<&StagingDir, LakeError> {
        if let Some(workplace) = self.inner.workplace.get() {
            return Ok(workplace);
        }
        let parent = self.temporary_folder();
        let made = StagingDir::create(&parent).map_err(|source| self.disk(parent, source))?;
        // If two threads get here at once, the folder of the slower one is removed when its `StagingDir` is dropped.
        Ok(self.inner.workplace.get_or_init(|| made))
    }

    pub(crate) fn temporary_folder(&self) -> PathBuf {
        match &self.inner.place {
            Place::Local(root) => root.join(TEMPORARY),
            Place::Remote(_) => std::env::temp_dir().join("mtdh"),
        }
    }

    pub(crate) fn disk(&self, path: PathBuf, source: std::io::Error) -> LakeError {
        LakeError::Disk { path, source }
    }

    fn store_failure(path: &Path) -> impl Fn(StoreError) -> LakeError + '_ {
        move |source| LakeError::Store { path: path.to_string(), source }
    }

    /// Publishes an object atomically: it is visible only as a whole. Returns its identity, as [`Entry::identity`]; `None`
    /// also if the same object existed.
    ///
    /// # Errors
    /// When the disk or store refuses, the object arrived damaged, or [`WriteMode::Create`] finds a different object.
    pub async fn publish(
        &self,
        path: &Path,
        stage: StagedObject,
        existing: WriteMode,
    ) -> Result<Option<String>, LakeError> {
        let content = stage.into_content();
        match &self.inner.place {
            Place::Local(root) => {
                let (target, folder) = (root.join(path.as_ref()), self.workplace()?.path().to_owned());
                let place = target.clone();
                let put = move || local::publish(content, &folder, &place, existing);
                let outcome = tokio::task::spawn_blocking(put).await.unwrap_or_else(|e| Err(e.into()));
                match outcome.map_err(|source| self.disk(target, source))? {
                    Outcome::Made { identity } => Ok(identity),
                    Outcome::WasThere => Ok(None),
                    Outcome::Differs => Err(LakeError::Exists { path: path.to_string() }),
                }
            }
            Place::Remote(remote) => upload::put(remote, &self.full(path), content, existing).await,
        }
    }

    /// Reads a small object whole; `None`: there is none.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn read(&self, path: &Path) -> Result<Option<Bytes>, LakeError> {
        Ok(self.read_versioned(path).await?.map(|(bytes, _)| bytes))
    }

    async fn read_versioned(&self, path: &Path) -> Result<Option<(Bytes, UpdateVersion)>, LakeError> {
        let Some(store) = self.store_of(path)? else { return Ok(None) };
        for attempt in 1.. {
            let got = match again(|| async { store.get(&self.full(path)).await }).await {
                Err(StoreError::NotFound { .. }) => return Ok(None),
                other => other.map_err(Self::store_failure(path))?,
            };
            let version = UpdateVersion { e_tag: got.meta.e_tag.clone(), version: got.meta.version.clone() };
            let bytes = got.bytes().await.map_err(Self::store_failure(path))?;
            match &self.inner.place {
                Place::Remote(remote) if upload::is_misread(remote, version.e_tag.as_deref(), &bytes) => {
                    tracing::warn!(%path, attempt, "came with other bytes than its checksum tells");
                    if attempt == READ_ATTEMPTS {
                        break;
                    }
                }
                _ => return Ok(Some((bytes, version))),
            }
        }
        Err(LakeError::Misread { path: path.to_string(), attempts: READ_ATTEMPTS })
    }

    /// Changes a small object: reads it, passes it to `change`, and stores the result; starts again if the object was changed
    /// meanwhile. If `change` returns the same bytes, nothing is written.
    ///
    /// # Errors
    /// When the store fails, `change` fails, or others are faster each time.
    pub async fn update(
        &self,
        path: &Path,
        mut change: impl FnMut(Option<&Bytes>) -> Result<Bytes, LakeError>,
    ) -> Result<(), LakeError> {
        let _turn = self.inner.turn.lock().await;
        let _lock = match &self.inner.place {
            Place::Local(_) => Some(self.lock().await?),
            Place::Remote(_) => None,
        };
        // What was sent without an answer: it may have arrived.
        let mut unanswered: Option<Bytes> = None;
        // The content before a change that arrived damaged, and the version that the change must replace.
        let mut damaged: Option<(Option<Bytes>, UpdateVersion)> = None;
        for attempt in 1..=UPDATE_ATTEMPTS {
            let (old, version) = match damaged.take() {
                Some((old, version)) => (old, Some(version)),
                None => self.read_versioned(path).await?.unzip(),
            };
            if unanswered.is_some() && unanswered == old {
                return Ok(());
            }
            let new = change(old.as_ref())?;
            if Some(&new) == old.as_ref() {
                return Ok(());
            }
            let remote = match &self.inner.place {
                Place::Remote(remote) => remote,
                Place::Local(_) => return self.put(path, &new).await,
            };
            let mode = version.map_or(PutMode::Create, PutMode::Update);
            match remote.store.put_opts(&self.full(path), new.clone().into(), mode.into()).await {
                Ok(put) => {
                    if upload::has_arrived(remote, &self.full(path), put.e_tag.as_deref(), &new).await? {
                        return Ok(());
                    }
                    tracing::warn!(%path, attempt, "arrived damaged; changing again");
                    damaged = Some((old, UpdateVersion { e_tag: put.e_tag, version: put.version }));
                }
                Err(StoreError::AlreadyExists { .. } | StoreError::Precondition { .. }) => {}
                Err(StoreError::Generic { source, .. }) if unanswered.is_none() => {
                    tracing::warn!(%path, attempt, cause = %source, "changing again");
                    unanswered = Some(new);
                }
                Err(source) => return Err(Self::store_failure(path)(source)),
            }
            // Writers that collided would collide again if all waited equally long.
            let longest = Duration::from_millis(100) * attempt.min(10);
            tokio::time::sleep(longest.mul_f64(fastrand::f64())).await;
        }
        Err(LakeError::Contended { path: path.to_string(), attempts: UPDATE_ATTEMPTS })
    }

    /// Publishes a small object, in place of an existing one.
    ///
    /// # Errors
    /// As [`Lake::publish`].
    pub async fn put(&self, path: &Path, bytes: &[u8]) -> Result<(), LakeError> {
        self.publish_bytes(path, bytes, WriteMode::Overwrite).await
    }

    /// Publishes a small object.
    ///
    /// # Errors
    /// As [`Lake::publish`].
    pub async fn publish_bytes(
        &self,
        path: &Path,
        bytes: &[u8],
        existing: WriteMode,
    ) -> Result<(), LakeError> {
        self.publish(path, self.staged(bytes)?, existing).await.map(drop)
    }

    fn staged(&self, bytes: &[u8]) -> Result<StagedObject, LakeError> {
        let mut stage = self.stage()?;
        std::io::Write::write_all(&mut stage, bytes)
            .map_err(|source| self.disk(self.temporary_folder(), source))?;
        Ok(stage)
    }

    /// Allows one process at a time to change a local lake's shared tables. The system releases the lock of a dead process.
    async fn lock(&self) -> Result<std::fs::File, LakeError> {
        self.workplace()?;
        lock(&self.temporary_folder().join("update.lock")).await
    }

    /// Removes an object; it is no error if there is none.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn delete(&self, path: &Path) -> Result<(), LakeError> {
        let Some(store) = self.reading_store()? else { return Ok(()) };
        match store.delete(&self.full(path)).await {
            Err(StoreError::NotFound { .. }) => Ok(()),
            other => other.map_err(Self::store_failure(path)),
        }
    }

    /// Every object below `prefix`, sorted by path. Unfinished objects of a local lake are excluded.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn list(&self, prefix: &Path) -> Result<Vec<Entry>, LakeError> {
        let Some(store) = self.reading_store()? else { return Ok(Vec::new()) };
        let full = self.full(prefix);
        let list = || async { store.list(Some(&full)).try_collect::<Vec<ObjectMeta>>().await };
        let found = again(list).await.map_err(Self::store_failure(prefix))?;
        let entry = |meta: ObjectMeta| {
            let identity = identity::of_object(&self.inner.place, &meta);
            Some(Entry { path: self.own(&meta.location)?, bytes: meta.size, identity })
        };
        let mut entries: Vec<Entry> = found.into_iter().filter_map(entry).collect();
        entries.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(entries)
    }

    /// The objects directly below `folder` that are named by a key in its one spelling, and wanted, sorted by path.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn list_keys(
        &self,
        folder: &Path,
        is_wanted: impl Fn(&InstrumentKey) -> bool,
    ) -> Result<Vec<(InstrumentKey, Entry)>, LakeError> {
        self.list_named(folder, |name| object_key(name).filter(|key| is_wanted(key))).await
    }

    /// The objects directly below `folder` whose name `wanted` makes something of, sorted by path. In a local lake only these are
    /// looked at, each by its name within the open folder.
    ///
    /// # Errors
    /// When the store fails.
    pub(crate) async fn list_named<T>(
        &self,
        folder: &Path,
        wanted: impl Fn(&str) -> Option<T>,
    ) -> Result<Vec<(T, Entry)>, LakeError> {
        let Place::Local(root) = &self.inner.place else {
            let named = |entry: Entry| {
                let name = entry.path.as_ref().strip_prefix(folder.as_ref())?.strip_prefix('/')?;
                Some((wanted(name)?, entry))
            };
            return Ok(self.list(folder).await?.into_iter().filter_map(named).collect());
        };
        let place = root.join(folder.as_ref());
        let files = local::files(&place, wanted).map_err(|source| self.disk(place, source))?.into_iter();
        let entry = |(name, meaning, file): (String, T, Metadata)| {
            // As the layout writes it: `join` would escape a character of keys, `~`.
            let path = Path::parse(format!("{folder}/{name}")).ok()?;
            Some((meaning, Entry { path, bytes: file.len(), identity: identity::of_file(&file) }))
        };
        let mut found: Vec<_> = files.filter_map(entry).collect();
        found.sort_by(|(_, a), (_, b)| a.path.cmp(&b.path));
        Ok(found)
    }

    /// The folders directly below `prefix`, sorted; as in [`Lake::list`].
    ///
    /// # Errors
    /// When the store fails.
    pub async fn folders(&self, prefix: &Path) -> Result<Vec<Path>, LakeError> {
        let Some(store) = self.reading_store()? else { return Ok(Vec::new()) };
        let listed = match again(|| async { store.list_with_delimiter(Some(&self.full(prefix))).await }).await
        {
            Err(StoreError::NotFound { .. }) => return Ok(Vec::new()),
            other => other.map_err(Self::store_failure(prefix))?,
        };
        let mut folders: Vec<Path> =
            listed.common_prefixes.iter().filter_map(|full| self.own(full)).collect();
        folders.sort();
        Ok(folders)
    }

    /// The store, for reading the object at `path`; `None`: the folder of a local lake does not exist. Neither a file nor a
    /// folder in its place (a FIFO, a socket, a device) is an error; it is never opened, because that could block for ever.
    pub(crate) fn store_of(&self, path: &Path) -> Result<Option<Arc<dyn ObjectStore>>, LakeError> {
        if let Place::Local(root) = &self.inner.place {
            let place = root.join(path.as_ref());
            match std::fs::metadata(&place) {
                Ok(what) if !what.is_file() && !what.is_dir() => return Err(LakeError::NoFile(place)),
                // What does not exist or is not visible, the store reports.
                _ => {}
            }
        }
        self.reading_store()
    }

    /// The store, for listing; `None`: the folder of a local lake does not exist, so there are no objects.
    fn reading_store(&self) -> Result<Option<Arc<dyn ObjectStore>>, LakeError> {
        match &self.inner.place {
            Place::Remote(remote) => Ok(Some(remote.store.clone())),
            Place::Local(root) => {
                let Some(folder) = std::fs::metadata(root).ok().filter(Metadata::is_dir) else {
                    return Ok(None);
                };
                let version = (folder.dev(), folder.ino());
                let mut known = self.inner.opened.lock().unwrap_or_else(PoisonError::into_inner);
                if let Some((_, store)) = known.as_ref().filter(|(of, _)| *of == version) {
                    return Ok(Some(store.clone()));
                }
                let store = LocalFileSystem::new_with_prefix(root);
                let store =
                    store.map_err(|source| LakeError::Store { path: root.display().to_string(), source })?;
                let (_, store) = known.insert((version, Arc::new(store)));
                Ok(Some(store.clone()))
            }
        }
    }

    fn prefix(&self) -> Path {
        match &self.inner.place {
            Place::Remote(Remote { prefix, .. }) => prefix.clone(),
            Place::Local(_) => Path::default(),
        }
    }

    /// Converts a path of the store to one of the lake; `None`: it is not an object of the lake.
    fn own(&self, full: &Path) -> Option<Path> {
        let own = Path::from_iter(full.prefix_match(&self.prefix())?);
        (own.parts().next() != Some(TEMPORARY.into())).then_some(own)
    }

    /// Converts a path of the lake to one of the store.
    pub(crate) fn full(&self, path: &Path) -> Path {
        self.prefix().parts().chain(path.parts()).collect()
    }
}
