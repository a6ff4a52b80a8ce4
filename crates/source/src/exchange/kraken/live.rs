//! Kraken's public WebSocket (version 2, spot) as a live feed.
//!
//! Facts: docs.kraken.com (undated copies), as collected in the project's reference on 2026-11-29. `version1` reads what the vendor
//! recorded before 2026-07-10.

mod version1;

use std::borrow::Cow;
use std::collections::HashMap;

use mtdh_core::DataType;
use mtdh_core::live::book::{Origin, Terms};
use mtdh_core::live::ids::IdRule;
use mtdh_core::live::rule::Rule;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::live::cell::{Cell, Pair, Unread, nonzero_in};
use crate::live::checksum::TextBook;
use crate::live::dialect::{self, Dialect, Reading, connections, streams, text_of};
use crate::live::feed::{ConnectionId, Feed};
use crate::live::limits::{self, Limits};
use crate::live::mapped::{Quote, Trade, side_of};
use crate::live::market::{Setup, Stream};
use crate::live::symbols::Spelling;
use crate::live::venue::{Addresses, Connection, Offer, Proof, Venue, Want};

/// Kraken.
pub static KRAKEN: Kraken = Kraken;

/// See [`KRAKEN`].
pub struct Kraken;

/// Levels a side that are subscribed to; what falls out of them is not told.
pub(crate) const DEPTH: usize = 1_000;

impl Venue for Kraken {
    fn exchange(&self) -> &'static str {
        "kraken"
    }

    fn offers(&self) -> &'static [Offer] {
        const fn proven(data_type: DataType) -> Offer {
            Offer { data_type, proof: Proof::Whole }
        }
        const OFFERS: [Offer; 6] = [
            // Ids rise by one as far as seen, which no document promises.
            Offer { data_type: DataType::Trades, proof: Proof::Part },
            proven(DataType::IncrementalBookL2),
            proven(DataType::BookSnapshot5),
            proven(DataType::BookSnapshot25),
            proven(DataType::Quotes),
            Offer { data_type: DataType::BookTicker, proof: Proof::None },
        ];
        &OFFERS
    }

    fn addresses(&self) -> Addresses {
        Addresses { websockets: &["wss://ws.kraken.com/v2"], rest: None }
    }

    fn limits(&self) -> &'static Limits {
        &limits::KRAKEN
    }

    fn is_experimental(&self) -> bool {
        true
    }

    fn spelling(&self) -> &'static Spelling {
        &SPELLING
    }

    /// Version 2 of the protocol writes pairs with a slash.
    fn not_its_form(&self, symbol: &str) -> Option<&'static str> {
        let is_one =
            symbol.split_once('/').is_some_and(|(base, quote)| !base.is_empty() && !quote.is_empty());
        (!is_one).then_some("BASE/QUOTE, such as BTC/USD")
    }

    fn plan(&self, want: &Want) -> Vec<Connection> {
        let channel = |data_type| match data_type {
            DataType::Trades => Some("trade"),
            DataType::BookTicker => Some("ticker"),
            other => self.offers().iter().any(|offer| offer.data_type == other).then_some("book"),
        };
        let mut streams = streams(&want.symbols, want.data_types.iter().filter_map(|t| channel(*t)));
        // One channel a request: streams of a channel stand together.
        streams.sort();
        connections(0, streams, self.limits())
    }

    fn feed(&self, want: &Want, connections: &[Connection]) -> Box<dyn Feed> {
        let dialect = KrakenDialect { texts: HashMap::new() };
        dialect::feed(dialect, setup(want), self.limits(), want, connections)
    }
}

/// The vendor's list has the names of version 1, `XBT/USD` (its files `XBT-USD`); messages of version 2 and the rows that the vendor makes
/// of them have `BTC/USD` (its own cases since 2026-07-10).
static SPELLING: Spelling = Spelling {
    socket: |listed| {
        let pair = listed.split_once('/').or_else(|| listed.split_once('-'));
        let Some((base, quote)) = pair else { return listed.to_owned() };
        format!("{}/{}", of_version2(base), of_version2(quote))
    },
    row: |symbol, _| symbol.to_owned(),
};

/// The name of a currency in version 2.
fn of_version2(currency: &str) -> &str {
    match currency {
        "XBT" => "BTC",
        "XDG" => "DOGE",
        other => other,
    }
}

fn setup(want: &Want) -> Setup {
    let terms =
        Terms { rule: Rule::Checksum, origin: Origin::Stream, depth: DEPTH, is_recorded: want.is_recorded };
    Setup { terms, ids: IdRule::Likely, spelling: &SPELLING, asks: (10, 2) }
}

