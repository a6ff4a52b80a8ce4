//! A user's own Parquet file on this machine, read in parts that can be read in parallel.

use std::fs::File;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ParquetRecordBatchReaderBuilder};
use parquet::errors::ParquetError;
use parquet::file::metadata::ParquetMetaData;
use parquet::file::reader::ChunkReader;

use crate::error::LakeError;
use crate::read::failure;
use crate::reader::border::caught;
use crate::reader::whole::column_range;
use crate::reader::{Opened, Opening, open};
use crate::seal::pages::Pages;

/// Rows per batch: few enough to stay in the processor's cache.
const BATCH_ROWS: usize = 8_192;

/// Bytes at the end of a file that are read first.
const END_BYTES: u64 = 64 << 10;

/// A Parquet file.
#[derive(Debug)]
pub struct ParquetFile {
    path: PathBuf,
    bytes: u64,
    metadata: Arc<ParquetMetaData>,
    arrow: ArrowReaderMetadata,
    pages: Pages,
}

impl ParquetFile {
    /// Reads a file's footer.
    ///
    /// # Errors
    /// When the file cannot be read, or is no Parquet file.
    pub fn open(path: &Path) -> Result<ParquetFile, LakeError> {
        let disk = |source| LakeError::Disk { path: path.to_owned(), source };
        let file = File::open(path).map_err(disk)?;
        let bytes = file.metadata().map_err(disk)?.len();
        let wrong = |source| parquet(path, source);
        let opened = open_end(&file, bytes).map_err(wrong)?;
        let (pages, arrow) = (opened.pages().map_err(wrong)?, opened.table_columns().map_err(wrong)?);
        Ok(ParquetFile { path: path.to_owned(), bytes, metadata: opened.metadata, arrow, pages })
    }

    /// Its path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Its size in bytes.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Number of rows.
    pub fn rows(&self) -> u64 {
        self.metadata.file_metadata().num_rows().max(0) as u64
    }

    /// Its columns.
    pub fn schema(&self) -> &SchemaRef {
        self.arrow.schema()
    }

    /// Number of row groups, which can be read separately.
    pub fn row_groups(&self) -> usize {
        self.metadata.num_row_groups()
    }

    /// The single value of all rows of a row group in a category column; `None`: the file's statistics do not show one.
    pub fn only_word(&self, row_group: usize, column: &str) -> Option<String> {
        let group = self.metadata.row_groups().get(row_group)?;
        let chunk = group.columns().iter().find(|chunk| chunk.column_path().string() == column)?;
        let statistics = chunk.statistics()?;
        let is_told =
            statistics.min_is_exact() && statistics.max_is_exact() && statistics.null_count_opt() == Some(0);
        let (min, max) = (statistics.min_bytes_opt()?, statistics.max_bytes_opt()?);
        (is_told && min == max).then(|| String::from_utf8(min.to_vec()).ok())?
    }

    /// Passes the rows of some row groups to `take`, batch by batch, in order; only the named columns that the file has.
    ///
    /// # Errors
    /// When the file cannot be read, or `take` fails.
    pub fn read<E: From<LakeError>>(
        &self,
        row_groups: Range<usize>,
        columns: &[&str],
        mut take: impl FnMut(RecordBatch) -> Result<(), E>,
    ) -> Result<(), E> {
        let file =
            File::open(&self.path).map_err(|source| LakeError::Disk { path: self.path.clone(), source })?;
        let wrong = |source| parquet(&self.path, source);
        let schema = self.metadata.file_metadata().schema_descr();
        let projection = ProjectionMask::columns(schema, columns.iter().copied());
        for group in &self.metadata.row_groups()[row_groups.clone()] {
            for (place, column) in group.columns().iter().enumerate() {
                if projection.leaf_included(place) {
                    let range = column_range(column).map_err(wrong)?;
                    let pages = read_range(&file, self.bytes, range.clone()).map_err(wrong)?;
                    self.pages.verify(range.start, &pages).map_err(wrong)?;
                }
            }
        }
        let build = || {
            let builder = ParquetRecordBatchReaderBuilder::new_with_metadata(file, self.arrow.clone());
            let builder = builder.with_projection(projection).with_row_groups(row_groups.collect());
            builder.with_batch_size(BATCH_ROWS).build()
        };
        let mut reader = caught(build).map_err(wrong)?;
        let mut next = || caught(|| reader.next().transpose().map_err(ParquetError::from)).map_err(wrong);
        while let Some(batch) = next()? {
            take(batch)?;
        }
        Ok(())
    }
}

fn open_end(file: &File, bytes: u64) -> Result<Opened, ParquetError> {
    let mut from = bytes.saturating_sub(END_BYTES);
    loop {
        match open(&read_range(file, bytes, from..bytes)?, bytes)? {
            Opening::Done(opened) => return Ok(*opened),
            Opening::Needs(needed) => from = needed,
        }
    }
}

/// Reads bytes of a file of known size. A range beyond it is refused before memory is allocated.
fn read_range(file: &File, bytes: u64, range: Range<u64>) -> Result<bytes::Bytes, ParquetError> {
    if range.start > range.end || range.end > bytes {
        return Err(ParquetError::EOF(format!("{range:?} lies beyond its {bytes} bytes")));
    }
    file.get_bytes(range.start, (range.end - range.start) as usize)
}

fn parquet(path: &Path, source: ParquetError) -> LakeError {
    failure(&object_store::path::Path::from(path.display().to_string()), source)
}
