//! The vendor's metadata of exchanges and instruments.
//!
//! Responses are cached on disk. Within their lifetime they are not requested again; afterwards they are revalidated. Start
//! with [`Metadata`].
//!
//! A response is written to disk as it arrives and parsed from there line by line, within bounds. For a large exchange, only
//! what is needed for the requested days is in memory.

mod bounds;
mod cache;
pub mod model;
mod narrow;
mod read;

use std::collections::BTreeSet;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use chrono::{DateTime, Utc};
use mtdh_core::error::{ErrorKind, chain};
use mtdh_core::expectation::LeftOut;
use mtdh_core::symbol::Names;
use mtdh_core::universe::KeyPattern;
use mtdh_core::{Day, DayRange};
use reqwest::header::{CONTENT_ENCODING, DATE, ETAG, HeaderMap, HeaderValue, IF_NONE_MATCH};
use reqwest::{StatusCode, Url};

use crate::gunzip::Gunzip;
use crate::http::retry::RetryPolicy;
use crate::http::{HttpClient, HttpError, redacted_url};
use crate::tardis::datasets::join;
use bounds::{Bound, MOST_BYTES};
use cache::{Cache, Cached, Incoming};
pub use model::ExchangeSummary;
use model::{ExchangeDetails, Incident, InstrumentInfo, KeyAccess, is_group, type_of};
use read::{Lines, ReadError, Symbol};

/// How long a cached response is used without revalidation.
pub const DEFAULT_LIFETIME: Duration = Duration::from_secs(15 * 60);

/// Why the vendor's metadata could not be read.
#[derive(Debug, thiserror::Error)]
pub enum MetadataError {
    /// The request failed.
    #[error("cannot fetch the vendor's metadata")]
    Http(#[source] HttpError),
    /// The response has unexpected content.
    #[error("the vendor's answer for {url} cannot be understood")]
    Unreadable {
        /// The requested URL, redacted.
        url: String,
        /// The parser's error.
        #[source]
        source: NotUnderstood,
    },
    /// The response is too large.
    #[error("the vendor's answer for {url} {bound}")]
    TooMuch {
        /// The requested URL, redacted.
        url: String,
        /// The exceeded bound.
        bound: Bound,
    },
    /// The response is about another exchange than requested.
    #[error("the vendor's answer for {url} is about `{found}`, not about `{exchange}`; it is not used")]
    OtherExchange {
        /// The requested URL, redacted.
        url: String,
        /// The requested exchange.
        exchange: String,
        /// The exchange of the response.
        found: String,
    },
    /// The cache folder cannot be used.
    #[error("the cache folder {} cannot be used", folder.display())]
    Cache {
        /// The folder.
        folder: PathBuf,
        /// The cause.
        #[source]
        source: std::io::Error,
    },
}

impl MetadataError {
    /// The kind of the error.
    pub fn kind(&self) -> ErrorKind {
        match self {
            MetadataError::Http(error) => error.kind(),
            MetadataError::Unreadable { .. }
            | MetadataError::TooMuch { .. }
            | MetadataError::OtherExchange { .. } => ErrorKind::Damaged,
            MetadataError::Cache { .. } => ErrorKind::Failed,
        }
    }

