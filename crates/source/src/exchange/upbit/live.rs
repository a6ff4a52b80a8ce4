//! Upbit's public WebSocket as a live feed.
//!
//! Facts: docs.upbit.com (rate limits of 2026-10-07, websocket guide), as collected in the project's reference on 2026-11-29. Messages
//! are JSON in binary frames, in the format `DEFAULT`, or `SIMPLE` with short keys, as recordings have.

use std::borrow::Cow;

use mtdh_core::DataType;
use mtdh_core::live::book::{MAX_DEPTH, Origin, Terms};
use mtdh_core::live::ids::IdRule;
use mtdh_core::live::rule::Rule;
use serde::Deserialize;

use crate::live::cell::{Cell, Unread};
use crate::live::dialect::{self, Dialect, Reading, connections, streams, text_of};
use crate::live::feed::Feed;
use crate::live::limits::{self, Limits};
use crate::live::mapped::{Side, Trade};
use crate::live::market::{Setup, Stream};
use crate::live::symbols::AS_LISTED;
use crate::live::venue::{Addresses, Connection, Offer, Proof, Venue, Want};

/// Upbit.
pub static UPBIT: Upbit = Upbit;

/// See [`UPBIT`].
pub struct Upbit;

/// Each message is a whole book and ids of trades are only unique: no loss shows.
const fn unproven(data_type: DataType) -> Offer {
    Offer { data_type, proof: Proof::None }
}

impl Venue for Upbit {
    fn exchange(&self) -> &'static str {
        "upbit"
    }

    fn offers(&self) -> &'static [Offer] {
        const OFFERS: [Offer; 5] = [
            unproven(DataType::Trades),
            unproven(DataType::IncrementalBookL2),
            unproven(DataType::BookSnapshot5),
            unproven(DataType::BookSnapshot25),
            unproven(DataType::Quotes),
        ];
        &OFFERS
    }

    fn addresses(&self) -> Addresses {
        Addresses { websockets: &["wss://api.upbit.com/websocket/v1"], rest: None }
    }

    fn limits(&self) -> &'static Limits {
        &limits::UPBIT
    }

    fn is_experimental(&self) -> bool {
        false
    }

    /// The guide's form of a code; an unknown one makes the whole request fail.
    fn not_its_form(&self, symbol: &str) -> Option<&'static str> {
        let is_word = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric());
        let is_one = symbol.split_once('-').is_some_and(|(quote, base)| is_word(quote) && is_word(base));
        (!is_one).then_some("QUOTE-BASE, such as KRW-BTC")
    }

    fn plan(&self, want: &Want) -> Vec<Connection> {
        let kind = |data_type| match data_type {
            DataType::Trades => Some("trade"),
            other => self.offers().iter().any(|offer| offer.data_type == other).then_some("orderbook"),
        };
        connections(0, streams(&want.symbols, want.data_types.iter().filter_map(|t| kind(*t))), self.limits())
    }

    fn feed(&self, want: &Want, connections: &[Connection]) -> Box<dyn Feed> {
        let dialect = UpbitDialect;
        dialect::feed(dialect, setup(want), self.limits(), want, connections)
    }
}

fn setup(want: &Want) -> Setup {
    let terms =
        Terms { rule: Rule::Full, origin: Origin::Stream, depth: MAX_DEPTH, is_recorded: want.is_recorded };
    Setup { terms, ids: IdRule::Opaque, spelling: &AS_LISTED, asks: (1, 1) }
}

struct UpbitDialect;

/// One message in either format.
#[derive(Deserialize)]
struct Message<'a> {
    #[serde(borrow, rename = "type", alias = "ty")]
    kind: Option<Cow<'a, str>>,
    #[serde(borrow, alias = "cd")]
    code: Option<Cow<'a, str>>,
    #[serde(borrow, alias = "tms")]
    timestamp: Option<Cell<'a>>,
    #[serde(borrow, alias = "ttms")]
    trade_timestamp: Option<Cell<'a>>,
    #[serde(borrow, alias = "tp")]
    trade_price: Option<Cell<'a>>,
    #[serde(borrow, alias = "tv")]
    trade_volume: Option<Cell<'a>>,
    #[serde(borrow, alias = "ab")]
    ask_bid: Option<Cow<'a, str>>,
    #[serde(borrow, alias = "sid")]
    sequential_id: Option<Cell<'a>>,
    #[serde(borrow, alias = "obu", default)]
    orderbook_units: Vec<Unit<'a>>,
    #[serde(borrow)]
    status: Option<Cell<'a>>,
    #[serde(borrow)]
    error: Option<Failure<'a>>,
}

