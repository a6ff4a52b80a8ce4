//! A feed of the venues that speak alike: streams are subscribed to by texts, which are answered or not; a text keeps a quiet connection;
//! a book whose stream broke is subscribed to anew, or asked for by REST. What differs is a [`Dialect`].

use std::collections::{BTreeMap, HashMap, VecDeque};

use mtdh_core::DataType;
use mtdh_core::live::rule::Ids;
use mtdh_core::live::ticker::Field;

use super::cell::{Pair, Unread};
use super::feed::{Closed, ConnectionId, Feed, Frame};
use super::limits::{Limits, Ping};
use super::mapped::{OptionRow, Quote, TickerChange, Trade};
use super::market::{self, Market, Setup, SymbolId};
use super::out::{Out, Request};
use super::outbox::Outbox;
use super::venue::{Connection, Want};

/// What differs between venues.
pub trait Dialect: std::marker::Send {
    /// The text that subscribes to streams, which [`Dialect::is_one_request`] allows together. `number` is its number on the feed.
    fn subscribe(&mut self, streams: &[String], number: u64) -> String;

    /// The text that ends subscriptions.
    fn unsubscribe(&mut self, streams: &[String], number: u64) -> String;

    /// Whether one request may ask for both streams.
    fn is_one_request(&self, _first: &str, _stream: &str) -> bool {
        true
    }

    /// What the names of streams of books begin with; the symbol follows.
    fn book_prefix(&self) -> &'static str;

    /// The path by which a symbol's book is asked for by REST; `None`: it comes from the stream alone.
    fn book_path(&self, _symbol: &str) -> Option<String> {
        None
    }

    /// The answer to it.
    ///
    /// # Errors
    /// [`Unread`] where it has no book.
    fn book_answer(&mut self, _symbol: &str, _body: &[u8], _at: &mut Reading<'_>) -> Result<(), Unread> {
        Err("no book is asked for".into())
    }

    /// A connection is open.
    fn opened(&mut self, _connection: ConnectionId, _now: i64) {}

    /// Reads a message.
    ///
    /// # Errors
    /// [`Unread`] where it is not what the venue sends.
    fn read(&mut self, text: &[u8], at: &mut Reading<'_>) -> Result<(), Unread>;

    /// A connection ended; `is_last`: no other one brings its streams.
    fn closed(&mut self, _connection: ConnectionId, _is_last: bool) {}
}

/// A message as it is read: what it says goes here.
pub struct Reading<'a> {
    /// The connection that brought it.
    pub connection: ConnectionId,
    /// When it arrived, microseconds since the Unix epoch, UTC.
    pub arrived: i64,
    is_recorded: bool,
    market: &'a mut Market,
    out: &'a mut Out,
    asked: &'a mut Asked,
    again: &'a mut Vec<Vec<String>>,
    /// Numbers given to the messages of books that have none.
    counts: &'a mut HashMap<SymbolId, i64>,
    /// The connection that each book is read from.
    owners: &'a mut HashMap<SymbolId, ConnectionId>,
}

/// What was asked for on a connection.
#[derive(Default)]
struct Asked {
    /// The streams, without those that were refused.
    streams: Vec<String>,
    /// Requests that were not answered yet, in order.
    requests: VecDeque<Vec<String>>,
}

impl Asked {
    fn answered(&mut self, stream: &str) {
        for request in &mut self.requests {
            request.retain(|asked| asked != stream);
        }
        self.requests.retain(|request| !request.is_empty());
    }
}

