//! Rows of a recording as messages.

use std::sync::Arc;

use arrow_array::RecordBatch;
use bytes::Bytes;
use mtdh_engine::live::hub::event::RowsEvent;

use super::feed::events;
use super::kind::Kind;
use super::rows::Rows;
use super::session::{Named, write_stored};
use super::text::Lines;

/// Batches that are kept: messages of several streams alternate, each of a batch of its own.
const BATCHES: usize = 8;

/// Writes the rows of a recording as they are, in the form of tardis-machine.
#[derive(Default)]
pub struct RowMessages {
    lines: Lines,
    /// The latest batches, and what was read of them: a batch has the rows of many messages.
    batches: Vec<(Arc<RecordBatch>, Arc<Rows>)>,
    /// Which of them is replaced next.
    oldest: usize,
}

impl RowMessages {
    /// The messages of rows, one a line; none if the form has no message for the data type.
    pub fn text(&mut self, rows: &RowsEvent, named: &Named) -> Bytes {
        let Some(kind) = Kind::of(rows.stream.data_type) else { return Bytes::new() };
        // Rows of a feed have the columns of their table.
        let Ok(read) = self.read(rows) else { return Bytes::new() };
        for event in events(kind, &read, rows.first..rows.first + rows.rows) {
            write_stored(kind, named, &event, &mut self.lines);
        }
        self.lines.copy()
    }

    /// The batch that rows are in.
    ///
    /// # Errors
    /// As [`Rows::of`].
    pub(super) fn read(&mut self, rows: &RowsEvent) -> Result<Arc<Rows>, String> {
        if let Some((_, read)) = self.batches.iter().find(|(batch, _)| Arc::ptr_eq(batch, &rows.batch)) {
            return Ok(read.clone());
        }
        let read = Rows::of(rows.stream.data_type, &rows.batch)?;
        let new = (rows.batch.clone(), read.clone());
        match self.batches.get_mut(self.oldest) {
            Some(oldest) => *oldest = new,
            None => self.batches.push(new),
        }
        self.oldest = (self.oldest + 1) % BATCHES;
        Ok(read)
    }

    /// Lets the batches go.
    pub(super) fn forget(&mut self) {
        self.batches.clear();
        self.oldest = 0;
    }
}
