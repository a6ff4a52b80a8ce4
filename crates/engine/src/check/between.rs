//! The lake's candles of one instrument between two times: stored ones, or, where there are none, candles made of its trades.

use std::ops::Range;

use mtdh_core::candle::Timeframe;
use mtdh_core::check::bars::Series;
use mtdh_core::error::chain;
use mtdh_core::key::InstrumentKey;
use mtdh_core::{Day, DayRange};
use mtdh_lake::Lake;
use tokio_util::sync::CancellationToken;

use super::candles::{read, stored, units};
use crate::candles::{CandleError, ticks};
use crate::error::EngineError;
use crate::selection::{Filter, Selection};

/// Candles between two times, and what lacks of them.
#[derive(Debug)]
pub struct CandlesBetween {
    /// The candles that start in the range.
    pub series: Series,
    /// Days of the range for which the lake has neither candles nor trades that can be read, and why; `None`: it has none.
    pub missing: Vec<(Day, Option<String>)>,
}

/// Reads the candles that start in a range, microseconds since the Unix epoch, UTC.
///
/// # Errors
/// When the range lies beyond the calendar, or the lake cannot be read.
pub async fn candles_between(
    lake: &Lake,
    key: &InstrumentKey,
    timeframe: Timeframe,
    range_us: Range<i64>,
    stop: &CancellationToken,
) -> Result<CandlesBetween, EngineError> {
    let mut series = Series { timeframe, fill: None, bars: Vec::new() };
    let mut missing = Vec::new();
    let days = Day::containing_us(range_us.start).zip(Day::containing_us(range_us.end.saturating_sub(1)));
    let days = days.and_then(|(first, last)| DayRange::new(first, last).ok());
    for day in days.into_iter().flat_map(|days| days.days().collect::<Vec<_>>()) {
        match candles_of_day(lake, key, timeframe, day, stop).await? {
            Ok(of_day) => series.bars.extend(of_day.bars),
            Err(reason) => missing.push((day, reason)),
        }
    }
    series.bars.retain(|bar| range_us.contains(&bar.start));
    Ok(CandlesBetween { series, missing })
}

/// The newest day of which the lake has candles or trades of an instrument; `None`: it has none.
///
/// # Errors
/// When the lake cannot be read.
pub async fn newest_day(
    lake: &Lake,
    key: &InstrumentKey,
    timeframe: Timeframe,
) -> Result<Option<Day>, EngineError> {
    for day in lake.days_with_partitions().await?.into_iter().rev() {
        let selection = selection(key, day)?;
        let has_candles = stored(lake, &selection, day)
            .await?
            .get(key)
            .is_some_and(|objects| objects.contains_key(&timeframe));
        if has_candles || units(lake, &selection, day, &[timeframe]).await?.contains_key(key) {
            return Ok(Some(day));
        }
    }
    Ok(None)
}

fn selection(key: &InstrumentKey, day: Day) -> Result<Selection, EngineError> {
    let filter = Filter { instruments: vec![key.to_string()], ..Filter::default() };
    filter.of_lake(DayRange::of(day))
}

/// The candles of a day. The inner error says why there are none; `None`: the lake has nothing.
async fn candles_of_day(
    lake: &Lake,
    key: &InstrumentKey,
    timeframe: Timeframe,
    day: Day,
    stop: &CancellationToken,
) -> Result<Result<Series, Option<String>>, EngineError> {
    let selection = selection(key, day)?;
    let objects = stored(lake, &selection, day).await?;
    if let Some(entry) = objects.get(key).and_then(|objects| objects.get(&timeframe)) {
        return Ok(read(lake, entry, timeframe, key).await?.map_err(Some));
    }
    let units = units(lake, &selection, day, &[timeframe]).await?;
    let Some(unit) = units.get(key) else { return Ok(Err(None)) };
    match ticks::of_unit(lake, unit, &[timeframe], stop).await {
        Ok(mut made) => {
            let none = Series { timeframe, fill: None, bars: Vec::new() };
            Ok(Ok(made.remove(&timeframe).unwrap_or(none)))
        }
        Err(CandleError::Lake(error)) if error.is_fatal() => Err(error.into()),
        Err(error) => Ok(Err(Some(chain(&error)))),
    }
}
