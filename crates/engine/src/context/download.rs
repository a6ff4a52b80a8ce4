//! Plans and downloads.

use std::sync::Arc;

use mtdh_core::Day;
use mtdh_core::partition::Shard;
use tokio_util::sync::CancellationToken;

use super::{Context, Work};
use crate::check::CheckPlan;
use crate::download::coverage::Coverage;
use crate::download::ingest::Ingest;
use crate::download::plan::{Plan, Refetch, plan};
use crate::download::slots::DownloadSlots;
use crate::instruments::{Removed, accept_removed, ensure_instruments};
use crate::runs::progress::Progress;
use crate::runs::summary::{RunSummary, new_run_id};
use crate::selection::Selection;

/// How to plan.
#[derive(Clone, Copy, Debug, Default)]
pub struct PlanOptions {
    /// The part of the plan that is wanted.
    pub shard: Shard,
    /// Whether partitions that are in the lake are fetched again.
    pub refetch: Refetch,
    /// What happens to table rows that the vendor no longer lists.
    pub removed: Removed,
}

/// A plan, and the tables that were made for it.
#[derive(Debug)]
pub struct Planned {
    /// What would be fetched, and what is skipped and why.
    pub plan: Plan,
    /// Days whose instrument tables were missing and have been made.
    pub tables_made: Vec<Day>,
}

/// How to download.
#[derive(Clone, Debug)]
pub struct DownloadOptions {
    /// The run's name; `None`: a new name is made.
    pub run_id: Option<String>,
    /// The shard that the plan was made for.
    pub shard: Shard,
    /// Files worked on at the same time.
    pub slots: usize,
    /// Row checks to run during the download; `None`: no checks.
    pub checks: Option<CheckPlan>,
    /// Counters for showing progress.
    pub progress: Arc<Progress>,
    /// Cancel it to end the run early: files in progress are abandoned, and the summary lists what is left.
    pub stop: CancellationToken,
}

impl Default for DownloadOptions {
    /// A new run of a whole plan, 16 files at once, no row checks.
    fn default() -> DownloadOptions {
        DownloadOptions {
            run_id: None,
            shard: Shard::WHOLE,
            slots: 16,
            checks: None,
            progress: Arc::default(),
            stop: CancellationToken::new(),
        }
    }
}

impl Context {
    /// Plans a download: makes the missing instrument tables, and compares them with the lake.
    ///
    /// ```no_run
    /// # async fn example(context: mtdh_engine::Context, selection: mtdh_engine::Selection) -> Result<(), mtdh_engine::EngineError> {
    /// use mtdh_engine::PlanOptions;
    /// let planned = context.plan(&selection, PlanOptions::default()).await?;
    /// println!("{} files to fetch", planned.plan.units.len());
    /// # Ok(())
    /// # }
    /// ```
    pub fn plan<'a>(&'a self, selection: &'a Selection, options: PlanOptions) -> Work<'a, Planned> {
        Box::pin(async move {
            let (lake, source) = (&self.lake, self.instrument_source());
            let (tables_made, unavailable) = ensure_instruments(lake, &source, selection).await?;
            if options.removed == Removed::Accept {
                accept_removed(lake, selection).await?;
            }
            let PlanOptions { shard, refetch, .. } = options;
            let mut plan = plan(lake, &self.archive, &source, selection, shard, refetch).await?;
            plan.unavailable = unavailable;
            Ok(Planned { plan, tables_made })
        })
    }

    /// Downloads the files of a plan, converts them and publishes their partitions. The summary lists the files that failed:
    /// see [`RunSummary::is_clean`].
    ///
    /// ```no_run
    /// # async fn example(context: mtdh_engine::Context, plan: mtdh_engine::download::plan::Plan) -> Result<(), mtdh_engine::EngineError> {
    /// use mtdh_engine::DownloadOptions;
    /// let summary = context.download(plan, DownloadOptions { slots: 4, ..Default::default() }).await?;
    /// assert!(summary.is_clean(), "{:?}", summary.done.failures);
    /// # Ok(())
    /// # }
    /// ```
    pub fn download(&self, plan: Plan, options: DownloadOptions) -> Work<'_, RunSummary> {
        let run_id = options.run_id.clone().unwrap_or_else(new_run_id);
        let shard = options.shard;
        let ingest = self.ingest(options);
        Box::pin(async move { ingest.run(plan, run_id, shard).await })
    }

    /// The downloader, for a run of its own or for a worker of a saved plan.
    pub(super) fn ingest(&self, options: DownloadOptions) -> Ingest {
        Ingest {
            lake: self.lake.clone(),
            archive: self.archive.clone(),
            slots: DownloadSlots::new(options.slots),
            progress: options.progress,
            stop: options.stop,
            checks: options.checks.map(Arc::new),
            coverage: Coverage::of(&self.metadata),
            holding: None,
        }
    }
}
