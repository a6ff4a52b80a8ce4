//! The only place where the bytes of Parquet files are passed to the decoder.
//!
//! Bytes are passed on only if they match their checksums or, in files without checksums, if their lengths are plausible. If
//! the decoder still panics, [`border`] converts that to an error. The Arrow schema in files is never decoded: columns are as
//! Parquet describes them, and categories where our tables have categories.

pub(crate) mod border;
pub(crate) mod whole;

use std::sync::{Arc, LazyLock};

use arrow_schema::{DataType as ArrowType, Field, Schema};
use bytes::Bytes;
use mtdh_core::DataType;
use mtdh_core::table::{INSTRUMENT_KEY, Kind, word_type};
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions};
use parquet::errors::ParquetError;
use parquet::file::metadata::{ColumnChunkMetaData, PageIndexPolicy, ParquetMetaData, ParquetMetaDataReader};

use crate::seal::pages::Pages;
use crate::seal::{self, END_BYTES, MAX_TAIL_BYTES, Seal, Told};
use crate::thrift::{self, Value};

use border::caught;

/// A file whose footer is verified and decoded.
#[derive(Clone, Debug)]
pub(crate) struct Opened {
    /// The decoded footer.
    pub metadata: Arc<ParquetMetaData>,
    /// The file's checksums; `None`: version 0.1.0 or another program wrote it.
    pub seal: Option<Seal>,
}

/// Progress of opening a file.
pub(crate) enum Opening {
    /// The bytes from here to the end are needed.
    Needs(u64),
    /// The file is open.
    Done(Box<Opened>),
}

/// A newer version of the program made the file.
#[derive(Debug, thiserror::Error)]
#[error("version {0} of the form is newer than this program")]
pub(crate) struct Newer(pub u32);

/// Opens a file of `size` bytes, given its last bytes `end`.
///
/// # Errors
/// When it is not Parquet, or not what was written.
pub(crate) fn open(end: &Bytes, size: u64) -> Result<Opening, ParquetError> {
    let start = size - end.len() as u64;
    if end.len() as u64 != size && (end.len() as u64) < END_BYTES {
        return Ok(Opening::Needs(size.saturating_sub(END_BYTES)));
    }
    if size < END_BYTES + 4 || !end.ends_with(b"PAR1") {
        return Err(wrong("it does not end as a Parquet file does"));
    }
    let length = &end[end.len() - END_BYTES as usize..end.len() - 4];
    let length = u64::from(u32::from_le_bytes(length.try_into().unwrap_or_default()));
    let first = (size - END_BYTES).checked_sub(length).filter(|first| *first >= 4);
    let first = first.ok_or_else(|| wrong("its footer is longer than itself"))?;
    if let Some(needs) = needs(first, start, size)? {
        return Ok(needs);
    }
    let seal = match seal::told(end)? {
        Told::Nothing => None,
        Told::Newer(found) => return Err(ParquetError::External(Box::new(Newer(found)))),
        Told::Seal(seal) => {
            if seal.data_bytes > first {
                return Err(wrong("its footer says that its pages are longer than itself"));
            }
            if let Some(needs) = needs(seal.data_bytes, start, size)? {
                return Ok(needs);
            }
            seal.verify(&end[(seal.data_bytes - start) as usize..])?;
            if let Some(found) = seal.newer {
                return Err(ParquetError::External(Box::new(Newer(found))));
            }
            Some(*seal)
        }
    };
    let footer = &end[(first - start) as usize..end.len() - END_BYTES as usize];
    check_footer(footer)?;
    let metadata = caught(|| ParquetMetaDataReader::decode_metadata(footer))?;
    let indexes: Vec<(u64, u64)> = chunks(&metadata).flat_map(index_ranges).collect();
    if let Some(lowest) = indexes.iter().map(|(start, _)| *start).min()
        && let Some(needs) = needs(lowest, start, size)?
    {
        return Ok(needs);
    }
    for (at, length) in indexes {
        let beyond = || wrong("its footer names a place beyond its end");
        let from = at.checked_sub(start).ok_or_else(beyond)? as usize;
        let to = from.checked_add(length as usize).ok_or_else(beyond)?;
        thrift::walk(end.get(from..to).ok_or_else(beyond)?, |_, _| ())?;
    }
    let metadata = caught(|| {
        let reader = ParquetMetaDataReader::new_with_metadata(metadata);
        let mut reader = reader.with_page_index_policy(PageIndexPolicy::Optional);
        reader.read_page_indexes_sized(end, size)?;
        reader.finish()
    })?;
    Ok(Opening::Done(Box::new(Opened { metadata: Arc::new(metadata), seal })))
}

