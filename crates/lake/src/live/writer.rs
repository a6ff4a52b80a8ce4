//! Writes a session's lines to disk: buffered, then handed to the system, then durable, then sealed.
//!
//! One thread owns a [`CaptureWriter`]. The system's lock on the open file tells a living writer from a dead one.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};

use mtdh_core::Day;
use sha2::{Digest, Sha256};
use zstd::bulk::Compressor;
use zstd::zstd_safe::compress_bound;

use super::error::CaptureError;
use super::frame::{End, FRAME_HEADER, Frame, PLAIN_BYTES, hexadecimal};
use super::header::{Ended, Header, Session};
use super::line::{FRAME_OF_LINE, Kind, Line, LineText};
use super::name::{SegmentName, is_venue};
use crate::layout::Layout;
use crate::local::sync_folder;

/// Bytes of a segment after which it is sealed.
pub(super) const SEGMENT_BYTES: u64 = 64 << 20;

/// Age of a segment after which it is sealed, microseconds.
pub(super) const SEGMENT_US: i64 = 5 * 60 * 1_000_000;

/// The level of zstd: about 400 MB of lines per second of one core.
const LEVEL: i32 = 1;

/// A segment that will not change any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealedSegment {
    /// Its file.
    pub path: PathBuf,
    /// Its name.
    pub name: SegmentName,
    /// Bytes of the file.
    pub bytes: u64,
    /// The number of its first line within the session.
    pub first_line: u64,
    /// How many lines.
    pub lines: u64,
}

/// Writes the lines of a session below a folder, in segments `{venue}/day-{D}/{start_us}-{session}-{n}.mtr`.
///
/// [`CaptureWriter::append`] keeps a line in memory, [`CaptureWriter::write`] hands it to the system, so that it survives the
/// process, [`CaptureWriter::sync`] brings it to the disk, so that it survives the machine. A method that fails loses nothing: the
/// caller stops receiving, and calls it again.
pub struct CaptureWriter {
    folder: PathBuf,
    session: Session,
    text: LineText,
    /// Lines of the day of the open segment, and of the day after.
    buffer: Buffer,
    of_next_day: Buffer,
    next_line: u64,
    next_number: u32,
    before: Option<Ended>,
    open: Option<Open>,
    /// Whether the open segment is to be sealed before anything else is written.
    is_due: bool,
    /// Whether the last line of the session is appended.
    is_closing: bool,
    sealed: Vec<SealedSegment>,
    compressor: Compressor<'static>,
    frame: Vec<u8>,
}

/// Lines that wait to be written.
#[derive(Default)]
struct Buffer {
    plain: Vec<u8>,
    day_end: i64,
    first: i64,
    last: i64,
    count: u32,
    line: u64,
}

impl Buffer {
    fn clear(&mut self) {
        self.plain.clear();
        self.count = 0;
    }
}

/// The segment that is written.
struct Open {
    file: File,
    path: PathBuf,
    name: SegmentName,
    day_end: i64,
    first_line: u64,
    bytes: u64,
    synced: u64,
    frames: u64,
    lines: u64,
    digest: Sha256,
    /// Its digest, once its end frame is on the file.
    ended: Option<String>,
    is_renamed: bool,
}

impl CaptureWriter {
    /// Begins a session. `folder` is the one of all captures; nothing is written yet.
    ///
    /// # Errors
    /// When the folder cannot be made, or the venue is none.
    pub fn new(folder: &Path, session: Session) -> Result<CaptureWriter, CaptureError> {
        if !is_venue(&session.venue) {
            return Err(CaptureError::BadVenue(session.venue));
        }
        fs::create_dir_all(folder).map_err(disk(folder))?;
        Ok(CaptureWriter {
            folder: folder.to_owned(),
            session,
            text: LineText::new(),
            buffer: Buffer::default(),
            of_next_day: Buffer::default(),
            next_line: 0,
            next_number: 0,
            before: None,
            open: None,
            is_due: false,
            is_closing: false,
            sealed: Vec::new(),
            compressor: Compressor::new(LEVEL).map_err(CaptureError::Compression)?,
            frame: Vec::new(),
        })
    }

    /// The session.
    pub fn session(&self) -> &Session {
        &self.session
    }

    /// Keeps a line in memory, and gives its number within the session. Does not allocate once its buffers have grown.
    ///
    /// # Errors
    /// When 64 MiB wait already, or no calendar has the time. Nothing of the line is then kept.
    pub fn append(&mut self, line: &Line<'_>) -> Result<u64, CaptureError> {
        let waiting = self.buffered();
        if waiting > 0 && waiting + line.raw.len() * 2 + FRAME_OF_LINE > PLAIN_BYTES {
            return Err(CaptureError::Full(waiting));
        }
        let is_next_day =
            self.of_next_day.count > 0 || (self.buffer.count > 0 && line.arrived >= self.buffer.day_end);
        let buffer = if is_next_day { &mut self.of_next_day } else { &mut self.buffer };
        self.text.push(line, &mut buffer.plain)?;
        if buffer.count == 0 {
            (buffer.first, buffer.line) = (line.arrived, self.next_line);
            buffer.day_end = Day::containing_us(line.arrived).map_or(i64::MAX, Day::end_us);
        }
        buffer.last = line.arrived.max(buffer.first);
        buffer.count += 1;
        self.next_line += 1;
        Ok(self.next_line - 1)
    }

