//! Decides whether one grouped file replaces many files of single instruments.
//!
//! The rule: the vendor lists the grouped symbol with the data type; at least [`MIN_PARTITIONS`] of its partitions are wanted
//! on a day; they are at least [`MIN_SHARE`] of its members, so that little is fetched in vain; and they are small, at most
//! [`MAX_MEAN_ROWS`] rows on average by the vendor's statistics, where it has them. Many small files cost requests, which a
//! grouped file saves. A few large files are better fetched in parallel, since each can be resumed by itself.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;

use mtdh_core::instrument::Instrument;
use mtdh_core::{DataType, Day};
use mtdh_source::tardis::vendor_file::VendorFile;

use super::{DownloadTask, TaskPartition};

/// Fewest wanted partitions that justify a grouped file.
pub const MIN_PARTITIONS: usize = 100;
/// Share of the grouped file's members that must be wanted.
pub const MIN_SHARE: f64 = 0.8;
/// Most rows that a member may have on average.
pub const MAX_MEAN_ROWS: u64 = 50_000;

/// The grouped file that also contains an instrument; `None`: the vendor lists none.
pub(super) fn group_file(instrument: &Instrument, data_type: DataType, day: Day) -> Option<VendorFile> {
    let group = instrument.key.instrument_type().group_id()?;
    let is_listed = instrument.group_data_types.contains(&data_type) || data_type.only_grouped();
    let (exchange, symbol) = (instrument.exchange.clone(), group.to_owned());
    is_listed.then_some(VendorFile { exchange, data_type, day, symbol })
}

/// The grouped file that a file of one instrument may have replaced.
pub(crate) fn group_of(part: &DownloadTask) -> Option<VendorFile> {
    let [member] = &part.members[..] else { return None };
    let symbol = member.partition.key.instrument_type().group_id()?.to_owned();
    (!part.is_group).then(|| VendorFile { symbol, ..part.file.clone() })
}

/// The symbols of all instruments of the table that a grouped file may hold.
pub(crate) fn known(table: &[Instrument], file: &VendorFile) -> Arc<HashSet<String>> {
    let is_in = |i: &&Instrument| {
        i.exchange == file.exchange && i.key.instrument_type().group_id() == Some(file.symbol.as_str())
    };
    Arc::new(table.iter().filter(is_in).map(super::symbol_in_files).collect())
}

/// The grouped files that replace the files of their members. `wanted` has the members by grouped file; `table` is the day's
/// whole instrument table, from which the members are counted.
pub(super) fn chosen(
    wanted: &BTreeMap<VendorFile, Vec<&TaskPartition>>,
    table: &[Instrument],
    day: Day,
) -> BTreeSet<VendorFile> {
    let mut members: BTreeMap<VendorFile, usize> = BTreeMap::new();
    let many = |members: &Vec<&TaskPartition>| members.len() >= MIN_PARTITIONS;
    if !wanted.values().any(many) {
        return BTreeSet::new();
    }
    for instrument in table.iter().filter(|i| i.is_alive(day)) {
        for file in instrument.data_types.iter().filter_map(|t| group_file(instrument, *t, day)) {
            *members.entry(file).or_default() += 1;
        }
    }
    let pays = |(file, wanted): &(&VendorFile, &Vec<&TaskPartition>)| {
        let all = members.get(file).copied().unwrap_or(0);
        let known: Vec<u64> = wanted.iter().filter_map(|m| m.expected_rows).collect();
        let mean = known.iter().sum::<u64>().checked_div(known.len() as u64).unwrap_or(0);
        many(wanted) && wanted.len() as f64 >= all as f64 * MIN_SHARE && mean <= MAX_MEAN_ROWS
    };
    wanted.iter().filter(pays).map(|(file, _)| file.clone()).collect()
}

#[cfg(test)]
mod tests {
    use mtdh_core::partition::Partition;

    use super::*;

    const DAY: &str = "2024-03-01";

    fn instrument(number: usize) -> Instrument {
        let key = format!("DERIBIT:OPTION:BTC-USD-240329-{}-CALL", 1000 + number);
        let day = DAY.parse().unwrap();
        let mut instrument = Instrument::of_name(key.parse().unwrap(), "deribit", &format!("S{number}"), day);
        instrument.data_types = vec![DataType::Trades];
        instrument.group_data_types = vec![DataType::Trades];
        instrument
    }

    #[test]
    fn a_group_is_taken_when_it_saves_requests_and_wastes_little() {
        let day: Day = DAY.parse().unwrap();
        for (members, wanted, rows, expected) in [
            (100, 100, Some(10), true),
            (99, 99, Some(10), false),
            (125, 100, Some(10), true),
            (126, 100, Some(10), false),
            (100, 100, Some(MAX_MEAN_ROWS), true),
            (100, 100, Some(MAX_MEAN_ROWS + 1), false),
            (100, 100, None, true),
        ] {
            let table: Vec<Instrument> = (0..members).map(instrument).collect();
            let wanted: Vec<TaskPartition> = table[..wanted]
                .iter()
                .map(|i| TaskPartition {
                    partition: Partition { day, data_type: DataType::Trades, key: i.key.clone() },
                    symbol: i.raw_symbol.clone(),
                    expected_rows: rows,
                    replaces: false,
                })
                .collect();
            let file = group_file(&table[0], DataType::Trades, day).unwrap();
            let by_group = BTreeMap::from([(file, wanted.iter().collect())]);
            assert_eq!(!chosen(&by_group, &table, day).is_empty(), expected, "{members} {rows:?}");
        }
    }

    #[test]
    fn a_group_that_the_vendor_does_not_list_is_never_taken() {
        let mut without = instrument(1);
        without.group_data_types.clear();
        assert_eq!(group_file(&without, DataType::Trades, DAY.parse().unwrap()), None);
    }
}
