//! Which rows of a chunk have a value.

use std::ops::Range;

use arrow_array::Array;

/// Whether each row of a chunk has a value, in order.
#[derive(Default)]
pub(super) struct Validity {
    rows: usize,
    /// Empty: no null so far, as in most columns.
    valid: Vec<bool>,
}

impl Validity {
    /// Appends the rows of an array.
    pub fn push(&mut self, array: &dyn Array) {
        if array.null_count() > 0 {
            self.valid.resize(self.rows, true);
            self.valid.extend((0..array.len()).map(|row| array.is_valid(row)));
        } else if !self.valid.is_empty() {
            self.valid.resize(self.rows + array.len(), true);
        }
        self.rows += array.len();
    }

    /// Rows so far, with nulls.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Of some rows; `None`: each has a value.
    pub fn of(&self, rows: Range<usize>) -> Option<&[bool]> {
        self.valid.get(rows)
    }

    /// Forgets all rows, and keeps the room.
    pub fn clear(&mut self) {
        self.rows = 0;
        self.valid.clear();
    }
}

/// How many of a page's rows have a value.
pub(super) fn count(valid: Option<&[bool]>, rows: usize) -> usize {
    valid.map_or(rows, |valid| valid.iter().filter(|is_valid| **is_valid).count())
}
