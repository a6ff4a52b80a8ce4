//! Binance's messages to rows.

use std::collections::HashMap;

use mtdh_core::DataType;
use mtdh_core::live::rule::Ids;
use mtdh_core::live::ticker::Field;

use super::Binance;
use super::message::Message;
use crate::live::feed::{Closed, ConnectionId, Feed, Frame};
use crate::live::market::{Market, Quote, Side, Stream, SymbolId, Trade};
use crate::live::out::{Out, Request};
use crate::live::outbox::Outbox;
use crate::live::streams::{Data, Due, NOTHING_CAME, Streams};
use crate::live::times::stamp;
use crate::live::venue::{Connection, Want};

/// Of an open interest one answer in this time, the vendor's pace; slower for many symbols, to leave REST for snapshots.
const POLL_US: i64 = 5_000_000;
/// Polls per second of all symbols.
const POLLS_PER_SECOND: i64 = 10;
/// Index prices are kept of at most so many pairs.
const MAX_PAIRS: usize = 10_000;

/// The channels of a derivative's state.
const MARK_PRICE: &str = "markPrice";
const TICKER: &str = "ticker";
const INDEX_PRICE: &str = "indexPrice";
const OPEN_INTEREST: &str = "openInterest";

pub(super) struct BinanceFeed {
    venue: &'static Binance,
    market: Market,
    plan: Vec<Connection>,
    outbox: Outbox,
    streams: Streams,
    /// Streams asked for by request, until the answer.
    asked: HashMap<i64, Vec<String>>,
    next_request: i64,
    is_recorded: bool,
    /// The next open interest to ask for.
    poll: Option<(i64, usize)>,
    symbols: Vec<SymbolId>,
    /// Index prices by pair, where they have a stream of their own.
    pairs: HashMap<Box<[u8]>, f64>,
}

impl BinanceFeed {
    pub fn new(venue: &'static Binance, market: Market, want: &Want, plan: &[Connection]) -> BinanceFeed {
        BinanceFeed {
            venue,
            symbols: market.ids().collect(),
            market,
            plan: plan.to_vec(),
            outbox: Outbox::new(venue.limits.messages.value),
            streams: Streams::new(plan.len(), true),
            asked: HashMap::new(),
            next_request: 1,
            is_recorded: want.is_recorded,
            poll: None,
            pairs: HashMap::new(),
        }
    }

    fn read(&mut self, connection: ConnectionId, text: &[u8], arrived: i64, out: &mut Out) {
        let message = match Message::read(text, self.market.layout()) {
            Ok(message) => message,
            Err(error) => {
                self.market.clear_levels();
                return out.unreadable(text, &error);
            }
        };
        if !self.take(connection, &message, arrived, out) {
            out.unreadable(text, &"a message of this kind without the fields that it has");
        }
        self.market.clear_levels();
    }

    /// Whether the message has what its kind has; kinds that make no rows have it.
    fn take(&mut self, connection: ConnectionId, message: &Message<'_>, arrived: i64, out: &mut Out) -> bool {
        match message.event {
            b"trade" => self.trade(connection, message, arrived, out),
            b"depthUpdate" => self.depth(connection, message, arrived, out),
            b"bookTicker" => self.book_ticker(connection, message, arrived, out),
            b"markPriceUpdate" => self.mark_price(connection, message, arrived, out),
            b"24hrTicker" => self.ticker(connection, message, arrived, out),
            b"indexPriceUpdate" => self.index_price(connection, message, arrived, out),
            b"forceOrder" => self.liquidation(connection, message, arrived, out),
            b"serverShutdown" => {
                out.ending.push(connection);
                Some(())
            }
            b"" if message.snapshot.is_some() => self.snapshot(connection, message, arrived, out),
            b"" if message.open_interest.is_some() => self.open_interest(connection, message, arrived, out),
            b"" if message.last.is_some() => self.book_ticker(connection, message, arrived, out),
            b"" if message.is_answer => {
                self.answered(connection, message, arrived, out);
                Some(())
            }
            // Other kinds, also new ones.
            _ => Some(()),
        }
        .is_some()
    }

