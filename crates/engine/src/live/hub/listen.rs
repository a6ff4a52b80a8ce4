//! Listening: from now on, or from where one left off.

use std::collections::VecDeque;
use std::sync::Arc;

use tokio::sync::mpsc;

use super::event::{Cursor, Entry, Event, Place, Position, RowsEvent, Source};
use super::filter::Filter;
use super::queue::Queue;
use super::{Hub, Listening};

/// Events that are copied from the memory at a time.
const STEP: usize = 512;

/// Events of captures that wait for a listener.
const OLDER_WAITING: usize = 1_024;

/// What a listener wants.
#[derive(Clone, Debug)]
pub struct Ask {
    /// An event is wanted that passes one of them.
    pub filters: Vec<Filter>,
    /// From where.
    pub start: Start,
    /// Of quotes and tickers that wait, only the latest of each stream is kept.
    pub is_conflated: bool,
}

/// From where one listens.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Start {
    /// From now on, after the current books.
    #[default]
    Now,
    /// Behind an event that one has.
    Behind(Cursor),
}

/// Why a listener lacks events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lost {
    /// It did not keep up: so many events for it found no room in its ring. It gets no more.
    Slow(u64),
    /// So many events of the hub, for whomever, are forgotten since it left off, and no capture has them.
    Forgotten(u64),
    /// It left off at another hub, whose events are gone: the recorder was started anew.
    Restarted,
}

/// Where a listening began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Begin {
    /// Now, after the current books.
    Now,
    /// Right behind the event that it left off at.
    Behind,
    /// In captures, right behind that event.
    Captured,
    /// Now, after the current books: what it left off at is gone.
    Later(Lost),
}

/// What a listener is given.
#[derive(Default)]
pub struct Taken {
    /// Events, in order; may be none.
    pub entries: Vec<Arc<Entry>>,
    /// Rows that newer ones replaced before they were taken.
    pub conflated: u64,
    /// Why it lacks what would come next.
    pub lost: Option<Lost>,
}

/// Somebody who listens, until it is dropped.
pub struct Listener {
    hub: Arc<Hub>,
    number: u64,
    filters: Arc<[Filter]>,
    queue: Arc<Queue>,
    begin: Begin,
    /// What comes before all else: books.
    first: VecDeque<Arc<Entry>>,
    /// Rows from captures.
    older: Option<mpsc::Receiver<Result<Arc<Entry>, Lost>>>,
    /// The last event of the hub that it has, while it is behind; `None`: the ring is filled.
    behind: Option<u64>,
}

impl Hub {
    /// Begins to listen.
    pub fn listen(self: &Arc<Self>, ask: Ask) -> Listener {
        let filters: Arc<[Filter]> = ask.filters.into();
        let queue = Arc::new(Queue::new(self.limits, ask.is_conflated));
        let number = {
            let mut shared = self.lock();
            shared.last_listener += 1;
            shared.last_listener
        };
        let mut listener = Listener {
            hub: self.clone(),
            number,
            filters,
            queue,
            begin: Begin::Now,
            first: VecDeque::new(),
            older: None,
            behind: None,
        };
        match ask.start {
            Start::Now => listener.begin_now(),
            Start::Behind(cursor) => listener.begin_behind(cursor),
        }
        listener
    }
}

impl Listener {
    /// Where it began.
    pub fn begin(&self) -> Begin {
        self.begin
    }

    fn begin_now(&mut self) {
        let mut books = self.hub.books();
        while books.step(&self.hub) {}
        self.first = books.snapshots(&self.filters).into();
        self.behind = Some(books.applied);
    }

    fn begin_behind(&mut self, cursor: Cursor) {
        let (last, gone) = {
            let shared = self.hub.lock();
            (shared.last, shared.remembered(cursor.number, 0).err())
        };
        let is_of_hub = cursor.hub == self.hub.opened && cursor.number <= last;
        let lost = match gone {
            None if is_of_hub => {
                (self.begin, self.behind) = (Begin::Behind, Some(cursor.number));
                return;
            }
            Some(events) if is_of_hub => Lost::Forgotten(events),
            _ => Lost::Restarted,
        };
        if !cursor.places.is_empty() && self.hub.older.get().is_some() {
            self.begin = Begin::Captured;
            self.read_captures(cursor.places, lost);
        } else {
            self.begin = Begin::Later(lost);
            self.begin_now();
        }
    }

    /// Reads each session from where it was left off up to what the memory has of it.
    fn read_captures(&mut self, places: Vec<Place>, lost: Lost) {
        let (sender, receiver) = mpsc::channel(OLDER_WAITING);
        let oldest = {
            let shared = self.hub.lock();
            shared.last - shared.memory.len() as u64
        };
        (self.older, self.behind) = (Some(receiver), Some(oldest));
        let (hub, filters) = (self.hub.clone(), self.filters.clone());
        tokio::task::spawn_blocking(move || {
            for place in places {
                if hub.read_sessions(place, oldest, &filters, &sender).is_err() {
                    // Nobody listens any more, or what follows is not whole.
                    let _gone = sender.blocking_send(Err(lost));
                    return;
                }
            }
        });
    }

