//! The used part of Binance's request limit.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use crate::sync::lock;

const MINUTE: Duration = Duration::from_secs(60);

/// Weight of one request for candles.
const CANDLES_WEIGHT: u32 = 2;
/// Weight that a client may use in one minute.
const MAX_WEIGHT: u32 = 6_000;

/// The limit is used up for this minute.
#[derive(Clone, Copy, Debug)]
pub(super) struct LimitReached {
    /// Seconds until the minute ends.
    pub(super) retry_after_seconds: u64,
}

/// A minute of real time and the weight used in it.
#[derive(Clone, Copy, Debug)]
struct Window {
    start: Instant,
    weight: u32,
}

/// The weight used in the current minute of real time.
#[derive(Debug, Default)]
pub(super) struct Weight {
    window: Mutex<Option<Window>>,
}

impl Weight {
    /// Counts a request and returns the weight used in this minute.
    ///
    /// # Errors
    /// Fails when the limit is used up.
    pub(super) fn count_request(&self) -> Result<u32, LimitReached> {
        let now = Instant::now();
        let mut window = lock(&self.window);
        let current = window.filter(|window| now.duration_since(window.start) < MINUTE);
        let Window { start, weight } = current.unwrap_or(Window { start: now, weight: 0 });
        let weight = weight + CANDLES_WEIGHT;
        *window = Some(Window { start, weight });
        if weight > MAX_WEIGHT {
            let left = MINUTE.saturating_sub(now.duration_since(start));
            Err(LimitReached { retry_after_seconds: left.as_secs() + 1 })
        } else {
            Ok(weight)
        }
    }
}
