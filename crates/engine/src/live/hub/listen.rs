//! Listening: from now on, or from where one left off.

use std::collections::VecDeque;
use std::sync::Arc;

use tokio::sync::mpsc;

use super::captured::{Given, OLDER_WAITING, Reached, Reading};
use super::event::{Cursor, Entry, Event};
use super::filter::Filter;
use super::queue::Queue;
use super::{Hub, Listening};

/// Events that are copied from the memory at a time.
const STEP: usize = 512;

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
    older: Option<mpsc::Receiver<Given>>,
    /// How far captures were read of each session: what of the ring is not behind it was given already.
    reached: Reached,
    /// The last event of the hub that it has, while it is behind; `None`: the ring is filled.
    behind: Option<u64>,
    /// Where it left off, while it is behind: what the memory forgets meanwhile is read from captures.
    cursor: Option<Cursor>,
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
            reached: Reached::default(),
            behind: None,
            cursor: None,
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
                self.cursor = Some(cursor);
                return;
            }
            Some(events) if is_of_hub => Lost::Forgotten(events),
            _ => Lost::Restarted,
        };
        match self.read_captures(cursor, lost) {
            true => self.begin = Begin::Captured,
            false => {
                self.begin = Begin::Later(lost);
                self.begin_now();
            }
        }
    }

    /// Goes on in captures, if they can have what is behind an event.
    fn read_captures(&mut self, cursor: Cursor, lost: Lost) -> bool {
        if cursor.places.is_empty() || self.hub.older.get().is_none() {
            return false;
        }
        let (sender, receiver) = mpsc::channel(OLDER_WAITING);
        (self.older, self.behind) = (Some(receiver), None);
        let listening =
            Listening { number: self.number, filters: self.filters.clone(), queue: self.queue.clone() };
        Reading::new(self.hub.clone(), listening, cursor, lost).begin(sender);
        true
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
                    Some(Given::Entry(entry)) => {
                        return Taken { entries: self.with_more(entry, most), ..Taken::default() };
                    }
                    Some(Given::All(reached)) => {
                        self.reached = reached;
                        self.older = None;
                    }
                    Some(Given::Lost(lost)) => return self.begin_anew(lost),
                    // The reading ended by a fault of the program, so that nobody knows what is missing.
                    None => return self.begin_anew(Lost::Restarted),
                }
                continue;
            }
            if let Some(behind) = self.behind {
                match self.catch_up(behind) {
                    Ok(entries) if entries.is_empty() => continue,
                    Ok(entries) => return Taken { entries, ..Taken::default() },
                    Err(events) => {
                        let lost = Lost::Forgotten(events);
                        let cursor = self.cursor.take();
                        if cursor.is_some_and(|cursor| self.read_captures(cursor, lost)) {
                            continue;
                        }
                        self.begin_now();
                        return Taken { lost: Some(lost), ..Taken::default() };
                    }
                }
            }
            let mut batch = self.queue.take(most);
            let had_some = !batch.entries.is_empty();
            self.leave_out_reached(&mut batch.entries);
            if !batch.entries.is_empty() || batch.conflated > 0 || batch.missed > 0 {
                let lost = (batch.missed > 0).then_some(Lost::Slow(batch.missed));
                return Taken { entries: batch.entries, conflated: batch.conflated, lost };
            }
            // Behind those that were left out there may be more.
            if !had_some {
                self.queue.wake.notified().await;
            }
        }
    }

    /// An event of captures, and those that wait behind it.
    fn with_more(&mut self, entry: Arc<Entry>, most: usize) -> Vec<Arc<Entry>> {
        let mut entries = vec![entry];
        while entries.len() < most
            && let Some(older) = &mut self.older
        {
            match older.try_recv() {
                Ok(Given::Entry(entry)) => entries.push(entry),
                Ok(Given::All(reached)) => {
                    self.reached = reached;
                    self.older = None;
                }
                Ok(Given::Lost(lost)) => {
                    // Told by itself, once these are taken.
                    let (sender, receiver) = mpsc::channel(1);
                    self.older = sender.try_send(Given::Lost(lost)).is_ok().then_some(receiver);
                    break;
                }
                Err(_) => break,
            }
        }
        entries
    }

    /// What is behind the last event is gone: begins now, after the current books.
    fn begin_anew(&mut self, lost: Lost) -> Taken {
        self.older = None;
        self.hub.lock().end_filling(self.number);
        self.queue.clear();
        self.begin_now();
        Taken { lost: Some(lost), ..Taken::default() }
    }

    /// Leaves out rows of the ring that captures have given.
    fn leave_out_reached(&mut self, entries: &mut Vec<Arc<Entry>>) {
        if self.reached.is_empty() {
            return;
        }
        entries.retain(|entry| {
            let Event::Rows(rows) = &entry.event else { return true };
            let session = &rows.position.session;
            let is_given =
                self.reached.get(session).is_some_and(|reached| (rows.position.line, entry.part) <= *reached);
            if !is_given {
                // Lines of a session only rise.
                self.reached.remove(session);
            }
            !is_given
        });
    }

    /// What the memory has behind an event, a step of it. At its end the ring is filled from then on.
    fn catch_up(&mut self, behind: u64) -> Result<Vec<Arc<Entry>>, u64> {
        let entries = {
            let mut shared = self.hub.lock();
            let entries = shared.remembered(behind, STEP)?;
            if entries.len() < STEP {
                (self.behind, self.cursor) = (None, None);
                shared.begin_filling(Listening {
                    number: self.number,
                    filters: self.filters.clone(),
                    queue: self.queue.clone(),
                });
            } else {
                self.behind = Some(behind + STEP as u64);
            }
            entries
        };
        if let Some(cursor) = &mut self.cursor {
            for entry in &entries {
                cursor.advance(self.hub.opened, entry);
            }
        }
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
        // Whoever reads captures for it learns that it is gone before its ring is taken away, and fills no other.
        self.older = None;
        self.hub.lock().end_filling(self.number);
    }
}
