//! The vendor's metadata to instruments of a day.
//!
//! Keys come from the contract's terms where the vendor gives them, else from the symbol. Life spans and data types
//! are the vendor's words, never constants.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use mtdh_core::expectation::{NotExpected, VenueNote};
use mtdh_core::instrument::{Instrument, part_twins};
use mtdh_core::key::{InstrumentKey, InstrumentType, OptionSide};
use mtdh_core::symbol::{Contract, Listed, Named, Unnamed, name_by_contract, name_by_symbol};
use mtdh_core::{DataType, Day};

use crate::decode::dataset_symbol;
use crate::metadata::Terms;
use crate::metadata::model::{ApiSymbol, DatasetSymbol, ExchangeDetails, InstrumentInfo};

/// Everything that the vendor lists of an exchange, over its whole life.
#[derive(Clone, Debug)]
pub struct Listing {
    /// The vendor's id of the exchange.
    pub exchange: String,
    /// Every instrument that has a key, combos included, each with a key of its own among those alive beside it.
    instruments: Vec<Instrument>,
    /// What has no row, or not all that the vendor lists in its row.
    left_out: Vec<Omission>,
    /// Keys that several symbols share, with the symbols; all but the first were given another key.
    shared_keys: Vec<(InstrumentKey, Vec<String>)>,
    /// First instant after the vendor's export, microseconds since the Unix epoch, UTC; null: nothing is exported.
    exported_until_us: Option<i64>,
    /// When the vendor records the exchange.
    life_us: Life,
}

/// An exchange's instruments on a day.
#[derive(Clone, Debug)]
pub struct Catalog {
    /// Those alive on the day, combos included.
    pub instruments: Vec<Instrument>,
    /// What the vendor names of that day and no row has, by reason.
    pub left_out: VenueNote,
    /// Symbols alive on the day that have no key, each with the reason.
    pub unnamed: Vec<Unnamed>,
    /// Keys that several symbols share, with the symbols; all but the first were given another key.
    pub shared_keys: Vec<(InstrumentKey, Vec<String>)>,
}

/// First instant, and first instant after the last; null: it goes on. Microseconds since the Unix epoch, UTC.
type Life = (i64, Option<i64>);

/// Whether something lives on a day, or on a part of it.
fn is_alive(life: Life, day: Day) -> bool {
    life.0 < day.end_us() && life.1.is_none_or(|to| to > day.start_us())
}

#[derive(Clone, Debug)]
struct Omission {
    life: Life,
    reason: NotExpected,
    name: String,
    unnamed: Option<Unnamed>,
}

impl Listing {
    /// Reads the vendor's lists. `terms` are the contracts' terms, where the key has access to them.
    pub fn of(details: &ExchangeDetails, terms: Option<&Terms>) -> Listing {
        let exported_until_us = details.datasets.as_ref().map(|d| d.exported_until.timestamp_micros());
        let context = Context::new(details, terms, exported_until_us);
        let from = details.available_since.map_or(i64::MIN, |t| t.timestamp_micros());
        let mut listing = Listing {
            exchange: details.id.clone(),
            instruments: Vec::new(),
            left_out: Vec::new(),
            shared_keys: Vec::new(),
            exported_until_us,
            life_us: (from, details.available_to.map(|t| t.timestamp_micros())),
        };
        for symbol in context.symbols() {
            let life = context.life(&symbol);
            let mut omit = |reason, name: String, unnamed| {
                listing.left_out.push(Omission { life, reason, name, unnamed });
            };
            let unknown =
                symbol.dataset.iter().flat_map(|d| &d.data_types).filter(|t| parse_type(t).is_none());
            unknown.for_each(|t| omit(NotExpected::UnknownDataType, format!("{t} of {}", symbol.id), None));
            let Some(kind) = InstrumentType::of_vendor(symbol.kind) else {
                let name = format!("{} of type `{}`", symbol.id, symbol.kind);
                omit(NotExpected::UnknownType, name, None);
                continue;
            };
            match context.instrument(&symbol, kind) {
                Ok(instrument) => listing.instruments.push(instrument),
                Err(unnamed) => omit(NotExpected::NoKey, symbol.id.to_owned(), Some(unnamed)),
            }
        }
        // Over all symbols, dead ones too: who is older must not depend on the day that is asked for.
        listing.shared_keys = part_twins(&mut listing.instruments);
        listing
    }

