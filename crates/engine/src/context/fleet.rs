//! Saved plans and the workers of their runs.

use std::time::Duration;

use mtdh_core::partition::Shard;

use super::{Context, DownloadOptions, Work};
use crate::download::plan::DownloadTask;
use crate::fleet::monitor::{RunReport, left, look};
use crate::fleet::saved_plan::{Saved, SavedPlan};
use crate::fleet::worker::{Event, PartSummary, Worker};

/// How a worker works on a run.
pub struct WorkOptions<'a> {
    /// Its own shard, on which it starts.
    pub shard: Shard,
    /// Its name: machine, process, and a part that makes it unique.
    pub holder: String,
    /// How long a holder may go without renewing before another worker takes over its part.
    pub lease: Duration,
    /// Called for each event.
    pub on_event: &'a (dyn Fn(Event) + Send + Sync),
}

impl Context {
    /// Fails when a run of this name already has a plan, or the name is not valid.
    ///
    /// ```no_run
    /// # async fn example(context: mtdh_engine::Context) -> Result<(), mtdh_engine::EngineError> {
    /// context.check_run_unused("march").await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn check_run_unused<'a>(&'a self, run_id: &'a str) -> Work<'a, ()> {
        Box::pin(SavedPlan::check_unused(&self.lake, run_id))
    }

    /// Fails when the lake has no plan of the run, or one that this program cannot use.
    ///
    /// ```no_run
    /// # async fn example(context: mtdh_engine::Context) -> Result<(), mtdh_engine::EngineError> {
    /// context.check_run_exists("march").await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn check_run_exists<'a>(&'a self, run_id: &'a str) -> Work<'a, ()> {
        Box::pin(async move { SavedPlan::load(&self.lake, run_id).await.map(drop) })
    }

    /// Saves download tasks as the plan of a new run.
    ///
    /// ```no_run
    /// # async fn example(context: mtdh_engine::Context, plan: mtdh_engine::download::plan::Plan) -> Result<(), mtdh_engine::EngineError> {
    /// let saved = context.save_plan("march", &plan.units).await?;
    /// println!("{} files, SHA-256 {}", saved.files, saved.hash);
    /// # Ok(())
    /// # }
    /// ```
    pub fn save_plan<'a>(&'a self, run_id: &'a str, tasks: &'a [DownloadTask]) -> Work<'a, Saved> {
        Box::pin(SavedPlan::save(&self.lake, run_id, tasks))
    }

    /// Works on a saved plan until every part is done or held by another worker that is alive. Returns what this worker did,
    /// part by part.
    ///
    /// ```no_run
    /// # async fn example(context: mtdh_engine::Context) -> Result<(), mtdh_engine::EngineError> {
    /// use mtdh_engine::{DownloadOptions, Shard, WorkOptions};
    /// let options = WorkOptions {
    ///     shard: Shard::WHOLE,
    ///     holder: "worker-1".to_owned(),
    ///     lease: std::time::Duration::from_secs(60),
    ///     on_event: &|event| println!("{event:?}"),
    /// };
    /// let parts = context.work("march", DownloadOptions::default(), options).await?;
    /// println!("{} parts", parts.len());
    /// # Ok(())
    /// # }
    /// ```
    pub fn work<'a>(
        &'a self,
        run_id: &'a str,
        download: DownloadOptions,
        options: WorkOptions<'a>,
    ) -> Work<'a, Vec<PartSummary>> {
        let ingest = self.ingest(download);
        let WorkOptions { shard, holder, lease, on_event } = options;
        Box::pin(async move {
            let plan = SavedPlan::load(&self.lake, run_id).await?;
            Worker { ingest, plan: &plan, shard, holder, lease, on_event }.work().await
        })
    }

    /// The state and progress of a run.
    ///
    /// ```no_run
    /// # async fn example(context: mtdh_engine::Context) -> Result<(), mtdh_engine::EngineError> {
    /// let report = context.monitor("march").await?;
    /// println!("{} of {} files", report.files_done, report.files);
    /// # Ok(())
    /// # }
    /// ```
    pub fn monitor<'a>(&'a self, run_id: &'a str) -> Work<'a, RunReport> {
        Box::pin(look(&self.lake, run_id))
    }

    /// The download tasks of a run that are not done.
    ///
    /// ```no_run
    /// # async fn example(context: mtdh_engine::Context) -> Result<(), mtdh_engine::EngineError> {
    /// let tasks = context.tasks_left("march").await?;
    /// println!("{} files are left", tasks.len());
    /// # Ok(())
    /// # }
    /// ```
    pub fn tasks_left<'a>(&'a self, run_id: &'a str) -> Work<'a, Vec<DownloadTask>> {
        Box::pin(left(&self.lake, run_id))
    }
}
