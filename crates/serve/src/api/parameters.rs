//! Parameters: what each may be, and their validation.

use std::collections::BTreeMap;
use std::str::FromStr;

use mtdh_core::candle::Timeframe;
use mtdh_core::clock::Clock;
use mtdh_core::key::InstrumentType;
use mtdh_core::moment::{self, TimeValue};
use mtdh_core::nearest::{nearest, perhaps};
use mtdh_core::{DataType, Day, DayRange};
use percent_encoding::percent_decode_str;

use super::endpoints::Endpoint;
use crate::problem::Problem;
use crate::state::now_us;

/// What a value may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Any text up to this number of characters.
    Text(usize),
    /// An instrument key.
    Key,
    /// Instrument keys or patterns with `*` and `?`, separated by commas.
    Keys,
    /// A data type.
    DataType,
    /// Data types, separated by commas.
    DataTypes,
    /// Venues, separated by commas.
    Venues,
    /// Instrument types, separated by commas.
    InstrumentTypes,
    /// A day.
    Day,
    /// A day or a month.
    Days,
    /// A day, a month or a moment.
    Time,
    /// A timeframe of candles.
    Timeframe,
    /// A clock.
    Clock,
    /// The name of a check.
    Check,
    /// One of these words.
    Word(&'static [&'static str]),
    /// Some of these words, separated by commas.
    Words(&'static [&'static str]),
    /// A whole number between two, both included.
    Whole(u64, u64),
    /// Names of columns, separated by commas.
    Names,
    /// A path of the lake.
    Path,
}

/// Characters of a list.
pub const LONGEST_LIST: usize = 2_000;

/// A parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parameter {
    /// Its name; in a path, that in braces.
    pub name: &'static str,
    /// What it may be.
    pub kind: Kind,
    /// Whether it must be given. Those of a path must.
    pub is_required: bool,
    /// What it is when it is not given, for people; empty: nothing.
    pub default: &'static str,
    /// Its meaning.
    pub meaning: &'static str,
    /// Examples, the first of which a demo lake answers.
    pub examples: &'static [&'static str],
}

/// The parameters of a request, validated.
#[derive(Debug, Default)]
pub struct Given {
    values: BTreeMap<&'static str, String>,
}

impl Given {
    /// Reads the parameters of a request.
    ///
    /// # Errors
    /// When one is not of the endpoint, comes twice, lacks, or is not what it may be.
    pub fn read<'a>(
        endpoint: &'static Endpoint,
        path: impl Iterator<Item = (&'a str, &'a str)>,
        query: &str,
    ) -> Result<Given, Problem> {
        let mut values: BTreeMap<&'static str, String> = BTreeMap::new();
        for (name, value) in path {
            let parameter = parameter(endpoint, name)?;
            values.insert(parameter.name, value.to_owned());
        }
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let (name, raw) = (decoded(name)?, value);
            let parameter = parameter(endpoint, &name)?;
            let mut value = decoded(raw)?;
            if parameter.kind == Kind::Time && raw.contains('+') && parameter.kind.check(&value).is_err() {
                // An offset whose plus nobody wrote as %2B.
                value = decoded(&raw.replace('+', "%2B"))?;
            }
            match values.get_mut(parameter.name) {
                None => drop(values.insert(parameter.name, value)),
                Some(list) if parameter.kind.is_list() => {
                    list.push(',');
                    list.push_str(&value);
                }
                Some(_) => {
                    return Err(Problem::parameter(&name, format!("`{name}` is given more than once")));
                }
            }
        }
        for parameter in endpoint.parameters.iter().copied().flatten() {
            match values.get(parameter.name) {
                Some(value) => parameter.kind.check(value).map_err(|why| refused(parameter, why))?,
                None if parameter.is_required => {
                    let detail = format!("`{}` is needed: {}", parameter.name, parameter.meaning);
                    return Err(
                        Problem::parameter(parameter.name, detail).with("examples", parameter.examples)
                    );
                }
                None => {}
            }
        }
        Ok(Given { values })
    }

    /// A text; `None`: not given.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.values.get(name).map(String::as_str)
    }

    /// A value by its type; `None`: not given.
    ///
    /// # Errors
    /// When it is not one.
    pub fn value<T: FromStr>(&self, name: &str) -> Result<Option<T>, Problem>
    where
        T::Err: std::fmt::Display,
    {
        let parsed = self.text(name).map(|text| text.parse::<T>());
        parsed.transpose().map_err(|why| Problem::parameter(name, why.to_string()))
    }

    /// The parts of a list; empty: not given.
    pub fn list(&self, name: &str) -> Vec<String> {
        self.text(name).map(parts).unwrap_or_default()
    }

    /// A time; `None`: not given.
    ///
    /// # Errors
    /// When it is not one.
    pub fn time(&self, name: &str) -> Result<Option<TimeValue>, Problem> {
        let parsed = self.text(name).map(|text| match self.start_of(name, text) {
            Some(start) => moment::end(TimeValue::parse(start, now_us())?, text, now_us()),
            None => TimeValue::parse(text, now_us()),
        });
        parsed.transpose().map_err(|why| Problem::parameter(name, why.to_string()))
    }

    /// The start that the length of an end is counted from; `None`: it is no length.
    fn start_of(&self, name: &str, text: &str) -> Option<&str> {
        (name == "end" && text.starts_with('+')).then(|| self.text("start")).flatten()
    }

    /// A day or a month; `None`: not given.
    ///
    /// # Errors
    /// When it is neither.
    pub fn days(&self, name: &str) -> Result<Option<DayRange>, Problem> {
        let parsed = self.text(name).map(|text| match self.start_of(name, text) {
            Some(start) => moment::end(TimeValue::parse(start, now_us())?, text, now_us())?.days(),
            None => TimeValue::parse_days(text, now_us()),
        });
        parsed.transpose().map_err(|why| Problem::parameter(name, why.to_string()))
    }

    /// A day; `None`: not given.
    ///
    /// # Errors
    /// When it is not one.
    pub fn day(&self, name: &str) -> Result<Option<Day>, Problem> {
        Ok(self.days(name)?.map(|days| days.first()))
    }
}

