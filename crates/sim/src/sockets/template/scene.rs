//! What a message is about.

use crate::generate::market::ladder::Level;
use crate::sockets::market::book::Moved;
use crate::sockets::market::{Market, Print};

/// What a message is about.
#[derive(Clone, Copy)]
pub(in crate::sockets) struct Scene<'a> {
    pub(in crate::sockets) market: &'a Market,
    pub(in crate::sockets) print: Option<&'a Print>,
    /// The changed levels of this message.
    pub(in crate::sockets) moved: &'a [Moved],
    /// Whole sides of the book, best first, as deep as was asked for.
    pub(in crate::sockets) bids: &'a [Level],
    pub(in crate::sockets) asks: &'a [Level],
    /// Name of the stream, and what it is of.
    pub(in crate::sockets) stream: &'a str,
    pub(in crate::sockets) label: &'a str,
    /// Whether times are in microseconds.
    pub(in crate::sockets) is_micro: bool,
    /// Whether the event time is in microseconds, to be replaced by the time of sending.
    pub(in crate::sockets) is_stamped: bool,
    /// Whether checksums are sent, and not 0.
    pub(in crate::sockets) has_checksum: bool,
}
