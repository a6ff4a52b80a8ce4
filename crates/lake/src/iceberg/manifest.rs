//! Manifests: the files of a table on a day; and the list of a snapshot's manifests.
//!
//! Fields and their ids: <https://iceberg.apache.org/spec/#manifests> (read 2026-11-30), format version 2. What this program has to
//! know again, which objects in which version, is a pair of the file's header.

use mtdh_core::Day;
use serde_json::{Value, json};

use super::avro::{Container, header};
use super::facts::{ColumnFacts, FileFacts};
use super::table::{DAY_ID, IcebergTable, KEY_ID};

/// The pair of a header that only this program reads.
const OWN: &str = "mtdh.objects";

/// Version of the own pair's form.
const FORM: i64 = 1;

/// An object as a table has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Published {
    /// Path in the lake.
    pub path: String,
    /// Size, bytes.
    pub bytes: u64,
    /// Rows; with 0 the object is no file of the table.
    pub rows: u64,
    /// BLAKE3 of its data; `None`: version 0.1.0 wrote it.
    pub digest: Option<String>,
    /// Its identity at the store, as [`crate::Entry::identity`].
    pub identity: Option<String>,
    /// The snapshot that added it.
    pub snapshot: i64,
    /// The number of that snapshot.
    pub sequence: i64,
}

impl Published {
    /// Whether both have the same rows.
    pub fn holds_the_same(&self, facts: &FileFacts) -> bool {
        let by_store = || self.identity.is_some() && self.identity == facts.entry.identity;
        self.bytes == facts.entry.bytes
            && self.rows == facts.rows
            && if self.digest.is_some() { self.digest == facts.digest } else { by_store() }
    }
}

/// A manifest in a list: the files of a day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manifest {
    /// The day of all its files.
    pub day: Day,
    /// Its file name; `None`: all objects of the day are without rows, and there is no manifest.
    pub name: Option<String>,
    /// Its size, bytes.
    pub length: u64,
    /// Files that its snapshot added, and their rows.
    pub added: (u64, u64),
    /// Files that it has from earlier, and their rows.
    pub existing: (u64, u64),
    /// Bytes of all its files.
    pub bytes: u64,
    /// Its snapshot.
    pub snapshot: i64,
    /// The number of its snapshot.
    pub sequence: i64,
    /// The smallest number of a snapshot that added one of its files.
    pub first_sequence: i64,
    /// First and last instrument key.
    pub keys: (String, String),
    /// A hash of its objects' paths, sizes and identities.
    pub mark: String,
}

impl Manifest {
    /// Files of the table on the day.
    pub fn files(&self) -> u64 {
        self.added.0 + self.existing.0
    }

    /// Rows of the table on the day.
    pub fn rows(&self) -> u64 {
        self.added.1 + self.existing.1
    }
}

/// A hash of objects, by path, size and identity. Order matters.
pub fn mark_of<'a>(objects: impl IntoIterator<Item = (&'a str, u64, Option<&'a str>)>) -> String {
    let mut hasher = blake3::Hasher::new();
    for (path, bytes, identity) in objects {
        hasher.update(format!("{path}\t{bytes}\t{}\n", identity.unwrap_or("")).as_bytes());
    }
    hasher.finalize().to_hex().to_string()
}

/// The files of a day, to be written.
pub(super) struct DayFiles<'a> {
    pub table: IcebergTable,
    pub day: Day,
    /// The folder or bucket of the lake, which all paths begin with.
    pub location: &'a str,
    pub snapshot: i64,
    pub sequence: i64,
    /// Each file with the snapshot and number that added it, sorted by path.
    pub files: &'a [(FileFacts, i64, i64)],
}

