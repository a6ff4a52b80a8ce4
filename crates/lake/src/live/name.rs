//! The names of sessions, segments and parts. How they stand in paths is in [`crate::layout`].

use std::fmt;
use std::str::FromStr;

use mtdh_core::Day;
use mtdh_core::partition::Partition;

use super::error::CaptureError;

/// The name of a session: one run of one recorder for one venue. Names sort by the time of their start.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionId(String);

impl SessionId {
    /// The name of a session that starts now, in microseconds since the Unix epoch, UTC; `random` tells recorders apart that start
    /// at the same time.
    ///
    /// # Errors
    /// When no calendar has the time.
    pub fn new(start_us: i64, random: u32) -> Result<SessionId, CaptureError> {
        let day = Day::containing_us(start_us).filter(|day| (1970..=9999).contains(&day.year()));
        let day = day.ok_or(CaptureError::BadTime(start_us))?;
        let of_day = (start_us - day.start_us()) / 1_000_000;
        let (hour, minute, second) = (of_day / 3600, of_day / 60 % 60, of_day % 60);
        Ok(SessionId(format!("{}t{hour:02}{minute:02}{second:02}x{random:08x}", day.compact())))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for SessionId {
    type Err = CaptureError;

    fn from_str(text: &str) -> Result<SessionId, CaptureError> {
        let is_one = (1..=40).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
        if is_one { Ok(SessionId(text.to_owned())) } else { Err(CaptureError::BadSession(text.to_owned())) }
    }
}

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The name of a segment of a capture. Names of a venue sort by session and number.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SegmentName {
    /// The vendor's exchange id.
    pub venue: String,
    /// The session.
    pub session: SessionId,
    /// The number within the session, from 0.
    pub number: u32,
    /// The UTC day of all its lines.
    pub day: Day,
    /// Arrival of its first line, microseconds since the Unix epoch, UTC.
    pub start_us: i64,
}

/// The name of a part: rows of a partition that were made from a stretch of a session's lines. Parts of a partition sort by session
/// and line.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PartName {
    /// The partition.
    pub partition: Partition,
    /// The session.
    pub session: SessionId,
    /// The first line of the stretch.
    pub first: u64,
    /// The last line of the stretch.
    pub last: u64,
}

impl fmt::Display for PartName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, lines {} to {} of {}", self.partition, self.first, self.last, self.session)
    }
}

/// Whether a text is a venue as it stands in paths: the vendor's exchange ids are lower-case letters, digits and hyphens.
pub(crate) fn is_venue(text: &str) -> bool {
    let is_one = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (1..=60).contains(&text.len()) && text.bytes().all(is_one)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sessions_have_names_that_files_may_have() {
        for bad in ["", "a-b", "A", "a/b", "..", "é", &"a".repeat(41)] {
            assert!(bad.parse::<SessionId>().is_err(), "{bad}");
        }
        let (early, late) = (SessionId::new(1_000_000, 9).unwrap(), SessionId::new(2_000_000, 1).unwrap());
        assert!(early < late && early.as_str().parse::<SessionId>().unwrap() == early);
    }
}
