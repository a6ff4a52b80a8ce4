//! Page headers, with Parquet's CRC-32 of the page, and a checksum of the header itself, which Parquet does not have.

use parquet::basic::Encoding;
use parquet::errors::ParquetError;

use crate::thrift::{self, Value, push_number};

/// Characters of the footer for one page's header: 12 bits. With the six bytes of Parquet's CRC-32 a page costs eight.
pub(crate) const CHECK_CHARS: usize = 2;
const CHECK_BITS: u32 = 6 * CHECK_CHARS as u32;

/// A parsed page header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PageHeader {
    /// Its own length.
    pub length: usize,
    /// Length of the page after it, as stored.
    pub stored: usize,
    /// Length of the page, uncompressed.
    pub plain: usize,
    /// CRC-32 of the page as stored; `None`: the header has none.
    pub crc: Option<u32>,
    is_dictionary: bool,
    values: usize,
}

impl PageHeader {
    /// Parses the header at the start of `bytes`.
    ///
    /// # Errors
    /// When it is not a header, or its page is longer than the bytes.
    pub fn read(bytes: &[u8]) -> Result<PageHeader, ParquetError> {
        let (mut kind, mut stored, mut plain, mut values, mut crc) = (-1, -1, -1, 0, None);
        let length = thrift::walk(bytes, |path, value| match (path, value) {
            ([1], Value::Number(found)) => kind = found,
            ([2], Value::Number(found)) => plain = found,
            ([3], Value::Number(found)) => stored = found,
            ([4], Value::Number(found)) => crc = Some(found as i32 as u32),
            ([5 | 7 | 8, 1], Value::Number(found)) => values = found,
            _ => {}
        })?;
        let size = |number: i64| usize::try_from(number).ok().filter(|size| *size <= i32::MAX as usize);
        let sizes = size(stored).zip(size(plain)).zip(size(values));
        let ((stored, plain), values) = sizes.ok_or_else(|| wrong("a page's header has sizes below zero"))?;
        if bytes.len() - length < stored {
            return Err(wrong("a page is longer than its column"));
        }
        Ok(PageHeader { length, stored, plain, crc, is_dictionary: kind == 2, values })
    }

    /// Whether a reader may allocate what the header asks for: `limit` is the uncompressed size of all pages of the column.
    ///
    /// # Errors
    /// When it asks for more.
    pub fn is_bounded(&self, limit: u64) -> Result<(), ParquetError> {
        if self.plain as u64 > limit || (self.is_dictionary && self.values > self.plain) {
            return Err(wrong("a page's header asks for more room than its column has"));
        }
        Ok(())
    }
}

/// The kind of a page, for its header.
pub(crate) enum PageKind {
    Dictionary,
    Data(Encoding),
}

/// The header of a page of `values` values with `plain` uncompressed bytes, stored as `body`.
pub(crate) fn header(kind: &PageKind, values: usize, plain: usize, body: &[u8]) -> Vec<u8> {
    let mut header = Vec::with_capacity(32);
    push_number(&mut header, 1, if matches!(kind, PageKind::Dictionary) { 2 } else { 0 });
    push_number(&mut header, 1, plain as i32);
    push_number(&mut header, 1, body.len() as i32);
    push_number(&mut header, 1, crc32fast::hash(body) as i32);
    match kind {
        PageKind::Dictionary => {
            header.push(0x3c);
            push_number(&mut header, 1, values as i32);
            push_number(&mut header, 1, Encoding::PLAIN as i32);
            // Not sorted.
            header.push(0x12);
        }
        PageKind::Data(encoding) => {
            header.push(0x1c);
            push_number(&mut header, 1, values as i32);
            push_number(&mut header, 1, *encoding as i32);
            push_number(&mut header, 1, Encoding::RLE as i32);
            push_number(&mut header, 1, Encoding::RLE as i32);
        }
    }
    header.extend([0, 0]);
    header
}

