//! The evidence for one partition: what the vendor said, what the lake has of it, what was made of it, and what it was before.
//!
//! Reads only. What is not known is said to be unknown; nothing is inferred from names or times.

mod evidence;
mod lines;
mod look;

use serde::Serialize;

use crate::check::kept::KeptLine;

pub use evidence::Evidence;
pub(crate) use evidence::evidence;
pub(crate) use look::why;

/// The evidence for a partition. All times are RFC 3339, UTC.
#[derive(Clone, Debug, Serialize)]
pub struct Why {
    /// The UTC day.
    pub day: String,
    /// The instrument.
    pub instrument_key: String,
    /// The data type.
    pub data_type: &'static str,
    /// `stored`, `empty`, `absent`, `missing`, `not_exported_yet`, or `not_expected`: there is no object, and none is expected.
    pub status: &'static str,
    /// Why it has this status; `None`: it is stored, or the vendor's own file was empty.
    pub reason: Option<String>,
    /// What the vendor listed for the instrument, by the lake's tables; `None`: no table has it.
    pub listing: Option<Listing>,
    /// The object; `None`: there is none.
    pub object: Option<ObjectFacts>,
    /// Where its rows came from; `None`: there is no object that can be trusted.
    pub source: Option<Source>,
    /// When the vendor's answer had been received; `None`: not known, or there is no object.
    pub fetched_at: Option<String>,
    /// Its rows; `None`: there is no object that can be trusted.
    pub rows: Option<RowCounts>,
    /// Its grade by the last check; `None`: not checked since the object was written.
    pub grade: Option<&'static str>,
    /// The grade of the instrument's whole day by the same check.
    pub day_grade: Option<&'static str>,
    /// The checks that looked at it, the newest first.
    pub checks: Vec<Checked>,
    /// What they found, the most severe first.
    pub findings: Vec<FindingFacts>,
    /// Times in which rows lack: found by checks, or told by a recording.
    pub gaps: Vec<Gap>,
    /// The candles of the instrument's day that the lake has and that were made of this data type.
    pub candles: Vec<CandlesMade>,
    /// The objects that were replaced because the vendor issued their files anew, the oldest first.
    pub reissues: Vec<Reissue>,
    /// Failures to fetch it that the newest runs tell, the newest first; only of a partition that is missing.
    pub failures: Vec<FailureSeen>,
    /// Reports of the lake that could not be read, so that some of this is not known.
    pub unknown: Vec<String>,
}

/// What the vendor listed.
#[derive(Clone, Debug, Serialize)]
pub struct Listing {
    /// The day of the table that has it: the partition's own, or the newest.
    pub table_day: String,
    /// The vendor's id of the exchange.
    pub exchange: String,
    /// The symbol in the vendor's file names; `None`: it exports no files of it.
    pub symbol: Option<String>,
    /// Start of the vendor's data.
    pub available_from: String,
    /// End of the vendor's data, excluded; `None`: it has none.
    pub available_to: Option<String>,
    /// Whether it has data of the partition's day.
    pub is_alive: bool,
    /// Whether it lists the data type.
    pub has_type: bool,
    /// Whether it listed the instrument or the type once, and no longer does.
    pub is_withdrawn: bool,
    /// Whether it had exported the day when the table was written.
    pub is_exported: bool,
}

/// An object of the lake.
#[derive(Clone, Debug, Serialize)]
pub struct ObjectFacts {
    /// Its path inside the lake.
    pub path: String,
    /// Its size in bytes.
    pub bytes: u64,
    /// BLAKE3 of its data part; `None`: version 0.1.0 wrote it, or it cannot be trusted.
    pub data_blake3: Option<String>,
    /// The last day on which each of its bytes was verified; `None`: never.
    pub proved_on: Option<String>,
}

