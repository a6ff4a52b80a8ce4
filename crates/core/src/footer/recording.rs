//! What the footer of a recording says: its feed, its lines, and what was lost.

use super::{FooterError, PairReader};

/// The word of a recording that begins with a book of the lines before.
const CARRIED: &str = "carried";

/// The live feed behind an object, and how much of the day it covers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recording {
    /// The feed's name, such as `binance-futures`.
    pub feed: String,
    /// The exchange as the vendor names it.
    pub exchange: String,
    /// The symbol as the exchange writes it.
    pub symbol: String,
    /// The recording session: one run of one recorder.
    pub session: String,
    /// When the feed was received: start and end of each stretch, microseconds since the Unix epoch, UTC, the end excluded.
    pub ranges: Vec<(i64, i64)>,
    /// Where data is known to be lost.
    pub gaps: Vec<RecordingGap>,
    /// The lines of the captures that the rows were made from, by session and number. Empty: the footer does not say.
    pub lines: Vec<LineRange>,
    /// The version of what turned the lines into rows; 0: the footer does not say.
    pub feed_version: u32,
    /// The hash of the plan of the session that recorded last, as its captures state it. Empty: the footer does not say.
    pub plan_hash: String,
    /// How many gaps touch the rows, by kind, sorted by kind: [`Recording::counted_gaps`], or, where they are not listed, a count of
    /// each stretch of lines, in which a gap that touches two counts twice.
    pub gap_counts: Vec<(String, u64)>,
    /// What the messages prove of losses; `None`: the footer does not say.
    pub proof: Option<Proof>,
    /// Whether the rows begin with a snapshot of a book that was carried over from the lines before, and not sent by the exchange.
    pub is_carried: bool,
}

/// A stretch of the lines of a session's capture.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct LineRange {
    /// The session.
    pub session: String,
    /// The numbers of the first line, and of the line after the last one.
    pub range: (u64, u64),
}

/// What the messages of a feed prove of losses.
///
/// Ordered by how little they prove.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Proof {
    /// Each loss shows, in an id, a chain or a checksum.
    Whole,
    /// Some losses show.
    Part,
    /// No loss shows: "no gap found" is not "no gap".
    None,
}

impl Proof {
    /// All.
    pub const ALL: [Proof; 3] = [Proof::Whole, Proof::Part, Proof::None];

    /// The word in footers.
    pub fn name(self) -> &'static str {
        match self {
            Proof::Whole => "whole",
            Proof::Part => "part",
            Proof::None => "none",
        }
    }

    /// Parses [`Proof::name`].
    pub fn from_name(name: &str) -> Option<Proof> {
        Proof::ALL.into_iter().find(|proof| proof.name() == name)
    }
}

/// A stretch of a recording in which data is known to be lost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordingGap {
    /// Start and end in local time, microseconds since the Unix epoch, UTC, the end excluded.
    pub range: (i64, i64),
    /// Why, as one word of lower-case letters and underscores: a kind of the table of gaps, such as `disconnect`.
    pub reason: String,
}

/// `START..END`, separated by spaces.
fn write_ranges(ranges: &[(i64, i64)]) -> String {
    let texts: Vec<String> = ranges.iter().map(|(start, end)| format!("{start}..{end}")).collect();
    texts.join(" ")
}

fn read_range(text: &str) -> Option<(i64, i64)> {
    let (start, end) = text.split_once("..")?;
    let range: (i64, i64) = (start.parse().ok()?, end.parse().ok()?);
    (range.0 <= range.1).then_some(range)
}

fn read_ranges(text: &str) -> Option<Vec<(i64, i64)>> {
    text.split_whitespace().map(read_range).collect()
}

/// `START..END=REASON`, separated by spaces.
fn write_gaps(gaps: &[RecordingGap]) -> String {
    let text = |gap: &RecordingGap| format!("{}..{}={}", gap.range.0, gap.range.1, gap.reason);
    gaps.iter().map(text).collect::<Vec<_>>().join(" ")
}

fn read_gaps(text: &str) -> Option<Vec<RecordingGap>> {
    let gap = |text: &str| {
        let (range, reason) = text.split_once('=')?;
        let is_word = !reason.is_empty() && reason.chars().all(|c| c.is_ascii_lowercase() || c == '_');
        is_word.then_some(RecordingGap { range: read_range(range)?, reason: reason.to_owned() })
    };
    text.split_whitespace().map(gap).collect()
}

