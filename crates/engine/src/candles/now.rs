//! Candles of one instrument and day that nobody stored.

use std::ops::Range;
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_array::cast::AsArray;
use arrow_array::types::TimestampMicrosecondType;
use mtdh_core::clock::Clock;
use mtdh_core::key::InstrumentKey;
use mtdh_core::partition::Shard;
use mtdh_core::{DataType, Day, DayRange};
use mtdh_lake::{Lake, LakeError};
use tokio_util::sync::CancellationToken;

use super::{CandleError, CandleRun, Fill, Remake, Timeframe, plan};
use crate::error::EngineError;
use crate::runs::progress::Progress;
use crate::selection::Filter;

/// Of the table that a lake would store, made of its trades, the candles whose interval starts in the range, microseconds since the
/// Unix epoch, UTC, the end excluded; `None`: the lake has no trades of the day.
///
/// # Errors
/// When the lake cannot be read, or no candles can be made of its trades.
pub(crate) async fn candles_now(
    lake: &Lake,
    key: &InstrumentKey,
    day: Day,
    timeframe: Timeframe,
    fill: Fill,
    within_us: &Range<i64>,
) -> Result<Option<RecordBatch>, EngineError> {
    let filter = Filter { instruments: vec![key.to_string()], ..Filter::default() };
    let mut selection = filter.of_lake(DayRange::of(day))?;
    selection.data_types = DataType::ALL.to_vec();
    let planned = plan(lake, &selection, &[timeframe], fill, Shard::WHOLE, Remake::All).await?;
    let Some(unit) = planned.units.into_iter().find(|unit| unit.day == day) else { return Ok(None) };
    let run = CandleRun {
        lake: lake.clone(),
        workers: 1,
        progress: Arc::new(Progress::default()),
        stop: CancellationToken::new(),
        run_id: String::new(),
        shard: Shard::WHOLE,
    };
    let runtime = tokio::runtime::Handle::current();
    let key = key.clone();
    // The arithmetic would block the runtime.
    let making = tokio::task::spawn_blocking(move || {
        let of = format!("{day} {key}");
        let failed = |source| match source {
            CandleError::Lake(error) => EngineError::Lake(error),
            source => EngineError::Candles { of: of.clone(), source },
        };
        let candles = runtime.block_on(run.candles(&unit)).map_err(failed)?;
        let table = mtdh_lake::candles::as_table(&key, timeframe, &candles);
        table.map_err(|source| EngineError::Lake(LakeError::Parquet { path: of.clone(), source }))
    });
    let made = making.await.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()));
    made.map(|table| Some(cut(&table, within_us)))
}

/// The candles whose interval starts in a range.
fn cut(table: &RecordBatch, within_us: &Range<i64>) -> RecordBatch {
    let column = table.column_by_name(Clock::Exchange.column());
    let Some(times) = column.and_then(|column| column.as_primitive_opt::<TimestampMicrosecondType>()) else {
        return table.clone();
    };
    let times = times.values();
    let start = times.partition_point(|time| *time < within_us.start);
    let end = times.partition_point(|time| *time < within_us.end);
    table.slice(start, end - start)
}
