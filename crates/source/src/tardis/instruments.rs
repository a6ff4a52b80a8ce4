//! Converts the vendor's metadata to the instruments of a day.
//!
//! Keys come from the contract terms if the vendor provides them, otherwise from the symbol. Lifetimes and data types always
//! come from the vendor, never from constants.

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, Utc};
use mtdh_core::expectation::{NotExpected, VenueNote};
use mtdh_core::instrument::{Instrument, resolve_twins};
use mtdh_core::key::{InstrumentKey, InstrumentType, OptionSide};
use mtdh_core::symbol::{Contract, Listed, Named, Names, Stretch};
use mtdh_core::{DataType, Day};

use crate::tardis::csv::dataset_symbol;
use crate::tardis::metadata::Terms;
use crate::tardis::metadata::model::{ApiSymbol, DatasetSymbol, ExchangeDetails, InstrumentInfo};

/// Everything that the vendor lists for an exchange, over its whole lifetime.
#[derive(Clone, Debug)]
pub struct Listing {
    /// The vendor's id of the exchange.
    pub exchange: String,
    /// Every instrument, including combos. Those that share a key while both are alive are told apart day by day.
    instruments: Vec<Instrument>,
    /// Symbols and data types that are not in a row.
    left_out: Vec<Omission>,
    /// Exclusive end of the vendor's export, microseconds since the Unix epoch, UTC; `None` if nothing is exported.
    exported_until_us: Option<i64>,
    /// When the vendor records the exchange.
    life_us: Life,
}

/// The instruments of an exchange on a day.
#[derive(Clone, Debug)]
pub struct InstrumentListing {
    /// The instruments alive on the day, including combos.
    pub instruments: Vec<Instrument>,
    /// What the vendor names for the day but is not in a row, by reason.
    pub left_out: VenueNote,
    /// Keys shared by several symbols, with the symbols. All but the first symbol have another key.
    pub shared_keys: Vec<(InstrumentKey, Vec<String>)>,
}

/// Start and exclusive end, microseconds since the Unix epoch, UTC. The end is `None` if it continues.
type Life = (i64, Option<i64>);

/// Whether a lifetime overlaps a day.
fn is_alive(life: Life, day: Day) -> bool {
    life.0 < day.end_us() && life.1.is_none_or(|to| to > day.start_us())
}

/// Drops an end before the start, which is not plausible. A lifetime that is too long is harmless: the vendor answers that
/// there is no file.
fn in_order(life: Life) -> Life {
    match life {
        (from, Some(to)) if to < from => (to, None),
        life => life,
    }
}

#[derive(Clone, Debug)]
struct Omission {
    life: Life,
    reason: NotExpected,
    name: String,
}

impl Listing {
    /// Converts the vendor's lists. `terms` are the contract terms, `None` if the API key has no access to them.
    pub fn of(details: &ExchangeDetails, terms: Option<&Terms>) -> Listing {
        let exported_until_us = details.datasets.as_ref().map(|d| d.exported_until.timestamp_micros());
        let context = Context::new(details, terms, exported_until_us);
        let from = details.available_since.map_or(i64::MIN, |t| t.timestamp_micros());
        let mut listing = Listing {
            exchange: details.id.clone(),
            instruments: Vec::new(),
            left_out: Vec::new(),
            exported_until_us,
            life_us: (from, details.available_to.map(|t| t.timestamp_micros())),
        };
        for symbol in context.symbols() {
            let life = context.life(&symbol);
            let mut omit = |reason, name: String| {
                listing.left_out.push(Omission { life, reason, name });
            };
            for word in unknown_types(&symbol.files) {
                omit(NotExpected::UnknownDataType, format!("{word} of {}", symbol.id));
            }
            let (word, others) = context.kind(&symbol);
            if !others.is_empty() {
                let name = format!("{} of type `{word}`, elsewhere `{}`", symbol.id, others.join("`, `"));
                omit(NotExpected::TypesDiffer, name);
            }
            listing.instruments.extend(context.instruments(&symbol, type_of(word)));
        }
        for (group, word) in context.unknown_types_of_groups() {
            let life = (group.available_since.timestamp_micros(), None);
            let name = format!("{word} of {}", group.id);
            listing.left_out.push(Omission { life, reason: NotExpected::UnknownDataType, name });
        }
        listing
    }

