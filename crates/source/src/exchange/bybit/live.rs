//! Bybit's public WebSockets (version 5) as live feeds, under the vendor's names bybit (linear and inverse), bybit-spot and
//! bybit-options.
//!
//! Facts: bybit-exchange/docs of 2026-07-24, as collected in the project's reference on 2026-11-29. `version2` reads what was sent
//! before 2023-04-05.

mod options;
mod version2;

use std::borrow::Cow;
use std::collections::HashMap;

use mtdh_core::DataType;
use mtdh_core::live::book::{MAX_DEPTH, Origin, Terms};
use mtdh_core::live::ids::IdRule;
use mtdh_core::live::rule::{Ids, Rule};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::live::cell::{Cell, Pair, Unread, number_in};
use crate::live::dialect::{self, Dialect, Reading, connections, text_of};
use crate::live::feed::{ConnectionId, Feed};
use crate::live::limits::{self, Limits};
use crate::live::mapped::{Quote, TickerChange, Trade, opposite, side_of};
use crate::live::market::{Setup, Stream};
use crate::live::symbols::AS_LISTED;
use crate::live::venue::{Addresses, Connection, Offer, Proof, Venue, Want};

/// Perpetuals and dated futures, settled in USDT, USDC or the coin.
pub static BYBIT: Bybit = Bybit(Market::Derivatives);
/// Spot.
pub static BYBIT_SPOT: Bybit = Bybit(Market::Spot);
/// Options.
pub static BYBIT_OPTIONS: Bybit = Bybit(Market::Options);

/// One of Bybit's markets.
pub struct Bybit(Market);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Market {
    Derivatives,
    Spot,
    Options,
}

/// So many of the latest requests are remembered until they are answered.
const MAX_ASKED: u64 = 1_000;

/// From here on liquidations are those of `allLiquidation`: 2025-02-26, microseconds since the Unix epoch, UTC.
const ALL_LIQUIDATIONS_SINCE: i64 = 1_740_528_000_000_000;

/// `u` rises by one in practice, which the documents do not promise; and a stream that stops whole shows nothing.
const fn book(data_type: DataType) -> Offer {
    Offer { data_type, proof: Proof::Part }
}
const fn unproven(data_type: DataType) -> Offer {
    Offer { data_type, proof: Proof::None }
}

impl Venue for Bybit {
    fn exchange(&self) -> &'static str {
        match self.0 {
            Market::Derivatives => "bybit",
            Market::Spot => "bybit-spot",
            Market::Options => "bybit-options",
        }
    }

    fn offers(&self) -> &'static [Offer] {
        use DataType::{BookSnapshot5, BookSnapshot25, IncrementalBookL2, Quotes, Trades};
        const SPOT: [Offer; 6] = [
            unproven(Trades),
            book(IncrementalBookL2),
            book(BookSnapshot5),
            book(BookSnapshot25),
            book(Quotes),
            unproven(DataType::BookTicker),
        ];
        const DERIVATIVES: [Offer; 8] = [
            SPOT[0],
            SPOT[1],
            SPOT[2],
            SPOT[3],
            SPOT[4],
            SPOT[5],
            unproven(DataType::DerivativeTicker),
            unproven(DataType::Liquidations),
        ];
        const OPTIONS: [Offer; 6] =
            [SPOT[0], SPOT[1], SPOT[2], SPOT[3], SPOT[4], unproven(DataType::OptionsChain)];
        match self.0 {
            Market::Derivatives => &DERIVATIVES,
            Market::Spot => &SPOT,
            Market::Options => &OPTIONS,
        }
    }

    fn addresses(&self) -> Addresses {
        let websockets: &'static [&'static str] = match self.0 {
            Market::Derivatives => {
                &["wss://stream.bybit.com/v5/public/linear", "wss://stream.bybit.com/v5/public/inverse"]
            }
            Market::Spot => &["wss://stream.bybit.com/v5/public/spot"],
            Market::Options => &["wss://stream.bybit.com/v5/public/option"],
        };
        Addresses { websockets, rest: None }
    }

    fn limits(&self) -> &'static Limits {
        if self.0 == Market::Options { &limits::BYBIT_OPTIONS } else { &limits::BYBIT }
    }

    /// The one recording is of 2021, in the format before version 5.
    fn is_experimental(&self) -> bool {
        true
    }

    fn plan(&self, want: &Want) -> Vec<Connection> {
        let mut streams: [Vec<String>; 2] = Default::default();
        for symbol in &want.symbols {
            let endpoint = usize::from(self.0 == Market::Derivatives && !is_linear(symbol));
            for data_type in
                want.data_types.iter().filter(|t| self.offers().iter().any(|o| o.data_type == **t))
            {
                let stream = match data_type {
                    DataType::Trades if self.0 == Market::Options => {
                        format!("publicTrade.{}", symbol.split('-').next().unwrap_or_default())
                    }
                    DataType::Trades => format!("publicTrade.{symbol}"),
                    DataType::BookTicker => format!("orderbook.1.{symbol}"),
                    DataType::DerivativeTicker | DataType::OptionsChain => format!("tickers.{symbol}"),
                    DataType::Liquidations => format!("allLiquidation.{symbol}"),
                    _ => format!("orderbook.{}.{symbol}", self.0.depth()),
                };
                if !streams[endpoint].contains(&stream) {
                    streams[endpoint].push(stream);
                }
            }
        }
        let [first, second] = streams;
        let mut plan = connections(0, first, self.limits());
        plan.extend(connections(1, second, self.limits()));
        plan
    }

    fn feed(&self, want: &Want, connections: &[Connection]) -> Box<dyn Feed> {
        let dialect = BybitDialect { market: self.0, asked: HashMap::new(), best: HashMap::new() };
        dialect::feed(dialect, setup(want), self.limits(), want, connections)
    }
}

