//! The live stream of tardis-machine, the vendor's own server: one WebSocket that brings any exchange's messages already normalised.
//!
//! Facts: github tardis-dev/tardis-machine 18.2.0 of 2026-08-22, as collected in the project's reference (live.md 14, tardis.md 6). Of
//! computed messages none is asked for: books of some levels are made here, as of any feed. Start with [`Machine::new`].

use std::borrow::Cow;

use mtdh_core::DataType;
use mtdh_core::live::book::{MAX_DEPTH, Origin, Terms};
use mtdh_core::live::ids::IdRule;
use mtdh_core::live::rule::{Ids, Rule};
use mtdh_core::live::ticker::Ticker;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;
use serde_json::json;

use crate::live::cell::{Cell, Unread, number_in};
use crate::live::feed::{Closed, ConnectionId, Feed, Frame};
use crate::live::limits::{Cited, Limits, Ping, Rate};
use crate::live::mapped::{TickerChange, side_of};
use crate::live::market::{Market, OptionRow, Quote, Setup, SymbolId, Trade};
use crate::live::out::Out;
use crate::live::symbols::AS_LISTED;
use crate::live::venue::{Addresses, Connection, Offer, Proof, Venue, Want};
use crate::live::venues;

/// One exchange's messages from a tardis-machine.
pub struct Machine {
    exchange: &'static str,
}

const fn offer(data_type: DataType) -> Offer {
    // The server checks no sequence, and its messages have none.
    Offer { data_type, proof: Proof::None }
}

const OFFERS: [Offer; 9] = [
    offer(DataType::Trades),
    offer(DataType::IncrementalBookL2),
    offer(DataType::BookSnapshot5),
    offer(DataType::BookSnapshot25),
    offer(DataType::Quotes),
    offer(DataType::BookTicker),
    offer(DataType::DerivativeTicker),
    offer(DataType::Liquidations),
    offer(DataType::OptionsChain),
];

const SECOND: i64 = 1_000_000;

const fn cited<T>(value: T, from: &'static str) -> Cited<T> {
    Cited { value, from }
}

static LIMITS: Limits = Limits {
    exchanges: &[],
    connects: cited(Rate { count: 1, within_us: SECOND }, "own"),
    messages: cited(Rate { count: 1, within_us: SECOND }, "own: none is sent, and the server ignores all"),
    streams: cited(1_000, "own: they stand in the address"),
    request_streams: cited(1_000, "own: they stand in the address"),
    connection_bytes: None,
    request_bytes: None,
    lifetime_us: None,
    ping: cited(Ping::Frame { every_us: 20 * SECOND }, "the server pings every 30 s"),
    silence_us: cited(60 * SECOND, "the server calls a connection dead after 60 s"),
    rest: None,
    snapshot_weight: None,
};

/// The server's name of what a data type is made of.
fn kind(data_type: DataType) -> &'static str {
    match data_type {
        DataType::Trades => "trade",
        DataType::BookTicker => "book_ticker",
        DataType::DerivativeTicker => "derivative_ticker",
        DataType::Liquidations => "liquidation",
        DataType::OptionsChain => "option_summary",
        DataType::IncrementalBookL2
        | DataType::BookSnapshot5
        | DataType::BookSnapshot25
        | DataType::Quotes => "book_change",
    }
}

/// Of the exchanges whose own feeds can be read, in the order of `live::venues`.
static MACHINES: [Machine; 16] = [
    Machine::new("binance"),
    Machine::new("binance-futures"),
    Machine::new("binance-delivery"),
    Machine::new("deribit"),
    Machine::new("bybit"),
    Machine::new("bybit-spot"),
    Machine::new("bybit-options"),
    Machine::new("okex"),
    Machine::new("okex-futures"),
    Machine::new("okex-swap"),
    Machine::new("okex-options"),
    Machine::new("upbit"),
    Machine::new("coinbase"),
    Machine::new("kraken"),
    Machine::new("bitmex"),
    Machine::new("hyperliquid"),
];

