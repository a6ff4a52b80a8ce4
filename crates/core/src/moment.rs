//! Times as people write them. One rule, for every front end.
//!
//! A value that names a day or a month means the whole of it, as start and as end. A value with a time of day is a moment; as
//! end it is excluded. Everything is UTC unless a moment has an offset. Start with [`TimeValue::parse`]; two values make a range
//! of time with [`range`], or of days with [`days`].

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;

use crate::day::{Day, DayRange};

mod length;
mod text;

/// What a person may write, in the words of errors and helps.
pub const FORMS: &str = "2024-03-01, 2024-03, yesterday, today or 2024-03-01T12[:30[:15[.5]]], in UTC or with an offset such as +01:00";

/// The same for values that cannot be moments.
pub const DAY_FORMS: &str = "2024-03-01, 2024-03, yesterday or today; days are those of UTC";

/// A time as a person writes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimeValue {
    /// A whole day, all days of a month, or the last days or months that have ended.
    Days(DayRange),
    /// A moment, microseconds since the Unix epoch, UTC.
    Moment(i64),
}

/// Why a value, or two of them, cannot be taken.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum TimeError {
    /// It is none of the forms.
    #[error("`{text}` is not a time: {cause}; write {FORMS}")]
    Form {
        /// What was written.
        text: String,
        /// What is wrong with it.
        cause: Cow<'static, str>,
    },
    /// It is none of the forms of days.
    #[error("`{text}` is not a day or a month: {cause}; write {DAY_FORMS}")]
    DayForm {
        /// What was written.
        text: String,
        /// What is wrong with it.
        cause: Cow<'static, str>,
    },
    /// A number of microseconds beyond the years 1 to 9999.
    #[error("{0} microseconds since 1970 are not in the years 0001 to 9999; is the unit right?")]
    BeyondCalendar(i64),
    /// A moment where whole days are meant.
    #[error("{0} has a time of day, and whole days are meant; write {DAY_FORMS}")]
    NotDays(TimeValue),
    /// A range in which nothing can lie.
    #[error(
        "nothing lies between the start {start} and the end {end}, which must lie after it; a moment as end is excluded, a day or \
         month as end is included"
    )]
    Backwards {
        /// The start.
        start: TimeValue,
        /// The end.
        end: TimeValue,
    },
}

impl TimeValue {
    /// Parses a text. `now_us` says what `today` and `yesterday` are, microseconds since the Unix epoch, UTC.
    ///
    /// Forms: a day `2024-03-01`, a month `2024-03`, `yesterday`, `today`, the last days, weeks or months that have ended `last 7d`,
    /// `last 2w`, `last 1mo`; a moment `2024-03-01T12`, `2024-03-01 12:30`,
    /// `2024-03-01T12:30:15.25`, each also with `Z`, `+01:00`, `+0100` or `+01`; a moment as 15 or 16 digits, which are
    /// microseconds since the Unix epoch (1973 to 2286). Letters may have any case.
    ///
    /// # Errors
    /// [`TimeError::Form`] when it is none of these, names a day or an hour that does not exist, or has digits below one
    /// microsecond.
    ///
    /// ```
    /// use mtdh_core::moment::TimeValue;
    /// let march = TimeValue::parse("2024-03", 0).unwrap();
    /// assert_eq!(march.as_end() - march.as_start(), 31 * mtdh_core::day::DAY_US);
    /// let noon = TimeValue::parse("2024-03-01T13:00+01:00", 0).unwrap();
    /// assert_eq!(noon, TimeValue::Moment(1_709_294_400_000_000));
    /// ```
    pub fn parse(text: &str, now_us: i64) -> Result<TimeValue, TimeError> {
        text::value(text, now_us).map_err(|cause| TimeError::Form { text: text.to_owned(), cause })
    }

    /// Parses a text that names a day, or a month, which means all of its days. `now_us` as in [`TimeValue::parse`].
    ///
    /// # Errors
    /// As [`TimeValue::parse`] and [`TimeValue::days`], with the forms of days in the text.
    pub fn parse_days(text: &str, now_us: i64) -> Result<DayRange, TimeError> {
        match TimeValue::parse(text, now_us) {
            Ok(value) => value.days(),
            Err(TimeError::Form { text, cause }) => Err(TimeError::DayForm { text, cause }),
            Err(error) => Err(error),
        }
    }

    /// A moment, microseconds since the Unix epoch, UTC.
    ///
    /// # Errors
    /// [`TimeError::BeyondCalendar`] beyond the years 1 to 9999.
    pub fn of_us(us: i64) -> Result<TimeValue, TimeError> {
        if is_in_calendar(us) { Ok(TimeValue::Moment(us)) } else { Err(TimeError::BeyondCalendar(us)) }
    }

    /// The first microsecond when this is a start.
    pub fn as_start(self) -> i64 {
        match self {
            TimeValue::Days(days) => days.first().start_us(),
            TimeValue::Moment(us) => us,
        }
    }

    /// The first microsecond that is excluded when this is an end: that after the day or month, or the moment itself.
    pub fn as_end(self) -> i64 {
        match self {
            TimeValue::Days(days) => days.last().end_us(),
            TimeValue::Moment(us) => us,
        }
    }

