//! Columns for NumPy: by its array interface, whose arrays are made from an address without a copy.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{
    Float64Type, Int32Type, Int64Type, TimestampMicrosecondType, UInt32Type, UInt64Type,
};
use arrow_array::{Array, ArrayRef, RecordBatch};
use arrow_buffer::Buffer as Bytes;
use arrow_schema::{DataType, TimeUnit};
use pyo3::exceptions::{PyKeyError, PyTypeError};
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::rows::Batches;

/// Numbers in memory that NumPy reads in place; the array keeps them alive.
#[pyclass(frozen, module = "mtdh._mtdh")]
pub struct Buffer {
    bytes: Bytes,
    /// NumPy's name of the type: `<f8`, `<i8`, `<u8`, `<M8[us]`, `|b1`.
    kind: &'static str,
    /// Rows, and columns for a matrix.
    shape: Vec<usize>,
}

#[pymethods]
impl Buffer {
    #[getter]
    fn __array_interface__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let interface = PyDict::new(py);
        interface.set_item("version", 3)?;
        interface.set_item("typestr", self.kind)?;
        interface.set_item("shape", pyo3::types::PyTuple::new(py, &self.shape)?)?;
        // Read-only: others may hold the same rows.
        interface.set_item("data", (self.bytes.as_ptr() as usize, true))?;
        if let [rows, _] = self.shape.as_slice() {
            // Column after column.
            interface.set_item("strides", (8, rows * 8))?;
        }
        Ok(interface)
    }
}

/// A column for NumPy.
#[derive(IntoPyObject)]
pub enum Column {
    /// Numbers, times or flags.
    Numbers(Buffer),
    /// Words: a code of each row, and what the codes mean. A negative code is null.
    Words(Buffer, Vec<String>),
    /// Texts; None: null.
    Texts(Vec<Option<String>>),
    /// Flags of which some are null.
    Flags(Vec<Option<bool>>),
    /// Lists of texts; None: null.
    Lists(Vec<Option<Vec<String>>>),
    /// Lists of numbers; None: null.
    NumberLists(Vec<Option<Vec<f64>>>),
    /// Lists of times, microseconds since the Unix epoch, UTC, in a tuple of one; None: null.
    TimeLists((Vec<Option<Vec<i64>>>,)),
}

/// A column for NumPy. Nulls are NaN or NaT; a nullable integer is a float.
pub fn column_of(py: Python<'_>, rows: &Batches, name: &str) -> PyResult<Column> {
    let kind = rows.schema.field_with_name(name);
    let kind = kind.map_err(|_| PyKeyError::new_err(name.to_owned()))?.data_type().clone();
    let columns: Vec<ArrayRef> =
        rows.batches.iter().filter_map(|batch| batch.column_by_name(name).cloned()).collect();
    py.detach(|| column(&kind, &columns)).map_err(PyTypeError::new_err)
}

/// Columns of numbers side by side, a matrix of rows and columns; NaN for null.
pub fn matrix_of(py: Python<'_>, rows: &Batches, names: &[String]) -> PyResult<Buffer> {
    let count = rows.batches.iter().map(RecordBatch::num_rows).sum::<usize>();
    py.detach(|| {
        let mut values: Vec<f64> = Vec::with_capacity(count * names.len());
        for name in names {
            for batch in &rows.batches {
                let column = batch.column_by_name(name).ok_or_else(|| PyKeyError::new_err(name.clone()))?;
                floats(column, &mut values);
            }
        }
        Ok(Buffer { bytes: Bytes::from_vec(values), kind: "<f8", shape: vec![count, names.len()] })
    })
}

