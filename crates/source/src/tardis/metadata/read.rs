//! Parses response bodies element by element, so that elements not needed are not kept in memory. An element that is not as
//! documented is left out and named; the others are read.

use std::fmt;
use std::io::{BufReader, Read};
use std::marker::PhantomData;
use std::rc::Rc;

use chrono::{DateTime, Utc};
use mtdh_core::expectation::LeftOut;
use serde::Deserialize;
use serde::de::{
    DeserializeOwned, DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor,
};
use serde_json::value::RawValue;

use super::bounds::{Bound, Bounded, LONGEST_NAME, MOST_KEPT, MOST_LINES, MOST_SYMBOLS, Watch};
use super::model::{
    ApiSymbol, Change, DatasetIndex, DatasetSymbol, ExchangeDetails, ExchangeSummary, Incident,
    InstrumentInfo, KeyAccess,
};

/// Why a response could not be parsed.
#[derive(Debug)]
pub enum ReadError {
    /// A bound is exceeded.
    Bound(Bound),
    /// It is not the expected JSON.
    Json(serde_json::Error),
}

/// An element of a list.
pub trait Line: DeserializeOwned {
    /// Its approximate memory, bytes.
    fn bytes(&self) -> usize;

    /// Its name.
    fn called(&self) -> &str;
}

/// Memory of a string besides its bytes: the allocator's overhead.
const PER_TEXT: usize = 16;

fn texts<'a>(texts: impl IntoIterator<Item = &'a String>) -> usize {
    texts.into_iter().map(|text| text.capacity() + PER_TEXT).sum()
}

impl Line for ApiSymbol {
    fn bytes(&self) -> usize {
        size_of::<Self>() + texts([&self.id, &self.kind])
    }

    fn called(&self) -> &str {
        &self.id
    }
}

impl Line for DatasetSymbol {
    fn bytes(&self) -> usize {
        let types = self.data_types.capacity() * size_of::<String>() + texts(&self.data_types);
        size_of::<Self>() + types + texts([&self.id, &self.kind])
    }

    fn called(&self) -> &str {
        &self.id
    }
}

impl Line for InstrumentInfo {
    fn bytes(&self) -> usize {
        let optional = [
            &self.contract_type,
            &self.settlement_currency,
            &self.option_type,
            &self.exchange,
            &self.dataset_id,
            &self.alias_for,
        ];
        let all = [&self.id, &self.kind, &self.base_currency, &self.quote_currency];
        let of_change = |change: &Change| {
            let all =
                [&change.kind, &change.quote_currency, &change.contract_type, &change.settlement_currency];
            size_of::<Change>() + texts(all.into_iter().flatten())
        };
        let changes: usize = self.changes.iter().map(of_change).sum();
        size_of::<Self>() + texts(all) + texts(optional.into_iter().flatten()) + changes
    }

    fn called(&self) -> &str {
        &self.id
    }
}

impl Line for Incident {
    fn bytes(&self) -> usize {
        size_of::<Self>() + texts([&self.status, &self.details])
    }

    fn called(&self) -> &str {
        &self.status
    }
}

impl Line for ExchangeSummary {
    fn bytes(&self) -> usize {
        size_of::<Self>() + texts([&self.id, &self.name])
    }

    fn called(&self) -> &str {
        &self.id
    }
}

impl Line for KeyAccess {
    fn bytes(&self) -> usize {
        size_of::<Self>() + texts([&self.exchange, &self.data_plan]) + texts(&self.symbols)
    }

    fn called(&self) -> &str {
        &self.exchange
    }
}

/// A symbol of one of an exchange's two lists.
pub enum Symbol {
    /// In the form of the vendor's API.
    Api(ApiSymbol),
    /// In the form of file URLs.
    Dataset(DatasetSymbol),
}

/// Parses `/exchanges/{id}`. Calls `take` with each symbol, and returns the rest.
///
/// # Errors
/// If a bound is exceeded, or the JSON is invalid.
pub fn exchange(body: impl Read, take: &mut dyn FnMut(Symbol)) -> Result<ExchangeDetails, ReadError> {
    parse(body, |watch| Exchange { take, watch })
}