    /// The days that this names.
    ///
    /// # Errors
    /// [`TimeError::NotDays`] for a moment.
    pub fn days(self) -> Result<DayRange, TimeError> {
        match self {
            TimeValue::Days(days) => Ok(days),
            TimeValue::Moment(_) => Err(TimeError::NotDays(self)),
        }
    }
}

impl fmt::Display for TimeValue {
    /// A day, a month, or a moment in UTC.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TimeValue::Days(days) if days.first() == days.last() => days.first().fmt(f),
            TimeValue::Days(days) if !is_month(*days) => write!(f, "{} to {}", days.first(), days.last()),
            TimeValue::Days(days) => write!(f, "{:04}-{:02}", days.first().year(), days.first().month()),
            TimeValue::Moment(us) => {
                let (day, rest) = (Day::containing_us(*us), us.rem_euclid(crate::day::DAY_US));
                let Some(day) = day else { return write!(f, "{us} µs") };
                let (second, fraction) = (rest / 1_000_000, rest % 1_000_000);
                write!(f, "{day}T{:02}:{:02}:{:02}", second / 3_600, second / 60 % 60, second % 60)?;
                if fraction != 0 {
                    write!(f, ".{fraction:06}")?;
                }
                f.write_str("Z")
            }
        }
    }
}

/// The days or months that have ended last, or the hours up to now: the start of a range, and its end where the start does not have
/// it. `text` is a length, such as `7d`, `2w`, `1mo`, `3h` or `90m`; `now_us` as in [`TimeValue::parse`].
///
/// # Errors
/// [`TimeError::Form`] when it is no length, or reaches beyond the calendar.
///
/// ```
/// use mtdh_core::moment::{self, TimeValue};
/// let noon = 1_709_294_400_000_000; // 2024-03-01T12:00Z
/// let (days, _) = moment::last("7d", noon).unwrap();
/// assert_eq!(days.to_string(), "2024-02-23 to 2024-02-29");
/// assert_eq!(moment::last("1mo", noon).unwrap().0.to_string(), "2024-02");
/// assert_eq!(moment::last("3h", noon).unwrap().0, TimeValue::Moment(noon - 3 * 3_600_000_000));
/// ```
pub fn last(text: &str, now_us: i64) -> Result<(TimeValue, Option<TimeValue>), TimeError> {
    length::last(text, now_us).map_err(|cause| TimeError::Form { text: text.to_owned(), cause })
}

/// Parses the end of a range, beside its start: [`TimeValue::parse`], or a length after the start, such as `+1h`, `+7d` or `+1mo`.
///
/// # Errors
/// As [`TimeValue::parse`], and when the length is none or reaches beyond the calendar.
///
/// ```
/// use mtdh_core::moment::{self, TimeValue};
/// let start = TimeValue::parse("2024-03-01", 0).unwrap();
/// assert_eq!(moment::end(start, "+7d", 0).unwrap().to_string(), "2024-03-07");
/// assert_eq!(moment::end(start, "+1h", 0).unwrap().to_string(), "2024-03-01T01:00:00Z");
/// ```
pub fn end(start: TimeValue, text: &str, now_us: i64) -> Result<TimeValue, TimeError> {
    match text.strip_prefix('+') {
        Some(rest) if rest.ends_with(|c: char| c.is_ascii_alphabetic()) => {
            length::after(start, rest).map_err(|cause| TimeError::Form { text: text.to_owned(), cause })
        }
        _ => TimeValue::parse(text, now_us),
    }
}

/// The range of two values, microseconds since the Unix epoch, UTC; its end is excluded. Without an end it reaches to the end
/// of the start's day or month; for a moment, to the end of its UTC day.
///
/// # Errors
/// [`TimeError::Backwards`] when the range is empty.
pub fn range(start: TimeValue, end: Option<TimeValue>) -> Result<Range<i64>, TimeError> {
    let first = start.as_start();
    let last = match (end, start) {
        (Some(end), _) => end.as_end(),
        (None, TimeValue::Days(_)) => start.as_end(),
        (None, TimeValue::Moment(us)) => {
            Day::containing_us(us).ok_or(TimeError::BeyondCalendar(us))?.end_us()
        }
    };
    if first < last {
        Ok(first..last)
    } else {
        Err(TimeError::Backwards { start, end: end.unwrap_or(start) })
    }
}

/// The days from one value to another, both included. Without a last one, those of the first.
///
/// # Errors
/// [`TimeError::NotDays`] when one is a moment, [`TimeError::Backwards`] when the last lies before the first.
pub fn days(first: TimeValue, last: Option<TimeValue>) -> Result<DayRange, TimeError> {
    let (end, from) = (last.unwrap_or(first), first.days()?);
    DayRange::new(from.first(), end.days()?.last()).map_err(|_| TimeError::Backwards { start: first, end })
}

/// Whether some days are all those of a month.
fn is_month(days: DayRange) -> bool {
    let (first, last) = (days.first(), days.last());
    let is_of_one = (first.year(), first.month()) == (last.year(), last.month());
    is_of_one && first.day_of_month() == 1 && last.next().day_of_month() == 1
}

/// Whether a time is in the years 1 to 9999, which have four digits.
fn is_in_calendar(us: i64) -> bool {
    Day::containing_us(us).is_some_and(|day| (1..=9999).contains(&day.year()))
}
