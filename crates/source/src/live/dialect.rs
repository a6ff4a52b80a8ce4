//! A feed of the venues that speak alike: streams are subscribed to by texts, which are answered or not; a text keeps a quiet connection;
//! a book whose stream broke is subscribed to anew, or asked for by REST. What differs is a [`Dialect`].

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};

use super::cell::Unread;
use super::feed::{Closed, ConnectionId, Feed, Frame};
use super::limits::{Limits, Ping};
use super::market::{Market, Setup, Silent, Stream, SymbolId};
use super::out::{Out, Request};
use super::outbox::Outbox;
use super::reading::Asked;
pub use super::reading::Reading;
use super::streams::{Data, Due, NOTHING_CAME, Streams};
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

    /// What the names of streams of other kinds begin with; the symbol follows.
    fn prefixes(&self) -> &'static [(&'static str, Stream)];

    /// The stream of this beginning that brings news of a symbol.
    fn stream_of(&self, prefix: &str, symbol: &str) -> String {
        format!("{prefix}{symbol}")
    }

    /// Whether streams are acknowledged.
    fn has_answers(&self) -> bool {
        true
    }

    /// Whether each stream of a request is acknowledged or refused by itself.
    fn answers_each(&self) -> bool {
        false
    }

    /// Whether a request replaces what was asked for before.
    fn replaces(&self) -> bool {
        false
    }

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

