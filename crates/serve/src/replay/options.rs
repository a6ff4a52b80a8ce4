//! The parameter `options`: one object, or an array of them, as JSON.

use std::ops::Range;

use serde_json::{Map, Value};

use super::dates;
use super::error::ReplayError;
use super::kind::Wanted;

/// One object of `options`.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Replay {
    /// The vendor's id of the exchange, lower case.
    pub(super) exchange: String,
    /// Symbols as they were written; `None`: all of the exchange.
    pub(super) symbols: Option<Vec<String>>,
    /// Arrival, microseconds since the Unix epoch, UTC; the end is excluded.
    pub(super) within_us: Range<i64>,
    /// What to send; never empty, nothing twice.
    pub(super) wanted: Vec<Wanted>,
}

/// Bounds of what one request may ask for.
const MOST_BYTES: usize = 128 << 10;
const MOST_OPTIONS: usize = 64;
const MOST_SYMBOLS: usize = 2_000;
const MOST_DATA_TYPES: usize = 64;
const MOST_DAYS: i64 = 3_660;
const LONGEST_WORD: usize = 200;

/// Members that ask for what rows of files cannot know.
const UNKNOWABLE: [(&str, &str); 1] = [(
    "withDisconnectMessages",
    "the vendor's files do not say when its recorder was disconnected, so that no disconnect message can be sent; leave it \
     out, or ask tardis-machine itself",
)];

/// Members that change nothing here: what is not in the lake is an error, nothing is waited for or fetched.
const WITHOUT_EFFECT: [&str; 5] =
    ["apiKey", "autoCleanup", "waitWhenDataNotYetAvailable", "timeoutIntervalMS", "withErrorMessages"];

const MEMBERS: &str = "exchange, symbols, from, to, dataTypes";

/// Reads the parameter. `now_us` says what `today` is, microseconds since the Unix epoch, UTC.
///
/// # Errors
/// When it is not such JSON, asks for what cannot be known, or for too much.
pub(super) fn parse(text: &str, now_us: i64) -> Result<Vec<Replay>, ReplayError> {
    let all: Vec<Replay> = objects(text, MEMBERS)?
        .iter()
        .map(|members| replay(members, now_us))
        .collect::<Result<_, ReplayError>>()?;
    bounded("symbols", all.iter().flat_map(|one| one.symbols.iter()).map(Vec::len).sum(), MOST_SYMBOLS)?;
    Ok(all)
}

/// The objects of the parameter, whose members are named in errors.
fn objects(text: &str, members: &str) -> Result<Vec<Map<String, Value>>, ReplayError> {
    if text.len() > MOST_BYTES {
        return Err(too_much(format!("options has {} bytes; at most {MOST_BYTES} are read", text.len())));
    }
    let json: Value =
        serde_json::from_str(text).map_err(|error| invalid(format!("options is no JSON: {error}")))?;
    let objects = match json {
        Value::Array(objects) => objects,
        object => vec![object],
    };
    if objects.is_empty() {
        return Err(invalid("options is an empty array; give one object for each exchange"));
    }
    bounded("options", objects.len(), MOST_OPTIONS)?;
    let object = |json| match json {
        Value::Object(members) => Ok(members),
        other => Err(invalid(format!("options holds {}, not an object with {members}", shown(&other)))),
    };
    objects.into_iter().map(object).collect()
}

fn replay(members: &Map<String, Value>, now_us: i64) -> Result<Replay, ReplayError> {
    for (name, value) in members {
        check_member(name, value)?;
    }
    let exchange = text(members, "exchange", MEMBERS)?.to_ascii_lowercase();
    let symbols = symbols(members)?;
    let range = dates::range(text(members, "from", MEMBERS)?, text(members, "to", MEMBERS)?, now_us);
    let within_us = range.map_err(|error| invalid(error.to_string()))?;
    let days = (within_us.end - within_us.start) / mtdh_core::day::DAY_US;
    if days > MOST_DAYS {
        return Err(too_much(format!("the range has {days} days; one request replays at most {MOST_DAYS}")));
    }
    Ok(Replay { exchange, symbols, within_us, wanted: wanted(members)? })
}

/// One object of the options of a live stream.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Streamed {
    /// The vendor's id of the exchange, lower case.
    pub(super) exchange: String,
    /// Symbols as they were written; `None`: all that are recorded.
    pub(super) symbols: Option<Vec<String>>,
    /// What to send; never empty, nothing twice.
    pub(super) wanted: Vec<Wanted>,
    /// Whether lost connections are told.
    pub(super) with_disconnects: bool,
    /// Whether failed connections are told.
    pub(super) with_errors: bool,
}

const STREAM_MEMBERS: &str = "exchange, symbols, dataTypes, withDisconnectMessages, withErrorMessages";

/// Members that change nothing of a live stream: the recorder has its own limits of silence.
const STREAM_WITHOUT_EFFECT: [&str; 2] = ["timeoutIntervalMS", "apiKey"];