impl Reading<'_> {
    /// Whether rows of a symbol are wanted: of others nothing is to be remembered.
    pub fn follows(&mut self, symbol: &str) -> bool {
        self.market.symbol(symbol.as_bytes()).is_some()
    }

    /// A trade whose id says nothing of others.
    pub fn trade(&mut self, symbol: &str, trade: &Trade<'_>) {
        self.trade_of(symbol, trade, None);
    }

    /// A trade whose ids rise by one.
    pub fn numbered_trade(&mut self, symbol: &str, trade: &Trade<'_>) {
        self.trade_of(symbol, trade, trade.id.parse().ok());
    }

    fn trade_of(&mut self, symbol: &str, trade: &Trade<'_>, sequence: Option<u64>) {
        if let Some(id) = self.market.symbol(symbol.as_bytes()) {
            let trade = of_market(trade, sequence);
            self.market.trade(self.out, self.connection, id, &trade, self.arrived);
        }
    }

    /// A liquidation.
    pub fn liquidation(&mut self, symbol: &str, trade: &Trade<'_>) {
        if let Some(id) = self.market.symbol(symbol.as_bytes()) {
            let trade = of_market(trade, None);
            self.market.liquidation(self.out, self.connection, id, &trade, self.arrived);
        }
    }

    /// The best levels as the exchange published them, at its time.
    pub fn quote(&mut self, symbol: &str, timestamp: i64, quote: &Quote) {
        if let Some(id) = self.market.symbol(symbol.as_bytes()) {
            self.market.book_ticker(self.out, self.connection, id, quote, timestamp, self.arrived);
        }
    }

    /// News of a derivative; without a time it keeps the last one.
    pub fn ticker(&mut self, symbol: &str, timestamp: Option<i64>, change: &TickerChange) {
        let Some(id) = self.market.symbol(symbol.as_bytes()) else { return };
        let ticker = self.market.ticker(id);
        ticker.set_funding(change.funding_timestamp);
        for (field, value) in [
            (Field::FundingRate, change.funding_rate),
            (Field::PredictedFundingRate, change.predicted_funding_rate),
            (Field::OpenInterest, change.open_interest),
            (Field::LastPrice, change.last_price),
            (Field::IndexPrice, change.index_price),
            (Field::MarkPrice, change.mark_price),
        ] {
            ticker.set(field, value);
        }
        if let Some(timestamp) = timestamp {
            ticker.at(timestamp);
        }
        self.market.ticker_row(self.out, self.connection, id, self.arrived);
    }

    /// An option's state.
    pub fn option(&mut self, symbol: &str, timestamp: i64, option: &OptionRow<'_>) {
        if let Some(id) = self.market.symbol(symbol.as_bytes()) {
            self.market.option(self.out, self.connection, id, option, timestamp, self.arrived);
        }
    }

    /// Lays out a level of the next book message.
    pub fn level(&mut self, is_ask: bool, price: f64, amount: f64) {
        self.market.level(is_ask, price, amount);
    }

    /// Lays out the levels of the next book message.
    ///
    /// # Errors
    /// [`Unread`] where a price or an amount is no number.
    pub fn levels(&mut self, asks: &[Pair<'_>], bids: &[Pair<'_>]) -> Result<(), Unread> {
        for (is_ask, side) in [(true, asks), (false, bids)] {
            for Pair(price, amount) in side {
                self.level(is_ask, price.need_number()?, amount.need_number()?);
            }
        }
        Ok(())
    }

    /// Whether a book is read from this connection: it is the first that brought it, until it closes.
    pub fn owns_book(&mut self, symbol: &str) -> bool {
        let Some(id) = self.market.symbol(symbol.as_bytes()) else { return false };
        *self.owners.entry(id).or_insert(self.connection) == self.connection
    }

    /// A message of a book with the levels laid out; without numbers it follows the one before.
    pub fn book(&mut self, symbol: &str, timestamp: i64, is_snapshot: bool, ids: Option<Ids>) {
        let Some(id) = self.market.symbol(symbol.as_bytes()) else { return self.market.clear_levels() };
        let is_owner = *self.owners.entry(id).or_insert(self.connection) == self.connection;
        // A second connection begins with a snapshot, which may be older than the book is: updates join by their numbers.
        if !is_owner && (ids.is_none() || (is_snapshot && self.market.is_live(id))) {
            return self.market.clear_levels();
        }
        let ids = ids.unwrap_or_else(|| {
            let count = self.counts.entry(id).or_default();
            *count += 1;
            Ids { first: *count, last: *count, previous: Some(*count - 1) }
        });
        if is_snapshot {
            self.market.snapshot(self.out, self.connection, id, ids, timestamp, self.arrived, false);
        } else {
            self.market.update(self.out, self.connection, id, ids, timestamp, self.arrived);
        }
    }

    /// A whole book that came by REST, of the levels laid out.
    pub fn book_by_rest(&mut self, symbol: &str, timestamp: i64, ids: Ids) {
        let Some(id) = self.market.symbol(symbol.as_bytes()) else { return self.market.clear_levels() };
        self.market.snapshot(self.out, self.connection, id, ids, timestamp, self.arrived, true);
    }

    /// A message of a book, with the levels laid out, after which the book is not what the exchange says. It is given out only if it is
    /// recorded, where nothing better comes.
    pub fn wrong_book(
        &mut self,
        symbol: &str,
        timestamp: i64,
        is_snapshot: bool,
        ids: Option<Ids>,
        detail: String,
    ) {
        let Some(id) = self.market.symbol(symbol.as_bytes()) else { return self.market.clear_levels() };
        if self.is_recorded {
            self.book(symbol, timestamp, is_snapshot, ids);
        }
        self.market.fail(self.out, self.connection, id, "checksum", detail, timestamp, self.arrived);
    }

    /// The exchange told the number of a symbol's last trade.
    pub fn last_trade(&mut self, symbol: &str, id: &str) {
        let (Some(symbol), Ok(number)) = (self.market.symbol(symbol.as_bytes()), id.parse()) else { return };
        self.market.count(self.out, self.connection, symbol, Some(number), self.arrived);
    }

    /// Whether a stream was asked for on this connection.
    pub fn has_stream(&self, stream: &str) -> bool {
        self.asked.streams.iter().any(|asked| asked == stream)
    }

    /// A stream was acknowledged.
    pub fn accepted(&mut self, stream: &str) {
        self.out.accepted += 1;
        self.asked.answered(stream);
    }

    /// A stream was refused, in the venue's words.
    pub fn refused(&mut self, stream: &str, words: &str) {
        self.asked.answered(stream);
        self.asked.streams.retain(|asked| asked != stream);
        self.out.refused.push((self.connection, stream.to_owned(), words.to_owned()));
    }

    /// A request for these streams was refused as a whole: each is asked for by itself, and a single one is refused.
    pub fn request_failed(&mut self, streams: &[String], words: &str) {
        match streams {
            [] => self.some_failed(words),
            [stream] => self.refused(stream, words),
            several => {
                for stream in several {
                    self.asked.answered(stream);
                    if self.asked.streams.contains(stream) {
                        self.again.push(vec![stream.clone()]);
                    }
                }
            }
        }
    }

    /// A refusal that does not name its request: it is of the streams whose symbols it names, else of the oldest request without an
    /// answer.
    pub fn some_failed(&mut self, words: &str) {
        if self.named_failed(words) {
            return;
        }
        match self.asked.requests.pop_front() {
            Some(request) => self.request_failed(&request, words),
            None => self.reconnect(words),
        }
    }

    /// A refusal of the streams whose symbols it names; what else was asked for in their request is asked for again. Whether it names
    /// any.
    pub fn named_failed(&mut self, words: &str) -> bool {
        let is_named =
            |stream: &String| stream.split_once([':', '.']).is_some_and(|(_, name)| has_word(words, name));
        let at = self.asked.requests.iter().position(|request| request.iter().any(is_named));
        let Some(request) = at.and_then(|at| self.asked.requests.remove(at)) else { return false };
        let (bad, good): (Vec<String>, Vec<String>) = request.into_iter().partition(is_named);
        for stream in &bad {
            self.refused(stream, words);
        }
        if !good.is_empty() {
            self.again.push(good);
        }
        true
    }

    /// The stream that a text names, by the kind and the symbol.
    pub fn stream_in(&self, words: &str) -> Option<String> {
        let is_named = |stream: &&String| {
            stream.split_once(':').is_some_and(|(kind, name)| has_word(words, kind) && has_word(words, name))
        };
        self.asked.streams.iter().find(is_named).cloned()
    }

    /// The exchange will soon end the connection.
    pub fn ending(&mut self) {
        if !self.out.ending.contains(&self.connection) {
            self.out.ending.push(self.connection);
        }
    }

    /// The connection is of no use.
    pub fn reconnect(&mut self, reason: &str) {
        self.out.reconnects.push((self.connection, reason.to_owned()));
    }
}

