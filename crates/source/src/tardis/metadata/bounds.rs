//! How large, deep and long an answer may be: whatever a server sends, reading it takes little memory and comes to an end.

use std::cell::Cell;
use std::io::{self, Read};
use std::rc::Rc;

/// Plain bytes of an answer at most; the longest known one has 0.3 GB.
pub const MOST_BYTES: u64 = 4 << 30;
/// Arrays and objects within each other.
const DEEPEST: u32 = 32;
/// Bytes of one text.
const LONGEST_TEXT: u64 = 64 << 10;
/// Bytes of a symbol's name: they are looked at letter by letter, and again from each letter on.
pub const LONGEST_NAME: usize = 1024;
/// Bytes of one symbol, or of one line of another list.
const LONGEST_ROW: u64 = 1 << 20;
/// Symbols of one list.
pub const MOST_SYMBOLS: u64 = 3_000_000;
/// Lines of a list of other things.
pub const MOST_LINES: u64 = 100_000;
/// Bytes of memory for what is taken from one answer, about.
pub const MOST_KEPT: usize = 24 << 20;

/// What is too much of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Bound {
    /// Its length.
    #[error("has more than {MOST_BYTES} bytes")]
    Bytes,
    /// Its depth.
    #[error("has more than {DEEPEST} arrays and objects within each other")]
    Depth,
    /// A text in it.
    #[error("has a text of more than {LONGEST_TEXT} bytes")]
    Text,
    /// The name of a symbol in it.
    #[error("has a symbol whose name has more than {LONGEST_NAME} bytes")]
    Name,
    /// A symbol or another line in it.
    #[error("has a line of more than {LONGEST_ROW} bytes in a list")]
    Row,
    /// How many symbols it has.
    #[error("has more than {MOST_SYMBOLS} symbols")]
    Symbols,
    /// How many lines another list has.
    #[error("has a list of more than {MOST_LINES} lines")]
    Lines,
    /// What a list of other things would take in memory.
    #[error("has a list of more than {} MB", MOST_KEPT >> 20)]
    List,
    /// What would have to be kept in memory of its symbols.
    #[error("has more symbols than can be held in memory ({} MB) for what is asked; ask for fewer days at once", MOST_KEPT >> 20)]
    Kept,
}

/// What reader and parser know together.
#[derive(Debug, Default)]
pub struct Watch {
    broken: Cell<Option<Bound>>,
    /// Bytes since the line of a list began; absent: no line is being read.
    row: Cell<Option<u64>>,
}

impl Watch {
    /// A line of a list begins, of which all is held until its end.
    pub fn begin_row(&self) {
        self.row.set(Some(0));
    }

    /// It has ended.
    pub fn end_row(&self) {
        self.row.set(None);
    }

    /// The bound that is broken.
    pub fn broken(&self) -> Option<Bound> {
        self.broken.get()
    }

    /// Says that a bound is broken.
    pub fn breaks(&self, bound: Bound) -> Bound {
        self.broken.set(Some(bound));
        bound
    }
}

/// Reads JSON as long as it keeps to the bounds. Whether it is JSON is the parser's business.
pub struct Bounded<R> {
    plain: R,
    watch: Rc<Watch>,
    bytes: u64,
    depth: u32,
    /// Length of the text that is being read; absent: between texts.
    text: Option<u64>,
    is_escaped: bool,
}

impl<R: Read> Bounded<R> {
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
            // What has no meaning of its own is passed over at once.
            let plain = match self.is_escaped {
                true => 0,
                false => memchr::memchr2(b'"', b'\\', &bytes[at - 1..]).unwrap_or(bytes.len() - (at - 1)),
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
