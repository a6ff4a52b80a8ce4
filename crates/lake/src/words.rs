//! Column chunks of words: `side`, `type`, `instrument_key`.
//!
//! Parquet's general writer looks each value of such a column up in a hash table, although the batch already says by an
//! index which word it is. Here the indices are packed as they come, which saves about an eighth of the time of writing
//! trades (`docs/performance.md`). What comes out is an ordinary dictionary-encoded chunk, not compressed: it holds a
//! bit or two for a row.

use std::collections::HashMap;

use arrow_array::cast::AsArray;
use arrow_array::types::Int32Type;
use arrow_array::{Array, ArrayRef};
use bytes::Bytes;
use parquet::basic::{Compression, Encoding};
use parquet::column::page::{CompressedPage, Page, PageWriter};
use parquet::column::writer::ColumnCloseResult;
use parquet::data_type::ByteArray;
use parquet::errors::ParquetError;
use parquet::file::metadata::{ColumnChunkMetaData, OffsetIndexBuilder};
use parquet::file::statistics::Statistics;
use parquet::file::writer::{SerializedPageWriter, TrackedWrite};
use parquet::schema::types::ColumnDescPtr;

/// Rows of a page: as many as the general writer puts into one.
const PAGE_ROWS: usize = 20 * 1024;

/// The words of one row group's column, in order.
#[derive(Default)]
pub(crate) struct WordChunk {
    words: Vec<String>,
    place_of_word: HashMap<String, u32>,
    /// For each row the place of its word in `words`.
    rows: Vec<u32>,
}

impl WordChunk {
    /// Appends a dictionary array of strings without nulls.
    pub fn write(&mut self, array: &ArrayRef) -> Result<(), ParquetError> {
        let dictionary = array.as_dictionary_opt::<Int32Type>().filter(|d| d.null_count() == 0);
        let texts = dictionary.and_then(|d| d.values().as_string_opt::<i32>());
        let (Some(dictionary), Some(texts)) = (dictionary, texts) else {
            return Err(ParquetError::General(
                "a column of words holds nulls or is no dictionary of strings".to_owned(),
            ));
        };
        let mut places: Vec<Option<u32>> = vec![None; texts.len()];
        self.rows.reserve(dictionary.len());
        for index in dictionary.keys().values() {
            let index = *index as usize;
            let place = match places[index] {
                Some(place) => place,
                None => *places[index].insert(self.place(texts.value(index))),
            };
            self.rows.push(place);
        }
        Ok(())
    }

    fn place(&mut self, word: &str) -> u32 {
        if let Some(place) = self.place_of_word.get(word) {
            return *place;
        }
        let place = self.words.len() as u32;
        self.words.push(word.to_owned());
        self.place_of_word.insert(word.to_owned(), place);
        place
    }

    /// The chunk's bytes and what the footer says of them.
    pub fn finish(self, column: ColumnDescPtr) -> Result<(Bytes, ColumnCloseResult), ParquetError> {
        let mut sink = TrackedWrite::new(Vec::new());
        let mut writer = SerializedPageWriter::new(&mut sink);
        let mut offsets = OffsetIndexBuilder::new();
        let dictionary = dictionary_page(&self.words);
        let mut plain_bytes = dictionary.uncompressed_size() as i64;
        let first = writer.write_page(dictionary)?.bytes_written as i64;
        let bits = u32::BITS - (self.words.len().max(2) as u32 - 1).leading_zeros();
        for rows in self.rows.chunks(PAGE_ROWS) {
            let page = data_page(rows, bits);
            plain_bytes += page.uncompressed_size() as i64;
            let written = writer.write_page(page)?;
            offsets.append_offset_and_size(written.offset as i64, written.bytes_written as i32);
            offsets.append_row_count(rows.len() as i64);
        }
        let bytes = Bytes::from(sink.into_inner()?);
        let metadata = ColumnChunkMetaData::builder(column)
            .set_encodings(vec![Encoding::PLAIN, Encoding::RLE, Encoding::RLE_DICTIONARY])
            .set_compression(Compression::UNCOMPRESSED)
            .set_num_values(self.rows.len() as i64)
            .set_total_compressed_size(bytes.len() as i64)
            .set_total_uncompressed_size(plain_bytes.max(bytes.len() as i64))
            .set_dictionary_page_offset(Some(0))
            .set_data_page_offset(first)
            .set_statistics(self.statistics())
            .build()?;
        let close = ColumnCloseResult {
            bytes_written: bytes.len() as u64,
            rows_written: self.rows.len() as u64,
            metadata,
            bloom_filter: None,
            column_index: None,
            offset_index: Some(offsets.build()),
        };
        Ok((bytes, close))
    }

