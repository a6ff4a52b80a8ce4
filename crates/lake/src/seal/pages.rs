//! Pages of a file that is read: their positions, and whether they are what was written.

use parquet::errors::ParquetError;
use parquet::file::metadata::ParquetMetaData;

use super::Seal;
use super::page::{CHECK_CHARS, PageHeader, check, push_check};

/// What a file's pages must satisfy before their bytes are passed to the decoder.
#[derive(Clone, Debug)]
pub(crate) enum Pages {
    /// A sealed file: the position of each page and the checksum of its header, in the order of the file.
    Sealed(Vec<Place>),
    /// Any other file: the uncompressed size of the pages of the largest column.
    Bounded(u64),
}

/// A page of a sealed file.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    start: u64,
    bytes: u64,
    check: String,
}

impl Pages {
    /// The pages of a file whose footer is verified.
    ///
    /// # Errors
    /// When the numbers of checksums and of pages in the footer differ.
    pub fn of(metadata: &ParquetMetaData, seal: Option<&Seal>) -> Result<Pages, ParquetError> {
        let Some(seal) = seal else {
            let columns = metadata.row_groups().iter().flat_map(|group| group.columns());
            let largest = columns.map(|column| column.uncompressed_size()).max().unwrap_or_default();
            return Ok(Pages::Bounded(largest.max(0) as u64));
        };
        let mut places = places(metadata)?;
        if seal.page_headers.len() != places.len() * CHECK_CHARS {
            return Err(wrong("its footer has not one check for each page"));
        }
        for (place, check) in places.iter_mut().zip(seal.page_headers.as_bytes().chunks(CHECK_CHARS)) {
            place.check = String::from_utf8_lossy(check).into_owned();
        }
        places.sort_by_key(|place| place.start);
        Ok(Pages::Sealed(places))
    }

    /// Verifies contiguous pages from `start` on, except for what their CRC-32 covers: the decoder verifies that.
    ///
    /// # Errors
    /// When a page is not what was written, or is not plausible.
    pub fn verify(&self, start: u64, bytes: &[u8]) -> Result<(), ParquetError> {
        let mut at = 0;
        while at < bytes.len() {
            let page = &bytes[at..];
            let header = PageHeader::read(page)?;
            match self {
                Pages::Bounded(limit) => header.is_bounded(*limit)?,
                Pages::Sealed(places) => {
                    let start = start + at as u64;
                    let place = places.binary_search_by_key(&start, |place| place.start);
                    let place = place.map_err(|_| wrong("a page begins where none does"))?;
                    let Place { bytes, check: expected, .. } = &places[place];
                    let mut found = String::with_capacity(CHECK_CHARS);
                    push_check(&mut found, check(&page[..header.length]));
                    if found != *expected || *bytes != (header.length + header.stored) as u64 {
                        return Err(wrong("a page's header does not fit its checksum"));
                    }
                    if header.crc.is_none() {
                        return Err(wrong("a page has no checksum"));
                    }
                }
            }
            at += header.length + header.stored;
        }
        Ok(())
    }
}

/// The positions of the pages, in the order in which they were written.
fn places(metadata: &ParquetMetaData) -> Result<Vec<Place>, ParquetError> {
    let lacking = || wrong("its footer does not say where its pages are");
    let mut places = Vec::new();
    let mut push = |start: i64, bytes: i64| match (u64::try_from(start), u64::try_from(bytes)) {
        (Ok(start), Ok(bytes)) => {
            places.push(Place { start, bytes, check: String::new() });
            Ok(())
        }
        _ => Err(lacking()),
    };
    for (number, group) in metadata.row_groups().iter().enumerate() {
        for (place, column) in group.columns().iter().enumerate() {
            let index = metadata.offset_index().and_then(|index| index.get(number)?.get(place));
            let pages = index.ok_or_else(lacking)?.page_locations();
            let first = pages.first().ok_or_else(lacking)?.offset;
            if let Some(start) = column.dictionary_page_offset() {
                push(start, first.checked_sub(start).ok_or_else(lacking)?)?;
            }
            pages.iter().try_for_each(|page| push(page.offset, i64::from(page.compressed_page_size)))?;
        }
    }
    Ok(places)
}

fn wrong(what: &str) -> ParquetError {
    ParquetError::General(what.to_owned())
}
