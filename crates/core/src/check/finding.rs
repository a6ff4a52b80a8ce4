//! The findings of checks: a count, a time range and up to ten examples.

use std::fmt;

use super::Check;
use crate::day::Day;
use crate::key::InstrumentKey;
use crate::table::DataType;

/// The severity of a finding; the most severe is the largest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Counted, but not a fault.
    Info,
    /// Suspicious: somebody should look.
    Warning,
    /// The data is wrong.
    Error,
}

impl Severity {
    /// The name in reports and flags.
    pub fn name(self) -> &'static str {
        match self {
            Severity::Info => "info",
            Severity::Warning => "warning",
            Severity::Error => "error",
        }
    }

    /// Parses [`Severity::name`].
    pub fn from_name(name: &str) -> Option<Severity> {
        [Severity::Info, Severity::Warning, Severity::Error]
            .into_iter()
            .find(|severity| severity.name() == name)
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The cause of a detection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation {
    /// The class of the cause: one of a few fixed words per check.
    pub class: &'static str,
    /// The cause as a sentence.
    pub text: String,
}

/// The result of a check, not yet assigned to a partition.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Detection {
    /// The severity; `None` for the check's own.
    pub severity: Option<Severity>,
    /// The first and the last arrival time, microseconds since the Unix epoch, UTC; `None` if it has no time.
    pub range_us: Option<(i64, i64)>,
    /// The number of occurrences.
    pub count: u64,
    /// The first occurrences, at most [`EXAMPLES`].
    pub examples: Vec<String>,
    /// The cause; `None` if unknown.
    pub explanation: Option<Explanation>,
}

/// The result of a check for a partition, an instrument, a venue or a day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The check's name.
    pub check: &'static str,
    /// The severity.
    pub severity: Severity,
    /// The instrument; `None` for a venue, a day, or a file that does not state it.
    pub key: Option<InstrumentKey>,
    /// The data type; `None` if the finding concerns several.
    pub data_type: Option<DataType>,
    /// The UTC day; `None` for a file that does not state it.
    pub day: Option<Day>,
    /// The detection.
    pub found: Detection,
}

impl Finding {
    /// Assigns a detection to a partition. The severity is that of the detection, else that of the check.
    pub fn of(
        check: &Check,
        key: Option<InstrumentKey>,
        data_type: Option<DataType>,
        day: Option<Day>,
        found: Detection,
    ) -> Finding {
        let severity = found.severity.unwrap_or(check.severity);
        Finding { check: check.name, severity, key, data_type, day, found }
    }
}

/// The largest number of examples in a finding.
pub const EXAMPLES: usize = 10;

/// Accumulates one [`Detection`].
#[derive(Debug, Default)]
pub struct Tally {
    found: Detection,
}

impl Tally {
    /// Counts one occurrence at an arrival time, microseconds since the Unix epoch, UTC. `example` is called only for the
    /// first [`EXAMPLES`] occurrences.
    pub fn note(&mut self, at_us: i64, example: impl FnOnce() -> String) {
        let (first, last) = self.found.range_us.unwrap_or((at_us, at_us));
        self.found.range_us = Some((first.min(at_us), last.max(at_us)));
        self.count(1, example);
    }

    /// Extends the range to an arrival time, microseconds since the Unix epoch, UTC. No effect before the first occurrence.
    pub fn reach(&mut self, at_us: i64) {
        self.found.range_us = self.found.range_us.map(|(first, last)| (first.min(at_us), last.max(at_us)));
    }

    /// Counts occurrences without a time.
    pub fn count(&mut self, count: u64, example: impl FnOnce() -> String) {
        self.found.count += count;
        if self.found.examples.len() < EXAMPLES {
            self.found.examples.push(example());
        }
    }

    /// Counts further occurrences without a time or an example.
    pub fn add(&mut self, count: u64) {
        self.found.count += count;
    }

    /// Overrides the check's severity.
    pub fn with_severity(mut self, severity: Severity) -> Tally {
        self.found.severity = Some(severity);
        self
    }

    /// The detection; empty if nothing was counted.
    pub fn found(mut self) -> Vec<Detection> {
        self.take()
    }

    /// The detection, empty if nothing was counted; resets the tally but keeps the severity.
    pub fn take(&mut self) -> Vec<Detection> {
        if self.found.count == 0 {
            return Vec::new();
        }
        let reset = Detection { severity: self.found.severity, ..Detection::default() };
        vec![std::mem::replace(&mut self.found, reset)]
    }
}

/// Formats a time, microseconds since the Unix epoch, UTC, as `2024-03-01T12:30:15.000001Z`.
pub fn moment(us: i64) -> String {
    match chrono::DateTime::from_timestamp_micros(us) {
        Some(time) => time.format("%Y-%m-%dT%H:%M:%S%.6fZ").to_string(),
        None => format!("{us} µs"),
    }
}

/// Formats a duration in microseconds as `1 h 2 min 3 s`; below a minute as `1.234 s`.
pub fn duration(us: i64) -> String {
    let seconds = us / 1_000_000;
    match (seconds / 3600, seconds / 60 % 60, seconds % 60) {
        (0, 0, _) => format!("{} s", us as f64 / 1e6),
        (0, minutes, seconds) => format!("{minutes} min {seconds} s"),
        (hours, minutes, seconds) => format!("{hours} h {minutes} min {seconds} s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tally_counts_all_and_shows_ten() {
        let mut tally = Tally::default();
        for at in [5, 3, 9].into_iter().cycle().take(12) {
            tally.note(at, || at.to_string());
        }
        let found = tally.found().remove(0);
        assert_eq!((found.count, found.range_us, found.examples.len()), (12, Some((3, 9)), EXAMPLES));
        assert!(Tally::default().found().is_empty());
        let mut tally = Tally::default().with_severity(Severity::Info);
        for round in 1..3 {
            tally.count(round, String::new);
            let found = tally.take().remove(0);
            assert_eq!((found.count, found.severity, found.examples.len()), (round, Some(Severity::Info), 1));
        }
        assert!(tally.take().is_empty());
    }

    #[test]
    fn times_for_people() {
        assert_eq!(moment(1_709_251_200_000_001), "2024-03-01T00:00:00.000001Z");
        for (us, text) in [(1_500_000, "1.5 s"), (61_000_000, "1 min 1 s"), (3_723_000_000, "1 h 2 min 3 s")]
        {
            assert_eq!(duration(us), text);
        }
    }
}
