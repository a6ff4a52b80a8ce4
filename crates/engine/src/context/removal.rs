//! Taking data out of a lake by hand.

use super::{Context, Work};
use crate::removal::{Removal, RemovalRequest, find, remove};

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

    /// Removes what was looked up. Whether anybody still wants it is for the caller to ask: see [`Context::chosen`].
    pub fn remove<'a>(&'a self, removal: &'a Removal) -> Work<'a, ()> {
        Box::pin(remove(&self.lake, removal))
    }
}
