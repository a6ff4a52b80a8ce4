//! What a session gives to those who follow: each message's rows, with the line that they came of. It waits for nobody.

use std::collections::HashMap;
use std::sync::Arc;

use arrow_array::RecordBatch;
use mtdh_core::DataType;
use mtdh_source::live::clock;
use mtdh_source::live::out::Gap;
use mtdh_source::live::rows::StreamId;
use mtdh_source::live::venue::Venue;

use super::State;
use crate::live::hub::Hub;
use crate::live::hub::event::{
    DisconnectEvent, Event, GapEvent, HealthEvent, Position, RowsEvent, State as Health, Stream,
};
use crate::live::maker::Maker;
use crate::live::placed::Placed;
use crate::live::plan::{Keys, SessionPlan};

/// Gives a session's rows to a hub.
pub(in crate::live) struct Publisher {
    hub: Arc<Hub>,
    exchange: Arc<str>,
    session: Arc<str>,
    streams: HashMap<StreamId, Arc<Stream>>,
    placed: Placed,
    health: Option<(Health, u32)>,
    /// Connection errors since the last message with data.
    errors: u32,
    /// The last of them.
    detail: String,
}

impl Publisher {
    /// Tells the hub which streams are to come, before any of their rows.
    pub fn new(hub: Arc<Hub>, venue: &dyn Venue, session: &str, plan: &SessionPlan) -> Publisher {
        hub.venue(venue.exchange(), venue.is_experimental(), venue.offers());
        let (mut keys, now) = (Keys::of(plan), clock::now());
        let types: Vec<DataType> = plan.want().data_types;
        // Whose options there are follows from what comes.
        let types = types.into_iter().filter(|data_type| *data_type != DataType::OptionsChain);
        for data_type in types {
            for symbol in &plan.symbols {
                hub.expect(venue.exchange(), symbol, data_type, keys.key(symbol).as_str(), now);
            }
        }
        Publisher {
            hub,
            exchange: venue.exchange().into(),
            session: session.into(),
            streams: HashMap::new(),
            placed: Placed::default(),
            health: None,
            errors: 0,
            detail: String::new(),
        }
    }

    /// A line came, after which there are so many groups of rows in all.
    pub fn came(&mut self, line: u64, arrived: i64, groups: u64) {
        self.placed.came(line, arrived, groups);
    }

    /// Time passed, after which there are so many groups of rows in all.
    pub fn passed(&mut self, groups: u64) {
        self.placed.passed(groups);
    }

    fn position(&self, line: u64) -> Position {
        Position { session: self.session.clone(), line }
    }

    /// Gives out the rows that were collected, and what was lost.
    pub fn publish(&mut self, maker: &mut Maker, gaps: &[Gap]) {
        for taken in maker.taken() {
            let batches: HashMap<StreamId, Arc<RecordBatch>> =
                taken.batches.into_iter().map(|(stream, batch)| (stream, Arc::new(batch))).collect();
            for group in &taken.groups {
                let (line, arrived) = self.placed.next();
                let Some(batch) = batches.get(&group.stream) else { continue };
                let event = RowsEvent {
                    stream: self.stream(maker, group.stream),
                    batch: batch.clone(),
                    first: group.first as usize,
                    rows: group.rows as usize,
                    arrived,
                    position: self.position(line),
                };
                self.hub.publish(Event::Rows(event));
            }
        }
        for gap in gaps {
            let key = gap.symbol.as_deref().map(|symbol| maker.key(symbol).as_str().into());
            let position = self.position(self.placed.last());
            self.hub.publish(Event::Gap(GapEvent {
                exchange: self.exchange.clone(),
                key,
                gap: gap.clone(),
                position,
            }));
        }
    }

    /// Gives out something lost that no message shows, of all of the session. A refusal is of one stream, and told apart.
    pub fn lost(&self, gap: &Gap) {
        if gap.kind == "refused" {
            return;
        }
        let (exchange, position) = (self.exchange.clone(), self.position(self.placed.last()));
        self.hub.publish(Event::Gap(GapEvent { exchange, key: None, gap: gap.clone(), position }));
    }

