//! What the vendor says of its exchanges and their instruments.
//!
//! Answers are kept on disk: for their lifetime they are not asked for again, afterwards the server is asked whether
//! they changed. Start at [`Metadata`].

mod cache;
pub mod model;

use std::path::PathBuf;
use std::time::Duration;

use mtdh_core::Day;
use reqwest::header::{CONTENT_ENCODING, ETAG, HeaderMap, HeaderValue, IF_NONE_MATCH};
use reqwest::{StatusCode, Url};
use serde::de::DeserializeOwned;

use crate::datasets::join;
use crate::http::retry::RetryPolicy;
use crate::http::{HttpClient, HttpError, shown};
use cache::{Cache, Cached};
use model::{ExchangeDetails, ExchangeSummary, InstrumentInfo, KeyAccess};

/// How long an answer is taken as it is before the server is asked whether it changed.
pub const DEFAULT_LIFETIME: Duration = Duration::from_secs(15 * 60);

/// Why the vendor's metadata cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum MetadataError {
    /// The service did not give it.
    #[error("the vendor's metadata cannot be had")]
    Http(#[source] HttpError),
    /// It is not what such an answer holds.
    #[error("the vendor's answer for {url} cannot be understood")]
    Unreadable {
        /// What was asked for.
        url: String,
        /// Where it stops making sense.
        #[source]
        source: serde_json::Error,
    },
    /// It is about another exchange than was asked for.
    #[error("the vendor's answer for {url} is about `{found}`, not about `{exchange}`; it is not used")]
    OtherExchange {
        /// What was asked for.
        url: String,
        /// Whom it was to be about.
        exchange: String,
        /// Whom it is about.
        found: String,
    },
    /// The cache folder cannot be used.
    #[error("the cache folder {} cannot be used", folder.display())]
    Cache {
        /// The folder.
        folder: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
}

/// The contracts' terms of an exchange, as of a day.
#[derive(Clone, Debug)]
pub struct Terms {
    /// The UTC day on which they were last known to be current; null: not known.
    pub as_of: Option<Day>,
    /// One per instrument.
    pub instruments: Vec<InstrumentInfo>,
}

/// Asks the vendor's API host.
#[derive(Clone, Debug)]
pub struct Metadata {
    http: HttpClient,
    base: Url,
    policy: RetryPolicy,
    cache: Cache,
    has_key: bool,
}

/// How often an answer is asked for that arrives damaged: no JSON, or gzip data that is cut or wrong.
const DAMAGED_ATTEMPTS: u32 = 3;

impl Metadata {
    /// Metadata below `base`, for example `https://api.tardis.dev/v1`, kept in `cache_folder` for `lifetime`.
    /// `has_key` says whether `http` sends one: without it, what needs a key is not asked for.
    pub fn new(
        http: HttpClient,
        base: Url,
        policy: RetryPolicy,
        cache_folder: PathBuf,
        lifetime: Duration,
        has_key: bool,
    ) -> Metadata {
        let cache = Cache::new(cache_folder, &base, lifetime);
        Metadata { http, base, policy, cache, has_key }
    }

    /// Every exchange.
    ///
    /// # Errors
    /// When it cannot be had or understood.
    pub async fn exchanges(&self) -> Result<Vec<ExchangeSummary>, MetadataError> {
        Ok(self.get("exchanges").await?.0)
    }

    /// One exchange: its symbols, what files they have, incidents.
    ///
    /// # Errors
    /// When it cannot be had or understood.
    pub async fn exchange(&self, exchange: &str) -> Result<ExchangeDetails, MetadataError> {
        let path = format!("exchanges/{exchange}");
        let (details, _) = self.get::<ExchangeDetails>(&path).await?;
        self.check_exchange(&path, exchange, Some(&details.id))?;
        Ok(details)
    }

    /// The contract terms of an exchange's instruments; nothing where the key, or the lack of one, does not allow it.
    ///
    /// # Errors
    /// When it cannot be had for another reason, or not understood.
    pub async fn instruments(&self, exchange: &str) -> Result<Option<Terms>, MetadataError> {
        // BitMEX is open to everyone; the vendor says so on its instruments page.
        if !self.has_key && exchange != "bitmex" {
            return Ok(None);
        }
        let path = format!("instruments/{exchange}");
        match self.get::<Vec<InstrumentInfo>>(&path).await {
            Ok((instruments, as_of)) => {
                for instrument in &instruments {
                    self.check_exchange(&path, exchange, instrument.exchange.as_deref())?;
                }
                Ok(Some(Terms { as_of, instruments }))
            }
            Err(MetadataError::Http(HttpError::Unauthorized { .. } | HttpError::Forbidden { .. })) => {
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// What the key may fetch; an empty list when it expired.
    ///
    /// # Errors
    /// When it cannot be had or understood; without a key the vendor refuses.
    pub async fn key_access(&self) -> Result<Vec<KeyAccess>, MetadataError> {
        let url = join(&self.base, "api-key-info").map_err(MetadataError::Http)?;
        let answer = self.policy.run(|_| self.ask(&url, None)).await.map_err(MetadataError::Http)?;
        parse(answer.unwrap_or_default(), &url).await
    }

    /// Refuses an answer that is about another exchange than was asked for. It is not kept either, since the server
    /// would go on to confirm it.
    fn check_exchange(&self, path: &str, exchange: &str, found: Option<&str>) -> Result<(), MetadataError> {
        let Some(found) = found.filter(|found| *found != exchange) else { return Ok(()) };
        self.forget(path)?;
        let url = join(&self.base, path).map_err(MetadataError::Http)?;
        let (exchange, found) = (exchange.to_owned(), found.to_owned());
        Err(MetadataError::OtherExchange { url: shown(&url), exchange, found })
    }

    fn forget(&self, path: &str) -> Result<(), MetadataError> {
        let failed = |source| MetadataError::Cache { folder: self.cache.folder().to_owned(), source };
        self.cache.forget(path).map_err(failed)
    }

    /// An answer, and the UTC day on which it was last known to be current.
    async fn get<T: DeserializeOwned + Send + 'static>(
        &self,
        path: &str,
    ) -> Result<(T, Option<Day>), MetadataError> {
        let failed = |source| MetadataError::Cache { folder: self.cache.folder().to_owned(), source };
        let url = join(&self.base, path).map_err(MetadataError::Http)?;
        let mut kept = self.cache.read(path).map_err(failed)?;
        if let Some(fresh) = kept.as_ref().filter(|k| self.cache.is_fresh(k)) {
            match parse(fresh.clone(), &url).await {
                Ok(parsed) => return Ok((parsed, fresh.day())),
                // Another version of this program kept it, or the disk lost it.
                Err(_) => kept = None,
            }
        }
        let mut attempt = 1;
        loop {
            let etag = kept.as_ref().and_then(|k| k.etag.clone());
            let answer =
                self.policy.run(|_| self.ask(&url, etag.as_deref())).await.map_err(MetadataError::Http)?;
            let current = answer.or(kept.take().map(Cached::renewed)).unwrap_or_default();
            match parse(current.clone(), &url).await {
                Ok(parsed) => {
                    self.cache.write(path, &current).map_err(failed)?;
                    return Ok((parsed, current.day()));
                }
                // Only what can be read is kept; else the server would go on to confirm it.
                Err(error) => {
                    self.forget(path)?;
                    let is_damage =
                        matches!(&error, MetadataError::Unreadable { source, .. } if !source.is_data());
                    if !is_damage || attempt == DAMAGED_ATTEMPTS {
                        return Err(error);
                    }
                    tracing::warn!(attempt, cause = %crate::http::retry::chain(&error), "asking again");
                    attempt += 1;
                }
            }
        }
    }

    /// One request. Nothing means that what `etag` names is current.
    async fn ask(&self, url: &Url, etag: Option<&str>) -> Result<Option<Cached>, HttpError> {
        let mut headers = HeaderMap::new();
        if let Some(etag) = etag.and_then(|e| HeaderValue::from_str(e).ok()) {
            headers.insert(IF_NONE_MATCH, etag);
        }
        let mut reply = self.http.get(url, headers).await?;
        if reply.status() == StatusCode::NOT_MODIFIED && etag.is_some() {
            return Ok(None);
        }
        let (etag, is_gzip) =
            (reply.header(ETAG).map(str::to_owned), reply.header(CONTENT_ENCODING) == Some("gzip"));
        let mut body = Vec::new();
        while let Some(chunk) = reply.chunk().await? {
            body.extend_from_slice(&chunk);
        }
        let start = body.iter().find(|b| !b.is_ascii_whitespace());
        if !is_gzip && !matches!(start, Some(b'{' | b'[')) {
            return Err(self.http.wrong_content(url, "JSON", &body));
        }
        Ok(Some(Cached::new(etag, is_gzip, body)))
    }
}

/// Parsing Deribit's instruments takes a second: off the runtime.
async fn parse<T: DeserializeOwned + Send + 'static>(cached: Cached, url: &Url) -> Result<T, MetadataError> {
    let parsed = tokio::task::spawn_blocking(move || serde_json::from_reader(cached.open())).await;
    let unreadable = |source| MetadataError::Unreadable { url: shown(url), source };
    parsed.unwrap_or_else(|panic| Err(serde::de::Error::custom(panic))).map_err(unreadable)
}
