//! What Kraken sends in version 1, which the vendor recorded until 2026-07-10: arrays `[id, payload, channel, pair]`, of a book
//! also with two payloads.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::KrakenDialect;
use crate::live::cell::{Cell, Pair, Unread};
use crate::live::dialect::Reading;
use crate::live::mapped::{Quote, Side, Trade};

/// Seconds since the Unix epoch with a fraction, as microseconds.
fn seconds(cell: Cell<'_>) -> Option<i64> {
    let (whole, fraction) = cell.text().split_once('.').unwrap_or((cell.text(), ""));
    let fraction = fraction.get(..6).unwrap_or(fraction);
    let digits =
        |text: &str| text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse::<i64>().ok()).flatten();
    let micros =
        if fraction.is_empty() { 0 } else { digits(fraction)? * 10_i64.pow(6 - fraction.len() as u32) };
    digits(whole)?.checked_mul(1_000_000)?.checked_add(micros)
}

/// `as` and `bs` of a snapshot, `a` and `b` of an update, `c` its checksum.
#[derive(Deserialize)]
struct Payload<'a> {
    #[serde(borrow, rename = "as")]
    all_asks: Option<Vec<Vec<Cell<'a>>>>,
    #[serde(borrow, rename = "bs")]
    all_bids: Option<Vec<Vec<Cell<'a>>>>,
    #[serde(borrow, default)]
    a: Vec<Vec<Cell<'a>>>,
    #[serde(borrow, default)]
    b: Vec<Vec<Cell<'a>>>,
    #[serde(borrow)]
    c: Option<Cell<'a>>,
}

impl KrakenDialect {
    pub(super) fn version1(&mut self, text: &[u8], at: &mut Reading<'_>) -> Result<(), Unread> {
        let parts: Vec<&RawValue> = serde_json::from_slice(text)?;
        let [_, payloads @ .., channel, pair] = parts.as_slice() else {
            return Err("an array that is too short".into());
        };
        let channel: &str = serde_json::from_str(channel.get())?;
        let pair: String = serde_json::from_str(pair.get())?;
        let payload = payloads.first().map(|p| p.get()).ok_or("an array without a payload")?;
        match channel {
            "trade" => {
                for row in serde_json::from_str::<Vec<Vec<Cell<'_>>>>(payload)? {
                    let [price, amount, time, side, ..] = row[..] else { return Err("a short trade".into()) };
                    let trade = Trade {
                        timestamp: seconds(time).ok_or("a trade without a time")?,
                        id: "",
                        side: if side.text() == "b" { Side::Buy } else { Side::Sell },
                        price: price.need_number()?,
                        amount: amount.need_number()?,
                    };
                    at.trade(&pair, &trade);
                }
            }
            "spread" => {
                let row: Vec<Cell<'_>> = serde_json::from_str(payload)?;
                let [bid, ask, time, bid_amount, ask_amount, ..] = row[..] else {
                    return Err("a short spread".into());
                };
                let timestamp = seconds(time).ok_or("a spread without a time")?;
                let quote = Quote {
                    ask_amount: ask_amount.nonzero(),
                    ask_price: ask.nonzero(),
                    bid_price: bid.nonzero(),
                    bid_amount: bid_amount.nonzero(),
                };
                if timestamp != 0 {
                    at.quote(&pair, timestamp, &quote);
                }
            }
            _ if channel.starts_with("book") => self.book1(&pair, payloads, at)?,
            _ => {}
        }
        Ok(())
    }

    fn book1(&mut self, pair: &str, payloads: &[&RawValue], at: &mut Reading<'_>) -> Result<(), Unread> {
        let (mut asks, mut bids, mut checksum) = (Vec::new(), Vec::new(), None);
        let (mut is_snapshot, mut timestamp) = (false, None);
        for payload in payloads {
            let payload: Payload<'_> = serde_json::from_str(payload.get())?;
            is_snapshot |= payload.all_asks.is_some() || payload.all_bids.is_some();
            let sides = [(&mut asks, payload.all_asks, payload.a), (&mut bids, payload.all_bids, payload.b)];
            for (levels, whole, changes) in sides {
                for level in whole.unwrap_or_default().into_iter().chain(changes) {
                    let [price, amount, time, ..] = level[..] else { return Err("a short level".into()) };
                    timestamp = timestamp.max(seconds(time));
                    levels.push(Pair(price, amount));
                }
            }
            checksum = payload.c.and_then(Cell::integer).or(checksum);
        }
        let timestamp = timestamp.unwrap_or(at.arrived);
        self.change(pair, timestamp, is_snapshot, [&asks, &bids], checksum, at)
    }
}
