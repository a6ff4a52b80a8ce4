//! What a test asks for afterwards: which faults happened, and which limits a client broke. Both lists are bounded, and may be followed
//! in a file, a JSON object a line.

use std::fs::File;
use std::io::Write as _;
use std::sync::Mutex;

use serde::Serialize;

use crate::sync::lock;

/// Most lines kept; later ones are counted only.
const MAX_LINES: usize = 200_000;

/// A fault that happened, or messages that a client missed.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Truth {
    /// Name of the fault, as in a file of faults; `missed` for what came while nobody was subscribed.
    pub what: String,
    /// Tardis' id of the venue.
    pub venue: String,
    /// The symbol as the venue writes it; empty: the whole connection.
    pub symbol: String,
    /// `trade`, `book`, `best`, …; empty: the whole connection.
    pub data_type: String,
    /// Number of the connection, from 1; 0: none.
    pub connection: u64,
    /// First id that was lost, repeated or changed; null: none was.
    pub first: Option<i64>,
    /// Last id of them, included.
    pub last: Option<i64>,
    /// Messages concerned.
    pub messages: u64,
    /// The venue's clock, microseconds since the Unix epoch, UTC.
    pub at_us: i64,
}

/// A limit that a client broke.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Breach {
    /// Tardis' id of the venue.
    pub venue: String,
    /// Number of the connection, from 1; 0: none.
    pub connection: u64,
    /// Which limit, as `messages_per_s`.
    pub limit: &'static str,
    /// What the client did.
    pub value: i64,
    /// What it may do.
    pub most: i64,
    /// The venue's clock, microseconds since the Unix epoch, UTC.
    pub at_us: i64,
}

/// A bounded list that may be followed in a file.
#[derive(Debug)]
pub(super) struct Log<T> {
    lines: Mutex<Lines<T>>,
}

#[derive(Debug)]
struct Lines<T> {
    kept: Vec<T>,
    file: Option<File>,
}

impl<T: Serialize + Clone> Log<T> {
    /// Creates a list, and the file when there is one.
    pub(super) fn new(file: Option<File>) -> Log<T> {
        Log { lines: Mutex::new(Lines { kept: Vec::new(), file }) }
    }

    /// Adds a line.
    pub(super) fn add(&self, line: T) {
        let mut lines = lock(&self.lines);
        let text = serde_json::to_string(&line).unwrap_or_default();
        if let Some(file) = &mut lines.file
            && let Err(error) = writeln!(file, "{text}")
        {
            tracing::warn!(%error, "a line of the simulator's log is lost");
        }
        if lines.kept.len() < MAX_LINES {
            lines.kept.push(line);
        }
    }

    /// Returns what was added so far.
    pub(super) fn all(&self) -> Vec<T> {
        lock(&self.lines).kept.clone()
    }
}