    /// Whether further requests, about whatever, would fail for the same cause: the quota, the key, the cache folder.
    pub fn is_shared(&self) -> bool {
        match self {
            MetadataError::Http(error) => {
                error.kind() == ErrorKind::UsedUp || matches!(error, HttpError::KeyInUse { .. })
            }
            MetadataError::Cache { .. } => true,
            _ => false,
        }
    }
}

/// Why a response could not be parsed. The text does not contain the API key.
#[derive(Debug, thiserror::Error)]
#[error("{reason}")]
pub struct NotUnderstood {
    reason: String,
    /// Whether the JSON or gzip data is incomplete or damaged, so that a retry may succeed.
    is_damage: bool,
}

/// The vendor's lists of an exchange.
#[derive(Clone, Debug)]
pub struct Lists {
    /// Symbols, their files, and incidents.
    pub details: ExchangeDetails,
    /// Contract terms; `None` without an API key that covers them, or if they could not be read.
    pub terms: Option<Terms>,
    /// Why the contract terms could not be read; `None` if they could, or if the API key does not cover them.
    pub without_terms: Option<String>,
    /// The names of all symbols, also of those that are left out of `details`.
    pub names: Names,
}

impl Lists {
    /// Complete lists.
    pub fn of(details: ExchangeDetails, terms: Option<Terms>) -> Lists {
        let mut names = Names::new(&details.id);
        let files = details.datasets.iter().flat_map(|index| &index.symbols);
        details.available_symbols.iter().for_each(|symbol| add_name(&mut names, &symbol.id, &symbol.kind));
        files.for_each(|symbol| add_name(&mut names, &symbol.id, &symbol.kind));
        Lists { details, terms, without_terms: None, names }
    }
}

/// Adds a symbol to the names of its exchange, unless it is a grouped one.
fn add_name(names: &mut Names, id: &str, kind: &str) {
    if !is_group(id, kind) {
        names.add(id, type_of(kind));
    }
}

/// The contract terms of an exchange.
#[derive(Clone, Debug, Default)]
pub struct Terms {
    /// The UTC day on which they were last known to be current; `None` if unknown.
    pub as_of: Option<Day>,
    /// The terms, one entry per instrument.
    pub instruments: Vec<InstrumentInfo>,
    /// Entries that could not be parsed and are left out, with name and cause.
    pub unreadable: LeftOut,
}

/// Further symbols to include, whatever their lifetime.
#[derive(Clone, Debug, Default)]
pub struct Also {
    /// Dataset symbols, as in file URLs.
    pub symbols: BTreeSet<String>,
    /// Patterns of instrument keys.
    pub patterns: Vec<KeyPattern>,
}

/// A client for the vendor's metadata API.
#[derive(Clone, Debug)]
pub struct Metadata {
    http: HttpClient,
    base: Url,
    policy: RetryPolicy,
    cache: Cache,
    has_key: bool,
}

/// Attempts for a response that arrives damaged: invalid JSON, or truncated or corrupt gzip data.
const DAMAGED_ATTEMPTS: u32 = 3;

impl Metadata {
    /// A client for the API below `base`, for example `https://api.tardis.dev/v1`. Responses are cached in `cache_folder` for
    /// `lifetime`. `has_key` is whether `http` sends an API key; without one, requests that need it are not made.
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

    /// Whether requests have an API key.
    pub fn has_key(&self) -> bool {
        self.has_key
    }

    /// All exchanges.
    ///
    /// # Errors
    /// If the list cannot be fetched or parsed.
    pub async fn exchanges(&self) -> Result<Vec<ExchangeSummary>, MetadataError> {
        Ok(self.get("exchanges", |answer| read::list(answer.open())).await?.0)
    }

    /// Whether the vendor lists an exchange. Asks at most twice: a user may only have mistyped a name.
    ///
    /// # Errors
    /// As [`Metadata::exchanges`].
    pub async fn lists_exchange(&self, exchange: &str) -> Result<bool, MetadataError> {
        Ok(self.exchanges_soon().await?.iter().any(|summary| summary.id == exchange))
    }

    /// As [`Metadata::exchanges`], asking at most twice: for callers that can do without.
    ///
    /// # Errors
    /// As [`Metadata::exchanges`].
    pub async fn exchanges_soon(&self) -> Result<Vec<ExchangeSummary>, MetadataError> {
        let policy = RetryPolicy { attempts: self.policy.attempts.min(2), ..self.policy };
        Metadata { policy, ..self.clone() }.exchanges().await
    }

