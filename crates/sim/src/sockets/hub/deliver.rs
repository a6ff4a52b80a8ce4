//! Subscriptions, and the messages of a step for those who are subscribed.

use super::topic::{Topic, What};
use super::{Hub, Item, Link, Past, Stream};
use crate::generate::market::ladder::{Level, Side};
use crate::sockets::fault::{Occasion, Place, SocketFaultKind};
use crate::sockets::frame::{self, opcode};
use crate::sockets::log::Truth;
use crate::sockets::market::book::{Action, Moved};
use crate::sockets::market::{Ids, Market, Print};
use crate::sockets::template::Form;
use crate::sockets::template::scene::Scene;

/// Books of before that are kept where a fault or a lag needs them.
const MAX_PAST: usize = 512;

/// A message to write: its form and what it is about.
struct Message<'a> {
    kind: &'a str,
    print: Option<&'a Print>,
    moved: &'a [Moved],
    first: i64,
    last: i64,
}

impl Hub {
    /// Subscribes a connection, and sends the first message where the venue sends one. `false`: it was subscribed already.
    pub(in crate::sockets) fn subscribe(&mut self, link: u64, topic: Topic) -> bool {
        let key = topic.key();
        let number = match self.by_name.get(&key) {
            Some(number) => *number,
            None => {
                let number = self.streams.len();
                let symbols = if self.replay.is_some() { &[] } else { &topic.symbols[..] };
                for symbol in symbols {
                    if let Some(market) = self.market(symbol) {
                        self.markets[market].streams.push(number);
                    }
                }
                self.streams.push(Stream { topic, subscribers: Vec::new(), missed: None });
                self.by_name.insert(key, number);
                number
            }
        };
        let stream = &mut self.streams[number];
        if stream.subscribers.contains(&link) {
            return false;
        }
        stream.subscribers.push(link);
        let missed = stream.missed.take();
        let (what, first, symbols) = (stream.topic.what, stream.topic.first, stream.topic.symbols.clone());
        if let Some(link) = self.links.get_mut(&link) {
            link.streams += 1;
        }
        if let Some(replay) = &mut self.replay {
            replay.subscribe(self.venue, &self.streams[number].topic.name, number);
            return true;
        }
        if let Some((first, last, messages)) = missed {
            self.tell("missed", &symbols[0], what, link, (first, last), messages);
        }
        if let Some(kind) = first {
            self.send_first(link, number, kind, &symbols);
        }
        true
    }

    fn send_first(&mut self, link: u64, number: usize, kind: &'static str, symbols: &[String]) {
        let what = self.streams[number].topic.what;
        for symbol in symbols {
            let lacks = what == What::Book && {
                let place = self.place(symbol, what);
                let struck =
                    self.faults.strike(Occasion::Subscription, place, |k| *k == SocketFaultKind::NoSnapshot);
                !struck.is_empty()
            };
            if lacks {
                self.tell("no_snapshot", symbol, what, link, (0, 0), 1);
            } else if let Some(market) = self.market(symbol) {
                let last = self.markets[market].ids.last;
                let message = Message { kind, print: None, moved: &[], first: last, last };
                self.write(number, market, &[message], Some(link));
            }
        }
    }

    /// Ends a subscription. `false`: there was none.
    pub(in crate::sockets) fn unsubscribe(&mut self, link: u64, name: &str) -> bool {
        let mut had = 0;
        for stream in self.streams.iter_mut().filter(|stream| stream.topic.name == name) {
            let before = stream.subscribers.len();
            stream.subscribers.retain(|subscriber| *subscriber != link);
            had += before - stream.subscribers.len();
        }
        if let Some(link) = self.links.get_mut(&link) {
            link.streams -= had.min(link.streams);
        }
        had > 0
    }

    /// Moves a market and sends what its streams send. Returns the number of messages sent.
    pub(super) fn step(&mut self, number: usize, now_us: i64) -> usize {
        let market = &mut self.markets[number];
        market.step(now_us);
        if self.has_step_faults {
            self.strike_step(number);
        }
        if self.keeps_past {
            let market = &self.markets[number];
            let past = Past {
                ids: market.ids,
                bids: market.bids.clone(),
                asks: market.asks.clone(),
                at_us: market.at_us,
            };
            self.past[number].push_back(past);
            while self.past[number].len() > MAX_PAST {
                self.past[number].pop_front();
            }
        }
        let mut sent = 0;
        for place in 0..self.markets[number].streams.len() {
            sent += self.step_stream(self.markets[number].streams[place], number);
        }
        sent
    }