struct KrakenDialect {
    texts: HashMap<String, TextBook>,
}

#[derive(Deserialize)]
struct Message<'a> {
    #[serde(borrow)]
    channel: Option<Cow<'a, str>>,
    #[serde(borrow, rename = "type")]
    kind: Option<Cow<'a, str>>,
    #[serde(borrow)]
    data: Option<&'a RawValue>,
    #[serde(borrow)]
    method: Option<Cow<'a, str>>,
    success: Option<bool>,
    #[serde(borrow)]
    error: Option<Cow<'a, str>>,
    #[serde(borrow, rename = "Error")]
    fault: Option<Cow<'a, str>>,
    #[serde(borrow)]
    symbol: Option<Cow<'a, str>>,
    #[serde(borrow)]
    result: Option<Accepted<'a>>,
}

#[derive(Deserialize)]
struct Accepted<'a> {
    #[serde(borrow)]
    channel: Option<Cow<'a, str>>,
    #[serde(borrow)]
    symbol: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
struct KrakenTrade<'a> {
    #[serde(borrow)]
    symbol: Cow<'a, str>,
    #[serde(borrow)]
    side: Cow<'a, str>,
    #[serde(borrow)]
    price: Cell<'a>,
    #[serde(borrow)]
    qty: Cell<'a>,
    #[serde(borrow)]
    trade_id: Cell<'a>,
    #[serde(borrow)]
    timestamp: Cell<'a>,
}

#[derive(Deserialize)]
struct Book<'a> {
    #[serde(borrow)]
    symbol: Cow<'a, str>,
    #[serde(borrow, default)]
    bids: Vec<Level<'a>>,
    #[serde(borrow, default)]
    asks: Vec<Level<'a>>,
    #[serde(borrow)]
    checksum: Option<Cell<'a>>,
    #[serde(borrow)]
    timestamp: Option<Cell<'a>>,
}

#[derive(Deserialize)]
struct Level<'a> {
    #[serde(borrow)]
    price: Cell<'a>,
    #[serde(borrow)]
    qty: Cell<'a>,
}

#[derive(Deserialize)]
struct Ticker<'a> {
    #[serde(borrow)]
    symbol: Cow<'a, str>,
    #[serde(borrow)]
    bid: Option<Cell<'a>>,
    #[serde(borrow)]
    bid_qty: Option<Cell<'a>>,
    #[serde(borrow)]
    ask: Option<Cell<'a>>,
    #[serde(borrow)]
    ask_qty: Option<Cell<'a>>,
    #[serde(borrow)]
    timestamp: Option<Cell<'a>>,
}

impl Dialect for KrakenDialect {
    fn subscribe(&mut self, streams: &[String], number: u64) -> String {
        request("subscribe", streams, number)
    }

    fn unsubscribe(&mut self, streams: &[String], number: u64) -> String {
        request("unsubscribe", streams, number)
    }

    /// A request is of one channel.
    fn is_one_request(&self, first: &str, stream: &str) -> bool {
        first.split(':').next() == stream.split(':').next()
    }