    fn trade(
        &mut self,
        connection: ConnectionId,
        message: &Message<'_>,
        arrived: i64,
        out: &mut Out,
    ) -> Option<()> {
        let id = message.id?;
        let (price, amount, is_sell) = (message.price?, message.amount?, message.is_sell?);
        let at = stamp(message.time?);
        let Some(symbol) = self.market.symbol(message.symbol) else { return Some(()) };
        let sequence = id.integer().and_then(|id| u64::try_from(id).ok());
        if matches!(message.origin, b"INSURANCE_FUND" | b"ADL" | b"NA") {
            self.market.count(out, connection, symbol, sequence, arrived);
            return Some(());
        }
        let side = if is_sell { Side::Sell } else { Side::Buy };
        let trade = Trade { id: id.text(), sequence, side, price, amount, at };
        self.market.trade(out, connection, symbol, &trade, arrived);
        Some(())
    }

    fn depth(
        &mut self,
        connection: ConnectionId,
        message: &Message<'_>,
        arrived: i64,
        out: &mut Out,
    ) -> Option<()> {
        let at = stamp(message.event_time?);
        let ids = Ids { first: message.first?, last: message.last?, previous: message.previous };
        if !self.venue.is_spot {
            ids.previous?;
        }
        let Some(symbol) = self.market.symbol(message.symbol) else { return Some(()) };
        self.market.update(out, connection, symbol, ids, at, arrived);
        Some(())
    }

    /// A snapshot by REST: marked by the vendor's recorder, or bare, as recorders of others write the answer.
    fn snapshot(
        &mut self,
        connection: ConnectionId,
        message: &Message<'_>,
        arrived: i64,
        out: &mut Out,
    ) -> Option<()> {
        let last = message.snapshot?;
        let symbol = match message.channel() {
            b"depthSnapshot" => self.market.symbol(&message.stream_symbol().to_ascii_uppercase()),
            b"" => self.market.symbol(message.symbol).or_else(|| self.market.only()),
            // Another channel that looks alike, such as the best levels alone.
            _ => None,
        };
        let Some(symbol) = symbol else { return Some(()) };
        let at = message.time.map_or(arrived, stamp);
        let ids = Ids { first: last, last, previous: None };
        self.market.snapshot(out, connection, symbol, ids, at, arrived, true);
        Some(())
    }

    fn book_ticker(
        &mut self,
        connection: ConnectionId,
        message: &Message<'_>,
        arrived: i64,
        out: &mut Out,
    ) -> Option<()> {
        message.last?;
        let quote = Quote {
            ask_price: message.ask[0],
            ask_amount: message.ask[1],
            bid_price: message.bid[0],
            bid_amount: message.bid[1],
        };
        let Some(symbol) = self.market.symbol(message.symbol) else { return Some(()) };
        let at = message.event_time.map_or(arrived, stamp);
        self.market.book_ticker(out, connection, symbol, &quote, at, arrived);
        Some(())
    }

    fn mark_price(
        &mut self,
        connection: ConnectionId,
        message: &Message<'_>,
        arrived: i64,
        out: &mut Out,
    ) -> Option<()> {
        let at = stamp(message.event_time?);
        let Some(symbol) = self.market.symbol(message.symbol) else { return Some(()) };
        let ticker = self.market.ticker(symbol);
        if let (Some(rate), Some(time)) = (message.rate, message.time.filter(|time| *time != 0)) {
            ticker.set(Field::FundingRate, Some(rate));
            ticker.set_funding(Some(stamp(time)));
        }
        ticker.set(Field::IndexPrice, message.index.and_then(|index| index.number()));
        ticker.set(Field::MarkPrice, message.price);
        ticker.at(at);
        self.ticker_row(connection, message.symbol, symbol, MARK_PRICE, arrived, out);
        Some(())
    }

    fn ticker(
        &mut self,
        connection: ConnectionId,
        message: &Message<'_>,
        arrived: i64,
        out: &mut Out,
    ) -> Option<()> {
        if self.venue.is_spot {
            return Some(());
        }
        let at = stamp(message.event_time?);
        let Some(symbol) = self.market.symbol(message.symbol) else { return Some(()) };
        let ticker = self.market.ticker(symbol);
        ticker.set(Field::LastPrice, message.close);
        ticker.at(at);
        self.ticker_row(connection, message.symbol, symbol, TICKER, arrived, out);
        Some(())
    }

    fn open_interest(
        &mut self,
        connection: ConnectionId,
        message: &Message<'_>,
        arrived: i64,
        out: &mut Out,
    ) -> Option<()> {
        let Some(symbol) = self.market.symbol(message.symbol) else { return Some(()) };
        self.market.ticker(symbol).set(Field::OpenInterest, message.open_interest);
        self.ticker_row(connection, message.symbol, symbol, OPEN_INTEREST, arrived, out);
        Some(())
    }

