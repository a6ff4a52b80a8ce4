//! What the lake has of a day for an export, and what it lacks.

use std::collections::{BTreeMap, BTreeSet};

use mtdh_core::Day;
use mtdh_core::hive::HiveTable;
use mtdh_core::hive::manifest::Source;
use mtdh_core::key::InstrumentKey;
use mtdh_core::partition::{Partition, Status};
use mtdh_lake::{Entry, Lake};

use super::{CandlesMeant, HiveRequest, Named};
use crate::error::EngineError;
use crate::expectation;
use crate::query::contents;
use crate::selection::Selection;

/// An object that is to be exported.
#[derive(Clone, Debug)]
pub(super) struct Wanted {
    /// Its instrument; `None`: it is a table of instruments.
    pub key: Option<InstrumentKey>,
    pub entry: Entry,
    pub rows: u64,
}

impl Wanted {
    pub fn source(&self) -> Source {
        Source {
            path: self.entry.path.to_string(),
            instrument_key: self.key.as_ref().map(ToString::to_string),
            rows: self.rows,
            bytes: self.entry.bytes,
            identity: self.entry.identity.clone(),
        }
    }
}

/// What the lake has of a day.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// By table, ordered by key.
    pub wanted: BTreeMap<HiveTable, Vec<Wanted>>,
    /// Objects that cannot be trusted, by their path, with the reason.
    pub untrusted: BTreeMap<String, String>,
    pub without_rows: u64,
    pub missing: Named,
}

/// The selections on a day, with the venues that the lake has there where they name none.
pub(super) async fn on_day(
    lake: &Lake,
    selections: &[Selection],
    day: Day,
) -> Result<Vec<Selection>, EngineError> {
    let mut all = Vec::new();
    let mut there: Option<Vec<String>> = None;
    for selection in selections.iter().filter(|selection| selection.days.contains(day)) {
        let mut selection = selection.clone();
        if selection.venues.is_empty() {
            if there.is_none() {
                let mut venues: BTreeSet<String> = lake.venues(day).await?.into_iter().collect();
                let candles = lake.list_candles(day, None).await?;
                venues.extend(candles.into_iter().map(|(_, key, _)| key.venue().to_owned()));
                let table = lake.day_table(day).await?.unwrap_or_default();
                venues.extend(table.instruments.iter().map(|row| row.key.venue().to_owned()));
                there = Some(venues.into_iter().collect());
            }
            selection.venues = there.clone().unwrap_or_default();
        }
        all.push(selection);
    }
    Ok(all)
}

/// Whether a source of a table is meant by a request on its day: if it is not in the lake any more, its file goes.
pub(super) fn is_meant(request: &HiveRequest, table: HiveTable, day: Day, source: &Source) -> bool {
    let key = source.instrument_key.as_deref().and_then(|text| text.parse::<InstrumentKey>().ok());
    let of_key = |selection: &Selection, key: &InstrumentKey| {
        // No venue is every venue, also those that the lake had.
        if selection.venues.is_empty() {
            let one = Selection { venues: vec![key.venue().to_owned()], ..selection.clone() };
            return one.takes_key(key);
        }
        selection.takes_key(key)
    };
    request.tables.takes(table)
        && request.selections.iter().any(|selection| {
            selection.days.contains(day)
                && match (table, &key) {
                    (HiveTable::Instruments, _) => true,
                    (HiveTable::Ticks(data_type), Some(key)) => {
                        selection.data_types.contains(&data_type) && of_key(selection, key)
                    }
                    (HiveTable::Candles(_), Some(key)) => of_key(selection, key),
                    (_, None) => false,
                }
        })
}

/// Finds what is to be exported of a day.
pub(super) async fn find(lake: &Lake, request: &HiveRequest, day: Day) -> Result<Found, EngineError> {
    let mut found = Found::default();
    let selections = on_day(lake, &request.selections, day).await?;
    if request.tables.ticks {
        let measured = on_day(lake, &request.measured, day).await?;
        find_ticks(lake, &selections, &measured, day, &mut found).await?;
    }
    if request.tables.candles != CandlesMeant::None {
        for (timeframe, key, entry) in lake.list_candles(day, None).await? {
            let table = HiveTable::Candles(timeframe);
            if request.tables.takes(table) && selections.iter().any(|selection| selection.takes_key(&key)) {
                add(lake, table, Some(key), entry, &mut found).await?;
            }
        }
    }
    if request.tables.instruments
        && !selections.is_empty()
        && let Some(entry) = lake.instruments_entry(day).await?
    {
        add(lake, HiveTable::Instruments, None, entry, &mut found).await?;
    }
    for wanted in found.wanted.values_mut() {
        wanted.sort_by(|a, b| a.key.cmp(&b.key));
    }
    Ok(found)
}

async fn find_ticks(
    lake: &Lake,
    selections: &[Selection],
    measured: &[Selection],
    day: Day,
    found: &mut Found,
) -> Result<(), EngineError> {
    let mut there: BTreeMap<Partition, Result<(), ()>> = BTreeMap::new();
    for selection in selections {
        for (partition, state) in contents(lake, day, selection).await? {
            if there.insert(partition.clone(), state.as_ref().map(drop).map_err(drop)).is_some() {
                continue;
            }
            match state {
                Ok(available) if available.tally.rows_out == 0 => found.without_rows += 1,
                Ok(available) => {
                    let table = HiveTable::Ticks(partition.data_type);
                    let (entry, rows) = (lake.available_entry(&available), available.tally.rows_out);
                    let wanted = Wanted { key: Some(partition.key), entry, rows };
                    found.wanted.entry(table).or_default().push(wanted);
                }
                Err(reason) => {
                    drop(found.untrusted.insert(lake.partition_path(&partition).to_string(), reason))
                }
            }
        }
    }
    let Some(table) = lake.day_table(day).await? else { return Ok(()) };
    let mut missing: BTreeSet<Partition> = BTreeSet::new();
    for selection in measured {
        for instrument in selection.instruments(&table.instruments) {
            let expected = expectation::expected(selection, instrument, day);
            let lacking = expected.filter(|(partition, status)| {
                *status == Status::Missing
                    && !there.contains_key(partition)
                    && selections.iter().any(|selection| selection.takes_partition(partition))
            });
            missing.extend(lacking.map(|(partition, _)| partition));
        }
    }
    missing.iter().for_each(|partition| found.missing.add(|| partition.to_string()));
    Ok(())
}

/// Adds an object whose footer says how many rows it has.
async fn add(
    lake: &Lake,
    table: HiveTable,
    key: Option<InstrumentKey>,
    entry: Entry,
    found: &mut Found,
) -> Result<(), EngineError> {
    match lake.rows_by_footer(&entry).await {
        Ok(0) => found.without_rows += 1,
        Ok(rows) => found.wanted.entry(table).or_default().push(Wanted { key, entry, rows }),
        Err(error) if error.is_distrust() || error.is_changed() => {
            found.untrusted.insert(entry.path.to_string(), mtdh_core::error::chain(&error));
        }
        Err(error) => return Err(error.into()),
    }
    Ok(())
}
