//! A user's own Parquet file on this machine, read in parts that may be read side by side.

use std::fs::File;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder,
};
use parquet::file::metadata::{PageIndexPolicy, ParquetMetaData};

use crate::error::LakeError;

/// Rows of a batch: so few that they stay near the processor.
const BATCH_ROWS: usize = 8_192;

/// A Parquet file.
#[derive(Debug)]
pub struct ParquetFile {
    path: PathBuf,
    bytes: u64,
    metadata: Arc<ParquetMetaData>,
    arrow: ArrowReaderMetadata,
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
        let options = ArrowReaderOptions::new().with_page_index_policy(PageIndexPolicy::Skip);
        let arrow = ArrowReaderMetadata::load(&file, options).map_err(|source| failure(path, source))?;
        Ok(ParquetFile { path: path.to_owned(), bytes, metadata: arrow.metadata().clone(), arrow })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Its size in bytes.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Its rows.
    pub fn rows(&self) -> u64 {
        self.metadata.file_metadata().num_rows().max(0) as u64
    }

    /// Its columns.
    pub fn schema(&self) -> &SchemaRef {
        self.arrow.schema()
    }

    /// Its row groups, which may be read apart.
    pub fn row_groups(&self) -> usize {
        self.metadata.num_row_groups()
    }

    /// The one value that all rows of a row group have in a column of words, where the file's statistics tell so.
    pub fn only_word(&self, row_group: usize, column: &str) -> Option<String> {
        let group = self.metadata.row_groups().get(row_group)?;
        let chunk = group.columns().iter().find(|chunk| chunk.column_path().string() == column)?;
        let statistics = chunk.statistics()?;
        let is_told =
            statistics.min_is_exact() && statistics.max_is_exact() && statistics.null_count_opt() == Some(0);
        let (min, max) = (statistics.min_bytes_opt()?, statistics.max_bytes_opt()?);
        (is_told && min == max).then(|| String::from_utf8(min.to_vec()).ok())?
    }

    /// Gives the rows of some row groups, batch by batch, in their order; of the columns named, as far as it has them.
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
        let schema = self.metadata.file_metadata().schema_descr();
        let reader = ParquetRecordBatchReaderBuilder::new_with_metadata(file, self.arrow.clone())
            .with_projection(ProjectionMask::columns(schema, columns.iter().copied()))
            .with_row_groups(row_groups.collect())
            .with_batch_size(BATCH_ROWS)
            .build()
            .map_err(|source| failure(&self.path, source))?;
        for batch in reader {
            take(batch.map_err(|source| failure(&self.path, source.into()))?)?;
        }
        Ok(())
    }
}

fn failure(path: &Path, source: parquet::errors::ParquetError) -> LakeError {
    LakeError::Parquet { path: path.display().to_string(), source }
}
