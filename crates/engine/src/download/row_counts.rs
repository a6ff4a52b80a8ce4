//! Rows of partitions beside the expected rows: those of the day before, and the vendor's statistics.
//!
//! Does not decide what is too few; see `core::check::completeness::few_rows`.

use std::collections::BTreeMap;

use mtdh_core::Day;
use mtdh_core::check::Finding;
use mtdh_core::check::completeness::{RowCount, few_rows};
use mtdh_core::instrument::Instrument;
use mtdh_core::key::InstrumentKey;
use mtdh_core::partition::{Partition, Status};
use mtdh_lake::tables::reports::Available;
use mtdh_lake::{Lake, LakeError};

/// Rows of the partitions that the vendor answered with a file.
pub(crate) fn answered<'a>(available: impl IntoIterator<Item = &'a Available>) -> BTreeMap<Partition, u64> {
    let has_file = |row: &&Available| matches!(row.status, Status::Stored | Status::Empty);
    let rows = available.into_iter().filter(has_file);
    rows.map(|row| (row.partition.clone(), row.tally.rows_out)).collect()
}

/// The same, each with the rows of the day before and the table's information on its instrument.
pub(crate) fn compared(
    day: Day,
    rows: &BTreeMap<Partition, u64>,
    before: &BTreeMap<Partition, u64>,
    table: &[Instrument],
) -> Vec<RowCount> {
    let by_key: BTreeMap<&InstrumentKey, &Instrument> = table.iter().map(|i| (&i.key, i)).collect();
    let count = |(partition, rows): (&Partition, &u64)| {
        let instrument = by_key.get(&partition.key);
        let yesterday = Partition { day: day.previous(), ..partition.clone() };
        RowCount {
            partition: partition.clone(),
            rows: *rows,
            before: before.get(&yesterday).copied(),
            statistics: instrument.and_then(|i| i.expected_rows(partition.data_type, day.end_us())),
            share_of_day: instrument.map_or(1.0, |i| i.share_of_day(day)),
        }
    };
    rows.iter().map(count).collect()
}

/// The partitions of a run with far fewer rows than expected.
///
/// # Errors
/// When the lake cannot be read.
pub(crate) async fn few_of_run(
    lake: &Lake,
    published: &BTreeMap<Day, Vec<Available>>,
) -> Result<Vec<Finding>, LakeError> {
    let mut findings = Vec::new();
    for (day, rows) in published {
        let before = answered(lake.available(day.previous()).await?.values());
        let table = lake.instruments(*day).await?.unwrap_or_default();
        findings.extend(compared(*day, &answered(rows), &before, &table).iter().filter_map(few_rows));
    }
    Ok(findings)
}
