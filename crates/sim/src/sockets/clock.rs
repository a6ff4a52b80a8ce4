//! The simulated clock: it begins at a given time and runs as fast as asked.

use std::time::{Duration, Instant};

/// A clock. Its times are microseconds since the Unix epoch, UTC.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clock {
    began: Instant,
    start_us: i64,
    speed: f64,
}

impl Clock {
    /// Starts a clock; `speed` is simulated seconds in a real one.
    pub(super) fn start(start_us: i64, speed: f64) -> Clock {
        Clock { began: Instant::now(), start_us, speed: speed.max(0.001) }
    }

    /// The time now.
    pub(super) fn now_us(&self) -> i64 {
        self.start_us + self.elapsed_us()
    }

    /// Simulated microseconds since the start.
    pub(super) fn elapsed_us(&self) -> i64 {
        (self.began.elapsed().as_secs_f64() * self.speed * 1e6) as i64
    }

    /// How long simulated microseconds take.
    pub(super) fn real(&self, us: i64) -> Duration {
        Duration::from_secs_f64(us.max(0) as f64 / 1e6 / self.speed)
    }
}

/// The wall clock, microseconds since the Unix epoch, UTC.
pub(super) fn wall_us() -> i64 {
    chrono::Utc::now().timestamp_micros()
}