    fn step_stream(&mut self, stream: usize, number: usize) -> usize {
        // Taken out for the time of writing, since a message borrows them.
        let prints = std::mem::take(&mut self.markets[number].prints);
        let moved = std::mem::take(&mut self.markets[number].moved);
        let market = &self.markets[number];
        let Stream { topic, .. } = &self.streams[stream];
        let mut within = Vec::new();
        if topic.what == What::Book && topic.depth < market.bids.len().max(market.asks.len()) {
            market.moved_within(topic.depth, &mut within);
        }
        let shown = if within.is_empty() { &moved[..] } else { &within[..] };
        let plain = |kind| Message {
            kind,
            print: None,
            moved: shown,
            first: market.ids.first,
            last: market.ids.last,
        };
        let of_print = |print| {
            let &Print { id, is_liquidation, .. } = print;
            let kind = topic.liquidation.filter(|_| is_liquidation).unwrap_or(topic.every);
            Message { kind, print: Some(print), moved: &[], first: id, last: id }
        };
        let messages: Vec<Message<'_>> = match topic.what {
            What::Trade => prints.iter().map(of_print).collect(),
            What::Liquidation => prints.iter().filter(|print| print.is_liquidation).map(of_print).collect(),
            What::Book if moved.is_empty() => Vec::new(),
            What::Book if market.is_reset => vec![plain(topic.first.unwrap_or(topic.every))],
            What::Book if topic.splits => Vec::new(),
            What::Book => vec![plain(topic.every)],
            What::Best if market.has_new_best => vec![plain(topic.every)],
            What::Ticker | What::Option if market.has_new_ticker => vec![plain(topic.every)],
            _ => Vec::new(),
        };
        let sent = if topic.what == What::Book && topic.splits && !moved.is_empty() {
            self.write_split(stream, number, &moved)
        } else {
            self.write(stream, number, &messages, None)
        };
        drop(messages);
        self.markets[number].prints = prints;
        self.markets[number].moved = moved;
        sent
    }

    /// Sends each kind of change by itself.
    fn write_split(&mut self, stream: usize, number: usize, moved: &[Moved]) -> usize {
        let ids = self.markets[number].ids;
        let every = self.streams[stream].topic.every;
        let mut sent = 0;
        for (action, end) in [(Action::Delete, "_delete"), (Action::Change, "_change"), (Action::New, "_new")]
        {
            let of_action: Vec<Moved> = moved.iter().filter(|m| m.action == action).copied().collect();
            if !of_action.is_empty() {
                let kind = format!("{every}{end}");
                let message =
                    Message { kind: &kind, print: None, moved: &of_action, first: ids.first, last: ids.last };
                sent += self.write(stream, number, &[message], None);
            }
        }
        sent
    }

    /// Writes messages of a stream for its subscribers, or for one of them.
    fn write(&mut self, stream: usize, number: usize, messages: &[Message<'_>], only: Option<u64>) -> usize {
        let Hub { streams, markets, links, form, scratch, config, is_binary, .. } = self;
        let Stream { topic, subscribers, missed } = &mut streams[stream];
        let market = &markets[number];
        if subscribers.is_empty() {
            for message in messages {
                let (_, last, count) = missed.get_or_insert((message.first, message.last, 0));
                (*last, *count) = (message.last, *count + 1);
            }
            return 0;
        }
        let opcode = if *is_binary { opcode::BINARY } else { opcode::TEXT };
        let mut sent = 0;
        for message in messages {
            let scene = Scene {
                market,
                print: message.print,
                moved: message.moved,
                bids: depth(&market.bids, topic.depth),
                asks: depth(&market.asks, topic.depth),
                stream: &topic.name,
                label: &topic.label,
                is_micro: topic.is_micro,
                is_stamped: config.has_stamps,
                has_checksum: config.has_okx_checksums,
            };
            scratch.clear();
            if !fill(form, topic, message.kind, &scene, scratch) {
                continue;
            }
            let stamp = config.has_stamps.then(|| stamp_place(scratch)).flatten();
            let about = (topic.what, number, message.first, message.last, stamp);
            for link in only.as_slice().iter().chain(subscribers.iter().filter(|_| only.is_none())) {
                sent += links.get_mut(link).map_or(0, |link| push(link, opcode, scratch, about));
            }
        }
        sent
    }

    /// Applies the faults that strike at a step.
    fn strike_step(&mut self, number: usize) {
        let symbol = self.markets[number].symbol.clone();
        if self.markets[number].moved.is_empty() {
            return;
        }
        for kind in self.faults.strike(Occasion::Step, self.place(&symbol, What::Book), |_| true) {
            let market = &mut self.markets[number];
            let ids = market.ids;
            apply(market, &kind);
            let now = self.markets[number].ids;
            let changed = if now == ids { (ids.first, ids.last) } else { (now.first, now.last) };
            self.tell(&kind.name(), &symbol, What::Book, 0, changed, 1);
        }
    }

    /// Where a fault may strike.
    pub(in crate::sockets) fn place<'a>(&self, symbol: &'a str, what: What) -> Place<'a> {
        Place { venue: self.venue, symbol, data_type: what.name(), elapsed_us: self.clock.elapsed_us() }
    }

    /// Writes a line of the truth.
    pub(in crate::sockets) fn tell(
        &self,
        fault: &str,
        symbol: &str,
        what: What,
        link: u64,
        ids: (i64, i64),
        messages: u64,
    ) {
        self.faults.truth.add(Truth {
            what: fault.to_owned(),
            venue: self.venue.to_owned(),
            symbol: symbol.to_owned(),
            data_type: what.name().to_owned(),
            connection: link,
            first: (ids != (0, 0)).then_some(ids.0),
            last: (ids != (0, 0)).then_some(ids.1),
            messages,
            at_us: self.clock.now_us(),
        });
    }

    /// Returns the form of a kind, filled for a market whose book is that of so many updates ago.
    pub(in crate::sockets) fn snapshot(
        &mut self,
        number: usize,
        kind: &str,
        depth_of: usize,
        updates: usize,
    ) -> String {
        let market = &mut self.markets[number];
        let past = updates.checked_sub(1).and_then(|_| {
            let all = &self.past[number];
            all.len().checked_sub(updates + 1).and_then(|at| all.get(at))
        });
        let now = (market.ids, market.at_us);
        if let Some(past) = past {
            (market.ids, market.at_us) = (past.ids, past.at_us);
        }
        let market = &self.markets[number];
        let (bids, asks) = past.map_or((&market.bids, &market.asks), |past| (&past.bids, &past.asks));
        let scene = Scene {
            market,
            print: None,
            moved: &[],
            bids: depth(bids, depth_of),
            asks: depth(asks, depth_of),
            stream: "",
            label: "",
            is_micro: false,
            is_stamped: false,
            has_checksum: false,
        };
        let mut out = Vec::new();
        self.form.write(kind, &scene, &mut out);
        (self.markets[number].ids, self.markets[number].at_us) = now;
        String::from_utf8_lossy(&out).into_owned()
    }

    /// Moves a market so many steps ahead; what is sent of them is held back for a third of a second.
    pub(in crate::sockets) fn run_ahead(&mut self, number: usize, updates: usize) {
        for _ in 0..updates {
            self.step(number, self.clock.now_us());
        }
        self.held_until_us = self.clock.now_us() + (300_000.0 * self.config.speed) as i64;
    }
}

