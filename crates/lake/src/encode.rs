//! Encoders for column chunks that are faster than Parquet's general writer, because they use knowledge of the columns
//! (`docs/reference/performance.md`). The results are ordinary chunks: a dictionary page where it pays, data pages, and their metadata
//! for the footer.

mod deltas;
pub(crate) mod dictionary;
pub(crate) mod floats;
pub(crate) mod strings;
pub(crate) mod timestamps;

use bytes::Bytes;
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::column::writer::ColumnCloseResult;
use parquet::errors::ParquetError;
use parquet::file::metadata::{ColumnChunkMetaData, OffsetIndexBuilder};
use parquet::file::statistics::Statistics;
use parquet::schema::types::ColumnDescPtr;
use zstd::bulk::Compressor;

use crate::seal::page::{PageKind, header};

/// Rows per page, as in the general writer.
const PAGE_ROWS: usize = 20 * 1024;

/// Compression level of pages of numbers: higher levels take more time for a few percent.
const ZSTD_LEVEL: i32 = 1;

/// A finished chunk: its bytes, and its metadata for the footer.
pub(crate) type Finished = (Bytes, ColumnCloseResult);

/// Compresses the pages of a file, one after the other.
pub(crate) struct PageCompressor(Compressor<'static>);

impl PageCompressor {
    pub fn new() -> Result<PageCompressor, ParquetError> {
        Ok(PageCompressor(Compressor::new(ZSTD_LEVEL)?))
    }
}

/// The pages of one chunk.
struct Pages<'a> {
    bytes: Vec<u8>,
    compressor: Option<&'a mut PageCompressor>,
    offsets: OffsetIndexBuilder,
    rows: usize,
    /// Uncompressed bytes of the pages with their headers.
    plain_bytes: i64,
    dictionary_bytes: Option<i64>,
    encoding: Encoding,
}

impl<'a> Pages<'a> {
    fn new(compressor: Option<&'a mut PageCompressor>) -> Pages<'a> {
        Pages {
            bytes: Vec::new(),
            compressor,
            offsets: OffsetIndexBuilder::new(),
            rows: 0,
            plain_bytes: 0,
            dictionary_bytes: None,
            encoding: Encoding::PLAIN,
        }
    }

    /// Appends a page with its header. Returns the bytes of both.
    fn push(&mut self, kind: &PageKind, values: usize, body: Vec<u8>) -> Result<usize, ParquetError> {
        let plain = body.len();
        let stored = match &mut self.compressor {
            Some(compressor) => compressor.0.compress(&body)?,
            None => body,
        };
        let header = header(kind, values, plain, &stored);
        self.plain_bytes += (header.len() + plain) as i64;
        self.bytes.extend_from_slice(&header);
        self.bytes.extend_from_slice(&stored);
        Ok(header.len() + stored.len())
    }

    fn push_dictionary(&mut self, values: Vec<u8>, count: usize) -> Result<(), ParquetError> {
        let bytes = self.push(&PageKind::Dictionary, count, values)?;
        self.dictionary_bytes = Some(bytes as i64);
        Ok(())
    }

    fn push_data(&mut self, body: Vec<u8>, rows: usize, encoding: Encoding) -> Result<(), ParquetError> {
        self.encoding = encoding;
        let start = self.bytes.len();
        let bytes = self.push(&PageKind::Data(encoding), rows, body)?;
        self.offsets.append_offset_and_size(start as i64, bytes as i32);
        self.offsets.append_row_count(rows as i64);
        self.rows += rows;
        Ok(())
    }

    fn finish(self, column: ColumnDescPtr, statistics: Statistics) -> Result<Finished, ParquetError> {
        let bytes = Bytes::from(self.bytes);
        let (encodings, first) = match self.dictionary_bytes {
            Some(first) => (vec![Encoding::PLAIN, Encoding::RLE, Encoding::RLE_DICTIONARY], first),
            None => (vec![self.encoding, Encoding::RLE], 0),
        };
        let compression = match self.compressor {
            Some(_) => Compression::ZSTD(ZstdLevel::try_new(ZSTD_LEVEL)?),
            None => Compression::UNCOMPRESSED,
        };
        let metadata = ColumnChunkMetaData::builder(column)
            .set_encodings(encodings)
            .set_compression(compression)
            .set_num_values(self.rows as i64)
            .set_total_compressed_size(bytes.len() as i64)
            .set_total_uncompressed_size(self.plain_bytes)
            .set_dictionary_page_offset(self.dictionary_bytes.map(|_| 0))
            .set_data_page_offset(first)
            .set_statistics(statistics)
            .build()?;
        let close = ColumnCloseResult {
            bytes_written: bytes.len() as u64,
            rows_written: self.rows as u64,
            metadata,
            bloom_filter: None,
            column_index: None,
            offset_index: Some(self.offsets.build()),
        };
        Ok((bytes, close))
    }
}

/// Definition levels of a page: 1 for a number, 0 for null.
fn push_definition(body: &mut Vec<u8>, valid: Option<&[bool]>, rows: usize) {
    let levels: Vec<u32> = match valid {
        Some(valid) => valid.iter().map(|is_valid| u32::from(*is_valid)).collect(),
        None => vec![1; rows],
    };
    let mut run = Vec::new();
    push_run(&mut run, &levels, 1);
    body.extend((run.len() as u32).to_le_bytes());
    body.extend(run);
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
