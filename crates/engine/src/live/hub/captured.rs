//! Going on from captures: where a listener left off at what the memory has forgotten, or at an older recorder's.
//!
//! What is written is read first, which may take long and waits for the listener. At its end the listener's ring is filled from then
//! on, and captures are read up to what was published last before that. So nothing depends on how much the memory holds.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::runtime::Handle;
use tokio::sync::mpsc;

use super::event::{Cursor, Entry, Event, GapEvent, Place, RowsEvent, Source};
use super::{Hub, Listening, Lost};

/// A session of which there are captures.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Captured {
    /// The vendor's id of the exchange.
    pub exchange: Arc<str>,
    /// The session. Names sort by the time of their start.
    pub session: Arc<str>,
    /// When its first line arrived, microseconds since the Unix epoch, UTC.
    pub began: i64,
}

/// Reads from captures what a hub has forgotten. Its methods are called where they may block.
pub trait Older: Send + Sync {
    /// The sessions, by exchange and start.
    ///
    /// # Errors
    /// Words for people, when the captures cannot be listed.
    fn sessions(&self) -> Result<Vec<Captured>, String>;

    /// The rows of a session, from its beginning.
    fn rows(&self, of: &Captured) -> Box<dyn OlderRows>;
}

/// The rows of a session as its captures have them, with the streams of [`Hub::older_stream`].
pub trait OlderRows {
    /// The next rows; `None`: no more are written yet.
    ///
    /// # Errors
    /// Words for people, when the captures are gone or cannot be read.
    fn next(&mut self) -> Result<Option<RowsEvent>, String>;

    /// What the lines that were read tell to be lost, and when each line arrived, microseconds since the Unix epoch, UTC. Told once;
    /// some may be of lines behind the rows that were given last.
    fn gaps(&mut self) -> Vec<(i64, GapEvent)> {
        Vec::new()
    }
}

/// So many read captures at once.
pub(super) const AT_ONCE: usize = 2;

/// Events of captures that wait for a listener.
pub(super) const OLDER_WAITING: usize = 1_024;

/// A listener that takes nothing for so long gives its turn to others.
const PATIENCE: Duration = Duration::from_secs(30);

/// What was published is written by then: a recording whose disk refuses ends after a minute.
const WRITTEN: Duration = Duration::from_secs(70);

/// How often it is looked whether more is written.
const LOOK: Duration = Duration::from_millis(25);

/// Of each session the last line and part.
pub(super) type Reached = HashMap<Arc<str>, (u64, u32)>;

/// What a listener is given of captures.
pub(super) enum Given {
    /// Rows.
    Entry(Arc<Entry>),
    /// All was given; so far captures were read. The ring is filled, and has what follows.
    All(Reached),
    /// What follows is gone.
    Lost(Lost),
}

/// Why reading stops.
enum Stopped {
    /// The listener is gone.
    Gone,
    /// The listener takes nothing.
    Slow,
    /// The captures are not whole, or cannot be read.
    Broken(String),
}

/// A reading of captures for a listener.
pub(super) struct Reading {
    hub: Arc<Hub>,
    listening: Option<Listening>,
    cursor: Cursor,
    lost: Lost,
}

/// A session that is read.
struct Session {
    of: Captured,
    rows: Box<dyn OlderRows>,
    /// The last line and part that were given, or that the listener had.
    reached: Option<(u64, u32)>,
    /// The line and part of the last rows that were read.
    at: Option<(u64, u32)>,
}

impl Reading {
    pub(super) fn new(hub: Arc<Hub>, listening: Listening, cursor: Cursor, lost: Lost) -> Reading {
        Reading { hub, listening: Some(listening), cursor, lost }
    }

    /// Begins to read, when it is its turn.
    pub(super) fn begin(self, to: mpsc::Sender<Given>) {
        let (turns, lost) = (self.hub.turns.clone(), self.lost);
        tokio::spawn(async move {
            let turn = tokio::select! {
                turn = turns.acquire_owned() => turn,
                () = to.closed() => return,
            };
            let giving = to.clone();
            let read = tokio::task::spawn_blocking(move || self.read(&giving)).await;
            drop(turn);
            let given = match read {
                Ok(Ok(reached)) => Given::All(reached),
                Ok(Err(Stopped::Gone)) => return,
                Ok(Err(Stopped::Slow)) => Given::Lost(lost),
                Ok(Err(Stopped::Broken(error))) => {
                    tracing::warn!(error, "captures cannot be read for a listener");
                    Given::Lost(lost)
                }
                Err(_) => Given::Lost(lost),
            };
            // Who is gone needs nothing.
            let _gone = to.send(given).await;
        });
    }

    fn read(mut self, to: &mpsc::Sender<Given>) -> Result<Reached, Stopped> {
        let older = self.hub.older.get().cloned();
        let older = older.ok_or_else(|| Stopped::Broken("nothing reads captures".to_owned()))?;
        let mut sessions: Vec<Session> = Vec::new();
        self.add_sessions(&*older, &mut sessions)?;
        for session in &mut sessions {
            let until = self.hub.published(&session.of.session);
            // What was published last is what it has: nothing is to be read.
            if until.is_none() || until > session.reached {
                while self.step(session, to)? {}
            }
        }
        let Some(untils) = self.fill_ring(to) else { return Err(Stopped::Gone) };
        // A session may have begun meanwhile.
        self.wait_for_files(&*older, &untils)?;
        self.add_sessions(&*older, &mut sessions)?;
        for session in &mut sessions {
            let until = untils.get(&session.of.session).copied();
            let since = Instant::now();
            while session.reached.max(session.at) < until {
                if !self.step(session, to)? {
                    if since.elapsed() > WRITTEN {
                        return Err(Stopped::Broken("what was published is not written".to_owned()));
                    }
                    std::thread::sleep(LOOK);
                }
            }
        }
        let reached = sessions
            .into_iter()
            .filter_map(|session| Some((session.of.session.clone(), session.reached.max(session.at)?)));
        Ok(reached.collect())
    }

