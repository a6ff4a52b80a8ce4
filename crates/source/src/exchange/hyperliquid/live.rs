//! Hyperliquid's public WebSocket as a live feed.
//!
//! Facts: hyperliquid.gitbook.io (several ages) and the vendor's client of 2026-08-22, as collected in the project's reference on
//! 2026-11-29.

use std::borrow::Cow;

use mtdh_core::DataType;
use mtdh_core::live::book::{MAX_DEPTH, Origin, Terms};
use mtdh_core::live::ids::IdRule;
use mtdh_core::live::rule::Rule;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::live::cell::{Cell, Unread, number_in};
use crate::live::dialect::{self, Dialect, Reading, connections, streams, text_of};
use crate::live::feed::{ConnectionId, Feed};
use crate::live::limits::{self, Limits};
use crate::live::mapped::{Quote, Side, TickerChange, Trade};
use crate::live::market::{Setup, Stream};
use crate::live::quirks::FIRST_TRADES;
use crate::live::recent::Recent;
use crate::live::symbols::{AS_LISTED, Spelling};
use crate::live::venue::{Addresses, Connection, Offer, Proof, Venue, Want};

/// Hyperliquid.
pub static HYPERLIQUID: Hyperliquid = Hyperliquid;

/// See [`HYPERLIQUID`].
pub struct Hyperliquid;

/// From here on the vendor's books are those of `l2Book` with `fast`, which its recorder calls `fastBook`: 2026-06-17, microseconds since
/// the Unix epoch, UTC.
const FAST_SINCE: i64 = 1_781_654_400_000_000;

impl Venue for Hyperliquid {
    fn exchange(&self) -> &'static str {
        "hyperliquid"
    }

    fn offers(&self) -> &'static [Offer] {
        const fn unproven(data_type: DataType) -> Offer {
            Offer { data_type, proof: Proof::None }
        }
        const OFFERS: [Offer; 7] = [
            unproven(DataType::Trades),
            unproven(DataType::IncrementalBookL2),
            unproven(DataType::BookSnapshot5),
            unproven(DataType::BookSnapshot25),
            unproven(DataType::Quotes),
            unproven(DataType::BookTicker),
            unproven(DataType::DerivativeTicker),
        ];
        &OFFERS
    }

    fn addresses(&self) -> Addresses {
        Addresses { websockets: &["wss://api.hyperliquid.xyz/ws"], rest: None }
    }

    fn limits(&self) -> &'static Limits {
        &limits::HYPERLIQUID
    }

    fn is_experimental(&self) -> bool {
        true
    }

    fn spelling(&self) -> &'static Spelling {
        &SPELLING
    }

    fn plan(&self, want: &Want) -> Vec<Connection> {
        let kind = |data_type| match data_type {
            DataType::Trades => Some("trades"),
            DataType::BookTicker => Some("bbo"),
            DataType::DerivativeTicker => Some("activeAssetCtx"),
            DataType::Liquidations | DataType::OptionsChain => None,
            _ => Some("l2Book"),
        };
        connections(0, streams(&want.symbols, want.data_types.iter().filter_map(|t| kind(*t))), self.limits())
    }

    fn feed(&self, want: &Want, connections: &[Connection]) -> Box<dyn Feed> {
        let dialect = HyperliquidDialect { trades: Recent::default() };
        dialect::feed(dialect, setup(want), self.limits(), want, connections)
    }
}

/// Coins have their own case on the socket and in the vendor's list; its rows have them in upper case: `kPEPE` is `KPEPE`.
static SPELLING: Spelling = Spelling { row: |coin, _| coin.to_uppercase(), ..AS_LISTED };

fn setup(want: &Want) -> Setup {
    let terms =
        Terms { rule: Rule::Full, origin: Origin::Stream, depth: MAX_DEPTH, is_recorded: want.is_recorded };
    Setup { terms, ids: IdRule::Opaque, spelling: &SPELLING, asks: (10, 5) }
}

/// The channel of the state of a derivative.
const CONTEXT: &str = "activeAssetCtx";

struct HyperliquidDialect {
    trades: Recent,
}

