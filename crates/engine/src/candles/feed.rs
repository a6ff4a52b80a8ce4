//! Converts batches of stored rows to the input of the candle builder.

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int32Type, Int64Type, TimestampMicrosecondType};
use arrow_array::{Array, Float64Array, RecordBatch};
use arrow_schema::{DataType as ArrowType, TimeUnit};
use mtdh_core::DataType;
use mtdh_core::candle::{BOOK_LEVELS, Book, CandleBuilder, Repeats, Side, Ticker};

use super::CandleError;
use super::resent::TradeRows;

/// The columns that candles read of a data type; empty for a data type that they do not use. A file of trades may lack `id`.
pub(super) fn columns(data_type: DataType) -> Vec<String> {
    let names: &[&str] = match data_type {
        DataType::Trades => &["timestamp", "local_timestamp", "id", "side", "price", "amount"],
        DataType::Liquidations => &["timestamp", "side", "amount"],
        DataType::DerivativeTicker => &[
            "timestamp",
            "funding_rate",
            "predicted_funding_rate",
            "open_interest",
            "mark_price",
            "index_price",
        ],
        DataType::OptionsChain => &["timestamp", "open_interest", "mark_price"],
        DataType::BookSnapshot5 | DataType::BookSnapshot25 => &["timestamp"],
        _ => &[],
    };
    let mut columns: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    if matches!(data_type, DataType::BookSnapshot5 | DataType::BookSnapshot25) {
        columns.extend((1..=BOOK_LEVELS).flat_map(level_columns));
    }
    columns
}

fn level_columns(level: usize) -> [String; 4] {
    ["bid_price", "bid_amount", "ask_price", "ask_amount"].map(|name| format!("{name}_{level}"))
}

/// Passes a batch of rows of a data type to the builder. A trade that `repeats` knows was sent again; it is counted and left
/// out.
pub(super) fn feed(
    builder: &mut CandleBuilder,
    repeats: &mut Repeats,
    data_type: DataType,
    batch: &RecordBatch,
) -> Result<(), CandleError> {
    match data_type {
        DataType::Trades => TradeRows::of(batch, repeats)?.feed(builder),
        DataType::OptionsChain => options(builder, batch),
        DataType::Liquidations => liquidations(builder, batch),
        DataType::DerivativeTicker => tickers(builder, batch),
        DataType::BookSnapshot5 | DataType::BookSnapshot25 => books(builder, batch),
        _ => Ok(()),
    }
}

fn liquidations(builder: &mut CandleBuilder, batch: &RecordBatch) -> Result<(), CandleError> {
    let (times, sides, amounts) = (times(batch, "timestamp")?, sides(batch)?, filled(batch, "amount")?);
    for ((time, side), amount) in times.iter().zip(sides).zip(amounts.values()) {
        builder.liquidation(*time, side, *amount)?;
    }
    Ok(())
}

fn tickers(builder: &mut CandleBuilder, batch: &RecordBatch) -> Result<(), CandleError> {
    let times = times(batch, "timestamp")?;
    let column = |name| numbers(batch, name);
    let (funding, predicted) = (column("funding_rate")?, column("predicted_funding_rate")?);
    let interest = column("open_interest")?;
    let (mark, index) = (column("mark_price")?, column("index_price")?);
    for (row, time) in times.iter().enumerate() {
        let ticker = Ticker {
            funding_rate: cell(funding, row),
            predicted_funding_rate: cell(predicted, row),
            open_interest: cell(interest, row),
            mark_price: cell(mark, row),
            index_price: cell(index, row),
        };
        builder.ticker(*time, &ticker)?;
    }
    Ok(())
}

/// Of an option, which has no ticker, mark price and open interest.
fn options(builder: &mut CandleBuilder, batch: &RecordBatch) -> Result<(), CandleError> {
    let times = times(batch, "timestamp")?;
    let (interest, mark) = (numbers(batch, "open_interest")?, numbers(batch, "mark_price")?);
    for (row, time) in times.iter().enumerate() {
        let (open_interest, mark_price) = (cell(interest, row), cell(mark, row));
        builder.ticker(*time, &Ticker { open_interest, mark_price, ..Ticker::default() })?;
    }
    Ok(())
}

fn books(builder: &mut CandleBuilder, batch: &RecordBatch) -> Result<(), CandleError> {
    let times = times(batch, "timestamp")?;
    let mut levels = Vec::with_capacity(BOOK_LEVELS);
    for level in 1..=BOOK_LEVELS {
        let [bid_price, bid_amount, ask_price, ask_amount] = level_columns(level);
        let column = |name: &str| numbers(batch, name);
        let bid = (column(&bid_price)?, column(&bid_amount)?);
        levels.push((bid, (column(&ask_price)?, column(&ask_amount)?)));
    }
    for (row, time) in times.iter().enumerate() {
        let mut book = Book::default();
        for (place, (bid, ask)) in levels.iter().enumerate() {
            book.bids[place] = cell(bid.0, row).zip(cell(bid.1, row));
            book.asks[place] = cell(ask.0, row).zip(cell(ask.1, row));
        }
        builder.book(*time, &book)?;
    }
    Ok(())
}

pub(super) fn wrong(name: &str, reason: impl Into<String>) -> CandleError {
    CandleError::Column { name: name.to_owned(), reason: reason.into() }
}

fn column<'a>(batch: &'a RecordBatch, name: &str) -> Result<&'a dyn Array, CandleError> {
    let column = batch.column_by_name(name).ok_or_else(|| wrong(name, "is not there"))?;
    Ok(column.as_ref())
}

/// Microseconds since the Unix epoch, UTC; integer columns are accepted too.
pub(super) fn times<'a>(batch: &'a RecordBatch, name: &str) -> Result<&'a [i64], CandleError> {
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

fn numbers<'a>(batch: &'a RecordBatch, name: &str) -> Result<&'a Float64Array, CandleError> {
    let array = column(batch, name)?;
    array
        .as_primitive_opt::<Float64Type>()
        .ok_or_else(|| wrong(name, format!("is {}, not float64", array.data_type())))
}

pub(super) fn filled<'a>(batch: &'a RecordBatch, name: &str) -> Result<&'a Float64Array, CandleError> {
    let array = numbers(batch, name)?;
    if array.null_count() > 0 { Err(wrong(name, "has nulls")) } else { Ok(array) }
}

fn cell(array: &Float64Array, row: usize) -> Option<f64> {
    array.is_valid(row).then(|| array.value(row))
}

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
