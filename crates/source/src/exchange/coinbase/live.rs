//! Coinbase Exchange's public WebSocket as a live feed.
//!
//! Facts: docs.cdp.coinbase.com/exchange/websocket-feed (undated copies), as collected in the project's reference on 2026-11-29. Books
//! come from `level2_batch`, which needs no key and has no sequence.

use std::borrow::Cow;
use std::collections::HashMap;

use mtdh_core::DataType;
use mtdh_core::live::book::{MAX_DEPTH, Origin, Terms};
use mtdh_core::live::ids::IdRule;
use mtdh_core::live::rule::Rule;
use serde::Deserialize;

use crate::live::cell::{Cell, Pair, Unread, number_in};
use crate::live::dialect::{self, Dialect, Reading, connections, streams, text_of};
use crate::live::feed::{ConnectionId, Feed};
use crate::live::limits::{self, Limits};
use crate::live::mapped::{Quote, Side, Trade};
use crate::live::market::{Setup, Stream};
use crate::live::quirks::CHANGE_WITHOUT_TIME;
use crate::live::symbols::AS_LISTED;
use crate::live::venue::{Addresses, Connection, Offer, Proof, Venue, Want};

/// Coinbase Exchange.
pub static COINBASE: Coinbase = Coinbase;

/// See [`COINBASE`].
pub struct Coinbase;

const fn unproven(data_type: DataType) -> Offer {
    Offer { data_type, proof: Proof::None }
}

/// The channels in the order in which they are asked for, by data type.
fn channel(data_type: DataType) -> Option<&'static str> {
    match data_type {
        DataType::Trades => Some("matches"),
        DataType::BookTicker => Some("ticker"),
        DataType::IncrementalBookL2
        | DataType::BookSnapshot5
        | DataType::BookSnapshot25
        | DataType::Quotes => Some("level2_batch"),
        _ => None,
    }
}

impl Venue for Coinbase {
    fn exchange(&self) -> &'static str {
        "coinbase"
    }

    fn offers(&self) -> &'static [Offer] {
        const OFFERS: [Offer; 6] = [
            Offer { data_type: DataType::Trades, proof: Proof::Whole },
            unproven(DataType::IncrementalBookL2),
            unproven(DataType::BookSnapshot5),
            unproven(DataType::BookSnapshot25),
            unproven(DataType::Quotes),
            unproven(DataType::BookTicker),
        ];
        &OFFERS
    }

    fn addresses(&self) -> Addresses {
        Addresses { websockets: &["wss://ws-feed.exchange.coinbase.com"], rest: None }
    }

    fn limits(&self) -> &'static Limits {
        &limits::COINBASE
    }

    fn is_experimental(&self) -> bool {
        true
    }

    /// All products have a dash; an unknown one makes the whole request fail.
    fn not_its_form(&self, symbol: &str) -> Option<&'static str> {
        let is_one =
            symbol.split_once('-').is_some_and(|(base, quote)| !base.is_empty() && !quote.is_empty());
        (!is_one).then_some("BASE-QUOTE, such as BTC-USD")
    }

    fn plan(&self, want: &Want) -> Vec<Connection> {
        // The heartbeat has the id of the last trade of each second, also where none comes.
        let heartbeat = want.data_types.contains(&DataType::Trades).then_some("heartbeat");
        let channels = want.data_types.iter().filter_map(|data_type| channel(*data_type)).chain(heartbeat);
        connections(0, streams(&want.symbols, channels), self.limits())
    }

    fn feed(&self, want: &Want, connections: &[Connection]) -> Box<dyn Feed> {
        let dialect = CoinbaseDialect { times: HashMap::new() };
        dialect::feed(dialect, setup(want), self.limits(), want, connections)
    }
}

fn setup(want: &Want) -> Setup {
    let terms =
        Terms { rule: Rule::None, origin: Origin::Stream, depth: MAX_DEPTH, is_recorded: want.is_recorded };
    Setup { terms, ids: IdRule::Contiguous, spelling: &AS_LISTED, asks: (10, 2) }
}

struct CoinbaseDialect {
    /// The last valid time of each product's book.
    times: HashMap<String, i64>,
}

#[derive(Deserialize)]
struct Message<'a> {
    #[serde(borrow, rename = "type")]
    kind: Cow<'a, str>,
    #[serde(borrow)]
    product_id: Option<Cow<'a, str>>,
    #[serde(borrow)]
    time: Option<Cell<'a>>,
    #[serde(borrow)]
    trade_id: Option<Cell<'a>>,
    #[serde(borrow)]
    last_trade_id: Option<Cell<'a>>,
    #[serde(borrow)]
    price: Option<Cell<'a>>,
    #[serde(borrow)]
    size: Option<Cell<'a>>,
    #[serde(borrow)]
    side: Option<Cow<'a, str>>,
    #[serde(borrow)]
    best_bid: Option<Cell<'a>>,
    #[serde(borrow)]
    best_bid_size: Option<Cell<'a>>,
    #[serde(borrow)]
    best_ask: Option<Cell<'a>>,
    #[serde(borrow)]
    best_ask_size: Option<Cell<'a>>,
    #[serde(borrow, default)]
    bids: Vec<Pair<'a>>,
    #[serde(borrow, default)]
    asks: Vec<Pair<'a>>,
    #[serde(borrow, default)]
    changes: Vec<(Cow<'a, str>, Cell<'a>, Cell<'a>)>,
    #[serde(borrow)]
    message: Option<Cow<'a, str>>,
    #[serde(borrow)]
    reason: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    channels: Vec<Channel<'a>>,
}

