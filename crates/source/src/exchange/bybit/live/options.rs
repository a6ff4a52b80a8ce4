//! Option summaries of Bybit, from `tickers`.

use std::borrow::Cow;

use mtdh_core::Day;
use serde::Deserialize;

use crate::live::cell::{Cell, Unread, nonzero_in, number_in, number_of};
use crate::live::dialect::Reading;
use crate::live::mapped::{OptionRow, eight_o_clock, is_call};

const MONTHS: [&str; 12] =
    ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"];

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Ticker<'a> {
    #[serde(borrow)]
    symbol: Cow<'a, str>,
    #[serde(borrow)]
    bid_price: Option<Cell<'a>>,
    #[serde(borrow)]
    bid_size: Option<Cell<'a>>,
    #[serde(borrow)]
    bid_iv: Option<Cell<'a>>,
    #[serde(borrow)]
    ask_price: Option<Cell<'a>>,
    #[serde(borrow)]
    ask_size: Option<Cell<'a>>,
    #[serde(borrow)]
    ask_iv: Option<Cell<'a>>,
    #[serde(borrow)]
    last_price: Option<Cell<'a>>,
    #[serde(borrow)]
    mark_price: Option<Cell<'a>>,
    #[serde(borrow)]
    mark_price_iv: Option<Cell<'a>>,
    #[serde(borrow)]
    underlying_price: Option<Cell<'a>>,
    #[serde(borrow)]
    open_interest: Option<Cell<'a>>,
    #[serde(borrow)]
    delta: Option<Cell<'a>>,
    #[serde(borrow)]
    gamma: Option<Cell<'a>>,
    #[serde(borrow)]
    vega: Option<Cell<'a>>,
    #[serde(borrow)]
    theta: Option<Cell<'a>>,
}

/// Reads `tickers` of options: each message is whole.
pub(super) fn summary(ts: Option<Cell<'_>>, data: &str, at: &mut Reading<'_>) -> Result<(), Unread> {
    let row: Ticker<'_> = serde_json::from_str(data)?;
    let (is_call, strike, expiration) = terms(&row.symbol).ok_or("an option of unknown form")?;
    let summary = OptionRow {
        is_call,
        strike,
        expiration,
        numbers: [
            nonzero_in(row.open_interest),
            nonzero_in(row.last_price),
            nonzero_in(row.bid_price),
            nonzero_in(row.bid_size),
            nonzero_in(row.bid_iv),
            nonzero_in(row.ask_price),
            nonzero_in(row.ask_size),
            nonzero_in(row.ask_iv),
            nonzero_in(row.mark_price),
            nonzero_in(row.mark_price_iv),
        ],
        // The vendor writes an empty name, which is null in its files.
        underlying_index: None,
        greeks: [
            number_in(row.underlying_price),
            nonzero_in(row.delta),
            nonzero_in(row.gamma),
            nonzero_in(row.vega),
            nonzero_in(row.theta),
            None,
        ],
    };
    at.option(&row.symbol, "tickers", ts.ok_or("a ticker without a time")?.need_time()?, &summary);
    Ok(())
}

/// What the name of an option says: `BTC-30JUN23-45000-P`, also with `-USDT` after it; it ends at 08:00 UTC.
fn terms(symbol: &str) -> Option<(bool, f64, i64)> {
    let mut parts = symbol.split('-').skip(1);
    let (date, strike, kind) = (parts.next()?, parts.next()?, parts.next()?);
    if !date.is_ascii() || !matches!(date.len(), 6 | 7) {
        return None;
    }
    let (day, rest) = date.split_at(date.len() - 5);
    let month = MONTHS.iter().position(|m| *m == &rest[..3])? as u32 + 1;
    let day = Day::new(2_000 + rest[3..].parse::<i32>().ok()?, month, day.parse().ok()?)?;
    Some((is_call(kind)?, number_of(strike)?, eight_o_clock(day)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        for (name, expected) in [
            ("BTC-30JUN23-45000-P", Some((false, 45_000.0, 1_688_112_000_000_000))),
            ("BTC-6JUN23-45000.5-C-USDT", Some((true, 45_000.5, 1_686_038_400_000_000))),
            ("BTC-31JUN23-45000-P", None),
            ("BTC-JUN23-45000-P", None),
            ("BTC-30JUN2é-45000-P", None),
            ("BTCUSDT", None),
            ("BTC-30JUN23-45000", None),
        ] {
            assert_eq!(terms(name), expected, "{name}");
        }
    }
}
