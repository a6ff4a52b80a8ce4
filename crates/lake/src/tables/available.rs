//! A line of a day's report of available data, and its columns.

use arrow_array::RecordBatch;
use mtdh_core::Day;
use mtdh_core::check::grade::Grade;
use mtdh_core::footer::{PartitionFooter, ProvenanceKind, Tally};
use mtdh_core::partition::{Partition, Status};
use mtdh_core::table::SCHEMA_VERSION;

use crate::object::Entry;
use crate::tables::columns::{
    Described, Kind, TableReader, added_optional, added_required, filled, optional, required,
};
use crate::tables::report_file::partitions;

/// One line of `available_data.parquet`: a partition that has an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Available {
    /// The partition.
    pub partition: Partition,
    /// Stored, empty or absent.
    pub status: Status,
    /// Size of the object in bytes.
    pub bytes: u64,
    /// Identity of the object when its footer was read or it was published, as [`Entry::identity`]; stored apart from the
    /// report. The line applies only to an object with this identity. `None`: not known, and the object's footer is read.
    pub identity: Option<String>,
    /// Counts and ranges, as in the footer.
    pub tally: Tally,
    /// Why it is empty or absent, as in the footer; `None`: it has rows.
    pub reason: Option<String>,
    /// What kind of source the rows came from.
    pub provenance: ProvenanceKind,
    /// The source in one text, as [`mtdh_core::footer::Provenance::source`].
    pub source: String,
    /// SHA-256 of the vendor file, as in the footer; `None` for a recording or where there was no file.
    pub source_sha256: Option<String>,
    /// The vendor's entity tag, as in the footer; `None` for a recording or where none was sent.
    pub source_etag: Option<String>,
    /// When the vendor's answer had been received whole, microseconds since the Unix epoch, UTC; stored apart from the report, as
    /// `identity`. `None`: a recording, a file of a folder, or not known: an older version fetched it, or the run was killed.
    pub fetched_us: Option<i64>,
    /// BLAKE3 of the object's data part, as in the footer; `None`: version 0.1.0 wrote the object, without checksums.
    pub digest: Option<String>,
    /// The last day on which every byte of the object was verified; `None`: never.
    pub proved_on: Option<Day>,
    /// The partition's grade by the last `mtdh check all`; `None`: not checked since the object was written.
    pub grade: Option<Grade>,
    /// The grade of the instrument's whole day by the same check; `None`: as for `grade`.
    pub day_grade: Option<Grade>,
}

impl Available {
    /// The line of an object, from its footer, digest and identity.
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
            fetched_us: None,
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

    /// Whether the line describes an object of a listing. An equal size alone proves little.
    pub fn is_of(&self, entry: &Entry) -> bool {
        self.identity.is_some() && (self.bytes, &self.identity) == (entry.bytes, &entry.identity)
    }

    /// Whether both lines are of objects with the same content: by size, digest and the vendor's file. One may be a copy.
    pub fn holds_the_same(&self, other: &Available) -> bool {
        (self.bytes, &self.source_sha256, &self.digest) == (other.bytes, &other.source_sha256, &other.digest)
    }

    /// Copies the grades of an older line of the same partition, if its object had the same content, and when it was fetched, if
    /// this line does not say; the last proof only if it was the same object: a copy may be damaged although its footer is not.
    pub fn keep_grades(&mut self, older: &Available) {
        if self.holds_the_same(older) {
            (self.grade, self.day_grade) = (older.grade, older.day_grade);
            self.fetched_us = self.fetched_us.or(older.fetched_us);
            if self.identity.is_some() && self.identity == older.identity {
                self.proved_on = self.proved_on.max(older.proved_on);
            }
        }
    }
}

/// The columns of `available_data.parquet`.
#[rustfmt::skip]
pub(crate) static COLUMNS: [Described<Available>; 28] = [
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
    required("source", Kind::Text, "", "the vendor's path of the file that it was made from", |row| row.source.as_str().into()),
    optional("source_sha256", Kind::Text, "", "of the vendor file; null: there was none", |row| row.source_sha256.as_deref().into()),
    optional("source_etag", Kind::Text, "", "the server's entity tag; null: it sent none", |row| row.source_etag.as_deref().into()),
    added_optional("data_blake3", Kind::Text, "", "digest of the object's bytes, as in the footer; null: mtdh 0.1.0 wrote the object", |row| row.digest.as_deref().into()),
    added_optional("proved_on", Kind::Text, "", "last day on which every byte of this very object, no copy, was verified; null: never", |row| (row.proved_on.map(|day| day.to_string())).into()),
    added_optional("grade", Kind::Text, "", "`good`, `degraded`, `bad` or `unknown`, by the last check of this object with all groups; null: not checked since it came", |row| (row.grade.map(Grade::name)).into()),
    added_optional("day_grade", Kind::Text, "", "the worst grade of the instrument's partitions on that day, including missing ones, from the same check: the same words and `missing`; null: as `grade`", |row| (row.day_grade.map(Grade::name)).into()),
    filled("schema_version", Kind::Count, "", "version of the columns of the program that wrote the row", |_| Some(u64::from(SCHEMA_VERSION)).into()),
];

pub(super) fn rows(table: &RecordBatch) -> Result<Vec<Available>, String> {
    let cells = TableReader::of(table, &COLUMNS);
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
            fetched_us: None,
            digest: digest(row).map(str::to_owned),
            proved_on: proved_on(row).and_then(|day| day.parse().ok()),
            grade: grade(row).and_then(Grade::from_name),
            day_grade: day_grade(row).and_then(Grade::from_name),
        })
    };
    partitions(&cells, table.num_rows())?.into_iter().enumerate().map(read).collect()
}
