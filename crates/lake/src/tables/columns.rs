//! Small tables that are read and written whole: the instruments of a day and the reports.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow_array::builder::{ListBuilder, StringBuilder};
use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, TimestampMicrosecondType, UInt64Type};
use arrow_array::{
    Array, ArrayRef, BooleanArray, Float64Array, RecordBatch, StringArray, TimestampMicrosecondArray,
    UInt64Array,
};
use arrow_schema::{ArrowError, Field, Schema};
use bytes::Bytes;
use parquet::errors::ParquetError;

use crate::file_writer::FileWriter;
use crate::reader::whole;
use crate::write::base_properties;

/// A table to be: named columns of equal length.
#[derive(Default)]
pub(crate) struct TableBuilder {
    fields: Vec<Field>,
    arrays: Vec<ArrayRef>,
}

impl TableBuilder {
    fn push(&mut self, name: &str, array: ArrayRef, nullable: bool) {
        self.fields.push(Field::new(name, array.data_type().clone(), nullable));
        self.arrays.push(array);
    }

    pub fn text<'a>(&mut self, name: &str, values: impl Iterator<Item = &'a str>) {
        self.push(name, Arc::new(StringArray::from_iter_values(values)), false);
    }

    pub fn maybe_text<S: AsRef<str>>(&mut self, name: &str, values: impl Iterator<Item = Option<S>>) {
        self.push(name, Arc::new(values.collect::<StringArray>()), true);
    }

    pub fn texts<'a, I: Iterator<Item = &'a str>>(&mut self, name: &str, lists: impl Iterator<Item = I>) {
        let item = Field::new("item", arrow_schema::DataType::Utf8, false);
        let mut builder = ListBuilder::new(StringBuilder::new()).with_field(Arc::new(item));
        for list in lists {
            list.for_each(|text| builder.values().append_value(text));
            builder.append(true);
        }
        self.push(name, Arc::new(builder.finish()), false);
    }

    /// Microseconds since the Unix epoch, UTC.
    pub fn maybe_time(&mut self, name: &str, values: impl Iterator<Item = Option<i64>>) {
        let array = values.collect::<TimestampMicrosecondArray>().with_timezone("UTC");
        self.push(name, Arc::new(array), true);
    }

    pub fn maybe_number(&mut self, name: &str, values: impl Iterator<Item = Option<f64>>) {
        self.push(name, Arc::new(values.collect::<Float64Array>()), true);
    }

    pub fn maybe_count(&mut self, name: &str, values: impl Iterator<Item = Option<u64>>) {
        self.push(name, Arc::new(values.collect::<UInt64Array>()), true);
    }

    pub fn maybe_flag(&mut self, name: &str, values: impl Iterator<Item = Option<bool>>) {
        self.push(name, Arc::new(values.collect::<BooleanArray>()), true);
    }

    pub fn finish(self) -> Result<RecordBatch, ArrowError> {
        RecordBatch::try_new(Arc::new(Schema::new(self.fields)), self.arrays)
    }
}

/// A table as the bytes of a Parquet file.
pub(crate) fn to_parquet(table: &RecordBatch) -> Result<Bytes, ParquetError> {
    to_parquet_with(table, &BTreeMap::new())
}

/// The same, with pairs in the footer.
pub(crate) fn to_parquet_with(
    table: &RecordBatch,
    facts: &BTreeMap<String, String>,
) -> Result<Bytes, ParquetError> {
    pieces_to_parquet(std::iter::once(Ok(table.clone())), facts)
}

/// A table that comes in pieces, one at least, so that it is never in memory as a whole.
pub(crate) fn pieces_to_parquet(
    pieces: impl Iterator<Item = Result<RecordBatch, ArrowError>>,
    facts: &BTreeMap<String, String>,
) -> Result<Bytes, ParquetError> {
    let mut pieces = pieces.peekable();
    let schema = match pieces.peek() {
        Some(Ok(first)) => first.schema(),
        _ => Arc::new(Schema::empty()),
    };
    let mut writer = FileWriter::new(schema, base_properties().build(), Vec::new())?;
    for piece in pieces {
        writer.write(&piece?)?;
    }
    let pairs = facts.iter().map(|(name, value)| (name.clone(), value.clone()));
    Ok(writer.finish(pairs)?.out.into())
}

/// The bytes of a Parquet file as a table.
pub(crate) fn from_parquet(bytes: Bytes) -> Result<RecordBatch, ParquetError> {
    Ok(from_parquet_with(bytes)?.0)
}