/// Where rows came from.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Source {
    /// A file of the vendor.
    VendorFile {
        /// The vendor's path.
        file: String,
        /// The entity tag; `None`: the server sent none.
        etag: Option<String>,
        /// Compressed size; `None`: there was no file.
        bytes: Option<u64>,
        /// SHA-256 of the compressed bytes; `None`: there was no file.
        sha256: Option<String>,
    },
    /// A recording of a live feed.
    Recording {
        /// The feed.
        feed: String,
        /// The session that recorded last.
        session: String,
    },
}

/// Rows in and out.
#[derive(Clone, Debug, Serialize)]
pub struct RowCounts {
    /// Of the file.
    #[serde(rename = "in")]
    pub rows_in: u64,
    /// Stored.
    pub out: u64,
    /// Rejected.
    pub rejected: u64,
    /// First and last arrival; `None`: no rows.
    pub arrival: Option<[String; 2]>,
}

/// A check that looked at it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Checked {
    /// When it began.
    pub checked_at: String,
    /// The verb that checked.
    pub made_by: String,
    /// The groups of checks.
    pub groups: Vec<String>,
    /// Whether it looked at the object that the lake has now.
    pub is_current: bool,
}

/// Something that a check found.
#[derive(Clone, Debug, Serialize)]
pub struct FindingFacts {
    /// The check.
    pub check: String,
    /// How severe it is.
    pub severity: &'static str,
    /// How often.
    pub count: u64,
    /// The cause as a sentence; `None`: none is known.
    pub explanation: Option<String>,
    /// Up to ten examples.
    pub examples: Vec<String>,
    /// Whether it is of the object that the lake has now.
    pub is_current: bool,
}

/// A time in which rows lack.
#[derive(Clone, Debug, Serialize)]
pub struct Gap {
    /// Its start.
    pub from: String,
    /// Its end.
    pub to: String,
    /// What explains it.
    pub explanation: String,
}

/// Candles of the instrument's day.
#[derive(Clone, Debug, Serialize)]
pub struct CandlesMade {
    /// The timeframe.
    pub timeframe: String,
    /// How many; `None`: the object cannot be trusted.
    pub rows: Option<u64>,
    /// Whether they were made of the object that the lake has now.
    pub is_current: bool,
}

/// An object that a re-issue replaced.
#[derive(Clone, Debug, Serialize)]
pub struct Reissue {
    /// When it was replaced.
    pub superseded_at: String,
    /// When its file had been received; `None`: not known.
    pub fetched_at: Option<String>,
    /// Its status.
    pub status: &'static str,
    /// Its rows.
    pub rows: u64,
    /// BLAKE3 of its data part.
    pub data_blake3: Option<String>,
    /// The vendor's path of its file.
    pub file: String,
    /// The entity tag of that file.
    pub etag: Option<String>,
    /// SHA-256 of that file.
    pub sha256: Option<String>,
    /// SHA-256 of the file that replaced it; `None`: the vendor has none any more.
    pub by_sha256: Option<String>,
    /// The entity tag of the file that replaced it.
    pub by_etag: Option<String>,
}

/// A failure to fetch it.
#[derive(Clone, Debug, Serialize)]
pub struct FailureSeen {
    /// The run.
    pub run_id: String,
    /// When that run was last seen.
    pub at: String,
    /// The vendor's path of the file.
    pub file: String,
    /// What happened.
    pub cause: String,
}

impl Why {
    /// Whether the lake has an answer for it, or none is expected.
    pub fn is_answered(&self) -> bool {
        !matches!(self.status, "missing" | "not_exported_yet")
    }

    /// The evidence in ten lines for people, each as its name and a text.
    pub fn lines(&self) -> [(&'static str, String); 10] {
        lines::of(self)
    }
}

/// Whether a kept line is about a partition, alone or together with others of its instrument's day.
fn is_about(kept: &KeptLine, data_type: mtdh_core::DataType) -> bool {
    match kept.line.subject.data_type {
        Some(of) => of == data_type,
        None => kept
            .line
            .objects
            .iter()
            .any(|object| object.split_once(' ').is_some_and(|(name, _)| name == data_type.name())),
    }
}
