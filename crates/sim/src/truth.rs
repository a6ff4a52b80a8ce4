//! The generated data without HTTP, for checkers and benchmarks.

use mtdh_core::{DataType, Day};

use crate::config::Config;
use crate::generate::files;
use crate::generate::files::{File, FileName, gzip};
use crate::tardis::api::{exchanges, instruments};

/// Returns the CSV text of a dataset file: header row and rows, in its first version.
///
/// The text is empty if the file has no rows (see [`crate::Options::empty_file`]). `None`: Tardis has no such file at
/// [`Config::now`].
pub fn csv(config: &Config, exchange: &str, data_type: DataType, day: Day, symbol: &str) -> Option<Vec<u8>> {
    find(config, exchange, data_type, day, symbol).map(|file| file.csv(0))
}

/// Returns the same file as [`csv`], gzipped as Tardis sends it.
///
/// `None`: Tardis has no such file at [`Config::now`].
pub fn csv_gz(
    config: &Config,
    exchange: &str,
    data_type: DataType,
    day: Day,
    symbol: &str,
) -> Option<Vec<u8>> {
    let text = csv(config, exchange, data_type, day, symbol)?;
    Some(gzip::compress(&text, config.options.member_bytes).to_vec())
}

fn find(config: &Config, exchange: &str, data_type: DataType, day: Day, symbol: &str) -> Option<File> {
    let name = FileName { exchange: exchange.to_owned(), data_type, day, symbol: symbol.to_owned() };
    files::find(config, name).ok()
}

/// Returns the response of `/exchanges/{exchange}` at [`Config::now`]; JSON `null` for an unknown exchange.
pub fn exchange_details(config: &Config, exchange: &str) -> serde_json::Value {
    let text = exchanges::details(config, exchange);
    text.and_then(|text| serde_json::from_slice(&text).ok()).unwrap_or_default()
}

/// Returns the response of `/instruments/{exchange}` at [`Config::now`]; JSON `null` for an unknown exchange.
pub fn exchange_instruments(config: &Config, exchange: &str) -> serde_json::Value {
    let text = instruments::listed(config, exchange);
    text.and_then(|text| serde_json::from_slice(&text).ok()).unwrap_or_default()
}
