//! HTTP errors: classification of unsuccessful responses.

use std::error::Error;
use std::fmt;
use std::time::Duration;

use mtdh_core::error::ErrorKind;
use reqwest::header::RETRY_AFTER;
use reqwest::{Response, Url};

use super::secret::Secret;
use crate::http::rate_limit;

/// A longer `Retry-After` is not transient: with 429 the quota is exhausted, otherwise the host is out of service.
const LONGEST_WAIT: Duration = Duration::from_secs(300);

/// Bytes read from an error body, at most.
const MAX_ERROR_BODY: usize = 64 * 1024;

/// Time-out of an error body.
const ERROR_BODY_PATIENCE: Duration = Duration::from_secs(30);

/// The remote service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Peer {
    /// Tardis.dev, the vendor. Only the vendor receives the API key.
    Tardis,
    /// Binance, for reference candles.
    Binance,
    /// An exchange, for what its live feed asks.
    Exchange,
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Peer::Tardis => "the vendor",
            Peer::Binance => "Binance",
            Peer::Exchange => "the exchange",
        })
    }
}

/// Why a request failed. Keys, accounts and quotas exist for the vendor only.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HttpError {
    /// Status 401 from the vendor: the key is missing, wrong or expired, or does not cover the request.
    #[error("the vendor did not allow {url}: {message}")]
    Unauthorized {
        /// The requested URL, redacted.
        url: String,
        /// The vendor's message.
        message: String,
        /// Whether the request had a key.
        has_key: bool,
    },
    /// Status 403 from the vendor with a JSON body: the key's plan does not cover the request.
    #[error("the API key does not cover {url}: {message}")]
    Forbidden {
        /// The requested URL, redacted.
        url: String,
        /// The vendor's message.
        message: String,
    },
    /// Status 403, code 274 from the vendor: the key is in use from another IP address.
    #[error("the API key is in use from another address (requested {url}): {message}")]
    KeyInUse {
        /// The requested URL, redacted.
        url: String,
        /// The vendor's message.
        message: String,
        /// How long to wait until the key is free, if the vendor stated it.
        retry_after: Option<Duration>,
    },
    /// Status 403 with an HTML page: the CDN in front of the peer blocks this machine.
    #[error(
        "the network in front of {peer} blocked the request for {url}; this machine's address or proxy may be blocked"
    )]
    EdgeBlocked {
        /// The service.
        peer: Peer,
        /// The requested URL, redacted.
        url: String,
    },
    /// Status 429 from the vendor with a long wait: the account's quota is exhausted.
    #[error("the account's quota is used up: the vendor asks to wait {} s for {url}", retry_after.as_secs())]
    QuotaExhausted {
        /// The requested URL, redacted.
        url: String,
        /// The vendor's `Retry-After`.
        retry_after: Duration,
    },
    /// The daily byte budget set by the user is exhausted.
    #[error("the {bytes_per_day} bytes that may be fetched in a day are used up (requested {url})")]
    BudgetUsed {
        /// The requested URL, redacted.
        url: String,
        /// The budget, bytes per UTC day.
        bytes_per_day: u64,
    },
    /// The budget shared by the run's workers is not available.
    #[error("cannot read the run's shared budget")]
    SharedBudget {
        /// The cause.
        #[source]
        source: rate_limit::BudgetError,
    },
    /// Another response with an error status.
    #[error("{peer} answered {status} for {url}: {message}")]
    Status {
        /// The service.
        peer: Peer,
        /// The requested URL, redacted.
        url: String,
        /// HTTP status.
        status: u16,
        /// The peer's error code, if any.
        code: Option<i64>,
        /// The peer's message.
        message: String,
        /// `Retry-After`, if the peer sent one.
        retry_after: Option<Duration>,
        /// Whether a retry may succeed.
        is_transient: bool,
    },
    /// The connection failed, or the response was interrupted.
    #[error("the connection for {url} failed")]
    Connection {
        /// The requested URL, redacted.
        url: String,
        /// The cause.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    /// A redirect that is not followed.
    #[error("the answer for {url} is a redirect that is not followed: {reason}")]
    Redirect {
        /// The requested URL, redacted.
        url: String,
        /// Why it is not followed.
        reason: String,
    },
    /// Status 200 with unexpected content.
    #[error("the answer for {url} is not {expected}: it begins `{start}`")]
    WrongContent {
        /// The requested URL, redacted.
        url: String,
        /// The expected content.
        expected: &'static str,
        /// The first bytes as text.
        start: String,
    },
    /// Status 200 with an incomplete or damaged body.
    #[error("the answer for {url} is incomplete: {reason}")]
    NotWhole {
        /// The requested URL, redacted.
        url: String,
        /// How it was detected.
        reason: String,
    },
    /// The response could not be stored.
    #[error("the answer for {url} could not be written to disk")]
    Disk {
        /// The requested URL, redacted.
        url: String,
        /// The cause.
        #[source]
        source: std::io::Error,
    },
    /// The text is not a URL.
    #[error("`{}` is not a URL", mtdh_core::text::without_credentials(.0))]
    BadUrl(String),
    /// The body is larger than allowed.
    #[error("the answer for {url} has more than {limit} bytes")]
    TooLong {
        /// The requested URL, redacted.
        url: String,
        /// The allowed size, bytes.
        limit: u64,
    },
}

