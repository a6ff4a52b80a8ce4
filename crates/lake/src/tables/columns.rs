//! Columns of small tables that are read and written whole, and the conversion between rows and cells.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use arrow_array::builder::{
    ArrayBuilder, Float64Builder, ListBuilder, StringBuilder, TimestampMicrosecondBuilder,
};
use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, TimestampMicrosecondType, UInt64Type};
use arrow_array::{
    Array, ArrayRef, ArrowPrimitiveType, BooleanArray, Float64Array, RecordBatch, StringArray,
    TimestampMicrosecondArray, UInt64Array,
};
use arrow_schema::{ArrowError, DataType as ArrowType, Field, FieldRef, Schema, TimeUnit};
use bytes::Bytes;
use parquet::errors::ParquetError;

use crate::file_writer::FileWriter;
use crate::reader::whole;
use crate::write::base_properties;

/// The type of a cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `string`.
    Text,
    /// `list of strings`.
    Texts,
    /// `timestamp[us, UTC]`, from microseconds since the Unix epoch.
    Time,
    /// `list of timestamp[us, UTC]`.
    Times,
    /// `float64`.
    Number,
    /// `list of float64`.
    Numbers,
    /// `uint64`.
    Count,
    /// `bool`.
    Flag,
}

impl Kind {
    fn arrow(self) -> ArrowType {
        match self {
            Kind::Text => ArrowType::Utf8,
            Kind::Texts => ArrowType::List(item(Kind::Text)),
            Kind::Time => ArrowType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
            Kind::Times => ArrowType::List(item(Kind::Time)),
            Kind::Numbers => ArrowType::List(item(Kind::Number)),
            Kind::Number => ArrowType::Float64,
            Kind::Count => ArrowType::UInt64,
            Kind::Flag => ArrowType::Boolean,
        }
    }
}

/// The field of a list's elements.
fn item(kind: Kind) -> FieldRef {
    Arc::new(Field::new("item", kind.arrow(), false))
}

/// A column of a small table.
#[derive(Clone, Copy, Debug)]
pub struct Column {
    /// Name.
    pub name: &'static str,
    /// Type.
    pub kind: Kind,
    /// Unit of the value; empty for texts and flags.
    pub unit: &'static str,
    /// Whether Parquet stores it as nullable.
    pub nullable: bool,
    /// Its meaning and, after `null:`, the meaning of null if it may be null.
    pub meaning: &'static str,
    /// Whether tables of older versions lack it; it then reads as null.
    pub is_added: bool,
}

/// A column, and how its cell is taken from a row.
pub(crate) struct Described<R> {
    pub column: Column,
    pub cell: for<'a> fn(&'a R) -> Cell<'a>,
}

/// A row's cell.
pub(crate) enum Cell<'a> {
    Text(Option<Cow<'a, str>>),
    Texts(Vec<&'a str>),
    Time(Option<i64>),
    Times(Vec<i64>),
    Number(Option<f64>),
    Numbers(Vec<f64>),
    Count(Option<u64>),
    Flag(Option<bool>),
}

impl<'a> Cell<'a> {
    pub fn texts(list: impl Iterator<Item = &'a str>) -> Cell<'a> {
        Cell::Texts(list.collect())
    }
}

impl<'a> From<&'a str> for Cell<'a> {
    fn from(text: &'a str) -> Cell<'a> {
        Cell::Text(Some(text.into()))
    }
}

impl<'a> From<Option<&'a str>> for Cell<'a> {
    fn from(text: Option<&'a str>) -> Cell<'a> {
        Cell::Text(text.map(Cow::from))
    }
}

impl From<String> for Cell<'_> {
    fn from(text: String) -> Self {
        Cell::Text(Some(text.into()))
    }
}

impl From<Option<String>> for Cell<'_> {
    fn from(text: Option<String>) -> Self {
        Cell::Text(text.map(Cow::from))
    }
}

impl From<Option<i64>> for Cell<'_> {
    fn from(time: Option<i64>) -> Self {
        Cell::Time(time)
    }
}

impl From<Option<f64>> for Cell<'_> {
    fn from(number: Option<f64>) -> Self {
        Cell::Number(number)
    }
}

impl From<Option<u64>> for Cell<'_> {
    fn from(count: Option<u64>) -> Self {
        Cell::Count(count)
    }
}

impl From<Option<bool>> for Cell<'_> {
    fn from(flag: Option<bool>) -> Self {
        Cell::Flag(flag)
    }
}

type Read<R> = for<'a> fn(&'a R) -> Cell<'a>;

