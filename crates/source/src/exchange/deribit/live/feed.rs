//! Deribit's messages to rows.

use std::collections::HashMap;

use mtdh_core::live::rule::Ids;
use mtdh_core::live::ticker::Field;

use super::message::{BookFields, Message, TickerFields, TradeFields};
use crate::live::feed::{Closed, ConnectionId, Feed, Frame};
use crate::live::json::{Cursor, Unreadable, decimal};
use crate::live::limits::Limits;
use crate::live::market::{Market, OptionRow, Quote, Side, Stream, Trade};
use crate::live::out::Out;
use crate::live::outbox::Outbox;
use crate::live::streams::{Data, Due, NOTHING_CAME, Streams};
use crate::live::times::{option_end, stamp};
use crate::live::venue::{Connection, Want};

/// A request of ours that waits for its answer.
enum Asked {
    Subscribe(Vec<String>),
    /// After its answer the stream is subscribed to again.
    Unsubscribe(String),
}

/// Of requests at most so many are remembered.
const MAX_ASKED: i64 = 1_000;

pub(super) struct DeribitFeed {
    market: Market,
    plan: Vec<Connection>,
    limits: &'static Limits,
    is_recorded: bool,
    outbox: Outbox,
    streams: Streams,
    asked: HashMap<i64, Asked>,
    next_request: i64,
}

/// Why a message makes no rows.
enum Bad {
    Json(Unreadable),
    Fields,
}

impl From<Unreadable> for Bad {
    fn from(error: Unreadable) -> Bad {
        Bad::Json(error)
    }
}

impl DeribitFeed {
    pub fn new(market: Market, want: &Want, plan: &[Connection], limits: &'static Limits) -> DeribitFeed {
        DeribitFeed {
            market,
            plan: plan.to_vec(),
            limits,
            is_recorded: want.is_recorded,
            outbox: Outbox::new(limits.messages.value),
            streams: Streams::new(plan.len(), true),
            asked: HashMap::new(),
            next_request: 1,
        }
    }

    fn request(&mut self, connection: ConnectionId, method: &str, channels: &[String], asked: Asked) {
        let id = self.next_request;
        self.next_request += 1;
        self.asked.retain(|known, _| *known > id - MAX_ASKED);
        self.asked.insert(id, asked);
        let text = serde_json::json!({
            "jsonrpc": "2.0", "id": id, "method": method, "params": {"channels": channels},
        });
        self.outbox.push(connection, text.to_string());
    }

    fn subscribe(&mut self, connection: ConnectionId, streams: &[String], now: i64) {
        self.streams.asked(connection, streams, now);
        self.request(connection, "public/subscribe", streams, Asked::Subscribe(streams.to_vec()));
    }

    /// After the answer the stream is subscribed to again; without one, after a while.
    fn renew(&mut self, connection: ConnectionId, stream: String, now: i64) {
        let streams = std::slice::from_ref(&stream);
        self.streams.asked(connection, streams, now);
        self.request(connection, "public/unsubscribe", streams, Asked::Unsubscribe(stream.clone()));
    }

    /// Streams whose time has come: unanswered ones, silent ones, and those that were held back.
    fn look(&mut self, now: i64, out: &mut Out) {
        let (outbox, market) = (&self.outbox, &self.market);
        let data = |name: &str| {
            let Some((symbol, stream)) = stream_of(name) else { return Data::default() };
            let last = market.known_symbol(symbol).and_then(|symbol| market.seen(symbol, stream));
            Data { last, has_pace: stream.has_pace() }
        };
        for due in self.streams.tick(now, |connection| outbox.waits(connection), data) {
            self.due_of(due, now, out);
        }
        for silent in self.market.silent(out, now) {
            let name = self.market.name(silent.symbol);
            let stream = match silent.stream {
                Stream::Book => format!("book.{name}.{}", super::INTERVAL),
                // The other half of the same channel.
                Stream::Ticker(_) if self.market.seen(silent.symbol, Stream::BookTicker).is_some() => {
                    continue;
                }
                _ => format!("ticker.{name}.{}", super::INTERVAL),
            };
            if !self.streams.is_refused(&stream) {
                self.renew(silent.connection, stream, now);
            }
        }
    }