/// The same, with the pairs of the footer.
pub(crate) fn from_parquet_with(
    bytes: Bytes,
) -> Result<(RecordBatch, BTreeMap<String, String>), ParquetError> {
    let mut batches = Vec::new();
    let (schema, facts) = whole::read(bytes, whole::BATCH_ROWS, |batch| {
        batches.push(batch);
        Ok(())
    })?;
    Ok((arrow_select::concat::concat_batches(&schema, &batches)?, facts))
}

pub(crate) use whole::{facts_of, read as read_pieces};

/// Reads a table's cells by column name; a column that is lacking or of another type is named.
pub(crate) struct TableReader<'a> {
    table: &'a RecordBatch,
}

impl<'a> TableReader<'a> {
    pub fn of(table: &'a RecordBatch) -> TableReader<'a> {
        TableReader { table }
    }

    fn column(&self, name: &str) -> Result<&'a ArrayRef, String> {
        self.table.column_by_name(name).ok_or_else(|| format!("it has no column `{name}`"))
    }

    pub fn text(&self, name: &str) -> Result<impl Fn(usize) -> Option<&'a str> + use<'a>, String> {
        let array = self.column(name)?.as_string_opt::<i32>().ok_or_else(|| other_type(name))?;
        Ok(move |row| array.is_valid(row).then(|| array.value(row)))
    }

    /// A column of text that older tables do not have; null in all their rows.
    pub fn added_text(&self, name: &str) -> Result<impl Fn(usize) -> Option<&'a str> + use<'a>, String> {
        let array = match self.table.column_by_name(name) {
            Some(array) => Some(array.as_string_opt::<i32>().ok_or_else(|| other_type(name))?),
            None => None,
        };
        Ok(move |row| array.filter(|a| a.is_valid(row)).map(|a| a.value(row)))
    }

    /// A column of times that older tables do not have; null in all their rows.
    pub fn added_time(&self, name: &str) -> Result<impl Fn(usize) -> Option<i64> + use<'a>, String> {
        let read = self.table.column_by_name(name).map(|_| self.time(name)).transpose()?;
        Ok(move |row| read.as_ref().and_then(|read| read(row)))
    }

    /// A column of flags that older tables do not have; null in all their rows.
    pub fn added_flag(&self, name: &str) -> Result<impl Fn(usize) -> Option<bool> + use<'a>, String> {
        let read = self.table.column_by_name(name).map(|_| self.flag(name)).transpose()?;
        Ok(move |row| read.as_ref().and_then(|read| read(row)))
    }

    /// A column of lists that older tables do not have; empty in all their rows.
    pub fn added_texts(&self, name: &str) -> Result<impl Fn(usize) -> Vec<String> + use<'a>, String> {
        let read = self.table.column_by_name(name).map(|_| self.texts(name)).transpose()?;
        Ok(move |row| read.as_ref().map(|read| read(row)).unwrap_or_default())
    }

    pub fn time(&self, name: &str) -> Result<impl Fn(usize) -> Option<i64> + use<'a>, String> {
        let array = self
            .column(name)?
            .as_primitive_opt::<TimestampMicrosecondType>()
            .ok_or_else(|| other_type(name))?;
        Ok(move |row| array.is_valid(row).then(|| array.value(row)))
    }

    pub fn number(&self, name: &str) -> Result<impl Fn(usize) -> Option<f64> + use<'a>, String> {
        let array = self.column(name)?.as_primitive_opt::<Float64Type>().ok_or_else(|| other_type(name))?;
        Ok(move |row| array.is_valid(row).then(|| array.value(row)))
    }

    pub fn count(&self, name: &str) -> Result<impl Fn(usize) -> Option<u64> + use<'a>, String> {
        let array = self.column(name)?.as_primitive_opt::<UInt64Type>().ok_or_else(|| other_type(name))?;
        Ok(move |row| array.is_valid(row).then(|| array.value(row)))
    }

    pub fn flag(&self, name: &str) -> Result<impl Fn(usize) -> Option<bool> + use<'a>, String> {
        let array = self.column(name)?.as_boolean_opt().ok_or_else(|| other_type(name))?;
        Ok(move |row| array.is_valid(row).then(|| array.value(row)))
    }

    pub fn texts(&self, name: &str) -> Result<impl Fn(usize) -> Vec<String> + use<'a>, String> {
        let array = self.column(name)?.as_list_opt::<i32>().ok_or_else(|| other_type(name))?;
        Ok(move |row| {
            let list = array.value(row);
            let texts = list.as_string_opt::<i32>();
            texts.map(|t| t.iter().flatten().map(str::to_owned).collect()).unwrap_or_default()
        })
    }
}

fn other_type(name: &str) -> String {
    format!("its column `{name}` has another type")
}
