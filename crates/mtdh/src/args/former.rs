//! Words of the predecessor, in today's form: they are put in place before the command line is parsed, each with a note that
//! names its new form.
//!
//! The predecessor was started as `--mode MODE FLAGS…`, with flags in any order.

use std::ffi::{OsStr, OsString};

use clap::Command;

/// What became of a mode.
enum Mode {
    /// It is this verb.
    Verb(&'static str),
    /// It is not here; the text says where it went.
    Gone(&'static str),
}

const LIVE: &str = "there is no verb that records live data; a stream that you record yourself is validated by the engine's \
                    `live` module, and `mtdh check` checks its files";
const BIGQUERY: &str = "nothing is uploaded to BigQuery: make an external table over gs://BUCKET/raw_tick_data/*, which reads \
                        the lake where it is";

/// The predecessor's modes; one that is a verb under the same name is not here.
const MODES: [(&str, Mode); 20] = [
    ("check-gaps", Mode::Verb("validate")),
    ("missing-reports", Mode::Verb("validate")),
    ("missing-tick-reports", Mode::Verb("validate")),
    ("available-tick-reports", Mode::Verb("validate")),
    ("full-pipeline-ticks", Mode::Verb("full-pipeline")),
    ("candle-processing", Mode::Verb("candles")),
    ("run-full-pipeline-candles", Mode::Verb("candles")),
    ("mft-processing", Mode::Verb("candles")),
    ("bigquery-upload", Mode::Gone(BIGQUERY)),
    ("streaming-candles-bigquery", Mode::Gone(BIGQUERY)),
    ("streaming-ticks", Mode::Gone(LIVE)),
    ("streaming-candles", Mode::Gone(LIVE)),
    ("streaming-candles-serve", Mode::Gone(LIVE)),
    ("streaming-trades", Mode::Gone(LIVE)),
    ("streaming-liquidations", Mode::Gone(LIVE)),
    ("streaming-book-snapshots", Mode::Gone(LIVE)),
    ("streaming-derivative-ticker", Mode::Gone(LIVE)),
    ("streaming-options-chain", Mode::Gone(LIVE)),
    ("streaming", Mode::Gone(LIVE)),
    ("live-instruments-sync", Mode::Verb("instruments")),
];

/// What became of a flag.
enum Flag {
    /// It has this name.
    Renamed(&'static str),
    /// It is still read; the text names the usual form.
    Kept(&'static str),
    /// It has no effect; the text says why.
    Idle(&'static str),
    /// It is not here; the text says where it went.
    Gone(&'static str),
}

/// The predecessor's flags that have another name or meaning now.
const FLAGS: [(&str, Flag); 6] = [
    ("--exchanges", Flag::Renamed("--venues")),
    ("--force-download", Flag::Renamed("--force")),
    ("--env-file", Flag::Kept("settings are read from .env in the working folder")),
    ("--log-level", Flag::Kept("-v for info, -vv for debug, or LOG_LEVEL")),
    ("--config-file", Flag::Idle("settings are in mtdh.toml, .env or the environment: mtdh config show")),
    ("--upload-to-bigquery", Flag::Gone(BIGQUERY)),
];

/// Flags that every mode of the predecessor took; a verb without one ignores it, and says so.
const OF_EVERY_MODE: [&str; 7] = [
    "--max-workers",
    "--shard-index",
    "--total-shards",
    "--max-instruments",
    "--instrument-types",
    "--data-types",
    "--force",
];

/// A command line in today's words.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Translated {
    /// The words, the program's name first.
    pub words: Vec<OsString>,
    /// A line for each word that has a new form.
    pub notes: Vec<String>,
}

/// Puts a command line into today's words.
///
/// # Errors
/// The reason, when a mode or a flag is not here any more.
pub fn translated(
    words: impl IntoIterator<Item = OsString>,
    command: &Command,
) -> Result<Translated, String> {
    let mut words: Vec<OsString> = words.into_iter().collect();
    let mut notes = Vec::new();
    let mode = take_mode(&mut words)?;
    let is_former = mode.is_some();
    // A mode may also stand where a verb does.
    let first =
        words.iter().position(|word| MODES.iter().any(|(name, _)| word == name)).filter(|at| *at == 1);
    let mode = mode.or_else(|| first.and_then(|at| words.remove(at).into_string().ok()));
    if let Some(mode) = &mode {
        let verb = verb_of(mode, command)?;
        let old = if is_former { format!("--mode {mode}") } else { mode.clone() };
        if words.get(1).is_some_and(|word| word == verb) {
            words.remove(1);
        }
        words.insert(1.min(words.len()), verb.into());
        notes.push(format!("{old} is now: mtdh {verb}"));
    }
    let verb = words.iter().find_map(|word| command.find_subcommand(word.to_str()?));
    let mut today = Translated::default();
    let mut words = words.into_iter().peekable();
    while let Some(word) = words.next() {
        let text = word.to_str().unwrap_or_default();
        let (name, value) = text.split_once('=').map_or((text, None), |(name, value)| (name, Some(value)));
        match FLAGS.iter().find(|(flag, _)| *flag == name) {
            Some((_, Flag::Renamed(new))) => {
                notes.push(format!("{name} is now {new}"));
                today
                    .words
                    .push(value.map_or_else(|| (*new).into(), |value| format!("{new}={value}").into()));
            }
            Some((_, Flag::Kept(usual))) => {
                notes.push(format!("{name} still works; {usual}"));
                today.words.push(word);
            }
            Some((_, Flag::Idle(why))) => {
                notes.push(format!("{name} does nothing: {why}"));
                skip_values(&mut words, value.is_some());
            }
            Some((_, Flag::Gone(where_to))) => return Err(format!("{name} is not here: {where_to}")),
            None if (is_former || name == "--max-workers") && lacks(verb, name) => {
                let verb = verb.map_or("", Command::get_name);
                notes.push(format!("{name} does nothing with mtdh {verb}"));
                skip_values(&mut words, value.is_some());
            }
            None => today.words.push(word),
        }
    }
    today.notes = notes;
    Ok(today)
}

/// Takes `--mode MODE` out of the words, wherever it stands.
fn take_mode(words: &mut Vec<OsString>) -> Result<Option<String>, String> {
    let is_mode = |word: &OsString| word == "--mode" || word.as_encoded_bytes().starts_with(b"--mode=");
    let Some(at) = words.iter().position(is_mode) else { return Ok(None) };
    let word = words.remove(at).into_string().unwrap_or_default();
    if let Some((_, value)) = word.split_once('=') {
        return Ok(Some(value.to_owned()));
    }
    let value = (at < words.len()).then(|| words.remove(at)).and_then(|value| value.into_string().ok());
    value.map(Some).ok_or_else(|| "--mode needs a value, for example --mode download".to_owned())
}

fn verb_of(mode: &str, command: &Command) -> Result<&'static str, String> {
    match MODES.iter().find(|(name, _)| *name == mode) {
        Some((_, Mode::Verb(verb))) => return Ok(verb),
        Some((_, Mode::Gone(where_to))) => return Err(format!("the mode {mode} is not here: {where_to}")),
        None => {}
    }
    const SAME: [&str; 5] = ["instruments", "download", "validate", "full-pipeline", "candles"];
    SAME.into_iter()
        .find(|verb| *verb == mode && command.find_subcommand(verb).is_some())
        .ok_or_else(|| format!("there is no mode `{mode}`; there are {}", SAME.join(", ")))
}

/// Whether a flag that every mode took is none of a verb's.
fn lacks(verb: Option<&Command>, flag: &str) -> bool {
    let has =
        |verb: &Command| verb.get_arguments().any(|a| a.get_long().is_some_and(|long| flag[2..] == *long));
    OF_EVERY_MODE.contains(&flag) && verb.is_some_and(|verb| !has(verb))
}

fn skip_values(words: &mut std::iter::Peekable<impl Iterator<Item = OsString>>, has_value: bool) {
    let is_value = |word: &OsString| !OsStr::as_encoded_bytes(word).starts_with(b"-");
    while !has_value && words.next_if(is_value).is_some() {}
}

#[cfg(test)]
mod tests {
    use super::*;

    fn today(typed: &str) -> Result<(String, Vec<String>), String> {
        let words = format!("mtdh {typed}");
        let Translated { words, notes } =
            translated(words.split(' ').map(Into::into), &crate::args::command())?;
        let words: Vec<String> = words.into_iter().skip(1).map(|w| w.into_string().unwrap()).collect();
        Ok((words.join(" "), notes))
    }

    #[test]
    fn old_words_become_todays() {
        for (typed, read, noted) in [
            (
                "--mode instruments --start-date D",
                "instruments --start-date D",
                "--mode instruments is now: mtdh instruments",
            ),
            (
                "--start-date D --mode download --venues deribit",
                "download --start-date D --venues deribit",
                "mtdh download",
            ),
            (
                "--venues a b --mode=check-gaps",
                "validate --venues a b",
                "--mode check-gaps is now: mtdh validate",
            ),
            (
                "missing-reports --start-date D",
                "validate --start-date D",
                "missing-reports is now: mtdh validate",
            ),
            ("candle-processing --start-date D", "candles --start-date D", "mtdh candles"),
            (
                "download --mode download --force-download",
                "download --force",
                "--force-download is now --force",
            ),
            (
                "instruments --exchanges okex-swap deribit --start-date D",
                "instruments --venues okex-swap deribit --start-date D",
                "--exchanges is now --venues",
            ),
            ("plan --exchanges=deribit,okex", "plan --venues=deribit,okex", "--exchanges is now --venues"),
            (
                "validate --max-workers 4 --start-date D",
                "validate --start-date D",
                "--max-workers does nothing with mtdh validate",
            ),
            ("--mode validate --max-workers=4", "validate", "--max-workers does nothing"),
            (
                "--mode instruments --data-types trades book --start-date D",
                "instruments --start-date D",
                "--data-types does nothing",
            ),
            (
                "--log-level INFO --mode instruments",
                "instruments --log-level INFO",
                "--log-level still works",
            ),
            ("--mode download --env-file x.env", "download --env-file x.env", "--env-file still works"),
            ("download --config-file c.yaml --force", "download --force", "--config-file does nothing"),
        ] {
            let (words, notes) = today(typed).unwrap();
            assert_eq!(words, read, "{typed}");
            assert!(notes.iter().any(|note| note.contains(noted)), "{typed}: {notes:?}");
        }
    }

    #[test]
    fn todays_words_stay_as_they_are() {
        for typed in [
            "download --start-date D --max-workers 4 --force",
            "get KEY --data-type trades --start D",
            "check all --start-date D --data-types trades",
            "ls",
            "instruments list --data-types trades",
        ] {
            assert_eq!(today(typed), Ok((typed.to_owned(), Vec::new())));
        }
    }

    #[test]
    fn what_is_gone_says_where_it_went() {
        for (typed, word) in [
            ("--mode streaming-ticks", "live"),
            ("--mode bigquery-upload", "external table"),
            ("--mode candle-processing --upload-to-bigquery", "external table"),
            ("--mode", "needs a value"),
            ("--mode downlaod", "there is no mode `downlaod`"),
        ] {
            let error = today(typed).unwrap_err();
            assert!(error.contains(word), "{typed}: {error}");
        }
    }
}
