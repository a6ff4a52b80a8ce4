//! What the messages of several venues say alike.

use mtdh_core::Day;
use mtdh_core::live::ticker::{Field, Ticker};

pub use super::market::{OptionRow, Quote, Side};

/// A trade or a liquidation.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Trade<'a> {
    /// The exchange's time, microseconds since the Unix epoch, UTC.
    pub timestamp: i64,
    /// The id as it stands in the message; empty: there is none.
    pub id: &'a str,
    /// Side of the taker; of a liquidation `Buy` where a short position was closed.
    pub side: Side,
    /// Price.
    pub price: f64,
    /// Amount, in the exchange's unit.
    pub amount: f64,
}

/// What a message says of a derivative; `None`: nothing new.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct TickerChange {
    /// Next funding, microseconds since the Unix epoch, UTC.
    pub funding_timestamp: Option<i64>,
    /// Rate taking effect then.
    pub funding_rate: Option<f64>,
    /// Estimate for the period after.
    pub predicted_funding_rate: Option<f64>,
    /// Open interest, in the exchange's unit.
    pub open_interest: Option<f64>,
    /// Price of the last trade.
    pub last_price: Option<f64>,
    /// Price of the index.
    pub index_price: Option<f64>,
    /// Mark price.
    pub mark_price: Option<f64>,
}

impl TickerChange {
    /// Takes it into what is known of the derivative.
    pub fn put_into(&self, ticker: &mut Ticker) {
        ticker.set_funding(self.funding_timestamp);
        for (field, value) in [
            (Field::FundingRate, self.funding_rate),
            (Field::PredictedFundingRate, self.predicted_funding_rate),
            (Field::OpenInterest, self.open_interest),
            (Field::LastPrice, self.last_price),
            (Field::IndexPrice, self.index_price),
            (Field::MarkPrice, self.mark_price),
        ] {
            ticker.set(field, value);
        }
    }
}

/// The side of a word such as `Buy` or `sell`.
pub fn side_of(word: &str) -> Side {
    if word.eq_ignore_ascii_case("buy") {
        Side::Buy
    } else if word.eq_ignore_ascii_case("sell") {
        Side::Sell
    } else {
        Side::Unknown
    }
}

/// The other side: of the taker where a venue names the maker's, of the order where it names the position's.
pub fn opposite(side: Side) -> Side {
    match side {
        Side::Buy => Side::Sell,
        Side::Sell => Side::Buy,
        Side::Unknown => Side::Unknown,
    }
}

/// Whether an option named `C` or `P` is a call.
pub fn is_call(letter: &str) -> Option<bool> {
    match letter {
        "C" => Some(true),
        "P" => Some(false),
        _ => None,
    }
}

/// When options end on a day: 08:00 UTC, microseconds since the Unix epoch.
pub fn eight_o_clock(day: Day) -> i64 {
    day.start_us() + 8 * 3_600 * 1_000_000
}
