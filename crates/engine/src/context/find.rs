//! Finding what a lake has: listings, venues, runs, the size of a plan.

use mtdh_core::error::chain;

use super::{Context, Work};
use crate::download::plan::Plan;
use crate::download::size::{PlanSize, size};
use crate::error::EngineError;
use crate::fleet::saved_plan::{check_name, runs_like};
use crate::listing::{Listed, What, list};
use crate::runs::list::{RunLine, line, list as runs};
use crate::selection::Selection;
use crate::venues::{VenueLine, venues};

impl Context {
    /// What the lake has of some selections, each thing once, by day, type and key. A selection without venues means every venue.
    ///
    /// ```no_run
    /// # async fn example(context: mtdh_engine::Context, selection: mtdh_engine::Selection) -> Result<(), mtdh_engine::EngineError> {
    /// use mtdh_engine::listing::{By, ListedGroup, What};
    /// let listed = context.list(What::Partitions, &[selection]).await?;
    /// for group in ListedGroup::all(&listed, &[By::Month, By::Venue]) {
    ///     println!("{:?}: {} objects, {} bytes", group.names, group.objects, group.bytes);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn list<'a>(&'a self, what: What, selections: &'a [Selection]) -> Work<'a, Vec<Listed>> {
        Box::pin(async move {
            self.lake.check_readable().await?;
            list(&self.lake, what, selections).await
        })
    }

    /// Every venue, and why the vendor's list could not be had; `None`: it could, or the vendor was not to be asked. There need be no
    /// lake.
    ///
    /// ```no_run
    /// # async fn example(context: mtdh_engine::Context) -> Result<(), mtdh_engine::EngineError> {
    /// for venue in context.venues(false).await?.0.iter().filter(|venue| venue.days > 0) {
    ///     println!("{}: {} days", venue.venue, venue.days);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn venues(&self, asks_vendor: bool) -> Work<'_, (Vec<VenueLine>, Option<String>)> {
        Box::pin(async move {
            let (listed, cause) = match asks_vendor {
                true => match self.metadata.exchanges_soon().await {
                    Ok(listed) => (listed, None),
                    Err(error) => (Vec::new(), Some(chain(&error))),
                },
                false => (Vec::new(), None),
            };
            let is_there = match self.lake.check_readable().await {
                Ok(()) => true,
                Err(mtdh_lake::LakeError::NoFolder(_)) => false,
                Err(error) => return Err(error.into()),
            };
            Ok((venues(is_there.then_some(&self.lake), &listed).await?, cause))
        })
    }

    /// Every run in one line, the newest first.
    ///
    /// ```no_run
    /// # async fn example(context: mtdh_engine::Context) -> Result<(), mtdh_engine::EngineError> {
    /// for run in context.run_lines().await? {
    ///     println!("{}: {}, {}", run.run, run.state, run.what);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn run_lines(&self) -> Work<'_, Vec<RunLine>> {
        Box::pin(async move {
            self.lake.check_readable().await?;
            runs(&self.lake).await
        })
    }

    /// One run in one line. Fails with [`EngineError::NoRecord`], which suggests others, when there is none.
    ///
    /// ```no_run
    /// # async fn example(context: mtdh_engine::Context) -> Result<(), mtdh_engine::EngineError> {
    /// println!("{}", context.run_line("march").await?.state);
    /// # Ok(())
    /// # }
    /// ```
    pub fn run_line<'a>(&'a self, run: &'a str) -> Work<'a, RunLine> {
        Box::pin(async move {
            check_name(run)?;
            self.lake.check_readable().await?;
            if run.starts_with('_') || self.lake.run_objects(run).await?.is_empty() {
                return Err(EngineError::NoRecord {
                    run_id: run.to_owned(),
                    suggestions: runs_like(&self.lake, run).await,
                });
            }
            line(&self.lake, run).await
        })
    }

    /// How much a plan would receive, and how long the limits that are set make it take.
    ///
    /// ```no_run
    /// # async fn example(context: mtdh_engine::Context, plan: mtdh_engine::download::plan::Plan) -> Result<(), mtdh_engine::EngineError> {
    /// println!("{} bytes", context.plan_size(&plan).await?.bytes);
    /// # Ok(())
    /// # }
    /// ```
    pub fn plan_size<'a>(&'a self, plan: &'a Plan) -> Work<'a, PlanSize> {
        Box::pin(size(&self.lake, plan, &self.budget))
    }
}
