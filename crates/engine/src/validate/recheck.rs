//! Rechecks whether the vendor still has the files that the lake was made from.
//!
//! Vendors correct and reissue days. Each source file of the lake's partitions is compared by its entity tag; where the
//! vendor has none, it is fetched and its hash is compared. Nothing in the lake is changed.

use std::collections::BTreeMap;

use futures::StreamExt;
use mtdh_lake::Lake;
use mtdh_source::tardis::datasets::{Answer, Archive, Known};
use mtdh_source::tardis::vendor_file::VendorFile;
use serde::Serialize;
use tokio_util::sync::CancellationToken;

use crate::error::EngineError;
use crate::runs::progress::Progress;
use crate::runs::summary::Failure;
use crate::selection::Selection;
use mtdh_core::error::chain;
use mtdh_lake::inventory::{ObjectState, Verify, inventory};

/// Files requested at the same time.
const CONCURRENT_FILES: usize = 16;

/// The vendor's current files, compared with those that the lake was made from.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Recheck {
    /// Files that were checked.
    pub files: usize,
    /// Files that have changed.
    pub reissued: Vec<Reissued>,
    /// Files without an answer from the vendor: their state is not known.
    pub failures: Vec<Failure>,
    /// Files that were not checked, because the run was cancelled.
    pub left: usize,
}

/// A file that has changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Reissued {
    /// The vendor's path of the file.
    pub file: String,
    /// SHA-256 of the file that the lake was made from; `None`: there was none.
    pub was: Option<String>,
    /// SHA-256 of the current file; `None`: there is none.
    pub now: Option<String>,
    /// The partitions that were made from it, as `DAY DATA_TYPE KEY`.
    pub partitions: Vec<String>,
}

impl Recheck {
    /// Whether every file is known to be unchanged.
    pub fn is_clean(&self) -> bool {
        self.reissued.is_empty() && self.failures.is_empty() && self.left == 0
    }
}

/// Checks the source files of the selection's partitions in the lake.
///
/// # Errors
/// When the lake cannot be read.
pub async fn recheck(
    lake: &Lake,
    archive: &Archive,
    selection: &Selection,
    progress: &Progress,
    stop: &CancellationToken,
) -> Result<Recheck, EngineError> {
    // By version too: partitions of one grouped file may have been made from different issues of it.
    let mut sources: BTreeMap<(String, Option<String>, Option<String>), Vec<String>> = BTreeMap::new();
    for day in selection.days.days() {
        let there = inventory(lake, day, &selection.data_types, Verify::Index).await?;
        for state in there.into_values() {
            let ObjectState::Answered(row) = state else { continue };
            if !selection.takes_partition(&row.partition) {
                continue;
            }
            let source = (row.source, row.source_etag, row.source_sha256);
            sources.entry(source).or_default().push(row.partition.to_string());
        }
    }
    let mut report = Recheck { files: sources.len(), ..Recheck::default() };
    let _phase = progress.phase("asking for newer files", "file");
    progress.expect_tasks(sources.len());
    let spool = lake.temporary()?;
    let mut answers = futures::stream::iter(sources)
        .map(|((path, etag, sha256), partitions)| async move {
            let known = Known { etag, sha256 };
            let outcome = match VendorFile::from_path(&path) {
                None => Err("its footer does not name a vendor file".to_owned()),
                Some(file) => tokio::select! {
                    biased;
                    () = stop.cancelled() => return None,
                    answer = archive.changed(&file, &known, spool) => {
                        answer.map_err(|error| chain(&error))
                    }
                },
            };
            Some((path, known, partitions, outcome))
        })
        .buffer_unordered(CONCURRENT_FILES);
    while let Some(answer) = answers.next().await {
        let Some((file, known, partitions, outcome)) = answer else {
            report.left += 1;
            continue;
        };
        match outcome {
            Ok(None) => progress.task_done(),
            Ok(Some(answer)) => {
                let now = match answer {
                    Answer::File(now) => Some(now.sha256),
                    Answer::Absent { .. } => None,
                };
                report.reissued.push(Reissued { file, was: known.sha256, now, partitions });
                progress.task_done();
            }
            Err(cause) => {
                report.failures.push(Failure { file, partitions: partitions.len(), cause });
                progress.task_failed();
            }
        }
    }
    report.reissued.sort_by(|a, b| a.file.cmp(&b.file));
    report.failures.sort_by(|a, b| a.file.cmp(&b.file));
    Ok(report)
}
