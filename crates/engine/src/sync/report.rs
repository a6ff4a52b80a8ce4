//! What a sync came to, set by set.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::iceberg::TableReport;
use crate::judgement::Judgement;
use crate::validate::{Counts, MissingPartition};

/// Missing partitions that a report lists of a set; `validate` lists all.
pub const LISTED: usize = 20;

/// A sync of a lake.
#[derive(Clone, Debug, Serialize)]
pub struct SyncReport {
    /// Version of the program.
    pub program_version: String,
    /// The run's name.
    pub run_id: String,
    /// Start of the run, RFC 3339, UTC.
    pub started_at: String,
    /// End of the run, RFC 3339, UTC.
    pub ended_at: String,
    /// The sets, by name. Empty: nothing is wanted yet.
    pub sets: Vec<SetReport>,
    /// Iceberg tables that were published before, and are brought up to date.
    pub iceberg: Vec<TableReport>,
    /// Why Iceberg tables are stale; `None`: they are not, or there are none.
    pub iceberg_stale: Option<String>,
    /// Whether it was asked to end before its end.
    pub is_interrupted: bool,
    /// The word for what it came to: [`Judgement::name`], or `interrupted`.
    pub verdict: &'static str,
    /// When the lake was last as is wanted, microseconds since the Unix epoch, UTC; `None`: never.
    pub last_success_us: Option<i64>,
    /// End of the run, microseconds since the Unix epoch, UTC.
    pub ended_us: i64,
}

/// One set of it.
#[derive(Clone, Debug, Default, Serialize)]
pub struct SetReport {
    /// Its name.
    pub name: String,
    /// Its first day.
    pub first_day: String,
    /// Its last day: the last wanted one that has ended.
    pub last_day: String,
    /// Days whose instrument tables were made.
    pub tables_made: usize,
    /// Vendor files that lacked.
    pub files: usize,
    /// Those that were fetched.
    pub files_done: usize,
    /// Those that failed.
    pub files_failed: usize,
    /// Compressed bytes that were received.
    pub bytes: u64,
    /// Rows that were stored.
    pub rows: u64,
    /// The first failures, a line each.
    pub failures: Vec<String>,
    /// Objects of candles that were made.
    pub candle_objects: usize,
    /// Instrument-days whose candles could not be made, or not with all inputs.
    pub candles_lacking: usize,
    /// Partitions by status; the same in two sets counts in each.
    pub counts: Counts,
    /// The word for whether it is complete, as of a validation.
    pub completeness: String,
    /// The first missing partitions.
    pub missing: Vec<MissingPartition>,
    /// Days that the vendor has not exported, or only in part, within the time that the set grants it.
    pub days_waiting: Vec<String>,
    /// The same, beyond that time.
    pub days_late: Vec<String>,
    /// Days that were checked now.
    pub days_checked: usize,
    /// Kept findings of checks, by severity.
    pub findings: BTreeMap<String, u64>,
    /// Objects that were removed: the set no longer keeps them.
    pub removed: usize,
    /// Their size, bytes.
    pub bytes_removed: u64,
    /// Objects that the set no longer keeps and that are still there: they are more than a run removes by itself.
    pub not_removed: usize,
    /// Objects that the set no longer keeps and that stay because a certificate names them.
    pub certified: usize,
    /// What it came to.
    pub verdict: &'static str,
    /// What could not be done, for people.
    pub notes: Vec<String>,
    #[serde(skip)]
    pub(super) judgement: Option<Judgement>,
}

impl SyncReport {
    /// What it came to: the worst of the sets. Stale tables of other programs are not as is wanted.
    pub fn judgement(&self) -> Judgement {
        let stale = self.iceberg_stale.as_ref().map(|_| Judgement::NotClean);
        worst(self.sets.iter().filter_map(|set| set.judgement).chain(stale))
    }
}

/// The worst of some judgements; of none it is clean.
pub(super) fn worst(all: impl IntoIterator<Item = Judgement>) -> Judgement {
    let weight = |judgement: &Judgement| match judgement {
        Judgement::Clean => 0,
        Judgement::Unsound => 1,
        Judgement::NotClean => 2,
        Judgement::NeedsDecision => 3,
        Judgement::UsedUp => 4,
    };
    all.into_iter().max_by_key(weight).unwrap_or(Judgement::Clean)
}
