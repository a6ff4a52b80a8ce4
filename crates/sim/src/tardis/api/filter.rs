//! The `filter` parameter of `/instruments/{exchange}`.

use mtdh_core::Day;
use serde_json::{Map, Value};

use super::terms::{Term, term};
use crate::generate::times::parse_iso;
use crate::generate::universe::listing::Listing;

/// A parsed filter. A condition that is `None` holds for every instrument.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Filter {
    /// For each term the accepted values, compared without case.
    terms: Vec<(Term, Vec<String>)>,
    is_active: Option<bool>,
    /// Microseconds since the Unix epoch, UTC.
    since_us: Option<i64>,
    /// Microseconds since the Unix epoch, UTC.
    to_us: Option<i64>,
}

/// Why a filter is invalid. `Display` is the message of Tardis' error.
#[derive(Debug, thiserror::Error)]
pub(super) enum FilterError {
    /// The text is no JSON object.
    #[error("invalid `filter` parameter: not a JSON object: {0}")]
    NotAnObject(#[from] serde_json::Error),
    /// A key has a value of the wrong type or size.
    #[error("invalid `filter` parameter: `{key}` must be {expected}")]
    InvalidValue {
        /// The key.
        key: String,
        /// What the value must be.
        expected: &'static str,
    },
    /// No filter has this key.
    #[error("invalid `filter` parameter: there is no key `{0}`")]
    UnknownKey(String),
}

/// Most values of one term.
const MAX_VALUES: usize = 50;
/// Most characters of one value.
const MAX_CHARACTERS: usize = 150;

/// Parses a filter. An empty text accepts every instrument.
///
/// # Errors
/// Fails when the text is no JSON object, or has an unknown key or an invalid value.
pub(super) fn parse(text: &str) -> Result<Filter, FilterError> {
    if text.is_empty() {
        return Ok(Filter::default());
    }
    let object: Map<String, Value> = serde_json::from_str(text)?;
    let mut filter = Filter::default();
    for (key, value) in &object {
        match key.as_str() {
            "active" => {
                let is_active = value.as_bool().ok_or_else(|| invalid(key, "true or false"))?;
                filter.is_active = Some(is_active);
            }
            "availableSince" => filter.since_us = Some(parse_date(key, value)?),
            "availableTo" => filter.to_us = Some(parse_date(key, value)?),
            _ => {
                let term = Term::parse(key).ok_or_else(|| FilterError::UnknownKey(key.clone()))?;
                filter.terms.push((term, parse_values(key, value)?));
            }
        }
    }
    Ok(filter)
}

impl Filter {
    /// Whether the filter accepts an instrument at `now_us`, microseconds since the Unix epoch, UTC.
    pub(super) fn matches(&self, listing: &Listing, now_us: i64) -> bool {
        let is_active = listing.until_us.is_none_or(|until| until > now_us);
        self.is_active.is_none_or(|wanted| wanted == is_active)
            && self.terms.iter().all(|(name, values)| {
                term(listing, *name)
                    .is_some_and(|value| values.iter().any(|wanted| wanted.eq_ignore_ascii_case(&value)))
            })
            && self.matches_lifetime(listing)
    }

    /// Since alone: alive at that time or later. To alone: alive on that day. Both: alive between, end excluded.
    fn matches_lifetime(&self, listing: &Listing) -> bool {
        let is_alive_between = |from_us: i64, to_us: i64| {
            listing.since_us < to_us && listing.until_us.is_none_or(|until| until > from_us)
        };
        match (self.since_us, self.to_us) {
            (None, None) => true,
            (Some(since_us), None) => listing.until_us.is_none_or(|until| until > since_us),
            (None, Some(to_us)) => {
                Day::containing_us(to_us).is_some_and(|day| is_alive_between(day.start_us(), day.end_us()))
            }
            (Some(since_us), Some(to_us)) => is_alive_between(since_us, to_us),
        }
    }
}

fn parse_values(key: &str, value: &Value) -> Result<Vec<String>, FilterError> {
    let list = match value {
        Value::Array(list) => list.iter().collect(),
        single => vec![single],
    };
    if list.is_empty() || list.len() > MAX_VALUES {
        return Err(invalid(key, "a text or a list of 1 to 50 texts"));
    }
    list.into_iter()
        .map(|text| {
            text.as_str().filter(|t| (1..=MAX_CHARACTERS).contains(&t.chars().count())).map(str::to_owned)
        })
        .collect::<Option<Vec<String>>>()
        .ok_or_else(|| invalid(key, "texts of 1 to 150 characters"))
}

fn parse_date(key: &str, value: &Value) -> Result<i64, FilterError> {
    value.as_str().and_then(parse_iso).ok_or_else(|| invalid(key, "a date in ISO 8601 format"))
}

fn invalid(key: &str, expected: &'static str) -> FilterError {
    FilterError::InvalidValue { key: key.to_owned(), expected }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use crate::generate::universe::Universe;
    use crate::generate::universe::profile::day;

    #[test]
    fn errors_name_the_problem() {
        let many = format!(r#"{{"type": [{}"x"]}}"#, r#""x","#.repeat(50));
        for (text, part) in [
            ("nonsense", "not a JSON object"),
            (r#"{"colour": "red"}"#, "there is no key `colour`"),
            (r#"{"active": "yes"}"#, "true or false"),
            (r#"{"type": 7}"#, "texts of 1 to 150"),
            (r#"{"type": []}"#, "list of 1 to 50"),
            (many.as_str(), "list of 1 to 50"),
            (r#"{"availableSince": "soon"}"#, "ISO 8601"),
        ] {
            let message = parse(text).unwrap_err().to_string();
            assert!(message.contains(part), "{text}: {message}");
        }
    }

    #[test]
    fn dates_mean_three_things() {
        let universe = Universe::of(&Config::default(), "deribit").unwrap();
        let now_us = day("2024-03-03").start_us();
        let count = |text: &str| {
            let filter = parse(text).unwrap();
            universe
                .listings
                .iter()
                .filter(|listing| filter.matches(listing, now_us))
                .map(|l| l.id.clone())
                .collect::<Vec<_>>()
        };
        let on_day = count(r#"{"type": "option", "availableTo": "2024-03-02"}"#);
        let on_day_too = count(
            r#"{"type": ["option"], "availableSince": "2024-03-02", "availableTo": "2024-03-03T00:00:00.000Z"}"#,
        );
        assert_eq!(on_day, on_day_too);
        assert!(
            on_day.iter().any(|id| id.starts_with("BTC-2MAR24-"))
                && !on_day.iter().any(|id| id.starts_with("BTC-1MAR24-"))
        );
        let since = count(r#"{"type": "option", "availableSince": "2024-03-02", "baseCurrency": "BTC"}"#);
        assert!(
            since.iter().any(|id| id.contains("27DEC24")) && !since.iter().any(|id| id.contains("-1MAR24-"))
        );
        let active = count(r#"{"active": true, "contractType": "inverse_perpetual"}"#);
        assert_eq!(active, ["BTC-PERPETUAL", "ETH-PERPETUAL"]);
    }
}