    fn statistics(&self) -> Statistics {
        let bound = |word: Option<&String>| word.map(|w| ByteArray::from(w.as_str()));
        Statistics::byte_array(
            bound(self.words.iter().min()),
            bound(self.words.iter().max()),
            None,
            Some(0),
            false,
        )
    }
}

/// Each word with its length before it (PLAIN).
fn dictionary_page(words: &[String]) -> CompressedPage {
    let mut buffer = Vec::new();
    for word in words {
        buffer.extend((word.len() as u32).to_le_bytes());
        buffer.extend(word.as_bytes());
    }
    let plain_bytes = buffer.len();
    let page = Page::DictionaryPage {
        buf: buffer.into(),
        num_values: words.len() as u32,
        encoding: Encoding::PLAIN,
        is_sorted: false,
    };
    CompressedPage::new(page, plain_bytes)
}

/// The width, then one run: of one place repeated, or of places packed in eights (Parquet's "RLE/bit-packing hybrid").
fn data_page(rows: &[u32], bits: u32) -> CompressedPage {
    let mut buffer = vec![bits as u8];
    match rows.first() {
        Some(first) if rows.iter().all(|row| row == first) => {
            push_varint(&mut buffer, (rows.len() as u64) << 1);
            buffer.extend(&first.to_le_bytes()[..bits.div_ceil(8) as usize]);
        }
        _ => {
            push_varint(&mut buffer, ((rows.len().div_ceil(8) as u64) << 1) | 1);
            push_packed(&mut buffer, rows, bits);
        }
    }
    let plain_bytes = buffer.len();
    let page = Page::DataPage {
        buf: buffer.into(),
        num_values: rows.len() as u32,
        encoding: Encoding::RLE_DICTIONARY,
        def_level_encoding: Encoding::RLE,
        rep_level_encoding: Encoding::RLE,
        statistics: None,
    };
    CompressedPage::new(page, plain_bytes)
}

fn push_varint(buffer: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        buffer.push(value as u8 | 0x80);
        value >>= 7;
    }
    buffer.push(value as u8);
}

/// Packs the low `bits` of each place, first row in the lowest bits, filled up with zeros to a multiple of eight rows.
fn push_packed(buffer: &mut Vec<u8>, rows: &[u32], bits: u32) {
    let (mut word, mut filled) = (0_u64, 0);
    let missing = rows.len().next_multiple_of(8) - rows.len();
    for row in rows.iter().copied().chain(std::iter::repeat_n(0, missing)) {
        word |= u64::from(row) << filled;
        filled += bits;
        while filled >= 8 {
            buffer.push(word as u8);
            word >>= 8;
            filled -= 8;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_packed_from_the_lowest_bit_on() {
        for (rows, bits, expected) in [
            (vec![1, 0, 1, 1], 1, vec![0b0000_1101]),
            (vec![1, 2, 3], 2, vec![0b0011_1001, 0]),
            (vec![0, 1, 2, 3, 4, 5, 6, 7], 3, vec![0b1000_1000, 0b1100_0110, 0b1111_1010]),
        ] {
            let mut buffer = Vec::new();
            push_packed(&mut buffer, &rows, bits);
            assert_eq!(buffer, expected, "{rows:?}");
        }
    }

    #[test]
    fn varints() {
        for (value, expected) in [(0, vec![0]), (127, vec![127]), (128, vec![0x80, 1]), (300, vec![0xac, 2])]
        {
            let mut buffer = Vec::new();
            push_varint(&mut buffer, value);
            assert_eq!(buffer, expected);
        }
    }
}
