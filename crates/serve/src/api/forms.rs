//! Forms of rows: which one a client wants, and how batches become its bytes.

use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use axum::http::{HeaderMap, StatusCode, header};
use bytes::Bytes;
use mtdh_engine::export::{ArrowStream, ExportFormat, Exporter, RowText, TextForm};

use super::accepts;
use super::compression::Packer;
use crate::problem::Problem;

/// A form of rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// One JSON document, a page of rows.
    Json,
    /// A JSON object per line.
    Ndjson,
    /// CSV with a header row.
    Csv,
    /// An Arrow IPC stream.
    Arrow,
    /// A Parquet file.
    Parquet,
}

/// Each form, its word and its media type.
pub const FORMS: [(Form, &str, &str); 5] = [
    (Form::Json, "json", "application/json"),
    (Form::Ndjson, "ndjson", "application/x-ndjson"),
    (Form::Csv, "csv", "text/csv"),
    (Form::Arrow, "arrow", "application/vnd.apache.arrow.stream"),
    (Form::Parquet, "parquet", "application/vnd.apache.parquet"),
];

/// The words of `format`.
pub const FORM_WORDS: [&str; 5] = ["json", "ndjson", "csv", "arrow", "parquet"];

impl Form {
    /// Its media type.
    pub fn media_type(self) -> &'static str {
        FORMS.iter().find(|(form, _, _)| *form == self).map_or("", |(_, _, media)| media)
    }

    /// Whether it is text, which compresses well.
    pub fn is_text(self) -> bool {
        matches!(self, Form::Json | Form::Ndjson | Form::Csv)
    }

    /// The form that a request wants: by `format`, else by the header Accept, else JSON.
    ///
    /// # Errors
    /// When the header names only others.
    pub fn wanted(format: Option<&str>, headers: &HeaderMap) -> Result<Form, Problem> {
        if let Some(word) = format {
            let found = FORMS.iter().find(|(_, name, _)| *name == word);
            return found
                .map(|(form, _, _)| *form)
                .ok_or_else(|| Problem::parameter("format", "there is no such format"));
        }
        let ranges = accepts::ranges(headers, &header::ACCEPT);
        if ranges.is_empty() {
            return Ok(Form::Json);
        }
        let mut best: Option<(accepts::Wish, Form)> = None;
        for (form, _, media) in FORMS {
            let names: &[&str] = match form {
                // A browser gets a document that it can show.
                Form::Json => &[media, "text/html"],
                Form::Ndjson => &[media, "application/ndjson", "application/jsonl"],
                Form::Csv | Form::Arrow | Form::Parquet => &[media],
            };
            let kind = media.split_once('/').map_or(String::new(), |(kind, _)| format!("{kind}/*"));
            let wish = accepts::wish(&ranges, names, &kind, "*/*").filter(|wish| wish.weight > 0.0);
            // Of forms that are wished for alike the first of the table.
            if let Some(wish) = wish.filter(|wish| best.is_none_or(|(other, _)| *wish > other)) {
                best = Some((wish, form));
            }
        }
        if let Some((_, form)) = best {
            return Ok(form);
        }
        let media: Vec<&str> = FORMS.iter().map(|(_, _, media)| *media).collect();
        let detail = "no form that the header Accept names is there";
        Err(Problem::new(StatusCode::NOT_ACCEPTABLE, "not-acceptable", detail).with("allowed", media))
    }
}

/// Text is made in pieces of about this many bytes.
const PIECE_BYTES: usize = 512 << 10;

/// Makes the bytes of a form from batches.
pub(crate) struct Encoder {
    body: Encoding,
    packer: Packer,
    /// Rows of a piece of text.
    step: usize,
}

enum Encoding {
    Text(RowText),
    Arrow(Box<ArrowStream>),
    Parquet(Box<Exporter<Drain>>, Drain),
}

/// A writer whose bytes are taken while it is written to.
#[derive(Clone, Default)]
struct Drain(Arc<Mutex<Vec<u8>>>);

