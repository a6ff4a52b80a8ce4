//! The truth without HTTP, for checkers and benchmarks.

use mtdh_core::{DataType, Day};

use crate::config::Config;
use crate::generate::files;
use crate::generate::files::{File, FileName, gzip};

/// The text of one of the vendor's files, header row and rows; nothing when the vendor has no such file as of
/// [`Config::now`]. The text is empty when there are no rows (see [`crate::Options::empty_file`]).
pub fn csv(config: &Config, exchange: &str, data_type: DataType, day: Day, symbol: &str) -> Option<Vec<u8>> {
    find(config, exchange, data_type, day, symbol).map(|file| file.csv(0))
}

/// The same file as the vendor sends it, gzipped.
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

/// What the vendor's metadata says of an exchange, as `/exchanges/{exchange}` does; null when there is no such
/// exchange.
pub fn exchange_details(config: &Config, exchange: &str) -> serde_json::Value {
    let text = crate::tardis::api::exchanges::details(config, exchange);
    text.and_then(|text| serde_json::from_slice(&text).ok()).unwrap_or_default()
}

/// The contracts' terms that the vendor's metadata tells, as `/instruments/{exchange}` does; null when there is no such
/// exchange.
pub fn exchange_instruments(config: &Config, exchange: &str) -> serde_json::Value {
    let text = crate::tardis::api::instruments::listed(config, exchange);
    text.and_then(|text| serde_json::from_slice(&text).ok()).unwrap_or_default()
}
