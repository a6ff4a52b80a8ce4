//! What Bybit sent before version 5, until 2023-04-05: of derivatives in its version 2, with scaled whole numbers, and of spot in its
//! version 1. History of the vendor has it.

use std::borrow::Cow;

use serde::Deserialize;

use super::{BybitDialect, Market, Message};
use crate::live::cell::{Cell, Pair, Unread, number_in};
use crate::live::dialect::Reading;
use crate::live::mapped::{Quote, Side, TickerChange, Trade, opposite, side_of};

#[derive(Deserialize)]
struct OldTrade<'a> {
    #[serde(borrow)]
    symbol: Cow<'a, str>,
    #[serde(borrow)]
    side: Cow<'a, str>,
    #[serde(borrow)]
    price: Cell<'a>,
    #[serde(borrow)]
    size: Cell<'a>,
    #[serde(borrow, alias = "tradeId")]
    trade_id: Cell<'a>,
    #[serde(borrow)]
    timestamp: Option<Cell<'a>>,
    #[serde(borrow, alias = "tradeTimeMs")]
    trade_time_ms: Option<Cell<'a>>,
}

#[derive(Deserialize)]
struct Level<'a> {
    #[serde(borrow)]
    price: Cell<'a>,
    #[serde(borrow)]
    side: Cow<'a, str>,
    #[serde(borrow)]
    size: Option<Cell<'a>>,
}

#[derive(Deserialize)]
struct Delta<'a> {
    #[serde(borrow, default)]
    delete: Vec<Level<'a>>,
    #[serde(borrow, default)]
    update: Vec<Level<'a>>,
    #[serde(borrow, default)]
    insert: Vec<Level<'a>>,
}

#[derive(Deserialize)]
struct OldLiquidation<'a> {
    #[serde(borrow)]
    symbol: Cow<'a, str>,
    #[serde(borrow)]
    side: Cow<'a, str>,
    #[serde(borrow)]
    price: Cell<'a>,
    #[serde(borrow, alias = "size")]
    qty: Cell<'a>,
    #[serde(borrow)]
    id: Option<Cell<'a>>,
    #[serde(borrow)]
    time: Option<Cell<'a>>,
}

/// `liquidation`: of version 5 and of version 2, and what the vendor's recorder made by REST, a list with ids.
pub(super) fn liquidation(message: &Message<'_>, data: &str, at: &mut Reading<'_>) -> Result<(), Unread> {
    let rows: Vec<OldLiquidation<'_>> =
        if data.starts_with('[') { serde_json::from_str(data)? } else { vec![serde_json::from_str(data)?] };
    for row in rows {
        let timestamp = row.time.or(message.ts).ok_or("a liquidation without a time")?;
        let trade = Trade {
            timestamp: timestamp.need_time()?,
            id: row.id.filter(|_| message.generated).map_or("", Cell::text),
            side: opposite(side_of(&row.side)),
            price: row.price.need_number()?,
            amount: row.qty.need_number()?,
        };
        at.liquidation(&row.symbol, &trade);
    }
    Ok(())
}

#[derive(Deserialize)]
struct Info<'a> {
    #[serde(borrow)]
    symbol: Cow<'a, str>,
    #[serde(borrow, alias = "fundingRateE6")]
    funding_rate_e6: Option<Cell<'a>>,
    #[serde(borrow, alias = "predictedFundingRateE6")]
    predicted_funding_rate_e6: Option<Cell<'a>>,
    #[serde(borrow, alias = "nextFundingTime")]
    next_funding_time: Option<Cell<'a>>,
    #[serde(borrow, alias = "indexPrice")]
    index_price: Option<Cell<'a>>,
    #[serde(borrow, alias = "indexPriceE4")]
    index_price_e4: Option<Cell<'a>>,
    #[serde(borrow, alias = "markPrice")]
    mark_price: Option<Cell<'a>>,
    #[serde(borrow, alias = "markPriceE4")]
    mark_price_e4: Option<Cell<'a>>,
    #[serde(borrow)]
    open_interest: Option<Cell<'a>>,
    #[serde(borrow, alias = "openInterestE8")]
    open_interest_e8: Option<Cell<'a>>,
    #[serde(borrow, alias = "lastPrice")]
    last_price: Option<Cell<'a>>,
    #[serde(borrow, alias = "lastPriceE4")]
    last_price_e4: Option<Cell<'a>>,
    #[serde(borrow, alias = "updatedAt")]
    updated_at: Option<Cell<'a>>,
}

#[derive(Deserialize)]
struct Updates<'a> {
    #[serde(borrow)]
    update: Vec<Info<'a>>,
}

/// The plain number where there is one, else the scaled one.
fn either(plain: Option<Cell<'_>>, scaled: Option<Cell<'_>>, scale: f64) -> Option<f64> {
    number_in(plain).or_else(|| number_in(scaled).map(|n| n / scale))
}

impl BybitDialect {
    /// Reads a topic that version 5 does not have.
    pub(super) fn version2(
        &mut self,
        channel: &str,
        symbol: &str,
        message: &Message<'_>,
        data: &str,
        at: &mut Reading<'_>,
    ) -> Result<(), Unread> {
        match (self.market, channel) {
            (Market::Derivatives, "trade") => old_trades(data, at),
            (Market::Derivatives, "orderBookL2_25") => self.old_book(symbol, message, data, at),
            (Market::Derivatives, "instrument_info") => info(message, data, at),
            (Market::Spot, "trade" | "depth" | "bookTicker") => self.spot(channel, message, data, at),
            _ => Ok(()),
        }
    }

