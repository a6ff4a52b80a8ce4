//! The clock of a command line, and times as users type them and as outputs write them.

use std::cell::Cell;

use mtdh_core::moment::{TimeError, TimeValue};
use mtdh_core::{Day, DayRange};

thread_local! {
    static PARSED_AT: Cell<Option<i64>> = const { Cell::new(None) };
}

/// Parses a command line for which the clock shows `now_us`, microseconds since the Unix epoch, UTC: its flags name the same
/// `today`, also if midnight comes between them.
pub fn at<T>(now_us: i64, parse: impl FnOnce() -> T) -> T {
    let before = PARSED_AT.replace(Some(now_us));
    let parsed = parse();
    PARSED_AT.set(before);
    parsed
}

/// What the clock shows, microseconds since the Unix epoch, UTC.
pub fn now_us() -> i64 {
    chrono::Utc::now().timestamp_micros()
}

/// Parses a time: [`TimeValue::parse`].
///
/// # Errors
/// When it has none of its forms.
pub fn value(text: &str) -> Result<TimeValue, TimeError> {
    TimeValue::parse(text, parsed_at())
}

/// What the clock shows to flags.
pub fn parsed_at() -> i64 {
    PARSED_AT.get().unwrap_or_else(now_us)
}

/// Parses a day, or a month as all of its days: [`TimeValue::parse_days`].
///
/// # Errors
/// When it is neither, or has a time of day.
pub fn days(text: &str) -> Result<DayRange, TimeError> {
    TimeValue::parse_days(text, parsed_at())
}

/// Parses one day.
///
/// # Errors
/// As [`days`], and for a month.
pub fn day(text: &str) -> Result<Day, String> {
    let days = days(text).map_err(|error| error.to_string())?;
    let is_one = days.first() == days.last();
    is_one.then_some(days.first()).ok_or_else(|| {
        format!("`{text}` is a month, and one day is meant, such as {} or {}", days.first(), days.last())
    })
}

/// The current day, UTC.
pub fn today() -> Day {
    // A clock beyond the calendar counts as none.
    Day::containing_us(now_us()).unwrap_or_else(|| Day::containing_us(0).expect("1970 is a day"))
}

/// A time as every output writes it: `2024-03-01T12:30:15.000000Z`; `None`: it is beyond the calendar.
pub fn shown(us: i64) -> Option<String> {
    let time = chrono::DateTime::from_timestamp_micros(us)?;
    Some(time.to_rfc3339_opts(chrono::SecondsFormat::Micros, true))
}

#[cfg(test)]
mod tests {
    use mtdh_core::moment;

    use super::*;
    use crate::args::{Command, GetArgs};

    const TIMES: &str = include_str!("../../core/tests/shared/times.csv");
    const RANGES: &str = include_str!("../../core/tests/shared/time_ranges.csv");

    fn parsed(now: &str, words: &str, flags: &[String]) -> Result<Command, String> {
        let words = words.split(' ').map(Into::into).chain(flags.iter().map(Into::into)).collect();
        let read = at(now.parse().unwrap(), || crate::args::parse_now(words));
        read.map(|(cli, _)| cli.command).map_err(|error| error.to_string())
    }

    fn get(now: &str, flags: &[String]) -> Result<GetArgs, String> {
        match parsed(now, "mtdh get KEY --data-type trades", flags)? {
            Command::Get(args) => Ok(args),
            _ => panic!("the verb is get"),
        }
    }

    /// A part of an error as an error of the command line shows it.
    fn is_shown(shown: &str, error: &str) -> bool {
        !error.is_empty() && shown.contains(error)
    }

    #[test]
    fn every_flag_of_a_time_means_what_the_table_says() {
        for line in TIMES.lines().skip(1) {
            let cells: Vec<&str> = line.split(',').collect();
            let [text, now, first, last, error] = cells[..] else { panic!("{line}") };
            let of_get = get(now, &[format!("--start={text}"), format!("--end={text}")]);
            let of_sim = parsed(now, "mtdh sim", &[format!("--now={text}")]);
            match of_get {
                Ok(args) => {
                    let read =
                        [args.start.as_start(), args.end.unwrap().as_end() - 1].map(|us| us.to_string());
                    assert_eq!(read, [first, last], "{text}");
                    let Ok(Command::Sim(sim)) = of_sim else { panic!("{text}: {of_sim:?}") };
                    assert_eq!(sim.now, Some(args.start));
                }
                Err(shown) => {
                    assert!(is_shown(&shown, error), "{text}: {shown}");
                    assert!(of_sim.is_err(), "{text}");
                }
            }
        }
    }

    #[test]
    fn every_flag_of_days_means_what_the_table_says_and_takes_no_moment() {
        let verbs = [
            "instruments",
            "plan",
            "download",
            "full-pipeline",
            "candles",
            "validate",
            "ls",
            "rekey",
            "check all",
        ];
        for line in TIMES.lines().skip(1) {
            let cells: Vec<&str> = line.split(',').collect();
            let [text, now, first, last, error] = cells[..] else { panic!("{line}") };
            let is_moment = error.is_empty() && first.parse::<i64>().unwrap() > last.parse().unwrap();
            let expected = if is_moment { "has a time of day" } else { error };
            match at(now.parse().unwrap(), || days(text)) {
                Ok(days) => {
                    let read = [days.first().start_us(), days.last().end_us() - 1].map(|us| us.to_string());
                    assert_eq!(read, [first, last], "{text}");
                }
                Err(error) => assert!(is_shown(&error.to_string(), expected), "{text}: {error}"),
            }
            for verb in verbs {
                let flags = [format!("--start-date={text}"), format!("--end-date={text}")];
                let shown = parsed(now, &format!("mtdh {verb}"), &flags).err();
                assert_eq!(shown.is_some(), !expected.is_empty(), "{verb} {text}: {shown:?}");
            }
        }
    }

    #[test]
    fn a_table_is_of_one_day() {
        for (text, is_day) in
            [("2024-03-01", true), ("yesterday", true), ("2024-03", false), ("2024-03-01T12", false)]
        {
            for verb in ["mtdh instruments list", "mtdh instruments show DERIBIT:PERP:BTC-USD"] {
                let read = parsed("1709296245123456", verb, &[format!("--date={text}")]);
                assert_eq!(read.is_ok(), is_day, "{text}: {read:?}");
            }
        }
    }

    #[test]
    fn two_flags_mean_what_the_table_says() {
        for line in RANGES.lines().skip(1) {
            let cells: Vec<&str> = line.split(',').collect();
            let [start, end, now, first, last, error] = cells[..] else { panic!("{line}") };
            let mut flags = vec![format!("--start={start}")];
            flags.extend((!end.is_empty()).then(|| format!("--end={end}")));
            let range = get(now, &flags)
                .and_then(|args| moment::range(args.start, args.end).map_err(|error| error.to_string()));
            match range {
                Ok(range) => assert_eq!([range.start, range.end - 1].map(|us| us.to_string()), [first, last]),
                Err(shown) => assert!(is_shown(&shown, error), "{start} {end}: {shown}"),
            }
        }
    }
}
