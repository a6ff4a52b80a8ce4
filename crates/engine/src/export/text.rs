//! Rows as text: CSV and JSON lines, one row at a time, so that a slow reader delays the writer only.

use std::io::{self, Write};
use std::ops::Range;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int32Type, TimestampMicrosecondType, UInt64Type};
use arrow_array::{Array, BooleanArray, DictionaryArray, Float64Array, ListArray, RecordBatch, StringArray};
use arrow_array::{TimestampMicrosecondArray, UInt64Array};
use chrono::{DateTime, Timelike};

/// Bytes that are buffered before they are written.
const PIECE_BYTES: usize = 64 << 10;

/// Rows that are written between two looks at the size of the buffer.
const STEP_ROWS: usize = 256;

/// A form of rows as text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TextForm {
    /// CSV with a header row; times as RFC 3339 with microseconds.
    Csv,
    /// One JSON object per line; null cells are left out.
    Lines,
    /// A JSON array per row, separated by commas; null cells are `null`.
    Arrays,
}

/// Writes rows of one table to memory.
pub struct RowText {
    form: TextForm,
    /// The text before each cell: nothing or a comma; in JSON lines also the name.
    before: Vec<Vec<u8>>,
    header: Vec<u8>,
    /// What each JSON line begins with.
    lead: Vec<u8>,
    clock: Clock,
    is_first: bool,
}

impl RowText {
    /// For tables with these columns.
    pub fn new(names: &[&str], form: TextForm) -> RowText {
        let mut header = Vec::new();
        if form == TextForm::Csv {
            for (place, name) in names.iter().enumerate() {
                header.extend_from_slice(if place == 0 { b"" } else { b"," });
                push_csv(&mut header, name);
            }
            header.push(b'\n');
        }
        let before = names.iter().enumerate().map(|(place, name)| match form {
            TextForm::Lines => {
                let mut text = vec![b','];
                push_json(&mut text, name);
                text.push(b':');
                text
            }
            _ if place == 0 => Vec::new(),
            _ => vec![b','],
        });
        let (lead, clock) = (Vec::new(), Clock::default());
        RowText { form, before: before.collect(), header, lead, clock, is_first: true }
    }

    /// The same, whose JSON lines begin with the member `data_type`.
    #[must_use]
    pub fn of_type(mut self, name: &str) -> RowText {
        self.lead = b",\"data_type\":".to_vec();
        push_json(&mut self.lead, name);
        self
    }

    /// What stands before the rows.
    pub fn header(&self) -> &[u8] {
        &self.header
    }

    /// Appends rows to a text.
    ///
    /// # Errors
    /// When a time is outside the calendar, or a column has a type that no table has.
    pub fn push(&mut self, batch: &RecordBatch, text: &mut Vec<u8>) -> io::Result<()> {
        self.push_range(batch, 0..batch.num_rows(), text)
    }

    /// Appends some rows of a batch, which must have them.
    ///
    /// # Errors
    /// As [`RowText::push`].
    pub fn push_range(
        &mut self,
        batch: &RecordBatch,
        rows: Range<usize>,
        text: &mut Vec<u8>,
    ) -> io::Result<()> {
        let columns = self.columns(batch)?;
        self.push_rows(&columns, rows, text)
    }

