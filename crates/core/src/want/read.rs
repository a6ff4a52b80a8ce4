//! Reading `lake.toml`.

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::field::{Field, Source, kind};
use super::{MOST_BYTES, MOST_LETTERS, MOST_SETS, Until, WantError, Wanted, WantedSet, earliest};
use crate::candle::Timeframe;
use crate::check::{Group, SettingError, Settings};
use crate::day::Day;
use crate::key::{InstrumentKey, InstrumentType, KeyError};
use crate::meant::keys_without_table;
use crate::moment::TimeValue;
use crate::nearest::{clause, perhaps};
use crate::table::DataType;
use crate::text::printable;
use crate::universe::{KeyPattern, UNIVERSES, named_universe};
use crate::venue::parse_any_venue;

/// The fields of a set, in the order in which they are written.
pub(super) const FIELDS: [&str; 13] = [
    "venues",
    "instrument_types",
    "instruments",
    "universe",
    "data_types",
    "max_instruments",
    "from",
    "until",
    "candles",
    "checks",
    "parameters",
    "keep",
    "export_grace",
];

/// The longest time that a set can name, hours: a hundred years.
const MOST_HOURS: u32 = 100 * 366 * 24;

pub(super) fn wanted(text: &str) -> Result<Wanted, WantError> {
    let source = Source(text);
    let root = root(text)?;
    let mut wanted = Wanted::default();
    for (key, value) in root.get_ref() {
        let name = printable(key.get_ref()).into_owned();
        if key.get_ref() != "sets" {
            return Err(unknown(source, key.span().start, &name, &name, &["sets"]));
        }
        let field = Field { source, name, value };
        let DeValue::Table(sets) = value.get_ref() else {
            return Err(
                field.wrong(format!("write tables such as [sets.majors], not {}", kind(value.get_ref())))
            );
        };
        if sets.len() > MOST_SETS {
            return Err(field.wrong(format!("there are {} sets, and may be {MOST_SETS}", sets.len())));
        }
        for (key, value) in sets {
            let name = key.get_ref().to_string();
            let field = Field { source, name: format!("sets.{}", printable(&name)), value };
            check_name(&name).map_err(|reason| WantError {
                line: Some(source.line(key.span().start)),
                field: field.name.clone(),
                reason,
            })?;
            let set = set(&field)?;
            wanted.sets.insert(name, set);
        }
    }
    Ok(wanted)
}

/// The whole file as TOML.
pub(super) fn root(text: &str) -> Result<Spanned<DeTable<'_>>, WantError> {
    if text.len() > MOST_BYTES {
        let reason = format!("it has {} bytes, and at most {MOST_BYTES} are read", text.len());
        return Err(WantError { line: None, field: String::new(), reason });
    }
    DeTable::parse(text).map_err(|error| WantError {
        line: error.span().map(|span| Source(text).line(span.start)),
        field: String::new(),
        reason: format!("it is no TOML: {}", printable(error.message())),
    })
}

/// Refuses what cannot name a set.
pub(super) fn check_name(name: &str) -> Result<(), String> {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    if name.is_empty() || name.len() > MOST_LETTERS / 4 || !name.bytes().all(is_allowed) {
        return Err(format!(
            "the name of a set has letters, digits, `-` and `_`, at most {}",
            MOST_LETTERS / 4
        ));
    }
    Ok(())
}

fn unknown(source: Source<'_>, at: usize, field: &str, word: &str, known: &[&str]) -> WantError {
    let meant = perhaps(word, known.iter().copied());
    WantError {
        line: Some(source.line(at)),
        field: field.to_owned(),
        reason: format!("there is no such field{meant}; there are: {}", known.join(", ")),
    }
}

fn set(of: &Field<'_>) -> Result<WantedSet, WantError> {
    let DeValue::Table(table) = of.value.get_ref() else {
        return Err(of.wrong(format!("write a table, not {}", kind(of.value.get_ref()))));
    };
    let mut set = WantedSet::from(earliest());
    let mut has_from = false;
    for (key, value) in table {
        let word = printable(key.get_ref()).into_owned();
        let field = Field { source: of.source, name: format!("{}.{word}", of.name), value };
        match &*word {
            "venues" => set.venues = field.list(venue)?,
            "instrument_types" => set.instrument_types = field.list(instrument_type)?,
            "instruments" => set.instruments = field.list(instrument)?,
            "universe" => set.universe = Some(universe(&field)?),
            "data_types" => set.data_types = field.list(data_type)?,
            "max_instruments" => set.max_instruments = Some(field.number(1_000_000)? as usize),
            "from" => (set.from, has_from) = (days(&field)?.first(), true),
            "until" => set.until = until(&field)?,
            "candles" => {
                set.candles =
                    field.list(|text| text.parse::<Timeframe>().map_err(|error| error.to_string()))?;
            }
            "checks" => set.checks = groups(&field)?,
            "parameters" => set.parameters = field.list(parameter)?,
            "keep" => set.keep_days = Some(keep(&field)?),
            "export_grace" => set.export_grace_hours = field.hours(MOST_HOURS)?,
            _ => return Err(unknown(of.source, key.span().start, &field.name, &word, &FIELDS)),
        }
    }
    if !has_from {
        return Err(of.wrong("it has no `from`; write the first day, as from = 2024-03-01"));
    }
    if set.venues.is_empty() && set.instruments.is_empty() && set.universe.is_none() {
        return Err(of.wrong("it names neither `venues` nor `instruments` nor a `universe`"));
    }
    if set.venues.is_empty()
        && let Some(pattern) = set.instruments.iter().find(|pattern| !names_venue(pattern))
    {
        return Err(of.wrong(format!("`{pattern}` names no venue, so that `venues` must")));
    }
    if let Until::Day(day) = set.until
        && day < set.from
    {
        return Err(of.wrong(format!("`until` is {day} and lies before `from`, {}", set.from)));
    }
    set.candles.sort_unstable();
    set.candles.dedup();
    Ok(set)
}

