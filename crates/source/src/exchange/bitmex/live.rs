//! BitMEX's public WebSocket as a live feed.
//!
//! Facts: stored copies of bitmex.com/app/wsAPI and the vendor's client of 2026-08-22, as collected in the project's reference on
//! 2026-11-29. Tables have no sequence: a lost message does not show.

mod book;

use std::borrow::Cow;
use std::collections::HashSet;

use mtdh_core::DataType;
use mtdh_core::live::book::{MAX_DEPTH, Origin, Terms};
use mtdh_core::live::ids::IdRule;
use mtdh_core::live::rule::Rule;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::live::cell::{Cell, Unread, nonzero_in, number_in};
use crate::live::dialect::{self, Dialect, Reading, connections, streams, text_of};
use crate::live::feed::{ConnectionId, Feed};
use crate::live::limits::{self, Limits};
use crate::live::mapped::{Quote, TickerChange, Trade, side_of};
use crate::live::market::{Setup, Stream};
use crate::live::symbols::AS_LISTED;
use crate::live::venue::{Addresses, Connection, Offer, Proof, Venue, Want};

/// BitMEX.
pub static BITMEX: Bitmex = Bitmex;

/// See [`BITMEX`].
pub struct Bitmex;

impl Venue for Bitmex {
    fn exchange(&self) -> &'static str {
        "bitmex"
    }

    fn offers(&self) -> &'static [Offer] {
        const fn unproven(data_type: DataType) -> Offer {
            Offer { data_type, proof: Proof::None }
        }
        const OFFERS: [Offer; 8] = [
            unproven(DataType::Trades),
            unproven(DataType::IncrementalBookL2),
            unproven(DataType::BookSnapshot5),
            unproven(DataType::BookSnapshot25),
            unproven(DataType::Quotes),
            unproven(DataType::BookTicker),
            unproven(DataType::DerivativeTicker),
            unproven(DataType::Liquidations),
        ];
        &OFFERS
    }

    fn addresses(&self) -> Addresses {
        Addresses { websockets: &["wss://ws.bitmex.com/realtime"], rest: None }
    }

    fn limits(&self) -> &'static Limits {
        &limits::BITMEX
    }

    fn is_experimental(&self) -> bool {
        true
    }

    fn plan(&self, want: &Want) -> Vec<Connection> {
        let table = |data_type| match data_type {
            DataType::Trades => Some("trade"),
            DataType::BookTicker => Some("quote"),
            DataType::DerivativeTicker => Some("instrument"),
            DataType::Liquidations => Some("liquidation"),
            DataType::OptionsChain => None,
            _ => Some("orderBookL2"),
        };
        connections(
            0,
            streams(&want.symbols, want.data_types.iter().filter_map(|t| table(*t))),
            self.limits(),
        )
    }

    fn feed(&self, want: &Want, connections: &[Connection]) -> Box<dyn Feed> {
        let dialect = BitmexDialect { books: book::Books::default(), instruments: HashSet::new() };
        dialect::feed(dialect, setup(want), self.limits(), want, connections)
    }
}

fn setup(want: &Want) -> Setup {
    let terms =
        Terms { rule: Rule::None, origin: Origin::Stream, depth: MAX_DEPTH, is_recorded: want.is_recorded };
    Setup { terms, ids: IdRule::Opaque, spelling: &AS_LISTED, asks: (5, 1) }
}

struct BitmexDialect {
    books: book::Books,
    /// Instruments whose first state came: updates before it say nothing.
    instruments: HashSet<String>,
}

#[derive(Deserialize)]
struct Message<'a> {
    #[serde(borrow)]
    table: Option<Cow<'a, str>>,
    #[serde(borrow)]
    action: Option<Cow<'a, str>>,
    #[serde(borrow)]
    data: Option<&'a RawValue>,
    #[serde(borrow)]
    filter: Option<Filter<'a>>,
    #[serde(borrow)]
    subscribe: Option<Cow<'a, str>>,
    success: Option<bool>,
    #[serde(borrow)]
    error: Option<Cow<'a, str>>,
    status: Option<i64>,
    request: Option<Request>,
    #[serde(borrow)]
    info: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
