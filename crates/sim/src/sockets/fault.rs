//! The faults of a venue's sockets, and when each strikes.

use std::sync::Mutex;

use serde::{Deserialize, Serialize};

use super::log::{Log, Truth};
use crate::sync::lock;

/// A fault: where, when and what. Without a place it concerns every venue, symbol and type; without a time the first occasion.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SocketFault {
    /// Tardis' id of the venue.
    #[serde(default)]
    pub venue: Option<String>,
    /// The symbol as the venue writes it, in any case.
    #[serde(default)]
    pub symbol: Option<String>,
    /// `trade`, `book`, `best`, `ticker`, `liquidation`, `option`, …
    #[serde(default)]
    pub data_type: Option<String>,
    /// Strikes at this occasion, from 1: a message for most kinds; a connection, a subscription or a request for those named so.
    #[serde(default = "one")]
    pub at: u64,
    /// Strikes again after so many further occasions; 0: not again.
    #[serde(default)]
    pub every: u64,
    /// Strikes at most so often.
    #[serde(default = "one")]
    pub times: u64,
    /// Not before so many simulated seconds from the start.
    #[serde(default)]
    pub after_s: f64,
    /// What happens.
    pub kind: SocketFaultKind,
}

fn one() -> u64 {
    1
}

impl SocketFault {
    /// A fault of a kind, at the first occasion, once.
    pub fn new(kind: SocketFaultKind) -> SocketFault {
        SocketFault {
            venue: None,
            symbol: None,
            data_type: None,
            at: 1,
            every: 0,
            times: 1,
            after_s: 0.0,
            kind,
        }
    }
}

/// What happens.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum SocketFaultKind {
    /// So many messages of the stream are not sent.
    Drop {
        /// Messages in a row.
        #[serde(default = "one")]
        count: u64,
    },
    /// A message is sent twice.
    Duplicate,
    /// A message is sent after its successor of the same stream.
    Swap,
    /// The stream stops for so many simulated milliseconds and then comes whole, while others go on.
    Delay {
        /// Simulated milliseconds.
        ms: u64,
    },
    /// Only heartbeats and answers are sent for so many simulated milliseconds; the messages are lost.
    HeartbeatsOnly {
        /// Simulated milliseconds.
        ms: u64,
    },
    /// Nothing is sent or read any more, and the connection stays open.
    HalfOpen,
    /// The connection is reset in the middle of this frame.
    Reset,
    /// The connection ends before this message, with a close frame; 1006: without one.
    Close {
        /// The close code.
        code: u16,
    },
    /// From here on so many messages are written byte by byte.
    OneByteWrites {
        /// Messages.
        #[serde(default = "one")]
        count: u64,
    },
    /// The message comes in fragments.
    Fragments {
        /// Number of fragments.
        parts: usize,
    },
    /// The message is a frame of the other kind: binary for text, text for binary.
    OtherOpcode,
    /// Before the message comes one that is no JSON.
    Malformed,
    /// Only the first half of the message comes.
    Truncated,
    /// Before the message comes an event that no document knows.
    UnknownEvent,
    /// The message has a member more.
    UnknownField,
    /// The first number in a text is a number.
    NumberForText,
    /// Before the message comes one of so many bytes.
    Huge {
        /// Bytes.
        bytes: usize,
    },
    /// Binance's `serverShutdown`, or OKX's notice 64008, and the end after so many simulated milliseconds.
    Announced {
        /// Simulated milliseconds.
        ms: u64,
    },
    /// At a connection: HTTP answers in place of 101.
    Handshake {
        /// Status.
        status: u16,
        /// Seconds.
        #[serde(default)]
        retry_after: Option<u64>,
    },
    /// At a connection: no answer.
    HandshakeHangs,
    /// At a connection: 418 for so many simulated seconds, to this and all others of the venue.
    Ban {
        /// Simulated seconds.
        seconds: u64,
    },
    /// At a connection: a frame comes in the same segment as the 101.
    FrameWithHandshake,
    /// At a subscription: no answer, but messages.
    NoAck,
    /// At a subscription: the last stream is neither in the answer nor sent.
    PartialAck,
    /// At a subscription of the symbol: the venue's error, and nothing of it.
    RefuseSymbol,
    /// At a subscription: no first snapshot.
    NoSnapshot,
    /// At a REST snapshot: of before so many updates.
    SnapshotOlder {
        /// Updates.
        updates: usize,
    },
    /// At a REST snapshot: of so many updates later than the stream has sent.
    SnapshotNewer {
        /// Updates.
        updates: usize,
    },
    /// At a REST request: HTTP answers so.
    Rest {
        /// Status.
        status: u16,
        /// Seconds.
        #[serde(default)]
        retry_after: Option<u64>,
    },
    /// At a book update: Bybit's `u` is 1 again, with a snapshot.
    CounterReset,
    /// At a book update: OKX's sequence begins again lower, whole as documented, or broken.
    SequenceReset {
        /// Whether `prevSeqId` is another than the last `seqId`.
        breaks: bool,
    },
    /// At a book update: the checksum is another.
    WrongChecksum,
    /// At a book update: a bid above the best ask is sent, and never taken back.
    CrossedBook,
    /// At a step of the market: the venue's times are off by so much from here on.
    ClockOff {
        /// Milliseconds; negative: late.
        ms: i64,
    },
    /// At a step of the market: its times are so much earlier than those before, once.
    ClockBack {
        /// Milliseconds.
        ms: i64,
    },
}

/// Where a fault can strike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Occasion {
    Message,
    Connection,
    Subscription,
    Rest,
    Step,
}

