//! What the footer of an object says for a table: rows, and bounds of its columns.

use std::cmp::Ordering;
use std::sync::Arc;

use mtdh_core::Day;
use mtdh_core::key::InstrumentKey;
use parquet::file::metadata::ParquetMetaData;
use parquet::file::statistics::Statistics;

use super::table::{COLUMNS_WITH_BOUNDS, IcebergTable};
use crate::error::LakeError;
use crate::object::Entry;
use crate::read::{check_place, failure};
use crate::store::Lake;

/// A longer text is no bound: bounds are read by whoever plans, for each file.
const MOST_BOUND_BYTES: usize = 64;

/// An object, for a table.
#[derive(Clone, Debug)]
pub struct FileFacts {
    /// The object.
    pub entry: Entry,
    /// Its instrument.
    pub key: InstrumentKey,
    /// Its rows.
    pub rows: u64,
    /// BLAKE3 of its data; `None`: version 0.1.0 wrote it.
    pub digest: Option<String>,
    /// Its first columns that have an id in the table, in the order of ids.
    pub(super) columns: Vec<ColumnFacts>,
}

/// What is known of a column of a file.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct ColumnFacts {
    pub id: i32,
    /// Bytes on the disk.
    pub bytes: i64,
    pub values: i64,
    /// `None`: not known.
    pub nulls: Option<i64>,
    /// Smallest and largest value; `None`: not known, or there are only nulls.
    pub bounds: Option<(Bound, Bound)>,
}

/// A bound, by the types of columns.
#[derive(Clone, Debug, PartialEq, PartialOrd)]
pub(super) enum Bound {
    Flag(bool),
    Whole(i64),
    Number(f64),
    Text(Vec<u8>),
}

impl Bound {
    /// Its bytes as Iceberg has them ("Binary single-value serialization").
    pub fn bytes(&self) -> Vec<u8> {
        match self {
            Bound::Flag(value) => vec![u8::from(*value)],
            Bound::Whole(value) => value.to_le_bytes().to_vec(),
            Bound::Number(value) => value.to_le_bytes().to_vec(),
            Bound::Text(value) => value.clone(),
        }
    }
}

/// The bounds of a column in a row group.
fn bounds(statistics: &Statistics) -> Option<(Bound, Bound)> {
    Some(match statistics {
        Statistics::Boolean(s) => (Bound::Flag(*s.min_opt()?), Bound::Flag(*s.max_opt()?)),
        Statistics::Int64(s) => (Bound::Whole(*s.min_opt()?), Bound::Whole(*s.max_opt()?)),
        Statistics::Double(s) => (Bound::Number(*s.min_opt()?), Bound::Number(*s.max_opt()?)),
        Statistics::ByteArray(s) => {
            (Bound::Text(s.min_opt()?.data().to_vec()), Bound::Text(s.max_opt()?.data().to_vec()))
        }
        _ => return None,
    })
}

/// The bounds of both; `None`: they cannot be compared.
fn union(one: (Bound, Bound), other: (Bound, Bound)) -> Option<(Bound, Bound)> {
    if std::mem::discriminant(&one.0) != std::mem::discriminant(&other.0) {
        return None;
    }
    let low = if one.0.partial_cmp(&other.0)? == Ordering::Greater { other.0 } else { one.0 };
    let high = if one.1.partial_cmp(&other.1)? == Ordering::Less { other.1 } else { one.1 };
    Some((low, high))
}

fn is_usable((low, high): &(Bound, Bound)) -> bool {
    let is_short = |bound: &Bound| !matches!(bound, Bound::Text(text) if text.len() > MOST_BOUND_BYTES || std::str::from_utf8(text).is_err());
    // Not for numbers that are none.
    low.partial_cmp(high).is_some_and(|order| order != Ordering::Greater) && is_short(low) && is_short(high)
}

