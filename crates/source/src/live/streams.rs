//! The streams that a feed asked for: which the exchange acknowledged, which it refused, and which say nothing.
//!
//! A stream that was refused is told once and never asked for again. One that is not acknowledged is asked for a second time, then
//! refused. One that was acknowledged and has a pace must bring something. All by given times, so that a replay decides the same.

use std::collections::BTreeSet;

use super::feed::ConnectionId;
use super::suspects::Suspects;

/// A stream is acknowledged within this time, microseconds, or asked for again.
const ANSWER_US: i64 = 10_000_000;
/// A stream with a pace brings its first message within this time, microseconds, or that is told.
const FIRST_US: i64 = 60_000_000;

/// What is told of a stream that is never acknowledged.
pub const NOT_ACKNOWLEDGED: &str = "not acknowledged within 10 s, asked for twice";
/// What is told of a stream without a message.
pub const NOTHING_CAME: &str = "acknowledged, and nothing came within 60 s; the exchange may not have it";

/// What is known of the data of a stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Data {
    /// When the last message arrived that is of it, microseconds since the Unix epoch, UTC; `None`: none did, or it cannot be told.
    pub last: Option<i64>,
    /// Whether it goes on by itself.
    pub has_pace: bool,
}

/// What is to be done about a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Due {
    /// It is to be asked for again.
    Again(ConnectionId, String),
    /// It is refused, for this reason.
    Refused(ConnectionId, String, String),
    /// It says nothing.
    Silent(String),
    /// Streams that were held back are to be asked for.
    Next(ConnectionId, Vec<String>),
}

struct Stream {
    name: String,
    asked: i64,
    is_again: bool,
    /// Whether it was acknowledged before it was asked for anew: then it is none that does not exist.
    was_accepted: bool,
    accepted: Option<i64>,
    /// Nothing is waited for any more.
    is_settled: bool,
}

struct Open {
    connection: ConnectionId,
    since: i64,
    streams: Vec<Stream>,
}

/// The streams of a feed.
pub struct Streams {
    has_answers: bool,
    places: u32,
    refused: BTreeSet<String>,
    open: Vec<Open>,
    suspects: Vec<Suspects>,
    due: Option<i64>,
}

impl Streams {
    /// None was asked for; `places`: connections of the plan, `has_answers`: whether the exchange acknowledges streams.
    pub fn new(places: usize, has_answers: bool) -> Streams {
        let places = places.clamp(1, 100_000);
        let suspects = (0..places).map(|_| Suspects::default()).collect();
        let refused = BTreeSet::new();
        Streams { has_answers, places: places as u32, refused, open: Vec::new(), suspects, due: None }
    }

    /// A connection is open: what is to be asked for of its plan.
    pub fn opened(&mut self, connection: ConnectionId, planned: &[String], now: i64) -> Vec<String> {
        self.open.retain(|open| open.connection != connection);
        self.open.push(Open { connection, since: now, streams: Vec::new() });
        let good: Vec<String> =
            planned.iter().filter(|stream| !self.refused.contains(*stream)).cloned().collect();
        let place = self.place(connection);
        let first = self.suspects[place].opened(good, now);
        self.wake(self.suspects[place].due());
        first
    }

    /// Streams were asked for.
    pub fn asked(&mut self, connection: ConnectionId, streams: &[String], now: i64) {
        let Some(open) = self.open.iter_mut().find(|open| open.connection == connection) else { return };
        for name in streams {
            match open.streams.iter_mut().find(|known| known.name == *name) {
                Some(known) if known.accepted.is_some() => {
                    (known.was_accepted, known.is_again, known.is_settled) = (true, false, false);
                    (known.accepted, known.asked) = (None, now);
                }
                Some(known) => known.asked = now,
                None => open.streams.push(Stream {
                    name: name.clone(),
                    asked: now,
                    is_again: false,
                    was_accepted: false,
                    accepted: None,
                    is_settled: false,
                }),
            }
        }
        self.wake(Some(now.saturating_add(ANSWER_US)));
    }

    /// A stream was acknowledged.
    pub fn accepted(&mut self, connection: ConnectionId, name: &str, now: i64) {
        let Some(open) = self.open.iter_mut().find(|open| open.connection == connection) else { return };
        if let Some(stream) = open.streams.iter_mut().find(|known| known.name == name) {
            stream.accepted.get_or_insert(now);
        }
    }

    /// A stream was refused. Whether that is new.
    pub fn refuse(&mut self, name: &str) -> bool {
        for open in &mut self.open {
            open.streams.retain(|stream| stream.name != name);
        }
        self.suspects.iter_mut().for_each(|suspects| suspects.forget(name));
        self.refused.insert(name.to_owned())
    }

    /// Streams that were refused.
    pub fn refused(&self) -> impl Iterator<Item = &str> {
        self.refused.iter().map(String::as_str)
    }