impl Drain {
    fn take(&self) -> Vec<u8> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Write for Drain {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Encoder {
    /// For rows of a schema.
    ///
    /// # Errors
    /// When the rows cannot have the form.
    pub fn new(form: Form, schema: &SchemaRef, packer: Packer) -> io::Result<Encoder> {
        let names: Vec<&str> = schema.fields().iter().map(|field| field.name().as_str()).collect();
        let step = (PIECE_BYTES / (names.len() * 12 + 1)).clamp(16, 1 << 14);
        let body = match form {
            Form::Csv => Encoding::Text(RowText::new(&names, TextForm::Csv)),
            Form::Ndjson => Encoding::Text(RowText::new(&names, TextForm::Lines)),
            Form::Json => Encoding::Text(RowText::new(&names, TextForm::Arrays)),
            Form::Arrow => Encoding::Arrow(Box::new(ArrowStream::new(schema)?)),
            Form::Parquet => {
                let drain = Drain::default();
                let exporter =
                    Exporter::of(schema, ExportFormat::Parquet, drain.clone()).map_err(io::Error::other)?;
                Encoding::Parquet(Box::new(exporter), drain)
            }
        };
        Ok(Encoder { body, packer, step })
    }

    /// What stands before the rows.
    ///
    /// # Errors
    /// When packing fails.
    pub fn start(&mut self) -> io::Result<Bytes> {
        let head = match &mut self.body {
            Encoding::Text(text) => text.header().to_vec(),
            // The schema comes with the first batch.
            Encoding::Arrow(_) => Vec::new(),
            Encoding::Parquet(_, drain) => drain.take(),
        };
        self.packer.push(head)
    }

    /// The parts of a batch that are encoded one by one, so that a slow reader delays little work.
    pub fn parts(&self, batch: &RecordBatch) -> Vec<RecordBatch> {
        if !matches!(self.body, Encoding::Text(_)) || batch.num_rows() <= self.step {
            return vec![batch.clone()];
        }
        let starts = (0..batch.num_rows()).step_by(self.step);
        starts.map(|start| batch.slice(start, self.step.min(batch.num_rows() - start))).collect()
    }

    /// Encodes a part, in pieces that are sent one after the other.
    ///
    /// # Errors
    /// As [`Encoder::push`].
    pub fn pieces(&mut self, batch: &RecordBatch) -> io::Result<Vec<Bytes>> {
        match &mut self.body {
            Encoding::Arrow(stream) => stream.push(batch),
            Encoding::Text(_) | Encoding::Parquet(..) => Ok(vec![self.push(batch)?]),
        }
    }

    /// Encodes a part. The bytes may be empty.
    ///
    /// # Errors
    /// When a cell has no form.
    pub fn push(&mut self, batch: &RecordBatch) -> io::Result<Bytes> {
        let bytes = match &mut self.body {
            Encoding::Text(text) => {
                let mut bytes = Vec::with_capacity(batch.num_rows() * batch.num_columns() * 16);
                text.push(batch, &mut bytes)?;
                bytes
            }
            Encoding::Arrow(stream) => stream.push(batch)?.concat(),
            Encoding::Parquet(exporter, drain) => {
                exporter.write(batch).map_err(io::Error::other)?;
                drain.take()
            }
        };
        self.packer.push(bytes)
    }

    /// What stands behind the rows.
    ///
    /// # Errors
    /// When encoding fails.
    pub fn finish(self) -> io::Result<Bytes> {
        let tail = match self.body {
            Encoding::Text(_) => Vec::new(),
            Encoding::Arrow(stream) => stream.finish()?.concat(),
            Encoding::Parquet(exporter, drain) => {
                exporter.finish().map_err(io::Error::other)?;
                drain.take()
            }
        };
        self.packer.finish(tail)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_form_is_that_of_the_word_else_of_the_header() {
        for (format, accept, expected) in [
            (None, None, Some(Form::Json)),
            (Some("csv"), Some("application/json"), Some(Form::Csv)),
            (None, Some("*/*"), Some(Form::Json)),
            (None, Some("text/csv"), Some(Form::Csv)),
            (None, Some("text/csv;q=0.5, application/x-ndjson"), Some(Form::Ndjson)),
            (None, Some("application/vnd.apache.arrow.stream"), Some(Form::Arrow)),
            (None, Some("image/png, application/vnd.apache.parquet;q=0.1"), Some(Form::Parquet)),
            (None, Some("image/png"), None),
            (None, Some("text/csv;q=0"), None),
            (None, Some("text/csv, application/x-ndjson;q=0.9"), Some(Form::Csv)),
            (None, Some("*/*, text/csv"), Some(Form::Csv)),
            (None, Some("text/csv;q=0.5, */*"), Some(Form::Json)),
            (None, Some("application/json;q=0, */*"), Some(Form::Ndjson)),
            (None, Some("application/json;q=0, text/html;q=0, text/*"), Some(Form::Csv)),
            (None, Some("text/html,application/xhtml+xml,*/*;q=0.8"), Some(Form::Json)),
            (None, Some("application/jsonl"), Some(Form::Ndjson)),
            (None, Some(""), Some(Form::Json)),
            (None, Some("*/*;q=0"), None),
            (Some("arrow"), Some("image/png"), Some(Form::Arrow)),
            (Some("xml"), None, None),
        ] {
            let mut headers = HeaderMap::new();
            if let Some(accept) = accept {
                headers.insert(header::ACCEPT, accept.parse().unwrap());
            }
            assert_eq!(Form::wanted(format, &headers).ok(), expected, "{format:?} {accept:?}");
        }
    }
}
