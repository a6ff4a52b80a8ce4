//! Seals what dead sessions left behind. A living recorder holds the lock of its open segment, which is never touched.

use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::error::CaptureError;
use super::frame::End;
use super::name::SegmentName;
use super::reader::{Lost, SegmentReader};
use super::writer::{SealedSegment, disk, is_at};
use crate::layout::Layout;
use crate::local::sync_folder;
use crate::lock;

/// A segment of a dead session that was sealed as far as it is whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recovered {
    /// The segment.
    pub segment: SealedSegment,
    /// Arrival of its last line, microseconds since the Unix epoch, UTC: a gap `crash` begins there, and ends where the next session
    /// begins to receive. `None`: it has no line.
    pub last: Option<i64>,
    /// Bytes behind the last whole frame, which were cut off.
    pub cut_bytes: u64,
    /// What is lost before that.
    pub lost: Vec<Lost>,
}

/// Seals the open segments of dead sessions below the folder of all captures. One that cannot be read is left as it is, with a
/// warning in the log.
///
/// # Errors
/// When the disk refuses.
pub fn recover(folder: &Path) -> Result<Vec<Recovered>, CaptureError> {
    let mut recovered = Vec::new();
    for venue in entries(folder)? {
        for day in entries(&venue)? {
            for path in entries(&day)? {
                if path.extension().is_some_and(|extension| extension == "open") {
                    recovered.extend(recover_one(folder, &path)?);
                }
            }
        }
    }
    recovered.sort_by(|a, b| {
        (a.segment.name.start_us, &a.segment.path).cmp(&(b.segment.name.start_us, &b.segment.path))
    });
    Ok(recovered)
}

/// What lies in a folder, sorted; nothing if it is none.
pub(super) fn entries(folder: &Path) -> Result<Vec<PathBuf>, CaptureError> {
    let names = match fs::read_dir(folder) {
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            return Ok(Vec::new());
        }
        other => other.map_err(disk(folder))?,
    };
    let paths: io::Result<Vec<PathBuf>> = names.map(|name| Ok(name?.path())).collect();
    let mut paths = paths.map_err(disk(folder))?;
    paths.sort();
    Ok(paths)
}

fn recover_one(folder: &Path, path: &Path) -> Result<Option<Recovered>, CaptureError> {
    let below = path.with_extension("mtr");
    let below = below.strip_prefix(folder).ok().and_then(Path::to_str);
    let Some(name) = below.and_then(|below| Layout::VENDOR.parse_segment_below(below)) else {
        return Ok(None);
    };
    let file = match lock::open(path, rustix::fs::OFlags::empty()) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        other => other.map_err(disk(path))?,
    };
    match file.try_lock() {
        Ok(()) => {}
        Err(fs::TryLockError::WouldBlock) => return Ok(None),
        Err(fs::TryLockError::Error(source)) => return Err(disk(path)(source)),
    }
    if !is_at(&file, path).map_err(disk(path))? {
        return Ok(None);
    }
    let mut bytes = Vec::new();
    (&file).read_to_end(&mut bytes).map_err(disk(path))?;
    let reader = match SegmentReader::unsealed(bytes.clone().into()) {
        Ok(reader) => reader,
        Err(error) => return without_header(path, &bytes, &error),
    };
    seal(&file, path, name, &bytes, reader).map(Some)
}

/// A file whose header was never whole holds no line. Anything else is left for a person.
fn without_header(
    path: &Path,
    bytes: &[u8],
    error: &CaptureError,
) -> Result<Option<Recovered>, CaptureError> {
    // A header is written at once, before any frame: what is cut off or zero all over has none behind it.
    let is_torn = super::header::is_torn(bytes);
    if is_torn {
        tracing::warn!(path = %path.display(), bytes = bytes.len(), "removed a segment that had not begun");
        fs::remove_file(path).map_err(disk(path))?;
    } else {
        tracing::error!(path = %path.display(), %error, "a segment of a dead session cannot be read and is left as it is");
    }
    Ok(None)
}

fn seal(
    file: &File,
    path: &Path,
    name: SegmentName,
    bytes: &[u8],
    reader: SegmentReader,
) -> Result<Recovered, CaptureError> {
    let (is_sealed, first_line) = (reader.is_sealed(), reader.header().first_line);
    let survey = reader.survey()?;
    let mut length = bytes.len() as u64;
    if !is_sealed {
        let whole = &bytes[..survey.whole_bytes as usize];
        let end = End {
            is_last: false,
            is_recovered: true,
            frames: survey.frames,
            lines: survey.lines,
            cut: survey.cut_bytes,
            sha256: Sha256::digest(whole).into(),
        };
        let end = end.to_bytes();
        file.write_all_at(&end, survey.whole_bytes).map_err(disk(path))?;
        length = survey.whole_bytes + end.len() as u64;
        file.set_len(length).map_err(disk(path))?;
    }
    file.sync_all().map_err(disk(path))?;
    let target = path.with_extension("mtr");
    fs::rename(path, &target).map_err(disk(path))?;
    let parent = target.parent().unwrap_or(Path::new("/"));
    sync_folder(parent).map_err(disk(parent))?;
    let lines = survey.lines;
    let segment = SealedSegment { path: target, name, bytes: length, first_line, lines };
    Ok(Recovered { segment, last: survey.last, cut_bytes: survey.cut_bytes, lost: survey.lost })
}
