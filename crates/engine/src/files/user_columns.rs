//! Other people's Parquet as a table of the lake: columns by the names that others give them, values by the types that they have.
//!
//! [`NAMES`] is the table of names in `docs/how-to/own-files.md`. Nothing is made up: what a file lacks is named, and so is how its
//! times are read.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{
    Decimal128Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, UInt8Type,
    UInt16Type, UInt32Type, UInt64Type,
};
use arrow_array::{Array, ArrayRef, DictionaryArray, Float64Array, RecordBatch, StringArray, new_null_array};
use arrow_schema::{DataType as ArrowType, Field, Schema};
use mtdh_core::DataType;
use mtdh_core::table::{Column, INSTRUMENT_KEY, Kind, Possible};
use mtdh_core::time_unit::{Plausible, TimeUnit};

use super::times::{Clock, texts_of, times};

pub use super::times::ColumnsError;

/// The names that a column of the lake has elsewhere. The lake's own goes first.
pub const NAMES: &[(&str, &[&str])] = &[
    ("timestamp", &["ts_event", "exchange_timestamp", "datetime", "time"]),
    ("local_timestamp", &["localTimestamp", "ts_init", "ts_recv", "receipt_timestamp", "received_at"]),
    ("id", &["trade_id", "tradeId"]),
    ("side", &["aggressor_side", "taker_side", "direction", "is_buyer_maker", "isBuyerMaker"]),
    ("price", &["px", "trade_price"]),
    ("amount", &["quantity", "qty", "size", "sz"]),
    ("bid_price", &["bidPrice", "best_bid_price", "bid_px_00"]),
    ("bid_amount", &["bidAmount", "bid_size", "bid_quantity", "bid_qty", "best_bid_qty", "bid_sz_00"]),
    ("ask_price", &["askPrice", "best_ask_price", "ask_px_00"]),
    ("ask_amount", &["askAmount", "ask_size", "ask_quantity", "ask_qty", "best_ask_qty", "ask_sz_00"]),
    ("is_snapshot", &["isSnapshot"]),
    ("funding_timestamp", &["fundingTimestamp"]),
    ("funding_rate", &["fundingRate"]),
    ("predicted_funding_rate", &["predictedFundingRate"]),
    ("open_interest", &["openInterest"]),
    ("last_price", &["lastPrice"]),
    ("index_price", &["indexPrice"]),
    ("mark_price", &["markPrice"]),
];

/// The words that a word of the lake is elsewhere, in lower case. The side of a trade is the taker's.
const WORDS: &[(&str, &[&str])] = &[
    ("buy", &["buyer", "b"]),
    ("sell", &["seller", "a", "s"]),
    ("unknown", &["no_aggressor", "n"]),
    ("bid", &["bids"]),
    ("ask", &["asks"]),
    ("call", &["c"]),
    ("put", &["p"]),
];

/// The only column that may lack: its null means that there is none.
const MAY_LACK: &str = "id";

/// A column of the lake, and the user's column that it is made of.
#[derive(Debug)]
struct Source {
    column: &'static Column,
    /// `None`: the file has none.
    name: Option<String>,
    /// Whether it is stored as in the lake.
    is_own: bool,
}

/// How the columns of a file become those of a data type.
#[derive(Debug)]
pub(crate) struct UserColumns {
    sources: Vec<Source>,
    unit: Option<TimeUnit>,
    plausible: [Plausible; 2],
    /// Whether the file's columns are the lake's already.
    is_plain: bool,
    /// What a reader should know, for people.
    pub notes: Vec<String>,
}

/// Why a column cannot be read, in words that follow its name.
type Reason = String;

fn names_of(column: &Column) -> impl Iterator<Item = &str> {
    let others = NAMES.iter().find(|(name, _)| *name == column.name).map_or(&[][..], |(_, others)| *others);
    std::iter::once(column.name.as_str()).chain(others.iter().copied())
}

