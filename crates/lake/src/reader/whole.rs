//! Reads Parquet files that are in memory as a whole.

use std::collections::BTreeMap;

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use bytes::Bytes;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::errors::ParquetError;

use super::border::caught;
use super::{Opened, Opening, chunks, open, wrong};
use crate::read::pairs;
use crate::seal::DataHasher;

/// Default number of rows per batch.
pub(crate) const BATCH_ROWS: usize = 1 << 20;

/// Verifies a file, and decodes it in batches of at most `rows` rows. Returns its columns and the pairs of its footer.
///
/// # Errors
/// When it is not Parquet or not what was written, or `each` fails.
pub(crate) fn read(
    bytes: Bytes,
    rows: usize,
    mut each: impl FnMut(RecordBatch) -> Result<(), ParquetError>,
) -> Result<(SchemaRef, BTreeMap<String, String>), ParquetError> {
    let opened = opened(&bytes)?;
    match &opened.seal {
        Some(seal) => {
            let mut hasher = DataHasher::default();
            hasher.update(&bytes[..seal.data_bytes as usize]);
            hasher.verify(seal)?;
        }
        None => {
            let pages = opened.pages()?;
            for column in chunks(&opened.metadata) {
                let range = column_range(column)?;
                let chunk = bytes.get(range.start as usize..range.end as usize);
                pages.verify(range.start, chunk.ok_or_else(|| wrong("a column lies beyond its end"))?)?;
            }
        }
    }
    let arrow = opened.plain_columns()?;
    let schema = arrow.schema().clone();
    let facts = told(&opened);
    let mut batches = caught(|| {
        ParquetRecordBatchReaderBuilder::new_with_metadata(bytes, arrow).with_batch_size(rows).build()
    })?;
    while let Some(batch) = caught(|| Ok(batches.next().transpose()?))? {
        each(batch)?;
    }
    Ok((schema, facts))
}

/// The key-value pairs of a file's footer, after verifying it.
///
/// # Errors
/// When it is not Parquet, or its footer is not what was written.
pub(crate) fn facts_of(bytes: &Bytes) -> Result<BTreeMap<String, String>, ParquetError> {
    Ok(told(&opened(bytes)?))
}

fn opened(bytes: &Bytes) -> Result<Opened, ParquetError> {
    match open(bytes, bytes.len() as u64)? {
        Opening::Done(opened) => Ok(*opened),
        Opening::Needs(_) => Err(wrong("its footer names a place beyond its end")),
    }
}

fn told(opened: &Opened) -> BTreeMap<String, String> {
    pairs(&opened.metadata).map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

/// The range of a column's pages.
///
/// # Errors
/// When the range is invalid.
pub(crate) fn column_range(
    column: &parquet::file::metadata::ColumnChunkMetaData,
) -> Result<std::ops::Range<u64>, ParquetError> {
    let start = column.dictionary_page_offset().unwrap_or_else(|| column.data_page_offset());
    let range = u64::try_from(start).ok().zip(u64::try_from(column.compressed_size()).ok());
    let range = range.and_then(|(start, length)| Some(start..start.checked_add(length)?));
    range.ok_or_else(|| wrong("a column lies nowhere"))
}
