//! The middle of a venue: its markets, its streams, and who is subscribed to which. Everything that is sent goes through it, so that an
//! answer, a first snapshot and the updates after it come in order.

mod deliver;
mod pace;
pub(super) mod replay;
pub(super) mod topic;

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::mpsc;

use super::clock::Clock;
use super::config::SocketConfig;
use super::fault::Faults;
use super::frame;
use super::market::universe::Symbols;
use super::market::{Ids, Market, Numbering};
use super::template::Form;
use crate::generate::decimal::Decimal;
use crate::generate::market::ladder::Level;
use topic::{Topic, What};

/// Most batches that wait for a connection.
const MAX_BATCHES: usize = 4_096;
/// Most bytes that wait for a connection before the venue ends it.
const MAX_WAITING: usize = 64 << 20;

/// What one message is about, for faults.
#[derive(Clone, Copy, Debug)]
pub(super) struct Item {
    /// End of its frame in the batch's bytes; it begins where the one before ends.
    pub(super) end: usize,
    /// Length of its frame's header.
    pub(super) header: u8,
    /// `None`: an answer or a heartbeat.
    pub(super) what: Option<What>,
    /// Number of the market.
    pub(super) market: usize,
    pub(super) first: i64,
    pub(super) last: i64,
    /// Where in the batch's bytes the time of sending goes, 16 digits.
    pub(super) stamp: Option<usize>,
}

/// Frames for one connection.
#[derive(Debug, Default)]
pub(super) struct Batch {
    pub(super) bytes: Vec<u8>,
    pub(super) items: Vec<Item>,
    /// The connection ends after these: code and reason.
    pub(super) end: Option<(u16, &'static str)>,
}

/// A connection as the hub sees it.
#[derive(Debug)]
struct Link {
    sender: mpsc::Sender<Batch>,
    waiting: Arc<AtomicUsize>,
    batch: Batch,
    streams: usize,
    is_over: bool,
}

/// A stream: a channel of an instrument, or of several.
#[derive(Debug)]
struct Stream {
    topic: Topic,
    subscribers: Vec<u64>,
    /// What came while nobody was subscribed: first and last id, messages.
    missed: Option<(i64, i64, u64)>,
}

/// The book of before.
#[derive(Debug)]
struct Past {
    ids: Ids,
    bids: Vec<Level>,
    asks: Vec<Level>,
    at_us: i64,
}

/// A venue's markets, streams and connections.
#[derive(Debug)]
pub(super) struct Hub {
    pub(super) venue: &'static str,
    pub(super) form: Arc<Form>,
    pub(super) symbols: Symbols,
    pub(super) markets: Vec<Market>,
    by_symbol: HashMap<String, usize>,
    past: Vec<VecDeque<Past>>,
    keeps_past: bool,
    streams: Vec<Stream>,
    by_name: HashMap<String, usize>,
    links: HashMap<u64, Link>,
    pub(super) faults: Arc<Faults>,
    has_step_faults: bool,
    pub(super) clock: Clock,
    pub(super) config: Arc<SocketConfig>,
    numbering: Numbering,
    scratch: Vec<u8>,
    /// Nothing is flushed before this time of the venue's clock.
    held_until_us: i64,
    pace: pace::Budget,
    /// A recording in place of the markets.
    pub(super) replay: Option<replay::Replay>,
    /// Frames of the venue's messages are binary.
    is_binary: bool,
}

impl Hub {
    /// Creates a venue without connections.
    pub(super) fn new(
        venue: &'static str,
        form: Arc<Form>,
        numbering: Numbering,
        config: Arc<SocketConfig>,
        clock: Clock,
        faults: Arc<Faults>,
    ) -> Hub {
        let only = if config.recordings.is_empty() { &config.symbols[..] } else { &[] };
        let has = |occasion| faults.has(venue, occasion);
        Hub {
            venue,
            form,
            symbols: Symbols::of(venue, config.seed, clock.now_us(), only),
            markets: Vec::new(),
            by_symbol: HashMap::new(),
            past: Vec::new(),
            keeps_past: config.snapshot_lag > 0 || has(super::fault::Occasion::Rest),
            streams: Vec::new(),
            by_name: HashMap::new(),
            links: HashMap::new(),
            has_step_faults: has(super::fault::Occasion::Step),
            faults,
            clock,
            config,
            numbering,
            scratch: Vec::new(),
            held_until_us: 0,
            pace: pace::Budget::default(),
            replay: None,
            is_binary: venue == "upbit",
        }
    }

