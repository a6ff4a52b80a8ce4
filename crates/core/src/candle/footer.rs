//! The footer of a candle object: the key-value metadata of its Parquet file.
//!
//! Inputs are recorded by content, not by modification time: an object is up to date while its inputs are unchanged, even
//! after a copy.

use super::value::Units;
use super::{CANDLE_VERSION, Fill, Timeframe};
use crate::day::Day;
use crate::footer::{FooterError, PairReader};
use crate::key::InstrumentKey;

/// The footer of one candle object: one instrument, one day, one timeframe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CandleFooter {
    /// The instrument.
    pub key: InstrumentKey,
    /// The UTC day; `None` if built from a file, whatever its days.
    pub day: Option<Day>,
    /// The timeframe.
    pub timeframe: Timeframe,
    /// The fill mode of intervals without trades.
    pub fill: Fill,
    /// The inputs, one line each: data type, day, status and version.
    pub inputs: Vec<String>,
    /// What its prices and amounts are in, and which formula its volumes follow.
    pub units: Units,
    /// Number of rows.
    pub rows: u64,
    /// Version of the candle format, see [`CANDLE_VERSION`].
    pub version: u32,
}

impl CandleFooter {
    /// The key-value pairs of the footer, sorted by key.
    pub fn to_pairs(&self) -> Vec<(&'static str, String)> {
        let mut pairs = vec![
            ("mtdh.candle_version", self.version.to_string()),
            ("mtdh.fill", self.fill.name().to_owned()),
            ("mtdh.inputs", self.inputs.join("\n")),
            ("mtdh.instrument_key", self.key.to_string()),
            ("mtdh.rows", self.rows.to_string()),
            ("mtdh.timeframe", self.timeframe.to_string()),
        ];
        pairs.extend(self.day.map(|day| ("mtdh.day", day.to_string())));
        let units = self.units.clone();
        let told = [
            ("mtdh.amount_unit", units.amount_unit),
            ("mtdh.contract_size", units.contract_size),
            ("mtdh.price_currency", units.price_currency),
            ("mtdh.settle", units.settle),
            ("mtdh.volumes", units.volumes),
        ];
        pairs.extend(told.into_iter().filter_map(|(name, value)| Some((name, value?))));
        pairs.sort_unstable();
        pairs
    }

    /// Parses the key-value pairs.
    ///
    /// # Errors
    /// If a pair is missing or unreadable, or the version is newer than this program's.
    pub fn from_pairs<'a>(
        pairs: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Result<CandleFooter, FooterError> {
        let pairs = pairs.into_iter().collect();
        let reader = PairReader { pairs: &pairs };
        let version = reader.read("mtdh.candle_version", |t| t.parse::<u32>().ok())?;
        if version > CANDLE_VERSION {
            return Err(FooterError::Newer(version));
        }
        let text = |name| reader.read_optional(name, |t| Some(t.to_owned()));
        Ok(CandleFooter {
            units: Units {
                price_currency: text("mtdh.price_currency")?,
                amount_unit: text("mtdh.amount_unit")?,
                settle: text("mtdh.settle")?,
                contract_size: text("mtdh.contract_size")?,
                volumes: text("mtdh.volumes")?,
            },
            key: reader.read("mtdh.instrument_key", |t| t.parse().ok())?,
            day: reader.read_optional("mtdh.day", |t| t.parse().ok())?,
            timeframe: reader.read("mtdh.timeframe", |t| t.parse().ok())?,
            fill: reader
                .read("mtdh.fill", |t| [Fill::None, Fill::Flat].into_iter().find(|f| f.name() == t))?,
            inputs: reader.read("mtdh.inputs", |t| Some(t.lines().map(str::to_owned).collect()))?,
            rows: reader.read("mtdh.rows", |t| t.parse().ok())?,
            version,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_read_back_and_a_newer_version_is_refused() {
        let footer = CandleFooter {
            key: "DERIBIT:PERP:BTC-USD".parse().unwrap(),
            day: Some("2024-03-01".parse().unwrap()),
            timeframe: "5m".parse().unwrap(),
            fill: Fill::Flat,
            inputs: vec!["trades 2024-03-01 stored".to_owned(), "trades 2024-03-02 missing".to_owned()],
            units: Units { price_currency: Some("USD".to_owned()), ..Units::default() },
            rows: 3,
            version: CANDLE_VERSION,
        };
        let bare = CandleFooter { day: None, inputs: Vec::new(), units: Units::default(), ..footer.clone() };
        for footer in [footer.clone(), bare] {
            let pairs = footer.to_pairs();
            let read = CandleFooter::from_pairs(pairs.iter().map(|(n, v)| (*n, v.as_str())));
            assert_eq!(read, Ok(footer));
        }
        let newer = CandleFooter { version: CANDLE_VERSION + 1, ..footer };
        let pairs = newer.to_pairs();
        let read = CandleFooter::from_pairs(pairs.iter().map(|(n, v)| (*n, v.as_str())));
        assert_eq!(read, Err(FooterError::Newer(CANDLE_VERSION + 1)));
    }
}
