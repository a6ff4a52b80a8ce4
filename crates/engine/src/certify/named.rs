//! What the certificates that a lake keeps name: others compare with it. They are untrusted.

use std::collections::BTreeSet;

use mtdh_core::partition::{Origin, Partition};
use mtdh_lake::Lake;

use crate::error::EngineError;

/// The partitions that certificates of a lake name.
#[derive(Clone, Debug, Default)]
pub struct Named {
    /// Those that have an object by one of the certificates.
    pub partitions: BTreeSet<Partition>,
    /// Why one cannot be used, so that nobody knows what it names; `None`: all could be read.
    pub unread: Option<String>,
}

/// Reads them.
///
/// # Errors
/// When the lake cannot be read. A document that is no certificate is no error.
pub(crate) async fn named(lake: &Lake) -> Result<Named, EngineError> {
    let mut named = Named::default();
    for entry in lake.certificates().await? {
        match lake.certificate(&entry).await? {
            None => {}
            Some(Err(error)) => {
                let error = mtdh_core::error::chain(&error);
                named.unread = Some(format!("{}: {error}", entry.path));
            }
            Some(Ok(certificate)) if certificate.origin == Origin::Vendor => {
                let of = certificate.partitions().filter(|(_, entry)| entry.digests.is_some());
                named.partitions.extend(of.map(|(group, entry)| group.partition(entry)));
            }
            Some(Ok(_)) => {}
        }
    }
    Ok(named)
}
