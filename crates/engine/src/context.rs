//! From addresses and a key to what the verbs work with.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use mtdh_lake::{Lake, LakeOptions};
use mtdh_source::http::HttpClient;
use mtdh_source::http::rate_limit::{Budget, SharedBudget};
use mtdh_source::http::retry::RetryPolicy;
use mtdh_source::tardis::datasets::{Archive, Datasets, Folder};
use mtdh_source::tardis::metadata::{DEFAULT_LIFETIME, Metadata};
use mtdh_source::{SecretString, Url};

use crate::error::EngineError;
use crate::fleet::saved_plan::check_name;
use crate::instruments::InstrumentSource;
use crate::runs::budget::RunBudget;

/// Where everything is.
#[derive(Clone, Debug)]
pub struct Config {
    /// The lake: a folder, `gs://…` or `s3://…`.
    pub lake: String,
    /// What the lake's URL does not say.
    pub lake_options: LakeOptions,
    /// The vendor's metadata, `https://api.tardis.dev/v1`.
    pub api: String,
    /// The vendor's files, `https://datasets.tardis.dev/v1`.
    pub datasets: String,
    /// The exchange's klines; null: at Binance's own hosts.
    pub binance: Option<String>,
    /// The vendor's key.
    pub key: Option<SecretString>,
    /// A folder of vendor files that is used instead of the service.
    pub source_folder: Option<PathBuf>,
    /// Where the vendor's metadata is kept.
    pub cache_folder: PathBuf,
    /// When to ask again.
    pub retry: RetryPolicy,
    /// What may be taken of the vendor's account.
    pub budget: Budget,
    /// The run whose workers share the budget, and this worker's name; null: this process has it alone.
    pub run: Option<(String, String)>,
}

/// The lake, the vendor's metadata and its files.
pub struct Context {
    /// The lake.
    pub lake: Lake,
    /// The vendor's metadata.
    pub metadata: Metadata,
    /// The vendor's files, or the user's folder of them.
    pub archive: Arc<Archive>,
}

impl Context {
    /// Sets everything up; nothing is asked for yet.
    ///
    /// # Errors
    /// When an address or the key cannot be used, or the folder of vendor files cannot be read.
    pub fn open(addresses: &Config) -> Result<Context, EngineError> {
        let Config {
            lake,
            lake_options,
            api,
            datasets,
            key,
            source_folder,
            cache_folder,
            retry,
            budget,
            run,
            binance: _,
        } = addresses;
        let lake = Lake::open(lake, lake_options)?;
        let is_limited = budget.requests_per_minute.is_some() || budget.bytes_per_day.is_some();
        run.iter().try_for_each(|(run_id, _)| check_name(run_id))?;
        let ledger = run.as_ref().filter(|_| is_limited).map(|(run_id, holder)| {
            let ledger = RunBudget::new(lake.clone(), run_id, *budget, holder.clone());
            Arc::new(ledger) as Arc<dyn SharedBudget>
        });
        let http = HttpClient::shared(key.as_ref(), *budget, ledger).map_err(EngineError::Client)?;
        let (cache, has_key) = (cache_folder.clone(), key.is_some());
        let metadata = Metadata::new(http.clone(), url(api)?, *retry, cache, DEFAULT_LIFETIME, has_key);
        let archive = match source_folder {
            Some(folder) => Archive::Folder(open_folder(folder)?),
            None => Archive::Service(Datasets::new(http, url(datasets)?, *retry)),
        };
        Ok(Context { lake, metadata, archive: Arc::new(archive) })
    }

    /// Where instruments come from: the folder of vendor files when there is one, else the vendor.
    pub fn instrument_source(&self) -> InstrumentSource<'_> {
        match &*self.archive {
            Archive::Folder(folder) => InstrumentSource::Folder(folder),
            Archive::Service(_) => InstrumentSource::Vendor(&self.metadata),
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
