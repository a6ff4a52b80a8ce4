//! UTC calendar days. The vendor has one file per UTC day.
//!
//! Times are not days: they are `i64` microseconds since the Unix epoch, UTC, everywhere.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Datelike, NaiveDate, TimeDelta, Utc};

/// Microseconds in a day.
pub const DAY_US: i64 = 86_400_000_000;

/// A UTC calendar day. Written `YYYY-MM-DD`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Day(NaiveDate);

/// A text that is not a day.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("`{0}` is not a day; write it as YYYY-MM-DD, for example 2024-03-01")]
pub struct ParseDayError(String);

impl Day {
    /// The day of a year, a month (1 to 12) and a day of the month (1 to 31); `None` if the calendar does not have it.
    pub fn new(year: i32, month: u32, day: u32) -> Option<Day> {
        NaiveDate::from_ymd_opt(year, month, day).map(Day)
    }

    /// The day that contains a time. `us` is in microseconds since the Unix epoch, UTC. `None` if it is outside the calendar.
    pub fn containing_us(us: i64) -> Option<Day> {
        DateTime::<Utc>::from_timestamp_micros(us).map(|t| Day(t.date_naive()))
    }

    /// The last Friday of a month (1 to 12), the expiry of most quarterly contracts; `None` if there is no such month.
    pub fn last_friday(year: i32, month: u32) -> Option<Day> {
        let first_of_next =
            if month == 12 { Day::new(year + 1, 1, 1) } else { Day::new(year, month + 1, 1) }?;
        let last = first_of_next.previous();
        let back = (last.0.weekday().num_days_from_monday() + 7 - 4) % 7;
        Some(last.plus(-i64::from(back)))
    }

    /// The start of the day, microseconds since the Unix epoch, UTC.
    pub fn start_us(self) -> i64 {
        self.0.and_time(chrono::NaiveTime::MIN).and_utc().timestamp_micros()
    }

    /// The exclusive end of the day, microseconds since the Unix epoch, UTC.
    pub fn end_us(self) -> i64 {
        self.start_us() + DAY_US
    }

    /// The day after.
    pub fn next(self) -> Day {
        self.plus(1)
    }

    /// The day before.
    pub fn previous(self) -> Day {
        self.plus(-1)
    }

    /// The day `days` later, or earlier if negative. Returns the day itself if the result is outside the calendar.
    pub fn plus(self, days: i64) -> Day {
        Day(TimeDelta::try_days(days).and_then(|d| self.0.checked_add_signed(d)).unwrap_or(self.0))
    }

    /// The year.
    pub fn year(self) -> i32 {
        self.0.year()
    }

    /// The month, 1 to 12.
    pub fn month(self) -> u32 {
        self.0.month()
    }

    /// The day of the month, 1 to 31.
    pub fn day_of_month(self) -> u32 {
        self.0.day()
    }

    /// `YYYYMMDD`, as in the aggregate table's name.
    pub fn compact(self) -> String {
        self.0.format("%Y%m%d").to_string()
    }

    /// `YYMMDD`, as in an instrument key.
    pub fn short(self) -> String {
        self.0.format("%y%m%d").to_string()
    }

    /// Parses `YYMMDD` as a day of this century (2000 to 2099).
    pub fn from_short(text: &str) -> Option<Day> {
        if text.len() != 6 || !text.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        let number = |range: std::ops::Range<usize>| text[range].parse::<u32>().ok();
        Day::new(2000 + number(0..2)? as i32, number(2..4)?, number(4..6)?)
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}-{:02}", self.year(), self.month(), self.day_of_month())
    }
}

impl FromStr for Day {
    type Err = ParseDayError;

    /// Parses exactly `YYYY-MM-DD`. `2024-3-1` is rejected, because the order of month and day is ambiguous.
    fn from_str(text: &str) -> Result<Day, ParseDayError> {
        let has_form = text.len() == 10
            && text
                .bytes()
                .enumerate()
                .all(|(i, b)| if i == 4 || i == 7 { b == b'-' } else { b.is_ascii_digit() });
        has_form
            .then(|| NaiveDate::parse_from_str(text, "%Y-%m-%d").ok())
            .flatten()
            .map(Day)
            .ok_or_else(|| ParseDayError(text.to_owned()))
    }
}

/// Days from `first` to `last`, both included. Never empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DayRange {
    first: Day,
    last: Day,
}

/// A range that ends before it starts.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("the last day {last} lies before the first day {first}")]
pub struct BackwardsRange {
    first: Day,
    last: Day,
}

impl DayRange {
    /// The days from `first` to `last`, both included.
    ///
    /// # Errors
    /// If `last` is before `first`.
    pub fn new(first: Day, last: Day) -> Result<DayRange, BackwardsRange> {
        if last < first { Err(BackwardsRange { first, last }) } else { Ok(DayRange { first, last }) }
    }

    /// One day.
    pub fn of(day: Day) -> DayRange {
        DayRange { first: day, last: day }
    }

    /// The first day.
    pub fn first(self) -> Day {
        self.first
    }

    /// The last day, included.
    pub fn last(self) -> Day {
        self.last
    }

    /// Whether a day is one of them.
    pub fn contains(self, day: Day) -> bool {
        (self.first..=self.last).contains(&day)
    }

    /// All days in order.
    pub fn days(self) -> impl DoubleEndedIterator<Item = Day> + Clone {
        let count = (self.last.0 - self.first.0).num_days();
        (0..=count).map(move |i| self.first.plus(i))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_full_form_is_a_day() {
        for (text, good) in [
            ("2024-02-29", true),
            ("2023-02-29", false),
            ("2024-2-29", false),
            ("20240229", false),
            ("2024-02-29T00:00", false),
            ("", false),
        ] {
            assert_eq!(text.parse::<Day>().is_ok(), good, "{text}");
        }
    }

    #[test]
    fn a_day_is_half_open_in_microseconds() {
        let day: Day = "2023-05-23".parse().unwrap();
        assert_eq!(day.start_us(), 1_684_800_000_000_000);
        assert_eq!(Day::containing_us(day.start_us()), Some(day));
        assert_eq!(Day::containing_us(day.end_us() - 1), Some(day));
        assert_eq!(Day::containing_us(day.end_us()), Some(day.next()));
    }

    #[test]
    fn ranges_include_both_ends() {
        let day = |t: &str| t.parse::<Day>().unwrap();
        let range = DayRange::new(day("2024-02-28"), day("2024-03-01")).unwrap();
        let days: Vec<String> = range.days().map(|d| d.to_string()).collect();
        assert_eq!(days, ["2024-02-28", "2024-02-29", "2024-03-01"]);
        assert!(DayRange::new(day("2024-03-01"), day("2024-02-28")).is_err());
    }

    #[test]
    fn last_fridays() {
        for (year, month, expected) in
            [(2023, 6, "2023-06-30"), (2019, 12, "2019-12-27"), (2024, 2, "2024-02-23")]
        {
            assert_eq!(Day::last_friday(year, month).unwrap().to_string(), expected);
        }
    }
}
