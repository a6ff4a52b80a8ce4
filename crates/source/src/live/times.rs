//! The times of messages, and the days in names of options.

use mtdh_core::Day;

/// A time in microseconds or milliseconds since the Unix epoch, told apart by its size as the vendor's client does it: above 10^15 it is
/// microseconds. Microseconds, UTC.
#[inline]
pub fn stamp(time: i64) -> i64 {
    if time > 1_000_000_000_000_000 { time } else { time.saturating_mul(1_000) }
}

/// The end of an option at 08:00 UTC of the day that its name has, such as `9MAR24`, microseconds since the Unix epoch.
pub fn option_end(day: &str) -> Option<i64> {
    const MONTHS: [&str; 12] =
        ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"];
    let (day, rest) = day.split_at_checked(day.len().checked_sub(5)?)?;
    let (month, year) = rest.split_at_checked(3)?;
    let month = MONTHS.iter().position(|name| *name == month)? as u32 + 1;
    let is_number =
        |text: &str| !text.is_empty() && text.len() <= 2 && text.bytes().all(|byte| byte.is_ascii_digit());
    if !is_number(day) || !is_number(year) {
        return None;
    }
    let day = Day::new(2000 + year.parse::<i32>().ok()?, month, day.parse().ok()?)?;
    Some(day.start_us() + 8 * 3_600_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_of_options() {
        for bad in ["", "MAR24", "9MAR2", "9XXX24", "32MAR24", "+9MAR24", "é9MAR24", "009MAR24"] {
            assert_eq!(option_end(bad), None, "{bad}");
        }
        for (day, expected) in [("9MAR24", 1_709_971_200_000_000), ("30JUN23", 1_688_112_000_000_000)] {
            assert_eq!(option_end(day), Some(expected), "{day}");
        }
    }

    #[test]
    fn milliseconds_and_microseconds() {
        for (time, expected) in [
            (1_723_161_255_208, 1_723_161_255_208_000),
            (1_723_161_255_208_123, 1_723_161_255_208_123),
            (0, 0),
            (i64::MIN, i64::MIN),
        ] {
            assert_eq!(stamp(time), expected);
        }
    }
}
