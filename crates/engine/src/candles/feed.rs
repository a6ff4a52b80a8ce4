//! Converts batches of stored rows to the input of the candle builder.

use arrow_array::{Array, Float64Array, RecordBatch};
use mtdh_core::DataType;
use mtdh_core::candle::{BOOK_LEVELS, Book, CandleBuilder, Repeats, Ticker};

use super::CandleError;
use super::columns::{filled, numbers, sides, times};
use super::resent::TradeRows;

/// The columns that candles read of a data type; empty for a data type that they do not use. A file of trades may lack `id`.
pub(crate) fn columns(data_type: DataType) -> Vec<String> {
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
pub(crate) fn feed(
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

fn cell(array: &Float64Array, row: usize) -> Option<f64> {
    array.is_valid(row).then(|| array.value(row))
}