    /// Gives the next rows, if the listener wants them and has them not; false: no more are written.
    fn step(&self, session: &mut Session, to: &mpsc::Sender<Given>) -> Result<bool, Stopped> {
        let Some(rows) = session.rows.next().map_err(Stopped::Broken)? else {
            // Of a session without an end it is asked now and then whether anybody waits.
            return if to.is_closed() { Err(Stopped::Gone) } else { Ok(false) };
        };
        let line = rows.position.line;
        let part = session.at.map_or(0, |(last, part)| if last == line { part + 1 } else { 0 });
        session.at = Some((line, part));
        if session.at <= session.reached {
            return Ok(true);
        }
        let event = Event::Rows(rows);
        let filters = self.listening.as_ref().map(|one| one.filters.clone()).unwrap_or_default();
        if filters.iter().any(|filter| filter.takes(&event)) {
            // Its number is that of no event here: a cursor behind it is read by its places.
            give(to, Arc::new(Entry::of(Source::Captured, 0, part, event)))?;
        }
        Ok(true)
    }

    /// Fills the listener's ring from now on. Of each session what was published last before that; `None`: the listener is gone.
    fn fill_ring(&mut self, to: &mpsc::Sender<Given>) -> Option<Reached> {
        let mut shared = self.hub.lock();
        let listening = self.listening.take().filter(|_| !to.is_closed())?;
        let filters = listening.filters.clone();
        let queue = listening.queue.clone();
        let number = listening.number;
        shared.begin_filling(listening);
        self.listening = Some(Listening { number, filters, queue });
        Some(shared.parts.clone())
    }

    /// Waits until each session of which rows were published has a file: lines are written a moment after they arrive.
    fn wait_for_files(&self, older: &dyn Older, published: &Reached) -> Result<(), Stopped> {
        let since = Instant::now();
        loop {
            let all = older.sessions().map_err(Stopped::Broken)?;
            let lacks = published.keys().find(|session| !all.iter().any(|of| of.session == **session));
            let Some(lacks) = lacks else { return Ok(()) };
            if since.elapsed() > WRITTEN {
                return Err(Stopped::Broken(format!("there is no capture of session {lacks}")));
            }
            std::thread::sleep(LOOK);
        }
    }

    /// Adds the sessions behind the cursor that are not read yet, by exchange and start.
    fn add_sessions(&self, older: &dyn Older, sessions: &mut Vec<Session>) -> Result<(), Stopped> {
        let all = older.sessions().map_err(Stopped::Broken)?;
        let is_published = |place: &Place| self.hub.published(&place.position.session).is_some();
        let place =
            |of: &Captured| self.cursor.places.iter().find(|place| place.position.session == of.session);
        let is_known = |place: &Place| all.iter().any(|of| of.session == place.position.session);
        if let Some(gone) = self.cursor.places.iter().find(|place| !is_known(place) && !is_published(place)) {
            let session = &gone.position.session;
            return Err(Stopped::Broken(format!("there is no capture of session {session}")));
        }
        for of in &all {
            if sessions.iter().any(|one| one.of.session == of.session) || !self.is_wanted(of) {
                continue;
            }
            // The listener has what came before its last place of the exchange.
            let of_exchange = all.iter().filter(|one| one.exchange == of.exchange);
            let last = of_exchange.filter(|one| place(one).is_some()).map(|one| &one.session).max();
            let is_behind = match last {
                Some(last) => of.session >= *last,
                // It has nothing of the exchange: all since it began to listen is new.
                None => of.began >= self.cursor.hub,
            };
            if is_behind {
                let reached = place(of).map(|place| (place.position.line, place.part));
                sessions.push(Session { of: of.clone(), rows: older.rows(of), reached, at: None });
            }
        }
        Ok(())
    }

    /// Whether a session may have rows for the listener: of an exchange that it wants, and of this hub or one before. Of another
    /// recorder that runs at the same time it would be given everything twice.
    fn is_wanted(&self, of: &Captured) -> bool {
        let is_ours = of.began < self.hub.opened || self.hub.published(&of.session).is_some();
        let filters = self.listening.as_ref().map(|one| one.filters.clone()).unwrap_or_default();
        is_ours && filters.iter().any(|filter| filter.takes_exchange(&of.exchange))
    }
}

/// Gives an entry, and waits for the listener as long as it takes anything.
fn give(to: &mpsc::Sender<Given>, entry: Arc<Entry>) -> Result<(), Stopped> {
    match to.try_send(Given::Entry(entry)) {
        Ok(()) => Ok(()),
        Err(mpsc::error::TrySendError::Closed(_)) => Err(Stopped::Gone),
        Err(mpsc::error::TrySendError::Full(given)) => {
            let send = async { tokio::time::timeout(PATIENCE, to.send(given)).await };
            match Handle::current().block_on(send) {
                Ok(Ok(())) => Ok(()),
                Ok(Err(_)) => Err(Stopped::Gone),
                Err(_) => Err(Stopped::Slow),
            }
        }
    }
}

impl Hub {
    /// The sessions of which rows were published.
    pub fn sessions(&self) -> Vec<Arc<str>> {
        self.lock().parts.keys().cloned().collect()
    }

    /// The line and part of the last rows of a session that were published.
    fn published(&self, session: &str) -> Option<(u64, u32)> {
        self.lock().parts.get(session).copied()
    }
}
