//! The HTTP client for the vendor and Binance: headers, redirects, time-outs.
//!
//! Error classification is in `error`, retries are in [`retry`], rate limits in [`rate_limit`].

mod budget;
mod drip;
mod error;
pub mod rate_limit;
mod reach;
pub mod retry;
mod secret;

use std::sync::Arc;
use std::time::Duration;

use budget::{Budget, Refusal, SharedBudget, UsedUp};
use bytes::Bytes;
use drip::{ChunkError, Drip};
use rate_limit::{RateLimiter, RequestPermit};
use reqwest::header::{ACCEPT_ENCODING, AUTHORIZATION, HeaderMap, HeaderName, HeaderValue, LOCATION};
use reqwest::redirect::Policy;
use reqwest::{Response, StatusCode, Url};
use secrecy::{ExposeSecret, SecretString};
use secret::Secret;

pub(crate) use error::start_of;
pub use error::{HttpError, Peer};
use error::{classify, read_error_body};

/// The largest number of redirects.
const MAX_REDIRECTS: usize = 5;

/// An HTTP client for one peer. Cheap to clone; clones share connections and rate limits.
#[derive(Clone, Debug)]
pub struct HttpClient {
    peer: Peer,
    http: reqwest::Client,
    /// For redirects from servers on the internet: does not connect to private addresses.
    outside: reqwest::Client,
    authorization: Option<HeaderValue>,
    secret: Arc<Secret>,
    limiter: Arc<RateLimiter>,
}

/// A response whose body has not been read yet.
#[derive(Debug)]
pub struct HttpResponse {
    url: Url,
    response: Response,
    permit: RequestPermit,
    drip: Drip,
    secret: Arc<Secret>,
}

impl HttpResponse {
    /// The HTTP status.
    pub fn status(&self) -> StatusCode {
        self.response.status()
    }

    /// The text of a header; `None` if it is missing or not text. A header that contains the API key counts as missing,
    /// because headers are stored with the response.
    pub fn header(&self, name: HeaderName) -> Option<&str> {
        let text = self.response.headers().get(name).and_then(|value| value.to_str().ok());
        text.filter(|text| !self.secret.is_in(text))
    }

    /// The length of the body in bytes; `None` if the response does not state it.
    pub fn length(&self) -> Option<u64> {
        self.response.content_length()
    }

