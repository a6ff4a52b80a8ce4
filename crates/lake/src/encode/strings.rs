//! Chunks of ids (`DELTA_BYTE_ARRAY`): each id differs from the one before by its end, so only the length of the common
//! prefix is stored.

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef};
use parquet::basic::Encoding;
use parquet::data_type::ByteArray;
use parquet::errors::ParquetError;
use parquet::file::statistics::Statistics;
use parquet::schema::types::ColumnDescPtr;

use super::deltas::push_deltas;
use super::{Finished, PAGE_ROWS, PageCompressor, Pages, push_definition};

/// The strings of one row group's column, in order.
#[derive(Default)]
pub(crate) struct TextChunk {
    is_nullable: bool,
    /// Whether each row has a string; `None`: no null so far.
    validity: Option<Vec<bool>>,
    rows: usize,
    bytes: Vec<u8>,
    /// End offsets in `bytes` of the strings that are not null.
    ends: Vec<usize>,
}

impl TextChunk {
    pub fn new(is_nullable: bool) -> TextChunk {
        TextChunk { is_nullable, ..TextChunk::default() }
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
            let before = self.rows;
            let validity = self.validity.get_or_insert_with(|| vec![true; before]);
            validity.extend((0..texts.len()).map(|row| texts.is_valid(row)));
            for text in texts.iter().flatten() {
                self.bytes.extend_from_slice(text.as_bytes());
                self.ends.push(self.bytes.len());
            }
        }
        self.rows += texts.len();
        if let Some(validity) = &mut self.validity {
            validity.resize(self.rows, true);
        }
        Ok(())
    }

    /// Encodes the chunk.
    pub fn finish(
        self,
        column: ColumnDescPtr,
        compressor: &mut PageCompressor,
    ) -> Result<Finished, ParquetError> {
        let mut pages = Pages::new(Some(compressor));
        let (mut given, mut start) = (0, 0);
        let mut range: Option<(&[u8], &[u8])> = None;
        for first in (0..self.rows).step_by(PAGE_ROWS) {
            let rows = PAGE_ROWS.min(self.rows - first);
            let valid = self.validity.as_ref().map(|v| &v[first..first + rows]);
            let count = valid.map_or(rows, |v| v.iter().filter(|is_valid| **is_valid).count());
            let mut body = Vec::new();
            if self.is_nullable {
                push_definition(&mut body, valid, rows);
            }
            let ends = &self.ends[given..given + count];
            let mut page = Page::default();
            for end in ends {
                page.push(&self.bytes[start..*end]);
                start = *end;
            }
            if let Some((least, greatest)) = page.range {
                range =
                    Some(range.map_or((least, greatest), |(min, max)| (min.min(least), max.max(greatest))));
            }
            page.finish(&mut body);
            pages.push_data(body, rows, Encoding::DELTA_BYTE_ARRAY)?;
            given += count;
        }
        let (min, max) =
            range.map(|(min, max)| (ByteArray::from(min.to_vec()), ByteArray::from(max.to_vec()))).unzip();
        let nulls = (self.rows - given) as u64;
        pages.finish(column, Statistics::byte_array(min, max, None, Some(nulls), false))
    }
}

/// The strings of one page, as encoded.
#[derive(Default)]
struct Page<'a> {
    last: &'a [u8],
    /// The least and the greatest.
    range: Option<(&'a [u8], &'a [u8])>,
    prefixes: Vec<i64>,
    lengths: Vec<i64>,
    suffixes: Vec<u8>,
}

impl<'a> Page<'a> {
    fn push(&mut self, text: &'a [u8]) {
        let prefix = common_prefix(self.last, text);
        self.prefixes.push(prefix as i64);
        self.lengths.push((text.len() - prefix) as i64);
        self.suffixes.extend_from_slice(&text[prefix..]);
        // What follows the common prefix tells the order of two strings. One behind the last is not the least, one before it not the
        // greatest, and ids mostly rise.
        let (min, max) = self.range.get_or_insert((text, text));
        if self.last.get(prefix) >= text.get(prefix) {
            *min = text.min(*min);
        } else if std::ptr::eq(*max, self.last) {
            *max = text;
        } else {
            *max = text.max(*max);
        }
        self.last = text;
    }

    fn finish(self, body: &mut Vec<u8>) {
        push_deltas(body, &self.prefixes);
        push_deltas(body, &self.lengths);
        body.extend_from_slice(&self.suffixes);
    }
}

/// Length of the common prefix of two strings, in bytes.
fn common_prefix(a: &[u8], b: &[u8]) -> usize {
    let mut at = 0;
    while let (Some(x), Some(y)) = (word(a, at), word(b, at)) {
        if x != y {
            return at + ((x ^ y).trailing_zeros() / 8) as usize;
        }
        at += 8;
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
    fn the_range_of_a_page() {
        for (texts, min, max) in [
            (&["b"][..], "b", "b"),
            (&["", "a"], "", "a"),
            (&["a", ""], "", "a"),
            (&["1", "2", "3"], "1", "3"),
            (&["3", "2", "1"], "1", "3"),
            (&["b", "b", "c", "c", "a", "b"], "a", "c"),
            (&["10", "9", "100", "11"], "10", "9"),
            (&["ab", "abc", "a", "b", "ab"], "a", "b"),
            (&["z", "é", "~", "\u{10ffff}", "a"], "a", "\u{10ffff}"),
            (&["12345678x", "12345678", "12345678y", "12345677z"], "12345677z", "12345678y"),
        ] {
            let mut page = Page::default();
            texts.iter().for_each(|text| page.push(text.as_bytes()));
            assert_eq!(page.range, Some((min.as_bytes(), max.as_bytes())), "{texts:?}");
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
            ("x1234567", "y1234567", 0),
        ] {
            assert_eq!(common_prefix(a.as_bytes(), b.as_bytes()), expected, "{a} {b}");
        }
    }
}
