//! What the amounts of rows are worth, as further columns.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, TimestampMicrosecondType};
use arrow_array::{ArrayRef, Float64Array, RecordBatch};
use arrow_schema::{DataType, Field, Schema};
use mtdh_core::candle::value::{Valuation, Worth};

use super::request::WORTH;

/// A batch with the columns [`WORTH`], if they are asked for; all null where it is not known what amounts are worth. A batch without
/// price, amount or time stays as it is.
pub(super) fn added(batch: RecordBatch, valuation: Option<&Result<Valuation, &'static str>>) -> RecordBatch {
    let Some(valuation) = valuation else { return batch };
    let Some(worths) = worths(&batch, valuation.as_ref().ok()) else { return batch };
    let column = |of: fn(&Worth) -> Option<f64>| -> ArrayRef {
        Arc::new(Float64Array::from_iter(worths.iter().map(of)))
    };
    let columns = [column(|w| w.base), column(|w| w.quote), column(|w| w.settle)];
    let fields = WORTH.map(|name| Arc::new(Field::new(name, DataType::Float64, true)));
    let schema = Schema::new(batch.schema().fields().iter().cloned().chain(fields).collect::<Vec<_>>());
    let columns = batch.columns().iter().cloned().chain(columns).collect();
    RecordBatch::try_new(Arc::new(schema), columns).unwrap_or(batch)
}

fn worths(batch: &RecordBatch, valuation: Option<&Valuation>) -> Option<Vec<Worth>> {
    let number = |name| batch.column_by_name(name)?.as_primitive_opt::<Float64Type>();
    let (price, amount) = (number("price")?, number("amount")?);
    let time = batch.column_by_name("timestamp")?.as_primitive_opt::<TimestampMicrosecondType>()?;
    let nothing = Worth { base: None, quote: None, settle: None };
    let rows = price.iter().zip(amount).zip(time);
    let worth = |((price, amount), time): ((Option<f64>, Option<f64>), Option<i64>)| {
        Some(valuation?.worth(price?, amount?, time?))
    };
    Some(rows.map(|row| worth(row).unwrap_or(nothing)).collect())
}