    /// Tells the market which streams of a connection's place are not asked for until the one is found that ends connections.
    fn hold(&mut self, connection: ConnectionId, out: &mut Out) {
        let Some(planned) = self.plan.get(connection.0 as usize % self.plan.len().max(1)) else { return };
        let (held, refused) = (self.streams.held(connection), &self.streams);
        self.market.hold(out, connection, (&planned.streams, &held, false), |market, name| {
            let (symbol, stream) = stream_of(name).filter(|_| !refused.is_refused(name))?;
            Some((market.known_symbol(symbol)?, stream))
        });
    }

    fn due_of(&mut self, due: Due, now: i64, out: &mut Out) {
        match due {
            Due::Again(connection, stream) => self.subscribe(connection, &[stream], now),
            Due::Next(connection, streams) => {
                self.subscribe(connection, &streams, now);
                self.hold(connection, out);
            }
            Due::Refused(connection, stream, words) => self.give_up(connection, stream, words, out),
            Due::Silent(stream) => out.notes.push(format!("{stream}: {NOTHING_CAME}")),
        }
    }

    fn give_up(&mut self, connection: ConnectionId, stream: String, words: String, out: &mut Out) {
        if let Some(symbol) = book_symbol(&stream).and_then(|name| self.market.symbol(name.as_bytes())) {
            self.market.give_up(symbol);
        }
        out.refused.push((connection, stream, words));
    }

    fn take(
        &mut self,
        connection: ConnectionId,
        text: &[u8],
        arrived: i64,
        out: &mut Out,
    ) -> Result<(), Bad> {
        let message = Message::read(text)?;
        match message.method {
            b"subscription" => {
                let data = message.data.ok_or(Bad::Fields)?;
                match message.channel.split(|byte| *byte == b'.').next().unwrap_or_default() {
                    b"trades" => self.trades(connection, data, arrived, out),
                    b"book" => self.book(connection, data, arrived, out),
                    b"ticker" => self.ticker(connection, data, arrived, out),
                    _ => Ok(()),
                }
            }
            b"heartbeat" => {
                // Without an answer at once the exchange closes the connection.
                if message.kind == b"test_request" {
                    let test = r#"{"jsonrpc":"2.0","id":0,"method":"public/test","params":{}}"#;
                    out.send(connection, test.to_owned());
                }
                Ok(())
            }
            _ => {
                self.answered(connection, &message, arrived, out);
                Ok(())
            }
        }
    }

    fn trades(
        &mut self,
        connection: ConnectionId,
        data: &[u8],
        arrived: i64,
        out: &mut Out,
    ) -> Result<(), Bad> {
        let mut is_whole = true;
        let market = &mut self.market;
        TradeFields::read(data, |fields| {
            let (Some(price), Some(amount), Some(time)) = (fields.price, fields.amount, fields.time) else {
                is_whole = false;
                return;
            };
            let Some(symbol) = market.symbol(fields.symbol) else { return };
            let side = if fields.is_sell { Side::Sell } else { Side::Buy };
            let trade =
                Trade { id: fields.id, sequence: fields.sequence, side, price, amount, at: stamp(time) };
            let is_new = market.trade(out, connection, symbol, &trade, arrived);
            if is_new && !fields.liquidation.is_empty() {
                // The maker was liquidated, or both: the liquidated side is not that of the taker.
                let is_taker = fields.liquidation == b"T";
                let side = if fields.is_sell == is_taker { Side::Sell } else { Side::Buy };
                market.liquidation(out, connection, symbol, &Trade { side, ..trade }, arrived);
            }
        })?;
        if is_whole { Ok(()) } else { Err(Bad::Fields) }
    }

