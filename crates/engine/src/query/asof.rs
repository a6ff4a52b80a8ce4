//! The as-of join: beside each row the last row of another table that was there by then.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::TimestampMicrosecondType;
use arrow_array::{RecordBatch, UInt64Array};
use arrow_schema::{ArrowError, Field, Schema};
use arrow_select::take::take;

/// The rows of `left` in the order of a clock, and beside each the last row of `right` whose time is not later. Rows of the
/// same time keep their order, and the last of them is taken. Columns of `right` get `prefix` before their names and are null
/// where there is no such row, or where it is older than `tolerance_us` microseconds.
///
/// # Errors
/// When a table has no clock of microseconds.
pub fn asof(
    left: &RecordBatch,
    right: &RecordBatch,
    clock: &str,
    prefix: &str,
    tolerance_us: Option<i64>,
) -> Result<RecordBatch, ArrowError> {
    let (left_times, right_times) = (ordered(left, clock)?, ordered(right, clock)?);
    let mut seen = 0;
    let found = left_times.iter().map(|(time, _)| {
        while right_times.get(seen).is_some_and(|(other, _)| other <= time) {
            seen += 1;
        }
        let (other, row) = right_times[..seen].last()?;
        tolerance_us.is_none_or(|most| time - other <= most).then_some(*row)
    });
    let found: UInt64Array = found.collect();
    let order = UInt64Array::from_iter_values(left_times.iter().map(|(_, row)| *row));
    let mut columns = Vec::new();
    for column in left.columns() {
        columns.push(take(column, &order, None)?);
    }
    for column in right.columns() {
        columns.push(take(column, &found, None)?);
    }
    let beside = right.schema();
    let beside = beside.fields().iter().map(|field| {
        Arc::new(Field::new(format!("{prefix}{}", field.name()), field.data_type().clone(), true))
    });
    let fields = left.schema().fields().iter().cloned().chain(beside).collect::<Vec<_>>();
    RecordBatch::try_new(Arc::new(Schema::new(fields)), columns)
}

/// The times of a table with their rows, in order of time; rows of the same time in their order.
fn ordered(table: &RecordBatch, clock: &str) -> Result<Vec<(i64, u64)>, ArrowError> {
    let lacking = || ArrowError::SchemaError(format!("there is no column `{clock}` of microseconds"));
    let times = table.column_by_name(clock).and_then(|c| c.as_primitive_opt::<TimestampMicrosecondType>());
    let times = times.ok_or_else(lacking)?.values();
    let mut ordered: Vec<(i64, u64)> = times.iter().copied().zip(0..).collect();
    ordered.sort_by_key(|(time, _)| *time);
    Ok(ordered)
}

#[cfg(test)]
mod tests {
    use arrow_array::types::Int64Type;
    use arrow_array::{ArrayRef, Int64Array, TimestampMicrosecondArray};

    use super::*;

    fn table(times: &[i64]) -> RecordBatch {
        let rows: ArrayRef = Arc::new(Int64Array::from_iter_values(0..times.len() as i64));
        let times: ArrayRef = Arc::new(TimestampMicrosecondArray::from(times.to_vec()));
        RecordBatch::try_from_iter([("at", times), ("row", rows)]).unwrap()
    }

    #[test]
    fn the_last_row_that_was_there_stands_beside_each() {
        for (left, right, tolerance, expected) in [
            (&[10, 20, 30][..], &[5, 20, 25][..], None, vec![(0, Some(0)), (1, Some(1)), (2, Some(2))]),
            // Nothing was there yet.
            (&[4, 5], &[5], None, vec![(0, None), (1, Some(0))]),
            // The last of the same time.
            (&[5], &[5, 5, 6], None, vec![(0, Some(1))]),
            // Both are sorted, rows of the same time keep their order.
            (&[30, 10, 10], &[25, 5], None, vec![(1, Some(1)), (2, Some(1)), (0, Some(0))]),
            (&[10, 20], &[5], Some(10), vec![(0, Some(0)), (1, None)]),
            (&[], &[5], None, vec![]),
            (&[10], &[], None, vec![(0, None)]),
        ] {
            let joined = asof(&table(left), &table(right), "at", "r_", tolerance).unwrap();
            let rows = joined.column_by_name("row").unwrap().as_primitive::<Int64Type>();
            let beside = joined.column_by_name("r_row").unwrap().as_primitive::<Int64Type>();
            let found: Vec<(i64, Option<i64>)> = rows.values().iter().copied().zip(beside.iter()).collect();
            assert_eq!(found, expected, "{left:?} {right:?}");
        }
        assert!(asof(&table(&[1]), &table(&[1]), "local_timestamp", "", None).is_err());
    }
}
