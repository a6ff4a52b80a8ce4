//! Which connections are open, and which of two bring a stream whose messages have no number.

use super::super::feed::ConnectionId;
use super::super::out::{Gap, Out};

#[derive(Clone, Default)]
struct State {
    /// Arrival of its last message; 0: none came.
    arrived: i64,
    /// Arrival of its last message with data; 0: none came.
    data: i64,
    /// How often in a row it was opened anew because no data came.
    silences: u32,
    /// The loss of the connection that has not ended: its start.
    lost_from: Option<i64>,
}

/// The connections of a feed, by place in the plan: the open ones, and what is lost.
pub(super) struct Connections {
    planned: u32,
    open: Vec<ConnectionId>,
    places: Vec<State>,
}

impl Connections {
    pub fn new(planned: usize) -> Connections {
        let planned = planned.clamp(1, 100_000);
        Connections { planned: planned as u32, open: Vec::new(), places: vec![State::default(); planned] }
    }

    /// Its place in the plan.
    pub fn place(&self, connection: ConnectionId) -> u32 {
        connection.0 % self.planned
    }

    pub fn is_open(&self, connection: ConnectionId) -> bool {
        self.open.contains(&connection)
    }

    /// The connection of a place that was opened last.
    pub fn newest(&self, place: u32) -> Option<ConnectionId> {
        self.open.iter().rev().copied().find(|open| self.place(*open) == place)
    }

    pub fn opened(&mut self, connection: ConnectionId) {
        if !self.is_open(connection) {
            self.open.push(connection);
        }
    }

    #[inline]
    pub fn arrived(&mut self, out: &mut Out, connection: ConnectionId, arrived: i64) {
        let place = self.place(connection);
        let state = &mut self.places[place as usize];
        state.arrived = arrived;
        if let Some(from) = state.lost_from.take() {
            out.gaps.push(gap(ConnectionId(place), from, arrived));
        }
    }

    /// A message with data of a stream arrived.
    #[inline]
    pub fn saw(&mut self, connection: ConnectionId, arrived: i64) {
        let place = self.place(connection);
        let state = &mut self.places[place as usize];
        (state.data, state.silences) = (arrived, 0);
    }

    /// It is opened anew because no data came.
    pub fn silent(&mut self, connection: ConnectionId, now: i64) {
        let place = self.place(connection);
        let state = &mut self.places[place as usize];
        (state.data, state.silences) = (now, state.silences + 1);
    }

    /// When the last message with data arrived on any connection of a place; 0: none did.
    pub fn data(&self, place: u32) -> i64 {
        self.places[place as usize].data
    }

    /// The connection of each place that was opened last, when the last message with data arrived there, and how often in a row it was
    /// opened anew because none did.
    pub fn of_data(&self) -> Vec<(ConnectionId, i64, u32)> {
        let newest = (0..self.planned).filter_map(|place| Some((self.newest(place)?, place as usize)));
        let of = newest.map(|(of, place)| (of, self.places[place].data, self.places[place].silences));
        of.filter(|(_, data, _)| *data != 0).collect()
    }

    /// Whether another connection brings the same streams.
    pub fn closed(&mut self, out: &mut Out, connection: ConnectionId, is_lost: bool) -> bool {
        self.open.retain(|open| *open != connection);
        let place = self.place(connection);
        if self.open.iter().any(|open| self.place(*open) == place) {
            return true;
        }
        let state = &mut self.places[place as usize];
        if is_lost && state.arrived != 0 && state.lost_from.is_none() {
            state.lost_from = Some(state.arrived);
            out.gaps.push(gap(ConnectionId(place), state.arrived, state.arrived));
        }
        false
    }
}

fn gap(connection: ConnectionId, from: i64, to: i64) -> Gap {
    Gap {
        connection: Some(connection),
        symbol: None,
        data_type: None,
        kind: "disconnect",
        from,
        to,
        from_id: None,
        to_id: None,
        missing: None,
        is_proven: false,
        detail: String::new(),
    }
}
