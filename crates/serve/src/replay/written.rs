//! Rows of a recording as messages.

use bytes::Bytes;
use mtdh_engine::live::hub::event::RowsEvent;

use super::feed::events;
use super::kind::Kind;
use super::rows::Rows;
use super::session::{Named, write_stored};
use super::text::Lines;

/// Writes the rows of a recording as they are, in the form of tardis-machine.
#[derive(Default)]
pub struct RowMessages {
    _none: (),
}

impl RowMessages {
    /// The messages of rows, one a line; none if the form has no message for the data type.
    pub fn text(&mut self, rows: &RowsEvent, named: &Named) -> Bytes {
        let mut lines = Lines::default();
        let Some(kind) = Kind::of(rows.stream.data_type) else { return Bytes::new() };
        // Rows of a feed have the columns of their table.
        if let Ok(read) = Rows::of(rows.stream.data_type, &rows.batch) {
            for event in events(kind, &read, rows.first..rows.first + rows.rows) {
                write_stored(kind, named, &event, &mut lines);
            }
        }
        lines.take().into()
    }
}
