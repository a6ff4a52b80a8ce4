//! The objects that were replaced because the vendor issued their files anew: what they were, so that whoever worked with one can
//! find out what became of it.
//!
//! One table a day, which only grows. Nothing else in a lake has these facts: it is not rebuilt, and one that cannot be read is
//! an error. It holds times, therefore it is beside the runs, as `identities` is.

use arrow_array::RecordBatch;
use mtdh_core::Day;
use mtdh_core::certificate::Hash;
use mtdh_core::partition::{Partition, Status};

use crate::error::LakeError;
use crate::store::Lake;
use crate::tables::available::Available;
use crate::tables::columns::{Described, Kind, TableReader, filled, optional, required, to_table};
use crate::tables::identities;
use crate::tables::report_file::{bytes_of, partitions, table, wrong};

/// An object that was replaced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Superseded {
    /// Its partition.
    pub partition: Partition,
    /// Stored, empty or absent.
    pub status: Status,
    /// Its size in bytes.
    pub bytes: u64,
    /// Its rows.
    pub rows: u64,
    /// BLAKE3 of its data part; `None`: version 0.1.0 wrote it, without checksums.
    pub digest: Option<String>,
    /// BLAKE3 of its other bytes, as in a certificate.
    pub footer_digest: String,
    /// The vendor's path of its file.
    pub source: String,
    /// SHA-256 of that file; `None`: there was none.
    pub source_sha256: Option<String>,
    /// The entity tag of that file; `None`: the server sent none.
    pub source_etag: Option<String>,
    /// When that file had been received whole, microseconds since the Unix epoch, UTC; `None`: not known.
    pub fetched_us: Option<i64>,
    /// When it was replaced, microseconds since the Unix epoch, UTC.
    pub superseded_us: i64,
    /// SHA-256 of the vendor's new file; `None`: the vendor has none any more.
    pub by_sha256: Option<String>,
    /// The entity tag of the new file; `None`: the server sent none.
    pub by_etag: Option<String>,
}

const TIME: &str = "microseconds since the Unix epoch, UTC";

/// The columns of the table.
#[rustfmt::skip]
pub(crate) static COLUMNS: [Described<Superseded>; 15] = [
    required("instrument_key", Kind::Text, "", "the key", |row| row.partition.key.as_str().into()),
    required("data_type", Kind::Text, "", "the data type", |row| row.partition.data_type.name().into()),
    filled("date", Kind::Text, "", "the day, `YYYY-MM-DD`", |row| Some(row.partition.day.to_string()).into()),
    required("status", Kind::Text, "", "`stored`, `empty` or `absent`", |row| row.status.name().into()),
    filled("bytes", Kind::Count, "bytes", "size of the object", |row| Some(row.bytes).into()),
    filled("rows", Kind::Count, "rows", "its rows", |row| Some(row.rows).into()),
    optional("data_blake3", Kind::Text, "", "digest of its data; null: mtdh 0.1.0 wrote it", |row| row.digest.as_deref().into()),
    required("footer_blake3", Kind::Text, "", "digest of its other bytes, as in a certificate", |row| row.footer_digest.as_str().into()),
    required("source", Kind::Text, "", "the vendor's path of its file", |row| row.source.as_str().into()),
    optional("source_sha256", Kind::Text, "", "of that file; null: there was none", |row| row.source_sha256.as_deref().into()),
    optional("source_etag", Kind::Text, "", "its entity tag; null: the server sent none", |row| row.source_etag.as_deref().into()),
    optional("fetched_at", Kind::Time, TIME, "when that file had been received whole; null: not known", |row| row.fetched_us.into()),
    required("superseded_at", Kind::Time, TIME, "when the object was replaced, by the clock of the machine that did it", |row| Some(row.superseded_us).into()),
    optional("by_sha256", Kind::Text, "", "of the vendor's new file; null: the vendor has none any more", |row| row.by_sha256.as_deref().into()),
    optional("by_etag", Kind::Text, "", "the new file's entity tag; null: the server sent none", |row| row.by_etag.as_deref().into()),
];

