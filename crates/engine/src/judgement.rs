//! What a download and a validation came to. Nothing else decides it.

use mtdh_core::Day;

use crate::download::plan::Plan;
use crate::runs::summary::RunSummary;
use crate::validate::ValidationReport;
use crate::validate::verdict::{ExportGrace, Verdict};

/// For which days a caller waits for the vendor's export without complaint.
#[derive(Clone, Copy, Debug)]
pub struct Waits {
    /// How long the vendor may take.
    pub grace: ExportGrace,
    /// Whether it may take as long as it likes.
    pub is_allowed: bool,
}

impl Waits {
    fn allow(&self, mut days: impl Iterator<Item = Day>) -> bool {
        self.is_allowed || days.all(|day| self.grace.covers(day))
    }
}

/// What a use case came to, for callers that go on by it: exit statuses, and the outcome of Python's reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Judgement {
    /// Everything is in order.
    Clean,
    /// Gaps or failed files.
    NotClean,
    /// Only a person can decide what is right: a table lost rows, a name never existed.
    NeedsDecision,
    /// The vendor's quota, or the user's limit, is used up.
    UsedUp,
    /// The data is in the lake, and checks of its rows found an error.
    Unsound,
}

impl Judgement {
    /// Its name: `not_clean`.
    pub fn name(self) -> &'static str {
        match self {
            Judgement::Clean => "clean",
            Judgement::NotClean => "not_clean",
            Judgement::NeedsDecision => "needs_decision",
            Judgement::UsedUp => "used_up",
            Judgement::Unsound => "unsound",
        }
    }

    /// Of a validation: complete is clean; so is waiting for the vendor's export, where that is allowed.
    pub fn of_validation(report: &ValidationReport, waits: &Waits) -> Judgement {
        let waiting = || report.days_not_exported.iter().filter_map(|day| day.parse().ok());
        match report.verdict {
            Verdict::Complete => Judgement::Clean,
            Verdict::CompleteUpTo | Verdict::NotExportedYet if waits.allow(waiting()) => Judgement::Clean,
            Verdict::NeedsDecision => Judgement::NeedsDecision,
            Verdict::CompleteUpTo
            | Verdict::NotExportedYet
            | Verdict::NothingExpected
            | Verdict::NotComplete => Judgement::NotClean,
        }
    }

    /// Of a run that does everything in a plan.
    pub fn of_plan(plan: &Plan, waits: &Waits) -> Judgement {
        match () {
            () if plan.needs_decision() => Judgement::NeedsDecision,
            () if plan.is_lacking() || !waits.allow(plan.days_not_exported().into_iter()) => {
                Judgement::NotClean
            }
            () => Judgement::Clean,
        }
    }

    /// Of a run of a plan, of which was known what it would come to.
    pub fn of_download(summary: &RunSummary, of_plan: Judgement) -> Judgement {
        match () {
            () if summary.is_used_up() => Judgement::UsedUp,
            () if !summary.is_clean() => Judgement::NotClean,
            () if of_plan != Judgement::Clean => of_plan,
            () if summary.done.has_errors() => Judgement::Unsound,
            () => Judgement::Clean,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_may_wait_for_its_export_as_long_as_is_allowed() {
        let day: Day = "2024-03-01".parse().unwrap();
        let waits = |us, after_us, is_allowed| Waits {
            grace: ExportGrace { us, now_us: day.end_us() + after_us },
            is_allowed,
        };
        for (waits, verdict, expected) in [
            (waits(0, 0, false), Verdict::CompleteUpTo, Judgement::NotClean),
            (waits(10, 9, false), Verdict::CompleteUpTo, Judgement::Clean),
            (waits(10, 10, false), Verdict::NotExportedYet, Judgement::NotClean),
            (waits(10, 10, true), Verdict::NotExportedYet, Judgement::Clean),
            (waits(10, 9, true), Verdict::NotComplete, Judgement::NotClean),
            (waits(10, 9, true), Verdict::NothingExpected, Judgement::NotClean),
            (waits(0, 0, false), Verdict::NeedsDecision, Judgement::NeedsDecision),
            (waits(0, 0, false), Verdict::Complete, Judgement::Clean),
        ] {
            let days_not_exported = vec![day.to_string()];
            let report = ValidationReport { verdict, days_not_exported, ..ValidationReport::default() };
            assert_eq!(Judgement::of_validation(&report, &waits), expected, "{verdict:?} {waits:?}");
        }
    }
}
