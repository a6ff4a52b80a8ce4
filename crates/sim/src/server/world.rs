//! The state that all servers of one simulated world share.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, OnceLock};

use chrono::{DateTime, Utc};
use tokio::sync::{Semaphore, watch};

use crate::config::{Config, Options};
use crate::exchange::binance::Weight;
use crate::gcs::store::Buckets;
use crate::generate::files::{File, FileName};
use crate::lock;
use crate::server::fault::Fault;
use crate::server::file_cache::{FileCache, StoredFile};
use crate::server::front::ask::Ask;
use crate::server::request_log::RequestLog;
use crate::tardis::api::Documents;
use crate::tardis::key_use::KeyUse;

/// Where the servers listen.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Addresses {
    /// The vendor's metadata and files.
    pub(crate) vendor: SocketAddr,
    /// The object store behind redirects.
    pub(crate) store: SocketAddr,
    /// The bucket.
    pub(crate) gcs: SocketAddr,
    /// Binance's candles.
    pub(crate) binance: SocketAddr,
    /// What tests say to the world while it runs.
    pub(crate) control: SocketAddr,
}

/// How often a file was issued anew, and when last.
#[derive(Clone, Copy, Debug, Default)]
struct Issue {
    number: u32,
    at_us: Option<i64>,
}

/// One simulated world.
#[derive(Debug)]
pub(crate) struct World {
    config: Mutex<Arc<Config>>,
    issues: Mutex<HashMap<FileName, Issue>>,
    files: FileCache,
    /// As many files are made at once as there are processors.
    makers: Semaphore,
    /// How many requests have fitted each fault of the configuration.
    fault_counts: Mutex<Vec<u32>>,
    pub(crate) addresses: OnceLock<Addresses>,
    pub(crate) log: RequestLog,
    pub(crate) key_use: KeyUse,
    pub(crate) buckets: Buckets,
    pub(crate) documents: Documents,
    pub(crate) weight: Weight,
    pub(crate) stopped: watch::Sender<bool>,
}

impl World {
    pub(crate) fn new(config: Config) -> World {
        let processors = std::thread::available_parallelism().map_or(2, usize::from);
        World {
            config: Mutex::new(Arc::new(config)),
            issues: Mutex::default(),
            files: FileCache::default(),
            makers: Semaphore::new(processors),
            fault_counts: Mutex::default(),
            addresses: OnceLock::new(),
            log: RequestLog::default(),
            key_use: KeyUse::default(),
            buckets: Buckets::default(),
            documents: Documents::default(),
            weight: Weight::default(),
            stopped: watch::Sender::new(false),
        }
    }

    /// The configuration as it is now.
    pub(crate) fn config(&self) -> Arc<Config> {
        Arc::clone(&lock(&self.config))
    }

    /// The world's clock, microseconds since the Unix epoch, UTC.
    pub(crate) fn now_us(&self) -> i64 {
        self.config().now.timestamp_micros()
    }

    pub(crate) fn set_now(&self, now: DateTime<Utc>) {
        let mut config = lock(&self.config);
        *config = Arc::new(Config { now, ..Config::clone(&config) });
    }

    pub(crate) fn set_faults(&self, faults: Vec<Fault>) {
        let mut config = lock(&self.config);
        *config = Arc::new(Config { faults, ..Config::clone(&config) });
        lock(&self.fault_counts).clear();
        self.log.forget_attempts();
    }

    pub(crate) fn set_options(&self, options: Options) {
        let mut config = lock(&self.config);
        *config = Arc::new(Config { options, ..Config::clone(&config) });
    }

    /// The fault that befalls a request, if one does.
    pub(crate) fn fault(&self, ask: &Ask) -> Option<Fault> {
        let config = lock(&self.config);
        let mut counts = lock(&self.fault_counts);
        counts.resize(config.faults.len(), 0);
        let url = ask.url();
        for (fault, count) in config.faults.iter().zip(counts.iter_mut()) {
            if fault.fits(ask.host, ask.method.as_str(), &url, ask.attempt) {
                *count += 1;
                if fault.requests.contains(*count) {
                    return Some(fault.clone());
                }
            }
        }
        None
    }

    /// From now on the vendor has another version of a file.
    pub(crate) fn reissue(&self, name: FileName) {
        let at_us = Some(self.now_us());
        let mut issues = lock(&self.issues);
        let issue = issues.entry(name).or_default();
        *issue = Issue { number: issue.number + 1, at_us };
    }

    /// Which version of a file is the newest, counted from 0.
    pub(crate) fn issue_number(&self, name: &FileName) -> u32 {
        self.issue(name).number
    }

    /// The bytes of a file, made now or kept from before.
    pub(crate) async fn stored_file(self: &Arc<World>, name: FileName, file: File) -> Arc<StoredFile> {
        let config = self.config();
        let issue = self.issue(&name);
        let key = (name, issue.number, config.seed, config.options.empty_file, config.options.member_bytes);
        if let Some(kept) = self.files.get(&key) {
            return kept;
        }
        let _permit = self.makers.acquire().await;
        let member_bytes = config.options.member_bytes;
        let modified_us = issue.at_us;
        let day = key.0.day;
        let make = move || StoredFile::new(&file.csv(issue.number), member_bytes, modified_us, day);
        let made = Arc::new(blocking(make).await);
        self.files.keep(key, Arc::clone(&made));
        made
    }

    fn issue(&self, name: &FileName) -> Issue {
        lock(&self.issues).get(name).copied().unwrap_or_default()
    }
}

/// Runs work that takes a processor for a while, away from the runtime's own threads.
pub(crate) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(_) => std::future::pending().await,
        },
    }
}
