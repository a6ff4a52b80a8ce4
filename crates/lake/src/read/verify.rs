//! Verifies the bytes of objects without decoding them.

use std::sync::Arc;

use super::{check_place, failure};
use crate::error::LakeError;
use crate::object::Entry;
use crate::seal::DataHasher;
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
        let mut hasher = DataHasher::default();
        let pieces = reader.held.fetch_pieces(0..seal.data_bytes, |piece| hasher.update(piece));
        pieces.await.map_err(wrong)?;
        hasher.verify(&seal).map_err(wrong)?;
        Ok(Verified::Whole)
    }
}