    fn book(
        &mut self,
        connection: ConnectionId,
        data: &[u8],
        arrived: i64,
        out: &mut Out,
    ) -> Result<(), Bad> {
        let book = BookFields::read(data, self.market.layout())?;
        let (Some(time), Some(change)) = (book.time, book.change) else { return Err(Bad::Fields) };
        let Some(symbol) = self.market.symbol(book.symbol) else { return Ok(()) };
        let previous = book.previous.filter(|previous| *previous != 0);
        let ids = Ids { first: change, last: change, previous };
        if book.is_snapshot || previous.is_none() {
            self.market.snapshot(out, connection, symbol, ids, stamp(time), arrived, false);
        } else {
            self.market.update(out, connection, symbol, ids, stamp(time), arrived);
        }
        Ok(())
    }

    fn ticker(
        &mut self,
        connection: ConnectionId,
        data: &[u8],
        arrived: i64,
        out: &mut Out,
    ) -> Result<(), Bad> {
        let fields = TickerFields::read(data)?;
        let at = stamp(fields.time.ok_or(Bad::Fields)?);
        let Some(symbol) = self.market.symbol(fields.symbol) else { return Ok(()) };
        if !fields.has_greeks || fields.is_active_combo {
            let ticker = self.market.ticker(symbol);
            ticker.set(Field::FundingRate, fields.funding);
            ticker.set(Field::IndexPrice, fields.index_price);
            ticker.set(Field::MarkPrice, fields.mark_price);
            ticker.set(Field::OpenInterest, fields.open_interest);
            ticker.set(Field::LastPrice, fields.last_price);
            ticker.at(at);
            self.market.ticker_row(out, connection, symbol, "ticker", arrived);
        }
        if let Some((is_call, strike, expiration)) = option_name(fields.symbol) {
            let ([bid_price, bid_amount, bid_iv], [ask_price, ask_amount, ask_iv]) = (fields.bid, fields.ask);
            let [delta, gamma, vega, theta, rho] = fields.greeks;
            let option = OptionRow {
                is_call,
                strike,
                expiration,
                numbers: [
                    fields.open_interest,
                    fields.last_price.filter(|price| *price != 0.0),
                    bid_price,
                    bid_amount,
                    bid_iv,
                    ask_price,
                    ask_amount,
                    ask_iv,
                    fields.mark_price,
                    fields.mark_iv,
                ],
                underlying_index: fields.underlying_index,
                greeks: [fields.underlying_price, delta, gamma, vega, theta, rho],
            };
            self.market.option(out, connection, symbol, "ticker", &option, at, arrived);
        }
        let quote = Quote {
            ask_price: fields.ask[0],
            ask_amount: fields.ask[1],
            bid_price: fields.bid[0],
            bid_amount: fields.bid[1],
        };
        self.market.book_ticker(out, connection, symbol, &quote, at, arrived);
        Ok(())
    }

    /// The answer to a request: a subscription's lists the channels that were accepted.
    fn answered(&mut self, connection: ConnectionId, message: &Message<'_>, now: i64, out: &mut Out) {
        let Some(asked) = message.id.and_then(|id| self.asked.remove(&id)) else { return };
        match asked {
            Asked::Unsubscribe(stream) => {
                self.subscribe(connection, &[stream], now);
                self.outbox.flush(now, out);
            }
            Asked::Subscribe(mut streams) => {
                let mut accepted: Vec<&str> = Vec::new();
                // An answer of another form accepts none.
                let listed = Cursor::new(message.result.unwrap_or(b"[]")).array(|item| {
                    accepted.extend(item.scalar_or_skip()?.text());
                    Ok(())
                });
                if listed.is_err() {
                    accepted.clear();
                }
                streams.retain(|stream| !accepted.contains(&stream.as_str()));
                out.accepted += accepted.len() as u64;
                accepted.iter().for_each(|stream| self.streams.accepted(connection, stream, now));
                if message.error.is_some() && streams.len() > 1 {
                    // Of several the bad one is found by asking for each half.
                    let (first, second) = streams.split_at(streams.len() / 2);
                    self.subscribe(connection, first, now);
                    self.subscribe(connection, second, now);
                    return self.outbox.flush(now, out);
                }
                let words =
                    message.error.map_or_else(|| "not among the accepted".into(), |error| error.words());
                for stream in streams {
                    if self.streams.refuse(&stream) {
                        self.give_up(connection, stream, words.clone().into_owned(), out);
                    }
                }
            }
        }
    }

