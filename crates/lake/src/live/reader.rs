//! Reads the lines of a segment. Says what is lost; never gives a line that was not written, and none twice.

use bytes::Bytes;
use sha2::{Digest, Sha256};
use zstd::bulk::Decompressor;

use super::error::CaptureError;
use super::frame::{self, END_BYTES, End, Frame, PLAIN_BYTES, hexadecimal};
use super::header::{Ended, Header};
use super::line::{self, Line};

/// What comes next in a segment.
#[derive(Debug, PartialEq, Eq)]
pub enum Piece<'a> {
    /// A line, and its number within the session.
    Line(u64, Line<'a>),
    /// Something that was lost.
    Lost(Lost),
}

/// Bytes of a segment that are no whole frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lost {
    /// Where they begin in the file, in bytes.
    pub at: u64,
    /// How many bytes.
    pub bytes: u64,
    /// The number of the first line that is lost.
    pub first_line: u64,
    /// How many lines are lost; `None`: nothing whole follows that would say it.
    pub lines: Option<u64>,
    /// Arrival of the last line before, microseconds since the Unix epoch, UTC; `None`: there is none in this segment.
    pub after: Option<i64>,
    /// Arrival of the first line behind; `None`: there is none in this segment.
    pub until: Option<i64>,
}

impl Lost {
    /// Whether it is the end of the file: a write that never ended.
    pub fn is_tail(&self) -> bool {
        self.lines.is_none()
    }
}

/// A segment, whose lines are read in their order. One frame at a time is in memory beside the bytes.
pub struct SegmentReader {
    bytes: Bytes,
    header: Header,
    end: Option<End>,
    /// Where the frames end.
    frames_end: usize,
    at: usize,
    /// Where the last whole frame ends.
    whole: usize,
    /// The line that comes next.
    next: u64,
    /// Arrival of the last line that a frame before had.
    last: Option<i64>,
    frames: u64,
    decompressor: Decompressor<'static>,
    plain: Vec<u8>,
    plain_at: usize,
    /// Where the frame behind something lies that was lost and is told.
    waiting: Option<usize>,
}

impl SegmentReader {
    /// Reads a sealed segment (`.mtr`).
    ///
    /// # Errors
    /// When it is none, has no end frame, or is not what was sealed.
    pub fn sealed(bytes: Bytes) -> Result<SegmentReader, CaptureError> {
        let reader = SegmentReader::unsealed(bytes)?;
        let end = reader.end.as_ref().ok_or(CaptureError::Unsealed)?;
        let found = Sha256::digest(&reader.bytes[..reader.frames_end]);
        if found[..] != end.sha256 {
            let (found, stated) = (hexadecimal(&found), hexadecimal(&end.sha256));
            return Err(CaptureError::Digest { found, stated });
        }
        Ok(reader)
    }

    /// Reads a segment that is still written (`.open`), or what is left of a damaged one.
    ///
    /// # Errors
    /// When its header cannot be read.
    pub fn unsealed(bytes: Bytes) -> Result<SegmentReader, CaptureError> {
        let (header, at) = Header::read(&bytes)?;
        let end = bytes.len().checked_sub(END_BYTES).filter(|place| *place >= at);
        let end = end.and_then(|place| Some((place, End::read(&bytes[place..])?)));
        let (frames_end, end) = match end {
            Some((place, end)) => (place, Some(end)),
            None => (bytes.len(), None),
        };
        let decompressor = Decompressor::new().map_err(CaptureError::Compression)?;
        let next = header.first_line;
        let (plain, plain_at, waiting, last, frames) = (Vec::new(), 0, None, None, 0);
        Ok(SegmentReader {
            bytes,
            header,
            end,
            frames_end,
            at,
            whole: at,
            next,
            last,
            frames,
            decompressor,
            plain,
            plain_at,
            waiting,
        })
    }

    /// Who recorded it, and what.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// Whether it is sealed.
    pub fn is_sealed(&self) -> bool {
        self.end.is_some()
    }

    /// Whether the session ended with it. A session whose last segment does not say so was ended by a crash.
    pub fn is_last(&self) -> bool {
        self.end.as_ref().is_some_and(|end| end.is_last)
    }

    /// Bytes that were cut off its end when a later process sealed it.
    pub fn cut_bytes(&self) -> u64 {
        self.end.as_ref().map_or(0, |end| end.cut)
    }

    /// How the segment after it refers to it; `None`: it is not sealed.
    pub fn ended(&self) -> Option<Ended> {
        let end = self.end.as_ref()?;
        Some(Ended { number: self.header.number, sha256: hexadecimal(&end.sha256) })
    }

    /// The number of the line that comes next; after the last one, that of the segment after it.
    pub fn next_line(&self) -> u64 {
        self.next
    }

    /// Goes on with what was written to the file since, behind the last whole frame. `bytes` begin with those of before.
    pub fn grow(&mut self, bytes: Bytes) {
        let end = bytes.len().checked_sub(END_BYTES).filter(|place| *place >= self.whole);
        let end = end.and_then(|place| Some((place, End::read(&bytes[place..])?)));
        (self.frames_end, self.end) = match end {
            Some((place, end)) => (place, Some(end)),
            None => (bytes.len(), None),
        };
        (self.bytes, self.at, self.waiting) = (bytes, self.whole, None);
    }

