//! What checks find, and how they gather it: a count, a range, up to ten examples.

use std::fmt;

use super::Check;
use crate::day::Day;
use crate::key::InstrumentKey;
use crate::table::DataType;

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Counted and told, but no fault: the data may be so.
    Info,
    /// Somebody should look.
    Warning,
    /// The data is wrong.
    Error,
}

impl Severity {
    /// The word in reports and flags.
    pub fn name(self) -> &'static str {
        match self {
            Severity::Info => "info",
            Severity::Warning => "warning",
            Severity::Error => "error",
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Why something is as it was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation {
    /// One of a few words that can be counted.
    pub class: &'static str,
    /// A sentence for people.
    pub text: String,
}

/// What a check found, before it is said of which partition.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Detection {
    /// How bad it is; null: as the check says.
    pub severity: Option<Severity>,
    /// First and last moment of it by arrival, microseconds since the Unix epoch, UTC; null: it has no place in time.
    pub range_us: Option<(i64, i64)>,
    /// How many times.
    pub count: u64,
    /// Up to [`EXAMPLES`] of them, the first ones.
    pub examples: Vec<String>,
    /// Why, where that is known.
    pub explanation: Option<Explanation>,
}

/// One thing that a check saw: where, when, how many.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The check's name.
    pub check: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// The instrument; null: it is about a venue, a day, or a file that does not say.
    pub key: Option<InstrumentKey>,
    /// The data type; null: it is about more than one.
    pub data_type: Option<DataType>,
    /// The day; null: a file that does not say.
    pub day: Option<Day>,
    /// What was found.
    pub found: Detection,
}

impl Finding {
    /// What a check found, said of whom it is about; as bad as `found` says, else as the check does.
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

/// As many examples as a finding carries.
pub const EXAMPLES: usize = 10;

/// Gathers one finding.
#[derive(Debug, Default)]
pub struct Tally {
    found: Detection,
}

impl Tally {
    /// Counts one more, at a moment of arrival.
    pub fn note(&mut self, at_us: i64, example: impl FnOnce() -> String) {
        let (first, last) = self.found.range_us.unwrap_or((at_us, at_us));
        self.found.range_us = Some((first.min(at_us), last.max(at_us)));
        self.count(1, example);
    }

    /// Widens the range to a moment of arrival.
    pub fn reach(&mut self, at_us: i64) {
        self.found.range_us = self.found.range_us.map(|(first, last)| (first.min(at_us), last.max(at_us)));
    }

    /// Counts some without a moment.
    pub fn count(&mut self, count: u64, example: impl FnOnce() -> String) {
        self.found.count += count;
        if self.found.examples.len() < EXAMPLES {
            self.found.examples.push(example());
        }
    }

    /// Counts some more without a moment or an example.
    pub fn add(&mut self, count: u64) {
        self.found.count += count;
    }

    /// Another severity than the check's.
    pub fn with_severity(mut self, severity: Severity) -> Tally {
        self.found.severity = Some(severity);
        self
    }

    /// The finding, if there was anything.
    pub fn found(mut self) -> Vec<Detection> {
        self.take()
    }

    /// The finding, if there was anything; then counts anew.
    pub fn take(&mut self) -> Vec<Detection> {
        if self.found.count == 0 {
            return Vec::new();
        }
        let anew = Detection { severity: self.found.severity, ..Detection::default() };
        vec![std::mem::replace(&mut self.found, anew)]
    }
}

/// A moment as text, `2024-03-01T12:30:15.000001Z`.
pub fn moment(us: i64) -> String {
    match chrono::DateTime::from_timestamp_micros(us) {
        Some(time) => time.format("%Y-%m-%dT%H:%M:%S%.6fZ").to_string(),
        None => format!("{us} µs"),
    }
}

/// A length of time as text, `1 h 2 min 3 s`, below a minute `1.234 s`.
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