struct Filter<'a> {
    #[serde(borrow)]
    symbol: Option<Cow<'a, str>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Request {
    op: String,
    args: OneOrMore,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMore {
    More(Vec<String>),
    One(String),
    Other(serde::de::IgnoredAny),
}

impl Default for OneOrMore {
    fn default() -> OneOrMore {
        OneOrMore::More(Vec::new())
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Row<'a> {
    #[serde(borrow)]
    symbol: Cow<'a, str>,
    #[serde(borrow)]
    timestamp: Option<Cell<'a>>,
    #[serde(borrow)]
    side: Option<Cow<'a, str>>,
    #[serde(borrow)]
    price: Option<Cell<'a>>,
    #[serde(borrow)]
    size: Option<Cell<'a>>,
    #[serde(borrow, rename = "trdMatchID")]
    match_id: Option<Cell<'a>>,
    #[serde(borrow, rename = "orderID")]
    order_id: Option<Cell<'a>>,
    #[serde(borrow)]
    leaves_qty: Option<Cell<'a>>,
    #[serde(borrow)]
    bid_price: Option<Cell<'a>>,
    #[serde(borrow)]
    bid_size: Option<Cell<'a>>,
    #[serde(borrow)]
    ask_price: Option<Cell<'a>>,
    #[serde(borrow)]
    ask_size: Option<Cell<'a>>,
    #[serde(borrow)]
    state: Option<Cow<'a, str>>,
    #[serde(borrow)]
    funding_rate: Option<Cell<'a>>,
    #[serde(borrow)]
    indicative_funding_rate: Option<Cell<'a>>,
    #[serde(borrow)]
    funding_timestamp: Option<Cell<'a>>,
    #[serde(borrow)]
    indicative_settle_price: Option<Cell<'a>>,
    #[serde(borrow)]
    mark_price: Option<Cell<'a>>,
    #[serde(borrow)]
    open_interest: Option<Cell<'a>>,
    #[serde(borrow)]
    last_price: Option<Cell<'a>>,
}

impl<'a> Row<'a> {
    fn trade(
        &self,
        timestamp: i64,
        id: Option<Cell<'a>>,
        amount: Option<Cell<'a>>,
    ) -> Result<Trade<'a>, Unread> {
        Ok(Trade {
            timestamp,
            id: id.map_or("", Cell::text),
            side: side_of(self.side.as_deref().unwrap_or_default()),
            price: self.price.ok_or("a trade without a price")?.need_number()?,
            amount: amount.ok_or("a trade without an amount")?.need_number()?,
        })
    }
}

impl Dialect for BitmexDialect {
    fn subscribe(&mut self, streams: &[String], _: u64) -> String {
        request("subscribe", streams)
    }

    fn unsubscribe(&mut self, streams: &[String], _: u64) -> String {
        request("unsubscribe", streams)
    }