    /// The exchange on a day.
    pub fn on(&self, day: Day) -> Catalog {
        let is_exported = self.exported_until_us.is_some_and(|until| until >= day.end_us());
        // In the list of files, what lived at the end of a closed exchange has no end of its own.
        let alive = self.instruments.iter().filter(|i| i.is_alive(day) && is_alive(self.life_us, day));
        let instruments: Vec<Instrument> = alive.map(|i| Instrument { is_exported, ..i.clone() }).collect();
        let mut left_out = VenueNote::new();
        let mut unnamed = Vec::new();
        let is_open = is_alive(self.life_us, day);
        for omission in self.left_out.iter().filter(|o| is_open && is_alive(o.life, day)) {
            left_out.entry(omission.reason).or_default().add(|| omission.name.clone());
            unnamed.extend(omission.unnamed.clone());
        }
        let at = |us| Day::containing_us(us).map_or_else(String::new, |day| day.to_string());
        let of_exchange = match self.life_us {
            (start, _) if start >= day.end_us() => {
                Some((NotExpected::NotYetOpen, format!("{}, recorded since {}", self.exchange, at(start))))
            }
            (_, Some(end)) if !is_open => {
                Some((NotExpected::Closed, format!("{}, recorded until {}", self.exchange, at(end - 1))))
            }
            _ if self.exported_until_us.is_none() => {
                Some((NotExpected::NothingExported, self.exchange.clone()))
            }
            _ => None,
        };
        if let Some((reason, exchange)) = of_exchange {
            left_out.entry(reason).or_default().add(|| exchange);
        }
        let is_there = |symbol: &&String| instruments.iter().any(|i| i.raw_symbol == **symbol);
        let shared = self.shared_keys.iter();
        let shared_keys =
            shared.filter(|(_, symbols)| symbols.iter().filter(is_there).count() > 1).cloned().collect();
        Catalog { instruments, left_out, unnamed, shared_keys }
    }

    /// Whether the vendor lists a symbol with a life that does not reach a day: its end was told.
    pub fn tells_end(&self, raw_symbol: &str, day: Day) -> bool {
        let of_symbol = self.instruments.iter().filter(|i| i.raw_symbol == raw_symbol);
        of_symbol.into_iter().any(|i| i.available_to_us.is_some_and(|to| to <= day.start_us()))
    }

    /// Every instrument that has a key, whenever it lived.
    pub fn instruments(&self) -> &[Instrument] {
        &self.instruments
    }
}

/// Makes an exchange's instruments of a day; of several days, [`Listing::of`] once and [`Listing::on`] for each.
pub fn catalog(details: &ExchangeDetails, terms: Option<&Terms>, day: Day) -> Catalog {
    Listing::of(details, terms).on(day)
}

/// A symbol from both of the vendor's lists: that of its API and that of its files.
struct Symbol<'a> {
    id: &'a str,
    kind: &'a str,
    api: Option<&'a ApiSymbol>,
    dataset: Option<&'a DatasetSymbol>,
}

struct Context<'a> {
    details: &'a ExchangeDetails,
    datasets: HashMap<String, &'a DatasetSymbol>,
    contracts: HashMap<&'a str, &'a InstrumentInfo>,
    terms_as_of: Option<Day>,
    exported_until_us: Option<i64>,
}