/// The exchange of this id by way of a tardis-machine; `None`: this program does not know the exchange.
pub fn find(exchange: &str) -> Option<&'static dyn Venue> {
    MACHINES.iter().find(|machine| machine.exchange == exchange).map(|machine| machine as &dyn Venue)
}

impl Machine {
    /// The exchange of this id, such as `bitmex`, by way of a tardis-machine.
    pub const fn new(exchange: &'static str) -> Machine {
        Machine { exchange }
    }
}

impl Venue for Machine {
    fn exchange(&self) -> &'static str {
        self.exchange
    }

    /// Those that any exchange has; the server ends a connection that asks for one which its exchange has not.
    fn offers(&self) -> &'static [Offer] {
        &OFFERS
    }

    /// The port after that of its HTTP server, 8000 by default.
    fn addresses(&self) -> Addresses {
        Addresses { websockets: &["ws://localhost:8001"], rest: None }
    }

    fn limits(&self) -> &'static Limits {
        &LIMITS
    }

    fn is_experimental(&self) -> bool {
        false
    }

    /// One connection with everything in its address.
    fn plan(&self, want: &Want) -> Vec<Connection> {
        let mut kinds: Vec<&str> = want.data_types.iter().map(|data_type| kind(*data_type)).collect();
        kinds.sort_unstable();
        kinds.dedup();
        let mut options =
            json!({ "exchange": self.exchange, "dataTypes": kinds, "withDisconnectMessages": true });
        if !want.symbols.is_empty() {
            options["symbols"] = json!(want.symbols);
        }
        // A quiet symbol is no dead connection: the server's own limit on silence is off.
        options["timeoutIntervalMS"] = json!(0);
        let options = options.to_string();
        let path =
            format!("/ws-stream-normalized?options={}", utf8_percent_encode(&options, NON_ALPHANUMERIC));
        let streams =
            kinds.iter().flat_map(|kind| want.symbols.iter().map(move |symbol| format!("{kind}:{symbol}")));
        vec![Connection { endpoint: 0, path, streams: streams.collect() }]
    }

    fn feed(&self, want: &Want, connections: &[Connection]) -> Box<dyn Feed> {
        let terms = Terms {
            rule: Rule::None,
            origin: Origin::Stream,
            depth: MAX_DEPTH,
            is_recorded: want.is_recorded,
        };
        let setup = Setup { terms, ids: IdRule::Opaque, spelling: &AS_LISTED, asks: (1, 1) };
        // The server's messages have the symbols of rows, which may differ from those of the exchange's own socket.
        let spelling = venues::find(self.exchange).map_or(&AS_LISTED, |own| own.spelling());
        let symbols = want.symbols.iter().flat_map(|symbol| spelling.rows(symbol)).collect();
        let market = Market::new(setup, &Want { symbols, ..want.clone() }, connections);
        Box::new(MachineFeed { exchange: self.exchange, market, local: i64::MIN })
    }
}

