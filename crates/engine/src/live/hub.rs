//! Where what is recorded meets those who listen: a server's clients, a page, a test.
//!
//! A recording calls [`Hub::publish`], which never waits for a listener: each has a bounded ring of its own, and one that does not
//! keep up loses its place, which it is told. The latest events stay in a bounded memory, from which a listener goes on that was
//! away. The hub knows the current books, so that who comes late begins with them. It opens nothing and writes nothing.
//!
//! Start with [`Hub::publish`] to give, with [`Hub::listen`] to take.

mod books;
mod captured;
pub mod event;
pub mod filter;
mod lines;
mod listen;
mod queue;
pub mod status;

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use mtdh_core::DataType;
use mtdh_source::live::venue::Offer;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use books::Books;
pub use captured::{Captured, Older, OlderRows};
use event::{Entry, Event, Source, Stream};
use filter::Filter;
pub use lines::{line, named};
pub use listen::{Ask, Begin, Listener, Lost, Start, Taken};
use queue::Queue;
use status::{OfStream, OfVenue};

/// What a hub may hold.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Events that wait for one listener.
    pub waiting_events: usize,
    /// Bytes of them, about.
    pub waiting_bytes: usize,
    /// Events that are remembered for listeners that come back.
    pub memory_events: usize,
    /// Bytes of them, about.
    pub memory_bytes: usize,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            waiting_events: 20_000,
            waiting_bytes: 4 << 20,
            memory_events: 100_000,
            memory_bytes: 48 << 20,
        }
    }
}

/// Events that are looked at together for the latest ones.
const LOOK: usize = 512;

/// How often the books are brought up to date without being asked for.
const BOOKS_EVERY: Duration = Duration::from_millis(50);

/// Gives what is recorded to those who listen.
pub struct Hub {
    opened: i64,
    limits: Limits,
    shared: Mutex<Shared>,
    books: Mutex<Books>,
    older: OnceLock<Arc<dyn Older>>,
    /// Few read captures at once, so that reading takes little from recording.
    turns: Arc<Semaphore>,
}

/// What is behind the lock. It is held for as long as an event takes to be stored, or a few hundred to be copied.
#[derive(Default)]
struct Shared {
    streams: Vec<OfStream>,
    index: HashMap<(Arc<str>, Arc<str>, DataType), usize>,
    venues: BTreeMap<Arc<str>, OfVenue>,
    memory: VecDeque<Arc<Entry>>,
    memory_bytes: usize,
    /// The number of the last event.
    last: u64,
    /// Of each session the last line that rows came of, and how many events it made.
    parts: HashMap<Arc<str>, (u64, u32)>,
    listeners: Vec<Listening>,
    /// The number of the last listener.
    last_listener: u64,
}

struct Listening {
    number: u64,
    filters: Arc<[Filter]>,
    queue: Arc<Queue>,
}

impl std::fmt::Debug for Hub {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Hub").field("opened", &self.opened).finish_non_exhaustive()
    }
}

impl Hub {
    /// A hub without streams, opened at a time, microseconds since the Unix epoch, UTC, by which cursors of other hubs are known.
    pub fn new(limits: Limits, opened: i64) -> Arc<Hub> {
        Arc::new(Hub {
            opened,
            limits,
            shared: Mutex::default(),
            books: Mutex::default(),
            older: OnceLock::new(),
            turns: Arc::new(Semaphore::new(captured::AT_ONCE)),
        })
    }

    /// When it was opened, microseconds since the Unix epoch, UTC.
    pub fn opened(&self) -> i64 {
        self.opened
    }

