//! Converts tables of candles, the lake's or a user's, to the bars that checks read.

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int64Type, UInt64Type};
use arrow_array::{Array, RecordBatch};
use arrow_schema::DataType as ArrowType;
use mtdh_core::check::bars::{Bar, Field};
use mtdh_core::time_unit::{Plausible, TimeUnit};

use crate::files::times::{ColumnsError, times};

/// The candles of a batch.
///
/// # Errors
/// When a column is missing or of another type; the text names it.
pub(super) fn bars(batch: &RecordBatch, time_unit: Option<TimeUnit>) -> Result<Vec<Bar>, ColumnsError> {
    let starts = starts(batch, time_unit)?;
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
            return Err(format!("it has no column `{}`", field.name()).into());
        }
    }
    Ok(bars)
}

/// Starts of intervals, microseconds since the Unix epoch, UTC.
fn starts(batch: &RecordBatch, time_unit: Option<TimeUnit>) -> Result<Vec<i64>, ColumnsError> {
    let column =
        batch.column_by_name("timestamp").ok_or_else(|| "it has no column `timestamp`".to_owned())?;
    if column.null_count() > 0 {
        return Err("its column `timestamp` has nulls".to_owned().into());
    }
    let plausible = Plausible::clocks(chrono::Utc::now().timestamp_micros());
    let times = times(column.as_ref(), time_unit, &plausible);
    Ok(times.map_err(|error| error.of_column("timestamp"))?.values().to_vec())
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
