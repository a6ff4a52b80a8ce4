//! Units of numbers that stand for times, and which of them a number was probably meant in.
//!
//! Everywhere else a time is microseconds. Start with [`Plausible`], the times that a market's clock can show.

use std::fmt;
use std::ops::Range;
use std::str::FromStr;

use crate::day::Day;
use crate::nearest::perhaps;
use crate::table::possible::{EARLIEST_US, LATEST_US};

/// A unit of time since the Unix epoch, UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TimeUnit {
    /// Seconds.
    Seconds,
    /// Milliseconds.
    Milliseconds,
    /// Microseconds, the unit of the lake.
    Microseconds,
    /// Nanoseconds.
    Nanoseconds,
}

impl TimeUnit {
    /// All of them, the longest first.
    pub const ALL: [TimeUnit; 4] =
        [TimeUnit::Seconds, TimeUnit::Milliseconds, TimeUnit::Microseconds, TimeUnit::Nanoseconds];

    /// The word for people.
    pub fn name(self) -> &'static str {
        match self {
            TimeUnit::Seconds => "seconds",
            TimeUnit::Milliseconds => "milliseconds",
            TimeUnit::Microseconds => "microseconds",
            TimeUnit::Nanoseconds => "nanoseconds",
        }
    }

    /// The word in flags.
    pub fn short(self) -> &'static str {
        match self {
            TimeUnit::Seconds => "s",
            TimeUnit::Milliseconds => "ms",
            TimeUnit::Microseconds => "us",
            TimeUnit::Nanoseconds => "ns",
        }
    }

    /// A number of this unit in microseconds, nanoseconds rounded down; `None` if it has no 64-bit value.
    pub fn to_us(self, number: i64) -> Option<i64> {
        match self {
            TimeUnit::Seconds => number.checked_mul(1_000_000),
            TimeUnit::Milliseconds => number.checked_mul(1_000),
            TimeUnit::Microseconds => Some(number),
            TimeUnit::Nanoseconds => Some(number.div_euclid(1_000)),
        }
    }
}

impl fmt::Display for TimeUnit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A word that names no unit of time.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("unknown unit of time `{text}`{}; there are: s, ms, us, ns", perhaps(text, TimeUnit::ALL.map(TimeUnit::name)))]
pub struct UnknownTimeUnit {
    text: String,
}

impl FromStr for TimeUnit {
    type Err = UnknownTimeUnit;

    /// Parses [`TimeUnit::short`] or [`TimeUnit::name`], ignoring case.
    fn from_str(text: &str) -> Result<TimeUnit, UnknownTimeUnit> {
        let is_named = |unit: &TimeUnit| {
            unit.short().eq_ignore_ascii_case(text) || unit.name().eq_ignore_ascii_case(text)
        };
        TimeUnit::ALL.into_iter().find(is_named).ok_or_else(|| UnknownTimeUnit { text: text.to_owned() })
    }
}

/// The times that a number may stand for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plausible {
    within_us: Range<i64>,
    /// The first and the last year, for people.
    years: (i32, i32),
}

impl Plausible {
    /// The times that clocks of markets and recorders show: from 2009, the year of the first coin, to the end of the year after
    /// that of a time, microseconds since the Unix epoch, UTC.
    pub fn clocks(now_us: i64) -> Plausible {
        let last = Day::containing_us(now_us).map_or(2199, |day| day.year() + 1);
        let end_us = Day::new(last, 12, 31).map_or(LATEST_US, Day::end_us);
        Plausible { within_us: EARLIEST_US..end_us, years: (2009, last) }
    }

    /// The times at which a contract can end: from 2009 to 2199.
    pub fn expiries() -> Plausible {
        Plausible { within_us: EARLIEST_US..LATEST_US, years: (2009, 2199) }
    }

    /// Whether it has a time, microseconds since the Unix epoch, UTC.
    #[inline]
    pub fn contains(&self, us: i64) -> bool {
        self.within_us.contains(&us)
    }

    /// The unit in which a number is one of these times; `None` if there is none. There is never a second one.
    pub fn unit_of(&self, number: i64) -> Option<TimeUnit> {
        TimeUnit::ALL.into_iter().find(|unit| unit.to_us(number).is_some_and(|us| self.contains(us)))
    }

    /// Why a number is refused that was read as microseconds: `1709251200000 µs is not in the years 2009 to 2025: milliseconds?`
    pub fn refusal(&self, number: i64) -> String {
        let (first, last) = self.years;
        let guess = self.unit_of(number).map(|unit| format!(": {unit}?")).unwrap_or_default();
        format!("{number} µs is not in the years {first} to {last}{guess}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_has_one_unit_at_most() {
        use TimeUnit::{Microseconds, Milliseconds, Nanoseconds, Seconds};
        for plausible in [Plausible::clocks(1_709_251_200_000_000), Plausible::expiries()] {
            for (number, unit) in [
                (1_709_251_200, Some(Seconds)),
                (1_709_251_200_000, Some(Milliseconds)),
                (1_709_251_200_000_000, Some(Microseconds)),
                (1_709_251_200_000_000_000, Some(Nanoseconds)),
                (1_230_768_000_000_000, Some(Microseconds)),
                (1_230_767_999_999_999, None),
                (20_240_301, None),
                (0, None),
                (-1, None),
                (i64::MIN, None),
                (i64::MAX, None),
            ] {
                assert_eq!(plausible.unit_of(number), unit, "{number}");
            }
        }
    }

    #[test]
    fn clocks_end_with_the_year_after_the_day() {
        let clocks = Plausible::clocks(1_709_251_200_000_000);
        let end = Day::new(2026, 1, 1).unwrap().start_us();
        assert_eq!([end - 1, end].map(|us| clocks.contains(us)), [true, false]);
        for (number, words) in [
            (1_709_251_200_000, "1709251200000 µs is not in the years 2009 to 2025: milliseconds?"),
            (
                1_709_251_200_000_000_000,
                "1709251200000000000 µs is not in the years 2009 to 2025: nanoseconds?",
            ),
            (0, "0 µs is not in the years 2009 to 2025"),
        ] {
            assert_eq!(clocks.refusal(number), words);
        }
        assert!(Plausible::expiries().contains(Day::new(2199, 12, 31).unwrap().start_us()));
    }

    #[test]
    fn units_are_named_short_or_long() {
        for unit in TimeUnit::ALL {
            assert_eq!(unit.short().to_uppercase().parse(), Ok(unit));
            assert_eq!(unit.name().parse(), Ok(unit));
        }
        assert!("µ".parse::<TimeUnit>().is_err());
        assert_eq!(TimeUnit::Nanoseconds.to_us(-1), Some(-1));
        assert_eq!(TimeUnit::Seconds.to_us(i64::MAX), None);
    }
}
