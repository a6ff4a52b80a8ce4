//! Chunks of ids (`DELTA_BYTE_ARRAY`): each id differs from the one before by its end, so only the length of the common
//! prefix is stored.

use std::cmp::Ordering;

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef};
use parquet::basic::Encoding;
use parquet::data_type::ByteArray;
use parquet::errors::ParquetError;
use parquet::file::statistics::Statistics;
use parquet::schema::types::ColumnDescPtr;

use super::deltas::push_deltas;
use super::validity::{Validity, count};
use super::{Finished, PAGE_ROWS, PagePress, push_definition};

/// The strings of one row group's column, in order.
pub(crate) struct TextChunk {
    is_nullable: bool,
    validity: Validity,
    bytes: Vec<u8>,
    /// End offsets in `bytes` of the strings that are not null.
    ends: Vec<usize>,
    page: Page,
}

impl TextChunk {
    pub fn new(is_nullable: bool) -> TextChunk {
        TextChunk {
            is_nullable,
            validity: Validity::default(),
            bytes: Vec::new(),
            ends: Vec::new(),
            page: Page::default(),
        }
    }

    /// Appends an array of strings.
    pub fn write(&mut self, array: &ArrayRef) -> Result<(), ParquetError> {
        let Some(texts) = array.as_string_opt::<i32>() else {
            return Err(ParquetError::General("a column of texts is no array of strings".to_owned()));
        };
        if texts.null_count() == 0 {
            let offsets = texts.value_offsets();
            let (first, before) = (offsets[0] as usize, self.bytes.len());
            self.bytes.extend_from_slice(&texts.value_data()[first..offsets[texts.len()] as usize]);
            self.ends.extend(offsets[1..].iter().map(|end| before + *end as usize - first));
        } else {
            for text in texts.iter().flatten() {
                self.bytes.extend_from_slice(text.as_bytes());
                self.ends.push(self.bytes.len());
            }
        }
        self.validity.push(texts);
        Ok(())
    }

    /// Encodes the chunk.
    pub fn finish<'a>(
        &mut self,
        column: ColumnDescPtr,
        press: &'a mut PagePress,
    ) -> Result<Finished<'a>, ParquetError> {
        let mut pages = press.compressed();
        let (mut given, mut start) = (0, 0);
        let mut range: Option<Range<'_>> = None;
        for first in (0..self.validity.rows()).step_by(PAGE_ROWS) {
            let rows = PAGE_ROWS.min(self.validity.rows() - first);
            let valid = self.validity.of(first..first + rows);
            let count = count(valid, rows);
            let mut body = pages.page();
            if self.is_nullable {
                push_definition(&mut body, valid, rows);
            }
            let mut last: Option<&[u8]> = None;
            for end in &self.ends[given..given + count] {
                let text = &self.bytes[start..*end];
                let prefix = common_prefix(last.unwrap_or_default(), text);
                self.page.push(prefix, text);
                match (&mut range, last) {
                    (None, _) => range = Some(Range::of(text)),
                    (Some(range), Some(last)) => range.push(text, text.get(prefix).cmp(&last.get(prefix))),
                    // The first of a page shares no prefix: the format begins anew.
                    (Some(range), None) => range.push(text, text.cmp(range.last)),
                }
                last = Some(text);
                start = *end;
            }
            self.page.finish(&mut body);
            pages.push_data(body, rows, Encoding::DELTA_BYTE_ARRAY)?;
            given += count;
        }
        let bound = |text: &[u8]| ByteArray::from(text.to_vec());
        let (min, max) = range.map(|range| (bound(range.min), bound(range.max))).unzip();
        let nulls = (self.validity.rows() - given) as u64;
        pages.finish(column, Statistics::byte_array(min, max, None, Some(nulls), false))
    }

    /// Forgets the finished chunk, and keeps its room.
    pub fn clear(&mut self) {
        let TextChunk { is_nullable: _, validity, bytes, ends, page: _ } = self;
        validity.clear();
        bytes.clear();
        ends.clear();
    }
}

/// The strings of one page, as encoded; empty between two pages.
#[derive(Default)]
struct Page {
    prefixes: Vec<i64>,
    lengths: Vec<i64>,
    suffixes: Vec<u8>,
}

