//! A session's book at a moment, as rows with which another session's changes can go on.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int32Type, TimestampMicrosecondType};
use arrow_array::{
    Array, BooleanArray, DictionaryArray, Float64Array, Int32Array, RecordBatch, StringArray,
    TimestampMicrosecondArray,
};
use mtdh_core::DataType;
use mtdh_core::book::{LevelChange, OrderBook};

/// The book that a session's changes make.
#[derive(Default)]
pub(super) struct Carried {
    book: OrderBook,
    message: Vec<LevelChange>,
    /// The exchange time and arrival of the last message.
    last: Option<(i64, i64)>,
}

impl Carried {
    /// Takes changes, as they are read.
    pub fn take(&mut self, rows: &RecordBatch) -> Result<(), String> {
        let column = |name: &str| rows.column_by_name(name).ok_or_else(|| format!("a part has no `{name}`"));
        let wrong = |name: &str| format!("`{name}` of a part has another type");
        let times = |name| {
            let times = column(name)?.as_primitive_opt::<TimestampMicrosecondType>();
            times.ok_or_else(|| wrong(name))
        };
        let numbers = |name| column(name)?.as_primitive_opt::<Float64Type>().ok_or_else(|| wrong(name));
        let (sent, arrived) = (times("timestamp")?, times("local_timestamp")?);
        let (price, amount) = (numbers("price")?, numbers("amount")?);
        let flags = column("is_snapshot")?.as_boolean_opt().ok_or_else(|| wrong("is_snapshot"))?;
        let sides = column("side")?.as_dictionary_opt::<Int32Type>().ok_or_else(|| wrong("side"))?;
        let words = sides.values().as_string_opt::<i32>().ok_or_else(|| wrong("side"))?;
        for row in 0..rows.num_rows() {
            let at = (sent.value(row), arrived.value(row));
            if self.last.is_some_and(|last| last != at) {
                self.apply();
            }
            self.last = Some(at);
            let side = usize::try_from(sides.keys().value(row)).unwrap_or_default();
            self.message.push(LevelChange {
                is_snapshot: flags.value(row),
                is_ask: words.value(side) == "ask",
                price: price.value(row),
                amount: amount.value(row),
            });
        }
        Ok(())
    }

    fn apply(&mut self) {
        self.book.apply(&self.message);
        self.message.clear();
    }

    /// The whole book as rows that arrive at a time, microseconds since the Unix epoch, UTC; `None`: it has no level.
    pub fn rows(mut self, at: i64) -> Option<RecordBatch> {
        self.apply();
        let sent = self.last?.0;
        let asks = self.book.asks().map(|level| (1, level));
        let levels: Vec<(i32, (f64, f64))> = self.book.bids().map(|level| (0, level)).chain(asks).collect();
        if levels.is_empty() {
            return None;
        }
        let many = levels.len();
        let time = |at: i64| TimestampMicrosecondArray::from_value(at, many).with_timezone("UTC");
        let sides = Int32Array::from_iter_values(levels.iter().map(|(side, _)| *side));
        let sides = DictionaryArray::try_new(sides, Arc::new(StringArray::from(vec!["bid", "ask"]))).ok()?;
        let schema = DataType::IncrementalBookL2.table().row_schema().clone();
        let columns: Vec<Arc<dyn Array>> = vec![
            Arc::new(time(sent)),
            Arc::new(time(at)),
            Arc::new(BooleanArray::from(vec![true; many])),
            Arc::new(sides),
            Arc::new(Float64Array::from_iter_values(levels.iter().map(|(_, level)| level.0))),
            Arc::new(Float64Array::from_iter_values(levels.iter().map(|(_, level)| level.1))),
        ];
        RecordBatch::try_new(schema, columns).ok()
    }
}
