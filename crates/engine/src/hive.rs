//! Exports in the layout of Hive: the lake's objects under names and folders that every system and reader takes, as links or copies,
//! or as one file a venue, type and day. The lake stays as it is.
//!
//! A run goes table by table and day by day, and says what it will do in the day's manifest before it does it: whenever it is ended, the
//! next run goes on. Only files that a manifest names are ever replaced or removed.

mod compact;
mod day;
mod delta;
mod documents;
pub mod error;
mod find;
pub(crate) mod run;

use std::collections::BTreeMap;

use mtdh_core::candle::Timeframe;
use mtdh_core::hive::HiveTable;
pub use mtdh_core::hive::TableWord;
pub use mtdh_core::hive::manifest::HiveForm;
use mtdh_core::key::InstrumentType;
use mtdh_core::{DataType, DayRange};
use serde::Serialize;

use crate::error::EngineError;
use crate::selection::{Filter, Selection};

/// Names in a list of a report; what is beyond is counted.
pub const MOST_NAMED: usize = 10_000;

/// What is exported, and where.
#[derive(Clone, Debug, Default)]
pub struct HiveRequest {
    /// A folder, or a bucket and prefix.
    pub place: String,
    /// Whose rows. Without venues: every venue of the lake. What was exported before and is in none of them stays as it is.
    pub selections: Vec<Selection>,
    /// What the lake should have: of its expected partitions, those that lack are missing.
    pub measured: Vec<Selection>,
    /// The tables.
    pub tables: HiveTables,
    /// One file a venue, instrument type and day; else one an object of the lake.
    pub form: HiveForm,
    /// A log of Delta for each table. An export that has one keeps it.
    pub delta: bool,
    /// Every byte of the chosen objects is proved before it is exported.
    pub verify: bool,
    /// Nothing is exported if a partition is missing.
    pub strict: bool,
}

/// What a person asks to be exported.
#[derive(Clone, Debug, Default)]
pub struct HiveWish {
    /// The filters. Without data types and tables: all that the lake has.
    pub filter: Filter,
    /// The days; `None`: all.
    pub days: Option<DayRange>,
    /// The tables; empty: rows of the filter's data types, or all that the lake has.
    pub tables: Vec<TableWord>,
    /// Whether it is about all that the filters select, whatever the lake's `lake.toml` wants.
    pub everything: bool,
}

impl HiveWish {
    /// Every day that a lake can have.
    pub fn every_day() -> DayRange {
        let first = mtdh_core::Day::new(1970, 1, 1).expect("the first day of the Unix epoch exists");
        let last = mtdh_core::Day::new(2262, 1, 1).expect("a first of January exists");
        DayRange::new(first, last).expect("1970 lies before 2262")
    }

    /// The tables of the request.
    pub(crate) fn tables(&self) -> HiveTables {
        if self.tables.is_empty() {
            let is_all = self.filter.data_types.is_empty();
            return if is_all {
                HiveTables::all()
            } else {
                HiveTables { ticks: true, ..HiveTables::default() }
            };
        }
        let timeframes = self.tables.iter().filter_map(|word| match word {
            TableWord::One(HiveTable::Candles(timeframe)) => Some(*timeframe),
            _ => None,
        });
        let timeframes: Vec<Timeframe> = timeframes.collect();
        HiveTables {
            ticks: self.tables.iter().any(|word| matches!(word, TableWord::One(HiveTable::Ticks(_)))),
            candles: match (self.tables.contains(&TableWord::Candles), timeframes) {
                (true, _) => CandlesMeant::All,
                (false, some) if some.is_empty() => CandlesMeant::None,
                (false, some) => CandlesMeant::Of(some),
            },
            instruments: self.tables.contains(&TableWord::One(HiveTable::Instruments)),
        }
    }

