//! Timeframes: lengths that divide a day.

use std::fmt;
use std::str::FromStr;

use crate::day::DAY_US;
use crate::nearest::{clause, nearest};

/// The length of a candle's interval. It divides a UTC day, so no candle spans midnight.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timeframe(i64);

/// Units of a spelling, largest first, in microseconds.
const UNITS: [(&str, i64); 4] = [("h", 3_600_000_000), ("m", 60_000_000), ("s", 1_000_000), ("ms", 1_000)];

/// A text that is not a timeframe.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("`{text}` is not a timeframe{}; write a length that divides a day, as 15s, 1m, 5m, 15m, 1h, 4h or 24h", clause(&meant(text)))]
pub struct ParseTimeframeError {
    text: String,
}

/// What a text may mean: other words for the units (`1min`, `M5`, `daily`), a length beside one that divides a day, or a slip.
fn meant(text: &str) -> Vec<String> {
    let lower = text.trim().to_lowercase();
    let digits: String = lower.chars().filter(char::is_ascii_digit).collect();
    let word: String = lower.chars().filter(char::is_ascii_alphabetic).collect();
    const WORDS: [(&str, i64); 5] = [
        ("milliseconds", 1_000),
        ("seconds", 1_000_000),
        ("minutes", 60_000_000),
        ("hours", 3_600_000_000),
        ("days", DAY_US),
    ];
    let unit = match &*word {
        "" | "t" => Some(60_000_000),
        "ms" => Some(1_000),
        "hr" | "hrs" | "hourly" => Some(3_600_000_000),
        "daily" => Some(DAY_US),
        _ => WORDS.iter().find(|(name, _)| name.starts_with(&*word)).map(|(_, unit)| *unit),
    };
    // `minutes` comes before `milliseconds` for a bare m.
    let unit = if word == "m" { Some(60_000_000) } else { unit };
    let number = if digits.is_empty() { Some(1) } else { digits.parse::<i64>().ok() };
    let length =
        unit.zip(number).and_then(|(unit, number)| unit.checked_mul(number)).filter(|_| !lower.is_empty());
    if let Some(length) = length.filter(|length| (1_000..=DAY_US).contains(length)) {
        if let Some(timeframe) = Timeframe::of_us(length) {
            return vec![timeframe.to_string()];
        }
        let unit = unit.unwrap_or(1_000);
        let shorter = (1..=length / unit).rev().find_map(|number| Timeframe::of_us(number * unit));
        let longer = (length / unit..=DAY_US / unit).find_map(|number| Timeframe::of_us(number * unit));
        return shorter.into_iter().chain(longer).map(|timeframe| timeframe.to_string()).collect();
    }
    if length.is_some_and(|length| length > DAY_US) {
        return vec!["24h".to_owned()];
    }
    let usual = Timeframe::USUAL.map(|timeframe| timeframe.to_string());
    nearest(text, usual.iter().map(String::as_str), 1).into_iter().map(str::to_owned).collect()
}

impl Timeframe {
    /// The default timeframes: 15s, 1m, 5m, 15m, 1h, 4h and 24h.
    pub const USUAL: [Timeframe; 7] = [
        Timeframe(15_000_000),
        Timeframe(60_000_000),
        Timeframe(300_000_000),
        Timeframe(900_000_000),
        Timeframe(3_600_000_000),
        Timeframe(14_400_000_000),
        Timeframe(DAY_US),
    ];

    /// A timeframe of this length in microseconds; `None` unless it is a whole number of milliseconds and divides a day.
    pub fn of_us(length_us: i64) -> Option<Timeframe> {
        (length_us >= 1_000 && length_us % 1_000 == 0 && DAY_US % length_us == 0)
            .then_some(Timeframe(length_us))
    }

    /// The length in microseconds.
    pub fn us(self) -> i64 {
        self.0
    }

    /// The start of the interval that contains `us`. Both are in microseconds since the Unix epoch, UTC.
    pub fn floor(self, us: i64) -> i64 {
        us - us.rem_euclid(self.0)
    }
}

impl fmt::Display for Timeframe {
    /// In the largest unit that fits: `90s`, `1m`, `24h`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fitting = UNITS.iter().find(|(_, unit)| self.0 % unit == 0);
        let (name, unit) = fitting.expect("every timeframe is a whole number of milliseconds");
        write!(f, "{}{name}", self.0 / unit)
    }
}

impl FromStr for Timeframe {
    type Err = ParseTimeframeError;

    /// Parses a whole number and `ms`, `s`, `m`, `h` or `d`. `60s` equals `1m`, and `1d` equals `24h`.
    fn from_str(text: &str) -> Result<Timeframe, ParseTimeframeError> {
        let failed = || ParseTimeframeError { text: text.to_owned() };
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        let (number, name) = text.split_at(digits);
        let days = [("d", DAY_US)];
        let unit = UNITS.iter().chain(&days).find(|(unit, _)| *unit == name).ok_or_else(failed)?.1;
        let length = number.parse::<i64>().ok().and_then(|n| n.checked_mul(unit));
        length.and_then(Timeframe::of_us).ok_or_else(failed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings() {
        for (text, expected) in [
            ("15s", Some("15s")),
            ("1m", Some("1m")),
            ("60s", Some("1m")),
            ("90s", Some("90s")),
            ("1h", Some("1h")),
            ("60m", Some("1h")),
            ("4h", Some("4h")),
            ("24h", Some("24h")),
            ("1d", Some("24h")),
            ("1440m", Some("24h")),
            ("250ms", Some("250ms")),
            ("7m", None),
            ("5h", None),
            ("2d", None),
            ("0m", None),
            ("m", None),
            ("1M", None),
            ("1 m", None),
            ("-1m", None),
            ("99999999999999999999h", None),
            ("", None),
        ] {
            let read = text.parse::<Timeframe>().ok();
            assert_eq!(read.map(|t| t.to_string()).as_deref(), expected, "{text}");
        }
        assert_eq!(Timeframe::USUAL.map(|t| t.to_string()).join(" "), "15s 1m 5m 15m 1h 4h 24h");
    }

    #[test]
    fn what_is_none_is_told_what_it_may_mean() {
        for (text, expected) in [
            ("1min", "1m"),
            ("M5", "5m"),
            ("1M", "1m"),
            ("15 m", "15m"),
            ("1hr", "1h"),
            ("4hours", "4h"),
            ("hourly", "1h"),
            ("daily", "24h"),
            ("2d", "24h"),
            ("7m", "6m 8m"),
            ("5h", "4h 6h"),
            ("1.5m", "15m"),
            ("x", ""),
            ("", ""),
        ] {
            assert_eq!(meant(text).join(" "), expected, "{text}");
            assert!(meant(text).iter().all(|text| text.parse::<Timeframe>().is_ok()), "{text}");
        }
    }

    #[test]
    fn intervals_begin_at_midnight_and_contain_their_start_but_not_their_end() {
        let hour = Timeframe::USUAL[4];
        for (us, start) in
            [(0, 0), (1, 0), (3_599_999_999, 0), (3_600_000_000, 3_600_000_000), (-1, -3_600_000_000)]
        {
            assert_eq!(hour.floor(us), start, "{us}");
        }
    }
}
