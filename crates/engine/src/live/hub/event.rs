//! What happens in a recording, as those who listen get it.

use std::fmt;
use std::str::FromStr;
use std::sync::{Arc, OnceLock};

use arrow_array::RecordBatch;
use bytes::Bytes;
use mtdh_core::DataType;
use mtdh_core::candle::{Candle, Timeframe};
use mtdh_source::live::out::Gap;

use crate::live::validate::StreamFinding;

/// Whose rows: an instrument and a data type. A hub has each once.
#[derive(Debug, PartialEq, Eq)]
pub struct Stream {
    /// Its place in the hub.
    pub(super) number: usize,
    /// The vendor's id of the exchange, such as `binance-futures`.
    pub exchange: Arc<str>,
    /// The symbol as the vendor's rows write it.
    pub symbol: Arc<str>,
    /// The data type.
    pub data_type: DataType,
    /// The instrument key; `None`: the symbol has none yet.
    pub key: Option<Arc<str>>,
}

/// Where in a recording: the line of a venue's capture that something came of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Position {
    /// The recorder's session of the venue, unique among all captures. It has no comma, colon or space.
    pub session: Arc<str>,
    /// The line, counted from 0 over all capture files of the session.
    pub line: u64,
}

/// The rows of one data type and instrument that came in one message.
#[derive(Clone, Debug)]
pub struct RowsEvent {
    /// Whose.
    pub stream: Arc<Stream>,
    /// The batch that they are in, with the columns of the table's row schema.
    pub batch: Arc<RecordBatch>,
    /// The first of them.
    pub first: usize,
    /// How many; never 0.
    pub rows: usize,
    /// When the message arrived, microseconds since the Unix epoch, UTC.
    pub arrived: i64,
    /// Of which line.
    pub position: Position,
}

/// A connection was lost: books and computations of these instruments begin anew.
#[derive(Clone, Debug)]
pub struct DisconnectEvent {
    /// The vendor's id of the exchange.
    pub exchange: Arc<str>,
    /// Whose streams were on the connection, as rows write symbols; empty: all of the exchange.
    pub symbols: Vec<Arc<str>>,
    /// When, microseconds since the Unix epoch, UTC.
    pub arrived: i64,
    /// The last line before it.
    pub position: Position,
}

/// Something was lost, or may have been.
#[derive(Clone, Debug)]
pub struct GapEvent {
    /// The vendor's id of the exchange.
    pub exchange: Arc<str>,
    /// The key of the gap's symbol; `None`: it has none, or the gap is of all.
    pub key: Option<Arc<str>>,
    /// What is known of it.
    pub gap: Gap,
    /// The last line when it was known.
    pub position: Position,
}

/// A candle.
#[derive(Clone, Debug)]
pub struct CandleEvent {
    /// The vendor's id of the exchange.
    pub exchange: Arc<str>,
    /// The symbol as rows write it.
    pub symbol: Arc<str>,
    /// The instrument key.
    pub key: Arc<str>,
    /// The length of its interval.
    pub timeframe: Timeframe,
    /// Its values.
    pub candle: Candle,
    /// 0 when it is first given as `Final`; one more each time that late trades change it. 0 of each `Provisional` one.
    pub revision: u32,
    /// Whether late trades are still waited for.
    pub stage: Stage,
    /// When it was given, microseconds since the Unix epoch, UTC.
    pub given: i64,
}

/// Whether late trades are still waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// The interval has just ended.
    Provisional,
    /// The time for late trades is over.
    Final,
}

impl Stage {
    /// The word for it.
    pub fn name(self) -> &'static str {
        match self {
            Stage::Provisional => "provisional",
            Stage::Final => "final",
        }
    }
}

/// A finding of a check.
#[derive(Clone, Debug)]
pub struct FindingEvent {
    /// The vendor's id of the exchange.
    pub exchange: Arc<str>,
    /// The symbol as rows write it; `None`: the finding is of none.
    pub symbol: Option<Arc<str>>,
    /// What was found.
    pub finding: StreamFinding,
    /// When, microseconds since the Unix epoch, UTC.
    pub given: i64,
}

