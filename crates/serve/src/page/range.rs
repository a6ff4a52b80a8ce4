//! The range of time of a page. It is in the address, and one form changes it on every page.

use std::ops::Range;

use axum::http::StatusCode;
use maud::{Markup, html};
use mtdh_core::day::DAY_US;
use mtdh_core::moment::{self, TimeValue};
use mtdh_engine::{Day, DayRange};

use super::asked::Asked;
use crate::problem::Problem;
use crate::state::now_us;

/// The most days that one page looks at: ten years.
const MOST_DAYS: i64 = 3660;

/// The range of a page.
#[derive(Clone, Debug)]
pub struct Span {
    /// The range of time, microseconds since the Unix epoch, UTC; the end is excluded.
    pub us: Range<i64>,
    /// The days that it touches.
    pub days: DayRange,
    /// Whether the address names it.
    pub is_given: bool,
}

impl Span {
    /// The range of an address; `otherwise` if it names none. By the one rule for time: a day or a month as an end is meant whole, a
    /// moment is excluded.
    ///
    /// # Errors
    /// When a time cannot be read, the range is empty, or it is too long.
    pub fn of(asked: &Asked, otherwise: DayRange) -> Result<Span, Problem> {
        let value = |name: &str| {
            let read = asked.get(name).map(|text| TimeValue::parse(text, now_us())).transpose();
            read.map_err(|error| Problem::parameter(name, error.to_string()))
        };
        let start = value("start")?;
        let end = match (start, asked.get("end")) {
            (Some(start), Some(text)) => Some(
                moment::end(start, text, now_us())
                    .map_err(|error| Problem::parameter("end", error.to_string()))?,
            ),
            _ => value("end")?,
        };
        let is_given = start.is_some() || end.is_some();
        let us = match (start, end) {
            (Some(start), end) => {
                moment::range(start, end).map_err(|error| Problem::parameter("end", error.to_string()))?
            }
            (None, Some(end)) => otherwise.first().start_us().min(end.as_start())..end.as_end(),
            (None, None) => otherwise.first().start_us()..otherwise.last().end_us(),
        };
        let days = Day::containing_us(us.start).zip(Day::containing_us(us.end - 1));
        let days = days.and_then(|(first, last)| DayRange::new(first, last).ok());
        let days = days.ok_or_else(|| Problem::parameter("start", "the range lies beyond the calendar"))?;
        if us.end - us.start > MOST_DAYS * DAY_US {
            return Err(Problem::new(
                StatusCode::BAD_REQUEST,
                "wrong-parameter",
                "the range is longer than ten years",
            ));
        }
        Ok(Span { us, days, is_given })
    }

    /// The range of one day or more, as a page of its own begins.
    pub fn of_days(days: DayRange) -> Span {
        Span { us: days.first().start_us()..days.last().end_us(), days, is_given: false }
    }

    /// The number of days.
    pub fn length(&self) -> i64 {
        (self.days.last().start_us() - self.days.first().start_us()) / DAY_US + 1
    }

    /// Its two ends as the address has them.
    pub fn texts(&self) -> (String, String) {
        let is_days = self.us.start % DAY_US == 0 && self.us.end % DAY_US == 0;
        if is_days {
            (self.days.first().to_string(), self.days.last().to_string())
        } else {
            (moment_text(self.us.start), moment_text(self.us.end))
        }
    }

    /// The range before or after, of the same length.
    fn moved(&self, by: i64) -> Option<(String, String)> {
        let length = (self.us.end - self.us.start) * by;
        let us = self.us.start.checked_add(length)?..self.us.end.checked_add(length)?;
        let days = DayRange::new(Day::containing_us(us.start)?, Day::containing_us(us.end - 1)?).ok()?;
        Some(Span { us, days, is_given: true }.texts())
    }
}

/// A moment as an address has it: `2024-03-01T12:00:00Z`.
pub fn moment_text(us: i64) -> String {
    TimeValue::of_us(us).map_or_else(|_| us.to_string(), |value| value.to_string())
}

/// The form that changes the range, with links to others. `whole` is what the lake has.
pub fn picker(asked: &Asked, span: &Span, whole: Option<DayRange>) -> Markup {
    let (start, end) = span.texts();
    let last = whole.map_or(span.days.last(), DayRange::last);
    let back = |days: i64| {
        let first = last.plus(1 - days);
        asked.with(&[("start", &first.to_string()), ("end", &last.to_string()), ("page", "")])
    };
    html! {
        form.picker method="get" action=(asked.path) role="search" aria-label="Range of time" {
            @for (name, value) in asked.others(&["start", "end", "page"]) { input type="hidden" name=(name) value=(value); }
            @if let Some((start, end)) = span.moved(-1) {
                a.step href=(asked.with(&[("start", &start), ("end", &end), ("page", "")])) aria-label="Earlier" title="Earlier" { "‹" }
            }
            label { span { "From" } input name="start" value=(start) size="20" autocomplete="off" spellcheck="false" placeholder="2024-03-01"; }
            label { span { "To" } input name="end" value=(end) size="20" autocomplete="off" spellcheck="false" placeholder="2024-03-31"; }
            @if let Some((start, end)) = span.moved(1) {
                a.step href=(asked.with(&[("start", &start), ("end", &end), ("page", "")])) aria-label="Later" title="Later" { "›" }
            }
            button { "Show" }
            span.presets {
                @for (days, label) in [(1, "1 day"), (7, "7 days"), (30, "30 days"), (365, "1 year")] { a href=(back(days)) { (label) } " " }
                a href=(asked.with(&[("start", ""), ("end", ""), ("page", "")])) { "all" }
            }
            span.quiet.zone { "UTC" }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_range_follows_the_one_rule_for_time() {
        let otherwise = DayRange::of("2024-02-01".parse().unwrap());
        let of = |query: &str| Span::of(&Asked::of(&format!("/?{query}").parse().unwrap()), otherwise);
        for (query, start, end, days) in [
            ("", "2024-02-01", "2024-02-01", 1),
            ("start=2024-03-01", "2024-03-01", "2024-03-01", 1),
            ("start=2024-03", "2024-03-01", "2024-03-31", 31),
            ("start=2024-03-01&end=2024-03-07", "2024-03-01", "2024-03-07", 7),
            ("end=2024-02-03", "2024-02-01", "2024-02-03", 3),
            (
                "start=2024-03-01T12:00&end=2024-03-02T00:00",
                "2024-03-01T12:00:00Z",
                "2024-03-02T00:00:00Z",
                1,
            ),
        ] {
            let span = of(query).unwrap();
            assert_eq!((span.texts(), span.length()), ((start.to_owned(), end.to_owned()), days), "{query}");
        }
        for query in [
            "start=x",
            "start=2024-03-02&end=2024-03-01",
            "start=0001-01-01&end=2024-01-01",
            "end=2024-02-30",
        ] {
            assert!(of(query).is_err(), "{query}");
        }
    }
}