    fn columns<'a>(&self, batch: &'a RecordBatch) -> io::Result<Vec<Cells<'a>>> {
        let is_csv = self.form == TextForm::Csv;
        batch.columns().iter().map(|array| Cells::of(array.as_ref(), is_csv)).collect()
    }

    fn push_rows(&mut self, columns: &[Cells<'_>], rows: Range<usize>, text: &mut Vec<u8>) -> io::Result<()> {
        for row in rows {
            match self.form {
                TextForm::Csv => {
                    for (cells, before) in columns.iter().zip(&self.before) {
                        text.extend_from_slice(before);
                        cells.push_csv(row, &mut self.clock, text)?;
                    }
                    text.push(b'\n');
                }
                TextForm::Lines => {
                    self.json_row(columns, row, text)?;
                    text.push(b'\n');
                }
                TextForm::Arrays => {
                    text.extend_from_slice(if self.is_first { b"[" } else { b",[" });
                    self.is_first = false;
                    for (cells, before) in columns.iter().zip(&self.before) {
                        text.extend_from_slice(before);
                        if cells.is_null(row) {
                            text.extend_from_slice(b"null");
                        } else {
                            cells.push_json(row, &mut self.clock, text)?;
                        }
                    }
                    text.push(b']');
                }
            }
        }
        Ok(())
    }

    fn json_row(&mut self, columns: &[Cells<'_>], row: usize, text: &mut Vec<u8>) -> io::Result<()> {
        let start = text.len();
        text.extend_from_slice(&self.lead);
        for (cells, before) in columns.iter().zip(&self.before) {
            if !cells.is_null(row) {
                text.extend_from_slice(before);
                cells.push_json(row, &mut self.clock, text)?;
            }
        }
        match text.get_mut(start) {
            Some(first) => *first = b'{',
            None => text.push(b'{'),
        }
        text.push(b'}');
        Ok(())
    }
}

/// Writes rows of one table.
pub(super) struct TextWriter<W> {
    out: W,
    rows: RowText,
    text: Vec<u8>,
}

impl<W: Write> TextWriter<W> {
    /// Starts an output, with what stands before the rows.
    pub fn new(names: &[&str], form: TextForm, out: W) -> TextWriter<W> {
        let rows = RowText::new(names, form);
        TextWriter { out, text: rows.header().to_vec(), rows }
    }

    /// Appends rows.
    ///
    /// # Errors
    /// When writing fails, or a time is outside the calendar.
    pub fn write(&mut self, batch: &RecordBatch) -> io::Result<()> {
        let columns = self.rows.columns(batch)?;
        for start in (0..batch.num_rows()).step_by(STEP_ROWS) {
            let end = batch.num_rows().min(start + STEP_ROWS);
            self.rows.push_rows(&columns, start..end, &mut self.text)?;
            if self.text.len() >= PIECE_BYTES {
                self.give()?;
            }
        }
        Ok(())
    }

    /// Ends the output.
    ///
    /// # Errors
    /// When writing fails.
    pub fn finish(mut self) -> io::Result<W> {
        self.give()?;
        Ok(self.out)
    }

    fn give(&mut self) -> io::Result<()> {
        self.out.write_all(&self.text)?;
        self.text.clear();
        Ok(())
    }
}

/// A column by its type.
enum Cells<'a> {
    Times(&'a TimestampMicrosecondArray),
    Numbers(&'a Float64Array),
    Counts(&'a UInt64Array),
    Texts(&'a StringArray),
    /// Categories, and each word as it is written.
    Words(&'a DictionaryArray<Int32Type>, Vec<Vec<u8>>),
    Flags(&'a BooleanArray),
    /// Lists, and the cells in them; they are written as JSON arrays, in CSV as their text.
    Lists(&'a ListArray, Box<Cells<'a>>),
}

impl<'a> Cells<'a> {
    fn of(array: &'a dyn Array, is_csv: bool) -> io::Result<Cells<'a>> {
        let push = if is_csv { push_csv } else { push_json };
        let words = |words: &'a DictionaryArray<Int32Type>| {
            let written = words.values().as_string_opt::<i32>()?.iter().map(|word| {
                let mut text = Vec::new();
                push(&mut text, word.unwrap_or_default());
                text
            });
            Some(Cells::Words(words, written.collect()))
        };
        let cells = array.as_primitive_opt::<TimestampMicrosecondType>().map(Cells::Times);
        let cells = cells.or_else(|| array.as_primitive_opt::<Float64Type>().map(Cells::Numbers));
        let cells = cells.or_else(|| array.as_primitive_opt::<UInt64Type>().map(Cells::Counts));
        let cells = cells.or_else(|| array.as_string_opt::<i32>().map(Cells::Texts));
        let cells = cells.or_else(|| array.as_boolean_opt().map(Cells::Flags));
        let cells = cells.or_else(|| array.as_dictionary_opt::<Int32Type>().and_then(words));
        if let Some(lists) = array.as_list_opt::<i32>() {
            return Ok(Cells::Lists(lists, Box::new(Cells::of(lists.values().as_ref(), false)?)));
        }
        cells.ok_or_else(|| io::Error::other(format!("no table has columns of {}", array.data_type())))
    }

    fn is_null(&self, row: usize) -> bool {
        match self {
            Cells::Times(times) => times.is_null(row),
            Cells::Numbers(numbers) => numbers.is_null(row),
            Cells::Counts(counts) => counts.is_null(row),
            Cells::Texts(texts) => texts.is_null(row),
            Cells::Words(words, _) => words.is_null(row),
            Cells::Flags(flags) => flags.is_null(row),
            Cells::Lists(lists, _) => lists.is_null(row),
        }
    }

    fn push_csv(&self, row: usize, clock: &mut Clock, text: &mut Vec<u8>) -> io::Result<()> {
        match self {
            _ if self.is_null(row) => {}
            Cells::Times(times) => clock.push(text, times.value(row))?,
            Cells::Numbers(numbers) => push_csv_number(text, numbers.value(row)),
            Cells::Texts(texts) => push_csv(text, texts.value(row)),
            Cells::Lists(..) => {
                let mut list = Vec::new();
                self.push_json(row, clock, &mut list)?;
                push_csv(text, &String::from_utf8_lossy(&list));
            }
            _ => self.push_plain(row, text),
        }
        Ok(())
    }

    /// A cell that is not null.
    fn push_json(&self, row: usize, clock: &mut Clock, text: &mut Vec<u8>) -> io::Result<()> {
        match self {
            Cells::Times(times) => {
                text.push(b'"');
                clock.push(text, times.value(row))?;
                text.push(b'"');
            }
            Cells::Numbers(numbers) => push_json_number(text, numbers.value(row)),
            Cells::Texts(texts) => push_json(text, texts.value(row)),
            Cells::Lists(lists, cells) => {
                text.push(b'[');
                let [start, end] = [row, row + 1].map(|at| lists.value_offsets()[at] as usize);
                for at in start..end {
                    text.extend_from_slice(if at == start { b"" } else { b"," });
                    if cells.is_null(at) {
                        text.extend_from_slice(b"null");
                    } else {
                        cells.push_json(at, clock, text)?;
                    }
                }
                text.push(b']');
            }
            _ => self.push_plain(row, text),
        }
        Ok(())
    }

    /// A cell that both forms write alike.
    fn push_plain(&self, row: usize, text: &mut Vec<u8>) {
        match self {
            Cells::Counts(counts) => push_count(text, counts.value(row)),
            Cells::Words(words, written) => {
                text.extend_from_slice(&written[words.keys().value(row) as usize]);
            }
            Cells::Flags(flags) => text.extend_from_slice(if flags.value(row) { b"true" } else { b"false" }),
            Cells::Times(_) | Cells::Numbers(_) | Cells::Texts(_) | Cells::Lists(..) => {}
        }
    }
}

/// The two digits of each number below 100.
const DIGITS: [[u8; 2]; 100] = {
    let mut digits = [[0; 2]; 100];
    let mut number = 0;
    while number < 100 {
        digits[number] = [b'0' + (number / 10) as u8, b'0' + (number % 10) as u8];
        number += 1;
    }
    digits
};

/// Writes times. Adjacent times mostly share the minute, whose text is kept.
#[derive(Default)]
struct Clock {
    minute: i64,
    /// `2024-03-01T12:30:`; empty at first.
    text: Vec<u8>,
}

impl Clock {
    /// Writes a time, microseconds since the Unix epoch, as RFC 3339 in UTC with microseconds.
    fn push(&mut self, text: &mut Vec<u8>, us: i64) -> io::Result<()> {
        let minute = us.div_euclid(MINUTE_US);
        if self.text.is_empty() || self.minute != minute {
            let time = DateTime::from_timestamp_micros(us);
            let time =
                time.ok_or_else(|| io::Error::other(format!("{us} us lies outside of the calendar")))?;
            let (hour, minute_of_hour) = (time.hour() as usize, time.minute() as usize);
            self.text = time.date_naive().to_string().into_bytes();
            self.text.push(b'T');
            self.text.extend_from_slice(&DIGITS[hour]);
            self.text.push(b':');
            self.text.extend_from_slice(&DIGITS[minute_of_hour]);
            self.text.push(b':');
            self.minute = minute;
        }
        let us = us.rem_euclid(MINUTE_US) as usize;
        let (second, us) = (us / 1_000_000, us % 1_000_000);
        let [[a, b], [c, d], [e, f], [g, h]] =
            [DIGITS[second], DIGITS[us / 10_000], DIGITS[us / 100 % 100], DIGITS[us % 100]];
        text.extend_from_slice(&self.text);
        text.extend_from_slice(&[a, b, b'.', c, d, e, f, g, h, b'Z']);
        Ok(())
    }
}

const MINUTE_US: i64 = 60_000_000;

fn push_count(text: &mut Vec<u8>, count: u64) {
    // Writing to memory does not fail.
    let _infallible = write!(text, "{count}");
}

fn push_csv_number(text: &mut Vec<u8>, number: f64) {
    match number {
        _ if number.is_finite() => push_number(text, number, 1e16),
        f64::INFINITY => text.extend_from_slice(b"inf"),
        f64::NEG_INFINITY => text.extend_from_slice(b"-inf"),
        _ => text.extend_from_slice(b"NaN"),
    }
}

/// JSON has finite numbers only. Numbers with an exponent get a decimal point too.
fn push_json_number(text: &mut Vec<u8>, number: f64) {
    if !number.is_finite() {
        text.extend_from_slice(b"null");
        return;
    }
    let start = text.len();
    push_number(text, number, 1e9);
    let exponent = text[start..].iter().position(|byte| *byte == b'e');
    if let Some(exponent) = exponent.filter(|end| !text[start..start + end].contains(&b'.')) {
        text.splice(start + exponent..start + exponent, *b".0");
    }
}

/// The shortest decimal that parses to the same number; with an exponent below 1e-5, and from a bound on.
fn push_number(text: &mut Vec<u8>, number: f64, bound: f64) {
    if number == 0.0 || (1e-5..bound).contains(&number.abs()) {
        text.extend_from_slice(zmij::Buffer::new().format_finite(number).as_bytes());
    } else {
        // Writing to memory does not fail.
        let _infallible = write!(text, "{number:e}");
    }
}

/// A cell, quoted if it contains a comma, a quote or a line break.
fn push_csv(text: &mut Vec<u8>, cell: &str) {
    if !cell.bytes().any(|byte| matches!(byte, b',' | b'"' | b'\n' | b'\r')) {
        text.extend_from_slice(cell.as_bytes());
        return;
    }
    text.push(b'"');
    for byte in cell.bytes() {
        if byte == b'"' {
            text.push(b'"');
        }
        text.push(byte);
    }
    text.push(b'"');
}

fn push_json(text: &mut Vec<u8>, value: &str) {
    // Writing to memory does not fail.
    let _infallible = serde_json::to_writer(text, value);
}
