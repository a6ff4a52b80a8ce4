//! What a lake is for: the named sets of `lake.toml`, as people write them and as programs use them.
//!
//! A pure description. The file may lie in a bucket that others write, so it can say only what is wanted: no host, no key, no
//! command, no path. [`Wanted::parse`] reads it, [`with_set`] and [`without_set`] change its text and leave the rest of it as it
//! is. What follows from it for a day is the engine's.

mod edit;
mod field;
mod read;

use std::collections::BTreeMap;
use std::fmt;

use crate::candle::Timeframe;
use crate::check::Group;
use crate::day::{Day, DayRange};
use crate::key::InstrumentType;
use crate::table::DataType;

pub use edit::{EditError, with_set, without_set};

/// The largest file that is read, bytes.
pub const MOST_BYTES: usize = 256 << 10;

/// The most sets of a file.
pub const MOST_SETS: usize = 100;

/// The most items of a list.
pub const MOST_ITEMS: usize = 5_000;

/// The longest item of a list, and the longest name, bytes.
pub const MOST_LETTERS: usize = 200;

/// Hours after the end of a UTC day in which a missing export is no fault, where a set says nothing.
pub const EXPORT_GRACE_HOURS: u32 = 36;

/// The earliest day that a set can begin with. The vendor's data begins in 2019.
pub fn earliest() -> Day {
    Day::new(2010, 1, 1).expect("it is a day of the calendar")
}

/// Everything that is wanted of a lake.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Wanted {
    /// The sets, by name.
    pub sets: BTreeMap<String, WantedSet>,
}

/// One set: what is wanted, and how it is kept.
#[derive(Clone, Debug, PartialEq)]
pub struct WantedSet {
    /// Venues. Empty: those of the instruments' keys and of the universe.
    pub venues: Vec<String>,
    /// Instrument types. Empty: all but combos, and the types that instruments name.
    pub instrument_types: Vec<InstrumentType>,
    /// Instrument keys, or patterns of them. Empty: all.
    pub instruments: Vec<String>,
    /// A built-in list of instruments, beside `instruments`; `None`: no list.
    pub universe: Option<String>,
    /// Data types. Empty: [`DataType::DEFAULT`].
    pub data_types: Vec<DataType>,
    /// At most so many instruments a day; `None`: no limit.
    pub max_instruments: Option<usize>,
    /// The first day.
    pub from: Day,
    /// The last day.
    pub until: Until,
    /// Timeframes of candles. Empty: no candles.
    pub candles: Vec<Timeframe>,
    /// Groups of checks. Empty: no checks.
    pub checks: Vec<Group>,
    /// Parameters of checks that differ from their defaults, each as `CHECK.PARAMETER=NUMBER`.
    pub parameters: Vec<String>,
    /// Days that are kept, counted from the newest; `None`: all are, for ever.
    pub keep_days: Option<u32>,
    /// Hours after the end of a UTC day in which a missing export is no fault.
    pub export_grace_hours: u32,
}

/// The last day of a set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Until {
    /// The last UTC day that has ended: the newest that the vendor can have.
    Today,
    /// This day.
    Day(Day),
}

impl fmt::Display for Until {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Until::Today => f.write_str("today"),
            Until::Day(day) => day.fmt(f),
        }
    }
}

impl WantedSet {
    /// A set of everything that the vendor has by default, from a day on: its venues still lack.
    pub fn from(from: Day) -> WantedSet {
        WantedSet {
            venues: Vec::new(),
            instrument_types: Vec::new(),
            instruments: Vec::new(),
            universe: None,
            data_types: Vec::new(),
            max_instruments: None,
            from,
            until: Until::Today,
            candles: Vec::new(),
            checks: Group::USUAL.to_vec(),
            parameters: Vec::new(),
            keep_days: None,
            export_grace_hours: EXPORT_GRACE_HOURS,
        }
    }

    /// The days that are wanted at a time, microseconds since the Unix epoch, UTC: those that have ended, and of these the last
    /// [`WantedSet::keep_days`]. `None`: there is none yet.
    pub fn days(&self, now_us: i64) -> Option<DayRange> {
        let ended = Day::containing_us(now_us)?.previous();
        let last = match self.until {
            Until::Today => ended,
            Until::Day(day) => day.min(ended),
        };
        let first = match self.keep_days {
            Some(days) => self.from.max(ended.plus(1 - i64::from(days))),
            None => self.from,
        };
        DayRange::new(first, last).ok()
    }
}

