//! Texts of times, read digit by digit, so that an error says what is wrong.

use std::borrow::Cow;

use super::{TimeValue, is_in_calendar};
use crate::day::{DAY_US, Day, DayRange};

type Cause = Cow<'static, str>;

/// The value of a text, or the reason why it has none.
pub(super) fn value(text: &str, now_us: i64) -> Result<TimeValue, Cause> {
    if text.is_empty() {
        return Err("it is empty".into());
    }
    if text.trim() != text {
        return Err("it has space before or after it".into());
    }
    if let Some(strange) = text.chars().find(|c| !matches!(c, ' '..='~')) {
        return Err(format!("it has {strange:?}, which no time has").into());
    }
    if let Some(value) = relative(text, now_us) {
        return value;
    }
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    if digits.bytes().all(|b| b.is_ascii_digit()) {
        return microseconds(text);
    }
    calendar(text)
}

/// `today`, `yesterday` and `last 7d`; `None` if it is none of these.
fn relative(text: &str, now_us: i64) -> Option<Result<TimeValue, Cause>> {
    if let Some((head, length)) = text.split_at_checked("last ".len())
        && head.eq_ignore_ascii_case("last ")
    {
        return Some(match super::length::last(length, now_us) {
            Ok((days, None)) => Ok(days),
            Ok(_) => Err("hours and minutes up to now have a moment as start and another as end".into()),
            Err(cause) => Err(cause),
        });
    }
    let back = |word: &str, days| {
        let (head, rest) = text.split_at_checked(word.len())?;
        head.eq_ignore_ascii_case(word).then_some((days, rest))
    };
    let (days, rest) = back("today", 0).or_else(|| back("yesterday", 1))?;
    if !rest.is_empty() {
        return Some(Err("today and yesterday are whole days of UTC, after which nothing can stand".into()));
    }
    let day = now_us.checked_sub(days * DAY_US).filter(|us| is_in_calendar(*us)).and_then(Day::containing_us);
    let day = day.ok_or_else(|| "the clock of this machine is outside of the years 0001 to 9999".into());
    Some(day.map(|day| TimeValue::Days(DayRange::of(day))))
}

/// Microseconds since the Unix epoch. Only as many digits as no other unit has for the years of a market.
fn microseconds(text: &str) -> Result<TimeValue, Cause> {
    let cause = match text.len() {
        15 | 16 if text.as_bytes()[0].is_ascii_digit() => {
            let us = text.parse().ok();
            return us.map(TimeValue::Moment).ok_or_else(|| "it is no number".into());
        }
        4 => "a year alone is no day or month",
        6 => "a month is written with a dash",
        8 => "a day is written with dashes",
        10 => "a bare number is in microseconds, with 15 or 16 digits; this may be in seconds",
        13 => "a bare number is in microseconds, with 15 or 16 digits; this may be in milliseconds",
        19 => "a bare number is in microseconds, with 15 or 16 digits; this may be in nanoseconds",
        _ => "a bare number is in microseconds since 1970, with 15 or 16 digits",
    };
    Err(cause.into())
}

fn calendar(text: &str) -> Result<TimeValue, Cause> {
    let mut rest = Rest(text);
    let (year, month) = rest
        .digits(4)
        .and_then(|year| rest.take("-").then_some(year))
        .and_then(|year| Some((year, rest.digits(2)?)))
        .ok_or("it does not begin with a year and a month such as 2024-03")?;
    if year == 0 {
        return Err("there is no year 0000".into());
    }
    let first = Day::new(year as i32, month, 1).ok_or_else(|| format!("there is no month {month:02}"))?;
    let last = (28..=31).rev().find_map(|day| Day::new(year as i32, month, day)).unwrap_or(first);
    if rest.0.is_empty() {
        return DayRange::new(first, last).map(TimeValue::Days).map_err(|error| error.to_string().into());
    }
    if rest.is_offset_of_month() {
        return Err("a month is one of UTC, and has no offset".into());
    }
    if rest.0.starts_with(['T', 't', ' ']) {
        return Err("a time of day needs a day, not a month".into());
    }
    let number = rest.take("-").then(|| rest.digits(2)).flatten();
    let number = number.ok_or("after the month there is no day of two digits such as -01")?;
    let day = Day::new(year as i32, month, number)
        .ok_or_else(|| format!("{year:04}-{month:02} has the days 01 to {:02}", last.day_of_month()))?;
    if rest.0.is_empty() {
        return Ok(TimeValue::Days(DayRange::of(day)));
    }
    if rest.is_offset() {
        return Err("a day is one of UTC, and has no offset; write its first moment with the offset".into());
    }
    if !(rest.take("T") || rest.take("t") || rest.take(" ")) {
        return Err("after the day there is neither T nor a space with a time of day".into());
    }
    let local = day.start_us() + time_of_day(&mut rest)?;
    let us = local - offset(rest)?;
    is_in_calendar(us)
        .then_some(TimeValue::Moment(us))
        .ok_or("it is not in the years 0001 to 9999 of UTC".into())
}

