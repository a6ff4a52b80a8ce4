//! Rows as the vendor usually writes them: read straight into the columns, eight bytes at a time, without looking for the end of the
//! line first.
//!
//! A row is read here whole or not at all. Not at all means that it goes the long way, [`Decoder::read_line`], which alone knows every
//! rule and every reason. What is read here is read there too, with the same result, and both read cells in the same order. Start at
//! [`Decoder::read_usual_rows`].

use mtdh_core::table::Table;
use mtdh_core::time_unit::Plausible;

use super::header::Layout;
use super::usual_cell::{UsualCell, plain_text};
use super::{DecodeError, Decoder, MAX_LINE_BYTES, Row};
use crate::row_builder::{ColumnBuffer, Values};

impl Decoder {
    /// Reads the rows at the start of `bytes`, up to the first that has to go the long way. Returns how many bytes they take.
    pub(super) fn read_usual_rows(&mut self, bytes: &[u8]) -> Result<usize, DecodeError> {
        // The first row of a part has rules of its own.
        if self.part_at.is_some() || self.begins_part {
            return Ok(0);
        }
        let Some(layout) = self.layout.take_if(|layout| layout.is_usual) else { return Ok(0) };
        let outcome = self.read_usual(&layout, bytes);
        self.layout = Some(layout);
        outcome
    }

    fn read_usual(&mut self, layout: &Layout, bytes: &[u8]) -> Result<usize, DecodeError> {
        let mut rest = bytes;
        while let Some((row, after)) = self.usual_row(rest) {
            self.line += 1;
            self.end_row(layout, &row)?;
            rest = after;
        }
        Ok(bytes.len() - rest.len())
    }

    /// The row at the start of `bytes`, whose cells are pushed to the columns, and what follows its line end. If it has to go the long
    /// way the columns are as they were.
    #[inline(always)]
    fn usual_row<'a>(&mut self, bytes: &'a [u8]) -> Option<(Row<'a>, &'a [u8])> {
        let mut row = Row::default();
        let cells = match bytes.strip_prefix(&self.last_start[..]) {
            Some(cells) if !self.last_start.is_empty() && cells.first() == Some(&b',') => {
                row.is_as_before = true;
                cells
            }
            _ => {
                row.exchange = plain_text(bytes)?;
                row.symbol = plain_text(bytes.get(row.exchange.len() + 1..)?)?;
                &bytes[row.exchange.len() + 1 + row.symbol.len()..]
            }
        };
        let rest = self.usual.read(self.builder.columns(), &self.plausible, cells, &mut row);
        let rest = rest.filter(|rest| bytes.len() - rest.len() <= MAX_LINE_BYTES);
        if rest.is_none() {
            self.builder.discard_row();
        }
        Some((row, rest?))
    }
}

/// The cells of a table's columns, where they come in the table's order.
pub(super) struct UsualCells(Vec<UsualCell>);

impl UsualCells {
    /// Before the first row.
    pub(super) fn new(table: &Table) -> UsualCells {
        UsualCells(table.columns.iter().enumerate().map(UsualCell::new).collect())
    }

    /// Pushes the cells of a row to the columns, from the comma behind its symbol on. Returns what follows its line end; `None` if it
    /// has to go the long way, and some columns are then longer than others.
    #[inline(always)]
    fn read<'a>(
        &mut self,
        columns: &mut [ColumnBuffer],
        plausible: &[Plausible; 2],
        mut rest: &'a [u8],
        row: &mut Row<'_>,
    ) -> Option<&'a [u8]> {
        for (index, (column, usual)) in columns.iter_mut().zip(&mut self.0).enumerate() {
            rest = rest.strip_prefix(b",")?;
            if matches!(rest.first(), Some(b',' | b'\r' | b'\n')) {
                if !usual.is_nullable {
                    return None;
                }
                column.push_null();
                continue;
            }
            let length = match column.values() {
                Values::Time(times) => {
                    let us = usual.time(rest).filter(|us| plausible[usual.plausible].contains(*us))?;
                    match index {
                        0 => row.timestamp = us,
                        1 => row.local_timestamp = us,
                        _ => {}
                    }
                    times.push(us);
                    16
                }
                Values::Number(numbers) => {
                    let (value, length) = usual.number(rest, &mut row.inexact_numbers)?;
                    numbers.push(value);
                    length
                }
                Values::Text { ends, bytes } => {
                    let text = plain_text(rest)?;
                    bytes.extend_from_slice(text);
                    ends.push(bytes.len() as i32);
                    text.len()
                }
                Values::Category { indices, .. } => {
                    let (index, length) = usual.word(rest)?;
                    indices.push(index as i32);
                    length
                }
                Values::Flag(flags) => {
                    let (index, length) = usual.word(rest)?;
                    flags.append(index == 1);
                    length
                }
            };
            column.push_valid();
            rest = rest.get(length..)?;
        }
        rest.strip_prefix(b"\r").unwrap_or(rest).strip_prefix(b"\n")
    }
}