    /// The next line, or what is lost; `None`: the segment ends.
    ///
    /// # Errors
    /// When a line of a whole frame cannot be read, which no writer causes.
    #[expect(clippy::should_implement_trait, reason = "a line borrows from the reader")]
    pub fn next(&mut self) -> Result<Option<Piece<'_>>, CaptureError> {
        if self.plain_at == self.plain.len() {
            match self.next_frame()? {
                Step::Lines => {}
                Step::Lost(lost) => return Ok(Some(Piece::Lost(lost))),
                Step::Ends => return Ok(None),
            }
        }
        let rest = &self.plain[self.plain_at..];
        let length = memchr::memchr(b'\n', rest).ok_or(CaptureError::BadLine(self.next))?;
        let line = line::parse(&rest[..length]).ok_or(CaptureError::BadLine(self.next))?;
        self.plain_at += length + 1;
        self.next += 1;
        Ok(Some(Piece::Line(self.next - 1, line)))
    }

    fn next_frame(&mut self) -> Result<Step, CaptureError> {
        let began = self.at;
        let is_told = self.waiting.is_some();
        let mut place = self.waiting.take().unwrap_or(began);
        while place < self.frames_end {
            if let Some((frame, end)) = self.open_frame(place) {
                if !is_told && (place > began || frame.line > self.next) {
                    self.waiting = Some(place);
                    self.plain.clear();
                    self.plain_at = 0;
                    return Ok(Step::Lost(self.lost(began, place, Some(&frame))));
                }
                (self.at, self.next, self.last) = (end, frame.line, Some(frame.last));
                self.whole = end;
                self.frames += 1;
                return Ok(Step::Lines);
            }
            place += 1;
        }
        self.at = self.frames_end;
        (self.plain_at, self.plain) = (0, Vec::new());
        if began == self.frames_end {
            return Ok(Step::Ends);
        }
        Ok(Step::Lost(self.lost(began, self.frames_end, None)))
    }

    fn lost(&self, from: usize, to: usize, next: Option<&Frame>) -> Lost {
        Lost {
            at: from as u64,
            bytes: (to - from) as u64,
            first_line: self.next,
            lines: next.map(|frame| frame.line - self.next),
            after: self.last,
            until: next.map(|frame| frame.first),
        }
    }

    /// Decompresses the frame at a place; `None`: there is no whole one. Gives the place behind it.
    fn open_frame(&mut self, place: usize) -> Option<(Frame, usize)> {
        let (frame, packed) = frame::read(&self.bytes[place..self.frames_end], self.next)?;
        let size = zstd::zstd_safe::get_frame_content_size(packed).ok()??;
        let size = usize::try_from(size).ok().filter(|size| *size <= PLAIN_BYTES)?;
        self.plain.clear();
        self.plain_at = 0;
        self.plain.reserve(size);
        let written = self.decompressor.decompress_to_buffer(packed, &mut self.plain);
        let lines = memchr::memchr_iter(b'\n', &self.plain).count();
        let is_whole = written.is_ok_and(|written| written == size)
            && lines == frame.count as usize
            && self.plain.last() == Some(&b'\n');
        if !is_whole {
            self.plain.clear();
            return None;
        }
        Some((frame, place + frame::FRAME_HEADER + packed.len()))
    }

    /// Reads the rest without its lines: what is lost of it, and where the last whole frame ends.
    pub(super) fn survey(mut self) -> Result<Survey, CaptureError> {
        let mut lost = Vec::new();
        loop {
            match self.next_frame()? {
                Step::Lines => {
                    let count = memchr::memchr_iter(b'\n', &self.plain).count() as u64;
                    self.next += count;
                    self.plain_at = self.plain.len();
                }
                Step::Lost(one) => lost.push(one),
                Step::Ends => break,
            }
        }
        let tail = lost.pop_if(|lost| lost.is_tail());
        let whole_bytes = tail.as_ref().map_or(self.frames_end as u64, |tail| tail.at);
        let missing: u64 = lost.iter().filter_map(|lost| lost.lines).sum();
        let lines = self.next - self.header.first_line - missing;
        let (last, frames) = (self.last, self.frames);
        Ok(Survey { whole_bytes, cut_bytes: tail.map_or(0, |tail| tail.bytes), lost, frames, lines, last })
    }
}

enum Step {
    Lines,
    Lost(Lost),
    Ends,
}

/// What a segment has.
pub(super) struct Survey {
    /// Bytes up to the end of the last whole frame.
    pub whole_bytes: u64,
    /// Bytes behind it.
    pub cut_bytes: u64,
    /// What is lost between whole frames.
    pub lost: Vec<Lost>,
    /// Whole frames.
    pub frames: u64,
    /// Their lines.
    pub lines: u64,
    /// Arrival of the last line.
    pub last: Option<i64>,
}
