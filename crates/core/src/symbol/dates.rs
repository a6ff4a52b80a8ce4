//! The expiry formats of exchanges. Two-digit years are 2000 to 2099.

use crate::day::Day;

const MONTHS: [&str; 12] =
    ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"];

/// The futures month codes of January to December.
const MONTH_CODES: &str = "FGHJKMNQUVXZ";

/// A number of exactly `digits` digits.
fn number(text: &str, digits: usize) -> Option<u32> {
    let has_form = text.len() == digits && text.bytes().all(|b| b.is_ascii_digit());
    // Digits alone fail to parse only beyond u32, which no caller needs.
    if has_form { text.parse().ok() } else { None }
}

fn day_of(year: u32, month: u32, day: u32) -> Option<Day> {
    Day::new(i32::try_from(year).ok()?, month, day)
}

/// `241227` or `20241227`.
pub(super) fn digits(text: &str) -> Option<Day> {
    let (year, rest) = if text.len() == 8 {
        (number(text.get(..4)?, 4)?, text.get(4..)?)
    } else {
        (2000 + number(text.get(..2)?, 2)?, text.get(2..)?)
    };
    day_of(year, number(rest.get(..2)?, 2)?, number(rest.get(2..)?, 2)?)
}

/// `271224`: day, month, year.
pub(super) fn digits_day_first(text: &str) -> Option<Day> {
    let part = |range| number(text.get(range)?, 2);
    if text.len() == 6 { day_of(2000 + part(4..6)?, part(2..4)?, part(0..2)?) } else { None }
}

/// `3NOV23`, `29DEC23` or `30AUG2019`.
pub(super) fn day_month_year(text: &str) -> Option<Day> {
    let (day, month, year) = day_month_rest(text)?;
    let year = number(year, 2).map(|year| 2000 + year).or_else(|| number(year, 4))?;
    day_of(year, month, day)
}

/// `27DEC`: the first such day from `since` on.
pub(super) fn day_month_from(text: &str, since: Day) -> Option<Day> {
    let (day, month, rest) = day_month_rest(text)?;
    if rest.is_empty() { first_from(month, day, since) } else { None }
}

fn day_month_rest(text: &str) -> Option<(u32, u32, &str)> {
    let letters = text.find(|c: char| !c.is_ascii_digit())?;
    let (day, rest) = text.split_at(letters);
    let month = MONTHS.iter().position(|month| rest.starts_with(month))?;
    let day = number(day, 1).or_else(|| number(day, 2))?;
    Some((day, u32::try_from(month).ok()? + 1, &rest[3..]))
}

/// `0325`: the first such day from `since` on.
pub(super) fn month_day_from(text: &str, since: Day) -> Option<Day> {
    let part = |range| number(text.get(range)?, 2);
    if text.len() == 4 { first_from(part(0..2)?, part(2..4)?, since) } else { None }
}

/// Searches eight years: 29 February is usually at most four years away, but eight around a century.
fn first_from(month: u32, day: u32, since: Day) -> Option<Day> {
    (since.year()..=since.year() + 8).filter_map(|year| Day::new(year, month, day)).find(|day| *day >= since)
}

/// `2020Q1`: the last Friday of the quarter.
pub(super) fn quarter(text: &str) -> Option<Day> {
    let (year, quarter) = text.split_once('Q')?;
    let quarter = number(quarter, 1).filter(|quarter| (1..=4).contains(quarter))?;
    Day::last_friday(i32::try_from(number(year, 4)?).ok()?, quarter * 3)
}

/// Splits `XBTM19` into the name before the month code, the year and the month.
pub(super) fn month_code(text: &str) -> Option<(&str, i32, u32)> {
    let (name, month, digits) = code_and_digits(text, 2)?;
    Some((name, 2000 + i32::try_from(number(digits, 2)?).ok()?, month))
}

/// Splits `BUSZ2` in the same way. The year is the first one from `since` on that ends in the digit.
pub(super) fn month_code_from(text: &str, since: Day) -> Option<(&str, i32, u32)> {
    let (name, month, digit) = code_and_digits(text, 1)?;
    let last_digit = i32::try_from(number(digit, 1)?).ok()?;
    let is_right = |year: &i32| year % 10 == last_digit && (*year, month) >= (since.year(), since.month());
    (since.year()..=since.year() + 10).find(is_right).map(|year| (name, year, month))
}

fn code_and_digits(text: &str, digits: usize) -> Option<(&str, u32, &str)> {
    let at = text.len().checked_sub(digits + 1)?;
    let (name, code) = (text.get(..at)?, text.get(at..)?);
    let month = MONTH_CODES.find(code.chars().next()?)?;
    let year = code.get(1..)?;
    number(year, digits)?;
    if name.is_empty() { None } else { Some((name, u32::try_from(month).ok()? + 1, year)) }
}
