//! The log of a Delta table over the files of an export: the smallest protocol, reader 1 and writer 2
//! (github.com/delta-io/delta/blob/master/PROTOCOL.md, read 2026-11-30). No I/O.
//!
//! Each commit begins with a `commitInfo` that has the SHA-256 of its other lines. A commit without it was written by another program:
//! such a log is refused, because what others removed would come back.

use std::collections::BTreeMap;

use arrow_schema::{DataType as ArrowType, Field, Schema};
use serde_json::{Value, json};

use super::{HiveTable, values};
use crate::certificate::Hash;

/// The folder of a table's log, below the table's.
pub const LOG: &str = "_delta_log";

/// The field of `commitInfo` with the digest.
const DIGEST: &str = "mtdhDigest";

/// What a table's log says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Log {
    /// The version that comes next.
    pub next: u64,
    /// The table's files by their path below the table's folder: size and rows.
    pub files: BTreeMap<String, (u64, u64)>,
    /// The table's id; `None`: there is no commit yet.
    id: Option<String>,
    /// When the table was made, milliseconds since the Unix epoch.
    created_ms: i64,
    /// The columns, as the log has them.
    schema: String,
}

/// The name of a version's commit.
pub fn commit_name(version: u64) -> String {
    format!("{version:020}.json")
}

/// The version of a commit's name; `None`: it is something else.
pub fn version_of(name: &str) -> Option<u64> {
    let version = name.strip_suffix(".json")?.parse().ok()?;
    (commit_name(version) == name).then_some(version)
}

impl Log {
    /// Adds the commit that comes next.
    ///
    /// # Errors
    /// With the reason, when another program wrote or changed it.
    pub fn apply(&mut self, commit: &str) -> Result<(), String> {
        let (info, rest) = commit.split_once('\n').ok_or("it is empty")?;
        let info: Value = serde_json::from_str(info).map_err(|error| error.to_string())?;
        let own = Hash::sha256(rest.as_bytes()).to_string();
        if info["commitInfo"][DIGEST].as_str() != Some(&own) {
            return Err("another program wrote or changed it".to_owned());
        }
        for line in rest.lines() {
            let action: Value = serde_json::from_str(line).map_err(|error| error.to_string())?;
            let path = |action: &Value| {
                let path = action["path"].as_str().map(|path| path.replace("%25", "%"));
                path.ok_or("an action has no path")
            };
            if let Some(add) = action.get("add") {
                let stats: Value =
                    add["stats"].as_str().and_then(|s| serde_json::from_str(s).ok()).unwrap_or_default();
                let counts = add["size"].as_u64().zip(stats["numRecords"].as_u64());
                self.files.insert(path(add)?, counts.ok_or("an added file has no size and rows")?);
            } else if let Some(remove) = action.get("remove") {
                self.files.remove(&path(remove)?);
            } else if let Some(table) = action.get("metaData") {
                let text = |name: &str| table[name].as_str().map(str::to_owned);
                self.id = Some(text("id").ok_or("a table has no id")?);
                self.schema = text("schemaString").ok_or("a table has no columns")?;
                self.created_ms = table["createdTime"].as_i64().unwrap_or_default();
            }
        }
        self.next += 1;
        Ok(())
    }

    /// The next commit, after which the table has the files of `wanted`; `None`: it has them. `wanted`: size and rows by path below the
    /// table's folder.
    pub fn commit(
        &self,
        table: HiveTable,
        schema: &Schema,
        wanted: &BTreeMap<String, (u64, u64)>,
        now_ms: i64,
    ) -> Option<String> {
        let mut lines = Vec::new();
        let schema = schema_string(table, schema);
        if self.id.is_none() {
            lines.push(json!({"protocol": {"minReaderVersion": 1, "minWriterVersion": 2}}));
        }
        if self.id.is_none() || self.schema != schema {
            let created_ms = if self.id.is_none() { now_ms } else { self.created_ms };
            lines.push(json!({"metaData": {
                "id": self.id.clone().unwrap_or_else(|| new_id(table, now_ms)),
                "name": table.to_string(),
                "format": {"provider": "parquet", "options": {}},
                "schemaString": schema,
                "partitionColumns": table.partitions(),
                "configuration": {},
                "createdTime": created_ms,
            }}));
        }
        let gone = self.files.keys().filter(|path| !wanted.contains_key(*path));
        lines.extend(gone.map(
            |path| json!({"remove": {"path": uri(path), "deletionTimestamp": now_ms, "dataChange": true}}),
        ));
        // An action of a path that the table has takes the place of the one before.
        let added = wanted.iter().filter(|(path, counts)| self.files.get(*path) != Some(counts));
        lines.extend(added.map(|(path, (bytes, rows))| {
            let folders: BTreeMap<&str, String> = values(path).into_iter().collect();
            json!({"add": {
                "path": uri(path),
                "partitionValues": folders,
                "size": bytes,
                "modificationTime": now_ms,
                "dataChange": true,
                "stats": json!({"numRecords": rows}).to_string(),
            }})
        }));
        if lines.is_empty() {
            return None;
        }
        let rest: String = lines.iter().map(|line| format!("{line}\n")).collect();
        let info = json!({"commitInfo": {
            "timestamp": now_ms,
            "operation": "WRITE",
            "engineInfo": concat!("mtdh/", env!("CARGO_PKG_VERSION")),
            DIGEST: Hash::sha256(rest.as_bytes()).to_string(),
        }});
        Some(format!("{info}\n{rest}"))
    }
}

