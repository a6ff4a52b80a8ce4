//! The logs of an export's Delta tables: read, compared with the manifests, and continued.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{SystemTime, UNIX_EPOCH};

use arrow_schema::SchemaRef;
use mtdh_core::hive::HiveTable;
use mtdh_core::hive::delta::{LOG, Log, commit_name, version_of};
use mtdh_core::hive::manifest::{FOLDER, Manifest};
use mtdh_lake::hive::ExportPlace;
use mtdh_lake::{LakeError, candles, tables};

use super::documents::{path_of, read_manifest};
use super::error::HiveError;
use crate::error::EngineError;

/// Reads the log of a table.
async fn read_log(place: &ExportPlace, table: HiveTable) -> Result<Log, EngineError> {
    let mut log = Log::default();
    let mut listed = place.store().list(&path_of(&format!("{table}/{LOG}"))?).await?;
    listed.sort_by(|a, b| a.path.cmp(&b.path));
    for entry in listed {
        let wrong = |reason: &str| HiveError::Log { path: entry.path.to_string(), reason: reason.to_owned() };
        if entry.path.filename().and_then(version_of) != Some(log.next) {
            return Err(wrong("it is not the commit that comes next").into());
        }
        let Some(bytes) = place.store().read(&entry.path).await? else {
            return Err(wrong("it was removed meanwhile").into());
        };
        let text = std::str::from_utf8(&bytes).map_err(|_| wrong("it is no text"))?;
        log.apply(text).map_err(|reason| wrong(&reason))?;
    }
    Ok(log)
}

/// The columns of a table's files.
fn schema(table: HiveTable) -> SchemaRef {
    match table {
        HiveTable::Ticks(data_type) => data_type.table().schema().clone(),
        HiveTable::Candles(_) => candles::schema().clone(),
        HiveTable::Instruments => tables::instruments::schema(),
    }
}

/// Continues a log so that the table has these files. Returns the last version.
async fn commit(
    place: &ExportPlace,
    table: HiveTable,
    log: &Log,
    files: &BTreeMap<String, (u64, u64)>,
) -> Result<Option<u64>, EngineError> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as i64);
    let Some(commit) = log.commit(table, &schema(table), files, now) else {
        return Ok(log.next.checked_sub(1));
    };
    let path = format!("{table}/{LOG}/{}", commit_name(log.next));
    match place.create(&path_of(&path)?, commit.as_bytes()).await {
        Ok(()) => Ok(Some(log.next)),
        Err(LakeError::Exists { .. }) => {
            let reason = "another program wrote it meanwhile".to_owned();
            Err(HiveError::Log { path, reason }.into())
        }
        Err(error) => Err(error.into()),
    }
}

/// Takes files out of a table's log, before they are replaced or removed: no version that a reader can open says of a file what it is
/// not. `paths` begin with the table's folder.
pub(super) async fn take_out(
    place: &ExportPlace,
    table: HiveTable,
    paths: &BTreeSet<String>,
) -> Result<(), EngineError> {
    if paths.is_empty() {
        return Ok(());
    }
    let log = read_log(place, table).await?;
    if log.next == 0 {
        return Ok(());
    }
    let is_left = |path: &str| !paths.contains(&format!("{table}/{path}"));
    let left = log.files.iter().filter(|(path, _)| is_left(path));
    let left = left.map(|(path, counts)| (path.clone(), *counts)).collect();
    commit(place, table, &log, &left).await.map(drop)
}

/// Brings the log of a table to what its manifests say. Returns the last version; `None`: the table has no files and no log.
pub(super) async fn bring(place: &ExportPlace, table: HiveTable) -> Result<Option<u64>, EngineError> {
    let folder = format!("{table}/");
    let mut files = BTreeMap::new();
    for entry in place.store().list(&path_of(&format!("{FOLDER}/{table}"))?).await? {
        let Some((_, day)) = Manifest::parse_path(entry.path.as_ref()) else { continue };
        let (manifest, _) = read_manifest(place, table, day).await?;
        for file in manifest.files.into_iter().filter(|file| !file.pending) {
            if let Some(path) = file.path.strip_prefix(&folder) {
                files.insert(path.to_owned(), (file.bytes, file.rows));
            }
        }
    }
    let log = read_log(place, table).await?;
    if log.next == 0 && files.is_empty() {
        return Ok(None);
    }
    commit(place, table, &log, &files).await
}