    /// An index price makes no row; it goes with the next message of a symbol of its pair.
    fn index_price(
        &mut self,
        connection: ConnectionId,
        message: &Message<'_>,
        arrived: i64,
        out: &mut Out,
    ) -> Option<()> {
        let name = message.index?.text()?;
        let (pair, price) = (name.as_bytes(), message.price?);
        if self.venue.has_pairs {
            for symbol in self.market.ids() {
                if pair_of(self.market.name(symbol)) == name {
                    self.market.heard(out, connection, symbol, INDEX_PRICE, arrived);
                }
            }
        }
        if let Some(known) = self.pairs.get_mut(pair) {
            *known = price;
        } else if self.pairs.len() < MAX_PAIRS && pair.len() <= 64 {
            self.pairs.insert(pair.into(), price);
        }
        Some(())
    }

    fn ticker_row(
        &mut self,
        connection: ConnectionId,
        name: &[u8],
        symbol: SymbolId,
        channel: &'static str,
        arrived: i64,
        out: &mut Out,
    ) {
        if self.venue.has_pairs {
            let pair = name.split(|byte| *byte == b'_').next().unwrap_or_default();
            let index = self.pairs.get(pair).copied();
            self.market.ticker(symbol).set(Field::IndexPrice, index);
        }
        self.market.ticker_row(out, connection, symbol, channel, arrived);
    }

    fn liquidation(
        &mut self,
        connection: ConnectionId,
        message: &Message<'_>,
        arrived: i64,
        out: &mut Out,
    ) -> Option<()> {
        let (price, amount, at) = (message.price?, message.filled?, stamp(message.time?));
        if !message.has_order || message.origin != b"FILLED" {
            return message.has_order.then_some(());
        }
        let side = if message.side == b"SELL" { Side::Sell } else { Side::Buy };
        let Some(symbol) = self.market.symbol(message.symbol) else { return Some(()) };
        let liquidation = Trade { id: None, sequence: None, side, price, amount, at };
        self.market.liquidation(out, connection, symbol, &liquidation, arrived);
        Some(())
    }

    /// The answer to a request of ours. A stream that does not exist is accepted all the same, and stays silent.
    fn answered(&mut self, connection: ConnectionId, message: &Message<'_>, now: i64, out: &mut Out) {
        let streams = message.request.and_then(|id| self.asked.remove(&id)).unwrap_or_default();
        match message.error {
            None => {
                out.accepted += streams.len() as u64;
                streams.iter().for_each(|stream| self.streams.accepted(connection, stream, now));
            }
            Some(error) if streams.is_empty() => {
                out.refused.push((connection, String::new(), error.words().into()))
            }
            // Of several the bad one is found by asking for each half.
            Some(_) if streams.len() > 1 => {
                let (first, second) = streams.split_at(streams.len() / 2);
                self.request(connection, "SUBSCRIBE", first, now);
                self.request(connection, "SUBSCRIBE", second, now);
                self.outbox.flush(now, out);
            }
            Some(error) => {
                for stream in streams {
                    if self.streams.refuse(&stream) {
                        out.refused.push((connection, stream, error.words().into_owned()));
                    }
                }
            }
        }
    }

    /// Asks for streams, or asks for them no more.
    fn request(&mut self, connection: ConnectionId, method: &str, streams: &[String], now: i64) {
        let id = self.next_request;
        self.next_request += 1;
        let text = serde_json::json!({"method": method, "params": streams, "id": id});
        self.outbox.push(connection, text.to_string());
        if method == "SUBSCRIBE" {
            // Answers that never come must not pile up.
            self.asked.retain(|known, _| *known > id - 1_000);
            self.asked.insert(id, streams.to_vec());
            self.streams.asked(connection, streams, now);
        }
    }

