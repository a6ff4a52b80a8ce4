//! The bytes of an object as they are stored, of one version, for those who verify them themselves.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use object_store::path::Path;

use super::{ObjectReader, failure};
use crate::error::LakeError;
use crate::object::Entry;
use crate::store::Lake;

/// One version of an object. A read fails with [`LakeError::Changed`] once it was replaced.
#[derive(Clone)]
pub struct StoredBytes {
    path: Path,
    reader: ObjectReader,
}

impl StoredBytes {
    /// Its size in bytes.
    pub fn bytes(&self) -> u64 {
        self.reader.held.size
    }

    /// Its identity, as [`Entry::identity`].
    pub fn identity(&self) -> Option<&str> {
        self.reader.held.identity.as_deref()
    }

    /// Reads a range, which must lie within the object.
    ///
    /// # Errors
    /// When the store fails, or the version is no longer there.
    pub async fn fetch(&self, range: Range<u64>) -> Result<Bytes, LakeError> {
        self.reader.fetch(range).await.map_err(|error| failure(&self.path, error))
    }

    /// BLAKE3 of its data part by its verified footer, lower-case hexadecimal. `None`: version 0.1.0 wrote it, without checksums.
    ///
    /// # Errors
    /// When the store fails, or it is no Parquet file.
    pub async fn data_digest(&self) -> Result<Option<String>, LakeError> {
        let opened = self.reader.clone().open().await.map_err(|error| failure(&self.path, error))?;
        Ok(opened.digest())
    }
}

impl Lake {
    /// Opens the version of an object that is in `entry`.
    ///
    /// # Errors
    /// When the store fails, or the version is no longer there.
    pub async fn stored(&self, entry: &Entry) -> Result<StoredBytes, LakeError> {
        Ok(StoredBytes { path: entry.path.clone(), reader: self.reader(entry, &Arc::default()).await? })
    }
}
