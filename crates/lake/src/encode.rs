//! Encoders for column chunks that are faster than Parquet's general writer, because they use knowledge of the columns
//! (`docs/reference/performance.md`). The results are ordinary chunks: a dictionary page where it pays, data pages, and their metadata
//! for the footer.

mod deltas;
pub(crate) mod dictionary;
pub(crate) mod floats;
pub(crate) mod strings;
pub(crate) mod timestamps;
mod validity;

use std::borrow::Cow;

use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::column::writer::ColumnCloseResult;
use parquet::errors::ParquetError;
use parquet::file::metadata::{ColumnChunkMetaData, OffsetIndexBuilder};
use parquet::file::statistics::Statistics;
use parquet::schema::types::ColumnDescPtr;
use zstd::bulk::Compressor;
use zstd::zstd_safe::compress_bound;

use crate::seal::page::{PageKind, header};

/// Rows per page, as in the general writer.
const PAGE_ROWS: usize = 20 * 1024;

/// Compression level of pages of numbers: higher levels take more time for a few percent.
const ZSTD_LEVEL: i32 = 1;

/// A finished chunk: its bytes, and its metadata for the footer.
pub(crate) type Finished<'a> = (Cow<'a, [u8]>, ColumnCloseResult);

/// Makes the pages of a file, one after the other, in the same room.
pub(crate) struct PagePress {
    compressor: Compressor<'static>,
    /// The page that is being made, before compression. Empty between two pages.
    body: Vec<u8>,
    /// The last page as compressed.
    stored: Vec<u8>,
    /// The chunk that is being made, or was made last.
    chunk: Vec<u8>,
}

impl PagePress {
    pub fn new() -> Result<PagePress, ParquetError> {
        let compressor = Compressor::new(ZSTD_LEVEL)?;
        Ok(PagePress { compressor, body: Vec::new(), stored: Vec::new(), chunk: Vec::new() })
    }

    /// Begins a chunk of compressed pages.
    fn compressed(&mut self) -> Pages<'_> {
        self.pages(true)
    }

    /// Begins a chunk of pages as they are.
    fn plain(&mut self) -> Pages<'_> {
        self.pages(false)
    }

    fn pages(&mut self, is_compressed: bool) -> Pages<'_> {
        self.chunk.clear();
        Pages { press: self, is_compressed, so_far: SoFar::default() }
    }
}

/// The pages of one chunk.
struct Pages<'a> {
    press: &'a mut PagePress,
    is_compressed: bool,
    so_far: SoFar,
}

/// What the footer will say of the pages.
#[derive(Default)]
struct SoFar {
    offsets: OffsetIndexBuilder,
    rows: usize,
    /// Uncompressed bytes of the pages with their headers.
    plain_bytes: i64,
    dictionary_bytes: Option<i64>,
    encoding: Option<Encoding>,
}

