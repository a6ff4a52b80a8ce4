//! Taking data out of a lake by hand.

use mtdh_core::partition::Partition;

use super::{Context, Work};
use crate::certify::named::named;
use crate::error::EngineError;
use crate::removal::{Removal, RemovalRequest, Removed, find, remove};

impl Context {
    /// Looks up what would go. Nothing is removed.
    ///
    /// ```no_run
    /// # async fn example(context: mtdh_engine::Context) -> Result<(), mtdh_engine::EngineError> {
    /// use mtdh_engine::removal::RemovalRequest;
    /// let request = RemovalRequest { runs: vec!["march".to_owned()], ..RemovalRequest::default() };
    /// let removal = context.find_removal(&request).await?;
    /// println!("{} objects, {} bytes", removal.objects.len(), removal.bytes());
    /// # Ok(())
    /// # }
    /// ```
    pub fn find_removal<'a>(&'a self, request: &'a RemovalRequest) -> Work<'a, Removal> {
        Box::pin(find(&self.lake, request))
    }

    /// The partitions of a removal that certificates of the lake name, sorted. Fails when one of the certificates cannot be used:
    /// nobody knows what it names.
    pub fn certified_of<'a>(&'a self, removal: &'a Removal) -> Work<'a, Vec<Partition>> {
        Box::pin(async move {
            let mut going: Vec<Partition> = removal.objects.iter().filter_map(Removed::partition).collect();
            if going.is_empty() {
                return Ok(going);
            }
            let named = named(&self.lake).await?;
            if let Some(reason) = named.unread {
                return Err(EngineError::UnreadCertificate { reason });
            }
            going.retain(|partition| named.partitions.contains(partition));
            going.sort();
            going.dedup();
            Ok(going)
        })
    }

    /// Removes what was looked up. Whether anybody still wants it is for the caller to ask: see [`Context::chosen`].
    pub fn remove<'a>(&'a self, removal: &'a Removal) -> Work<'a, ()> {
        Box::pin(remove(&self.lake, removal))
    }
}