/// Parses `/instruments/{exchange}`. Calls `take` with each instrument, and returns those that could not be parsed.
///
/// # Errors
/// As [`exchange`].
pub fn instruments(body: impl Read, take: &mut dyn FnMut(InstrumentInfo)) -> Result<LeftOut, ReadError> {
    let mut unreadable = LeftOut::default();
    let most = (MOST_SYMBOLS, Bound::Symbols);
    let left = &mut unreadable;
    parse(body, |watch| List { most, name: "instruments", take, left, watch, of: PhantomData })?;
    Ok(unreadable)
}

/// Parses a whole list. Elements that cannot be parsed are left out.
///
/// # Errors
/// As [`exchange`]; and if there are elements of which none can be parsed.
pub fn list<T: Line>(body: impl Read) -> Result<Vec<T>, ReadError> {
    let (mut lines, mut left) = (Lines::default(), LeftOut::default());
    let mut take = |line| lines.add(line);
    let most = (MOST_LINES, Bound::Lines);
    let into = (&mut take, &mut left);
    parse(body, |watch| List { most, name: "list", take: into.0, left: into.1, watch, of: PhantomData })?;
    let lines: Vec<T> = lines.whole().ok_or(ReadError::Bound(Bound::List))?;
    match left.examples.first() {
        Some(first) if lines.is_empty() => Err(ReadError::Json(serde_json::Error::custom(first))),
        _ => Ok(lines),
    }
}

/// The elements of a list, or none if they exceed the memory limit.
pub struct Lines<T> {
    lines: Vec<T>,
    bytes: usize,
}

impl<T> Default for Lines<T> {
    fn default() -> Lines<T> {
        Lines { lines: Vec::new(), bytes: 0 }
    }
}

impl<T: Line> Lines<T> {
    /// Adds a line.
    pub fn add(&mut self, line: T) {
        self.bytes = self.bytes.saturating_add(line.bytes());
        if self.bytes <= MOST_KEPT {
            self.lines.push(line);
        } else {
            self.lines = Vec::new();
        }
    }

    /// All elements; `None` if they exceeded the memory limit.
    pub fn whole(self) -> Option<Vec<T>> {
        (self.bytes <= MOST_KEPT).then_some(self.lines)
    }
}

fn parse<S, T>(body: impl Read, seed: impl FnOnce(Rc<Watch>) -> S) -> Result<T, ReadError>
where
    S: for<'de> DeserializeSeed<'de, Value = T>,
{
    let watch = Rc::new(Watch::default());
    let mut json = serde_json::Deserializer::from_reader(BufReader::with_capacity(
        16 << 10,
        Bounded::new(body, Rc::clone(&watch)),
    ));
    let parsed = seed(Rc::clone(&watch)).deserialize(&mut json);
    let ended = parsed.and_then(|parsed| json.end().map(|()| parsed));
    ended.map_err(|error| watch.broken().map_or(ReadError::Json(error), ReadError::Bound))
}

/// Parses a list and calls `take` with each element. Elements that are not as documented are added to `left`.
struct List<'a, T> {
    most: (u64, Bound),
    name: &'static str,
    take: &'a mut dyn FnMut(T),
    left: &'a mut LeftOut,
    watch: Rc<Watch>,
    of: PhantomData<T>,
}

impl<'de, T: Line> DeserializeSeed<'de> for List<'_, T> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_seq(self)
    }
}

impl<'de, T: Line> Visitor<'de> for List<'_, T> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        let (most, bound) = self.most;
        let mut count = 0;
        loop {
            self.watch.begin_row();
            let text = list.next_element::<Box<RawValue>>()?;
            self.watch.end_row();
            let Some(text) = text else { return Ok(()) };
            count += 1;
            if count > most {
                return Err(A::Error::custom(self.watch.breaks(bound)));
            }
            let line: T = match serde_json::from_str(text.get()) {
                Ok(line) => line,
                Err(error) => {
                    self.left.add(|| what_is_wrong(self.name, count, text.get(), &error));
                    continue;
                }
            };
            if line.called().len() > LONGEST_NAME {
                return Err(A::Error::custom(self.watch.breaks(Bound::Name)));
            }
            (self.take)(line);
        }
    }
}

