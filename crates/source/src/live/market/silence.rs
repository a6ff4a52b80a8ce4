//! Streams that are silent while others of their connection go on: a connection that lives is no proof that each of its streams does
//! (github.com/nautechsystems/nautilus_trader issue 4298, read 2026-11-29).

use mtdh_core::DataType;
use mtdh_core::live::loss::Loss;

use super::{Market, SymbolId};
use crate::live::feed::ConnectionId;
use crate::live::out::Out;

/// It is looked so often, microseconds, whether a stream is silent.
const LOOK_US: i64 = 5_000_000;
/// A connection lives if it brought anything within this time, microseconds.
const LIVES_US: i64 = 10_000_000;

/// A kind of stream of a symbol. The first ones go on by themselves, and have a pace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    /// Changes of the book.
    Book,
    /// The best levels, by the exchange.
    BookTicker,
    /// The state of a derivative or an option; several channels may bring it.
    Ticker,
    /// Trades.
    Trades,
    /// Liquidations.
    Liquidations,
}

impl Stream {
    pub(super) const COUNT: usize = 5;
    pub(super) const PACED: usize = 3;
    const ALL_PACED: [Stream; Stream::PACED] = [Stream::Book, Stream::BookTicker, Stream::Ticker];

    /// Whether it goes on by itself.
    pub fn has_pace(self) -> bool {
        (self as usize) < Stream::PACED
    }
}

/// A stream that is silent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Silent {
    /// Whose.
    pub symbol: SymbolId,
    /// Which.
    pub stream: Stream,
    /// The connection to ask on.
    pub connection: ConnectionId,
}

impl Market {
    /// A message of a stream arrived, whether it makes rows or not.
    #[inline]
    pub(super) fn saw(
        &mut self,
        out: &mut Out,
        connection: ConnectionId,
        id: SymbolId,
        stream: Stream,
        arrived: i64,
    ) {
        if self.is_answer {
            return;
        }
        self.connections.saw(connection, arrived, stream.has_pace());
        let symbol = &mut self.symbols[id.0 as usize];
        symbol.seen[stream as usize] = Some((arrived, connection));
        let Some(pace) = symbol.paces.get_mut(stream as usize) else { return };
        if let Some(from) = pace.saw(arrived) {
            self.silence(out, connection, id, stream, from, arrived);
        }
        if self.look.is_none() {
            self.look = Some(arrived.saturating_add(LOOK_US));
        }
    }

    /// Whether what comes next is an answer by REST, which says nothing of streams.
    pub fn answering(&mut self, is_answer: bool) {
        self.is_answer = is_answer;
    }

    /// When the last message of a symbol's stream arrived; `None`: none did.
    pub fn seen(&self, symbol: SymbolId, stream: Stream) -> Option<i64> {
        self.symbols[symbol.0 as usize].seen[stream as usize].map(|(at, _)| at)
    }

    /// The symbol of this name, if it is followed already.
    pub fn known_symbol(&self, native: &str) -> Option<SymbolId> {
        self.index.get(native.as_bytes()).copied()
    }

    /// Streams that became silent while their connection lives: each is to be subscribed to anew. The gap of each is open until its next
    /// message.
    pub fn silent(&mut self, out: &mut Out, now: i64) -> Vec<Silent> {
        let mut silent = Vec::new();
        if self.look.is_none_or(|look| now < look) {
            return silent;
        }
        self.look = Some(now.saturating_add(LOOK_US));
        self.connections.reopen_silent(out, now);
        for id in 0..self.symbols.len() {
            for stream in Stream::ALL_PACED {
                let symbol = &mut self.symbols[id];
                let Some((last, connection)) = symbol.seen[stream as usize] else { continue };
                let place = self.connections.place(connection);
                let data = self.connections.data(place);
                // Silent streams are rare: the limit is asked for last.
                if data <= last || now.saturating_sub(data) > LIVES_US {
                    continue;
                }
                let Some(connection) = self.connections.newest(place) else { continue };
                let Some(from) = symbol.paces[stream as usize].silent(now) else { continue };
                let symbol = SymbolId(id as u32);
                silent.push(Silent { symbol, stream, connection });
                self.silence(out, connection, symbol, stream, from, from);
            }
        }
        silent
    }

    /// When [`Market::silent`] is to be asked.
    pub fn silent_due(&self) -> Option<i64> {
        self.look
    }

    /// The connections of a place ended: the time until their next messages is no silence of streams.
    pub(super) fn interrupted(&mut self, place: u32) {
        for symbol in &mut self.symbols {
            for stream in Stream::ALL_PACED {
                let of =
                    symbol.seen[stream as usize].map(|(_, connection)| self.connections.place(connection));
                if of == Some(place) {
                    symbol.paces[stream as usize].interrupted();
                }
            }
        }
    }

    fn silence(
        &self,
        out: &mut Out,
        connection: ConnectionId,
        symbol: SymbolId,
        stream: Stream,
        from: i64,
        to: i64,
    ) {
        let data_type = match stream {
            Stream::Book => DataType::IncrementalBookL2,
            Stream::BookTicker => DataType::BookTicker,
            Stream::Ticker if self.wants(DataType::DerivativeTicker) => DataType::DerivativeTicker,
            Stream::Ticker => DataType::OptionsChain,
            Stream::Trades => DataType::Trades,
            Stream::Liquidations => DataType::Liquidations,
        };
        let loss = Loss {
            kind: "silence",
            from,
            to,
            from_id: None,
            to_id: None,
            missing: None,
            is_proven: false,
            detail: "silent for long beside its own pace, while the connection brought other streams"
                .to_owned(),
        };
        out.lost(connection, self.name(symbol), data_type, loss);
    }
}
