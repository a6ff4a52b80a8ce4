//! The pace of one stream: how long it is silent between two messages, by its own history, and when it is silent for too long.
//!
//! Only for streams that go on by themselves, such as books and tickers: that nobody trades is no silence.

/// An interval counts as silence from here on, microseconds, however fast the stream is.
const LEAST_US: i64 = 30_000_000;
/// So many times the interval below which 99.9 % of its intervals are.
const TIMES: i64 = 10;
/// With fewer intervals a stream has no pace.
const HISTORY: u32 = 100;
/// From so many intervals on older ones count half, so that the pace is that of now.
const MOST: u32 = 1 << 20;

/// Intervals are counted by their size: two steps for each power of two, from 1 ms to 19 h.
const STEPS: usize = 54;
const FIRST_POWER: u32 = 10;

/// The pace of a stream.
#[derive(Clone, Debug)]
pub struct Pace {
    last: Option<i64>,
    /// Since when it is silent, once that was told.
    silent_from: Option<i64>,
    counts: [u32; STEPS],
    total: u32,
}

impl Default for Pace {
    fn default() -> Pace {
        Pace { last: None, silent_from: None, counts: [0; STEPS], total: 0 }
    }
}

impl Pace {
    /// A message arrived, microseconds since the Unix epoch, UTC. The start of the silence that it ends, if one was told.
    #[inline]
    pub fn saw(&mut self, arrived: i64) -> Option<i64> {
        let silent = self.silent_from.take();
        if let Some(last) = self.last.replace(arrived)
            && silent.is_none()
        {
            self.counts[step(arrived - last)] += 1;
            self.total += 1;
            if self.total >= MOST {
                self.counts.iter_mut().for_each(|count| *count /= 2);
                self.total = self.counts.iter().sum();
            }
        }
        silent
    }

    /// When the last message arrived; `None`: none did since the stream began.
    pub fn last(&self) -> Option<i64> {
        self.last
    }

    /// How long it may be silent, microseconds; `None`: too little is known of it.
    pub fn limit(&self) -> Option<i64> {
        if self.total < HISTORY {
            return None;
        }
        let mut above = 0;
        for (step, count) in self.counts.iter().enumerate().rev() {
            above += count;
            if above > self.total / 1_000 {
                return Some((TIMES * end(step)).max(LEAST_US));
            }
        }
        None
    }

    /// Whether it is silent for too long; told once, with the arrival of its last message.
    pub fn silent(&mut self, now: i64) -> Option<i64> {
        let (last, limit) = (self.last?, self.limit()?);
        if self.silent_from.is_some() || now - last <= limit {
            return None;
        }
        self.silent_from = Some(last);
        Some(last)
    }

    /// The connection ended: the time until the next message says nothing of the stream. A silence that was told goes on.
    pub fn interrupted(&mut self) {
        if self.silent_from.is_none() {
            self.last = None;
        }
    }
}

fn step(interval: i64) -> usize {
    let us = u64::try_from(interval).unwrap_or(0).max(1 << FIRST_POWER);
    let power = us.ilog2();
    let half = (us >> (power - 1)) & 1;
    let step = (power - FIRST_POWER) as usize * 2 + half as usize;
    step.min(STEPS - 1)
}

/// The end of a step, microseconds.
fn end(step: usize) -> i64 {
    let power = 1_i64 << (FIRST_POWER as usize + step / 2);
    power + power / 2 * (1 + (step % 2) as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: i64 = 1_000_000;

    /// A pace of messages with these intervals.
    fn paced(intervals: impl IntoIterator<Item = i64>) -> (Pace, i64) {
        let (mut pace, mut at) = (Pace::default(), 0);
        pace.saw(at);
        for interval in intervals {
            at += interval;
            pace.saw(at);
        }
        (pace, at)
    }

    #[test]
    fn steps_hold_their_intervals() {
        for interval in [0, 1, 1_023, 1_024, 1_535, 1_536, 100_000, SECOND, 3_600 * SECOND] {
            let step = step(interval);
            assert!(end(step) > interval && (step == 0 || end(step - 1) <= interval), "{interval} {step}");
        }
        assert_eq!(step(i64::MAX), STEPS - 1);
        assert_eq!(step(-5), 0);
    }

    #[test]
    fn silence_is_long_beside_the_streams_own_intervals() {
        let tenth = SECOND / 10;
        let slow =
            |every: usize| (0..2_000).map(move |nth| if nth % every == 7 { 20 * SECOND } else { tenth });
        let cases: [(&str, Pace, i64, bool); 7] = [
            ("no history", paced((0..99).map(|_| tenth)).0, 3_600 * SECOND, false),
            ("a fast stream has half a minute", paced((0..200).map(|_| tenth)).0, 30 * SECOND, false),
            ("and not more", paced((0..200).map(|_| tenth)).0, 31 * SECOND, true),
            ("one long interval in 2,000 is none of it", paced(slow(2_000)).0, 31 * SECOND, true),
            ("several are its pace", paced(slow(400)).0, 190 * SECOND, false),
            ("ten times of it are silence", paced(slow(400)).0, 260 * SECOND, true),
            ("a quiet stream is quiet", paced((0..200).map(|_| 60 * SECOND)).0, 500 * SECOND, false),
        ];
        for (name, mut pace, later, is_silent) in cases {
            let Some(last) = pace.last() else { panic!("{name}") };
            assert_eq!(pace.silent(last + later), is_silent.then_some(last), "{name}");
        }
    }

    #[test]
    fn a_silence_is_told_once_and_ends_with_a_message() {
        let (mut pace, at) = paced((0..200).map(|_| SECOND));
        assert_eq!(pace.silent(at + 40 * SECOND), Some(at));
        assert_eq!(pace.silent(at + 50 * SECOND), None);
        pace.interrupted();
        assert_eq!(pace.saw(at + 60 * SECOND), Some(at));
        assert_eq!(pace.saw(at + 61 * SECOND), None);
        let limit = pace.limit();
        assert_eq!(limit, Some(30 * SECOND), "the silence itself is no interval of the stream");
        pace.interrupted();
        assert_eq!(pace.silent(at + 3_600 * SECOND), None, "a connection that ended is no silence");
    }
}