impl Market {
    /// Levels a side of the book that the vendor records.
    fn depth(self) -> u32 {
        if self == Market::Options { 25 } else { 50 }
    }
}

/// Which socket has a derivative: the vendor's rule by the symbol's form.
fn is_linear(symbol: &str) -> bool {
    symbol.ends_with("USDT") || symbol.ends_with("PERP") || symbol.contains('-')
}

fn setup(want: &Want) -> Setup {
    let terms = Terms {
        rule: Rule::Counter,
        origin: Origin::Stream,
        depth: MAX_DEPTH,
        is_recorded: want.is_recorded,
    };
    Setup { terms, ids: IdRule::Opaque, spelling: &AS_LISTED, asks: (10, 2) }
}

struct BybitDialect {
    market: Market,
    /// What each numbered request asked for: an answer names only the number.
    asked: HashMap<u64, Vec<String>>,
    /// The best level of each symbol: a message may leave a side out that did not change.
    best: HashMap<String, Quote>,
}

#[derive(Deserialize)]
struct Message<'a> {
    #[serde(borrow)]
    topic: Option<Cow<'a, str>>,
    #[serde(borrow, rename = "type")]
    kind: Option<Cow<'a, str>>,
    #[serde(borrow)]
    ts: Option<Cell<'a>>,
    #[serde(borrow, alias = "timestampE6")]
    timestamp_e6: Option<Cell<'a>>,
    #[serde(borrow)]
    data: Option<&'a RawValue>,
    #[serde(borrow)]
    params: Option<Params<'a>>,
    success: Option<bool>,
    #[serde(borrow)]
    ret_msg: Option<Cow<'a, str>>,
    #[serde(borrow)]
    req_id: Option<Cell<'a>>,
    #[serde(borrow)]
    op: Option<Cow<'a, str>>,
    #[serde(default)]
    generated: bool,
}

#[derive(Deserialize)]
struct Params<'a> {
    #[serde(borrow)]
    symbol: Option<Cow<'a, str>>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Topics {
    fail_topics: Vec<String>,
    success_topics: Vec<String>,
}

impl Dialect for BybitDialect {
    fn subscribe(&mut self, streams: &[String], number: u64) -> String {
        // Answers that never come must not pile up.
        self.asked.retain(|known, _| known.saturating_add(MAX_ASKED) > number);
        self.asked.insert(number, streams.to_vec());
        request("subscribe", streams, number)
    }

    fn unsubscribe(&mut self, streams: &[String], number: u64) -> String {
        request("unsubscribe", streams, number)
    }

