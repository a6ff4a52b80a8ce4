//! Parquet files that lie in memory whole.

use std::collections::BTreeMap;

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use bytes::Bytes;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::errors::ParquetError;

use super::border::caught;
use super::{Opening, chunks, open, wrong};
use crate::read::pairs;
use crate::seal::DataHasher;

/// Rows of a batch.
const BATCH_ROWS: usize = 1 << 20;

/// A file's rows, with its columns and the pairs of its footer.
pub(crate) type Whole = (SchemaRef, Vec<RecordBatch>, BTreeMap<String, String>);

/// Verifies a file, and decodes it.
///
/// # Errors
/// When it is no Parquet file, or not what was written.
pub(crate) fn read(bytes: Bytes) -> Result<Whole, ParquetError> {
    let Opening::Done(opened) = open(&bytes, bytes.len() as u64)? else {
        return Err(wrong("its footer names a place beyond its end"));
    };
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
    let (schema, facts) = (arrow.schema().clone(), pairs(&opened.metadata));
    let facts = facts.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    let batches = caught(|| {
        let reader = ParquetRecordBatchReaderBuilder::new_with_metadata(bytes, arrow);
        let batches = reader.with_batch_size(BATCH_ROWS).build()?.collect::<Result<Vec<_>, _>>();
        batches.map_err(ParquetError::from)
    })?;
    Ok((schema, batches, facts))
}

/// Where a column's pages lie.
///
/// # Errors
/// When it is nowhere.
pub(crate) fn column_range(
    column: &parquet::file::metadata::ColumnChunkMetaData,
) -> Result<std::ops::Range<u64>, ParquetError> {
    let start = column.dictionary_page_offset().unwrap_or_else(|| column.data_page_offset());
    let range = u64::try_from(start).ok().zip(u64::try_from(column.compressed_size()).ok());
    let range = range.and_then(|(start, length)| Some(start..start.checked_add(length)?));
    range.ok_or_else(|| wrong("a column lies nowhere"))
}
