//! Converts tables of candles, the lake's or a user's, to the bars that checks read.

use arrow_array::cast::AsArray;
use arrow_array::types::{
    Float64Type, Int64Type, TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType,
    UInt64Type,
};
use arrow_array::{Array, RecordBatch};
use arrow_schema::{DataType as ArrowType, TimeUnit};
use mtdh_core::check::bars::{Bar, Field};

/// The candles of a batch.
///
/// # Errors
/// When a column is missing or of another type; the text names it.
pub(super) fn bars(batch: &RecordBatch) -> Result<Vec<Bar>, String> {
    let starts = starts(batch)?;
    let is_final = batch.column_by_name("is_final").and_then(|column| column.as_boolean_opt());
    let mut bars: Vec<Bar> = starts
        .into_iter()
        .enumerate()
        .map(|(row, start)| {
            Bar::new(start, is_final.is_none_or(|flags| flags.is_valid(row) && flags.value(row)))
        })
        .collect();
    for field in Field::ALL {
        let Some(column) = batch.column_by_name(field.name()) else { continue };
        let values = numbers(column.as_ref())
            .ok_or_else(|| format!("its column `{}` is {}, not numbers", field.name(), column.data_type()))?;
        bars.iter_mut().zip(values).for_each(|(bar, value)| bar.set(field, value));
    }
    for field in Field::PRICES.into_iter().chain([Field::Volume]) {
        if batch.column_by_name(field.name()).is_none() {
            return Err(format!("it has no column `{}`", field.name()));
        }
    }
    Ok(bars)
}

/// Starts of intervals, microseconds since the Unix epoch, UTC.
fn starts(batch: &RecordBatch) -> Result<Vec<i64>, String> {
    let column = batch.column_by_name("timestamp").ok_or("it has no column `timestamp`")?;
    if column.null_count() > 0 {
        return Err("its column `timestamp` has nulls".to_owned());
    }
    let scaled =
        |values: &[i64], by: i64, over: i64| values.iter().map(|v| v.saturating_mul(by) / over).collect();
    match column.data_type() {
        ArrowType::Timestamp(TimeUnit::Microsecond, _) => {
            Ok(column.as_primitive::<TimestampMicrosecondType>().values().to_vec())
        }
        ArrowType::Timestamp(TimeUnit::Millisecond, _) => {
            Ok(scaled(column.as_primitive::<TimestampMillisecondType>().values(), 1000, 1))
        }
        ArrowType::Timestamp(TimeUnit::Nanosecond, _) => {
            Ok(scaled(column.as_primitive::<TimestampNanosecondType>().values(), 1, 1000))
        }
        // As everywhere, integers are microseconds.
        ArrowType::Int64 => Ok(column.as_primitive::<Int64Type>().values().to_vec()),
        other => Err(format!("its column `timestamp` is {other}, not a time")),
    }
}

fn numbers(column: &dyn Array) -> Option<Vec<Option<f64>>> {
    match column.data_type() {
        ArrowType::Float64 => Some(column.as_primitive::<Float64Type>().iter().collect()),
        ArrowType::UInt64 => {
            Some(column.as_primitive::<UInt64Type>().iter().map(|v| Some(v? as f64)).collect())
        }
        ArrowType::Int64 => {
            Some(column.as_primitive::<Int64Type>().iter().map(|v| Some(v? as f64)).collect())
        }
        _ => None,
    }
}
