//! The objects of a run: its summaries, the progress of its parts, its shared budget.

use bytes::Bytes;
use mtdh_core::partition::Shard;
use mtdh_core::shards::Part;
use object_store::path::Path;

use crate::error::LakeError;
use crate::object::Entry;
use crate::store::Lake;

/// What a record of a run is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunRecordKind {
    /// The summary of a shard, of a download or of candles.
    Summary,
    /// The report of a run that brought the lake to what is wanted.
    Sync,
    /// A saved plan.
    Plan,
}

impl Lake {
    /// Stores the summary of one shard of a download, in place of an earlier one.
    ///
    /// # Errors
    /// As [`Lake::publish`].
    pub async fn put_run_summary(&self, run_id: &str, shard: Shard, text: &[u8]) -> Result<(), LakeError> {
        self.put(&self.layout().run_summary(run_id, shard.index(), shard.total()), text).await
    }

    /// Stores the summary of one shard of a run that makes candles, in place of an earlier one.
    ///
    /// # Errors
    /// As [`Lake::publish`].
    pub async fn put_candle_summary(&self, run_id: &str, shard: Shard, text: &[u8]) -> Result<(), LakeError> {
        self.put(&self.layout().candle_summary(run_id, shard.index(), shard.total()), text).await
    }

    /// The names of the runs that have a plan, sorted.
    ///
    /// # Errors
    /// When the store cannot be listed.
    pub async fn planned_runs(&self) -> Result<Vec<String>, LakeError> {
        let mut planned = Vec::new();
        for folder in self.folders(&self.layout().runs()).await? {
            let Some(run_id) = folder.filename() else { continue };
            if self.entry(&self.layout().plan(run_id)).await?.is_some() {
                planned.push(run_id.to_owned());
            }
        }
        Ok(planned)
    }

    /// The names of all runs, sorted.
    ///
    /// # Errors
    /// When the store cannot be listed.
    pub async fn runs(&self) -> Result<Vec<String>, LakeError> {
        let folders = self.folders(&self.layout().runs()).await?;
        let names = folders.iter().filter_map(Path::filename).filter(|name| !name.starts_with('_'));
        Ok(names.map(str::to_owned).collect())
    }

    /// The summaries of the shards of a run, of downloads and of candles: JSON documents, sorted by their names.
    ///
    /// # Errors
    /// When the store cannot be listed or read.
    pub async fn run_summaries(&self, run_id: &str) -> Result<Vec<Bytes>, LakeError> {
        let mut documents = Vec::new();
        for entry in self.list(&self.layout().run(run_id)).await? {
            if is_summary(&entry) {
                documents.extend(self.read(&entry.path).await?);
            }
        }
        Ok(documents)
    }

    /// The records of a run with their bytes; that of a plan is not read. Empty: there is no such run.
    ///
    /// # Errors
    /// When the store cannot be listed or read.
    pub async fn run_records(&self, run_id: &str) -> Result<Vec<(RunRecordKind, Bytes)>, LakeError> {
        let layout = self.layout();
        let mut records = Vec::new();
        for entry in self.list(&layout.run(run_id)).await? {
            let kind = match () {
                () if entry.path == layout.plan(run_id) => {
                    records.push((RunRecordKind::Plan, Bytes::new()));
                    continue;
                }
                () if entry.path == layout.sync_report(run_id) => RunRecordKind::Sync,
                () if is_summary(&entry) => RunRecordKind::Summary,
                () => continue,
            };
            records.extend(self.read(&entry.path).await?.map(|bytes| (kind, bytes)));
        }
        Ok(records)
    }

    /// Every object of a run, sorted by path.
    ///
    /// # Errors
    /// When the store cannot be listed.
    pub async fn run_objects(&self, run_id: &str) -> Result<Vec<Entry>, LakeError> {
        self.list(&self.layout().run(run_id)).await
    }

    /// The path of the progress of a part, by the holder with this token.
    pub fn part_progress_path(&self, run_id: &str, part: Part, token: u32) -> Path {
        self.layout().part_progress(run_id, part, token)
    }

    /// The progress objects of a run's parts, each with its part and token.
    ///
    /// # Errors
    /// When the store cannot be listed.
    pub async fn list_part_progress(&self, run_id: &str) -> Result<Vec<(Part, u32, Entry)>, LakeError> {
        let named = |entry: Entry| {
            let read = self.layout().parse_part_progress(&entry.path);
            if read.is_none() && entry.path.as_ref().contains("-part-") {
                tracing::warn!(path = %entry.path, "ignoring an object that is no progress of a part");
            }
            read.map(|(part, token)| (part, token, entry))
        };
        Ok(self.list(&self.layout().run(run_id)).await?.into_iter().filter_map(named).collect())
    }

    /// The path of what was ever asked of the lake.
    pub fn asked_path(&self) -> Path {
        self.layout().asked()
    }

    /// The path of who brings the lake to what is wanted.
    pub fn sync_note_path(&self) -> Path {
        self.layout().sync_note()
    }

    /// Stores the report of a run that brought the lake to what is wanted.
    ///
    /// # Errors
    /// As [`Lake::publish`].
    pub async fn put_sync_report(&self, run_id: &str, text: &[u8]) -> Result<(), LakeError> {
        self.put(&self.layout().sync_report(run_id), text).await
    }

    /// The path of the usage of the vendor's account by a run's workers.
    pub fn budget_path(&self, run_id: &str) -> Path {
        self.layout().budget(run_id)
    }
}

/// Whether an object of a run is the summary of a shard.
fn is_summary(entry: &Entry) -> bool {
    let name = entry.path.filename().unwrap_or_default();
    (name.starts_with("shard-") || name.starts_with("candles-"))
        && name.ends_with(".json")
        && !name.contains("-part-")
}