    /// One exchange: symbols, their files, and incidents.
    ///
    /// # Errors
    /// If it cannot be fetched or parsed, or does not fit into memory; see [`Metadata::lists`].
    pub async fn exchange(&self, exchange: &str) -> Result<ExchangeDetails, MetadataError> {
        let (details, _) = self.details(exchange).await?;
        details.into_whole().map_err(|_| self.too_much(&format!("exchanges/{exchange}"), Bound::Kept))
    }

    /// The recording outages of an exchange.
    ///
    /// # Errors
    /// If they cannot be fetched or parsed.
    pub async fn incidents(&self, exchange: &str) -> Result<Vec<Incident>, MetadataError> {
        Ok(self.details(exchange).await?.0.head.incident_reports)
    }

    /// The contract terms of an exchange's instruments; `None` without an API key that covers them.
    ///
    /// # Errors
    /// If they cannot be fetched for another reason, cannot be parsed, or do not fit into memory; see [`Metadata::lists`].
    pub async fn instruments(&self, exchange: &str) -> Result<Option<Terms>, MetadataError> {
        let Some((terms, unreadable, answer)) = self.terms(exchange).await? else { return Ok(None) };
        let too_much = || self.too_much(&format!("instruments/{exchange}"), Bound::Kept);
        let instruments = terms.whole().ok_or_else(too_much)?;
        Ok(Some(Terms { as_of: answer.day(), instruments, unreadable }))
    }

    /// The lists of an exchange. If they do not fit into memory, only the part that determines the instruments of `days`, plus
    /// the symbols of `also`. [`crate::tardis::instruments::list_instruments`] returns the same for both. Contract terms that
    /// cannot be read are left out, with the cause.
    ///
    /// # Errors
    /// If the lists cannot be fetched or parsed, are about another exchange, or are still too large. Fewer days need less
    /// memory.
    pub async fn lists(&self, exchange: &str, days: DayRange, also: &Also) -> Result<Lists, MetadataError> {
        let (details, answer) = self.details(exchange).await?;
        let names = details.names.clone();
        let (terms, without_terms) = match self.terms(exchange).await {
            Ok(terms) => (terms, None),
            // Whoever answers about another exchange answers about nothing reliably.
            Err(error @ MetadataError::OtherExchange { .. }) => return Err(error),
            Err(error) if error.is_shared() => return Err(error),
            Err(error) => (None, Some(chain(&error))),
        };
        let (terms, unreadable, terms_answer) = match terms {
            Some((terms, unreadable, answer)) => (Some(terms), unreadable, Some(answer)),
            None => (None, LeftOut::default(), None),
        };
        let as_of = terms_answer.as_ref().and_then(Cached::day);
        let details = match (details.into_whole(), terms.map(Lines::whole)) {
            (Ok(details), None) => return Ok(Lists { details, terms: None, without_terms, names }),
            (Ok(details), Some(Some(instruments))) => {
                let terms = Some(Terms { as_of, instruments, unreadable });
                return Ok(Lists { details, terms, without_terms, names });
            }
            (Ok(details) | Err(details), _) => details,
        };
        let exported_until = details.datasets.as_ref().map(|index| index.exported_until);
        let url = self.url(&format!("exchanges/{exchange}"))?;
        let of_details = details.unreadable;
        let (also, of_all) = (also.clone(), names.clone());
        let read =
            move || narrow::narrow(&answer, terms_answer.as_ref(), &of_all, exported_until, days, also);
        let (mut details, contracts) = self.off_the_runtime(&url, read).await?;
        details.unreadable = of_details;
        let terms = contracts.map(|instruments| Terms { as_of, instruments, unreadable });
        Ok(Lists { details, terms, without_terms, names })
    }

