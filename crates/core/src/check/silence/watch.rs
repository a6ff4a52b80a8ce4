//! Observes the arrival times of one partition, and finds its silences.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::ops::Range;

use super::activity::{Minutes, SECONDS, Seconds};
use super::has_pace;
use crate::check::{Parameters, Rows};
use crate::day::DAY_US;
use crate::table::DataType;
use crate::venue::DEFAULT_VENUES;

/// Pauses that are kept, the longest ones.
const LONGEST: usize = 512;

/// The share of a silence that must be without arrivals on an earlier day, for that day to count as silent too.
const SAME_SILENCE: f64 = 0.8;

/// The pieces that a pause is cut in, to compare it with the time around it.
const PIECES: i64 = 8;

/// From this length of a piece on, seconds, more of them must have a row: bursts of a quiet market are this far apart.
const LONG_PIECE_S: i64 = 20 * 60;

/// The time around a pause that it is compared with, on either side, at least: three hours, microseconds.
const AROUND_US: i64 = DAY_US / 8;

/// A time without rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Silence {
    /// Arrival of the last row before it, or the start of the observed time; microseconds since the Unix epoch, UTC.
    pub from_us: i64,
    /// Arrival of the first row after it, or the end of the observed time; microseconds since the Unix epoch, UTC.
    pub to_us: i64,
    /// Arrival of the first snapshot row at or after its end, microseconds since the Unix epoch, UTC; `None` if none
    /// arrived or the data type has no snapshots.
    pub snapshot_us: Option<i64>,
    /// Whether rows follow.
    pub is_followed: bool,
    /// The threshold above which pauses at these hours are silences, microseconds.
    pub threshold_us: i64,
    /// How many of the seven days before are known, and how many of those were silent at these hours too.
    pub days_before: (u32, u32),
}

impl Silence {
    /// The length, microseconds.
    pub fn length_us(&self) -> i64 {
        self.to_us - self.from_us
    }
}

/// The arrival times of one partition, summarised.
#[derive(Debug)]
pub struct Pace {
    /// Number of rows.
    pub rows: u64,
    /// Arrival of the first and of the last row, microseconds since the Unix epoch, UTC; `None` if there are no rows.
    pub ends_us: Option<(i64, i64)>,
    /// The silences, in order.
    pub silences: Vec<Silence>,
    /// Whether there was a snapshot row.
    pub has_snapshot: bool,
    /// The seconds of the day in which a row arrived.
    active: Seconds,
    factor: f64,
}

impl Pace {
    /// Compares the silences with the same hours of the instrument's days before: drops those that their pace explains, and
    /// sets [`Silence::days_before`] of the others.
    pub fn learn(&mut self, before: &[DayBefore]) {
        let (factor, known) = (self.factor, before.len() as u32);
        self.silences.retain_mut(|silence| {
            let mut usual: Vec<f64> =
                before.iter().map(|day| day.minutes.pace_us(silence.from_us, silence.to_us)).collect();
            usual.sort_unstable_by(f64::total_cmp);
            let usual = usual.get(usual.len() / 2).copied().unwrap_or_default();
            silence.threshold_us = silence.threshold_us.max((factor * usual) as i64);
            let quiet = before.iter().filter(|day| day.is_quiet(silence)).count() as u32;
            silence.days_before = (known, quiet);
            silence.length_us() > silence.threshold_us
        });
    }

    /// The total length of its silences of an hour or more, microseconds.
    pub(super) fn long_silences_us(&self) -> i64 {
        self.silences.iter().map(Silence::length_us).filter(|length| *length >= DAY_US / 24).sum()
    }

    /// The longest time without rows within a time range, microseconds, in whole seconds.
    pub(in crate::check) fn longest_quiet_us(&self, from_us: i64, to_us: i64) -> i64 {
        self.active.longest_quiet_s(from_us, to_us) * 1_000_000
    }

    /// Whether a row arrived within a time range, microseconds since the Unix epoch, UTC. Only whole seconds that lie
    /// entirely in the range count.
    pub fn is_active_within(&self, from_us: i64, to_us: i64) -> bool {
        self.active.any(from_us, to_us)
    }
}

/// The arrival times of the same instrument and data type on an earlier day, summarised.
#[derive(Debug)]
pub struct DayBefore {
    minutes: Minutes,
    active: Seconds,
}

impl DayBefore {
    /// Whether it was silent for most of the hours of a silence.
    fn is_quiet(&self, silence: &Silence) -> bool {
        let shift = silence.from_us.div_euclid(DAY_US) * DAY_US - self.active.start_us;
        let wanted = (silence.length_us() as f64 * SAME_SILENCE / 1e6) as i64;
        self.active.longest_quiet_s(silence.from_us - shift, silence.to_us - shift) >= wanted
    }
}

/// Observes the arrival times of one partition.
pub struct Watch {
    factor: f64,
    floor_us: i64,
    min_pauses: u64,
    rows: u64,
    first_us: Option<i64>,
    last_us: i64,
    pauses: u64,
    minutes: Minutes,
    longest: BinaryHeap<(Reverse<i64>, i64)>,
    snapshots: Vec<i64>,
    has_snapshot: bool,
    active: Seconds,
}