impl SocketFaultKind {
    fn occasion(&self) -> Occasion {
        use SocketFaultKind as K;
        match self {
            K::Handshake { .. } | K::HandshakeHangs | K::Ban { .. } | K::FrameWithHandshake => {
                Occasion::Connection
            }
            K::NoAck | K::PartialAck | K::RefuseSymbol | K::NoSnapshot => Occasion::Subscription,
            K::SnapshotOlder { .. } | K::SnapshotNewer { .. } | K::Rest { .. } => Occasion::Rest,
            K::CounterReset
            | K::SequenceReset { .. }
            | K::WrongChecksum
            | K::CrossedBook
            | K::ClockOff { .. }
            | K::ClockBack { .. } => Occasion::Step,
            _ => Occasion::Message,
        }
    }

    /// Returns its name, as in a file of faults.
    pub(super) fn name(&self) -> String {
        match serde_json::to_value(self) {
            Ok(serde_json::Value::String(name)) => name,
            Ok(serde_json::Value::Object(members)) => members.keys().next().cloned().unwrap_or_default(),
            _ => String::new(),
        }
    }
}

/// What an occasion is about.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place<'a> {
    pub(super) venue: &'a str,
    pub(super) symbol: &'a str,
    pub(super) data_type: &'a str,
    /// Simulated microseconds since the start.
    pub(super) elapsed_us: i64,
}

/// The faults of a server, with their counters, and the log of what they did.
#[derive(Debug)]
pub(super) struct Faults {
    all: Vec<(SocketFault, Mutex<Counter>)>,
    /// The log.
    pub(super) truth: Log<Truth>,
}

#[derive(Debug, Default)]
struct Counter {
    seen: u64,
    struck: u64,
}

impl Faults {
    /// Creates the faults of a configuration.
    pub(super) fn new(faults: Vec<SocketFault>, truth: Log<Truth>) -> Faults {
        Faults { all: faults.into_iter().map(|fault| (fault, Mutex::default())).collect(), truth }
    }

    /// Whether a venue has any of an occasion.
    pub(super) fn has(&self, venue: &str, occasion: Occasion) -> bool {
        let at_venue = |fault: &SocketFault| fault.venue.as_deref().is_none_or(|v| v == venue);
        self.all.iter().any(|(fault, _)| fault.kind.occasion() == occasion && at_venue(fault))
    }

    /// Counts an occasion and returns the faults that strike at it. A fault that `fits` refuses does not count it.
    pub(super) fn strike(
        &self,
        occasion: Occasion,
        place: Place<'_>,
        fits: impl Fn(&SocketFaultKind) -> bool,
    ) -> Vec<SocketFaultKind> {
        let mut struck = Vec::new();
        for (fault, counter) in &self.all {
            let is_here = fault.kind.occasion() == occasion
                && fault.venue.as_deref().is_none_or(|venue| venue == place.venue)
                && fault.symbol.as_deref().is_none_or(|symbol| symbol.eq_ignore_ascii_case(place.symbol))
                && fault.data_type.as_deref().is_none_or(|data_type| data_type == place.data_type)
                && place.elapsed_us as f64 / 1e6 >= fault.after_s
                && fits(&fault.kind);
            if !is_here {
                continue;
            }
            let mut counter = lock(counter);
            counter.seen += 1;
            let past = counter.seen.checked_sub(fault.at);
            let is_due = past.is_some_and(|past| past == 0 || (fault.every > 0 && past % fault.every == 0));
            if is_due && counter.struck < fault.times {
                counter.struck += 1;
                struck.push(fault.kind.clone());
            }
        }
        struck
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn struck(text: &str, messages: usize) -> Vec<usize> {
        let faults = Faults::new(serde_json::from_str(text).unwrap(), Log::new(None));
        let place = Place { venue: "binance", symbol: "BTCUSDT", data_type: "trade", elapsed_us: 5_000_000 };
        let at = |_| faults.strike(Occasion::Message, place, |_| true).len();
        (1..=messages).map(|n| (n, at(n))).filter(|(_, count)| *count > 0).map(|(n, _)| n).collect()
    }

    #[test]
    fn a_fault_strikes_when_and_where_it_says() {
        for (text, expected) in [
            (r#"[{"kind": "reset"}]"#, vec![1]),
            (r#"[{"at": 3, "kind": {"drop": {}}}]"#, vec![3]),
            (r#"[{"at": 2, "every": 3, "times": 3, "kind": "duplicate"}]"#, vec![2, 5, 8]),
            (r#"[{"venue": "deribit", "kind": "swap"}]"#, vec![]),
            (r#"[{"symbol": "btcusdt", "data_type": "trade", "kind": "swap"}]"#, vec![1]),
            (r#"[{"data_type": "book", "kind": "swap"}]"#, vec![]),
            (r#"[{"after_s": 5, "kind": "swap"}]"#, vec![1]),
            (r#"[{"after_s": 5.1, "kind": "swap"}]"#, vec![]),
            (r#"[{"kind": "no_ack"}]"#, vec![]),
        ] {
            assert_eq!(struck(text, 12), expected, "{text}");
        }
    }

    #[test]
    fn a_misspelt_fault_is_no_fault() {
        for text in [r#"[{"kind": "rest"}]"#, r#"[{"knd": "reset"}]"#, r#"[{"kind": {"close": {}}}]"#] {
            assert!(serde_json::from_str::<Vec<SocketFault>>(text).is_err(), "{text}");
        }
    }

    #[test]
    fn names_are_those_of_the_file() {
        assert_eq!(SocketFaultKind::OneByteWrites { count: 2 }.name(), "one_byte_writes");
        assert_eq!(SocketFaultKind::HalfOpen.name(), "half_open");
    }
}