    fn book_prefix(&self) -> &'static str {
        "orderBookL2:"
    }

    fn prefixes(&self) -> &'static [(&'static str, Stream)] {
        &[
            ("trade:", Stream::Trades),
            ("quote:", Stream::BookTicker),
            ("instrument:", Stream::Ticker("instrument")),
            ("liquidation:", Stream::Liquidations),
        ]
    }

    fn answers_each(&self) -> bool {
        true
    }

    fn read(&mut self, text: &[u8], at: &mut Reading<'_>) -> Result<(), Unread> {
        if text == b"pong" {
            return Ok(());
        }
        let message: Message<'_> = serde_json::from_slice(text)?;
        let (Some(table), Some(action), Some(data)) = (&message.table, &message.action, message.data) else {
            return answer(message, at);
        };
        let data = data.get();
        match (&**table, &**action) {
            ("orderBookL2", _) => {
                let symbol = message.filter.as_ref().and_then(|filter| filter.symbol.as_deref());
                self.books.read(action, data, symbol, at)
            }
            ("instrument", _) => self.instruments(action, data, at),
            // Of these only what is new is a row: a `partial` repeats what was.
            ("trade" | "quote" | "liquidation", "insert") => {
                for row in serde_json::from_str::<Vec<Row<'_>>>(data)? {
                    insert(table, &row, at)?;
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn closed(&mut self, _: ConnectionId, is_last: bool) {
        if is_last {
            self.books = book::Books::default();
            self.instruments.clear();
        }
    }
}

impl BitmexDialect {
    fn instruments(&mut self, action: &str, data: &str, at: &mut Reading<'_>) -> Result<(), Unread> {
        for row in serde_json::from_str::<Vec<Row<'_>>>(data)? {
            if !at.follows(&row.symbol) {
                continue;
            }
            if matches!(action, "partial" | "insert") {
                self.instruments.insert(row.symbol.to_string());
            } else if !self.instruments.contains(&*row.symbol) {
                continue;
            }
            if !matches!(row.state.as_deref(), None | Some("Open" | "Closed")) {
                continue;
            }
            let change = TickerChange {
                funding_timestamp: row.funding_timestamp.and_then(Cell::iso),
                funding_rate: number_in(row.funding_rate),
                predicted_funding_rate: number_in(row.indicative_funding_rate),
                open_interest: number_in(row.open_interest),
                last_price: number_in(row.last_price),
                index_price: number_in(row.indicative_settle_price),
                mark_price: number_in(row.mark_price),
            };
            at.ticker(&row.symbol, "instrument", row.timestamp.and_then(Cell::iso), &change);
        }
        Ok(())
    }
}

fn insert(table: &str, row: &Row<'_>, at: &mut Reading<'_>) -> Result<(), Unread> {
    match table {
        "trade" => {
            let timestamp = row.timestamp.ok_or("a trade without a time")?.need_iso()?;
            at.trade(&row.symbol, &row.trade(timestamp, row.match_id, row.size)?);
        }
        "quote" => {
            let quote = Quote {
                ask_amount: nonzero_in(row.ask_size),
                ask_price: nonzero_in(row.ask_price),
                bid_price: nonzero_in(row.bid_price),
                bid_amount: nonzero_in(row.bid_size),
            };
            at.quote(&row.symbol, row.timestamp.ok_or("a quote without a time")?.need_iso()?, &quote);
        }
        // The table has no time.
        _ => at.liquidation(&row.symbol, &row.trade(at.arrived, row.order_id, row.leaves_qty)?),
    }
    Ok(())
}

fn answer(message: Message<'_>, at: &mut Reading<'_>) -> Result<(), Unread> {
    let request = message.request.unwrap_or_default();
    let args = match request.args {
        OneOrMore::More(args) => args,
        OneOrMore::One(arg) => vec![arg],
        OneOrMore::Other(_) => Vec::new(),
    };
    if let Some(words) = &message.error {
        let asked = request.op == "subscribe" || request.op.is_empty();
        // A refusal names the request; one that names none is about the connection, such as 429.
        match (args.as_slice(), asked) {
            (_, false) => {}
            ([], true) if message.status == Some(429) => at.reconnect(words),
            ([], true) => at.some_failed(words),
            _ if at.named_failed(words) => {}
            _ => at.request_failed(&args, words),
        }
    } else if let (Some(stream), Some(true)) = (&message.subscribe, message.success) {
        at.accepted(stream);
    } else if message.info.is_none() && message.success.is_none() {
        return Err("neither a table nor an answer".into());
    }
    Ok(())
}

fn request(op: &str, streams: &[String]) -> String {
    let args: Vec<String> = streams.iter().map(|s| text_of(s)).collect();
    format!(r#"{{"op":"{op}","args":[{}]}}"#, args.join(","))
}
