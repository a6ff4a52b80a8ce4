//! Text formats of times. Times are microseconds since the Unix epoch, UTC.

use chrono::{DateTime, Datelike, NaiveDate, NaiveDateTime, Timelike, Utc};

/// One second in microseconds.
pub(crate) const SECOND_US: i64 = 1_000_000;
/// One minute in microseconds.
pub(crate) const MINUTE_US: i64 = 60 * SECOND_US;
/// One hour in microseconds.
pub(crate) const HOUR_US: i64 = 60 * MINUTE_US;

/// Formats as `2024-03-01T08:00:00.000Z`.
pub(crate) fn iso(us: i64) -> String {
    let instant = instant(us);
    let (year, month, day) = (instant.year(), instant.month(), instant.day());
    let (hour, minute, second) = (instant.hour(), instant.minute(), instant.second());
    // Faster than chrono's format strings: metadata contains hundreds of thousands of these.
    format!(
        "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{:03}Z",
        instant.timestamp_subsec_millis()
    )
}

/// Formats as `Fri, 01 Mar 2024 08:00:00 GMT`.
pub(crate) fn http_date(us: i64) -> String {
    instant(us).format("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

/// Formats as `20240301T080000Z`, as in signed URLs.
pub(crate) fn compact(us: i64) -> String {
    instant(us).format("%Y%m%dT%H%M%SZ").to_string()
}

/// Parses the format of [`compact`]. `None`: another format.
pub(crate) fn parse_compact(text: &str) -> Option<i64> {
    let time = NaiveDateTime::parse_from_str(text, "%Y%m%dT%H%M%SZ").ok()?;
    Some(time.and_utc().timestamp_micros())
}

/// Parses an HTTP date in the IMF-fixdate format. `None`: another format.
pub(crate) fn parse_http_date(text: &str) -> Option<i64> {
    let time = NaiveDateTime::parse_from_str(text, "%a, %d %b %Y %H:%M:%S GMT").ok()?;
    Some(time.and_utc().timestamp_micros())
}

/// Parses a date (`2024-03-01`, midnight) or a time (`2024-03-01T08:00Z`, with or without seconds). `None`: neither.
pub(crate) fn parse_iso(text: &str) -> Option<i64> {
    if let Ok(date) = text.parse::<NaiveDate>() {
        return Some(date.and_time(chrono::NaiveTime::MIN).and_utc().timestamp_micros());
    }
    if let Ok(instant) = DateTime::parse_from_rfc3339(text) {
        return Some(instant.timestamp_micros());
    }
    let local = text.trim_end_matches('Z');
    ["%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%dT%H:%M"]
        .into_iter()
        .find_map(|form| NaiveDateTime::parse_from_str(local, form).ok())
        .map(|time| time.and_utc().timestamp_micros())
}

fn instant(us: i64) -> DateTime<Utc> {
    DateTime::from_timestamp_micros(us).unwrap_or(DateTime::UNIX_EPOCH)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_parse_back() {
        let us = 1_709_280_000_000_000;
        assert_eq!(iso(us), "2024-03-01T08:00:00.000Z");
        assert_eq!(http_date(us), "Fri, 01 Mar 2024 08:00:00 GMT");
        assert_eq!(parse_compact(&compact(us)), Some(us));
        assert_eq!(parse_http_date(&http_date(us)), Some(us));
        for text in [
            "2024-03-01T08:00:00.000Z",
            "2024-03-01T08:00Z",
            "2024-03-01T08:00:00",
            "2024-03-01T09:00:00+01:00",
        ] {
            assert_eq!(parse_iso(text), Some(us), "{text}");
        }
        assert_eq!(parse_iso("2024-03-01"), Some(us - 8 * HOUR_US));
        assert_eq!(parse_iso("yesterday"), None);
    }
}
