//! Seals Parquet files of ours with checksums that cover every bit of a file.
//!
//! | bytes | covered by |
//! |---|---|
//! | pages | Parquet's CRC-32 in their headers, which other readers know too |
//! | their headers | a checksum of each in the footer, [`page`] |
//! | pages and headers, all before the page indexes: the *data part* | its BLAKE3 in the footer |
//! | page indexes, footer, its length, the last magic: the *tail* | a CRC-32 in the footer, taken with its own eight characters as zeros |
//!
//! Reading rows verifies the tail and the pages that are read. The digest serves reading a whole file, and comparing two
//! copies by their footers. Files of version 0.1.0 have none of this.

pub(crate) mod page;
pub(crate) mod pages;

use std::io::{self, Write};
use std::ops::Range;

use mtdh_core::footer::{FORMAT, FORMAT_VERSION};
use parquet::errors::ParquetError;

use crate::thrift::{self, Value};

/// Length of the data part, in bytes.
const DATA_BYTES: &str = "mtdh.data_bytes";
/// BLAKE3 of the data part, lower-case hexadecimal.
const DATA_DIGEST: &str = "mtdh.data_blake3";
/// A checksum of each page's header, in the order of the file.
const PAGE_HEADERS: &str = "mtdh.page_headers";
/// CRC-32 of the tail, lower-case hexadecimal. In all versions of the format.
const TAIL_CRC: &str = "mtdh.tail_crc32";

const DIGEST_CHARS: usize = 64;
const CRC_CHARS: usize = 8;
/// Prefix of `created_by` in files of ours.
pub(crate) const PROGRAM: &str = "mtdh version ";

/// Bytes at the end of any Parquet file: the footer's length and the magic.
pub(crate) const END_BYTES: u64 = 8;
/// The longest tail that is read: that of 100,000 pages is a tenth of it.
pub(crate) const MAX_TAIL_BYTES: u64 = 64 << 20;

/// The output of a sealed file, and its digest.
#[derive(Debug)]
pub struct Sealed<W> {
    /// The output that was written to.
    pub out: W,
    /// BLAKE3 of the data part, as in the footer.
    pub digest: String,
}

/// Writes and hashes a file; buffers its tail until that is sealed.
pub(crate) struct Sealing<W> {
    out: W,
    hasher: blake3::Hasher,
    written: u64,
    data_bytes: u64,
    /// Bytes of the data part that are not yet hashed and written.
    waiting: Vec<u8>,
    tail: Vec<u8>,
}

/// Bytes of the data part that are hashed and written at once.
const PIECE_BYTES: usize = 128 << 10;

impl<W: Write> Sealing<W> {
    pub fn new(out: W) -> Sealing<W> {
        let hasher = blake3::Hasher::new();
        Sealing { out, hasher, written: 0, data_bytes: u64::MAX, waiting: Vec::new(), tail: Vec::new() }
    }

    /// Sets the length of the data part: what follows it is the tail.
    pub fn end_data_at(&mut self, data_bytes: u64) {
        self.data_bytes = data_bytes;
    }

    /// The output, of a file that gets no seal: [`Sealing::end_data_at`] was not called.
    ///
    /// # Errors
    /// When writing to `out` fails.
    pub fn into_unsealed(mut self) -> Result<W, ParquetError> {
        self.pass_on()?;
        Ok(self.out)
    }

    /// Hashes and writes what waits.
    fn pass_on(&mut self) -> io::Result<()> {
        self.out.write_all(&self.waiting)?;
        self.hasher.update(&self.waiting);
        self.waiting.clear();
        Ok(())
    }

    /// Seals the tail and writes it.
    ///
    /// # Errors
    /// When writing to `out` fails.
    pub fn close(mut self) -> Result<Sealed<W>, ParquetError> {
        let lacking = || ParquetError::General("the footer was written without its seal".to_owned());
        self.pass_on()?;
        let digest = self.hasher.finalize().to_hex().to_string();
        let place = value_place(&self.tail, DATA_DIGEST).filter(|place| place.len() == DIGEST_CHARS);
        self.tail[place.ok_or_else(lacking)?].copy_from_slice(digest.as_bytes());
        let place = value_place(&self.tail, TAIL_CRC).filter(|place| place.len() == CRC_CHARS);
        let crc = format!("{:08x}", crc32fast::hash(&self.tail));
        self.tail[place.ok_or_else(lacking)?].copy_from_slice(crc.as_bytes());
        self.out.write_all(&self.tail)?;
        Ok(Sealed { out: self.out, digest })
    }
}

