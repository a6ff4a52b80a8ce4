//! What OKX sent before version 5, until 2021-12-23: history of the vendor has it.

use std::borrow::Cow;

use serde::Deserialize;

use super::{Market, OkxDialect};
use crate::live::cell::{Cell, Pair, Unread, nonzero_in, number_in};
use crate::live::dialect::Reading;
use crate::live::mapped::{OptionRow, Quote, Side, TickerChange, Trade, side_of};

impl Market {
    /// How the names of tables begin.
    fn table(self) -> &'static str {
        match self {
            Market::Spot => "spot",
            Market::Futures => "futures",
            Market::Swap => "swap",
            Market::Options => "option",
        }
    }

    /// From when on the vendor recorded `depth_l2_tbt` in place of `depth`: microseconds since the Unix epoch, UTC (tardis-node, the
    /// table of mappers).
    fn tick_by_tick_since(self) -> i64 {
        match self {
            Market::Spot => 1_586_476_800_000_000,                   // 2020-04-10
            Market::Futures => 1_575_504_000_000_000,                // 2019-12-05
            Market::Swap | Market::Options => 1_581_120_000_000_000, // 2020-02-08
        }
    }
}

#[derive(Deserialize)]
struct Row<'a> {
    #[serde(borrow)]
    instrument_id: Cow<'a, str>,
    #[serde(borrow)]
    timestamp: Option<Cell<'a>>,
    #[serde(borrow)]
    created_at: Option<Cell<'a>>,
    #[serde(borrow)]
    trade_id: Option<Cell<'a>>,
    #[serde(borrow)]
    side: Option<Cow<'a, str>>,
    #[serde(borrow, rename = "type")]
    kind: Option<Cell<'a>>,
    #[serde(borrow)]
    price: Option<Cell<'a>>,
    #[serde(borrow)]
    size: Option<Cell<'a>>,
    #[serde(borrow)]
    qty: Option<Cell<'a>>,
    #[serde(borrow)]
    last: Option<Cell<'a>>,
    #[serde(borrow)]
    best_bid: Option<Cell<'a>>,
    #[serde(borrow)]
    best_ask: Option<Cell<'a>>,
    #[serde(borrow)]
    best_bid_size: Option<Cell<'a>>,
    #[serde(borrow)]
    best_ask_size: Option<Cell<'a>>,
    #[serde(borrow)]
    open_interest: Option<Cell<'a>>,
    #[serde(borrow)]
    mark_price: Option<Cell<'a>>,
    #[serde(borrow)]
    funding_rate: Option<Cell<'a>>,
    #[serde(borrow)]
    funding_time: Option<Cell<'a>>,
    #[serde(borrow)]
    estimated_rate: Option<Cell<'a>>,
    #[serde(borrow)]
    underlying: Option<Cow<'a, str>>,
    #[serde(borrow)]
    bid_vol: Option<Cell<'a>>,
    #[serde(borrow)]
    ask_vol: Option<Cell<'a>>,
    #[serde(borrow)]
    mark_vol: Option<Cell<'a>>,
    #[serde(borrow)]
    delta: Option<Cell<'a>>,
    #[serde(borrow)]
    gamma: Option<Cell<'a>>,
    #[serde(borrow)]
    vega: Option<Cell<'a>>,
    #[serde(borrow)]
    theta: Option<Cell<'a>>,
    #[serde(borrow)]
    checksum: Option<Cell<'a>>,
    #[serde(borrow, default)]
    asks: Vec<Pair<'a>>,
    #[serde(borrow, default)]
    bids: Vec<Pair<'a>>,
}

impl Row<'_> {
    fn time(&self) -> Result<i64, Unread> {
        self.timestamp.ok_or("a row without a time")?.need_iso()
    }

    fn trade(&self, timestamp: i64, side: Side) -> Result<Trade<'_>, Unread> {
        let amount = self.qty.or(self.size).ok_or("a trade without an amount")?;
        Ok(Trade {
            timestamp,
            id: self.trade_id.map_or("", Cell::text),
            side,
            price: self.price.ok_or("a trade without a price")?.need_number()?,
            amount: amount.need_number()?,
        })
    }

    fn quote(&self) -> Quote {
        Quote {
            ask_amount: nonzero_in(self.best_ask_size),
            ask_price: nonzero_in(self.best_ask),
            bid_price: nonzero_in(self.best_bid),
            bid_amount: nonzero_in(self.best_bid_size),
        }
    }
}

