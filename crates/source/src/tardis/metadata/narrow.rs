//! Reduces the lists of an exchange to what is needed for some days, if everything does not fit into memory: the symbols alive
//! on these days, with everything that the lists have of their files.
//!
//! The responses are read from disk in several passes. The instruments of each day are the same as those of the full lists.

use std::collections::HashSet;
use std::hash::{BuildHasher, Hash, RandomState};

use chrono::{DateTime, Utc};
use mtdh_core::key::InstrumentKey;
use mtdh_core::symbol::{Listed, Names};
use mtdh_core::{Day, DayRange};

use super::Also;
use super::bounds::{Bound, MOST_KEPT};
use super::cache::Cached;
use super::model::{ExchangeDetails, InstrumentInfo, contract_of, is_group, type_of};
use super::read::{self, Line, Lines, ReadError, Symbol};
use crate::tardis::csv::dataset_symbol;

/// Memory per stored hash of a symbol, bytes.
const PER_HASH: usize = 32;

/// Reads what is needed for `days`. `names` are those of all symbols, `exported_until` is the exclusive end of the exchange's export.
///
/// # Errors
/// If even that does not fit into memory, or a response cannot be parsed.
pub fn narrow(
    details: &Cached,
    contracts: Option<&Cached>,
    names: &Names,
    exported_until: Option<DateTime<Utc>>,
    days: DayRange,
    also: Also,
) -> Result<(ExchangeDetails, Option<Vec<InstrumentInfo>>), ReadError> {
    let hashes = RandomState::new();
    let mut alive = Matter { names, exported_until, days, also, hashes, ids: HashSet::new() };
    read::exchange(details.open(), &mut |symbol| alive.note_symbol(&symbol))?;
    alive.check()?;
    // Twice: of two contracts with one file, the second may be the one that is alive.
    for _ in 0..2 {
        let Some(contracts) = contracts else { break };
        read::instruments(contracts.open(), &mut |contract| alive.note_contract(&contract))?;
        alive.check()?;
    }
    let (mut api, mut datasets) = (Lines::default(), Lines::default());
    let mut read = read::exchange(details.open(), &mut |symbol| match symbol {
        Symbol::Api(symbol) if alive.has(&symbol.id) => api.add(symbol),
        Symbol::Dataset(symbol) if alive.has(&symbol.id) => datasets.add(symbol),
        _ => {}
    })?;
    read.available_symbols = complete(api)?;
    let datasets = complete(datasets)?;
    if let Some(index) = &mut read.datasets {
        index.symbols = datasets;
    }
    let Some(contracts) = contracts else { return Ok((read, None)) };
    let mut terms = Lines::default();
    read::instruments(contracts.open(), &mut |contract| {
        if alive.has(&contract.id) {
            terms.add(contract);
        }
    })?;
    Ok((read, Some(complete(terms)?)))
}

fn complete<T: Line>(lines: Lines<T>) -> Result<Vec<T>, ReadError> {
    lines.whole().ok_or(ReadError::Bound(Bound::Kept))
}

/// The needed symbols, as hashes. A hash collision only keeps a symbol without need.
struct Matter<'a> {
    names: &'a Names,
    exported_until: Option<DateTime<Utc>>,
    days: DayRange,
    also: Also,
    hashes: RandomState,
    ids: HashSet<u64>,
}