impl<W: Write> Write for Sealing<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let left = usize::try_from(self.data_bytes - self.written.min(self.data_bytes)).unwrap_or(usize::MAX);
        if left == 0 {
            self.tail.extend_from_slice(bytes);
            self.written += bytes.len() as u64;
            return Ok(bytes.len());
        }
        let taken = &bytes[..bytes.len().min(left)];
        self.waiting.extend_from_slice(taken);
        self.written += taken.len() as u64;
        if self.waiting.len() >= PIECE_BYTES {
            self.pass_on()?;
        }
        Ok(taken.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.pass_on()?;
        self.out.flush()
    }
}

/// The footer's pairs of a file whose data part has `data_bytes`, with placeholders for what is known later. They come last.
pub(crate) fn pairs(data_bytes: u64, page_headers: String) -> [(&'static str, String); 5] {
    [
        (FORMAT, FORMAT_VERSION.to_string()),
        (DATA_BYTES, data_bytes.to_string()),
        (PAGE_HEADERS, page_headers),
        (DATA_DIGEST, "0".repeat(DIGEST_CHARS)),
        (TAIL_CRC, "0".repeat(CRC_CHARS)),
    ]
}

/// Whether a footer's pair is one of [`pairs`].
pub(crate) fn is_pair(name: &str) -> bool {
    [FORMAT, DATA_BYTES, PAGE_HEADERS, DATA_DIGEST, TAIL_CRC].contains(&name)
}

/// The seal in the tail of a file. Its pairs are found by their bytes, before anything is decoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Seal {
    /// Length of the data part, in bytes.
    pub data_bytes: u64,
    /// BLAKE3 of the data part.
    pub digest: String,
    /// The checksums of the pages' headers.
    page_headers: String,
    crc: String,
    /// The format version, if this program does not know it.
    pub newer: Option<u32>,
}

/// What the end of a file says about its seal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Told {
    /// It has none: version 0.1.0 wrote it, or another program.
    Nothing,
    /// It has one, which is not verified yet.
    Seal(Box<Seal>),
    /// A newer version of the program made it, according to the file.
    Newer(u32),
}

/// Reads the seal from the last bytes of a file, which must hold the whole footer.
///
/// # Errors
/// When a part of a seal is missing: it is damaged.
pub(crate) fn told(end: &[u8]) -> Result<Told, ParquetError> {
    let names = [FORMAT, DATA_BYTES, PAGE_HEADERS, DATA_DIGEST, TAIL_CRC];
    let found = names.map(|name| value_place(end, name).and_then(|place| end.get(place)));
    let text = |value: Option<&[u8]>| String::from_utf8(value?.to_vec()).ok();
    let [format, data_bytes, page_headers, digest, crc] = found.map(text);
    if names.iter().all(|name| last(end, name.as_bytes()).is_none()) {
        return Ok(Told::Nothing);
    }
    let newer = format.and_then(|text| text.parse::<u32>().ok()).filter(|found| *found > FORMAT_VERSION);
    if is_of_another_program(end) {
        return Ok(newer.map_or(Told::Nothing, Told::Newer));
    }
    match (newer, crc) {
        // A later format may be sealed differently, except for this pair.
        (Some(found), None) => Ok(Told::Newer(found)),
        (_, Some(crc)) => {
            let seal = (|| {
                let data_bytes = data_bytes?.parse().ok()?;
                Some(Seal { data_bytes, digest: digest?, page_headers: page_headers?, crc, newer })
            })();
            seal.map(|seal| Told::Seal(Box::new(seal))).ok_or_else(torn)
        }
        _ => Err(torn()),
    }
}

