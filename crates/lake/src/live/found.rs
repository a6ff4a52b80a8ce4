//! The segments in a folder of captures, also the one that is being written.

use std::io;
use std::path::{Path, PathBuf};

use bytes::Bytes;

use super::error::CaptureError;
use super::name::SegmentName;
use super::reader::SegmentReader;
use super::recover::entries;
use super::writer::disk;
use crate::layout::Layout;

/// A segment in a folder of captures.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Its name.
    pub name: SegmentName,
    /// Its file without the ending: `.open` while it is written, then `.mtr`.
    stem: PathBuf,
}

/// What a segment's file has so far.
pub struct SoFar {
    /// The bytes.
    pub bytes: Bytes,
    /// Whether nothing more is written to it.
    pub is_sealed: bool,
}

/// The segments of a venue below the folder of all captures, by session and number.
///
/// # Errors
/// When the disk refuses.
pub fn found(folder: &Path, venue: &str) -> Result<Vec<Found>, CaptureError> {
    let mut found = Vec::new();
    for day in entries(&folder.join(venue))? {
        for path in entries(&day)? {
            let below = path.with_extension("mtr");
            let below = below.strip_prefix(folder).ok().and_then(Path::to_str);
            let is_one = path.extension().is_some_and(|ending| ending == "open" || ending == "mtr");
            if let Some(name) = below.and_then(|below| Layout::VENDOR.parse_segment_below(below))
                && is_one
            {
                found.push(Found { name, stem: path.with_extension("") });
            }
        }
    }
    found.sort_by(|a, b| a.name.cmp(&b.name));
    found.dedup();
    Ok(found)
}

/// The venues below the folder of all captures, sorted.
///
/// # Errors
/// When the disk refuses.
pub fn found_venues(folder: &Path) -> Result<Vec<String>, CaptureError> {
    let names = entries(folder)?.into_iter().filter_map(|path| Some(path.file_name()?.to_str()?.to_owned()));
    Ok(names.filter(|name| super::name::is_venue(name)).collect())
}

impl Found {
    /// Its bytes so far, of which the last frame may not be whole; `None`: it is gone.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn read(&self) -> Result<Option<SoFar>, CaptureError> {
        // It may be sealed between two looks.
        for (ending, is_sealed) in [("open", false), ("mtr", true)] {
            let path = self.stem.with_extension(ending);
            match std::fs::read(&path) {
                Ok(bytes) => return Ok(Some(SoFar { bytes: bytes.into(), is_sealed })),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(disk(&path)(error)),
            }
        }
        Ok(None)
    }

    /// Its file, if it is sealed.
    pub fn sealed(&self) -> Option<PathBuf> {
        let path = self.stem.with_extension("mtr");
        path.is_file().then_some(path)
    }

    /// How many bytes it has so far, and whether it is sealed; `None`: it is gone.
    pub fn length(&self) -> Option<(u64, bool)> {
        let length = |ending| Some(std::fs::metadata(self.stem.with_extension(ending)).ok()?.len());
        let open = length("open").map(|bytes| (bytes, false));
        open.or_else(|| length("mtr").map(|bytes| (bytes, true)))
    }
}

impl SoFar {
    /// Reads them; `None`: the header is not there yet.
    ///
    /// # Errors
    /// When it is not what was sealed.
    pub fn reader(self) -> Result<Option<SegmentReader>, CaptureError> {
        match self.is_sealed {
            true => SegmentReader::sealed(self.bytes).map(Some),
            false => Ok(SegmentReader::unsealed(self.bytes).ok()),
        }
    }
}
