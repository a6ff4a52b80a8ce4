//! A run's summary: what was done, what failed and why. It is written to the lake during the run and at its end.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{SystemTime, UNIX_EPOCH};

use mtdh_core::Day;
use mtdh_core::check::{Finding, Severity};
use mtdh_core::partition::{NoSuchShard, Shard, Status};
use mtdh_lake::{Lake, LakeError};
use serde::{Deserialize, Serialize};

use crate::expectation::NotExpectedLine;
use crate::report::FindingLine;

/// Version of the summary's format.
pub(crate) const SUMMARY_VERSION: u32 = 1;

/// The state of a run, or of a shard of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunState {
    /// It is in progress.
    Running,
    /// Its files are done or failed.
    Done,
    /// It was cancelled; the files left are listed.
    Interrupted,
    /// The vendor's quota, or the user's limit, is used up.
    UsedUp,
    /// It was ended by a failure that every other file would share.
    Stopped,
    /// Another worker has taken over the shard.
    TakenOver,
}

impl RunState {
    /// The word used in summaries and tables.
    pub fn name(self) -> &'static str {
        match self {
            RunState::Running => "running",
            RunState::Done => "done",
            RunState::Interrupted => "interrupted",
            RunState::UsedUp => "used_up",
            RunState::Stopped => "stopped",
            RunState::TakenOver => "taken_over",
        }
    }
}

/// The record of a run, or of one shard of it: its state, and what it has done so far. All runs have this form; `T` is
/// specific to the kind of run. In JSON the fields of `done` are beside those of the record.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RunRecord<T> {
    /// Version of this format.
    pub summary_version: u32,
    /// Version of the program.
    pub program_version: String,
    /// The run's name.
    pub run_id: String,
    /// The shard's index, from 0.
    pub shard_index: u32,
    /// How many shards there are.
    pub total_shards: u32,
    /// Start of the run, RFC 3339, UTC.
    pub started_at: String,
    /// Last change of this record, RFC 3339, UTC.
    pub updated_at: String,
    /// Its state.
    pub state: RunState,
    /// Why a run ended early; `None`: it did not.
    pub ended_by: Option<String>,
    /// Seconds from start to last change.
    pub seconds: f64,
    /// Its results so far.
    #[serde(flatten)]
    pub done: T,
}

impl<T> RunRecord<T> {
    /// A run that starts now.
    pub(crate) fn start(run_id: String, shard: Shard, done: T) -> RunRecord<T> {
        let now = now();
        RunRecord {
            summary_version: SUMMARY_VERSION,
            program_version: env!("CARGO_PKG_VERSION").to_owned(),
            run_id,
            shard_index: shard.index(),
            total_shards: shard.total(),
            started_at: now.clone(),
            updated_at: now,
            state: RunState::Running,
            ended_by: None,
            seconds: 0.0,
            done,
        }
    }

    /// Whether the vendor's quota, or the user's limit, ended the run.
    pub fn is_used_up(&self) -> bool {
        self.state == RunState::UsedUp
    }

    /// The shard that [`RunRecord::start`] was given.
    pub(crate) fn shard(&self) -> Result<Shard, NoSuchShard> {
        Shard::new(self.shard_index, self.total_shards)
    }
}

/// The record of a download.
pub type RunSummary = RunRecord<DownloadSummary>;

/// The results of a download.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct DownloadSummary {
    /// Files to fetch.
    pub files: usize,
    /// Files that are done, without failed ones.
    pub files_done: usize,
    /// Files that failed.
    pub files_failed: usize,
    /// Grouped files that could not be fetched or used, and were replaced by the files of their members.
    pub groups_not_used: usize,
    /// Published partitions, by status.
    pub published: BTreeMap<String, usize>,
    /// Partitions that were not fetched, by reason.
    pub skipped: BTreeMap<String, usize>,
    /// Partitions that are not expected although the vendor lists them.
    #[serde(default)]
    pub not_expected: Vec<NotExpectedLine>,
    /// Compressed bytes received.
    pub bytes: u64,
    /// Rows stored.
    pub rows: u64,
    /// Rows in quarantine.
    pub rows_rejected: u64,
    /// Rows of grouped files that belong to instruments that were not asked for.
    pub rows_not_asked_for: u64,
    /// Findings of the row checks during the download; `None`: no checks were asked for.
    pub row_checks: Option<RowCheckSummary>,
    /// Partitions that have far fewer rows than the day before, or than the vendor's statistics suggest.
    #[serde(default)]
    pub few_rows: FewRows,
    /// The failures, in order of occurrence.
    pub failures: Vec<Failure>,
    /// The vendor's paths of the files that an early end left undone.
    pub left: Vec<String>,
    /// What it was about; `None`: an earlier version wrote the summary, or it is of a part of a saved plan.
    #[serde(flatten)]
    pub about: Option<RunAbout>,
}

