//! OKX's public WebSockets (version 5) as live feeds, under the vendor's names okex, okex-futures, okex-swap and okex-options.
//!
//! Facts: docs-v5 of OKX and its change log, as collected in the project's reference on 2026-11-29. `version3` reads what was sent
//! before 2021-12-23.

mod book;
mod form;
mod options;
mod prints;
mod version3;

use std::borrow::Cow;
use std::collections::HashMap;

use mtdh_core::DataType;
use mtdh_core::live::book::{MAX_DEPTH, Origin, Terms};
use mtdh_core::live::ids::IdRule;
use mtdh_core::live::rule::{Chain, Rule};
use serde::Deserialize;
use serde_json::value::RawValue;

use prints::{LiquidationOrders, best_levels, liquidations, trades};

use crate::live::cell::{Cell, Unread, number_in};
use crate::live::dialect::{self, Dialect, Reading, connections, text_of};
use crate::live::feed::{ConnectionId, Feed};
use crate::live::limits::{self, Limits};
use crate::live::mapped::{Quote, TickerChange};
use crate::live::market::{Setup, Stream};
use crate::live::quirks::FIRST_LIQUIDATIONS;
use crate::live::recent::Recent;
use crate::live::symbols::AS_LISTED;
use crate::live::venue::{Addresses, Connection, Offer, Proof, Venue, Want};

/// Spot.
pub static OKEX: Okx = Okx(Market::Spot);
/// Futures with an expiry, and perpetuals of the kind `XPERP`.
pub static OKEX_FUTURES: Okx = Okx(Market::Futures);
/// Perpetuals.
pub static OKEX_SWAP: Okx = Okx(Market::Swap);
/// Options.
pub static OKEX_OPTIONS: Okx = Okx(Market::Options);

/// One of OKX's markets.
pub struct Okx(Market);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Market {
    Spot,
    Futures,
    Swap,
    Options,
}

/// More indexes than OKX has.
const MAX_INDEXES: usize = 10_000;

/// `trades-all` comes only from the second address (docs-v5, since 2023-10-19 the vendor's source of trades).
const PUBLIC: usize = 0;
const BUSINESS: usize = 1;

/// From here on trades are those of `trades-all`; microseconds since the Unix epoch, UTC: 2023-10-19.
const TRADES_ALL_SINCE: i64 = 1_697_673_600_000_000;
/// From here on the best level is that of `bbo-tbt`: 2022-05-06.
const BEST_LEVEL_SINCE: i64 = 1_651_795_200_000_000;
/// Until here indexes in USD stand for instruments in USDC: 2023-04-10T08:40.
const USDC_INDEX_SINCE: i64 = 1_681_116_000_000_000;

const fn offer(data_type: DataType, proof: Proof) -> Offer {
    Offer { data_type, proof }
}

const OFFERS: [Offer; 9] = [
    // Ids rise by one as far as seen, which no document promises.
    offer(DataType::Trades, Proof::Part),
    offer(DataType::IncrementalBookL2, Proof::Whole),
    offer(DataType::BookSnapshot5, Proof::Whole),
    offer(DataType::BookSnapshot25, Proof::Whole),
    offer(DataType::Quotes, Proof::Whole),
    offer(DataType::BookTicker, Proof::None),
    offer(DataType::DerivativeTicker, Proof::None),
    offer(DataType::Liquidations, Proof::None),
    offer(DataType::OptionsChain, Proof::None),
];
const OPTIONS_OFFERS: [Offer; 7] =
    [OFFERS[0], OFFERS[1], OFFERS[2], OFFERS[3], OFFERS[4], OFFERS[5], OFFERS[8]];

