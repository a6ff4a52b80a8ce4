//! Cells as the vendor usually writes them, eight bytes at a time. Each parser knows the usual forms only, and says nothing of others.
//!
//! They read on behind the cell, so that what ends it is for the caller to look at: none takes a comma or a line end for a part of it.

use mtdh_core::table::{Column, Kind};

use super::eight::{before_mark, digits, eight_digits, first_bytes, number, text_ends, word};
use super::fault::is_clock;
use super::number::{POWERS, decimal};

/// What is known of a column's cells, and of the one before.
pub(super) struct UsualCell {
    /// Whether it may be empty.
    pub(super) is_nullable: bool,
    /// Which of the decoder's two plausible ranges its times are in.
    pub(super) plausible: usize,
    /// The words that it may be, each with the comma behind it, and the bits that they take.
    words: Vec<(u64, u64)>,
    /// The first eight digits of the last time, and the microseconds that they stand for.
    last_digits: (u64, i64),
    last_number: LastNumber,
}

/// The number of the row before. One that came twice is expected a third time: most levels of a book stay as they are.
#[derive(Default)]
struct LastNumber {
    value: f64,
    /// The cell with the byte behind it, and the bits that they take; no bits when it is not expected again.
    text: u128,
    mask: u128,
    length: usize,
}

impl UsualCell {
    /// Of the table's column with this index, before the first row.
    pub(super) fn new((index, column): (usize, &Column)) -> UsualCell {
        let words: &[&str] = match column.kind {
            Kind::Category(words) => words,
            Kind::Flag => &["false", "true"],
            _ => &[],
        };
        UsualCell {
            is_nullable: column.nullable,
            plausible: usize::from(!is_clock(index)),
            words: words.iter().map_while(|word| with_comma(word)).collect(),
            last_digits: (0, 0),
            last_number: LastNumber::default(),
        }
    }

    /// A time of sixteen digits: in microseconds between 2001 and 2286. Its first eight change every 100 seconds.
    #[inline(always)]
    pub(super) fn time(&mut self, bytes: &[u8]) -> Option<i64> {
        let (head, tail) = (word(bytes)?, word(bytes.get(8..)?)?);
        if head != self.last_digits.0 {
            self.last_digits = (head, eight_digits(head)? as i64 * 100_000_000);
        }
        Some(self.last_digits.1 + eight_digits(tail)? as i64)
    }

    /// One of the words, with a comma behind it: its index and length. Of a flag 0 is false and 1 is true.
    #[inline(always)]
    pub(super) fn word(&self, bytes: &[u8]) -> Option<(usize, usize)> {
        let word = word(bytes)?;
        let index = self.words.iter().position(|(text, mask)| word & mask == *text)?;
        Some((index, self.words[index].1.count_ones() as usize / 8 - 1))
    }

    /// A number and its length; counts it if it is inexact.
    #[inline(always)]
    pub(super) fn number(&mut self, bytes: &[u8], inexact: &mut u64) -> Option<(f64, usize)> {
        let last = &mut self.last_number;
        if last.mask != 0 {
            if u128::from_le_bytes(*bytes.first_chunk()?) & last.mask == last.text {
                return Some((last.value, last.length));
            }
            last.mask = 0;
        }
        // What is behind a plain number may belong to it: an exponent, a ninth digit.
        let ends_cell = |length: usize| matches!(bytes.get(length), Some(b',' | b'\r' | b'\n'));
        let Some((value, length)) = plain_number(bytes).filter(|(_, length)| ends_cell(*length)) else {
            return long_number(bytes, inexact);
        };
        if value.to_bits() == last.value.to_bits() {
            last.expect_again(bytes, length);
        }
        last.value = value;
        Some((value, length))
    }
}

impl LastNumber {
    fn expect_again(&mut self, bytes: &[u8], length: usize) {
        if let Some(text) = bytes.first_chunk()
            && length < 15
        {
            self.mask = (1 << (8 * (length + 1))) - 1;
            self.text = u128::from_le_bytes(*text) & self.mask;
            self.length = length;
        }
    }
}

/// A number without sign, of one to seven digits and, behind a point, up to eight; its length, behind which it may go on. `None` if it
/// has another form, or may have. At most fifteen digits are an integer below 2^53: divided by a power of ten, exact too, it is rounded
/// once, as [`decimal`] does it.
#[inline(always)]
fn plain_number(bytes: &[u8]) -> Option<(f64, usize)> {
    let head = word(bytes)?;
    let (whole, odd) = digits(head);
    let places = before_mark(odd);
    if places == 0 || places == 8 {
        return None;
    }
    if (head >> (8 * places)) as u8 != b'.' {
        return Some((number(whole << (64 - 8 * places)) as f64, places as usize));
    }
    let end = before_mark(odd & (odd - 1));
    if end < 8 {
        // All of it is in one word: the digits behind the point move up to those before it.
        let before_point = first_bytes(places);
        let joined = (whole & before_point) | ((whole >> 8) & !before_point);
        let mantissa = number(joined << (72 - 8 * end));
        return Some((mantissa as f64 / POWERS[(end - places - 1) as usize], end as usize));
    }
    let (fraction, odd) = digits(word(bytes.get(places as usize + 1..)?)?);
    let scale = before_mark(odd);
    if scale == 0 {
        return None;
    }
    let (whole, fraction) = (number(whole << (64 - 8 * places)), number(fraction << (64 - 8 * scale)));
    let power = POWERS[scale as usize];
    Some(((whole as f64 * power + fraction as f64) / power, (places + 1 + scale) as usize))
}

/// Any other number, by the parser of the long way.
#[cold]
fn long_number(bytes: &[u8], inexact: &mut u64) -> Option<(f64, usize)> {
    let end = bytes.iter().position(|b| matches!(b, b',' | b'\r' | b'\n'))?;
    let (decimal, length) = decimal(&bytes[..end])?;
    *inexact += u64::from(!decimal.is_exact);
    Some((decimal.value, length))
}

/// A cell of ASCII characters with a comma behind it, neither empty nor quoted.
#[inline(always)]
pub(super) fn plain_text(bytes: &[u8]) -> Option<&[u8]> {
    let mut length = 0;
    loop {
        let before = before_mark(text_ends(word(bytes.get(length..)?)?)) as usize;
        length += before;
        if before < 8 {
            break;
        }
    }
    let is_plain = bytes[length] == b',' && length > 0 && bytes[0] != b'"';
    is_plain.then_some(&bytes[..length])
}

/// A word with a comma behind it and the bits that both take; `None` if they take more than eight bytes.
fn with_comma(word: &str) -> Option<(u64, u64)> {
    let text = [word.as_bytes(), b","].concat();
    let mut bytes = [0; 8];
    bytes.get_mut(..text.len())?.copy_from_slice(&text);
    Some((u64::from_le_bytes(bytes), u64::MAX >> (64 - 8 * text.len())))
}
