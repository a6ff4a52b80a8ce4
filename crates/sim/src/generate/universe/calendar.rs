//! Expiry rules, and the spelling of days in contract names.

use chrono::Datelike;
use mtdh_core::Day;

use crate::generate::times::HOUR_US;

/// The series of a contract: the longest one that its expiry day allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Series {
    /// Expires on any day.
    Daily,
    /// Expires on a Friday.
    Weekly,
    /// Expires on a month's last Friday.
    Monthly,
    /// Expires on the last Friday of March, June, September or December.
    Quarterly,
}

/// Returns the series of a contract that expires on this day.
pub(crate) fn series(day: Day) -> Series {
    if Day::last_friday(day.year(), day.month()) == Some(day) {
        return if day.month().is_multiple_of(3) { Series::Quarterly } else { Series::Monthly };
    }
    if is_friday(day) { Series::Weekly } else { Series::Daily }
}

/// Iterates over the days from `first` to `last`, both included.
pub(crate) fn days(first: Day, last: Day) -> impl Iterator<Item = Day> {
    std::iter::successors(Some(first), |day| Some(day.next())).take_while(move |day| *day <= last)
}

/// Returns an hour of a day, microseconds since the Unix epoch, UTC.
pub(crate) fn at_hour(day: Day, hour: i64) -> i64 {
    day.start_us() + hour * HOUR_US
}

/// Formats as `4MAR24`, without leading zero.
pub(crate) fn format_contract_date(day: Day) -> String {
    const MONTHS: [&str; 12] =
        ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"];
    let month = MONTHS[day.month() as usize - 1];
    format!("{}{month}{:02}", day.day_of_month(), day.year() % 100)
}

/// Formats as `M24`: the futures month code and the year.
pub(crate) fn month_code(day: Day) -> String {
    let code = b"FGHJKMNQUVXZ"[day.month() as usize - 1] as char;
    format!("{code}{:02}", day.year() % 100)
}

fn is_friday(day: Day) -> bool {
    chrono::NaiveDate::from_ymd_opt(day.year(), day.month(), day.day_of_month())
        .is_some_and(|date| date.weekday() == chrono::Weekday::Fri)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::generate::universe::profile::day;

    #[test]
    fn each_day_has_its_series() {
        for (text, expected) in [
            ("2024-03-04", Series::Daily),
            ("2024-03-08", Series::Weekly),
            ("2024-03-29", Series::Quarterly),
            ("2024-04-26", Series::Monthly),
            ("2024-05-03", Series::Weekly),
            ("2019-12-27", Series::Quarterly),
        ] {
            assert_eq!(series(day(text)), expected, "{text}");
        }
    }

    #[test]
    fn days_are_spelled_as_the_exchanges_do() {
        assert_eq!(format_contract_date(day("2024-03-04")), "4MAR24");
        assert_eq!(month_code(day("2024-06-28")), "M24");
    }
}
