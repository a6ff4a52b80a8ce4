//! Changing the text of `lake.toml`. What people wrote beside it, comments included, stays as it is: a set is put after the end, or
//! its own lines are taken out, and the result is read again before anybody sees it.

use std::fmt::Write;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::read::{check_name, root};
use super::{EXPORT_GRACE_HOURS, WantError, Wanted, WantedSet};
use crate::check::Group;
use crate::nearest::perhaps;

/// The first lines of a file that is made.
const HEAD: &str = "# What this lake is for. You may edit it: docs/reference/lake-toml.md has every field.\n";

/// Why a text is not changed.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum EditError {
    /// It cannot be read as it is.
    #[error(transparent)]
    Unread(#[from] WantError),
    /// The name cannot name a set.
    #[error("`{name}` cannot be added: {reason}")]
    BadName {
        /// The name.
        name: String,
        /// Why.
        reason: String,
    },
    /// There is such a set.
    #[error("lake.toml has a set `{0}` already, with other content; remove it first, or edit the file")]
    Exists(String),
    /// There is no such set.
    #[error("lake.toml has no set `{name}`{}; it has: {}", perhaps(name, there.iter().map(String::as_str)), if there.is_empty() { "none".to_owned() } else { there.join(", ") })]
    NoSet {
        /// The name.
        name: String,
        /// The sets that there are.
        there: Vec<String>,
    },
    /// The file is written in a way that only a person can change.
    #[error("lake.toml is written in a form that only an editor can change: {0}")]
    Form(&'static str),
    /// The set is none that could be read back.
    #[error("the set `{name}` cannot be written: {cause}")]
    Unwritable {
        /// Its name.
        name: String,
        /// What reading it back says.
        cause: WantError,
    },
}

/// The text with one more set. The same set again changes nothing.
///
/// # Errors
/// When the text cannot be read, has another set of this name, or the set is none that could be read back.
pub fn with_set(text: &str, name: &str, set: &WantedSet) -> Result<String, EditError> {
    let mut wanted = Wanted::parse(text)?;
    check_name(name).map_err(|reason| EditError::BadName { name: name.to_owned(), reason })?;
    match wanted.sets.get(name) {
        Some(there) if there == set => return Ok(text.to_owned()),
        Some(_) => return Err(EditError::Exists(name.to_owned())),
        None => drop(wanted.sets.insert(name.to_owned(), set.clone())),
    }
    let mut new = if text.is_empty() { HEAD.to_owned() } else { text.to_owned() };
    if !new.ends_with('\n') {
        new.push('\n');
    }
    new.push('\n');
    new.push_str(&written(name, set));
    // Reading the set alone tells its faults from those of a file into which it does not fit.
    let alone = Wanted::parse(&written(name, set));
    alone.map_err(|cause| EditError::Unwritable { name: name.to_owned(), cause })?;
    match Wanted::parse(&new) {
        Ok(read) if read == wanted => Ok(new),
        Ok(_) | Err(_) => Err(EditError::Form("no table can be added at its end")),
    }
}

/// The text without a set.
///
/// # Errors
/// When the text cannot be read, has no such set, or does not write it as a table `[sets.NAME]` of its own.
pub fn without_set(text: &str, name: &str) -> Result<String, EditError> {
    let mut wanted = Wanted::parse(text)?;
    if wanted.sets.remove(name).is_none() {
        let there = wanted.sets.into_keys().collect();
        return Err(EditError::NoSet { name: name.to_owned(), there });
    }
    let root = root(text)?;
    let own_table = EditError::Form("the set is no table [sets.NAME] of its own");
    let Some((from, to)) = lines(text, root.get_ref(), name) else { return Err(own_table) };
    let mut new = format!("{}{}", &text[..from], &text[to..]);
    // One of the two empty lines that surrounded it.
    if new[..from].ends_with("\n\n") && (new[from..].starts_with('\n') || new[from..].is_empty()) {
        new.remove(from - 1);
    }
    match Wanted::parse(&new) {
        Ok(read) if read == wanted => Ok(new),
        Ok(_) | Err(_) => Err(own_table),
    }
}

/// The lines of a set's table: from its header to its last value.
fn lines(text: &str, root: &DeTable<'_>, name: &str) -> Option<(usize, usize)> {
    let (_, sets) = root.iter().find(|(key, _)| key.get_ref() == "sets")?;
    let DeValue::Table(sets) = sets.get_ref() else { return None };
    let (key, set) = sets.iter().find(|(key, _)| key.get_ref() == name)?;
    let from = text[..key.span().start].rfind('\n').map_or(0, |end| end + 1);
    if !text[from..].trim_start().starts_with('[') {
        return None;
    }
    let DeValue::Table(fields) = set.get_ref() else { return None };
    let ends = fields.values().map(|value: &Spanned<DeValue<'_>>| value.span().end);
    let last = ends.chain([key.span().end]).max()?;
    let to = text[last..].find('\n').map_or(text.len(), |end| last + end + 1);
    Some((from, to))
}

/// A set as it is written into the file: what differs from the defaults, and always the days.
pub(super) fn written(name: &str, set: &WantedSet) -> String {
    let mut text = format!("[sets.{name}]\n");
    let mut line = |field: &str, value: String| {
        // A text takes every line.
        let _infallible = writeln!(text, "{field} = {value}");
    };
    let list = |items: &[String]| {
        let quoted: Vec<String> = items.iter().map(|item| quoted(item)).collect();
        format!("[{}]", quoted.join(", "))
    };
    let names = |items: Vec<String>| (!items.is_empty()).then(|| list(&items));
    let venues = names(set.venues.clone());
    let types = names(set.instrument_types.iter().map(ToString::to_string).collect());
    let instruments = names(set.instruments.clone());
    let data_types = names(set.data_types.iter().map(ToString::to_string).collect());
    let candles = names(set.candles.iter().map(ToString::to_string).collect());
    let is_usual = set.checks == Group::USUAL;
    let checks = (!is_usual).then(|| list(&set.checks.iter().map(ToString::to_string).collect::<Vec<_>>()));
    let grace = set.export_grace_hours;
    for (field, value) in [
        ("venues", venues),
        ("instrument_types", types),
        ("instruments", instruments),
        ("universe", set.universe.as_deref().map(quoted)),
        ("data_types", data_types),
        ("max_instruments", set.max_instruments.map(|most| most.to_string())),
        ("from", Some(quoted(&set.from.to_string()))),
        ("until", Some(quoted(&set.until.to_string()))),
        ("candles", candles),
        ("checks", checks),
        ("parameters", names(set.parameters.clone())),
        ("keep", set.keep_days.map(|days| quoted(&format!("{days}d")))),
        ("export_grace", (grace != EXPORT_GRACE_HOURS).then(|| quoted(&format!("{grace}h")))),
    ] {
        if let Some(value) = value {
            line(field, value);
        }
    }
    text
}

/// A text of TOML.
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for letter in text.chars() {
        match letter {
            '"' | '\\' => quoted.extend(['\\', letter]),
            control if control.is_control() => {
                let _infallible = write!(quoted, "\\u{:04X}", u32::from(control));
            }
            other => quoted.push(other),
        }
    }
    quoted + "\""
}
