//! A table's metadata: one JSON document for each version of the table.
//!
//! Form: <https://iceberg.apache.org/spec/#table-metadata> (read 2026-11-30), format version 2.

use serde_json::{Value, json};

use super::manifest::Manifest;
use super::table::{IcebergTable, KEY_ID};

/// Snapshots that a table keeps, as long as all their objects are as they were.
const MOST_SNAPSHOTS: usize = 20;

/// The property that says how much of the lake the table is to have.
const COVERS: &str = "mtdh.covers";

/// How much of the lake a table is to have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Covers {
    /// All that the lake has of the data type.
    Lake,
    /// What was selected.
    Selection,
}

impl Covers {
    /// The word in the metadata.
    pub fn name(self) -> &'static str {
        match self {
            Covers::Lake => "lake",
            Covers::Selection => "selection",
        }
    }
}

/// What the newest metadata of a table says.
#[derive(Clone, Debug)]
pub struct TableVersion {
    /// The number of the version, from 1.
    pub version: u64,
    /// How much of the lake the table is to have.
    pub covers: Covers,
    /// Whether it names the lake's place and has its columns; else every file is published anew.
    pub is_current: bool,
    /// The place that it names.
    pub location: String,
    /// The manifests of its snapshot, by day.
    pub manifests: Vec<Manifest>,
    pub(super) document: Value,
}

impl TableVersion {
    /// The newest snapshot; `None`: the metadata names none.
    pub fn snapshot(&self) -> Option<i64> {
        current_snapshot(&self.document)
    }

    /// When the version was made, microseconds since the Unix epoch, UTC; `None`: the metadata does not say.
    pub fn published_us(&self) -> Option<i64> {
        self.document["last-updated-ms"].as_i64()?.checked_mul(1_000)
    }
}

/// What a new version is made of.
pub(super) struct NewVersion<'a> {
    pub table: IcebergTable,
    pub location: String,
    pub covers: Covers,
    pub snapshot: i64,
    pub manifest_list: String,
    pub manifests: &'a [Manifest],
    /// Whether an object of an older snapshot is no longer as it was: older snapshots are then forgotten.
    pub is_rewritten: bool,
    /// The current time, milliseconds since the Unix epoch, UTC.
    pub now_ms: i64,
    /// Where the metadata of the version before lies; `None`: there is none.
    pub previous: Option<String>,
}

/// The number of the next snapshot.
pub(super) fn next_sequence(base: Option<&TableVersion>) -> i64 {
    base.and_then(|base| base.document["last-sequence-number"].as_i64()).unwrap_or(0) + 1
}

pub(super) fn current_snapshot(document: &Value) -> Option<i64> {
    document["current-snapshot-id"].as_i64()
}

/// Where the list of the newest snapshot's manifests lies.
pub(super) fn manifest_list(document: &Value) -> Option<&str> {
    let current = current_snapshot(document)?;
    let snapshots = document["snapshots"].as_array()?;
    let snapshot = snapshots.iter().find(|snapshot| snapshot["snapshot-id"].as_i64() == Some(current))?;
    snapshot["manifest-list"].as_str()
}

/// Where the lists of all snapshots lie.
pub(super) fn manifest_lists(document: &Value) -> impl Iterator<Item = &str> {
    let snapshots = document["snapshots"].as_array().into_iter().flatten();
    snapshots.filter_map(|snapshot| snapshot["manifest-list"].as_str())
}

pub(super) fn covers(document: &Value) -> Covers {
    match document["properties"][COVERS].as_str() {
        Some("lake") => Covers::Lake,
        _ => Covers::Selection,
    }
}

/// Whether a document's columns and partitions are those of this program.
pub(super) fn has_columns_of(document: &Value, table: IcebergTable) -> bool {
    document["format-version"].as_i64() == Some(2)
        && document["schemas"] == json!([table.schema()])
        && document["partition-specs"] == json!([{"spec-id": 0, "fields": table.partition_fields()}])
        && document["properties"]["schema.name-mapping.default"].as_str() == Some(&table.name_mapping())
}