impl Venue for Okx {
    fn exchange(&self) -> &'static str {
        match self.0 {
            Market::Spot => "okex",
            Market::Futures => "okex-futures",
            Market::Swap => "okex-swap",
            Market::Options => "okex-options",
        }
    }

    fn offers(&self) -> &'static [Offer] {
        match self.0 {
            Market::Spot => &OFFERS[..6],
            Market::Futures | Market::Swap => &OFFERS[..8],
            Market::Options => &OPTIONS_OFFERS,
        }
    }

    fn addresses(&self) -> Addresses {
        Addresses {
            websockets: &["wss://ws.okx.com:8443/ws/v5/public", "wss://ws.okx.com:8443/ws/v5/business"],
            rest: Some("https://www.okx.com"),
        }
    }

    fn limits(&self) -> &'static Limits {
        &limits::OKEX
    }

    /// The recording of 2022 has spot, futures and perpetuals, none of options.
    fn is_experimental(&self) -> bool {
        self.0 == Market::Options
    }

    fn not_its_form(&self, symbol: &str) -> Option<&'static str> {
        form::not_its_form(self.0, symbol)
    }

    fn plan(&self, want: &Want) -> Vec<Connection> {
        let mut streams: [Vec<String>; 2] = Default::default();
        let mut ask = |endpoint: usize, stream: String| {
            let list: &mut Vec<String> = &mut streams[endpoint];
            if !list.contains(&stream) {
                list.push(stream);
            }
        };
        for symbol in &want.symbols {
            for data_type in
                want.data_types.iter().filter(|t| self.offers().iter().any(|o| o.data_type == **t))
            {
                match data_type {
                    DataType::Trades => ask(BUSINESS, format!("trades-all:{symbol}")),
                    DataType::BookTicker => ask(PUBLIC, format!("bbo-tbt:{symbol}")),
                    DataType::DerivativeTicker => {
                        for channel in ["tickers", "open-interest", "mark-price"] {
                            ask(PUBLIC, format!("{channel}:{symbol}"));
                        }
                        // Dated futures have no funding: the channel would be refused.
                        if self.0 == Market::Swap || symbol.contains("XPERP") {
                            ask(PUBLIC, format!("funding-rate:{symbol}"));
                        }
                        ask(PUBLIC, format!("index-tickers:{}", index_of(symbol, i64::MAX)));
                    }
                    DataType::Liquidations => {
                        ask(PUBLIC, format!("liquidation-orders:{}", self.0.kind(symbol)))
                    }
                    DataType::OptionsChain => {
                        for channel in ["tickers", "open-interest", "mark-price"] {
                            ask(PUBLIC, format!("{channel}:{symbol}"));
                        }
                        ask(PUBLIC, format!("index-tickers:{}", index_of(symbol, i64::MAX)));
                        ask(PUBLIC, format!("opt-summary:{}", options::family(symbol)));
                    }
                    _ => ask(PUBLIC, format!("books:{symbol}")),
                }
            }
        }
        let [public, business] = streams;
        let mut plan = connections(PUBLIC, public, self.limits());
        plan.extend(connections(BUSINESS, business, self.limits()));
        plan
    }

    fn feed(&self, want: &Want, connections: &[Connection]) -> Box<dyn Feed> {
        let dialect = OkxDialect {
            market: self.0,
            books: book::Books::default(),
            indexes: HashMap::new(),
            options: options::Options::default(),
            liquidations: Recent::default(),
        };
        dialect::feed(dialect, setup(want), self.limits(), want, connections)
    }
}

impl Market {
    /// The kind of instrument by which liquidations are asked for.
    fn kind(self, symbol: &str) -> &'static str {
        if symbol.ends_with("-SWAP") { "SWAP" } else { "FUTURES" }
    }
}

/// The index of an instrument: its first two parts, of the second what stands before `_`, as in `BTC-USD_UM_XPERP-310404`.
fn index_of(symbol: &str, at: i64) -> String {
    let mut parts = symbol.split('-');
    let (base, quote) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let quote = quote.split('_').next().unwrap_or_default();
    let quote = if at < USDC_INDEX_SINCE && quote == "USDC" { "USD" } else { quote };
    format!("{base}-{quote}")
}

/// Chained by `prevSeqId`; the snapshot comes first, or, as announced for August 2026, is asked for by REST.
fn setup(want: &Want) -> Setup {
    let origin = if want.is_recorded { Origin::Stream } else { Origin::StreamElseRest };
    let terms =
        Terms { rule: Rule::PreviousId(Chain::Okx), origin, depth: MAX_DEPTH, is_recorded: want.is_recorded };
    Setup { terms, ids: IdRule::Likely, spelling: &AS_LISTED, asks: (10, 5) }
}

/// The channels of the state of a derivative or an option.
const TICKERS: &str = "tickers";
const OPEN_INTEREST: &str = "open-interest";
const MARK_PRICE: &str = "mark-price";
const FUNDING_RATE: &str = "funding-rate";
const INDEX_TICKERS: &str = "index-tickers";
const OPT_SUMMARY: &str = "opt-summary";

