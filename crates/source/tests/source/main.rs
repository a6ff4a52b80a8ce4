//! Tests of where data comes from: the decoder against tables of cases, a slow reader and real files; the ways of
//! asking the vendor against a scripted server.

// Helpers of tests are tests too, which clippy does not see.
#![allow(clippy::unwrap_used, clippy::print_stderr)]

mod answers;
mod batches;
mod bounds;
mod files;
mod golden;
mod klines;
mod live;
mod metadata;
mod number_text;
mod oddities;
mod oracle;
mod real_data;
#[path = "../../../core/tests/shared/recorded.rs"]
mod recorded;
mod resume;
mod server;
mod silence;
mod sockets;
mod usual_rows;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int32Type, TimestampMicrosecondType};
use arrow_array::{Array, ArrayRef};
use mtdh_core::Table;
use mtdh_core::table::Kind;
use mtdh_source::tardis::csv::{DecodeError, Decoder, Expectation, Reject, RowName, Rows};

/// What a decoder made of a whole file.
#[derive(Debug)]
struct Decoded {
    batches: Vec<Rows>,
    names: Vec<RowName>,
    rows_in: u64,
    rejects: Vec<Reject>,
    has_header: bool,
}

impl Decoded {
    /// Every row's cells as text, in the table's order; null is nothing.
    fn rows(&self, table: &Table) -> Vec<Vec<Option<String>>> {
        let mut rows = Vec::new();
        for batch in &self.batches {
            let columns = table.columns.iter().zip(&batch.columns);
            let columns: Vec<_> = columns.map(|(column, array)| cells(column.kind, array)).collect();
            rows.extend((0..batch.names.len()).map(|row| columns.iter().map(|c| c[row].clone()).collect()));
        }
        rows
    }

    /// Every row's index into the names.
    fn row_names(&self) -> Vec<u32> {
        self.batches.iter().flat_map(|batch| batch.names.iter().copied()).collect()
    }

    /// Rows are conserved: what names count, what batches hold and what was rejected fit together.
    fn check_conservation(&self) {
        let total = |count: fn(&RowName) -> u64| self.names.iter().map(count).sum::<u64>();
        let rows = self.batches.iter().map(|batch| batch.names.len() as u64).sum::<u64>();
        let named_rejects = self.rejects.iter().filter(|reject| reject.name.is_some()).count() as u64;
        assert_eq!(total(|n| n.tally.rows_out), rows);
        assert_eq!(total(|n| n.tally.rows_rejected), named_rejects);
        assert_eq!(total(|n| n.tally.rows_in), rows + named_rejects);
        assert_eq!(self.rows_in, rows + self.rejects.len() as u64);
        for (index, name) in self.names.iter().enumerate() {
            let count = self.row_names().iter().filter(|n| **n as usize == index).count() as u64;
            assert_eq!(name.tally.rows_out, count, "{}", name.symbol);
        }
        for batch in &self.batches {
            assert!(batch.columns.iter().all(|column| column.len() == batch.names.len()));
        }
    }
}

/// Decodes pieces of one file.
fn decode<'a>(
    table: &'static Table,
    expectation: &Expectation,
    pieces: impl IntoIterator<Item = &'a [u8]>,
) -> Result<Decoded, DecodeError> {
    let mut decoder = Decoder::new(table, expectation.clone());
    let mut batches = Vec::new();
    for piece in pieces {
        decoder.push(piece)?;
        batches.extend(std::iter::from_fn(|| decoder.take_rows()));
    }
    decoder.finish()?;
    batches.extend(std::iter::from_fn(|| decoder.take_rows()));
    let rejects = decoder.take_rejects();
    let (names, has_header) = (decoder.names().to_vec(), decoder.has_header());
    Ok(Decoded { batches, rejects, names, rows_in: decoder.rows(), has_header })
}

/// An array's cells as text, by the kind that the table says they are of.
fn cells(kind: Kind, array: &ArrayRef) -> Vec<Option<String>> {
    let text = |row: usize| match kind {
        Kind::Time => array.as_primitive::<TimestampMicrosecondType>().value(row).to_string(),
        Kind::Number => array.as_primitive::<Float64Type>().value(row).to_string(),
        Kind::Text => array.as_string::<i32>().value(row).to_owned(),
        Kind::Category(_) => {
            let words = array.as_dictionary::<Int32Type>();
            words.values().as_string::<i32>().value(words.key(row).unwrap()).to_owned()
        }
        Kind::Flag => array.as_boolean().value(row).to_string(),
    };
    (0..array.len()).map(|row| array.is_valid(row).then(|| text(row))).collect()
}

/// Cells in one line, `-` for null.
fn line(cells: &[Option<String>]) -> String {
    cells.iter().map(|cell| cell.as_deref().unwrap_or("-")).collect::<Vec<_>>().join(" ")
}

/// A file in pieces of several sizes, down to single bytes.
fn cuttings(bytes: &[u8]) -> Vec<Vec<&[u8]>> {
    [1, 2, 7, bytes.len().max(1)].into_iter().map(|size| bytes.chunks(size).collect()).collect()
}
