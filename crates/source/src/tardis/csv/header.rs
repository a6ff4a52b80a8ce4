//! The header row: maps the cells of a line to columns.

use std::borrow::Cow;

use mtdh_core::table::{Kind, Table};

use super::DecodeError;
use super::cells::cells;

/// The target of a cell.
#[derive(Clone, Copy, Debug)]
pub enum Cell {
    Exchange,
    Symbol,
    /// A column of the table. Kind and nullability are copied here for the row loop.
    Column {
        index: usize,
        kind: Kind,
        nullable: bool,
    },
    /// A column that the table does not have.
    Ignored,
}

/// The cells of a line in order.
#[derive(Debug)]
pub struct Layout {
    pub cells: Vec<Cell>,
    /// Index of the exchange cell.
    pub exchange: usize,
    /// Index of the symbol cell.
    pub symbol: usize,
    /// Whether the cells are exchange, symbol and the table's columns in their order, and nothing else.
    pub is_usual: bool,
}

impl Layout {
    /// Parses a header row. Columns may be in any order, and further ones are ignored; none may be missing.
    pub fn of_header(table: &Table, line: &[u8]) -> Result<Layout, DecodeError> {
        let text = String::from_utf8_lossy(line);
        let names = text_cells(&text);
        let place = |name: &str| names.iter().position(|n| *n == name);
        let wanted =
            || ["exchange", "symbol"].into_iter().chain(table.columns.iter().map(|c| c.csv.as_str()));
        let missing: Vec<String> = wanted().filter(|n| place(n).is_none()).map(str::to_owned).collect();
        let (Some(exchange), Some(symbol), true) = (place("exchange"), place("symbol"), missing.is_empty())
        else {
            let header = text.chars().take(200).collect();
            return Err(DecodeError::MissingColumns { data_type: table.data_type, missing, header });
        };
        if let Some(twice) = wanted().find(|wanted| names.iter().filter(|n| n == wanted).count() > 1) {
            return Err(DecodeError::DoubleColumn(twice.to_owned()));
        }
        let cells = names.iter().map(|name| match name.as_ref() {
            "exchange" => Cell::Exchange,
            "symbol" => Cell::Symbol,
            _ => match table.columns.iter().position(|c| c.csv == *name) {
                Some(index) => {
                    let column = &table.columns[index];
                    Cell::Column { index, kind: column.kind, nullable: column.nullable }
                }
                None => Cell::Ignored,
            },
        });
        let is_usual = names.iter().eq(&table.csv_header().split(',').map(Cow::Borrowed).collect::<Vec<_>>());
        Ok(Layout { cells: cells.collect(), exchange, symbol, is_usual })
    }
}

/// The cells of a row of text, without a byte-order mark and quotes.
pub fn text_cells(row: &str) -> Vec<Cow<'_, str>> {
    let row = row.trim_start_matches('\u{feff}');
    // The row is text, so that their pieces are.
    let text = |cell| match cell {
        Cow::Borrowed(bytes) => String::from_utf8_lossy(bytes),
        Cow::Owned(bytes) => Cow::Owned(String::from_utf8_lossy(&bytes).into_owned()),
    };
    let quoted = cells(row.as_bytes()).filter(|_| row.contains('"'));
    let plain = || row.split(',').map(Cow::Borrowed).collect();
    quoted.map_or_else(plain, |cells| cells.into_iter().map(text).collect())
}