#[derive(Deserialize)]
struct Unit<'a> {
    #[serde(borrow, alias = "ap")]
    ask_price: Cell<'a>,
    #[serde(borrow, alias = "bp")]
    bid_price: Cell<'a>,
    #[serde(borrow, alias = "as")]
    ask_size: Cell<'a>,
    #[serde(borrow, alias = "bs")]
    bid_size: Cell<'a>,
}

#[derive(Deserialize)]
struct Failure<'a> {
    #[serde(borrow)]
    name: Option<Cow<'a, str>>,
    #[serde(borrow)]
    message: Option<Cow<'a, str>>,
}

impl Dialect for UpbitDialect {
    /// All streams in one message: a later one replaces what was subscribed to.
    fn subscribe(&mut self, streams: &[String], number: u64) -> String {
        let mut parts = vec![format!(r#"{{"ticket":"mtdh-{number}"}}"#)];
        for kind in ["trade", "orderbook"] {
            let codes: Vec<String> = streams
                .iter()
                .filter_map(|s| s.split_once(':').filter(|(k, _)| *k == kind))
                .map(|(_, code)| text_of(code))
                .collect();
            if !codes.is_empty() {
                let codes = codes.join(",");
                parts.push(format!(r#"{{"type":"{kind}","codes":[{codes}],"isOnlyRealtime":true}}"#));
            }
        }
        parts.push(r#"{"format":"DEFAULT"}"#.to_owned());
        format!("[{}]", parts.join(","))
    }

    /// There is none: a request replaces the one before.
    fn unsubscribe(&mut self, _: &[String], _: u64) -> String {
        String::new()
    }

    fn book_prefix(&self) -> &'static str {
        "orderbook:"
    }

    fn prefixes(&self) -> &'static [(&'static str, Stream)] {
        &[("trade:", Stream::Trades)]
    }

    fn has_answers(&self) -> bool {
        false
    }

    fn replaces(&self) -> bool {
        true
    }

    fn read(&mut self, text: &[u8], at: &mut Reading<'_>) -> Result<(), Unread> {
        let message: Message<'_> = serde_json::from_slice(text)?;
        if let Some(error) = &message.error {
            let words =
                [&error.name, &error.message].map(|part| part.as_deref().unwrap_or_default()).join(": ");
            // All streams are in one request, which failed as a whole.
            if !at.named_failed(&words) {
                at.all_failed(&words);
            }
            return Ok(());
        }
        let (Some(kind), Some(code)) = (&message.kind, &message.code) else {
            // The answer to `PING`.
            return if message.status.is_some() { Ok(()) } else { Err("neither a type nor an error".into()) };
        };
        match &**kind {
            "trade" => {
                let side = match message.ask_bid.as_deref() {
                    Some("ASK") => Side::Sell,
                    Some("BID") => Side::Buy,
                    _ => Side::Unknown,
                };
                let trade = Trade {
                    timestamp: message.trade_timestamp.ok_or("a trade without a time")?.need_time()?,
                    id: message.sequential_id.map_or("", Cell::text),
                    side,
                    price: message.trade_price.ok_or("a trade without a price")?.need_number()?,
                    amount: message.trade_volume.ok_or("a trade without an amount")?.need_number()?,
                };
                at.trade(code, &trade);
            }
            "orderbook" => {
                for unit in &message.orderbook_units {
                    for (is_ask, price, amount) in
                        [(true, unit.ask_price, unit.ask_size), (false, unit.bid_price, unit.bid_size)]
                    {
                        let price = price.need_number()?;
                        if price > 0.0 {
                            at.level(is_ask, price, amount.need_number()?);
                        }
                    }
                }
                let timestamp = message.timestamp.ok_or("a book without a time")?.need_time()?;
                at.book(code, timestamp, true, None);
            }
            _ => {}
        }
        Ok(())
    }
}