#[derive(Deserialize)]
struct Message<'a> {
    #[serde(borrow)]
    channel: Cow<'a, str>,
    #[serde(borrow)]
    data: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Subscription<'a> {
    #[serde(borrow, rename = "type")]
    kind: Cow<'a, str>,
    #[serde(borrow)]
    coin: Cow<'a, str>,
}

#[derive(Deserialize)]
struct Response<'a> {
    #[serde(borrow)]
    subscription: Option<Subscription<'a>>,
    #[serde(borrow)]
    method: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
struct HyperliquidTrade<'a> {
    #[serde(borrow)]
    coin: Cow<'a, str>,
    #[serde(borrow)]
    side: Cow<'a, str>,
    #[serde(borrow)]
    px: Cell<'a>,
    #[serde(borrow)]
    sz: Cell<'a>,
    #[serde(borrow)]
    time: Cell<'a>,
    #[serde(borrow)]
    tid: Cell<'a>,
}

#[derive(Deserialize)]
struct Level<'a> {
    #[serde(borrow)]
    px: Cell<'a>,
    #[serde(borrow)]
    sz: Cell<'a>,
}

#[derive(Deserialize)]
struct Book<'a> {
    #[serde(borrow)]
    coin: Cow<'a, str>,
    #[serde(borrow)]
    time: Cell<'a>,
    /// Bids, then asks.
    #[serde(borrow)]
    levels: (Vec<Level<'a>>, Vec<Level<'a>>),
    #[serde(default)]
    fast: bool,
}

#[derive(Deserialize)]
struct Best<'a> {
    #[serde(borrow)]
    coin: Cow<'a, str>,
    #[serde(borrow)]
    time: Cell<'a>,
    /// Bid, then ask.
    #[serde(borrow)]
    bbo: (Option<Level<'a>>, Option<Level<'a>>),
}

#[derive(Deserialize)]
struct AssetContext<'a> {
    #[serde(borrow)]
    coin: Cow<'a, str>,
    #[serde(borrow)]
    ctx: Context<'a>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Context<'a> {
    #[serde(borrow)]
    funding: Option<Cell<'a>>,
    #[serde(borrow)]
    open_interest: Option<Cell<'a>>,
    #[serde(borrow)]
    oracle_px: Option<Cell<'a>>,
    #[serde(borrow)]
    mark_px: Option<Cell<'a>>,
}