/// Microseconds since midnight.
fn time_of_day(rest: &mut Rest<'_>) -> Result<i64, Cause> {
    let hour = rest.digits(2).ok_or("after the day there is no hour of two digits")?;
    let minute = rest.part(":", "minute")?;
    let second = if minute.is_some() { rest.part(":", "second")? } else { None };
    match (hour, minute.unwrap_or(0), second.unwrap_or(0)) {
        (24, 0, 0) => return Err("a day ends with 00:00 of the next day, not with 24:00".into()),
        (24.., ..) => return Err(format!("there is no hour {hour}").into()),
        (_, minute @ 60.., _) => return Err(format!("there is no minute {minute}").into()),
        (.., 60) => return Err("no time has a second 60: leap seconds are not counted".into()),
        (.., second @ 61..) => return Err(format!("there is no second {second}").into()),
        _ => {}
    }
    let seconds =
        i64::from(hour) * 3_600 + i64::from(minute.unwrap_or(0)) * 60 + i64::from(second.unwrap_or(0));
    let mut us = seconds * 1_000_000;
    if rest.take(".") {
        if second.is_none() {
            return Err("only seconds have a fraction".into());
        }
        let digits = rest.leading_digits();
        let (kept, beyond) = digits.split_at(digits.len().min(6));
        if digits.is_empty() {
            return Err("after the point there are no digits".into());
        }
        if beyond.bytes().any(|b| b != b'0') {
            return Err("times are whole microseconds, six digits after the point".into());
        }
        us += format!("{kept:0<6}").parse::<i64>().unwrap_or(0);
    }
    Ok(us)
}

/// The offset from UTC at the end of a moment, microseconds; nothing is UTC.
fn offset(mut rest: Rest<'_>) -> Result<i64, Cause> {
    if matches!(rest.0, "" | "Z" | "z") {
        return Ok(0);
    }
    let sign = if rest.take("+") {
        1
    } else if rest.take("-") {
        -1
    } else {
        return Err(format!("`{}` after the time is no offset such as Z or +01:00", rest.0).into());
    };
    let written = rest.0;
    let no_offset = || format!("`{written}` is no offset of hours and minutes such as +01:00").into();
    let hours = rest.digits(2).filter(|h| *h < 24).ok_or_else(no_offset)?;
    let has_minutes = rest.take(":") || !rest.0.is_empty();
    let minutes = if has_minutes { rest.digits(2).filter(|m| *m < 60).ok_or_else(no_offset)? } else { 0 };
    if !rest.0.is_empty() {
        return Err(no_offset());
    }
    Ok(sign * (i64::from(hours) * 60 + i64::from(minutes)) * 60_000_000)
}

/// What is left of a text; it has only ASCII.
struct Rest<'a>(&'a str);

impl<'a> Rest<'a> {
    fn take(&mut self, what: &str) -> bool {
        let rest = self.0.strip_prefix(what);
        self.0 = rest.unwrap_or(self.0);
        rest.is_some()
    }

    fn leading_digits(&mut self) -> &'a str {
        let end = self.0.find(|c: char| !c.is_ascii_digit()).unwrap_or(self.0.len());
        let (digits, rest) = self.0.split_at(end);
        self.0 = rest;
        digits
    }

    /// A number of exactly so many digits.
    fn digits(&mut self, count: usize) -> Option<u32> {
        let (number, rest) = self.0.split_at_checked(count)?;
        let number = number.bytes().all(|b| b.is_ascii_digit()).then(|| number.parse().ok()).flatten()?;
        self.0 = rest;
        Some(number)
    }

    /// Two digits after a separator; `None` if the separator is not there.
    fn part(&mut self, separator: &str, name: &str) -> Result<Option<u32>, Cause> {
        if !self.take(separator) {
            return Ok(None);
        }
        self.digits(2).map(Some).ok_or_else(|| format!("the {name} has not two digits").into())
    }

    /// Whether it begins as an offset does.
    fn is_offset(&self) -> bool {
        self.0.starts_with(['Z', 'z', '+', '-'])
    }

    /// Whether it is an offset where a day could stand: not `-01`, which is a day.
    fn is_offset_of_month(&self) -> bool {
        let bytes = self.0.as_bytes();
        let has_digits = bytes.get(1..3).is_some_and(|two| two.iter().all(u8::is_ascii_digit));
        let is_negative = bytes[0] == b'-' && has_digits && bytes.get(3) == Some(&b':');
        is_negative || self.0.starts_with(['Z', 'z', '+'])
    }
}