/// The parts of a list.
pub(crate) fn parts(text: &str) -> Vec<String> {
    text.split(',').map(str::trim).filter(|part| !part.is_empty()).map(str::to_owned).collect()
}

fn refused(parameter: &Parameter, why: String) -> Problem {
    let problem = Problem::parameter(parameter.name, why);
    match parameter.kind {
        Kind::Word(words) => problem.with("allowed", words),
        _ if parameter.examples.is_empty() => problem,
        _ => problem.with("examples", parameter.examples),
    }
}

fn parameter(endpoint: &'static Endpoint, name: &str) -> Result<&'static Parameter, Problem> {
    let mut all = endpoint.parameters.iter().copied().flatten();
    if let Some(found) = all.clone().find(|parameter| parameter.name == name) {
        return Ok(found);
    }
    let names: Vec<&str> = all.by_ref().map(|parameter| parameter.name).collect();
    let near = nearest(name, names.iter().copied(), 1);
    let detail = match near.first() {
        Some(near) => format!("there is no parameter `{name}`; perhaps {near}"),
        None => format!("there is no parameter `{name}`"),
    };
    let status = axum::http::StatusCode::BAD_REQUEST;
    Err(Problem::new(status, "unknown-parameter", detail).with("parameter", name).with("allowed", names))
}

/// A text of a query behind its percent signs; a plus is a space, as forms send it, except in times' offsets, which need `%2B`.
fn decoded(text: &str) -> Result<String, Problem> {
    let text = text.replace('+', " ");
    let decoded = percent_decode_str(&text).decode_utf8();
    let text =
        decoded.map_err(|_| Problem::parameter("", "the query is not UTF-8 behind its percent signs"))?;
    Ok(text.into_owned())
}

impl Kind {
    /// Whether several values may be given.
    pub fn is_list(self) -> bool {
        matches!(
            self,
            Kind::Keys
                | Kind::DataTypes
                | Kind::Venues
                | Kind::InstrumentTypes
                | Kind::Names
                | Kind::Words(_)
        )
    }

    /// Checks a value. A list has one part at least.
    fn check(self, text: &str) -> Result<(), String> {
        fn is<T: FromStr>(text: &str) -> Result<(), String>
        where
            T::Err: std::fmt::Display,
        {
            text.parse::<T>().map(drop).map_err(|error| error.to_string())
        }
        if text.contains('\0') {
            return Err("it has a zero byte".to_owned());
        }
        if text.is_empty() {
            return Err("it is empty".to_owned());
        }
        if self.is_list() && text.len() > LONGEST_LIST {
            return Err(format!("the list has more than {LONGEST_LIST} characters"));
        }
        if self.is_list() {
            let parts = parts(text);
            if parts.is_empty() {
                return Err("the list has no part".to_owned());
            }
            if parts.len() > 1_000 {
                return Err("the list has more than 1000 parts".to_owned());
            }
            return parts.iter().try_for_each(|part| self.check_part(part));
        }
        match self {
            Kind::Text(most) if text.chars().count() > most => {
                Err(format!("it has more than {most} characters"))
            }
            Kind::Text(_) => Ok(()),
            // Looked at by the handler, which knows the lake's own keys to suggest.
            Kind::Key if text.len() > 300 => Err("no key is that long".to_owned()),
            Kind::Key | Kind::Path => Ok(()),
            Kind::DataType => is::<DataType>(text),
            Kind::Day => match TimeValue::parse_days(text, now_us()) {
                Ok(days) if days.first() == days.last() => Ok(()),
                Ok(_) => Err(format!("`{text}` is a month, and one day is meant")),
                Err(error) => Err(error.to_string()),
            },
            // A length is counted from the start, which the handler has.
            Kind::Days | Kind::Time if text.starts_with('+') => Ok(()),
            Kind::Days => TimeValue::parse_days(text, now_us()).map(drop).map_err(|error| error.to_string()),
            Kind::Time => TimeValue::parse(text, now_us()).map(drop).map_err(|error| error.to_string()),
            Kind::Timeframe => is::<Timeframe>(text),
            Kind::Clock => is::<Clock>(text),
            Kind::Check if mtdh_core::check::find(text).is_some() => Ok(()),
            Kind::Check => {
                let names = mtdh_core::check::all().map(|check| check.name);
                let near = nearest(text, names, 1);
                let near = near.first().map_or(String::new(), |near| format!("; perhaps {near}"));
                Err(format!("there is no check `{text}`{near}"))
            }
            Kind::Word(words) if words.contains(&text) => Ok(()),
            Kind::Word(words) => {
                let meant = perhaps(text, words.iter().copied());
                Err(format!("`{text}` is none of {}{meant}", words.join(", ")))
            }
            Kind::Whole(least, most) => {
                let is_plain = text.bytes().all(|byte| byte.is_ascii_digit());
                let number =
                    text.parse::<u64>().ok().filter(|number| is_plain && (least..=most).contains(number));
                number
                    .map(drop)
                    .ok_or_else(|| format!("`{text}` is not a whole number from {least} to {most}"))
            }
            Kind::Keys
            | Kind::DataTypes
            | Kind::Venues
            | Kind::InstrumentTypes
            | Kind::Names
            | Kind::Words(_) => Ok(()),
        }
    }

    fn check_part(self, part: &str) -> Result<(), String> {
        match self {
            Kind::DataTypes => Kind::DataType.check(part),
            Kind::InstrumentTypes => {
                part.parse::<InstrumentType>().map(drop).map_err(|error| error.to_string())
            }
            Kind::Venues => {
                mtdh_core::venue::parse_any_venue(part).map(drop).map_err(|error| error.to_string())
            }
            Kind::Words(words) => Kind::Word(words).check(part),
            Kind::Keys if part.len() > 300 => Err("no key is that long".to_owned()),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

    use super::super::endpoints::ENDPOINTS;
    use super::*;

    const TIMES: &str = include_str!("../../../core/tests/shared/times.csv");

    fn given(query: &str) -> Result<Given, Problem> {
        let count = "/v1/slices/{type}/{key}/count";
        let endpoint = ENDPOINTS.iter().find(|endpoint| endpoint.path == count).unwrap();
        Given::read(endpoint, [("type", "trades"), ("key", "DERIBIT:PERP:BTC-USD")].into_iter(), query)
    }

    #[test]
    fn times_are_those_of_everywhere() {
        let mut cases = 0;
        for line in TIMES.lines().skip(1) {
            let (text, rest) = match line.strip_prefix('"') {
                Some(quoted) => quoted.split_once("\",").unwrap(),
                None => line.split_once(',').unwrap(),
            };
            let cells: Vec<&str> = rest.split(',').collect();
            // What today is, is that of the clock here.
            let first_us = TimeValue::parse(text, now_us()).map(TimeValue::as_start).ok();
            if !["day", "last"].iter().any(|word| text.to_lowercase().contains(word)) {
                assert_eq!(first_us, cells[1].parse().ok(), "{text}");
            }
            let encoded = utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
            // A plus that is not encoded is a space, as forms send it; where that is no time, it is an offset's.
            let with_plus = first_us.map(|_| format!("start={}", encoded.replace("%2B", "+")));
            for query in [format!("start={encoded}")].into_iter().chain(with_plus) {
                let read = given(&query).and_then(|given| given.time("start"));
                let read = read.map(|time| time.unwrap().as_start());
                assert_eq!(read.as_ref().ok(), first_us.as_ref(), "{query}: {read:?}");
                if let Err(problem) = read {
                    assert_eq!(problem.more["parameter"], "start", "{query}");
                }
            }
            cases += 1;
        }
        assert!(cases > 50, "{cases}");
    }

    #[test]
    fn values_are_refused_by_their_name() {
        for (query, parameter) in [
            ("", "start"),
            ("start", "start"),
            ("start=", "start"),
            ("start=2024-03-01&end=", "end"),
            ("start=2024-03-01&start=2024-03-01", "start"),
            ("start=2024-03-01&clock=Arrival", "clock"),
            ("start=2024-03-01&clock=", "clock"),
            ("start=%00", "start"),
            ("start=2024-03-01&Start=1", "Start"),
            ("start=2024-03-01&limit=1", "limit"),
        ] {
            assert_eq!(given(query).unwrap_err().more["parameter"], parameter, "{query}");
        }
        for query in [
            "start=2024-03-01",
            "&start=2024-03-01&&",
            "%73tart=2024-03-01",
            "start=2024-03-01&clock=exchange",
        ] {
            assert!(given(query).is_ok(), "{query}");
        }
    }

    #[test]
    fn whole_numbers_have_bounds() {
        let limit = Kind::Whole(1, 1_000_000_000);
        for (text, is_fine) in [
            ("1", true),
            ("1000000000", true),
            ("0001", true),
            ("0", false),
            ("1000000001", false),
            ("18446744073709551616", false),
            ("-1", false),
            ("+1", false),
            ("1e3", false),
            ("1.0", false),
            (" 1", false),
            ("١", false),
            ("", false),
        ] {
            assert_eq!(limit.check(text).is_ok(), is_fine, "{text}");
        }
    }
}
