//! Verifies the bytes of objects without decoding them.

use std::sync::Arc;

use super::{check_place, failure};
use crate::error::LakeError;
use crate::object::Entry;
use crate::seal::{DataHasher, Seal};
use crate::store::Lake;

/// The result of verifying an object's bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verified {
    /// Every byte is as written.
    Whole,
    /// Not verifiable: version 0.1.0 wrote it, without checksums.
    NoChecksums,
}

impl Lake {
    /// Reads every byte of an object and compares it with the object's checksums.
    ///
    /// # Errors
    /// When the store fails, or the object is not what was written.
    pub async fn verify_bytes(&self, entry: &Entry) -> Result<Verified, LakeError> {
        let wrong = |error| failure(&entry.path, error);
        let mut reader = self.reader(entry, &Arc::default()).await?;
        let opened = reader.open().await.map_err(wrong)?;
        check_place(&entry.path, &opened)?;
        let Some(seal) = opened.seal else { return Ok(Verified::NoChecksums) };
        let hash = reader.hash(seal.data_bytes).await.map_err(wrong)?;
        seal.verify_data(hash).map_err(wrong)?;
        Ok(Verified::Whole)
    }

    /// As [`Lake::verify_bytes`], of an object whose footer was read a moment ago, with this digest: the footer is not decoded again.
    ///
    /// # Errors
    /// As [`Lake::verify_bytes`].
    pub async fn verify_seen_bytes(&self, entry: &Entry, digest: &str) -> Result<Verified, LakeError> {
        let wrong = |error| failure(&entry.path, error);
        let mut reader = self.reader(entry, &Arc::default()).await?;
        match reader.seal().await.map_err(wrong)? {
            Some(seal) if seal.digest == digest => {
                let hash = reader.hash(seal.data_bytes).await.map_err(wrong)?;
                seal.verify_data(hash).map_err(wrong)?;
                Ok(Verified::Whole)
            }
            _ => self.verify_bytes(entry).await,
        }
    }

    /// The proof of an object whose bytes somebody else reads, from the first to the last; `None`: it has no checksums.
    ///
    /// # Errors
    /// When the store fails, or the object is not what was written.
    pub(crate) async fn proof_of(&self, entry: &Entry) -> Result<Option<Proof>, LakeError> {
        let wrong = |error| failure(&entry.path, error);
        let opened = self.reader(entry, &Arc::default()).await?.open().await.map_err(wrong)?;
        check_place(&entry.path, &opened)?;
        let path = entry.path.clone();
        Ok(opened.seal.map(|seal| Proof { path, seal, hasher: DataHasher::default(), at: 0 }))
    }
}

/// The bytes of an object against its checksums, as they pass by.
pub(crate) struct Proof {
    path: object_store::path::Path,
    seal: Seal,
    hasher: DataHasher,
    at: u64,
}

impl Proof {
    /// The next bytes. The footer behind the data was verified before.
    pub(crate) fn update(&mut self, piece: &[u8]) {
        let left = usize::try_from(self.seal.data_bytes.saturating_sub(self.at)).unwrap_or(usize::MAX);
        self.hasher.update(&piece[..piece.len().min(left)]);
        self.at += piece.len() as u64;
    }

    /// # Errors
    /// When the data is not what was written.
    pub(crate) fn verify(self) -> Result<(), LakeError> {
        self.hasher.verify(&self.seal).map_err(|error| failure(&self.path, error))
    }
}
