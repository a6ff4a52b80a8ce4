//! The two reports of a day: what is there, with its facts, and what is missing.

use std::collections::BTreeMap;

use arrow_array::RecordBatch;
use bytes::Bytes;
use mtdh_core::Day;
use mtdh_core::check::grade::Grade;
use mtdh_core::footer::{PartitionFooter, ProvenanceKind, Tally};
use mtdh_core::key::InstrumentKey;
use mtdh_core::partition::{Partition, Status};
use mtdh_core::table::SCHEMA_VERSION;
use object_store::path::Path;

use crate::error::LakeError;
use crate::object::Entry;
use crate::read::failure;
use crate::store::Lake;
use crate::tables::columns::{
    Described, Kind, TableReader, added_optional, added_required, filled, from_parquet, optional, required,
    to_parquet, to_table,
};

use crate::tables::identities::Identities;

/// One line of `available_data.parquet`: a partition that is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Available {
    /// Which.
    pub partition: Partition,
    /// Stored, empty or absent.
    pub status: Status,
    /// Size of the object in bytes.
    pub bytes: u64,
    /// What told the object from others at the store when its footer was read or it was published; as [`Entry::identity`], kept apart
    /// from the report. The line counts only for an object of this identity. Null: it is not known, and the object is asked.
    pub identity: Option<String>,
    /// Counts and ranges, as in the footer.
    pub tally: Tally,
    /// Why it is empty or absent, as in the footer.
    pub reason: Option<String>,
    /// What kind of source the rows came from.
    pub provenance: ProvenanceKind,
    /// The source in one text, as [`mtdh_core::footer::Provenance::source`].
    pub source: String,
    /// SHA-256 of the vendor file, as in the footer; `None` for a recording or where there was no file.
    pub source_sha256: Option<String>,
    /// The vendor's entity tag, as in the footer; `None` for a recording or where none was sent.
    pub source_etag: Option<String>,
    /// BLAKE3 of the object's data part, as in the footer; null: version 0.1.0 wrote the object, without checksums.
    pub digest: Option<String>,
    /// The last day on which every byte of the object was found to be what was written; null: never yet.
    pub proved_on: Option<Day>,
    /// The partition's grade by the last `mtdh check all`; null: not checked since the object came.
    pub grade: Option<Grade>,
    /// The grade of the instrument's whole day by the same check; null: as `grade`.
    pub day_grade: Option<Grade>,
}

impl Available {
    /// The line of an object from its facts, the digest that its footer tells, and what tells it from others at the store.
    pub fn of(
        facts: &PartitionFooter,
        bytes: u64,
        digest: Option<String>,
        identity: Option<String>,
    ) -> Available {
        let file = facts.provenance.vendor_file();
        Available {
            partition: facts.partition.clone(),
            status: facts.status,
            bytes,
            identity,
            tally: facts.tally,
            reason: facts.reason.clone(),
            provenance: facts.provenance.kind(),
            source: facts.provenance.source(),
            source_sha256: file.and_then(|file| file.sha256.clone()),
            source_etag: file.and_then(|file| file.etag.clone()),
            digest,
            proved_on: None,
            grade: None,
            day_grade: None,
        }
    }

    /// Whether both lines are of the same version of one object.
    pub fn is_same_object(&self, other: &Available) -> bool {
        (&self.partition, self.bytes, &self.identity) == (&other.partition, other.bytes, &other.identity)
    }

    /// Whether the line is of an object as a listing shows it. A size alone tells little.
    pub fn is_of(&self, entry: &Entry) -> bool {
        self.identity.is_some() && (self.bytes, &self.identity) == (entry.bytes, &entry.identity)
    }

    /// Whether both lines are of objects that hold the same: by size, digest and the vendor's file. One may be a copy.
    pub fn holds_the_same(&self, other: &Available) -> bool {
        (self.bytes, &self.source_sha256, &self.digest) == (other.bytes, &other.source_sha256, &other.digest)
    }

    /// Takes the grades of an older line of the same partition, if its object held the same; the last proof only, if it was this
    /// very object: a copy may be damaged where its footer is not.
    pub fn keep_grades(&mut self, older: &Available) {
        if self.holds_the_same(older) {
            (self.grade, self.day_grade) = (older.grade, older.day_grade);
            if self.identity.is_some() && self.identity == older.identity {
                self.proved_on = self.proved_on.max(older.proved_on);
            }
        }
    }
}

