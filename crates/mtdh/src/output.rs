//! Output of the program: results on stdout in the chosen format, everything else on stderr.

use std::ffi::OsString;
use std::io::{self, BufWriter, IsTerminal, Write};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::Result;
use mtdh_core::text::{printable, without_credentials};
use serde::Serialize;

use crate::args::Format;
use crate::hints::hint;
use crate::log;
use crate::screen::{self, width_of};
use crate::stdout::Stdout;
use crate::table::{MOST_ROWS, NULL, Room, draw, value};

pub use crate::numbers::{count, many, size};
pub use crate::table::Rows;

/// Whether only errors and verdicts go to stderr.
static IS_QUIET: AtomicBool = AtomicBool::new(false);

/// Keeps notes and progress from stderr: errors and verdicts stay.
pub fn set_quiet() {
    IS_QUIET.store(true, Ordering::Relaxed);
}

/// Whether [`set_quiet`] was called.
pub fn is_quiet() -> bool {
    IS_QUIET.load(Ordering::Relaxed)
}

/// The room for a table on stdout: in a pipe nothing is cut.
fn room() -> Room {
    let out = io::stdout();
    match out.is_terminal() {
        true => Room { width: width_of(out), rows: Some(MOST_ROWS) },
        false => Room::default(),
    }
}

/// Empties the terminal, so that a table takes the place of the one before. In a pipe tables follow each other.
pub fn redraw(format: Format) {
    if format == Format::Table && io::stdout().is_terminal() {
        // The writer keeps what goes wrong.
        let _kept = Stdout.write_all(b"\x1b[H\x1b[2J");
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
        _ => write!(out, "{}", draw(rows, room()))?,
    }
    out.flush()?;
    Ok(())
}

/// A cell of CSV.
pub fn quoted(cell: &str) -> String {
    if cell.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", cell.replace('"', "\"\""))
    } else {
        cell.to_owned()
    }
}

/// Prints a note on stderr, in one line.
pub fn note(text: &str) {
    if !is_quiet() {
        say("INFO", text);
    }
}

/// Prints what a verb came to, as its last line on stderr; with the command that comes next, if one helps.
pub fn verdict(text: &str, next: Option<&str>) {
    match next {
        Some(command) => say("INFO", &format!("{text}; next: {command}")),
        None => say("INFO", text),
    }
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
    let _clear = screen::clear();
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

/// A command as it can be typed again, the program by its name; what could be a secret is hidden.
pub fn command_line(words: &[OsString]) -> String {
    let word = |word: &OsString| {
        let text = word.to_string_lossy();
        shell_word(&if text.contains("://") { without_credentials(&text) } else { text.into_owned() })
    };
    let name = |path: &OsString| Path::new(path).file_name().map_or_else(|| path.clone(), OsString::from);
    let program = words.first().map(name).into_iter();
    let others = words.iter().skip(1).cloned();
    program.chain(others).map(|text| word(&text)).collect::<Vec<_>>().join(" ")
}

/// A word for a shell, quoted where that is needed.
pub fn shell_word(word: &str) -> String {
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "-_./:=,@%+#".contains(letter);
    if !word.is_empty() && !word.starts_with('#') && word.chars().all(is_plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn csv_keeps_data_as_it_is() {
        assert_eq!(quoted("a\rb"), "\"a\rb\"");
    }

    #[test]
    fn a_command_can_be_typed_again() {
        let words =
            ["/opt/mtdh", "check", "all", "--lake", "s3://a:b@c/d", "--instruments", "DERIBIT:*", "it's", ""];
        let line = command_line(&words.map(OsString::from));
        assert!(line.starts_with("mtdh check all --lake ") && !line.contains("a:b@"), "{line}");
        assert!(line.ends_with(" --instruments 'DERIBIT:*' 'it'\\''s' ''"), "{line}");
    }
}