macro_rules! constructors {
    ($($(#[$doc:meta])* $name:ident: nullable $nullable:literal, added $is_added:literal;)*) => {$(
        $(#[$doc])*
        pub(crate) const fn $name<R>(
            name: &'static str,
            kind: Kind,
            unit: &'static str,
            meaning: &'static str,
            cell: Read<R>,
        ) -> Described<R> {
            let column =
                Column { name, kind, unit, meaning, nullable: $nullable, is_added: $is_added };
            Described { column, cell }
        }
    )*};
}

constructors! {
    /// A column that is never null.
    required: nullable false, added false;
    /// A column that is never null, but nullable in Parquet.
    filled: nullable true, added false;
    /// A column that may be null.
    optional: nullable true, added false;
    /// As [`required`]; older tables lack it.
    added_required: nullable false, added true;
    /// As [`filled`]; older tables lack it.
    added_filled: nullable true, added true;
    /// As [`optional`]; older tables lack it.
    added_optional: nullable true, added true;
}

/// Converts rows to a table.
pub(crate) fn to_table<R>(columns: &[Described<R>], rows: &[R]) -> RecordBatch {
    let field = |column: &Column| Field::new(column.name, column.kind.arrow(), column.nullable);
    let fields: Vec<Field> = columns.iter().map(|described| field(&described.column)).collect();
    let arrays = columns.iter().map(|described| array(described, rows)).collect();
    RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays)
        .expect("each column has a cell of its kind for each row")
}

fn array<R>(described: &Described<R>, rows: &[R]) -> ArrayRef {
    let cells = || rows.iter().map(|row| (described.cell)(row));
    let name = described.column.name;
    macro_rules! values {
        ($kind:ident) => {
            cells().map(|cell| match cell {
                Cell::$kind(value) => value,
                _ => unreachable!("`{name}` has a cell of another kind"),
            })
        };
    }
    match described.column.kind {
        Kind::Text => Arc::new(values!(Text).collect::<StringArray>()),
        Kind::Time => Arc::new(values!(Time).collect::<TimestampMicrosecondArray>().with_timezone("UTC")),
        Kind::Number => Arc::new(values!(Number).collect::<Float64Array>()),
        Kind::Count => Arc::new(values!(Count).collect::<UInt64Array>()),
        Kind::Flag => Arc::new(values!(Flag).collect::<BooleanArray>()),
        Kind::Texts => list(Kind::Text, values!(Texts), StringBuilder::new(), |b, text| b.append_value(text)),
        Kind::Times => {
            let times = TimestampMicrosecondBuilder::new().with_timezone("UTC");
            list(Kind::Time, values!(Times), times, |b, time| b.append_value(time))
        }
        Kind::Numbers => {
            list(Kind::Number, values!(Numbers), Float64Builder::new(), |b, number| b.append_value(number))
        }
    }
}

/// A column of lists, none of which is null.
fn list<B: ArrayBuilder, T>(
    kind: Kind,
    lists: impl Iterator<Item = Vec<T>>,
    items: B,
    append: impl Fn(&mut B, T),
) -> ArrayRef {
    let mut builder = ListBuilder::new(items).with_field(item(kind));
    for list in lists {
        for value in list {
            append(builder.values(), value);
        }
        builder.append(true);
    }
    Arc::new(builder.finish())
}

/// Encodes a table as a Parquet file.
pub(crate) fn to_parquet(table: &RecordBatch) -> Result<Bytes, ParquetError> {
    to_parquet_with(table, &BTreeMap::new())
}

/// As [`to_parquet`], with key-value pairs in the footer.
pub(crate) fn to_parquet_with(
    table: &RecordBatch,
    facts: &BTreeMap<String, String>,
) -> Result<Bytes, ParquetError> {
    pieces_to_parquet(std::iter::once(Ok(table.clone())), facts)
}

/// Encodes a table that comes in pieces, at least one, so that it is never in memory as a whole.
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

/// Decodes a Parquet file as a table.
pub(crate) fn from_parquet(bytes: Bytes) -> Result<RecordBatch, ParquetError> {
    Ok(from_parquet_with(bytes)?.0)
}

/// As [`from_parquet`], with the key-value pairs of the footer.
pub(crate) fn from_parquet_with(
    bytes: Bytes,
) -> Result<(RecordBatch, BTreeMap<String, String>), ParquetError> {
    let mut batches = Vec::new();
    let (schema, facts) = whole::read(bytes, whole::BATCH_ROWS, |batch| {
        batches.push(batch);
        Ok(())
    })?;
    let table = match <[RecordBatch; 1]>::try_from(batches) {
        Ok([whole]) => whole,
        Err(batches) => arrow_select::concat::concat_batches(&schema, &batches)?,
    };
    Ok((table, facts))
}

pub(crate) use whole::{facts_of, read as read_pieces};

/// Reads a table's cells by column name. The error names a column that is missing or of another type; a column that older
/// tables lack reads as null.
pub(crate) struct TableReader<'a> {
    table: &'a RecordBatch,
    added: Vec<&'static str>,
}

