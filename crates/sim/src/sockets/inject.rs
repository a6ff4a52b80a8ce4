//! Faults on the way to one client: what the venue sent becomes what is written.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::fault::{Faults, Occasion, Place, SocketFaultKind as Kind};
use super::frame::{opcode, push, push_part};
use super::hub::topic::What;
use super::hub::{Batch, Item};
use super::log::Truth;

/// What to do with the socket, in order.
#[derive(Debug)]
pub(super) enum Act {
    Write(Vec<u8>),
    /// Byte by byte.
    WriteSlowly(Vec<u8>),
    /// Write these and reset.
    Reset(Vec<u8>),
    Close(u16),
    /// Neither write nor read from here on.
    HalfOpen,
    /// Say the venue's announcement now, and close at this time of the venue's clock.
    Announce(i64),
}

type StreamId = (&'static str, usize);

/// The faults that one connection is in the middle of.
#[derive(Debug)]
pub(super) struct Injector {
    venue: &'static str,
    link: u64,
    faults: Arc<Faults>,
    /// Symbols by number of their market.
    pub(super) symbols: Vec<String>,
    dropping: HashMap<StreamId, (u64, Lost)>,
    swapped: HashMap<StreamId, Vec<u8>>,
    delayed: BTreeMap<StreamId, (i64, Vec<u8>, Lost)>,
    silent: Option<(i64, BTreeMap<StreamId, Lost>)>,
    slow: u64,
    /// Whether everything is lost from here on.
    is_over: bool,
    lost: BTreeMap<StreamId, Lost>,
}

/// Messages of a stream that were lost: first and last id, number.
#[derive(Clone, Copy, Debug, Default)]
struct Lost {
    first: i64,
    last: i64,
    messages: u64,
}

impl Lost {
    fn add(&mut self, item: &Item) {
        if self.messages == 0 {
            self.first = item.first;
        }
        (self.last, self.messages) = (item.last, self.messages + 1);
    }
}

impl Injector {
    pub(super) fn new(venue: &'static str, link: u64, faults: Arc<Faults>) -> Injector {
        Injector {
            venue,
            link,
            faults,
            symbols: Vec::new(),
            dropping: HashMap::new(),
            swapped: HashMap::new(),
            delayed: BTreeMap::new(),
            silent: None,
            slow: 0,
            is_over: false,
            lost: BTreeMap::new(),
        }
    }

    /// Turns a batch into acts. Times are of the venue's clock, microseconds since the Unix epoch; `elapsed_us` since its start.
    pub(super) fn process(&mut self, batch: &Batch, now_us: i64, elapsed_us: i64) -> Vec<Act> {
        let mut acts = self.release(now_us);
        let mut start = 0;
        for item in &batch.items {
            let frame = &batch.bytes[start..item.end];
            start = item.end;
            if self.is_over {
                self.lose(item);
            } else if let Some(what) = item.what {
                self.one(what, item, frame, now_us, elapsed_us, &mut acts);
            } else {
                write(&mut acts, frame);
            }
        }
        acts
    }

    /// Returns what was delayed and is due.
    pub(super) fn release(&mut self, now_us: i64) -> Vec<Act> {
        let mut acts = Vec::new();
        if self.is_over {
            return acts;
        }
        let due: Vec<StreamId> =
            self.delayed.iter().filter(|(_, (until, ..))| *until <= now_us).map(|(id, _)| *id).collect();
        for stream in due {
            if let Some((_, frames, lost)) = self.delayed.remove(&stream) {
                self.tell("delay", stream, lost, now_us);
                write(&mut acts, &frames);
            }
        }
        if let Some((until, lost)) = self.silent.take_if(|(until, _)| *until <= now_us) {
            for (stream, lost) in lost {
                self.tell("heartbeats_only", stream, lost, until);
            }
        }
        acts
    }

    fn one(
        &mut self,
        what: What,
        item: &Item,
        frame: &[u8],
        now_us: i64,
        elapsed_us: i64,
        acts: &mut Vec<Act>,
    ) {
        let stream = (what.name(), item.market);
        if let Some((_, lost)) = &mut self.silent {
            return lost.entry(stream).or_default().add(item);
        }
        if let Some((left, mut lost)) = self.dropping.remove(&stream) {
            lost.add(item);
            if left > 1 {
                self.dropping.insert(stream, (left - 1, lost));
            } else {
                self.tell("drop", stream, lost, now_us);
            }
            return;
        }
        let symbol = self.symbols.get(item.market).map_or("", String::as_str);
        let place = Place { venue: self.venue, symbol, data_type: stream.0, elapsed_us };
        let struck = self.faults.strike(Occasion::Message, place, |_| true);
        let mut out = frame.to_vec();
        for kind in struck {
            let lost = Lost { first: item.first, last: item.last, messages: 1 };
            match kind {
                Kind::Drop { count } if count > 1 => {
                    self.dropping.insert(stream, (count - 1, lost));
                    return;
                }
                Kind::Delay { ms } => {
                    let until = now_us + ms as i64 * 1_000;
                    self.delayed.insert(stream, (until, Vec::new(), Lost::default()));
                    continue;
                }
                Kind::HeartbeatsOnly { ms } => {
                    let until = now_us + ms as i64 * 1_000;
                    self.silent = Some((until, BTreeMap::from([(stream, lost)])));
                    return;
                }
                _ => self.tell(&kind.name(), stream, lost, now_us),
            }
            match kind {
                Kind::Drop { .. } => return,
                Kind::Swap => {
                    self.swapped.insert(stream, out);
                    return;
                }
                Kind::HalfOpen => self.give_up(item, Act::HalfOpen, acts),
                Kind::Close { code } => self.give_up(item, Act::Close(code), acts),
                Kind::Reset => {
                    let half = out[..out.len() / 2].to_vec();
                    self.give_up(item, Act::Reset(half), acts);
                }
                Kind::Announced { ms } => acts.push(Act::Announce(now_us + ms as i64 * 1_000)),
                Kind::OneByteWrites { count } => self.slow = count,
                _ => out = changed(&kind, item, &out),
            }
            if self.is_over {
                return;
            }
        }
        if let Some((_, frames, lost)) = self.delayed.get_mut(&stream) {
            frames.extend_from_slice(&out);
            return lost.add(item);
        }
        if self.slow > 0 {
            self.slow -= 1;
            acts.push(Act::WriteSlowly(out));
        } else {
            write(acts, &out);
        }
        if let Some(held) = self.swapped.remove(&stream) {
            write(acts, &held);
        }
    }

    fn give_up(&mut self, item: &Item, act: Act, acts: &mut Vec<Act>) {
        acts.push(act);
        self.is_over = true;
        self.lose(item);
    }

    fn lose(&mut self, item: &Item) {
        if let Some(what) = item.what {
            self.lost.entry((what.name(), item.market)).or_default().add(item);
        }
    }

    /// Counts what waited for a connection that a fault ended, and writes down what it lost.
    pub(super) fn finish(&mut self, rest: &[Batch], now_us: i64) {
        if let Some((_, lost)) = self.silent.take() {
            lost.into_iter().for_each(|(stream, lost)| self.tell("heartbeats_only", stream, lost, now_us));
        }
        if !self.is_over {
            return;
        }
        for item in rest.iter().flat_map(|batch| &batch.items) {
            self.lose(item);
        }
        for (stream, lost) in std::mem::take(&mut self.lost) {
            self.tell("lost", stream, lost, now_us);
        }
        for (stream, (_, _, lost)) in std::mem::take(&mut self.delayed) {
            self.tell("lost", stream, lost, now_us);
        }
    }

    fn tell(&self, what: &str, (data_type, market): StreamId, lost: Lost, at_us: i64) {
        self.faults.truth.add(Truth {
            what: what.to_owned(),
            venue: self.venue.to_owned(),
            symbol: self.symbols.get(market).cloned().unwrap_or_default(),
            data_type: data_type.to_owned(),
            connection: self.link,
            first: (lost.messages > 0).then_some(lost.first),
            last: (lost.messages > 0).then_some(lost.last),
            messages: lost.messages,
            at_us,
        });
    }
}

fn write(acts: &mut Vec<Act>, frame: &[u8]) {
    match acts.last_mut() {
        Some(Act::Write(bytes)) => bytes.extend_from_slice(frame),
        _ if frame.is_empty() => {}
        _ => acts.push(Act::Write(frame.to_vec())),
    }
}

/// Returns the frames that a fault makes of a frame.
fn changed(kind: &Kind, item: &Item, frame: &[u8]) -> Vec<u8> {
    let (header, opcode) = (usize::from(item.header), frame[0] & 0x0f);
    let payload = &frame[header..];
    let mut out = Vec::new();
    match kind {
        Kind::Duplicate => return [frame, frame].concat(),
        Kind::Malformed => {
            push(&mut out, opcode, b"{\"stream\":btcusdt,,}");
            out.extend_from_slice(frame);
        }
        Kind::UnknownEvent => {
            let event = br#"{"e":"noSuchEvent","stream":"none@noSuchEvent","channel":"noSuchEvent","type":"noSuchEvent","data":{"e":"noSuchEvent"}}"#;
            push(&mut out, opcode, event);
            out.extend_from_slice(frame);
        }
        Kind::Huge { bytes } => {
            let text = format!("{{\"huge\":\"{}\"}}", "x".repeat(*bytes));
            push(&mut out, opcode, text.as_bytes());
            out.extend_from_slice(frame);
        }
        Kind::Truncated => {
            push(&mut out, opcode, &payload[..payload.len() / 2]);
        }
        Kind::UnknownField => {
            let start = 1 + payload.iter().position(|byte| *byte == b'{').unwrap_or_default();
            let text = [&payload[..start], br#""aNewField":{"a":[1,null]},"#, &payload[start..]].concat();
            push(&mut out, opcode, &text);
        }
        Kind::NumberForText => {
            push(&mut out, opcode, &number_for_text(payload));
        }
        Kind::OtherOpcode => {
            push(&mut out, if opcode == opcode::TEXT { opcode::BINARY } else { opcode::TEXT }, payload);
        }
        Kind::Fragments { parts } => {
            let size = payload.len().div_ceil((*parts).max(1)).max(1);
            let count = payload.chunks(size).count();
            for (i, part) in payload.chunks(size).enumerate() {
                push_part(&mut out, if i == 0 { opcode } else { opcode::CONTINUATION }, i + 1 == count, part);
            }
        }
        _ => return frame.to_vec(),
    }
    out
}

/// Takes the quotes from the first text that is a number.
fn number_for_text(payload: &[u8]) -> Vec<u8> {
    let mut quotes = payload.iter().enumerate().filter(|(_, byte)| **byte == b'"').map(|(at, _)| at);
    let mut before = quotes.next();
    for at in quotes {
        if let Some(start) = before {
            let text = &payload[start + 1..at];
            let is_number =
                !text.is_empty() && text.iter().all(|byte| byte.is_ascii_digit() || *byte == b'.');
            if is_number {
                return [&payload[..start], text, &payload[at + 1..]].concat();
            }
        }
        before = Some(at);
    }
    payload.to_vec()
}