    /// The instruments of the exchange on a day.
    pub fn on(&self, day: Day) -> InstrumentListing {
        let is_exported = self.exported_until_us.is_some_and(|until| until >= day.end_us());
        // In the list of files, symbols alive at the end of a closed exchange have no end of their own.
        let alive = self.instruments.iter().filter(|i| i.is_alive(day) && is_alive(self.life_us, day));
        let mut instruments: Vec<Instrument> =
            alive.map(|i| Instrument { is_exported, ..i.clone() }).collect();
        let shared_keys = resolve_twins(&mut instruments, day);
        let mut left_out = VenueNote::new();
        let is_open = is_alive(self.life_us, day);
        for omission in self.left_out.iter().filter(|o| is_open && is_alive(o.life, day)) {
            left_out.entry(omission.reason).or_default().add(|| omission.name.clone());
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
        InstrumentListing { instruments, left_out, shared_keys }
    }

    /// Whether the vendor lists a symbol with an end at or before the start of a day.
    pub fn has_ended(&self, raw_symbol: &str, day: Day) -> bool {
        let of_symbol = self.instruments.iter().filter(|i| i.raw_symbol == raw_symbol);
        of_symbol.into_iter().any(|i| i.available_to_us.is_some_and(|to| to <= day.start_us()))
    }

    /// Every instrument, over the whole lifetime of the exchange.
    pub fn instruments(&self) -> &[Instrument] {
        &self.instruments
    }
}

/// The instruments of an exchange on a day. For several days, call [`Listing::of`] once and [`Listing::on`] for each day.
/// `terms` are the contract terms, `None` if the API key has no access to them.
pub fn list_instruments(details: &ExchangeDetails, terms: Option<&Terms>, day: Day) -> InstrumentListing {
    Listing::of(details, terms).on(day)
}

/// A symbol in both of the vendor's lists: that of the API and that of the files. If a list has it several times, the lines are
/// combined.
struct Symbol<'a> {
    id: &'a str,
    api: Vec<&'a ApiSymbol>,
    files: Vec<&'a DatasetSymbol>,
}

struct Context<'a> {
    details: &'a ExchangeDetails,
    /// By dataset symbol.
    files: HashMap<String, Vec<&'a DatasetSymbol>>,
    contracts: HashMap<&'a str, &'a InstrumentInfo>,
    /// Contracts of symbols missing in the API's list, by dataset symbol; `None` if several contracts have it.
    contracts_by_form: HashMap<String, Option<&'a InstrumentInfo>>,
    terms_as_of: Option<Day>,
    exported_until_us: Option<i64>,
    names: Names,
}