impl Matter<'_> {
    fn check(&self) -> Result<(), ReadError> {
        if self.ids.len() * PER_HASH <= MOST_KEPT { Ok(()) } else { Err(ReadError::Bound(Bound::Kept)) }
    }

    fn has(&self, id: &str) -> bool {
        self.ids.contains(&self.hash(dataset_symbol(id)))
    }

    /// Beyond the memory limit nothing is added: the result is rejected anyway.
    fn add(&mut self, id: &str) {
        if self.check().is_ok() {
            self.ids.insert(self.hash(dataset_symbol(id)));
        }
    }

    fn hash(&self, what: impl Hash) -> u64 {
        self.hashes.hash_one(what)
    }

    /// Adds a symbol that is alive on one of the days, grouped or named by `also`.
    fn note_symbol(&mut self, symbol: &Symbol) {
        let (id, kind, from, to) = parts(symbol);
        // In the list of files, the end of an active symbol is the end of the export.
        let is_listed = matches!(symbol, Symbol::Dataset(_));
        let to = to.filter(|to| !(is_listed && self.exported_until.is_some_and(|until| *to >= until)));
        // An end before the start is none.
        let to = to.filter(|to| *to >= from);
        let to_us = to.map(|to| to.timestamp_micros());
        let is_alive = from.timestamp_micros() < self.days.last().end_us()
            && to_us.is_none_or(|to| to > self.days.first().start_us());
        let is_group = is_group(id, kind);
        let is_named = || self.also.symbols.contains(&dataset_symbol(id));
        let is_asked_for = || self.is_asked_for(|| self.key_of_symbol(symbol));
        if is_alive || is_group || is_named() || is_asked_for() {
            self.add(id);
        }
    }

    /// Adds the symbols of a contract of which one is added already, or which is asked for.
    fn note_contract(&mut self, contract: &InstrumentInfo) {
        let names = [Some(&contract.id), contract.dataset_id.as_ref()];
        let is_meant = names.into_iter().flatten().any(|name| self.has(name))
            || self.is_asked_for(|| self.key_of_contract(contract));
        for name in names.into_iter().flatten().filter(|_| is_meant) {
            self.add(name);
        }
    }

    /// Whether a pattern of `also` matches.
    fn is_asked_for(&self, key: impl FnOnce() -> Option<InstrumentKey>) -> bool {
        let patterns = &self.also.patterns;
        !patterns.is_empty() && key().is_some_and(|key| patterns.iter().any(|pattern| pattern.matches(&key)))
    }

    /// The key of a symbol at the start of its life. A symbol without a year has further ones.
    fn key_of_symbol(&self, symbol: &Symbol) -> Option<InstrumentKey> {
        let (id, kind, from, _) = parts(symbol);
        let since = Day::containing_us(from.timestamp_micros());
        Some(self.names.name(&Listed { since, ..Listed::new(id, type_of(kind)) }).key)
    }

    fn key_of_contract(&self, contract: &InstrumentInfo) -> Option<InstrumentKey> {
        let terms = contract_of(contract, None);
        let listed = Listed { since: terms.expiry, ..Listed::new(&contract.id, type_of(&contract.kind)) };
        Some(self.names.name(&listed).key)
    }
}

