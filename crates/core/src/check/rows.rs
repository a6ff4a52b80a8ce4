//! The rows of a batch as checks read them: columns by name, known to exist and to have the right type.

use std::hash::Hasher;
use std::sync::LazyLock;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int32Type, TimestampMicrosecondType};
use arrow_array::{Array, BooleanArray, Float64Array, RecordBatch, StringArray, TimestampMicrosecondArray};

use crate::table::{DataType, INSTRUMENT_KEY, Kind};

/// Rows of one data type, in file order.
pub struct Rows<'a> {
    data_type: DataType,
    batch: &'a RecordBatch,
    first: u64,
}

/// A dictionary-encoded column.
pub struct Words<'a> {
    keys: &'a [i32],
    values: &'a StringArray,
}

impl<'a> Words<'a> {
    /// The value of a row.
    pub fn get(&self, row: usize) -> &'a str {
        self.values.value(self.keys[row] as usize)
    }
}

impl<'a> Rows<'a> {
    /// Checks the columns of a batch. `first` is the number of its first row in the file, from 0.
    ///
    /// # Errors
    /// If a column of the data type is missing or has another type. The text names the column.
    pub fn new(data_type: DataType, batch: &'a RecordBatch, first: u64) -> Result<Rows<'a>, String> {
        for column in &data_type.table().columns {
            let found = batch.column_by_name(&column.name).map(|array| array.data_type().clone());
            if found.as_ref() != Some(&column.arrow_type()) {
                let has = found.map_or_else(|| "it has none".to_owned(), |t| format!("it has {t}"));
                return Err(format!(
                    "{data_type} needs a column `{}` of {}, {has}",
                    column.name,
                    column.arrow_type()
                ));
            }
        }
        Ok(Rows { data_type, batch, first })
    }

    /// The data type.
    pub fn data_type(&self) -> DataType {
        self.data_type
    }

    /// The number of rows.
    pub fn len(&self) -> usize {
        self.batch.num_rows()
    }

    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The number of a row in the file, from 0.
    pub fn place(&self, row: usize) -> u64 {
        self.first + row as u64
    }

    fn column(&self, name: &str) -> &'a dyn Array {
        self.batch.column_by_name(name).unwrap_or_else(|| panic!("{} has no column {name}", self.data_type))
    }

    fn times(&self, name: &str) -> &'a [i64] {
        self.column(name).as_primitive::<TimestampMicrosecondType>().values()
    }

    /// `local_timestamp`, microseconds since the Unix epoch, UTC.
    pub fn arrival(&self) -> &'a [i64] {
        self.times("local_timestamp")
    }

    /// `timestamp`, microseconds since the Unix epoch, UTC.
    pub fn exchange_time(&self) -> &'a [i64] {
        self.times("timestamp")
    }

    /// A column of numbers.
    ///
    /// # Panics
    /// If the data type has no such column of numbers, which is a bug in the check.
    pub fn number(&self, name: &str) -> &'a Float64Array {
        self.column(name).as_primitive::<Float64Type>()
    }

    /// A column of text.
    ///
    /// # Panics
    /// As [`Rows::number`].
    pub fn text(&self, name: &str) -> &'a StringArray {
        self.column(name).as_string::<i32>()
    }

    /// A dictionary-encoded column.
    ///
    /// # Panics
    /// As [`Rows::number`].
    pub fn words(&self, name: &str) -> Words<'a> {
        let array = self.column(name).as_dictionary::<Int32Type>();
        Words { keys: array.keys().values(), values: array.values().as_string::<i32>() }
    }

    /// A column of times, microseconds since the Unix epoch, UTC.
    ///
    /// # Panics
    /// As [`Rows::number`].
    pub fn moments(&self, name: &str) -> &'a TimestampMicrosecondArray {
        self.column(name).as_primitive::<TimestampMicrosecondType>()
    }

    /// The column `instrument_key`: the dictionary index of each row, and the dictionary. `None` if the batch has no such
    /// column.
    pub fn instrument_keys(&self) -> Option<(&'a [i32], &'a StringArray)> {
        let column = self.batch.column_by_name(INSTRUMENT_KEY)?.as_dictionary_opt::<Int32Type>()?;
        Some((column.keys().values(), column.values().as_string_opt::<i32>()?))
    }

    /// A column of booleans.
    ///
    /// # Panics
    /// As [`Rows::number`].
    pub fn flag(&self, name: &str) -> &'a BooleanArray {
        self.column(name).as_boolean()
    }

    /// A 64-bit hash of each row over all columns. Rows with equal cells have equal hashes; others practically never.
    pub fn hashes(&self) -> Vec<u64> {
        let mut hashes = vec![0xcbf2_9ce4_8422_2325_u64; self.len()];
        for column in &self.data_type.table().columns {
            match column.kind {
                Kind::Time => {
                    let array = self.column(&column.name).as_primitive::<TimestampMicrosecondType>();
                    mix_all(
                        &mut hashes,
                        |row| if array.is_null(row) { NULL } else { array.value(row) as u64 },
                    );
                }
                Kind::Number => {
                    let array = self.number(&column.name);
                    mix_all(
                        &mut hashes,
                        |row| if array.is_null(row) { NULL } else { array.value(row).to_bits() },
                    );
                }
                Kind::Text => {
                    let array = self.text(&column.name);
                    mix_all(
                        &mut hashes,
                        |row| if array.is_null(row) { NULL } else { hash_text(array.value(row)) },
                    );
                }
                Kind::Category(_) => {
                    let words = self.words(&column.name);
                    mix_all(&mut hashes, |row| hash_text(words.get(row)));
                }
                Kind::Flag => {
                    let array = self.flag(&column.name);
                    mix_all(&mut hashes, |row| u64::from(array.value(row)));
                }
            }
        }
        hashes
    }
}

/// The identity hasher, for keys that are hashes already.
#[derive(Clone, Copy, Default)]
pub(super) struct Itself(u64);

impl Hasher for Itself {
    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }

    fn write(&mut self, bytes: &[u8]) {
        self.0 = bytes.iter().fold(self.0, |hash, byte| mix(hash ^ u64::from(*byte)));
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

/// Stands for null in a hash.
const NULL: u64 = 0x9e37_79b9_7f4a_7c15;

fn mix_all(hashes: &mut [u64], cell: impl Fn(usize) -> u64) {
    for (row, hash) in hashes.iter_mut().enumerate() {
        *hash = mix(*hash ^ cell(row)).wrapping_add(NULL);
    }
}

/// The finalizer of SplitMix64.
fn mix(value: u64) -> u64 {
    let a = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let b = (a ^ (a >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    b ^ (b >> 31)
}

/// FNV-1a, mixed.
pub(super) fn hash_text(text: &str) -> u64 {
    let fnv = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3);
    mix(text.bytes().fold(0xcbf2_9ce4_8422_2325, fnv))
}

/// The columns `ask_price_1 …` of book snapshots, for each level in the order ask price, ask amount, bid price, bid
/// amount; 25 levels, of which `book_snapshot_5` has the first five.
pub(super) static LEVELS: LazyLock<Vec<[String; 4]>> = LazyLock::new(|| {
    let names =
        |level| ["ask_price", "ask_amount", "bid_price", "bid_amount"].map(|name| format!("{name}_{level}"));
    (1..=25).map(names).collect()
});
