//! A message of a venue as it is read: what it says of symbols goes to the market, what it answers to what was asked for.

use std::collections::{HashMap, VecDeque};

use mtdh_core::live::rule::{Ids, Place};

use super::cell::{Pair, Unread};
use super::feed::ConnectionId;
use super::mapped::{OptionRow, Quote, TickerChange, Trade};
use super::market::{self, Market, SymbolId};
use super::out::Out;
use super::quirks::Quirk;
use super::streams::{Due, Streams};

/// A message as it is read: what it says goes here.
pub struct Reading<'a> {
    /// The connection that brought it.
    pub connection: ConnectionId,
    /// When it arrived, microseconds since the Unix epoch, UTC.
    pub arrived: i64,
    pub(super) is_recorded: bool,
    /// Whether another connection brings the same streams.
    pub(super) is_doubled: bool,
    pub(super) market: &'a mut Market,
    pub(super) out: &'a mut Out,
    pub(super) asked: &'a mut Asked,
    pub(super) streams: &'a mut Streams,
    /// Whether each stream of a request is answered by itself.
    pub(super) answers_each: bool,
    /// What is due after the message.
    pub(super) dues: &'a mut Vec<Due>,
    /// Streams to ask for again, a request each.
    pub(super) again: &'a mut Vec<Vec<String>>,
    /// Numbers given to the messages of books that have none.
    pub(super) counts: &'a mut HashMap<SymbolId, i64>,
    /// The connection that each book is read from.
    pub(super) owners: &'a mut HashMap<SymbolId, ConnectionId>,
}

/// What was asked for on a connection.
#[derive(Default)]
pub(super) struct Asked {
    /// The streams, without those that were refused.
    pub streams: Vec<String>,
    /// Requests that were not answered yet, in order.
    pub requests: VecDeque<Vec<String>>,
}

impl Asked {
    /// A stream was refused.
    pub(super) fn forget(&mut self, stream: &str) {
        self.answered(stream);
        self.streams.retain(|asked| asked != stream);
    }

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

    /// News of a derivative from one of the venue's channels; without a time it keeps the last one.
    pub fn ticker(
        &mut self,
        symbol: &str,
        channel: &'static str,
        timestamp: Option<i64>,
        change: &TickerChange,
    ) {
        let Some(id) = self.market.symbol(symbol.as_bytes()) else { return };
        let ticker = self.market.ticker(id);
        change.put_into(ticker);
        if let Some(timestamp) = timestamp {
            ticker.at(timestamp);
        }
        self.market.ticker_row(self.out, self.connection, id, channel, self.arrived);
    }

    /// An option's state, from one of the venue's channels.
    pub fn option(&mut self, symbol: &str, channel: &'static str, timestamp: i64, option: &OptionRow<'_>) {
        if let Some(id) = self.market.symbol(symbol.as_bytes()) {
            self.market.option(self.out, self.connection, id, channel, option, timestamp, self.arrived);
        }
    }