impl<'a> TableReader<'a> {
    pub fn of<R>(table: &'a RecordBatch, columns: &[Described<R>]) -> TableReader<'a> {
        let added = columns.iter().map(|described| described.column).filter(|column| column.is_added);
        TableReader { table, added: added.map(|column| column.name).collect() }
    }

    fn column(&self, name: &str) -> Result<Option<&'a ArrayRef>, String> {
        match self.table.column_by_name(name) {
            Some(array) => Ok(Some(array)),
            None if self.added.contains(&name) => Ok(None),
            None => Err(format!("it has no column `{name}`")),
        }
    }

    fn typed<A>(
        &self,
        name: &str,
        cast: impl FnOnce(&'a ArrayRef) -> Option<&'a A>,
    ) -> Result<Option<&'a A>, String> {
        let array = self.column(name)?;
        array
            .map(|array| cast(array).ok_or_else(|| format!("its column `{name}` has another type")))
            .transpose()
    }

    pub fn text(&self, name: &str) -> Result<impl Fn(usize) -> Option<&'a str> + use<'a>, String> {
        let array = self.typed(name, |array| array.as_string_opt::<i32>())?;
        Ok(move |row| array.filter(|a| a.is_valid(row)).map(|a| a.value(row)))
    }

    pub fn time(&self, name: &str) -> Result<impl Fn(usize) -> Option<i64> + use<'a>, String> {
        let array = self.typed(name, |array| array.as_primitive_opt::<TimestampMicrosecondType>())?;
        Ok(move |row| array.filter(|a| a.is_valid(row)).map(|a| a.value(row)))
    }

    pub fn number(&self, name: &str) -> Result<impl Fn(usize) -> Option<f64> + use<'a>, String> {
        let array = self.typed(name, |array| array.as_primitive_opt::<Float64Type>())?;
        Ok(move |row| array.filter(|a| a.is_valid(row)).map(|a| a.value(row)))
    }

    pub fn count(&self, name: &str) -> Result<impl Fn(usize) -> Option<u64> + use<'a>, String> {
        let array = self.typed(name, |array| array.as_primitive_opt::<UInt64Type>())?;
        Ok(move |row| array.filter(|a| a.is_valid(row)).map(|a| a.value(row)))
    }

    pub fn flag(&self, name: &str) -> Result<impl Fn(usize) -> Option<bool> + use<'a>, String> {
        let array = self.typed(name, |array| array.as_boolean_opt())?;
        Ok(move |row| array.filter(|a| a.is_valid(row)).map(|a| a.value(row)))
    }

    /// A list; null reads as an empty list.
    pub fn texts(&self, name: &str) -> Result<impl Fn(usize) -> Vec<String> + use<'a>, String> {
        let array = self.typed(name, |array| array.as_list_opt::<i32>())?;
        Ok(move |row| {
            let list = array.map(|array| array.value(row));
            let texts = list.as_ref().and_then(|list| list.as_string_opt::<i32>());
            texts.map(|t| t.iter().flatten().map(str::to_owned).collect()).unwrap_or_default()
        })
    }

    /// As [`TableReader::texts`], of times.
    pub fn times(&self, name: &str) -> Result<impl Fn(usize) -> Vec<i64> + use<'a>, String> {
        self.list::<TimestampMicrosecondType>(name)
    }

    /// As [`TableReader::texts`], of numbers.
    pub fn numbers(&self, name: &str) -> Result<impl Fn(usize) -> Vec<f64> + use<'a>, String> {
        self.list::<Float64Type>(name)
    }

    fn list<T: ArrowPrimitiveType>(
        &self,
        name: &str,
    ) -> Result<impl Fn(usize) -> Vec<T::Native> + use<'a, T>, String> {
        let array = self.typed(name, |array| array.as_list_opt::<i32>())?;
        Ok(move |row| {
            let list = array.map(|array| array.value(row));
            let values = list.as_ref().and_then(|list| list.as_primitive_opt::<T>());
            values.map(|values| values.values().to_vec()).unwrap_or_default()
        })
    }
}
