//! Rows as text: CSV and JSON lines, one row at a time, so that a slow reader delays the writer only.

use std::io::{self, Write};

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int32Type, TimestampMicrosecondType};
use arrow_array::{Array, BooleanArray, DictionaryArray, Float64Array, RecordBatch, StringArray};
use arrow_array::{TimestampMicrosecondArray, TypedDictionaryArray};
use chrono::{DateTime, NaiveDate};
use mtdh_core::day::DAY_US;

/// Bytes that are buffered before they are written.
const PIECE_BYTES: usize = 64 << 10;

/// Writes rows of one table.
pub(super) struct TextWriter<W> {
    out: W,
    is_json: bool,
    /// The text before each cell: nothing or a comma; in JSON also the name.
    before: Vec<Vec<u8>>,
    text: Vec<u8>,
    date: Date,
}

impl<W: Write> TextWriter<W> {
    /// A CSV with its header row.
    pub fn csv(names: &[&str], out: W) -> TextWriter<W> {
        let before = (0..names.len()).map(|column| if column == 0 { Vec::new() } else { vec![b','] });
        let mut writer = TextWriter::new(out, false, before.collect());
        for (name, before) in names.iter().zip(&writer.before) {
            writer.text.extend_from_slice(before);
            push_csv(&mut writer.text, name);
        }
        writer.text.push(b'\n');
        writer
    }

    /// One JSON object per line.
    pub fn json_lines(names: &[&str], out: W) -> TextWriter<W> {
        let before = names.iter().map(|name| {
            let mut text = vec![b','];
            push_json(&mut text, name);
            text.push(b':');
            text
        });
        TextWriter::new(out, true, before.collect())
    }

    fn new(out: W, is_json: bool, before: Vec<Vec<u8>>) -> TextWriter<W> {
        TextWriter { out, is_json, before, text: Vec::new(), date: Date::default() }
    }

    /// Appends rows.
    ///
    /// # Errors
    /// When writing fails, or a time is outside the calendar.
    pub fn write(&mut self, batch: &RecordBatch) -> io::Result<()> {
        let columns = batch.columns().iter().map(|array| Cells::of(array.as_ref()));
        let columns = columns.collect::<io::Result<Vec<Cells<'_>>>>()?;
        for row in 0..batch.num_rows() {
            if self.is_json {
                self.json_row(&columns, row)?;
            } else {
                self.csv_row(&columns, row)?;
            }
            self.text.push(b'\n');
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

    fn csv_row(&mut self, columns: &[Cells<'_>], row: usize) -> io::Result<()> {
        let text = &mut self.text;
        for (cells, before) in columns.iter().zip(&self.before) {
            text.extend_from_slice(before);
            match cells.at(row) {
                None => {}
                Some(Cell::Time(us)) => self.date.push(text, us)?,
                Some(Cell::Number(number)) => push_csv_number(text, number),
                Some(Cell::Text(cell)) => push_csv(text, cell),
                Some(Cell::Flag(flag)) => push_flag(text, flag),
            }
        }
        Ok(())
    }

    fn json_row(&mut self, columns: &[Cells<'_>], row: usize) -> io::Result<()> {
        let text = &mut self.text;
        let start = text.len();
        for (cells, before) in columns.iter().zip(&self.before) {
            let Some(cell) = cells.at(row) else { continue };
            text.extend_from_slice(before);
            match cell {
                Cell::Time(us) => {
                    text.push(b'"');
                    self.date.push(text, us)?;
                    text.push(b'"');
                }
                Cell::Number(number) => push_json_number(text, number),
                Cell::Text(cell) => push_json(text, cell),
                Cell::Flag(flag) => push_flag(text, flag),
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

/// A column by its type.
enum Cells<'a> {
    Times(&'a TimestampMicrosecondArray),
    Numbers(&'a Float64Array),
    Texts(&'a StringArray),
    Words(TypedDictionaryArray<'a, Int32Type, StringArray>, &'a DictionaryArray<Int32Type>),
    Flags(&'a BooleanArray),
}

/// A cell that is not null.
enum Cell<'a> {
    Time(i64),
    Number(f64),
    Text(&'a str),
    Flag(bool),
}

impl<'a> Cells<'a> {
    fn of(array: &'a dyn Array) -> io::Result<Cells<'a>> {
        let words = array.as_dictionary_opt::<Int32Type>();
        let words = words.and_then(|words| Some(Cells::Words(words.downcast_dict()?, words)));
        let cells = array.as_primitive_opt::<TimestampMicrosecondType>().map(Cells::Times);
        let cells = cells.or_else(|| array.as_primitive_opt::<Float64Type>().map(Cells::Numbers));
        let cells = cells.or_else(|| array.as_string_opt::<i32>().map(Cells::Texts));
        let cells = cells.or_else(|| array.as_boolean_opt().map(Cells::Flags)).or(words);
        cells.ok_or_else(|| io::Error::other(format!("no table has columns of {}", array.data_type())))
    }

    fn at(&self, row: usize) -> Option<Cell<'a>> {
        match self {
            Cells::Times(times) => times.is_valid(row).then(|| Cell::Time(times.value(row))),
            Cells::Numbers(numbers) => numbers.is_valid(row).then(|| Cell::Number(numbers.value(row))),
            Cells::Texts(texts) => texts.is_valid(row).then(|| Cell::Text(texts.value(row))),
            Cells::Words(_, words) if words.is_null(row) => None,
            Cells::Words(words, _) => {
                Some(Cell::Text(words.values().value(words.keys().value(row) as usize)))
            }
            Cells::Flags(flags) => flags.is_valid(row).then(|| Cell::Flag(flags.value(row))),
        }
    }
}

/// The date of the last time written: adjacent times mostly share it.
#[derive(Default)]
struct Date {
    number: i64,
    text: Vec<u8>,
}

impl Date {
    /// Writes a time, microseconds since the Unix epoch, as RFC 3339 in UTC with microseconds.
    fn push(&mut self, text: &mut Vec<u8>, us: i64) -> io::Result<()> {
        let number = us.div_euclid(DAY_US);
        if self.text.is_empty() || self.number != number {
            let date: Option<NaiveDate> = DateTime::from_timestamp_micros(us).map(|time| time.date_naive());
            let date =
                date.ok_or_else(|| io::Error::other(format!("{us} us lies outside of the calendar")))?;
            (self.number, self.text) = (number, date.to_string().into_bytes());
        }
        text.extend_from_slice(&self.text);
        let us = us.rem_euclid(DAY_US);
        let seconds = us / 1_000_000;
        let parts = [(b'T', seconds / 3600, 2), (b':', seconds / 60 % 60, 2), (b':', seconds % 60, 2)];
        for (before, value, digits) in parts.into_iter().chain([(b'.', us % 1_000_000, 6)]) {
            text.push(before);
            push_digits(text, value, digits);
        }
        text.push(b'Z');
        Ok(())
    }
}

fn push_digits(text: &mut Vec<u8>, mut value: i64, digits: usize) {
    let start = text.len();
    text.resize(start + digits, b'0');
    for digit in text[start..].iter_mut().rev() {
        *digit = b'0' + (value % 10) as u8;
        value /= 10;
    }
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
        text.extend_from_slice(format!("{number:e}").as_bytes());
    }
}

fn push_flag(text: &mut Vec<u8>, flag: bool) {
    text.extend_from_slice(if flag { b"true" } else { b"false" });
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