    /// A message of a channel, of each followed symbol that `of` names, which makes no row by itself.
    pub fn heard(&mut self, channel: &'static str, of: impl Fn(&str) -> bool) {
        for id in self.market.ids() {
            if of(self.market.name(id)) {
                self.market.heard(self.out, self.connection, id, channel, self.arrived);
            }
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
        let place = ids.filter(|_| !is_snapshot).and_then(|ids| self.market.place(id, &ids));
        let owner = self.owners.get(&id).copied();
        if self.is_doubled || owner.is_none() {
            // Two connections bring the same, one of them later: their messages are joined by the numbers.
            match place {
                Some(Place::Stale) => return self.market.clear_levels(),
                Some(Place::After(_))
                    if ids
                        .is_some_and(|ids| self.market.known(id).is_some_and(|known| ids.last <= known)) =>
                {
                    return self.market.clear_levels();
                }
                _ => {}
            }
        }
        // A second connection begins with a snapshot, which may be older than the book is.
        let is_other = owner.is_some_and(|owner| owner != self.connection);
        if is_other
            && !(place == Some(Place::Next) || (is_snapshot && ids.is_some() && !self.market.is_live(id)))
        {
            return self.market.clear_levels();
        }
        self.owners.entry(id).or_insert(self.connection);
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

    /// The exchange named the number of a symbol's last trade, which may not have arrived yet.
    pub fn last_trade(&mut self, symbol: &str, id: &str) {
        let (Some(symbol), Ok(number)) = (self.market.symbol(symbol.as_bytes()), id.parse()) else { return };
        self.market.told_of_trade(self.out, self.connection, symbol, number, self.arrived);
    }

    /// Something is made of the message that the vendor does not make of it.
    pub fn quirk(&mut self, quirk: &Quirk) {
        *self.out.quirks.entry(quirk.name).or_default() += 1;
    }

    /// Whether a stream was asked for on this connection.
    pub fn has_stream(&self, stream: &str) -> bool {
        self.asked.streams.iter().any(|asked| asked == stream)
    }

    /// The stream of a channel, if one alone was asked for.
    pub fn stream_of(&self, prefix: &str) -> Option<String> {
        let mut of = self.asked.streams.iter().filter(|stream| stream.starts_with(prefix));
        let first = of.next();
        first.filter(|_| of.next().is_none()).cloned()
    }

    /// A stream was acknowledged.
    pub fn accepted(&mut self, stream: &str) {
        self.out.accepted += 1;
        self.asked.answered(stream);
        self.streams.accepted(self.connection, stream, self.arrived);
    }

    /// A stream was refused, in the venue's words.
    pub fn refused(&mut self, stream: &str, words: &str) {
        if is_there_already(words) {
            return self.accepted(stream);
        }
        self.asked.forget(stream);
        if self.streams.refuse(stream) {
            self.out.refused.push((self.connection, stream.to_owned(), words.to_owned()));
        }
    }

    /// A request for these streams was refused as a whole: each is asked for by itself, and a single one is refused.
    pub fn request_failed(&mut self, streams: &[String], words: &str) {
        if is_there_already(words) {
            return streams.iter().for_each(|stream| self.accepted(stream));
        }
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

    /// A refusal of the stream that it names, else of those whose symbol it names. What else was asked for in their request is asked for
    /// again, unless each is answered by itself. Whether it names any, also one that was refused before.
    pub fn named_failed(&mut self, words: &str) -> bool {
        let is_exact = |stream: &str| has_word(words, stream);
        let has_symbol =
            |stream: &str| stream.split_once([':', '.']).is_some_and(|(_, name)| has_word(words, name));
        let mut asked = self.asked.requests.iter().flatten();
        let has_exact = asked.any(|stream| is_exact(stream)) || self.streams.refused().any(is_exact);
        let is_named = |stream: &str| if has_exact { is_exact(stream) } else { has_symbol(stream) };
        let at = self.asked.requests.iter().position(|request| request.iter().any(|s| is_named(s)));
        let Some(request) = at.and_then(|at| self.asked.requests.remove(at)) else {
            return self.streams.refused().any(is_named);
        };
        let (bad, good): (Vec<String>, Vec<String>) = request.into_iter().partition(|s| is_named(s));
        for stream in &bad {
            self.refused(stream, words);
        }
        if !good.is_empty() {
            match self.answers_each {
                true => self.asked.requests.push_front(good),
                false => self.again.push(good),
            }
        }
        true
    }

    /// All that is asked for on the connection was refused, in words that name no stream: the bad one is found by asking for less.
    pub fn all_failed(&mut self, words: &str) {
        self.asked.requests.clear();
        self.dues.extend(self.streams.failed(self.connection, words, self.arrived));
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

/// Whether a refusal says that nothing was to be done.
fn is_there_already(words: &str) -> bool {
    words.to_ascii_lowercase().contains("already subscribed")
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