impl<'a> Pages<'a> {
    /// An empty page to fill, for [`Pages::push_data`] or [`Pages::push_dictionary`], which give its room back.
    fn page(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.press.body)
    }

    /// Appends a page with its header. Returns the bytes of both.
    fn push(&mut self, kind: &PageKind, values: usize, mut page: Vec<u8>) -> Result<usize, ParquetError> {
        let PagePress { compressor, body, stored, chunk } = &mut *self.press;
        let (start, plain) = (chunk.len(), page.len());
        if self.is_compressed {
            stored.clear();
            stored.reserve(compress_bound(plain));
            compressor.compress_to_buffer(&page[..], stored)?;
        }
        let bytes = if self.is_compressed { &stored[..] } else { &page };
        let header = header(kind, values, plain, bytes);
        self.so_far.plain_bytes += (header.len() + plain) as i64;
        chunk.extend_from_slice(&header);
        chunk.extend_from_slice(bytes);
        page.clear();
        *body = page;
        Ok(chunk.len() - start)
    }

    fn push_dictionary(&mut self, page: Vec<u8>, count: usize) -> Result<(), ParquetError> {
        let bytes = self.push(&PageKind::Dictionary, count, page)?;
        self.so_far.dictionary_bytes = Some(bytes as i64);
        Ok(())
    }

    fn push_data(&mut self, page: Vec<u8>, rows: usize, encoding: Encoding) -> Result<(), ParquetError> {
        let start = self.press.chunk.len();
        let bytes = self.push(&PageKind::Data(encoding), rows, page)?;
        let so_far = &mut self.so_far;
        so_far.encoding = Some(encoding);
        so_far.offsets.append_offset_and_size(start as i64, bytes as i32);
        so_far.offsets.append_row_count(rows as i64);
        so_far.rows += rows;
        Ok(())
    }

    /// The chunk. Its bytes stay until the next one is begun.
    fn finish(self, column: ColumnDescPtr, statistics: Statistics) -> Result<Finished<'a>, ParquetError> {
        let SoFar { offsets, rows, plain_bytes, dictionary_bytes, encoding } = self.so_far;
        let bytes: &'a [u8] = &self.press.chunk;
        let (encodings, first) = match dictionary_bytes {
            Some(first) => (vec![Encoding::PLAIN, Encoding::RLE, Encoding::RLE_DICTIONARY], first),
            None => (vec![encoding.unwrap_or(Encoding::PLAIN), Encoding::RLE], 0),
        };
        let compression = if self.is_compressed {
            Compression::ZSTD(ZstdLevel::try_new(ZSTD_LEVEL)?)
        } else {
            Compression::UNCOMPRESSED
        };
        let metadata = ColumnChunkMetaData::builder(column)
            .set_encodings(encodings)
            .set_compression(compression)
            .set_num_values(rows as i64)
            .set_total_compressed_size(bytes.len() as i64)
            .set_total_uncompressed_size(plain_bytes)
            .set_dictionary_page_offset(dictionary_bytes.map(|_| 0))
            .set_data_page_offset(first)
            .set_statistics(statistics)
            .build()?;
        let close = ColumnCloseResult {
            bytes_written: bytes.len() as u64,
            rows_written: rows as u64,
            metadata,
            bloom_filter: None,
            column_index: None,
            offset_index: Some(offsets.build()),
        };
        Ok((Cow::Borrowed(bytes), close))
    }
}

/// Definition levels of a page: 1 for a value, 0 for null. Of one run, or packed from the lowest bit on, as [`push_run`].
fn push_definition(body: &mut Vec<u8>, valid: Option<&[bool]>, rows: usize) {
    let length_at = body.len();
    body.extend([0; 4]);
    let first = valid.is_none_or(|valid| valid.first().copied().unwrap_or(true));
    match valid {
        Some(valid) if valid.iter().any(|is_valid| *is_valid != first) => {
            push_varint(body, ((rows.div_ceil(8) as u64) << 1) | 1);
            body.extend(valid.chunks(8).map(|eight| {
                eight.iter().rev().fold(0_u8, |bits, is_valid| bits << 1 | u8::from(*is_valid))
            }));
        }
        _ => {
            push_varint(body, (rows as u64) << 1);
            body.push(u8::from(first));
        }
    }
    let length = (body.len() - length_at - 4) as u32;
    body[length_at..length_at + 4].copy_from_slice(&length.to_le_bytes());
}

/// Bits needed for an index below `count`; at least one, because some readers fail on zero.
fn bits_for(count: usize) -> u32 {
    u32::BITS - (count.max(2) as u32 - 1).leading_zeros()
}

/// Appends indices as one run of Parquet's "RLE/bit-packing hybrid": one index repeated, or indices packed in groups of
/// eight.
fn push_run(buffer: &mut Vec<u8>, places: &[u32], bits: u32) {
    match places.first() {
        Some(first) if places.iter().all(|place| place == first) => {
            push_varint(buffer, (places.len() as u64) << 1);
            buffer.extend(&first.to_le_bytes()[..bits.div_ceil(8) as usize]);
        }
        _ => {
            push_varint(buffer, ((places.len().div_ceil(8) as u64) << 1) | 1);
            push_packed(buffer, places, bits);
        }
    }
}