/// A symbol's id and type, and the start and exclusive end of its data.
fn parts(symbol: &Symbol) -> (&str, &str, DateTime<Utc>, Option<DateTime<Utc>>) {
    match symbol {
        Symbol::Api(s) => (&s.id, &s.kind, s.available_since, s.available_to),
        Symbol::Dataset(s) => (&s.id, &s.kind, s.available_since, s.available_to),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use mtdh_core::Day;
    use mtdh_core::universe::KeyPattern;

    use super::*;
    use crate::tardis::instruments::list_instruments;
    use crate::tardis::metadata::cache::Cache;
    use crate::tardis::metadata::{Lists, Terms};

    fn kept(folder: &std::path::Path, body: &serde_json::Value) -> Cached {
        let base = "http://vendor/v1".parse().unwrap();
        let mut incoming = Cache::new(folder.to_owned(), &base, Duration::ZERO).begin(None, false).unwrap();
        incoming.write(body.to_string().as_bytes()).unwrap();
        incoming.answer().unwrap()
    }

    /// Symbols of both lists, with their lives; some share a key with one that lived before or lives later.
    fn exchange() -> serde_json::Value {
        let since = |id: &str, kind: &str, from: &str, to: Option<&str>| {
            let mut symbol = serde_json::json!({"id": id, "type": kind, "availableSince": format!("{from}T00:00:00.000Z")});
            if let Some(to) = to {
                symbol["availableTo"] = format!("{to}T00:00:00.000Z").into();
            }
            symbol
        };
        let with_types = |mut symbol: serde_json::Value| {
            symbol["dataTypes"] = serde_json::json!(["trades"]);
            symbol
        };
        serde_json::json!({
            "id": "deribit",
            "availableSymbols": [
                since("BTC-PERPETUAL", "perpetual", "2019-01-01", None),
                since("BTC_USDC", "spot", "2023-01-01", Some("2023-06-01")),
                since("btc_usdc", "spot", "2023-05-01", None),
                since("BTC-USDC", "spot", "2023-05-15", Some("2023-05-20")),
                since("BTC-5JUN23", "future", "2023-05-01", Some("2023-06-05")),
                since("BTC-05JUN23", "future", "2023-05-02", Some("2023-06-05")),
                since("OLD-1", "spot", "2020-01-01", Some("2020-06-01")),
                since("BTC-29MAR24-50000-C", "option", "2023-01-01", Some("2024-03-29")),
                since("BTC-26MAR21-50000-C", "option", "2020-01-01", Some("2021-03-26")),
            ],
            "datasets": {"exportedUntil": "2024-03-01T00:00:00.000Z", "symbols": [
                with_types(since("OPTIONS", "option", "2020-01-01", Some("2020-02-01"))),
                with_types(since("BTC-PERPETUAL", "perpetual", "2019-01-01", Some("2024-03-01"))),
                with_types(since("ETH_USDC", "spot", "2023-01-01", Some("2024-03-01"))),
                with_types(since("eth_usdc", "spot", "2022-01-01", Some("2023-02-01"))),
            ]},
        })
    }

    fn lists(details: &ExchangeDetails, terms: Option<&Vec<InstrumentInfo>>) -> Lists {
        let terms = terms.map(|instruments| Terms { instruments: instruments.clone(), ..Terms::default() });
        Lists::of(details.clone(), terms)
    }

    #[test]
    fn the_listing_of_a_day_is_that_of_everything() {
        let terms = serde_json::json!([
            {"id": "BTC-29MAR24-50000-C", "type": "option", "baseCurrency": "BTC", "quoteCurrency": "USD",
             "expiry": "2024-03-29T08:00:00.000Z", "strikePrice": 50000, "optionType": "call"},
            {"id": "OLD-1", "type": "spot", "baseCurrency": "BTC", "quoteCurrency": "USDC"},
        ]);
        let folder = tempfile::tempdir().unwrap();
        let (details, contracts) = (kept(folder.path(), &exchange()), kept(folder.path(), &terms));
        let whole: ExchangeDetails = serde_json::from_value(exchange()).unwrap();
        let whole_terms: Vec<InstrumentInfo> = serde_json::from_value(terms).unwrap();
        let until = whole.datasets.as_ref().map(|d| d.exported_until);
        let names = Lists::of(whole.clone(), None).names;
        for (day, most) in [("2018-01-01", 1), ("2020-03-01", 8), ("2023-05-16", 11), ("2024-06-01", 10)] {
            let day: Day = day.parse().unwrap();
            let days = DayRange::new(day, day).unwrap();
            for terms in [None, Some(&whole_terms)] {
                let kept = terms.map(|_| &contracts);
                let also = Also::default();
                let (narrowed, found) = narrow(&details, kept, &names, until, days, also).unwrap();
                let symbols =
                    narrowed.available_symbols.len() + narrowed.datasets.as_ref().unwrap().symbols.len();
                assert!(symbols <= most, "{day}: {symbols}");
                let (of_all, of_less) = (
                    list_instruments(&lists(&whole, terms), day),
                    list_instruments(&lists(&narrowed, found.as_ref()), day),
                );
                assert_eq!(of_all.instruments, of_less.instruments, "{day}");
                assert_eq!(of_all.shared_keys, of_less.shared_keys, "{day}");
            }
        }
        // What a table had, and what was asked for by name, is kept whenever it lived.
        let day: Day = "2024-06-01".parse().unwrap();
        let days = DayRange::new(day, day).unwrap();
        let pattern = KeyPattern::new("DERIBIT:OPTION:BTC-USD-210326-*");
        for (also, id) in [
            (Also { symbols: ["OLD-1".to_owned()].into(), patterns: Vec::new() }, "OLD-1"),
            (Also { patterns: vec![pattern], ..Also::default() }, "BTC-26MAR21-50000-C"),
        ] {
            for (also, is_kept) in [(also, true), (Also::default(), false)] {
                let (narrowed, _) = narrow(&details, None, &names, until, days, also).unwrap();
                assert_eq!(narrowed.available_symbols.iter().any(|s| s.id == id), is_kept, "{id}");
            }
        }
        let twins = list_instruments(&lists(&whole, None), "2023-05-16".parse().unwrap());
        assert!(twins.instruments.iter().any(|i| i.key.twin().is_some()), "the case has twins");
    }
}