impl UserColumns {
    /// Finds the columns of a data type that `is_wanted` in a file's schema. `unit` is that of bare numbers, if the user named it.
    pub(crate) fn of(
        schema: &Schema,
        data_type: DataType,
        unit: Option<TimeUnit>,
        is_wanted: impl Fn(&str) -> bool,
    ) -> Result<UserColumns, ColumnsError> {
        let mut notes = Vec::new();
        let mut sources = Vec::new();
        let mut lacking = Vec::new();
        for column in data_type.table().columns.iter().filter(|column| is_wanted(&column.name)) {
            let mut there = names_of(column).filter(|name| schema.column_with_name(name).is_some());
            let first = there.next();
            match (first, there.next()) {
                (None, _) if column.name == MAY_LACK => {
                    notes.push(format!("{data_type}: there is no column `{MAY_LACK}`; no row has one"));
                }
                (None, _) => lacking.push(column),
                (Some(first), Some(second)) if *first != column.name => {
                    return Err(format!(
                        "its columns `{first}` and `{second}` may both be `{}`",
                        column.name
                    )
                    .into());
                }
                (Some(name), _) => notes.extend(told(schema, column, name, unit)),
            }
            let field = first.and_then(|name| schema.column_with_name(name));
            // Words must be looked at: a reader gives any text as a dictionary.
            let is_own = !matches!(column.kind, Kind::Category(_))
                && field.is_some_and(|(_, field)| {
                    *field.name() == column.name && *field.data_type() == column.arrow_type()
                });
            sources.push(Source { column, name: first.map(str::to_owned), is_own });
        }
        if !lacking.is_empty() {
            return Err(format!("for {data_type} it lacks {}", words_of(&lacking)).into());
        }
        refuse_scaled(schema, &sources)?;
        let is_plain = sources.iter().all(|source| source.is_own);
        let now_us = chrono::Utc::now().timestamp_micros();
        let plausible = [Plausible::clocks(now_us), Plausible::expiries()];
        Ok(UserColumns { sources, unit, plausible, is_plain, notes })
    }

    /// The data types that a file's columns may be, those with the most columns.
    pub(crate) fn fitting(schema: &Schema) -> Vec<DataType> {
        let mut fitting: Vec<DataType> = DataType::ALL
            .into_iter()
            .filter(|t| UserColumns::of(schema, *t, None, |_| true).is_ok())
            .collect();
        let has = |column: &&Column| names_of(column).any(|name| schema.column_with_name(name).is_some());
        let columns = |t: &DataType| t.table().columns.iter().filter(has).count();
        let most = fitting.iter().map(columns).max();
        fitting.retain(|t| Some(columns(t)) == most);
        fitting
    }

    /// Why a file's columns are those of no data type: what lacks of the one that most of them belong to.
    pub(crate) fn unfitting(schema: &Schema) -> ColumnsError {
        let has = |column: &&Column| names_of(column).any(|name| schema.column_with_name(name).is_some());
        let share = |t: &DataType| {
            let columns = &t.table().columns;
            columns.iter().filter(has).count() * 1000 / columns.len()
        };
        let nearest = DataType::ALL.into_iter().rev().max_by_key(share);
        let reason = nearest.and_then(|t| UserColumns::of(schema, t, None, |_| true).err());
        let reason = reason.map(|reason| format!(": {reason}")).unwrap_or_default();
        ColumnsError::Other(format!("its columns are those of no data type{reason}"))
    }

    /// The user's columns to read, in the file's own names.
    pub(crate) fn names(&self) -> Vec<&str> {
        self.sources.iter().filter_map(|source| source.name.as_deref()).collect()
    }

    /// Rows with the lake's columns, and with `instrument_key` if the batch has it.
    pub(crate) fn rows(&self, batch: RecordBatch) -> Result<RecordBatch, ColumnsError> {
        if self.is_plain {
            return Ok(batch);
        }
        let (mut fields, mut arrays) = (Vec::new(), Vec::new());
        if let Some(key) = batch.column_by_name(INSTRUMENT_KEY) {
            let key = words_as_they_are(key);
            fields.push(Field::new(INSTRUMENT_KEY, key.data_type().clone(), key.null_count() > 0));
            arrays.push(key);
        }
        for Source { column, name, is_own } in &self.sources {
            let array = match name {
                Some(name) => {
                    let found =
                        batch.column_by_name(name).ok_or_else(|| format!("it has no column `{name}`"))?;
                    let read =
                        if *is_own { Ok(found.clone()) } else { self.read(column, name, found.as_ref()) };
                    read.map_err(|error| error.of_column(name))?
                }
                None => new_null_array(&column.arrow_type(), batch.num_rows()),
            };
            if array.null_count() > 0 && !column.nullable {
                return Err(
                    format!("its column `{}` has nulls", name.as_ref().unwrap_or(&column.name)).into()
                );
            }
            fields.push(Field::new(&column.name, column.arrow_type(), column.nullable));
            arrays.push(array);
        }
        let batch = RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays);
        batch.map_err(|error| error.to_string().into())
    }

    fn read(&self, column: &Column, name: &str, found: &dyn Array) -> Result<ArrayRef, ColumnsError> {
        Ok(match column.kind {
            Kind::Time => {
                let plausible = &self.plausible[usize::from(column.possible == Possible::Moment)];
                Arc::new(times(found, self.unit, plausible)?)
            }
            Kind::Number => Arc::new(numbers(found)?),
            Kind::Text => Arc::new(texts(found)?),
            Kind::Category(words) => categories(found, name, words)?,
            Kind::Flag => {
                Arc::new(found.as_boolean_opt().cloned().ok_or_else(|| not(found, "true or false"))?)
            }
        })
    }

    /// Whether the file's columns are the lake's already.
    pub(crate) fn is_plain(&self) -> bool {
        self.is_plain
    }
}

