//! Lengths of time: `+1h` as an end, counted from the start, and `last 7d`, counted back from now.

use std::borrow::Cow;

use super::TimeValue;
use crate::day::{DAY_US, Day, DayRange};

type Cause = Cow<'static, str>;

/// What a person may write, in the words of errors.
const FORMS: &str = "write a number and s, m, h, d, w or mo, such as 90m, 7d or 2mo";

/// The most of a unit that is taken: more than the calendar of markets has.
const MOST: i64 = 1_000_000;

/// A length of time. Days and months are those of the calendar of UTC.
enum Length {
    Microseconds(i64),
    Days(i64),
    Months(i64),
}

fn length(text: &str) -> Result<Length, Cause> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (digits, unit) = text.split_at(end);
    let number = digits.parse::<i64>().ok().filter(|number| (1..=MOST).contains(number));
    let number = number.ok_or_else(|| format!("`{text}` is no length of time; {FORMS}"))?;
    match unit.to_ascii_lowercase().as_str() {
        "s" => Ok(Length::Microseconds(number * 1_000_000)),
        "m" => Ok(Length::Microseconds(number * 60_000_000)),
        "h" => Ok(Length::Microseconds(number * 3_600_000_000)),
        "d" => Ok(Length::Days(number)),
        "w" => Ok(Length::Days(number * 7)),
        "mo" => Ok(Length::Months(number)),
        _ => Err(format!("`{text}` is no length of time; {FORMS}").into()),
    }
}

fn beyond() -> Cause {
    "it reaches beyond the years 0001 to 9999".into()
}

fn day_at(us: Option<i64>) -> Result<Day, Cause> {
    us.filter(|us| super::is_in_calendar(*us)).and_then(Day::containing_us).ok_or_else(beyond)
}

/// The first day of the month that is so many months after that of a day.
fn month_after(day: Day, months: i64) -> Result<Day, Cause> {
    let month = i64::from(day.year()) * 12 + i64::from(day.month()) - 1 + months;
    let (year, month) = (i32::try_from(month.div_euclid(12)).ok(), month.rem_euclid(12) as u32 + 1);
    year.filter(|year| (1..=9999).contains(year)).and_then(|year| Day::new(year, month, 1)).ok_or_else(beyond)
}

/// The same day so many months later, or the month's last where it has no such day.
fn months_later(day: Day, months: i64) -> Result<Day, Cause> {
    let first = month_after(day, months)?;
    let same =
        (1..=day.day_of_month()).rev().find_map(|number| Day::new(first.year(), first.month(), number));
    same.ok_or_else(beyond)
}

/// The end that lies a length after a start.
pub(super) fn after(start: TimeValue, text: &str) -> Result<TimeValue, Cause> {
    let from = start.as_start();
    let (length, day) = (length(text)?, day_at(Some(from))?);
    // Days from a day are that day and those after it; from a moment they are so many times 24 hours.
    let until = match length {
        Length::Microseconds(us) => from.checked_add(us),
        Length::Days(days) => from.checked_add(days * DAY_US),
        Length::Months(months) => Some(months_later(day, months)?.start_us() + from.rem_euclid(DAY_US)),
    };
    let last = day_at(until.map(|us| us - 1))?;
    let until = until.ok_or_else(beyond)?;
    Ok(match start {
        TimeValue::Days(_) if until % DAY_US == 0 => TimeValue::Days(DayRange::of(last)),
        _ => TimeValue::Moment(until),
    })
}

/// The days or months that have ended last, or the time up to now.
pub(super) fn last(text: &str, now_us: i64) -> Result<(TimeValue, Option<TimeValue>), Cause> {
    let today = day_at(Some(now_us))?;
    let first = match length(text)? {
        Length::Microseconds(us) => {
            let from = now_us.checked_sub(us).filter(|us| super::is_in_calendar(*us)).ok_or_else(beyond)?;
            return Ok((TimeValue::Moment(from), Some(TimeValue::Moment(now_us))));
        }
        Length::Days(days) => day_at(today.start_us().checked_sub(days * DAY_US))?,
        Length::Months(months) => month_after(today, -months)?,
    };
    let end = match text.to_ascii_lowercase().ends_with("mo") {
        true => month_after(today, 0)?,
        false => today,
    };
    let days = DayRange::new(first, day_at(Some(end.start_us() - 1))?).map_err(|error| error.to_string())?;
    Ok((TimeValue::Days(days), None))
}
