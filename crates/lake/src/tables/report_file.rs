//! Common to the files of all reports: the columns of a partition, and conversion between tables and bytes.

use std::collections::HashMap;

use arrow_array::RecordBatch;
use bytes::Bytes;
use mtdh_core::Day;
use mtdh_core::key::InstrumentKey;
use mtdh_core::partition::Partition;
use object_store::path::Path;

use crate::error::LakeError;
use crate::read::failure;
use crate::tables::columns::{TableReader, from_parquet, to_parquet};

/// The partitions of a report's lines. A key has several lines, one for each data type, and is parsed once.
pub(super) fn partitions(cells: &TableReader<'_>, rows: usize) -> Result<Vec<Partition>, String> {
    let (key, data_type, date) =
        (cells.text("instrument_key")?, cells.text("data_type")?, cells.text("date")?);
    let mut known: HashMap<&str, InstrumentKey> = HashMap::new();
    let mut last_day: Option<(&str, Day)> = None;
    let mut read = |row| {
        let (text, date) = (key(row)?, date(row)?);
        let key = match known.get(text) {
            Some(key) => key.clone(),
            None => {
                let key: InstrumentKey = text.parse().ok()?;
                known.insert(text, key.clone());
                key
            }
        };
        let day = match last_day {
            Some((text, day)) if text == date => day,
            _ => date.parse().ok()?,
        };
        last_day = Some((date, day));
        Some(Partition { key, data_type: data_type(row)?.parse().ok()?, day })
    };
    (0..rows).map(|row| read(row).ok_or_else(|| format!("row {row} names no partition"))).collect()
}

pub(super) fn table(bytes: Bytes, path: &Path) -> Result<RecordBatch, LakeError> {
    from_parquet(bytes).map_err(|source| failure(path, source))
}

pub(super) fn wrong(path: &Path) -> impl Fn(String) -> LakeError + '_ {
    move |reason| LakeError::WrongTable { path: path.to_string(), reason }
}

pub(super) fn bytes_of(table: &RecordBatch, path: &Path) -> Result<Bytes, LakeError> {
    to_parquet(table).map_err(|source| LakeError::Parquet { path: path.to_string(), source })
}

/// A report that cannot be trusted counts as none: it is derived from the objects and can be rebuilt.
///
/// # Errors
/// The error of `read`, if it failed for another reason.
pub(super) fn readable<T>(
    path: &Path,
    read: impl FnOnce() -> Result<T, LakeError>,
) -> Result<Option<T>, LakeError> {
    match read() {
        Ok(rows) => Ok(Some(rows)),
        Err(error) if error.is_distrust() => {
            tracing::warn!(%path, %error, "the report is made again");
            Ok(None)
        }
        Err(error) => Err(error),
    }
}
