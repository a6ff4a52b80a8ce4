//! All tables of a lake, in one list: what a row is, and each column with its type, unit, possible values and the meaning of
//! null. Writers and readers of small tables, `docs/reference`, and descriptions of a lake for other programs loop over it.
//! Start with [`all`].
//!
//! The small tables are read and written whole: instruments, reports, plans.

pub mod available;
pub mod checks;
pub mod columns;
pub mod comparisons;
pub mod gaps;
pub(crate) mod identities;
pub mod instruments;
pub mod plan;
mod report_file;
pub mod reports;
pub mod small;
pub mod superseded;

use mtdh_core::candle::{COLUMNS as CANDLE, Get};
use mtdh_core::table::notes::{self, Note};
use mtdh_core::table::{Kind as CellKind, Possible};
use mtdh_core::{DataType, candle};

use columns::{Column, Described, Kind};

/// A table of the lake.
#[derive(Clone, Debug)]
pub struct TableDescription {
    /// Its name: a data type, or its content.
    pub name: &'static str,
    /// Its objects' path, with variable parts in braces.
    pub path: &'static str,
    /// What one row is.
    pub row: &'static str,
    /// How an object is stored.
    pub format: Format,
    /// Its columns, in their order.
    pub columns: Vec<ColumnDescription>,
}

/// How the objects of a table are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Parquet.
    Parquet,
    /// One JSON object per line.
    JsonLines,
    /// Not an object of the lake: the CSV and JSON reports that a check writes where the user wants them.
    Report,
}

impl TableDescription {
    /// Whether its objects lie in folders of days.
    pub fn is_by_day(&self) -> bool {
        self.path.contains("day-{D}/")
    }
}

impl Format {
    /// The word for it.
    pub fn name(self) -> &'static str {
        match self {
            Format::Parquet => "parquet",
            Format::JsonLines => "jsonl",
            Format::Report => "report",
        }
    }
}

/// A column of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ColumnDescription {
    /// Name.
    pub name: &'static str,
    /// Type, in Arrow's words: `timestamp[us, UTC]`, `float64`, `uint64`, `string`, `bool`, `list of strings`, `dictionary of strings`.
    pub data_type: &'static str,
    /// Unit of the values; empty for texts and flags.
    pub unit: &'static str,
    /// What null means; `None`: the column is never null.
    pub null: Option<&'static str>,
    /// Possible values; `None`: any of the type.
    pub values: Option<String>,
    /// Its meaning.
    pub meaning: &'static str,
    /// What it means on venues where that differs.
    pub by_venue: Vec<&'static Note>,
}

impl ColumnDescription {
    /// A column; its `meaning` ends in `null: …` if it may be null.
    fn new(name: &'static str, data_type: &'static str, unit: &'static str, meaning: &'static str) -> Self {
        let (meaning, null) = match meaning.split_once("null: ") {
            Some((meaning, null)) => (meaning.trim_end_matches([';', ' ']), Some(null)),
            None => (meaning, None),
        };
        ColumnDescription { name, data_type, unit, null, values: None, meaning, by_venue: Vec::new() }
    }
}

impl From<&Column> for ColumnDescription {
    fn from(column: &Column) -> ColumnDescription {
        ColumnDescription::new(column.name, column.kind.name(), column.unit, column.meaning)
    }
}

impl Kind {
    /// The type in Arrow's words.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Text => "string",
            Kind::Texts => "list of strings",
            Kind::Times => "list of timestamp[us, UTC]",
            Kind::Numbers => "list of float64",
            Kind::Time => "timestamp[us, UTC]",
            Kind::Number => "float64",
            Kind::Count => "uint64",
            Kind::Flag => "bool",
        }
    }
}