impl<'a> Context<'a> {
    fn new(
        details: &'a ExchangeDetails,
        terms: Option<&'a Terms>,
        exported_until_us: Option<i64>,
    ) -> Context<'a> {
        let mut files: HashMap<String, Vec<&DatasetSymbol>> = HashMap::new();
        for symbol in details.datasets.iter().flat_map(|d| &d.symbols) {
            files.entry(dataset_symbol(&symbol.id)).or_default().push(symbol);
        }
        let in_api: HashSet<&str> = details.available_symbols.iter().map(|s| s.id.as_str()).collect();
        let mut contracts = HashMap::new();
        let mut contracts_by_form: HashMap<String, Option<&InstrumentInfo>> = HashMap::new();
        for contract in terms.iter().flat_map(|t| &t.instruments) {
            contracts.insert(contract.id.as_str(), contract);
            if !in_api.contains(contract.id.as_str()) {
                let of_form = contracts_by_form.entry(dataset_symbol(&contract.id));
                of_form
                    .and_modify(|known| *known = known.filter(|k| k.id == contract.id))
                    .or_insert(Some(contract));
            }
        }
        let terms_as_of = terms.and_then(|t| t.as_of);
        let mut names = Names::new(&details.id);
        let of_api = details.available_symbols.iter().map(|s| (&s.id, &s.kind));
        let of_files = details.datasets.iter().flat_map(|d| &d.symbols).map(|s| (&s.id, &s.kind));
        for (id, word) in of_api.chain(of_files) {
            names.add(id, type_of(word));
        }
        Context { details, files, contracts, contracts_by_form, terms_as_of, exported_until_us, names }
    }

    /// The contract of a symbol. If only the list of files has the symbol, it is a dataset symbol.
    fn contract(&self, id: &str) -> Option<&'a InstrumentInfo> {
        let exact = self.contracts.get(id).copied();
        exact.or_else(|| self.contracts_by_form.get(&dataset_symbol(id)).copied().flatten())
    }

    /// The type of a symbol: the most frequent one in the vendor's lists, on a tie the one in the first list; and the other
    /// types.
    fn kind(&self, symbol: &Symbol<'a>) -> (&'a str, Vec<&'a str>) {
        let of_lists =
            symbol.api.iter().map(|a| a.kind.as_str()).chain(symbol.files.iter().map(|d| d.kind.as_str()));
        let words: Vec<&str> =
            of_lists.chain(self.contract(symbol.id).map(|contract| contract.kind.as_str())).collect();
        let count = |word: &str| words.iter().filter(|other| **other == word).count();
        let most = words.iter().map(|word| count(word)).max();
        let kind = words.iter().copied().find(|word| Some(count(word)) == most).unwrap_or_default();
        let mut others: Vec<&str> = words.iter().copied().filter(|word| *word != kind).collect();
        others.dedup();
        (kind, others)
    }

    /// Unknown data types of grouped symbols whose data exists in the grouped file only.
    fn unknown_types_of_groups(&self) -> Vec<(&'a DatasetSymbol, &'a str)> {
        let only_grouped = InstrumentType::Option.group_id().and_then(|id| self.files.get(id));
        let groups = only_grouped.into_iter().flatten();
        groups.flat_map(|group| unknown_types(&[*group]).into_iter().map(|word| (*group, word))).collect()
    }

    /// Every symbol once, without grouped symbols.
    fn symbols(&self) -> Vec<Symbol<'a>> {
        let is_group =
            |id: &str, kind: &str| InstrumentType::of_vendor(kind).and_then(|k| k.group_id()) == Some(id);
        let mut places: HashMap<&str, usize> = HashMap::new();
        let mut in_api = HashSet::new();
        let mut symbols: Vec<Symbol<'a>> = Vec::new();
        for api in &self.details.available_symbols {
            let id = dataset_symbol(&api.id);
            if is_group(&id, &api.kind) {
                continue;
            }
            let place = *places.entry(&api.id).or_insert(symbols.len());
            match symbols.get_mut(place) {
                Some(known) => known.api.push(api),
                None => {
                    let files = self.files.get(&id).cloned().unwrap_or_default();
                    symbols.push(Symbol { id: &api.id, api: vec![api], files });
                }
            }
            in_api.insert(id);
        }
        places.clear();
        for listed in self.details.datasets.iter().flat_map(|d| &d.symbols) {
            if is_group(&listed.id, &listed.kind) || in_api.contains(&dataset_symbol(&listed.id)) {
                continue;
            }
            let place = *places.entry(&listed.id).or_insert(symbols.len());
            match symbols.get_mut(place) {
                Some(known) => known.files.push(listed),
                None => symbols.push(Symbol { id: &listed.id, api: Vec::new(), files: vec![listed] }),
            }
        }
        symbols
    }

    /// The lifetime of a symbol. If the two lists disagree, the wider one: for a day too many the vendor answers that there is
    /// no file, but a missing day would go unnoticed. In the list of files, the end of an active symbol is the end of the
    /// export or later.
    fn life(&self, symbol: &Symbol<'_>) -> Life {
        let micros = |t: DateTime<Utc>| t.timestamp_micros();
        let still_exported = |to: &i64| self.exported_until_us.is_some_and(|until| *to >= until);
        let of_files = symbol.files.iter().map(|d| {
            (micros(d.available_since), d.available_to.map(micros).filter(|to| !still_exported(to)))
        });
        let of_api = symbol.api.iter().map(|a| (micros(a.available_since), a.available_to.map(micros)));
        let lives = of_files.chain(of_api).map(in_order);
        let wider = |a: Life, b: Life| (a.0.min(b.0), a.1.zip(b.1).map(|(a, b)| a.max(b)));
        lives.reduce(wider).unwrap_or((i64::MAX, None))
    }

    /// The instruments of a symbol: usually one, several where its name changes over its life.
    fn instruments(&self, symbol: &Symbol<'_>, kind: InstrumentType) -> Vec<Instrument> {
        let info = self.contract(symbol.id);
        let life = self.life(symbol);
        let strike = info.and_then(|info| info.strike_price.as_ref()).map(ToString::to_string);
        let contract = info.map(|info| contract_of(info, strike.as_deref()));
        let listed = Listed { contract: contract.as_ref(), ..Listed::new(symbol.id, kind) };
        let stretches = self.names.over(&listed, life, self.exported_until_us, |_| None);
        stretches.into_iter().map(|stretch| self.instrument(symbol, kind, info, &listed, stretch)).collect()
    }

    fn instrument(
        &self,
        symbol: &Symbol<'_>,
        kind: InstrumentType,
        contract: Option<&InstrumentInfo>,
        listed: &Listed,
        stretch: Stretch,
    ) -> Instrument {
        let Stretch { from_us: available_from_us, to_us: available_to_us, named } = stretch;
        let dated = Listed { since: Day::containing_us(available_from_us), ..*listed };
        let aliases = self.names.first_version(&dated).into_iter().filter(|key| *key != named.key);
        let aliases = aliases.map(|key| key.to_string()).collect();
        let Named { key, settle, inverse, native, .. } = named;
        let group_data_types = self.group_data_types(kind);
        let own = symbol.files.iter().flat_map(|d| known_types(&d.data_types));
        let only_grouped = group_data_types.iter().filter(|t| t.only_grouped());
        let mut data_types: Vec<DataType> = own.chain(only_grouped.copied()).collect();
        data_types.sort();
        data_types.dedup();
        let stats = symbol.files.iter().find_map(|d| d.stats);
        // The vendor's metadata has the exact time, the symbol only the day.
        let expiry_us = contract.and_then(|c| c.expiry).map(|t| t.timestamp_micros());
        Instrument {
            expiry_us: expiry_us.or_else(|| key.expiry().map(|day| self.usual_end_us(day))),
            key,
            exchange: self.details.id.clone(),
            raw_symbol: symbol.id.to_owned(),
            dataset_symbol: symbol.files.first().map(|d| d.id.clone()),
            available_from_us,
            available_to_us,
            data_types,
            group_data_types,
            withdrawn_data_types: Vec::new(),
            is_listed: true,
            is_exported: false,
            settle,
            inverse,
            terms_as_of: contract.and(self.terms_as_of),
            contract_type: contract.and_then(|c| c.contract_type.clone()),
            contract_size: contract.and_then(|c| c.contract_multiplier),
            tick_size: contract.and_then(|c| c.price_increment),
            min_size: contract.and_then(|c| c.min_trade_amount),
            trades_total: stats.and_then(|s| s.trades),
            book_changes_total: stats.and_then(|s| s.book_changes),
            canonical: native.is_none(),
            native_reason: native.map(|reason| reason.to_string()),
            aliases,
            price_currency: None,
            amount_unit: None,
            quanto: None,
            changes_at_us: Vec::new(),
            contract_sizes_after: Vec::new(),
        }
    }

    /// The usual expiry time of a day, microseconds since the Unix epoch, UTC: 08:00 UTC on Deribit, Binance, OKX and Bybit,
    /// 12:00 UTC on BitMEX.
    fn usual_end_us(&self, day: Day) -> i64 {
        let hour = if self.details.id == "bitmex" { 12 } else { 8 };
        day.start_us() + hour * 3_600_000_000
    }

    fn group_data_types(&self, kind: InstrumentType) -> Vec<DataType> {
        let groups = kind.group_id().and_then(|id| self.files.get(id));
        let mut data_types: Vec<DataType> =
            groups.into_iter().flatten().flat_map(|group| known_types(&group.data_types)).collect();
        if groups.is_some_and(|groups| groups.len() > 1) {
            data_types.sort();
            data_types.dedup();
        }
        data_types
    }
}