/// Whether a text has a word, with nothing of its kind around it.
fn has_word(text: &str, word: &str) -> bool {
    let is_part = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || matches!(c, '-' | '_' | '/'));
    !word.is_empty()
        && text.match_indices(word).any(|(at, _)| {
            !is_part(text[..at].chars().next_back()) && !is_part(text[at + word.len()..].chars().next())
        })
}

fn of_market<'a>(trade: &Trade<'a>, sequence: Option<u64>) -> market::Trade<'a> {
    market::Trade {
        id: Some(trade.id).filter(|id| !id.is_empty()),
        sequence,
        side: trade.side,
        price: trade.price,
        amount: trade.amount,
        at: trade.timestamp,
    }
}

/// The symbol of rows where it is that of messages.
pub fn same(symbol: &str, _: DataType) -> String {
    symbol.to_owned()
}

/// A text as JSON.
pub fn text_of(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// The connections that bring these streams within what the venue allows of each.
pub fn connections(endpoint: usize, streams: Vec<String>, limits: &Limits) -> Vec<Connection> {
    let mut plan: Vec<Connection> = Vec::new();
    let mut bytes = 0;
    for stream in streams {
        let most = limits.connection_bytes.map_or(usize::MAX, |most| most.value);
        bytes += stream.len();
        let has_room = |last: &&mut Connection| last.streams.len() < limits.streams.value && bytes <= most;
        match plan.last_mut().filter(has_room) {
            Some(last) => last.streams.push(stream),
            None => {
                bytes = stream.len();
                plan.push(Connection { endpoint, path: String::new(), streams: vec![stream] });
            }
        }
    }
    plan
}

/// A feed that speaks a dialect.
pub fn feed<D: Dialect + 'static>(
    dialect: D,
    setup: Setup,
    limits: &'static Limits,
    want: &Want,
    connections: &[Connection],
) -> Box<dyn Feed> {
    Box::new(DialectFeed {
        dialect,
        market: Market::new(setup, want, connections),
        outbox: Outbox::new(limits.messages.value),
        limits,
        is_recorded: want.is_recorded,
        planned: connections.iter().map(|c| c.streams.clone()).collect(),
        asked: BTreeMap::new(),
        pings: BTreeMap::new(),
        counts: HashMap::new(),
        owners: HashMap::new(),
        number: 0,
    })
}

