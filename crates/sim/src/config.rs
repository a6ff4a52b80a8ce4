//! The configuration of a simulator: seed, clock, size, faults, and options for behaviour of the servers that is not
//! documented.

use chrono::{DateTime, TimeZone, Utc};
use mtdh_core::Day;
use serde::{Deserialize, Serialize};

use crate::server::fault::{Fault, Md5Header};

/// The configuration of a simulator. The same configuration produces the same bytes on every machine.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Seed of all generated data.
    pub seed: u64,
    /// The simulated clock, UTC. It stands still; [`crate::Sim::set_now`] moves it.
    pub now: DateTime<Utc>,
    /// Number of instruments and of their messages.
    pub size: Size,
    /// The faults to inject. The first one that matches a request applies.
    pub faults: Vec<Fault>,
    /// Port of Tardis' metadata API and files; `None`: a free port. The other servers always use free ports.
    pub port: Option<u16>,
    /// Behaviour of the servers that varies or is not documented.
    pub options: Options,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            seed: 1,
            now: Utc.with_ymd_and_hms(2024, 3, 3, 12, 0, 0).single().unwrap_or_default(),
            size: Size::Realistic,
            faults: Vec::new(),
            port: None,
            options: Options::default(),
        }
    }
}

/// Number of instruments and of their messages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Size {
    /// For tests: a few instruments of every kind, with a few dozen rows a day.
    Small,
    /// For the demo: thousands of instruments; the busiest have thousands of rows a day.
    #[default]
    Realistic,
}

/// Options for the behaviour of the servers. Each default is the likelier or the stricter choice.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Options {
    /// Content of a file without rows.
    pub empty_file: EmptyFile,
    /// Which file requests are redirected to an object store.
    pub redirect: Redirect,
    /// Number of further redirects after the first, from the object store to itself.
    pub further_redirects: u8,
    /// Whether file responses have `Content-Encoding: gzip`.
    pub content_encoding: bool,
    /// Whether file responses are chunked, without `Content-Length`.
    pub chunked: bool,
    /// Bytes of CSV in one gzip member; `None`: one member for the whole file.
    pub member_bytes: Option<usize>,
    /// Whether file responses have `ETag` and `Last-Modified`.
    pub validators: Validators,
    /// Handling of `Range` in file requests.
    pub range: RangeMode,
    /// Response for a day that is not exported yet.
    pub unexported: Unexported,
    /// The `x-md5` header of file responses.
    pub x_md5: Md5Header,
    /// Whether symbols in file URLs are matched without case.
    pub any_case_symbols: bool,
    /// Limits of one API key, beyond which it gets 429.
    pub budget: Budget,
    /// Bearer token that the GCS server requires; `None`: no authorization is needed.
    pub gcs_token: Option<String>,
    /// First day with options and dated futures; `None`: 2023-01-01, or 400 days before `now` if that is earlier.
    pub contracts_since: Option<ContractsSince>,
}

/// A UTC day, in configuration files as `YYYY-MM-DD`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ContractsSince(
    /// The day.
    pub Day,
);

impl TryFrom<String> for ContractsSince {
    type Error = mtdh_core::day::ParseDayError;

    fn try_from(text: String) -> Result<ContractsSince, Self::Error> {
        text.parse().map(ContractsSince)
    }
}

impl From<ContractsSince> for String {
    fn from(day: ContractsSince) -> String {
        day.0.to_string()
    }
}

/// Content of a file without rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EmptyFile {
    /// A gzip stream of no bytes.
    #[default]
    NoBytes,
    /// The header row.
    HeaderOnly,
}

/// Which file requests are redirected to an object store on another port.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Redirect {
    /// None.
    #[default]
    Never,
    /// Those with an API key.
    Keyed,
    /// All.
    Always,
}

/// Whether file responses have `ETag` and `Last-Modified`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Validators {
    /// Both.
    #[default]
    Both,
    /// Neither.
    Neither,
}

/// Handling of `Range` in file requests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RangeMode {
    /// As HTTP specifies: 206, 416, and 200 when `If-Range` does not match.
    #[default]
    Honoured,
    /// 200 with the whole file.
    Ignored,
    /// 206 with another `Content-Range` than the requested one.
    WrongStart,
}

/// Response for a day that is not exported yet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unexported {
    /// 400 with code 140 and the available days.
    #[default]
    Code140,
    /// 404.
    NotFound,
}

/// Limits of one API key, beyond which it gets 429. All requests without a key share one account. `None`: no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Budget {
    /// Requests in one minute of real time. `Retry-After` is the time until that minute ends.
    pub requests_per_minute: Option<u32>,
    /// Bytes of files in one simulated UTC day. `Retry-After` is the time until that day ends.
    pub bytes_per_day: Option<u64>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_configuration_file_says_only_what_differs() {
        let text = r#"{"size": "small", "now": "2020-06-08T12:00:00Z",
                       "options": {"redirect": "keyed", "contracts_since": "2020-05-01", "budget": {"bytes_per_day": 5}}}"#;
        let config: Config = serde_json::from_str(text).unwrap();
        assert_eq!((config.seed, config.size), (1, Size::Small));
        assert_eq!(config.options.redirect, Redirect::Keyed);
        let again: Config = serde_json::from_str(&serde_json::to_string(&config).unwrap()).unwrap();
        assert_eq!((again.now, again.options), (config.now, config.options));
        assert!(serde_json::from_str::<Config>(r#"{"sede": 2}"#).is_err());
    }
}
