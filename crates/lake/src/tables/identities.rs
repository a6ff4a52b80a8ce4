//! The identities of the objects that the lines of a day's report describe, and when they were fetched.
//!
//! They are stored apart from the report: the report is the same for all copies of the objects and for every run that fetches the
//! same files, identities and times differ. Derived like the report, but for the times; without them, the objects' footers are read.

use std::collections::BTreeMap;

use arrow_array::RecordBatch;
use bytes::Bytes;
use mtdh_core::Day;
use mtdh_core::partition::Partition;
use object_store::path::Path;

use crate::error::LakeError;
use crate::store::Lake;
use crate::tables::available::Available;
use crate::tables::columns::{Described, Kind, TableReader, added_optional, filled, required, to_table};
use crate::tables::report_file::{bytes_of, partitions, readable, table, wrong};

/// An object that was seen, with the values that tie a report line to its content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    identity: String,
    bytes: u64,
    source_sha256: Option<String>,
    digest: Option<String>,
    fetched_us: Option<i64>,
}

/// The objects of a day that were seen.
pub(super) type Identities = BTreeMap<Partition, Seen>;

impl Seen {
    /// The object of a line; `None`: its identity is not known.
    fn by(line: &Available) -> Option<Seen> {
        Some(Seen {
            identity: line.identity.clone()?,
            bytes: line.bytes,
            source_sha256: line.source_sha256.clone(),
            digest: line.digest.clone(),
            fetched_us: line.fetched_us,
        })
    }

    fn has_content(&self, bytes: u64, source_sha256: Option<&str>, digest: Option<&str>) -> bool {
        (self.bytes, self.source_sha256.as_deref(), self.digest.as_deref()) == (bytes, source_sha256, digest)
    }
}

/// Sets identity and time of a line from the object that was seen, if that has the content of the line.
pub(super) fn tell(line: &mut Available, seen: &Identities) {
    let seen = seen
        .get(&line.partition)
        .filter(|seen| seen.has_content(line.bytes, line.source_sha256.as_deref(), line.digest.as_deref()));
    line.identity = seen.map(|seen| seen.identity.clone());
    line.fetched_us = seen.and_then(|seen| seen.fetched_us);
}

/// The objects of some lines.
pub(super) fn told<'a>(lines: impl Iterator<Item = &'a Available>) -> Identities {
    lines.filter_map(|line| Some((line.partition.clone(), Seen::by(line)?))).collect()
}

/// The columns of the table.
#[rustfmt::skip]
pub(crate) static COLUMNS: [Described<(Partition, Seen)>; 8] = [
    required("instrument_key", Kind::Text, "", "the key", |(of, _)| of.key.as_str().into()),
    required("data_type", Kind::Text, "", "the data type", |(of, _)| of.data_type.name().into()),
    filled("date", Kind::Text, "", "the day, `YYYY-MM-DD`", |(of, _)| Some(of.day.to_string()).into()),
    required("identity", Kind::Text, "", "the object's identity at its store", |(_, seen)| seen.identity.as_str().into()),
    filled("bytes", Kind::Count, "bytes", "size of the object", |(_, seen)| Some(seen.bytes).into()),
    filled("source_sha256", Kind::Text, "", "as in the report", |(_, seen)| seen.source_sha256.as_deref().into()),
    filled("data_blake3", Kind::Text, "", "as in the report", |(_, seen)| seen.digest.as_deref().into()),
    added_optional("fetched_at", Kind::Time, "microseconds since the Unix epoch, UTC", "when the vendor's answer had been received whole, by the clock of the machine that fetched it; null: not known, as an older version, a run that was killed, a folder of files or a recording brought the object", |(_, seen)| seen.fetched_us.into()),
];

