//! The vendor's CSV to columns. Owns no reader: bytes are pushed in, whole batches come out.
//!
//! The same decoder serves downloads, local files, tests and fuzzing, under any cutting of the bytes: batches hold
//! [`BATCH_ROWS`] rows each, whatever the cutting. It knows neither gzip nor Parquet. Start at [`Decoder::push`].

mod cells;
mod eight;
mod error;
mod fault;
mod header;
mod names;
pub mod number;
mod quoted;
mod usual_cell;
mod usual_row;

use std::borrow::Cow;
use std::collections::VecDeque;

use arrow_array::ArrayRef;
use mtdh_core::Day;
use mtdh_core::table::{Kind, Table};
use mtdh_core::time_unit::Plausible;

use crate::row_builder::{ColumnBuffer, RowBuilder};
use fault::{Fault, is_clock};
use header::{Cell, Layout};
use names::Names;
use usual_row::UsualCells;

pub use error::DecodeError;
pub use header::text_cells;
pub use names::{RowName, dataset_symbol};

/// Rows of a batch; the last one of a file may be shorter.
pub const BATCH_ROWS: usize = 32_768;

/// Rejected rows that are kept in memory at most; a file with more, or with longer ones, is refused.
const MAX_REJECTS: usize = 100_000;

/// Bytes of rejected rows that are kept in memory at most.
const MAX_REJECT_BYTES: usize = 64 << 20;

/// Bytes of a line at most, its end not counted; more cannot be a row of any table and would fill the memory.
pub const MAX_LINE_BYTES: usize = 64 * 1024;

/// What a file should hold. What is not given is not checked.
#[derive(Clone, Debug, Default)]
pub struct Expectation {
    /// The vendor's exchange id.
    pub exchange: Option<String>,
    /// The dataset symbol, the form of the vendor's URLs; not given for group files.
    pub symbol: Option<String>,
    /// The UTC day of arrival.
    pub day: Option<Day>,
}

/// A row that cannot be stored, for quarantine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reject {
    /// Line in the file, from 1; the header is line 1.
    pub line: u64,
    /// Its text; bytes that are not UTF-8 are replaced.
    pub text: String,
    /// What is wrong with it.
    pub reason: String,
    /// Index into [`Decoder::names`]; null when the row is too broken to tell.
    pub name: Option<u32>,
}

/// A batch: the table's columns, without `instrument_key`, in the table's order.
#[derive(Debug)]
pub struct Rows {
    /// One array per column of the table.
    pub columns: Vec<ArrayRef>,
    /// For each row its index into [`Decoder::names`].
    pub names: Vec<u32>,
    /// The exchange and symbol cells of the names that came up since the batch before.
    pub new_names: Vec<(String, String)>,
}

/// Turns a table's CSV into batches.
pub struct Decoder {
    table: &'static Table,
    /// The day on which every row should have arrived.
    day: Option<Day>,
    /// What the two clocks may show, and what other times may be.
    plausible: [Plausible; 2],
    layout: Option<Layout>,
    /// The header row, which later parts of a file may repeat.
    header: Vec<u8>,
    /// Bytes of the current line that came before the part that has just begun; `None` if none has.
    part_at: Option<usize>,
    /// Header rows seen so far.
    headers: u64,
    /// Whether the next row is the first one of a part.
    begins_part: bool,
    /// The first row of the file.
    first_row: Vec<u8>,
    builder: RowBuilder,
    /// What cells of usual rows look like.
    usual: UsualCells,
    row_names: Vec<u32>,
    names: Names,
    /// How many of the names earlier batches told of.
    names_told: usize,
    /// `exchange,symbol` as the last good row began, where rows begin so: most rows begin as the one before.
    last_start: Vec<u8>,
    /// Whose rows begin so.
    last_start_name: u32,
    /// The beginning of a line whose end has not come yet.
    carry: Vec<u8>,
    /// Lines seen so far, the header included.
    line: u64,
    rejects: Vec<Reject>,
    reject_bytes: usize,
    ready: VecDeque<Rows>,
}