fn torn() -> ParquetError {
    ParquetError::General("its footer has a part of its checksums only".to_owned())
}

/// Another program that rewrites a file keeps its pairs, which then do not apply to the new file. A file counts as another
/// program's only if our name is nowhere in it, even with one byte changed: neither a damaged name nor a damaged footer is
/// another program's.
fn is_of_another_program(end: &[u8]) -> bool {
    if last(end, PROGRAM.as_bytes()).is_some() {
        return false;
    }
    let mut program = None;
    let walked = footer(end).map(|footer| {
        thrift::walk(footer, |path, value| {
            if let ([6], Value::Bytes(name)) = (path, value) {
                program = Some(name);
            }
        })
    });
    let (Some(Ok(_)), Some(program)) = (walked, program) else { return false };
    !is_ours(program)
}

/// Whether a program's name is ours, with at most one damaged byte.
pub(crate) fn is_ours(program: &[u8]) -> bool {
    let same = program.iter().zip(PROGRAM.as_bytes()).filter(|(a, b)| a == b).count();
    same + 1 >= PROGRAM.len()
}

/// The footer in the last bytes of a file; `None`: they do not hold it whole.
pub(crate) fn footer(end: &[u8]) -> Option<&[u8]> {
    let (before, last) = end.split_at_checked(end.len().checked_sub(END_BYTES as usize)?)?;
    let length = u32::from_le_bytes(last[..4].try_into().ok()?) as usize;
    before.get(before.len().checked_sub(length)?..)
}

impl Seal {
    /// Verifies a tail: the bytes after the data part.
    ///
    /// # Errors
    /// When they are not what was written.
    pub fn verify(&self, tail: &[u8]) -> Result<(), ParquetError> {
        let place = value_place(tail, TAIL_CRC).filter(|place| place.len() == CRC_CHARS);
        let fits = place.is_some_and(|place| {
            let mut hasher = crc32fast::Hasher::new();
            hasher.update(&tail[..place.start]);
            hasher.update(&[b'0'; CRC_CHARS]);
            hasher.update(&tail[place.end..]);
            format!("{:08x}", hasher.finalize()) == self.crc
        });
        if fits {
            Ok(())
        } else {
            Err(ParquetError::General("its footer does not fit its checksum".to_owned()))
        }
    }

    /// Whether this is the digest of the data part.
    ///
    /// # Errors
    /// When it is not.
    pub fn verify_data(&self, hash: blake3::Hash) -> Result<(), ParquetError> {
        if hash.to_hex().as_str() == self.digest {
            Ok(())
        } else {
            Err(ParquetError::General("its pages do not fit its digest".to_owned()))
        }
    }
}

/// The position of a pair's value: behind its name, in Thrift's encoding.
fn value_place(bytes: &[u8], name: &str) -> Option<Range<usize>> {
    let at = last(bytes, name.as_bytes())? + name.len();
    // The header of a text field, then its length in seven bits per byte.
    bytes.get(at).filter(|head| **head == 0x18)?;
    let (mut length, mut start) = (0_usize, at + 1);
    for shift in [0, 7, 14, 21] {
        let byte = *bytes.get(start)?;
        length |= usize::from(byte & 0x7f) << shift;
        start += 1;
        if byte < 0x80 {
            return Some(start..start + length).filter(|place| place.end <= bytes.len());
        }
    }
    None
}

/// The start of the last occurrence of `name`.
fn last(bytes: &[u8], name: &[u8]) -> Option<usize> {
    memchr::memmem::rfind(bytes, name)
}

/// Hashes a data part.
#[derive(Default)]
pub(crate) struct DataHasher(blake3::Hasher);

impl DataHasher {
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// BLAKE3 of the hashed bytes, lower-case hexadecimal.
    pub fn digest(&self) -> String {
        self.0.finalize().to_hex().to_string()
    }

    /// Whether the hashed bytes are the data part of a seal.
    ///
    /// # Errors
    /// When they are not.
    pub fn verify(&self, seal: &Seal) -> Result<(), ParquetError> {
        seal.verify_data(self.0.finalize())
    }
}