    /// Asks the API for its list of exchanges, past the cache. Returns their number, and the server's clock by its `Date` header,
    /// `None` if it sent none that can be read.
    ///
    /// # Errors
    /// If the list cannot be fetched or parsed.
    pub async fn reach(&self) -> Result<(usize, Option<DateTime<Utc>>), MetadataError> {
        let url = self.url("exchanges")?;
        let ask = |_| async {
            let mut answer = self.http.get(&url, HeaderMap::new()).await?;
            let clock = answer.header(DATE).and_then(|text| DateTime::parse_from_rfc2822(text).ok());
            let is_gzip = answer.header(CONTENT_ENCODING) == Some("gzip");
            Ok((answer.read_to_end(LONGEST_SHORT_ANSWER).await?, is_gzip, clock.map(|clock| clock.to_utc())))
        };
        let (body, is_gzip, clock) = self.policy.run(ask).await.map_err(MetadataError::Http)?;
        let parse = move || match is_gzip {
            true => read::list(Gunzip::new(&body[..])),
            false => read::list(&body[..]),
        };
        let exchanges: Vec<ExchangeSummary> = self.off_the_runtime(&url, parse).await?;
        Ok((exchanges.len(), clock))
    }

    /// The data that the API key covers; empty if the key has expired.
    ///
    /// # Errors
    /// If it cannot be fetched or parsed. Without a key the vendor refuses the request.
    pub async fn key_access(&self) -> Result<Vec<KeyAccess>, MetadataError> {
        let url = self.url("api-key-info")?;
        let ask = |_| async {
            self.http.get(&url, HeaderMap::new()).await?.read_to_end(LONGEST_SHORT_ANSWER).await
        };
        let body = self.policy.run(ask).await.map_err(MetadataError::Http)?;
        self.off_the_runtime(&url, move || read::list(&body[..])).await
    }

    async fn details(&self, exchange: &str) -> Result<(Details, Cached), MetadataError> {
        let path = format!("exchanges/{exchange}");
        let of_none = Names::new(exchange);
        let read = move |answer: &Cached| {
            let (mut api, mut datasets) = (Lines::default(), Lines::default());
            let mut names = of_none.clone();
            let head = read::exchange(answer.open(), &mut |symbol| match symbol {
                Symbol::Api(symbol) => {
                    add_name(&mut names, &symbol.id, &symbol.kind);
                    api.add(symbol);
                }
                Symbol::Dataset(symbol) => {
                    add_name(&mut names, &symbol.id, &symbol.kind);
                    datasets.add(symbol);
                }
            })?;
            Ok(Details { head, api, datasets, names })
        };
        let (mut details, answer) = self.get(&path, read).await?;
        self.check_exchange(&path, exchange, Some(&details.head.id))?;
        details.head.unreadable = self.named(details.head.unreadable);
        Ok((details, answer))
    }

    /// Elements that could not be parsed, for people: the parser's words may quote the body, and thus the key.
    fn named(&self, unreadable: LeftOut) -> LeftOut {
        let examples = unreadable.examples.iter().map(|text| self.http.without_key(text)).collect();
        LeftOut { examples, ..unreadable }
    }

    /// Rejects a response about another exchange than requested, and removes it from the cache. Otherwise the server would
    /// keep confirming it.
    fn check_exchange(&self, path: &str, exchange: &str, found: Option<&str>) -> Result<(), MetadataError> {
        let Some(found) = found.filter(|found| *found != exchange) else { return Ok(()) };
        let failed = |source| MetadataError::Cache { folder: self.cache.folder().to_owned(), source };
        self.cache.forget(path).map_err(failed)?;
        let (exchange, found) = (exchange.to_owned(), found.to_owned());
        Err(MetadataError::OtherExchange { url: redacted_url(&self.url(path)?), exchange, found })
    }

