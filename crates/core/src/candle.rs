//! Candles (OHLCV bars), built from trades.
//!
//! [`CandleBuilder`] receives trades (and optionally liquidations, `derivative_ticker` rows and book snapshots) in the order
//! of arrival and emits the candles of all timeframes. The result depends only on the rows, not on how they are split into
//! batches; it is identical bit for bit. [`columns`] describes every column.
//!
//! - An interval is aligned to UTC midnight, named by its start, and half-open: `[start, start + length)`.
//! - A row belongs to the interval of its exchange `timestamp`, not of its arrival, as on the exchanges themselves.
//! - First and last trade are by exchange `timestamp`; trades with equal `timestamp` are ordered by arrival.
//! - A state (book, ticker) is that of the row which arrived last among those with a `timestamp` before the interval's end.
//! - A trade that is sent again counts once ([`Repeats`] finds it).
//! - Values carried to the next interval (the close of a filled candle, the book, open interest) are carried within a UTC day
//!   only. A day's candles depend on the rows of that day alone.
//!
//! No I/O and no clock: with live data, the caller decides with [`CandleBuilder::advance`] how long to wait for late rows.

mod aggregator;
mod bucket;
pub mod builder;
pub mod columns;
pub mod decimal;
pub mod footer;
mod latency;
pub mod repeats;
pub mod timeframe;
pub mod value;

pub use builder::{CandleBuilder, Complete, Fill, Gaps, Trades, Unfinished};
pub use columns::{COLUMNS, Column, Get};
pub use decimal::NotANumber;
pub use footer::CandleFooter;
pub use repeats::Repeats;
pub use timeframe::Timeframe;
pub use value::{Formula, Units, Valuation};

/// Version of the candle format. It increases when a column or a formula changes, so that older objects are rebuilt.
///
/// - 1: version 0.1.0. `quote_volume` is Σ price × amount of every instrument, trades that are sent again count again, states are
///   by the exchange's clock, `is_final` is of all sources.
/// - 2: `base_volume`, `quote_volume`, `settle_volume` and `vwap` by the instrument's terms, `repeated_trades`, states by arrival,
///   finality of each source.
pub const CANDLE_VERSION: u32 = 2;

/// Number of book levels per side that depth and imbalance include.
pub const BOOK_LEVELS: usize = 5;

/// The side of the taker, or of the order that closed a liquidated position.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The taker bought. For a liquidation: a short position was liquidated.
    Buy,
    /// The taker sold. For a liquidation: a long position was liquidated.
    Sell,
    /// The exchange does not report it.
    Unknown,
}

impl Side {
    /// Parses the name stored in the lake: `buy`, `sell` or `unknown`.
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
    /// Side of the taker.
    pub side: Side,
    /// Price, in the instrument's price currency.
    pub price: f64,
    /// Amount, in the exchange's own unit.
    pub amount: f64,
}

/// A row of `derivative_ticker`. `None` if the row does not have the value.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Ticker {
    /// Funding rate as a fraction: 0.0001 is 0.01 %.
    pub funding_rate: Option<f64>,
    /// Estimate of the next funding rate, as a fraction.
    pub predicted_funding_rate: Option<f64>,
    /// Open interest, in the exchange's own unit.
    pub open_interest: Option<f64>,
    /// Mark price, price currency.
    pub mark_price: Option<f64>,
    /// Index price, price currency.
    pub index_price: Option<f64>,
}

/// A book level: price (price currency) and amount (the exchange's own unit).
pub type Level = (f64, f64);

/// The best five levels of a book snapshot, best first. `None` if there is no such level.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Book {
    /// Bids, highest price first.
    pub bids: [Option<Level>; BOOK_LEVELS],
    /// Asks, lowest price first.
    pub asks: [Option<Level>; BOOK_LEVELS],
}