impl Decoder {
    /// A decoder at the start of a file.
    pub fn new(table: &'static Table, expectation: Expectation) -> Decoder {
        let clocks = Plausible::clocks(now_us());
        Decoder {
            table,
            day: expectation.day,
            plausible: [clocks, Plausible::expiries()],
            layout: None,
            header: Vec::new(),
            part_at: None,
            headers: 0,
            begins_part: true,
            first_row: Vec::new(),
            builder: RowBuilder::new(table),
            usual: UsualCells::new(table),
            row_names: Vec::new(),
            names: Names::new(expectation),
            names_told: 0,
            last_start: Vec::new(),
            last_start_name: 0,
            carry: Vec::new(),
            line: 0,
            rejects: Vec::new(),
            reject_bytes: 0,
            ready: VecDeque::new(),
        }
    }

    /// Tells that the next bytes begin another part of the file, a gzip member: files that are put together of parts repeat the header
    /// row in each, which is then no row. Anywhere else it would be one, and refused.
    pub fn begin_part(&mut self) {
        self.part_at = Some(self.carry.len());
    }

    /// Reads the next bytes of the file.
    ///
    /// # Errors
    /// When the file is not the one asked for; the decoder is of no use afterwards.
    pub fn push(&mut self, mut bytes: &[u8]) -> Result<(), DecodeError> {
        if !self.carry.is_empty() {
            let Some(end) = memchr::memchr(b'\n', bytes) else {
                return self.keep(bytes);
            };
            let mut line = std::mem::take(&mut self.carry);
            line.extend_from_slice(&bytes[..end]);
            self.read_line(&line)?;
            line.clear();
            self.carry = line;
            bytes = &bytes[end + 1..];
        }
        loop {
            bytes = &bytes[self.read_usual_rows(bytes)?..];
            let Some(end) = memchr::memchr(b'\n', bytes) else {
                return self.keep(bytes);
            };
            self.read_line(&bytes[..end])?;
            bytes = &bytes[end + 1..];
        }
    }

    fn keep(&mut self, bytes: &[u8]) -> Result<(), DecodeError> {
        if self.carry.len() + bytes.len() > MAX_LINE_BYTES {
            return Err(DecodeError::EndlessLine(self.line + 1));
        }
        self.carry.extend_from_slice(bytes);
        Ok(())
    }

    /// Ends the file: reads a last line without line end, and makes the last batch.
    ///
    /// # Errors
    /// As [`Decoder::push`].
    pub fn finish(&mut self) -> Result<(), DecodeError> {
        if !self.carry.is_empty() {
            let line = std::mem::take(&mut self.carry);
            self.read_line(&line)?;
        }
        self.make_batch();
        Ok(())
    }

    /// The next whole batch, if one is ready.
    pub fn take_rows(&mut self) -> Option<Rows> {
        self.ready.pop_front()
    }

    /// The rows rejected since the last call.
    pub fn take_rejects(&mut self) -> Vec<Reject> {
        self.reject_bytes = 0;
        std::mem::take(&mut self.rejects)
    }

    /// The exchanges and symbols of the rows so far, in order of appearance, with their counts.
    pub fn names(&self) -> &[RowName] {
        self.names.all()
    }

    /// Rows read so far, rejected ones included: every line but header rows.
    pub fn rows(&self) -> u64 {
        self.line - self.headers
    }

    /// Whether a header row was seen. A file of 0 bytes has none.
    pub fn has_header(&self) -> bool {
        self.layout.is_some()
    }