/// The instrument type of a word of the vendor; UNKNOWN if it is none of ours.
pub(crate) fn type_of(word: &str) -> InstrumentType {
    InstrumentType::of_vendor(word).unwrap_or(InstrumentType::Unknown)
}

/// The contract terms as the naming of instruments takes them. `strike` is the strike as text.
pub(crate) fn contract_of<'a>(info: &'a InstrumentInfo, strike: Option<&'a str>) -> Contract<'a> {
    Contract {
        base: &info.base_currency,
        quote: &info.quote_currency,
        settle: info.settlement_currency.as_deref(),
        expiry: info.expiry.and_then(|t| Day::containing_us(t.timestamp_micros())),
        dated_expiry: None,
        strike,
        option_side: info.option_type.as_deref().and_then(OptionSide::of_text),
        inverse: info.inverse,
    }
}

/// The known data types. Unknown ones are not an error.
fn known_types(names: &[String]) -> Vec<DataType> {
    names.iter().filter_map(|n| parse_type(n)).collect()
}

/// The unknown data types.
fn unknown_types<'a>(symbols: &[&'a DatasetSymbol]) -> Vec<&'a str> {
    let words = symbols.iter().flat_map(|d| &d.data_types).map(String::as_str);
    words.filter(|word| parse_type(word).is_none()).collect()
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

    fn on(day: &str) -> InstrumentListing {
        list_instruments(&details(), None, day.parse().unwrap())
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

    /// The listing of a day after a change of what the vendor says.
    fn changed(change: impl Fn(&mut ExchangeDetails), terms: Option<&Terms>) -> InstrumentListing {
        let mut details = details();
        change(&mut details);
        list_instruments(&details, terms, "2024-03-01".parse().unwrap())
    }

    fn files(details: &mut ExchangeDetails) -> &mut Vec<DatasetSymbol> {
        &mut details.datasets.as_mut().unwrap().symbols
    }

    fn examples(listing: &InstrumentListing, reason: NotExpected) -> String {
        listing.left_out.get(&reason).map(|left| left.examples.join(", ")).unwrap_or_default()
    }

    #[test]
    fn a_symbol_that_is_listed_twice_is_one_with_all_that_either_line_says() {
        let usual = on("2024-03-01").instruments;
        let other = |symbol: &DatasetSymbol| DatasetSymbol {
            data_types: vec!["liquidations".to_owned()],
            available_to: "2020-01-01T00:00:00Z".parse().ok(),
            ..symbol.clone()
        };
        for place in [0, 3] {
            let twice = |details: &mut ExchangeDetails| {
                let again = other(&files(details)[0]);
                files(details).insert(place, again);
                let again = details.available_symbols[0].clone();
                details.available_symbols.insert(place, again);
            };
            let rows = changed(twice, None).instruments;
            assert_eq!(rows.len(), usual.len());
            let perp = rows.iter().find(|i| i.key == usual[0].key).unwrap();
            assert_eq!(perp.data_types, [DataType::Trades, DataType::Quotes, DataType::Liquidations]);
            assert_eq!(perp.available_to_us, None);
        }
    }

    #[test]
    fn the_type_is_that_of_most_lists_and_a_difference_is_counted() {
        let contract = serde_json::json!({"id": "BTC-PERPETUAL", "type": "perpetual", "baseCurrency": "BTC", "quoteCurrency": "USD"});
        let terms = Terms { as_of: None, instruments: vec![serde_json::from_value(contract).unwrap()] };
        let api = |details: &mut ExchangeDetails| details.available_symbols[0].kind = "combo".to_owned();
        let listed = |details: &mut ExchangeDetails| files(details)[0].kind = "combo".to_owned();
        type Change<'a> = &'a dyn Fn(&mut ExchangeDetails);
        for (change, terms, key) in [
            (&api as Change<'_>, Some(&terms), "DERIBIT:PERP:BTC-USD"),
            (&listed, Some(&terms), "DERIBIT:PERP:BTC-USD"),
            (&listed, None, "DERIBIT:PERP:BTC-USD"),
            (&api, None, "DERIBIT:COMBO:BTC-PERPETUAL"),
        ] {
            let listing = changed(change, terms);
            assert!(listing.instruments.iter().any(|i| i.key.to_string() == key), "{key}");
            assert!(
                examples(&listing, NotExpected::TypesDiffer).starts_with("BTC-PERPETUAL of type `"),
                "{key}"
            );
        }
        assert_eq!(examples(&on("2024-03-01"), NotExpected::TypesDiffer), "");
    }

    #[test]
    fn a_contract_is_found_where_the_list_of_files_alone_has_the_symbol() {
        let contract = serde_json::json!({"id": "btc-perpetual", "type": "perpetual", "baseCurrency": "BTC",
            "quoteCurrency": "USD", "contractMultiplier": 10});
        let contract: InstrumentInfo = serde_json::from_value(contract).unwrap();
        let size = |instruments| {
            let terms = Terms { as_of: None, instruments };
            let alone = |details: &mut ExchangeDetails| drop(details.available_symbols.remove(0));
            let rows = changed(alone, Some(&terms)).instruments;
            rows.iter().find(|i| i.raw_symbol == "BTC-PERPETUAL").unwrap().contract_size
        };
        assert_eq!(size(vec![contract.clone()]), Some(10.0));
        let other = InstrumentInfo { id: "Btc-Perpetual".to_owned(), ..contract.clone() };
        assert_eq!(size(vec![contract, other]), None, "of two it is not known which");
    }

    #[test]
    fn an_end_before_the_start_is_none() {
        let swapped = |details: &mut ExchangeDetails| {
            details.available_symbols.remove(0);
            let perp = &mut files(details)[0];
            let end = perp.available_to.replace(perp.available_since).unwrap();
            perp.available_since = end + chrono::TimeDelta::days(9);
        };
        let listing = changed(swapped, None);
        assert!(listing.instruments.iter().any(|i| i.raw_symbol == "BTC-PERPETUAL"));
    }

    #[test]
    fn data_types_that_come_by_a_groups_file_alone_are_counted_when_their_word_is_not_known() {
        let renamed = |details: &mut ExchangeDetails| files(details)[2].data_types[1] = "chain_v2".to_owned();
        let left_out = examples(&changed(renamed, None), NotExpected::UnknownDataType);
        assert!(left_out.contains("chain_v2 of OPTIONS"), "{left_out}");
    }

    #[test]
    fn a_day_is_exported_when_the_export_reaches_its_end() {
        for (day, expected) in [("2024-03-02", true), ("2024-03-03", false)] {
            assert_eq!(on(day).instruments[0].is_exported, expected, "{day}");
        }
    }
}
