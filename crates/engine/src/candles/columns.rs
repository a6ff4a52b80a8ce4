//! Columns of stored rows, as candles read them.

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int32Type, Int64Type, TimestampMicrosecondType};
use arrow_array::{Array, Float64Array, RecordBatch};
use arrow_schema::{DataType as ArrowType, TimeUnit};
use mtdh_core::candle::Side;

use super::CandleError;

/// The error of a column that candles cannot be made of.
pub(super) fn wrong(name: &str, reason: impl Into<String>) -> CandleError {
    CandleError::Column { name: name.to_owned(), reason: reason.into() }
}

/// A column of the rows.
pub(super) fn column<'a>(batch: &'a RecordBatch, name: &str) -> Result<&'a dyn Array, CandleError> {
    let column = batch.column_by_name(name).ok_or_else(|| wrong(name, "is not there"))?;
    Ok(column.as_ref())
}

/// Microseconds since the Unix epoch, UTC; integer columns are accepted too.
pub(crate) fn times<'a>(batch: &'a RecordBatch, name: &str) -> Result<&'a [i64], CandleError> {
    let array = column(batch, name)?;
    if array.null_count() > 0 {
        return Err(wrong(name, "has nulls"));
    }
    match array.data_type() {
        ArrowType::Timestamp(TimeUnit::Microsecond, _) => {
            Ok(array.as_primitive::<TimestampMicrosecondType>().values())
        }
        ArrowType::Int64 => Ok(array.as_primitive::<Int64Type>().values()),
        other => Err(wrong(name, format!("is {other}, not microseconds"))),
    }
}

/// Numbers that may be null.
pub(super) fn numbers<'a>(batch: &'a RecordBatch, name: &str) -> Result<&'a Float64Array, CandleError> {
    let array = column(batch, name)?;
    array
        .as_primitive_opt::<Float64Type>()
        .ok_or_else(|| wrong(name, format!("is {}, not float64", array.data_type())))
}

/// Numbers that are never null.
pub(super) fn filled<'a>(batch: &'a RecordBatch, name: &str) -> Result<&'a Float64Array, CandleError> {
    let array = numbers(batch, name)?;
    if array.null_count() > 0 { Err(wrong(name, "has nulls")) } else { Ok(array) }
}

/// The sides of trades.
pub(super) fn sides(batch: &RecordBatch) -> Result<Vec<Side>, CandleError> {
    let name = "side";
    let array = column(batch, name)?;
    if array.null_count() > 0 {
        return Err(wrong(name, "has nulls"));
    }
    let side = |word: &str| {
        Side::from_name(word).ok_or_else(|| wrong(name, format!("holds `{word}`, not buy, sell or unknown")))
    };
    match array.data_type() {
        ArrowType::Dictionary(key, _) if **key == ArrowType::Int32 => {
            let array = array.as_dictionary::<Int32Type>();
            let words = array
                .values()
                .as_string_opt::<i32>()
                .ok_or_else(|| wrong(name, format!("is {}, not strings", array.data_type())))?;
            let sides: Vec<Option<Side>> = words.iter().map(|word| Side::from_name(word?)).collect();
            let keys = array.keys().values();
            let place = |key: &i32| sides.get(*key as usize).copied().flatten();
            // A category that no row has does not matter.
            let highest = keys.iter().fold(0, |highest, key| highest.max(*key as u32)) as usize;
            let is_known = highest < sides.len() && sides.iter().all(Option::is_some);
            match keys.iter().find(|key| !is_known && place(key).is_none()) {
                None => Ok(keys.iter().map(|key| place(key).unwrap_or(Side::Unknown)).collect()),
                Some(key) if (*key as usize) < words.len() => {
                    side(words.value(*key as usize)).map(|_| Vec::new())
                }
                Some(_) => Err(wrong(name, "is damaged")),
            }
        }
        ArrowType::Utf8 => array.as_string::<i32>().iter().flatten().map(side).collect(),
        ArrowType::LargeUtf8 => array.as_string::<i64>().iter().flatten().map(side).collect(),
        ArrowType::Utf8View => array.as_string_view().iter().flatten().map(side).collect(),
        other => Err(wrong(name, format!("is {other}, not strings"))),
    }
}