impl HttpError {
    /// The kind of the error.
    pub fn kind(&self) -> ErrorKind {
        match self {
            HttpError::QuotaExhausted { .. } | HttpError::BudgetUsed { .. } => ErrorKind::UsedUp,
            HttpError::Unauthorized { .. } | HttpError::Forbidden { .. } | HttpError::EdgeBlocked { .. } => {
                ErrorKind::Refused
            }
            HttpError::Status { is_transient: false, status: 404, .. } => ErrorKind::NotFound,
            HttpError::Status { is_transient: false, .. } => ErrorKind::Refused,
            HttpError::Status { .. }
            | HttpError::KeyInUse { .. }
            | HttpError::Connection { .. }
            | HttpError::WrongContent { .. }
            | HttpError::NotWhole { .. }
            | HttpError::SharedBudget { .. } => ErrorKind::Busy,
            HttpError::BadUrl(_) => ErrorKind::Invalid,
            HttpError::Redirect { .. } | HttpError::TooLong { .. } => ErrorKind::Damaged,
            HttpError::Disk { .. } => ErrorKind::Failed,
        }
    }

    /// Whether the same request may succeed later.
    pub fn is_transient(&self) -> bool {
        self.kind() == ErrorKind::Busy
    }

    /// Whether the vendor's quota or the user's budget is exhausted.
    pub fn is_used_up(&self) -> bool {
        self.kind() == ErrorKind::UsedUp
    }

    /// Marks a status error as transient, for requests that a retry sends in another form.
    pub(crate) fn into_transient(self) -> HttpError {
        match self {
            HttpError::Status { peer, url, status, code, message, retry_after, .. } => {
                HttpError::Status { peer, url, status, code, message, retry_after, is_transient: true }
            }
            other => other,
        }
    }

    /// How long the peer asked to wait; `None` if it did not.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            HttpError::Status { retry_after, .. } | HttpError::KeyInUse { retry_after, .. } => *retry_after,
            _ => None,
        }
    }

    /// The requested host, with its port if the URL has one.
    pub(crate) fn host(&self) -> Option<String> {
        let url = match self {
            HttpError::Status { url, .. }
            | HttpError::KeyInUse { url, .. }
            | HttpError::Connection { url, .. }
            | HttpError::WrongContent { url, .. } => Url::parse(url).ok()?,
            _ => return None,
        };
        let host = url.host_str()?;
        Some(url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}")))
    }

    /// The HTTP status and the peer's error code, for status errors.
    pub fn status_and_code(&self) -> Option<(u16, Option<i64>)> {
        match self {
            HttpError::Status { status, code, .. } => Some((*status, *code)),
            _ => None,
        }
    }
}

/// Status, `Retry-After` and body of an error.
pub(super) async fn read_error_body(mut response: Response) -> (u16, Option<Duration>, Vec<u8>) {
    let status = response.status().as_u16();
    let after_header =
        response.headers().get(RETRY_AFTER).and_then(|v| v.to_str().ok()).and_then(parse_retry_after);
    let mut body = Vec::new();
    let read = async {
        while let Ok(Some(chunk)) = response.chunk().await {
            body.extend_from_slice(&chunk);
            if body.len() > MAX_ERROR_BODY {
                break;
            }
        }
    };
    // The body only adds a message: a part of it is good enough.
    let _late = tokio::time::timeout(ERROR_BODY_PATIENCE, read).await;
    (status, after_header, body)
}

/// Classifies an error response. The API key is removed from the message after JSON unescaping.
pub(super) fn classify(
    peer: Peer,
    url: String,
    status: u16,
    after_header: Option<Duration>,
    body: &[u8],
    secret: &Secret,
) -> HttpError {
    // Members are read one by one, so that one of an unexpected type does not hide the others.
    let parsed: Option<serde_json::Value> = serde_json::from_slice(body).ok();
    let member = |name: &str| parsed.as_ref().and_then(|body| body.get(name));
    let is_json = parsed.as_ref().is_some_and(serde_json::Value::is_object);
    let code = member("code").and_then(serde_json::Value::as_i64);
    let seconds = member("retryAfterSeconds").and_then(serde_json::Value::as_f64);
    let after_body = seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds.ceil()).ok());
    let retry_after = after_header.or(after_body);
    let message = member("message").and_then(serde_json::Value::as_str);
    let start_of_body = || start_of(secret.redact(&String::from_utf8_lossy(body)).as_bytes());
    let message = message.map_or_else(start_of_body, |text| secret.redact(text));
    let is_vendor = peer == Peer::Tardis;
    match status {
        401 if is_vendor => HttpError::Unauthorized { url, message, has_key: secret.is_set() },
        403 if is_vendor && code == Some(274) => HttpError::KeyInUse { url, message, retry_after },
        403 if !is_json => HttpError::EdgeBlocked { peer, url },
        403 if is_vendor => HttpError::Forbidden { url, message },
        429 if is_vendor && retry_after.is_some_and(|wait| wait > LONGEST_WAIT) => {
            HttpError::QuotaExhausted { url, retry_after: retry_after.unwrap_or_default() }
        }
        _ => {
            // The vendor's own clients retry a 400 with this message.
            let is_transient = matches!(status, 408 | 429 | 500..) || message.contains("ISO 8601 format");
            let is_soon = retry_after.is_none_or(|wait| wait <= LONGEST_WAIT);
            let is_transient = is_transient && is_soon;
            HttpError::Status { peer, url, status, code, message, retry_after, is_transient }
        }
    }
}

