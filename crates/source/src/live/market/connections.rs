//! Which connections are open, and which of two bring a stream whose messages have no number.

use mtdh_core::live::pace::Pace;

use super::super::feed::ConnectionId;
use super::super::out::{Gap, Out};

/// The time after which a silent connection is opened anew doubles so often, at most.
const MOST_DOUBLINGS: u32 = 5;

#[derive(Clone, Default)]
struct State {
    /// Arrival of its last message; 0: none came.
    arrived: i64,
    /// Arrival of its last message with data; 0: none came.
    data: i64,
    /// Of its streams that go on by themselves, together.
    pace: Pace,
    /// When it was opened anew because none came; 0: never.
    reopened: i64,
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

    /// A message with data of a stream arrived; `has_pace`: of one that goes on by itself.
    #[inline]
    pub fn saw(&mut self, connection: ConnectionId, arrived: i64, has_pace: bool) {
        let place = self.place(connection);
        let state = &mut self.places[place as usize];
        (state.data, state.silences) = (arrived, 0);
        if has_pace {
            state.pace.saw(arrived);
        }
    }

    /// A connection on which all streams are silent, while heartbeats or pongs still come, is to be opened anew: subscribing to one
    /// after the other would not help. If it stays as it is, it is opened anew after twice the time, so that an exchange that rests does
    /// not use up what it allows.
    pub fn reopen_silent(&mut self, out: &mut Out, now: i64) {
        for place in 0..self.planned {
            let Some(connection) = self.newest(place) else { continue };
            let state = &mut self.places[place as usize];
            let limit = state.pace.limit().map(|limit| limit << state.silences.min(MOST_DOUBLINGS));
            let since = state.data.max(state.reopened);
            let is_silent = limit.is_some_and(|limit| now.saturating_sub(since) > limit);
            if state.data == 0 || !is_silent {
                continue;
            }
            let seconds = (now - since) / 1_000_000;
            let reason = format!("only heartbeats came for {seconds} s, and none of its streams");
            let gap = gap(ConnectionId(place), since, now);
            out.gaps.push(Gap { kind: "silence", detail: reason.clone(), ..gap });
            out.reconnects.push((connection, reason));
            (state.reopened, state.silences) = (now, state.silences + 1);
            state.pace.interrupted();
        }
    }

    /// When the last message with data arrived on any connection of a place; 0: none did.
    pub fn data(&self, place: u32) -> i64 {
        self.places[place as usize].data
    }

    /// Whether another connection brings the same streams.
    pub fn closed(&mut self, out: &mut Out, connection: ConnectionId, is_lost: bool) -> bool {
        self.open.retain(|open| *open != connection);
        let place = self.place(connection);
        if self.open.iter().any(|open| self.place(*open) == place) {
            return true;
        }
        let state = &mut self.places[place as usize];
        state.pace.interrupted();
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
