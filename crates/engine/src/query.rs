//! Queries: what the lake has, and rows of it.

mod asof;
pub(crate) mod choose;
pub(crate) mod coverage;
pub mod exchange;
mod request;
mod rows;
pub mod tables;
mod worth;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use mtdh_core::instrument::Instrument;
use mtdh_core::key::InstrumentKey;
use mtdh_core::partition::Partition;
use mtdh_core::{DataType, Day};
use mtdh_lake::Lake;
pub use mtdh_lake::read::ReadCost;
pub use mtdh_lake::tables::reports::Available;
pub use mtdh_lake::{Entry, Mark};

use crate::error::EngineError;
use crate::names::suggestions;
use crate::selection::Selection;
use mtdh_lake::inventory::{ObjectState, Verify, inventory};

pub use asof::asof;
pub use choose::{Chosen, ChosenObject, Missing};
pub use request::{Form, ReadRequest, TickTable, WORTH};
pub(crate) use rows::first;
pub use rows::{RowStream, count, rows, rows_by_time};

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

/// Days of a request that are looked up one by one; for longer ranges, the days of the lake are listed once.
pub(crate) const MOST_DAYS_ASKED_FOR: usize = 31;

/// The days that a range of time touches.
fn days_of(range: &Range<i64>) -> impl Iterator<Item = Day> + use<> {
    let ends = Day::containing_us(range.start).zip(Day::containing_us(range.end - 1));
    let ends = ends.filter(|_| range.start < range.end);
    let days = ends.map(|(first, last)| {
        std::iter::successors(Some(first), |day| Some(day.next())).take_while(move |day| *day <= last)
    });
    days.into_iter().flatten()
}

/// Why a request lacks days.
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

/// Why the lake lacks days of an instrument's data type, by the instrument tables of the first and last of them; if neither
/// exists, by the newest table.
///
/// # Errors
/// When the lake cannot be read.
pub(crate) async fn why_lacking(
    lake: &Lake,
    key: &InstrumentKey,
    data_type: DataType,
    chosen: &Chosen,
) -> Result<Lacking, EngineError> {
    let days = || chosen.missing.iter().map(|missing| missing.day);
    let known = known(lake, days().min().into_iter().chain(days().max())).await?;
    let of_key: Vec<&Instrument> = known.iter().filter(|row| row.key == *key).collect();
    let types: BTreeSet<DataType> = of_key.iter().flat_map(|row| &row.data_types).copied().collect();
    Ok(match () {
        () if !chosen.objects.is_empty() => Lacking::Days,
        () if of_key.is_empty() => Lacking::UnknownKey { suggestions: suggestions(key.as_str(), &known) },
        () if !types.contains(&data_type) => Lacking::NoSuchType { data_types: types.into_iter().collect() },
        () => Lacking::NotFetched,
    })
}

/// The instruments that the tables of some days have; those of the newest table, if none of these days has one.
async fn known(lake: &Lake, days: impl Iterator<Item = Day>) -> Result<Vec<Instrument>, EngineError> {
    let mut known: Vec<Instrument> = Vec::new();
    for day in days.collect::<BTreeSet<Day>>() {
        known.extend(lake.instruments(day).await?.unwrap_or_default());
    }
    if known.is_empty() { newest_table(lake).await } else { Ok(known) }
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