/// What a run was about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunAbout {
    /// First day of its files.
    pub first_day: String,
    /// Last day of its files.
    pub last_day: String,
    /// Their venues, sorted.
    pub venues: Vec<String>,
    /// Their data types; of candles the timeframes.
    pub data_types: Vec<String>,
}

impl RunAbout {
    /// Of days, each with a venue and types; `None`: there is none.
    pub(crate) fn of<'a, T: ToString>(things: impl Iterator<Item = (Day, &'a str, T)>) -> Option<RunAbout> {
        let (mut days, mut venues, mut types) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
        for (day, venue, data_type) in things {
            days.insert(day);
            venues.insert(venue.to_owned());
            types.insert(data_type.to_string());
        }
        Some(RunAbout {
            first_day: days.first()?.to_string(),
            last_day: days.last()?.to_string(),
            venues: venues.into_iter().collect(),
            data_types: types.into_iter().collect(),
        })
    }
}

/// Findings of the row checks during a download.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct RowCheckSummary {
    /// The groups of checks.
    pub groups: Vec<String>,
    /// Partitions that were checked.
    pub partitions: u64,
    /// Findings by severity.
    pub findings: BTreeMap<String, u64>,
    /// The first [`LISTED`] warnings and errors among them.
    pub listed: Vec<FindingLine>,
}

/// Partitions with far fewer rows than expected: the check `few_rows` of `mtdh check completeness`.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct FewRows {
    /// How many.
    pub partitions: u64,
    /// The first [`LISTED`] of them.
    pub listed: Vec<FindingLine>,
}

/// Findings that a summary lists; `mtdh check` reports all.
pub const LISTED: usize = 1000;

impl RowCheckSummary {
    /// Findings of a severity.
    pub fn count(&self, severity: Severity) -> u64 {
        self.findings.get(severity.name()).copied().unwrap_or_default()
    }
}

/// A file that failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// The vendor's path of the file.
    pub file: String,
    /// Partitions that stay missing because of it.
    pub partitions: usize,
    /// The cause with all its sources, in one line.
    pub cause: String,
}

impl DownloadSummary {
    pub(crate) fn count(&mut self, status: Status) {
        *self.published.entry(status.name().to_owned()).or_default() += 1;
    }

    /// Adds the findings of the row checks in some partitions.
    pub(crate) fn note_checked(&mut self, partitions: u64, findings: &[Finding]) {
        let Some(checks) = &mut self.row_checks else { return };
        checks.partitions += partitions;
        for finding in findings {
            *checks.findings.entry(finding.severity.name().to_owned()).or_default() += 1;
            if finding.severity > Severity::Info && checks.listed.len() < LISTED {
                checks.listed.push(FindingLine::of(finding));
            }
        }
    }

    pub(crate) fn note_few_rows(&mut self, findings: &[Finding]) {
        let few = &mut self.few_rows;
        few.partitions += findings.len() as u64;
        let room = LISTED.saturating_sub(few.listed.len());
        few.listed.extend(findings.iter().take(room).map(FindingLine::of));
    }

    /// Whether a row check found an error.
    pub fn has_errors(&self) -> bool {
        self.row_checks.as_ref().is_some_and(|checks| checks.count(Severity::Error) > 0)
    }
}

impl RunSummary {
    /// Whether everything that was planned is in the lake.
    pub fn is_clean(&self) -> bool {
        self.state == RunState::Done && self.done.failures.is_empty()
    }

    pub(crate) async fn write(&mut self, lake: &Lake) -> Result<(), LakeError> {
        self.updated_at = now();
        let shard = self.shard().expect("a record has the shard that it was started with");
        lake.put_run_summary(&self.run_id, shard, &text(self)).await
    }
}

/// A new run's name: its start time, and a part that makes it unique within the second.
pub fn new_run_id() -> String {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let mark = u64::from(std::process::id()) ^ u64::from(since_epoch.subsec_nanos());
    format!("{}-{:06x}", chrono::Utc::now().format("%Y%m%dT%H%M%SZ"), mark & 0x00ff_ffff)
}

/// The text of a summary, as stored in the lake.
pub(crate) fn text(summary: &impl Serialize) -> Vec<u8> {
    let mut text = serde_json::to_vec_pretty(summary).expect("a summary has only texts and numbers");
    text.push(b'\n');
    text
}

pub(crate) fn now() -> String {
    chrono::Utc::now().to_rfc3339_opts(chrono::SecondsFormat::Millis, true)
}
