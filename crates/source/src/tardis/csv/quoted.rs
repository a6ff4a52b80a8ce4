//! Rows with quoted cells, by RFC 4180: `"` around a cell, `""` for a quote within it.
//!
//! Off the fast path: a row comes here only after it could not be read as plain cells. A cell does not go on in the next line.

use std::borrow::Cow;

use mtdh_core::table::Kind;

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

/// The cells of a line, without their quotes; `None` if a quoted cell has no end, or is followed by something else than a comma.
pub fn cells(line: &[u8]) -> Option<Vec<Cow<'_, [u8]>>> {
    let mut cells = Vec::new();
    let mut rest = line;
    loop {
        let (cell, after) = match rest.strip_prefix(b"\"") {
            Some(quoted) => within_quotes(quoted)?,
            None => {
                let end = memchr::memchr(b',', rest).unwrap_or(rest.len());
                (Cow::Borrowed(&rest[..end]), &rest[end..])
            }
        };
        cells.push(cell);
        match after.split_first() {
            None => return Some(cells),
            Some((b',', next)) => rest = next,
            Some(_) => return None,
        }
    }
}

/// A cell whose opening quote was read, and what follows its closing one.
fn within_quotes(text: &[u8]) -> Option<(Cow<'_, [u8]>, &[u8])> {
    let mut cell: Cow<'_, [u8]> = Cow::Borrowed(&[]);
    let mut start = 0;
    for at in memchr::memchr_iter(b'"', text) {
        if at < start {
            continue;
        }
        let piece = &text[start..at];
        if text.get(at + 1) == Some(&b'"') {
            cell.to_mut().extend_from_slice(&text[start..=at]);
            start = at + 2;
        } else if cell.is_empty() {
            return Some((Cow::Borrowed(piece), &text[at + 1..]));
        } else {
            cell.to_mut().extend_from_slice(piece);
            return Some((cell, &text[at + 1..]));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_those_of_rfc_4180() {
        for (line, expected) in [
            ("", Some(&[""][..])),
            ("a,b", Some(&["a", "b"])),
            ("a,,", Some(&["a", "", ""])),
            ("\"a\",\"b\"", Some(&["a", "b"])),
            ("\"a,b\",c", Some(&["a,b", "c"])),
            ("\"\",c", Some(&["", "c"])),
            ("\"a\"\"b\"\"\",c", Some(&["a\"b\"", "c"])),
            ("\"\"\"\"", Some(&["\""])),
            ("\"\"\"a\"", Some(&["\"a"])),
            // A quote within a plain cell is part of it.
            ("a\"b,c", Some(&["a\"b", "c"])),
            ("\"a", None),
            ("\"a\"\"", None),
            ("\"a\"b,c", None),
            ("x,\"a\" ,c", None),
        ] {
            let found = cells(line.as_bytes());
            let found: Option<Vec<String>> = found
                .map(|cells| cells.iter().map(|cell| String::from_utf8(cell.to_vec()).unwrap()).collect());
            assert_eq!(
                found.as_deref(),
                expected.map(|e| e.iter().map(|c| (*c).to_owned()).collect::<Vec<_>>()).as_deref(),
                "{line}"
            );
        }
    }
}
