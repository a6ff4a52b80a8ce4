//! Checks of a lake, and of a user's files.

use std::ops::Range;
use std::path::PathBuf;

use mtdh_core::candle::Timeframe;
use mtdh_core::check::Group;
use mtdh_core::check::bars::Series;
use mtdh_core::key::InstrumentKey;
use mtdh_core::partition::Origin;
use mtdh_core::time_unit::TimeUnit;
use mtdh_core::{Day, DayRange};
use tokio_util::sync::CancellationToken;

use super::{Context, Work};
use crate::check::between::{CandlesBetween, candles_between, newest_day};
use crate::check::candle_files::{check_candle_files, open};
use crate::check::files::{FileHints, check_files};
use crate::check::kept::{self, Keep, run_of};
use crate::check::lake::{RowsOf, check_lake, incidents};
use crate::check::reference::{Reference, check_files_reference, check_lake_reference, has_candles};
use crate::check::{CheckPlan, CheckReport};
use crate::error::EngineError;
use crate::names::{Names, look_up};
use crate::runs::phase;
use crate::selection::Selection;

/// How to check a lake.
#[derive(Clone, Debug, Default)]
pub struct CheckOptions {
    /// Which data types' rows are read.
    pub rows_of: RowsOf,
    /// An instrument that is compared with the reference even if the lake does not have it; `None`: no such instrument.
    pub named: Option<InstrumentKey>,
    /// What the group `cross-source` compares with.
    pub reference: Reference,
    /// Whether the lake keeps what is found.
    pub keep: Keep,
    /// Cancel it to end early, with a report of what was checked.
    pub stop: CancellationToken,
}

/// A check of a lake: what was checked, and what was found.
#[derive(Debug)]
pub struct LakeCheck {
    /// The plan, with the vendor's incident reports that explain findings.
    pub plan: CheckPlan,
    /// The findings.
    pub report: CheckReport,
}

impl Context {
    /// Checks a lake, which keeps what was checked and found in each day's report of checks, if it can be written. A selection
    /// without venues means the venues of the tables, and other venues that the lake has data of.
    ///
    /// ```no_run
    /// # async fn example(context: mtdh_engine::Context, selection: mtdh_engine::Selection) -> Result<(), mtdh_engine::EngineError> {
    /// use mtdh_core::check::{Group, Settings};
    /// use mtdh_engine::CheckOptions;
    /// use mtdh_engine::check::CheckPlan;
    /// let plan = CheckPlan::new(Group::USUAL, Settings::default());
    /// let checked = context.check(plan, &selection, CheckOptions::default()).await?;
    /// println!("{} findings", checked.report.findings.len());
    /// # Ok(())
    /// # }
    /// ```
    pub fn check<'a>(
        &'a self,
        mut plan: CheckPlan,
        selection: &'a Selection,
        options: CheckOptions,
    ) -> Work<'a, LakeCheck> {
        Box::pin(async move {
            let CheckOptions { rows_of, named, reference, keep, stop } = options;
            let run = run_of("check", &plan, selection);
            self.lake.check_readable().await?;
            let mut selection = selection.clone();
            if selection.venues.is_empty() {
                selection.venues = self.venues_with_data(&plan, &selection).await?;
            }
            let mut notes = Vec::new();
            // The vendor's outages are none of a recording.
            if plan.has(Group::Gaps) && self.lake.origin() == Origin::Live {
                plan.incidents = selection.venues.iter().map(|venue| (venue.clone(), Vec::new())).collect();
            } else if plan.has(Group::Gaps) {
                (plan.incidents, notes) = incidents(&self.metadata_soon, &selection.venues).await;
            }
            let mut names = Names::default();
            if plan.has(Group::Completeness) {
                names = look_up(&self.lake, &self.instrument_source(), &selection).await?;
            }
            let mut report = check_lake(&self.lake, &names, &plan, &selection, rows_of, keep, &stop).await?;
            report.notes.extend(notes.into_iter().chain(names.notes));
            if plan.has(Group::CrossSource) {
                let (lake, named) = (&self.lake, named.as_ref());
                check_lake_reference(lake, &plan, &selection, named, &reference, &stop, &mut report).await?;
            }
            if keep == Keep::InLake {
                kept::keep(&self.lake, run, &mut report).await;
            }
            Ok(LakeCheck { plan, report })
        })
    }

    /// The candles of an instrument that start in a range, microseconds since the Unix epoch, UTC: stored ones, or, where there
    /// are none, candles made of the lake's trades.
    ///
    /// Fails when the lake cannot be read.
    pub fn candles_between<'a>(
        &'a self,
        key: &'a InstrumentKey,
        timeframe: Timeframe,
        range_us: Range<i64>,
        stop: &'a CancellationToken,
    ) -> Work<'a, CandlesBetween> {
        Box::pin(candles_between(&self.lake, key, timeframe, range_us, stop))
    }

    /// The newest day of which the lake has candles or trades of an instrument; `None`: it has none.
    ///
    /// Fails when the lake cannot be read.
    pub fn newest_day_of<'a>(
        &'a self,
        key: &'a InstrumentKey,
        timeframe: Timeframe,
    ) -> Work<'a, Option<Day>> {
        Box::pin(newest_day(&self.lake, key, timeframe))
    }

    async fn venues_with_data(
        &self,
        plan: &CheckPlan,
        selection: &Selection,
    ) -> Result<Vec<String>, EngineError> {
        let mut venues = self.venues_of_tables(selection).await?;
        let phase = phase::days("listing", selection.days);
        for day in selection.days.days() {
            let _day_done = phase.item();
            venues.extend(self.lake.venues(day).await?);
            if plan.has(Group::Aggregation) {
                let candles = self.lake.list_candles(day, None).await?;
                venues.extend(candles.into_iter().map(|(_, key, _)| key.venue().to_owned()));
            }
        }
        Ok(venues.into_iter().collect())
    }
}

