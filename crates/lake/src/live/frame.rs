//! The frames of a segment: `length u32 | crc32c u32 | first i64 | last i64 | count u32 | line u64 | zstd`, and the frame at its end.
//! All numbers are little-endian. The checksum covers all of a frame but itself.

/// Bytes before a frame's compressed lines.
pub(super) const FRAME_HEADER: usize = 36;

/// Plain bytes of a frame at most. A writer takes no more lines, and a reader refuses what claims to hold more.
pub(super) const PLAIN_BYTES: usize = 64 << 20;

/// The length that marks the end frame.
const END: u32 = u32::MAX;

/// Bytes of the end frame.
pub(super) const END_BYTES: usize = 68;

/// What a frame says of its lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Frame {
    /// Arrival of the first line, microseconds since the Unix epoch, UTC.
    pub first: i64,
    /// Arrival of the last line.
    pub last: i64,
    /// How many lines; never 0.
    pub count: u32,
    /// The number of the first line within the session.
    pub line: u64,
}

impl Frame {
    /// Fills in the start of `bytes`, whose compressed lines lie behind [`FRAME_HEADER`].
    pub fn seal(&self, bytes: &mut [u8]) {
        let length = (bytes.len() - FRAME_HEADER) as u32;
        bytes[..4].copy_from_slice(&length.to_le_bytes());
        bytes[8..16].copy_from_slice(&self.first.to_le_bytes());
        bytes[16..24].copy_from_slice(&self.last.to_le_bytes());
        bytes[24..28].copy_from_slice(&self.count.to_le_bytes());
        bytes[28..36].copy_from_slice(&self.line.to_le_bytes());
        let check = check(bytes);
        bytes[4..8].copy_from_slice(&check.to_le_bytes());
    }
}

/// The frame at the end of a sealed segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct End {
    /// Whether the session ended with it, and not merely the segment.
    pub is_last: bool,
    /// Whether a later process sealed what a dead one left.
    pub is_recovered: bool,
    /// Whole frames before it.
    pub frames: u64,
    /// Their lines.
    pub lines: u64,
    /// Bytes behind the last whole frame that were cut off when it was recovered.
    pub cut: u64,
    /// SHA-256 of all bytes before it.
    pub sha256: [u8; 32],
}

impl End {
    pub fn to_bytes(&self) -> [u8; END_BYTES] {
        let mut bytes = [0; END_BYTES];
        let flags = u32::from(self.is_last) | (u32::from(self.is_recovered) << 1);
        bytes[..4].copy_from_slice(&END.to_le_bytes());
        bytes[8..12].copy_from_slice(&flags.to_le_bytes());
        bytes[12..20].copy_from_slice(&self.frames.to_le_bytes());
        bytes[20..28].copy_from_slice(&self.lines.to_le_bytes());
        bytes[28..36].copy_from_slice(&self.cut.to_le_bytes());
        bytes[36..].copy_from_slice(&self.sha256);
        let check = check(&bytes);
        bytes[4..8].copy_from_slice(&check.to_le_bytes());
        bytes
    }

    /// Reads exactly the bytes of an end frame.
    pub fn read(bytes: &[u8]) -> Option<End> {
        if bytes.len() != END_BYTES || word(bytes, 0) != END || word(bytes, 4) != check(bytes) {
            return None;
        }
        let flags = word(bytes, 8);
        Some(End {
            is_last: flags & 1 != 0,
            is_recovered: flags & 2 != 0,
            frames: long(bytes, 12),
            lines: long(bytes, 20),
            cut: long(bytes, 28),
            sha256: bytes[36..].try_into().ok()?,
        })
    }
}

/// A frame at the start of `bytes`: what it says, and its compressed lines; `None`: there is no whole one. `least` is the number
/// of the line that comes next: a frame of an earlier one is none, so that nothing is read twice.
pub(super) fn read(bytes: &[u8], least: u64) -> Option<(Frame, &[u8])> {
    let start = bytes.get(..FRAME_HEADER)?;
    let frame = Frame {
        first: long(start, 8) as i64,
        last: long(start, 16) as i64,
        count: word(start, 24),
        line: long(start, 28),
    };
    let length = word(start, 0);
    // What cannot be is told apart without a look at all of the bytes, since a search tries each place.
    let is_possible = length != END
        && frame.count > 0
        && frame.first <= frame.last
        && frame.line >= least
        && frame.line.checked_add(u64::from(frame.count)).is_some();
    if !is_possible {
        return None;
    }
    let whole = bytes.get(..FRAME_HEADER + length as usize)?;
    (word(start, 4) == check(whole)).then(|| (frame, &whole[FRAME_HEADER..]))
}

/// The checksum of a frame: of its length, and of all behind the checksum.
fn check(bytes: &[u8]) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c(&bytes[..4]), &bytes[8..])
}

fn word(bytes: &[u8], at: usize) -> u32 {
    bytes[at..at + 4].iter().rev().fold(0, |sum, byte| (sum << 8) | u32::from(*byte))
}

fn long(bytes: &[u8], at: usize) -> u64 {
    u64::from(word(bytes, at)) | (u64::from(word(bytes, at + 4)) << 32)
}

/// Lower-case hexadecimal.
pub(super) fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