    /// The next chunk of the body; `None` at its end.
    ///
    /// # Errors
    /// If the connection fails, the body arrives too slowly, or the daily byte budget is exhausted.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, HttpError> {
        let chunk = match self.drip.watch(self.response.chunk()).await {
            Ok(chunk) => chunk,
            Err(ChunkError::Failed(error)) => return Err(connection(&self.url, error)),
            Err(slow @ ChunkError::TooSlow { .. }) => {
                return Err(HttpError::Connection { url: redacted_url(&self.url), source: slow.into() });
            }
        };
        match &chunk {
            Some(bytes) => {
                self.permit.record_bytes(bytes.len() as u64).await.map_err(|e| refused(&self.url, e))?
            }
            None => self.permit.record_success(),
        }
        Ok(chunk)
    }

    /// Reads the whole body of a short response.
    ///
    /// # Errors
    /// As [`HttpResponse::chunk`], or if the body has more than `limit` bytes.
    pub async fn read_to_end(&mut self, limit: usize) -> Result<Vec<u8>, HttpError> {
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
    /// A client for the vendor. Sends `key`, if given, as a bearer token. Its header is marked as sensitive, so debug output
    /// does not show it, and it is removed on a redirect to another origin.
    ///
    /// # Errors
    /// If the key has characters that are not allowed in a header, or TLS cannot be set up.
    pub fn new(key: Option<&SecretString>, budget: Budget) -> Result<HttpClient, BuildError> {
        HttpClient::shared(key, budget, None)
    }

    /// As [`HttpClient::new`], with a budget shared by several processes.
    ///
    /// # Errors
    /// As [`HttpClient::new`].
    pub fn shared(
        key: Option<&SecretString>,
        budget: Budget,
        shared_budget: Option<Arc<dyn SharedBudget>>,
    ) -> Result<HttpClient, BuildError> {
        HttpClient::of(Peer::Tardis, key, budget, shared_budget)
    }

    /// A client for Binance. Sends no key.
    ///
    /// # Errors
    /// If TLS cannot be set up.
    pub fn binance() -> Result<HttpClient, BuildError> {
        HttpClient::of(Peer::Binance, None, Budget::default(), None)
    }

    /// A client for an exchange's public data. Sends no key.
    ///
    /// # Errors
    /// If TLS cannot be set up.
    pub fn exchange() -> Result<HttpClient, BuildError> {
        HttpClient::of(Peer::Exchange, None, Budget::default(), None)
    }

    fn of(
        peer: Peer,
        key: Option<&SecretString>,
        budget: Budget,
        shared_budget: Option<Arc<dyn SharedBudget>>,
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
                // A name and a version: the CDN in front of the vendor blocks the default names of libraries.
                .user_agent(concat!("mtdh/", env!("CARGO_PKG_VERSION"), " (market-tick-data-handler)"))
                .redirect(Policy::none())
                // A `Referer` would carry the signature of one redirect target to the next.
                .referer(false)
                // Files are stored as received, whatever features a dependency enables in reqwest.
                .no_gzip()
                .no_brotli()
                .no_zstd()
                .no_deflate()
                .connect_timeout(Duration::from_secs(15))
                .read_timeout(Duration::from_secs(120))
        };
        let http = client().build().map_err(BuildError::Tls)?;
        let outside = client().dns_resolver(Arc::new(reach::Outside)).build().map_err(BuildError::Tls)?;
        let (secret, limiter) = (Arc::new(Secret::new(key)), RateLimiter::shared(budget, shared_budget));
        Ok(HttpClient { peer, http, outside, authorization, secret, limiter })
    }

    /// Sends one GET request, as soon as the rate limits allow it. Returns the response if its status is a success or 304.
    ///
    /// # Errors
    /// The classified error. Nothing is retried.
    pub async fn get(&self, url: &Url, further: HeaderMap) -> Result<HttpResponse, HttpError> {
        let mut permit = self.limiter.acquire().await.map_err(|e| refused(url, e))?;
        let mut headers = further;
        // An exchange's answers are read as they come; what is not inflated cannot grow.
        let coding = if self.peer == Peer::Tardis { "gzip" } else { "identity" };
        headers.entry(ACCEPT_ENCODING).or_insert(HeaderValue::from_static(coding));
        if let Some(authorization) = &self.authorization {
            headers.insert(AUTHORIZATION, authorization.clone());
        }
        let response = self.follow(url, headers).await?;
        if response.status().is_success() || response.status() == StatusCode::NOT_MODIFIED {
            let length = response.content_length().unwrap_or(0);
            permit.reserve_bytes(length).await.map_err(|e| refused(url, e))?;
            let (drip, secret) = (Drip::default(), Arc::clone(&self.secret));
            return Ok(HttpResponse { url: url.clone(), response, permit, drip, secret });
        }
        let (status, retry_after, body) = read_error_body(response).await;
        let error = classify(self.peer, redacted_url(url), status, retry_after, &body, &self.secret);
        match &error {
            HttpError::KeyInUse { .. } | HttpError::Status { status: 429 | 500.., .. } => {
                permit.record_overload(error.retry_after());
            }
            _ => permit.record_success(),
        }
        Err(error)
    }

    /// Follows redirects. `reqwest` would send the key again if a chain of redirects returns to the first host, because it
    /// compares only consecutive targets. Here a removed key stays removed.
    async fn follow(&self, url: &Url, mut headers: HeaderMap) -> Result<Response, HttpError> {
        let not_followed =
            |reason: &str| HttpError::Redirect { url: redacted_url(url), reason: reason.to_owned() };
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
            let next = location
                .and_then(|text| target.join(text).ok())
                .ok_or_else(|| not_followed("it has no target"))?;
            if !matches!(next.scheme(), "http" | "https")
                || (target.scheme() == "https" && next.scheme() == "http")
            {
                return Err(not_followed("it leads from https to an unsafe scheme"));
            }
            if was_outside && let Some(address) = reach::inner_address(&next).await {
                return Err(not_followed(&format!(
                    "it leads from the internet to {address}, which lies inside a network"
                )));
            }
            if next.origin() != url.origin() {
                headers.remove(AUTHORIZATION);
            }
            target = next;
        }
        Err(not_followed("too many redirects"))
    }

    /// Removes the key from a text that is shown or stored: a server may repeat a rejected key.
    pub(crate) fn without_key(&self, text: &str) -> String {
        self.secret.redact(text)
    }

    /// The error of a body with unexpected content. `start` is its beginning.
    pub(crate) fn wrong_content(&self, url: &Url, expected: &'static str, start: &[u8]) -> HttpError {
        let start = self.without_key(&String::from_utf8_lossy(start));
        HttpError::WrongContent { url: redacted_url(url), expected, start: start_of(start.as_bytes()) }
    }
}

/// Why a client cannot be built.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// The key has characters that are not allowed in a header.
    #[error("the API key contains characters that cannot be sent; copy it again, without line ends")]
    UnusableKey,
    /// TLS cannot be set up, for example without system certificates.
    #[error("cannot set up TLS")]
    Tls(#[source] reqwest::Error),
}

/// The error of a failed connection. `without_url`, because the query of a redirect target may contain a signature.
pub(crate) fn connection(url: &Url, error: reqwest::Error) -> HttpError {
    HttpError::Connection { url: redacted_url(url), source: Box::new(error.without_url()) }
}

/// A URL for messages: without user, password, query and fragment.
pub(crate) fn redacted_url(url: &Url) -> String {
    let mut url = url.clone();
    url.set_query(None);
    url.set_fragment(None);
    // Both fail only for URLs that cannot have a user.
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
