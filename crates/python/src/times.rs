//! The rule for times, for Python. Values come as texts or as microseconds; `python/mtdh/_times.py` makes those of dates.

use mtdh_core::moment::{self, TimeError, TimeValue};
use pyo3::prelude::*;

use crate::error::raise;

/// A value of a time, as Python gives it.
#[derive(FromPyObject)]
pub enum Time {
    /// Microseconds since the Unix epoch, UTC.
    Microseconds(i64),
    /// A text.
    Text(String),
}

impl Time {
    /// The value as the end of a range that begins with `start`.
    fn end(&self, start: TimeValue, now_us: i64) -> Result<TimeValue, TimeError> {
        match self {
            Time::Microseconds(us) => TimeValue::of_us(*us),
            Time::Text(text) => moment::end(start, text, now_us),
        }
    }

    fn value(&self, now_us: i64) -> Result<TimeValue, TimeError> {
        match self {
            Time::Microseconds(us) => TimeValue::of_us(*us),
            Time::Text(text) => TimeValue::parse(text, now_us),
        }
    }
}

fn now_us() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}

/// The range of two values, microseconds since the Unix epoch, UTC, the end excluded. `now_us` says what `today` is; `None`: the
/// machine's clock does.
#[pyfunction]
#[pyo3(signature = (start, end=None, now_us=None))]
pub fn time_range(
    py: Python<'_>,
    start: Time,
    end: Option<Time>,
    now_us: Option<i64>,
) -> PyResult<(i64, i64)> {
    let now = now_us.unwrap_or_else(self::now_us);
    let range = start.value(now).and_then(|start| {
        let end = end.map(|end| end.end(start, now)).transpose()?;
        moment::range(start, end)
    });
    let range = range.map_err(|error| raise(py, "BadRequest", &error.to_string(), None))?;
    Ok((range.start, range.end))
}

/// The first and last day of two values that name days or months, as `YYYY-MM-DD`.
#[pyfunction]
#[pyo3(signature = (start, end=None, now_us=None))]
pub fn days(
    py: Python<'_>,
    start: Time,
    end: Option<Time>,
    now_us: Option<i64>,
) -> PyResult<(String, String)> {
    let days = day_range(&start, end.as_ref(), now_us.unwrap_or_else(self::now_us));
    let days = days.map_err(|error| raise(py, "BadRequest", &error.to_string(), None))?;
    Ok((days.first().to_string(), days.last().to_string()))
}

/// The days of two values.
///
/// # Errors
/// When one of them has a time of day, or the range is empty.
pub fn day_range(start: &Time, end: Option<&Time>, now_us: i64) -> Result<mtdh_core::DayRange, TimeError> {
    let start = start.value(now_us)?;
    let end = end.map(|end| end.end(start, now_us)).transpose()?;
    moment::days(start, end)
}

/// The days of two values, by this machine's clock.
pub fn days_from(py: Python<'_>, start: &Time, end: Option<&Time>) -> PyResult<mtdh_core::DayRange> {
    day_range(start, end, now_us()).map_err(|error| raise(py, "BadRequest", &error.to_string(), None))
}

/// Today, UTC, by this machine's clock.
pub fn today(py: Python<'_>) -> PyResult<mtdh_core::Day> {
    Ok(days_from(py, &Time::Text("today".to_owned()), None)?.first())
}