impl<'a> Context<'a> {
    fn new(
        details: &'a ExchangeDetails,
        terms: Option<&'a Terms>,
        exported_until_us: Option<i64>,
    ) -> Context<'a> {
        let listed = details.datasets.iter().flat_map(|d| &d.symbols);
        let datasets = listed.map(|s| (dataset_symbol(&s.id), s)).collect();
        let contracts = terms.iter().flat_map(|t| &t.instruments).map(|c| (c.id.as_str(), c)).collect();
        let terms_as_of = terms.and_then(|t| t.as_of);
        Context { details, datasets, contracts, terms_as_of, exported_until_us }
    }

    /// Every symbol once; groups left out.
    fn symbols(&self) -> Vec<Symbol<'a>> {
        let is_group =
            |id: &str, kind: &str| InstrumentType::of_vendor(kind).and_then(|k| k.group_id()) == Some(id);
        let mut in_api = std::collections::HashSet::new();
        let mut symbols: Vec<Symbol<'a>> = Vec::new();
        for api in &self.details.available_symbols {
            let id = dataset_symbol(&api.id);
            if is_group(&id, &api.kind) {
                continue;
            }
            let dataset = self.datasets.get(&id).copied();
            in_api.insert(id);
            symbols.push(Symbol { id: &api.id, kind: &api.kind, api: Some(api), dataset });
        }
        for dataset in self.details.datasets.iter().flat_map(|d| &d.symbols) {
            if !is_group(&dataset.id, &dataset.kind) && !in_api.contains(&dataset_symbol(&dataset.id)) {
                symbols.push(Symbol {
                    id: &dataset.id,
                    kind: &dataset.kind,
                    api: None,
                    dataset: Some(dataset),
                });
            }
        }
        symbols
    }

    /// When the vendor has data of a symbol. Where its two lists disagree, the wider life: a day too many is answered by
    /// the vendor, a day too few by nobody. In the list of files a living symbol ends with the export, or after it.
    fn life(&self, symbol: &Symbol<'_>) -> Life {
        let micros = |t: DateTime<Utc>| t.timestamp_micros();
        let still_exported = |to: &i64| self.exported_until_us.is_some_and(|until| *to >= until);
        let of_files = symbol.dataset.map(|d| {
            (micros(d.available_since), d.available_to.map(micros).filter(|to| !still_exported(to)))
        });
        let of_api = symbol.api.map(|a| (micros(a.available_since), a.available_to.map(micros)));
        match (of_files, of_api) {
            (Some(files), Some(api)) => (files.0.min(api.0), files.1.zip(api.1).map(|(a, b)| a.max(b))),
            (Some(life), None) | (None, Some(life)) => life,
            (None, None) => (i64::MAX, None),
        }
    }

    fn instrument(&self, symbol: &Symbol<'_>, kind: InstrumentType) -> Result<Instrument, Unnamed> {
        let contract = self.contracts.get(symbol.id).copied();
        let (available_from_us, available_to_us) = self.life(symbol);
        let Named { key, settle, inverse } = self.name(symbol, kind, contract, available_from_us)?;
        let group_data_types = self.group_data_types(kind);
        let own = symbol.dataset.map(|d| known_types(&d.data_types)).unwrap_or_default();
        let only_grouped = group_data_types.iter().filter(|t| t.only_grouped());
        let mut data_types: Vec<DataType> = own.into_iter().chain(only_grouped.copied()).collect();
        data_types.sort();
        data_types.dedup();
        let stats = symbol.dataset.and_then(|d| d.stats);
        let is_derivative =
            matches!(kind, InstrumentType::Perp | InstrumentType::Future | InstrumentType::Option);
        // The hour of the day is known only where the vendor tells it.
        let expiry_us = contract.and_then(|c| c.expiry).map(|t| t.timestamp_micros());
        Ok(Instrument {
            expiry_us: expiry_us.or_else(|| key.expiry().map(|day| self.usual_end_us(day))),
            key,
            exchange: self.details.id.clone(),
            raw_symbol: symbol.id.to_owned(),
            dataset_symbol: symbol.dataset.map(|d| d.id.clone()),
            available_from_us,
            available_to_us,
            data_types,
            group_data_types,
            withdrawn_data_types: Vec::new(),
            is_listed: true,
            is_exported: false,
            settle,
            inverse: is_derivative.then_some(inverse),
            terms_as_of: contract.and(self.terms_as_of),
            contract_type: contract.and_then(|c| c.contract_type.clone()),
            contract_size: contract.and_then(|c| c.contract_multiplier),
            tick_size: contract.and_then(|c| c.price_increment),
            min_size: contract.and_then(|c| c.min_trade_amount),
            trades_total: stats.and_then(|s| s.trades),
            book_changes_total: stats.and_then(|s| s.book_changes),
        })
    }

    /// 08:00 UTC: when contracts of Deribit, Binance, OKX and Bybit end; BitMEX's end at noon.
    fn usual_end_us(&self, day: Day) -> i64 {
        let hour = if self.details.id == "bitmex" { 12 } else { 8 };
        day.start_us() + hour * 3_600_000_000
    }

    fn name(
        &self,
        symbol: &Symbol<'_>,
        kind: InstrumentType,
        contract: Option<&InstrumentInfo>,
        from_us: i64,
    ) -> Result<Named, Unnamed> {
        let exchange = self.details.id.as_str();
        match contract {
            Some(contract) => by_contract(exchange, symbol.id, kind, contract),
            None => by_symbol(exchange, symbol.id, kind, from_us),
        }
    }

    fn group_data_types(&self, kind: InstrumentType) -> Vec<DataType> {
        let group = kind.group_id().and_then(|id| self.datasets.get(id));
        group.map(|g| known_types(&g.data_types)).unwrap_or_default()
    }
}

/// What a symbol says by itself; `from_us` is the first instant of its data.
pub(crate) fn by_symbol(
    exchange: &str,
    id: &str,
    kind: InstrumentType,
    from_us: i64,
) -> Result<Named, Unnamed> {
    name_by_symbol(&Listed { exchange, id, kind, since: Day::containing_us(from_us) })
}

