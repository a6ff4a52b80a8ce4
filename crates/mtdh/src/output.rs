//! Output of the program: results on stdout in the chosen format, everything else on stderr.

use std::io::{self, BufWriter, Write};

use anyhow::Result;
use comfy_table::{CellAlignment, ContentArrangement, Table, presets};
use mtdh_core::text::printable;
use serde::Serialize;

use crate::args::Format;
use crate::hints::hint;
use crate::log;
use crate::stdout::Stdout;

/// A result as rows.
#[derive(Debug, Default)]
pub struct Rows {
    /// Column names.
    pub headers: Vec<&'static str>,
    /// Cells, as many per row as there are headers; `-` is null.
    pub rows: Vec<Vec<String>>,
}

impl Rows {
    /// A result without rows.
    pub fn new(headers: &[&'static str]) -> Rows {
        Rows { headers: headers.to_vec(), rows: Vec::new() }
    }

    /// Each row as a JSON object; whole numbers as numbers.
    pub fn objects(&self) -> Vec<serde_json::Value> {
        let object = |row: &Vec<String>| {
            let cells = self.headers.iter().zip(row).map(|(name, cell)| ((*name).to_owned(), value(cell)));
            serde_json::Value::Object(cells.collect())
        };
        self.rows.iter().map(object).collect()
    }
}

/// Prints a result: for people and as CSV its rows, as JSON the whole document, as JSON lines one row per line.
///
/// # Errors
/// When the document cannot be serialized. Write errors of stdout are kept by [`crate::stdout`].
pub fn print(format: Format, rows: &Rows, document: &impl Serialize) -> Result<()> {
    let mut out = BufWriter::new(Stdout);
    match format {
        Format::Json => {
            serde_json::to_writer_pretty(&mut out, document)?;
            writeln!(out)?;
        }
        Format::Jsonl => {
            for row in &rows.rows {
                let cells =
                    rows.headers.iter().zip(row).map(|(name, cell)| ((*name).to_owned(), value(cell)));
                writeln!(out, "{}", serde_json::Value::Object(cells.collect()))?;
            }
        }
        Format::Csv => {
            writeln!(out, "{}", rows.headers.join(","))?;
            for row in &rows.rows {
                let cells = row.iter().map(|cell| if cell == NULL { String::new() } else { quoted(cell) });
                writeln!(out, "{}", cells.collect::<Vec<_>>().join(","))?;
            }
        }
        // The forms that one verb alone has are printed by that verb, and refused elsewhere.
        _ if rows.rows.is_empty() => {}
        _ => writeln!(out, "{}", table(rows).trim_fmt())?,
    }
    out.flush()?;
    Ok(())
}

/// Null in a table for people.
const NULL: &str = "-";

fn value(cell: &str) -> serde_json::Value {
    if cell == NULL {
        return serde_json::Value::Null;
    }
    match cell.parse::<u64>() {
        Ok(number) if number.to_string() == cell => number.into(),
        _ => cell.into(),
    }
}

/// A cell of CSV.
pub fn quoted(cell: &str) -> String {
    if cell.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", cell.replace('"', "\"\""))
    } else {
        cell.to_owned()
    }
}

fn table(rows: &Rows) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(&rows.headers);
    for row in &rows.rows {
        table.add_row(row.iter().map(|cell| printable(cell)));
    }
    let is_number =
        |cell: &String| !cell.is_empty() && cell.bytes().all(|b| b.is_ascii_digit() || b".,%-".contains(&b));
    for (index, column) in table.column_iter_mut().enumerate() {
        column.set_padding((0, 2));
        if rows.rows.iter().all(|row| row.get(index).is_some_and(is_number)) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table
}

/// Prints a note on stderr, in one line.
pub fn note(text: &str) {
    say("INFO", text);
}

/// Prints a note with several lines on stderr; the text must be our own.
pub fn notes(text: &str) {
    text.lines().for_each(note);
}

/// Prints all diagnostics, with control characters escaped: texts from names or servers could change the terminal.
fn say(severity: &str, text: &str) {
    let text = printable(text);
    let line = match log::is_json() {
        true if text.is_empty() => return,
        true => log::line(severity, text.trim()),
        false => text.into_owned(),
    };
    log::copy(&line);
    // A closed stderr cannot be reported.
    let _closed = writeln!(io::stderr().lock(), "{line}");
}

/// Prints an error on stderr: what happened, why, what to do.
pub fn error(error: &anyhow::Error) {
    say("ERROR", &format!("error: {}", mtdh_engine::chain(error.as_ref())));
    if let Some(hint) = hint(error) {
        say("ERROR", "");
        say("ERROR", &format!("hint: {hint}"));
    }
}

/// A count with separators, as 1,234,567.
pub fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A count with its noun, as `1 file` and `2 files`.
pub fn many(number: u64, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{} {noun}s", count(number)) }
}

/// A size for people, as 1.5 MB.
pub fn size(bytes: u64) -> String {
    let units = ["B", "kB", "MB", "GB", "TB"];
    let mut value = bytes as f64;
    let mut unit = 0;
    while value >= 1000.0 && unit + 1 < units.len() {
        value /= 1000.0;
        unit += 1;
    }
    if unit == 0 { format!("{bytes} B") } else { format!("{value:.1} {}", units[unit]) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_stays_one_line_of_visible_characters() {
        let mut rows = Rows::new(&["symbol"]);
        rows.rows = vec![vec!["A\u{1b}[2J\nB\u{202e}C".to_owned()]];
        let table = table(&rows).trim_fmt();
        assert_eq!(table.lines().last().map(str::trim_end), Some("A\\u{1b}[2J\\nB\\u{202e}C"), "{table}");
        assert_eq!(quoted("a\rb"), "\"a\rb\"", "CSV keeps data as it is");
    }

    #[test]
    fn numbers_for_people() {
        for (number, expected) in [(0, "0"), (999, "999"), (1000, "1,000"), (1_234_567, "1,234,567")] {
            assert_eq!(count(number), expected);
        }
        for (bytes, expected) in [(999, "999 B"), (1500, "1.5 kB"), (9_500_000_000, "9.5 GB")] {
            assert_eq!(size(bytes), expected);
        }
    }
}
