//! Merges trades with the top of the book in the order of arrival.
//!
//! The checks that use it are in `market`.

use std::collections::VecDeque;

use arrow_array::{Array, Float64Array};

use super::Rows;
use super::replay::{Message, Replay};
use crate::table::DataType::{self, *};

/// The top of the book from a time on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Top {
    /// Arrival, microseconds since the Unix epoch, UTC.
    pub at_us: i64,
    /// Best bid, quote currency; `None` if there is none. For a ticker the mark price.
    pub bid: Option<f64>,
    /// Best ask, quote currency; `None` if there is none. For a ticker the mark price.
    pub ask: Option<f64>,
    /// The amounts at the bid and at the ask, in the exchange's own unit; 0 if unknown.
    pub amounts: [f64; 2],
}

/// A trade.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Trade {
    /// Arrival, microseconds since the Unix epoch, UTC.
    pub at_us: i64,
    /// Row number in its file, from 0.
    pub place: u64,
    /// Whether the taker bought; `None` if unknown.
    pub is_buy: Option<bool>,
    /// Price, quote currency.
    pub price: f64,
}

/// The next event of the merged streams.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Next {
    /// A row of the book or of the ticker.
    Top(Top),
    /// A trade.
    Trade(Trade),
}

/// Merges the two streams. Rows are buffered only until the other side has caught up: the engine feeds the side that is
/// behind first, and marks a side as ended.
#[derive(Default)]
pub struct Beside {
    replay: Replay,
    tops: VecDeque<Top>,
    trades: VecDeque<Trade>,
    /// All rows up to this arrival are known, microseconds since the Unix epoch, UTC.
    tops_until_us: Option<i64>,
    trades_until_us: Option<i64>,
}

impl Beside {
    /// Adds rows of trades, of a book or of a ticker.
    pub fn rows(&mut self, rows: &Rows<'_>) {
        let last = rows.arrival().last().copied();
        if rows.data_type() == Trades {
            self.trades_until_us = self.trades_until_us.max(last);
            let (sides, prices) = (rows.words("side"), rows.number("price").values());
            self.trades.extend(rows.arrival().iter().enumerate().map(|(row, at_us)| {
                let is_buy = match sides.get(row) {
                    "buy" => Some(true),
                    "sell" => Some(false),
                    _ => None,
                };
                Trade { at_us: *at_us, place: rows.place(row), is_buy, price: prices[row] }
            }));
            return;
        }
        if rows.data_type() == IncrementalBookL2 {
            let (tops, until) = (&mut self.tops, &mut self.tops_until_us);
            self.replay.rows(rows, |message| add_top(&message, tops, until));
            return;
        }
        self.tops_until_us = self.tops_until_us.max(last);
        let names = columns(rows.data_type());
        let [bids, bid_amounts, asks, ask_amounts] = names.map(|name| name.map(|name| rows.number(name)));
        let cell = |array: Option<&Float64Array>, row: usize| {
            array.filter(|array| array.is_valid(row)).map(|array| array.value(row))
        };
        for (row, at_us) in rows.arrival().iter().enumerate() {
            let (bid, ask) = (cell(bids, row), cell(asks, row));
            let amounts = [bid_amounts, ask_amounts].map(|array| cell(array, row).unwrap_or_default());
            if bid.is_some() || ask.is_some() {
                self.tops.push_back(Top { at_us: *at_us, bid, ask, amounts });
            }
        }
    }

    /// Marks a data type as finished.
    pub fn ended(&mut self, data_type: DataType) {
        if data_type == Trades {
            self.trades_until_us = Some(i64::MAX);
            return;
        }
        let (tops, until) = (&mut self.tops, &mut self.tops_until_us);
        self.replay.finish(|message| add_top(&message, tops, until));
        self.tops_until_us = Some(i64::MAX);
    }

    /// The next event, or `None` until both sides are known far enough. Book rows come before trades of the same time.
    pub fn take_next(&mut self) -> Option<Next> {
        let top = self.tops.front().map(|top| top.at_us);
        let trade = self.trades.front().map(|trade| trade.at_us);
        let is_top_next = match (top, trade) {
            (None, None) => return None,
            (Some(top), Some(trade)) => top <= trade,
            (Some(top), None) => match self.trades_until_us {
                Some(until) if until >= top => true,
                _ => return None,
            },
            (None, Some(trade)) => match self.tops_until_us {
                Some(until) if until > trade => false,
                _ => return None,
            },
        };
        if is_top_next {
            return self.tops.pop_front().map(Next::Top);
        }
        self.trades.pop_front().map(Next::Trade)
    }
}

fn add_top(message: &Message<'_>, tops: &mut VecDeque<Top>, until: &mut Option<i64>) {
    *until = (*until).max(Some(message.arrival_us));
    let [ask, ask_amount, bid, bid_amount] = message.book.top(1)[0];
    let amounts = [bid_amount, ask_amount].map(Option::unwrap_or_default);
    if bid.is_some() || ask.is_some() {
        tops.push_back(Top { at_us: message.arrival_us, bid, ask, amounts });
    }
}

/// The columns of the top of the book: bid price, bid amount, ask price, ask amount.
fn columns(data_type: DataType) -> [Option<&'static str>; 4] {
    match data_type {
        BookSnapshot5 | BookSnapshot25 => {
            [Some("bid_price_1"), Some("bid_amount_1"), Some("ask_price_1"), Some("ask_amount_1")]
        }
        Quotes | BookTicker | OptionsChain => {
            [Some("bid_price"), Some("bid_amount"), Some("ask_price"), Some("ask_amount")]
        }
        DerivativeTicker => [Some("mark_price"), None, Some("mark_price"), None],
        // Types without a top of the book.
        _ => [None; 4],
    }
}