/// What a symbol and its contract's terms say.
pub(crate) fn by_contract(
    exchange: &str,
    id: &str,
    kind: InstrumentType,
    contract: &InstrumentInfo,
) -> Result<Named, Unnamed> {
    let strike = contract.strike_price.as_ref().map(ToString::to_string);
    name_by_contract(&Contract {
        exchange,
        id,
        kind,
        base: &contract.base_currency,
        quote: &contract.quote_currency,
        settle: contract.settlement_currency.as_deref(),
        expiry: contract.expiry.and_then(|t| Day::containing_us(t.timestamp_micros())),
        strike: strike.as_deref(),
        option_side: contract.option_type.as_deref().and_then(OptionSide::of_text),
        inverse: contract.inverse,
    })
}

/// The data types that this program knows; a later word of the vendor's is not an error.
fn known_types(names: &[String]) -> Vec<DataType> {
    names.iter().filter_map(|n| parse_type(n)).collect()
}

fn parse_type(name: &str) -> Option<DataType> {
    name.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn details() -> ExchangeDetails {
        serde_json::from_value(serde_json::json!({
            "id": "deribit",
            "availableSymbols": [
                {"id": "BTC-PERPETUAL", "type": "perpetual", "availableSince": "2019-03-30T00:00:00.000Z"},
                {"id": "BTC-1MAR24-60000-C", "type": "option", "availableSince": "2024-02-27T00:00:00.000Z",
                 "availableTo": "2024-03-02T00:00:00.000Z"},
                {"id": "BTC-FS-29MAR24_PERP", "type": "combo", "availableSince": "2024-02-01T00:00:00.000Z"},
                {"id": "BTC-X", "type": "dividend", "availableSince": "2024-02-01T00:00:00.000Z"},
                {"id": "OPTIONS", "type": "option", "availableSince": "2020-03-01T00:00:00.000Z"}
            ],
            "datasets": {
                "exportedUntil": "2024-03-03T00:00:00.000Z",
                "symbols": [
                    {"id": "BTC-PERPETUAL", "type": "perpetual", "availableSince": "2019-03-30T00:00:00.000Z",
                     "availableTo": "2024-03-03T00:00:00.000Z", "dataTypes": ["trades", "quotes", "order_flow"],
                     "stats": {"trades": 100, "bookChanges": 200}},
                    {"id": "BTC-1MAR24-60000-C", "type": "option", "availableSince": "2024-02-27T00:00:00.000Z",
                     "availableTo": "2024-03-02T00:00:00.000Z", "dataTypes": ["trades"]},
                    {"id": "OPTIONS", "type": "option", "availableSince": "2020-03-01T00:00:00.000Z",
                     "dataTypes": ["trades", "options_chain"]}
                ]
            }
        }))
        .unwrap()
    }

    fn on(day: &str) -> Catalog {
        catalog(&details(), None, day.parse().unwrap())
    }

    #[test]
    fn life_spans_and_data_types_are_the_vendors() {
        let keys = |day| on(day).instruments.iter().map(|i| i.key.to_string()).collect::<Vec<_>>();
        let (perp, option) = ("DERIBIT:PERP:BTC-USD", "DERIBIT:OPTION:BTC-USD-240301-60000-CALL");
        assert_eq!(keys("2024-01-01"), [perp]);
        assert_eq!(keys("2024-03-01")[..2], [perp, option]);
        assert_eq!(keys("2024-03-02")[0], perp);
        assert!(!keys("2024-03-02").contains(&option.to_owned()), "availableTo is exclusive");
        let day = on("2024-03-01");
        assert_eq!(day.instruments[0].data_types, [DataType::Trades, DataType::Quotes]);
        assert_eq!(day.instruments[1].data_types, [DataType::Trades, DataType::OptionsChain]);
        assert_eq!(
            day.instruments[0].available_to_us, None,
            "the end of the export is not the end of its life"
        );
        assert_eq!(day.instruments[0].trades_total, Some(100));
        let left_out = day.left_out.iter().map(|(reason, left)| (*reason, left.examples.join(", ")));
        assert_eq!(
            left_out.collect::<Vec<_>>(),
            [
                (NotExpected::UnknownDataType, "order_flow of BTC-PERPETUAL".to_owned()),
                (NotExpected::UnknownType, "BTC-X of type `dividend`".to_owned())
            ]
        );
    }

    #[test]
    fn a_day_is_exported_when_the_export_reaches_its_end() {
        for (day, expected) in [("2024-03-02", true), ("2024-03-03", false)] {
            assert_eq!(on(day).instruments[0].is_exported, expected, "{day}");
        }
    }
}
