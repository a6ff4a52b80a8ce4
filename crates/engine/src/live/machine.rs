//! What a recording makes of what arrives, as a pure function: the same events give the same rows, now and in a year.
//!
//! [`Machine`] drives a venue's feed by recorded times only. Deadlines of the feed and midnights take their turn by the times of
//! events, before the first event that is not earlier, so that a clock that wakes a session never decides what the rows are. It
//! also replaces a connection by its successor without a hole, and notices a feed that can read nothing any more.

mod garbage;
mod lanes;

use mtdh_core::Day;
use mtdh_source::live::feed::{Closed, ConnectionId, Feed, Frame};
use mtdh_source::live::out::{Gap, Out, Request, Send};
use mtdh_source::live::rows::{Rows, StreamName, Taken};
use mtdh_source::live::venue::{Connection, Venue, Want};

use garbage::Garbage;
use lanes::{Lane, Role, Waiting};

/// Something that happened to a recording. A lane is one link of the session: a connection has one, and two while a successor
/// takes over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Input<'a> {
    /// A lane's socket is open.
    Opened {
        /// Which lane.
        lane: u32,
        /// Which connection of the plan it is for.
        connection: u32,
    },
    /// A message.
    Data {
        /// On which lane.
        lane: u32,
        /// The message.
        bytes: &'a [u8],
    },
    /// A ping of the server, which was answered.
    Ping {
        /// On which lane.
        lane: u32,
    },
    /// A pong of the server.
    Pong {
        /// On which lane.
        lane: u32,
    },
    /// A lane's socket ended.
    Closed {
        /// Which lane.
        lane: u32,
        /// Whether this side ended it.
        by_us: bool,
    },
    /// An answer by REST; status 0: none came.
    Answer {
        /// The request's name.
        name: &'a str,
        /// The HTTP status.
        status: u16,
        /// The body.
        body: &'a [u8],
    },
    /// Nothing but the passing of time.
    Time,
}

/// What is to be done, beside rows.
#[derive(Debug, Default)]
pub struct Todo {
    /// Texts and pings to send, with their lanes.
    pub sends: Vec<(u32, Send)>,
    /// Requests by REST.
    pub requests: Vec<Request>,
    /// What is lost.
    pub gaps: Vec<Gap>,
    /// Lanes to close and open again, with the reason.
    pub reconnects: Vec<(u32, String)>,
    /// Connections whose planned end was announced: a successor is to be opened.
    pub ending: Vec<u32>,
    /// Lanes that a successor has replaced, to be closed.
    pub retired: Vec<u32>,
    /// Refused subscriptions: the stream, and the venue's words.
    pub refused: Vec<(String, String)>,
    /// Something that people should know.
    pub notes: Vec<String>,
}

impl Todo {
    /// Adds what is to be done afterwards.
    pub fn append(&mut self, other: &mut Todo) {
        self.sends.append(&mut other.sends);
        self.requests.append(&mut other.requests);
        self.gaps.append(&mut other.gaps);
        self.reconnects.append(&mut other.reconnects);
        self.ending.append(&mut other.ending);
        self.retired.append(&mut other.retired);
        self.refused.append(&mut other.refused);
        self.notes.append(&mut other.notes);
    }
}

/// Counts since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Messages with data.
    pub messages: u64,
    /// Of these, messages that could not be read.
    pub unread: u64,
    /// Streams that the venue acknowledged.
    pub accepted: u64,
    /// Rows.
    pub rows: u64,
    /// Messages of which other is made than the vendor makes, on purpose: the known differences of a comparison.
    pub quirks: u64,
}

/// A feed and the order of what it is given.
pub struct Machine {
    venue: &'static dyn Venue,
    want: Want,
    connections: Vec<Connection>,
    feed: Box<dyn Feed>,
    out: Out,
    lanes: Vec<(u32, Lane)>,
    waiting: Vec<Waiting>,
    /// The latest time that the feed was given.
    last: i64,
    /// The latest deadline of the feed that took its turn.
    ticked: i64,
    midnight: Option<i64>,
    garbage: Garbage,
    /// Rows of before the feed was given up, until they are taken.
    kept: Option<Taken>,
    /// When the last message arrived that could be read.
    read: i64,
    counts: Counts,
    /// Streams that were refused: a successor does not ask for them.
    refused: Vec<String>,
    todo: Todo,
}

