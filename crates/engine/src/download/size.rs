//! How much a plan would receive: by the vendor's statistics, by what the lake has seen, or by a stated estimate.

use std::collections::{BTreeMap, BTreeSet};

use futures::StreamExt;
use mtdh_core::DataType;
use mtdh_core::key::InstrumentType;
use mtdh_core::partition::Partition;
use mtdh_lake::Lake;
use mtdh_source::http::rate_limit::Budget;
use serde::Serialize;

use super::plan::Plan;
use crate::error::EngineError;

/// Days of the lake that are looked at.
const DAYS: usize = 3;

/// Footers read of one kind of partition, and of all.
const FOOTERS_OF_KIND: usize = 4;
const MOST_FOOTERS: usize = 200;
const READS: usize = 16;

/// How much a plan would receive.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct PlanSize {
    /// Compressed bytes of its files, estimated.
    pub bytes: u64,
    /// Requests for files: one each. Requests for lists of instruments, repeated ones and resumed ones are not counted.
    pub requests: u64,
    /// Files by the vendor's counts of rows.
    pub by_statistics: usize,
    /// Files by vendor files of the same venue, instrument type and data type that the lake has.
    pub by_lake: usize,
    /// Files by the usual size of a file of their data type, which is a rough guess.
    pub by_estimate: usize,
    /// Days that the set limit of bytes a day allows it to take; `None`: no limit is set.
    pub days_of_quota: Option<u64>,
    /// Minutes that the set limit of requests a minute makes it take at least; `None`: no limit is set.
    pub minutes_of_quota: Option<u64>,
}

/// A usual row of a data type and a usual file of one instrument and day, compressed bytes. By files of Bybit and Binance of
/// 2020-06-01 to 2025-03-01 (docs/how-to/find.md has the counts); instruments differ by a factor of a thousand.
fn usual(data_type: DataType) -> (f64, u64) {
    match data_type {
        DataType::Trades => (28.0, 5_000_000),
        DataType::IncrementalBookL2 => (6.0, 60_000_000),
        DataType::BookSnapshot5 => (45.0, 20_000_000),
        DataType::BookSnapshot25 => (180.0, 80_000_000),
        DataType::Quotes => (13.0, 15_000_000),
        DataType::BookTicker => (7.0, 30_000_000),
        DataType::DerivativeTicker => (12.0, 1_500_000),
        DataType::Liquidations => (12.0, 20_000),
        // A grouped file of all options of a venue, by instrument.
        DataType::OptionsChain => (30.0, 3_000_000),
    }
}

type Kind = (String, InstrumentType, DataType);

fn kind(partition: &Partition) -> Kind {
    (partition.key.venue().to_owned(), partition.key.instrument_type(), partition.data_type)
}

/// What the lake has seen of a kind: files, their bytes and rows.
#[derive(Clone, Copy, Default)]
struct Seen {
    files: u64,
    bytes: u64,
    rows: u64,
}

/// The size of a plan. The newest days of the lake are looked at, a bounded number of footers of each kind.
///
/// # Errors
/// When the lake cannot be read.
pub(crate) async fn size(lake: &Lake, plan: &Plan, budget: &Budget) -> Result<PlanSize, EngineError> {
    let kinds: BTreeSet<Kind> =
        plan.units.iter().flat_map(|unit| &unit.members).map(|m| kind(&m.partition)).collect();
    let seen = if kinds.is_empty() { BTreeMap::new() } else { seen(lake, &kinds).await? };
    Ok(sum(plan, &seen, budget))
}

fn sum(plan: &Plan, seen: &BTreeMap<Kind, Seen>, budget: &Budget) -> PlanSize {
    let mut size = PlanSize { requests: plan.units.len() as u64, ..PlanSize::default() };
    for unit in &plan.units {
        let mut is_by = [false; 2];
        for member in &unit.members {
            let of = seen.get(&kind(&member.partition)).copied().unwrap_or_default();
            let (a_row, a_file) = usual(member.partition.data_type);
            let a_row = if of.rows > 0 { of.bytes as f64 / of.rows as f64 } else { a_row };
            size.bytes += match (member.expected_rows, of.files) {
                (Some(rows), _) => (rows as f64 * a_row) as u64,
                (None, 0) => {
                    is_by[1] = true;
                    a_file
                }
                (None, files) => {
                    is_by[0] = true;
                    of.bytes / files
                }
            };
        }
        match is_by {
            [_, true] => size.by_estimate += 1,
            [true, false] => size.by_lake += 1,
            [false, false] => size.by_statistics += 1,
        }
    }
    size.days_of_quota =
        budget.bytes_per_day.filter(|limit| *limit > 0).map(|limit| size.bytes.div_ceil(limit));
    let a_minute = budget.requests_per_minute.filter(|limit| *limit > 0);
    size.minutes_of_quota = a_minute.map(|limit| size.requests.div_ceil(u64::from(limit)));
    size
}

async fn seen(lake: &Lake, kinds: &BTreeSet<Kind>) -> Result<BTreeMap<Kind, Seen>, EngineError> {
    let mut chosen: BTreeMap<Kind, Vec<mtdh_lake::Entry>> = BTreeMap::new();
    for day in lake.days_with_partitions().await?.into_iter().rev().take(DAYS) {
        for line in lake.available(day).await?.into_values() {
            let kind = kind(&line.partition);
            let has_rows = line.tally.rows_out > 0 && kinds.contains(&kind);
            let entries = chosen.entry(kind).or_default();
            if has_rows && entries.len() < FOOTERS_OF_KIND {
                entries.push(lake.available_entry(&line));
            }
        }
    }
    let entries =
        chosen.into_iter().flat_map(|(kind, entries)| entries.into_iter().map(move |e| (kind.clone(), e)));
    let mut reads = futures::stream::iter(entries.take(MOST_FOOTERS))
        .map(|(kind, entry)| async move { (kind, lake.footer(&entry).await) })
        .buffer_unordered(READS);
    let mut seen: BTreeMap<Kind, Seen> = BTreeMap::new();
    while let Some((kind, footer)) = reads.next().await {
        // An object that cannot be read is another verb's finding.
        let Ok(footer) = footer else { continue };
        let facts = footer.facts;
        if let Some(bytes) = facts.provenance.vendor_file().and_then(|file| file.bytes)
            && !kind.2.only_grouped()
        {
            let of = seen.entry(kind).or_default();
            (of.files, of.bytes, of.rows) = (of.files + 1, of.bytes + bytes, of.rows + facts.tally.rows_in);
        }
    }
    Ok(seen)
}