    fn old_book(
        &mut self,
        symbol: &str,
        message: &Message<'_>,
        data: &str,
        at: &mut Reading<'_>,
    ) -> Result<(), Unread> {
        let is_snapshot = message.kind.as_deref() == Some("snapshot");
        let rows: Vec<Level<'_>> = if data.starts_with('[') {
            serde_json::from_str(data)?
        } else if is_snapshot {
            #[derive(Deserialize)]
            struct Whole<'a> {
                #[serde(borrow)]
                order_book: Vec<Level<'a>>,
            }
            serde_json::from_str::<Whole<'_>>(data)?.order_book
        } else {
            let delta: Delta<'_> = serde_json::from_str(data)?;
            delta.delete.into_iter().chain(delta.update).chain(delta.insert).collect()
        };
        for row in &rows {
            let amount = row.size.map_or(Ok(0.0), Cell::need_number)?;
            at.level(row.side == "Sell", row.price.need_number()?, amount);
        }
        let timestamp = message.timestamp_e6.and_then(Cell::integer).ok_or("a book without a time")?;
        at.book(symbol, timestamp, is_snapshot, None);
        Ok(())
    }

    fn spot(
        &mut self,
        channel: &str,
        message: &Message<'_>,
        data: &str,
        at: &mut Reading<'_>,
    ) -> Result<(), Unread> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Spot<'a> {
            #[serde(borrow, alias = "time")]
            t: Cell<'a>,
            #[serde(borrow)]
            v: Option<Cell<'a>>,
            #[serde(borrow)]
            p: Option<Cell<'a>>,
            #[serde(borrow)]
            q: Option<Cell<'a>>,
            m: Option<bool>,
            #[serde(borrow, default)]
            b: Vec<Pair<'a>>,
            #[serde(borrow, default)]
            a: Vec<Pair<'a>>,
            #[serde(borrow)]
            bid_price: Option<Cell<'a>>,
            #[serde(borrow)]
            bid_qty: Option<Cell<'a>>,
            #[serde(borrow)]
            ask_price: Option<Cell<'a>>,
            #[serde(borrow)]
            ask_qty: Option<Cell<'a>>,
        }
        let symbol = message.params.as_ref().and_then(|p| p.symbol.as_deref()).ok_or("no symbol")?;
        let row: Spot<'_> = serde_json::from_str(data)?;
        let timestamp = row.t.need_time()?;
        match channel {
            "trade" => {
                let side = if row.m == Some(true) { Side::Buy } else { Side::Sell };
                let price = row.p.ok_or("a trade without a price")?.need_number()?;
                let amount = row.q.ok_or("a trade without an amount")?.need_number()?;
                let trade = Trade { timestamp, id: row.v.map_or("", Cell::text), side, price, amount };
                at.trade(symbol, &trade);
            }
            "depth" => {
                at.levels(&row.a, &row.b)?;
                at.book(symbol, timestamp, true, None);
            }
            _ => {
                let quote = Quote {
                    ask_amount: number_in(row.ask_qty),
                    ask_price: number_in(row.ask_price),
                    bid_price: number_in(row.bid_price),
                    bid_amount: number_in(row.bid_qty),
                };
                at.quote(symbol, timestamp, &quote);
            }
        }
        Ok(())
    }
}

fn old_trades(data: &str, at: &mut Reading<'_>) -> Result<(), Unread> {
    for row in serde_json::from_str::<Vec<OldTrade<'_>>>(data)? {
        let timestamp = match row.trade_time_ms {
            Some(time) => time.need_time()?,
            None => row.timestamp.ok_or("a trade without a time")?.need_iso()?,
        };
        let trade = Trade {
            timestamp,
            id: row.trade_id.text(),
            side: side_of(&row.side),
            price: row.price.need_number()?,
            amount: row.size.need_number()?,
        };
        at.trade(&row.symbol, &trade);
    }
    Ok(())
}

fn info(message: &Message<'_>, data: &str, at: &mut Reading<'_>) -> Result<(), Unread> {
    let rows = match serde_json::from_str::<Info<'_>>(data) {
        Ok(row) => vec![row],
        Err(_) => serde_json::from_str::<Updates<'_>>(data)?.update,
    };
    for row in rows.iter().take(1) {
        let timestamp = match message.timestamp_e6 {
            Some(time) => time.integer(),
            None => row.updated_at.and_then(Cell::iso),
        };
        let change = TickerChange {
            funding_timestamp: row.next_funding_time.and_then(Cell::iso).filter(|at| *at > 0),
            funding_rate: number_in(row.funding_rate_e6).map(|n| n / 1e6),
            predicted_funding_rate: number_in(row.predicted_funding_rate_e6).map(|n| n / 1e6),
            open_interest: either(row.open_interest, row.open_interest_e8, 1e8),
            last_price: either(row.last_price, row.last_price_e4, 1e4),
            index_price: either(row.index_price, row.index_price_e4, 1e4),
            mark_price: either(row.mark_price, row.mark_price_e4, 1e4),
        };
        at.ticker(&row.symbol, "instrument_info", timestamp, &change);
    }
    Ok(())
}
