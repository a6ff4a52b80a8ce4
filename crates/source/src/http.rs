//! One way to ask the vendor: headers, redirects, time-outs, and what each answer means.
//!
//! What is retried and when is [`retry`]'s business; this module says of one answer what it is.

pub mod retry;

use std::time::Duration;

use reqwest::header::{ACCEPT_ENCODING, AUTHORIZATION, HeaderMap, HeaderValue, RETRY_AFTER};
use reqwest::redirect::Policy;
use reqwest::{Response, StatusCode, Url};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

/// A `Retry-After` beyond this is no busy moment but a used-up quota.
const QUOTA_WAIT: Duration = Duration::from_secs(300);

/// Redirects that are followed at most.
const MAX_REDIRECTS: usize = 5;

/// Bytes of an error body that are read at most.
const MAX_ERROR_BODY: usize = 64 * 1024;

/// Why the vendor did not give what was asked for.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HttpError {
    /// 401: no key, a wrong or an expired one.
    #[error("the vendor refused the API key for {url}: {message}")]
    Unauthorized {
        /// What was asked for.
        url: String,
        /// The vendor's words.
        message: String,
    },
    /// 403 with a JSON body: the key's plan does not cover it.
    #[error("the API key does not cover {url}: {message}")]
    Forbidden {
        /// What was asked for.
        url: String,
        /// The vendor's words.
        message: String,
    },
    /// 403 code 274: the key is in use from another address.
    #[error("the API key is in use from another address (asked for {url}): {message}")]
    KeyInUse {
        /// What was asked for.
        url: String,
        /// The vendor's words.
        message: String,
        /// When the vendor says it will be free.
        retry_after: Option<Duration>,
    },
    /// 403 with a page: the network in front of the vendor blocks this machine.
    #[error(
        "the network in front of the vendor blocked the request for {url}; this machine's address or proxy may be blocked"
    )]
    EdgeBlocked {
        /// What was asked for.
        url: String,
    },
    /// 429 with a long wait: the account's quota is used up.
    #[error("the account's quota is used up: the vendor asks to wait {} s for {url}", retry_after.as_secs())]
    QuotaExhausted {
        /// What was asked for.
        url: String,
        /// How long the vendor says.
        retry_after: Duration,
    },
    /// Another answer with an error status.
    #[error("the vendor answered {status} for {url}: {message}")]
    Status {
        /// What was asked for.
        url: String,
        /// HTTP status.
        status: u16,
        /// The vendor's error code, if any.
        code: Option<i64>,
        /// The vendor's words.
        message: String,
        /// When to ask again, if the vendor said so.
        retry_after: Option<Duration>,
        /// Whether asking again can help.
        is_transient: bool,
    },
    /// The answer broke off or never came.
    #[error("the connection for {url} failed")]
    Connection {
        /// What was asked for.
        url: String,
        /// What happened.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Status 200, but not what such a URL holds.
    #[error("the answer for {url} is not {expected}: it begins `{start}`")]
    WrongContent {
        /// What was asked for.
        url: String,
        /// What it should be.
        expected: &'static str,
        /// Its first bytes as text.
        start: String,
    },
    /// The answer could not be kept.
    #[error("the answer for {url} could not be written to disk")]
    Disk {
        /// What was asked for.
        url: String,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// The URL cannot be made.
    #[error("`{0}` is not a URL")]
    BadUrl(String),
}

impl HttpError {
    /// Whether the same request may succeed later.
    pub fn is_transient(&self) -> bool {
        match self {
            HttpError::Status { is_transient, .. } => *is_transient,
            HttpError::KeyInUse { .. } | HttpError::Connection { .. } | HttpError::WrongContent { .. } => {
                true
            }
            _ => false,
        }
    }

    /// How long the vendor asked to wait.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            HttpError::Status { retry_after, .. } | HttpError::KeyInUse { retry_after, .. } => *retry_after,
            _ => None,
        }
    }

    /// The vendor's status and error code, if it answered.
    pub fn status_and_code(&self) -> Option<(u16, Option<i64>)> {
        match self {
            HttpError::Status { status, code, .. } => Some((*status, *code)),
            _ => None,
        }
    }
}

/// Asks one host. Cheap to clone; connections are shared.
#[derive(Clone, Debug)]
pub struct HttpClient {
    http: reqwest::Client,
    authorization: Option<HeaderValue>,
}

impl HttpClient {
    /// A client that sends `key` as a bearer token, where one is given. The key's header is marked sensitive, so that
    /// no debug output shows it; it is dropped on a redirect to another origin.
    ///
    /// # Errors
    /// When the key holds characters that no header may hold, or TLS cannot be set up.
    pub fn new(key: Option<&SecretString>) -> Result<HttpClient, BuildError> {
        let authorization = key
            .map(|key| {
                let mut value = HeaderValue::from_str(&format!("Bearer {}", key.expose_secret()))
                    .map_err(|_| BuildError::UnusableKey)?;
                value.set_sensitive(true);
                Ok(value)
            })
            .transpose()?;
        let http = reqwest::Client::builder()
            .user_agent(concat!("mtdh/", env!("CARGO_PKG_VERSION"), " (+", env!("CARGO_PKG_REPOSITORY"), ")"))
            .redirect(redirect_policy())
            .connect_timeout(Duration::from_secs(15))
            .read_timeout(Duration::from_secs(120))
            .build()
            .map_err(BuildError::Tls)?;
        Ok(HttpClient { http, authorization })
    }

