//! Candles of the lake's trades: planning and making them.

use std::collections::BTreeSet;
use std::sync::Arc;

use mtdh_core::candle::{Fill, Timeframe};
use mtdh_core::partition::Shard;
use tokio_util::sync::CancellationToken;

use super::{Context, Work};
use crate::candles::{CandlePlan, CandleRun, CandleSummary, Remake, plan};
use crate::runs::phase;
use crate::runs::progress::Progress;
use crate::runs::summary::new_run_id;
use crate::selection::Selection;

/// Which candles to make.
#[derive(Clone, Debug)]
pub struct CandlePlanOptions {
    /// Their timeframes.
    pub timeframes: Vec<Timeframe>,
    /// How intervals without trades are filled.
    pub fill: Fill,
    /// The part of the plan that is wanted.
    pub shard: Shard,
    /// Whether candles that are up to date are made again.
    pub remake: Remake,
}

impl Default for CandlePlanOptions {
    /// The usual timeframes, no candles without trades, the whole plan, only outdated candles.
    fn default() -> CandlePlanOptions {
        CandlePlanOptions {
            timeframes: Timeframe::USUAL.to_vec(),
            fill: Fill::None,
            shard: Shard::WHOLE,
            remake: Remake::Outdated,
        }
    }
}

/// How to make candles.
#[derive(Clone, Debug, Default)]
pub struct CandleRunOptions {
    /// The run's name; `None`: a new name is made.
    pub run_id: Option<String>,
    /// The shard that the plan was made for.
    pub shard: Shard,
    /// Instruments worked on at the same time; `None`: one per processor.
    pub workers: Option<usize>,
    /// Counters for showing progress.
    pub progress: Arc<Progress>,
    /// Cancel it to end the run early.
    pub stop: CancellationToken,
}

impl Context {
    /// Plans the candles of a selection. A selection without venues means every venue that the lake has data or a table of.
    ///
    /// ```no_run
    /// # async fn example(context: mtdh_engine::Context, selection: mtdh_engine::Selection) -> Result<(), mtdh_engine::EngineError> {
    /// use mtdh_engine::CandlePlanOptions;
    /// let plan = context.plan_candles(&selection, &CandlePlanOptions::default()).await?;
    /// println!("{} objects to make", plan.objects());
    /// # Ok(())
    /// # }
    /// ```
    pub fn plan_candles<'a>(
        &'a self,
        selection: &'a Selection,
        options: &'a CandlePlanOptions,
    ) -> Work<'a, CandlePlan> {
        Box::pin(async move {
            self.lake.check_readable().await?;
            let mut selection = selection.clone();
            if selection.venues.is_empty() {
                let mut venues: BTreeSet<String> = self.venues_of_tables(&selection).await?;
                let phase = phase::days("listing", selection.days);
                for day in selection.days.days() {
                    let _day_done = phase.item();
                    venues.extend(self.lake.venues(day).await?);
                }
                selection.venues = venues.into_iter().collect();
            }
            let CandlePlanOptions { timeframes, fill, shard, remake } = options;
            plan(&self.lake, &selection, timeframes, *fill, *shard, *remake).await
        })
    }

    /// Makes the candles of a plan. The summary lists the instruments that failed: see [`CandleSummary::is_clean`].
    ///
    /// ```no_run
    /// # async fn example(context: mtdh_engine::Context, plan: mtdh_engine::candles::CandlePlan) -> Result<(), mtdh_engine::EngineError> {
    /// use mtdh_engine::CandleRunOptions;
    /// let summary = context.make_candles(plan, CandleRunOptions::default()).await?;
    /// println!("{} candles", summary.candles);
    /// # Ok(())
    /// # }
    /// ```
    pub fn make_candles(&self, plan: CandlePlan, options: CandleRunOptions) -> Work<'_, CandleSummary> {
        let processors = || std::thread::available_parallelism().map_or(1, usize::from);
        let run = CandleRun {
            lake: self.lake.clone(),
            workers: options.workers.unwrap_or_else(processors),
            progress: options.progress,
            stop: options.stop,
            run_id: options.run_id.unwrap_or_else(new_run_id),
            shard: options.shard,
        };
        Box::pin(async move {
            if !plan.units.is_empty() {
                run.lake.check_writable().await?;
            }
            run.run(plan).await
        })
    }
}