impl DayFiles<'_> {
    /// The manifest's bytes, and what the list says of it. `name`: that of the file.
    pub fn encode(&self, name: String) -> (Vec<u8>, Manifest) {
        let DayFiles { table, day, location, snapshot, sequence, files } = self;
        let published = files.iter().map(|(facts, snapshot, sequence)| Published {
            path: facts.entry.path.to_string(),
            bytes: facts.entry.bytes,
            rows: facts.rows,
            digest: facts.digest.clone(),
            identity: facts.entry.identity.clone(),
            snapshot: *snapshot,
            sequence: *sequence,
        });
        let published: Vec<Published> = published.collect();
        let facts = [
            ("schema", table.schema().to_string()),
            ("schema-id", "0".to_owned()),
            ("partition-spec", table.partition_fields().to_string()),
            ("partition-spec-id", "0".to_owned()),
            ("format-version", "2".to_owned()),
            ("content", "data".to_owned()),
            (OWN, objects_text(&published)),
        ];
        let mut file = Container::new(&entry_schema(*table).to_string(), &facts);
        let days = day.start_us().div_euclid(86_400_000_000);
        let mut manifest = Manifest {
            day: *day,
            name: Some(name),
            length: 0,
            added: (0, 0),
            existing: (0, 0),
            bytes: 0,
            snapshot: *snapshot,
            sequence: *sequence,
            first_sequence: *sequence,
            keys: Default::default(),
            mark: mark_of(published.iter().map(|p| (p.path.as_str(), p.bytes, p.identity.as_deref()))),
        };
        for (facts, added_by, added_at) in files.iter().filter(|(facts, ..)| facts.rows > 0) {
            let is_added = added_by == snapshot;
            let sum = if is_added { &mut manifest.added } else { &mut manifest.existing };
            sum.0 += 1;
            sum.1 += facts.rows;
            manifest.bytes += facts.entry.bytes;
            manifest.first_sequence = manifest.first_sequence.min(*added_at);
            let key = facts.key.as_str();
            let (first, last) = &mut manifest.keys;
            if first.is_empty() || key < first.as_str() {
                *first = key.to_owned();
            }
            if key > last.as_str() {
                *last = key.to_owned();
            }
            file.record(|record| {
                // Status: 0 is from earlier, 1 was added.
                record.long(i64::from(is_added));
                for number in [*added_by, *added_at, *added_at] {
                    record.some();
                    record.long(number);
                }
                record.long(0); // content: rows
                record.text(&format!("{location}/{}", facts.entry.path));
                record.text("PARQUET");
                record.some();
                record.long(days);
                record.some();
                record.text(key);
                record.long(facts.rows as i64);
                record.long(facts.entry.bytes as i64);
                numbers(record, &facts.columns, |column| Some(column.bytes));
                numbers(record, &facts.columns, |column| Some(column.values));
                numbers(record, &facts.columns, |column| column.nulls);
                record.null(); // counts of NaN: not known
                for which in [0, 1] {
                    let bound = |column: &ColumnFacts| {
                        let (low, high) = column.bounds.as_ref()?;
                        Some((column.id, if which == 0 { low.bytes() } else { high.bytes() }))
                    };
                    let bounds: Vec<(i32, Vec<u8>)> = facts.columns.iter().filter_map(bound).collect();
                    record.some();
                    record.list(&bounds, |record, (id, bytes)| {
                        record.long(i64::from(*id));
                        record.bytes(bytes);
                    });
                }
                // No key, no places to split at, no ids of deletions, no order.
                (0..4).for_each(|_| record.null());
            });
        }
        let bytes = file.finish();
        if manifest.files() == 0 {
            manifest.name = None;
        }
        manifest.length = bytes.len() as u64;
        (bytes, manifest)
    }
}

fn numbers(
    record: &mut super::avro::Encoder,
    columns: &[ColumnFacts],
    number: impl Fn(&ColumnFacts) -> Option<i64>,
) {
    let known: Vec<(i32, i64)> =
        columns.iter().filter_map(|column| Some((column.id, number(column)?))).collect();
    record.some();
    record.list(&known, |record, (id, number)| {
        record.long(i64::from(*id));
        record.long(*number);
    });
}

fn objects_text(published: &[Published]) -> String {
    let object =
        |p: &Published| json!([p.path, p.bytes, p.rows, p.digest, p.identity, p.snapshot, p.sequence]);
    let objects: Vec<Value> = published.iter().map(object).collect();
    json!({"form": FORM, "objects": objects}).to_string()
}