#[cfg(test)]
mod tests {
    use mtdh_core::DataType;
    use mtdh_core::table::Kind;

    use super::super::Expectation;
    use super::*;

    /// A cell as the vendor writes it; the forms take turns by row.
    fn cell(kind: Kind, row: usize) -> String {
        match kind {
            Kind::Time => format!("17092{:011}", 51_200_048_000 + row * 61_000_007),
            Kind::Number => {
                ["62335.48", "0.00071", "5", "62335.48", "62335.48", "-0.25", "0.30000000000000004"][row % 7]
                    .to_owned()
            }
            Kind::Text => ["4000000001", "b46c84da-6942-b404-ab94-18a9ad497fdd", "x"][row % 3].to_owned(),
            Kind::Category(words) => words[row % words.len()].to_owned(),
            Kind::Flag => row.is_multiple_of(2).to_string(),
        }
    }

    /// How much of `bytes` is read without the long way, by a decoder that has read the header row and the first row of the file.
    fn read(table: &'static Table, first: &str, bytes: &str) -> usize {
        let mut decoder = Decoder::new(table, Expectation::default());
        decoder.push(format!("{}\n{first}\n", table.csv_header()).as_bytes()).unwrap();
        assert_eq!((decoder.rows(), decoder.take_rejects()), (1, Vec::new()), "{first}");
        let read = decoder.read_usual_rows(bytes.as_bytes()).unwrap();
        let rows = bytes.as_bytes()[..read].iter().filter(|b| **b == b'\n').count();
        assert_eq!((decoder.rows(), decoder.builder.rows()), (1 + rows as u64, 1 + rows));
        read
    }

    #[test]
    fn usual_rows_of_every_table_do_not_go_the_long_way() {
        for table in DataType::ALL.map(DataType::table) {
            for end in ["\n", "\r\n"] {
                let row = |row: usize| {
                    let symbol = ["BTC-PERPETUAL", "BTC-PERPETUAL", "ETH_USDC"][row % 3];
                    let cells = table.columns.iter().enumerate().map(|(index, column)| {
                        if column.nullable && (row + index).is_multiple_of(5) {
                            String::new()
                        } else {
                            cell(column.kind, row + index)
                        }
                    });
                    format!("deribit,{symbol},{}{end}", cells.collect::<Vec<_>>().join(","))
                };
                let rows: String = (1..60).map(row).collect();
                let file = format!("{rows}{}", row(60));
                assert_eq!(
                    read(table, row(0).trim_end(), &file).min(rows.len()),
                    rows.len(),
                    "{}",
                    table.data_type
                );
            }
        }
    }

    #[test]
    fn other_rows_go_the_long_way() {
        let table = DataType::Trades.table();
        let first = "deribit,BTC,1709251200000000,1709251200000000,1,buy,10,2.5";
        for (row, is_read) in [
            (first, true),
            ("deribit,BTC,1709251200000000,1709251200000000,,buy,-10,2.5e3", true),
            ("deribit,BTC,1709251200000000,1709251200000000,1,buy,10,2.5\r", true),
            ("deribit,BTC,1709251200000000,1709251200000000,1,buy,10,2.5\r\r", false),
            ("deribit,BTC,1709251200000000,1709251200000000,1,buy,10", false),
            ("deribit,BTC,1709251200000000,1709251200000000,1,buy,10,2.5,", false),
            ("deribit,BTC,1709251200000000,1709251200000000,1,buy,10,", false),
            ("deribit,BTC,1709251200000000,1709251200000000,1,buy,10,2.5 ", false),
            ("deribit,BTC,1709251200000000,1709251200000000,\"1\",buy,10,2.5", false),
            ("deribit,BTC,1709251200000000,1709251200000000,é,buy,10,2.5", false),
            ("deribit,BTC,1709251200000000,1709251200000000,1,buyer,10,2.5", false),
            ("deribit,BTC,1709251200000,1709251200000,1,buy,10,2.5", false),
            ("deribit,BTC,17092512000000000,1709251200000000,1,buy,10,2.5", false),
            ("deribit,BTC,1000000000000000,1709251200000000,1,buy,10,2.5", false),
            ("deribit,,1709251200000000,1709251200000000,1,buy,10,2.5", false),
            ("deribit,BTC", false),
            ("", false),
        ] {
            // What follows has room for reading ahead.
            let read = read(table, first, &format!("{row}\n{}", ",".repeat(40)));
            assert_eq!(read, if is_read { row.len() + 1 } else { 0 }, "{row}");
        }
    }
}