    /// Whether a stream was refused.
    pub fn is_refused(&self, name: &str) -> bool {
        self.refused.contains(name)
    }

    /// Streams of a connection's place that are held back.
    pub fn held(&self, connection: ConnectionId) -> Vec<String> {
        self.suspects[self.place(connection)].held()
    }

    /// A connection ended. A stream that is known to end connections is refused.
    pub fn closed(&mut self, connection: ConnectionId, by_exchange: bool, now: i64) -> Option<Due> {
        let at = self.open.iter().position(|open| open.connection == connection)?;
        let open = self.open.remove(at);
        let place = self.place(connection);
        let names: Vec<String> = open.streams.into_iter().map(|stream| stream.name).collect();
        let bad = self.suspects[place].closed(names, open.since, by_exchange, now)?;
        self.refuse(&bad).then(|| {
            let words = "the exchange ends the connection when it is asked for this".to_owned();
            Due::Refused(connection, bad, words)
        })
    }

    /// What was asked for failed as a whole, and the exchange does not say which of it: what is to be asked for next, in place of it.
    pub fn failed(&mut self, connection: ConnectionId, words: &str, now: i64) -> Vec<Due> {
        let place = self.place(connection);
        let Some(open) = self.open.iter_mut().find(|open| open.connection == connection) else {
            return Vec::new();
        };
        let names: Vec<String> = open.streams.drain(..).map(|stream| stream.name).collect();
        let bad = self.suspects[place].failed(names);
        let mut dues = Vec::new();
        if let Some(bad) = bad.filter(|bad| self.refuse(bad)) {
            dues.push(Due::Refused(connection, bad, words.to_owned()));
        }
        let next = self.suspects[place].next(now);
        if !next.is_empty() {
            dues.push(Due::Next(connection, next));
        }
        self.wake(self.suspects[place].due());
        dues
    }

    /// When [`Streams::tick`] is wanted next.
    pub fn due(&self) -> Option<i64> {
        self.due
    }

    /// What is due. `waits`: whether texts for a connection wait to be sent; `data`: what is known of a stream's data.
    pub fn tick(
        &mut self,
        now: i64,
        waits: impl Fn(ConnectionId) -> bool,
        data: impl Fn(&str) -> Data,
    ) -> Vec<Due> {
        let mut dues = Vec::new();
        if self.due.is_none_or(|due| now < due) {
            return dues;
        }
        let mut next: Option<i64> = None;
        let mut wake = |at: i64| next = Some(next.map_or(at, |next| next.min(at)));
        for open in &mut self.open {
            let waits = waits(open.connection);
            for stream in open.streams.iter_mut().filter(|stream| !stream.is_settled) {
                if waits && stream.accepted.is_none() {
                    stream.asked = now;
                }
                let Data { last, has_pace } = data(&stream.name);
                let has_data = last.is_some_and(|last| last >= stream.asked);
                if stream.accepted.is_none() && (has_data || !self.has_answers) {
                    stream.accepted = Some(stream.asked);
                }
                stream.is_settled = match stream.accepted {
                    None if now >= stream.asked.saturating_add(ANSWER_US) && stream.is_again => {
                        if stream.was_accepted {
                            stream.is_settled = true;
                            continue;
                        }
                        let words = NOT_ACKNOWLEDGED.to_owned();
                        dues.push(Due::Refused(open.connection, stream.name.clone(), words));
                        true
                    }
                    None if now >= stream.asked.saturating_add(ANSWER_US) => {
                        (stream.is_again, stream.asked) = (true, now);
                        dues.push(Due::Again(open.connection, stream.name.clone()));
                        false
                    }
                    None => false,
                    Some(_) if has_data || !has_pace => true,
                    Some(at) if now >= at.saturating_add(FIRST_US) => {
                        dues.push(Due::Silent(stream.name.clone()));
                        true
                    }
                    Some(_) => false,
                };
                match stream.accepted {
                    _ if stream.is_settled => {}
                    None => wake(stream.asked.saturating_add(ANSWER_US)),
                    Some(at) => wake(at.saturating_add(FIRST_US)),
                }
            }
        }
        self.due = next;
        dues.retain(|due| !matches!(due, Due::Refused(_, name, _) if !self.refuse(name)));
        for open in &self.open {
            let place = open.connection.0 % self.places;
            let suspects = &mut self.suspects[place as usize];
            if suspects.is_passed(now) {
                let more = suspects.next(now);
                if !more.is_empty() {
                    dues.push(Due::Next(open.connection, more));
                }
            }
        }
        let of_suspects = self.suspects.iter().filter_map(Suspects::due).min();
        self.wake(of_suspects);
        dues
    }

    fn place(&self, connection: ConnectionId) -> usize {
        (connection.0 % self.places) as usize
    }

    fn wake(&mut self, at: Option<i64>) {
        self.due = self.due.into_iter().chain(at).min();
    }
}

#[cfg(test)]
mod tests;
