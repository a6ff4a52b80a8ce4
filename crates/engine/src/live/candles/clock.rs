//! A venue's time, as its rows tell it, and how late its trades are.

use super::VenueLateness;

/// Rows whose time is further ahead of their arrival tell no time.
const AHEAD_US: i64 = 60_000_000;
/// For how long the fastest message tells the difference of the clocks. It is that of one or two of these.
const WINDOW_US: i64 = 300_000_000;

/// The time of a venue.
#[derive(Debug, Default)]
pub(super) struct VenueClock {
    /// The largest exchange time, and the last arrival of a message.
    newest: Option<(i64, i64)>,
    /// When the window began, and the least arrival − exchange time in it and in the one before.
    window: Option<(i64, i64, i64)>,
    behind: Histogram,
}

impl VenueClock {
    /// A row of any data type; both times in microseconds since the Unix epoch, UTC.
    pub fn see(&mut self, happened: i64, arrived: i64) {
        let delay = arrived.saturating_sub(happened);
        if delay < -AHEAD_US {
            return;
        }
        self.newest = Some(match self.newest {
            Some((newest, last)) => (newest.max(happened), last.max(arrived)),
            None => (happened, arrived),
        });
        self.window = Some(match self.window {
            None => (arrived, delay, delay),
            Some((began, least, _)) if arrived.saturating_sub(began) > WINDOW_US => (arrived, delay, least),
            Some((began, least, before)) => (began, least.min(delay), before),
        });
    }

    /// A trade: how late it is is measured.
    pub fn trade(&mut self, happened: i64, arrived: i64) {
        let behind = arrived.saturating_sub(self.offset()).saturating_sub(happened);
        self.behind.count(behind.max(0));
    }

    fn offset(&self) -> i64 {
        self.window.map_or(0, |(_, least, before)| least.min(before))
    }

    /// The exchange's time at a time of the local clock: the largest that a row had, and never more than the local clock minus the
    /// difference of the clocks. After a silence it is the latter.
    pub fn time(&self, now_us: i64, quiet_us: i64) -> i64 {
        let by_clock = now_us.saturating_sub(self.offset());
        match self.newest {
            Some((newest, last)) if now_us.saturating_sub(last) <= quiet_us => newest.min(by_clock),
            _ => by_clock,
        }
    }

    pub fn lateness(&self) -> VenueLateness {
        VenueLateness {
            most_us: self.behind.quantile(9_999, 10_000),
            trades: self.behind.total,
            offset_us: self.offset(),
        }
    }
}

/// Counts of durations, in steps of a 16th of a power of two.
#[derive(Debug, Default)]
struct Histogram {
    counts: Vec<u64>,
    total: u64,
}

/// Steps per power of two.
const STEPS: u64 = 16;

impl Histogram {
    fn count(&mut self, us: i64) {
        let place = Histogram::place(us.max(0) as u64);
        if self.counts.len() <= place {
            self.counts.resize(place + 1, 0);
        }
        self.counts[place] += 1;
        self.total += 1;
    }

    fn place(us: u64) -> usize {
        let power = us.max(1).ilog2().saturating_sub(STEPS.ilog2());
        // Below 16 the value itself is the step.
        (u64::from(power) * STEPS + (us >> power)) as usize
    }

    /// The largest value of a step.
    fn last_of(place: usize) -> i64 {
        let place = place as u64;
        if place < 2 * STEPS {
            return place as i64;
        }
        let power = place / STEPS - 1;
        (((place - power * STEPS + 1) << power) - 1) as i64
    }

    /// The duration that a share of all does not exceed.
    fn quantile(&self, share: u64, of: u64) -> Option<i64> {
        let rank = (u128::from(self.total) * u128::from(share)).div_ceil(u128::from(of)) as u64;
        let mut before = 0;
        self.counts.iter().enumerate().find_map(|(place, count)| {
            before += count;
            (self.total > 0 && before >= rank).then(|| Histogram::last_of(place))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: i64 = 1_000_000;

    #[test]
    fn quantiles_are_right_within_a_step() {
        for us in [0, 1, 15, 16, 31, 32, 33, 1_000, 4_095, 4_096, 10_000_000, i64::MAX / 4] {
            let mut histogram = Histogram::default();
            (0..9_999).for_each(|_| histogram.count(us));
            histogram.count(i64::MAX / 2);
            let told = histogram.quantile(9_999, 10_000).unwrap();
            assert!(told >= us && told - us <= us / 14, "{us} {told}");
        }
        assert_eq!(Histogram::default().quantile(9_999, 10_000), None);
    }

    #[test]
    fn the_time_follows_rows_and_in_silence_the_clock() {
        let mut clock = VenueClock::default();
        assert_eq!(clock.time(100 * S, 5 * S), 100 * S, "nothing is known of the venue's clock");
        // The local clock is 2 s behind.
        clock.see(102 * S, 100 * S);
        clock.see(101 * S, 100 * S + 1);
        assert_eq!(clock.time(100 * S + 10, 5 * S), 102 * S, "the largest time of a row");
        assert_eq!(clock.time(110 * S, 5 * S), 112 * S, "after a silence the clock");
        // A row of the far future tells nothing.
        clock.see(10_000 * S, 111 * S);
        assert_eq!(clock.time(111 * S, 60 * S), 102 * S);
        assert_eq!(clock.lateness().offset_us, -2 * S);
        // A clock that was set is followed after two windows.
        for at in [112, 500, 1_000] {
            clock.see((at - 1) * S, at * S);
        }
        assert_eq!(clock.lateness().offset_us, S);
    }
}
