//! An export in the layout of Hive: tables of folders `NAME=VALUE`, whose file names every system can hold. No I/O.
//!
//! [`name`] makes file names of instruments and back. [`HiveTable`] has the tables and folders, [`manifest`] says what an export holds
//! and what it was made of, [`delta`] is the log of a Delta table over the same files. The layout for other programs is
//! `docs/reference/hive.md`.

pub mod delta;
pub mod manifest;
pub mod name;

use std::fmt;
use std::str::FromStr;

use crate::candle::Timeframe;
use crate::day::Day;
use crate::key::InstrumentKey;
use crate::table::DataType;

/// The table of all days' instruments.
const INSTRUMENTS: &str = "instruments";

/// What the name of a table of candles begins with; its timeframe follows. The timeframe is a column of the files, so that it cannot
/// be a folder too.
const CANDLES: &str = "candles_";

/// The folders of a table of rows, outermost first. None of them is a column of a file.
pub const PARTITIONS: [&str; 3] = ["date", "venue", "instrument_type"];

/// A table of an export.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum HiveTable {
    /// Rows of a data type.
    Ticks(DataType),
    /// Candles of a timeframe.
    Candles(Timeframe),
    /// The instruments of each day.
    Instruments,
}

impl fmt::Display for HiveTable {
    /// The name: of the table's folder, and of the table itself.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            HiveTable::Ticks(data_type) => write!(f, "{data_type}"),
            HiveTable::Candles(timeframe) => write!(f, "{CANDLES}{timeframe}"),
            HiveTable::Instruments => f.write_str(INSTRUMENTS),
        }
    }
}

/// A text that names no table of an export.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no table of an export")]
pub struct NoTable(String);

impl FromStr for HiveTable {
    type Err = NoTable;

    /// Reads a name as it is written; only the one spelling.
    fn from_str(text: &str) -> Result<HiveTable, NoTable> {
        let read = match (text.strip_prefix(CANDLES), text) {
            (Some(timeframe), _) => timeframe.parse().ok().map(HiveTable::Candles),
            (None, INSTRUMENTS) => Some(HiveTable::Instruments),
            (None, text) => text.parse().ok().map(HiveTable::Ticks),
        };
        read.filter(|table| table.to_string() == text).ok_or_else(|| NoTable(text.to_owned()))
    }
}

impl HiveTable {
    /// The folder of a day.
    pub fn day(self, day: Day) -> String {
        format!("{self}/date={day}")
    }

    /// The names of the folders below the table's.
    pub fn partitions(self) -> &'static [&'static str] {
        match self {
            HiveTable::Instruments => &PARTITIONS[..1],
            HiveTable::Ticks(_) | HiveTable::Candles(_) => &PARTITIONS,
        }
    }

    /// The folder of a day, venue and instrument type.
    fn of_key(self, day: Day, key: &InstrumentKey) -> String {
        format!(
            "{}/venue={}/instrument_type={}",
            self.day(day),
            name::value(key.venue()),
            key.instrument_type()
        )
    }

    /// The file of an instrument's day.
    pub fn file(self, day: Day, key: &InstrumentKey) -> String {
        format!("{}/{}", self.of_key(day, key), name::file(key.symbol()))
    }

    /// The one file of all instruments of a venue and type on a day.
    pub fn compacted(self, day: Day, key: &InstrumentKey) -> String {
        format!("{}/rows.parquet", self.of_key(day, key))
    }

    /// The file of a day's instruments.
    pub fn instruments(day: Day) -> String {
        format!("{}/instruments.parquet", HiveTable::Instruments.day(day))
    }
}

/// The values of the folders of a file, by the folders' names, in their order. `path` begins with the table's folder.
pub fn values(path: &str) -> Vec<(&str, String)> {
    path.split('/')
        .filter_map(|part| part.split_once('='))
        .map(|(name, value)| (name, name::plain(value)))
        .collect()
}

/// Tables as people name them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TableWord {
    /// One table.
    One(HiveTable),
    /// Candles of every timeframe.
    Candles,
}

/// A word that names no table.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{word}` is no table; they are {}, candles, candles_1m (or another timeframe) and instruments",
    DataType::ALL.map(|data_type| data_type.name()).join(", ")
)]
pub struct NoTableWord {
    word: String,
}

impl FromStr for TableWord {
    type Err = NoTableWord;

    /// Reads a word; case does not matter.
    fn from_str(text: &str) -> Result<TableWord, NoTableWord> {
        let of_type = text.parse().map(|data_type| TableWord::One(HiveTable::Ticks(data_type)));
        let name = text.to_lowercase();
        match (name.as_str(), name.parse()) {
            ("candles", _) => Ok(TableWord::Candles),
            (_, Ok(table)) => Ok(TableWord::One(table)),
            _ => of_type.map_err(|_| NoTableWord { word: text.to_owned() }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_has_one_name() {
        for name in ["trades", "book_snapshot_5", "candles_1m", "candles_15s", "instruments"] {
            assert_eq!(name.parse::<HiveTable>().unwrap().to_string(), name);
        }
        for name in ["", "TRADES", "candles_", "candles_01m", "candles", "../trades", "Instruments"] {
            assert!(name.parse::<HiveTable>().is_err(), "{name}");
        }
    }

    #[test]
    fn the_paths_that_readers_see() {
        let day: Day = "2024-03-01".parse().unwrap();
        for (key, file) in [
            ("DERIBIT:PERP:BTC-USD", "venue=DERIBIT/instrument_type=PERP/BTC-USD.parquet"),
            (
                "OKX-FUTURES:FUTURE:BTC-USD-260626~UM",
                "venue=OKX-FUTURES/instrument_type=FUTURE/BTC-USD-260626@007EUM.parquet",
            ),
            ("X.:SPOT_PAIR:_A-B", "venue=X%2E/instrument_type=SPOT_PAIR/@005FA-B.parquet"),
        ] {
            let key: InstrumentKey = key.parse().unwrap();
            let path = HiveTable::Ticks(DataType::Trades).file(day, &key);
            assert_eq!(path, format!("trades/date=2024-03-01/{file}"));
            let read = values(&path);
            let expected = [
                ("date", "2024-03-01".to_owned()),
                ("venue", key.venue().to_owned()),
                ("instrument_type", key.instrument_type().name().to_owned()),
            ];
            assert_eq!(read, expected);
        }
        assert_eq!(HiveTable::instruments(day), "instruments/date=2024-03-01/instruments.parquet");
    }
}
