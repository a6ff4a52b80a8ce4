//! What a session gives to those who follow: each message's rows, with the line that they came of. It waits for nobody.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use arrow_array::RecordBatch;
use mtdh_source::live::clock;
use mtdh_source::live::out::Gap;
use mtdh_source::live::rows::StreamId;

use super::{Settings, State};
use crate::live::hub::Hub;
use crate::live::hub::event::{
    DisconnectEvent, Event, GapEvent, HealthEvent, Position, RowsEvent, State as Health, Stream,
};
use crate::live::maker::Maker;

/// Gives a session's rows to a hub.
pub(super) struct Publisher {
    hub: Arc<Hub>,
    exchange: Arc<str>,
    session: Arc<str>,
    streams: HashMap<StreamId, Arc<Stream>>,
    /// Of each line with rows: how many groups there were after it, the line, and when it arrived.
    lines: VecDeque<(u64, u64, i64)>,
    given: u64,
    last: (u64, i64),
    health: Option<Health>,
}

impl Publisher {
    pub fn new(hub: Arc<Hub>, settings: &Settings) -> Publisher {
        let venue = settings.venue;
        hub.venue(venue.exchange(), venue.is_experimental(), venue.offers());
        Publisher {
            hub,
            exchange: venue.exchange().into(),
            session: settings.session.as_str().into(),
            streams: HashMap::new(),
            lines: VecDeque::new(),
            given: 0,
            last: (0, 0),
            health: None,
        }
    }

    /// A line came, after which there are so many groups of rows in all.
    pub fn came(&mut self, line: u64, arrived: i64, groups: u64) {
        self.last = (line, arrived);
        if self.lines.back().map_or(self.given, |(groups, ..)| *groups) < groups {
            self.lines.push_back((groups, line, arrived));
        }
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
                while self.lines.front().is_some_and(|(groups, ..)| *groups <= self.given) {
                    self.lines.pop_front();
                }
                self.given += 1;
                let (line, arrived) = self.lines.front().map_or(self.last, |(_, line, at)| (*line, *at));
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
            let position = self.position(self.last.0);
            self.hub.publish(Event::Gap(GapEvent {
                exchange: self.exchange.clone(),
                key,
                gap: gap.clone(),
                position,
            }));
        }
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

    pub fn disconnected(&mut self, arrived: i64, line: u64, _reason: &str) {
        let (exchange, position) = (self.exchange.clone(), self.position(line));
        self.hub.publish(Event::Disconnect(DisconnectEvent {
            exchange,
            symbols: Vec::new(),
            arrived,
            position,
        }));
    }

    /// Tells how the session stands, if that changed.
    pub fn health(&mut self, state: &State, is_capture_only: bool) {
        let health = match (state.open, state.connections) {
            _ if is_capture_only => Health::CaptureOnly,
            (0, _) => Health::Connecting,
            (open, all) if open < all => Health::Partly,
            _ => Health::Recording,
        };
        if self.health.replace(health) != Some(health) {
            let (exchange, given) = (self.exchange.clone(), clock::now());
            let event = HealthEvent { exchange, state: health, detail: String::new(), errors: 0, given };
            self.hub.publish(Event::Health(event));
        }
    }
}