    fn lock(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Says what is known of an exchange before anything is recorded of it.
    pub fn venue(&self, exchange: &str, is_experimental: bool, offers: &[Offer]) {
        let mut shared = self.lock();
        let venue = shared.venues.entry(exchange.into()).or_default();
        venue.is_experimental = is_experimental;
        venue.offers = offers.to_vec();
    }

    /// The stream of an instrument and a data type, which is made if there is none. A recording asks once and keeps it. Listeners
    /// learn by this which streams are recorded, before anything arrives.
    pub fn stream(
        &self,
        exchange: &str,
        symbol: &str,
        data_type: DataType,
        key: Option<&str>,
    ) -> Arc<Stream> {
        let mut shared = self.lock();
        let name: (Arc<str>, Arc<str>, DataType) = (exchange.into(), symbol.into(), data_type);
        let known = shared.index.get(&name).copied();
        if let Some(number) = known
            && (key.is_none() || shared.streams[number].stream.key.as_deref() == key)
        {
            return shared.streams[number].stream.clone();
        }
        let number = known.unwrap_or(shared.streams.len());
        let (exchange, symbol, key) = (name.0.clone(), name.1.clone(), key.map(Arc::from));
        let stream = Arc::new(Stream { number, exchange, symbol, data_type, key });
        let takers = shared.listeners.iter().filter(|one| one.takes_rows_of(&stream));
        let routes = takers.map(|one| (one.number, one.queue.clone())).collect();
        shared.venues.entry(name.0.clone()).or_default();
        if known.is_some() {
            shared.streams[number].stream = stream.clone();
            shared.streams[number].routes = routes;
        } else {
            shared.streams.push(OfStream::new(stream.clone(), routes));
            shared.index.insert(name, number);
        }
        stream
    }

    /// Says that a stream was asked for at a time, microseconds since the Unix epoch, UTC, before any of its rows came.
    pub fn expect(&self, exchange: &str, symbol: &str, data_type: DataType, key: &str, at: i64) {
        let stream = self.stream(exchange, symbol, data_type, Some(key));
        if let Some(of) = self.lock().streams.get_mut(stream.number) {
            of.asked = Some(at);
        }
    }

    /// A stream of something older, for who reads captures: one of [`Hub::stream`] if there is one, else one that nothing is published
    /// of.
    pub fn older_stream(&self, exchange: &str, symbol: &str, data_type: DataType, key: &str) -> Arc<Stream> {
        let name: (Arc<str>, Arc<str>, DataType) = (exchange.into(), symbol.into(), data_type);
        let shared = self.lock();
        let known = shared.index.get(&name).and_then(|number| shared.streams.get(*number));
        if let Some(known) = known.filter(|known| known.stream.key.as_deref() == Some(key)) {
            return known.stream.clone();
        }
        let (exchange, symbol, data_type) = name;
        Arc::new(Stream { number: usize::MAX, exchange, symbol, data_type, key: Some(key.into()) })
    }

    /// Gives an event to all who want it, and returns its number. Waits for nobody: it stores the event and counts it as missed
    /// where a listener's ring is full.
    pub fn publish(&self, event: Event) -> u64 {
        let weight = event.weight();
        let mut forgotten = Vec::new();
        let number = {
            let mut shared = self.lock();
            let shared = &mut *shared;
            shared.last += 1;
            let part = shared.part(&event);
            let entry = Arc::new(Entry::of(Source::Hub, shared.last, part, event));
            shared.note(&entry.event);
            match &entry.event {
                Event::Rows(rows) => {
                    let routes = shared.streams.get(rows.stream.number).into_iter();
                    routes.flat_map(|of| &of.routes).for_each(|(_, queue)| queue.push(&entry));
                }
                event => {
                    let takers = shared.listeners.iter().filter(|one| one.takes(event));
                    takers.for_each(|one| one.queue.push(&entry));
                }
            }
            shared.memory.push_back(entry);
            shared.memory_bytes += weight;
            while shared.memory.len() > self.limits.memory_events
                || shared.memory_bytes > self.limits.memory_bytes && shared.memory.len() > 1
            {
                let Some(oldest) = shared.memory.pop_front() else { break };
                shared.memory_bytes -= oldest.event.weight();
                forgotten.push(oldest);
            }
            shared.last
        };
        // Freed without the lock.
        drop(forgotten);
        number
    }

    /// The latest events that pass, the oldest first, as far as they are remembered.
    pub fn latest(&self, filter: &Filter, most: usize) -> Vec<Arc<Entry>> {
        let (mut found, mut end) = (VecDeque::new(), self.lock().last);
        while found.len() < most && end > 0 {
            let begin = end.saturating_sub(LOOK as u64);
            let entries = {
                let shared = self.lock();
                let forgotten = shared.last - shared.memory.len() as u64;
                shared.remembered(begin.max(forgotten), usize::try_from(end - begin).unwrap_or(LOOK))
            };
            let Ok(entries) = entries else { break };
            let within = entries.iter().rev().filter(|entry| entry.number <= end);
            for entry in within.filter(|entry| filter.takes(&entry.event)).take(most - found.len()) {
                found.push_front(entry.clone());
            }
            if entries.is_empty() {
                break;
            }
            end = begin;
        }
        found.into()
    }

    /// Where older events are read, for listeners that come back after the memory has forgotten where they were. Set once.
    pub fn read_older_with(&self, older: Arc<dyn Older>) {
        // A hub has one recording; a second reader would be of the same captures.
        let _first = self.older.set(older);
    }

    /// Follows the books until `stop` is cancelled. Without it they are followed when somebody begins to listen, and forgotten
    /// when the memory has lost a change of them.
    pub async fn follow_books(self: Arc<Self>, stop: CancellationToken) {
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(BOOKS_EVERY) => {}
            }
            while self.books().step(&self) {
                tokio::task::yield_now().await;
            }
        }
    }

    fn books(&self) -> MutexGuard<'_, Books> {
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Copies up to `most` events behind a number; `Err`: how many behind it are forgotten.
    fn remembered(&self, behind: u64, most: usize) -> Result<Vec<Arc<Entry>>, u64> {
        self.lock().remembered(behind, most)
    }
}