fn push_varint(buffer: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        buffer.push(value as u8 | 0x80);
        value >>= 7;
    }
    buffer.push(value as u8);
}

/// Packs the low `bits` of each index, the first in the lowest bits, padded with zeros to a multiple of eight.
fn push_packed(buffer: &mut Vec<u8>, places: &[u32], bits: u32) {
    match bits {
        8 => push_bytes::<1>(buffer, places),
        16 => push_bytes::<2>(buffer, places),
        24 => push_bytes::<3>(buffer, places),
        _ => push_bits(buffer, places, bits),
    }
}

/// As [`push_packed`], with `N` whole bytes for each index.
fn push_bytes<const N: usize>(buffer: &mut Vec<u8>, places: &[u32]) {
    let start = buffer.len();
    buffer.resize(start + places.len().next_multiple_of(8) * N, 0);
    for (bytes, place) in buffer[start..].chunks_exact_mut(N).zip(places) {
        bytes.copy_from_slice(&place.to_le_bytes()[..N]);
    }
}

/// As [`push_packed`], for any number of bits.
fn push_bits(buffer: &mut Vec<u8>, places: &[u32], bits: u32) {
    let (mut word, mut filled) = (0_u64, 0);
    let missing = places.len().next_multiple_of(8) - places.len();
    buffer.reserve((places.len() + missing) * bits as usize / 8 + 4);
    for place in places.iter().copied().chain(std::iter::repeat_n(0, missing)) {
        word |= u64::from(place) << filled;
        filled += bits;
        if filled >= 32 {
            buffer.extend((word as u32).to_le_bytes());
            word >>= 32;
            filled -= 32;
        }
    }
    buffer.extend(&word.to_le_bytes()[..filled.div_ceil(8) as usize]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_packed_from_the_lowest_bit_on() {
        for (places, bits, expected) in [
            (vec![1, 0, 1, 1], 1, vec![0b0000_1101]),
            (vec![1, 2, 3], 2, vec![0b0011_1001, 0]),
            (vec![0, 1, 2, 3, 4, 5, 6, 7], 3, vec![0b1000_1000, 0b1100_0110, 0b1111_1010]),
            (vec![0x1_2345; 2], 17, vec![0x45, 0x23, 0x8b, 0x46, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]),
        ] {
            let mut buffer = Vec::new();
            push_packed(&mut buffer, &places, bits);
            assert_eq!(buffer, expected, "{places:?}");
        }
    }

    #[test]
    fn definition_levels_are_a_run_or_bits() {
        for (valid, rows, expected) in [
            (None, 300, vec![3, 0, 0, 0, 0xd8, 4, 1]),
            (Some(vec![true; 3]), 3, vec![2, 0, 0, 0, 6, 1]),
            (Some(vec![false; 3]), 3, vec![2, 0, 0, 0, 6, 0]),
            (Some(vec![true, false, true]), 3, vec![2, 0, 0, 0, 3, 0b101]),
            (Some([vec![false; 8], vec![true]].concat()), 9, vec![3, 0, 0, 0, 5, 0, 1]),
        ] {
            let mut body = Vec::new();
            push_definition(&mut body, valid.as_deref(), rows);
            assert_eq!(body, expected, "{valid:?}");
        }
    }

    #[test]
    fn whole_bytes_are_packed_as_any_bits() {
        for bits in [8, 16, 24] {
            for count in [1, 7, 8, 9, 1000] {
                let places: Vec<u32> =
                    (0..count).map(|place: u32| place.wrapping_mul(0x9E37_79B9) >> (32 - bits)).collect();
                let (mut whole, mut any) = (vec![1], vec![1]);
                push_packed(&mut whole, &places, bits);
                push_bits(&mut any, &places, bits);
                assert_eq!(whole, any, "{count} of {bits} bits");
            }
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

    #[test]
    fn widths() {
        for (count, bits) in [(0, 1), (1, 1), (2, 1), (3, 2), (4, 2), (5, 3), (131_072, 17), (131_073, 18)] {
            assert_eq!(bits_for(count), bits, "{count}");
        }
    }
}