    fn read_line(&mut self, line: &[u8]) -> Result<(), DecodeError> {
        self.line += 1;
        // A line that comes whole must fare as one that comes in pieces.
        if line.len() > MAX_LINE_BYTES {
            return Err(DecodeError::EndlessLine(self.line));
        }
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let Some(layout) = self.layout.take() else {
            self.layout = Some(Layout::of_header(self.table, line)?);
            self.header.extend_from_slice(without_mark(line));
            self.headers = 1;
            self.part_at = None;
            return Ok(());
        };
        let is_first = std::mem::take(&mut self.begins_part);
        let row = if self.part_at.is_some() { self.row_before_header(line) } else { Some(line) };
        if is_first {
            row.map_or(Ok(()), |line| self.begin_rows(line))?;
        }
        let outcome = row.map_or(Ok(()), |line| self.read_row(&layout, line));
        self.layout = Some(layout);
        outcome
    }

    /// The first line of a part without the header row that it may begin with; `None` if it is nothing but the header row.
    #[cold]
    fn row_before_header<'a>(&mut self, line: &'a [u8]) -> Option<&'a [u8]> {
        // The part before may have ended between the two characters of a line end: nothing of the line is of this part then.
        let split = self.part_at.take().and_then(|at| line.split_at_checked(at));
        let Some((before, _)) = split.filter(|(_, part)| without_mark(part) == self.header) else {
            return Some(line);
        };
        self.headers += 1;
        self.begins_part = true;
        if before.is_empty() {
            return None;
        }
        // The part before ended without a line end.
        self.line += 1;
        Some(before)
    }

    /// A part that begins as the file does is no further part: the file came twice in one.
    #[cold]
    fn begin_rows(&mut self, line: &[u8]) -> Result<(), DecodeError> {
        match self.first_row.is_empty() {
            true => self.first_row.extend_from_slice(line),
            false if self.first_row == line => return Err(DecodeError::Twice(self.line)),
            false => {}
        }
        Ok(())
    }

    fn read_row(&mut self, layout: &Layout, line: &[u8]) -> Result<(), DecodeError> {
        match self.read_cells(layout, line) {
            Ok(row) => self.end_row(layout, &row),
            Err(fault) => {
                self.builder.discard_row();
                self.read_odd_row(layout, line, fault)
            }
        }
    }

    /// Ends a row whose cells are in the columns.
    #[inline]
    fn end_row(&mut self, layout: &Layout, row: &Row<'_>) -> Result<(), DecodeError> {
        let name = if row.is_as_before {
            self.last_start_name
        } else {
            self.new_start(layout, row.exchange, row.symbol)?
        };
        self.accept(name, row)
    }

    fn accept(&mut self, name: u32, row: &Row<'_>) -> Result<(), DecodeError> {
        self.check_day(row.local_timestamp)?;
        self.builder.end_row();
        self.row_names.push(name);
        self.count(name, row);
        if self.builder.rows() == BATCH_ROWS {
            self.make_batch();
        }
        Ok(())
    }

    /// Pushes a row's cells to the columns. On a fault some columns are longer than others.
    fn read_cells<'a>(&mut self, layout: &Layout, line: &'a [u8]) -> Result<Row<'a>, Fault> {
        let mut row = Row::default();
        let mut at = 0;
        let start = self.last_start.len();
        row.is_as_before = start > 0 && line.get(start) == Some(&b',') && line.starts_with(&self.last_start);
        let known_cells = if row.is_as_before { 2 } else { 0 };
        if row.is_as_before {
            at = start;
        }
        for (place, cell) in layout.cells.iter().enumerate().skip(known_cells) {
            if place > 0 {
                if line.get(at) != Some(&b',') {
                    return Err(Fault::Cells(0));
                }
                at += 1;
            }
            let rest = &line[at..];
            match cell {
                Cell::Exchange => {
                    row.exchange = text_cell(rest);
                    at += row.exchange.len();
                }
                Cell::Symbol => {
                    row.symbol = text_cell(rest);
                    at += row.symbol.len();
                }
                Cell::Ignored => at += text_cell(rest).len(),
                Cell::Column { index, kind, nullable } => {
                    let column = self.builder.column(*index);
                    if rest.first().is_none_or(|b| *b == b',') {
                        if !nullable {
                            return Err(Fault::Cell(*index));
                        }
                        column.push_null();
                        continue;
                    }
                    at += push_cell(column, &self.plausible, (*index, *kind), rest, &mut row)?;
                }
            }
        }
        if at < line.len() {
            return Err(Fault::Cells(0));
        }
        if row.is_as_before {
            return Ok(row);
        }
        if row.exchange.is_empty() || row.symbol.is_empty() {
            return Err(Fault::NoName);
        }
        if !is_text(row.symbol) || !is_text(row.exchange) {
            return Err(Fault::BadName);
        }
        Ok(row)
    }

    /// The name of a row that begins otherwise than the one before, and the beginning to look for from now on.
    fn new_start(&mut self, layout: &Layout, exchange: &[u8], symbol: &[u8]) -> Result<u32, DecodeError> {
        let name = self.names.of(exchange, symbol, self.line)?;
        if (layout.exchange, layout.symbol) == (0, 1) {
            self.last_start.clear();
            for part in [exchange, b",", symbol] {
                self.last_start.extend_from_slice(part);
            }
            self.last_start_name = name;
        }
        Ok(name)
    }

    fn check_day(&self, local_timestamp_us: i64) -> Result<(), DecodeError> {
        match self.day {
            Some(day) if !(day.start_us()..day.end_us()).contains(&local_timestamp_us) => {
                Err(DecodeError::WrongDay { line: self.line, local_timestamp_us, day })
            }
            _ => Ok(()),
        }
    }

    fn count(&mut self, name: u32, row: &Row<'_>) {
        let name = self.names.get_mut(name);
        let tally = &mut name.tally;
        tally.rows_in += 1;
        tally.rows_out += 1;
        tally.inexact_numbers += row.inexact_numbers;
        tally.arrival_regressions += u64::from(row.local_timestamp < name.last_local_timestamp);
        name.last_local_timestamp = row.local_timestamp;
        let widen =
            |range: Option<(i64, i64)>, t: i64| range.map_or((t, t), |(min, max)| (min.min(t), max.max(t)));
        tally.timestamp = Some(widen(tally.timestamp, row.timestamp));
        tally.local_timestamp = Some(widen(tally.local_timestamp, row.local_timestamp));
    }

    #[cold]
    fn reject(
        &mut self,
        layout: &Layout,
        line: &[u8],
        cells: &[Cow<'_, [u8]>],
        fault: Fault,
    ) -> Result<(), DecodeError> {
        // The number of cells goes first: where it is wrong, the others are not what they seem.
        let is_whole = cells.len() == layout.cells.len();
        let fault =
            if is_whole || matches!(fault, Fault::Quotes) { fault } else { Fault::Cells(cells.len()) };
        let reason = if line.is_empty() {
            "empty line".to_owned()
        } else {
            fault.describe(self.table, layout.cells.len(), &self.plausible)
        };
        let text_at = |place: usize| cells.get(place).filter(|cell| !cell.is_empty() && is_text(cell));
        let name = match text_at(layout.exchange).zip(text_at(layout.symbol)) {
            Some((exchange, symbol)) if is_whole => Some(self.names.of(exchange, symbol, self.line)?),
            _ => None,
        };
        if let Some(name) = name {
            let tally = &mut self.names.get_mut(name).tally;
            tally.rows_in += 1;
            tally.rows_rejected += 1;
        }
        let text = String::from_utf8_lossy(line).into_owned();
        self.reject_bytes += text.len();
        self.rejects.push(Reject { line: self.line, text, reason, name });
        match self.rejects.first() {
            Some(first) if self.rejects.len() > MAX_REJECTS || self.reject_bytes > MAX_REJECT_BYTES => {
                Err(DecodeError::TooManyRejects { line: first.line, reason: first.reason.clone() })
            }
            _ => Ok(()),
        }
    }

    fn make_batch(&mut self) {
        let rows = self.builder.rows();
        if rows > 0 {
            let names = std::mem::replace(&mut self.row_names, Vec::with_capacity(rows));
            let columns = self.builder.take();
            let new_names = self.names.all()[self.names_told..]
                .iter()
                .map(|n| (n.exchange.clone(), n.symbol.clone()))
                .collect();
            self.names_told = self.names.all().len();
            self.ready.push_back(Rows { columns, names, new_names });
        }
    }
}