    fn book_prefix(&self) -> &'static str {
        if self.market == Market::Options { "orderbook.25." } else { "orderbook.50." }
    }

    fn prefixes(&self) -> &'static [(&'static str, Stream)] {
        &[
            ("publicTrade.", Stream::Trades),
            ("orderbook.1.", Stream::BookTicker),
            ("tickers.", Stream::Ticker("tickers")),
            ("allLiquidation.", Stream::Liquidations),
        ]
    }

    fn read(&mut self, text: &[u8], at: &mut Reading<'_>) -> Result<(), Unread> {
        let message: Message<'_> = serde_json::from_slice(text)?;
        let Some(topic) = &message.topic else {
            self.answer(&message, at);
            return Ok(());
        };
        let Some(data) = message.data.map(RawValue::get) else {
            // Spot's old acknowledgements have a topic and no data.
            return Ok(());
        };
        let (channel, symbol) =
            (topic.split('.').next().unwrap_or_default(), topic.rsplit('.').next().unwrap_or_default());
        let depth = topic.split('.').nth(1).unwrap_or_default();
        match channel {
            "publicTrade" => trades(data, at),
            "orderbook" if depth == "1" => self.best_level(symbol, &message, data, at),
            "orderbook" if depth.parse() == Ok(self.market.depth()) => self.book(&message, data, at),
            "tickers" => match self.market {
                Market::Derivatives => ticker(&message, data, at),
                Market::Options => options::summary(message.ts, data, at),
                Market::Spot => Ok(()),
            },
            "allLiquidation" if at.arrived >= ALL_LIQUIDATIONS_SINCE => all_liquidations(data, at),
            "liquidation" if at.arrived < ALL_LIQUIDATIONS_SINCE => version2::liquidation(&message, data, at),
            _ => self.version2(channel, symbol, &message, data, at),
        }
    }

    fn closed(&mut self, _: ConnectionId, is_last: bool) {
        if is_last {
            self.best.clear();
            self.asked.clear();
        }
    }
}

fn request(op: &str, streams: &[String], number: u64) -> String {
    let arguments: Vec<String> = streams.iter().map(|s| text_of(s)).collect();
    format!(r#"{{"op":"{op}","args":[{}],"req_id":"{number}"}}"#, arguments.join(","))
}

#[derive(Deserialize)]
struct BookData<'a> {
    #[serde(borrow)]
    s: Cow<'a, str>,
    #[serde(borrow, default)]
    b: Vec<Pair<'a>>,
    #[serde(borrow, default)]
    a: Vec<Pair<'a>>,
    #[serde(borrow)]
    u: Option<Cell<'a>>,
}

impl BybitDialect {
    /// An acknowledgement, a refusal, or a pong.
    fn answer(&mut self, message: &Message<'_>, at: &mut Reading<'_>) {
        if let Some(topics) = message.data.and_then(|data| serde_json::from_str::<Topics>(data.get()).ok()) {
            for stream in &topics.success_topics {
                at.accepted(stream);
            }
            for stream in &topics.fail_topics {
                at.refused(stream, "in failTopics");
            }
        }
        if message.op.as_deref().is_some_and(|op| op != "subscribe") {
            return;
        }
        let number = message.req_id.and_then(Cell::integer).and_then(|n| u64::try_from(n).ok());
        let streams = number.and_then(|number| self.asked.remove(&number)).unwrap_or_default();
        match message.success {
            Some(true) => streams.iter().for_each(|stream| at.accepted(stream)),
            // One bad topic fails the whole request.
            Some(false) => at.request_failed(&streams, message.ret_msg.as_deref().unwrap_or_default()),
            None => {}
        }
    }

    fn book(&mut self, message: &Message<'_>, data: &str, at: &mut Reading<'_>) -> Result<(), Unread> {
        let book: BookData<'_> = serde_json::from_str(data)?;
        let last = book.u.and_then(Cell::integer).ok_or("a book without u")?;
        // 1 says that the service began anew: the message is a whole book.
        let is_snapshot = message.kind.as_deref() == Some("snapshot") || last == 1;
        let timestamp = message.ts.ok_or("a book without a time")?.need_time()?;
        at.levels(&book.a, &book.b)?;
        at.book(&book.s, timestamp, is_snapshot, Some(Ids { first: last, last, previous: None }));
        Ok(())
    }