/// Why a `lake.toml` cannot be used: where, and what is wrong.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("lake.toml{}{}: {reason}", line.map(|line| format!(", line {line}")).unwrap_or_default(),
    if field.is_empty() { String::new() } else { format!(", {field}") })]
pub struct WantError {
    /// The line, from 1; `None`: it is about the whole file.
    pub line: Option<usize>,
    /// The field, as `sets.majors.venues`; empty: it is about no field.
    pub field: String,
    /// What is wrong, and what to write instead.
    pub reason: String,
}

impl Wanted {
    /// Reads the text of a `lake.toml`.
    ///
    /// # Errors
    /// With the line and the field, when it is no TOML, has an unknown field, or a value that means nothing or is too large.
    ///
    /// ```
    /// use mtdh_core::want::Wanted;
    /// let text = "[sets.majors]\nvenues = [\"DERIBIT\"]\nfrom = 2024-03-01\n";
    /// assert_eq!(Wanted::parse(text)?.sets["majors"].venues, ["DERIBIT"]);
    /// let error = Wanted::parse("[sets.majors]\nvenue = [\"DERIBIT\"]\n").unwrap_err().to_string();
    /// assert!(error.starts_with("lake.toml, line 2, sets.majors.venue: there is no such field; perhaps venues"), "{error}");
    /// # Ok::<(), mtdh_core::want::WantError>(())
    /// ```
    pub fn parse(text: &str) -> Result<Wanted, WantError> {
        read::wanted(text)
    }

    /// As [`Wanted::parse`], of bytes.
    ///
    /// # Errors
    /// Also when they are no UTF-8.
    pub fn parse_bytes(bytes: &[u8]) -> Result<Wanted, WantError> {
        Wanted::parse(text_of(bytes)?)
    }
}

/// The text of a file.
///
/// # Errors
/// When it is too large, or no UTF-8.
pub fn text_of(bytes: &[u8]) -> Result<&str, WantError> {
    let whole = |reason: String| WantError { line: None, field: String::new(), reason };
    if bytes.len() > MOST_BYTES {
        return Err(whole(format!("it has {} bytes, and at most {MOST_BYTES} are read", bytes.len())));
    }
    std::str::from_utf8(bytes).map_err(|error| whole(format!("it is no UTF-8 text: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_days_that_have_ended_are_wanted() {
        let day = |text: &str| text.parse::<Day>().unwrap();
        for (from, until, keep_days, now, expected) in [
            ("2024-03-01", Until::Today, None, "2024-03-04", Some(("2024-03-01", "2024-03-03"))),
            ("2024-03-03", Until::Today, None, "2024-03-04", Some(("2024-03-03", "2024-03-03"))),
            ("2024-03-04", Until::Today, None, "2024-03-04", None),
            (
                "2024-03-01",
                Until::Day(day("2024-03-02")),
                None,
                "2024-03-04",
                Some(("2024-03-01", "2024-03-02")),
            ),
            (
                "2024-03-01",
                Until::Day(day("2025-01-01")),
                None,
                "2024-03-04",
                Some(("2024-03-01", "2024-03-03")),
            ),
            ("2024-01-01", Until::Today, Some(2), "2024-03-04", Some(("2024-03-02", "2024-03-03"))),
            ("2024-03-03", Until::Today, Some(9), "2024-03-04", Some(("2024-03-03", "2024-03-03"))),
            ("2024-01-01", Until::Day(day("2024-02-01")), Some(2), "2024-03-04", None),
        ] {
            let set = WantedSet { until, keep_days, ..WantedSet::from(day(from)) };
            let days = set.days(day(now).start_us() + 7 * 3_600_000_000);
            let days = days.map(|days| (days.first().to_string(), days.last().to_string()));
            let expected = expected.map(|(first, last)| (first.to_owned(), last.to_owned()));
            assert_eq!(days, expected, "{from} {until} {keep_days:?}");
        }
    }
}
