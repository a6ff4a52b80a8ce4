//! The certificates that were made of a lake. It keeps them, so that whoever removes data can know what others were promised.
//!
//! A copy from elsewhere may lie there, or anything else: what is read is untrusted.

use bytes::Bytes;
use mtdh_core::certificate::{Certificate, CertificateError, Hash, MOST_BYTES};
use mtdh_core::partition::{Origin, Partition};

use crate::error::LakeError;
use crate::layout::Layout;
use crate::object::Entry;
use crate::store::Lake;

/// The path of a partition in a lake, as the leaves of a certificate have it.
pub fn path_of(origin: Origin, partition: &Partition) -> String {
    Layout::of(origin).partition(partition).to_string()
}

impl Lake {
    /// Keeps a certificate. One with the same root stays: it names the same objects.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn keep_certificate(&self, root: &Hash, bytes: &[u8]) -> Result<(), LakeError> {
        let path = self.layout().certificate(root);
        match self.entry(&path).await? {
            Some(_) => Ok(()),
            None => self.put(&path, bytes).await,
        }
    }

    /// The certificates that the lake keeps, by their roots.
    ///
    /// # Errors
    /// When the store cannot be listed.
    pub async fn certificates(&self) -> Result<Vec<Entry>, LakeError> {
        let entries = self.list(&self.layout().certificates()).await?;
        Ok(entries
            .into_iter()
            .filter(|entry| self.layout().parse_certificate(&entry.path).is_some())
            .collect())
    }

    /// Reads a certificate that the lake keeps; `None`: it is gone.
    ///
    /// # Errors
    /// When the store fails. A document that cannot be used is no error of the lake.
    pub async fn certificate(
        &self,
        entry: &Entry,
    ) -> Result<Option<Result<Certificate, CertificateError>>, LakeError> {
        let bytes = match self.certificate_bytes(entry).await? {
            None => return Ok(None),
            Some(Err(error)) => return Ok(Some(Err(error))),
            Some(Ok(bytes)) => bytes,
        };
        Ok(Some(Certificate::parse(&bytes, path_of).map(|(certificate, _)| certificate)))
    }

    /// The document of a certificate that the lake keeps, unread; `None`: it is gone.
    ///
    /// # Errors
    /// When the store fails. A document that is too long to be one is no error of the lake.
    pub async fn certificate_bytes(
        &self,
        entry: &Entry,
    ) -> Result<Option<Result<Bytes, CertificateError>>, LakeError> {
        if entry.bytes > MOST_BYTES as u64 {
            return Ok(Some(Err(CertificateError::TooLong)));
        }
        Ok(self.read(&entry.path).await?.map(Ok))
    }

    /// The root in the name of a certificate that the lake keeps; `None`: the object is none.
    pub fn certificate_root(&self, entry: &Entry) -> Option<Hash> {
        self.layout().parse_certificate(&entry.path)
    }
}