    /// Adds a connection. What it is sent comes out of the receiver; the counter is of bytes that wait.
    pub(super) fn connect(&mut self, link: u64) -> (mpsc::Receiver<Batch>, Arc<AtomicUsize>) {
        let (sender, receiver) = mpsc::channel(MAX_BATCHES);
        let waiting = Arc::new(AtomicUsize::new(0));
        let held = Link {
            sender,
            waiting: Arc::clone(&waiting),
            batch: Batch::default(),
            streams: 0,
            is_over: false,
        };
        self.links.insert(link, held);
        (receiver, waiting)
    }

    /// Removes a connection with its subscriptions.
    pub(super) fn disconnect(&mut self, link: u64) {
        self.links.remove(&link);
        for stream in &mut self.streams {
            stream.subscribers.retain(|subscriber| *subscriber != link);
        }
    }

    /// Number of connections.
    pub(super) fn connections(&self) -> usize {
        self.links.len()
    }

    /// Streams of a connection.
    pub(super) fn streams_of(&self, link: u64) -> usize {
        self.links.get(&link).map_or(0, |link| link.streams)
    }

    /// Names of a connection's streams, in the order in which they were first subscribed to by anyone.
    pub(super) fn names_of(&self, link: u64) -> Vec<String> {
        let own = self.streams.iter().filter(|stream| stream.subscribers.contains(&link));
        own.map(|stream| stream.topic.name.clone()).collect()
    }

    /// Sends an answer or a heartbeat.
    pub(super) fn say(&mut self, link: u64, opcode: u8, payload: &[u8]) {
        let Some(link) = self.links.get_mut(&link) else { return };
        let header = frame::push(&mut link.batch.bytes, opcode, payload) as u8;
        let end = link.batch.bytes.len();
        link.batch.items.push(Item { end, header, what: None, market: 0, first: 0, last: 0, stamp: None });
    }

    /// Ends a connection after what was said so far.
    pub(super) fn end(&mut self, link: u64, code: u16, reason: &'static str) {
        if let Some(link) = self.links.get_mut(&link) {
            link.batch.end.get_or_insert((code, reason));
        }
    }

    /// Returns the number of an instrument's market, opened if it was not. `None`: there is no such instrument.
    pub(super) fn market(&mut self, symbol: &str) -> Option<usize> {
        let key = symbol.to_uppercase();
        if let Some(known) = self.by_symbol.get(&key) {
            return Some(*known);
        }
        let (listing, name) = self.symbols.find(symbol)?;
        let (listing, name) = (listing.clone(), name.to_owned());
        let now_us = self.clock.now_us();
        let market = Market::open(listing, name, self.venue, self.config.seed, self.numbering, now_us);
        self.markets.push(market);
        self.past.push(VecDeque::new());
        self.by_symbol.insert(key, self.markets.len() - 1);
        Some(self.markets.len() - 1)
    }

    /// Returns the book of a market that was opened, whole and best first, as JSON: price and amount of each level.
    pub(super) fn book(&self, symbol: &str) -> Option<String> {
        let market = &self.markets[*self.by_symbol.get(&symbol.to_uppercase())?];
        let side = |levels: &[Level]| -> Vec<[f64; 2]> {
            let listing = &market.listing;
            let level = |level: &Level| [listing.price(level.tick), listing.amount(level.lots)];
            levels.iter().map(|of| level(of).map(Decimal::to_f64)).collect()
        };
        Some(serde_json::json!({ "bids": side(&market.bids), "asks": side(&market.asks) }).to_string())
    }

    /// Hands over what waits. A connection that does not read is ended, as venues do.
    pub(super) fn flush(&mut self) {
        if self.held_until_us > self.clock.now_us() {
            return;
        }
        for link in self.links.values_mut() {
            if link.batch.items.is_empty() && link.batch.end.is_none() {
                continue;
            }
            let bytes = link.batch.bytes.len();
            if link.is_over || link.waiting.load(Ordering::Relaxed) > MAX_WAITING {
                link.is_over = true;
                link.batch = Batch::default();
                continue;
            }
            link.waiting.fetch_add(bytes, Ordering::Relaxed);
            if link.sender.try_send(std::mem::take(&mut link.batch)).is_err() {
                link.is_over = true;
            }
        }
    }

    /// Whether a connection was too slow for the venue, or is gone.
    pub(super) fn is_over(&self, link: u64) -> bool {
        self.links.get(&link).is_none_or(|link| link.is_over)
    }
}
