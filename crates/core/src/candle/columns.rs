//! The columns of candle tables: name, type, unit, meaning, and the meaning of null.

use super::{BookState, Candle, Liquidated};
use crate::table::DataType;

/// Reads a column from a candle. The variant determines the column's type.
#[derive(Clone, Copy, Debug)]
pub enum Get {
    /// Microseconds since the Unix epoch, UTC → `timestamp[us, UTC]`.
    Time(fn(&Candle) -> Option<i64>),
    /// → `float64`.
    Number(fn(&Candle) -> Option<f64>),
    /// → `uint64`.
    Count(fn(&Candle) -> Option<u64>),
    /// → `bool`.
    Flag(fn(&Candle) -> Option<bool>),
}

/// One column of a candle table.
#[derive(Clone, Copy, Debug)]
pub struct Column {
    /// The name.
    pub name: &'static str,
    /// Reads the value; determines the type.
    pub get: Get,
    /// Whether it may be null.
    pub nullable: bool,
    /// The unit; empty for flags.
    pub unit: &'static str,
    /// What it contains, how it is computed, and what null means if it is nullable.
    pub meaning: &'static str,
}

const fn always(name: &'static str, get: Get, unit: &'static str, meaning: &'static str) -> Column {
    Column { name, get, nullable: false, unit, meaning }
}

const fn nullable(name: &'static str, get: Get, unit: &'static str, meaning: &'static str) -> Column {
    Column { name, get, nullable: true, unit, meaning }
}

fn book(candle: &Candle) -> Option<&BookState> {
    candle.book.as_ref()
}

fn liquidated(candle: &Candle) -> Option<&Liquidated> {
    candle.liquidations.as_ref()
}

const PRICE: &str = "price currency";
const AMOUNT: &str = "as `amount` of the trades";
const TIME: &str = "microseconds since the Unix epoch, UTC";
const MS: &str = "milliseconds";
const FRACTION: &str = "fraction, 0.0001 is 0.01 %";

/// The column of the data type that a column's values come from, with which it shares the notes of
/// [`crate::table::notes`]; `None`: from several, or by no venue different.
pub fn source(column: &str) -> Option<(DataType, &'static str)> {
    Some(match column {
        "liquidation_buy_volume" | "liquidation_sell_volume" | "liquidation_count" => {
            (DataType::Liquidations, "amount")
        }
        "funding_rate" => (DataType::DerivativeTicker, "funding_rate"),
        "open_interest" | "open_interest_change" => (DataType::DerivativeTicker, "open_interest"),
        "repeated_trades" => (DataType::Trades, "id"),
        "open" | "high" | "low" | "close" => (DataType::Trades, "price"),
        _ => return None,
    })
}

