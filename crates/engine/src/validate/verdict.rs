//! The verdict of a validation.

use mtdh_core::Day;
use serde::Serialize;

use crate::expectation::has_fault;
use crate::validate::ValidationReport;
use crate::validate::recheck::Recheck;

/// The verdict of a validation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Something was expected, and all of it is answered.
    Complete,
    /// As [`Verdict::Complete`] for the days that the vendor has exported; later days are not exported yet.
    CompleteUpTo,
    /// Everything that is expected waits for the vendor's export.
    NotExportedYet,
    /// Nothing was expected, so nothing is known to be complete.
    #[default]
    NothingExpected,
    /// Something is missing, or it is not known what to expect.
    NotComplete,
    /// Only a person can decide: a table lost rows, or a name never existed.
    NeedsDecision,
}

impl Verdict {
    /// The word used in reports.
    pub fn name(self) -> &'static str {
        match self {
            Verdict::Complete => "complete",
            Verdict::CompleteUpTo => "complete_up_to",
            Verdict::NotExportedYet => "not_exported_yet",
            Verdict::NothingExpected => "nothing_expected",
            Verdict::NotComplete => "not_complete",
            Verdict::NeedsDecision => "needs_decision",
        }
    }

    /// The verdict of a report. Every statement on completeness uses it.
    pub(crate) fn of(report: &ValidationReport) -> Verdict {
        let totals = &report.totals;
        let is_lacking = totals.missing > 0
            || !report.partial.is_empty()
            || !report.days_without_instruments.is_empty()
            || !report.venues_without_instruments.is_empty()
            || !report.venues_without_expectation.is_empty()
            || !report.names.alive_and_missing.is_empty()
            || report.failed_files > 0
            || has_fault(&report.not_expected)
            || !report.proof.damaged.is_empty()
            || !report.recheck.as_ref().is_none_or(Recheck::is_clean);
        match () {
            () if report.needs_acceptance || !report.names.never_existed.is_empty() => Verdict::NeedsDecision,
            () if is_lacking => Verdict::NotComplete,
            () if totals.expected() > 0 && totals.not_exported_yet > 0 => Verdict::CompleteUpTo,
            () if totals.expected() > 0 => Verdict::Complete,
            () if totals.not_exported_yet > 0 => Verdict::NotExportedYet,
            () => Verdict::NothingExpected,
        }
    }
}

/// How long the vendor may take to export a day.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ExportGrace {
    /// Microseconds after the end of the UTC day.
    pub us: i64,
    /// The time of the verdict, microseconds since the Unix epoch, UTC.
    pub now_us: i64,
}

impl ExportGrace {
    /// So long after the end of a day, judged now.
    pub fn of(duration: std::time::Duration) -> ExportGrace {
        let us = i64::try_from(duration.as_micros()).unwrap_or(i64::MAX);
        ExportGrace { us, now_us: crate::check::lake::now_us() }
    }

    /// Whether a day may still lack its export.
    pub fn covers(&self, day: Day) -> bool {
        self.now_us < day.end_us().saturating_add(self.us)
    }
}