struct DialectFeed<D> {
    dialect: D,
    market: Market,
    outbox: Outbox,
    limits: &'static Limits,
    is_recorded: bool,
    /// The streams of each place of the plan.
    planned: Vec<Vec<String>>,
    asked: BTreeMap<ConnectionId, Asked>,
    /// When each open connection is pinged next.
    pings: BTreeMap<ConnectionId, i64>,
    counts: HashMap<SymbolId, i64>,
    owners: HashMap<SymbolId, ConnectionId>,
    /// Of the last request.
    number: u64,
}

/// What a request's text has besides the streams, at most.
const FRAME_BYTES: usize = 100;
/// What each stream has around its name, at most.
const STREAM_BYTES: usize = 50;

impl<D: Dialect> DialectFeed<D> {
    /// Asks for streams, in as many requests as the venue demands.
    fn ask(&mut self, connection: ConnectionId, streams: &[String]) {
        let most_bytes = self.limits.request_bytes.map_or(usize::MAX, |most| most.value);
        let mut requests: Vec<Vec<String>> = Vec::new();
        let mut bytes = 0;
        for stream in streams {
            bytes += stream.len() + STREAM_BYTES;
            let has_room = |last: &&mut Vec<String>| {
                last.len() < self.limits.request_streams.value
                    && bytes <= most_bytes
                    && self.dialect.is_one_request(&last[0], stream)
            };
            match requests.last_mut().filter(has_room) {
                Some(last) => last.push(stream.clone()),
                None => {
                    bytes = FRAME_BYTES + stream.len() + STREAM_BYTES;
                    requests.push(vec![stream.clone()]);
                }
            }
        }
        for request in requests {
            self.number += 1;
            let text = self.dialect.subscribe(&request, self.number);
            self.outbox.push(connection, text);
            self.asked.entry(connection).or_default().requests.push_back(request);
        }
    }

    fn place(&self, connection: ConnectionId) -> usize {
        connection.0 as usize % self.planned.len().max(1)
    }

