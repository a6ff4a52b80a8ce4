//! Paths and documents of an export.

use bytes::Bytes;
use mtdh_core::Day;
use mtdh_core::hive::HiveTable;
use mtdh_core::hive::manifest::{MOST_BYTES, Manifest};
use mtdh_lake::LakePath;
use mtdh_lake::hive::ExportPlace;

use super::error::HiveError;
use crate::error::EngineError;

/// Reads the manifest of a table and day, and its bytes.
pub(super) async fn read_manifest(
    place: &ExportPlace,
    table: HiveTable,
    day: Day,
) -> Result<(Manifest, Option<Bytes>), EngineError> {
    let path = path_of(&Manifest::path(table, day))?;
    let wrong = |reason| HiveError::Document { path: path.to_string(), reason };
    match place.store().entry(&path).await? {
        Some(entry) if entry.bytes > MOST_BYTES => {
            return Err(wrong(format!("it has {} bytes, more than a manifest can have", entry.bytes)).into());
        }
        _ => {}
    }
    let bytes = place.store().read(&path).await?;
    let manifest = match &bytes {
        Some(bytes) => Manifest::parse(bytes, table, day).map_err(wrong)?,
        None => Manifest::new(table, day),
    };
    Ok((manifest, bytes))
}

/// A path of the export. Its parts are escaped by [`mtdh_core::hive`].
pub(super) fn path_of(text: &str) -> Result<LakePath, HiveError> {
    LakePath::parse(text)
        .map_err(|error| HiveError::Document { path: text.to_owned(), reason: error.to_string() })
}