/// A list's element that cannot be parsed, in words.
fn what_is_wrong(list: &str, number: u64, text: &str, error: &serde_json::Error) -> String {
    #[derive(Deserialize)]
    struct Named {
        id: Option<String>,
        from: Option<String>,
    }
    let named: Option<Named> = serde_json::from_str(text).ok();
    let name = named.and_then(|named| named.id.or(named.from.map(|from| format!("from {from}"))));
    let name = name.filter(|name| name.len() <= LONGEST_NAME);
    let name = name.map_or_else(|| format!("element {number}"), |name| format!("`{name}`"));
    let cause = error.to_string();
    // The place is that within the element.
    let cause = cause.rsplit_once(" at line ").map_or(cause.as_str(), |(cause, _)| cause);
    format!("{name} of {list}: {cause}")
}

/// `/exchanges/{id}`.
struct Exchange<'a> {
    take: &'a mut dyn FnMut(Symbol),
    watch: Rc<Watch>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
enum Member {
    Id,
    AvailableSince,
    AvailableTo,
    AvailableSymbols,
    IncidentReports,
    Datasets,
    Delisted,
    #[serde(other)]
    Other,
}

impl<'de> DeserializeSeed<'de> for Exchange<'_> {
    type Value = ExchangeDetails;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<ExchangeDetails, D::Error> {
        json.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Exchange<'_> {
    type Value = ExchangeDetails;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an exchange")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<ExchangeDetails, A::Error> {
        let Exchange { take, watch } = self;
        let (mut id, mut has_symbols, mut datasets) = (None, false, None);
        let (mut available_since, mut available_to): (Option<DateTime<Utc>>, Option<DateTime<Utc>>) =
            (None, None);
        let mut incidents: Option<Lines<Incident>> = None;
        let (mut delisted, mut unreadable) = (None, LeftOut::default());
        while let Some(member) = map.next_key()? {
            match member {
                Member::Id if id.is_some() => return Err(A::Error::duplicate_field("id")),
                Member::Id => id = Some(map.next_value()?),
                Member::AvailableSince => available_since = map.next_value()?,
                Member::AvailableTo => available_to = map.next_value()?,
                Member::AvailableSymbols if has_symbols => {
                    return Err(A::Error::duplicate_field("availableSymbols"));
                }
                Member::AvailableSymbols => {
                    has_symbols = true;
                    let take = &mut |symbol| take(Symbol::Api(symbol));
                    let (name, left) = ("availableSymbols", &mut unreadable);
                    map.next_value_seed(symbols(name, take, left, &watch))?;
                }
                Member::IncidentReports if incidents.is_some() => {
                    return Err(A::Error::duplicate_field("incidentReports"));
                }
                Member::IncidentReports => {
                    let mut lines = Lines::default();
                    let most = (MOST_LINES, Bound::Lines);
                    let watch = Rc::clone(&watch);
                    map.next_value_seed(List {
                        most,
                        name: "incidentReports",
                        take: &mut |line| lines.add(line),
                        left: &mut unreadable,
                        watch,
                        of: PhantomData,
                    })?;
                    incidents = Some(lines);
                }
                Member::Datasets if datasets.is_some() => return Err(A::Error::duplicate_field("datasets")),
                Member::Datasets => {
                    let seed = Datasets { take: &mut *take, left: &mut unreadable, watch: &watch };
                    datasets = Some(map.next_value_seed(seed)?);
                }
                Member::Delisted => delisted = map.next_value()?,
                Member::Other => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        let id = id.ok_or_else(|| A::Error::missing_field("id"))?;
        let incident_reports = incidents.unwrap_or_default().whole();
        let incident_reports = incident_reports.ok_or_else(|| A::Error::custom(watch.breaks(Bound::List)))?;
        let datasets = datasets.flatten();
        Ok(ExchangeDetails {
            id,
            available_since,
            available_to,
            available_symbols: Vec::new(),
            incident_reports,
            datasets,
            delisted: delisted.unwrap_or(false),
            unreadable,
        })
    }
}

fn symbols<'a, T: Line>(
    name: &'static str,
    take: &'a mut dyn FnMut(T),
    left: &'a mut LeftOut,
    watch: &Rc<Watch>,
) -> List<'a, T> {
    let most = (MOST_SYMBOLS, Bound::Symbols);
    List { most, name, take, left, watch: Rc::clone(watch), of: PhantomData }
}

