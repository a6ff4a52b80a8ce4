//! What can go wrong with a capture.

use std::io;
use std::path::PathBuf;

/// An error of a capture.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CaptureError {
    /// A file could not be written or read. What was buffered is still buffered.
    #[error("cannot use {}", path.display())]
    Disk {
        /// The file or folder.
        path: PathBuf,
        /// The system's error.
        #[source]
        source: io::Error,
    },
    /// The buffer is full; nothing of the line was taken.
    #[error("{0} bytes wait to be written, and no more are taken; write before anything else is received")]
    Full(usize),
    /// A time that no calendar has.
    #[error("{0} microseconds since 1970 are no time of a message")]
    BadTime(i64),
    /// A session's name that cannot be part of a file's name.
    #[error("`{0}` is no session; it is 1 to 40 lower-case letters and digits")]
    BadSession(String),
    /// A venue that cannot be part of a file's name.
    #[error("`{0}` is no venue; it is lower-case letters, digits and hyphens")]
    BadVenue(String),
    /// The bytes are not a segment.
    #[error("it is no segment of a capture: {0}")]
    NotASegment(&'static str),
    /// A newer version of the program wrote it.
    #[error("the segment has version {0}, which this program does not know yet; update mtdh")]
    Newer(u64),
    /// A sealed segment does not end as one.
    #[error("the segment has no end frame: it was cut off; read it as an open one for what is left")]
    Unsealed,
    /// A sealed segment is not what was sealed.
    #[error("the segment's SHA-256 is {found}, and it was sealed with {stated}: its bytes were changed")]
    Digest {
        /// The digest of the bytes.
        found: String,
        /// The digest that the end frame states.
        stated: String,
    },
    /// A line of a frame whose checksum fits cannot be read.
    #[error("line {0} cannot be read, although its frame is whole; report this")]
    BadLine(u64),
    /// The compressor failed.
    #[error("a frame cannot be compressed")]
    Compression(#[source] io::Error),
}
