//! What turns a venue's messages into rows.

use super::out::Out;

pub use super::out::ConnectionId;

/// A message of a WebSocket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Frame<'a> {
    /// Text, or bytes that the venue sends in place of it.
    Data(&'a [u8]),
    /// A ping of the server, which the socket has answered.
    Ping,
    /// A pong of the server.
    Pong,
}

/// Why a connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Closed {
    /// The server closed it, or it broke.
    Remote,
    /// This side closed it: a successor took over, or the recording ends.
    Local,
}

/// A venue's messages to rows, for one recording: bytes and times in, rows and requests out. No method panics or fails, whatever
/// the bytes are: what cannot be read is counted in [`Out`].
///
/// All times are microseconds since the Unix epoch, UTC, and never fall within a feed.
pub trait Feed: Send {
    /// A connection is open: its subscriptions are asked for.
    fn opened(&mut self, connection: ConnectionId, now: i64, out: &mut Out);

    /// A message arrived.
    fn message(&mut self, connection: ConnectionId, frame: Frame<'_>, arrived: i64, out: &mut Out);

    /// The answer to a [`super::out::Request`]; status 0: none came.
    fn answer(&mut self, request: &str, status: u16, body: &[u8], arrived: i64, out: &mut Out);

    /// A connection ended. What it brought is no longer current.
    fn closed(&mut self, connection: ConnectionId, why: Closed, now: i64, out: &mut Out);

    /// The time of [`Feed::due`] has come: pings, polls, deadlines.
    fn tick(&mut self, now: i64, out: &mut Out);

    /// When [`Feed::tick`] is wanted next.
    fn due(&self) -> Option<i64>;

    /// A UTC day begins: each current book is given out as a snapshot, so that the day can be read by itself.
    fn midnight(&mut self, now: i64, out: &mut Out);
}
