//! Trades, best levels and liquidations of OKX: messages of which each row stands by itself.

use std::borrow::Cow;

use serde::Deserialize;

use crate::live::cell::{Cell, Pair, Unread};
use crate::live::dialect::Reading;
use crate::live::mapped::{Quote, Trade, side_of};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct OkxTrade<'a> {
    #[serde(borrow)]
    inst_id: Cow<'a, str>,
    #[serde(borrow)]
    trade_id: Cell<'a>,
    #[serde(borrow)]
    px: Cell<'a>,
    #[serde(borrow)]
    sz: Cell<'a>,
    #[serde(borrow)]
    side: Cow<'a, str>,
    #[serde(borrow)]
    ts: Cell<'a>,
}

pub(super) fn trades(data: &str, at: &mut Reading<'_>) -> Result<(), Unread> {
    for row in serde_json::from_str::<Vec<OkxTrade<'_>>>(data)? {
        let trade = Trade {
            timestamp: row.ts.need_time()?,
            id: row.trade_id.text(),
            side: side_of(&row.side),
            price: row.px.need_number()?,
            amount: row.sz.need_number()?,
        };
        at.numbered_trade(&row.inst_id, &trade);
    }
    Ok(())
}

#[derive(Deserialize)]
struct BestLevel<'a> {
    #[serde(borrow)]
    asks: Vec<Pair<'a>>,
    #[serde(borrow)]
    bids: Vec<Pair<'a>>,
    #[serde(borrow)]
    ts: Cell<'a>,
}

pub(super) fn best_levels(symbol: &str, data: &str, at: &mut Reading<'_>) -> Result<(), Unread> {
    for row in serde_json::from_str::<Vec<BestLevel<'_>>>(data)? {
        let (ask, bid) = (row.asks.first(), row.bids.first());
        let quote = Quote {
            ask_amount: ask.and_then(|l| l.1.number()),
            ask_price: ask.and_then(|l| l.0.number()),
            bid_price: bid.and_then(|l| l.0.number()),
            bid_amount: bid.and_then(|l| l.1.number()),
        };
        at.quote(symbol, row.ts.need_time()?, &quote);
    }
    Ok(())
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct LiquidationOrders<'a> {
    #[serde(borrow)]
    pub(super) inst_id: Cow<'a, str>,
    #[serde(borrow)]
    pub(super) details: Vec<LiquidationOrder<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct LiquidationOrder<'a> {
    #[serde(borrow)]
    pub(super) bk_px: Cell<'a>,
    #[serde(borrow)]
    pub(super) sz: Cell<'a>,
    #[serde(borrow)]
    pub(super) side: Cow<'a, str>,
    #[serde(borrow)]
    pub(super) ts: Cell<'a>,
}

impl LiquidationOrder<'_> {
    pub(super) fn trade(&self) -> Result<Trade<'static>, Unread> {
        Ok(Trade {
            timestamp: self.ts.need_time()?,
            id: "",
            side: side_of(&self.side),
            price: self.bk_px.need_number()?,
            amount: self.sz.need_number()?,
        })
    }
}

/// What the vendor's recorder asked for by REST before `liquidation-orders` existed.
pub(super) fn liquidations(symbol: &str, data: &str, at: &mut Reading<'_>) -> Result<(), Unread> {
    for order in serde_json::from_str::<Vec<LiquidationOrder<'_>>>(data)? {
        at.liquidation(symbol, &order.trade()?);
    }
    Ok(())
}