/// Every table: the nine data types, candles, the small tables, rejected rows, and the report that a check writes for its user.
pub fn all() -> Vec<TableDescription> {
    let mut tables: Vec<TableDescription> = DataType::ALL.into_iter().map(of_data_type).collect();
    tables.push(candles());
    let small = [
        (
            "instruments",
            "instrument_availability/by_date/day-{D}/instruments.parquet",
            "an instrument that the vendor has data of on the day",
            described(&instruments::COLUMNS),
        ),
        (
            "available",
            "available_tick_data/by_date/day-{D}/available_data.parquet",
            "a partition that has an object",
            described(&available::COLUMNS),
        ),
        (
            "missing",
            "missing_data_reports/by_date/day-{D}/missing_data.parquet",
            "a partition that should have an object and has none that can be trusted",
            described(&reports::MISSING),
        ),
        (
            "checks",
            "check_reports/by_date/day-{D}/checks.parquet",
            "something that was checked, or a finding of it",
            described(&checks::COLUMNS),
        ),
        (
            "gaps",
            "live_gaps/by_date/day-{D}/{venue}.parquet",
            "something that a live recording lost, or may have lost",
            described(&gaps::COLUMNS),
        ),
        (
            "comparisons",
            "live_comparisons/by_date/day-{D}/comparisons.parquet",
            "a partition whose live rows were compared with the vendor's, or a difference",
            described(&comparisons::COLUMNS),
        ),
        ("plan", "runs/{run_id}/plan.parquet", "a partition that a run fetches", described(&plan::COLUMNS)),
        (
            "identities",
            "runs/_identities/day-{D}.parquet",
            "an object that a line of `available` describes",
            described(&identities::COLUMNS),
        ),
        (
            "superseded",
            "runs/_superseded/day-{D}.parquet",
            "an object that was replaced because the vendor issued its file anew",
            described(&superseded::COLUMNS),
        ),
    ];
    tables.extend(small.into_iter().map(|(name, path, row, columns)| TableDescription {
        name,
        path,
        row,
        format: Format::Parquet,
        columns,
    }));
    tables.push(quarantine());
    tables.push(findings());
    tables
}

fn described<R>(columns: &[Described<R>]) -> Vec<ColumnDescription> {
    columns.iter().map(|described| ColumnDescription::from(&described.column)).collect()
}

const KEY: ColumnDescription = ColumnDescription {
    name: "instrument_key",
    data_type: "dictionary of strings",
    unit: "",
    null: None,
    values: None,
    meaning: "the instrument; the same in all rows of an object",
    by_venue: Vec::new(),
};

fn of_data_type(data_type: DataType) -> TableDescription {
    let of_cell = |column: &'static mtdh_core::table::Column| {
        let (kind, words) = match column.kind {
            CellKind::Time => ("timestamp[us, UTC]", None),
            CellKind::Number => ("float64", None),
            CellKind::Text => ("string", None),
            CellKind::Category(words) => ("dictionary of strings", Some(words.join(", "))),
            CellKind::Flag => ("bool", None),
        };
        let mut described = ColumnDescription::new(&column.name, kind, column.unit, column.meaning);
        described.values = words.or_else(|| values(column.possible).map(str::to_owned));
        if column.nullable && described.null.is_none() {
            described.null = Some("the vendor's cell is empty");
        }
        described.by_venue = notes::of(data_type, &column.name).collect();
        described
    };
    TableDescription {
        name: data_type.name(),
        path: "raw_tick_data/by_date/day-{D}/data_type-{type}/{instrument_key}.parquet",
        row: "a row of the vendor's file, in its order",
        format: Format::Parquet,
        columns: std::iter::once(KEY).chain(data_type.table().columns.iter().map(of_cell)).collect(),
    }
}

/// The rule of the check `values`, in words.
fn values(possible: Possible) -> Option<&'static str> {
    Some(match possible {
        Possible::Any => return None,
        Possible::Moment => "between the years 2009 and 2200",
        Possible::TradePrice => "above 0; any of a combo",
        Possible::QuotePrice => "above 0; 0 of an option or a prediction; any of a combo",
        Possible::SentPrice => "above 0, or 0 with an amount of 0; any of a combo",
        Possible::LastPrice => "0 or above; any of a combo",
        Possible::Underlying | Possible::Amount => "above 0",
        Possible::AmountOrNone | Possible::Volatility => "0 or above",
        Possible::Rate => "between -1 and 1",
        Possible::Number => "any finite number of a sane size",
    })
}

