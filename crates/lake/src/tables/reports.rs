//! The two reports of a day: available data, with the footers of the objects, and missing data.

use std::collections::BTreeMap;

use arrow_array::RecordBatch;
use bytes::Bytes;
use mtdh_core::Day;
use mtdh_core::partition::{Partition, Status};

use crate::error::LakeError;
use crate::store::Lake;
use crate::tables::available::{COLUMNS as AVAILABLE, rows as available_rows};
use crate::tables::columns::{Described, Kind, TableReader, filled, required, to_table};
use crate::tables::identities::Identities;
use crate::tables::report_file::{bytes_of, partitions, readable, table, wrong};

pub use crate::tables::available::Available;

/// One line of `missing_data.parquet`: a partition that is expected and missing.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Missing {
    /// The partition.
    pub partition: Partition,
    /// `missing`, or why the object cannot be trusted.
    pub reason: String,
}

/// The columns of `missing_data.parquet`.
#[rustfmt::skip]
pub(crate) static MISSING: [Described<Missing>; 7] = [
    filled("date", Kind::Text, "", "the day, `YYYY-MM-DD`", |row| Some(row.partition.day.to_string()).into()),
    required("instrument_key", Kind::Text, "", "the key", |row| row.partition.key.as_str().into()),
    required("venue", Kind::Text, "", "the key's venue", |row| row.partition.key.venue().into()),
    required("instrument_type", Kind::Text, "", "the key's type", |row| row.partition.key.instrument_type().name().into()),
    required("data_type", Kind::Text, "", "the data type", |row| row.partition.data_type.name().into()),
    required("status", Kind::Text, "", "`missing`", |_| (Status::Missing.name()).into()),
    required("reason", Kind::Text, "", "`missing`: there is no object; otherwise what is wrong with the existing object", |row| row.reason.as_str().into()),
];

fn missing_rows(table: &RecordBatch) -> Result<Vec<Missing>, String> {
    let cells = TableReader::of(table, &MISSING);
    let reason = cells.text("reason")?;
    let read = |(row, partition)| Missing { partition, reason: reason(row).unwrap_or_default().to_owned() };
    Ok(partitions(&cells, table.num_rows())?.into_iter().enumerate().map(read).collect())
}

fn by_partition(lines: Vec<Available>, seen: &Identities) -> BTreeMap<Partition, Available> {
    let told = |mut line: Available| {
        crate::tables::identities::tell(&mut line, seen);
        (line.partition.clone(), line)
    };
    lines.into_iter().map(told).collect()
}

impl Lake {
    /// The day's report of available data. A report that cannot be read counts as empty: it is derived from the objects and
    /// can be rebuilt.
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

    /// Changes the day's report of available data: `change` gets its rows and changes them in place.
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
        // After the lines: a line without a known identity is not trusted.
        told.retain(|partition, now| seen.get(partition) != Some(now));
        if told.is_empty() { Ok(()) } else { self.note_identities(day, &told).await }
    }

    /// The day's report of missing data; `None`: there is no report, or it cannot be read.
    ///
    /// # Errors
    /// When the store fails, or a newer version of the program made the report.
    pub async fn missing(&self, day: Day) -> Result<Option<Vec<Missing>>, LakeError> {
        let path = self.layout().missing_report(day);
        let Some(bytes) = self.read(&path).await? else { return Ok(None) };
        readable(&path, || missing_rows(&table(bytes, &path)?).map_err(wrong(&path)))
    }

    /// Writes the day's report of missing data, also when nothing is missing. Rows of partitions outside `speaks_of` stay as
    /// they are, as far as they can be read.
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
    use mtdh_core::check::grade::Grade;
    use mtdh_core::footer::{ProvenanceKind, Tally};

    use super::*;
    use crate::object::Entry;

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

    /// A line with all optional values set.
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
            fetched_us: Some(1_709_400_000_000_000),
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
            let added = ["data_blake3", "proved_on"];
            !f.name().contains("grade") && !added.contains(&f.name().as_str())
        });
        let old = table.project(&old.map(|(place, _)| place).collect::<Vec<_>>()).unwrap();
        let read = available_rows(&old).unwrap().remove(0);
        let without = Available {
            grade: None,
            day_grade: None,
            digest: None,
            identity: None,
            proved_on: None,
            fetched_us: None,
            ..row.clone()
        };
        assert_eq!(read, without);
    }

    #[test]
    fn a_line_is_believed_and_kept_by_what_it_is_of() {
        let row = line();
        let path = crate::Layout::VENDOR.partition(&row.partition);
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
        // Grades and the time of the fetch are kept for the same content, a proof for the same object only.
        let (same, copy, other) = (
            (row.grade, row.proved_on, row.fetched_us),
            (row.grade, None, row.fetched_us),
            (None, None, None),
        );
        for (bytes, digest, identity, expected) in [
            (100, "cd", Some("1-2-3"), same),
            (100, "cd", Some("i2"), copy),
            (100, "cd", None, copy),
            (101, "cd", Some("1-2-3"), other),
            (100, "d2", Some("1-2-3"), other),
        ] {
            let identity = identity.map(str::to_owned);
            let (digest, proved_on) = (Some(digest.to_owned()), None);
            let (grade, day_grade, fetched_us) = (None, None, None);
            let mut newer =
                Available { bytes, digest, identity, proved_on, grade, day_grade, fetched_us, ..row.clone() };
            newer.keep_grades(&row);
            assert_eq!((newer.grade, newer.proved_on, newer.fetched_us), expected, "{newer:?}");
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
