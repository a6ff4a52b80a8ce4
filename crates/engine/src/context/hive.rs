//! Exports in the layout of Hive.

use super::{Context, Work};
use crate::hive::run::export;
use crate::hive::{HiveReport, HiveRequest};

impl Context {
    /// Exports the vendor's data under names and folders that every system and reader of Hive's layout takes: as links to the lake's
    /// objects, as copies, or as one file a venue, type and day. Goes on where an earlier run ended, and does again only what changed.
    ///
    /// ```no_run
    /// # async fn example(context: mtdh_engine::Context, selection: mtdh_engine::Selection) -> Result<(), mtdh_engine::EngineError> {
    /// use mtdh_engine::hive::{HiveRequest, HiveTables};
    /// let (place, tables) = ("gs://BUCKET/hive".to_owned(), HiveTables::all());
    /// let request = HiveRequest { place, selections: vec![selection], tables, ..HiveRequest::default() };
    /// let report = context.export_hive(&request).await?;
    /// println!("{} tables", report.tables.len());
    /// # Ok(())
    /// # }
    /// ```
    pub fn export_hive<'a>(&'a self, request: &'a HiveRequest) -> Work<'a, HiveReport> {
        Box::pin(export(&self.lake, request))
    }
}