/// What is remembered of a row besides its columns.
#[derive(Default)]
struct Row<'a> {
    /// Exchange and symbol are those of the row before; the two below are empty then.
    is_as_before: bool,
    exchange: &'a [u8],
    symbol: &'a [u8],
    timestamp: i64,
    local_timestamp: i64,
    inexact_numbers: u64,
}

/// Pushes the cell at the start of `bytes`, which is not empty, to its column; its length.
#[inline(always)]
fn push_cell(
    column: &mut ColumnBuffer,
    plausible: &[Plausible; 2],
    (index, kind): (usize, Kind),
    bytes: &[u8],
    row: &mut Row<'_>,
) -> Result<usize, Fault> {
    let fault = || Fault::Cell(index);
    match kind {
        Kind::Time => {
            let (us, length) = number::integer(bytes).ok_or_else(fault)?;
            if !plausible[usize::from(!is_clock(index))].contains(us) {
                return Err(Fault::Moment(index, us));
            }
            column.push_time(us);
            match index {
                0 => row.timestamp = us,
                1 => row.local_timestamp = us,
                _ => {}
            }
            Ok(length)
        }
        Kind::Number => {
            let (decimal, length) = number::decimal(bytes).ok_or_else(fault)?;
            column.push_number(decimal.value);
            row.inexact_numbers += u64::from(!decimal.is_exact);
            Ok(length)
        }
        Kind::Text => {
            let (cell, is_ascii) = number::cell(bytes);
            let is_text = is_ascii || std::str::from_utf8(cell).is_ok();
            if !is_text || cell.first() == Some(&b'"') {
                return Err(fault());
            }
            column.push_text(cell);
            Ok(cell.len())
        }
        Kind::Category(words) => {
            let (index, length) = word_cell(words, bytes).ok_or_else(fault)?;
            column.push_category(index);
            Ok(length)
        }
        Kind::Flag => {
            let cell = text_cell(bytes);
            column.push_flag(match cell {
                b"true" => true,
                b"false" => false,
                _ => return Err(fault()),
            });
            Ok(cell.len())
        }
    }
}

