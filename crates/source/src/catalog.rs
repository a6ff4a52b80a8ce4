//! The vendor's metadata to instruments of a day.
//!
//! Keys come from the contract's terms where the vendor gives them, else from the symbol. Life spans and data types
//! are the vendor's words, never constants.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use mtdh_core::instrument::{Instrument, part_twins};
use mtdh_core::key::{InstrumentKey, InstrumentType, OptionSide};
use mtdh_core::symbol::{Contract, Listed, Named, Unnamed, name_by_contract, name_by_symbol};
use mtdh_core::{DataType, Day};

use crate::decode::dataset_symbol;
use crate::metadata::model::{ApiSymbol, DatasetSymbol, ExchangeDetails, InstrumentInfo};

/// An exchange's instruments on a day.
#[derive(Clone, Debug)]
pub struct Catalog {
    /// Those alive on the day, combos included.
    pub instruments: Vec<Instrument>,
    /// Symbols alive on the day that have no key, each with the reason.
    pub unnamed: Vec<Unnamed>,
    /// Symbols of a kind that this program does not know: kind and symbol.
    pub unknown_kinds: Vec<(String, String)>,
    /// Keys that several symbols share, with the symbols; all but the first were given another key.
    pub shared_keys: Vec<(InstrumentKey, Vec<String>)>,
    /// First instant after the vendor's export, microseconds since the Unix epoch, UTC; null: nothing is exported.
    pub exported_until_us: Option<i64>,
}

/// Makes an exchange's instruments of a day. `contracts` are the vendor's terms, where the key has access to them.
pub fn catalog(details: &ExchangeDetails, contracts: Option<&[InstrumentInfo]>, day: Day) -> Catalog {
    let exported_until_us = details.datasets.as_ref().map(|d| d.exported_until.timestamp_micros());
    let context = Context::new(details, contracts.unwrap_or_default(), day, exported_until_us);
    let mut catalog = Catalog {
        instruments: Vec::new(),
        unnamed: Vec::new(),
        unknown_kinds: Vec::new(),
        shared_keys: Vec::new(),
        exported_until_us,
    };
    for symbol in context.symbols() {
        let Some(kind) = InstrumentType::of_vendor(symbol.kind) else {
            if context.is_alive(&symbol) {
                catalog.unknown_kinds.push((symbol.kind.to_owned(), symbol.id.to_owned()));
            }
            continue;
        };
        match context.instrument(&symbol, kind) {
            Ok(instrument) => catalog.instruments.push(instrument),
            Err(unnamed) if context.is_alive(&symbol) => catalog.unnamed.push(unnamed),
            Err(_) => {}
        }
    }
    // Over all symbols, dead ones too: who is older must not depend on the day that is asked for.
    let shared = part_twins(&mut catalog.instruments);
    catalog.instruments.retain(|i| i.is_alive(day));
    let alive = |symbol: &String| catalog.instruments.iter().any(|i| i.raw_symbol == *symbol);
    catalog.shared_keys =
        shared.into_iter().filter(|(_, symbols)| symbols.iter().filter(|s| alive(s)).count() > 1).collect();
    catalog
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
    day: Day,
    exported_until_us: Option<i64>,
}

impl<'a> Context<'a> {
    fn new(
        details: &'a ExchangeDetails,
        contracts: &'a [InstrumentInfo],
        day: Day,
        exported_until_us: Option<i64>,
    ) -> Context<'a> {
        let listed = details.datasets.iter().flat_map(|d| &d.symbols);
        let datasets = listed.map(|s| (dataset_symbol(&s.id), s)).collect();
        let contracts = contracts.iter().map(|c| (c.id.as_str(), c)).collect();
        Context { details, datasets, contracts, day, exported_until_us }
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

    /// When the vendor has data of a symbol: first instant, and first instant after it. In the list of files a living
    /// symbol ends with the export.
    fn life(&self, symbol: &Symbol<'_>) -> (i64, Option<i64>) {
        let micros = |t: DateTime<Utc>| t.timestamp_micros();
        let from = match (symbol.dataset, symbol.api) {
            (Some(dataset), _) => micros(dataset.available_since),
            (None, Some(api)) => micros(api.available_since),
            (None, None) => i64::MAX,
        };
        let still_exported = |to: &i64| self.exported_until_us.is_some_and(|until| *to >= until);
        let dataset_to =
            symbol.dataset.and_then(|d| d.available_to).map(micros).filter(|to| !still_exported(to));
        let api_to = symbol.api.and_then(|a| a.available_to).map(micros);
        (from, [dataset_to, api_to].into_iter().flatten().min())
    }

    fn is_alive(&self, symbol: &Symbol<'_>) -> bool {
        let (from, to) = self.life(symbol);
        from < self.day.end_us() && to.is_none_or(|to| to > self.day.start_us())
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
        let exported = self.exported_until_us.is_some_and(|until| until >= self.day.end_us());
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
            is_exported: exported,
            settle,
            inverse: is_derivative.then_some(inverse),
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
    names.iter().filter_map(|n| n.parse().ok()).collect()
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
        assert_eq!(day.unknown_kinds, [("dividend".to_owned(), "BTC-X".to_owned())]);
    }

    #[test]
    fn a_day_is_exported_when_the_export_reaches_its_end() {
        for (day, expected) in [("2024-03-02", true), ("2024-03-03", false)] {
            assert_eq!(on(day).instruments[0].is_exported, expected, "{day}");
        }
    }
}
