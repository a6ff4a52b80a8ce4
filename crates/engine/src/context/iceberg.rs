//! Tables of other programs over the lake's objects.

use std::collections::BTreeSet;

use mtdh_core::Day;
use mtdh_lake::iceberg::IcebergTable;

use super::{Context, Work};
use crate::iceberg::{IcebergReport, IcebergRequest, publish};

impl Context {
    /// Publishes Iceberg tables over the objects as they lie: only what changed since, and nothing if nothing did.
    ///
    /// ```no_run
    /// # async fn example(context: mtdh_engine::Context) -> Result<(), mtdh_engine::EngineError> {
    /// use mtdh_engine::iceberg::IcebergRequest;
    /// for table in context.publish_iceberg(&IcebergRequest::default()).await?.tables {
    ///     println!("{}: {} files, {} rows, {}", table.table, table.files, table.rows, table.metadata);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn publish_iceberg<'a>(&'a self, request: &'a IcebergRequest) -> Work<'a, IcebergReport> {
        Box::pin(publish(&self.lake, request))
    }

    /// Every day that the lake has partitions or candles of, in order.
    pub fn all_days(&self) -> Work<'_, Vec<Day>> {
        Box::pin(async {
            let mut days: BTreeSet<Day> = self.lake.days_with_partitions().await?.into_iter().collect();
            days.extend(self.lake.days_with_candles().await?);
            Ok(days.into_iter().collect())
        })
    }

    /// The names of the Iceberg tables that were published. What is changed in the lake afterwards they do not know before they are
    /// published again.
    pub fn iceberg_tables(&self) -> Work<'_, Vec<String>> {
        Box::pin(async {
            Ok(self.lake.iceberg_tables().await?.iter().map(IcebergTable::to_string).collect())
        })
    }
}
