//! Rows of the lake, read member by member.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int32Type, TimestampMicrosecondType};
use arrow_array::{
    Array, BooleanArray, DictionaryArray, Float64Array, RecordBatch, StringArray, TimestampMicrosecondArray,
};
use mtdh_core::DataType;

use super::text::{Lines, Stamp};

/// A member of a message and the column that it is.
type Member = (&'static str, &'static str);

const TRADE: &[Member] = &[("id", "id"), ("price", "price"), ("amount", "amount"), ("side", "side")];

const TICKER: &[Member] = &[
    ("lastPrice", "last_price"),
    ("openInterest", "open_interest"),
    ("fundingRate", "funding_rate"),
    ("fundingTimestamp", "funding_timestamp"),
    ("predictedFundingRate", "predicted_funding_rate"),
    ("indexPrice", "index_price"),
    ("markPrice", "mark_price"),
];

const QUOTE: &[Member] = &[
    ("askAmount", "ask_amount"),
    ("askPrice", "ask_price"),
    ("bidPrice", "bid_price"),
    ("bidAmount", "bid_amount"),
];

const OPTION: &[Member] = &[
    ("optionType", "type"),
    ("strikePrice", "strike_price"),
    ("expirationDate", "expiration"),
    ("bestBidPrice", "bid_price"),
    ("bestBidAmount", "bid_amount"),
    ("bestBidIV", "bid_iv"),
    ("bestAskPrice", "ask_price"),
    ("bestAskAmount", "ask_amount"),
    ("bestAskIV", "ask_iv"),
    ("lastPrice", "last_price"),
    ("openInterest", "open_interest"),
    ("markPrice", "mark_price"),
    ("markIV", "mark_iv"),
    ("delta", "delta"),
    ("gamma", "gamma"),
    ("vega", "vega"),
    ("theta", "theta"),
    ("rho", "rho"),
    ("underlyingPrice", "underlying_price"),
    (UNDERLYING, "underlying_index"),
];

/// The member that is there in each message of its type.
const UNDERLYING: &str = "underlyingIndex";

const CHANGE: &[Member] = &[("", "is_snapshot"), ("", "side"), ("", "price"), ("", "amount")];

/// The members of a data type between `exchange` and `timestamp`, in tardis-machine's order.
fn members(data_type: DataType) -> &'static [Member] {
    match data_type {
        DataType::Trades | DataType::Liquidations => TRADE,
        DataType::IncrementalBookL2 => CHANGE,
        DataType::DerivativeTicker => TICKER,
        DataType::BookTicker | DataType::Quotes => QUOTE,
        DataType::OptionsChain => OPTION,
        DataType::BookSnapshot5 | DataType::BookSnapshot25 => &[],
    }
}

/// Levels of a stored snapshot.
fn stored_levels(data_type: DataType) -> usize {
    match data_type {
        DataType::BookSnapshot5 => 5,
        DataType::BookSnapshot25 => 25,
        _ => 0,
    }
}

/// The columns that messages of a data type need.
pub(super) fn columns(data_type: DataType) -> Vec<String> {
    let mut names = vec!["timestamp".to_owned(), "local_timestamp".to_owned()];
    names.extend(members(data_type).iter().map(|(_, column)| (*column).to_owned()));
    for level in 1..=stored_levels(data_type) {
        names.extend(
            ["ask_price", "ask_amount", "bid_price", "bid_amount"].map(|name| format!("{name}_{level}")),
        );
    }
    names
}

enum Cells {
    Number(Float64Array),
    Text(StringArray),
    Word(DictionaryArray<Int32Type>, StringArray),
    Time(TimestampMicrosecondArray),
    Flag(BooleanArray),
}

/// A batch of rows of one data type.
pub(super) struct Rows {
    members: &'static [Member],
    exchange: TimestampMicrosecondArray,
    arrival: TimestampMicrosecondArray,
    cells: Vec<Cells>,
}

impl Rows {
    /// The rows of a batch that has the columns of [`columns`].
    ///
    /// # Errors
    /// When it has not, which is a fault of this program.
    pub(super) fn of(data_type: DataType, batch: &RecordBatch) -> Result<Arc<Rows>, String> {
        let column = |name: &str| {
            let found = batch.column_by_name(name);
            found.ok_or_else(|| format!("{data_type} has no column `{name}`"))
        };
        let clock = |name: &str| -> Result<TimestampMicrosecondArray, String> {
            let times = column(name)?.as_primitive_opt::<TimestampMicrosecondType>();
            times.cloned().ok_or_else(|| format!("{data_type}: `{name}` is no time"))
        };
        let names = columns(data_type);
        let cells = names[2..].iter().map(|name| Cells::of(name, column(name)?));
        Ok(Arc::new(Rows {
            members: members(data_type),
            exchange: clock("timestamp")?,
            arrival: clock("local_timestamp")?,
            cells: cells.collect::<Result<_, String>>()?,
        }))
    }