/// One candle. [`COLUMNS`] describes the formulas. Prices are in the instrument's price currency, amounts in the exchange's own
/// unit, times in microseconds since the Unix epoch, UTC.
#[derive(Clone, Debug, PartialEq)]
pub struct Candle {
    /// Start of the interval, microseconds since the Unix epoch, UTC.
    pub start: i64,
    /// Price of the first trade, price currency.
    pub open: f64,
    /// Highest price, price currency.
    pub high: f64,
    /// Lowest price, price currency.
    pub low: f64,
    /// Price of the last trade, price currency.
    pub close: f64,
    /// Sum of the amounts of all trades, in the exchange's own unit.
    pub volume: f64,
    /// What the amounts are in base currency, see [`Formula`]; `None` if it is not known, or the contract is a quanto.
    pub base_volume: Option<f64>,
    /// What the amounts are worth in the price currency, see [`Formula`]; `None` as `base_volume`.
    pub quote_volume: Option<f64>,
    /// What the amounts of a quanto are worth in its settlement currency; `None` for all others, or if it is not known.
    pub settle_volume: Option<f64>,
    /// Number of trades, including those of unknown side.
    pub trade_count: u64,
    /// Trades that were sent again and count once.
    pub repeated_trades: u64,
    /// The mean price: quote over base volume, from the exact sums; of a quanto weighted by amounts × contract size. `None` if
    /// the volume is 0 or its worth is not known.
    pub vwap: Option<f64>,
    /// Sum of the amounts of trades whose taker bought, in the exchange's own unit.
    pub buy_volume: f64,
    /// Sum of the amounts of trades whose taker sold, in the exchange's own unit.
    pub sell_volume: f64,
    /// Number of trades whose taker bought.
    pub buy_count: u64,
    /// Number of trades whose taker sold.
    pub sell_count: u64,
    /// Smallest exchange `timestamp` of a trade, microseconds since the Unix epoch, UTC; `None` without trades.
    pub first_trade: Option<i64>,
    /// Largest exchange `timestamp` of a trade, microseconds since the Unix epoch, UTC; `None` without trades.
    pub last_trade: Option<i64>,
    /// Largest `local_timestamp` of a trade, microseconds since the Unix epoch, UTC; `None` without trades.
    pub last_arrival: Option<i64>,
    /// Smallest latency (`local_timestamp` − `timestamp`) of a trade, milliseconds; `None` without trades.
    pub delay_min: Option<f64>,
    /// Median latency, milliseconds; `None` without trades.
    pub delay_median: Option<f64>,
    /// Mean latency, milliseconds; `None` without trades.
    pub delay_mean: Option<f64>,
    /// Largest latency, milliseconds; `None` without trades.
    pub delay_max: Option<f64>,
    /// Whether all trades of the interval were known when the candle was built.
    pub is_final: bool,
    /// The same of liquidations; `None` without any source of them.
    pub is_liquidations_final: Option<bool>,
    /// The same of tickers; `None` without any source of them.
    pub is_ticker_final: Option<bool>,
    /// The same of book snapshots; `None` without any source of them.
    pub is_book_final: Option<bool>,
    /// Liquidations; `None` if they are not known.
    pub liquidations: Option<Liquidated>,
    /// The last ticker values of the interval.
    pub ticker: Ticker,
    /// Open interest minus the last one of the day before the interval, in the exchange's own unit; `None` if one is unknown.
    pub open_interest_change: Option<f64>,
    /// The book at the end of the interval; `None` without a snapshot on the day.
    pub book: Option<BookState>,
}

/// The liquidations of an interval.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Liquidated {
    /// Sum of the amounts with side buy (short positions were liquidated), in the exchange's own unit.
    pub buy_volume: f64,
    /// Sum of the amounts with side sell (long positions were liquidated), in the exchange's own unit.
    pub sell_volume: f64,
    /// Number of liquidations, including those of unknown side.
    pub count: u64,
}

/// The book at the end of an interval.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BookState {
    /// Exchange `timestamp` of the snapshot, microseconds since the Unix epoch, UTC.
    pub timestamp: i64,
    /// Best bid, price currency; `None` without bids.
    pub bid_price: Option<f64>,
    /// Amount at the best bid, in the exchange's own unit; `None` without bids.
    pub bid_amount: Option<f64>,
    /// Best ask, price currency; `None` without asks.
    pub ask_price: Option<f64>,
    /// Amount at the best ask, in the exchange's own unit; `None` without asks.
    pub ask_amount: Option<f64>,
    /// `(ask_price + bid_price) / 2`, price currency; `None` if one is missing.
    pub mid_price: Option<f64>,
    /// `ask_price − bid_price`, price currency; `None` if one is missing.
    pub spread: Option<f64>,
    /// `spread / mid_price × 10,000`, basis points; `None` if there is no spread or the mid price is not above 0.
    pub spread_bps: Option<f64>,
    /// Sum of the amounts of the best five bids, in the exchange's own unit; 0 without bids.
    pub bid_depth: f64,
    /// Sum of the amounts of the best five asks, in the exchange's own unit; 0 without asks.
    pub ask_depth: f64,
    /// `(bid_depth − ask_depth) / (bid_depth + ask_depth)`, -1 to 1; `None` if both are 0.
    pub imbalance: Option<f64>,
}