    /// Streams whose time has come: unanswered ones, silent ones, and those that were held back.
    fn look(&mut self, now: i64, out: &mut Out) {
        let (outbox, market) = (&self.outbox, &self.market);
        let data = |name: &str| {
            let Some((symbol, stream)) = stream_of(name) else { return Data::default() };
            let last = match stream {
                Stream::Ticker(INDEX_PRICE) => {
                    let of_pair = market.ids().filter(|id| pair_of(market.name(*id)) == symbol);
                    of_pair.filter_map(|id| market.seen(id, stream)).max()
                }
                _ => market.known_symbol(&symbol).and_then(|symbol| market.seen(symbol, stream)),
            };
            Data { last, has_pace: stream.has_pace() }
        };
        for due in self.streams.tick(now, |connection| outbox.waits(connection), data) {
            self.due_of(due, now, out);
        }
        let mut woken: Vec<String> = Vec::new();
        for silent in self.market.silent(out, now) {
            let name = self.market.name(silent.symbol);
            let name = if silent.stream == Stream::Ticker(INDEX_PRICE) { pair_of(name) } else { name };
            let of = Some((name.to_owned(), silent.stream));
            let place = silent.connection.0 as usize % self.plan.len().max(1);
            let planned = self.plan.get(place).map(|planned| planned.streams.as_slice());
            let is = |name: &&String| {
                stream_of(name) == of && !self.streams.is_refused(name) && !woken.contains(name)
            };
            let streams: Vec<String> = planned.unwrap_or_default().iter().filter(is).cloned().collect();
            if !streams.is_empty() {
                self.request(silent.connection, "UNSUBSCRIBE", &streams, now);
                self.request(silent.connection, "SUBSCRIBE", &streams, now);
                woken.extend(streams);
            }
        }
    }

    /// Tells the market which streams of a connection's place are not asked for until the one is found that ends connections.
    fn hold(&mut self, connection: ConnectionId, out: &mut Out) {
        let Some(planned) = self.plan.get(connection.0 as usize % self.plan.len().max(1)) else { return };
        let (held, refused) = (self.streams.held(connection), &self.streams);
        self.market.hold(out, connection, (&planned.streams, &held, false), |market, name| {
            let (symbol, stream) = stream_of(name).filter(|_| !refused.is_refused(name))?;
            Some((market.known_symbol(&symbol)?, stream))
        });
    }

    fn due_of(&mut self, due: Due, now: i64, out: &mut Out) {
        match due {
            Due::Again(connection, stream) => self.request(connection, "SUBSCRIBE", &[stream], now),
            Due::Next(connection, streams) => {
                self.request(connection, "SUBSCRIBE", &streams, now);
                self.hold(connection, out);
            }
            Due::Refused(connection, stream, words) => out.refused.push((connection, stream, words)),
            Due::Silent(stream) => out.notes.push(format!("{stream}: {NOTHING_CAME}")),
        }
    }

    fn ask(&mut self, now: i64, out: &mut Out) {
        for symbol in self.market.asks(now) {
            let name = self.market.name(symbol);
            out.requests.push(Request {
                name: format!("{}@depthSnapshot", name.to_lowercase()),
                path: format!("{}/depth?symbol={name}&limit=1000", self.venue.rest_root),
                weight: self.venue.limits.snapshot_weight.map_or(1, |weight| weight.value),
                not_before: now,
            });
        }
    }

    /// Takes an answer by REST.
    #[expect(clippy::too_many_arguments, reason = "an answer's facts")]
    fn take_answer(
        &mut self,
        connection: ConnectionId,
        request: &str,
        name: &str,
        symbol: SymbolId,
        body: &[u8],
        arrived: i64,
        out: &mut Out,
    ) {
        let is_snapshot = request.ends_with("@depthSnapshot");
        let message = match Message::read(body, self.market.layout()) {
            Ok(message) => message,
            Err(error) => {
                self.market.clear_levels();
                self.market.ask_failed(symbol, arrived);
                return out.unreadable(body, &error);
            }
        };
        if is_snapshot {
            let named = Message { stream: request.as_bytes(), ..message };
            if self.snapshot(connection, &named, arrived, out).is_none() {
                self.market.ask_failed(symbol, arrived);
            }
        } else if message.open_interest.is_some() {
            self.market.ticker(symbol).set(Field::OpenInterest, message.open_interest);
            self.ticker_row(connection, name.as_bytes(), symbol, OPEN_INTEREST, arrived, out);
        }
        self.market.clear_levels();
    }

    /// Asks for one symbol's open interest after the other.
    fn poll(&mut self, now: i64, out: &mut Out) {
        let count = self.symbols.len();
        while let Some((at, next)) = self.poll.filter(|(at, _)| *at <= now && count > 0) {
            let name = self.market.name(self.symbols[next % count]);
            out.requests.push(Request {
                name: format!("{}@openInterest", name.to_lowercase()),
                path: format!("{}/openInterest?symbol={name}", self.venue.rest_root),
                weight: 1,
                not_before: now,
            });
            let step = (POLL_US / count as i64).max(1_000_000 / POLLS_PER_SECOND);
            self.poll = Some((at.max(now.saturating_sub(step)).saturating_add(step), (next + 1) % count));
        }
    }
}