impl Machine {
    /// The machine of a plan, before anything happened.
    pub fn new(venue: &'static dyn Venue, want: Want, connections: Vec<Connection>) -> Machine {
        let feed = venue.feed(&want, &connections);
        Machine {
            venue,
            feed,
            out: Out { rows: Rows::with_groups(), ..Out::default() },
            lanes: Vec::new(),
            waiting: vec![Waiting::default(); connections.len()],
            last: i64::MIN,
            ticked: i64::MIN,
            midnight: None,
            garbage: Garbage::default(),
            kept: None,
            read: i64::MIN,
            counts: Counts::default(),
            refused: Vec::new(),
            todo: Todo::default(),
            want,
            connections,
        }
    }

    /// The connections of the plan.
    pub fn connections(&self) -> &[Connection] {
        &self.connections
    }

    /// Takes what happened at a time, microseconds since the Unix epoch, UTC. An earlier time than [`Machine::last`] counts as that one.
    pub fn take(&mut self, at: i64, input: Input<'_>) {
        let at = at.max(self.last);
        self.pass(at);
        if input != Input::Time {
            self.last = at;
            self.cut_over_ready(at);
        }
        match input {
            Input::Opened { lane, connection } => self.opened(lane, connection, at),
            Input::Data { lane, bytes } => self.message(lane, Frame::Data(bytes), at),
            Input::Ping { lane } => self.message(lane, Frame::Ping, at),
            Input::Pong { lane } => self.message(lane, Frame::Pong, at),
            Input::Closed { lane, by_us } => self.closed(lane, by_us, at),
            Input::Answer { name, status, body } => {
                self.feed.answer(name, status, body, at, &mut self.out);
            }
            Input::Time => {}
        }
        self.gather();
    }

    /// The latest time that the feed was given: of an event, or of a deadline or midnight that took its turn. Who writes down events
    /// writes no earlier time, so that they come in the same order again.
    pub fn last(&self) -> i64 {
        self.last
    }

    /// When something is due without an event, microseconds since the Unix epoch, UTC.
    pub fn due(&self) -> Option<i64> {
        let of_feed =
            self.feed.due().filter(|_| !self.garbage.is_given_up()).map(|due| due.max(self.ticked + 1));
        of_feed.into_iter().chain(self.midnight).min()
    }

    /// The rows since they were last taken.
    pub fn take_rows(&mut self) -> Taken {
        self.counts.rows += self.rows() as u64;
        self.kept.take().unwrap_or_else(|| self.out.rows.take())
    }

    /// Groups of rows that wait to be taken: one per message and stream.
    pub fn groups(&self) -> usize {
        self.kept.as_ref().map_or_else(|| self.out.rows.groups(), |kept| kept.groups.len())
    }

    /// Rows that wait to be taken.
    pub fn rows(&self) -> usize {
        let rows = |kept: &Taken| kept.batches.iter().map(|(_, batch)| batch.num_rows()).sum();
        self.kept.as_ref().map_or_else(|| self.out.rows.len(), rows)
    }

    /// Whose rows a stream of [`Machine::take_rows`] has.
    pub fn name(&self, stream: mtdh_source::live::rows::StreamId) -> &StreamName {
        self.out.rows.name(stream)
    }

    /// What is to be done since this was last asked.
    pub fn take_todo(&mut self) -> Todo {
        std::mem::take(&mut self.todo)
    }

    /// Counts since the start.
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// Makes no rows from here on. The feed is still asked: it subscribes, and answers heartbeats.
    pub fn discard_rows(&mut self) {
        self.garbage.give_up();
    }

    /// Whether no rows are made, for what the feed was sent or because none are wanted, so that only raw messages are recorded.
    pub fn is_given_up(&self) -> bool {
        self.garbage.is_given_up()
    }

