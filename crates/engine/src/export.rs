//! Export of batches to a file or stream: Parquet, Arrow, CSV or JSON lines.

mod arrow;
mod form;
mod packed;
mod text;
mod typed;
mod words;

use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_schema::{ArrowError, Schema, SchemaRef};
use mtdh_core::DataType;
use mtdh_lake::write::RowsWriter;
use mtdh_lake::{LakeError, ParquetError};
use serde::Serializer;

use text::TextWriter;
use words::Vocabularies;

pub use arrow::ArrowStream;
pub use form::{FormError, OutputForm};
pub use packed::{Effort, Packed, Packing};
pub use text::{RowText, TextForm};
pub use typed::TypedLines;

/// A format of rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExportFormat {
    /// Parquet, as in the lake.
    Parquet,
    /// CSV with the lake's column names; times as RFC 3339 with microseconds.
    Csv,
    /// One JSON object per line; times as RFC 3339 with microseconds; null cells are left out.
    Jsonl,
    /// An Arrow IPC stream, its buffers compressed by zstd.
    Arrow,
}

impl ExportFormat {
    /// Its name for people.
    pub fn name(self) -> &'static str {
        match self {
            ExportFormat::Parquet => "Parquet",
            ExportFormat::Csv => "CSV",
            ExportFormat::Jsonl => "JSON lines",
            ExportFormat::Arrow => "Arrow",
        }
    }

    /// Whether it is text, which says nothing of where its rows come from and is not compressed by itself.
    pub fn is_text(self) -> bool {
        matches!(self, ExportFormat::Csv | ExportFormat::Jsonl)
    }
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
    pairs: Vec<(&'static str, String)>,
    rows: u64,
}

enum Form<W: Write + Send> {
    Parquet(Box<RowsWriter<W>>),
    Text(Box<TextWriter<Packed<W>>>),
    Arrow(Box<ArrowWriter<W>>),
}

impl<W: Write + Send> Exporter<W> {
    /// Starts an output of all columns of a data type. A CSV has its header row even without rows.
    ///
    /// # Errors
    /// When writing to `out` fails.
    pub fn new(data_type: DataType, form: impl Into<OutputForm>, out: W) -> Result<Exporter<W>, ExportError> {
        Exporter::of(data_type.table().schema(), form, out)
    }

    /// As [`Exporter::new`], of any columns of a data type or of candles.
    ///
    /// # Errors
    /// When writing to `out` fails.
    pub fn of(schema: &SchemaRef, form: impl Into<OutputForm>, out: W) -> Result<Exporter<W>, ExportError> {
        Exporter::with_pairs(schema, form, Vec::new(), out)
    }

    /// As [`Exporter::of`], with key-value pairs in the metadata of Parquet and Arrow; text has no place for them.
    ///
    /// # Errors
    /// When writing to `out` fails.
    pub fn with_pairs(
        schema: &SchemaRef,
        form: impl Into<OutputForm>,
        pairs: Vec<(&'static str, String)>,
        out: W,
    ) -> Result<Exporter<W>, ExportError> {
        let OutputForm { format, packing } = form.into();
        let names = || schema.fields().iter().map(|field| field.name().as_str()).collect::<Vec<_>>();
        let text = |form, out| -> Result<Form<W>, ExportError> {
            let out = Packed::new(packing, Effort::Usual, out).map_err(ExportError::Text)?;
            Ok(Form::Text(Box::new(TextWriter::new(&names(), form, out))))
        };
        let form = match format {
            ExportFormat::Parquet => {
                Form::Parquet(Box::new(RowsWriter::new(schema.clone(), out).map_err(ExportError::Parquet)?))
            }
            ExportFormat::Csv => text(TextForm::Csv, out)?,
            ExportFormat::Jsonl => text(TextForm::Lines, out)?,
            ExportFormat::Arrow => {
                Form::Arrow(Box::new(ArrowWriter::new(schema, &pairs, out).map_err(ExportError::Text)?))
            }
        };
        Ok(Exporter { form, pairs, rows: 0 })
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
            Form::Arrow(writer) => writer.write(batch).map_err(ExportError::Text),
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

    /// Ends the output, with more key-value pairs for the footer of a Parquet file; other formats ignore them.
    ///
    /// # Errors
    /// When writing fails.
    pub fn finish_with<const N: usize>(self, pairs: [(&'static str, String); N]) -> Result<W, ExportError> {
        match self.form {
            Form::Parquet(writer) => {
                let pairs = self.pairs.into_iter().chain(pairs);
                Ok(writer.finish(pairs).map_err(ExportError::Parquet)?.out)
            }
            Form::Text(writer) => writer.finish().and_then(Packed::finish).map_err(ExportError::Text),
            Form::Arrow(writer) => writer.finish().map_err(ExportError::Text),
        }
    }
}

/// Writes an Arrow stream.
struct ArrowWriter<W> {
    out: W,
    stream: ArrowStream,
    schema: SchemaRef,
    words: Vocabularies,
}

impl<W: Write> ArrowWriter<W> {
    fn new(schema: &SchemaRef, pairs: &[(&'static str, String)], out: W) -> io::Result<ArrowWriter<W>> {
        let pairs = pairs.iter().map(|(name, value)| ((*name).to_owned(), value.clone()));
        let schema: SchemaRef = Arc::new(Schema::clone(schema).with_metadata(pairs.collect()));
        Ok(ArrowWriter {
            out,
            stream: ArrowStream::compressed(&schema)?,
            schema,
            words: Vocabularies::default(),
        })
    }

    fn write(&mut self, batch: &RecordBatch) -> io::Result<()> {
        let batch = self.words.unified(batch).map_err(io::Error::other)?;
        let batch = RecordBatch::try_new(self.schema.clone(), batch.columns().to_vec());
        for piece in self.stream.push(&batch.map_err(io::Error::other)?)? {
            self.out.write_all(&piece)?;
        }
        Ok(())
    }

    fn finish(mut self) -> io::Result<W> {
        for piece in self.stream.finish()? {
            self.out.write_all(&piece)?;
        }
        Ok(self.out)
    }
}
