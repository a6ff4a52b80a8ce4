//! The digests of objects, for certificates.

use std::sync::Arc;

use mtdh_core::certificate::{Digests, Hash};
use parquet::errors::ParquetError;

use super::{check_place, failure};
use crate::error::LakeError;
use crate::object::Entry;
use crate::seal::END_BYTES;
use crate::store::Lake;

/// How the digest of an object's data is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DigestBy {
    /// As its verified footer says. The data is not read, and may be something else.
    Footer,
    /// By reading every byte, which must fit the footer.
    Bytes,
}

/// The digests of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Digested {
    /// Both.
    Whole(Digests),
    /// That of its footer. The digest of its data is not in the footer, because version 0.1.0 wrote it: [`DigestBy::Bytes`] tells it.
    FooterOnly(Hash),
}

impl Lake {
    /// The digests of an object: one request for most, and all bytes if that is wanted.
    ///
    /// # Errors
    /// When the store fails, or the object is not what was written.
    pub async fn digests(&self, entry: &Entry, by: DigestBy) -> Result<Digested, LakeError> {
        let wrong = |error| failure(&entry.path, error);
        let mut reader = self.reader(entry, &Arc::default()).await?;
        // Kept footers are without their bytes.
        reader.kept = None;
        let opened = reader.open().await.map_err(wrong)?;
        check_place(&entry.path, &opened)?;
        let size = reader.held.size;
        let data_bytes = match &opened.seal {
            Some(seal) => seal.data_bytes,
            None => {
                let end = reader.fetch(size.saturating_sub(END_BYTES)..size).await.map_err(wrong)?;
                let length = end.first_chunk::<4>().map_or(0, |length| u32::from_le_bytes(*length));
                size.saturating_sub(END_BYTES + u64::from(length))
            }
        };
        let tail = reader.fetch(data_bytes..size).await.map_err(wrong)?;
        let footer = Hash(blake3::hash(&tail).into());
        if by == DigestBy::Footer {
            let said = opened.seal.as_ref().map(|seal| {
                let lacking = || wrong(ParquetError::General("its digest is no digest".to_owned()));
                Hash::from_hex(&seal.digest).ok_or_else(lacking)
            });
            return Ok(match said.transpose()? {
                Some(data) => Digested::Whole(Digests { data, footer }),
                None => Digested::FooterOnly(footer),
            });
        }
        let hash = reader.hash(data_bytes).await.map_err(wrong)?;
        if let Some(seal) = &opened.seal {
            seal.verify_data(hash).map_err(wrong)?;
        }
        Ok(Digested::Whole(Digests { data: Hash(hash.into()), footer }))
    }
}