/// The list of a snapshot's manifests.
pub(super) fn encode_list(
    table: IcebergTable,
    folder: &str,
    (snapshot, parent, sequence): (i64, Option<i64>, i64),
    manifests: &[Manifest],
) -> Vec<u8> {
    let facts = [
        ("snapshot-id", snapshot.to_string()),
        ("parent-snapshot-id", parent.map_or_else(|| "null".to_owned(), |parent| parent.to_string())),
        ("sequence-number", sequence.to_string()),
        ("format-version", "2".to_owned()),
        (OWN, manifests_text(table, manifests)),
    ];
    let mut file = Container::new(&list_schema().to_string(), &facts);
    for manifest in manifests {
        let Some(name) = &manifest.name else { continue };
        let days = manifest.day.start_us().div_euclid(86_400_000_000) as i32;
        file.record(|record| {
            record.text(&format!("{folder}/{name}"));
            record.long(manifest.length as i64);
            record.long(0); // of the one way to partition
            record.long(0); // content: data
            record.long(manifest.sequence);
            record.long(manifest.first_sequence);
            record.long(manifest.snapshot);
            for files in [manifest.added.0, manifest.existing.0, 0] {
                record.long(files as i64);
            }
            for rows in [manifest.added.1, manifest.existing.1, 0] {
                record.long(rows as i64);
            }
            let day = days.to_le_bytes();
            let (first, last) = &manifest.keys;
            let partitions = [(&day[..], &day[..]), (first.as_bytes(), last.as_bytes())];
            record.some();
            record.list(&partitions, |record, (low, high)| {
                record.flag(false); // no nulls
                record.some();
                record.flag(false); // no NaN
                for bound in [low, high] {
                    record.some();
                    record.bytes(bound);
                }
            });
            record.null();
        });
    }
    file.finish()
}

fn manifests_text(table: IcebergTable, manifests: &[Manifest]) -> String {
    let manifest = |m: &Manifest| {
        json!([
            m.day.to_string(),
            m.name,
            m.length,
            [m.added.0, m.added.1, m.existing.0, m.existing.1],
            m.bytes,
            [m.snapshot, m.sequence, m.first_sequence],
            [m.keys.0, m.keys.1],
            m.mark,
        ])
    };
    let manifests: Vec<Value> = manifests.iter().map(manifest).collect();
    json!({"form": FORM, "table": table.to_string(), "manifests": manifests}).to_string()
}

fn own(file: &[u8], what: &str) -> Result<Vec<Value>, String> {
    let pairs = header(file).ok_or("it is no Avro file")?;
    let text = pairs.get(OWN).ok_or("mtdh did not write it")?;
    let own: Value = serde_json::from_slice(text).map_err(|_| "mtdh did not write it")?;
    if own["form"].as_i64() != Some(FORM) {
        return Err(format!("its form is {}, which this program does not know", own["form"]));
    }
    own[what].as_array().cloned().ok_or_else(|| format!("it has no list of {what}"))
}

/// The objects of a manifest that this program wrote.
pub(super) fn read_objects(file: &[u8]) -> Result<Vec<Published>, String> {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let object = |value: Value| {
        Some(Published {
            path: text(&value[0])?,
            bytes: value[1].as_u64()?,
            rows: value[2].as_u64()?,
            digest: text(&value[3]),
            identity: text(&value[4]),
            snapshot: value[5].as_i64()?,
            sequence: value[6].as_i64()?,
        })
    };
    let objects = own(file, "objects")?.into_iter().map(object).collect::<Option<Vec<_>>>();
    objects.ok_or_else(|| "an object in its header is not described as mtdh does".to_owned())
}

/// The manifests of a list that this program wrote.
pub(super) fn read_list(file: &[u8]) -> Result<Vec<Manifest>, String> {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let manifest = |value: Value| {
        let (counts, numbers, keys) = (&value[3], &value[5], &value[6]);
        Some(Manifest {
            day: value[0].as_str()?.parse().ok()?,
            name: text(&value[1]),
            length: value[2].as_u64()?,
            added: (counts[0].as_u64()?, counts[1].as_u64()?),
            existing: (counts[2].as_u64()?, counts[3].as_u64()?),
            bytes: value[4].as_u64()?,
            snapshot: numbers[0].as_i64()?,
            sequence: numbers[1].as_i64()?,
            first_sequence: numbers[2].as_i64()?,
            keys: (text(&keys[0])?, text(&keys[1])?),
            mark: text(&value[7])?,
        })
    };
    let manifests = own(file, "manifests")?.into_iter().map(manifest).collect::<Option<Vec<_>>>();
    manifests.ok_or_else(|| "a manifest in its header is not described as mtdh does".to_owned())
}

fn field(name: &str, id: i32, kind: impl Into<Value>) -> Value {
    json!({"name": name, "type": kind.into(), "field-id": id})
}

fn maybe(name: &str, id: i32, kind: impl Into<Value>) -> Value {
    json!({"name": name, "type": ["null", kind.into()], "default": null, "field-id": id})
}

/// A map by column ids, which Avro has as a list of pairs.
fn by_column(name: &str, id: i32, (key, value): (i32, i32), kind: &str) -> Value {
    let pair = json!({
        "type": "record", "name": format!("k{key}_v{value}"),
        "fields": [field("key", key, "int"), field("value", value, kind)],
    });
    maybe(name, id, json!({"type": "array", "items": pair, "logicalType": "map"}))
}