fn seen_rows(table: &RecordBatch) -> Result<Identities, String> {
    let cells = TableReader::of(table, &COLUMNS);
    let (identity, bytes) = (cells.text("identity")?, cells.count("bytes")?);
    let (sha256, digest) = (cells.text("source_sha256")?, cells.text("data_blake3")?);
    let fetched = cells.time("fetched_at")?;
    let read = |(row, partition)| {
        let seen = Seen {
            identity: identity(row).ok_or_else(|| format!("row {row} has no identity"))?.to_owned(),
            bytes: bytes(row).unwrap_or_default(),
            source_sha256: sha256(row).map(str::to_owned),
            digest: digest(row).map(str::to_owned),
            fetched_us: fetched(row),
        };
        Ok((partition, seen))
    };
    partitions(&cells, table.num_rows())?.into_iter().enumerate().map(read).collect()
}

fn read(bytes: Bytes, path: &Path) -> Result<Option<Identities>, LakeError> {
    readable(path, || seen_rows(&table(bytes, path)?).map_err(wrong(path)))
}

impl Lake {
    /// The objects of a day that were seen.
    pub(super) async fn identities(&self, day: Day) -> Result<Identities, LakeError> {
        let path = self.layout().identities(day);
        let Some(bytes) = self.read(&path).await? else { return Ok(Identities::new()) };
        Ok(read(bytes, &path)?.unwrap_or_default())
    }

    /// Records objects of a day that were seen; others stay as they are.
    pub(super) async fn note_identities(&self, day: Day, seen: &Identities) -> Result<(), LakeError> {
        let path = self.layout().identities(day);
        self.update(&path, |old| {
            let mut all =
                old.map(|bytes| read(bytes.clone(), &path)).transpose()?.flatten().unwrap_or_default();
            for (partition, new) in seen {
                let mut new = new.clone();
                let (sha256, digest) = (new.source_sha256.as_deref(), new.digest.as_deref());
                // Whoever only looked at the object does not know when it was fetched.
                let older = all.get(partition).filter(|old| old.has_content(new.bytes, sha256, digest));
                new.fetched_us = new.fetched_us.or(older.and_then(|old| old.fetched_us));
                all.insert(partition.clone(), new);
            }
            bytes_of(&to_table(&COLUMNS, &all.into_iter().collect::<Vec<_>>()), &path)
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tables::reports::tests::line;

    #[tokio::test]
    async fn a_line_is_told_its_object_as_long_as_it_says_what_that_held() {
        let folder = tempfile::tempdir().unwrap();
        let lake = Lake::open(folder.path().to_str().unwrap(), &Default::default()).unwrap();
        let (line, day) = (line(), line().partition.day);
        let put = async |line: &Available| {
            let put = |rows: &mut BTreeMap<Partition, Available>| {
                rows.insert(line.partition.clone(), line.clone());
            };
            lake.update_available(day, put).await.unwrap();
        };
        let there = async || lake.available(day).await.unwrap().into_values().next().unwrap();
        put(&line).await;
        assert_eq!(there().await, line);
        let report = std::fs::read(folder.path().join(lake.layout().available_report(day).as_ref())).unwrap();
        // A line of another object, written by a process that does not know its identity.
        for other in [
            Available { digest: Some("other".into()), ..line.clone() },
            Available { source_sha256: None, ..line.clone() },
            Available { bytes: 101, ..line.clone() },
        ] {
            let other = Available { identity: None, fetched_us: None, ..other };
            put(&other).await;
            assert_eq!(there().await, other);
        }
        // The same object elsewhere: the report is the same.
        let elsewhere = Available { identity: Some("4-5-6".into()), fetched_us: None, ..line.clone() };
        put(&elsewhere).await;
        let known = Available { fetched_us: line.fetched_us, ..elsewhere };
        assert_eq!(there().await, known, "who looks at an object does not forget when it was fetched");
        let path = folder.path().join(lake.layout().available_report(day).as_ref());
        assert!(std::fs::read(path).unwrap() == report);
        // Neither a damaged table of identities nor a missing one is a problem.
        let identities = folder.path().join(lake.layout().identities(day).as_ref());
        std::fs::write(&identities, "junk").unwrap();
        assert_eq!(there().await, Available { identity: None, fetched_us: None, ..line.clone() });
        put(&line).await;
        assert_eq!(there().await, line);
        std::fs::remove_file(&identities).unwrap();
        assert_eq!(there().await, Available { identity: None, fetched_us: None, ..line.clone() });
    }
}