    fn stream(&mut self, maker: &mut Maker, id: StreamId) -> Arc<Stream> {
        if let Some(known) = self.streams.get(&id) {
            return known.clone();
        }
        let name = maker.machine.name(id).clone();
        let key = maker.key(&name.symbol);
        let stream = self.hub.stream(&self.exchange, &name.symbol, name.data_type, Some(key.as_str()));
        self.streams.insert(id, stream.clone());
        stream
    }

    /// A connection of these symbols was lost.
    pub fn disconnected(&mut self, arrived: i64, line: u64, symbols: Vec<Arc<str>>) {
        let (exchange, position) = (self.exchange.clone(), self.position(line));
        self.hub.publish(Event::Disconnect(DisconnectEvent { exchange, symbols, arrived, position }));
    }

    /// A connection could not be opened.
    pub fn failed(&mut self, state: &State, is_capture_only: bool, reason: String) {
        self.errors = self.errors.saturating_add(1);
        self.detail = reason;
        self.health(state, is_capture_only);
    }

    /// A message with data came.
    pub fn works(&mut self) {
        if self.errors > 0 {
            self.errors = 0;
            self.detail.clear();
        }
    }

    /// Tells how the session stands, if that changed.
    pub fn health(&mut self, state: &State, is_capture_only: bool) {
        let health = match (state.open, state.connections) {
            _ if is_capture_only => Health::CaptureOnly,
            (0, _) => Health::Connecting,
            (open, all) if open < all => Health::Partly,
            _ => Health::Recording,
        };
        let before = self.health.replace((health, self.errors));
        if before == Some((health, self.errors)) {
            return;
        }
        let is_new_error = before.is_none_or(|(_, errors)| errors != self.errors);
        // An error is told once, with its number among those without a message between them.
        let errors = if is_new_error { self.errors } else { 0 };
        let (exchange, detail, given) = (self.exchange.clone(), self.detail.clone(), clock::now());
        self.hub.publish(Event::Health(HealthEvent { exchange, state: health, detail, errors, given }));
    }
}

/// The symbols of a connection: those that its streams name.
pub(super) fn symbols_of(plan: &SessionPlan, connection: u32) -> Vec<Arc<str>> {
    let streams = plan.connections.get(connection as usize).map_or(&[][..], |of| &of.streams);
    let is_of = |symbol: &&String| streams.iter().any(|stream| names(stream, symbol));
    plan.symbols.iter().filter(is_of).map(|symbol| symbol.as_str().into()).collect()
}

/// Whether a stream names a symbol, and not only one that it is a part of. Case does not matter.
fn names(stream: &str, symbol: &str) -> bool {
    let (stream, symbol) = (stream.to_ascii_lowercase(), symbol.to_ascii_lowercase());
    let is_border = |byte: Option<&u8>| byte.is_none_or(|byte| !byte.is_ascii_alphanumeric());
    let bytes = stream.as_bytes();
    stream.match_indices(&symbol).any(|(at, _)| {
        let before = at.checked_sub(1).and_then(|place| bytes.get(place));
        is_border(before) && is_border(bytes.get(at + symbol.len()))
    })
}

#[cfg(test)]
mod tests {
    use super::names;

    #[test]
    fn a_stream_names_whole_symbols() {
        for (stream, symbol, expected) in [
            ("btcusdt@trade", "BTCUSDT", true),
            ("1000btcusdt@trade", "BTCUSDT", false),
            ("trades.BTC-PERPETUAL.100ms", "BTC-PERPETUAL", true),
            ("trades.BTC-PERPETUAL.100ms", "BTC-PERP", false),
            ("!forceOrder@arr", "BTCUSDT", false),
        ] {
            assert_eq!(names(stream, symbol), expected, "{stream} {symbol}");
        }
    }
}