/// A stream's subscription; the book is the fast one.
fn request(method: &str, stream: &str) -> String {
    let (kind, coin) = stream.split_once(':').unwrap_or((stream, ""));
    let fast = if kind == "l2Book" { r#","fast":true"# } else { "" };
    let coin = text_of(coin);
    format!(r#"{{"method":"{method}","subscription":{{"type":"{kind}","coin":{coin}{fast}}}}}"#)
}

impl Dialect for HyperliquidDialect {
    /// One subscription a message.
    fn subscribe(&mut self, streams: &[String], _: u64) -> String {
        request("subscribe", streams.first().map_or("", String::as_str))
    }

    fn unsubscribe(&mut self, streams: &[String], _: u64) -> String {
        request("unsubscribe", streams.first().map_or("", String::as_str))
    }

    fn book_prefix(&self) -> &'static str {
        "l2Book:"
    }

    fn prefixes(&self) -> &'static [(&'static str, Stream)] {
        &[
            ("trades:", Stream::Trades),
            ("bbo:", Stream::BookTicker),
            ("activeAssetCtx:", Stream::Ticker(CONTEXT)),
        ]
    }

    fn answers_each(&self) -> bool {
        true
    }

    fn opened(&mut self, connection: ConnectionId, now: i64) {
        self.trades.opened(connection, now);
    }

    fn closed(&mut self, connection: ConnectionId, _: bool) {
        self.trades.closed(connection);
    }

    fn read(&mut self, text: &[u8], at: &mut Reading<'_>) -> Result<(), Unread> {
        if !text.starts_with(b"{") {
            // A greeting, `Websocket connection established.`
            return if text.is_ascii() { Ok(()) } else { Err("neither JSON nor a greeting".into()) };
        }
        let message: Message<'_> = serde_json::from_slice(text)?;
        let Some(data) = message.data.map(RawValue::get) else { return Ok(()) };
        match &*message.channel {
            "trades" => self.trades(data, at),
            "l2Book" | "fastBook" => self.book(&message.channel, data, at),
            "bbo" => best(data, at),
            "activeAssetCtx" => context(data, at),
            "subscriptionResponse" => {
                let response: Response<'_> = serde_json::from_str(data)?;
                if response.method.as_deref() != Some("unsubscribe")
                    && let Some(subscription) = &response.subscription
                {
                    at.accepted(&format!("{}:{}", subscription.kind, subscription.coin));
                }
                Ok(())
            }
            "error" => {
                let words: String = serde_json::from_str(data).unwrap_or_else(|_| data.to_owned());
                // The words end with the request.
                match at.stream_in(&words) {
                    Some(stream) => at.refused(&stream, &words),
                    None if at.named_failed(&words) => {}
                    None => at.reconnect(&words),
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

impl HyperliquidDialect {
    /// The first message of a coin has trades from before the subscription. The vendor drops it whole; here only what is known or older
    /// than the connection is dropped.
    fn trades(&mut self, data: &str, at: &mut Reading<'_>) -> Result<(), Unread> {
        let rows: Vec<HyperliquidTrade<'_>> = serde_json::from_str(data)?;
        let Some(first) = rows.first().filter(|row| at.follows(&row.coin)) else { return Ok(()) };
        let is_first = self.trades.is_first(at.connection, &first.coin);
        for row in rows.iter().filter(|row| row.coin == first.coin) {
            let timestamp = row.time.need_time()?;
            let trade = Trade {
                timestamp,
                id: row.tid.text(),
                side: if row.side == "B" { Side::Buy } else { Side::Sell },
                price: row.px.need_number()?,
                amount: row.sz.need_number()?,
            };
            if self.trades.is_new((at.connection, at.arrived), &row.coin, is_first, timestamp, row.tid.text())
            {
                if is_first {
                    at.quirk(&FIRST_TRADES);
                }
                at.trade(&row.coin, &trade);
            }
        }
        Ok(())
    }

    fn book(&mut self, channel: &str, data: &str, at: &mut Reading<'_>) -> Result<(), Unread> {
        let book: Book<'_> = serde_json::from_str(data)?;
        let is_fast = book.fast || channel == "fastBook";
        // A slow book beside the fast one would go back in time; before the switch there was only the slow one.
        if is_fast != (at.arrived >= FAST_SINCE) {
            return Ok(());
        }
        for (is_ask, side) in [(true, &book.levels.1), (false, &book.levels.0)] {
            for level in side {
                at.level(is_ask, level.px.need_number()?, level.sz.need_number()?);
            }
        }
        at.book(&book.coin, book.time.need_time()?, true, None);
        Ok(())
    }
}

fn best(data: &str, at: &mut Reading<'_>) -> Result<(), Unread> {
    let best: Best<'_> = serde_json::from_str(data)?;
    let (bid, ask) = (&best.bbo.0, &best.bbo.1);
    let quote = Quote {
        ask_amount: ask.as_ref().and_then(|level| level.sz.number()),
        ask_price: ask.as_ref().and_then(|level| level.px.number()),
        bid_price: bid.as_ref().and_then(|level| level.px.number()),
        bid_amount: bid.as_ref().and_then(|level| level.sz.number()),
    };
    at.quote(&best.coin, best.time.need_time()?, &quote);
    Ok(())
}

fn context(data: &str, at: &mut Reading<'_>) -> Result<(), Unread> {
    let context: AssetContext<'_> = serde_json::from_str(data)?;
    let change = TickerChange {
        funding_timestamp: None,
        funding_rate: number_in(context.ctx.funding),
        predicted_funding_rate: None,
        open_interest: number_in(context.ctx.open_interest),
        last_price: None,
        index_price: number_in(context.ctx.oracle_px),
        mark_price: number_in(context.ctx.mark_px),
    };
    at.ticker(&context.coin, CONTEXT, Some(at.arrived), &change);
    Ok(())
}
