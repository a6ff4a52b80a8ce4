//! When to connect again after a connection ended.
//!
//! It waits for nothing and reads no clock: [`Backoff::after`] says how long, [`super::link`] waits.

use std::time::Duration;

/// The bound of the first random wait; it doubles with each failure in a row.
const FIRST: Duration = Duration::from_millis(250);
/// The largest bound.
const LONGEST: Duration = Duration::from_secs(32);
/// The shortest wait after a close in good order, so that a server that accepts and closes is not asked without pause.
const AFTER_CLEAN: Duration = Duration::from_millis(250);
/// How long data must have come before the failures are forgotten. One message is not enough: a server may accept, send one and
/// close, for ever.
const GOOD: Duration = Duration::from_secs(60);
/// The least wait after a 429 per failure in a row, as Tardis' own client waits.
const AFTER_429: Duration = Duration::from_secs(16);
/// The least wait after a 418, Binance's and Upbit's status of a ban.
const AFTER_418: Duration = Duration::from_secs(120);
/// After so many answers in a row that refuse this machine or region, a person must decide.
const REFUSALS: u32 = 3;

/// How a connection ended, or why there was none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// It was open and the server closed it in good order.
    Clean,
    /// It broke, was silent for too long, or could not be opened.
    Broken,
    /// The server answered with an HTTP status in place of a WebSocket.
    Answered {
        /// The status.
        status: u16,
        /// `Retry-After`, if there was one.
        retry_after: Option<Duration>,
    },
}

/// What to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Connect again after this time.
    After(Duration),
    /// No connection of the venue is to be opened for this time: the address is banned.
    PauseVenue(Duration),
    /// The venue refuses this machine or region, with this status: a person must decide.
    GiveUp(u16),
}

/// The failures in a row of one connection.
#[derive(Clone, Debug, Default)]
pub struct Backoff {
    failures: u32,
    refusals: u32,
}

impl Backoff {
    /// What to do after a connection ended. `good_for`: how long data came on it, zero if it never opened. `share`: a random number
    /// from 0 to 1 ("full jitter", <https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/>).
    pub fn after(&mut self, ended: Ended, good_for: Duration, share: f64) -> Next {
        if good_for >= GOOD {
            self.failures = 0;
        }
        if good_for > Duration::ZERO {
            self.refusals = 0;
        }
        if ended == Ended::Clean && good_for >= GOOD {
            return Next::After(AFTER_CLEAN);
        }
        let bound = FIRST.saturating_mul(1 << self.failures.min(16)).min(LONGEST);
        let wait = bound.mul_f64(share.clamp(0.0, 1.0));
        self.failures = self.failures.saturating_add(1);
        match ended {
            Ended::Clean => Next::After(wait.max(AFTER_CLEAN)),
            Ended::Broken => Next::After(wait),
            Ended::Answered { status: 429, retry_after } => {
                let least = AFTER_429.saturating_mul(self.failures);
                Next::After(retry_after.unwrap_or_default().max(least))
            }
            Ended::Answered { status: 418, retry_after } => {
                Next::PauseVenue(retry_after.unwrap_or_default().max(AFTER_418))
            }
            Ended::Answered { status: status @ (403 | 451), retry_after } => {
                self.refusals += 1;
                match self.refusals < REFUSALS {
                    true => Next::After(retry_after.unwrap_or_default().max(wait)),
                    false => Next::GiveUp(status),
                }
            }
            Ended::Answered { retry_after, .. } => Next::After(retry_after.unwrap_or_default().max(wait)),
        }
    }

    /// Failures in a row.
    pub fn failures(&self) -> u32 {
        self.failures
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: fn(u64) -> Duration = Duration::from_secs;
    const MS: fn(u64) -> Duration = Duration::from_millis;

    #[test]
    fn waits_grow_to_a_bound_and_are_random() {
        let mut backoff = Backoff::default();
        for bound in [250, 500, 1000, 2000, 4000, 8000, 16_000, 32_000, 32_000] {
            assert_eq!(backoff.clone().after(Ended::Broken, S(0), 0.0), Next::After(S(0)));
            assert_eq!(backoff.after(Ended::Broken, S(0), 1.0), Next::After(MS(bound)));
        }
    }

    #[test]
    fn only_a_minute_of_data_makes_failures_forgotten() {
        for (good, expected) in [(0, 4000), (59, 4000), (60, 250)] {
            let mut backoff = Backoff { failures: 4, refusals: 0 };
            assert_eq!(backoff.after(Ended::Broken, S(good), 1.0), Next::After(MS(expected)), "{good} s");
        }
    }

    #[test]
    fn a_close_in_good_order_never_spins() {
        let mut backoff = Backoff::default();
        assert_eq!(backoff.after(Ended::Clean, S(3600), 0.0), Next::After(MS(250)));
        assert_eq!(backoff.failures(), 0);
        for bound in [250, 500, 1000] {
            assert_eq!(
                backoff.after(Ended::Clean, MS(1), 1.0),
                Next::After(MS(bound)),
                "accept, one message, close"
            );
        }
        assert_eq!(backoff.after(Ended::Clean, MS(1), 0.0), Next::After(MS(250)));
    }

    #[test]
    fn answers_in_place_of_a_socket() {
        let answered = |status, seconds: Option<u64>| Ended::Answered { status, retry_after: seconds.map(S) };
        let cases: [(&[Ended], Next); 8] = [
            (&[answered(429, None)], Next::After(S(16))),
            (&[answered(429, None), answered(429, None)], Next::After(S(32))),
            (&[answered(429, Some(90))], Next::After(S(90))),
            (&[answered(418, None)], Next::PauseVenue(S(120))),
            (&[answered(418, Some(600))], Next::PauseVenue(S(600))),
            (&[answered(451, None), answered(451, None)], Next::After(MS(500))),
            (&[answered(403, None), answered(403, None), answered(403, None)], Next::GiveUp(403)),
            (&[answered(503, Some(5))], Next::After(S(5))),
        ];
        for (answers, expected) in cases {
            let mut backoff = Backoff::default();
            let last = answers.iter().map(|answer| backoff.after(*answer, S(0), 1.0)).last();
            assert_eq!(last, Some(expected), "{answers:?}");
        }
        let mut backoff = Backoff::default();
        backoff.after(answered(403, None), S(0), 1.0);
        backoff.after(answered(403, None), S(0), 1.0);
        backoff.after(Ended::Broken, S(1), 1.0);
        assert_ne!(backoff.after(answered(403, None), S(0), 1.0), Next::GiveUp(403), "data came in between");
    }
}
