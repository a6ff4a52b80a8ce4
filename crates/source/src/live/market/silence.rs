//! Streams that are silent while others of their connection go on: a connection that lives is no proof that each of its streams does
//! (github.com/nautechsystems/nautilus_trader issue 4298, read 2026-11-29).

use mtdh_core::DataType;
use mtdh_core::live::loss::Loss;
use mtdh_core::live::pace::Pace;

use super::{Market, SymbolId};
use crate::live::feed::ConnectionId;
use crate::live::out::Out;

/// It is looked so often, microseconds, whether a stream is silent.
const LOOK_US: i64 = 5_000_000;
/// A connection lives if it brought anything within this time, microseconds.
const LIVES_US: i64 = 10_000_000;

/// The gap of a stream that is silent.
const SILENCE: &str = "silence";
/// The gap of a stream that stopped for what else was asked for.
const REFUSED: &str = "refused";

/// A kind of stream of a symbol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    /// Changes of the book.
    Book,
    /// The best levels, by the exchange.
    BookTicker,
    /// The state of a derivative or an option, from one of the venue's channels that together bring it. Each has its own pace: a frequent
    /// one says nothing of a rare one.
    Ticker(&'static str),
    /// Trades.
    Trades,
    /// Liquidations.
    Liquidations,
}

impl Stream {
    /// Whether it goes on by itself, and so has a pace.
    pub fn has_pace(self) -> bool {
        matches!(self, Stream::Book | Stream::BookTicker | Stream::Ticker(_))
    }
}

/// What arrived of one stream of a symbol.
pub(super) struct Seen {
    stream: Stream,
    /// When its last message arrived, and on which connection.
    last: (i64, ConnectionId),
    /// Of one that goes on by itself.
    pace: Option<Box<Pace>>,
    held: Option<Held>,
}

/// A stream that stopped for what else was asked for.
struct Held {
    /// Its last message before.
    from: i64,
    /// Whether it is asked for again, so that its next message ends it.
    is_asked: bool,
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
        let last = (arrived, connection);
        // A symbol has a handful of streams.
        let seen = match symbol.seen.iter_mut().position(|seen| seen.stream == stream) {
            Some(at) => &mut symbol.seen[at],
            None => {
                let pace = stream.has_pace().then(Box::default);
                symbol.seen.push(Seen { stream, last, pace, held: None });
                // It was pushed just now.
                let Some(seen) = symbol.seen.last_mut() else { return };
                seen
            }
        };
        seen.last = last;
        let held = seen.held.take_if(|held| held.is_asked).map(|held| (REFUSED, held.from));
        let silent = seen.pace.as_mut().and_then(|pace| pace.saw(arrived)).map(|from| (SILENCE, from));
        for (kind, from) in held.into_iter().chain(silent) {
            self.stopped(out, kind, connection, id, stream, (from, arrived));
        }
        if !stream.has_pace() {
            return;
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
        let seen = self.symbols[symbol.0 as usize].seen.iter().find(|seen| seen.stream == stream);
        seen.map(|seen| seen.last.0)
    }

    /// The symbol of this name, if it is followed already.
    pub fn known_symbol(&self, native: &str) -> Option<SymbolId> {
        self.index.get(native.as_bytes()).copied()
    }

    /// Streams that became silent while their connection lives: each is to be subscribed to anew. The gap of each is open until its next
    /// message.
    pub fn silent(&mut self, out: &mut Out, now: i64) -> Vec<Silent> {
        if self.look.is_none_or(|look| now < look) {
            return Vec::new();
        }
        let mut silent = Vec::new();
        self.look = Some(now.saturating_add(LOOK_US));
        self.connections.reopen_silent(out, now);
        for (id, symbol) in self.symbols.iter_mut().enumerate() {
            for seen in &mut symbol.seen {
                let Some(pace) = &mut seen.pace else { continue };
                let (last, connection) = seen.last;
                let place = self.connections.place(connection);
                let data = self.connections.data(place);
                // Silent streams are rare: the limit is asked for last.
                if data <= last || now.saturating_sub(data) > LIVES_US {
                    continue;
                }
                let Some(connection) = self.connections.newest(place) else { continue };
                let Some(from) = pace.silent(now) else { continue };
                silent.push((Silent { symbol: SymbolId(id as u32), stream: seen.stream, connection }, from));
            }
        }
        for (Silent { symbol, stream, connection }, from) in &silent {
            self.stopped(out, SILENCE, *connection, *symbol, *stream, (*from, *from));
        }
        silent.into_iter().map(|(silent, _)| silent).collect()
    }

    /// When [`Market::silent`] is to be asked.
    pub fn silent_due(&self) -> Option<i64> {
        self.look
    }

    /// The connections of a place ended: the time until their next messages is no silence of streams.
    pub(super) fn interrupted(&mut self, place: u32) {
        for symbol in &mut self.symbols {
            for seen in &mut symbol.seen {
                if let Some(pace) = &mut seen.pace
                    && self.connections.place(seen.last.1) == place
                {
                    pace.interrupted();
                }
            }
        }
    }

    /// The exchange refused something that was asked for with these streams of a connection, so that those of `held` are not asked for
    /// until the bad one among them is found; `is_stopped`: it stopped the others too, which were asked for again. Each that brought
    /// something before has a gap until it brings something again. `find`: what a stream brings.
    pub fn hold(
        &mut self,
        out: &mut Out,
        connection: ConnectionId,
        (planned, held, is_stopped): (&[String], &[String], bool),
        find: impl Fn(&Market, &str) -> Option<(SymbolId, Stream)>,
    ) {
        for name in planned {
            let Some((symbol, stream)) = find(self, name) else { continue };
            let of = &mut self.symbols[symbol.0 as usize];
            let Some(seen) = of.seen.iter_mut().find(|seen| seen.stream == stream) else { continue };
            let is_asked = !held.contains(name);
            if let Some(known) = &mut seen.held {
                known.is_asked = is_asked;
            } else if is_stopped || !is_asked {
                let from = seen.last.0;
                seen.held = Some(Held { from, is_asked });
                // That is told: no silence of its own.
                if let Some(pace) = &mut seen.pace {
                    pace.interrupted();
                }
                self.stopped(out, REFUSED, connection, symbol, stream, (from, from));
            }
        }
    }

    fn stopped(
        &self,
        out: &mut Out,
        kind: &'static str,
        connection: ConnectionId,
        symbol: SymbolId,
        stream: Stream,
        (from, to): (i64, i64),
    ) {
        let data_type = match stream {
            Stream::Book => DataType::IncrementalBookL2,
            Stream::BookTicker => DataType::BookTicker,
            Stream::Ticker(_) if self.wants(DataType::DerivativeTicker) => DataType::DerivativeTicker,
            Stream::Ticker(_) => DataType::OptionsChain,
            Stream::Trades => DataType::Trades,
            Stream::Liquidations => DataType::Liquidations,
        };
        let words = match kind {
            REFUSED => "stopped, or not asked for, while the exchange refused what was asked for with it",
            _ => "silent for long beside its own pace, while the connection brought other streams",
        };
        let detail = match stream {
            Stream::Ticker(channel) => format!("channel {channel}: {words}"),
            _ => words.to_owned(),
        };
        let loss =
            Loss { kind, from, to, from_id: None, to_id: None, missing: None, is_proven: false, detail };
        out.lost(connection, self.name(symbol), data_type, loss);
    }
}
