//! Candles that are made of the lake's trades for one slice.

use std::collections::BTreeMap;

use arrow_array::RecordBatch;
use futures::{FutureExt, StreamExt, TryStreamExt};
use mtdh_core::Day;
use mtdh_core::candle::{Fill, Timeframe};
use mtdh_core::clock::Clock;
use mtdh_core::key::InstrumentKey;
use mtdh_lake::{Lake, LakeError};

use super::Slice;
use crate::candles::now::candles_now;
use crate::error::EngineError;
use crate::query::exchange::Sorter;
use crate::query::{ReadRequest, RowStream};
use crate::runs::phase::{self, Phase};

/// Bytes of candles of one day that are sorted in memory.
const MOST_BYTES: usize = 512 << 20;

/// Instruments whose candles are made at the same time.
const TOGETHER: usize = 2;

/// The candles of a slice, day by day, those of all instruments of a day in order of time.
pub(super) fn rows(
    lake: &Lake,
    slice: &Slice,
    request: ReadRequest,
    timeframe: Timeframe,
) -> Result<RowStream, EngineError> {
    let mut keys_of_day: BTreeMap<Day, Vec<InstrumentKey>> = BTreeMap::new();
    for object in &slice.chosen.objects {
        let keys = keys_of_day.entry(object.day).or_default();
        // Parts of a recorded day are of one instrument.
        if keys.last() != Some(&object.key) {
            keys.push(object.key.clone());
        }
    }
    request.schema()?;
    let all = keys_of_day.values().map(Vec::len).sum();
    let phase = phase::outermost("making candles", "instrument-day", all);
    let lake = lake.clone();
    let of_day = move |(day, keys): (Day, Vec<InstrumentKey>)| {
        let (lake, request, phase) = (lake.clone(), request.clone(), phase.clone());
        async move {
            let batches = day_of(&lake, &request, day, keys, timeframe, &phase).await?;
            Ok::<_, EngineError>(futures::stream::iter(batches.into_iter().map(Ok)))
        }
        .boxed()
    };
    Ok(futures::stream::iter(keys_of_day).then(of_day).try_flatten().boxed())
}

async fn day_of(
    lake: &Lake,
    request: &ReadRequest,
    day: Day,
    keys: Vec<InstrumentKey>,
    timeframe: Timeframe,
    phase: &Phase,
) -> Result<Vec<RecordBatch>, EngineError> {
    let schema = request.schema()?;
    let clock = Clock::Exchange.column();
    let wrong = |reason: String| {
        EngineError::Lake(LakeError::WrongTable { path: format!("candles of {day}"), reason })
    };
    let make = |key: InstrumentKey| {
        let lake = lake.clone();
        let within_us = request.within_us.clone();
        async move { candles_now(&lake, &key, day, timeframe, Fill::None, &within_us).await }.boxed()
    };
    let making: Vec<_> = keys.into_iter().map(make).collect();
    let instruments = making.len();
    let mut making = futures::stream::iter(making).buffered(TOGETHER);
    let (mut sorter, mut bytes) = (Sorter::new(clock), 0);
    while let Some(made) = making.try_next().await? {
        phase.done();
        let Some(table) = made else { continue };
        // The time is kept for the order, whether it is wanted or not.
        let names = schema.fields().iter().map(|field| field.name().as_str());
        let names: Vec<&str> = names.filter(|name| *name != clock).chain([clock]).collect();
        let places = names.iter().map(|name| table.schema().index_of(name));
        let places = places.collect::<Result<Vec<usize>, _>>().map_err(|error| wrong(error.to_string()))?;
        let kept = table.project(&places).map_err(|error| wrong(error.to_string()))?;
        bytes += kept.num_rows() * kept.num_columns() * 8;
        if bytes > MOST_BYTES {
            return Err(EngineError::TooManyCandles { day, timeframe, instruments });
        }
        sorter.push(kept).map_err(wrong)?;
    }
    let wanted = |batch: Result<RecordBatch, String>| {
        let batch = batch.map_err(wrong)?;
        let places = schema.fields().iter().map(|field| batch.schema().index_of(field.name()));
        let places = places.collect::<Result<Vec<usize>, _>>().map_err(|error| wrong(error.to_string()))?;
        batch.project(&places).map_err(|error| wrong(error.to_string()))
    };
    sorter.sorted().map(wanted).collect()
}
