//! The header row: which cell of a line is which column.

use mtdh_core::table::{Kind, Table};

use super::DecodeError;

/// What to do with a cell.
#[derive(Clone, Copy, Debug)]
pub enum Cell {
    Exchange,
    Symbol,
    /// A column of the table; kind and nullability stand here too, where the row loop reads them.
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
    /// Place of the exchange cell.
    pub exchange: usize,
    /// Place of the symbol cell.
    pub symbol: usize,
}

impl Layout {
    /// Reads a header row. Columns may stand in any order and there may be further ones; none may lack.
    pub fn of_header(table: &Table, line: &[u8]) -> Result<Layout, DecodeError> {
        let text = String::from_utf8_lossy(line);
        let names: Vec<&str> = text.trim_start_matches('\u{feff}').split(',').collect();
        let place = |name: &str| names.iter().position(|n| *n == name);
        let wanted =
            || ["exchange", "symbol"].into_iter().chain(table.columns.iter().map(|c| c.csv.as_str()));
        let missing: Vec<String> = wanted().filter(|n| place(n).is_none()).map(str::to_owned).collect();
        let (Some(exchange), Some(symbol), true) = (place("exchange"), place("symbol"), missing.is_empty())
        else {
            let header = text.chars().take(200).collect();
            return Err(DecodeError::MissingColumns { data_type: table.data_type, missing, header });
        };
        if let Some(twice) = wanted().find(|wanted| names.iter().filter(|n| *n == wanted).count() > 1) {
            return Err(DecodeError::DoubleColumn(twice.to_owned()));
        }
        let cells = names.iter().map(|name| match *name {
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
        Ok(Layout { cells: cells.collect(), exchange, symbol })
    }
}