/// Checks a user's files: Parquet, or CSV as the vendor writes it. Needs no lake.
///
/// Fails when a file cannot be read, or its kind cannot be determined.
pub fn check_user_files<'a>(
    files: &'a [PathBuf],
    hints: &'a FileHints,
    plan: &'a CheckPlan,
    stop: &'a CancellationToken,
) -> Work<'a, CheckReport> {
    Box::pin(check_files(files, hints, plan, stop))
}

/// Checks a user's files of candles: two timeframes of one instrument, and their trades if given.
///
/// Fails when a file cannot be read, or its kind cannot be determined.
pub fn check_user_candles<'a>(
    base: &'a std::path::Path,
    aggregated: &'a std::path::Path,
    trades: &'a [PathBuf],
    plan: &'a CheckPlan,
    time_unit: Option<TimeUnit>,
    stop: &'a CancellationToken,
) -> Work<'a, CheckReport> {
    Box::pin(check_candle_files(base, aggregated, trades, plan, time_unit, stop))
}

/// Reads a user's file of candles; `None`: it has rows of another kind. The timeframe comes from the footer, else from the name
/// (`1m.parquet`), else from the caller. In a file that does not mark final candles, the first and the last may be incomplete.
///
/// Fails when the file cannot be read, or its timeframe is not known.
pub fn read_user_candles<'a>(
    file: &'a std::path::Path,
    timeframe: Option<Timeframe>,
    time_unit: Option<TimeUnit>,
) -> Work<'a, Option<(Option<InstrumentKey>, Series)>> {
    Box::pin(async move {
        if !has_candles(file)? {
            return Ok(None);
        }
        let file = open(file, timeframe, time_unit).await?;
        Ok(Some((file.key, file.series)))
    })
}

/// Compares a user's files with an exchange's own klines.
///
/// Fails when a file or the reference cannot be read, or the instrument of the files cannot be determined.
pub fn compare_user_files<'a>(
    files: &'a [PathBuf],
    key: Option<&'a InstrumentKey>,
    days: Option<DayRange>,
    reference: &'a Reference,
    plan: &'a CheckPlan,
    time_unit: Option<TimeUnit>,
    stop: &'a CancellationToken,
) -> Work<'a, CheckReport> {
    Box::pin(check_files_reference(files, key, days, reference, plan, time_unit, stop))
}
