//! One way to ask the vendor and Binance: headers, redirects, time-outs.
//!
//! What an answer means is `error`'s business, what is retried and when [`retry`]'s, how fast [`pace`]'s.

mod drip;
mod error;
pub mod rate_limit;
mod reach;
pub mod retry;
mod secret;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use drip::Drip;
use rate_limit::{Budget, RateLimiter, Refusal, RequestPermit, SharedBudget, UsedUp};
use reqwest::header::{ACCEPT_ENCODING, AUTHORIZATION, HeaderMap, HeaderName, HeaderValue, LOCATION};
use reqwest::redirect::Policy;
use reqwest::{Response, StatusCode, Url};
use secrecy::{ExposeSecret, SecretString};
use secret::Secret;

pub(crate) use error::start_of;
pub use error::{HttpError, Peer};
use error::{classify, read_error_body};

/// Redirects that are followed at most.
const MAX_REDIRECTS: usize = 5;

/// Asks one peer's hosts. Cheap to clone; connections and the pace are shared.
#[derive(Clone, Debug)]
pub struct HttpClient {
    peer: Peer,
    http: reqwest::Client,
    /// Connects to nothing inside a network: for where servers on the internet lead.
    outside: reqwest::Client,
    authorization: Option<HeaderValue>,
    secret: Arc<Secret>,
    pace: Arc<RateLimiter>,
}

/// An answer with its body still to come.
#[derive(Debug)]
pub struct HttpResponse {
    url: Url,
    response: Response,
    pass: RequestPermit,
    drip: Drip,
    secret: Arc<Secret>,
}

impl HttpResponse {
    /// Its status.
    pub fn status(&self) -> StatusCode {
        self.response.status()
    }

    /// A header's text, where it has one. One that repeats the key counts as none: it would be kept with the answer.
    pub fn header(&self, name: HeaderName) -> Option<&str> {
        let text = self.response.headers().get(name).and_then(|value| value.to_str().ok());
        text.filter(|text| !self.secret.is_in(text))
    }

    /// The body's length, where the answer says it.
    pub fn length(&self) -> Option<u64> {
        self.response.content_length()
    }

