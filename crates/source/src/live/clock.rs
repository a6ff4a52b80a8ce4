//! The time at which something arrived.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// The latest time that was given out, microseconds since the Unix epoch, UTC.
static LATEST: AtomicI64 = AtomicI64::new(0);

/// Now by the wall clock, microseconds since the Unix epoch, UTC. It never falls within a process: while the wall clock is behind
/// what was given out before, it stands still. [`Steps`] tells of that.
pub fn now() -> i64 {
    let wall = wall();
    LATEST.fetch_max(wall, Ordering::Relaxed).max(wall)
}

/// The wall clock as it is.
fn wall() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}

/// The time since the first call in this process, by a clock that nobody sets.
pub fn elapsed() -> Duration {
    static START: OnceLock<Instant> = OnceLock::new();
    START.get_or_init(Instant::now).elapsed()
}

/// Notices when the wall clock was set.
#[derive(Clone, Copy, Debug)]
pub struct Steps {
    /// Wall clock less [`elapsed`], microseconds.
    offset: i64,
}

/// A step smaller than this, microseconds, is none: clocks are slewed by the system all the time.
const SMALLEST_STEP: i64 = 1_000_000;

/// Two readings that belong together are no further apart.
const READING: Duration = Duration::from_millis(100);

impl Steps {
    /// From now on.
    pub fn new() -> Steps {
        Steps { offset: offset(wall(), elapsed()) }
    }

    /// By how much the clock was set since this was last asked, microseconds, positive if forward; `None` if by less than a second.
    pub fn step(&mut self) -> Option<i64> {
        let (before, wall, after) = (elapsed(), wall(), elapsed());
        // Whoever was stopped between two readings knows nothing. The next one tells.
        if after - before > READING {
            return None;
        }
        self.step_at(wall, after)
    }

    fn step_at(&mut self, wall: i64, elapsed: Duration) -> Option<i64> {
        let offset = offset(wall, elapsed);
        let step = offset - self.offset;
        self.offset = offset;
        (step.abs() > SMALLEST_STEP).then_some(step)
    }
}

impl Default for Steps {
    fn default() -> Steps {
        Steps::new()
    }
}

fn offset(wall: i64, elapsed: Duration) -> i64 {
    wall - i64::try_from(elapsed.as_micros()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_never_falls() {
        let first = now();
        LATEST.fetch_max(first + 50_000, Ordering::Relaxed);
        assert!(now() >= first + 50_000, "the wall clock is behind");
    }

    #[test]
    fn steps_are_told_once() {
        let s = Duration::from_secs;
        let mut steps = Steps { offset: 1_000_000_000 };
        for (wall, elapsed, expected) in [
            (1_005_000_000, s(5), None),
            (1_010_900_000, s(10), None),
            (1_020_900_000, s(15), Some(5_000_000)),
            (1_025_900_000, s(20), None),
            (1_020_000_000, s(25), Some(-10_900_000)),
        ] {
            assert_eq!(steps.step_at(wall, elapsed), expected, "{wall}");
        }
    }
}
