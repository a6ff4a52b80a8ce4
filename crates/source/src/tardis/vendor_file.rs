//! Vendor files: one symbol or grouped symbol, one data type, one day.

use std::cmp::Ordering;

use mtdh_core::{DataType, Day};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// One file of the vendor's archive.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct VendorFile {
    /// The vendor's exchange id, lower case.
    pub exchange: String,
    /// The data type.
    pub data_type: DataType,
    /// The UTC day of arrival.
    pub day: Day,
    /// The dataset symbol (`BTC-PERPETUAL`) or grouped symbol (`OPTIONS`).
    pub symbol: String,
}

/// The characters that are not encoded in a path segment: RFC 3986's unreserved characters.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

impl VendorFile {
    /// `{exchange}/{data_type}/{YYYY}/{MM}/{DD}/{SYMBOL}.csv.gz`: the file's name throughout this program, including shards and
    /// footers.
    pub fn path(&self) -> String {
        self.path_with(&self.symbol)
    }

    /// Compares two files by [`VendorFile::path`], without allocating the paths.
    pub fn cmp_by_path(&self, other: &VendorFile) -> Ordering {
        let is_same_folder = self.exchange == other.exchange && self.data_type == other.data_type;
        let folder = || self.folder_bytes().cmp(other.folder_bytes());
        (if is_same_folder { Ordering::Equal } else { folder() })
            .then(self.day.cmp(&other.day))
            .then_with(|| cmp_before(&self.symbol, &other.symbol, ".csv.gz"))
    }

    /// The bytes of a path up to the day, which has a fixed width.
    fn folder_bytes(&self) -> impl Iterator<Item = u8> + '_ {
        let exchange = self.exchange.bytes().chain(*b"/");
        exchange.chain(self.data_type.name().bytes()).chain(*b"/")
    }

    /// [`VendorFile::path`] with the symbol percent-encoded, for a URL.
    pub fn url_path(&self) -> String {
        self.path_with(&utf8_percent_encode(&self.symbol, SEGMENT).to_string())
    }

    fn path_with(&self, symbol: &str) -> String {
        let VendorFile { exchange, data_type, day, .. } = self;
        let (year, month, date) = (day.year(), day.month(), day.day_of_month());
        format!("{exchange}/{data_type}/{year:04}/{month:02}/{date:02}/{symbol}.csv.gz")
    }

    /// The file name used by the vendor's own clients: characters that Windows forbids become `-`.
    pub fn official_name(&self) -> String {
        let VendorFile { exchange, data_type, day, symbol } = self;
        let symbol = symbol.replace([':', '\\', '/', '?', '*', '<', '>', '|', '"'], "-");
        format!("{exchange}_{data_type}_{day}_{symbol}.csv.gz")
    }

    /// Parses [`VendorFile::path`], with or without `.gz`; `None` if the text has another form.
    pub fn from_path(path: &str) -> Option<VendorFile> {
        let cells: Vec<&str> = path.rsplit('/').take(6).collect();
        let [name, date, month, year, data_type, exchange] = cells[..] else { return None };
        Some(VendorFile {
            exchange: exchange.to_owned(),
            data_type: data_type.parse().ok()?,
            day: format!("{year}-{month}-{date}").parse().ok()?,
            symbol: without_ending(name)?.to_owned(),
        })
    }

    /// Parses [`VendorFile::official_name`], with or without `.gz`; `None` if the text has another form.
    pub fn from_official_name(name: &str) -> Option<VendorFile> {
        let stem = without_ending(name)?;
        let data_type = DataType::ALL.into_iter().find(|t| stem.contains(&format!("_{t}_")))?;
        let (exchange, rest) = stem.split_once(&format!("_{data_type}_"))?;
        let (day, symbol) = rest.split_once('_')?;
        Some(VendorFile {
            exchange: exchange.to_owned(),
            data_type,
            day: day.parse().ok()?,
            symbol: symbol.to_owned(),
        })
    }
}

fn without_ending(name: &str) -> Option<&str> {
    name.strip_suffix(".csv.gz").or_else(|| name.strip_suffix(".csv")).filter(|s| !s.is_empty())
}

/// Compares two texts as if `ending` were appended to both.
fn cmp_before(a: &str, b: &str, ending: &str) -> Ordering {
    let common = a.len().min(b.len());
    let (a, b) = (a.as_bytes(), b.as_bytes());
    a[..common].cmp(&b[..common]).then_with(|| {
        let rest = |text: &'_ [u8]| [&text[common..], ending.as_bytes()].concat();
        rest(a).cmp(&rest(b))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(exchange: &str, data_type: DataType, symbol: &str) -> VendorFile {
        let day = "2024-03-01".parse().unwrap();
        VendorFile { exchange: exchange.into(), data_type, day, symbol: symbol.into() }
    }

    #[test]
    fn files_are_in_the_order_of_their_paths() {
        let mut files = Vec::new();
        for exchange in ["binance", "binance-futures", "binance.x", "okex"] {
            for data_type in [DataType::BookSnapshot5, DataType::BookSnapshot25, DataType::Trades] {
                for symbol in ["BTC", "BTC-USD", "BTC.X", "BTC.csv", "BTCUSDT", "btc", "@1", "B/C"] {
                    let one = file(exchange, data_type, symbol);
                    files.push(VendorFile { day: "2023-12-31".parse().unwrap(), ..one.clone() });
                    files.push(one);
                }
            }
        }
        for a in &files {
            for b in &files {
                assert_eq!(a.cmp_by_path(b), a.path().cmp(&b.path()), "{} and {}", a.path(), b.path());
            }
        }
    }

    #[test]
    fn both_names_read_back() {
        for file in [
            file("deribit", DataType::OptionsChain, "OPTIONS"),
            file("binance-futures", DataType::BookSnapshot25, "BTCUSDT_240329"),
            file("hyperliquid", DataType::IncrementalBookL2, "@107"),
            file("okex-swap", DataType::Trades, "BTC-USDT-SWAP"),
            file("binance-dex", DataType::Trades, "BTCB-1DE_USDSB-1AC"),
        ] {
            assert_eq!(VendorFile::from_path(&file.path()), Some(file.clone()));
            assert_eq!(VendorFile::from_official_name(&file.official_name()), Some(file));
        }
        for other in ["README.md", "a/b/c.csv.gz", "trades_2024-03-01.csv.gz", "x_trades_2024-3-1_BTC.csv"] {
            assert_eq!(VendorFile::from_path(other), None, "{other}");
            assert_eq!(VendorFile::from_official_name(other), None, "{other}");
        }
    }

    #[test]
    fn urls_are_percent_encoded_once() {
        let path = file("hyperliquid", DataType::Trades, "@107").url_path();
        assert_eq!(path, "hyperliquid/trades/2024/03/01/%40107.csv.gz");
    }
}
