//! Grades: one word that summarises the findings of a partition or of an instrument-day.

use std::fmt;

use super::Severity;
use crate::partition::Status;

/// The grade of a partition or of an instrument-day; the worst is the largest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Grade {
    /// There was nothing to grade.
    Unknown,
    /// No finding above `info`.
    Good,
    /// At least one warning, no error.
    Degraded,
    /// At least one error.
    Bad,
    /// Expected, but not in the lake.
    Missing,
}

impl Grade {
    /// All grades, best first, `unknown` last.
    pub const ALL: [Grade; 5] = [Grade::Good, Grade::Degraded, Grade::Bad, Grade::Missing, Grade::Unknown];

    /// All of them, worst first, `unknown` last: the order of pages and pictures.
    pub const WORST_FIRST: [Grade; 5] =
        [Grade::Missing, Grade::Bad, Grade::Degraded, Grade::Good, Grade::Unknown];

    /// The name in reports and tables.
    pub fn name(self) -> &'static str {
        match self {
            Grade::Good => "good",
            Grade::Degraded => "degraded",
            Grade::Bad => "bad",
            Grade::Missing => "missing",
            Grade::Unknown => "unknown",
        }
    }

    /// Parses [`Grade::name`].
    pub fn from_name(name: &str) -> Option<Grade> {
        Grade::ALL.into_iter().find(|g| g.name() == name)
    }

    /// The grade of a partition, from its status and its worst finding. Absent and not exported partitions have no rows to
    /// grade. An empty one is graded, because the lack of rows can be a fault.
    pub fn of_partition(status: Status, worst: Option<Severity>) -> Grade {
        match (status, worst) {
            (Status::Missing, _) => Grade::Missing,
            (Status::NotExportedYet | Status::Absent, _) => Grade::Unknown,
            (_, Some(Severity::Error)) => Grade::Bad,
            (_, Some(Severity::Warning)) => Grade::Degraded,
            (_, Some(Severity::Info) | None) => Grade::Good,
        }
    }

    /// The grade of an instrument-day: the worst of its partitions; `unknown` only if all are unknown.
    pub fn of_day(partitions: impl IntoIterator<Item = Grade>) -> Grade {
        partitions.into_iter().max().unwrap_or(Grade::Unknown)
    }
}

impl fmt::Display for Grade {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_finding_decides() {
        let (info, warning, error) = (Some(Severity::Info), Some(Severity::Warning), Some(Severity::Error));
        for (status, worst, grade) in [
            (Status::Stored, None, Grade::Good),
            (Status::Stored, info, Grade::Good),
            (Status::Stored, warning, Grade::Degraded),
            (Status::Stored, error, Grade::Bad),
            (Status::Empty, None, Grade::Good),
            (Status::Empty, warning, Grade::Degraded),
            (Status::Absent, None, Grade::Unknown),
            (Status::NotExportedYet, info, Grade::Unknown),
            (Status::Missing, error, Grade::Missing),
            (Status::Missing, None, Grade::Missing),
        ] {
            assert_eq!(Grade::of_partition(status, worst), grade, "{status} {worst:?}");
        }
    }

    #[test]
    fn the_worst_partition_decides() {
        use Grade::{Bad, Degraded, Good, Missing, Unknown};
        for (partitions, grade) in [
            (&[][..], Unknown),
            (&[Unknown, Unknown], Unknown),
            (&[Unknown, Good], Good),
            (&[Good, Degraded, Good], Degraded),
            (&[Bad, Degraded], Bad),
            (&[Good, Missing], Missing),
        ] {
            assert_eq!(Grade::of_day(partitions.iter().copied()), grade, "{partitions:?}");
        }
        assert!(Grade::ALL.iter().all(|g| Grade::from_name(g.name()) == Some(*g)));
    }
}