struct MachineFeed {
    exchange: &'static str,
    market: Market,
    /// The latest arrival at the server.
    local: i64,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Message<'a> {
    #[serde(borrow, rename = "type")]
    kind: Cow<'a, str>,
    #[serde(borrow)]
    exchange: Option<Cow<'a, str>>,
    #[serde(borrow)]
    symbol: Option<Cow<'a, str>>,
    #[serde(borrow)]
    timestamp: Option<Cell<'a>>,
    #[serde(borrow)]
    local_timestamp: Option<Cell<'a>>,
    #[serde(borrow)]
    id: Option<Cell<'a>>,
    #[serde(borrow)]
    side: Option<Cow<'a, str>>,
    #[serde(borrow)]
    price: Option<Cell<'a>>,
    #[serde(borrow)]
    amount: Option<Cell<'a>>,
    #[serde(default)]
    is_snapshot: bool,
    #[serde(borrow, default)]
    asks: Vec<Level<'a>>,
    #[serde(borrow, default)]
    bids: Vec<Level<'a>>,
    #[serde(borrow)]
    ask_amount: Option<Cell<'a>>,
    #[serde(borrow)]
    ask_price: Option<Cell<'a>>,
    #[serde(borrow)]
    bid_price: Option<Cell<'a>>,
    #[serde(borrow)]
    bid_amount: Option<Cell<'a>>,
    #[serde(borrow)]
    funding_timestamp: Option<Cell<'a>>,
    #[serde(borrow)]
    funding_rate: Option<Cell<'a>>,
    #[serde(borrow)]
    predicted_funding_rate: Option<Cell<'a>>,
    #[serde(borrow)]
    open_interest: Option<Cell<'a>>,
    #[serde(borrow)]
    last_price: Option<Cell<'a>>,
    #[serde(borrow)]
    index_price: Option<Cell<'a>>,
    #[serde(borrow)]
    mark_price: Option<Cell<'a>>,
    #[serde(borrow)]
    option_type: Option<Cow<'a, str>>,
    #[serde(borrow)]
    strike_price: Option<Cell<'a>>,
    #[serde(borrow)]
    expiration_date: Option<Cell<'a>>,
    #[serde(borrow)]
    best_bid_price: Option<Cell<'a>>,
    #[serde(borrow)]
    best_bid_amount: Option<Cell<'a>>,
    #[serde(borrow, rename = "bestBidIV")]
    best_bid_iv: Option<Cell<'a>>,
    #[serde(borrow)]
    best_ask_price: Option<Cell<'a>>,
    #[serde(borrow)]
    best_ask_amount: Option<Cell<'a>>,
    #[serde(borrow, rename = "bestAskIV")]
    best_ask_iv: Option<Cell<'a>>,
    #[serde(borrow, rename = "markIV")]
    mark_iv: Option<Cell<'a>>,
    #[serde(borrow)]
    underlying_index: Option<Cow<'a, str>>,
    #[serde(borrow)]
    underlying_price: Option<Cell<'a>>,
    #[serde(borrow)]
    delta: Option<Cell<'a>>,
    #[serde(borrow)]
    gamma: Option<Cell<'a>>,
    #[serde(borrow)]
    vega: Option<Cell<'a>>,
    #[serde(borrow)]
    theta: Option<Cell<'a>>,
    #[serde(borrow)]
    rho: Option<Cell<'a>>,
}

#[derive(Deserialize)]
struct Level<'a> {
    #[serde(borrow)]
    price: Cell<'a>,
    #[serde(borrow)]
    amount: Cell<'a>,
}

impl MachineFeed {
    fn read(
        &mut self,
        out: &mut Out,
        connection: ConnectionId,
        text: &[u8],
        arrived: i64,
    ) -> Result<(), Unread> {
        let message: Message<'_> = serde_json::from_slice(text)?;
        if message.exchange.as_deref().is_some_and(|exchange| exchange != self.exchange) {
            return Ok(());
        }
        if message.kind == "disconnect" {
            // The server lost the exchange, and connects again by itself.
            self.market.closed(out, connection, true);
            self.market.opened(connection, &[], arrived);
            return Ok(());
        }
        self.market.arrived(out, connection, arrived);
        let Some(symbol) = message.symbol.as_deref().and_then(|name| self.market.symbol(name.as_bytes()))
        else {
            return Ok(());
        };
        // The server is the recorder: rows have its time of arrival, which never falls.
        self.local = self.local.max(message.local_timestamp.and_then(Cell::iso).unwrap_or(arrived));
        let at = message.timestamp.and_then(Cell::iso).unwrap_or(self.local);
        match &*message.kind {
            "trade" | "liquidation" => {
                let trade = Trade {
                    id: message.id.map(Cell::text).filter(|id| !id.is_empty()),
                    sequence: None,
                    side: side_of(message.side.as_deref().unwrap_or_default()),
                    price: message.price.ok_or("a trade without a price")?.need_number()?,
                    amount: message.amount.ok_or("a trade without an amount")?.need_number()?,
                    at,
                };
                if message.kind == "trade" {
                    self.market.trade(out, connection, symbol, &trade, self.local);
                } else {
                    self.market.liquidation(out, connection, symbol, &trade, self.local);
                }
            }
            "book_change" => {
                for (is_ask, side) in [(true, &message.asks), (false, &message.bids)] {
                    for level in side {
                        self.market.level(is_ask, level.price.need_number()?, level.amount.need_number()?);
                    }
                }
                if message.is_snapshot {
                    self.market.snapshot(out, connection, symbol, Ids::default(), at, self.local, false);
                } else {
                    self.market.update(out, connection, symbol, Ids::default(), at, self.local);
                }
            }
            "book_ticker" => {
                let quote = Quote {
                    ask_price: number_in(message.ask_price),
                    ask_amount: number_in(message.ask_amount),
                    bid_price: number_in(message.bid_price),
                    bid_amount: number_in(message.bid_amount),
                };
                self.market.book_ticker(out, connection, symbol, &quote, at, self.local);
            }
            "derivative_ticker" => self.ticker(out, connection, symbol, &message, at),
            "option_summary" => {
                let option = option(&message)?;
                self.market.option(out, connection, symbol, "option_summary", &option, at, self.local);
            }
            // What the server computes, such as `trade_bar`, is made here from what it is made of.
            _ => {}
        }
        Ok(())
    }