    /// The next events. Waits until there is one, or something to tell.
    ///
    /// # Cancel safety
    /// Nothing is lost when it is dropped while it waits.
    pub async fn take(&mut self, most: usize) -> Taken {
        loop {
            if !self.first.is_empty() {
                let many = most.min(self.first.len());
                return Taken { entries: self.first.drain(..many).collect(), ..Taken::default() };
            }
            if let Some(older) = &mut self.older {
                match older.recv().await {
                    Some(Ok(entry)) => return Taken { entries: vec![entry], ..Taken::default() },
                    Some(Err(lost)) => {
                        self.older = None;
                        self.begin_now();
                        return Taken { lost: Some(lost), ..Taken::default() };
                    }
                    None => self.older = None,
                }
                continue;
            }
            if let Some(behind) = self.behind {
                match self.catch_up(behind) {
                    Ok(entries) if entries.is_empty() => continue,
                    Ok(entries) => return Taken { entries, ..Taken::default() },
                    Err(events) => {
                        let lost = Some(Lost::Forgotten(events));
                        self.begin_now();
                        return Taken { lost, ..Taken::default() };
                    }
                }
            }
            let batch = self.queue.take(most);
            if !batch.entries.is_empty() || batch.conflated > 0 || batch.missed > 0 {
                let lost = (batch.missed > 0).then_some(Lost::Slow(batch.missed));
                return Taken { entries: batch.entries, conflated: batch.conflated, lost };
            }
            self.queue.wake.notified().await;
        }
    }

    /// What the memory has behind an event, a step of it. At its end the ring is filled from then on.
    fn catch_up(&mut self, behind: u64) -> Result<Vec<Arc<Entry>>, u64> {
        let entries = {
            let mut shared = self.hub.lock();
            let entries = shared.remembered(behind, STEP)?;
            if entries.len() < STEP {
                self.behind = None;
                let listening = Listening {
                    number: self.number,
                    filters: self.filters.clone(),
                    queue: self.queue.clone(),
                };
                for of in &mut shared.streams {
                    if listening.takes_rows_of(&of.stream) {
                        of.routes.push((self.number, self.queue.clone()));
                    }
                }
                shared.listeners.push(listening);
            } else {
                self.behind = Some(behind + STEP as u64);
            }
            entries
        };
        let filters = &self.filters;
        let passes = |entry: &Arc<Entry>| filters.iter().any(|filter| filter.takes(&entry.event));
        Ok(entries.into_iter().filter(passes).collect())
    }

    /// Waits until an event for it found no room.
    ///
    /// # Cancel safety
    /// It may be dropped and asked again.
    pub fn full(&self) -> impl Future<Output = ()> + use<> {
        let queue = self.queue.clone();
        async move {
            while !queue.is_full() {
                queue.full.notified().await;
            }
        }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        let mut shared = self.hub.lock();
        shared.listeners.retain(|one| one.number != self.number);
        for of in &mut shared.streams {
            of.routes.retain(|(number, _)| *number != self.number);
        }
    }
}

/// That nothing more is to be read of captures.
struct Stopped;

impl Hub {
    /// Gives the rows behind a place, of its session and of those that came after it.
    fn read_sessions(
        &self,
        behind: Place,
        oldest: u64,
        filters: &[Filter],
        to: &mpsc::Sender<Result<Arc<Entry>, Lost>>,
    ) -> Result<(), Stopped> {
        let Some(older) = self.older.get() else { return Err(Stopped) };
        let later = older.later(&behind.position.session).map_err(|error| {
            tracing::warn!(session = %behind.position.session, error, "captures cannot be listed for a listener");
            Stopped
        })?;
        self.read_session(&behind.position, Some(behind.part), oldest, filters, to)?;
        for session in later {
            let position = Position { session: session.into(), line: 0 };
            self.read_session(&position, None, oldest, filters, to)?;
        }
        Ok(())
    }

    /// Gives the rows of a session behind a place, up to the first that the memory has. `part` is `None`: from the beginning.
    fn read_session(
        &self,
        behind: &Position,
        behind_part: Option<u32>,
        oldest: u64,
        filters: &[Filter],
        to: &mpsc::Sender<Result<Arc<Entry>, Lost>>,
    ) -> Result<(), Stopped> {
        let Some(older) = self.older.get() else { return Err(Stopped) };
        let until = self.first_place(&behind.session, oldest);
        let (mut line, mut part, mut is_whole, mut is_stopped) = (None, 0_u32, until.is_none(), false);
        let mut give = |rows: RowsEvent| {
            part = if line == Some(rows.position.line) { part + 1 } else { 0 };
            line = Some(rows.position.line);
            let at = (rows.position.line, part);
            if until.as_ref().is_some_and(|until| at >= (until.position.line, until.part)) {
                is_whole = true;
                return false;
            }
            let is_new = behind_part.is_none_or(|part| at > (behind.line, part));
            let event = Event::Rows(rows);
            if is_new && filters.iter().any(|filter| filter.takes(&event)) {
                // Its number is that of no event here: a cursor behind it is read by its places.
                is_stopped =
                    to.blocking_send(Ok(Arc::new(Entry::of(Source::Captured, 0, part, event)))).is_err();
            }
            !is_stopped
        };
        let read = older.read(&behind.session, behind.line, &mut give);
        if let Err(error) = read {
            tracing::warn!(session = %behind.session, error, "captures cannot be read for a listener");
            return Err(Stopped);
        }
        if is_stopped || !is_whole { Err(Stopped) } else { Ok(()) }
    }

    /// The first rows of a session that the memory has behind an event.
    fn first_place(&self, session: &str, behind: u64) -> Option<Place> {
        let mut at = behind;
        loop {
            let entries = self.remembered(at, STEP).ok()?;
            let found = entries.iter().find_map(|entry| match &entry.event {
                Event::Rows(rows) if &*rows.position.session == session => {
                    Some(Place { position: rows.position.clone(), part: entry.part })
                }
                _ => None,
            });
            if found.is_some() || entries.len() < STEP {
                return found;
            }
            at = entries.last()?.number;
        }
    }
}
