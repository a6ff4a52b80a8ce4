//! JSON lines of several tables in one output: each says of which it is.

use std::io::{self, Write};

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;

use super::{Effort, ExportError, Packed, Packing, RowText, TextForm};

/// Bytes that are buffered before they are written.
const PIECE_BYTES: usize = 64 << 10;

/// Writes the lines. Each begins with `data_type`, the name of its table.
pub struct TypedLines<W: Write> {
    out: Packed<W>,
    /// Of each table, how it is written, and how many columns it has.
    tables: Vec<(RowText, usize)>,
    text: Vec<u8>,
    rows: u64,
}

impl<W: Write> TypedLines<W> {
    /// For tables, each with its name and columns.
    ///
    /// # Errors
    /// When compression fails.
    pub fn new(tables: &[(&str, SchemaRef)], packing: Packing, out: W) -> Result<TypedLines<W>, ExportError> {
        let table = |(name, schema): &(&str, SchemaRef)| {
            let names: Vec<&str> = schema.fields().iter().map(|field| field.name().as_str()).collect();
            (RowText::new(&names, TextForm::Lines).of_type(name), names.len())
        };
        let out = Packed::new(packing, Effort::Usual, out).map_err(ExportError::Text)?;
        Ok(TypedLines { out, tables: tables.iter().map(table).collect(), text: Vec::new(), rows: 0 })
    }

    /// Appends rows of one of the tables. Columns behind the table's own are left out.
    ///
    /// # Errors
    /// When writing fails.
    pub fn write(&mut self, table: usize, batch: &RecordBatch) -> Result<(), ExportError> {
        self.push(table, batch).map_err(ExportError::Text)
    }

    fn push(&mut self, table: usize, batch: &RecordBatch) -> io::Result<()> {
        let Some((rows, columns)) = self.tables.get_mut(table) else {
            return Err(io::Error::other(format!("there is no table {table}")));
        };
        let own: Vec<usize> = (0..*columns).collect();
        rows.push(&batch.project(&own).map_err(io::Error::other)?, &mut self.text)?;
        self.rows += batch.num_rows() as u64;
        if self.text.len() >= PIECE_BYTES { self.give() } else { Ok(()) }
    }

    /// Rows written so far.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// Ends the output.
    ///
    /// # Errors
    /// When writing fails.
    pub fn finish(mut self) -> Result<W, ExportError> {
        self.give().and_then(|()| self.out.finish()).map_err(ExportError::Text)
    }

    fn give(&mut self) -> io::Result<()> {
        self.out.write_all(&self.text)?;
        self.text.clear();
        Ok(())
    }
}