    /// The server gives out only changes, and each whole: nothing carries over.
    fn ticker(
        &mut self,
        out: &mut Out,
        connection: ConnectionId,
        symbol: SymbolId,
        message: &Message<'_>,
        at: i64,
    ) {
        let ticker = self.market.ticker(symbol);
        *ticker = Ticker::default();
        let change = TickerChange {
            funding_timestamp: message.funding_timestamp.and_then(Cell::iso),
            funding_rate: number_in(message.funding_rate),
            predicted_funding_rate: number_in(message.predicted_funding_rate),
            open_interest: number_in(message.open_interest),
            last_price: number_in(message.last_price),
            index_price: number_in(message.index_price),
            mark_price: number_in(message.mark_price),
        };
        change.put_into(ticker);
        ticker.at(at);
        self.market.ticker_row(out, connection, symbol, "derivative_ticker", self.local);
    }
}

fn option<'a>(message: &'a Message<'_>) -> Result<OptionRow<'a>, Unread> {
    let expiration = message.expiration_date.ok_or("an option without an end")?.need_iso()?;
    let numbers = [
        message.open_interest,
        message.last_price,
        message.best_bid_price,
        message.best_bid_amount,
        message.best_bid_iv,
        message.best_ask_price,
        message.best_ask_amount,
        message.best_ask_iv,
        message.mark_price,
        message.mark_iv,
    ];
    let greeks =
        [message.underlying_price, message.delta, message.gamma, message.vega, message.theta, message.rho];
    Ok(OptionRow {
        is_call: message.option_type.as_deref() == Some("call"),
        strike: message.strike_price.ok_or("an option without a strike")?.need_number()?,
        expiration,
        numbers: numbers.map(number_in),
        underlying_index: message.underlying_index.as_deref().filter(|name| !name.is_empty()),
        greeks: greeks.map(number_in),
    })
}

impl Feed for MachineFeed {
    fn opened(&mut self, connection: ConnectionId, now: i64, _: &mut Out) {
        self.market.opened(connection, &[], now);
    }

    fn message(&mut self, connection: ConnectionId, frame: Frame<'_>, arrived: i64, out: &mut Out) {
        let Frame::Data(text) = frame else { return };
        if let Err(Unread(reason)) = self.read(out, connection, text, arrived) {
            self.market.clear_levels();
            out.unreadable(text, &reason);
        }
    }

    fn answer(&mut self, _: &str, _: u16, _: &[u8], _: i64, _: &mut Out) {}

    fn closed(&mut self, connection: ConnectionId, why: Closed, _: i64, out: &mut Out) {
        self.market.closed(out, connection, why == Closed::Remote);
    }

    fn tick(&mut self, _: i64, _: &mut Out) {}

    fn due(&self) -> Option<i64> {
        None
    }

    fn midnight(&mut self, now: i64, out: &mut Out) {
        self.market.midnight(out, now);
    }
}
