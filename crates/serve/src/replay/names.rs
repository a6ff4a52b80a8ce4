//! From exchanges and symbols to instruments of the lake, by each day's instrument table.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;

use futures::{StreamExt, TryStreamExt};
use mtdh_core::instrument::Instrument;
use mtdh_core::nearest::nearest;
use mtdh_engine::{Context, DataType, Day, EngineError, InstrumentKey};

use super::error::ReplayError;
use super::options::Replay;
use super::session::Named;

/// Tables that are read at the same time.
const CONCURRENT: usize = 4;

/// The instruments of one object of `options`.
#[derive(Debug, Default)]
pub(super) struct Instruments {
    /// Of each day, under the keys that they have on that day.
    pub(super) of_day: BTreeMap<Day, BTreeMap<InstrumentKey, Arc<Named>>>,
    /// The data types that the vendor has of one of them or more.
    pub(super) data_types: BTreeSet<DataType>,
}

/// The days that a replay touches.
pub(super) fn days(replay: &Replay) -> impl Iterator<Item = Day> + use<> {
    let range = &replay.within_us;
    let ends = Day::containing_us(range.start).zip(Day::containing_us(range.end - 1));
    let ends = ends.filter(|_| range.start < range.end);
    ends.into_iter().flat_map(|(first, last)| {
        std::iter::successors(Some(first), |day| Some(day.next())).take_while(move |day| *day <= last)
    })
}

/// Finds the instruments of each object of `options`.
///
/// # Errors
/// When a day has no table, or no table of the days has an exchange or a symbol.
pub(super) async fn find(context: &Context, replays: &[Replay]) -> Result<Vec<Instruments>, ReplayError> {
    let mut found: Vec<Instruments> = replays.iter().map(|_| Instruments::default()).collect();
    let mut lacking: Vec<HashSet<String>> = replays.iter().map(symbols).collect();
    let all: BTreeSet<Day> = replays.iter().flat_map(days).collect();
    let tables =
        futures::stream::iter(all.iter().copied()).map(|day| table(context, day)).buffered(CONCURRENT);
    let mut tables = std::pin::pin!(tables);
    while let Some((day, table)) = tables.try_next().await? {
        for ((replay, found), lacking) in replays.iter().zip(&mut found).zip(&mut lacking) {
            if days(replay).any(|other| other == day) {
                found.add(day, &table, replay, lacking);
            }
        }
    }
    for ((replay, found), lacking) in replays.iter().zip(&found).zip(lacking) {
        let unknown = lacking.into_iter().min();
        let has_none = found.of_day.values().all(BTreeMap::is_empty);
        if let Some(day) = days(replay).next()
            && (unknown.is_some() || has_none)
        {
            return Err(not_found(&table(context, day).await?.1, replay, day, unknown));
        }
    }
    Ok(found)
}

/// The symbols of a replay, upper case.
fn symbols(replay: &Replay) -> HashSet<String> {
    replay.symbols.iter().flatten().map(|symbol| symbol.to_uppercase()).collect()
}

async fn table(context: &Context, day: Day) -> Result<(Day, Vec<Instrument>), ReplayError> {
    match context.instruments(Some(day)).await {
        Ok(table) => Ok(table),
        Err(EngineError::NoInstruments(day)) => Err(ReplayError::Missing(format!(
            "the lake has no instrument table of {day}; on the server, `mtdh download` brings it"
        ))),
        Err(error) => Err(ReplayError::reading(&format!("the instrument table of {day}"), error)),
    }
}

impl Instruments {
    fn add(&mut self, day: Day, table: &[Instrument], replay: &Replay, lacking: &mut HashSet<String>) {
        let wanted = replay.symbols.as_ref().map(|_| symbols(replay));
        let of_day = self.of_day.entry(day).or_default();
        for row in table.iter().filter(|row| row.exchange.eq_ignore_ascii_case(&replay.exchange)) {
            let symbol = row.raw_symbol.to_uppercase();
            if let Some(wanted) = &wanted {
                let dataset = row.dataset_symbol.as_ref().map(|symbol| symbol.to_uppercase());
                let names = [Some(&symbol), dataset.as_ref()];
                if !names.iter().flatten().any(|name| wanted.contains(*name)) {
                    continue;
                }
                for name in names.into_iter().flatten() {
                    lacking.remove(name);
                }
            }
            self.data_types.extend(row.data_types.iter().copied());
            let named = Named { symbol, exchange: row.exchange.clone() };
            of_day.insert(row.key.clone(), Arc::new(named));
        }
    }
}

/// That no table has an exchange, or a symbol of it.
fn not_found(table: &[Instrument], replay: &Replay, day: Day, symbol: Option<String>) -> ReplayError {
    let exchange = &replay.exchange;
    let of_exchange: Vec<&Instrument> =
        table.iter().filter(|row| row.exchange.eq_ignore_ascii_case(exchange)).collect();
    if of_exchange.is_empty() {
        let known: BTreeSet<&str> = table.iter().map(|row| row.exchange.as_str()).collect();
        let known: Vec<&str> = known.into_iter().collect();
        return ReplayError::Unknown(format!(
            "Invalid \"exchange\" argument: {exchange}. The lake has nothing of it on {day}; it has {}",
            known.join(", ")
        ));
    }
    let symbol = symbol.unwrap_or_default();
    let near = nearest(&symbol, of_exchange.iter().map(|row| row.raw_symbol.as_str()), 3);
    let meant = if near.is_empty() { String::new() } else { format!("; do you mean {}?", near.join(" or ")) };
    ReplayError::Unknown(format!(
        "no instrument of {exchange} has the symbol {symbol} on the days of the replay{meant}"
    ))
}
