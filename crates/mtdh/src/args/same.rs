//! What all verbs have in common: one name for one thing, and lengths of time beside the rule for times.
//!
//! A flag that has another name in one verb is taken under the names that it has in the others too, hidden. `--last 7d` and an end
//! such as `+1h` are put into the form of two times before the command line is parsed, so that each verb that takes times or days
//! takes them.

use std::ffi::OsString;

use clap::{Arg, Command};
use mtdh_core::moment::{self, TimeValue};

/// The names of one thing.
const NAMES: [&[&str]; 10] = [
    &["start-date", "start"],
    &["end-date", "end"],
    &["venues", "venue"],
    &["instruments", "instrument"],
    &["instrument-types", "instrument-type"],
    &["data-types", "data-type", "types"],
    &["timeframes", "timeframe"],
    &["output", "out"],
    &["force", "refetch"],
    &["max-workers", "workers"],
];

const LAST: &str = "The last days, weeks or months that have ended: 7d, 2w, 1mo";
const LAST_OF_TIME: &str =
    "The last days, weeks or months that have ended: 7d, 2w, 1mo; or the time up to now: 3h, 90m";

/// The command line with the other names of its flags, and with `--last` where a verb takes a start.
pub fn with_same_names(mut command: Command) -> Command {
    let below: Vec<String> = command.get_subcommands().map(|verb| verb.get_name().to_owned()).collect();
    for verb in below {
        command = command.mut_subcommand(verb, with_same_names);
    }
    let mut taken: Vec<String> = Vec::new();
    for arg in command.get_arguments() {
        taken.extend(arg.get_long().map(str::to_owned));
        taken.extend(arg.get_all_aliases().into_iter().flatten().map(str::to_owned));
    }
    for names in NAMES {
        let is_it = |arg: &&Arg| arg.get_long().is_some_and(|long| names.contains(&long));
        let all: Vec<String> =
            command.get_arguments().filter(is_it).map(|arg| arg.get_id().to_string()).collect();
        // Where a verb has several of them, each is another thing.
        let [id] = &all[..] else { continue };
        let id = id.clone();
        let free: Vec<&'static str> =
            names.iter().copied().filter(|name| !taken.iter().any(|other| other == name)).collect();
        taken.extend(free.iter().map(|name| (*name).to_owned()));
        command = command.mut_arg(id, |arg| arg.aliases(free));
    }
    let has = |command: &Command, name: &str| command.get_arguments().any(|arg| arg.get_long() == Some(name));
    let help = match () {
        () if has(&command, "last") => return command,
        () if has(&command, "start-date") => LAST,
        () if has(&command, "start") => LAST_OF_TIME,
        () => return command,
    };
    command.arg(Arg::new("last").long("last").value_name("LENGTH").help(help))
}

/// The words with lengths of time in the form of times. `now_us`: microseconds since the Unix epoch, UTC.
///
/// # Errors
/// When a length is none, or stands beside what it would replace.
pub fn resolved(words: Vec<OsString>, command: &Command, now_us: i64) -> Result<Vec<OsString>, String> {
    let mut verb = command;
    for word in words.iter().skip(1).filter_map(|word| word.to_str()) {
        verb = verb.find_subcommand(word).unwrap_or(verb);
    }
    let of = |name: &str| verb.get_arguments().find(|arg| arg.get_long() == Some(name));
    let (start, end) = match (of("start-date"), of("start")) {
        (Some(_), _) => ("start-date", "end-date"),
        (None, Some(_)) => ("start", "end"),
        (None, None) => return Ok(words),
    };
    let names = |of: &str| {
        [
            format!("--{of}"),
            format!("--{}", if of.starts_with("start") { "start" } else { "end" }),
            format!("--{}-date", if of.starts_with("start") { "start" } else { "end" }),
        ]
    };
    let (start_names, end_names) = (names(start), names(end));
    let last = value_of(&words, &["--last".to_owned()]);
    let from = value_of(&words, &start_names);
    let until = value_of(&words, &end_names);
    if let Some(last) = last {
        if from.is_some() || until.is_some() {
            return Err(format!("--last is a whole range: --{start} and --{end} cannot stand beside it"));
        }
        let (first, until) = moment::last(&last.text, now_us).map_err(|error| format!("--last: {error}"))?;
        let texts = match (first, until) {
            (TimeValue::Days(days), _) => [days.first().to_string(), days.last().to_string()],
            (TimeValue::Moment(_), _) if start == "start-date" => {
                return Err(format!(
                    "--last {}: whole days are meant; write days, weeks or months, such as 1d",
                    last.text
                ));
            }
            (first, Some(until)) => [first.to_string(), until.to_string()],
            (first, None) => [first.to_string(), first.to_string()],
        };
        let [first, until] = texts;
        return Ok(replaced(words, &last, &[format!("--{start}={first}"), format!("--{end}={until}")]));
    }
    let (Some(from), Some(until)) = (from, until) else { return Ok(words) };
    if !until.text.starts_with('+') {
        return Ok(words);
    }
    // A start that is none is told by the parser of flags.
    let Ok(from) = TimeValue::parse(&from.text, now_us) else { return Ok(words) };
    let text =
        moment::end(from, &until.text, now_us).map_err(|error| format!("--{end}: {error}"))?.to_string();
    Ok(replaced(words, &until, &[format!("--{end}={text}")]))
}

