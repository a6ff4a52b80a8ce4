//! Column chunks that this crate encodes itself, because what it knows of a column saves much of the time that Parquet's
//! general writer takes (`docs/performance.md`). What comes out are ordinary chunks: a dictionary page where that pays,
//! data pages, and what the footer says of them.

mod deltas;
pub(crate) mod numbers;
pub(crate) mod texts;
pub(crate) mod times;
pub(crate) mod words;

use bytes::Bytes;
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::column::page::{CompressedPage, Page, PageWriter};
use parquet::column::writer::ColumnCloseResult;
use parquet::errors::ParquetError;
use parquet::file::metadata::{ColumnChunkMetaData, OffsetIndexBuilder};
use parquet::file::statistics::Statistics;
use parquet::file::writer::{SerializedPageWriter, TrackedWrite};
use parquet::schema::types::ColumnDescPtr;
use zstd::bulk::Compressor;

/// Rows of a page: as many as the general writer puts into one.
const PAGE_ROWS: usize = 20 * 1024;

/// How the pages of numbers are compressed: higher levels take more time for a few percent.
const ZSTD_LEVEL: i32 = 1;

/// A finished chunk: its bytes, and what the footer says of it.
pub(crate) type Finished = (Bytes, ColumnCloseResult);

/// What compresses the pages of a file, one after the other.
pub(crate) struct PageCompressor(Compressor<'static>);

impl PageCompressor {
    pub fn new() -> Result<PageCompressor, ParquetError> {
        Ok(PageCompressor(Compressor::new(ZSTD_LEVEL)?))
    }
}

/// The pages of one chunk.
struct Pages<'a> {
    sink: TrackedWrite<Vec<u8>>,
    compressor: Option<&'a mut PageCompressor>,
    offsets: OffsetIndexBuilder,
    rows: usize,
    /// Bytes of the pages with their headers, had nothing been compressed.
    plain_bytes: i64,
    dictionary_bytes: Option<i64>,
    encoding: Encoding,
}

impl<'a> Pages<'a> {
    fn new(compressor: Option<&'a mut PageCompressor>) -> Pages<'a> {
        Pages {
            sink: TrackedWrite::new(Vec::new()),
            compressor,
            offsets: OffsetIndexBuilder::new(),
            rows: 0,
            plain_bytes: 0,
            dictionary_bytes: None,
            encoding: Encoding::PLAIN,
        }
    }

    fn compressed(&mut self, buffer: Vec<u8>) -> Result<Bytes, ParquetError> {
        Ok(match &mut self.compressor {
            Some(compressor) => compressor.0.compress(&buffer)?.into(),
            None => buffer.into(),
        })
    }

    fn push_dictionary(&mut self, values: Vec<u8>, count: usize) -> Result<(), ParquetError> {
        let plain = values.len();
        let (buf, num_values) = (self.compressed(values)?, count as u32);
        let page = Page::DictionaryPage { buf, num_values, encoding: Encoding::PLAIN, is_sorted: false };
        let written =
            SerializedPageWriter::new(&mut self.sink).write_page(CompressedPage::new(page, plain))?;
        self.dictionary_bytes = Some(written.bytes_written as i64);
        self.plain_bytes += (written.bytes_written as usize - written.compressed_size + plain) as i64;
        Ok(())
    }

    fn push_data(&mut self, body: Vec<u8>, rows: usize, encoding: Encoding) -> Result<(), ParquetError> {
        let plain = body.len();
        self.encoding = encoding;
        let page = Page::DataPage {
            buf: self.compressed(body)?,
            num_values: rows as u32,
            encoding,
            def_level_encoding: Encoding::RLE,
            rep_level_encoding: Encoding::RLE,
            statistics: None,
        };
        let written =
            SerializedPageWriter::new(&mut self.sink).write_page(CompressedPage::new(page, plain))?;
        self.offsets.append_offset_and_size(written.offset as i64, written.bytes_written as i32);
        self.offsets.append_row_count(rows as i64);
        self.rows += rows;
        self.plain_bytes += (written.bytes_written as usize - written.compressed_size + plain) as i64;
        Ok(())
    }

    fn finish(self, column: ColumnDescPtr, statistics: Statistics) -> Result<Finished, ParquetError> {
        let bytes = Bytes::from(self.sink.into_inner()?);
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

/// Definition levels of a page: 1 where there is a number, 0 where there is none.
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

/// Bits that a place below `count` needs; at least one, because some readers stumble over none.
fn bits_for(count: usize) -> u32 {
    u32::BITS - (count.max(2) as u32 - 1).leading_zeros()
}

/// Appends places as Parquet's "RLE/bit-packing hybrid" in one run: of one place repeated, or of places packed in eights.
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

/// Packs the low `bits` of each place, the first in the lowest bits, filled up with zeros to a multiple of eight.
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