/// A path as the log has it: of what a path of an export can hold, only `%` means something in a URI.
fn uri(path: &str) -> String {
    path.replace('%', "%25")
}

/// An id in the form of a UUID.
fn new_id(table: HiveTable, now_ms: i64) -> String {
    let hex = Hash::sha256(format!("{table} {now_ms}").as_bytes()).to_string();
    [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..32]].join("-")
}

/// The columns of the files and of the folders, in the form of the log. A count of 64 bits without a sign is a `long`: Delta has no other.
fn schema_string(table: HiveTable, schema: &Schema) -> String {
    let of_file = schema.fields().iter().map(|field| column(field.name(), &delta_type(field)));
    let of_folders = table.partitions().iter().map(|name| {
        let kind = if *name == "date" { "date" } else { "string" };
        column(name, &json!(kind))
    });
    json!({"type": "struct", "fields": of_file.chain(of_folders).collect::<Vec<_>>()}).to_string()
}

/// All may be null: files of older versions lack columns.
fn column(name: &str, kind: &Value) -> Value {
    json!({"name": name, "type": kind, "nullable": true, "metadata": {}})
}

fn delta_type(field: &Field) -> Value {
    match field.data_type() {
        ArrowType::Timestamp(..) => json!("timestamp"),
        ArrowType::Date32 => json!("date"),
        ArrowType::Float64 => json!("double"),
        ArrowType::Boolean => json!("boolean"),
        ArrowType::Int64 | ArrowType::UInt64 => json!("long"),
        ArrowType::Int32 | ArrowType::UInt32 => json!("integer"),
        ArrowType::List(item) => {
            json!({"type": "array", "elementType": delta_type(item), "containsNull": true})
        }
        // Texts and words of dictionaries: the lake has no other type.
        _ => json!("string"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::DataType;

    const TABLE: HiveTable = HiveTable::Ticks(DataType::Trades);
    const FILE: &str = "date=2024-03-01/venue=X%2E/instrument_type=PERP/B.parquet";

    fn wanted(files: &[(&str, u64)]) -> BTreeMap<String, (u64, u64)> {
        files.iter().map(|(path, rows)| ((*path).to_owned(), (10 * rows, *rows))).collect()
    }

    fn committed(log: &Log, files: &[(&str, u64)]) -> Option<String> {
        log.commit(TABLE, DataType::Trades.table().schema(), &wanted(files), 7)
    }

    #[test]
    fn a_log_says_what_was_committed_and_nothing_twice() {
        let mut log = Log::default();
        for files in [&[(FILE, 1)][..], &[(FILE, 2), ("date=2024-03-02/x.parquet", 3)], &[], &[(FILE, 2)]] {
            let commit = committed(&log, files).unwrap();
            assert_eq!(commit.contains("protocol"), log.next == 0);
            log.apply(&commit).unwrap();
            assert_eq!(log.files, wanted(files));
            assert_eq!(committed(&log, files), None);
        }
        assert_eq!(log.next, 4);
    }

    #[test]
    fn what_delta_asks_for_is_in_the_first_commit() {
        let commit = committed(&Log::default(), &[(FILE, 1)]).unwrap();
        let lines: Vec<Value> = commit.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(lines[1], json!({"protocol": {"minReaderVersion": 1, "minWriterVersion": 2}}));
        let table = &lines[2]["metaData"];
        assert_eq!(table["partitionColumns"], json!(["date", "venue", "instrument_type"]));
        let columns: Value = serde_json::from_str(table["schemaString"].as_str().unwrap()).unwrap();
        let columns = columns["fields"].as_array().unwrap();
        let named = |name: &str| columns.iter().find(|c| c["name"] == name).unwrap()["type"].clone();
        assert_eq!(
            ["instrument_key", "local_timestamp", "price", "date", "venue"].map(named),
            ["string", "timestamp", "double", "date", "string"].map(Value::from)
        );
        let add = &lines[3]["add"];
        assert_eq!(add["path"], FILE.replace('%', "%25"));
        assert_eq!(
            add["partitionValues"],
            json!({"date": "2024-03-01", "venue": "X.", "instrument_type": "PERP"})
        );
        assert_eq!(add["stats"], r#"{"numRecords":1}"#);
    }

    #[test]
    fn a_log_of_others_is_refused() {
        let commit = committed(&Log::default(), &[(FILE, 1)]).unwrap();
        let (info, rest) = commit.split_once('\n').unwrap();
        for other in [
            String::new(),
            rest.to_owned(),
            commit.replace("PERP", "SPOT_PAIR"),
            format!("{commit}{{}}\n"),
            format!("{info}\n"),
            "{\"commitInfo\":{\"engineInfo\":\"Apache-Spark\"}}\n".to_owned() + rest,
        ] {
            assert!(Log::default().apply(&other).is_err(), "{other}");
        }
        Log::default().apply(&commit).unwrap();
    }

    #[test]
    fn names_of_commits_read_back() {
        assert_eq!(version_of(&commit_name(12)), Some(12));
        for name in ["00000000000000000012.checkpoint.parquet", "12.json", "_last_checkpoint", ""] {
            assert_eq!(version_of(name), None, "{name}");
        }
    }
}
