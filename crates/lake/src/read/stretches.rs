//! Where the rows of an object are in time, by the statistics of its pages.

use std::sync::Arc;

use super::rows::page_bounds;
use super::{ReadCost, failure};
use crate::error::LakeError;
use crate::object::Entry;
use crate::store::Lake;

/// Rows that are stored together, and the range of one of their clocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stretch {
    /// The number of rows.
    pub rows: u64,
    /// The smallest time, microseconds since the Unix epoch, UTC.
    pub first_us: i64,
    /// The largest time, microseconds since the Unix epoch, UTC.
    pub last_us: i64,
}

impl Lake {
    /// The stretches of an object by a clock (`timestamp` or `local_timestamp`), in the object's order: one for each page. A row
    /// group without statistics is a stretch of all times. Reads the footer only, and adds the cost to `cost`.
    ///
    /// # Errors
    /// When the store fails, or the object is no Parquet file.
    pub async fn stretches(
        &self,
        entry: &Entry,
        clock: &str,
        cost: &Arc<ReadCost>,
    ) -> Result<Vec<Stretch>, LakeError> {
        let opened = self.reader(entry, cost).await?.open().await;
        let metadata = opened.map_err(|error| failure(&entry.path, error))?.metadata;
        let columns = metadata.file_metadata().schema_descr();
        let column = (0..columns.num_columns()).find(|i| columns.column(*i).name() == clock);
        let of_group = |index: usize| {
            let rows = metadata.row_group(index).num_rows().max(0) as usize;
            let bounds = column.and_then(|column| page_bounds(&metadata, index, column, rows));
            bounds.unwrap_or_else(|| vec![(0..rows, i64::MIN, i64::MAX)])
        };
        let pages = (0..metadata.num_row_groups()).flat_map(of_group);
        let stretches =
            pages.map(|(rows, first_us, last_us)| Stretch { rows: rows.len() as u64, first_us, last_us });
        Ok(stretches.filter(|stretch| stretch.rows > 0).collect())
    }
}
