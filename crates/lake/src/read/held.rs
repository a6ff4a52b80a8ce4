//! One version of an object: its footer and pages belong together, or the read fails.
//!
//! In a folder an open file is the version. Writing to it in place changes its modification time, which is checked after each
//! piece. In a bucket each request after the first names the version (`If-Match`).

use std::error::Error;
use std::fs::File;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use futures::TryStreamExt;
use object_store::path::Path;
use object_store::{Error as StoreError, GetOptions, GetRange, GetResult, GetResultPayload, ObjectStore};
use parquet::errors::ParquetError;

use super::file::{Changed, check, read_at, read_cached};
use super::{external, hash};
use crate::identity;
use crate::open::Place;

/// Piece size for reading a whole file.
const PIECE_BYTES: u64 = 1 << 20;

/// A version of an object.
#[derive(Clone)]
pub(super) struct Held {
    source: Source,
    /// Its size.
    pub size: u64,
    /// Its identity; `None`: the store has none, so that changes are not detected.
    pub identity: Option<String>,
}

#[derive(Clone)]
enum Source {
    File(Arc<File>),
    Object(Arc<dyn ObjectStore>, Path),
}

impl Held {
    /// A version of an object in a bucket, known by its identity only.
    pub fn known(store: Arc<dyn ObjectStore>, path: Path, size: u64, identity: String) -> Held {
        Held { source: Source::Object(store, path), size, identity: Some(identity) }
    }

    /// Whether it is in a bucket.
    pub fn is_remote(&self) -> bool {
        matches!(self.source, Source::Object(..))
    }

    /// Reads a piece of the object, which must be within it.
    ///
    /// # Errors
    /// When the store fails, or the version no longer exists ([`Changed`]).
    pub async fn fetch(&self, range: Range<u64>) -> Result<Bytes, ParquetError> {
        match &self.source {
            Source::File(file) => {
                let (file, identity) = (file.clone(), self.identity.clone());
                if range.end - range.start <= PIECE_BYTES
                    && let Some(piece) = read_cached(&file, &range)
                {
                    return check(&file, identity.as_deref()).map(|()| piece.into());
                }
                let read = tokio::task::spawn_blocking(move || read_at(&file, range, identity.as_deref()));
                read.await.unwrap_or_else(|error| Err(ParquetError::External(Box::new(error))))
            }
            Source::Object(store, path) => {
                let answer = store.get_opts(path, self.asking(range)).await.map_err(failed)?;
                answer.bytes().await.map_err(failed)
            }
        }
    }

    /// BLAKE3 of the first bytes of the object. A file's are hashed by all processors.
    ///
    /// # Errors
    /// As [`Held::fetch`].
    pub async fn hash(&self, bytes: u64) -> Result<blake3::Hash, ParquetError> {
        match &self.source {
            Source::File(file) => hash::of_file(file, bytes, self.identity.as_deref()).await,
            Source::Object(store, path) => {
                let mut hasher = blake3::Hasher::new();
                let answer = store.get_opts(path, self.asking(0..bytes)).await.map_err(failed)?;
                let mut pieces = answer.into_stream();
                while let Some(piece) = pieces.try_next().await.map_err(failed)? {
                    hasher.update(&piece);
                }
                Ok(hasher.finalize())
            }
        }
    }

    fn asking(&self, range: Range<u64>) -> GetOptions {
        let (range, if_match) = (Some(GetRange::Bounded(range)), self.identity.clone());
        GetOptions { range, if_match, ..GetOptions::default() }
    }
}

/// The error for a version that was seen and can no longer be read.
fn failed(error: StoreError) -> ParquetError {
    if says_changed(&error) { Changed.into() } else { external(error) }
}

/// Whether a store reports that the requested version no longer exists. Its client wraps that error when it resumes a body.
fn says_changed(error: &StoreError) -> bool {
    let mut cause: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(error) = cause {
        if let Some(StoreError::Precondition { .. } | StoreError::NotFound { .. }) = error.downcast_ref() {
            return true;
        }
        cause = error.source();
    }
    false
}

/// Opens the current version of an object; `None`: there is none. From a bucket, also returns its last `tail` bytes.
///
/// # Errors
/// When the store fails.
pub(super) async fn hold(
    place: &Place,
    store: Arc<dyn ObjectStore>,
    path: &Path,
    tail: u64,
) -> Result<Option<(Held, Option<Bytes>)>, StoreError> {
    if let Some(held) = hold_file(place, path) {
        return Ok(Some((held, None)));
    }
    let options = GetOptions { range: Some(GetRange::Suffix(tail)), ..GetOptions::default() };
    let answer = match store.get_opts(path, options).await {
        Err(StoreError::NotFound { .. }) => return Ok(None),
        answer => answer?,
    };
    let (size, identity) = (answer.meta.size, identity::of_object(place, &answer.meta));
    Ok(Some(match answer {
        GetResult { payload: GetResultPayload::File(file, _), .. } => {
            (Held { source: Source::File(Arc::new(file)), size, identity }, None)
        }
        answer => {
            let source = Source::Object(store, path.clone());
            (Held { source, size, identity }, Some(answer.bytes().await?))
        }
    }))
}

/// Opens a file of a local lake; `None`: it is none, or cannot be opened, and the store says why.
fn hold_file(place: &Place, path: &Path) -> Option<Held> {
    let Place::Local(root) = place else { return None };
    let file = File::open(root.join(path.as_ref())).ok()?;
    let metadata = file.metadata().ok().filter(std::fs::Metadata::is_file)?;
    let (size, identity) = (metadata.len(), identity::of_file(&metadata));
    Some(Held { source: Source::File(Arc::new(file)), size, identity })
}