    /// Lets the deadlines and midnights up to a time take their turn.
    fn pass(&mut self, at: i64) {
        let mut midnight = *self.midnight.get_or_insert_with(|| next_midnight(at));
        while let Some(due) = self.due().filter(|due| *due <= at) {
            self.last = self.last.max(due);
            if self.feed.due().is_some_and(|due| due.max(self.ticked + 1) < midnight) && due < midnight {
                // What is due at once is due when the feed was last given something.
                self.ticked = self.last;
                self.feed.tick(self.last, &mut self.out);
            } else {
                self.feed.midnight(midnight, &mut self.out);
                midnight = next_midnight(midnight);
                self.midnight = Some(midnight);
            }
        }
    }

    fn opened(&mut self, lane: u32, connection: u32, at: i64) {
        let Some(plan) = self.connections.get(connection as usize) else { return };
        if self.active(connection).is_some() {
            let mut plan = plan.clone();
            plan.streams.retain(|stream| !self.refused.contains(stream));
            let mut shadow = Lane::successor(self.venue, &self.want, &plan, connection);
            shadow.opened(at);
            self.todo.sends.extend(shadow.take_sends(lane));
            self.lanes.push((lane, shadow));
            return;
        }
        self.lanes.retain(|(number, _)| *number != lane);
        self.lanes.push((lane, Lane::active(connection)));
        self.feed.opened(ConnectionId(connection), at, &mut self.out);
    }

    fn message(&mut self, lane: u32, frame: Frame<'_>, at: i64) {
        let Some(place) = self.lanes.iter().position(|(number, _)| *number == lane) else { return };
        if matches!(frame, Frame::Data(_)) {
            self.counts.messages += 1;
        }
        let (_, known) = &mut self.lanes[place];
        let connection = known.connection;
        if matches!(known.role, Role::Successor(_)) {
            known.keep(frame, at);
            let sends: Vec<_> = known.take_sends(lane).collect();
            self.todo.sends.extend(sends);
            return;
        }
        self.give(connection, frame, at);
    }

    /// Gives the feed a message of a connection.
    fn give(&mut self, connection: u32, frame: Frame<'_>, at: i64) {
        let (rows, unread) = (self.out.rows.len(), self.out.unread);
        self.feed.message(ConnectionId(connection), frame, at, &mut self.out);
        if matches!(frame, Frame::Data(_)) {
            let waiting = &mut self.waiting[connection as usize];
            if self.out.rows.len() > rows
                && let Some(from) = waiting.lost.take()
            {
                self.todo.gaps.push(disconnect(connection, from, at, &waiting.reason));
            }
            waiting.last = Some(at);
            let is_unread = self.out.unread > unread;
            if !is_unread {
                self.read = at;
            }
            if let Some(share) = self.garbage.see(is_unread) {
                self.give_up(share, at);
            }
        }
    }

    fn give_up(&mut self, share: f64, at: i64) {
        // What was made of messages that could be read stays.
        self.kept = Some(self.out.rows.take());
        let from = if self.read == i64::MIN { at } else { self.read };
        let detail = format!(
            "{:.0} % of the last messages could not be read; from here on only raw messages are recorded",
            share * 100.0
        );
        self.todo.notes.push(format!("{}: {detail}", self.venue.exchange()));
        self.todo.gaps.push(Gap {
            connection: None,
            symbol: None,
            data_type: None,
            kind: "unread",
            from,
            to: from,
            from_id: None,
            to_id: None,
            missing: None,
            is_proven: true,
            detail,
        });
    }

    fn closed(&mut self, lane: u32, by_us: bool, at: i64) {
        let Some(place) = self.lanes.iter().position(|(number, _)| *number == lane) else { return };
        let (_, gone) = self.lanes.remove(place);
        if gone.is_successor() {
            return;
        }
        // The successor is there already: nothing is lost if its messages overlap.
        if let Some(successor) = self.successor(gone.connection) {
            self.todo.retired.push(lane);
            self.cut_over(successor, at);
            return;
        }
        let why = if by_us { Closed::Local } else { Closed::Remote };
        let waiting = &mut self.waiting[gone.connection as usize];
        if let Some(last) = waiting.last
            && waiting.lost.is_none()
        {
            waiting.lost = Some(last);
            waiting.reason = String::new();
            if !by_us {
                self.todo.gaps.push(disconnect(gone.connection, last, last, ""));
            }
        }
        self.feed.closed(ConnectionId(gone.connection), why, at, &mut self.out);
    }