fn depth(levels: &[Level], most: usize) -> &[Level] {
    &levels[..levels.len().min(most)]
}

fn fill(form: &Form, topic: &Topic, kind: &str, scene: &Scene<'_>, out: &mut Vec<u8>) -> bool {
    if topic.is_wrapped {
        form.write("wrap", scene, out);
    }
    let is_known = form.write(kind, scene, out);
    if topic.is_wrapped {
        out.push(b'}');
    }
    is_known
}

fn stamp_place(payload: &[u8]) -> Option<usize> {
    let at = payload.windows(4).position(|four| four == b"\"E\":")? + 4;
    payload.get(at..at + 16)?.iter().all(u8::is_ascii_digit).then_some(at)
}

pub(super) fn push(
    link: &mut Link,
    opcode: u8,
    payload: &[u8],
    about: (What, usize, i64, i64, Option<usize>),
) -> usize {
    if link.is_over {
        return 0;
    }
    let (what, market, first, last, stamp) = about;
    let start = link.batch.bytes.len();
    let header = frame::push(&mut link.batch.bytes, opcode, payload);
    let stamp = stamp.map(|at| start + header + at);
    let end = link.batch.bytes.len();
    link.batch.items.push(Item { end, header: header as u8, what: Some(what), market, first, last, stamp });
    1
}

/// Changes a step as a fault of the venue does.
fn apply(market: &mut Market, kind: &SocketFaultKind) {
    use SocketFaultKind as K;
    let ids = market.ids;
    match kind {
        K::CounterReset => {
            market.renumber(Ids { first: 1, last: 1, before: 0 });
            market.is_reset = true;
        }
        K::SequenceReset { breaks } => {
            let before = if *breaks { ids.before - 77 } else { ids.before };
            let last = (ids.last / 1_000).max(1);
            market.renumber(Ids { first: last, last, before });
        }
        K::WrongChecksum => market.has_wrong_checksum = true,
        K::CrossedBook => {
            if let Some(ask) = market.asks.first() {
                let level = Level { tick: ask.tick + 1, lots: ask.lots.max(1) };
                market.moved.push(Moved { side: Side::Bid, level, action: Action::New });
            }
        }
        K::ClockOff { ms } => {
            market.clock_off_us = ms * 1_000;
            market.at_us += ms * 1_000;
        }
        K::ClockBack { ms } => market.at_us -= ms * 1_000,
        _ => {}
    }
}