/// One line of `missing_data.parquet`: a partition that should be there and is not.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Missing {
    /// Which.
    pub partition: Partition,
    /// `missing`, or what is wrong with the object that is there.
    pub reason: String,
}

/// The columns of `available_data.parquet`.
#[rustfmt::skip]
pub(crate) static AVAILABLE: [Described<Available>; 28] = [
    required("instrument_key", Kind::Text, "", "the key", |row| row.partition.key.as_str().into()),
    required("venue", Kind::Text, "", "the key's venue", |row| row.partition.key.venue().into()),
    required("instrument_type", Kind::Text, "", "the key's type", |row| row.partition.key.instrument_type().name().into()),
    required("data_type", Kind::Text, "", "the data type", |row| row.partition.data_type.name().into()),
    filled("date", Kind::Text, "", "the day, `YYYY-MM-DD`", |row| Some(row.partition.day.to_string()).into()),
    optional("base_asset", Kind::Text, "", "null: a combo or a prediction", |row| row.partition.key.base().into()),
    optional("quote_asset", Kind::Text, "", "null: it has none", |row| row.partition.key.quote().into()),
    required("status", Kind::Text, "", "`stored`, `empty` or `absent`", |row| row.status.name().into()),
    optional("reason", Kind::Text, "", "as in the footer; null: stored, or the vendor's own file was empty", |row| row.reason.as_deref().into()),
    filled("rows", Kind::Count, "rows", "rows stored", |row| Some(row.tally.rows_out).into()),
    filled("rows_in", Kind::Count, "rows", "rows in the vendor's file", |row| Some(row.tally.rows_in).into()),
    filled("rows_rejected", Kind::Count, "rows", "rows in quarantine", |row| Some(row.tally.rows_rejected).into()),
    filled("bytes", Kind::Count, "bytes", "size of the object", |row| Some(row.bytes).into()),
    optional("timestamp_min", Kind::Time, "microseconds since the Unix epoch, UTC", "smallest `timestamp`; null: no rows", |row| (row.tally.timestamp.map(|t| t.0)).into()),
    optional("timestamp_max", Kind::Time, "microseconds since the Unix epoch, UTC", "largest `timestamp`; null: no rows", |row| (row.tally.timestamp.map(|t| t.1)).into()),
    optional("local_timestamp_min", Kind::Time, "microseconds since the Unix epoch, UTC", "smallest `local_timestamp`; null: no rows", |row| (row.tally.local_timestamp.map(|t| t.0)).into()),
    optional("local_timestamp_max", Kind::Time, "microseconds since the Unix epoch, UTC", "largest `local_timestamp`; null: no rows", |row| (row.tally.local_timestamp.map(|t| t.1)).into()),
    filled("inexact_numbers", Kind::Count, "numbers", "as in the footer", |row| Some(row.tally.inexact_numbers).into()),
    filled("arrival_regressions", Kind::Count, "rows", "as in the footer", |row| Some(row.tally.arrival_regressions).into()),
    added_required("provenance", Kind::Text, "", "`vendor_file` or `recording`", |row| row.provenance.name().into()),
    required("source", Kind::Text, "", "the vendor's path of the file that it was made from; of a recording its feed and session", |row| row.source.as_str().into()),
    optional("source_sha256", Kind::Text, "", "SHA-256 of the vendor file; null: there was none", |row| row.source_sha256.as_deref().into()),
    optional("source_etag", Kind::Text, "", "the server's entity tag; null: it sent none", |row| row.source_etag.as_deref().into()),
    added_optional("data_blake3", Kind::Text, "", "BLAKE3 digest of the object's data, as in the footer; null: mtdh 0.1.0 wrote the object", |row| row.digest.as_deref().into()),
    added_optional("proved_on", Kind::Text, "", "last day on which every byte of this very object, no copy, was verified; null: never", |row| (row.proved_on.map(|day| day.to_string())).into()),
    added_optional("grade", Kind::Text, "", "`good`, `degraded`, `bad` or `unknown`, by the last `mtdh check all` of this object ([validation.md](validation.md#grades)); null: not checked since it came", |row| (row.grade.map(Grade::name)).into()),
    added_optional("day_grade", Kind::Text, "", "the worst grade of the instrument's partitions that day, those that are missing included, by the same check: the same words and `missing`; null: as `grade`", |row| (row.day_grade.map(Grade::name)).into()),
    filled("schema_version", Kind::Count, "", "version of the columns of the program that wrote the row", |_| Some(u64::from(SCHEMA_VERSION)).into()),
];

