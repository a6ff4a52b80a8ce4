//! Times as users type them, and the current day for verbs that depend on it.

use chrono::{NaiveDate, NaiveDateTime, NaiveTime};
use mtdh_core::Day;

/// Parses `2024-03-01`, `2024-03-01T12:30`, `2024-03-01 12:30:15.5` and the same with `Z` as UTC, to microseconds since the
/// Unix epoch.
///
/// # Errors
/// When it is none of these; an offset other than `Z` is refused.
pub fn parse(text: &str) -> Result<i64, String> {
    let plain = text.trim().trim_end_matches('Z').replace(' ', "T");
    let time = if plain.contains('T') {
        ["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S%.f"]
            .iter()
            .find_map(|form| NaiveDateTime::parse_from_str(&plain, form).ok())
    } else {
        NaiveDate::parse_from_str(&plain, "%Y-%m-%d").ok().map(|day| day.and_time(NaiveTime::MIN))
    };
    let time = time.ok_or("write a time as 2024-03-01 or 2024-03-01T12:30:15, UTC")?;
    Ok(time.and_utc().timestamp_micros())
}

/// The current day, UTC.
pub fn today() -> Day {
    // A clock beyond the calendar counts as none.
    Day::containing_us(chrono::Utc::now().timestamp_micros())
        .unwrap_or_else(|| Day::containing_us(0).expect("1970 is a day"))
}

/// A time as every output writes it: `2024-03-01T12:30:15.000000Z`; `None`: it is beyond the calendar.
pub fn shown(us: i64) -> Option<String> {
    let time = chrono::DateTime::from_timestamp_micros(us)?;
    Some(time.to_rfc3339_opts(chrono::SecondsFormat::Micros, true))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_of_a_time() {
        let noon = 1_709_294_400_000_000;
        for (text, expected) in [
            ("2024-03-01", Some(noon - 43_200_000_000)),
            ("2024-03-01T12:00", Some(noon)),
            ("2024-03-01 12:00:00.000001Z", Some(noon + 1)),
            ("2024-03-01T12:00+01:00", None),
            ("12:00", None),
            ("", None),
        ] {
            assert_eq!(parse(text).ok(), expected, "{text}");
        }
    }
}
