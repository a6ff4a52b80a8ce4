//! What the vendor says of its exchanges and their instruments.
//!
//! Answers are kept on disk: for their lifetime they are not asked for again, afterwards the server is asked whether
//! they changed. Start at [`Metadata`].
//!
//! An answer goes to disk as it comes and is read from there line by line, within bounds: of a large exchange only what
//! matters for the days that are asked for is ever in memory.

mod bounds;
mod cache;
pub mod model;
mod narrow;
mod read;

use std::collections::BTreeSet;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use mtdh_core::error::ErrorKind;
use mtdh_core::universe::KeyPattern;
use mtdh_core::{Day, DayRange};
use reqwest::header::{CONTENT_ENCODING, ETAG, HeaderMap, HeaderValue, IF_NONE_MATCH};
use reqwest::{StatusCode, Url};

use crate::http::retry::RetryPolicy;
use crate::http::{HttpClient, HttpError, redacted_url};
use crate::tardis::datasets::join;
use bounds::{Bound, MOST_BYTES};
use cache::{Cache, Cached, Incoming};
use model::{ExchangeDetails, ExchangeSummary, Incident, InstrumentInfo, KeyAccess};
use read::{Lines, ReadError, Symbol};

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
        source: NotUnderstood,
    },
    /// It is more than such an answer can be.
    #[error("the vendor's answer for {url} {bound}")]
    TooMuch {
        /// What was asked for.
        url: String,
        /// What it has too much of.
        bound: Bound,
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

impl MetadataError {
    /// What a caller can do about it.
    pub fn kind(&self) -> ErrorKind {
        match self {
            MetadataError::Http(error) => error.kind(),
            MetadataError::Unreadable { .. }
            | MetadataError::TooMuch { .. }
            | MetadataError::OtherExchange { .. } => ErrorKind::Damaged,
            MetadataError::Cache { .. } => ErrorKind::Failed,
        }
    }
}

/// Why a body is not what it should be, without the key.
#[derive(Debug, thiserror::Error)]
#[error("{reason}")]
pub struct NotUnderstood {
    reason: String,
    /// It is no whole JSON or gzip data, so that another attempt may bring a better one.
    is_damage: bool,
}

/// The vendor's lists of an exchange.
#[derive(Clone, Debug)]
pub struct Lists {
    /// Its symbols, what files they have, incidents.
    pub details: ExchangeDetails,
    /// Its contracts' terms; null: the key, or the lack of one, does not allow it.
    pub terms: Option<Terms>,
}

/// The contracts' terms of an exchange, as of a day.
#[derive(Clone, Debug)]
pub struct Terms {
    /// The UTC day on which they were last known to be current; null: not known.
    pub as_of: Option<Day>,
    /// One per instrument.
    pub instruments: Vec<InstrumentInfo>,
}

/// Symbols that are of interest whenever they live.
#[derive(Clone, Debug, Default)]
pub struct Also {
    /// In the form of file URLs.
    pub symbols: BTreeSet<String>,
    /// Those whose keys fit.
    pub patterns: Vec<KeyPattern>,
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
        Ok(self.get("exchanges", |answer| read::list(answer.open())).await?.0)
    }

    /// One exchange: its symbols, what files they have, incidents.
    ///
    /// # Errors
    /// When it cannot be had or understood, or does not fit into memory: see [`Metadata::lists`].
    pub async fn exchange(&self, exchange: &str) -> Result<ExchangeDetails, MetadataError> {
        let (details, _) = self.details(exchange).await?;
        details.into_whole().map_err(|_| self.too_much(&format!("exchanges/{exchange}"), Bound::Kept))
    }

    /// Times when an exchange was not recorded.
    ///
    /// # Errors
    /// When they cannot be had or understood.
    pub async fn incidents(&self, exchange: &str) -> Result<Vec<Incident>, MetadataError> {
        Ok(self.details(exchange).await?.0.head.incident_reports)
    }

    /// The contract terms of an exchange's instruments; nothing where the key, or the lack of one, does not allow it.
    ///
    /// # Errors
    /// When it cannot be had for another reason, or not understood, or does not fit into memory: see
    /// [`Metadata::lists`].
    pub async fn instruments(&self, exchange: &str) -> Result<Option<Terms>, MetadataError> {
        let Some((terms, answer)) = self.terms(exchange).await? else { return Ok(None) };
        let too_much = || self.too_much(&format!("instruments/{exchange}"), Bound::Kept);
        let instruments = terms.whole().ok_or_else(too_much)?;
        Ok(Some(Terms { as_of: answer.day(), instruments }))
    }

    /// What is listed of an exchange: all of it, or where that does not fit into memory all that matters for the catalog
    /// of one of the days, which is the same, and what `also` names.
    ///
    /// # Errors
    /// When it cannot be had or understood, is about another exchange, or is too much even so; fewer days are less.
    pub async fn lists(&self, exchange: &str, days: DayRange, also: &Also) -> Result<Lists, MetadataError> {
        let (details, answer) = self.details(exchange).await?;
        let terms = self.terms(exchange).await?;
        let (terms, terms_answer) = terms.map_or((None, None), |(terms, answer)| (Some(terms), Some(answer)));
        let as_of = terms_answer.as_ref().and_then(Cached::day);
        let details = match (details.into_whole(), terms.map(Lines::whole)) {
            (Ok(details), None) => return Ok(Lists { details, terms: None }),
            (Ok(details), Some(Some(instruments))) => {
                return Ok(Lists { details, terms: Some(Terms { as_of, instruments }) });
            }
            (Ok(details) | Err(details), _) => details,
        };
        let exported_until = details.datasets.as_ref().map(|index| index.exported_until);
        let (url, name) = (self.url(&format!("exchanges/{exchange}"))?, exchange.to_owned());
        drop(details);
        let also = also.clone();
        let read = move || narrow::narrow(&answer, terms_answer.as_ref(), &name, exported_until, days, also);
        let (details, contracts) = self.off_the_runtime(&url, read).await?;
        let terms = contracts.map(|instruments| Terms { as_of, instruments });
        Ok(Lists { details, terms })
    }

    /// What the key may fetch; an empty list when it expired.
    ///
    /// # Errors
    /// When it cannot be had or understood; without a key the vendor refuses.
    pub async fn key_access(&self) -> Result<Vec<KeyAccess>, MetadataError> {
        let url = self.url("api-key-info")?;
        let ask = |_| async { self.http.get(&url, HeaderMap::new()).await?.whole(LONGEST_KEY_ACCESS).await };
        let body = self.policy.run(ask).await.map_err(MetadataError::Http)?;
        self.off_the_runtime(&url, move || read::list(&body[..])).await
    }

    async fn details(&self, exchange: &str) -> Result<(Details, Cached), MetadataError> {
        let path = format!("exchanges/{exchange}");
        let read = |answer: &Cached| {
            let (mut api, mut datasets) = (Lines::default(), Lines::default());
            let head = read::exchange(answer.open(), &mut |symbol| match symbol {
                Symbol::Api(symbol) => api.add(symbol),
                Symbol::Dataset(symbol) => datasets.add(symbol),
            })?;
            Ok(Details { head, api, datasets })
        };
        let (details, answer) = self.get(&path, read).await?;
        self.check_exchange(&path, exchange, Some(&details.head.id))?;
        Ok((details, answer))
    }

    /// Refuses an answer that is about another exchange than was asked for. It is not kept either, since the server
    /// would go on to confirm it.
    fn check_exchange(&self, path: &str, exchange: &str, found: Option<&str>) -> Result<(), MetadataError> {
        let Some(found) = found.filter(|found| *found != exchange) else { return Ok(()) };
        let failed = |source| MetadataError::Cache { folder: self.cache.folder().to_owned(), source };
        self.cache.forget(path).map_err(failed)?;
        let (exchange, found) = (exchange.to_owned(), found.to_owned());
        Err(MetadataError::OtherExchange { url: redacted_url(&self.url(path)?), exchange, found })
    }

    async fn terms(&self, exchange: &str) -> Result<Option<(Lines<InstrumentInfo>, Cached)>, MetadataError> {
        // BitMEX is open to everyone; the vendor says so on its instruments page.
        if !self.has_key && exchange != "bitmex" {
            return Ok(None);
        }
        let path = format!("instruments/{exchange}");
        let read = |answer: &Cached| {
            let (mut terms, mut exchanges) = (Lines::default(), BTreeSet::new());
            read::instruments(answer.open(), &mut |contract| {
                // Two tell that one is not the one that was asked for.
                if exchanges.len() < 2 {
                    exchanges.extend(contract.exchange.clone());
                }
                terms.add(contract);
            })?;
            Ok((terms, exchanges))
        };
        match self.get(&path, read).await {
            Ok(((terms, exchanges), answer)) => {
                for found in &exchanges {
                    self.check_exchange(&path, exchange, Some(found))?;
                }
                Ok(Some((terms, answer)))
            }
            Err(MetadataError::Http(HttpError::Unauthorized { .. } | HttpError::Forbidden { .. })) => {
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    fn url(&self, path: &str) -> Result<Url, MetadataError> {
        join(&self.base, path).map_err(MetadataError::Http)
    }

    fn too_much(&self, path: &str, bound: Bound) -> MetadataError {
        self.url(path)
            .map_or_else(|error| error, |url| MetadataError::TooMuch { url: redacted_url(&url), bound })
    }

    /// What `read` makes of an answer, and the answer.
    async fn get<T: Send + 'static>(
        &self,
        path: &str,
        read: impl Fn(&Cached) -> Result<T, ReadError> + Copy + Send + 'static,
    ) -> Result<(T, Cached), MetadataError> {
        let failed = |source| MetadataError::Cache { folder: self.cache.folder().to_owned(), source };
        let url = self.url(path)?;
        let parse = |answer: Cached| self.off_the_runtime(&url, move || Ok((read(&answer)?, answer)));
        let mut kept = self.cache.read(path).map_err(failed)?;
        if let Some(fresh) = kept.as_ref().filter(|k| self.cache.is_fresh(k)) {
            match parse(fresh.clone()).await {
                Ok(parsed) => return Ok(parsed),
                // Another version of this program kept it, or the disk lost it.
                Err(_) => kept = None,
            }
        }
        let mut attempt = 1;
        loop {
            let etag = kept.as_ref().and_then(Cached::etag);
            let answer = self.policy.run(|_| self.ask(&url, etag)).await.map_err(MetadataError::Http)?;
            let current = match (answer, kept.take()) {
                (Some(current), _) => current,
                (None, Some(kept)) => self.cache.renew(&kept).map_err(failed)?,
                (None, None) => self.cache.begin(None, false).map_err(failed)?,
            };
            match parse(current.answer().map_err(failed)?).await {
                Ok(parsed) => {
                    self.cache.keep(path, current).map_err(failed)?;
                    return Ok(parsed);
                }
                // Only what can be read is kept; else the server would go on to confirm it.
                Err(error) => {
                    self.cache.forget(path).map_err(failed)?;
                    let is_damage =
                        matches!(&error, MetadataError::Unreadable { source, .. } if source.is_damage);
                    if !is_damage || attempt == DAMAGED_ATTEMPTS {
                        return Err(error);
                    }
                    tracing::warn!(attempt, cause = %mtdh_core::error::chain(&error), "asking again");
                    attempt += 1;
                }
            }
        }
    }

    /// One request. Nothing means that what `etag` names is current.
    async fn ask(&self, url: &Url, etag: Option<&str>) -> Result<Option<Incoming>, HttpError> {
        let mut headers = HeaderMap::new();
        if let Some(etag) = etag.and_then(|e| HeaderValue::from_str(e).ok()) {
            headers.insert(IF_NONE_MATCH, etag);
        }
        let mut reply = self.http.get(url, headers).await?;
        if reply.status() == StatusCode::NOT_MODIFIED && etag.is_some() {
            return Ok(None);
        }
        let disk = |source: io::Error| HttpError::Disk { url: redacted_url(url), source };
        let is_gzip = reply.header(CONTENT_ENCODING) == Some("gzip");
        let mut incoming = self.cache.begin(reply.header(ETAG).map(str::to_owned), is_gzip).map_err(disk)?;
        let (mut bytes, mut start) = (0, Vec::new());
        while let Some(chunk) = reply.chunk().await? {
            bytes += chunk.len() as u64;
            if bytes > MOST_BYTES {
                return Err(HttpError::TooLong { url: redacted_url(url), limit: MOST_BYTES });
            }
            let blank = if start.is_empty() {
                chunk.iter().take_while(|b| b.is_ascii_whitespace()).count()
            } else {
                0
            };
            start.extend(chunk[blank..].iter().take(START_BYTES.saturating_sub(start.len())));
            incoming.write(&chunk).map_err(disk)?;
        }
        if !is_gzip && !matches!(start.first(), Some(b'{' | b'[')) {
            return Err(self.http.wrong_content(url, "JSON", &start));
        }
        Ok(Some(incoming))
    }

    /// Reading Deribit's instruments takes a second: not on the runtime's threads.
    async fn off_the_runtime<T: Send + 'static>(
        &self,
        url: &Url,
        read: impl FnOnce() -> Result<T, ReadError> + Send + 'static,
    ) -> Result<T, MetadataError> {
        let (reason, is_damage) = match tokio::task::spawn_blocking(read).await {
            Ok(Ok(read)) => return Ok(read),
            Ok(Err(ReadError::Bound(bound))) => {
                return Err(MetadataError::TooMuch { url: redacted_url(url), bound });
            }
            // The parser's words repeat the body's.
            Ok(Err(ReadError::Json(error))) => (self.http.without_key(&error.to_string()), !error.is_data()),
            Err(panic) => (panic.to_string(), false),
        };
        Err(MetadataError::Unreadable { url: redacted_url(url), source: NotUnderstood { reason, is_damage } })
    }
}

/// Bytes of a body's beginning that are kept for a message.
const START_BYTES: usize = 1024;

/// Bytes of what a key may fetch, at most.
const LONGEST_KEY_ACCESS: usize = 4 << 20;

/// An exchange as it was read: symbols that do not fit into memory are left out.
struct Details {
    head: ExchangeDetails,
    api: Lines<model::ApiSymbol>,
    datasets: Lines<model::DatasetSymbol>,
}

impl Details {
    /// All of it; where symbols were left out, what there is.
    fn into_whole(self) -> Result<ExchangeDetails, ExchangeDetails> {
        let mut details = self.head;
        let (Some(api), Some(datasets)) = (self.api.whole(), self.datasets.whole()) else {
            return Err(details);
        };
        details.available_symbols = api;
        if let Some(index) = &mut details.datasets {
            index.symbols = datasets;
        }
        Ok(details)
    }
}
