//! What the API key covers, asked for once the vendor refuses a file: whether that is the file's fate or every file's.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use mtdh_core::Day;
use mtdh_core::error::chain;
use mtdh_source::tardis::metadata::Metadata;
use mtdh_source::tardis::metadata::model::KeyAccess;
use mtdh_source::tardis::vendor_file::VendorFile;
use tokio::sync::OnceCell;

/// What the API key covers.
#[derive(Clone, Debug, Default)]
pub struct Coverage {
    /// Where to ask; `None` without a key.
    metadata: Option<Metadata>,
    /// The vendor's answer; empty if it does not tell.
    answer: Arc<OnceCell<Vec<KeyAccess>>>,
    /// Exchanges of which the vendor refused a file that the key does not cover.
    refused: Arc<Mutex<BTreeSet<String>>>,
}

impl Coverage {
    /// What the key of these metadata covers.
    pub fn of(metadata: &Metadata) -> Coverage {
        Coverage { metadata: Some(metadata.clone()).filter(Metadata::has_key), ..Coverage::default() }
    }

    /// What the key covers, in words, if the vendor says that a refused file is not part of it; `None` if it is, or if the vendor
    /// does not tell.
    pub async fn excludes(&self, file: &VendorFile) -> Option<String> {
        let metadata = self.metadata.as_ref()?;
        let ask = || async {
            metadata.key_access().await.unwrap_or_else(|error| {
                tracing::debug!(cause = %chain(&error), "the vendor does not tell what the key covers");
                Vec::new()
            })
        };
        let access = self.answer.get_or_init(ask).await;
        let words = words_if_excluded(access, file)?;
        if let Ok(mut refused) = self.refused.lock() {
            refused.insert(file.exchange.clone());
        }
        Some(words)
    }

    /// As [`Coverage::excludes`], of a file that was not asked for, once the vendor refused another one of its exchange. The first
    /// day of a month needs no key: <https://docs.tardis.dev/downloadable-csv-files/overview>.
    pub fn is_known_to_exclude(&self, file: &VendorFile) -> Option<String> {
        let is_refused = self.refused.lock().is_ok_and(|refused| refused.contains(&file.exchange));
        if !is_refused || file.day.day_of_month() == 1 {
            return None;
        }
        words_if_excluded(self.answer.get()?, file)
    }

    /// Whether the key may cover a file: unless its coverage is known and excludes the file.
    pub fn may_cover(&self, file: &VendorFile) -> bool {
        let is_excluded = self.answer.get().is_some_and(|access| words_if_excluded(access, file).is_some());
        !is_excluded || file.day.day_of_month() == 1
    }
}

fn words_if_excluded(access: &[KeyAccess], file: &VendorFile) -> Option<String> {
    let covers = |entry: &KeyAccess| {
        entry.exchange == file.exchange
            && entry.from.is_none_or(|from| from.timestamp_micros() < file.day.end_us())
            && entry.to.is_none_or(|to| to.timestamp_micros() > file.day.start_us())
    };
    if access.is_empty() || access.iter().any(covers) {
        return None;
    }
    let day = |us: i64| Day::containing_us(us).map_or_else(|| "?".to_owned(), |day| day.to_string());
    let words = |entry: &KeyAccess| {
        let from = entry.from.map(|from| format!(" from {}", day(from.timestamp_micros())));
        let to = entry.to.map(|to| format!(" to {}", day(to.timestamp_micros() - 1)));
        format!("{}{}{}", entry.exchange, from.unwrap_or_default(), to.unwrap_or_default())
    };
    let first: Vec<String> = access.iter().take(MOST_WORDS).map(words).collect();
    let more = if access.len() > MOST_WORDS {
        format!(" and {} more", access.len() - MOST_WORDS)
    } else {
        String::new()
    };
    Some(format!("{}{more}", first.join(", ")))
}

/// The most exchanges that a message names.
const MOST_WORDS: usize = 5;

#[cfg(test)]
mod tests {
    use mtdh_core::DataType;

    use super::*;

    #[test]
    fn a_file_is_excluded_by_exchange_and_by_day() {
        let access = |text: &str| serde_json::from_str::<Vec<KeyAccess>>(text).unwrap();
        let binance = access(
            r#"[{"exchange": "binance", "from": "2024-01-01T00:00:00Z", "to": "2024-03-01T00:00:00Z"}, {"exchange": "bitmex"}]"#,
        );
        for (list, exchange, day, expected) in [
            (&binance, "binance", "2024-01-01", None),
            (&binance, "binance", "2024-02-29", None),
            (&binance, "binance", "2024-03-01", Some("binance from 2024-01-01 to 2024-02-29, bitmex")),
            (&binance, "bitmex", "2019-01-01", None),
            (&binance, "deribit", "2024-01-02", Some("binance from 2024-01-01 to 2024-02-29, bitmex")),
            // An expired key covers nothing, and every file fails for it.
            (&Vec::new(), "deribit", "2024-01-02", None),
        ] {
            let file = VendorFile {
                exchange: exchange.to_owned(),
                data_type: DataType::Trades,
                day: day.parse().unwrap(),
                symbol: "X".to_owned(),
            };
            assert_eq!(words_if_excluded(list, &file).as_deref(), expected, "{exchange} {day}");
        }
    }
}
