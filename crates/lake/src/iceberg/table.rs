//! Which tables there are, and their columns as Iceberg describes them.
//!
//! Types and partitions: <https://iceberg.apache.org/spec/> (read 2026-11-30), format version 2.

use std::fmt;
use std::str::FromStr;

use arrow_schema::{DataType as ArrowType, SchemaRef};
use mtdh_core::DataType;
use mtdh_core::candle::Timeframe;
use mtdh_core::table::INSTRUMENT_KEY;
use serde_json::{Value, json};

use crate::candles;

/// Number of a table's first columns that have bounds and counts for each file. A book of 25 levels has a hundred columns, and
/// nobody looks for a file by the price of its ninth level.
pub(super) const COLUMNS_WITH_BOUNDS: usize = 32;

/// A table: the rows of a data type, or the candles of a timeframe.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum IcebergTable {
    /// The rows of a data type.
    Ticks(DataType),
    /// The candles of a timeframe.
    Candles(Timeframe),
}

/// A text that names no table.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("there is no table `{0}`; a data type is one, and candles_1m")]
pub struct UnknownTable(pub String);

impl fmt::Display for IcebergTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            IcebergTable::Ticks(data_type) => write!(f, "{data_type}"),
            IcebergTable::Candles(timeframe) => write!(f, "candles_{timeframe}"),
        }
    }
}

impl FromStr for IcebergTable {
    type Err = UnknownTable;

    fn from_str(text: &str) -> Result<IcebergTable, UnknownTable> {
        let table = match text.strip_prefix("candles_") {
            Some(timeframe) => timeframe.parse().ok().map(IcebergTable::Candles),
            None => text.parse().ok().map(IcebergTable::Ticks),
        };
        // Only the canonical spelling: a second one would be a second folder.
        table.filter(|table| table.to_string() == text).ok_or_else(|| UnknownTable(text.to_owned()))
    }
}

impl IcebergTable {
    fn columns(self) -> &'static SchemaRef {
        match self {
            IcebergTable::Ticks(data_type) => data_type.table().schema(),
            IcebergTable::Candles(_) => candles::schema(),
        }
    }

    /// The column of a row's place in time, which never leaves the day of its file.
    pub fn time_column(self) -> &'static str {
        match self {
            IcebergTable::Ticks(_) => "local_timestamp",
            IcebergTable::Candles(_) => "timestamp",
        }
    }

    /// The id of a column; `None`: the table has none of that name.
    pub(super) fn id_of(self, column: &str) -> Option<i32> {
        let at = self.columns().fields().iter().position(|field| field.name() == column)?;
        i32::try_from(at + 1).ok()
    }

    pub(super) fn last_id(self) -> usize {
        self.columns().fields().len()
    }

    /// The columns, as the metadata and the manifests have them. Columns may be null except those that a file is found by: files of
    /// older versions may lack one.
    pub(super) fn schema(self) -> Value {
        let field = |(at, field): (usize, &std::sync::Arc<arrow_schema::Field>)| {
            let is_required = [INSTRUMENT_KEY, self.time_column()].contains(&field.name().as_str());
            json!({
                "id": at + 1, "name": field.name(), "required": is_required, "type": kind(field.data_type()),
            })
        };
        let fields: Vec<Value> = self.columns().fields().iter().enumerate().map(field).collect();
        json!({"type": "struct", "schema-id": 0, "fields": fields})
    }

    /// Which column of a file is which: files have names and no ids.
    pub(super) fn name_mapping(self) -> String {
        let names = self.columns().fields().iter().enumerate();
        let names = names.map(|(at, field)| json!({"field-id": at + 1, "names": [field.name()]}));
        Value::Array(names.collect()).to_string()
    }

    /// By day and by instrument, as the files are.
    pub(super) fn partition_fields(self) -> Value {
        let time = self.time_column();
        json!([
            {
                "source-id": self.id_of(time), "field-id": DAY_ID, "name": self.day_field(), "transform": "day",
            },
            {
                "source-id": self.id_of(INSTRUMENT_KEY), "field-id": KEY_ID, "name": INSTRUMENT_KEY,
                "transform": "identity",
            },
        ])
    }

    /// The name of the day in the partition of a file.
    pub(super) fn day_field(self) -> String {
        format!("{}_day", self.time_column())
    }
}

/// The id of the day in the partition of a file; ids of partitions begin here.
pub(super) const DAY_ID: i32 = 1000;
/// The id of the instrument in the partition of a file.
pub(super) const KEY_ID: i32 = 1001;

fn kind(arrow: &ArrowType) -> &'static str {
    match arrow {
        ArrowType::Timestamp(..) => "timestamptz",
        ArrowType::Float64 => "double",
        // Counts of a candle are far below the largest long.
        ArrowType::UInt64 => "long",
        ArrowType::Boolean => "boolean",
        _ => "string",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_have_one_name() {
        for (text, is_table) in [
            ("trades", true),
            ("incremental_book_L2", true),
            ("candles_1m", true),
            ("candles_24h", true),
            ("candles_1d", false),
            ("incremental_book_l2", false),
            ("candles_7m", false),
            ("instruments", false),
            ("", false),
            ("..", false),
        ] {
            assert_eq!(text.parse::<IcebergTable>().is_ok(), is_table, "{text}");
        }
    }

    #[test]
    fn every_column_has_a_type_and_the_partition_its_columns() {
        let tables = DataType::ALL.map(IcebergTable::Ticks).into_iter();
        for table in tables.chain([IcebergTable::Candles("1m".parse().unwrap())]) {
            assert!(table.id_of(table.time_column()).is_some(), "{table}");
            assert_eq!(table.id_of(INSTRUMENT_KEY), Some(1), "{table}");
            for field in table.columns().fields() {
                let is_text = matches!(field.data_type(), ArrowType::Utf8 | ArrowType::Dictionary(..));
                assert_eq!(kind(field.data_type()) == "string", is_text, "{table} {}", field.name());
            }
        }
    }
}