/// The member `datasets`.
struct Datasets<'a> {
    take: &'a mut dyn FnMut(Symbol),
    left: &'a mut LeftOut,
    watch: &'a Rc<Watch>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
enum DatasetsMember {
    ExportedFrom,
    ExportedUntil,
    Symbols,
    #[serde(other)]
    Other,
}

impl<'de> DeserializeSeed<'de> for Datasets<'_> {
    type Value = Option<DatasetIndex>;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Option<DatasetIndex>, D::Error> {
        json.deserialize_option(self)
    }
}

impl<'de> Visitor<'de> for Datasets<'_> {
    type Value = Option<DatasetIndex>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an index of files")
    }

    fn visit_none<E>(self) -> Result<Option<DatasetIndex>, E> {
        Ok(None)
    }

    fn visit_some<D: Deserializer<'de>>(self, json: D) -> Result<Option<DatasetIndex>, D::Error> {
        json.deserialize_map(self)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Option<DatasetIndex>, A::Error> {
        let Datasets { take, left, watch } = self;
        let mut exported_from: Option<Option<DateTime<Utc>>> = None;
        let mut exported_until: Option<DateTime<Utc>> = None;
        let mut has_symbols = false;
        while let Some(member) = map.next_key()? {
            match member {
                DatasetsMember::ExportedFrom if exported_from.is_some() => {
                    return Err(A::Error::duplicate_field("exportedFrom"));
                }
                DatasetsMember::ExportedFrom => exported_from = Some(map.next_value()?),
                DatasetsMember::ExportedUntil if exported_until.is_some() => {
                    return Err(A::Error::duplicate_field("exportedUntil"));
                }
                DatasetsMember::ExportedUntil => exported_until = Some(map.next_value()?),
                DatasetsMember::Symbols if has_symbols => {
                    return Err(A::Error::duplicate_field("symbols"));
                }
                DatasetsMember::Symbols => {
                    has_symbols = true;
                    let take = &mut |symbol| take(Symbol::Dataset(symbol));
                    map.next_value_seed(symbols("datasets.symbols", take, left, watch))?;
                }
                DatasetsMember::Other => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        let exported_until = exported_until.ok_or_else(|| A::Error::missing_field("exportedUntil"))?;
        Ok(Some(DatasetIndex { exported_from: exported_from.flatten(), exported_until, symbols: Vec::new() }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_has_no_more_lines_than_it_may() {
        let line = r#"{"id": "A", "name": "B"}"#;
        for (count, expected) in [(2, None), (3, Some(Bound::Symbols))] {
            let body = format!("[{}]", vec![line; count].join(","));
            let mut taken = 0;
            let mut take = |_: ExchangeSummary| taken += 1;
            let (most, mut left) = ((2, Bound::Symbols), LeftOut::default());
            let outcome = parse(body.as_bytes(), |watch| List {
                most,
                name: "list",
                take: &mut take,
                left: &mut left,
                watch,
                of: PhantomData,
            });
            let found = outcome.err().and_then(|error| match error {
                ReadError::Bound(bound) => Some(bound),
                ReadError::Json(_) => None,
            });
            assert_eq!((found, taken), (expected, 2));
        }
    }
}
