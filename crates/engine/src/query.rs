//! Queries: what the lake has, and slices of time from it.

mod asof;
pub(crate) mod choose;
pub(crate) mod coverage;
pub mod exchange;
mod request;
mod rows;
mod worth;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Arc;

use arrow_array::RecordBatch;
use mtdh_core::instrument::Instrument;
use mtdh_core::key::InstrumentKey;
use mtdh_core::partition::Partition;
use mtdh_core::{DataType, Day};
pub use mtdh_lake::Mark;
use mtdh_lake::read::ReadCost;
pub use mtdh_lake::tables::reports::Available;
use mtdh_lake::{Lake, LakeError};

use crate::error::EngineError;
use crate::names::suggestions;
use crate::selection::Selection;
use mtdh_lake::inventory::{ObjectState, Verify, inventory};

pub use asof::asof;
pub use choose::{Chosen, ChosenObject, Missing};
pub use request::{Form, ReadRequest, TickTable, WORTH};
pub use rows::{RowStream, count, rows};

/// What the lake has of a day and a selection, ordered by day, data type and key. Objects that cannot be trusted are listed
/// with the reason.
///
/// # Errors
/// When the lake cannot be read.
pub async fn contents(
    lake: &Lake,
    day: Day,
    selection: &Selection,
) -> Result<Vec<(Partition, Result<Available, String>)>, EngineError> {
    let there: BTreeMap<Partition, ObjectState> =
        inventory(lake, day, &selection.data_types, Verify::Index).await?;
    let meant = there.into_iter().filter(|(partition, _)| selection.takes_partition(partition));
    Ok(meant
        .map(|(partition, state)| match state {
            ObjectState::Answered(available) => (partition, Ok(*available)),
            ObjectState::Unreadable { reason } => (partition, Err(reason)),
        })
        .collect())
}

/// Days of a slice that are looked up one by one; for longer ranges, the days of the lake are listed once.
pub(crate) const MOST_DAYS_ASKED_FOR: usize = 31;

/// The result of reading a slice.
#[derive(Debug)]
pub struct Slice {
    /// Rows that were read.
    pub rows: u64,
    /// Days of the range that have no object; their rows, if any, are not in the slice.
    pub missing_days: Vec<Day>,
    /// Bytes of the objects that contain the range.
    pub object_bytes: u64,
    /// The cost of reading them.
    pub cost: Arc<ReadCost>,
}

/// Reads the rows of an instrument that arrived in `[start_us, end_us)` (`local_timestamp`, microseconds since the Unix
/// epoch, UTC) and passes them to `take`, in the vendor's order.
///
/// # Errors
/// When the lake cannot be read, or `take` fails.
pub async fn slice<E: From<LakeError>>(
    lake: &Lake,
    key: &InstrumentKey,
    data_type: DataType,
    arrived_us: Range<i64>,
    mut take: impl FnMut(RecordBatch) -> Result<(), E>,
) -> Result<Slice, E> {
    let mut slice = Slice { rows: 0, missing_days: Vec::new(), object_bytes: 0, cost: Arc::default() };
    let days: Vec<Day> = days_of(&arrived_us).collect();
    // For a long range one listing is cheaper than a lookup for each day.
    let listed: Option<BTreeSet<Day>> = if days.len() > MOST_DAYS_ASKED_FOR {
        Some(lake.days_with_partitions().await?.into_iter().collect())
    } else {
        None
    };
    for day in days {
        if listed.as_ref().is_some_and(|days| !days.contains(&day)) {
            slice.missing_days.push(day);
            continue;
        }
        let path = lake.partition_path(&Partition { day, data_type, key: key.clone() });
        let rows = &mut slice.rows;
        let count_and_take = |batch: RecordBatch| {
            *rows += batch.num_rows() as u64;
            take(batch)
        };
        match lake.read_slice_at(&path, arrived_us.clone(), &slice.cost, count_and_take).await? {
            None => slice.missing_days.push(day),
            Some(bytes) => slice.object_bytes += bytes,
        }
    }
    Ok(slice)
}

