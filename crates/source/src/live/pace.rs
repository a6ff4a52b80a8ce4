//! How often something may be done: connects to a venue, messages to a server.
//!
//! It waits for nothing and reads no clock: times are durations since any fixed moment.

use std::collections::VecDeque;
use std::time::Duration;

/// What is added to a window, because a server counts when messages arrive, not when they were sent.
const MARGIN: Duration = Duration::from_millis(100);

/// At most so many in any stretch of time of a length: not a bucket that refills, which would let twice as many through at its edge.
#[derive(Clone, Debug)]
pub struct Window {
    most: usize,
    within: Duration,
    taken: VecDeque<Duration>,
}

impl Window {
    /// At most `most`, one at least, in any stretch of length `within`.
    pub fn new(most: u32, within: Duration) -> Window {
        Window { most: most.max(1) as usize, within: within + MARGIN, taken: VecDeque::new() }
    }

    /// When the next one may be taken, at the earliest `now`.
    pub fn next(&mut self, now: Duration) -> Duration {
        while self.taken.front().is_some_and(|first| *first + self.within <= now) {
            self.taken.pop_front();
        }
        match self.taken.len() < self.most {
            true => now,
            false => self.taken[self.taken.len() - self.most] + self.within,
        }
    }

    /// Takes one at `now`.
    pub fn take(&mut self, now: Duration) {
        self.taken.push_back(now);
    }
}

/// Several windows that all must allow it.
#[derive(Clone, Debug, Default)]
pub struct Pace {
    windows: Vec<Window>,
    /// Nothing before this time.
    not_before: Duration,
}

impl Pace {
    /// Allowed by each of these limits: how many, within what time. Without any, all is allowed.
    pub fn new(limits: &[(u32, Duration)]) -> Pace {
        let windows = limits.iter().map(|(most, within)| Window::new(*most, *within)).collect();
        Pace { windows, not_before: Duration::ZERO }
    }

    /// When the next one may be taken, at the earliest `now`.
    pub fn next(&mut self, now: Duration) -> Duration {
        let windows = self.windows.iter_mut().map(|window| window.next(now)).max();
        windows.unwrap_or(now).max(self.not_before)
    }

    /// Takes one if it is allowed now; else says when it will be.
    ///
    /// # Errors
    /// The time at which it is worth trying again.
    pub fn take(&mut self, now: Duration) -> Result<(), Duration> {
        let next = self.next(now);
        if next > now {
            return Err(next);
        }
        self.windows.iter_mut().for_each(|window| window.take(now));
        Ok(())
    }

    /// Allows nothing before `until`.
    pub fn pause(&mut self, until: Duration) {
        self.not_before = self.not_before.max(until);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: fn(u64) -> Duration = Duration::from_millis;

    #[test]
    fn no_stretch_of_time_has_more() {
        let mut pace = Pace::new(&[(5, MS(900)), (12, MS(4900))]);
        let mut taken: Vec<Duration> = Vec::new();
        let mut now = MS(0);
        while taken.len() < 40 {
            match pace.take(now) {
                Ok(()) => taken.push(now),
                Err(next) => now = next,
            }
        }
        for (most, within) in [(5, 1000), (12, 5000)] {
            for stretch in taken.windows(most + 1) {
                assert!(stretch[most] - stretch[0] >= MS(within), "{most} in {within} ms: {stretch:?}");
            }
        }
        assert!(now < MS(20_000), "it waits no longer than it must: {now:?}");
    }

    #[test]
    fn a_pause_holds_everything_back() {
        let mut pace = Pace::new(&[]);
        assert_eq!(pace.take(MS(1)), Ok(()));
        pace.pause(MS(500));
        pace.pause(MS(300));
        assert_eq!(pace.take(MS(10)), Err(MS(500)));
        assert_eq!(pace.take(MS(500)), Ok(()));
    }
}