impl Page {
    /// Appends a string that has its first `prefix` bytes in common with the one before.
    fn push(&mut self, prefix: usize, text: &[u8]) {
        self.prefixes.push(prefix as i64);
        self.lengths.push((text.len() - prefix) as i64);
        // Mostly a digit or two, for which a call costs more.
        match text[prefix..] {
            [a] => self.suffixes.push(a),
            [a, b] => self.suffixes.extend([a, b]),
            ref suffix => self.suffixes.extend_from_slice(suffix),
        }
    }

    /// Appends the strings to the page's other bytes.
    fn finish(&mut self, body: &mut Vec<u8>) {
        push_deltas(body, &self.prefixes);
        push_deltas(body, &self.lengths);
        body.extend_from_slice(&self.suffixes);
        self.prefixes.clear();
        self.lengths.clear();
        self.suffixes.clear();
    }
}

/// The least and the greatest of some strings. Ids mostly rise: then the next one is the greatest without a comparison.
struct Range<'a> {
    min: &'a [u8],
    max: &'a [u8],
    last: &'a [u8],
    is_last_min: bool,
    is_last_max: bool,
}

impl<'a> Range<'a> {
    fn of(text: &'a [u8]) -> Range<'a> {
        Range { min: text, max: text, last: text, is_last_min: true, is_last_max: true }
    }

    /// Takes the next string, whose order relative to the last one is known.
    fn push(&mut self, text: &'a [u8], order: Ordering) {
        match order {
            Ordering::Less => {
                self.is_last_max = false;
                self.is_last_min = self.is_last_min || text < self.min;
                if self.is_last_min {
                    self.min = text;
                }
            }
            Ordering::Equal => {}
            Ordering::Greater => {
                self.is_last_min = false;
                self.is_last_max = self.is_last_max || text > self.max;
                if self.is_last_max {
                    self.max = text;
                }
            }
        }
        self.last = text;
    }
}

/// Length of the common prefix of two strings, in bytes.
fn common_prefix(a: &[u8], b: &[u8]) -> usize {
    let shorter = a.len().min(b.len());
    let mut at = 0;
    while let (Some(x), Some(y)) = (word(a, at), word(b, at)) {
        if x != y {
            return at + ((x ^ y).trailing_zeros() / 8) as usize;
        }
        at += 8;
    }
    // What is left, and bytes before it that are equal.
    let end = shorter.saturating_sub(8);
    if let (Some(x), Some(y)) = (word(&a[..shorter], end), word(&b[..shorter], end)) {
        return end + ((x ^ y).trailing_zeros() / 8) as usize;
    }
    at + a[at..].iter().zip(&b[at..]).take_while(|(x, y)| x == y).count()
}

fn word(bytes: &[u8], at: usize) -> Option<u64> {
    bytes.get(at..)?.first_chunk::<8>().map(|chunk| u64::from_le_bytes(*chunk))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_range_is_that_of_all_texts() {
        // All orders of four texts, of which one is the beginning of another, and one is twice there.
        let texts: [&[u8]; 5] = [b"", b"a", b"ab", b"b", b"ab"];
        let mut places = [0; 5];
        for number in 0..5_usize.pow(5) {
            for (digit, place) in places.iter_mut().enumerate() {
                *place = number / 5_usize.pow(digit as u32) % 5;
            }
            let given = places.map(|place| texts[place]);
            let mut range = Range::of(given[0]);
            for pair in given.windows(2) {
                let prefix = common_prefix(pair[0], pair[1]);
                let order = pair[1].get(prefix).cmp(&pair[0].get(prefix));
                assert_eq!(order, pair[1].cmp(pair[0]), "{given:?}");
                range.push(pair[1], order);
            }
            assert_eq!(
                (Some(&range.min), Some(&range.max)),
                (given.iter().min(), given.iter().max()),
                "{given:?}"
            );
        }
    }

    #[test]
    fn common_prefixes() {
        for (a, b, expected) in [
            ("", "", 0),
            ("", "abc", 0),
            ("abc", "abd", 2),
            ("3512345678", "3512345679", 9),
            ("0123456789abcdef", "0123456789abcdef", 16),
            ("0123456789abcdef0", "0123456789abcdef1", 16),
            ("01234567", "0123456", 7),
            ("0123456789", "01234567", 8),
            ("0123456789", "0123456789", 10),
            ("0123456789", "01234567x9", 8),
            ("0123456789abcdefgh", "0123456789abcdefgx01234567", 17),
            ("x1234567", "y1234567", 0),
        ] {
            assert_eq!(common_prefix(a.as_bytes(), b.as_bytes()), expected, "{a} {b}");
        }
    }
}