/// The pair of a contract, whose index price belongs to all its contracts.
fn pair_of(symbol: &str) -> &str {
    symbol.split('_').next().unwrap_or_default()
}

/// Whose stream a name is, and of which kind; of an index price the pair.
fn stream_of(name: &str) -> Option<(String, Stream)> {
    let (symbol, kind) = name.split_once('@')?;
    let stream = match kind.split('@').next().unwrap_or_default() {
        "trade" => Stream::Trades,
        "depth" => Stream::Book,
        "bookTicker" => Stream::BookTicker,
        "markPrice" => Stream::Ticker(MARK_PRICE),
        "ticker" => Stream::Ticker(TICKER),
        "indexPrice" => Stream::Ticker(INDEX_PRICE),
        "forceOrder" => Stream::Liquidations,
        _ => return None,
    };
    Some((symbol.to_uppercase(), stream))
}

impl Feed for BinanceFeed {
    fn opened(&mut self, connection: ConnectionId, now: i64, out: &mut Out) {
        let Some(planned) = self.plan.get(connection.0 as usize % self.plan.len().max(1)) else { return };
        let has_tickers = planned.streams.iter().any(|stream| stream.contains("@markPrice"));
        let planned = planned.streams.clone();
        let streams = if self.is_recorded { planned } else { self.streams.opened(connection, &planned, now) };
        let mut books = Vec::new();
        for streams in streams.chunks(self.venue.limits.request_streams.value) {
            self.request(connection, "SUBSCRIBE", streams, now);
            for stream in streams.iter().filter(|stream| stream.contains("@depth")) {
                let name = stream.split('@').next().unwrap_or_default().to_uppercase();
                books.extend(self.market.symbol(name.as_bytes()));
            }
        }
        self.market.opened(connection, &books, now);
        if !self.is_recorded {
            self.hold(connection, out);
        }
        if has_tickers && !self.is_recorded && self.market.wants(DataType::DerivativeTicker) {
            self.poll.get_or_insert((now, 0));
        }
        self.outbox.flush(now, out);
    }

    fn message(&mut self, connection: ConnectionId, frame: Frame<'_>, arrived: i64, out: &mut Out) {
        if let Frame::Data(text) = frame {
            self.market.arrived(out, connection, arrived);
            self.read(connection, text, arrived, out);
            if self.market.ask_due().is_some_and(|due| due <= arrived) {
                self.ask(arrived, out);
            }
        }
    }

    fn answer(&mut self, request: &str, status: u16, body: &[u8], arrived: i64, out: &mut Out) {
        let name = request.split('@').next().unwrap_or_default().to_uppercase();
        let is_snapshot = request.ends_with("@depthSnapshot");
        let Some(symbol) = self.market.symbol(name.as_bytes()) else { return };
        if status != 200 {
            if is_snapshot {
                self.market.ask_failed(symbol, arrived);
            }
            return;
        }
        // An answer belongs to no connection: it counts as the first one's.
        let connection = ConnectionId(0);
        self.market.answering(true);
        self.take_answer(connection, request, &name, symbol, body, arrived, out);
        self.market.answering(false);
        self.ask(arrived, out);
    }

    fn closed(&mut self, connection: ConnectionId, why: Closed, now: i64, out: &mut Out) {
        if let Some(due) = self.streams.closed(connection, why == Closed::Remote, now) {
            self.due_of(due, now, out);
        }
        self.outbox.closed(connection);
        self.market.closed(out, connection, why == Closed::Remote);
    }

    fn tick(&mut self, now: i64, out: &mut Out) {
        if !self.is_recorded {
            self.look(now, out);
        }
        self.outbox.flush(now, out);
        self.ask(now, out);
        self.poll(now, out);
    }

    fn due(&self) -> Option<i64> {
        let poll = self.poll.map(|(at, _)| at);
        let of_streams =
            [self.streams.due(), self.market.silent_due()].map(|due| due.filter(|_| !self.is_recorded));
        [self.outbox.due(), self.market.ask_due(), poll].into_iter().chain(of_streams).flatten().min()
    }

    fn midnight(&mut self, now: i64, out: &mut Out) {
        self.market.midnight(out, now);
    }
}