/// Reads the parameter of a live stream.
///
/// # Errors
/// When it is not such JSON, or asks for too much.
pub(super) fn parse_stream(text: &str) -> Result<Vec<Streamed>, ReplayError> {
    let all: Vec<Streamed> =
        objects(text, STREAM_MEMBERS)?.iter().map(streamed).collect::<Result<_, ReplayError>>()?;
    bounded("symbols", all.iter().flat_map(|one| one.symbols.iter()).map(Vec::len).sum(), MOST_SYMBOLS)?;
    Ok(all)
}

fn streamed(members: &Map<String, Value>) -> Result<Streamed, ReplayError> {
    for (name, value) in members {
        if matches!(name.as_str(), "from" | "to") && !value.is_null() {
            return Err(invalid(format!(
                "\"{name}\": a live stream has no dates; /ws-replay-normalized has"
            )));
        }
        let is_known = STREAM_MEMBERS.split(", ").chain(STREAM_WITHOUT_EFFECT).any(|known| known == name);
        if !is_known && !value.is_null() {
            let name = cut(name);
            return Err(invalid(format!("options has no member \"{name}\"; there are {STREAM_MEMBERS}")));
        }
    }
    let flag = |name: &str| match members.get(name) {
        None | Some(Value::Null) => Ok(false),
        Some(Value::Bool(flag)) => Ok(*flag),
        Some(other) => Err(invalid(format!("\"{name}\" is {}, not true or false", shown(other)))),
    };
    Ok(Streamed {
        exchange: text(members, "exchange", STREAM_MEMBERS)?.to_ascii_lowercase(),
        symbols: symbols(members)?,
        wanted: wanted(members)?,
        with_disconnects: flag("withDisconnectMessages")?,
        with_errors: flag("withErrorMessages")?,
    })
}

fn check_member(name: &str, value: &Value) -> Result<(), ReplayError> {
    let is_asked = !matches!(value, Value::Null | Value::Bool(false));
    if let Some((_, why)) = UNKNOWABLE.iter().find(|(unknowable, _)| *unknowable == name) {
        return if is_asked { Err(invalid(format!("\"{name}\": {why}"))) } else { Ok(()) };
    }
    let is_known = MEMBERS.split(", ").chain(WITHOUT_EFFECT).any(|known| known == name);
    if is_known {
        Ok(())
    } else {
        Err(invalid(format!("options has no member \"{}\"; there are {MEMBERS}", cut(name))))
    }
}

fn text<'a>(members: &'a Map<String, Value>, name: &str, all: &str) -> Result<&'a str, ReplayError> {
    match members.get(name) {
        Some(Value::String(text)) if text.len() <= LONGEST_WORD => Ok(text),
        None | Some(Value::Null) => Err(invalid(format!("options lacks \"{name}\"; each object has {all}"))),
        Some(other) => Err(invalid(format!("\"{name}\" is {}, not a short text", shown(other)))),
    }
}

/// The texts of an array; `None`: there is no such member.
fn texts(members: &Map<String, Value>, name: &str) -> Result<Option<Vec<String>>, ReplayError> {
    let values = match members.get(name) {
        None | Some(Value::Null) => return Ok(None),
        Some(Value::Array(values)) => values,
        Some(other) => return Err(invalid(format!("\"{name}\" is {}, not an array of texts", shown(other)))),
    };
    let text = |value: &Value| match value {
        Value::String(text) if !text.is_empty() && text.len() <= LONGEST_WORD => Ok(text.clone()),
        other => Err(invalid(format!("\"{name}\" holds {}, not a short text", shown(other)))),
    };
    values.iter().map(text).collect::<Result<_, _>>().map(Some)
}

fn symbols(members: &Map<String, Value>) -> Result<Option<Vec<String>>, ReplayError> {
    let symbols = texts(members, "symbols")?;
    // As there, an empty array means all.
    Ok(symbols.filter(|symbols| !symbols.is_empty()))
}

fn wanted(members: &Map<String, Value>) -> Result<Vec<Wanted>, ReplayError> {
    let words = texts(members, "dataTypes")?.unwrap_or_default();
    if words.is_empty() {
        return Err(invalid("options lacks \"dataTypes\", such as [\"trade\", \"book_snapshot_5_1s\"]"));
    }
    bounded("data types", words.len(), MOST_DATA_TYPES)?;
    let mut all: Vec<Wanted> = Vec::new();
    for word in &words {
        let one = Wanted::parse(word).map_err(invalid)?;
        if !all.contains(&one) {
            all.push(one);
        }
    }
    Ok(all)
}

fn bounded(what: &str, count: usize, most: usize) -> Result<(), ReplayError> {
    if count > most {
        Err(too_much(format!("{count} {what}; one request has at most {most}")))
    } else {
        Ok(())
    }
}

fn invalid(message: impl Into<String>) -> ReplayError {
    ReplayError::Invalid(message.into())
}

fn too_much(message: String) -> ReplayError {
    ReplayError::TooMuch(message)
}

/// A value in an error.
fn shown(value: &Value) -> String {
    cut(&value.to_string()).to_owned()
}

fn cut(text: &str) -> &str {
    &text[..text.floor_char_boundary(60)]
}

#[cfg(test)]
mod tests;