/// The columns in their order. In the lake `instrument_key` and `timeframe` precede them.
pub const COLUMNS: [Column; 47] = [
    always(
        "timestamp",
        Get::Time(|c| Some(c.start)),
        TIME,
        "start of the interval, which contains its start and not its end; rows lie in it by the exchange's `timestamp`",
    ),
    always(
        "open",
        Get::Number(|c| Some(c.open)),
        PRICE,
        "price of the first trade by `timestamp`; of trades with one `timestamp`, of the one that arrived first",
    ),
    always("high", Get::Number(|c| Some(c.high)), PRICE, "highest price"),
    always("low", Get::Number(|c| Some(c.low)), PRICE, "lowest price"),
    always(
        "close",
        Get::Number(|c| Some(c.close)),
        PRICE,
        "price of the last trade by `timestamp`; of trades with one `timestamp`, of the one that arrived last",
    ),
    always(
        "volume",
        Get::Number(|c| Some(c.volume)),
        AMOUNT,
        "sum of the amounts, of trades of unknown side too",
    ),
    nullable(
        "base_volume",
        Get::Number(|c| c.base_volume),
        "base currency",
        "volume in base currency: amount × size of a linear contract, amount × size ÷ price of an inverse one, summed; null: not known, a quanto, or an inverse contract at a price that is not above 0",
    ),
    nullable(
        "quote_volume",
        Get::Number(|c| c.quote_volume),
        PRICE,
        "volume in price currency: price × amount × size of a linear contract, amount × size of an inverse one, summed; null: not known, or a quanto",
    ),
    nullable(
        "settle_volume",
        Get::Number(|c| c.settle_volume),
        "settlement currency",
        "price × amount × size of a quanto, summed; null: no quanto, or not known",
    ),
    always(
        "trade_count",
        Get::Count(|c| Some(c.trade_count)),
        "trades",
        "number of trades, those of unknown side too",
    ),
    always(
        "repeated_trades",
        Get::Count(|c| Some(c.repeated_trades)),
        "trades",
        "trades left out because an earlier one has the same id, `timestamp`, price, amount and side; trades without id never are",
    ),
    nullable(
        "vwap",
        Get::Number(|c| c.vwap),
        PRICE,
        "quote_volume / base_volume of the exact sums; of a quanto Σ price × amount × size / Σ amount × size; null: no volume, or one of them is null for another reason",
    ),
    always(
        "buy_volume",
        Get::Number(|c| Some(c.buy_volume)),
        AMOUNT,
        "sum of the amounts of trades whose taker bought",
    ),
    always(
        "sell_volume",
        Get::Number(|c| Some(c.sell_volume)),
        AMOUNT,
        "sum of the amounts of trades whose taker sold",
    ),
    always("buy_count", Get::Count(|c| Some(c.buy_count)), "trades", "number of trades whose taker bought"),
    always("sell_count", Get::Count(|c| Some(c.sell_count)), "trades", "number of trades whose taker sold"),
    nullable(
        "first_trade",
        Get::Time(|c| c.first_trade),
        TIME,
        "smallest `timestamp` of a trade; null: no trade, a filled interval",
    ),
    nullable(
        "last_trade",
        Get::Time(|c| c.last_trade),
        TIME,
        "largest `timestamp` of a trade; null: no trade, a filled interval",
    ),
    nullable(
        "last_arrival",
        Get::Time(|c| c.last_arrival),
        TIME,
        "largest `local_timestamp` of a trade: the candle is not known earlier; null: no trade, a filled interval",
    ),
    nullable(
        "delay_min",
        Get::Number(|c| c.delay_min),
        MS,
        "smallest `local_timestamp` − `timestamp` of a trade, negative where the exchange's clock was ahead; null: no trade",
    ),
    nullable(
        "delay_median",
        Get::Number(|c| c.delay_median),
        MS,
        "median of the same over all trades of the interval, the mean of the two in the middle of an even number; null: no trade",
    ),
    nullable("delay_mean", Get::Number(|c| c.delay_mean), MS, "mean of the same; null: no trade"),
    nullable("delay_max", Get::Number(|c| c.delay_max), MS, "largest of the same; null: no trade"),
    always(
        "is_final",
        Get::Flag(|c| Some(c.is_final)),
        "",
        "false: trades may be missing, because what a neighbouring day has of them is not in the lake or not known",
    ),
    nullable(
        "is_liquidations_final",
        Get::Flag(|c| c.is_liquidations_final),
        "",
        "the same of liquidations; null: they are not in the lake",
    ),
    nullable(
        "is_ticker_final",
        Get::Flag(|c| c.is_ticker_final),
        "",
        "the same of the rows that the columns from `funding_rate` to `index_price` come from; null: they are not in the lake",
    ),
    nullable(
        "is_book_final",
        Get::Flag(|c| c.is_book_final),
        "",
        "the same of book snapshots; null: they are not in the lake",
    ),
    nullable(
        "liquidation_buy_volume",
        Get::Number(|c| Some(liquidated(c)?.buy_volume)),
        AMOUNT,
        "sum of the amounts of liquidations with side buy: short positions were liquidated; null: there is no file of liquidations in the lake",
    ),
    nullable(
        "liquidation_sell_volume",
        Get::Number(|c| Some(liquidated(c)?.sell_volume)),
        AMOUNT,
        "sum of the amounts of liquidations with side sell: long positions were liquidated; null: there is no file of liquidations in the lake",
    ),
    nullable(
        "liquidation_count",
        Get::Count(|c| Some(liquidated(c)?.count)),
        "liquidations",
        "number of liquidations, those of unknown side too; null: there is no file of liquidations in the lake",
    ),
    nullable(
        "funding_rate",
        Get::Number(|c| c.ticker.funding_rate),
        FRACTION,
        "the one of the interval that arrived last; null: none in it",
    ),
    nullable(
        "predicted_funding_rate",
        Get::Number(|c| c.ticker.predicted_funding_rate),
        FRACTION,
        "the one of the interval that arrived last; null: none in it",
    ),
    nullable(
        "open_interest",
        Get::Number(|c| c.ticker.open_interest),
        "as `open_interest` of derivative_ticker",
        "the one of the interval that arrived last, of an option from options_chain; null: none in it",
    ),
    nullable(
        "open_interest_change",
        Get::Number(|c| c.open_interest_change),
        "as `open_interest` of derivative_ticker",
        "open_interest − the one of the day's earlier intervals that arrived last; null: one of them is not known",
    ),
    nullable(
        "mark_price",
        Get::Number(|c| c.ticker.mark_price),
        PRICE,
        "the one of the interval that arrived last, of an option from options_chain; null: none in it",
    ),
    nullable(
        "index_price",
        Get::Number(|c| c.ticker.index_price),
        "quote currency",
        "the one of the interval that arrived last; null: none in it",
    ),
    nullable(
        "book_timestamp",
        Get::Time(|c| Some(book(c)?.timestamp)),
        TIME,
        "`timestamp` of the book snapshot that arrived last of those of the day with a `timestamp` before the interval's end; the columns below describe it; null: there is none",
    ),
    nullable(
        "bid_price",
        Get::Number(|c| book(c)?.bid_price),
        PRICE,
        "best bid at the interval's end; null: no bid, or no snapshot",
    ),
    nullable(
        "bid_amount",
        Get::Number(|c| book(c)?.bid_amount),
        AMOUNT,
        "amount at the best bid; null: no bid, or no snapshot",
    ),
    nullable(
        "ask_price",
        Get::Number(|c| book(c)?.ask_price),
        PRICE,
        "best ask at the interval's end; null: no ask, or no snapshot",
    ),
    nullable(
        "ask_amount",
        Get::Number(|c| book(c)?.ask_amount),
        AMOUNT,
        "amount at the best ask; null: no ask, or no snapshot",
    ),
    nullable(
        "mid_price",
        Get::Number(|c| book(c)?.mid_price),
        PRICE,
        "(ask_price + bid_price) / 2; null: one of them is",
    ),
    nullable(
        "spread",
        Get::Number(|c| book(c)?.spread),
        PRICE,
        "ask_price − bid_price; null: one of them is",
    ),
    nullable(
        "spread_bps",
        Get::Number(|c| book(c)?.spread_bps),
        "basis points",
        "spread / mid_price × 10,000; null: spread is null, or mid_price is not above 0",
    ),
    nullable(
        "bid_depth",
        Get::Number(|c| Some(book(c)?.bid_depth)),
        AMOUNT,
        "sum of the amounts of the best five bids, 0 without bids; null: no snapshot",
    ),
    nullable(
        "ask_depth",
        Get::Number(|c| Some(book(c)?.ask_depth)),
        AMOUNT,
        "sum of the amounts of the best five asks, 0 without asks; null: no snapshot",
    ),
    nullable(
        "imbalance",
        Get::Number(|c| book(c)?.imbalance),
        "-1 to 1",
        "(bid_depth − ask_depth) / (bid_depth + ask_depth); null: both are 0, or no snapshot",
    ),
];
