//! The activity of a day: its pauses by minute, and its active seconds.

use std::ops::Range;

use crate::day::DAY_US;

/// Minutes with arrivals from which the pace of an hour is computed, at least. Neighbouring hours are added until there are
/// as many.
const ENOUGH_MINUTES: usize = 20;

/// The largest number of hours on either side, including the hour itself.
const HOURS_PER_SIDE: i64 = 7;

/// The longest pause that begins in each minute of the day, microseconds; 0 if none does.
#[derive(Clone, Debug, Default)]
pub(super) struct Minutes {
    longest: Vec<i64>,
}

impl Minutes {
    pub fn add(&mut self, from_us: i64, length: i64) {
        if self.longest.is_empty() {
            self.longest = vec![0; 24 * 60];
        }
        let minute = &mut self.longest[(from_us.rem_euclid(DAY_US) / 60_000_000) as usize];
        *minute = (*minute).max(length);
    }

    /// The pace of the hours that a time range touches, microseconds: that of the slowest hour.
    pub fn pace_us(&self, from_us: i64, to_us: i64) -> f64 {
        if self.longest.is_empty() {
            return 0.0;
        }
        let hour_us = DAY_US / 24;
        let (first, last) = (from_us.div_euclid(hour_us), to_us.div_euclid(hour_us));
        let hours = first..=last.min(first.saturating_add(23));
        let paces = hours.filter_map(|hour| {
            let sides = [self.pace_of_side(hour, -1), self.pace_of_side(hour, 1)];
            sides.into_iter().flatten().max()
        });
        let slowest = paces.max().or_else(|| quantile(self.longest.clone()));
        slowest.unwrap_or_default() as f64
    }

    /// The pace of an hour and the hours on one side of it, microseconds; `None` if there were too few arrivals.
    fn pace_of_side(&self, hour: i64, step: i64) -> Option<i64> {
        let mut minutes = Vec::new();
        for distance in 0..HOURS_PER_SIDE {
            if distance > 1 && minutes.iter().filter(|pause| **pause > 0).count() >= ENOUGH_MINUTES {
                break;
            }
            let start = ((hour + step * distance).rem_euclid(24) * 60) as usize;
            minutes.extend_from_slice(&self.longest[start..start + 60]);
        }
        quantile(minutes)
    }
}

/// The 99 % quantile of the pauses above 0, never the longest; `None` if there are fewer than two.
fn quantile(mut pauses: Vec<i64>) -> Option<i64> {
    pauses.retain(|pause| *pause > 0);
    let last = pauses.len().checked_sub(2)?;
    let rank = ((pauses.len() - 1) as f64 * 0.99) as usize;
    let (_, pause, _) = pauses.select_nth_unstable(rank.min(last));
    Some(*pause)
}

/// The seconds of a day in which a row arrived, one bit each. The day is that of the first row.
#[derive(Debug, Default)]
pub(super) struct Seconds {
    pub start_us: i64,
    bits: Vec<u64>,
}

/// Seconds of a day.
pub(super) const SECONDS: i64 = DAY_US / 1_000_000;

impl Seconds {
    pub fn add(&mut self, us: i64) {
        if self.bits.is_empty() {
            self.start_us = us - us.rem_euclid(DAY_US);
            self.bits = vec![0; (SECONDS as usize).div_ceil(64)];
        }
        let second = (us - self.start_us).div_euclid(1_000_000);
        // Rows of another day are reported by `outside_day`.
        if (0..SECONDS).contains(&second) {
            self.bits[second as usize / 64] |= 1 << (second % 64);
        }
    }

    pub fn any(&self, from_us: i64, to_us: i64) -> bool {
        if self.bits.is_empty() {
            return false;
        }
        let first = (from_us - self.start_us + 999_999).div_euclid(1_000_000).max(0);
        let end = (to_us - self.start_us).div_euclid(1_000_000).min(SECONDS);
        (first..end).any(|second| self.is_active(second))
    }

    fn is_active(&self, second: i64) -> bool {
        self.bits[second as usize / 64] >> (second % 64) & 1 == 1
    }

    /// The longest time without arrivals within a time range, whole seconds.
    pub fn longest_quiet_s(&self, from_us: i64, to_us: i64) -> i64 {
        if self.bits.is_empty() {
            return (to_us - from_us) / 1_000_000;
        }
        let first = (from_us - self.start_us).div_euclid(1_000_000).max(0);
        let end = (to_us - self.start_us).div_euclid(1_000_000).min(SECONDS);
        let (mut longest, mut quiet) = (0, 0);
        for second in first..end {
            quiet = if self.is_active(second) { 0 } else { quiet + 1 };
            longest = longest.max(quiet);
        }
        longest
    }

    /// How many pieces of a length, whole seconds, there are in a range of seconds of the day, and in how many of them a row
    /// arrived.
    pub fn pieces(&self, range: Range<i64>, length_s: i64) -> (i64, i64) {
        let (mut all, mut active, mut at) = (0, 0, range.start);
        while at + length_s <= range.end {
            all += 1;
            active += i64::from((at..at + length_s).any(|second| self.is_active(second)));
            at += length_s;
        }
        (all, active)
    }

    /// A time range in seconds of the day, as far as it lies in the day; empty if no row arrived.
    pub fn seconds(&self, from_us: i64, to_us: i64) -> Range<i64> {
        if self.bits.is_empty() {
            return 0..0;
        }
        let second = |us: i64| us.saturating_sub(self.start_us).div_euclid(1_000_000).clamp(0, SECONDS);
        second(from_us)..second(to_us)
    }
}