/// How a column is read, if it is not as in the lake.
fn told(schema: &Schema, column: &Column, name: &str, unit: Option<TimeUnit>) -> Option<String> {
    let (_, field) = schema.column_with_name(name)?;
    let is_own = name == column.name;
    let as_what = if is_own { String::new() } else { format!(" as `{}`", column.name) };
    match (column.kind, Clock::of(field.data_type())) {
        (Kind::Time, Some(Clock::Typed(TimeUnit::Microseconds))) if is_own => None,
        (Kind::Time, Some(clock)) => Some(format!("`{name}` is read{as_what} in {}", clock.words(unit))),
        _ => (!is_own).then(|| format!("`{name}` is read{as_what}")),
    }
}

fn words_of(columns: &[&Column]) -> String {
    let shown = |column: &&Column| {
        let others: Vec<&str> = names_of(column).skip(1).collect();
        let others =
            if others.is_empty() { String::new() } else { format!(" (elsewhere {})", others.join(", ")) };
        format!("`{}`{others}", column.name)
    };
    columns.iter().map(shown).collect::<Vec<_>>().join(", ")
}

/// Refuses prices that are whole numbers of a billionth, which nautilus_trader and databento store: they would be read as prices.
fn refuse_scaled(schema: &Schema, sources: &[Source]) -> Result<(), Reason> {
    for source in sources.iter().filter(|source| source.column.kind == Kind::Number) {
        let Some((_, field)) = source.name.as_deref().and_then(|name| schema.column_with_name(name)) else {
            continue;
        };
        let is_binary = matches!(field.data_type(), ArrowType::FixedSizeBinary(_) | ArrowType::Binary);
        let is_raw = field.data_type().is_integer()
            && (schema.metadata().contains_key("price_precision")
                || schema.column_with_name("rtype").is_some()
                || schema.column_with_name("ts_event").is_some() && source.column.name.ends_with("price"));
        if is_binary || is_raw {
            return Err(format!(
                "its column `{}` is {}: raw numbers, as nautilus_trader and databento store them; write prices and sizes as \
                 floats (pandas: to_df)",
                field.name(),
                field.data_type()
            ));
        }
    }
    Ok(())
}

fn not(found: &dyn Array, wanted: &str) -> Reason {
    format!("is {}, not {wanted}", found.data_type())
}

/// Numbers as floats; narrower floats and decimals by their digits, so that 0.1 stays 0.1.
fn numbers(found: &dyn Array) -> Result<Float64Array, Reason> {
    fn whole<T: Copy>(values: impl Iterator<Item = Option<T>>, of: impl Fn(T) -> f64) -> Float64Array {
        values.map(|value| value.map(&of)).collect()
    }
    let of_text = |text: Option<&str>| {
        let number = |text: &str| text.trim().parse::<f64>().ok().filter(|n| n.is_finite());
        text.map(|text| number(text).ok_or_else(|| format!("has `{text}`, which is no number"))).transpose()
    };
    Ok(match found.data_type() {
        ArrowType::Float64 => found.as_primitive::<Float64Type>().clone(),
        ArrowType::Float32 => whole(found.as_primitive::<Float32Type>().iter(), |n| {
            n.to_string().parse().unwrap_or(f64::from(n))
        }),
        ArrowType::Int8 => whole(found.as_primitive::<Int8Type>().iter(), f64::from),
        ArrowType::Int16 => whole(found.as_primitive::<Int16Type>().iter(), f64::from),
        ArrowType::Int32 => whole(found.as_primitive::<Int32Type>().iter(), f64::from),
        ArrowType::Int64 => whole(found.as_primitive::<Int64Type>().iter(), |n| n as f64),
        ArrowType::UInt8 => whole(found.as_primitive::<UInt8Type>().iter(), f64::from),
        ArrowType::UInt16 => whole(found.as_primitive::<UInt16Type>().iter(), f64::from),
        ArrowType::UInt32 => whole(found.as_primitive::<UInt32Type>().iter(), f64::from),
        ArrowType::UInt64 => whole(found.as_primitive::<UInt64Type>().iter(), |n| n as f64),
        ArrowType::Decimal128(_, _) => {
            let decimals = found.as_primitive::<Decimal128Type>();
            let text = |row: usize| decimals.is_valid(row).then(|| decimals.value_as_string(row));
            let texts = (0..decimals.len()).map(text);
            texts.map(|text| of_text(text.as_deref())).collect::<Result<Vec<_>, _>>()?.into()
        }
        _ => {
            let texts = texts_of(found).ok_or_else(|| not(found, "numbers"))?;
            texts.into_iter().map(of_text).collect::<Result<Vec<_>, _>>()?.into()
        }
    })
}

