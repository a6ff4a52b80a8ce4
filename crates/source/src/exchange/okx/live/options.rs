//! Option summaries of OKX: each `opt-summary` with what the tickers, open interest, mark price and index said last.

use std::borrow::Cow;
use std::collections::HashMap;

use mtdh_core::Day;
use serde::Deserialize;

use super::Ticker;
use crate::live::cell::{Cell, Unread, nonzero_in, number_of};
use crate::live::dialect::Reading;
use crate::live::mapped::{OptionRow, eight_o_clock, is_call};

/// The family of an option: `BTC-USD` of `BTC-USD-260327-100000-C`.
pub(super) fn family(symbol: &str) -> String {
    symbol.split('-').take(2).collect::<Vec<_>>().join("-")
}

#[derive(Clone, Copy, Default)]
struct Last {
    bid: [Option<f64>; 2],
    ask: [Option<f64>; 2],
    last_price: Option<f64>,
    open_interest: Option<f64>,
    mark_price: Option<f64>,
}

/// What is known of each option besides its summary.
#[derive(Default)]
pub(super) struct Options(HashMap<String, Last>);

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Summary<'a> {
    #[serde(borrow)]
    inst_id: Cow<'a, str>,
    #[serde(borrow)]
    uly: Cow<'a, str>,
    #[serde(borrow)]
    delta: Option<Cell<'a>>,
    #[serde(borrow)]
    gamma: Option<Cell<'a>>,
    #[serde(borrow)]
    vega: Option<Cell<'a>>,
    #[serde(borrow)]
    theta: Option<Cell<'a>>,
    #[serde(borrow)]
    mark_vol: Option<Cell<'a>>,
    #[serde(borrow)]
    bid_vol: Option<Cell<'a>>,
    #[serde(borrow)]
    ask_vol: Option<Cell<'a>>,
    #[serde(borrow)]
    ts: Cell<'a>,
}

impl Options {
    pub(super) fn remember(&mut self, channel: &str, row: &Ticker<'_>) {
        let last = match self.0.get_mut(&*row.inst_id) {
            Some(last) => last,
            None => self.0.entry(row.inst_id.to_string()).or_default(),
        };
        match channel {
            "tickers" => {
                last.bid = [nonzero_in(row.bid_px), nonzero_in(row.bid_sz)];
                last.ask = [nonzero_in(row.ask_px), nonzero_in(row.ask_sz)];
                last.last_price = nonzero_in(row.last);
            }
            "open-interest" => last.open_interest = nonzero_in(row.oi),
            "mark-price" => last.mark_price = nonzero_in(row.mark_px),
            _ => {}
        }
    }

    pub(super) fn summary(
        &mut self,
        data: &str,
        indexes: &HashMap<String, f64>,
        at: &mut Reading<'_>,
    ) -> Result<(), Unread> {
        for row in serde_json::from_str::<Vec<Summary<'_>>>(data)? {
            let last = self.0.get(&*row.inst_id).copied().unwrap_or_default();
            let (is_call, strike, expiration) = terms(&row.inst_id).ok_or("an option of unknown form")?;
            let summary = OptionRow {
                is_call,
                strike,
                expiration,
                numbers: [
                    last.open_interest,
                    last.last_price,
                    last.bid[0],
                    last.bid[1],
                    nonzero_in(row.bid_vol),
                    last.ask[0],
                    last.ask[1],
                    nonzero_in(row.ask_vol),
                    last.mark_price,
                    nonzero_in(row.mark_vol),
                ],
                underlying_index: Some(&row.uly),
                greeks: [
                    indexes.get(&*row.uly).copied(),
                    nonzero_in(row.delta),
                    nonzero_in(row.gamma),
                    nonzero_in(row.vega),
                    nonzero_in(row.theta),
                    None,
                ],
            };
            at.option(&row.inst_id, super::OPT_SUMMARY, row.ts.need_time()?, &summary);
        }
        Ok(())
    }
}

/// What the name of an option says: `BTC-USD-260327-100000-C`, which ends at 08:00 UTC.
pub(super) fn terms(symbol: &str) -> Option<(bool, f64, i64)> {
    let mut parts = symbol.split('-').skip(2);
    let (date, strike, kind) = (parts.next()?, parts.next()?, parts.next()?);
    if date.len() != 6 || !date.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let part = |from: usize| date[from..from + 2].parse::<u32>().ok();
    let day = Day::new(2_000 + part(0)? as i32, part(2)?, part(4)?)?;
    Some((is_call(kind)?, number_of(strike)?, eight_o_clock(day)))
}
