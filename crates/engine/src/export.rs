//! Export of batches to a file or stream: Parquet, CSV or JSON lines.

mod text;

use std::io::{self, Write};
use std::path::Path;

use arrow_array::RecordBatch;
use arrow_schema::{ArrowError, SchemaRef};
use mtdh_core::DataType;
use mtdh_lake::write::RowsWriter;
use mtdh_lake::{LakeError, ParquetError};
use serde::Serializer;

use text::TextWriter;
pub use text::{RowText, TextForm};

/// A format of rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExportFormat {
    /// Parquet, as in the lake.
    Parquet,
    /// CSV with the lake's column names; times as RFC 3339 with microseconds.
    Csv,
    /// One JSON object per line; times as RFC 3339 with microseconds; null cells are left out.
    Jsonl,
}

/// Serializes a path; parts that are not UTF-8 are replaced, so that they do not fail the report.
pub(crate) fn shown<S: Serializer>(path: &Path, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&path.to_string_lossy())
}

/// Why rows could not be exported.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The lake could not be read.
    #[error("the lake cannot be read")]
    Lake(#[source] LakeError),
    /// The output could not be written as Parquet.
    #[error("the output cannot be written")]
    Parquet(#[source] ParquetError),
    /// The output could not be written as text.
    #[error("the output cannot be written")]
    Text(#[source] io::Error),
    /// The reader has closed the output.
    #[error("nobody reads the output any more")]
    Unread,
}

impl ExportError {
    /// An error of columns that fit no table.
    pub(crate) fn of_arrow(error: ArrowError) -> ExportError {
        ExportError::Text(io::Error::other(error))
    }
}

impl From<LakeError> for ExportError {
    fn from(error: LakeError) -> ExportError {
        ExportError::Lake(error)
    }
}

/// Writes rows of one table.
pub struct Exporter<W: Write + Send> {
    form: Form<W>,
    rows: u64,
}

enum Form<W: Write + Send> {
    Parquet(Box<RowsWriter<W>>),
    Text(TextWriter<W>),
}

impl<W: Write + Send> Exporter<W> {
    /// Starts an output of all columns of a data type. A CSV has its header row even without rows.
    ///
    /// # Errors
    /// When writing to `out` fails.
    pub fn new(data_type: DataType, format: ExportFormat, out: W) -> Result<Exporter<W>, ExportError> {
        Exporter::of(data_type.table().schema(), format, out)
    }

    /// As [`Exporter::new`], of any columns of a data type or of candles.
    ///
    /// # Errors
    /// When writing to `out` fails.
    pub fn of(schema: &SchemaRef, format: ExportFormat, out: W) -> Result<Exporter<W>, ExportError> {
        let names = || schema.fields().iter().map(|field| field.name().as_str()).collect::<Vec<_>>();
        let form = match format {
            ExportFormat::Parquet => {
                Form::Parquet(Box::new(RowsWriter::new(schema.clone(), out).map_err(ExportError::Parquet)?))
            }
            ExportFormat::Csv => Form::Text(TextWriter::new(&names(), TextForm::Csv, out)),
            ExportFormat::Jsonl => Form::Text(TextWriter::new(&names(), TextForm::Lines, out)),
        };
        Ok(Exporter { form, rows: 0 })
    }

    /// Appends rows in the form of [`crate::query::rows`].
    ///
    /// # Errors
    /// When writing fails.
    pub fn write(&mut self, batch: &RecordBatch) -> Result<(), ExportError> {
        self.rows += batch.num_rows() as u64;
        match &mut self.form {
            Form::Parquet(writer) => writer.write(batch.columns().to_vec()).map_err(ExportError::Parquet),
            Form::Text(writer) => writer.write(batch).map_err(ExportError::Text),
        }
    }

    /// Rows written so far.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// Ends the output.
    ///
    /// # Errors
    /// When writing fails.
    pub fn finish(self) -> Result<W, ExportError> {
        self.finish_with([])
    }

    /// Ends the output, with key-value pairs for the footer of a Parquet file; other formats ignore them.
    ///
    /// # Errors
    /// When writing fails.
    pub fn finish_with<const N: usize>(self, pairs: [(&'static str, String); N]) -> Result<W, ExportError> {
        match self.form {
            Form::Parquet(writer) => Ok(writer.finish(pairs).map_err(ExportError::Parquet)?.out),
            Form::Text(writer) => writer.finish().map_err(ExportError::Text),
        }
    }
}
