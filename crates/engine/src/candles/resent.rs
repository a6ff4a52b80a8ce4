//! Trades of a batch without those that were sent again.

use std::ops::Range;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int32Type, Int64Type, UInt64Type};
use arrow_array::{
    Array, Float64Array, Int64Array, LargeStringArray, StringArray, StringViewArray, UInt64Array,
};
use arrow_array::{DictionaryArray, RecordBatch};
use arrow_schema::DataType as ArrowType;
use mtdh_core::candle::repeats::{Repeats, hash};
use mtdh_core::candle::{CandleBuilder, Side, Trades};

use super::CandleError;
use super::columns::{filled, sides, times, wrong};

/// The trades of a batch.
pub(super) struct TradeRows<'a> {
    timestamp: &'a [i64],
    local_timestamp: &'a [i64],
    side: Vec<Side>,
    price: &'a [f64],
    amount: &'a [f64],
    /// The runs of rows that count.
    runs: Vec<Range<usize>>,
    /// The rows that were sent again.
    repeated: Vec<usize>,
}

impl<'a> TradeRows<'a> {
    /// Reads a batch, and finds what was seen before, in this batch or in those before.
    pub fn of(batch: &'a RecordBatch, repeats: &mut Repeats) -> Result<TradeRows<'a>, CandleError> {
        let (price, amount) = (filled(batch, "price")?, filled(batch, "amount")?);
        let mut rows = TradeRows {
            timestamp: times(batch, "timestamp")?,
            local_timestamp: times(batch, "local_timestamp")?,
            side: sides(batch)?,
            price: price.values(),
            amount: amount.values(),
            runs: Vec::new(),
            repeated: Vec::new(),
        };
        if let Some(ids) = Ids::of(batch)? {
            let trades = rows.columns(0..rows.timestamp.len());
            rows.repeated = ids.repeated(&trades, repeats);
        }
        let mut start = 0;
        for row in &rows.repeated {
            rows.runs.push(start..*row);
            start = row + 1;
        }
        rows.runs.push(start..rows.timestamp.len());
        rows.runs.retain(|run| !run.is_empty());
        Ok(rows)
    }

    fn columns(&self, rows: Range<usize>) -> Trades<'_> {
        let Self { timestamp, local_timestamp, side, price, amount, .. } = self;
        Trades { timestamp, local_timestamp, side, price, amount }.slice(rows)
    }

    /// Passes the trades to the builder, and counts those that were left out.
    pub fn feed(&self, builder: &mut CandleBuilder) -> Result<(), CandleError> {
        for run in &self.runs {
            builder.trades(&self.columns(run.clone()))?;
        }
        self.repeated.iter().for_each(|row| builder.repeated(self.timestamp[*row]));
        Ok(())
    }

    /// Passes the trades with a buying taker to the builder.
    pub fn feed_buys(&self, builder: &mut CandleBuilder) -> Result<(), CandleError> {
        let rows: Vec<usize> =
            self.runs.iter().cloned().flatten().filter(|row| self.side[*row] == Side::Buy).collect();
        let trades = Trades {
            timestamp: &pick(self.timestamp, &rows),
            local_timestamp: &pick(self.local_timestamp, &rows),
            side: &pick(&self.side, &rows),
            price: &pick(self.price, &rows),
            amount: &pick(self.amount, &rows),
        };
        Ok(builder.trades(&trades)?)
    }

    /// Number of trades that were left out.
    pub fn left_out(&self) -> u64 {
        self.repeated.len() as u64
    }
}

fn pick<T: Copy>(values: &[T], rows: &[usize]) -> Vec<T> {
    rows.iter().map(|row| values[*row]).collect()
}

/// The ids of a batch: texts, as in the lake, or numbers, as in some people's files.
enum Ids<'a> {
    Text(&'a StringArray),
    Large(&'a LargeStringArray),
    View(&'a StringViewArray),
    Words(&'a DictionaryArray<Int32Type>, &'a StringArray),
    Whole(&'a Int64Array),
    Unsigned(&'a UInt64Array),
    Float(&'a Float64Array),
}

impl<'a> Ids<'a> {
    /// `None`: the file has no ids.
    fn of(batch: &'a RecordBatch) -> Result<Option<Ids<'a>>, CandleError> {
        let Some(array) = batch.column_by_name("id").filter(|ids| ids.null_count() < ids.len()) else {
            return Ok(None);
        };
        Ok(Some(match array.data_type() {
            ArrowType::Utf8 => Ids::Text(array.as_string()),
            ArrowType::LargeUtf8 => Ids::Large(array.as_string()),
            ArrowType::Utf8View => Ids::View(array.as_string_view()),
            ArrowType::Int64 => Ids::Whole(array.as_primitive::<Int64Type>()),
            ArrowType::UInt64 => Ids::Unsigned(array.as_primitive::<UInt64Type>()),
            ArrowType::Float64 => Ids::Float(array.as_primitive::<Float64Type>()),
            ArrowType::Dictionary(key, value)
                if (&**key, &**value) == (&ArrowType::Int32, &ArrowType::Utf8) =>
            {
                let words = array.as_dictionary::<Int32Type>();
                Ids::Words(words, words.values().as_string())
            }
            ArrowType::Null => return Ok(None),
            other => return Err(wrong("id", format!("is {other}, neither texts nor whole numbers"))),
        }))
    }

    fn repeated(&self, trades: &Trades<'_>, repeats: &mut Repeats) -> Vec<usize> {
        let rows = 0..trades.timestamp.len();
        let mut found = Vec::new();
        let mut see = |row: usize, id: &[u8]| {
            if repeats.is_repeated(trades.timestamp[row], hash(id, trades, row)) {
                found.push(row);
            }
        };
        match self {
            Ids::Text(ids) => rows.for_each(|row| {
                if ids.is_valid(row) {
                    see(row, ids.value(row).as_bytes());
                }
            }),
            _ => rows.for_each(|row| {
                if let Some(id) = self.text(row) {
                    see(row, id.as_bytes());
                }
            }),
        }
        found
    }

    fn text(&self, row: usize) -> Option<String> {
        fn whole<T: ToString>(is_valid: bool, value: impl Fn() -> T) -> Option<String> {
            is_valid.then(|| value().to_string())
        }
        match self {
            Ids::Text(ids) => whole(ids.is_valid(row), || ids.value(row)),
            Ids::Large(ids) => whole(ids.is_valid(row), || ids.value(row)),
            Ids::View(ids) => whole(ids.is_valid(row), || ids.value(row)),
            Ids::Words(ids, words) => {
                whole(ids.is_valid(row), || words.value(ids.keys().value(row) as usize))
            }
            Ids::Whole(ids) => whole(ids.is_valid(row), || ids.value(row)),
            Ids::Unsigned(ids) => whole(ids.is_valid(row), || ids.value(row)),
            Ids::Float(ids) => whole(ids.is_valid(row), || ids.value(row)),
        }
    }
}