    pub(super) fn len(&self) -> usize {
        self.arrival.len()
    }

    /// Microseconds since the Unix epoch, UTC.
    pub(super) fn arrival_us(&self, row: usize) -> i64 {
        self.arrival.value(row)
    }

    /// The exchange's time.
    pub(super) fn timestamp(&self, row: usize) -> Stamp {
        Stamp::of_row(self.exchange.value(row), self.arrival.value(row))
    }

    /// Price, amount and side of a trade.
    pub(super) fn trade(&self, row: usize) -> Option<(f64, f64, &str)> {
        Some((self.number(1, row)?, self.number(2, row)?, self.cells.get(3)?.word(row)?))
    }

    /// Whether a change of a level is part of a snapshot and of the asks, its price and its amount.
    pub(super) fn change(&self, row: usize) -> Option<(bool, bool, f64, f64)> {
        let Some(Cells::Flag(flags)) = self.cells.first() else { return None };
        let is_ask = self.cells.get(1)?.word(row)? == "ask";
        Some((flags.value(row), is_ask, self.number(2, row)?, self.number(3, row)?))
    }

    /// The levels of a stored snapshot or quote, best first: those of the bids, then those of the asks.
    pub(super) fn levels(&self, row: usize) -> [Vec<(f64, f64)>; 2] {
        let level = |price: usize, amount: usize| self.number(price, row).zip(self.number(amount, row));
        if self.members == QUOTE {
            return [level(2, 3).into_iter().collect(), level(1, 0).into_iter().collect()];
        }
        let side =
            |first: usize| (first..self.cells.len()).step_by(4).map_while(|at| level(at, at + 1)).collect();
        [side(2), side(0)]
    }

    fn number(&self, cell: usize, row: usize) -> Option<f64> {
        match self.cells.get(cell)? {
            Cells::Number(numbers) => numbers.is_valid(row).then(|| numbers.value(row)),
            _ => None,
        }
    }

    /// Writes the members between `exchange` and `timestamp`. What is not known is left out, but for the name of an option's
    /// underlying, which tardis-dev 13.35.3 writes as an empty text (mappers/bybit.js, read 2026-11-30).
    pub(super) fn write(&self, row: usize, lines: &mut Lines) {
        for ((name, _), cells) in self.members.iter().zip(&self.cells) {
            if *name == UNDERLYING
                && cells.word(row).is_none()
                && !matches!(cells, Cells::Text(texts) if texts.is_valid(row))
            {
                lines.name(name);
                lines.text("");
                continue;
            }
            cells.write(name, row, lines);
        }
    }
}

impl Cells {
    fn of(name: &str, array: &Arc<dyn Array>) -> Result<Cells, String> {
        if let Some(numbers) = array.as_primitive_opt::<Float64Type>() {
            return Ok(Cells::Number(numbers.clone()));
        }
        if let Some(texts) = array.as_string_opt::<i32>() {
            return Ok(Cells::Text(texts.clone()));
        }
        if let Some(times) = array.as_primitive_opt::<TimestampMicrosecondType>() {
            return Ok(Cells::Time(times.clone()));
        }
        if let Some(flags) = array.as_boolean_opt() {
            return Ok(Cells::Flag(flags.clone()));
        }
        let words = array.as_dictionary_opt::<Int32Type>();
        let of_words = words.and_then(|words| {
            Some(Cells::Word(words.clone(), words.values().as_string_opt::<i32>()?.clone()))
        });
        of_words.ok_or_else(|| format!("the column `{name}` is {}", array.data_type()))
    }

    fn word(&self, row: usize) -> Option<&str> {
        match self {
            Cells::Word(words, values) => words.key(row).map(|key| values.value(key)),
            _ => None,
        }
    }

    fn write(&self, name: &str, row: usize, lines: &mut Lines) {
        match self {
            Cells::Number(numbers) if numbers.is_valid(row) => {
                lines.name(name);
                lines.number(numbers.value(row));
            }
            Cells::Text(texts) if texts.is_valid(row) => {
                lines.name(name);
                lines.text(texts.value(row));
            }
            Cells::Time(times) if times.is_valid(row) => {
                lines.name(name);
                lines.time(Stamp::Exchange(times.value(row)));
            }
            Cells::Word(..) => {
                if let Some(word) = self.word(row) {
                    lines.name(name);
                    lines.text(word);
                }
            }
            _ => {}
        }
    }
}
