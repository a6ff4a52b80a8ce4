//! Candles to Parquet. The columns are the instrument key, the timeframe and those of [`mtdh_core::candle::COLUMNS`].

use std::io::Write;
use std::sync::{Arc, LazyLock};

use arrow_array::{
    ArrayRef, BooleanArray, DictionaryArray, Float64Array, Int32Array, RecordBatch, StringArray,
    TimestampMicrosecondArray, UInt64Array,
};
use arrow_schema::{DataType as ArrowType, Field, Schema, SchemaRef, TimeUnit};
use mtdh_core::candle::{COLUMNS, Candle, CandleFooter, Get, Timeframe};
use mtdh_core::key::InstrumentKey;
use mtdh_core::table::{INSTRUMENT_KEY, word_type};
use parquet::basic::Compression;
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;

use crate::file_writer::FileWriter;
use crate::seal::Sealed;
use crate::write::base_properties;

/// The schema of a candle table: `instrument_key`, `timeframe`, then the columns of a candle.
pub fn schema() -> &'static SchemaRef {
    static SCHEMA: LazyLock<SchemaRef> = LazyLock::new(|| {
        let words = [INSTRUMENT_KEY, "timeframe"].map(|name| Field::new(name, word_type(), false));
        let columns = COLUMNS.iter().map(|c| Field::new(c.name, arrow_type(c.get), c.nullable));
        Arc::new(Schema::new(words.into_iter().chain(columns).collect::<Vec<_>>()))
    });
    &SCHEMA
}

fn arrow_type(get: Get) -> ArrowType {
    match get {
        Get::Time(_) => ArrowType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
        Get::Number(_) => ArrowType::Float64,
        Get::Count(_) => ArrowType::UInt64,
        Get::Flag(_) => ArrowType::Boolean,
    }
}

/// Candles that are buffered and encoded together.
const BATCH_ROWS: usize = 512;

/// Writes the candles of one object.
pub struct CandleWriter<W: Write + Send> {
    writer: FileWriter<W>,
    words: [ArrayRef; 2],
    waiting: Vec<Candle>,
    rows: u64,
}

impl<W: Write + Send> CandleWriter<W> {
    /// Starts an object of an instrument and a timeframe.
    ///
    /// # Errors
    /// When writing to `out` fails.
    pub fn new(key: &InstrumentKey, timeframe: Timeframe, out: W) -> Result<CandleWriter<W>, ParquetError> {
        Ok(CandleWriter {
            writer: FileWriter::new(schema().clone(), properties(), out)?,
            words: [word(key.to_string()), word(timeframe.to_string())],
            waiting: Vec::new(),
            rows: 0,
        })
    }

    /// Candles written so far.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// Appends a candle.
    ///
    /// # Errors
    /// When writing to `out` fails.
    pub fn push(&mut self, candle: Candle) -> Result<(), ParquetError> {
        self.waiting.push(candle);
        self.rows += 1;
        if self.waiting.len() == BATCH_ROWS { self.encode() } else { Ok(()) }
    }

    fn encode(&mut self) -> Result<(), ParquetError> {
        let candles = std::mem::take(&mut self.waiting);
        self.writer.write(&table_of(&self.words, &candles)?)
    }

    /// Ends the object with its footer. Returns `out` and the digest.
    ///
    /// # Errors
    /// When writing to `out` fails.
    pub fn finish(mut self, facts: &CandleFooter) -> Result<Sealed<W>, ParquetError> {
        self.encode()?;
        self.writer.finish(facts.to_pairs().into_iter().map(|(name, value)| (name.to_owned(), value)))
    }
}

fn word(text: String) -> ArrayRef {
    Arc::new(StringArray::from(vec![text]))
}

/// Candles of an instrument and a timeframe in the form that a lake stores.
///
/// # Errors
/// Never, unless a column of candles contradicts its description.
pub fn as_table(
    key: &InstrumentKey,
    timeframe: Timeframe,
    candles: &[Candle],
) -> Result<RecordBatch, ParquetError> {
    table_of(&[word(key.to_string()), word(timeframe.to_string())], candles)
}

fn table_of(words: &[ArrayRef; 2], candles: &[Candle]) -> Result<RecordBatch, ParquetError> {
    let word = |word: &ArrayRef| -> ArrayRef {
        Arc::new(DictionaryArray::new(Int32Array::from(vec![0; candles.len()]), word.clone()))
    };
    let mut arrays: Vec<ArrayRef> = words.iter().map(word).collect();
    arrays.extend(COLUMNS.iter().map(|column| array(column.get, candles)));
    Ok(RecordBatch::try_new(schema().clone(), arrays)?)
}

fn array(get: Get, candles: &[Candle]) -> ArrayRef {
    match get {
        Get::Time(get) => {
            let times = candles.iter().map(get).collect::<TimestampMicrosecondArray>();
            Arc::new(times.with_timezone("UTC"))
        }
        Get::Number(get) => Arc::new(candles.iter().map(get).collect::<Float64Array>()),
        Get::Count(get) => Arc::new(candles.iter().map(get).collect::<UInt64Array>()),
        Get::Flag(get) => Arc::new(candles.iter().map(get).collect::<BooleanArray>()),
    }
}

/// Without dictionaries of numbers: two candles rarely share one.
fn properties() -> WriterProperties {
    let properties = base_properties().set_compression(Compression::SNAPPY);
    let plain = COLUMNS.iter().fold(properties, |p, c| p.set_column_dictionary_enabled(c.name.into(), false));
    plain.build()
}
