//! The log of all requests, for tests to assert on.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use md5::{Digest, Md5};

use crate::hex::lower_hex;
use crate::server::fault::Host;
use crate::sync::lock;

/// A request and its outcome.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// The server.
    pub host: Host,
    /// HTTP method.
    pub method: String,
    /// Path and query as sent.
    pub url: String,
    /// The logged headers, names in lower case, without `authorization`.
    pub headers: Vec<(String, String)>,
    /// MD5 of the `Authorization` header (see [`authorization_hash`]); `None`: no such header.
    pub authorization: Option<String>,
    /// Status of the response; 0 if the connection was reset instead.
    pub status: u16,
    /// Bytes of the response's body to be sent, faults included; `None`: not known in advance.
    pub bytes: Option<u64>,
    /// Number of this attempt at the method and URL, counted from 1. The query parameter `retryAttempt` is ignored.
    pub attempt: u32,
    /// Requests of all hosts in flight when this one arrived, itself included.
    pub in_flight: usize,
    /// Time of arrival since the start of the simulator, by a monotonic clock.
    pub at: Duration,
}

impl Request {
    /// Returns path and query, percent-decoded.
    pub fn decoded_url(&self) -> String {
        percent_encoding::percent_decode_str(&self.url).decode_utf8_lossy().into_owned()
    }

    /// Returns a logged header's value by its name in lower case. `None`: not sent, or not logged.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }
}

/// Computes [`Request::authorization`] for a header value such as `Bearer KEY`: lower-case hexadecimal MD5.
pub fn authorization_hash(value: &str) -> String {
    lower_hex(&Md5::digest(value.as_bytes()))
}

/// Headers that are logged, besides all that begin with `x-goog-`.
const LOGGED_HEADERS: [&str; 11] = [
    "accept",
    "accept-encoding",
    "content-length",
    "content-range",
    "content-type",
    "if-match",
    "if-none-match",
    "if-range",
    "range",
    "transfer-encoding",
    "user-agent",
];

/// Whether a header is logged.
pub(crate) fn is_logged(name: &str) -> bool {
    LOGGED_HEADERS.contains(&name) || name.starts_with("x-goog-")
}

/// All requests so far.
#[derive(Debug)]
pub(crate) struct RequestLog {
    started: Instant,
    entries: Mutex<Vec<Request>>,
    attempts: Mutex<HashMap<(Host, String), u32>>,
    in_flight: Arc<AtomicUsize>,
}

/// A request in flight, until this is dropped.
#[derive(Debug)]
pub(crate) struct InFlight {
    counter: Arc<AtomicUsize>,
    /// Requests in flight when this one arrived, itself included.
    pub(crate) count: usize,
    /// Time of arrival since the start of the simulator.
    pub(crate) at: Duration,
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.counter.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Default for RequestLog {
    fn default() -> RequestLog {
        let (entries, attempts, in_flight) = (Mutex::default(), Mutex::default(), Arc::default());
        RequestLog { started: Instant::now(), entries, attempts, in_flight }
    }
}

impl RequestLog {
    /// Counts an attempt at a URL and returns its number.
    pub(crate) fn count_attempt(&self, host: Host, method: &str, url: &str) -> u32 {
        let mut attempts = lock(&self.attempts);
        let count = attempts.entry((host, format!("{method} {}", without_retry(url)))).or_default();
        *count += 1;
        *count
    }

    /// Counts a request as in flight.
    pub(crate) fn begin(&self) -> InFlight {
        let count = self.in_flight.fetch_add(1, Ordering::Relaxed) + 1;
        InFlight { counter: Arc::clone(&self.in_flight), count, at: self.started.elapsed() }
    }

    /// Adds a request.
    pub(crate) fn push(&self, entry: Request) {
        lock(&self.entries).push(entry);
    }

    /// Returns all requests.
    pub(crate) fn entries(&self) -> Vec<Request> {
        lock(&self.entries).clone()
    }

    /// Removes all requests and resets the attempts.
    pub(crate) fn clear(&self) {
        lock(&self.entries).clear();
        self.reset_attempts();
    }

    /// Counts attempts from 1 again.
    pub(crate) fn reset_attempts(&self) {
        lock(&self.attempts).clear();
    }
}

/// Removes the query parameter that Tardis' clients add to retries.
fn without_retry(url: &str) -> String {
    let Some((path, query)) = url.split_once('?') else { return url.to_owned() };
    let rest: Vec<&str> = query.split('&').filter(|pair| !pair.starts_with("retryAttempt=")).collect();
    if rest.is_empty() { path.to_owned() } else { format!("{path}?{}", rest.join("&")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_retry_is_the_same_url() {
        for (url, expected) in
            [("/a?retryAttempt=3", "/a"), ("/a?b=1&retryAttempt=3", "/a?b=1"), ("/a", "/a")]
        {
            assert_eq!(without_retry(url), expected);
        }
    }
}