impl Watch {
    /// An empty watch with the parameters of `silence`.
    pub fn new(parameters: &Parameters, venue: &str, data_type: DataType) -> Watch {
        let floor_s = parameters.get(if data_type.is_book() { "book_floor_s" } else { "trade_floor_s" });
        let slack = if DEFAULT_VENUES.contains(&venue) { 1.0 } else { parameters.get("other_venue_factor") };
        Watch {
            factor: parameters.get("factor"),
            floor_us: (floor_s * slack * 1e6) as i64,
            min_pauses: if has_pace(data_type) { parameters.get("min_pauses") as u64 } else { u64::MAX },
            rows: 0,
            first_us: None,
            last_us: i64::MIN,
            pauses: 0,
            minutes: Minutes::default(),
            longest: BinaryHeap::new(),
            snapshots: Vec::new(),
            has_snapshot: false,
            active: Seconds::default(),
        }
    }

    /// Adds the next rows.
    pub fn rows(&mut self, rows: &Rows<'_>) {
        self.arrivals(rows.arrival());
        if rows.data_type() != DataType::IncrementalBookL2 {
            return;
        }
        let flags = rows.flag("is_snapshot");
        let snapshots = rows.arrival().iter().enumerate().filter(|(row, _)| flags.value(*row));
        for us in snapshots.map(|(_, us)| *us) {
            self.has_snapshot = true;
            // One per second is enough to know whether a snapshot followed a silence.
            if self.snapshots.last().is_none_or(|last| us - last >= 1_000_000)
                && self.snapshots.len() < SECONDS as usize
            {
                self.snapshots.push(us);
            }
        }
    }

    /// Adds the next arrival times, microseconds since the Unix epoch, UTC.
    pub fn arrivals(&mut self, arrivals: &[i64]) {
        for us in arrivals.iter().copied() {
            if self.first_us.is_none() {
                self.first_us = Some(us);
                self.last_us = us;
            }
            // A clock that goes back is reported by `arrival_clock`.
            if us > self.last_us {
                self.pause(self.last_us, us);
                self.last_us = us;
            }
            self.active.add(us);
        }
        self.rows += arrivals.len() as u64;
    }

    fn pause(&mut self, from_us: i64, to_us: i64) {
        let length = to_us - from_us;
        self.pauses += 1;
        self.minutes.add(from_us, length);
        self.keep(from_us, length);
    }

    fn keep(&mut self, from_us: i64, length: i64) {
        if length <= self.floor_us {
            return;
        }
        self.longest.push((Reverse(length), from_us));
        if self.longest.len() > LONGEST {
            self.longest.pop();
        }
    }

    /// The threshold above which pauses at these hours are silences, microseconds; `None` if the pace is unknown.
    fn threshold_at(&self, from_us: i64, to_us: i64) -> Option<i64> {
        let pace_us = || self.factor * self.minutes.pace_us(from_us, to_us);
        (self.pauses >= self.min_pauses).then(|| self.floor_us.max(pace_us() as i64))
    }

    /// The threshold above which a pause after the last row is a silence, microseconds; `None` if there were too few pauses
    /// to know the pace.
    pub fn threshold_us(&self) -> Option<i64> {
        self.threshold_at(self.last_us, self.last_us)
    }

    /// Whether rows arrive so evenly around a pause that it is out of the ordinary: of pieces that are an eighth as long as the
    /// pause, or as the time around it if that is shorter, three quarters have a row, of long ones seven eighths. Trades of a
    /// quiet option come in bursts, and hours between two bursts mean nothing.
    fn is_steady_around(&self, from_us: i64, to_us: i64) -> bool {
        let length_us = to_us - from_us;
        let around_us = length_us.max(AROUND_US);
        // The last row before the pause belongs to the time around it.
        let before =
            self.active.seconds(from_us.saturating_sub(around_us), from_us.saturating_add(1_000_000));
        let after = self.active.seconds(to_us, to_us.saturating_add(around_us));
        let around_s = (before.end - before.start) + (after.end - after.start);
        let piece_s = ((length_us / 1_000_000).min(around_s) / PIECES).max(1);
        let [before, after] = [before, after].map(|side| self.active.pieces(side, piece_s));
        let needed = if piece_s < LONG_PIECE_S { 6 } else { 7 };
        (before.1 + after.1) * PIECES >= (before.0 + after.0) * needed
    }

    /// Ends the observation of an earlier day.
    pub fn into_day_before(self) -> DayBefore {
        DayBefore { minutes: self.minutes, active: self.active }
    }

    /// Ends the observation. `within_us` is the time range in which rows are expected, microseconds since the Unix epoch,
    /// UTC; `None` if it is unknown.
    pub fn finish(mut self, within_us: Option<Range<i64>>) -> Pace {
        let ends_us = self.first_us.map(|first| (first, self.last_us));
        if let (Some(within), Some((first, last))) = (&within_us, ends_us) {
            self.keep(within.start, first - within.start);
            self.keep(last, within.end - last);
        }
        let longest = std::mem::take(&mut self.longest);
        let mut silences: Vec<Silence> = longest
            .into_iter()
            .filter_map(|(Reverse(length), from_us)| {
                let to_us = from_us + length;
                let threshold_us = self.threshold_at(from_us, to_us).filter(|us| length > *us)?;
                self.is_steady_around(from_us, to_us).then_some(())?;
                let after = self.snapshots.partition_point(|us| *us < to_us);
                let is_followed = ends_us.is_some_and(|(_, last)| to_us <= last);
                let snapshot_us = self.snapshots.get(after).copied();
                Some(Silence { from_us, to_us, snapshot_us, is_followed, threshold_us, days_before: (0, 0) })
            })
            .collect();
        silences.sort_by_key(|silence| silence.from_us);
        Pace {
            rows: self.rows,
            ends_us,
            silences,
            has_snapshot: self.has_snapshot,
            active: self.active,
            factor: self.factor,
        }
    }
}
