//! Times as people write them, by the tables that every front end is run through: `tests/shared/times.csv` for one value,
//! `tests/shared/time_ranges.csv` for two.
//!
//! `first_us` is the first microsecond of the value as start, `last_us` the last that it includes as end; a moment as end includes
//! what is before it. `now` is what the clock shows. All are microseconds since the Unix epoch, UTC. With an `error` there are none:
//! it is a part of the error's text. An empty `end` is none.

use mtdh_core::moment::{self, TimeError, TimeValue};

const TIMES: &str = include_str!("../shared/times.csv");
const RANGES: &str = include_str!("../shared/time_ranges.csv");

fn rows<const N: usize>(table: &'static str) -> impl Iterator<Item = [&'static str; N]> {
    let cells = |line: &'static str| line.split(',').collect::<Vec<_>>().try_into().expect(line);
    table.lines().skip(1).map(cells)
}

#[test]
fn a_value_means_what_the_table_says() {
    let mut wrong = Vec::new();
    for [text, now, first, last, error] in rows(TIMES) {
        let value = TimeValue::parse(text, now.parse().unwrap());
        let is_right = match &value {
            Ok(value) => {
                error.is_empty()
                    && value.as_start().to_string() == first
                    && (value.as_end() - 1).to_string() == last
            }
            Err(error_of) => {
                let shown = error_of.to_string();
                !error.is_empty() && shown.contains(error) && shown.contains(&format!("`{text}`"))
            }
        };
        if !is_right {
            wrong.push(format!("{text:?} at {now}: {first} to {last} {error}, but {value:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn two_values_mean_what_the_table_says() {
    for [start, end, now, first, last, error] in rows(RANGES) {
        let now = now.parse().unwrap();
        let end = (!end.is_empty()).then_some(end);
        let both = TimeValue::parse(start, now)
            .and_then(|start| Ok((start, end.map(|end| moment::end(start, end, now)).transpose()?)));
        match both.and_then(|(start, end)| moment::range(start, end)) {
            Ok(range) => {
                let shown = [range.start.to_string(), (range.end - 1).to_string(), String::new()];
                assert_eq!(shown, [first, last, error], "{start} to {end:?}");
            }
            Err(of) => {
                assert!(!error.is_empty() && of.to_string().contains(error), "{start} to {end:?}: {of}");
            }
        }
    }
}

#[test]
fn a_value_is_written_in_a_form_that_means_the_same() {
    for [text, now, _, _, _] in rows(TIMES) {
        let Ok(value) = TimeValue::parse(text, now.parse().unwrap()) else { continue };
        // Days that are neither one nor a month have no form but two values.
        if value.to_string().contains(" to ") {
            continue;
        }
        assert_eq!(TimeValue::parse(&value.to_string(), 0), Ok(value), "{text}");
    }
}

#[test]
fn a_range_of_days_takes_no_moment_and_names_both_ends() {
    let parse = |text: &str| TimeValue::parse(text, 1_709_296_245_000_000).unwrap();
    let of = |first: &str, last: Option<&str>| {
        moment::days(parse(first), last.map(parse))
            .map(|days| format!("{} {}", days.first(), days.last()))
            .map_err(|error| error.to_string())
    };
    for (first, last, expected) in [
        ("2024-02", None, "2024-02-01 2024-02-29"),
        ("2024-02-10", Some("2024-03"), "2024-02-10 2024-03-31"),
        ("yesterday", Some("today"), "2024-02-29 2024-03-01"),
        ("2024-02", Some("2024-02-10"), "2024-02-01 2024-02-10"),
    ] {
        assert_eq!(of(first, last), Ok(expected.to_owned()));
    }
    for (first, last, word) in [
        ("2024-02-01T12", None, "2024-02-01T12:00:00Z has a time of day"),
        ("2024-02-01", Some("2024-02-01T12:00:00.5"), "2024-02-01T12:00:00.500000Z has a time of day"),
        ("2024-03-01", Some("2024-02"), "the start 2024-03-01 and the end 2024-02"),
    ] {
        let error = of(first, last).unwrap_err();
        assert!(error.contains(word), "{error}");
    }
}

#[test]
fn an_error_about_days_shows_no_form_of_a_moment() {
    for text in ["", "2024", "2024-02-30", "today+01:00", "2024-03-01T12", "1709296245123456"] {
        let error = TimeValue::parse_days(text, 0).unwrap_err().to_string();
        let shown = error.rsplit_once("write ").unwrap().1;
        assert!(!shown.contains("T12"), "{error}");
    }
    assert_eq!(TimeValue::parse_days("2024-02", 0).map(|days| days.days().count()), Ok(29));
}

#[test]
fn a_number_of_microseconds_is_a_moment_of_the_calendar() {
    assert_eq!(TimeValue::of_us(-1).map(TimeValue::as_start), Ok(-1));
    for beyond in [i64::MIN, i64::MAX, 1_709_296_245_000_000_000] {
        assert_eq!(TimeValue::of_us(beyond), Err(TimeError::BeyondCalendar(beyond)));
    }
}