/// Whether a key or pattern names its venue without a wildcard.
fn names_venue(pattern: &str) -> bool {
    pattern.split_once(':').is_some_and(|(venue, _)| !venue.contains(['*', '?']))
}

/// A venue. One that this program does not know may be newer than it: whether the vendor has it is for the vendor to say.
fn venue(text: &str) -> Result<String, String> {
    parse_any_venue(text).map_err(|error| error.to_string())
}

fn instrument_type(text: &str) -> Result<InstrumentType, String> {
    text.parse().map_err(|_| {
        let names = InstrumentType::ALL.map(InstrumentType::name);
        let meant = perhaps(text, names);
        format!("there is no instrument type `{text}`{meant}; there are: {}", names.join(", "))
    })
}

fn data_type(text: &str) -> Result<DataType, String> {
    text.parse().map_err(|_| {
        let names = DataType::ALL.map(DataType::name);
        let meant = perhaps(text, names);
        format!("there is no data type `{text}`{meant}; there are: {}", names.join(", "))
    })
}

fn instrument(text: &str) -> Result<String, String> {
    let pattern = KeyPattern::new(text);
    if pattern.is_name() {
        let key = text.parse::<InstrumentKey>().map_err(|error: KeyError| {
            let meant = clause(&keys_without_table(text, 2));
            format!("{error}{meant}")
        })?;
        return Ok(key.to_string());
    }
    let pattern = pattern.to_string();
    let is_odd = |c: char| c.is_control() || c.is_whitespace() || matches!(c, '/' | '\\' | '"');
    match pattern.chars().find(|c| is_odd(*c)) {
        Some(odd) => Err(format!("`{text}` is no pattern of keys: no key has {odd:?}")),
        None => Ok(pattern),
    }
}

fn universe(field: &Field<'_>) -> Result<String, WantError> {
    let text = field.text()?;
    if named_universe(text).is_none() {
        let (names, meant) = (UNIVERSES.join(", "), perhaps(text, UNIVERSES.iter().copied()));
        return Err(field.wrong(format!(
            "there is no built-in list `{text}`{meant}; there are: {names}; keys of your own stand in `instruments`"
        )));
    }
    Ok(text.to_ascii_lowercase())
}

/// A day or a month, as a text or as TOML's own date. A word that follows the clock is none.
fn days(field: &Field<'_>) -> Result<crate::day::DayRange, WantError> {
    let own;
    let text = match field.value.get_ref() {
        DeValue::Datetime(time) => {
            own = time.to_string();
            &own
        }
        _ => field.text()?,
    };
    if text.eq_ignore_ascii_case("today") || text.eq_ignore_ascii_case("yesterday") {
        return Err(field.wrong(format!("`{text}` is another day tomorrow; write a day, as 2024-03-01")));
    }
    let days = TimeValue::parse_days(text, 0).map_err(|error| field.wrong(error.to_string()))?;
    let last = Day::new(9998, 12, 31).unwrap_or(days.last());
    if days.first() < earliest() || days.last() > last {
        return Err(field.wrong(format!("{} lies outside of {} to {last}", days.first(), earliest())));
    }
    Ok(days)
}

fn until(field: &Field<'_>) -> Result<Until, WantError> {
    match field.value.get_ref() {
        DeValue::String(text) if text.eq_ignore_ascii_case("today") => Ok(Until::Today),
        _ => Ok(Until::Day(days(field)?.last())),
    }
}

fn groups(field: &Field<'_>) -> Result<Vec<Group>, WantError> {
    let parse = |text: &str| {
        if text.eq_ignore_ascii_case("all") {
            return Ok(Group::USUAL.to_vec());
        }
        text.parse::<Group>().map(|group| vec![group]).map_err(|error| error.to_string())
    };
    let mut groups: Vec<Group> = field.list(parse)?.concat();
    groups.sort_unstable();
    groups.dedup();
    Ok(groups)
}

fn parameter(text: &str) -> Result<String, String> {
    let mut settings = Settings::default();
    settings.set(text).map_err(|error: SettingError| error.to_string())?;
    Ok(settings.given().collect())
}

fn keep(field: &Field<'_>) -> Result<u32, WantError> {
    let days = field.hours(MOST_HOURS)? / 24;
    if days == 0 { Err(field.wrong("at least 1d is kept")) } else { Ok(days) }
}