    fn active(&self, connection: u32) -> Option<u32> {
        let is = |lane: &Lane| lane.connection == connection && !lane.is_successor();
        self.lanes.iter().find(|(_, lane)| is(lane)).map(|(number, _)| *number)
    }

    fn successor(&self, connection: u32) -> Option<u32> {
        let is = |lane: &Lane| lane.connection == connection && lane.is_successor();
        self.lanes.iter().find(|(_, lane)| is(lane)).map(|(number, _)| *number)
    }

    fn cut_over_ready(&mut self, at: i64) {
        let ready = self.lanes.iter().filter(|(_, lane)| lane.is_ready(at)).map(|(number, _)| *number);
        for lane in ready.collect::<Vec<_>>() {
            self.cut_over(lane, at);
        }
    }

    /// From here on a connection's messages come from its successor. What it sent while the other was still read is given to the feed
    /// too: by their ids the feed knows most of it already, and what it does not know would have been the hole.
    fn cut_over(&mut self, successor: u32, at: i64) {
        let Some(place) = self.lanes.iter().position(|(number, _)| *number == successor) else { return };
        let connection = self.lanes[place].1.connection;
        if let Some(old) = self.active(connection) {
            self.lanes.retain(|(number, _)| *number != old);
            self.todo.retired.push(old);
        }
        let Some(place) = self.lanes.iter().position(|(number, _)| *number == successor) else { return };
        let lane = std::mem::replace(&mut self.lanes[place].1, Lane::active(connection));
        for bytes in lane.kept() {
            self.give(connection, Frame::Data(&bytes), at);
        }
    }

    /// Sorts what the feed gave out by who does it.
    fn gather(&mut self) {
        self.counts.accepted += std::mem::take(&mut self.out.accepted);
        self.counts.unread += std::mem::take(&mut self.out.unread);
        self.counts.quirks += std::mem::take(&mut self.out.quirks).into_values().sum::<u64>();
        for text in self.out.unread_texts.drain(..) {
            tracing::info!(venue = self.venue.exchange(), message = text, "a message could not be read");
        }
        if self.garbage.is_given_up() {
            // What the feed makes of messages is not to be trusted, or not wanted.
            let _discarded = self.out.rows.take();
            self.out.gaps.clear();
        }
        let lane_of = |connection: ConnectionId| {
            let is = |lane: &Lane| lane.connection == connection.0 && !lane.is_successor();
            self.lanes.iter().find(|(_, lane)| is(lane)).map(|(number, _)| *number)
        };
        let todo = &mut self.todo;
        let sends = self.out.sends.drain(..);
        todo.sends.extend(sends.filter_map(|(connection, send)| Some((lane_of(connection)?, send))));
        let reconnects = self.out.reconnects.drain(..);
        todo.reconnects.extend(reconnects.filter_map(|(c, reason)| Some((lane_of(c)?, reason))));
        todo.requests.append(&mut self.out.requests);
        todo.gaps.append(&mut self.out.gaps);
        todo.ending.extend(self.out.ending.drain(..).map(|connection| connection.0));
        let exchange = self.venue.exchange();
        todo.notes.extend(self.out.notes.drain(..).map(|note| format!("{exchange}: {note}")));
        self.refused.extend(self.out.refused.iter().map(|(_, stream, _)| stream.clone()));
        todo.refused.extend(self.out.refused.drain(..).map(|(_, stream, words)| (stream, words)));
    }
}

fn disconnect(connection: u32, from: i64, to: i64, reason: &str) -> Gap {
    Gap {
        connection: Some(ConnectionId(connection)),
        symbol: None,
        data_type: None,
        kind: "disconnect",
        from,
        to,
        from_id: None,
        to_id: None,
        missing: None,
        is_proven: true,
        detail: reason.to_owned(),
    }
}

fn next_midnight(at: i64) -> i64 {
    Day::containing_us(at).map_or(i64::MAX, Day::end_us)
}

#[cfg(test)]
mod tests;
