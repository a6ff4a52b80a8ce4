//! The vendor's raw recordings (`data-feeds`) through the live feeds, so that any day can be made again by the mappers here.
//!
//! A slice is what the vendor's recorder received in a minute, a line each, `YYYY-MM-DDTHH:mm:ss.fffffffZ <message>`; an empty line says
//! that the recorder was disconnected. The recorder writes messages of its own among them (`"generated":true`), which the feeds
//! know. Facts: the project's reference (tardis.md 4.4, live.md 14.4) of 2026-11-29. Start with [`feed_lines`].

use std::io::{self, BufRead, Read};

use crate::live::feed::{Closed, ConnectionId, Feed, Frame};
use crate::live::out::Out;
use crate::live::recording::Line;

/// A longer line is no message of an exchange, bytes.
const MAX_LINE: u64 = 64 * 1024 * 1024;

/// The recorder's connection: it tells of no other.
const RECORDER: ConnectionId = ConnectionId(0);

/// What was read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lines {
    /// Messages.
    pub messages: u64,
    /// Ends of the recorder's connection.
    pub disconnects: u64,
    /// Lines of no known form, which were passed over.
    pub unknown: u64,
    /// Arrival of the last message, microseconds since the Unix epoch, UTC; 0: there is none.
    pub last: i64,
}

/// Feeds the lines of recordings, in any of the forms of [`Line`], to a feed that was made for what is recorded. `each` is called after
/// each message with the arrival, and may take rows.
///
/// # Errors
/// Those of reading, a line longer than 64 MiB, and those of `each`.
pub fn feed_lines(
    mut reader: &mut dyn BufRead,
    feed: &mut dyn Feed,
    out: &mut Out,
    each: &mut dyn FnMut(&mut Out, i64) -> io::Result<()>,
) -> io::Result<Lines> {
    let mut lines = Lines::default();
    let mut line = Vec::new();
    let mut is_open = false;
    loop {
        line.clear();
        let length = (&mut reader).take(MAX_LINE).read_until(b'\n', &mut line)?;
        if length == 0 {
            return Ok(lines);
        }
        if length as u64 == MAX_LINE {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "a line of 64 MiB or more is no recorded message",
            ));
        }
        match Line::read(line.trim_ascii_end()) {
            Ok(Line::Received(at, message)) => {
                if !is_open {
                    feed.opened(RECORDER, at, out);
                    is_open = true;
                }
                lines.messages += 1;
                lines.last = at;
                feed.message(RECORDER, Frame::Data(&message), at, out);
                each(out, at)?;
            }
            Ok(Line::Disconnected) => {
                if is_open {
                    lines.disconnects += 1;
                    feed.closed(RECORDER, Closed::Remote, lines.last, out);
                    is_open = false;
                }
            }
            Ok(Line::Sent(..) | Line::Opened(_)) => {}
            Err(_) => lines.unknown += 1,
        }
    }
}