/// Requests the bytes before the available ones.
fn needs(from: u64, start: u64, size: u64) -> Result<Option<Opening>, ParquetError> {
    if from >= start {
        Ok(None)
    } else if size - from > MAX_TAIL_BYTES {
        Err(wrong("its footer is too long to be one"))
    } else {
        Ok(Some(Opening::Needs(from)))
    }
}

/// The decoder allocates as many columns as a row group claims to have.
fn check_footer(footer: &[u8]) -> Result<(), ParquetError> {
    let (mut columns, mut most) = (0, 0);
    thrift::walk(footer, |path, value| match (path, value) {
        ([2], Value::List(count)) => columns = count as i64,
        ([2, 5], Value::Number(children)) => most = most.max(children.unsigned_abs()),
        _ => {}
    })?;
    if most <= columns as u64 {
        Ok(())
    } else {
        Err(wrong("its footer has a group of more columns than there are"))
    }
}

fn chunks(metadata: &ParquetMetaData) -> impl Iterator<Item = &ColumnChunkMetaData> {
    metadata.row_groups().iter().flat_map(|group| group.columns())
}

/// Positions and lengths of a column's indexes.
fn index_ranges(column: &ColumnChunkMetaData) -> impl Iterator<Item = (u64, u64)> + use<> {
    let ranges = [
        column.offset_index_offset().zip(column.offset_index_length()),
        column.column_index_offset().zip(column.column_index_length()),
    ];
    // A negative position is invalid; walking over it fails.
    ranges.into_iter().flatten().map(|(at, length)| {
        (u64::try_from(at).unwrap_or(u64::MAX), u64::try_from(length).unwrap_or(u64::MAX))
    })
}

impl Opened {
    /// The expected pages.
    ///
    /// # Errors
    /// When the footer contradicts itself.
    pub fn pages(&self) -> Result<Pages, ParquetError> {
        Pages::of(&self.metadata, self.seal.as_ref())
    }

    /// BLAKE3 of its data part.
    pub fn digest(&self) -> Option<String> {
        self.seal.as_ref().map(|seal| seal.digest.clone())
    }

    /// Its columns as Parquet describes them.
    ///
    /// # Errors
    /// When the decoder does not support them.
    pub fn plain_columns(&self) -> Result<ArrowReaderMetadata, ParquetError> {
        let options = ArrowReaderOptions::new().with_skip_arrow_metadata(true);
        caught(|| ArrowReaderMetadata::try_new(self.metadata.clone(), options))
    }

    /// Its columns as in our tables: text columns are categories where our tables have categories.
    ///
    /// # Errors
    /// As [`Opened::plain_columns`].
    pub fn table_columns(&self) -> Result<ArrowReaderMetadata, ParquetError> {
        self.columns_with_texts(ArrowType::Utf8)
    }

    /// As [`Opened::table_columns`], with views in place of other texts.
    ///
    /// # Errors
    /// As [`Opened::plain_columns`].
    pub fn table_columns_with_views(&self) -> Result<ArrowReaderMetadata, ParquetError> {
        self.columns_with_texts(ArrowType::Utf8View)
    }

    fn columns_with_texts(&self, texts: ArrowType) -> Result<ArrowReaderMetadata, ParquetError> {
        let plain = self.plain_columns()?;
        let fields = plain.schema().fields().iter().map(|field| {
            if *field.data_type() != ArrowType::Utf8 {
                return field.clone();
            }
            let is_category = WORDS.contains(&field.name().as_str());
            let kind = if is_category { word_type() } else { texts.clone() };
            Arc::new(Field::new(field.name(), kind, field.is_nullable()))
        });
        let options =
            ArrowReaderOptions::new().with_schema(Arc::new(Schema::new(fields.collect::<Vec<_>>())));
        caught(|| ArrowReaderMetadata::try_new(self.metadata.clone(), options))
    }
}

/// Names of category columns.
static WORDS: LazyLock<Vec<&'static str>> = LazyLock::new(|| {
    let columns = DataType::ALL.iter().flat_map(|data_type| &data_type.table().columns);
    let words = columns.filter(|column| matches!(column.kind, Kind::Category(_)));
    words.map(|column| column.name.as_str()).chain([INSTRUMENT_KEY, "timeframe"]).collect()
});

fn wrong(what: &str) -> ParquetError {
    ParquetError::General(what.to_owned())
}