fn candles() -> TableDescription {
    let of_candle = |column: &candle::Column| {
        let kind = match column.get {
            Get::Time(_) => "timestamp[us, UTC]",
            Get::Number(_) => "float64",
            Get::Count(_) => "uint64",
            Get::Flag(_) => "bool",
        };
        let mut described = ColumnDescription::new(column.name, kind, column.unit, column.meaning);
        let source = candle::columns::source(column.name).into_iter();
        described.by_venue = source.flat_map(|(data_type, name)| notes::of(data_type, name)).collect();
        described
    };
    let timeframe = ColumnDescription { name: "timeframe", meaning: "the interval's length, as `1m`", ..KEY };
    TableDescription {
        name: "candles",
        path: "processed_candles/by_date/day-{D}/timeframe-{tf}/{instrument_key}.parquet",
        row: "an interval of an instrument, by the exchange's clock",
        format: Format::Parquet,
        columns: [KEY, timeframe].into_iter().chain(CANDLE.iter().map(of_candle)).collect(),
    }
}

fn quarantine() -> TableDescription {
    TableDescription {
        name: "quarantine",
        path: "quarantine/by_date/day-{D}/data_type-{type}/{instrument_key}.jsonl",
        row: "a row of the vendor that could not be stored",
        format: Format::JsonLines,
        columns: vec![
            ColumnDescription::new(
                "line",
                "uint64",
                "lines",
                "line in the vendor's file, from 1; the header is line 1",
            ),
            ColumnDescription::new("reason", "string", "", "what is wrong with the row"),
            ColumnDescription::new("text", "string", "", "the row as it stands in the file"),
        ],
    }
}

fn findings() -> TableDescription {
    let text = |name, meaning| ColumnDescription::new(name, "string", "", meaning);
    TableDescription {
        name: "findings",
        path: "the file that the user names",
        row: "a finding of a check",
        format: Format::Report,
        columns: vec![
            text("severity", "`error`, `warning` or `info`"),
            text("check", "the check"),
            text("group", "its group"),
            text("day", "the day, `YYYY-MM-DD`; null: a file that does not say"),
            text(
                "instrument_key",
                "the instrument; null: it is about a venue, a day, or a file that does not say",
            ),
            text("data_type", "the data type; null: it is about more than one"),
            text("from", "first moment of it by arrival, RFC 3339, UTC; null: it has no place in time"),
            text("to", "last moment of it; null: as `from`"),
            ColumnDescription::new("count", "uint64", "times", "how often"),
            text("cause", "what explains it, in one word; null: nothing does"),
            text("explanation", "the same as a sentence; null: as `cause`"),
            text("examples", "up to ten of them, separated by ` | `"),
        ],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_table_is_described_whole() {
        let tables = all();
        let names: Vec<&str> = tables.iter().map(|table| table.name).collect();
        assert_eq!(names.len(), 21, "{names:?}");
        for table in &tables {
            let mut columns: Vec<&str> = table.columns.iter().map(|column| column.name).collect();
            assert!(!columns.is_empty(), "{}", table.name);
            columns.sort_unstable();
            columns.dedup();
            assert_eq!(columns.len(), table.columns.len(), "{}: a column stands twice", table.name);
            for column in &table.columns {
                assert!(
                    !column.meaning.is_empty() || column.null.is_some(),
                    "{}.{}",
                    table.name,
                    column.name
                );
            }
        }
    }

    #[test]
    fn what_may_be_null_says_what_null_means() {
        fn check<R>(name: &str, columns: &[Described<R>]) {
            for Described { column, .. } in columns {
                let says_so = column.meaning.contains("null: ");
                assert!(!says_so || column.nullable, "{name}.{} is never null", column.name);
            }
        }
        check("instruments", &instruments::COLUMNS);
        check("available", &available::COLUMNS);
        check("missing", &reports::MISSING);
        check("checks", &checks::COLUMNS);
        check("gaps", &gaps::COLUMNS);
        check("comparisons", &comparisons::COLUMNS);
        check("plan", &plan::COLUMNS);
        check("superseded", &superseded::COLUMNS);
        for data_type in DataType::ALL {
            let described = of_data_type(data_type);
            for (column, described) in data_type.table().columns.iter().zip(&described.columns[1..]) {
                assert_eq!(column.nullable, described.null.is_some(), "{data_type}.{}", column.name);
            }
        }
    }
}
