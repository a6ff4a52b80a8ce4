//! Reduces the lists of an exchange to what is needed for some days, if everything does not fit into memory: the symbols alive
//! on these days, and those that share a key with one of them at another time.
//!
//! The responses are read from disk in several passes. The instruments of each day are the same as those of the full lists.

use std::collections::HashSet;
use std::hash::{BuildHasher, Hash, RandomState};

use chrono::{DateTime, Utc};
use mtdh_core::key::{InstrumentKey, InstrumentType};
use mtdh_core::symbol::{Listed, Names};
use mtdh_core::{Day, DayRange};

use super::Also;
use super::bounds::{Bound, MOST_KEPT};
use super::cache::Cached;
use super::model::{ExchangeDetails, InstrumentInfo};
use super::read::{self, Line, Lines, ReadError, Symbol};
use crate::tardis::csv::dataset_symbol;
use crate::tardis::instruments::{contract_of, type_of};

/// Memory per stored hash of a symbol or a key, bytes.
const PER_HASH: usize = 32;

/// Reads what is needed for `days`. `exported_until` is the exclusive end of the exchange's export.
///
/// # Errors
/// If even that does not fit into memory, or a response cannot be parsed.
pub fn narrow(
    details: &Cached,
    contracts: Option<&Cached>,
    exchange: &str,
    exported_until: Option<DateTime<Utc>>,
    days: DayRange,
    also: Also,
) -> Result<(ExchangeDetails, Option<Vec<InstrumentInfo>>), ReadError> {
    let mut names = Names::new(exchange);
    read::exchange(details.open(), &mut |symbol| names.add(parts(&symbol).0, type_of(parts(&symbol).1)))?;
    let mut alive = Matter {
        names: &names,
        exported_until,
        days,
        also,
        hashes: RandomState::new(),
        ids: HashSet::new(),
        keys: HashSet::new(),
    };
    read::exchange(details.open(), &mut |symbol| alive.note_alive(&symbol))?;
    alive.check()?;
    if let Some(contracts) = contracts {
        read::instruments(contracts.open(), &mut |contract| alive.note_key(&contract))?;
        alive.check()?;
        read::instruments(contracts.open(), &mut |contract| alive.note_contract_of_key(&contract))?;
    }
    read::exchange(details.open(), &mut |symbol| alive.note_symbol_of_key(&symbol))?;
    alive.check()?;
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
    keys: HashSet<u64>,
}

impl Matter<'_> {
    fn check(&self) -> Result<(), ReadError> {
        if (self.ids.len() + self.keys.len()) * PER_HASH <= MOST_KEPT {
            Ok(())
        } else {
            Err(ReadError::Bound(Bound::Kept))
        }
    }

    fn has(&self, id: &str) -> bool {
        self.ids.contains(&self.hash(dataset_symbol(id)))
    }

    fn hash(&self, what: impl Hash) -> u64 {
        self.hashes.hash_one(what)
    }

    /// Adds a symbol that is alive on one of the days, grouped or named by `also`, with the key of its name.
    fn note_alive(&mut self, symbol: &Symbol) {
        let (id, kind, from, to) = parts(symbol);
        // In the list of files, the end of an active symbol is the end of the export.
        let is_listed = matches!(symbol, Symbol::Dataset(_));
        let to = to.filter(|to| !(is_listed && self.exported_until.is_some_and(|until| *to >= until)));
        let to_us = to.map(|to| to.timestamp_micros());
        let is_alive = from.timestamp_micros() < self.days.last().end_us()
            && to_us.is_none_or(|to| to > self.days.first().start_us());
        let is_group = InstrumentType::of_vendor(kind).and_then(InstrumentType::group_id) == Some(id);
        let is_named = self.also.symbols.contains(&dataset_symbol(id));
        let key = self.key_of_symbol(symbol);
        let is_meant =
            is_alive || is_group || is_named || key.as_ref().is_some_and(|key| self.is_asked_for(key));
        // Beyond the memory limit nothing is added: the result is rejected anyway.
        if !is_meant || self.check().is_err() {
            return;
        }
        self.ids.insert(self.hash(dataset_symbol(id)));
        if let Some(key) = key {
            self.keys.insert(self.hash(key));
        }
    }

    /// Adds the key of the contract of an added symbol.
    fn note_key(&mut self, contract: &InstrumentInfo) {
        let key = self.key_of_contract(contract);
        if let Some(key) = key.filter(|key| self.has(&contract.id) || self.is_asked_for(key)) {
            self.keys.insert(self.hash(key));
        }
    }

    /// Whether a pattern of `also` matches.
    fn is_asked_for(&self, key: &InstrumentKey) -> bool {
        self.also.patterns.iter().any(|pattern| pattern.matches(key))
    }

    fn note_contract_of_key(&mut self, contract: &InstrumentInfo) {
        let key = self.key_of_contract(contract);
        if key.is_some_and(|key| self.keys.contains(&self.hash(key))) {
            self.ids.insert(self.hash(dataset_symbol(&contract.id)));
        }
    }

    fn note_symbol_of_key(&mut self, symbol: &Symbol) {
        let key = self.key_of_symbol(symbol);
        if key.is_some_and(|key| self.keys.contains(&self.hash(key))) {
            self.ids.insert(self.hash(dataset_symbol(parts(symbol).0)));
        }
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
    use crate::tardis::metadata::Terms;
    use crate::tardis::metadata::cache::Cache;

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
        for (day, most) in [("2018-01-01", 1), ("2020-03-01", 8), ("2023-05-16", 10), ("2024-06-01", 10)] {
            let day: Day = day.parse().unwrap();
            let days = DayRange::new(day, day).unwrap();
            for terms in [None, Some(&whole_terms)] {
                let kept = terms.map(|_| &contracts);
                let also = Also::default();
                let (narrowed, found) = narrow(&details, kept, "deribit", until, days, also).unwrap();
                let symbols =
                    narrowed.available_symbols.len() + narrowed.datasets.as_ref().unwrap().symbols.len();
                assert!(symbols <= most, "{day}: {symbols}");
                let of = |instruments: &Vec<InstrumentInfo>| Terms {
                    as_of: None,
                    instruments: instruments.clone(),
                };
                let (all, less) = (terms.map(of), found.as_ref().map(of));
                let (of_all, of_less) = (
                    list_instruments(&whole, all.as_ref(), day),
                    list_instruments(&narrowed, less.as_ref(), day),
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
                let (narrowed, _) = narrow(&details, None, "deribit", until, days, also).unwrap();
                assert_eq!(narrowed.available_symbols.iter().any(|s| s.id == id), is_kept, "{id}");
            }
        }
        let twins = list_instruments(&whole, None, "2024-02-01".parse().unwrap());
        assert!(twins.instruments.iter().any(|i| i.key.twin().is_some()), "the case has twins");
    }
}
