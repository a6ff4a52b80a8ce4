//! What a simulated world can be told to be: its seed, its clock, its size, and every switch of the vendor's
//! behaviour that is not known for certain.

use chrono::{DateTime, TimeZone, Utc};
use mtdh_core::Day;
use serde::{Deserialize, Serialize};

use crate::server::fault::Fault;

/// A simulated world. The same configuration gives the same bytes, on every machine.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// What all random numbers grow from.
    pub seed: u64,
    /// The world's clock. It stands still until [`crate::Sim::set_now`].
    pub now: DateTime<Utc>,
    /// How many instruments there are and how busy they are.
    pub size: Size,
    /// What goes wrong, and when.
    pub faults: Vec<Fault>,
    /// Port of the vendor's two hosts; a free one when absent. The other servers always take free ports.
    pub port: Option<u16>,
    /// How the vendor behaves where it is known to differ or not known.
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

/// How many instruments there are and how busy they are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Size {
    /// A few instruments of every kind with a few dozen rows: for tests.
    Small,
    /// Thousands of instruments, the busy ones with thousands of rows a day: for a demonstration.
    #[default]
    Realistic,
}

/// Switches of the vendor's behaviour. Each default is the likelier or the stricter one.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Options {
    /// What a file without rows holds.
    pub empty_file: EmptyFile,
    /// Which requests for files are redirected to an object store.
    pub redirect: Redirect,
    /// Redirects beyond the first, from the object store to itself.
    pub further_redirects: u8,
    /// Whether file answers say `Content-Encoding: gzip`.
    pub content_encoding: bool,
    /// Whether file answers are chunked, without a length.
    pub chunked: bool,
    /// Bytes of CSV in one gzip member; absent: one member for the whole file.
    pub member_bytes: Option<usize>,
    /// Whether files have an `ETag` and a `Last-Modified`.
    pub validators: Validators,
    /// How `Range` is treated.
    pub range: RangeMode,
    /// The answer for a day that is not exported yet.
    pub unexported: Unexported,
    /// The `x-md5` header.
    pub x_md5: Md5Header,
    /// Whether a file's symbol is found in any case.
    pub any_case_symbols: bool,
    /// What one key may ask for before it gets 429.
    pub budget: Budget,
    /// Bearer token that the bucket demands; absent: everybody may do everything.
    pub gcs_token: Option<String>,
    /// First day with options and dated futures; absent: 2023-01-01, or 400 days before `now` if that is earlier.
    pub contracts_since: Option<ContractsSince>,
}

/// A day in a configuration file, `YYYY-MM-DD`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ContractsSince(pub Day);

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

/// What a file without rows holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EmptyFile {
    /// Nothing: a gzip stream of no bytes.
    #[default]
    NoBytes,
    /// The header row.
    HeaderOnly,
}

/// Which requests for files are redirected to an object store on another port.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Redirect {
    /// None.
    #[default]
    Never,
    /// Those with a key.
    Keyed,
    /// All.
    Always,
}

/// Whether files have an `ETag` and a `Last-Modified`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Validators {
    /// Both.
    #[default]
    Both,
    /// Neither.
    Neither,
}

/// How `Range` is treated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RangeMode {
    /// As HTTP says: 206, 416, and 200 when `If-Range` does not match.
    #[default]
    Honoured,
    /// The whole file, 200.
    Ignored,
    /// 206 with a `Content-Range` that is not the one asked for.
    WrongStart,
}

/// The answer for a day that is not exported yet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unexported {
    /// 400 with code 140 and what is available.
    #[default]
    Code140,
    /// 404.
    NotFound,
}

/// The `x-md5` header.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Md5Header {
    /// The file's MD5 in hexadecimal.
    #[default]
    Right,
    /// Another file's, as happens with files of several parts.
    Wrong,
    /// None.
    Absent,
}

/// What one key (or everybody without a key) may ask for before it gets 429. Each limit is off when absent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Budget {
    /// Requests in one minute of real time; then `Retry-After` says when the minute ends.
    pub requests_per_minute: Option<u32>,
    /// Bytes of files in one day of the world's clock; then `Retry-After` says when that day ends.
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