/// The columns of `missing_data.parquet`.
#[rustfmt::skip]
pub(crate) static MISSING: [Described<Missing>; 7] = [
    filled("date", Kind::Text, "", "the day, `YYYY-MM-DD`", |row| Some(row.partition.day.to_string()).into()),
    required("instrument_key", Kind::Text, "", "the key", |row| row.partition.key.as_str().into()),
    required("venue", Kind::Text, "", "the key's venue", |row| row.partition.key.venue().into()),
    required("instrument_type", Kind::Text, "", "the key's type", |row| row.partition.key.instrument_type().name().into()),
    required("data_type", Kind::Text, "", "the data type", |row| row.partition.data_type.name().into()),
    required("status", Kind::Text, "", "`missing`", |_| (Status::Missing.name()).into()),
    required("reason", Kind::Text, "", "`missing`: there is no object; else what is wrong with the object that is there", |row| row.reason.as_str().into()),
];

pub(super) fn partitions(cells: &TableReader<'_>, rows: usize) -> Result<Vec<Partition>, String> {
    let (key, data_type, date) =
        (cells.text("instrument_key")?, cells.text("data_type")?, cells.text("date")?);
    let read = |row| {
        Some(Partition {
            key: key(row)?.parse::<InstrumentKey>().ok()?,
            data_type: data_type(row)?.parse().ok()?,
            day: date(row)?.parse().ok()?,
        })
    };
    (0..rows).map(|row| read(row).ok_or_else(|| format!("row {row} names no partition"))).collect()
}

fn available_rows(table: &RecordBatch) -> Result<Vec<Available>, String> {
    let cells = TableReader::of(table, &AVAILABLE);
    let (status, reason) = (cells.text("status")?, cells.text("reason")?);
    let (provenance, source) = (cells.text("provenance")?, cells.text("source")?);
    let (sha256, etag) = (cells.text("source_sha256")?, cells.text("source_etag")?);
    let count = |name| -> Result<_, String> {
        let read = cells.count(name)?;
        Ok(move |row| read(row).unwrap_or_default())
    };
    let (rows_out, rows_in, rejected) = (count("rows")?, count("rows_in")?, count("rows_rejected")?);
    let (bytes, inexact, regressions) =
        (count("bytes")?, count("inexact_numbers")?, count("arrival_regressions")?);
    let (first, last) = (cells.time("timestamp_min")?, cells.time("timestamp_max")?);
    let (first_local, last_local) = (cells.time("local_timestamp_min")?, cells.time("local_timestamp_max")?);
    let (digest, proved_on) = (cells.text("data_blake3")?, cells.text("proved_on")?);
    let (grade, day_grade) = (cells.text("grade")?, cells.text("day_grade")?);
    let read = |(row, partition)| {
        Ok(Available {
            partition,
            status: status(row)
                .and_then(Status::from_name)
                .ok_or_else(|| format!("row {row} has no status"))?,
            bytes: bytes(row),
            identity: None,
            tally: Tally {
                rows_in: rows_in(row),
                rows_out: rows_out(row),
                rows_rejected: rejected(row),
                inexact_numbers: inexact(row),
                arrival_regressions: regressions(row),
                timestamp: first(row).zip(last(row)),
                local_timestamp: first_local(row).zip(last_local(row)),
            },
            reason: reason(row).map(str::to_owned),
            provenance: provenance(row).and_then(ProvenanceKind::from_name).unwrap_or_default(),
            source: source(row).ok_or_else(|| format!("row {row} has no source"))?.to_owned(),
            source_sha256: sha256(row).map(str::to_owned),
            source_etag: etag(row).map(str::to_owned),
            digest: digest(row).map(str::to_owned),
            proved_on: proved_on(row).and_then(|day| day.parse().ok()),
            grade: grade(row).and_then(Grade::from_name),
            day_grade: day_grade(row).and_then(Grade::from_name),
        })
    };
    partitions(&cells, table.num_rows())?.into_iter().enumerate().map(read).collect()
}