    /// Bytes in memory that no [`CaptureWriter::write`] has handed on.
    pub fn buffered(&self) -> usize {
        self.buffer.plain.len() + self.of_next_day.plain.len()
    }

    /// The number that the next line gets.
    pub fn next_line(&self) -> u64 {
        self.next_line
    }

    /// The number of the first line that is not with the system yet: all before it survive the process.
    pub fn written_line(&self) -> u64 {
        let waiting = u64::from(self.buffer.count) + u64::from(self.of_next_day.count);
        self.next_line - waiting
    }

    /// Hands all lines to the system, as one frame. Seals the segment if it is of another day, large or old.
    ///
    /// # Errors
    /// When the disk refuses. What was not written is still in memory, and a later call goes on.
    pub fn write(&mut self) -> Result<(), CaptureError> {
        if self.is_due {
            self.seal()?;
        }
        loop {
            if self.buffer.count == 0 {
                if self.of_next_day.count == 0 {
                    return Ok(());
                }
                std::mem::swap(&mut self.buffer, &mut self.of_next_day);
            }
            if self.open.as_ref().is_some_and(|open| self.buffer.first >= open.day_end) {
                self.seal()?;
            }
            self.write_frame()?;
            if self.is_full() {
                self.seal()?;
            }
        }
    }

    fn is_full(&self) -> bool {
        let Some(open) = &self.open else { return false };
        open.bytes >= SEGMENT_BYTES || self.buffer.last - open.name.start_us >= SEGMENT_US
    }

    fn write_frame(&mut self) -> Result<(), CaptureError> {
        if self.open.is_none() {
            self.open = Some(self.new_segment(self.buffer.first, self.buffer.line)?);
        }
        let Some(open) = &mut self.open else { return Ok(()) };
        let bound = FRAME_HEADER + compress_bound(self.buffer.plain.len());
        if self.frame.len() < bound {
            self.frame.resize(bound, 0);
        }
        let packed = self.compressor.compress_to_buffer(&self.buffer.plain, &mut self.frame[FRAME_HEADER..]);
        let packed = packed.map_err(CaptureError::Compression)?;
        let frame = &mut self.frame[..FRAME_HEADER + packed];
        let Buffer { first, last, count, line, .. } = self.buffer;
        Frame { first, last, count, line }.seal(frame);
        open.append(frame)?;
        open.frames += 1;
        open.lines += u64::from(count);
        self.buffer.clear();
        Ok(())
    }