fn column(kind: &DataType, columns: &[ArrayRef]) -> Result<Column, String> {
    let rows = columns.iter().map(|column| column.len()).sum::<usize>();
    let has_nulls = columns.iter().any(|column| column.null_count() > 0);
    let numbers = |bytes, kind| Ok(Column::Numbers(Buffer { bytes, kind, shape: vec![rows] }));
    match kind {
        DataType::Float64 => match columns {
            [one] if !has_nulls => numbers(one.as_primitive::<Float64Type>().values().inner().clone(), "<f8"),
            _ => numbers(all_floats(columns, rows), "<f8"),
        },
        DataType::UInt64 if has_nulls => numbers(all_floats(columns, rows), "<f8"),
        DataType::Int64 if has_nulls => numbers(all_floats(columns, rows), "<f8"),
        DataType::UInt64 => match columns {
            [one] => numbers(one.as_primitive::<UInt64Type>().values().inner().clone(), "<u8"),
            _ => numbers(joined(columns, rows, |c| c.as_primitive::<UInt64Type>().values().to_vec()), "<u8"),
        },
        DataType::Int64 => match columns {
            [one] => numbers(one.as_primitive::<Int64Type>().values().inner().clone(), "<i8"),
            _ => numbers(joined(columns, rows, |c| c.as_primitive::<Int64Type>().values().to_vec()), "<i8"),
        },
        DataType::UInt32 => numbers(
            joined(columns, rows, |c| {
                c.as_primitive::<UInt32Type>().values().iter().map(|v| u64::from(*v)).collect()
            }),
            "<u8",
        ),
        DataType::Timestamp(TimeUnit::Microsecond, _) => match columns {
            [one] if !has_nulls => {
                numbers(one.as_primitive::<TimestampMicrosecondType>().values().inner().clone(), "<M8[us]")
            }
            _ => numbers(joined(columns, rows, times), "<M8[us]"),
        },
        DataType::Boolean if has_nulls => {
            let flags = columns.iter().flat_map(|column| column.as_boolean().iter().collect::<Vec<_>>());
            Ok(Column::Flags(flags.collect()))
        }
        DataType::Boolean => {
            let flags = columns.iter().flat_map(|column| column.as_boolean().values().iter().map(u8::from));
            numbers(Bytes::from_vec(flags.collect::<Vec<u8>>()), "|b1")
        }
        DataType::Dictionary(_, _) => Ok(words(columns, rows)),
        DataType::Utf8 => {
            let texts = columns.iter().flat_map(|column| column.as_string::<i32>().iter());
            Ok(Column::Texts(texts.map(|text| text.map(str::to_owned)).collect()))
        }
        DataType::Utf8View => {
            let texts = columns.iter().flat_map(|column| column.as_string_view().iter());
            Ok(Column::Texts(texts.map(|text| text.map(str::to_owned)).collect()))
        }
        DataType::List(item) if *item.data_type() == DataType::Utf8 => {
            let lists = columns.iter().flat_map(|column| column.as_list::<i32>().iter().collect::<Vec<_>>());
            let texts = |list: ArrayRef| {
                list.as_string::<i32>().iter().map(|text| text.unwrap_or_default().to_owned()).collect()
            };
            Ok(Column::Lists(lists.map(|list| list.map(texts)).collect()))
        }
        DataType::List(item) if *item.data_type() == DataType::Float64 => {
            let numbers = |list: ArrayRef| list.as_primitive::<Float64Type>().values().to_vec();
            let lists = columns.iter().flat_map(|column| column.as_list::<i32>().iter().collect::<Vec<_>>());
            Ok(Column::NumberLists(lists.map(|list| list.map(numbers)).collect()))
        }
        DataType::List(item) if matches!(item.data_type(), DataType::Timestamp(TimeUnit::Microsecond, _)) => {
            let lists = columns.iter().flat_map(|column| column.as_list::<i32>().iter().collect::<Vec<_>>());
            Ok(Column::TimeLists((lists.map(|list| list.map(|list| times(&list))).collect(),)))
        }
        other => Err(format!("a column of {other} has no form in NumPy; take .arrow() or .polars()")),
    }
}

fn joined<T: arrow_buffer::ArrowNativeType>(
    columns: &[ArrayRef],
    rows: usize,
    values: impl Fn(&ArrayRef) -> Vec<T>,
) -> Bytes {
    let mut all = Vec::with_capacity(rows);
    columns.iter().for_each(|column| all.extend(values(column)));
    Bytes::from_vec(all)
}

fn all_floats(columns: &[ArrayRef], rows: usize) -> Bytes {
    let mut all = Vec::with_capacity(rows);
    columns.iter().for_each(|column| floats(column, &mut all));
    Bytes::from_vec(all)
}

fn floats(column: &ArrayRef, all: &mut Vec<f64>) {
    match column.data_type() {
        DataType::UInt64 => {
            all.extend(column.as_primitive::<UInt64Type>().iter().map(|v| v.map_or(f64::NAN, |v| v as f64)));
        }
        DataType::Int64 => {
            all.extend(column.as_primitive::<Int64Type>().iter().map(|v| v.map_or(f64::NAN, |v| v as f64)));
        }
        _ if column.null_count() == 0 => all.extend_from_slice(column.as_primitive::<Float64Type>().values()),
        _ => all.extend(column.as_primitive::<Float64Type>().iter().map(|v| v.unwrap_or(f64::NAN))),
    }
}

/// Microseconds; NaT for null.
fn times(column: &ArrayRef) -> Vec<i64> {
    let column = column.as_primitive::<TimestampMicrosecondType>();
    if column.null_count() == 0 {
        column.values().to_vec()
    } else {
        column.iter().map(|time| time.unwrap_or(i64::MIN)).collect()
    }
}

/// The codes of all batches over one list of words.
fn words(columns: &[ArrayRef], rows: usize) -> Column {
    let mut words: Vec<String> = Vec::new();
    let mut codes: Vec<i64> = Vec::with_capacity(rows);
    for column in columns {
        let column = column.as_dictionary::<Int32Type>();
        let values = Arc::clone(column.values());
        let code_of: Vec<i64> = values
            .as_string::<i32>()
            .iter()
            .map(|word| {
                let word = word.unwrap_or_default();
                let known = words.iter().position(|known| known == word);
                known.unwrap_or_else(|| {
                    words.push(word.to_owned());
                    words.len() - 1
                }) as i64
            })
            .collect();
        codes.extend(column.keys().iter().map(|key| key.map_or(-1, |key| code_of[key as usize])));
    }
    Column::Words(Buffer { bytes: Bytes::from_vec(codes), kind: "<i8", shape: vec![rows] }, words)
}
