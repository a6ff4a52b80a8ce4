//! The certificates that were made of a lake. It keeps them, so that whoever removes data can know what others were promised.
//!
//! A copy from elsewhere may lie there, or anything else: what is read is untrusted.

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
        Ok(Some(Certificate::parse(&bytes, path_of).map(|(certificate, _)| certificate)))
    }
}