/// The channel of this name, of those with a row an instrument.
fn state_channel(name: &str) -> &'static str {
    match name {
        OPEN_INTEREST => OPEN_INTEREST,
        MARK_PRICE => MARK_PRICE,
        FUNDING_RATE => FUNDING_RATE,
        _ => TICKERS,
    }
}

struct OkxDialect {
    market: Market,
    books: book::Books,
    /// The last price of each index.
    indexes: HashMap<String, f64>,
    options: options::Options,
    liquidations: Recent,
}

#[derive(Deserialize)]
struct Message<'a> {
    #[serde(borrow)]
    event: Option<Cow<'a, str>>,
    #[serde(borrow)]
    code: Option<Cow<'a, str>>,
    #[serde(borrow)]
    msg: Option<Cow<'a, str>>,
    #[serde(borrow)]
    table: Option<Cow<'a, str>>,
    #[serde(borrow)]
    arg: Option<Argument<'a>>,
    #[serde(borrow)]
    action: Option<Cow<'a, str>>,
    #[serde(borrow)]
    data: Option<&'a RawValue>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Argument<'a> {
    #[serde(borrow)]
    channel: Cow<'a, str>,
    #[serde(borrow)]
    inst_id: Option<Cow<'a, str>>,
    #[serde(borrow)]
    inst_type: Option<Cow<'a, str>>,
    #[serde(borrow)]
    inst_family: Option<Cow<'a, str>>,
}

impl Argument<'_> {
    fn stream(&self) -> String {
        let what = [&self.inst_id, &self.inst_type, &self.inst_family].into_iter().flatten().next();
        format!("{}:{}", self.channel, what.map_or("", |w| w))
    }
}

/// A stream's argument of a subscription.
fn argument(stream: &str) -> String {
    let (channel, what) = stream.split_once(':').unwrap_or((stream, ""));
    let key = match channel {
        "liquidation-orders" => "instType",
        "opt-summary" => "instFamily",
        _ => "instId",
    };
    format!(r#"{{"channel":{},"{key}":{}}}"#, text_of(channel), text_of(what))
}

impl Dialect for OkxDialect {
    fn subscribe(&mut self, streams: &[String], _number: u64) -> String {
        let arguments: Vec<String> = streams.iter().map(|s| argument(s)).collect();
        format!(r#"{{"op":"subscribe","args":[{}]}}"#, arguments.join(","))
    }

    fn unsubscribe(&mut self, streams: &[String], _number: u64) -> String {
        let arguments: Vec<String> = streams.iter().map(|s| argument(s)).collect();
        format!(r#"{{"op":"unsubscribe","args":[{}]}}"#, arguments.join(","))
    }

    fn book_prefix(&self) -> &'static str {
        "books:"
    }

    fn prefixes(&self) -> &'static [(&'static str, Stream)] {
        &[
            ("trades-all:", Stream::Trades),
            ("bbo-tbt:", Stream::BookTicker),
            ("tickers:", Stream::Ticker(TICKERS)),
            ("open-interest:", Stream::Ticker(OPEN_INTEREST)),
            ("mark-price:", Stream::Ticker(MARK_PRICE)),
            ("funding-rate:", Stream::Ticker(FUNDING_RATE)),
            ("index-tickers:", Stream::Ticker(INDEX_TICKERS)),
            ("opt-summary:", Stream::Ticker(OPT_SUMMARY)),
        ]
    }

    /// Two channels are asked for by what several instruments share.
    fn stream_of(&self, prefix: &str, symbol: &str) -> String {
        match prefix {
            "index-tickers:" => format!("{prefix}{}", index_of(symbol, i64::MAX)),
            "opt-summary:" => format!("{prefix}{}", options::family(symbol)),
            _ => format!("{prefix}{symbol}"),
        }
    }

    fn answers_each(&self) -> bool {
        true
    }

    fn opened(&mut self, connection: ConnectionId, now: i64) {
        self.liquidations.opened(connection, now);
    }

    fn book_path(&self, symbol: &str) -> Option<String> {
        Some(format!("/api/v5/market/books?instId={symbol}&sz=400&source=0"))
    }

    fn book_answer(&mut self, symbol: &str, body: &[u8], at: &mut Reading<'_>) -> Result<(), Unread> {
        book::answer(symbol, body, at)
    }

    fn closed(&mut self, connection: ConnectionId, is_last: bool) {
        self.liquidations.closed(connection);
        if is_last {
            self.books.clear();
        }
    }

    fn read(&mut self, text: &[u8], at: &mut Reading<'_>) -> Result<(), Unread> {
        if text == b"pong" {
            return Ok(());
        }
        let message: Message<'_> = serde_json::from_slice(text)?;
        if let Some(event) = &message.event {
            return self.event(event, &message, at);
        }
        let Some(data) = message.data else {
            return Err("neither an event nor data".into());
        };
        if let Some(table) = &message.table {
            return self.version3(table, message.action.as_deref(), data.get(), at);
        }
        let Some(arg) = &message.arg else {
            return Err("data without a channel".into());
        };
        let symbol = arg.inst_id.as_deref().unwrap_or_default();
        match &*arg.channel {
            "trades-all" if at.arrived >= TRADES_ALL_SINCE => trades(data.get(), at),
            "trades" if at.arrived < TRADES_ALL_SINCE => trades(data.get(), at),
            "books" | "books-l2-tbt" | "books50-l2-tbt" => {
                self.books.read(&arg.channel, symbol, message.action.as_deref(), data.get(), at)
            }
            "bbo-tbt" if at.arrived >= BEST_LEVEL_SINCE => best_levels(symbol, data.get(), at),
            "tickers" | "open-interest" | "mark-price" | "funding-rate" => {
                self.tickers(&arg.channel, data.get(), at)
            }
            "index-tickers" => self.index(data.get(), at),
            "liquidation-orders" => self.liquidation_orders(data.get(), at),
            "liquidations" => liquidations(symbol, data.get(), at),
            "opt-summary" if self.market == Market::Options => {
                self.options.summary(data.get(), &self.indexes, at)
            }
            // Channels that no row is made of, such as `price-limit`.
            _ => Ok(()),
        }
    }
}