/// `SESSION:FIRST..END`, separated by spaces.
fn write_lines(lines: &[LineRange]) -> String {
    let text = |l: &LineRange| format!("{}:{}..{}", l.session, l.range.0, l.range.1);
    lines.iter().map(text).collect::<Vec<_>>().join(" ")
}

fn read_lines(text: &str) -> Option<Vec<LineRange>> {
    let one = |text: &str| {
        let (session, range) = text.split_once(':')?;
        let (first, end) = range.split_once("..")?;
        let range: (u64, u64) = (first.parse().ok()?, end.parse().ok()?);
        let is_one = !session.is_empty() && range.0 < range.1;
        is_one.then(|| LineRange { session: session.to_owned(), range })
    };
    text.split_whitespace().map(one).collect()
}

/// `KIND=COUNT`, separated by spaces.
fn write_counts(counts: &[(String, u64)]) -> String {
    counts.iter().map(|(kind, count)| format!("{kind}={count}")).collect::<Vec<_>>().join(" ")
}

fn read_counts(text: &str) -> Option<Vec<(String, u64)>> {
    let one = |text: &str| {
        let (kind, count) = text.split_once('=')?;
        (!kind.is_empty()).then_some((kind.to_owned(), count.parse().ok()?))
    };
    text.split_whitespace().map(one).collect()
}

impl Recording {
    /// The number of its gaps by kind, sorted by kind.
    pub fn counted_gaps(&self) -> Vec<(String, u64)> {
        let mut counts = std::collections::BTreeMap::new();
        for gap in &self.gaps {
            *counts.entry(gap.reason.clone()).or_insert(0) += 1;
        }
        counts.into_iter().collect()
    }

    pub(super) fn to_pairs(&self) -> Vec<(&'static str, String)> {
        let mut pairs = vec![
            ("mtdh.feed", self.feed.clone()),
            ("mtdh.recorded", write_ranges(&self.ranges)),
            ("mtdh.recording_gaps", write_gaps(&self.gaps)),
            ("mtdh.session", self.session.clone()),
            ("mtdh.source_exchange", self.exchange.clone()),
            ("mtdh.source_symbol", self.symbol.clone()),
        ];
        let mut told = |name, is_told: bool, value: String| pairs.extend(is_told.then_some((name, value)));
        told("mtdh.capture_lines", !self.lines.is_empty(), write_lines(&self.lines));
        told("mtdh.feed_version", self.feed_version > 0, self.feed_version.to_string());
        told("mtdh.gap_counts", !self.gap_counts.is_empty(), write_counts(&self.gap_counts));
        told("mtdh.plan_hash", !self.plan_hash.is_empty(), self.plan_hash.clone());
        told("mtdh.proof", self.proof.is_some(), self.proof.map_or("", Proof::name).to_owned());
        told("mtdh.start", self.is_carried, CARRIED.to_owned());
        pairs
    }

    pub(super) fn read(reader: &PairReader<'_>) -> Result<Recording, FooterError> {
        Ok(Recording {
            feed: reader.text("mtdh.feed")?,
            exchange: reader.text("mtdh.source_exchange")?,
            symbol: reader.text("mtdh.source_symbol")?,
            session: reader.text("mtdh.session")?,
            ranges: reader.read("mtdh.recorded", read_ranges)?,
            gaps: reader.read("mtdh.recording_gaps", read_gaps)?,
            lines: reader.read_optional("mtdh.capture_lines", read_lines)?.unwrap_or_default(),
            feed_version: reader.read_optional("mtdh.feed_version", |t| t.parse().ok())?.unwrap_or_default(),
            plan_hash: reader.read_optional("mtdh.plan_hash", |t| Some(t.to_owned()))?.unwrap_or_default(),
            gap_counts: reader.read_optional("mtdh.gap_counts", read_counts)?.unwrap_or_default(),
            proof: reader.read_optional("mtdh.proof", Proof::from_name)?,
            is_carried: reader.read_optional("mtdh.start", |t| (t == CARRIED).then_some(()))?.is_some(),
        })
    }
}
