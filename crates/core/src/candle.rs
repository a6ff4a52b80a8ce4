//! Candles: what happened in an interval of time, made from ticks by one push machine.
//!
//! [`CandleBuilder`] takes trades (and, where there are any, liquidations, rows of `derivative_ticker` and book
//! snapshots) in the order of their arrival and gives the candles of all timeframes. The same rows give the same
//! candles, bit for bit, however they are cut into batches. [`columns`] describes what a candle tells, once.
//!
//! - An interval is aligned to UTC midnight, named by its start, and half-open: `[start, start + length)`.
//! - A row lies in the interval of its exchange `timestamp`, not of its arrival: so do exchanges count.
//! - First and last are by exchange `timestamp`; of rows with one `timestamp`, by arrival (the order of rows).
//! - What is carried from one interval to the next (the close of a filled one, the book, open interest) is carried
//!   within a UTC day only: a day's candles depend on the rows of that day alone.
//!
//! Not for reading or writing: it owns no file and no clock. A caller with live data says by
//! [`CandleBuilder::advance`] up to when it has waited for late rows.

mod aggregator;
mod bucket;
pub mod builder;
pub mod columns;
pub mod decimal;
pub mod footer;
mod latency;
pub mod timeframe;

pub use builder::{CandleBuilder, Fill, Trades, Unfinished};
pub use columns::{COLUMNS, Column, Get};
pub use decimal::NotANumber;
pub use footer::CandleFooter;
pub use timeframe::Timeframe;

/// Version of the candles: it rises when a column or a formula changes, so that older objects are made again.
pub const CANDLE_VERSION: u32 = 1;

/// Levels of a book snapshot that depth and imbalance count.
pub const BOOK_LEVELS: usize = 5;

/// Side of the taker, or of the order that closed a liquidated position.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The taker bought. Of a liquidation: a short position was liquidated.
    Buy,
    /// The taker sold. Of a liquidation: a long position was liquidated.
    Sell,
    /// The exchange did not say.
    Unknown,
}

impl Side {
    /// Reads the word that the lake stores.
    pub fn from_name(name: &str) -> Option<Side> {
        match name {
            "buy" => Some(Side::Buy),
            "sell" => Some(Side::Sell),
            "unknown" => Some(Side::Unknown),
            _ => None,
        }
    }
}

/// A trade, or a liquidation.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Trade {
    /// The exchange's clock, microseconds since the Unix epoch, UTC.
    pub timestamp: i64,
    /// Arrival, microseconds since the Unix epoch, UTC.
    pub local_timestamp: i64,
    /// Who took.
    pub side: Side,
    /// Price.
    pub price: f64,
    /// Amount, in the exchange's own unit.
    pub amount: f64,
}

/// What a row of `derivative_ticker` tells. Null: the row does not tell it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Ticker {
    /// Funding rate.
    pub funding_rate: Option<f64>,
    /// Estimate of the next one.
    pub predicted_funding_rate: Option<f64>,
    /// Open interest.
    pub open_interest: Option<f64>,
    /// Mark price.
    pub mark_price: Option<f64>,
    /// Index price.
    pub index_price: Option<f64>,
}

/// A level of a book: price and amount.
pub type Level = (f64, f64);

/// A book snapshot's best levels, best first. Null: there is no such level.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Book {
    /// Bids.
    pub bids: [Option<Level>; BOOK_LEVELS],
    /// Asks.
    pub asks: [Option<Level>; BOOK_LEVELS],
}

/// One candle. What each field is, and when it is null, is said in [`COLUMNS`], which has them in this order.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs, reason = "each is described once, in COLUMNS")]
pub struct Candle {
    pub start: i64,
    pub open: f64,
    pub high: f64,
    pub low: f64,
    pub close: f64,
    pub volume: f64,
    pub quote_volume: f64,
    pub trade_count: u64,
    pub vwap: Option<f64>,
    pub buy_volume: f64,
    pub sell_volume: f64,
    pub buy_count: u64,
    pub sell_count: u64,
    pub first_trade: Option<i64>,
    pub last_trade: Option<i64>,
    pub last_arrival: Option<i64>,
    pub delay_min: Option<f64>,
    pub delay_median: Option<f64>,
    pub delay_mean: Option<f64>,
    pub delay_max: Option<f64>,
    pub is_final: bool,
    pub liquidations: Option<Liquidated>,
    pub ticker: Ticker,
    pub open_interest_change: Option<f64>,
    pub book: Option<BookState>,
}

/// Liquidations of an interval.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[allow(missing_docs, reason = "each is described once, in COLUMNS")]
pub struct Liquidated {
    pub buy_volume: f64,
    pub sell_volume: f64,
    pub count: u64,
}

/// The book at an interval's end.
#[derive(Clone, Copy, Debug, PartialEq)]
#[allow(missing_docs, reason = "each is described once, in COLUMNS")]
pub struct BookState {
    pub timestamp: i64,
    pub bid_price: Option<f64>,
    pub bid_amount: Option<f64>,
    pub ask_price: Option<f64>,
    pub ask_amount: Option<f64>,
    pub mid_price: Option<f64>,
    pub spread: Option<f64>,
    pub spread_bps: Option<f64>,
    pub bid_depth: f64,
    pub ask_depth: f64,
    pub imbalance: Option<f64>,
}