    async fn terms(
        &self,
        exchange: &str,
    ) -> Result<Option<(Lines<InstrumentInfo>, LeftOut, Cached)>, MetadataError> {
        // BitMEX needs no key: <https://docs.tardis.dev/api/instruments-metadata-api>.
        if !self.has_key && exchange != "bitmex" {
            return Ok(None);
        }
        let path = format!("instruments/{exchange}");
        let read = |answer: &Cached| {
            let (mut terms, mut exchanges) = (Lines::default(), BTreeSet::new());
            let unreadable = read::instruments(answer.open(), &mut |contract| {
                // Two different exchanges are enough to detect a wrong one.
                if exchanges.len() < 2 {
                    exchanges.extend(contract.exchange.clone());
                }
                terms.add(contract);
            })?;
            Ok((terms, exchanges, unreadable))
        };
        match self.get(&path, read).await {
            Ok(((terms, exchanges, unreadable), answer)) => {
                for found in &exchanges {
                    self.check_exchange(&path, exchange, Some(found))?;
                }
                Ok(Some((terms, self.named(unreadable), answer)))
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

    /// Fetches a response, or takes it from the cache, and parses it with `read`. Returns both.
    async fn get<T: Send + 'static>(
        &self,
        path: &str,
        read: impl Fn(&Cached) -> Result<T, ReadError> + Clone + Send + 'static,
    ) -> Result<(T, Cached), MetadataError> {
        let failed = |source| MetadataError::Cache { folder: self.cache.folder().to_owned(), source };
        let url = self.url(path)?;
        let parse = |answer: Cached| {
            let read = read.clone();
            self.off_the_runtime(&url, move || Ok((read(&answer)?, answer)))
        };
        let mut kept = self.cache.read(path).map_err(failed)?;
        if let Some(fresh) = kept.as_ref().filter(|k| self.cache.is_fresh(k)) {
            match parse(fresh.clone()).await {
                Ok(parsed) => return Ok(parsed),
                // Written by another version of this program, or damaged on disk.
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
                // Only readable responses are cached; otherwise the server would keep confirming a damaged one.
                Err(error) => {
                    self.cache.forget(path).map_err(failed)?;
                    let is_damage =
                        matches!(&error, MetadataError::Unreadable { source, .. } if source.is_damage);
                    if !is_damage || attempt == DAMAGED_ATTEMPTS {
                        return Err(error);
                    }
                    tracing::warn!(attempt, cause = %mtdh_core::error::chain(&error), "retrying");
                    attempt += 1;
                }
            }
        }
    }

    /// Sends one request; `None` if the version named by `etag` is current.
    async fn ask(&self, url: &Url, etag: Option<&str>) -> Result<Option<Incoming>, HttpError> {
        let mut headers = HeaderMap::new();
        if let Some(etag) = etag.and_then(|e| HeaderValue::from_str(e).ok()) {
            headers.insert(IF_NONE_MATCH, etag);
        }
        let mut response = self.http.get(url, headers).await?;
        if response.status() == StatusCode::NOT_MODIFIED && etag.is_some() {
            return Ok(None);
        }
        let disk = |source: io::Error| HttpError::Disk { url: redacted_url(url), source };
        let is_gzip = response.header(CONTENT_ENCODING) == Some("gzip");
        let etag = response.header(ETAG).map(str::to_owned);
        let mut incoming = self.cache.begin(etag, is_gzip).map_err(disk)?;
        let (mut bytes, mut start) = (0, Vec::new());
        while let Some(chunk) = response.chunk().await? {
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

    /// Parses on a blocking thread: Deribit's instruments take a second.
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
            // The parser's message may quote the body, and thus the key.
            Ok(Err(ReadError::Json(error))) => (self.http.without_key(&error.to_string()), !error.is_data()),
            Err(panic) => (panic.to_string(), false),
        };
        Err(MetadataError::Unreadable { url: redacted_url(url), source: NotUnderstood { reason, is_damage } })
    }
}

/// Bytes of the start of a body kept for a message.
const START_BYTES: usize = 1024;

/// The largest response of `api-key-info` and `exchanges`, bytes.
const LONGEST_SHORT_ANSWER: usize = 4 << 20;

/// A parsed exchange. Symbols that do not fit into memory are left out.
struct Details {
    head: ExchangeDetails,
    api: Lines<model::ApiSymbol>,
    datasets: Lines<model::DatasetSymbol>,
    /// The names of all symbols.
    names: Names,
}

impl Details {
    /// The complete exchange; `Err` with the rest if symbols were left out.
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