/// The first words of a body that is not JSON, for a message.
pub(crate) fn start_of(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(&body[..body.len().min(300)]);
    let words: Vec<&str> = text.split_whitespace().collect();
    let text: String = words.join(" ").chars().take(80).collect();
    if text.is_empty() { "nothing".to_owned() } else { text }
}

/// Parses `Retry-After`: seconds, or an HTTP date.
fn parse_retry_after(text: &str) -> Option<Duration> {
    if let Ok(seconds) = text.trim().parse() {
        return Some(Duration::from_secs(seconds));
    }
    let at = chrono::DateTime::parse_from_rfc2822(text.trim()).ok()?;
    Some((at.to_utc() - chrono::Utc::now()).to_std().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_answer_has_its_meaning() {
        let seconds = Duration::from_secs;
        for (status, after, body, is_transient, expected) in [
            (401, None, r#"{"code":11,"message":"expired"}"#, false, "did not allow"),
            (
                403,
                None,
                r#"{"code":274,"message":"in use","retryAfterSeconds":893}"#,
                true,
                "another address",
            ),
            (403, None, r#"{"code":1,"message":"not in plan"}"#, false, "does not cover"),
            (403, None, "<html>Attention Required</html>", false, "blocked"),
            (404, None, "", false, "404"),
            (400, None, r#"{"code":140,"message":"no"}"#, false, "400"),
            (400, None, r#"{"code":1,"message":"not in ISO 8601 format"}"#, true, "400"),
            (429, Some(seconds(5)), "{}", true, "429"),
            (429, Some(seconds(3600)), "{}", false, "quota is used up"),
            (429, None, "", true, "429"),
            (
                403,
                None,
                r#"{"code":274,"message":"in use","retryAfterSeconds":12.5}"#,
                true,
                "another address",
            ),
            (403, None, r#"{"code":"no-plan","message":"not in plan"}"#, false, "not in plan"),
            (403, None, r#"["a", "b"]"#, false, "blocked"),
            (503, Some(seconds(5)), "", true, "503"),
            (503, Some(seconds(u64::MAX)), "", false, "503"),
            (500, None, "", true, "500"),
            (520, None, "<html>unknown error</html>", true, "520"),
        ] {
            let error = classify(
                Peer::Tardis,
                "http://vendor/x".into(),
                status,
                after,
                body.as_bytes(),
                &Secret::default(),
            );
            assert_eq!(error.is_transient(), is_transient, "{error}");
            assert!(error.to_string().contains(expected), "{error}");
        }
        let in_use = classify(
            Peer::Tardis,
            "u".into(),
            403,
            None,
            br#"{"code":274,"retryAfterSeconds":893}"#,
            &Secret::default(),
        );
        assert_eq!(in_use.retry_after(), Some(seconds(893)));
    }

    #[test]
    fn another_peer_has_no_keys_and_no_quota() {
        for (status, after, body, kind) in [
            (401, None, r#"{"code":-2015,"msg":"Invalid API-key"}"#, ErrorKind::Refused),
            (403, None, r#"{"code":0,"msg":"restricted location"}"#, ErrorKind::Refused),
            (403, None, r#"{"code":274}"#, ErrorKind::Refused),
            (403, None, "<html>blocked</html>", ErrorKind::Refused),
            (451, None, r#"{"msg":"restricted location"}"#, ErrorKind::Refused),
            (429, Some(Duration::from_secs(3600)), "{}", ErrorKind::Refused),
            (429, Some(Duration::from_secs(5)), "{}", ErrorKind::Busy),
        ] {
            let url = "https://exchange/x".to_owned();
            let error = classify(Peer::Binance, url, status, after, body.as_bytes(), &Secret::default());
            let text = error.to_string();
            assert_eq!(error.kind(), kind, "{text}");
            assert!(
                text.contains("Binance") && !text.contains("vendor") && !text.contains("key does"),
                "{text}"
            );
        }
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        assert_eq!(parse_retry_after("7"), Some(Duration::from_secs(7)));
        assert_eq!(parse_retry_after("Sun, 06 Nov 1994 08:49:37 GMT"), Some(Duration::ZERO));
        assert_eq!(parse_retry_after("soon"), None);
    }
}