/// A text as JSON.
pub fn text_of(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// The streams `CHANNEL:SYMBOL` of these channels, each once, symbol by symbol.
pub fn streams(symbols: &[String], channels: impl Iterator<Item = &'static str>) -> Vec<String> {
    let channels: Vec<&str> = channels.collect();
    let mut streams = Vec::new();
    let mut known = HashSet::new();
    for symbol in symbols {
        for channel in &channels {
            let stream = format!("{channel}:{symbol}");
            if known.insert(stream.clone()) {
                streams.push(stream);
            }
        }
    }
    streams
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
        streams: Streams::new(connections.len(), dialect.has_answers()),
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
        is_held: false,
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
    streams: Streams,
    /// When each open connection is pinged next.
    pings: BTreeMap<ConnectionId, i64>,
    counts: HashMap<SymbolId, i64>,
    owners: HashMap<SymbolId, ConnectionId>,
    /// Whether a stream was ever held back.
    is_held: bool,
    /// Of the last request.
    number: u64,
}

/// What a request's text has besides the streams, at most.
const FRAME_BYTES: usize = 100;
/// What each stream has around its name, at most.
const STREAM_BYTES: usize = 50;

impl<D: Dialect> DialectFeed<D> {
    /// Asks for streams, in as many requests as the venue demands.
    fn ask(&mut self, connection: ConnectionId, streams: &[String], now: i64) {
        self.streams.asked(connection, streams, now);
        let asked = self.asked.entry(connection).or_default();
        for stream in streams {
            if !asked.streams.contains(stream) {
                asked.streams.push(stream.clone());
            }
        }
        if self.dialect.replaces() {
            asked.requests.clear();
        }
        let all = asked.streams.clone();
        let streams = if self.dialect.replaces() { &all } else { streams };
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
        let (mut again, mut dues) = (Vec::new(), Vec::new());
        let place = self.place(connection);
        let is_doubled = self.asked.keys().any(|other| *other != connection && self.place(*other) == place);
        let mut at = Reading {
            connection,
            arrived,
            is_recorded: self.is_recorded,
            is_doubled,
            market: &mut self.market,
            out,
            asked: self.asked.entry(connection).or_default(),
            streams: &mut self.streams,
            answers_each: self.dialect.answers_each(),
            dues: &mut dues,
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
        if !self.is_recorded && (!again.is_empty() || !dues.is_empty()) {
            if self.dialect.replaces() && !again.is_empty() {
                self.hold(connection, true, out);
            }
            for streams in again {
                self.ask(connection, &streams, arrived);
            }
            dues.into_iter().for_each(|due| self.due_of(due, arrived, out));
            self.outbox.flush(arrived, out);
        }
        is_read
    }

    /// Subscribes anew to a book, on the connection that has it.
    fn renew(&mut self, symbol: SymbolId, now: i64) {
        let stream = format!("{}{}", self.dialect.book_prefix(), self.market.name(symbol));
        let bringing = |(_, asked): &(&ConnectionId, &Asked)| asked.streams.contains(&stream);
        let Some(connection) = self.asked.iter().rev().find(bringing).map(|(connection, _)| *connection)
        else {
            self.market.give_up(symbol);
            return;
        };
        self.owners.insert(symbol, connection);
        self.resubscribe(connection, stream, now);
    }

    fn resubscribe(&mut self, connection: ConnectionId, stream: String, now: i64) {
        self.number += 1;
        let text = self.dialect.unsubscribe(std::slice::from_ref(&stream), self.number);
        if !text.is_empty() {
            self.outbox.push(connection, text);
        }
        self.ask(connection, &[stream], now);
    }

    /// Subscribes anew to what brings a silent stream.
    fn wake(&mut self, silent: Silent, woken: &mut Vec<String>, now: i64) {
        let name = self.market.name(silent.symbol);
        let prefixes = self.prefixes().filter(|(_, stream)| *stream == silent.stream);
        let streams: Vec<String> = prefixes.map(|(prefix, _)| self.dialect.stream_of(prefix, name)).collect();
        let connection = silent.connection;
        for stream in streams {
            // One that several symbols share is asked for once.
            if woken.contains(&stream) {
                continue;
            }
            woken.push(stream.clone());
            if self.asked.get(&connection).is_some_and(|asked| asked.streams.contains(&stream)) {
                if silent.stream == Stream::Book {
                    self.owners.insert(silent.symbol, connection);
                }
                self.resubscribe(connection, stream, now);
            }
        }
    }

    /// Tells the market which streams of a connection's place stopped for one that the exchange refuses.
    fn hold(&mut self, connection: ConnectionId, is_stopped: bool, out: &mut Out) {
        let planned = self.planned.get(self.place(connection)).map_or(&[][..], Vec::as_slice);
        let held = self.streams.held(connection);
        if held.is_empty() && !is_stopped && !self.is_held {
            return;
        }
        self.is_held = true;
        let prefixes: Vec<(&str, Stream)> = self.prefixes().collect();
        let refused = &self.streams;
        self.market.hold(out, connection, (planned, &held, is_stopped), |market, name| {
            let (prefix, stream) = prefixes.iter().find(|(prefix, _)| name.starts_with(prefix))?;
            let symbol = market.known_symbol(&name[prefix.len()..])?;
            (!refused.is_refused(name)).then_some((symbol, *stream))
        });
    }

    fn prefixes(&self) -> impl Iterator<Item = (&'static str, Stream)> + use<D> {
        let book = (self.dialect.book_prefix(), Stream::Book);
        self.dialect.prefixes().iter().copied().chain([book])
    }

    fn due_of(&mut self, due: Due, now: i64, out: &mut Out) {
        match due {
            Due::Again(connection, stream) => self.ask(connection, &[stream], now),
            Due::Refused(connection, stream, words) => {
                for asked in self.asked.values_mut() {
                    asked.forget(&stream);
                }
                if self.dialect.replaces() {
                    // What a request that failed leaves of the one before is not known.
                    self.ask(connection, &[], now);
                    self.hold(connection, true, out);
                }
                out.refused.push((connection, stream, words));
            }
            Due::Silent(stream) => out.notes.push(format!("{stream}: {NOTHING_CAME}")),
            Due::Next(connection, streams) => {
                // What of its group failed is not asked for any more.
                let held = self.streams.held(connection);
                if let Some(asked) = self.asked.get_mut(&connection) {
                    asked.streams.retain(|stream| !held.contains(stream));
                }
                self.ask(connection, &streams, now);
                self.hold(connection, self.dialect.replaces(), out);
            }
        }
    }

    /// Streams whose time has come: unanswered ones, silent ones, and those that were held back.
    fn look(&mut self, now: i64, out: &mut Out) {
        let prefixes: Vec<(&str, Stream)> = self.prefixes().collect();
        let (outbox, market, dialect) = (&self.outbox, &self.market, &self.dialect);
        let data = |name: &str| {
            let of = prefixes.iter().find(|(prefix, _)| name.starts_with(prefix));
            let Some((prefix, stream)) = of.copied() else { return Data::default() };
            let last = match market.known_symbol(&name[prefix.len()..]) {
                Some(symbol) => market.seen(symbol, stream),
                // Several symbols may share it.
                None => {
                    let of = market.ids().filter(|id| dialect.stream_of(prefix, market.name(*id)) == name);
                    of.filter_map(|id| market.seen(id, stream)).max()
                }
            };
            Data { last, has_pace: stream.has_pace() }
        };
        let dues = self.streams.tick(now, |connection| outbox.waits(connection), data);
        dues.into_iter().for_each(|due| self.due_of(due, now, out));
        let mut woken = Vec::new();
        for silent in self.market.silent(out, now) {
            self.wake(silent, &mut woken, now);
        }
    }
}

impl<D: Dialect> Feed for DialectFeed<D> {
    fn opened(&mut self, connection: ConnectionId, now: i64, out: &mut Out) {
        let planned = self.planned.get(self.place(connection)).cloned().unwrap_or_default();
        let streams = if self.is_recorded { planned } else { self.streams.opened(connection, &planned, now) };
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
        self.ask(connection, &streams, now);
        self.hold(connection, false, out);
        self.outbox.flush(now, out);
    }

    fn message(&mut self, connection: ConnectionId, frame: Frame<'_>, arrived: i64, out: &mut Out) {
        let Frame::Data(text) = frame else { return };
        self.market.arrived(out, connection, arrived);
        self.read(connection, arrived, out, text, |dialect, at| dialect.read(text, at));
    }

    fn answer(&mut self, request: &str, status: u16, body: &[u8], arrived: i64, out: &mut Out) {
        let Some(symbol) = request.strip_suffix(BOOK) else { return };
        let Some(id) = self.market.symbol(symbol.as_bytes()) else { return };
        let stream = format!("{}{symbol}", self.dialect.book_prefix());
        let bringing = |(_, asked): &(&ConnectionId, &Asked)| asked.streams.contains(&stream);
        let connection = self.asked.iter().find(bringing).map(|(connection, _)| *connection);
        let Some(connection) = connection else { return };
        self.market.answering(true);
        let is_read = status == 200
            && self.read(connection, arrived, out, body, |dialect, at| dialect.book_answer(symbol, body, at));
        self.market.answering(false);
        if !is_read {
            self.market.ask_failed(id, arrived);
        }
    }

    fn closed(&mut self, connection: ConnectionId, why: Closed, now: i64, out: &mut Out) {
        if let Some(due) = self.streams.closed(connection, why == Closed::Remote, now) {
            self.due_of(due, now, out);
        }
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
                None => self.renew(symbol, now),
            }
        }
        self.look(now, out);
        if let Ping::Text { every_us, text } = self.limits.ping.value {
            for (connection, due) in self.pings.iter_mut().filter(|(_, due)| **due <= now) {
                *due = now.saturating_add(every_us);
                // Not behind subscriptions that wait: the connection would end.
                out.send(*connection, text.to_owned());
            }
        }
        self.outbox.flush(now, out);
    }

    fn due(&self) -> Option<i64> {
        if self.is_recorded {
            return None;
        }
        let of_streams = [self.streams.due(), self.market.silent_due()];
        [self.outbox.due(), self.market.ask_due(), self.pings.values().min().copied()]
            .into_iter()
            .chain(of_streams)
            .flatten()
            .min()
    }

    fn midnight(&mut self, now: i64, out: &mut Out) {
        self.market.midnight(out, now);
    }
}

/// What the names of requests for books end with.
const BOOK: &str = "@books";
