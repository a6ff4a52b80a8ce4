//! When contracts end, as a rule of the calendar, and how days are spelled in contract names.

use chrono::Datelike;
use mtdh_core::Day;

use crate::generate::times::HOUR_US;

/// In which row of contracts one that ends on a day stands: the longest that fits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Series {
    /// Ends any day.
    Daily,
    /// Ends on a Friday.
    Weekly,
    /// Ends on a month's last Friday.
    Monthly,
    /// Ends on the last Friday of March, June, September or December.
    Quarterly,
}

/// The series of a contract that ends on this day.
pub(crate) fn series(day: Day) -> Series {
    if Day::last_friday(day.year(), day.month()) == Some(day) {
        return if day.month().is_multiple_of(3) { Series::Quarterly } else { Series::Monthly };
    }
    if is_friday(day) { Series::Weekly } else { Series::Daily }
}

/// Days from `first` to `last`, both included.
pub(crate) fn days(first: Day, last: Day) -> impl Iterator<Item = Day> {
    std::iter::successors(Some(first), |day| Some(day.next())).take_while(move |day| *day <= last)
}

/// An hour of a day, microseconds since the Unix epoch, UTC.
pub(crate) fn at_hour(day: Day, hour: i64) -> i64 {
    day.start_us() + hour * HOUR_US
}

/// `4MAR24`: no leading zero.
pub(crate) fn written_out(day: Day) -> String {
    const MONTHS: [&str; 12] =
        ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"];
    let month = MONTHS[day.month() as usize - 1];
    format!("{}{month}{:02}", day.day_of_month(), day.year() % 100)
}

/// `M24`: the code that futures markets have for a month, and the year.
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
        assert_eq!(written_out(day("2024-03-04")), "4MAR24");
        assert_eq!(month_code(day("2024-06-28")), "M24");
    }
}
