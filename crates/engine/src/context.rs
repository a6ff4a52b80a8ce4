//! The entry point for embedding programs: the lake and the vendor behind one [`Context`], with one method for each use case.
//!
//! Each method takes options with [`Default`] and returns a report; nothing is printed. Futures are boxed, so that the
//! programs that await them do not compile their bodies again. Log lines carry the fields of the caller's span.

mod candles;
mod certify;
mod check;
mod compare;
mod config;
mod download;
mod find;
mod fleet;
mod hive;
mod iceberg;
mod instruments;
mod live;
mod query;
mod records;
mod removal;
mod served;
mod slice;
mod tables;
mod validate;
mod want;

use std::path::Path;
use std::sync::Arc;

use futures::future::BoxFuture;
use mtdh_core::partition::Origin;
use mtdh_lake::{Lake, LakeError};
use mtdh_source::Url;
use mtdh_source::http::HttpClient;
use mtdh_source::http::rate_limit::{Budget, SharedBudget};
use mtdh_source::http::retry::RetryPolicy;
use mtdh_source::tardis::datasets::{Archive, Datasets, Folder};
use mtdh_source::tardis::metadata::{DEFAULT_LIFETIME, Metadata};

use crate::doctor::{Examination, examine};
use crate::error::EngineError;
use crate::fleet::saved_plan::check_name;
use crate::instruments::{InstrumentSource, left_in_folder};
use crate::runs::budget::RunBudget;
use crate::selection::Selection;

pub use candles::{CandlePlanOptions, CandleRunOptions};
pub use certify::CertifyBy;
pub use check::{
    CheckOptions, LakeCheck, check_user_candles, check_user_files, compare_user_files, read_user_candles,
};
pub use config::{Config, DATASETS_URL, METADATA_URL};
pub use download::{DownloadOptions, PlanOptions, Planned};
pub use fleet::WorkOptions;
pub use served::StoredObject;
pub use tables::{Proved, Views};
pub use validate::{ValidateOptions, Validation};

pub use crate::why::Evidence;

/// The future of a use case.
pub type Work<'a, T> = BoxFuture<'a, Result<T, EngineError>>;

/// How often the vendor is asked for what a use case can do without. The waits in between come to three seconds at most.
const ATTEMPTS_SOON: u32 = 3;

/// The lake, the vendor's metadata and its files.
pub struct Context {
    pub(crate) lake: Lake,
    pub(crate) metadata: Metadata,
    /// The same, for what a use case can do without: without a network it is told so after seconds.
    pub(crate) metadata_soon: Metadata,
    pub(crate) archive: Arc<Archive>,
    has_key: bool,
    budget: Budget,
    /// Where a reader of its own finds the lake: an absolute path on this machine, or the address in the bucket.
    address: String,
}