/// This machine's clock, microseconds since the Unix epoch, UTC: for files that do not tell their day.
fn now_us() -> i64 {
    chrono::Utc::now().timestamp_micros()
}

/// A line without the byte-order mark that a first line may have.
fn without_mark(line: &[u8]) -> &[u8] {
    line.strip_prefix("\u{feff}".as_bytes()).unwrap_or(line)
}

/// Whether a cell is text as the vendor writes it. Quotes would mean that a comma need not end a cell.
fn is_text(cell: &[u8]) -> bool {
    std::str::from_utf8(cell).is_ok_and(|text| !text.starts_with('"'))
}

/// The word that a cell holds: its index and length. The words of a column differ in their first letters, so that one
/// comparison finds it.
#[inline]
fn word_cell(words: &[&str], bytes: &[u8]) -> Option<(usize, usize)> {
    let index = words.iter().position(|word| word.as_bytes().first() == bytes.first())?;
    let length = words[index].len();
    let is_equal = bytes.len() >= length && bytes.iter().zip(words[index].as_bytes()).all(|(a, b)| a == b);
    (is_equal && bytes.get(length).is_none_or(|b| *b == b',')).then_some((index, length))
}

#[inline]
fn text_cell(bytes: &[u8]) -> &[u8] {
    // Cells are a few bytes long: a plain loop beats a vectorised search that must set itself up.
    let end = bytes.iter().position(|b| *b == b',').unwrap_or(bytes.len());
    &bytes[..end]
}