/// The state of an exchange's recording.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum State {
    /// Nothing is connected yet.
    #[default]
    NotConnected,
    /// Connections are being opened, for the first time or again.
    Connecting,
    /// All connections are open and messages come.
    Recording,
    /// Some connections are open, others are not.
    Partly,
    /// The feed no longer makes rows; what comes is captured.
    CaptureOnly,
    /// The recording ended.
    Ended,
}

impl State {
    /// The words for it.
    pub fn name(self) -> &'static str {
        match self {
            State::NotConnected => "not connected",
            State::Connecting => "connecting",
            State::Recording => "recording",
            State::Partly => "partly connected",
            State::CaptureOnly => "capture only",
            State::Ended => "ended",
        }
    }
}

/// The state of an exchange's recording changed, or something went wrong that is no gap.
#[derive(Clone, Debug)]
pub struct HealthEvent {
    /// The vendor's id of the exchange.
    pub exchange: Arc<str>,
    /// The state from now on.
    pub state: State,
    /// More, for people: why a connection failed. It names no key.
    pub detail: String,
    /// How many connection errors came without a message between them; 0: this is none.
    pub errors: u32,
    /// When, microseconds since the Unix epoch, UTC.
    pub given: i64,
}

/// Something that happened.
#[derive(Clone, Debug)]
pub enum Event {
    /// Rows of one message.
    Rows(RowsEvent),
    /// A connection was lost.
    Disconnect(DisconnectEvent),
    /// Something was lost.
    Gap(GapEvent),
    /// A candle ended, or changed.
    Candle(Box<CandleEvent>),
    /// A check found something.
    Finding(Box<FindingEvent>),
    /// The state of an exchange's recording.
    Health(HealthEvent),
}

impl Event {
    /// The vendor's id of the exchange.
    pub fn exchange(&self) -> &Arc<str> {
        match self {
            Event::Rows(of) => &of.stream.exchange,
            Event::Disconnect(of) => &of.exchange,
            Event::Gap(of) => &of.exchange,
            Event::Candle(of) => &of.exchange,
            Event::Finding(of) => &of.exchange,
            Event::Health(of) => &of.exchange,
        }
    }

    /// When it arrived or was given, microseconds since the Unix epoch, UTC.
    pub fn time(&self) -> i64 {
        match self {
            Event::Rows(of) => of.arrived,
            Event::Disconnect(of) => of.arrived,
            Event::Gap(of) => of.gap.to,
            Event::Candle(of) => of.given,
            Event::Finding(of) => of.given,
            Event::Health(of) => of.given,
        }
    }

    /// What it takes of a bounded memory, bytes, about: its cells, and once more as text.
    pub(super) fn weight(&self) -> usize {
        match self {
            Event::Rows(of) => 160 + of.rows * of.batch.num_columns() * 28,
            Event::Candle(_) => 2_000,
            Event::Disconnect(of) => 200 + of.symbols.len() * 16,
            Event::Gap(_) | Event::Finding(_) | Event::Health(_) => 800,
        }
    }
}

/// Texts of an event that its listeners share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// A line for each row, with the names of the lake's columns.
    Lines,
    /// Messages in the form of tardis-machine.
    Messages,
}

/// Where an entry comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// It was published.
    Hub,
    /// It is the current book, for somebody who begins to listen.
    Book,
    /// It was read from a capture.
    Captured,
}

/// An event with its place among all of the hub.
pub struct Entry {
    /// Where it comes from.
    pub source: Source,
    /// Its number; those that are published are numbered from 1 without holes. Of the last of several books, that of the last event
    /// before it; 0 of the others and of what is captured.
    pub number: u64,
    /// Of rows: how many events of rows of the same line came before.
    pub part: u32,
    /// What happened.
    pub event: Event,
    texts: [OnceLock<Bytes>; 2],
}

impl Entry {
    /// An event at a place.
    pub fn of(source: Source, number: u64, part: u32, event: Event) -> Entry {
        Entry { source, number, part, event, texts: Default::default() }
    }

