//! Rows with quoted cells, by RFC 4180: `"` around a cell, `""` for a quote within it.
//!
//! Off the fast path: a row comes here only after it could not be read as plain cells. A cell does not go on in the next line.

use std::borrow::Cow;

use mtdh_core::table::Kind;

use super::cells::cells;
use super::fault::Fault;
use super::header::{Cell, Layout};
use super::{DecodeError, Decoder, Row, push_cell};

impl Decoder {
    /// A row that is none of plain cells: one with quoted cells, or a bad one.
    #[cold]
    pub(super) fn read_odd_row(
        &mut self,
        layout: &Layout,
        line: &[u8],
        fault: Fault,
    ) -> Result<(), DecodeError> {
        let is_quoted = line.contains(&b'"');
        let quoted = if is_quoted { cells(line) } else { None };
        let fault = match &quoted {
            Some(cells) => match self.read_quoted(layout, cells) {
                Ok(row) => {
                    let name = self.names.of(row.exchange, row.symbol, self.line)?;
                    return self.accept(name, &row);
                }
                Err(fault) => {
                    self.builder.discard_row();
                    fault
                }
            },
            None if is_quoted => Fault::Quotes,
            None => fault,
        };
        let cells = quoted.unwrap_or_else(|| line.split(|b| *b == b',').map(Cow::Borrowed).collect());
        self.reject(layout, line, &cells, fault)
    }

    /// As [`Decoder::read_cells`], of cells without their quotes.
    fn read_quoted<'a>(&mut self, layout: &Layout, cells: &'a [Cow<'a, [u8]>]) -> Result<Row<'a>, Fault> {
        let mut row = Row::default();
        if cells.len() != layout.cells.len() {
            return Err(Fault::Cells(cells.len()));
        }
        for (cell, text) in layout.cells.iter().zip(cells) {
            match cell {
                Cell::Exchange => row.exchange = text,
                Cell::Symbol => row.symbol = text,
                Cell::Ignored => {}
                Cell::Column { index, nullable, .. } if text.is_empty() => {
                    nullable.then_some(()).ok_or(Fault::Cell(*index))?;
                    self.builder.column(*index).push_null();
                }
                Cell::Column { index, kind: Kind::Text, .. } => {
                    std::str::from_utf8(text).map_err(|_| Fault::Cell(*index))?;
                    self.builder.column(*index).push_text(text);
                }
                Cell::Column { index, kind, .. } => {
                    let length = push_cell(
                        self.builder.column(*index),
                        &self.plausible,
                        (*index, *kind),
                        text,
                        &mut row,
                    )?;
                    (length == text.len()).then_some(()).ok_or(Fault::Cell(*index))?;
                }
            }
        }
        if row.exchange.is_empty() || row.symbol.is_empty() {
            return Err(Fault::NoName);
        }
        if std::str::from_utf8(row.symbol).is_err() || std::str::from_utf8(row.exchange).is_err() {
            return Err(Fault::BadName);
        }
        Ok(row)
    }
}