fn rows(table: &RecordBatch) -> Result<Vec<Superseded>, String> {
    let cells = TableReader::of(table, &COLUMNS);
    let (status, bytes, rows) = (cells.text("status")?, cells.count("bytes")?, cells.count("rows")?);
    let (digest, footer_digest) = (cells.text("data_blake3")?, cells.text("footer_blake3")?);
    let (source, sha256, etag) =
        (cells.text("source")?, cells.text("source_sha256")?, cells.text("source_etag")?);
    let (fetched, superseded) = (cells.time("fetched_at")?, cells.time("superseded_at")?);
    let (by_sha256, by_etag) = (cells.text("by_sha256")?, cells.text("by_etag")?);
    let read = |(row, partition)| {
        let lacks = |what: &str| format!("row {row} has no {what}");
        Ok(Superseded {
            partition,
            status: status(row).and_then(Status::from_name).ok_or_else(|| lacks("status"))?,
            bytes: bytes(row).unwrap_or_default(),
            rows: rows(row).unwrap_or_default(),
            digest: digest(row).map(str::to_owned),
            footer_digest: footer_digest(row).ok_or_else(|| lacks("footer_blake3"))?.to_owned(),
            source: source(row).ok_or_else(|| lacks("source"))?.to_owned(),
            source_sha256: sha256(row).map(str::to_owned),
            source_etag: etag(row).map(str::to_owned),
            fetched_us: fetched(row),
            superseded_us: superseded(row).ok_or_else(|| lacks("superseded_at"))?,
            by_sha256: by_sha256(row).map(str::to_owned),
            by_etag: by_etag(row).map(str::to_owned),
        })
    };
    partitions(&cells, table.num_rows())?.into_iter().enumerate().map(read).collect()
}

impl Superseded {
    /// Whether it is the object with these digests.
    pub fn is_of(&self, data: &Hash, footer: &Hash) -> bool {
        self.footer_digest == footer.to_string()
            && self.digest.as_ref().is_none_or(|digest| *digest == data.to_string())
    }
}

impl Lake {
    /// The objects of a day that were replaced, by partition and time.
    ///
    /// # Errors
    /// When the store fails, or the table cannot be read.
    pub async fn superseded(&self, day: Day) -> Result<Vec<Superseded>, LakeError> {
        let path = self.layout().superseded(day);
        let Some(bytes) = self.read(&path).await? else { return Ok(Vec::new()) };
        rows(&table(bytes, &path)?).map_err(wrong(&path))
    }

    /// Records an object that is about to be replaced. One that was recorded stays as it is.
    ///
    /// # Errors
    /// When the store fails, or the table cannot be read: it is never overwritten.
    pub async fn note_superseded(&self, row: &Superseded) -> Result<(), LakeError> {
        let path = self.layout().superseded(row.partition.day);
        self.update(&path, |old| {
            let read = |bytes: &bytes::Bytes| rows(&table(bytes.clone(), &path)?).map_err(wrong(&path));
            let mut all = old.map(read).transpose()?.unwrap_or_default();
            let is_it = |other: &Superseded| {
                (&other.partition, &other.footer_digest) == (&row.partition, &row.footer_digest)
            };
            if !all.iter().any(is_it) {
                all.push(row.clone());
            }
            all.sort_by(|a, b| (&a.partition, a.superseded_us).cmp(&(&b.partition, b.superseded_us)));
            bytes_of(&to_table(&COLUMNS, &all), &path)
        })
        .await
    }

    /// When the vendor's file behind a line's object had been received whole, microseconds since the Unix epoch, UTC; `None`: not
    /// known. Also of an object whose line is no longer in the report.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn fetched_us(&self, line: &Available) -> Result<Option<i64>, LakeError> {
        let seen = self.identities(line.partition.day).await?;
        let mut line = Available { fetched_us: None, ..line.clone() };
        identities::tell(&mut line, &seen);
        Ok(line.fetched_us)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_was_replaced_stays_known() {
        let folder = tempfile::tempdir().unwrap();
        let lake = Lake::open(folder.path().to_str().unwrap(), &Default::default()).unwrap();
        let day = "2024-03-01".parse().unwrap();
        let first = Superseded {
            partition: Partition {
                day,
                data_type: mtdh_core::DataType::Trades,
                key: "DERIBIT:PERP:BTC-USD".parse().unwrap(),
            },
            status: Status::Stored,
            bytes: 10,
            rows: 3,
            digest: Some("ab".into()),
            footer_digest: "cd".into(),
            source: "deribit/trades/2024/03/01/BTC-PERPETUAL.csv.gz".into(),
            source_sha256: Some("01".into()),
            source_etag: None,
            fetched_us: None,
            superseded_us: 5,
            by_sha256: None,
            by_etag: Some("\"x\"".into()),
        };
        assert_eq!(lake.superseded(day).await.unwrap(), []);
        let again = Superseded { superseded_us: 9, ..first.clone() };
        let second = Superseded { footer_digest: "ef".into(), superseded_us: 7, ..first.clone() };
        for row in [&second, &first, &again] {
            lake.note_superseded(row).await.unwrap();
        }
        assert_eq!(lake.superseded(day).await.unwrap(), [first.clone(), second]);
        // Nothing else has these facts, so that a damaged table is neither believed nor replaced.
        let path = folder.path().join(lake.layout().superseded(day).as_ref());
        std::fs::write(&path, "junk").unwrap();
        assert!(lake.superseded(day).await.is_err());
        assert!(lake.note_superseded(&first).await.is_err());
        assert_eq!(std::fs::read(&path).unwrap(), b"junk");
    }
}
