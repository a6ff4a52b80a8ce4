//! Something that was lost of one stream, or may have been.

/// A loss. While it lasts its `to` is its `from`; it is given again, with the same `from`, when it has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loss {
    /// What happened, one word: `sequence`, `checksum`, `late_snapshot`.
    pub kind: &'static str,
    /// Arrival of the last good message before it, microseconds since the Unix epoch, UTC.
    pub from: i64,
    /// Arrival of the first good message after it, microseconds since the Unix epoch, UTC.
    pub to: i64,
    /// The last id before.
    pub from_id: Option<String>,
    /// The first id after.
    pub to_id: Option<String>,
    /// How many ids are missing, where the ids say it: of trades that is how many trades, of a book how many of its changes.
    pub missing: Option<u64>,
    /// Whether the messages prove it; else it is suspected.
    pub is_proven: bool,
    /// More, for people.
    pub detail: String,
}
