//! The configuration of a [`Context`](crate::Context): addresses, key and limits.

use std::path::PathBuf;

use mtdh_lake::LakeOptions;
use mtdh_source::SecretString;
use mtdh_source::http::rate_limit::Budget;
use mtdh_source::http::retry::RetryPolicy;

/// The vendor's metadata API.
pub const METADATA_URL: &str = "https://api.tardis.dev/v1";

/// The vendor's CSV files.
pub const DATASETS_URL: &str = "https://datasets.tardis.dev/v1";

/// Addresses of the lake and the vendor, the API key and the limits.
#[derive(Clone, Debug)]
pub struct Config {
    /// The lake: a folder, `gs://…` or `s3://…`.
    pub lake: String,
    /// Settings of the lake that its URL does not contain.
    pub lake_options: LakeOptions,
    /// The vendor's metadata API.
    pub api: String,
    /// The vendor's files.
    pub datasets: String,
    /// The service of the exchange's klines; `None`: Binance's own hosts.
    pub binance: Option<String>,
    /// The vendor's API key; `None`: only the free data, the first day of each month.
    pub key: Option<SecretString>,
    /// A folder of vendor files that is used instead of the service.
    pub source_folder: Option<PathBuf>,
    /// Where the vendor's metadata is cached.
    pub cache_folder: PathBuf,
    /// When failed requests are retried.
    pub retry: RetryPolicy,
    /// Limits on requests and bytes.
    pub budget: Budget,
    /// The run whose workers share the budget, and this worker's name; `None`: only this process uses the budget.
    pub run: Option<(String, String)>,
}

impl Default for Config {
    /// The lake `./data`, the vendor's own addresses, no key, a cache in the system's temporary folder, no limits.
    fn default() -> Config {
        Config {
            lake: "./data".to_owned(),
            lake_options: LakeOptions::default(),
            api: METADATA_URL.to_owned(),
            datasets: DATASETS_URL.to_owned(),
            binance: None,
            key: None,
            source_folder: None,
            cache_folder: std::env::temp_dir().join("mtdh"),
            retry: RetryPolicy::default(),
            budget: Budget::default(),
            run: None,
        }
    }
}