/// Adds the CRC-32 to a header of the general writer, which omits it.
///
/// # Errors
/// When the header does not have the general writer's form.
pub(crate) fn with_crc(header: &[u8], body: &[u8]) -> Result<Vec<u8>, ParquetError> {
    // Three numbers come first: the kind and the two sizes. The next field id is relative to the third.
    let mut at = 0;
    for _ in 0..3 {
        if header.get(at) != Some(&0x15) {
            return Err(wrong("the writer made a page's header of another form"));
        }
        at += 2 + header[at + 1..].iter().take_while(|byte| **byte >= 0x80).count();
    }
    let next = header.get(at).filter(|next| **next >= 0x20);
    let next = next.ok_or_else(|| wrong("the writer made a page's header of another form"))?;
    let mut new = header[..at].to_vec();
    push_number(&mut new, 1, crc32fast::hash(body) as i32);
    new.push(next - 0x10);
    new.extend(&header[at + 1..]);
    Ok(new)
}

/// The checksum of a header in the footer: its CRC-32, folded to few bits, which still detects every single-bit error.
pub(crate) fn check(header: &[u8]) -> u32 {
    let crc = crc32fast::hash(header);
    (crc ^ (crc >> CHECK_BITS) ^ (crc >> (2 * CHECK_BITS))) & ((1 << CHECK_BITS) - 1)
}

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Appends a checksum as text.
pub(crate) fn push_check(text: &mut String, check: u32) {
    for place in (0..CHECK_CHARS).rev() {
        text.push(char::from(ALPHABET[(check >> (6 * place)) as usize & 63]));
    }
}

fn wrong(what: &str) -> ParquetError {
    ParquetError::General(what.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_reads_back_and_the_general_writers_gets_its_crc() {
        let body = b"some bytes of a page";
        for kind in [PageKind::Dictionary, PageKind::Data(Encoding::DELTA_BINARY_PACKED)] {
            let ours = header(&kind, 300, 4000, body);
            let read = PageHeader::read(&[&ours, &body[..]].concat()).unwrap();
            let (crc, stored) = (Some(crc32fast::hash(body)), body.len());
            assert_eq!((read.length, read.stored, read.plain, read.crc), (ours.len(), stored, 4000, crc));
            // Without the CRC it is the general writer's header.
            let at = ours.len() - read_after_crc(&ours);
            let mut general = ours[..at].to_vec();
            let rest = &ours[at + 1..];
            let skipped = rest.iter().take_while(|byte| **byte >= 0x80).count() + 1;
            general.push(rest[skipped] + 0x10);
            general.extend(&rest[skipped + 1..]);
            assert_eq!(with_crc(&general, body).unwrap(), ours);
            PageHeader::read(&[&ours, &body[1..]].concat()).unwrap_err();
        }
    }

    /// Bytes starting with the field of the CRC.
    fn read_after_crc(header: &[u8]) -> usize {
        let mut at = 0;
        for _ in 0..3 {
            at += 2 + header[at + 1..].iter().take_while(|byte| **byte >= 0x80).count();
        }
        header.len() - at
    }

    #[test]
    fn every_single_bit_of_a_header_changes_its_check() {
        for length in [10, 25, 40, 300] {
            let mut header: Vec<u8> = (0..length).map(|i| (i * 37) as u8).collect();
            let right = check(&header);
            for bit in 0..length * 8 {
                header[bit / 8] ^= 1 << (bit % 8);
                assert_ne!(check(&header), right, "bit {bit} of {length} bytes");
                header[bit / 8] ^= 1 << (bit % 8);
            }
        }
    }

    #[test]
    fn room_is_bounded() {
        let body = [0; 8];
        let page = [header(&PageKind::Dictionary, 9, 8, &body), body.to_vec()].concat();
        PageHeader::read(&page).unwrap().is_bounded(100).unwrap_err();
        let page = [header(&PageKind::Dictionary, 2, 8, &body), body.to_vec()].concat();
        PageHeader::read(&page).unwrap().is_bounded(100).unwrap();
        PageHeader::read(&page).unwrap().is_bounded(7).unwrap_err();
    }
}