impl Context {
    /// Opens the lake and sets up the clients; nothing is requested yet.
    ///
    /// # Errors
    /// When an address or the key cannot be used, or the folder of vendor files cannot be read.
    ///
    /// ```
    /// # fn main() -> Result<(), mtdh_engine::EngineError> {
    /// use mtdh_engine::{Config, Context};
    /// # let folder = tempfile::tempdir().unwrap();
    /// # let folder = folder.path().display().to_string();
    /// let context = Context::open(&Config { lake: folder, ..Config::default() })?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn open(config: &Config) -> Result<Context, EngineError> {
        let Config { budget, run, retry, key, .. } = config;
        let lake = Lake::open(&config.lake, &config.lake_options)?;
        let is_limited = budget.requests_per_minute.is_some() || budget.bytes_per_day.is_some();
        if let Some((run_id, _)) = run {
            check_name(run_id)?;
        }
        let shared = run.as_ref().filter(|_| is_limited).map(|(run_id, holder)| {
            let shared = RunBudget::new(lake.clone(), run_id, *budget, holder.clone());
            Arc::new(shared) as Arc<dyn SharedBudget>
        });
        let http = HttpClient::shared(key.as_ref(), *budget, shared).map_err(EngineError::Client)?;
        let (api, cache) = (url(&config.api)?, config.cache_folder.clone());
        let has_key = key.is_some();
        let metadata =
            Metadata::new(http.clone(), api.clone(), *retry, cache.clone(), DEFAULT_LIFETIME, has_key);
        let soon = RetryPolicy { attempts: retry.attempts.min(ATTEMPTS_SOON), ..*retry };
        let metadata_soon = Metadata::new(http.clone(), api, soon, cache, DEFAULT_LIFETIME, has_key);
        let archive = match &config.source_folder {
            Some(folder) => Archive::Folder(open_folder(folder)?),
            None => Archive::Service(Datasets::new(http, url(&config.datasets)?, *retry)),
        };
        let address = match lake.folder() {
            Some(folder) => std::path::absolute(folder).unwrap_or(folder.to_owned()).display().to_string(),
            None => tables::bucket_url(lake.url()),
        };
        let (archive, budget) = (Arc::new(archive), *budget);
        Ok(Context { lake, metadata, metadata_soon, archive, has_key, budget, address })
    }

    /// The same, for the partitions of this origin and what is derived from them. A request for rows says its own, see
    /// [`crate::query::ReadRequest::origins`].
    pub fn with_origin(self, origin: Origin) -> Context {
        Context { lake: self.lake.with_origin(origin), ..self }
    }

    /// The lake's address, as configured.
    pub fn lake_url(&self) -> &str {
        self.lake.url()
    }

    /// The folder of a local lake; `None`: a bucket.
    pub fn lake_folder(&self) -> Option<&Path> {
        self.lake.folder()
    }

    /// Keeps the verified footers of the objects that were read last, for programs that read the same objects again and again, and
    /// what [`Context::coverage`] needs of all footers that it reads.
    pub fn keep_footers(&self, most: usize) {
        self.lake.keep_footers(most);
    }

    /// Footers that [`Context::coverage`] has read.
    pub fn footers_read(&self) -> u64 {
        self.lake.footers_read()
    }

    /// Fails when there is no lake or it cannot be read.
    pub fn check_readable(&self) -> Work<'_, ()> {
        Box::pin(async { Ok(self.lake.check_readable().await?) })
    }

    /// Fails when there is a lake that cannot be read. A local lake need not exist yet: the first write creates it.
    pub fn check_usable(&self) -> Work<'_, ()> {
        Box::pin(async {
            match self.lake.check_readable().await {
                Err(LakeError::NoFolder(_)) => Ok(()),
                other => Ok(other?),
            }
        })
    }

    /// Examines what a run would need: the vendor, the key, the clock and the lake. What is wrong with them is in the result.
    ///
    /// ```no_run
    /// # async fn example(context: mtdh_engine::Context) {
    /// use mtdh_engine::doctor::LakeState;
    /// let found = context.examine().await;
    /// assert!(matches!(found.lake, LakeState::Usable { .. }), "{:?}", found.lake);
    /// # }
    /// ```
    pub fn examine(&self) -> BoxFuture<'_, Examination> {
        Box::pin(async {
            let vendor = match &*self.archive {
                Archive::Folder(_) => None,
                Archive::Service(_) => Some(&self.metadata),
            };
            examine(&self.lake, vendor, self.has_key).await
        })
    }

    /// Where instruments come from: the folder of vendor files if one is configured, else the vendor.
    pub(crate) fn instrument_source(&self) -> InstrumentSource<'_> {
        match &*self.archive {
            Archive::Folder(folder) => InstrumentSource::Folder(folder),
            Archive::Service(_) => InstrumentSource::Vendor(&self.metadata),
        }
    }
}

impl Context {
    /// The files of the folder of vendor files that a selection makes no use of, a line each or a kind, with the reason. None if
    /// files come from the vendor.
    pub fn left_in_folder(&self, selection: &Selection) -> Vec<String> {
        match &*self.archive {
            Archive::Folder(folder) => left_in_folder(folder, selection),
            Archive::Service(_) => Vec::new(),
        }
    }
}

fn open_folder(folder: &Path) -> Result<Folder, EngineError> {
    let failed = |source| EngineError::Folder { folder: folder.display().to_string(), source };
    Folder::open(folder).map_err(failed)
}

fn url(text: &str) -> Result<Url, EngineError> {
    let parsed = Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
    parsed.ok_or_else(|| EngineError::BadAddress { text: text.to_owned() })
}
