//! Snapshots of books, by tardis-machine's rules.
//!
//! The first comes with the first book. From then on, with an interval of 0 after each message that changed one of the levels; else
//! the book as it was before the first message of a later interval, if one of the levels changed since the last snapshot.

use super::kind::BookRule;
use super::text::{Lines, Stamp};

/// A level; `None`: the side has no such level.
type Level = Option<(f64, f64)>;

/// The snapshots of one instrument and rule.
#[derive(Debug)]
pub(super) struct Snapshots {
    rule: BookRule,
    bids: Vec<Level>,
    asks: Vec<Level>,
    has_changed: bool,
    has_begun: bool,
    updated: Stamp,
}

/// A side's levels, best first.
type Side<'a> = &'a mut dyn Iterator<Item = (f64, f64)>;

impl Snapshots {
    pub(super) fn new(rule: BookRule) -> Snapshots {
        let none = vec![None; rule.depth];
        Snapshots {
            rule,
            bids: none.clone(),
            asks: none,
            has_changed: false,
            has_begun: false,
            updated: Stamp::Computed(-1),
        }
    }

    /// Before a message is applied to the book: writes the snapshot that it ends.
    pub(super) fn before(
        &mut self,
        timestamp: Stamp,
        arrival: Stamp,
        head: &dyn Fn(&mut Lines),
        lines: &mut Lines,
    ) {
        if self.is_due(timestamp) {
            self.write(arrival, head, lines);
        }
    }

    /// After it: takes the levels, and writes the snapshot that it makes.
    pub(super) fn after(
        &mut self,
        (bids, asks): (Side<'_>, Side<'_>),
        (timestamp, arrival): (Stamp, Stamp),
        head: &dyn Fn(&mut Lines),
        lines: &mut Lines,
    ) {
        match self.rule.grouping {
            None => {
                self.has_changed |= replace(&mut self.bids, bids);
                self.has_changed |= replace(&mut self.asks, asks);
            }
            Some(step) => {
                self.has_changed |= replace_grouped(&mut self.bids, bids, step, false);
                self.has_changed |= replace_grouped(&mut self.asks, asks, step, true);
            }
        }
        self.updated = timestamp;
        if self.is_due(timestamp) {
            self.write(arrival, head, lines);
            self.has_begun = true;
        }
    }

    fn is_due(&mut self, timestamp: Stamp) -> bool {
        if !self.has_changed {
            return false;
        }
        let interval = self.rule.interval_ms;
        if interval == 0.0 || !self.has_begun {
            return true;
        }
        let bucket = |at: Stamp| (at.ms() as f64 / interval).floor();
        let last = bucket(self.updated);
        if bucket(timestamp) <= last {
            return false;
        }
        self.updated = Stamp::Computed(((last + 1.0) * interval) as i64);
        true
    }

    fn write(&mut self, arrival: Stamp, head: &dyn Fn(&mut Lines), lines: &mut Lines) {
        self.has_changed = false;
        lines.begin("book_snapshot");
        head(lines);
        lines.name("name");
        lines.text(&self.rule.name);
        lines.name("depth");
        lines.number(self.rule.depth as f64);
        lines.name("interval");
        lines.number(self.rule.interval_ms);
        if let Some(step) = self.rule.grouping {
            lines.name("grouping");
            lines.number(step);
        }
        for (name, levels) in [("bids", &self.bids), ("asks", &self.asks)] {
            lines.name(name);
            write_levels(levels.iter().copied(), lines);
        }
        lines.name("timestamp");
        lines.time(self.updated);
        lines.name("localTimestamp");
        lines.time(arrival);
        lines.end();
    }
}

/// Levels as an array; one that is not there is `{}`.
pub(super) fn write_levels(levels: impl Iterator<Item = Level>, lines: &mut Lines) {
    let mut is_first = true;
    for level in levels {
        let is_next = !std::mem::take(&mut is_first);
        match level {
            None => lines.raw(if is_next { ",{}" } else { "[{}" }),
            Some((price, amount)) => {
                match is_next {
                    true => lines.raw(",{\"price\":"),
                    false => lines.raw("[{\"price\":"),
                }
                lines.number(price);
                lines.raw(",\"amount\":");
                lines.number(amount);
                lines.raw("}");
            }
        }
    }
    lines.raw(if is_first { "[]" } else { "]" });
}

/// Whether one of the levels is another one now.
fn replace(levels: &mut [Level], side: Side<'_>) -> bool {
    let mut has_changed = false;
    for level in levels {
        let new = side.next();
        has_changed |= *level != new;
        *level = new;
    }
    has_changed
}

/// As [`replace`], with the amounts of each group of prices summed. As in tardis-machine, groups beyond those that the side has
/// now keep what they had.
fn replace_grouped(levels: &mut [Level], side: Side<'_>, step: f64, is_ask: bool) -> bool {
    let scale = 10_f64.powi(decimals(step));
    let grouped = |price: f64| {
        let remainder = (price * scale % (step * scale)) / scale;
        let up = if is_ask && remainder > 0.0 { step * scale } else { 0.0 };
        (price * scale - remainder * scale + up) / scale
    };
    let (mut has_changed, mut place, mut group) = (false, 0, None::<(f64, f64)>);
    let mut put = |group: (f64, f64)| {
        has_changed |= levels[place] != Some(group);
        levels[place] = Some(group);
        place += 1;
        place == levels.len()
    };
    for (price, amount) in side {
        let at = grouped(price);
        match &mut group {
            Some((of, sum)) if *of == at => *sum += amount,
            Some(full) => {
                if put(*full) {
                    return has_changed;
                }
                group = Some((at, amount));
            }
            None => group = Some((at, amount)),
        }
    }
    if let Some(last) = group.filter(|(_, sum)| *sum > 0.0) {
        put(last);
    }
    has_changed
}

/// Digits after the point of a number.
fn decimals(number: f64) -> i32 {
    let shown = format!("{number}");
    shown.split_once('.').map_or(0, |(_, digits)| digits.len() as i32)
}
