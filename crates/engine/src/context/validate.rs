//! Validation.

use std::collections::BTreeSet;
use std::sync::Arc;

use mtdh_core::partition::Origin;
use mtdh_core::{Day, DayRange};
use tokio_util::sync::CancellationToken;

use super::{Context, Work};
use crate::error::EngineError;
use crate::instruments::{Removed, accept_removed, ensure_instruments};
use crate::live::judged;
use crate::runs::phase;
use crate::runs::progress::Progress;
use crate::selection::Selection;
use crate::validate::recheck::recheck;
use crate::validate::{Depth, ValidationReport, reason_not_to_write, validate};

/// How to validate.
#[derive(Clone, Debug, Default)]
pub struct ValidateOptions {
    /// How closely to look at the objects in the lake.
    pub depth: Depth,
    /// What happens to table rows that the vendor no longer lists.
    pub removed: Removed,
    /// Whether to ask the vendor if it still has the files that the lake was made from.
    pub recheck: bool,
    /// Counters of the recheck; a task is a vendor file.
    pub progress: Arc<Progress>,
    /// Cancel it to end the recheck early.
    pub stop: CancellationToken,
}

/// A validation and what happened on the way.
#[derive(Debug)]
pub struct Validation {
    /// The findings.
    pub report: ValidationReport,
    /// Notes for people, one sentence each.
    pub notes: Vec<String>,
}

impl Context {
    /// Compares the instrument tables with the lake, and writes each day's reports. Days whose table says that the vendor had
    /// not exported them yet are looked up again first. A selection without venues means the venues of the tables. Of a context of
    /// recordings, what the captures say was subscribed is compared with the objects and the tables of gaps.
    ///
    /// ```no_run
    /// # async fn example(context: mtdh_engine::Context, selection: mtdh_engine::Selection) -> Result<(), mtdh_engine::EngineError> {
    /// use mtdh_engine::ValidateOptions;
    /// let validation = context.validate(&selection, ValidateOptions::default()).await?;
    /// println!("{}", validation.report.verdict.name());
    /// # Ok(())
    /// # }
    /// ```
    pub fn validate<'a>(
        &'a self,
        selection: &'a Selection,
        options: ValidateOptions,
    ) -> Work<'a, Validation> {
        Box::pin(async move {
            if self.lake.origin() == Origin::Live {
                let report = judged::validate(&self.lake, selection, options.depth).await?;
                return Ok(Validation { report, notes: Vec::new() });
            }
            let selection = &self.with_venues_of_tables(selection).await?;
            if options.removed == Removed::Accept {
                accept_removed(&self.lake, selection).await?;
            }
            let mut notes = Vec::new();
            for day in selection.days.days() {
                notes.extend(self.look_again(day, selection).await?);
            }
            let mut report =
                validate(&self.lake, &self.instrument_source(), selection, options.depth, None).await?;
            if options.recheck {
                report.recheck = Some(
                    recheck(&self.lake, &self.archive, selection, &options.progress, &options.stop).await?,
                );
                report.conclude();
            }
            Ok(Validation { report, notes })
        })
    }

    /// Looks up instruments again that wait for the vendor's export. Returns why a table could not be written; `None`: all
    /// were.
    pub(super) async fn look_again(
        &self,
        day: Day,
        selection: &Selection,
    ) -> Result<Option<String>, EngineError> {
        let table = self.lake.instruments(day).await?.unwrap_or_default();
        let waiting = selection.instruments(&table).into_iter().filter(|i| !i.is_exported);
        let venues: BTreeSet<String> = waiting.map(|i| i.key.venue().to_owned()).collect();
        if venues.is_empty() {
            return Ok(None);
        }
        let (days, venues) = (DayRange::of(day), venues.into_iter().collect());
        let part = Selection { days, venues, ..selection.clone() };
        let renewed = ensure_instruments(&self.lake, &self.instrument_source(), &part).await;
        let failed = match renewed {
            Ok((_, failed)) => failed.first().map(|failed| failed.cause.clone()),
            other => reason_not_to_write(other)?,
        };
        Ok(failed.map(|reason| format!("the instrument table of {day} stays as it is: {reason}")))
    }

    /// The selection, with the venues of its days' tables if it names none: a lake is validated against its own tables.
    pub(super) async fn with_venues_of_tables(
        &self,
        selection: &Selection,
    ) -> Result<Selection, EngineError> {
        let mut selection = selection.clone();
        if selection.venues.is_empty() {
            selection.venues = self.venues_of_tables(&selection).await?.into_iter().collect();
        }
        Ok(selection)
    }

    /// The venues of the days' tables. A venue of any day counts for all days, since a table that lost a venue does not list
    /// it.
    pub(super) async fn venues_of_tables(
        &self,
        selection: &Selection,
    ) -> Result<BTreeSet<String>, EngineError> {
        let mut venues = BTreeSet::new();
        let phase = phase::days("reading instrument tables", selection.days);
        for day in selection.days.days() {
            let _day_done = phase.item();
            let table = self.lake.instruments(day).await?.unwrap_or_default();
            venues.extend(table.iter().map(|i| i.key.venue().to_owned()));
        }
        Ok(venues)
    }
}
