//! The rule that tardis-machine has for dates, which is not the one of the rest of this program.
//!
//! `to` is excluded, also where it names a whole day or month; both are cut to the minute; an empty range is allowed and yields
//! nothing. What a text may look like is the one rule of times ([`TimeValue::parse`]).

use std::ops::Range;

use mtdh_core::moment::{TimeError, TimeValue};

const MINUTE_US: i64 = 60_000_000;

/// Why two dates make no range.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum DateError {
    #[error("\"{member}\": {error}")]
    Form { member: &'static str, error: TimeError },
    #[error(
        "\"to\" ({to}) lies before \"from\" ({from}); a replay goes from \"from\" up to \"to\", which is excluded also where it is a \
         whole day"
    )]
    Backwards { from: String, to: String },
}

/// The range of two texts, microseconds since the Unix epoch, UTC. `now_us` as in [`TimeValue::parse`].
pub(super) fn range(from: &str, to: &str, now_us: i64) -> Result<Range<i64>, DateError> {
    let minute = |member, text| {
        let value = TimeValue::parse(text, now_us).map_err(|error| DateError::Form { member, error })?;
        Ok(value.as_start().div_euclid(MINUTE_US) * MINUTE_US)
    };
    let range = minute("from", from)?..minute("to", to)?;
    if range.end < range.start {
        return Err(DateError::Backwards { from: from.to_owned(), to: to.to_owned() });
    }
    Ok(range)
}

#[cfg(test)]
mod tests {
    use mtdh_core::moment;

    use super::*;

    /// 2024-03-01T12:30:45.123456Z.
    const NOW: i64 = 1_709_296_245_123_456;

    /// The replay's range and that of the rest of the program, both as moments; an error as `error`.
    #[test]
    fn the_rule_of_replays_beside_the_one_of_everything_else() {
        let moment = |us: i64| TimeValue::Moment(us).to_string().replace(":00Z", "Z").replace("T00:00Z", "");
        let shown = |range: Option<Range<i64>>| match range {
            Some(range) => format!("{} to {}", moment(range.start), moment(range.end)),
            None => "error".to_owned(),
        };
        for (from, to, replay, elsewhere) in [
            ("2024-03-01", "2024-03-02", "2024-03-01 to 2024-03-02", "2024-03-01 to 2024-03-03"),
            ("2024-03-01", "2024-03-01", "2024-03-01 to 2024-03-01", "2024-03-01 to 2024-03-02"),
            ("2024-02", "2024-03", "2024-02-01 to 2024-03-01", "2024-02-01 to 2024-04-01"),
            ("yesterday", "today", "2024-02-29 to 2024-03-01", "2024-02-29 to 2024-03-02"),
            (
                "2024-03-01T00:01:59.999Z",
                "2024-03-01 00:03:00.5",
                "2024-03-01T00:01Z to 2024-03-01T00:03Z",
                "2024-03-01T00:01:59.999000Z to 2024-03-01T00:03:00.500000Z",
            ),
            (
                "2024-03-01T13:00+01:00",
                "2024-03-01T12:30Z",
                "2024-03-01T12:00Z to 2024-03-01T12:30Z",
                "2024-03-01T12:00Z to 2024-03-01T12:30Z",
            ),
            (
                "2024-03-01T12:00:10",
                "2024-03-01T12:00:20",
                "2024-03-01T12:00Z to 2024-03-01T12:00Z",
                "2024-03-01T12:00:10Z to 2024-03-01T12:00:20Z",
            ),
            ("2024-03-02", "2024-03-01", "error", "error"),
            ("2024-3-1", "2024-03-02", "error", "error"),
            ("2024-03-01T24:00", "2024-03-02", "error", "error"),
            ("", "2024-03-02", "error", "error"),
        ] {
            let parse = |text| TimeValue::parse(text, NOW).ok();
            let both = parse(from).zip(parse(to));
            let other = both.and_then(|(from, to)| moment::range(from, Some(to)).ok());
            assert_eq!(shown(range(from, to, NOW).ok()), replay, "{from} {to}");
            assert_eq!(shown(other), elsewhere, "{from} {to}");
        }
    }

    #[test]
    fn an_error_names_the_member_and_the_value() {
        for (from, to, words) in [
            ("2024-13-01", "2024-03-02", "\"from\": `2024-13-01`"),
            ("2024-03-01", "never", "\"to\": `never`"),
            ("2024-03-02", "2024-03-01", "\"to\" (2024-03-01) lies before \"from\" (2024-03-02)"),
        ] {
            let error = range(from, to, NOW).unwrap_err().to_string();
            assert!(error.contains(words), "{error}");
        }
    }
}
