//! Retries: exponential back-off with full jitter; the vendor's `Retry-After` has priority.

use std::future::Future;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use mtdh_core::error::chain;

use super::HttpError;

/// How often and how long to retry.
#[derive(Clone, Copy, Debug)]
pub struct RetryPolicy {
    /// Number of attempts, including the first.
    pub attempts: u32,
    /// The longest wait before the second attempt. It doubles with each further attempt.
    pub first_wait: Duration,
    /// The longest wait before any attempt, unless the vendor asks for a longer one.
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
    /// How long to wait after failed attempt `attempt` (from 1): what the vendor asked for plus a random time, so that clients
    /// do not return all at once; otherwise a random time up to a bound that doubles ("full jitter",
    /// <https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/>).
    fn wait(&self, attempt: u32, asked: Option<Duration>) -> Duration {
        let bound = self.first_wait.saturating_mul(1 << (attempt - 1).min(16)).min(self.longest_wait);
        match asked {
            Some(asked) => asked.saturating_add(self.first_wait.mul_f64(fastrand::f64())),
            None => bound.mul_f64(fastrand::f64()),
        }
    }

    /// The longest total wait of a request, if the vendor asks for none.
    fn longest(&self) -> Duration {
        let wait =
            |attempt: u32| self.first_wait.saturating_mul(1 << (attempt - 1).min(16)).min(self.longest_wait);
        (1..self.attempts).map(wait).fold(Duration::ZERO, Duration::saturating_add)
    }

    /// Logs a retry: each attempt at debug level, and at most once a minute per host at warning level.
    fn log_retry(&self, attempt: u32, wait: Duration, error: &HttpError) {
        let cause = chain(error);
        let host = error.host().unwrap_or_else(|| "the vendor".to_owned());
        tracing::debug!(attempt, wait_ms = wait.as_millis() as u64, %cause, "retrying");
        if is_first_warning(&host, Instant::now()) {
            tracing::warn!(
                %cause,
                "waiting for {host}: each request is tried {} times, with waits of at most {} s in all",
                self.attempts,
                self.longest().max(wait).as_secs().max(1)
            );
        }
    }

    /// Calls `ask` with the number of the attempt, from 1, until it succeeds, fails permanently, or no attempts are left.
    ///
    /// # Errors
    /// The error of the last attempt.
    pub async fn run<T, F>(&self, mut ask: impl FnMut(u32) -> F) -> Result<T, HttpError>
    where
        F: Future<Output = Result<T, HttpError>>,
    {
        let mut attempt = 1;
        loop {
            match ask(attempt).await {
                Err(error) if error.is_transient() && attempt < self.attempts => {
                    let wait = self.wait(attempt, error.retry_after());
                    self.log_retry(attempt, wait, &error);
                    tokio::time::sleep(wait).await;
                    attempt += 1;
                }
                outcome => return outcome,
            }
        }
    }
}

/// The shortest time between two warnings for a host.
const QUIET: Duration = Duration::from_secs(60);

/// The last warning of each host. Shared by the whole process, because many requests wait for one host.
static WARNED: Mutex<Vec<(String, Instant)>> = Mutex::new(Vec::new());

fn is_first_warning(host: &str, now: Instant) -> bool {
    // Nothing panics while the lock is held.
    let mut warned = WARNED.lock().unwrap_or_else(PoisonError::into_inner);
    warned.retain(|(_, at)| now.duration_since(*at) < QUIET);
    let is_first = warned.iter().all(|(known, _)| known != host);
    if is_first {
        warned.push((host.to_owned(), now));
    }
    is_first
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
            assert_eq!(is_first_warning(host, after(seconds)), expected, "{host} after {seconds} s");
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