    /// The event in this form, which is made once for all listeners.
    pub fn text(&self, form: Form, make: impl FnOnce(&Entry) -> Bytes) -> Bytes {
        self.texts[form as usize].get_or_init(|| make(self)).clone()
    }
}

/// The last event of rows of a session that somebody has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Its line.
    pub position: Position,
    /// See [`Entry::part`].
    pub part: u32,
}

/// Where somebody left off: text that is given out with events, and given back to go on behind them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cursor {
    /// When the hub was opened, microseconds since the Unix epoch, UTC.
    pub hub: i64,
    /// The last event's number in that hub.
    pub number: u64,
    /// The last rows of each session, by which captures are read where that hub is no more or has forgotten.
    pub places: Vec<Place>,
}

impl Cursor {
    /// Goes on to an event of a hub that was opened at that time. False: who has no more than this cannot go on from it, as it lacks
    /// further books.
    pub fn advance(&mut self, hub: i64, entry: &Entry) -> bool {
        if entry.number > 0 {
            (self.hub, self.number) = (hub, entry.number);
        }
        if let Event::Rows(rows) = &entry.event {
            self.advance_place(entry, rows);
        }
        entry.number > 0 || entry.source == Source::Captured
    }

    fn advance_place(&mut self, entry: &Entry, rows: &RowsEvent) {
        let (line, part) = (rows.position.line, entry.part);
        match self.places.iter_mut().find(|known| known.position.session == rows.position.session) {
            // A book is as old as its last change.
            Some(known) if (known.position.line, known.part) >= (line, part) => {}
            Some(known) => (known.position.line, known.part) = (line, part),
            None => self.places.push(Place { position: rows.position.clone(), part }),
        }
    }
}

impl fmt::Display for Cursor {
    /// `HUB:NUMBER`, then for each session `,SESSION:LINE:PART`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.hub, self.number)?;
        for Place { position, part } in &self.places {
            write!(f, ",{}:{}:{part}", position.session, position.line)?;
        }
        Ok(())
    }
}

/// A text that is no cursor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the text is no position of a live stream; give back the `id` of the last event as it came")]
pub struct ParseCursorError;

/// Sessions that a cursor names at most.
const MOST_PLACES: usize = 256;

impl FromStr for Cursor {
    type Err = ParseCursorError;

    fn from_str(text: &str) -> Result<Cursor, ParseCursorError> {
        let mut parts = text.split(',');
        let (hub, number) = parts.next().and_then(|first| first.split_once(':')).ok_or(ParseCursorError)?;
        let place = |text: &str| {
            let (rest, part) = text.rsplit_once(':')?;
            let (session, line) = rest.rsplit_once(':')?;
            let is_name = !session.is_empty() && session.bytes().all(|byte| byte.is_ascii_graphic());
            let position = Position { session: session.into(), line: line.parse().ok()? };
            is_name.then_some(Place { position, part: part.parse().ok()? })
        };
        let places: Option<Vec<Place>> = parts.map(place).take(MOST_PLACES + 1).collect();
        let places = places.filter(|places| places.len() <= MOST_PLACES).ok_or(ParseCursorError)?;
        let whole = |text: &str| text.parse::<u64>().map_err(|_| ParseCursorError);
        Ok(Cursor { hub: hub.parse().map_err(|_| ParseCursorError)?, number: whole(number)?, places })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_read_as_it_was_written_and_nothing_else_is() {
        for text in ["0:0", "1764500000000000:17", "5:9,binance-1:0:0,deribit-1764500000000000:88:3"] {
            assert_eq!(text.parse::<Cursor>().map(|cursor| cursor.to_string()), Ok(text.to_owned()));
        }
        for text in [
            "",
            ":",
            "1",
            "1:",
            "1:x",
            "1:-1",
            "1:1,",
            "1:1,a",
            "1:1,a:1",
            "1:1,a:1:-1",
            "1:1,a b:1:1",
            "1:1,:1:1",
        ] {
            assert_eq!(text.parse::<Cursor>(), Err(ParseCursorError), "{text}");
        }
        let long = format!("1:1{}", ",a:1:1".repeat(MOST_PLACES + 1));
        assert_eq!(long.parse::<Cursor>(), Err(ParseCursorError));
    }
}