    /// The body's next piece; nothing at its end.
    ///
    /// # Errors
    /// When it breaks off, comes too slowly, or the day's bytes are used up.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, HttpError> {
        let chunk = match self.drip.watch(self.response.chunk()).await {
            Ok(chunk) => chunk.map_err(|e| connection(&self.url, e))?,
            Err(slow) => {
                return Err(HttpError::Connection { url: redacted_url(&self.url), source: slow.into() });
            }
        };
        match &chunk {
            Some(bytes) => self.pass.came(bytes.len() as u64).await.map_err(|e| refused(&self.url, e))?,
            None => self.pass.good(),
        }
        Ok(chunk)
    }

    /// The whole body, where such an answer is short.
    ///
    /// # Errors
    /// As [`HttpResponse::chunk`], and when it has more than `limit` bytes.
    pub async fn whole(&mut self, limit: usize) -> Result<Vec<u8>, HttpError> {
        let mut body = Vec::new();
        while let Some(chunk) = self.chunk().await? {
            if body.len() + chunk.len() > limit {
                return Err(HttpError::TooLong { url: redacted_url(&self.url), limit: limit as u64 });
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    }
}

fn refused(url: &Url, refusal: Refusal) -> HttpError {
    match refusal {
        Refusal::UsedUp(UsedUp { bytes_per_day }) => {
            HttpError::BudgetUsed { url: redacted_url(url), bytes_per_day }
        }
        Refusal::SharedBudget(source) => HttpError::SharedBudget { source },
    }
}

impl HttpClient {
    /// The vendor's client. It sends `key` as a bearer token, where one is given. The key's header is marked sensitive, so
    /// that no debug output shows it; it is dropped on a redirect to another origin.
    ///
    /// # Errors
    /// When the key holds characters that no header may hold, or TLS cannot be set up.
    pub fn new(key: Option<&SecretString>, budget: Budget) -> Result<HttpClient, BuildError> {
        HttpClient::shared(key, budget, None)
    }

    /// The same, for a budget of which other processes take as well.
    ///
    /// # Errors
    /// As [`HttpClient::new`].
    pub fn shared(
        key: Option<&SecretString>,
        budget: Budget,
        ledger: Option<Arc<dyn SharedBudget>>,
    ) -> Result<HttpClient, BuildError> {
        HttpClient::of(Peer::Tardis, key, budget, ledger)
    }

    /// Binance's client. It sends no key.
    ///
    /// # Errors
    /// When TLS cannot be set up.
    pub fn binance() -> Result<HttpClient, BuildError> {
        HttpClient::of(Peer::Binance, None, Budget::default(), None)
    }

    fn of(
        peer: Peer,
        key: Option<&SecretString>,
        budget: Budget,
        ledger: Option<Arc<dyn SharedBudget>>,
    ) -> Result<HttpClient, BuildError> {
        let authorization = key
            .map(|key| {
                let mut value = HeaderValue::from_str(&format!("Bearer {}", key.expose_secret()))
                    .map_err(|_| BuildError::UnusableKey)?;
                value.set_sensitive(true);
                Ok(value)
            })
            .transpose()?;
        let client = || {
            reqwest::Client::builder()
                // A name and a version: the network in front of the vendor blocks plain library names.
                .user_agent(concat!("mtdh/", env!("CARGO_PKG_VERSION"), " (market-tick-data-handler)"))
                .redirect(Policy::none())
                // A `Referer` would carry the signature of one redirect target to the next.
                .referer(false)
                // Files are kept as they come, whatever a dependency makes of reqwest's features.
                .no_gzip()
                .no_brotli()
                .no_zstd()
                .no_deflate()
                .connect_timeout(Duration::from_secs(15))
                .read_timeout(Duration::from_secs(120))
        };
        let http = client().build().map_err(BuildError::Tls)?;
        let outside = client().dns_resolver(Arc::new(reach::Outside)).build().map_err(BuildError::Tls)?;
        let (secret, pace) = (Arc::new(Secret::new(key)), RateLimiter::shared(budget, ledger));
        Ok(HttpClient { peer, http, outside, authorization, secret, pace })
    }

    /// Sends one GET, when its turn has come. Gives the answer when its status says success.
    ///
    /// # Errors
    /// One of [`HttpError`], classified; nothing was retried.
    pub async fn get(&self, url: &Url, further: HeaderMap) -> Result<HttpResponse, HttpError> {
        let mut pass = self.pace.enter().await.map_err(|e| refused(url, e))?;
        let mut headers = further;
        headers.entry(ACCEPT_ENCODING).or_insert(HeaderValue::from_static("gzip"));
        if let Some(authorization) = &self.authorization {
            headers.insert(AUTHORIZATION, authorization.clone());
        }
        let response = self.follow(url, headers).await?;
        if response.status().is_success() || response.status() == StatusCode::NOT_MODIFIED {
            pass.promise(response.content_length().unwrap_or(0)).await.map_err(|e| refused(url, e))?;
            let (drip, secret) = (Drip::default(), Arc::clone(&self.secret));
            return Ok(HttpResponse { url: url.clone(), response, pass, drip, secret });
        }
        let (status, retry_after, body) = read_error_body(response).await;
        let error = classify(self.peer, redacted_url(url), status, retry_after, &body, &self.secret);
        match &error {
            HttpError::KeyInUse { .. } | HttpError::Status { status: 429 | 500.., .. } => {
                pass.bad(error.retry_after());
            }
            _ => pass.good(),
        }
        Err(error)
    }

    /// Follows redirects here rather than in `reqwest`, which gives the key to a second target on the first one's host:
    /// it compares only neighbours in the chain. Here a key that was dropped stays dropped.
    async fn follow(&self, url: &Url, mut headers: HeaderMap) -> Result<Response, HttpError> {
        let wrong = |reason: &str| HttpError::Redirect { url: redacted_url(url), reason: reason.to_owned() };
        let mut target = url.clone();
        let mut was_outside = false;
        for _ in 0..=MAX_REDIRECTS {
            let http = if was_outside { &self.outside } else { &self.http };
            let request = http.get(target.clone()).headers(headers.clone());
            let response = request.send().await.map_err(|e| connection(url, e))?;
            if !matches!(response.status().as_u16(), 301 | 302 | 303 | 307 | 308) {
                return Ok(response);
            }
            was_outside |= reach::is_outside(&target, response.remote_addr()).await;
            let location = response.headers().get(LOCATION).and_then(|v| v.to_str().ok());
            let next =
                location.and_then(|text| target.join(text).ok()).ok_or_else(|| wrong("it has no target"))?;
            if !matches!(next.scheme(), "http" | "https")
                || (target.scheme() == "https" && next.scheme() == "http")
            {
                return Err(wrong("it leads from https to an unsafe scheme"));
            }
            if was_outside && let Some(address) = reach::inner_address(&next).await {
                return Err(wrong(&format!(
                    "it leads from the internet to {address}, which lies inside a network"
                )));
            }
            if next.origin() != url.origin() {
                headers.remove(AUTHORIZATION);
            }
            target = next;
        }
        Err(wrong("too many redirects"))
    }

    /// Text for a message or for keeping: a server may repeat the key that it does not like.
    pub(crate) fn without_key(&self, text: &str) -> String {
        self.secret.cut_from(text)
    }

    /// Says that a body is not what was asked for; `start` is its beginning.
    pub(crate) fn wrong_content(&self, url: &Url, expected: &'static str, start: &[u8]) -> HttpError {
        let start = self.without_key(&String::from_utf8_lossy(start));
        HttpError::WrongContent { url: redacted_url(url), expected, start: start_of(start.as_bytes()) }
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

/// A failed connection. `without_url`, because a redirect target carries a signature in its query.
pub(crate) fn connection(url: &Url, error: reqwest::Error) -> HttpError {
    HttpError::Connection { url: redacted_url(url), source: Box::new(error.without_url()) }
}

/// A URL for people: without user, password and query.
pub(crate) fn redacted_url(url: &Url) -> String {
    let mut url = url.clone();
    url.set_query(None);
    url.set_fragment(None);
    // Both fail only for URLs that cannot have a user, which then have none to show.
    url.set_username("").and_then(|()| url.set_password(None)).unwrap_or(());
    url.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shown_url_has_no_secrets() {
        let url = Url::parse("https://user:pass@host/path?X-Amz-Signature=abc#f").unwrap();
        assert_eq!(redacted_url(&url), "https://host/path");
    }

    #[test]
    fn a_key_never_shows() {
        let client = HttpClient::new(Some(&SecretString::from("TD.marker")), Budget::default()).unwrap();
        assert!(!format!("{client:?}").contains("marker"));
        assert!(HttpClient::new(Some(&SecretString::from("TD.\nmarker")), Budget::default()).is_err());
    }
}