impl Shared {
    /// From now on a listener's ring is filled.
    fn begin_filling(&mut self, listening: Listening) {
        for of in &mut self.streams {
            if listening.takes_rows_of(&of.stream) {
                of.routes.push((listening.number, listening.queue.clone()));
            }
        }
        self.listeners.push(listening);
    }

    /// From now on a listener's ring is not filled any more.
    fn end_filling(&mut self, number: u64) {
        self.listeners.retain(|one| one.number != number);
        for of in &mut self.streams {
            of.routes.retain(|(of, _)| *of != number);
        }
    }

    fn remembered(&self, behind: u64, most: usize) -> Result<Vec<Arc<Entry>>, u64> {
        let first = self.last + 1 - self.memory.len() as u64;
        let Some(skipped) = (behind + 1).checked_sub(first) else { return Err(first - behind - 1) };
        let from = usize::try_from(skipped).unwrap_or(usize::MAX).min(self.memory.len());
        Ok(self.memory.range(from..).take(most).cloned().collect())
    }

    /// How many events of rows of the same line came before.
    fn part(&mut self, event: &Event) -> u32 {
        let Event::Rows(rows) = event else { return 0 };
        let position = &rows.position;
        match self.parts.get_mut(&position.session) {
            Some((line, count)) if *line == position.line => {
                *count += 1;
                *count
            }
            Some(known) => {
                *known = (position.line, 0);
                0
            }
            None => {
                self.parts.insert(position.session.clone(), (position.line, 0));
                0
            }
        }
    }
}

impl Listening {
    fn takes_rows_of(&self, stream: &Stream) -> bool {
        self.filters.iter().any(|filter| filter.takes_rows_of(stream))
    }

    fn takes(&self, event: &Event) -> bool {
        self.filters.iter().any(|filter| filter.takes(event))
    }
}

#[cfg(test)]
mod tests;