/// A flag's value, and the words that it stands in.
struct Found {
    place: usize,
    words: usize,
    text: String,
}

/// The first of some flags that has a value.
fn value_of(words: &[OsString], names: &[String]) -> Option<Found> {
    for (place, word) in words.iter().enumerate() {
        let Some(word) = word.to_str() else { continue };
        if word == "--" {
            return None;
        }
        if let Some((name, text)) = word.split_once('=')
            && names.iter().any(|known| known == name)
        {
            return Some(Found { place, words: 1, text: text.to_owned() });
        }
        if names.iter().any(|known| known == word) {
            let text = words.get(place + 1)?.to_str()?.to_owned();
            return Some(Found { place, words: 2, text });
        }
    }
    None
}

fn replaced(mut words: Vec<OsString>, found: &Found, by: &[String]) -> Vec<OsString> {
    words.splice(found.place..found.place + found.words, by.iter().map(OsString::from));
    words
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::command;

    /// 2024-03-01T12:30:45Z.
    const NOW: i64 = 1_709_296_245_000_000;

    fn read(text: &str) -> Result<String, String> {
        let words = text.split_whitespace().map(OsString::from).collect();
        let words = resolved(words, &command(), NOW)?;
        Ok(words.iter().map(|word| word.to_str().unwrap()).collect::<Vec<_>>().join(" "))
    }

    #[test]
    fn lengths_become_times_in_every_verb_that_takes_them() {
        for (typed, expected) in [
            ("mtdh ls --last 7d", "mtdh ls --start-date=2024-02-23 --end-date=2024-02-29"),
            ("mtdh check all --last=1mo", "mtdh check all --start-date=2024-02-01 --end-date=2024-02-29"),
            (
                "mtdh get K --last 3h --data-type trades",
                "mtdh get K --start=2024-03-01T09:30:45Z --end=2024-03-01T12:30:45Z --data-type trades",
            ),
            ("mtdh get K --last 1d", "mtdh get K --start=2024-02-29 --end=2024-02-29"),
            (
                "mtdh get K --start 2024-03-01T12 --end +1h",
                "mtdh get K --start 2024-03-01T12 --end=2024-03-01T13:00:00Z",
            ),
            (
                "mtdh plan --start-date=2024-03-01 --end-date=+7d",
                "mtdh plan --start-date=2024-03-01 --end-date=2024-03-07",
            ),
            ("mtdh plan --start 2024-03-01 --end +7d", "mtdh plan --start 2024-03-01 --end-date=2024-03-07"),
            ("mtdh plan --start-date 2024-03-01", "mtdh plan --start-date 2024-03-01"),
            ("mtdh monitor --last 7d", "mtdh monitor --last 7d"),
        ] {
            assert_eq!(read(typed), Ok(expected.to_owned()));
        }
        for (typed, said) in [
            ("mtdh ls --last 7", "no length of time"),
            ("mtdh ls --last 3h", "whole days are meant"),
            ("mtdh ls --last 7d --start-date 2024-03-01", "cannot stand beside it"),
            ("mtdh get K --start 2024-03-01 --end +x", "no length of time"),
        ] {
            assert!(read(typed).unwrap_err().contains(said), "{typed}");
        }
    }

    #[test]
    fn each_verb_takes_a_flag_under_the_names_that_it_has_elsewhere() {
        for words in [
            "mtdh download --start 2024-03-01 --end 2024-03-02 --venue DERIBIT --data-type trades --instrument A --refetch",
            "mtdh ls --start 2024-03-01 --data-type trades --venue DERIBIT",
            "mtdh get KEY --start-date 2024-03-01 --end-date 2024-03-02 --data-types trades --out x.csv",
            "mtdh candles --start 2024-03-01 --timeframe 1m",
            "mtdh certify --start 2024-03-01 --output c.json",
            "mtdh rm --start 2024-03-01",
            "mtdh instruments list --venue DERIBIT --instrument-type PERP",
            "mtdh want add a --start 2024-03-01 --venue DERIBIT --timeframe 1m",
        ] {
            let read = command().try_get_matches_from(words.split(' '));
            assert!(read.is_ok(), "{words}: {}", read.unwrap_err());
        }
    }
}