    /// The selection of the filters alone: a filter that is not set filters nothing.
    pub(crate) fn selection(&self) -> Result<Selection, EngineError> {
        let mut selection = self.filter.of_lake(self.days.unwrap_or_else(HiveWish::every_day))?;
        if self.filter.data_types.is_empty() {
            selection.data_types = DataType::ALL.to_vec();
        }
        if self.filter.instrument_types.is_empty() {
            selection.instrument_types = InstrumentType::ALL.to_vec();
        }
        Ok(self.narrowed(selection))
    }

    /// A selection of the tables' data types.
    pub(crate) fn narrowed(&self, mut selection: Selection) -> Selection {
        let named =
            |data_type: &DataType| self.tables.contains(&TableWord::One(HiveTable::Ticks(*data_type)));
        if !self.tables.is_empty() {
            selection.data_types.retain(named);
        }
        selection
    }
}

/// Which tables of the lake are exported. Those of rows are the selections' data types.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HiveTables {
    /// Rows of data types.
    pub ticks: bool,
    /// Candles.
    pub candles: CandlesMeant,
    /// The instruments of each day, all of them.
    pub instruments: bool,
}

/// Which candles are meant.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum CandlesMeant {
    /// None.
    #[default]
    None,
    /// Those of every timeframe.
    All,
    /// Those of some.
    Of(Vec<Timeframe>),
}

impl HiveTables {
    /// All that a lake has.
    pub fn all() -> HiveTables {
        HiveTables { ticks: true, candles: CandlesMeant::All, instruments: true }
    }

    fn takes(&self, table: HiveTable) -> bool {
        match table {
            HiveTable::Ticks(_) => self.ticks,
            HiveTable::Candles(timeframe) => match &self.candles {
                CandlesMeant::None => false,
                CandlesMeant::All => true,
                CandlesMeant::Of(some) => some.contains(&timeframe),
            },
            HiveTable::Instruments => self.instruments,
        }
    }
}

/// What an export did and found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct HiveReport {
    /// Each table that the run was about, by name.
    pub tables: BTreeMap<String, TableReport>,
    /// Objects without rows, which are not exported.
    pub without_rows: u64,
    /// Partitions that the instrument tables expect and the lake lacks.
    pub missing: Named,
    /// Objects that cannot be trusted, or were replaced meanwhile, each with the reason. They are not exported; what was exported of
    /// them before stays.
    pub not_exported: Named,
    /// Files of the export that others changed or put in the place of one. They are left alone.
    pub changed_by_others: Named,
    /// Files in the folders of the days that no manifest names. They are left alone, and readers read them.
    pub foreign: Named,
    /// Objects without checksums, which mtdh 0.1.0 wrote: `verify` cannot prove them.
    pub without_checksums: Named,
    /// Files that an ended run left unfinished and this one is not about: the same selection as then finishes them.
    pub unfinished: u64,
}

/// Names, and how many there are.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Named {
    /// How many.
    pub count: u64,
    /// The first [`MOST_NAMED`] of them.
    pub names: Vec<String>,
}

impl Named {
    pub(crate) fn add(&mut self, name: impl FnOnce() -> String) {
        self.count += 1;
        if self.names.len() < MOST_NAMED {
            self.names.push(name());
        }
    }
}

/// What an export did with a table.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct TableReport {
    /// Days that it looked at.
    pub days: u64,
    /// Files of the table's days that are there now.
    pub files: u64,
    /// Their rows.
    pub rows: u64,
    /// Their size, bytes.
    pub bytes: u64,
    /// Files that are links to the lake's objects, made by this run.
    pub linked: u64,
    /// Files that are copies, made by this run.
    pub copied: u64,
    /// Files of several objects, written by this run.
    pub compacted: u64,
    /// Files that this run removed, because the lake has no such object any more.
    pub removed: u64,
    /// The last version of the log of Delta; `None`: there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delta_version: Option<u64>,
}

impl HiveReport {
    /// Whether all that was asked for is exported, and nothing else is there.
    pub fn is_clean(&self) -> bool {
        let faults = [
            &self.missing,
            &self.not_exported,
            &self.changed_by_others,
            &self.foreign,
            &self.without_checksums,
        ];
        self.unfinished == 0 && faults.iter().all(|named| named.count == 0)
    }
}
