//! The filter of `/instruments/{exchange}?filter=`.

use mtdh_core::Day;
use serde_json::{Map, Value};

use super::terms::{Term, term};
use crate::generate::times::read_iso;
use crate::generate::universe::listing::Listing;

/// Which instruments are wanted.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Filter {
    /// Each term of the list must be one of its words.
    words: Vec<(Term, Vec<String>)>,
    is_active: Option<bool>,
    since_us: Option<i64>,
    to_us: Option<i64>,
}

/// Most words for one term, and most characters in a word.
const MOST_WORDS: usize = 50;
const MOST_CHARACTERS: usize = 150;

/// Reads a filter; no text is no filter.
///
/// # Errors
/// What is wrong with it, in words for the vendor's error.
pub(super) fn read(text: &str) -> Result<Filter, String> {
    if text.is_empty() {
        return Ok(Filter::default());
    }
    let object: Map<String, Value> = serde_json::from_str(text)
        .map_err(|e| format!("invalid `filter` parameter: not a JSON object: {e}"))?;
    let mut filter = Filter::default();
    for (name, value) in &object {
        match name.as_str() {
            "active" => filter.is_active = Some(value.as_bool().ok_or_else(|| wrong(name, "true or false"))?),
            "availableSince" => filter.since_us = Some(date(name, value)?),
            "availableTo" => filter.to_us = Some(date(name, value)?),
            _ => filter.words.push((Term::read(name).ok_or_else(|| unknown(name))?, words(name, value)?)),
        }
    }
    Ok(filter)
}

impl Filter {
    /// Whether an instrument is wanted, as of `now_us`.
    pub(super) fn takes(&self, listing: &Listing, now_us: i64) -> bool {
        let is_active = listing.until_us.is_none_or(|until| until > now_us);
        self.is_active.is_none_or(|wanted| wanted == is_active)
            && self.words.iter().all(|(name, words)| {
                term(listing, *name)
                    .is_some_and(|word| words.iter().any(|wanted| wanted.eq_ignore_ascii_case(&word)))
            })
            && self.lives(listing)
    }

    /// Since alone: at that time or later. To alone: on that day. Both: at some time between, the end excluded.
    fn lives(&self, listing: &Listing) -> bool {
        let lives_between = |from_us: i64, to_us: i64| {
            listing.since_us < to_us && listing.until_us.is_none_or(|until| until > from_us)
        };
        match (self.since_us, self.to_us) {
            (None, None) => true,
            (Some(since_us), None) => listing.until_us.is_none_or(|until| until > since_us),
            (None, Some(to_us)) => {
                Day::containing_us(to_us).is_some_and(|day| lives_between(day.start_us(), day.end_us()))
            }
            (Some(since_us), Some(to_us)) => lives_between(since_us, to_us),
        }
    }
}

fn words(name: &str, value: &Value) -> Result<Vec<String>, String> {
    let list = match value {
        Value::Array(list) => list.iter().collect(),
        single => vec![single],
    };
    if list.is_empty() || list.len() > MOST_WORDS {
        return Err(wrong(name, "a text or a list of 1 to 50 texts"));
    }
    list.into_iter()
        .map(|word| {
            word.as_str().filter(|w| (1..=MOST_CHARACTERS).contains(&w.chars().count())).map(str::to_owned)
        })
        .collect::<Option<Vec<String>>>()
        .ok_or_else(|| wrong(name, "texts of 1 to 150 characters"))
}

fn date(name: &str, value: &Value) -> Result<i64, String> {
    value.as_str().and_then(read_iso).ok_or_else(|| wrong(name, "a date in ISO 8601 format"))
}

fn wrong(name: &str, expected: &str) -> String {
    format!("invalid `filter` parameter: `{name}` must be {expected}")
}

fn unknown(name: &str) -> String {
    format!("invalid `filter` parameter: there is no key `{name}`")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use crate::generate::universe::Universe;
    use crate::generate::universe::profile::day;

    #[test]
    fn what_is_wrong_is_said() {
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
            let message = read(text).unwrap_err();
            assert!(message.contains(part), "{text}: {message}");
        }
    }

    #[test]
    fn dates_mean_three_things() {
        let universe = Universe::of(&Config::default(), "deribit").unwrap();
        let now_us = day("2024-03-03").start_us();
        let count = |text: &str| {
            let filter = read(text).unwrap();
            universe
                .listings
                .iter()
                .filter(|listing| filter.takes(listing, now_us))
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