impl OkxDialect {
    fn event(&mut self, event: &str, message: &Message<'_>, at: &mut Reading<'_>) -> Result<(), Unread> {
        let words = message.msg.as_deref().unwrap_or_default();
        match event {
            "subscribe" => at.accepted(&message.arg.as_ref().map(Argument::stream).unwrap_or_default()),
            "error" => {
                let named = message.arg.as_ref().map(Argument::stream).filter(|s| at.has_stream(s));
                let code = message.code.as_deref().unwrap_or("error");
                match named.or_else(|| refused_stream(words, at)) {
                    Some(stream) => at.refused(&stream, words),
                    // A channel that does not exist, or that this client may not have; other errors are of the connection.
                    None if matches!(code, "60018" | "64003") => at.some_failed(words),
                    None => at.reconnect(&format!("{code}: {words}")),
                }
            }
            // The announcement of an end, about a minute before it.
            "notice" if message.code.as_deref() == Some("64008") => at.ending(),
            "channel-conn-count-error" => at.reconnect("too many connections with this channel"),
            _ => {}
        }
        Ok(())
    }

    fn tickers(&mut self, channel: &str, data: &str, at: &mut Reading<'_>) -> Result<(), Unread> {
        for row in serde_json::from_str::<Vec<Ticker<'_>>>(data)? {
            let timestamp = row.ts.and_then(Cell::time);
            match self.market {
                Market::Options if at.follows(&row.inst_id) => {
                    self.options.remember(channel, &row);
                    at.heard(state_channel(channel), |symbol| symbol == row.inst_id);
                }
                Market::Spot | Market::Options => {}
                Market::Futures | Market::Swap => {
                    let positive = |cell: Option<Cell<'_>>| number_in(cell).filter(|n| *n > 0.0);
                    let index = self.indexes.get(&index_of(&row.inst_id, at.arrived));
                    let change = TickerChange {
                        funding_timestamp: row.funding_time.and_then(Cell::time),
                        funding_rate: number_in(row.funding_rate),
                        predicted_funding_rate: number_in(row.next_funding_rate),
                        open_interest: positive(row.oi),
                        last_price: positive(row.last),
                        index_price: index.copied(),
                        mark_price: positive(row.mark_px),
                    };
                    at.ticker(&row.inst_id, state_channel(channel), timestamp, &change);
                }
            }
            if channel == "tickers" && at.arrived < BEST_LEVEL_SINCE {
                let quote = Quote {
                    ask_amount: row.ask_sz.and_then(Cell::nonzero),
                    ask_price: row.ask_px.and_then(Cell::nonzero),
                    bid_price: row.bid_px.and_then(Cell::nonzero),
                    bid_amount: row.bid_sz.and_then(Cell::nonzero),
                };
                at.quote(&row.inst_id, timestamp.ok_or("a ticker without a time")?, &quote);
            }
        }
        Ok(())
    }

    fn index(&mut self, data: &str, at: &mut Reading<'_>) -> Result<(), Unread> {
        for row in serde_json::from_str::<Vec<Ticker<'_>>>(data)? {
            if let Some(price) = number_in(row.idx_px) {
                self.remember_index(&row.inst_id, price);
            }
            let arrived = at.arrived;
            let (index, base) = (&*row.inst_id, row.inst_id.split('-').next().unwrap_or_default());
            at.heard(INDEX_TICKERS, |symbol| symbol.starts_with(base) && index_of(symbol, arrived) == index);
        }
        Ok(())
    }

    fn remember_index(&mut self, index: &str, price: f64) {
        if let Some(known) = self.indexes.get_mut(index) {
            *known = price;
        } else if self.indexes.len() < MAX_INDEXES {
            self.indexes.insert(index.to_owned(), price);
        }
    }

    /// The first message of a subscription repeats old liquidations. The vendor drops it whole; here only what is known or older than
    /// the connection is dropped.
    fn liquidation_orders(&mut self, data: &str, at: &mut Reading<'_>) -> Result<(), Unread> {
        let is_first = self.liquidations.is_first(at.connection, "liquidation-orders");
        for instrument in serde_json::from_str::<Vec<LiquidationOrders<'_>>>(data)? {
            if !at.follows(&instrument.inst_id) {
                continue;
            }
            for order in &instrument.details {
                let trade = order.trade()?;
                let key = format!("{} {} {}", order.side, order.bk_px.text(), order.sz.text());
                if self.liquidations.is_new(
                    (at.connection, at.arrived),
                    &instrument.inst_id,
                    is_first,
                    trade.timestamp,
                    &key,
                ) {
                    if is_first {
                        at.quirk(&FIRST_LIQUIDATIONS);
                    }
                    at.liquidation(&instrument.inst_id, &trade);
                }
            }
        }
        Ok(())
    }
}

