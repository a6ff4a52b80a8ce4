//! A recording in place of a market.

use std::collections::HashMap;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::Hub;
use super::deliver::push;
use super::pace::ENOUGH_WAITING;
use crate::sockets::config::Pace;
use crate::sockets::frame::opcode;
use crate::sockets::replay::{Recording, comparable};

/// How long after the last subscription a recording begins, so that a client has all of its streams.
const BEGINS_AFTER: Duration = Duration::from_millis(300);
/// Most messages between two flushes.
const MAX_AT_ONCE: usize = 4_000;

/// A recording and how far it is.
#[derive(Debug)]
pub(in crate::sockets) struct Replay {
    pub(in crate::sockets) recording: Recording,
    next: usize,
    /// The venue's clock when the first line was sent.
    began_us: Option<i64>,
    pub(super) subscribed: Option<Instant>,
    /// Streams of the hub by number of the recording's.
    pub(super) streams: HashMap<usize, Vec<usize>>,
    /// The number of a name.
    numbers: HashMap<String, usize>,
}

impl Replay {
    pub(in crate::sockets) fn new(recording: Recording) -> Replay {
        let numbers = recording.keys.iter().cloned().enumerate().map(|(number, key)| (key, number)).collect();
        Replay { recording, next: 0, began_us: None, subscribed: None, streams: HashMap::new(), numbers }
    }

    /// Connects a stream of the hub with the recording's.
    pub(super) fn subscribe(&mut self, venue: &str, name: &str, stream: usize) {
        self.subscribed = Some(Instant::now());
        if let Some(number) = self.numbers.get(&comparable(venue, name)) {
            let streams = self.streams.entry(*number).or_default();
            if !streams.contains(&stream) {
                streams.push(stream);
            }
        }
    }
}

impl Hub {
    /// Sends the lines that are due. Returns whether more could be sent at once.
    pub(super) fn tick_replay(&mut self) -> bool {
        let Some(mut replay) = self.replay.take() else { return false };
        let is_busy = self.send_lines(&mut replay);
        self.replay = Some(replay);
        is_busy
    }

    fn send_lines(&mut self, replay: &mut Replay) -> bool {
        if replay.began_us.is_none() && replay.subscribed.is_none_or(|at| at.elapsed() < BEGINS_AFTER) {
            return false;
        }
        let now_us = self.clock.now_us();
        let began_us = *replay.began_us.get_or_insert(now_us);
        let first_us = replay.recording.lines.first().map_or(0, |line| line.at_us);
        let waits = |link: &super::Link| link.waiting.load(Ordering::Relaxed) > ENOUGH_WAITING;
        if self.links.values().any(waits) {
            return false;
        }
        let opcode = if self.is_binary { opcode::BINARY } else { opcode::TEXT };
        for _ in 0..MAX_AT_ONCE {
            let Some(line) = replay.recording.lines.get(replay.next) else { return false };
            if self.config.pace != Pace::Most && line.at_us - first_us > now_us - began_us {
                return false;
            }
            let what = replay.recording.whats[line.key];
            for number in replay.streams.get(&line.key).into_iter().flatten() {
                let stream = &self.streams[*number];
                let text = if self.venue.starts_with("binance") && !stream.topic.is_wrapped {
                    bare(&line.text)
                } else {
                    &line.text
                };
                let place = replay.next as i64;
                for subscriber in &stream.subscribers {
                    if let Some(link) = self.links.get_mut(subscriber) {
                        push(link, opcode, text.as_bytes(), (what, 0, place, place, None));
                    }
                }
            }
            replay.next += 1;
        }
        true
    }
}

/// What is in Binance's wrapper.
fn bare(text: &str) -> &str {
    let inner = text.split_once("\"data\":").and_then(|(_, data)| data.strip_suffix('}'));
    inner.unwrap_or(text)
}
