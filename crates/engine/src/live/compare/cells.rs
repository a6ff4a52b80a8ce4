//! The values of a row, for comparison by their bits.

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int32Type, TimestampMicrosecondType};
use arrow_array::{
    Array, BooleanArray, Float64Array, Int32Array, RecordBatch, StringArray, TimestampMicrosecondArray,
};
use arrow_schema::DataType as ArrowType;
use mtdh_core::DataType;
use mtdh_core::check::finding::moment;

/// A value.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Cell {
    Null,
    /// The bits of a number; −0 as 0.
    Number(u64),
    Time(i64),
    Flag(bool),
    Text(Box<str>),
}

impl Cell {
    /// The text of a value; `None`: it is null.
    pub fn text(&self) -> Option<String> {
        match self {
            Cell::Null => None,
            Cell::Number(bits) => Some(f64::from_bits(*bits).to_string()),
            Cell::Time(us) => Some(moment(*us)),
            Cell::Flag(flag) => Some(flag.to_string()),
            Cell::Text(text) => Some(text.to_string()),
        }
    }
}

/// A column of a batch.
enum Values<'a> {
    Number(&'a Float64Array),
    Time(&'a TimestampMicrosecondArray),
    Flag(&'a BooleanArray),
    Text(&'a StringArray),
    Word(&'a Int32Array, &'a StringArray),
}

/// Columns of a batch.
pub(super) struct Columns<'a>(Vec<Values<'a>>);

impl<'a> Columns<'a> {
    /// Some columns of a batch, in this order.
    pub fn of(batch: &'a RecordBatch, names: &[&str]) -> Result<Columns<'a>, String> {
        let column = |name: &&str| {
            let array = batch.column_by_name(name).ok_or_else(|| format!("there is no column `{name}`"))?;
            let wrong = || format!("the column `{name}` is {}", array.data_type());
            Ok(match array.data_type() {
                ArrowType::Float64 => Values::Number(array.as_primitive::<Float64Type>()),
                ArrowType::Timestamp(..) => {
                    Values::Time(array.as_primitive_opt::<TimestampMicrosecondType>().ok_or_else(wrong)?)
                }
                ArrowType::Boolean => Values::Flag(array.as_boolean()),
                ArrowType::Utf8 => Values::Text(array.as_string()),
                ArrowType::Dictionary(..) => {
                    let words = array.as_dictionary_opt::<Int32Type>().ok_or_else(wrong)?;
                    Values::Word(words.keys(), words.values().as_string_opt().ok_or_else(wrong)?)
                }
                _ => return Err(wrong()),
            })
        };
        names.iter().map(column).collect::<Result<_, String>>().map(Columns)
    }

    /// The values of a row.
    pub fn row(&self, row: usize) -> Vec<Cell> {
        let cell = |values: &Values<'_>| match values {
            Values::Number(array) if array.is_valid(row) => Cell::Number((array.value(row) + 0.0).to_bits()),
            Values::Time(array) if array.is_valid(row) => Cell::Time(array.value(row)),
            Values::Flag(array) if array.is_valid(row) => Cell::Flag(array.value(row)),
            Values::Text(array) if array.is_valid(row) => Cell::Text(array.value(row).into()),
            Values::Word(keys, words) if keys.is_valid(row) => {
                Cell::Text(words.value(keys.value(row) as usize).into())
            }
            _ => Cell::Null,
        };
        self.0.iter().map(cell).collect()
    }
}

/// The columns of a data type without some.
pub(super) fn names(data_type: DataType, without: &[&str]) -> Vec<&'static str> {
    let columns = data_type.table().columns.iter().map(|column| column.name.as_str());
    columns.filter(|name| !without.contains(name)).collect()
}

/// A column of times without nulls, microseconds since the Unix epoch, UTC.
pub(super) fn times<'a>(batch: &'a RecordBatch, name: &str) -> Result<&'a [i64], String> {
    let array = batch.column_by_name(name).ok_or_else(|| format!("there is no column `{name}`"))?;
    let times = array.as_primitive_opt::<TimestampMicrosecondType>();
    let times = times.filter(|times| times.null_count() == 0);
    times.map(|times| times.values().as_ref()).ok_or_else(|| format!("the column `{name}` has no times"))
}
