//! Why a row is rejected, in words.

use mtdh_core::table::{Kind, Table};
use mtdh_core::time_unit::Plausible;

/// Why a row is rejected.
pub(super) enum Fault {
    /// Another number of cells than the header row has.
    Cells(usize),
    /// Neither exchange nor symbol may be empty.
    NoName,
    /// Exchange or symbol is no text.
    BadName,
    /// A quoted cell without end, or with something behind it.
    Quotes,
    /// The cell of the table's column with this index.
    Cell(usize),
    /// The time of the table's column with this index is none that a market's clock shows.
    Moment(usize, i64),
}

impl Fault {
    /// The reason for people; `cells` is how many the header row has.
    pub(super) fn describe(&self, table: &Table, cells: usize, plausible: &[Plausible; 2]) -> String {
        match self {
            Fault::Cells(found) if *found < cells => format!("too few cells: {found} where {cells} belong"),
            Fault::Cells(found) => format!("too many cells: {found} where {cells} belong"),
            Fault::NoName => "no exchange or no symbol".to_owned(),
            Fault::BadName => "exchange or symbol is not UTF-8 text".to_owned(),
            Fault::Quotes => "a quoted cell has no end in its line, or something behind it".to_owned(),
            Fault::Cell(index) => {
                let column = &table.columns[*index];
                let wanted = match column.kind {
                    Kind::Time => "whole microseconds".to_owned(),
                    Kind::Number => "a decimal number".to_owned(),
                    Kind::Text => "UTF-8 text".to_owned(),
                    Kind::Category(words) => format!("one of {}", words.join(", ")),
                    Kind::Flag => "true or false".to_owned(),
                };
                format!("`{}` is not {wanted}", column.csv)
            }
            Fault::Moment(index, us) => {
                let refusal = plausible[usize::from(!is_clock(*index))].refusal(*us);
                format!("`{}`: {refusal}", table.columns[*index].csv)
            }
        }
    }
}

/// Whether the time column with this index is one of the two clocks; the others may lie in the future.
#[inline]
pub(super) fn is_clock(index: usize) -> bool {
    index < 2
}