    /// Reads with the dialect, and does what follows from it.
    fn read(
        &mut self,
        connection: ConnectionId,
        arrived: i64,
        out: &mut Out,
        text: &[u8],
        read: impl FnOnce(&mut D, &mut Reading<'_>) -> Result<(), Unread>,
    ) -> bool {
        let mut again = Vec::new();
        let mut at = Reading {
            connection,
            arrived,
            is_recorded: self.is_recorded,
            market: &mut self.market,
            out,
            asked: self.asked.entry(connection).or_default(),
            again: &mut again,
            counts: &mut self.counts,
            owners: &mut self.owners,
        };
        let result = read(&mut self.dialect, &mut at);
        let is_read = result.is_ok();
        if let Err(Unread(reason)) = result {
            self.market.clear_levels();
            out.unreadable(text, &reason);
        }
        if !again.is_empty() && !self.is_recorded {
            for streams in again {
                self.ask(connection, &streams);
            }
            self.outbox.flush(arrived, out);
        }
        is_read
    }

    /// Subscribes anew to a book, on the connection that has it.
    fn renew(&mut self, symbol: SymbolId) {
        let stream = format!("{}{}", self.dialect.book_prefix(), self.market.name(symbol));
        let bringing = |(_, asked): &(&ConnectionId, &Asked)| asked.streams.contains(&stream);
        let Some(connection) = self.asked.iter().rev().find(bringing).map(|(connection, _)| *connection)
        else {
            self.market.give_up(symbol);
            return;
        };
        self.owners.insert(symbol, connection);
        self.number += 1;
        let text = self.dialect.unsubscribe(std::slice::from_ref(&stream), self.number);
        if !text.is_empty() {
            self.outbox.push(connection, text);
        }
        self.ask(connection, &[stream]);
    }
}

impl<D: Dialect> Feed for DialectFeed<D> {
    fn opened(&mut self, connection: ConnectionId, now: i64, out: &mut Out) {
        let streams = self.planned.get(self.place(connection)).cloned().unwrap_or_default();
        let prefix = self.dialect.book_prefix();
        let symbols: Vec<SymbolId> = streams
            .iter()
            .filter_map(|stream| self.market.symbol(stream.strip_prefix(prefix)?.as_bytes()))
            .collect();
        self.dialect.opened(connection, now);
        self.market.opened(connection, &symbols, now);
        self.asked.insert(connection, Asked { streams: streams.clone(), requests: VecDeque::new() });
        if self.is_recorded {
            return;
        }
        // Pings of the protocol are the socket's.
        if let Ping::Text { every_us, .. } = self.limits.ping.value {
            self.pings.insert(connection, now.saturating_add(every_us));
        }
        self.ask(connection, &streams);
        self.outbox.flush(now, out);
    }

    fn message(&mut self, connection: ConnectionId, frame: Frame<'_>, arrived: i64, out: &mut Out) {
        self.market.arrived(out, connection, arrived);
        let Frame::Data(text) = frame else { return };
        self.read(connection, arrived, out, text, |dialect, at| dialect.read(text, at));
    }

    fn answer(&mut self, request: &str, status: u16, body: &[u8], arrived: i64, out: &mut Out) {
        let Some(symbol) = request.strip_suffix(BOOK) else { return };
        let Some(id) = self.market.symbol(symbol.as_bytes()) else { return };
        let stream = format!("{}{symbol}", self.dialect.book_prefix());
        let bringing = |(_, asked): &(&ConnectionId, &Asked)| asked.streams.contains(&stream);
        let connection = self.asked.iter().find(bringing).map(|(connection, _)| *connection);
        let Some(connection) = connection else { return };
        let is_read = status == 200
            && self.read(connection, arrived, out, body, |dialect, at| dialect.book_answer(symbol, body, at));
        if !is_read {
            self.market.ask_failed(id, arrived);
        }
    }

    fn closed(&mut self, connection: ConnectionId, why: Closed, _now: i64, out: &mut Out) {
        self.asked.remove(&connection);
        self.pings.remove(&connection);
        self.outbox.closed(connection);
        self.owners.retain(|_, owner| *owner != connection);
        let is_last = !self.asked.keys().any(|other| self.place(*other) == self.place(connection));
        self.dialect.closed(connection, is_last);
        self.market.closed(out, connection, why == Closed::Remote);
    }

    fn tick(&mut self, now: i64, out: &mut Out) {
        if self.is_recorded {
            return;
        }
        for symbol in self.market.asks(now) {
            let name = self.market.name(symbol).to_owned();
            match self.dialect.book_path(&name) {
                Some(path) => out.requests.push(Request {
                    name: format!("{name}{BOOK}"),
                    path,
                    weight: self.limits.snapshot_weight.map_or(1, |weight| weight.value),
                    not_before: now,
                }),
                None => self.renew(symbol),
            }
        }
        if let Ping::Text { every_us, text } = self.limits.ping.value {
            for (connection, due) in self.pings.iter_mut().filter(|(_, due)| **due <= now) {
                *due = now.saturating_add(every_us);
                self.outbox.push(*connection, text.to_owned());
            }
        }
        self.outbox.flush(now, out);
    }

    fn due(&self) -> Option<i64> {
        if self.is_recorded {
            return None;
        }
        [self.outbox.due(), self.market.ask_due(), self.pings.values().min().copied()]
            .into_iter()
            .flatten()
            .min()
    }

    fn midnight(&mut self, now: i64, out: &mut Out) {
        self.market.midnight(out, now);
    }
}

/// What the names of requests for books end with.
const BOOK: &str = "@books";