/// Texts; ids that are whole numbers are written out.
fn texts(found: &dyn Array) -> Result<StringArray, Reason> {
    match found.data_type() {
        ArrowType::Int64 => Ok(written(found.as_primitive::<Int64Type>().iter())),
        ArrowType::UInt64 => Ok(written(found.as_primitive::<UInt64Type>().iter())),
        ArrowType::Int32 => Ok(written(found.as_primitive::<Int32Type>().iter())),
        ArrowType::Dictionary(..) => {
            Ok(texts_of_dictionary(found).ok_or_else(|| not(found, "text"))?.into_iter().collect())
        }
        _ => Ok(texts_of(found).ok_or_else(|| not(found, "text"))?.into_iter().collect()),
    }
}

fn written<T: ToString>(values: impl Iterator<Item = Option<T>>) -> StringArray {
    values.map(|value| value.map(|value| value.to_string())).collect()
}

fn texts_of_dictionary(found: &dyn Array) -> Option<Vec<Option<&str>>> {
    let words = found.as_any_dictionary_opt()?;
    let values = texts_of(words.values().as_ref())?;
    let keys = words.normalized_keys();
    Some(
        (0..found.len())
            .map(|row| if found.is_valid(row) { *values.get(keys[row])? } else { None })
            .collect(),
    )
}

/// The word of a column's list that a text stands for, in any case, or as others write it.
fn word_of(words: &[&'static str], text: &str) -> Option<&'static str> {
    let lower = text.to_lowercase();
    let is_meant = |word: &&&str| {
        let others = WORDS.iter().find(|(own, _)| own == *word).map_or(&[][..], |(_, others)| *others);
        **word == lower || others.contains(&lower.as_str())
    };
    words.iter().find(is_meant).copied()
}

/// Words of a column's list. A flag `is_buyer_maker` tells that the taker sold.
fn categories(found: &dyn Array, name: &str, words: &'static [&'static str]) -> Result<ArrayRef, Reason> {
    let is_maker = name.to_lowercase().contains("maker");
    if let Some(flags) = found.as_boolean_opt().filter(|_| is_maker && words.contains(&"buy")) {
        let sides = flags.iter().map(|sold| sold.map(|sold| if sold { "sell" } else { "buy" }));
        return Ok(Arc::new(sides.collect::<DictionaryArray<Int32Type>>()));
    }
    if let Some(read) = found.as_dictionary_opt::<Int32Type>().and_then(|found| of_dictionary(found, words)) {
        return Ok(read);
    }
    let texts = texts_of_dictionary(found).or_else(|| texts_of(found));
    let texts = texts.ok_or_else(|| not(found, &format!("one of {}", words.join(", "))))?;
    let word = |text: &str| {
        word_of(words, text).ok_or_else(|| format!("has `{text}`, not one of {}", words.join(", ")))
    };
    let read = texts.into_iter().map(|text| text.map(word).transpose());
    let read: Vec<Option<&str>> = read.collect::<Result<_, Reason>>()?;
    Ok(Arc::new(read.into_iter().collect::<DictionaryArray<Int32Type>>()))
}

/// A dictionary with its texts read, each once; `None` if one of them is no word, which need not be of a row.
fn of_dictionary(found: &DictionaryArray<Int32Type>, words: &'static [&'static str]) -> Option<ArrayRef> {
    let texts = texts_of(found.values().as_ref())?;
    let read: Option<Vec<&str>> = texts.into_iter().map(|text| word_of(words, text?)).collect();
    let read: ArrayRef = Arc::new(StringArray::from(read?));
    DictionaryArray::try_new(found.keys().clone(), read).ok().map(|read| Arc::new(read) as ArrayRef)
}

/// Words of a column of text as a dictionary, which is what the lake has.
fn words_as_they_are(found: &ArrayRef) -> ArrayRef {
    match texts_of(found.as_ref()) {
        Some(texts) => Arc::new(texts.into_iter().collect::<DictionaryArray<Int32Type>>()),
        None => found.clone(),
    }
}
