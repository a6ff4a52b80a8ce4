//! Bounds on the size and depth of a response: whatever a server sends, parsing it needs little memory and terminates.

use std::cell::Cell;
use std::io::{self, Read};
use std::rc::Rc;

/// The largest response, bytes after decompression. The largest known one has 0.3 GB.
pub const MOST_BYTES: u64 = 4 << 30;
/// The largest nesting depth of arrays and objects.
const DEEPEST: u32 = 32;
/// The longest string, bytes.
const LONGEST_TEXT: u64 = 64 << 10;
/// The longest symbol name, bytes. Parsing a name takes quadratic time.
pub const LONGEST_NAME: usize = 1024;
/// The largest element of a list, bytes.
const LONGEST_ROW: u64 = 1 << 20;
/// The largest number of symbols in a list.
pub const MOST_SYMBOLS: u64 = 3_000_000;
/// The largest number of elements in other lists.
pub const MOST_LINES: u64 = 100_000;
/// The approximate memory limit of the parsed data of one response, bytes.
pub const MOST_KEPT: usize = 24 << 20;

/// The exceeded bound of a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Bound {
    /// The size.
    #[error("has more than {MOST_BYTES} bytes")]
    Bytes,
    /// The nesting depth.
    #[error("has more than {DEEPEST} arrays and objects within each other")]
    Depth,
    /// The length of a string.
    #[error("has a text of more than {LONGEST_TEXT} bytes")]
    Text,
    /// The length of a symbol's name.
    #[error("has a symbol whose name has more than {LONGEST_NAME} bytes")]
    Name,
    /// The size of a list element.
    #[error("has a line of more than {LONGEST_ROW} bytes in a list")]
    Row,
    /// The number of symbols.
    #[error("has more than {MOST_SYMBOLS} symbols")]
    Symbols,
    /// The number of elements in another list.
    #[error("has a list of more than {MOST_LINES} lines")]
    Lines,
    /// The memory for another list.
    #[error("has a list of more than {} MB", MOST_KEPT >> 20)]
    List,
    /// The memory for the symbols.
    #[error("has more symbols than can be held in memory ({} MB) for what is asked; ask for fewer days at once", MOST_KEPT >> 20)]
    Kept,
}

/// State shared by reader and parser.
#[derive(Debug, Default)]
pub struct Watch {
    broken: Cell<Option<Bound>>,
    /// Bytes since the start of the current list element; `None` outside of elements.
    row: Cell<Option<u64>>,
}

impl Watch {
    /// Marks the start of a list element, which is kept in memory until its end.
    pub fn begin_row(&self) {
        self.row.set(Some(0));
    }

    /// Marks the end of a list element.
    pub fn end_row(&self) {
        self.row.set(None);
    }

    /// The exceeded bound, if any.
    pub fn broken(&self) -> Option<Bound> {
        self.broken.get()
    }

    /// Records that a bound is exceeded, and returns it.
    pub fn breaks(&self, bound: Bound) -> Bound {
        self.broken.set(Some(bound));
        bound
    }
}

/// A reader of JSON that fails if a bound is exceeded. It does not validate the JSON.
pub struct Bounded<R> {
    plain: R,
    watch: Rc<Watch>,
    bytes: u64,
    depth: u32,
    /// Length of the current string; `None` outside of strings.
    text: Option<u64>,
    is_escaped: bool,
}

impl<R: Read> Bounded<R> {
    /// Wraps a reader of uncompressed JSON.
    pub fn new(plain: R, watch: Rc<Watch>) -> Bounded<R> {
        Bounded { plain, watch, bytes: 0, depth: 0, text: None, is_escaped: false }
    }

    fn look(&mut self, bytes: &[u8]) -> Result<(), Bound> {
        self.bytes += bytes.len() as u64;
        if self.bytes > MOST_BYTES {
            return Err(Bound::Bytes);
        }
        if let Some(row) = self.watch.row.get() {
            let row = row + bytes.len() as u64;
            self.watch.row.set(Some(row));
            if row > LONGEST_ROW {
                return Err(Bound::Row);
            }
        }
        let mut at = 0;
        while let Some(byte) = bytes.get(at) {
            at += 1;
            let Some(length) = self.text else {
                match byte {
                    b'"' => self.text = Some(0),
                    b'{' | b'[' => self.depth += 1,
                    b'}' | b']' => self.depth = self.depth.saturating_sub(1),
                    _ => {}
                }
                if self.depth > DEEPEST {
                    return Err(Bound::Depth);
                }
                continue;
            };
            // Skips to the next quote or backslash.
            let plain = if self.is_escaped {
                0
            } else {
                memchr::memchr2(b'"', b'\\', &bytes[at - 1..]).unwrap_or(bytes.len() - (at - 1))
            };
            let length = length + plain as u64;
            at += plain;
            self.text = Some(length);
            if length >= LONGEST_TEXT {
                return Err(Bound::Text);
            }
            let Some(byte) = bytes.get(at - 1) else { break };
            self.text = Some(length + 1);
            match byte {
                _ if self.is_escaped => self.is_escaped = false,
                b'\\' => self.is_escaped = true,
                _ => self.text = None,
            }
        }
        Ok(())
    }
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.plain.read(buffer)?;
        self.look(&buffer[..length]).map_err(|bound| io::Error::other(self.watch.breaks(bound)))?;
        Ok(length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(text: &str, piece: usize) -> Option<Bound> {
        let watch = Rc::new(Watch::default());
        watch.begin_row();
        let mut bounded = Bounded::new(io::empty(), Rc::clone(&watch));
        text.as_bytes().chunks(piece).find_map(|piece| bounded.look(piece).err())
    }

    #[test]
    fn what_is_too_much_is_named() {
        let long = "x".repeat(LONGEST_TEXT as usize);
        for (text, expected) in [
            (format!("[\"{}\"]", &long[1..]), None),
            (format!("[\"{long}\"]"), Some(Bound::Text)),
            (format!("{{\"{long}\": 1}}"), Some(Bound::Text)),
            (format!("[\"\\\"{long}"), Some(Bound::Text)),
            (format!("{long}{long}"), None),
            ("[".repeat(32), None),
            ("[".repeat(33), Some(Bound::Depth)),
            ("{\"a\":".repeat(33), Some(Bound::Depth)),
            ("[]".repeat(100), None),
            (format!("[\"{}\"]", "[".repeat(100)), None),
            (format!("[\"\\\\\"{}", "[".repeat(33)), Some(Bound::Depth)),
            (" ".repeat(LONGEST_ROW as usize + 1), Some(Bound::Row)),
        ] {
            for piece in [1, 7, 8192] {
                assert_eq!(outcome(&text, piece), expected, "{}", &text[..text.len().min(40)]);
            }
        }
    }
}