/// The document of a new version.
pub(super) fn document(new: &NewVersion<'_>, base: Option<&TableVersion>) -> Value {
    let old = base.map(|base| &base.document);
    let sequence = next_sequence(base);
    let updated = |document: &Value| document["last-updated-ms"].as_i64();
    // Times of a table rise, whatever the clock of the machine does.
    let now_ms = old.and_then(updated).map_or(new.now_ms, |last| new.now_ms.max(last + 1));
    let kept: Vec<Value> = match old {
        Some(old) if !new.is_rewritten => {
            let snapshots = old["snapshots"].as_array().cloned().unwrap_or_default();
            let surplus = (snapshots.len() + 1).saturating_sub(MOST_SNAPSHOTS);
            snapshots.into_iter().skip(surplus).collect()
        }
        _ => Vec::new(),
    };
    let parent = kept.last().and_then(|snapshot| snapshot["snapshot-id"].as_i64());
    let mut snapshot = json!({
        "snapshot-id": new.snapshot, "sequence-number": sequence, "timestamp-ms": now_ms,
        "manifest-list": new.manifest_list, "schema-id": 0,
        "summary": summary(new.manifests, new.snapshot, if new.is_rewritten { "overwrite" } else { "append" }),
    });
    if let Some(parent) = parent {
        snapshot["parent-snapshot-id"] = parent.into();
    }
    let logged = |snapshot: &Value| json!({"snapshot-id": snapshot["snapshot-id"], "timestamp-ms": snapshot["timestamp-ms"]});
    let snapshots: Vec<Value> = kept.into_iter().chain([snapshot]).collect();
    let log: Vec<Value> = snapshots.iter().map(logged).collect();
    let previous = new.previous.as_ref().zip(old.and_then(updated));
    let previous = previous.map(|(file, at)| json!({"metadata-file": file, "timestamp-ms": at}));
    let uuid = old.and_then(|old| old["table-uuid"].as_str()).map_or_else(new_uuid, str::to_owned);
    json!({
        "format-version": 2,
        "table-uuid": uuid,
        "location": new.location,
        "last-sequence-number": sequence,
        "last-updated-ms": now_ms,
        "last-column-id": new.table.last_id(),
        "current-schema-id": 0,
        "schemas": [new.table.schema()],
        "default-spec-id": 0,
        "partition-specs": [{"spec-id": 0, "fields": new.table.partition_fields()}],
        "last-partition-id": KEY_ID,
        "default-sort-order-id": 0,
        "sort-orders": [{"order-id": 0, "fields": []}],
        "properties": {
            "schema.name-mapping.default": new.table.name_mapping(),
            "write.format.default": "parquet",
            // The files belong to the lake: no engine may remove them as its own.
            "gc.enabled": "false",
            COVERS: new.covers.name(),
        },
        "current-snapshot-id": new.snapshot,
        "refs": {"main": {"snapshot-id": new.snapshot, "type": "branch"}},
        "snapshots": snapshots,
        "snapshot-log": log,
        "metadata-log": previous.into_iter().collect::<Vec<Value>>(),
    })
}

fn summary(manifests: &[Manifest], snapshot: i64, operation: &str) -> Value {
    let sum = |of: &dyn Fn(&Manifest) -> u64| manifests.iter().map(of).sum::<u64>().to_string();
    let added = |manifest: &Manifest| if manifest.snapshot == snapshot { manifest.added } else { (0, 0) };
    json!({
        "operation": operation,
        "added-data-files": sum(&|manifest| added(manifest).0),
        "added-records": sum(&|manifest| added(manifest).1),
        "total-data-files": sum(&Manifest::files),
        "total-records": sum(&Manifest::rows),
        "total-files-size": sum(&|manifest| manifest.bytes),
        "total-delete-files": "0",
        "total-position-deletes": "0",
        "total-equality-deletes": "0",
    })
}

fn new_uuid() -> String {
    let random = fastrand::u128(..);
    // Version 4, variant 1, of RFC 9562.
    let bits = (random & !(0xf_u128 << 76) & !(0x3_u128 << 62)) | (0x4 << 76) | (0x2 << 62);
    let hex = format!("{bits:032x}");
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn new(manifests: &[Manifest], snapshot: i64, is_rewritten: bool) -> NewVersion<'_> {
        NewVersion {
            table: "trades".parse().unwrap(),
            location: "/lake/iceberg/trades".to_owned(),
            covers: Covers::Lake,
            snapshot,
            manifest_list: format!("list-{snapshot}"),
            manifests,
            is_rewritten,
            now_ms: 1_000,
            previous: (snapshot > 1).then(|| format!("v{}", snapshot - 1)),
        }
    }

    #[test]
    fn snapshots_are_kept_until_an_object_of_theirs_changes() {
        let version = |document: Value, version| TableVersion {
            version,
            covers: covers(&document),
            is_current: has_columns_of(&document, "trades".parse().unwrap()),
            location: String::new(),
            manifests: Vec::new(),
            document,
        };
        let mut base = version(document(&new(&[], 1, false), None), 1);
        let uuid = base.document["table-uuid"].clone();
        for (snapshot, is_rewritten, kept) in [(2, false, 2), (3, false, 3), (4, true, 1), (5, false, 2)] {
            base = version(document(&new(&[], snapshot, is_rewritten), Some(&base)), snapshot as u64);
            let document = &base.document;
            assert_eq!(document["snapshots"].as_array().unwrap().len(), kept, "{snapshot}");
            assert_eq!(document["snapshot-log"].as_array().unwrap().len(), kept);
            assert_eq!(manifest_list(document), Some(format!("list-{snapshot}").as_str()));
            assert_eq!(document["last-updated-ms"], 999 + snapshot, "times rise");
            assert_eq!(document["last-sequence-number"], snapshot);
            assert_eq!(document["table-uuid"], uuid);
            assert!(base.is_current && base.covers == Covers::Lake);
        }
        for snapshot in 6..60 {
            base = version(document(&new(&[], snapshot, false), Some(&base)), snapshot as u64);
        }
        assert_eq!(manifest_lists(&base.document).count(), MOST_SNAPSHOTS);
    }

    #[test]
    fn ids_of_tables_are_uuids() {
        for _ in 0..100 {
            let uuid = new_uuid();
            assert_eq!(uuid.len(), 36);
            assert_eq!(&uuid[14..15], "4", "{uuid}");
            assert!("89ab".contains(&uuid[19..20]), "{uuid}");
        }
    }
}
