//! When to ask again: exponential back-off with full jitter, and the vendor's word above it.

use std::future::Future;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use mtdh_core::error::chain;

use super::HttpError;

/// How often and how long to try.
#[derive(Clone, Copy, Debug)]
pub struct RetryPolicy {
    /// Attempts in all, the first included.
    pub attempts: u32,
    /// Longest wait before the second attempt; it doubles with each.
    pub first_wait: Duration,
    /// Longest wait before any attempt that the vendor did not ask for.
    pub longest_wait: Duration,
}

impl Default for RetryPolicy {
    fn default() -> RetryPolicy {
        RetryPolicy {
            attempts: 10,
            first_wait: Duration::from_secs(1),
            longest_wait: Duration::from_secs(60),
        }
    }
}

impl RetryPolicy {
    /// How long to wait after failed attempt `attempt` (from 1): what the vendor asked for and a little more, so that
    /// a crowd does not come back at one moment; else anything up to a bound that doubles ("full jitter").
    fn wait(&self, attempt: u32, asked: Option<Duration>) -> Duration {
        let bound = self.first_wait.saturating_mul(1 << (attempt - 1).min(16)).min(self.longest_wait);
        match asked {
            Some(asked) => asked.saturating_add(self.first_wait.mul_f64(fastrand::f64())),
            None => bound.mul_f64(fastrand::f64()),
        }
    }

    /// The longest that all waits of a request take together, where the vendor asks for none.
    fn longest(&self) -> Duration {
        let wait =
            |attempt: u32| self.first_wait.saturating_mul(1 << (attempt - 1).min(16)).min(self.longest_wait);
        (1..self.attempts).map(wait).fold(Duration::ZERO, Duration::saturating_add)
    }

    /// Says once in a while for whom is waited and for how long; each single attempt is for those who want details.
    fn tell(&self, attempt: u32, wait: Duration, error: &HttpError) {
        let cause = chain(error);
        let host = error.host().unwrap_or_else(|| "the vendor".to_owned());
        tracing::debug!(attempt, wait_ms = wait.as_millis() as u64, %cause, "asking again");
        if is_news(&host, Instant::now()) {
            tracing::warn!(
                %cause,
                "waiting for {host}: each request is tried {} times, with waits of at most {} s in all",
                self.attempts,
                self.longest().max(wait).as_secs().max(1)
            );
        }
    }

    /// Calls `ask` with the attempt's number, from 1, until it succeeds, fails for good, or attempts are used up.
    ///
    /// # Errors
    /// The last attempt's error.
    pub async fn run<T, F>(&self, mut ask: impl FnMut(u32) -> F) -> Result<T, HttpError>
    where
        F: Future<Output = Result<T, HttpError>>,
    {
        let mut attempt = 1;
        loop {
            match ask(attempt).await {
                Err(error) if error.is_transient() && attempt < self.attempts => {
                    let wait = self.wait(attempt, error.retry_after());
                    self.tell(attempt, wait, &error);
                    tokio::time::sleep(wait).await;
                    attempt += 1;
                }
                outcome => return outcome,
            }
        }
    }
}

/// For so long nothing more is said of a host.
const QUIET: Duration = Duration::from_secs(60);

/// Hosts of which it was said that they are waited for, and when. For the whole process: many requests wait for one host.
static TOLD: Mutex<Vec<(String, Instant)>> = Mutex::new(Vec::new());

fn is_news(host: &str, now: Instant) -> bool {
    // Nothing panics while it is held.
    let mut told = TOLD.lock().unwrap_or_else(PoisonError::into_inner);
    told.retain(|(_, at)| now.duration_since(*at) < QUIET);
    let is_news = told.iter().all(|(known, _)| known != host);
    if is_news {
        told.push((host.to_owned(), now));
    }
    is_news
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::Peer;

    #[test]
    fn waits_grow_to_a_bound_and_the_vendors_word_is_kept() {
        let policy = RetryPolicy::default();
        for attempt in 1..40 {
            let bound = Duration::from_secs(1 << (attempt - 1).min(16)).min(Duration::from_secs(60));
            assert!(policy.wait(attempt, None) <= bound);
            let asked = Duration::from_secs(90);
            assert!(policy.wait(attempt, Some(asked)) >= asked);
            assert_eq!(policy.wait(attempt, Some(Duration::MAX)), Duration::MAX);
        }
    }

    #[test]
    fn a_host_is_told_of_once_in_a_while() {
        let start = Instant::now();
        let after = |seconds| start + Duration::from_secs(seconds);
        for (host, seconds, expected) in [
            ("a", 0, true),
            ("a", 1, false),
            ("b", 2, true),
            ("a", 59, false),
            ("a", 60, true),
            ("b", 61, false),
        ] {
            assert_eq!(is_news(host, after(seconds)), expected, "{host} after {seconds} s");
        }
        assert_eq!(RetryPolicy::default().longest(), Duration::from_secs(1 + 2 + 4 + 8 + 16 + 32 + 60 * 3));
    }

    #[tokio::test(start_paused = true)]
    async fn transient_errors_are_tried_again_and_others_not() {
        let error = |status, is_transient| HttpError::Status {
            peer: Peer::Tardis,
            url: "u".into(),
            status,
            code: None,
            message: "m".into(),
            retry_after: None,
            is_transient,
        };
        let policy = RetryPolicy { attempts: 3, ..RetryPolicy::default() };
        for (is_transient, succeeds_at, expected_attempts) in [(true, 3, 3), (true, 9, 3), (false, 9, 1)] {
            let mut attempts = 0;
            let outcome = policy
                .run(|attempt| {
                    attempts = attempt;
                    async move { if attempt == succeeds_at { Ok(()) } else { Err(error(503, is_transient)) } }
                })
                .await;
            assert_eq!((attempts, outcome.is_ok()), (expected_attempts, succeeds_at == expected_attempts));
        }
    }
}