fn missing_rows(table: &RecordBatch) -> Result<Vec<Missing>, String> {
    let cells = TableReader::of(table, &MISSING);
    let reason = cells.text("reason")?;
    let read = |(row, partition)| Missing { partition, reason: reason(row).unwrap_or_default().to_owned() };
    Ok(partitions(&cells, table.num_rows())?.into_iter().enumerate().map(read).collect())
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

/// A report that cannot be trusted counts as none: it is made from the objects and can be made again.
///
/// # Errors
/// As `read`, when it failed for another reason.
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

fn by_partition(lines: Vec<Available>, seen: &Identities) -> BTreeMap<Partition, Available> {
    let told = |mut line: Available| {
        crate::tables::identities::tell(&mut line, seen);
        (line.partition.clone(), line)
    };
    lines.into_iter().map(told).collect()
}

impl Lake {
    /// What the day's report says is there. A report that cannot be read counts as none: it is made from the objects
    /// and can be made again.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn available(&self, day: Day) -> Result<BTreeMap<Partition, Available>, LakeError> {
        let path = self.layout().available_report(day);
        let Some(bytes) = self.read(&path).await? else { return Ok(BTreeMap::new()) };
        let rows = readable(&path, || available_rows(&table(bytes, &path)?).map_err(wrong(&path)))?;
        let Some(rows) = rows.filter(|rows| !rows.is_empty()) else { return Ok(BTreeMap::new()) };
        Ok(by_partition(rows, &self.identities(day).await?))
    }

    /// Changes the day's report of what is there: `change` gets its rows and changes them in place.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn update_available(
        &self,
        day: Day,
        mut change: impl FnMut(&mut BTreeMap<Partition, Available>),
    ) -> Result<(), LakeError> {
        let path = self.layout().available_report(day);
        let seen = self.identities(day).await?;
        let mut told = Identities::new();
        self.update(&path, |old| {
            let read = |bytes: &Bytes| {
                readable(&path, || available_rows(&table(bytes.clone(), &path)?).map_err(wrong(&path)))
            };
            let rows = old.map(read).transpose()?.flatten().unwrap_or_default();
            let mut rows = by_partition(rows, &seen);
            change(&mut rows);
            told = crate::tables::identities::told(rows.values());
            bytes_of(&to_table(&AVAILABLE, &rows.into_values().collect::<Vec<_>>()), &path)
        })
        .await?;
        // After the lines: one that nobody knows the object of is not believed.
        told.retain(|partition, now| seen.get(partition) != Some(now));
        if told.is_empty() { Ok(()) } else { self.note_identities(day, &told).await }
    }

    /// What the day's report says is missing; nothing when there is no report, or none that can be read.
    ///
    /// # Errors
    /// When the store fails, or a newer version of the program made the report.
    pub async fn missing(&self, day: Day) -> Result<Option<Vec<Missing>>, LakeError> {
        let path = self.layout().missing_report(day);
        let Some(bytes) = self.read(&path).await? else { return Ok(None) };
        readable(&path, || missing_rows(&table(bytes, &path)?).map_err(wrong(&path)))
    }

    /// Writes the day's report of what is missing, also when nothing is. Rows of partitions that `speaks_of` does not
    /// hold stay as they are, as far as they can be read.
    ///
    /// # Errors
    /// When the store fails, or a newer version of the program made the report.
    pub async fn update_missing(
        &self,
        day: Day,
        rows: &[Missing],
        speaks_of: impl Fn(&Partition) -> bool,
    ) -> Result<(), LakeError> {
        let path = self.layout().missing_report(day);
        self.update(&path, |old| {
            let read = |bytes: &Bytes| {
                readable(&path, || missing_rows(&table(bytes.clone(), &path)?).map_err(wrong(&path)))
            };
            let mut all = old.map(read).transpose()?.flatten().unwrap_or_default();
            all.retain(|row| !speaks_of(&row.partition));
            all.extend(rows.iter().cloned());
            all.sort();
            bytes_of(&to_table(&MISSING, &all), &path)
        })
        .await
    }
}

#[cfg(test)]
pub(super) mod tests {
    use mtdh_core::DataType;

    use super::*;

    fn partition(key: &str, data_type: DataType) -> Partition {
        Partition { day: "2024-03-01".parse().unwrap(), data_type, key: key.parse().unwrap() }
    }