    fn book_prefix(&self) -> &'static str {
        "book:"
    }

    fn prefixes(&self) -> &'static [(&'static str, Stream)] {
        &[("trade:", Stream::Trades), ("ticker:", Stream::BookTicker)]
    }

    fn answers_each(&self) -> bool {
        true
    }

    fn read(&mut self, text: &[u8], at: &mut Reading<'_>) -> Result<(), Unread> {
        if text.starts_with(b"[") {
            return self.version1(text, at);
        }
        let message: Message<'_> = serde_json::from_slice(text)?;
        if let Some(fault) = &message.fault {
            at.reconnect(fault);
            return Ok(());
        }
        if message.method.is_some() {
            acknowledged(&message, at);
            return Ok(());
        }
        let Some(data) = message.data.map(RawValue::get) else { return Ok(()) };
        let kind = message.kind.as_deref().unwrap_or_default();
        match message.channel.as_deref().unwrap_or_default() {
            // The snapshot has trades from before the subscription.
            "trade" if kind == "update" => {
                for row in serde_json::from_str::<Vec<KrakenTrade<'_>>>(data)? {
                    let trade = Trade {
                        timestamp: row.timestamp.need_iso()?,
                        id: row.trade_id.text(),
                        side: side_of(&row.side),
                        price: row.price.need_number()?,
                        amount: row.qty.need_number()?,
                    };
                    at.numbered_trade(&row.symbol, &trade);
                }
            }
            "book" => {
                for row in serde_json::from_str::<Vec<Book<'_>>>(data)? {
                    let [asks, bids] = [&row.asks, &row.bids].map(|side| {
                        side.iter().map(|level| Pair(level.price, level.qty)).collect::<Vec<_>>()
                    });
                    let timestamp = row.timestamp.and_then(Cell::iso).unwrap_or(at.arrived);
                    let checksum = row.checksum.and_then(Cell::integer);
                    self.change(&row.symbol, timestamp, kind == "snapshot", [&asks, &bids], checksum, at)?;
                }
            }
            "ticker" => {
                for row in serde_json::from_str::<Vec<Ticker<'_>>>(data)? {
                    let quote = Quote {
                        ask_amount: nonzero_in(row.ask_qty),
                        ask_price: nonzero_in(row.ask),
                        bid_price: nonzero_in(row.bid),
                        bid_amount: nonzero_in(row.bid_qty),
                    };
                    // The time is 1970 where nothing was ever quoted.
                    if let Some(timestamp) = row.timestamp.and_then(Cell::iso).filter(|at| *at > 0) {
                        at.quote(&row.symbol, timestamp, &quote);
                    }
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn closed(&mut self, _: ConnectionId, is_last: bool) {
        if is_last {
            self.texts.clear();
        }
    }
}

impl KrakenDialect {
    /// Asks and bids of one message of a book.
    fn change(
        &mut self,
        symbol: &str,
        timestamp: i64,
        is_snapshot: bool,
        [asks, bids]: [&[Pair<'_>]; 2],
        checksum: Option<i64>,
        at: &mut Reading<'_>,
    ) -> Result<(), Unread> {
        at.levels(asks, bids)?;
        if at.owns_book(symbol) {
            if is_snapshot {
                self.texts.insert(symbol.to_owned(), TextBook::default());
            }
            if let Some(texts) = self.texts.get_mut(symbol) {
                texts.apply(true, asks);
                texts.apply(false, bids);
                texts.cut(DEPTH);
                let own = texts.kraken();
                if let Some((own, sent)) = own.zip(checksum).filter(|(own, sent)| own != sent) {
                    self.texts.remove(symbol);
                    let detail = format!("the exchange says {sent}, the book {own}");
                    at.wrong_book(symbol, timestamp, is_snapshot, None, detail);
                    return Ok(());
                }
            }
        }
        at.book(symbol, timestamp, is_snapshot, None);
        Ok(())
    }
}

/// An answer to a request; there is one a symbol.
fn acknowledged(message: &Message<'_>, at: &mut Reading<'_>) {
    if message.method.as_deref() != Some("subscribe") {
        return;
    }
    match (message.success, &message.result) {
        (Some(true), Some(Accepted { channel: Some(channel), symbol: Some(symbol) })) => {
            at.accepted(&format!("{channel}:{symbol}"));
        }
        (Some(false), _) => {
            let words = message.error.as_deref().unwrap_or_default();
            // The symbol of a refusal stands beside the words, or at their end: `Currency pair not supported FOO/BAR`.
            let symbol = message.symbol.as_deref().or_else(|| words.rsplit(' ').next()).unwrap_or_default();
            let streams: Vec<String> = ["book", "trade", "ticker"]
                .iter()
                .map(|channel| format!("{channel}:{symbol}"))
                .filter(|stream| at.has_stream(stream))
                .collect();
            if streams.is_empty() {
                at.some_failed(words);
            }
            for stream in streams {
                at.refused(&stream, words);
            }
        }
        _ => {}
    }
}

fn request(method: &str, streams: &[String], number: u64) -> String {
    let channel = streams.first().and_then(|s| s.split_once(':')).map_or("", |(channel, _)| channel);
    let symbols: Vec<String> =
        streams.iter().filter_map(|s| s.split_once(':')).map(|(_, symbol)| text_of(symbol)).collect();
    let more = match channel {
        "book" => format!(r#","depth":{DEPTH}"#),
        "ticker" => r#","event_trigger":"bbo""#.to_owned(),
        "trade" => r#","snapshot":false"#.to_owned(),
        _ => String::new(),
    };
    let symbols = symbols.join(",");
    format!(
        r#"{{"method":"{method}","params":{{"channel":"{channel}","symbol":[{symbols}]{more}}},"req_id":{number}}}"#
    )
}