impl OkxDialect {
    /// Reads a message of a table such as `swap/trade`.
    pub(super) fn version3(
        &mut self,
        table: &str,
        action: Option<&str>,
        data: &str,
        at: &mut Reading<'_>,
    ) -> Result<(), Unread> {
        let (market, channel) = table.split_once('/').unwrap_or_default();
        if market == "index" && channel == "ticker" {
            for row in serde_json::from_str::<Vec<Row<'_>>>(data)? {
                if let Some(price) = number_in(row.last) {
                    self.remember_index(&row.instrument_id, price);
                }
            }
            return Ok(());
        }
        let depth = if at.arrived >= self.market.tick_by_tick_since() { "depth_l2_tbt" } else { "depth" };
        if market != self.market.table() || (channel.starts_with("depth") && channel != depth) {
            return Ok(());
        }
        for row in serde_json::from_str::<Vec<Row<'_>>>(data)? {
            let symbol = &*row.instrument_id;
            match channel {
                "trade" => {
                    let side = side_of(row.side.as_deref().unwrap_or_default());
                    at.trade(symbol, &row.trade(row.time()?, side)?);
                }
                // 3: a long position was closed; 4: a short one.
                "liquidation" => {
                    let is_long = row.kind.is_some_and(|k| k.text() == "3");
                    let side = if is_long { Side::Sell } else { Side::Buy };
                    let timestamp = row.created_at.ok_or("a liquidation without a time")?.need_iso()?;
                    at.liquidation(symbol, &row.trade(timestamp, side)?);
                }
                "ticker" | "mark_price" | "funding_rate" => {
                    if matches!(self.market, Market::Futures | Market::Swap) {
                        let change = TickerChange {
                            funding_timestamp: row.funding_time.and_then(Cell::iso),
                            funding_rate: number_in(row.funding_rate),
                            predicted_funding_rate: number_in(row.estimated_rate),
                            open_interest: number_in(row.open_interest),
                            last_price: number_in(row.last),
                            index_price: None,
                            mark_price: number_in(row.mark_price),
                        };
                        at.ticker(
                            symbol,
                            super::state_channel(channel),
                            row.timestamp.and_then(Cell::iso),
                            &change,
                        );
                    }
                    if channel == "ticker" {
                        at.quote(symbol, row.time()?, &row.quote());
                    }
                }
                "summary" => self.option3(&row, at)?,
                _ if channel == depth => {
                    let change = super::book::Change {
                        timestamp: row.time()?,
                        is_snapshot: action == Some("partial"),
                        asks: &row.asks,
                        bids: &row.bids,
                        checksum: row.checksum.and_then(Cell::integer),
                        ids: None,
                    };
                    self.books.change(symbol, &change, at)?;
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn option3(&self, row: &Row<'_>, at: &mut Reading<'_>) -> Result<(), Unread> {
        let (is_call, strike, expiration) =
            super::options::terms(&row.instrument_id).ok_or("an option of unknown form")?;
        let quote = row.quote();
        let summary = OptionRow {
            is_call,
            strike,
            expiration,
            numbers: [
                nonzero_in(row.open_interest),
                nonzero_in(row.last),
                quote.bid_price,
                quote.bid_amount,
                nonzero_in(row.bid_vol),
                quote.ask_price,
                quote.ask_amount,
                nonzero_in(row.ask_vol),
                nonzero_in(row.mark_price),
                nonzero_in(row.mark_vol),
            ],
            underlying_index: row.underlying.as_deref(),
            greeks: [
                row.underlying.as_ref().and_then(|u| self.indexes.get(&**u).copied()),
                nonzero_in(row.delta),
                nonzero_in(row.gamma),
                nonzero_in(row.vega),
                nonzero_in(row.theta),
                None,
            ],
        };
        at.option(&row.instrument_id, super::OPT_SUMMARY, row.time()?, &summary);
        Ok(())
    }
}