    #[tokio::test]
    async fn a_filtered_report_replaces_only_the_rows_it_speaks_of() {
        let folder = tempfile::tempdir().unwrap();
        let lake = Lake::open(folder.path().to_str().unwrap(), &Default::default()).unwrap();
        let missing =
            |key, data_type| Missing { partition: partition(key, data_type), reason: "missing".into() };
        let (perp, spot) = ("DERIBIT:PERP:BTC-USD", "BINANCE:SPOT_PAIR:BTC-USDT");
        let day = "2024-03-01".parse().unwrap();
        let all = [missing(spot, DataType::Trades), missing(perp, DataType::Trades)];
        lake.update_missing(day, &all, |_| true).await.unwrap();
        lake.update_missing(day, &[], |p| p.key.venue() == "DERIBIT").await.unwrap();
        assert_eq!(lake.missing(day).await.unwrap(), Some(vec![missing(spot, DataType::Trades)]));
        lake.update_missing(day, &[], |_| true).await.unwrap();
        assert_eq!(lake.missing(day).await.unwrap(), Some(vec![]), "written also when nothing is missing");
    }

    /// A line with everything that it may have.
    pub(in crate::tables) fn line() -> Available {
        Available {
            partition: partition("DERIBIT:PERP:BTC-USD", DataType::Quotes),
            status: Status::Stored,
            bytes: 100,
            identity: Some("1-2-3".into()),
            tally: Tally { rows_in: 2, rows_out: 2, timestamp: Some((1, 2)), ..Tally::default() },
            reason: None,
            source: "deribit/quotes/2024/03/01/BTC-PERPETUAL.csv.gz".into(),
            source_sha256: Some("ab".into()),
            source_etag: None,
            provenance: ProvenanceKind::VendorFile,
            digest: Some("cd".into()),
            proved_on: Some("2024-03-02".parse().unwrap()),
            grade: Some(Grade::Degraded),
            day_grade: Some(Grade::Bad),
        }
    }

    #[test]
    fn a_report_of_an_older_version_has_no_grades() {
        let row = line();
        let table = to_table(&AVAILABLE, std::slice::from_ref(&row));
        let schema = table.schema();
        let old = schema.fields().iter().enumerate().filter(|(_, f)| {
            !f.name().contains("grade") && !["data_blake3", "proved_on"].contains(&f.name().as_str())
        });
        let old = table.project(&old.map(|(place, _)| place).collect::<Vec<_>>()).unwrap();
        let read = available_rows(&old).unwrap().remove(0);
        let without = Available {
            grade: None,
            day_grade: None,
            digest: None,
            identity: None,
            proved_on: None,
            ..row.clone()
        };
        assert_eq!(read, without);
    }

    #[test]
    fn a_line_is_believed_and_kept_by_what_it_is_of() {
        let row = line();
        let path = crate::Layout.partition(&row.partition);
        let entry = |identity: Option<&str>| Entry {
            path: path.clone(),
            bytes: row.bytes,
            identity: identity.map(str::to_owned),
        };
        assert!(
            row.is_of(&entry(Some("1-2-3"))) && !row.is_of(&entry(Some("i2"))) && !row.is_of(&entry(None))
        );
        let unknown = Available { identity: None, ..row.clone() };
        assert!(!unknown.is_of(&entry(Some("1-2-3"))) && !unknown.is_of(&entry(None)));
        // Grades are kept for what holds the same, a proof for the same object only.
        let (same, copy, other) = ((row.grade, row.proved_on), (row.grade, None), (None, None));
        for (bytes, digest, identity, expected) in [
            (100, "cd", Some("1-2-3"), same),
            (100, "cd", Some("i2"), copy),
            (100, "cd", None, copy),
            (101, "cd", Some("1-2-3"), other),
            (100, "d2", Some("1-2-3"), other),
        ] {
            let identity = identity.map(str::to_owned);
            let (digest, proved_on) = (Some(digest.to_owned()), None);
            let mut newer =
                Available { bytes, digest, identity, proved_on, grade: None, day_grade: None, ..row.clone() };
            newer.keep_grades(&row);
            assert_eq!((newer.grade, newer.proved_on), expected, "{newer:?}");
        }
    }

    #[tokio::test]
    async fn facts_read_back() {
        let folder = tempfile::tempdir().unwrap();
        let lake = Lake::open(folder.path().to_str().unwrap(), &Default::default()).unwrap();
        let row = line();
        let day = row.partition.day;
        lake.update_available(day, |rows| {
            rows.insert(row.partition.clone(), row.clone());
        })
        .await
        .unwrap();
        assert_eq!(lake.available(day).await.unwrap().into_values().collect::<Vec<_>>(), [row]);
    }
}