fn columns(table: IcebergTable, metadata: &ParquetMetaData) -> Vec<ColumnFacts> {
    let described = metadata.file_metadata().schema_descr();
    let mut found = Vec::new();
    for (place, column) in described.columns().iter().enumerate() {
        let Some(id) = table.id_of(column.name()).filter(|id| *id as usize <= COLUMNS_WITH_BOUNDS) else {
            continue;
        };
        let mut facts = ColumnFacts { id, bytes: 0, values: 0, nulls: Some(0), bounds: None };
        let mut is_known = true;
        for group in metadata.row_groups() {
            let chunk = group.column(place);
            facts.bytes += chunk.compressed_size();
            facts.values += chunk.num_values();
            let statistics = chunk.statistics();
            let nulls = statistics.and_then(Statistics::null_count_opt).map(|count| count as i64);
            facts.nulls = facts.nulls.zip(nulls).map(|(sum, count)| sum + count);
            if nulls == Some(chunk.num_values()) {
                continue;
            }
            let here = statistics.and_then(bounds);
            facts.bounds = match (facts.bounds.take(), here) {
                (None, here) => here,
                (Some(so_far), Some(here)) => union(so_far, here),
                (Some(_), None) => None,
            };
            is_known &= facts.bounds.is_some();
        }
        facts.bounds = facts.bounds.filter(|found| is_known && is_usable(found));
        found.push(facts);
    }
    found.sort_by_key(|facts| facts.id);
    found
}

impl Lake {
    /// Reads what a table says of an object.
    ///
    /// # Errors
    /// When the store fails, the object is not what its path says, or its rows leave the day.
    pub async fn iceberg_facts(
        &self,
        table: IcebergTable,
        day: Day,
        key: &InstrumentKey,
        entry: &Entry,
    ) -> Result<FileFacts, LakeError> {
        let mut reader = self.reader(entry, &Arc::default()).await?;
        reader.forget_footer();
        let opened = reader.open().await.map_err(|error| failure(&entry.path, error))?;
        check_place(&entry.path, &opened)?;
        let rows = opened.metadata.file_metadata().num_rows().max(0) as u64;
        let columns = columns(table, &opened.metadata);
        let wrong = |reason: String| LakeError::WrongTable { path: entry.path.to_string(), reason };
        let time = table.id_of(table.time_column());
        let times = columns.iter().find(|column| Some(column.id) == time);
        match times.and_then(|column| column.bounds.as_ref()) {
            Some((Bound::Whole(first), Bound::Whole(last))) => {
                // Whoever looks for a day would not find rows of another one.
                if *first < day.start_us() || *last >= day.end_us() {
                    return Err(wrong(format!("it has rows of other days by {}", table.time_column())));
                }
            }
            _ if rows == 0 => {}
            _ => return Err(wrong(format!("its footer has no bounds of {}", table.time_column()))),
        }
        let (entry, key) = (entry.clone(), key.clone());
        Ok(FileFacts { entry, key, rows, digest: opened.digest(), columns })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_of_row_groups_are_joined_and_doubtful_ones_left_out() {
        let numbers = |low, high| (Bound::Number(low), Bound::Number(high));
        assert_eq!(union(numbers(1.0, 2.0), numbers(-3.0, 1.5)), Some(numbers(-3.0, 2.0)));
        assert_eq!(union(numbers(1.0, 2.0), numbers(f64::NAN, 1.5)), None);
        assert_eq!(union(numbers(1.0, 2.0), (Bound::Whole(1), Bound::Whole(2))), None);
        let text = |text: &str| Bound::Text(text.into());
        for (low, high, is_bound) in [
            (text("a"), text("b"), true),
            (text("b"), text("a"), false),
            (text("a"), text(&"b".repeat(65)), false),
            (text("a"), Bound::Text(vec![0xff]), false),
            (Bound::Number(f64::NAN), Bound::Number(1.0), false),
            (Bound::Whole(-1), Bound::Whole(-1), true),
        ] {
            assert_eq!(is_usable(&(low.clone(), high.clone())), is_bound, "{low:?} {high:?}");
        }
    }
}