/// The days of a slice that have no object. Reads no rows.
///
/// # Errors
/// When the lake cannot be read.
pub async fn missing_days(
    lake: &Lake,
    key: &InstrumentKey,
    data_type: DataType,
    arrived_us: Range<i64>,
) -> Result<Vec<Day>, LakeError> {
    let mut missing = Vec::new();
    for day in days_of(&arrived_us) {
        let path = lake.partition_path(&Partition { day, data_type, key: key.clone() });
        if lake.entry(&path).await?.is_none() {
            missing.push(day);
        }
    }
    Ok(missing)
}

/// The days that a range of time touches.
fn days_of(range: &Range<i64>) -> impl Iterator<Item = Day> + use<> {
    let ends = Day::containing_us(range.start).zip(Day::containing_us(range.end - 1));
    let ends = ends.filter(|_| range.start < range.end);
    let days = ends.map(|(first, last)| {
        std::iter::successors(Some(first), |day| Some(day.next())).take_while(move |day| *day <= last)
    });
    days.into_iter().flatten()
}

/// Why a slice lacks days.
#[derive(Debug, PartialEq, Eq)]
pub enum Lacking {
    /// No table of the days has the instrument.
    UnknownKey {
        /// Keys that may be meant.
        suggestions: Vec<String>,
    },
    /// The vendor does not list the data type for the instrument.
    NoSuchType {
        /// The data types that it lists.
        data_types: Vec<DataType>,
    },
    /// The lake has the data type of the instrument on none of the days.
    NotFetched,
    /// The lake has other days.
    Days,
}

/// Why a slice lacks days, by the instrument tables of the first and last of them; if neither exists, by the newest table.
///
/// # Errors
/// When the lake cannot be read.
pub async fn why_lacking(
    lake: &Lake,
    name: &str,
    data_type: DataType,
    slice: &Slice,
) -> Result<Lacking, EngineError> {
    let ends = [slice.missing_days.first(), slice.missing_days.last()].into_iter().flatten();
    let mut known: Vec<Instrument> = Vec::new();
    for day in ends {
        known.extend(lake.instruments(*day).await?.unwrap_or_default());
    }
    if known.is_empty() {
        known = newest_table(lake).await?;
    }
    let of_name: Vec<&Instrument> = known.iter().filter(|i| i.key.as_str() == name).collect();
    let types: BTreeSet<DataType> = of_name.iter().flat_map(|i| &i.data_types).copied().collect();
    Ok(match () {
        () if slice.object_bytes > 0 => Lacking::Days,
        () if of_name.is_empty() => Lacking::UnknownKey { suggestions: suggestions(name, &known) },
        () if !types.contains(&data_type) => Lacking::NoSuchType { data_types: types.into_iter().collect() },
        () => Lacking::NotFetched,
    })
}

/// The instruments of the newest day that has a table; empty if no day has one.
///
/// # Errors
/// When the lake cannot be read.
pub async fn newest_table(lake: &Lake) -> Result<Vec<Instrument>, EngineError> {
    match lake.days_with_instruments().await?.pop() {
        Some(day) => Ok(lake.instruments(day).await?.unwrap_or_default()),
        None => Ok(Vec::new()),
    }
}

/// Parses an instrument key. A text that is not a key may be a vendor's symbol: the error then suggests keys.
pub(crate) async fn instrument_key(lake: &Lake, text: &str) -> Result<InstrumentKey, EngineError> {
    let error = match text.parse::<InstrumentKey>() {
        Ok(key) => return Ok(key),
        Err(error) => error,
    };
    // Without a lake there are no suggestions.
    if lake.check_readable().await.is_err() {
        return Err(error.into());
    }
    match suggestions(text, &newest_table(lake).await?) {
        keys if keys.is_empty() => Err(error.into()),
        suggestions => Err(EngineError::NotAKey { text: text.to_owned(), suggestions }),
    }
}