    /// Sends one GET. Gives the answer when its status says success, with its body still to come.
    ///
    /// # Errors
    /// One of [`HttpError`], classified; nothing was retried.
    pub async fn get(&self, url: &Url, further: HeaderMap) -> Result<Response, HttpError> {
        let mut headers = further;
        headers.entry(ACCEPT_ENCODING).or_insert(HeaderValue::from_static("gzip"));
        if let Some(authorization) = &self.authorization {
            headers.insert(AUTHORIZATION, authorization.clone());
        }
        let response =
            self.http.get(url.clone()).headers(headers).send().await.map_err(|e| connection(url, e))?;
        if response.status().is_success() || response.status() == StatusCode::NOT_MODIFIED {
            return Ok(response);
        }
        Err(refusal(url, response).await)
    }
}

/// A client that cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// The key's text.
    #[error("the API key holds characters that cannot be sent; copy it again, without line ends")]
    UnusableKey,
    /// The system's certificates, or something of that kind.
    #[error("cannot set up TLS")]
    Tls(#[source] reqwest::Error),
}

/// At most [`MAX_REDIRECTS`], never from https to http. `reqwest` itself drops `Authorization` on another origin.
fn redirect_policy() -> Policy {
    Policy::custom(|attempt| {
        let downgrade = attempt.url().scheme() == "http"
            && attempt.previous().last().is_some_and(|previous| previous.scheme() == "https");
        if downgrade {
            attempt.error("redirected from https to http")
        } else if attempt.previous().len() > MAX_REDIRECTS {
            attempt.error("too many redirects")
        } else {
            attempt.follow()
        }
    })
}

/// A failed connection. `without_url`, because a redirect target carries a signature in its query.
pub(crate) fn connection(url: &Url, error: reqwest::Error) -> HttpError {
    HttpError::Connection { url: shown(url), source: Box::new(error.without_url()) }
}

/// A URL for people: without user, password and query.
pub(crate) fn shown(url: &Url) -> String {
    let mut url = url.clone();
    url.set_query(None);
    url.set_fragment(None);
    // Both fail only for URLs that cannot have a user, which then have none to show.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url.to_string()
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct ErrorBody {
    code: Option<i64>,
    message: Option<String>,
    retry_after_seconds: Option<u64>,
}

async fn refusal(url: &Url, mut response: Response) -> HttpError {
    let status = response.status().as_u16();
    let after_header =
        response.headers().get(RETRY_AFTER).and_then(|v| v.to_str().ok()).and_then(parse_retry_after);
    let mut body = Vec::new();
    // An error's body only adds words; when it breaks off, what came serves as well.
    while let Ok(Some(chunk)) = response.chunk().await {
        body.extend_from_slice(&chunk);
        if body.len() > MAX_ERROR_BODY {
            break;
        }
    }
    classify(shown(url), status, after_header, &body)
}

fn classify(url: String, status: u16, after_header: Option<Duration>, body: &[u8]) -> HttpError {
    let parsed: Option<ErrorBody> = serde_json::from_slice(body).ok();
    let is_json = parsed.is_some();
    let ErrorBody { code, message, retry_after_seconds } = parsed.unwrap_or_default();
    let retry_after = after_header.or(retry_after_seconds.map(Duration::from_secs));
    let message = message.unwrap_or_else(|| start_of(body));
    match status {
        401 => HttpError::Unauthorized { url, message },
        403 if code == Some(274) => HttpError::KeyInUse { url, message, retry_after },
        403 if !is_json => HttpError::EdgeBlocked { url },
        403 => HttpError::Forbidden { url, message },
        429 if retry_after.is_some_and(|wait| wait > QUOTA_WAIT) => {
            HttpError::QuotaExhausted { url, retry_after: retry_after.unwrap_or_default() }
        }
        _ => {
            // The vendor's own clients retry a 400 whose words are these.
            let is_transient = matches!(status, 408 | 429 | 500..) || message.contains("ISO 8601 format");
            HttpError::Status { url, status, code, message, retry_after, is_transient }
        }
    }
}

/// The first words of a body that is no JSON, for a message.
pub(crate) fn start_of(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(&body[..body.len().min(300)]);
    let words: Vec<&str> = text.split_whitespace().collect();
    let text: String = words.join(" ").chars().take(80).collect();
    if text.is_empty() { "no message".to_owned() } else { text }
}

/// Seconds, or a date of HTTP.
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
            (401, None, r#"{"code":11,"message":"expired"}"#, false, "refused the API key"),
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
            (500, None, "", true, "500"),
            (520, None, "<html>unknown error</html>", true, "520"),
        ] {
            let error = classify("http://vendor/x".into(), status, after, body.as_bytes());
            assert_eq!(error.is_transient(), is_transient, "{error}");
            assert!(error.to_string().contains(expected), "{error}");
        }
        let in_use = classify("u".into(), 403, None, br#"{"code":274,"retryAfterSeconds":893}"#);
        assert_eq!(in_use.retry_after(), Some(seconds(893)));
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        assert_eq!(parse_retry_after("7"), Some(Duration::from_secs(7)));
        assert_eq!(parse_retry_after("Sun, 06 Nov 1994 08:49:37 GMT"), Some(Duration::ZERO));
        assert_eq!(parse_retry_after("soon"), None);
    }

    #[test]
    fn a_shown_url_has_no_secrets() {
        let url = Url::parse("https://user:pass@host/path?X-Amz-Signature=abc#f").unwrap();
        assert_eq!(shown(&url), "https://host/path");
    }

    #[test]
    fn a_key_never_shows() {
        let client = HttpClient::new(Some(&SecretString::from("TD.marker"))).unwrap();
        assert!(!format!("{client:?}").contains("marker"));
        assert!(HttpClient::new(Some(&SecretString::from("TD.\nmarker"))).is_err());
    }
}