#[derive(Deserialize)]
struct Channel<'a> {
    #[serde(borrow)]
    name: Cow<'a, str>,
    #[serde(borrow, default)]
    product_ids: Vec<Cow<'a, str>>,
}

impl Message<'_> {
    /// The time, unless it is absent or before 1970, as those are that Coinbase sends as the year 1.
    fn valid_time(&self) -> Option<i64> {
        self.time.and_then(Cell::iso).filter(|at| *at >= 0)
    }

    fn product(&self) -> Result<&str, Unread> {
        self.product_id.as_deref().ok_or_else(|| "a message without a product".into())
    }
}

impl Dialect for CoinbaseDialect {
    fn subscribe(&mut self, streams: &[String], _: u64) -> String {
        request("subscribe", streams)
    }

    fn unsubscribe(&mut self, streams: &[String], _: u64) -> String {
        request("unsubscribe", streams)
    }

    fn book_prefix(&self) -> &'static str {
        "level2_batch:"
    }

    fn prefixes(&self) -> &'static [(&'static str, Stream)] {
        &[("matches:", Stream::Trades), ("ticker:", Stream::BookTicker)]
    }

    fn read(&mut self, text: &[u8], at: &mut Reading<'_>) -> Result<(), Unread> {
        let message: Message<'_> = serde_json::from_slice(text)?;
        match &*message.kind {
            "match" => trade(&message, at),
            "snapshot" => {
                for (is_ask, side) in [(true, &message.asks), (false, &message.bids)] {
                    for Pair(price, amount) in side {
                        // Amounts that are no number or below zero have been sent.
                        if let Some(amount) = amount.number().filter(|a| *a >= 0.0) {
                            at.level(is_ask, price.need_number()?, amount);
                        }
                    }
                }
                let timestamp = message.valid_time().unwrap_or(at.arrived);
                at.book(message.product()?, timestamp, true, None);
                Ok(())
            }
            "l2update" => self.update(&message, at),
            "ticker" => {
                let quote = Quote {
                    ask_amount: number_in(message.best_ask_size),
                    ask_price: number_in(message.best_ask),
                    bid_price: number_in(message.best_bid),
                    bid_amount: number_in(message.best_bid_size),
                };
                at.quote(message.product()?, message.valid_time().unwrap_or(at.arrived), &quote);
                Ok(())
            }
            "heartbeat" => {
                if let Some(id) = message.last_trade_id {
                    at.last_trade(message.product()?, id.text());
                }
                Ok(())
            }
            // The whole of what is subscribed to, after each request.
            "subscriptions" => {
                for channel in &message.channels {
                    let name = if channel.name == "level2" { "level2_batch" } else { &*channel.name };
                    for product in &channel.product_ids {
                        at.accepted(&format!("{name}:{product}"));
                    }
                }
                Ok(())
            }
            "error" => {
                let part = |part: &Option<Cow<'_, str>>| part.as_deref().unwrap_or_default().to_owned();
                at.some_failed(&[part(&message.message), part(&message.reason)].join(": "));
                Ok(())
            }
            // Kinds that no row is made of, such as `last_match`, which is sent once after subscribing and is older; new ones may
            // appear.
            _ => Ok(()),
        }
    }

    fn closed(&mut self, _: ConnectionId, is_last: bool) {
        if is_last {
            self.times.clear();
        }
    }
}

impl CoinbaseDialect {
    fn update(&mut self, message: &Message<'_>, at: &mut Reading<'_>) -> Result<(), Unread> {
        let product = message.product()?;
        if !at.follows(product) {
            return Ok(());
        }
        let timestamp = match (message.valid_time(), self.times.get_mut(product)) {
            (Some(time), Some(last)) => {
                *last = time;
                time
            }
            (Some(time), None) => {
                self.times.insert(product.to_owned(), time);
                time
            }
            // The change is real, its time is not.
            (None, Some(last)) => *last,
            (None, None) => {
                at.quirk(&CHANGE_WITHOUT_TIME);
                at.arrived
            }
        };
        for is_ask in [false, true] {
            for (side, price, amount) in &message.changes {
                if (side == "sell") == is_ask {
                    at.level(is_ask, price.need_number()?, amount.need_number()?);
                }
            }
        }
        at.book(product, timestamp, false, None);
        Ok(())
    }
}

fn trade(message: &Message<'_>, at: &mut Reading<'_>) -> Result<(), Unread> {
    let trade = Trade {
        timestamp: message.time.ok_or("a trade without a time")?.need_iso()?,
        id: message.trade_id.map_or("", Cell::text),
        // Coinbase names the maker's side.
        side: if message.side.as_deref() == Some("sell") { Side::Buy } else { Side::Sell },
        price: message.price.ok_or("a trade without a price")?.need_number()?,
        amount: message.size.ok_or("a trade without an amount")?.need_number()?,
    };
    at.numbered_trade(message.product()?, &trade);
    Ok(())
}

fn request(kind: &str, streams: &[String]) -> String {
    let mut channels: Vec<(&str, Vec<String>)> = Vec::new();
    for stream in streams {
        let Some((name, product)) = stream.split_once(':') else { continue };
        match channels.iter_mut().find(|(known, _)| *known == name) {
            Some((_, products)) => products.push(text_of(product)),
            None => channels.push((name, vec![text_of(product)])),
        }
    }
    let channels: Vec<String> = channels
        .iter()
        .map(|(name, products)| format!(r#"{{"name":"{name}","product_ids":[{}]}}"#, products.join(",")))
        .collect();
    format!(r#"{{"type":"{kind}","channels":[{}]}}"#, channels.join(","))
}
