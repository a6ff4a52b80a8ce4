//! Recordings of live feeds: the captures, which are the record, and the parts that are made from them.
//!
//! A **session** is one run of one recorder for one venue. It writes **segments**: files of compressed frames of lines, of which a
//! stranger can write a reader by `docs/reference/capture.md`. A line's number counts over the session, so that (session, number)
//! is its position for ever. Rows are a pure function of lines. Does not know what is in a message. Start with [`CaptureWriter`] and
//! [`SegmentReader`].

mod captures;
mod carried;
pub(crate) mod error;
mod found;
mod frame;
mod header;
mod line;
mod merge;
pub(crate) mod name;
mod part;
mod reader;
mod recover;
mod writer;

pub use captures::Uploaded;
pub use error::CaptureError;
pub use found::{Found, SoFar, found, found_venues};
pub use header::{Ended, Header, Session};
pub use line::{Answer, Kind, Line};
pub use merge::{Span, lacking};
pub use name::{PartName, SegmentName, SessionId};
pub use part::{Compacted, NOTHING_CAME};
pub use reader::{Lost, Piece, SegmentReader};
pub use recover::{Recovered, recover};
pub use writer::{CaptureWriter, SealedSegment};
