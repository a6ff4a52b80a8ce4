//! What a feed gives out: rows, requests, and what it knows to be lost.

use std::collections::BTreeMap;

use mtdh_core::DataType;
use mtdh_core::live::loss::Loss;

use super::rows::Rows;

/// A connection of a feed: its place in the plan. The connection that takes over from another has the number of that one plus the
/// number of connections of the plan, so that both can be told apart while both bring the same streams.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnectionId(pub u32);

/// What a feed gave out since its owner last took it.
#[derive(Default)]
pub struct Out {
    /// Rows, by instrument and data type, and in the order of messages.
    pub rows: Rows,
    /// Text to send, in order.
    pub sends: Vec<(ConnectionId, Send)>,
    /// Requests by REST, in order.
    pub requests: Vec<Request>,
    /// What is known to be lost.
    pub gaps: Vec<Gap>,
    /// Connections to close and open again, with the reason.
    pub reconnects: Vec<(ConnectionId, String)>,
    /// Subscriptions that were refused: the stream, and the venue's words.
    pub refused: Vec<(ConnectionId, String, String)>,
    /// What people should know of a stream, in a line.
    pub notes: Vec<String>,
    /// What was made otherwise than the vendor does, by the name of the quirk.
    pub quirks: BTreeMap<&'static str, u64>,
    /// Planned ends that a venue announced: a successor is to be opened before this connection closes.
    pub ending: Vec<ConnectionId>,
    /// Streams that were acknowledged.
    pub accepted: u64,
    /// Messages that could not be read, and the first few of them with the reason, shortened.
    pub unread: u64,
    /// The first few messages of `unread`, with the reason, shortened.
    pub unread_texts: Vec<String>,
}

/// Of the messages that cannot be read so many are kept, and so much of each.
const UNREAD_TEXTS: usize = 10;
const UNREAD_BYTES: usize = 300;

impl Out {
    /// Counts a message that could not be read.
    pub fn unreadable(&mut self, message: &[u8], reason: &dyn std::fmt::Display) {
        self.unread += 1;
        if self.unread_texts.len() < UNREAD_TEXTS {
            let text = String::from_utf8_lossy(&message[..message.len().min(UNREAD_BYTES)]);
            self.unread_texts.push(format!("{reason}: {text}"));
        }
    }

    /// Sends a text.
    pub fn send(&mut self, connection: ConnectionId, text: String) {
        self.sends.push((connection, Send::Text(text)));
    }

    /// Tells of a loss of one stream.
    pub fn lost(&mut self, connection: ConnectionId, symbol: &str, data_type: DataType, loss: Loss) {
        self.gaps.push(Gap {
            connection: Some(connection),
            symbol: Some(symbol.to_owned()),
            data_type: Some(data_type),
            kind: loss.kind,
            from: loss.from,
            to: loss.to,
            from_id: loss.from_id,
            to_id: loss.to_id,
            missing: loss.missing,
            is_proven: loss.is_proven,
            detail: loss.detail,
        });
    }
}

/// What is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Send {
    /// A text message.
    Text(String),
    /// A ping of the protocol.
    Ping,
}

/// A request by REST.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// The feed's name for it, which comes back with the answer, such as `btcusdt@depthSnapshot`.
    pub name: String,
    /// What follows the venue's REST address.
    pub path: String,
    /// What it costs of the venue's budget.
    pub weight: u32,
    /// Not before this time, microseconds since the Unix epoch, UTC.
    pub not_before: i64,
}

/// Something that was lost, or may have been. The columns of the table `gaps` follow from it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gap {
    /// On which connection.
    pub connection: Option<ConnectionId>,
    /// Whose, as the exchange writes it; `None`: all of the connection.
    pub symbol: Option<String>,
    /// Of what; `None`: all of the connection.
    pub data_type: Option<DataType>,
    /// What happened, one word: `disconnect`, `sequence`, `checksum`, `silence`, `refused`, `overload`, `crash`, `clock`,
    /// `late_snapshot`, `unread`.
    pub kind: &'static str,
    /// From the arrival of the last good message to that of the first good one after it, microseconds since the Unix epoch, UTC. A gap
    /// that is still open has `to` equal to `from` and is given again, with the same `from`, when it ends.
    pub from: i64,
    /// See `from`.
    pub to: i64,
    /// The last id before.
    pub from_id: Option<String>,
    /// The first id after.
    pub to_id: Option<String>,
    /// How many are missing, where the ids say it.
    pub missing: Option<u64>,
    /// Whether the messages prove it; else it is suspected.
    pub is_proven: bool,
    /// More, for people.
    pub detail: String,
}
