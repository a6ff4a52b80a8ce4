//! Comparison of live rows with the vendor's.

use chrono::Utc;
use mtdh_core::Day;
use mtdh_core::error::chain;
use tokio_util::sync::CancellationToken;

use super::{Context, Work};
use crate::check::kept::Keep;
use crate::live::compare::run::{CompareReport, compare};
use crate::selection::Selection;

impl Context {
    /// Compares a day's live rows with the vendor's, and keeps what was found in the lake, if it can be written. A selection without
    /// venues means all that have live rows.
    ///
    /// Fails when the lake cannot be read.
    pub fn compare_live<'a>(
        &'a self,
        day: Day,
        selection: &'a Selection,
        keep: Keep,
        stop: &'a CancellationToken,
    ) -> Work<'a, CompareReport> {
        Box::pin(async move {
            self.lake.check_readable().await?;
            let now_us = Utc::now().timestamp_micros();
            let mut report = compare(&self.lake, day, selection, stop).await?;
            let lines = report.lines(now_us);
            if keep == Keep::InLake && !lines.is_empty() {
                report.not_kept =
                    self.lake.update_comparisons(day, &lines).await.err().map(|error| chain(&error));
            }
            Ok(report)
        })
    }
}