    fn best_level(
        &mut self,
        symbol: &str,
        message: &Message<'_>,
        data: &str,
        at: &mut Reading<'_>,
    ) -> Result<(), Unread> {
        if !at.follows(symbol) {
            return Ok(());
        }
        let book: BookData<'_> = serde_json::from_str(data)?;
        let best = if message.kind.as_deref() == Some("snapshot") {
            self.best.entry(symbol.to_owned()).or_default()
        } else {
            // A change of what is not known says nothing.
            let Some(best) = self.best.get_mut(symbol) else { return Ok(()) };
            best
        };
        let first = |levels: &[Pair<'_>]| {
            let level = levels.iter().find(|level| level.1.number() != Some(0.0))?;
            Some((level.0.number()?, level.1.number()?))
        };
        if let Some((price, amount)) = first(&book.a) {
            (best.ask_price, best.ask_amount) = (Some(price), Some(amount));
        }
        if let Some((price, amount)) = first(&book.b) {
            (best.bid_price, best.bid_amount) = (Some(price), Some(amount));
        }
        let timestamp = message.ts.ok_or("a book without a time")?.need_time()?;
        at.quote(symbol, timestamp, best);
        Ok(())
    }
}

#[derive(Deserialize)]
struct BybitTrade<'a> {
    #[serde(borrow)]
    i: Cell<'a>,
    #[serde(borrow)]
    s: Cow<'a, str>,
    #[serde(borrow, rename = "T")]
    time: Cell<'a>,
    #[serde(borrow)]
    p: Cell<'a>,
    #[serde(borrow)]
    v: Cell<'a>,
    #[serde(borrow, rename = "S")]
    side: Cow<'a, str>,
}

fn trades(data: &str, at: &mut Reading<'_>) -> Result<(), Unread> {
    for row in serde_json::from_str::<Vec<BybitTrade<'_>>>(data)? {
        let trade = Trade {
            timestamp: row.time.need_time()?,
            id: row.i.text(),
            side: side_of(&row.side),
            price: row.p.need_number()?,
            amount: row.v.need_number()?,
        };
        at.trade(&row.s, &trade);
    }
    Ok(())
}

#[derive(Deserialize)]
struct Liquidation<'a> {
    #[serde(borrow)]
    s: Cow<'a, str>,
    #[serde(borrow, rename = "T")]
    time: Cell<'a>,
    #[serde(borrow)]
    p: Cell<'a>,
    #[serde(borrow)]
    v: Cell<'a>,
    #[serde(borrow, rename = "S")]
    side: Cow<'a, str>,
}

fn all_liquidations(data: &str, at: &mut Reading<'_>) -> Result<(), Unread> {
    for row in serde_json::from_str::<Vec<Liquidation<'_>>>(data)? {
        let trade = Trade {
            timestamp: row.time.need_time()?,
            id: "",
            // Bybit names the position: Buy is a long one, which is sold.
            side: opposite(side_of(&row.side)),
            price: row.p.need_number()?,
            amount: row.v.need_number()?,
        };
        at.liquidation(&row.s, &trade);
    }
    Ok(())
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Ticker<'a> {
    #[serde(borrow)]
    symbol: Cow<'a, str>,
    #[serde(borrow)]
    funding_rate: Option<Cell<'a>>,
    #[serde(borrow)]
    next_funding_time: Option<Cell<'a>>,
    #[serde(borrow)]
    index_price: Option<Cell<'a>>,
    #[serde(borrow)]
    mark_price: Option<Cell<'a>>,
    #[serde(borrow)]
    open_interest: Option<Cell<'a>>,
    #[serde(borrow)]
    last_price: Option<Cell<'a>>,
}

fn ticker(message: &Message<'_>, data: &str, at: &mut Reading<'_>) -> Result<(), Unread> {
    let row: Ticker<'_> = serde_json::from_str(data)?;
    let change = TickerChange {
        funding_timestamp: row.next_funding_time.and_then(Cell::time),
        funding_rate: number_in(row.funding_rate),
        predicted_funding_rate: None,
        open_interest: number_in(row.open_interest),
        last_price: number_in(row.last_price),
        index_price: number_in(row.index_price),
        mark_price: number_in(row.mark_price),
    };
    at.ticker(&row.symbol, "tickers", message.ts.and_then(Cell::time), &change);
    Ok(())
}