/// The stream that an error is about: `… channel:books,instId:FOO-BAR doesn't exist`.
fn refused_stream(words: &str, at: &Reading<'_>) -> Option<String> {
    let named = |key: &str| {
        let rest = words.split_once(key)?.1;
        Some(rest.split([',', ' ', '"', '}']).next().unwrap_or_default())
    };
    let channel = named("channel:")?;
    let what = named("instId:").or_else(|| named("instType:")).or_else(|| named("instFamily:"))?;
    Some(format!("{channel}:{what}")).filter(|stream| at.has_stream(stream)).or_else(|| {
        // A channel that is asked for by kind has no instrument to name.
        let prefix = format!("{channel}:");
        what.is_empty().then(|| at.stream_of(&prefix)).flatten()
    })
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Ticker<'a> {
    #[serde(borrow)]
    inst_id: Cow<'a, str>,
    #[serde(borrow)]
    ts: Option<Cell<'a>>,
    #[serde(borrow)]
    last: Option<Cell<'a>>,
    #[serde(borrow)]
    ask_px: Option<Cell<'a>>,
    #[serde(borrow)]
    ask_sz: Option<Cell<'a>>,
    #[serde(borrow)]
    bid_px: Option<Cell<'a>>,
    #[serde(borrow)]
    bid_sz: Option<Cell<'a>>,
    #[serde(borrow)]
    oi: Option<Cell<'a>>,
    #[serde(borrow)]
    mark_px: Option<Cell<'a>>,
    #[serde(borrow)]
    idx_px: Option<Cell<'a>>,
    #[serde(borrow)]
    funding_rate: Option<Cell<'a>>,
    #[serde(borrow)]
    funding_time: Option<Cell<'a>>,
    #[serde(borrow)]
    next_funding_rate: Option<Cell<'a>>,
}
