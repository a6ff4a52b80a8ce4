//! The links of a connection: the one that is read, and the one that takes over from it.

use std::collections::VecDeque;

use mtdh_source::live::feed::{ConnectionId, Feed, Frame};
use mtdh_source::live::out::{Out, Send};
use mtdh_source::live::venue::{Connection, Venue, Want};

/// A successor takes over so long after its first data, microseconds: the two have overlapped then.
const OVERLAP_US: i64 = 5_000_000;
/// A successor's messages that are kept until it takes over, at most; the oldest are forgotten first.
const KEPT: usize = 100_000;
/// Their bytes, at most.
const KEPT_BYTES: usize = 32 << 20;

/// What a connection waits for.
#[derive(Clone, Debug, Default)]
pub(super) struct Waiting {
    /// When its last message with data arrived.
    pub last: Option<i64>,
    /// Since when messages may be lost.
    pub lost: Option<i64>,
    /// Why.
    pub reason: String,
}

pub(super) enum Role {
    /// What it brings is given to the feed.
    Active,
    /// What it brings is kept.
    Successor(Box<Shadow>),
}

/// A link of a connection.
pub(super) struct Lane {
    pub connection: u32,
    pub role: Role,
}

/// A successor before it takes over. A feed of its own subscribes and answers heartbeats for it; its rows are not wanted.
pub(super) struct Shadow {
    feed: Box<dyn Feed>,
    out: Out,
    kept: VecDeque<Vec<u8>>,
    bytes: usize,
    first_data: Option<i64>,
}

impl Lane {
    pub fn active(connection: u32) -> Lane {
        Lane { connection, role: Role::Active }
    }

    pub fn successor(venue: &'static dyn Venue, want: &Want, plan: &Connection, connection: u32) -> Lane {
        let feed = venue.feed(want, std::slice::from_ref(plan));
        let shadow = Shadow { feed, out: Out::default(), kept: VecDeque::new(), bytes: 0, first_data: None };
        Lane { connection, role: Role::Successor(Box::new(shadow)) }
    }

    pub fn is_successor(&self) -> bool {
        matches!(self.role, Role::Successor(_))
    }

    /// Whether the successor can take over.
    pub fn is_ready(&self, at: i64) -> bool {
        match &self.role {
            Role::Active => false,
            Role::Successor(shadow) => shadow.first_data.is_some_and(|first| at >= first + OVERLAP_US),
        }
    }

    pub fn opened(&mut self, at: i64) {
        if let Role::Successor(shadow) = &mut self.role {
            shadow.feed.opened(ConnectionId(0), at, &mut shadow.out);
        }
    }

    /// Keeps a successor's message.
    pub fn keep(&mut self, frame: Frame<'_>, at: i64) {
        let Role::Successor(shadow) = &mut self.role else { return };
        let rows = shadow.out.rows.len();
        shadow.feed.message(ConnectionId(0), frame, at, &mut shadow.out);
        if let Frame::Data(bytes) = frame {
            if shadow.out.rows.len() > rows {
                shadow.first_data.get_or_insert(at);
            }
            shadow.bytes += bytes.len();
            shadow.kept.push_back(bytes.to_vec());
        }
        while shadow.kept.len() > KEPT || shadow.bytes > KEPT_BYTES {
            shadow.bytes -= shadow.kept.pop_front().map_or(0, |bytes| bytes.len());
        }
        let _not_wanted = shadow.out.rows.take();
    }

    /// What the shadow wants sent.
    pub fn take_sends(&mut self, lane: u32) -> impl Iterator<Item = (u32, Send)> + use<> {
        let sends = match &mut self.role {
            Role::Active => Vec::new(),
            Role::Successor(shadow) => {
                shadow.out.requests.clear();
                shadow.out.gaps.clear();
                std::mem::take(&mut shadow.out.sends)
            }
        };
        sends.into_iter().map(move |(_, send)| (lane, send))
    }

    /// What a successor brought.
    pub fn kept(self) -> VecDeque<Vec<u8>> {
        match self.role {
            Role::Active => VecDeque::new(),
            Role::Successor(shadow) => shadow.kept,
        }
    }
}