fn entry_schema(table: IcebergTable) -> Value {
    let date = json!({"type": "int", "logicalType": "date"});
    let partition = json!({
        "type": "record", "name": "r102",
        "fields": [maybe(&table.day_field(), DAY_ID, date), maybe("instrument_key", KEY_ID, "string")],
    });
    let list = |element: i32, kind: &str| json!({"type": "array", "items": kind, "element-id": element});
    let file = json!({
        "type": "record", "name": "r2",
        "fields": [
            field("content", 134, "int"),
            field("file_path", 100, "string"),
            field("file_format", 101, "string"),
            field("partition", 102, partition),
            field("record_count", 103, "long"),
            field("file_size_in_bytes", 104, "long"),
            by_column("column_sizes", 108, (117, 118), "long"),
            by_column("value_counts", 109, (119, 120), "long"),
            by_column("null_value_counts", 110, (121, 122), "long"),
            by_column("nan_value_counts", 137, (138, 139), "long"),
            by_column("lower_bounds", 125, (126, 127), "bytes"),
            by_column("upper_bounds", 128, (129, 130), "bytes"),
            maybe("key_metadata", 131, "bytes"),
            maybe("split_offsets", 132, list(133, "long")),
            maybe("equality_ids", 135, list(136, "int")),
            maybe("sort_order_id", 140, "int"),
        ],
    });
    json!({
        "type": "record", "name": "manifest_entry",
        "fields": [
            field("status", 0, "int"),
            maybe("snapshot_id", 1, "long"),
            maybe("sequence_number", 3, "long"),
            maybe("file_sequence_number", 4, "long"),
            field("data_file", 2, file),
        ],
    })
}

fn list_schema() -> Value {
    let summary = json!({
        "type": "record", "name": "r508",
        "fields": [
            field("contains_null", 509, "boolean"),
            maybe("contains_nan", 518, "boolean"),
            maybe("lower_bound", 510, "bytes"),
            maybe("upper_bound", 511, "bytes"),
        ],
    });
    json!({
        "type": "record", "name": "manifest_file",
        "fields": [
            field("manifest_path", 500, "string"),
            field("manifest_length", 501, "long"),
            field("partition_spec_id", 502, "int"),
            field("content", 517, "int"),
            field("sequence_number", 515, "long"),
            field("min_sequence_number", 516, "long"),
            field("added_snapshot_id", 503, "long"),
            field("added_files_count", 504, "int"),
            field("existing_files_count", 505, "int"),
            field("deleted_files_count", 506, "int"),
            field("added_rows_count", 512, "long"),
            field("existing_rows_count", 513, "long"),
            field("deleted_rows_count", 514, "long"),
            maybe("partitions", 507, json!({"type": "array", "items": summary, "element-id": 508})),
            maybe("key_metadata", 519, "bytes"),
        ],
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_manifest_of_ours_is_refused() {
        let of = |text: &str| Container::new("\"long\"", &[(OWN, text.to_owned())]).finish();
        assert_eq!(read_objects(&of(&objects_text(&[]))), Ok(Vec::new()));
        for (file, reason) in [
            (b"PAR1".to_vec(), "no Avro file"),
            (Container::new("\"long\"", &[]).finish(), "did not write it"),
            (of("{"), "did not write it"),
            (of(r#"{"form": 2, "objects": []}"#), "does not know"),
            (of(r#"{"form": 1}"#), "no list of objects"),
            (of(r#"{"form": 1, "objects": [["a"]]}"#), "not described"),
        ] {
            let found = read_objects(&file).unwrap_err();
            assert!(found.contains(reason), "{found}, and not {reason}");
        }
    }

    #[test]
    fn a_list_reads_back() {
        let manifest = Manifest {
            day: "2024-03-01".parse().unwrap(),
            name: Some("v3-a-2024-03-01.avro".to_owned()),
            length: 9,
            added: (1, 2),
            existing: (3, 4),
            bytes: 5,
            snapshot: i64::MAX,
            sequence: 7,
            first_sequence: 6,
            keys: ("A:PERP:B-C".to_owned(), "B:PERP:B-C".to_owned()),
            mark: "x".to_owned(),
        };
        let nameless = Manifest { name: None, ..manifest.clone() };
        let table = "trades".parse().unwrap();
        let list = encode_list(table, "/x", (1, None, 7), &[manifest.clone(), nameless.clone()]);
        assert_eq!(read_list(&list), Ok(vec![manifest, nameless]));
    }
}