    /// Brings to the disk what was handed to the system.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn sync(&mut self) -> Result<(), CaptureError> {
        let Some(open) = self.open.as_mut().filter(|open| open.synced < open.bytes) else { return Ok(()) };
        open.file.sync_data().map_err(disk(&open.path))?;
        open.synced = open.bytes;
        Ok(())
    }

    /// Another handle of the open segment, with which another thread brings to the disk (`File::sync_data`) what was handed to the
    /// system before this call; `None`: there is none, or all of it is on the disk.
    ///
    /// # Errors
    /// When the process has too many files open.
    pub fn to_sync(&mut self) -> Result<Option<File>, CaptureError> {
        let Some(open) = self.open.as_ref().filter(|open| open.synced < open.bytes) else { return Ok(None) };
        open.file.try_clone().map(Some).map_err(disk(&open.path))
    }

    /// Seals the open segment if its first line is five minutes old; for sessions that receive little. `now` is in microseconds
    /// since the Unix epoch, UTC.
    ///
    /// # Errors
    /// As [`CaptureWriter::seal`].
    pub fn seal_if_old(&mut self, now: i64) -> Result<(), CaptureError> {
        match &self.open {
            Some(open) if now - open.name.start_us >= SEGMENT_US => self.seal(),
            _ => Ok(()),
        }
    }

    /// Ends the open segment: end frame, all on the disk, its final name. Lines in memory go into the next one.
    ///
    /// # Errors
    /// When the disk refuses; a later call goes on where it failed.
    pub fn seal(&mut self) -> Result<(), CaptureError> {
        self.seal_as(self.is_closing && self.buffered() == 0)
    }

    fn seal_as(&mut self, is_last: bool) -> Result<(), CaptureError> {
        let Some(open) = &mut self.open else {
            self.is_due = false;
            return Ok(());
        };
        self.is_due = true;
        let sha256 = match &open.ended {
            Some(sha256) => sha256.clone(),
            None => open.end(is_last)?,
        };
        open.file.sync_all().map_err(disk(&open.path))?;
        let target = open.path.with_extension("mtr");
        if !open.is_renamed {
            fs::rename(&open.path, &target).map_err(disk(&open.path))?;
            open.is_renamed = true;
        }
        let parent = target.parent().unwrap_or(Path::new("/"));
        sync_folder(parent).map_err(disk(parent))?;
        let Open { name, bytes, first_line, lines, .. } = open;
        let (name, bytes, first_line, lines) = (name.clone(), *bytes, *first_line, *lines);
        self.before = Some(Ended { number: name.number, sha256 });
        self.sealed.push(SealedSegment { path: target, name, bytes, first_line, lines });
        (self.open, self.is_due) = (None, false);
        Ok(())
    }

    /// The segments that were sealed since this was last asked.
    pub fn take_sealed(&mut self) -> Vec<SealedSegment> {
        std::mem::take(&mut self.sealed)
    }

    /// Ends the session: writes all lines, the last one an event `session ended`, and seals. A second call after a failure goes on.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn close(&mut self, now: i64) -> Result<(), CaptureError> {
        if !self.is_closing {
            let raw = b"session ended".as_slice().into();
            self.append(&Line { arrived: now, connection: None, kind: Kind::Event, raw })?;
            self.is_closing = true;
        }
        self.write()?;
        self.seal_as(true)
    }

    /// Makes the file of the next segment, locks it and writes its header.
    fn new_segment(&mut self, start_us: i64, first_line: u64) -> Result<Open, CaptureError> {
        let day = Day::containing_us(start_us).ok_or(CaptureError::BadTime(start_us))?;
        let (venue, session) = (self.session.venue.clone(), self.session.id.clone());
        let name = SegmentName { venue, day, start_us, session, number: self.next_number };
        let path = self.folder.join(Layout::VENDOR.segment_below(&name)).with_extension("open");
        let parent = path.parent().unwrap_or(Path::new("/")).to_owned();
        if !parent.is_dir() {
            fs::create_dir_all(&parent).map_err(disk(&parent))?;
            parent.ancestors().skip(1).take(2).try_for_each(sync_folder).map_err(disk(&parent))?;
        }
        let file = create_locked(&path).map_err(disk(&path))?;
        let header = Header {
            session: self.session.clone(),
            number: self.next_number,
            first_line,
            start_us,
            before: self.before.clone(),
            program: env!("CARGO_PKG_VERSION").to_owned(),
        };
        let mut open = Open {
            file,
            path,
            name,
            day_end: day.end_us(),
            first_line,
            bytes: 0,
            synced: 0,
            frames: 0,
            lines: 0,
            digest: Sha256::new(),
            ended: None,
            is_renamed: false,
        };
        if let Err(error) =
            open.append(&header.to_bytes()).and_then(|()| sync_folder(&parent).map_err(disk(&parent)))
        {
            // Nothing is in it; the next attempt makes it again.
            if let Err(left) = fs::remove_file(&open.path) {
                tracing::debug!(path = %open.path.display(), %left, "an empty segment stays until the next start");
            }
            return Err(error);
        }
        self.next_number += 1;
        Ok(open)
    }
}

impl Open {
    /// Appends bytes, or nothing of them.
    fn append(&mut self, bytes: &[u8]) -> Result<(), CaptureError> {
        if let Err(source) = self.file.write_all_at(bytes, self.bytes) {
            // What was written of it is cut off; if that fails too, the next write covers it.
            if let Err(error) = self.file.set_len(self.bytes) {
                tracing::debug!(path = %self.path.display(), %error, "part of a frame stays until the next write");
            }
            return Err(CaptureError::Disk { path: self.path.clone(), source });
        }
        self.bytes += bytes.len() as u64;
        self.digest.update(bytes);
        Ok(())
    }

    /// Writes the end frame and gives the digest.
    fn end(&mut self, is_last: bool) -> Result<String, CaptureError> {
        let sha256 = self.digest.clone().finalize();
        let (frames, lines, is_recovered, cut) = (self.frames, self.lines, false, 0);
        let end = End { is_last, is_recovered, frames, lines, cut, sha256: sha256.into() };
        self.append(&end.to_bytes())?;
        let sha256 = hexadecimal(&sha256);
        self.ended = Some(sha256.clone());
        Ok(sha256)
    }
}

/// Makes a file that did not exist, and takes its lock. Another process that recovers may remove it while it is still empty.
fn create_locked(path: &Path) -> io::Result<File> {
    for _ in 0..10 {
        let file = OpenOptions::new().read(true).write(true).create_new(true).open(path)?;
        file.lock()?;
        if is_at(&file, path)? {
            return Ok(file);
        }
    }
    Err(io::Error::other("others remove it again and again"))
}

/// Whether an open file is the one of this name.
pub(super) fn is_at(file: &File, path: &Path) -> io::Result<bool> {
    match fs::symlink_metadata(path) {
        Ok(there) => {
            let own = file.metadata()?;
            Ok((own.dev(), own.ino()) == (there.dev(), there.ino()))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

pub(super) fn disk(path: &Path) -> impl Fn(io::Error) -> CaptureError + '_ {
    move |source| CaptureError::Disk { path: path.to_owned(), source }
}