    /// Books that are to begin anew: each is unsubscribed from, and after the answer subscribed to again.
    fn ask(&mut self, now: i64, out: &mut Out) {
        for symbol in self.market.asks(now) {
            let Some(connection) = self.market.connection_of(symbol) else { continue };
            let stream = format!("book.{}.{}", self.market.name(symbol), super::INTERVAL);
            self.renew(connection, stream, now);
        }
        self.outbox.flush(now, out);
    }
}

/// The instrument of a book's channel.
fn book_symbol(stream: &str) -> Option<&str> {
    stream.strip_prefix("book.")?.rsplit_once('.').map(|(symbol, _)| symbol)
}

/// Whose stream a channel is, and of which kind.
fn stream_of(channel: &str) -> Option<(&str, Stream)> {
    let (kind, rest) = channel.split_once('.')?;
    let (symbol, _) = rest.rsplit_once('.')?;
    let stream = match kind {
        "book" => Stream::Book,
        // Each of its messages has the best levels.
        "ticker" => Stream::BookTicker,
        "trades" => Stream::Trades,
        _ => return None,
    };
    Some((symbol, stream))
}

/// Whether an option is a call, its strike and its end, by its name `BTC-9MAR24-1d02-C`; `None`: it is no option.
fn option_name(name: &[u8]) -> Option<(bool, f64, i64)> {
    let name = std::str::from_utf8(name).ok()?;
    let is_call = match name.get(name.len().checked_sub(2)?..)? {
        "-C" => true,
        "-P" => false,
        _ => return None,
    };
    let mut parts = name.split('-').skip(1);
    let end = option_end(parts.next()?)?;
    let strike = parts.next()?.replace('d', ".");
    Some((is_call, decimal(strike.as_bytes())?, end))
}

impl Feed for DeribitFeed {
    fn opened(&mut self, connection: ConnectionId, now: i64, out: &mut Out) {
        let heartbeat =
            r#"{"jsonrpc":"2.0","id":0,"method":"public/set_heartbeat","params":{"interval":10}}"#;
        out.send(connection, heartbeat.to_owned());
        let Some(planned) = self.plan.get(connection.0 as usize % self.plan.len().max(1)) else { return };
        let planned = planned.streams.clone();
        let streams = self.streams.opened(connection, &planned, now);
        for streams in streams.chunks(self.limits.request_streams.value) {
            self.subscribe(connection, streams, now);
        }
        let books = streams.iter().filter_map(|stream| book_symbol(stream));
        let books: Vec<_> = books.filter_map(|name| self.market.symbol(name.as_bytes())).collect();
        self.market.opened(connection, &books, now);
        self.hold(connection, out);
        self.outbox.flush(now, out);
    }

    fn message(&mut self, connection: ConnectionId, frame: Frame<'_>, arrived: i64, out: &mut Out) {
        if let Frame::Data(text) = frame {
            self.market.arrived(out, connection, arrived);
            match self.take(connection, text, arrived, out) {
                Ok(()) => {}
                Err(Bad::Json(error)) => out.unreadable(text, &error),
                Err(Bad::Fields) => {
                    out.unreadable(text, &"a message of this kind without the fields that it has")
                }
            }
            self.market.clear_levels();
            if self.market.ask_due().is_some_and(|due| due <= arrived) {
                self.ask(arrived, out);
            }
        }
    }

    fn answer(&mut self, _: &str, _: u16, _: &[u8], _: i64, _: &mut Out) {}

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
        self.ask(now, out);
    }

    fn due(&self) -> Option<i64> {
        let of_streams =
            [self.streams.due(), self.market.silent_due()].map(|due| due.filter(|_| !self.is_recorded));
        [self.outbox.due(), self.market.ask_due()].into_iter().chain(of_streams).flatten().min()
    }

    fn midnight(&mut self, now: i64, out: &mut Out) {
        self.market.midnight(out, now);
    }
}
