//! What was asked of the simulated world: the witness of every test about a client.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use md5::{Digest, Md5};

use crate::lock;
use crate::server::fault::Host;
use crate::server::file_cache::hex;

/// One request, and what became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// Which server.
    pub host: Host,
    /// HTTP method.
    pub method: String,
    /// Path and query as they came.
    pub url: String,
    /// The headers that matter, names in lower case; `authorization` is not among them.
    pub headers: Vec<(String, String)>,
    /// MD5 of the value of `Authorization` (see [`authorization_hash`]); nothing when there is no such header.
    pub authorization: Option<String>,
    /// Status of the answer; 0 when the connection was reset instead.
    pub status: u16,
    /// Bytes of the answer's body that were meant to arrive; nothing when they were not counted beforehand.
    pub bytes: Option<u64>,
    /// Which attempt at this method and URL, the first is 1. A query of `retryAttempt` does not count as another URL.
    pub attempt: u32,
    /// Requests of all hosts that were being answered when this one came, itself included.
    pub in_flight: usize,
    /// When it came, from the world's start on, by a clock that only goes forward.
    pub at: Duration,
}

impl Request {
    /// Path and query without percent signs.
    pub fn decoded_url(&self) -> String {
        percent_encoding::percent_decode_str(&self.url).decode_utf8_lossy().into_owned()
    }

    /// A header's value, by its name in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }
}

/// What [`Request::authorization`] holds for a header value such as `Bearer KEY`.
pub fn authorization_hash(value: &str) -> String {
    hex(&Md5::digest(value.as_bytes()))
}

/// Headers that are kept, besides all that begin with `x-goog-`.
const KEPT: [&str; 11] = [
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

/// Whether a header is kept in the log.
pub(crate) fn is_kept(name: &str) -> bool {
    KEPT.contains(&name) || name.starts_with("x-goog-")
}

/// All requests so far.
#[derive(Debug)]
pub(crate) struct RequestLog {
    started: Instant,
    entries: Mutex<Vec<Request>>,
    attempts: Mutex<HashMap<(Host, String), u32>>,
    in_flight: Arc<AtomicUsize>,
}

/// A request that is being answered; it ends when this is dropped.
#[derive(Debug)]
pub(crate) struct InFlight {
    counter: Arc<AtomicUsize>,
    /// Requests in flight when this one began, itself included.
    pub(crate) count: usize,
    /// When it came, from the world's start on.
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
    /// Counts one more attempt at a URL.
    pub(crate) fn attempt(&self, host: Host, method: &str, url: &str) -> u32 {
        let mut attempts = lock(&self.attempts);
        let count = attempts.entry((host, format!("{method} {}", without_retry(url)))).or_default();
        *count += 1;
        *count
    }

    pub(crate) fn begin(&self) -> InFlight {
        let count = self.in_flight.fetch_add(1, Ordering::Relaxed) + 1;
        InFlight { counter: Arc::clone(&self.in_flight), count, at: self.started.elapsed() }
    }

    pub(crate) fn push(&self, entry: Request) {
        lock(&self.entries).push(entry);
    }

    pub(crate) fn entries(&self) -> Vec<Request> {
        lock(&self.entries).clone()
    }

    pub(crate) fn clear(&self) {
        lock(&self.entries).clear();
        self.forget_attempts();
    }

    pub(crate) fn forget_attempts(&self) {
        lock(&self.attempts).clear();
    }
}

/// A URL without the query parameter that the vendor's clients add when they try again.
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
