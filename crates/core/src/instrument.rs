//! Instruments: the rows of a day's instrument table.

use std::collections::{BTreeMap, BTreeSet};

use crate::day::Day;
use crate::expectation::VenueNote;
use crate::key::{InstrumentKey, KEY_VERSION, OptionSide};
use crate::partition::Partition;
use crate::table::DataType;

/// A day's instrument table. Expected partitions are computed from it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DayTable {
    /// The instruments. Keys are unique.
    pub instruments: Vec<Instrument>,
    /// What has no row, by venue. Contains every venue that was looked up, except those written by an older version.
    pub venues: BTreeMap<String, VenueNote>,
    /// The version of the keys of each venue's rows, see [`KEY_VERSION`]. A venue that is not in it has version 1.
    pub key_versions: BTreeMap<String, u32>,
}

impl DayTable {
    /// Whether the table covers a venue.
    pub fn knows(&self, venue: &str) -> bool {
        self.venues.contains_key(venue) || self.instruments.iter().any(|i| i.key.venue() == venue)
    }

    /// The venues of rows whose keys are of an earlier version, sorted.
    pub fn venues_with_former_keys(&self) -> BTreeSet<&str> {
        let is_former = |venue: &&str| self.key_versions.get(*venue).is_none_or(|v| *v < KEY_VERSION);
        self.instruments.iter().map(|i| i.key.venue()).filter(is_former).collect()
    }
}

/// One instrument on one day.
#[derive(Clone, Debug, PartialEq)]
pub struct Instrument {
    /// The instrument key: the name in the lake.
    pub key: InstrumentKey,
    /// The vendor's id of the exchange.
    pub exchange: String,
    /// The exchange's own symbol, as the vendor's API writes it (`btcusdt`, `XBT/USD`).
    pub raw_symbol: String,
    /// The symbol in the vendor's file URLs (`BTCUSDT`, `XBT-USD`); `None` if the vendor exports no files of it.
    pub dataset_symbol: Option<String>,
    /// Start of the vendor's data, microseconds since the Unix epoch, UTC.
    pub available_from_us: i64,
    /// Exclusive end of the vendor's data, microseconds since the Unix epoch, UTC; `None` if it still trades.
    pub available_to_us: Option<i64>,
    /// Data types that the vendor exports for it, including those that exist only in a grouped file.
    pub data_types: Vec<DataType>,
    /// Data types for which the vendor has a grouped file that contains this instrument.
    pub group_data_types: Vec<DataType>,
    /// Data types that the table had and the vendor no longer lists, although the vendor gave no end date. No partition is
    /// expected for them. Their removal is a finding until it is accepted.
    pub withdrawn_data_types: Vec<DataType>,
    /// Whether the vendor still lists the instrument. If not, the other fields keep their last values.
    pub is_listed: bool,
    /// Whether the vendor had exported the table's day when the row was written.
    pub is_exported: bool,
    /// The settlement asset; `None` if unknown.
    pub settle: Option<String>,
    /// Whether it is margined in the base asset; `None` if it is not a derivative.
    pub inverse: Option<bool>,
    /// The UTC day on which the vendor's contract terms were read (`contract_type`, `contract_size`, `tick_size`,
    /// `min_size`); `None` if never, because they need an API key.
    pub terms_as_of: Option<Day>,
    /// The vendor's `contractType`; `None` if the vendor's instrument metadata was not accessible.
    pub contract_type: Option<String>,
    /// Expiry of a future or an option, microseconds since the Unix epoch, UTC; `None` if it has none or it is unknown.
    pub expiry_us: Option<i64>,
    /// Units of the base or quote asset in one contract; `None` if unknown.
    pub contract_size: Option<f64>,
    /// Smallest price step, in the quote asset; `None` if unknown.
    pub tick_size: Option<f64>,
    /// Smallest order, in units of `amount`; `None` if unknown.
    pub min_size: Option<f64>,
    /// Trades over the instrument's whole life, from the vendor's statistics; `None` if not given.
    pub trades_total: Option<u64>,
    /// Book changes over the instrument's whole life, from the vendor's statistics; `None` if not given.
    pub book_changes_total: Option<u64>,
    /// Whether the key is canonical: made of base, quote and terms. If not, it is the venue's own symbol.
    pub canonical: bool,
    /// Why the key is not canonical; `None` if it is.
    pub native_reason: Option<String>,
    /// Earlier keys of the instrument, and other symbols under which the vendor lists the same file.
    pub aliases: Vec<String>,
    /// The currency in which prices are quoted, upper case, in force at the day's start; `None` if unknown.
    pub price_currency: Option<String>,
    /// What `amount` counts; `None` if unknown.
    pub amount_unit: Option<AmountUnit>,
    /// Whether profit and loss are paid in an asset that is neither base nor quote; `None` if it is not a derivative, or unknown.
    pub quanto: Option<bool>,
    /// When a term of the contract changes within the table's day, ascending, microseconds since the Unix epoch, UTC. The other
    /// fields have the values at the day's start.
    pub changes_at_us: Vec<i64>,
    /// The contract size from each of these times on. Empty if there are none, or the size is unknown.
    pub contract_sizes_after: Vec<f64>,
}

/// What the `amount` of an instrument counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AmountUnit {
    /// The base asset.
    Base,
    /// The quote asset.
    Quote,
    /// Contracts, each of the contract size.
    Contracts,
}

impl AmountUnit {
    const NAMES: [(AmountUnit, &'static str); 3] =
        [(AmountUnit::Base, "base"), (AmountUnit::Quote, "quote"), (AmountUnit::Contracts, "contracts")];

    /// Its word in tables: `base`, `quote` or `contracts`.
    pub fn name(self) -> &'static str {
        Self::NAMES.iter().find(|(unit, _)| *unit == self).map_or("", |(_, name)| name)
    }

    /// The unit of a word in a table; `None` if it is none.
    pub fn of_name(name: &str) -> Option<AmountUnit> {
        Self::NAMES.iter().find(|(_, other)| *other == name).map(|(unit, _)| *unit)
    }
}

impl Instrument {
    /// An instrument with only a key and a symbol, available on one day, without data types.
    pub fn of_name(key: InstrumentKey, exchange: &str, symbol: &str, day: Day) -> Instrument {
        Instrument {
            key,
            exchange: exchange.to_owned(),
            raw_symbol: symbol.to_owned(),
            dataset_symbol: Some(symbol.to_owned()),
            available_from_us: day.start_us(),
            available_to_us: Some(day.end_us()),
            data_types: Vec::new(),
            group_data_types: Vec::new(),
            withdrawn_data_types: Vec::new(),
            is_listed: true,
            is_exported: true,
            settle: None,
            inverse: None,
            terms_as_of: None,
            contract_type: None,
            expiry_us: None,
            contract_size: None,
            tick_size: None,
            min_size: None,
            trades_total: None,
            book_changes_total: None,
            canonical: true,
            native_reason: None,
            aliases: Vec::new(),
            price_currency: None,
            amount_unit: None,
            quanto: None,
            changes_at_us: Vec::new(),
            contract_sizes_after: Vec::new(),
        }
    }

    /// Adds the key and the aliases of an earlier version of the row to its aliases: each once, sorted, without its own key.
    pub fn keep_names_of(&mut self, earlier: &Instrument) {
        self.aliases.extend(earlier.aliases.iter().cloned());
        self.aliases.push(earlier.key.to_string());
        self.aliases.retain(|alias| *alias != self.key.as_str());
        self.aliases.sort();
        self.aliases.dedup();
    }

    /// Whether the vendor has data of it on a day or on a part of the day.
    pub fn is_alive(&self, day: Day) -> bool {
        self.available_from_us < day.end_us() && self.available_to_us.is_none_or(|to| to > day.start_us())
    }

    /// The partitions expected for it on a day; none if it is not alive.
    pub fn expected(&self, day: Day) -> impl Iterator<Item = Partition> + '_ {
        let alive = self.is_alive(day);
        self.data_types.iter().filter(move |_| alive).map(move |t| Partition {
            day,
            data_type: *t,
            key: self.key.clone(),
        })
    }

    /// Mean rows per day of a data type over the instrument's life up to `exported_until_us` (microseconds since the Unix
    /// epoch, UTC), from the vendor's statistics; `None` if there are none for the type.
    pub fn expected_rows(&self, data_type: DataType, exported_until_us: i64) -> Option<u64> {
        let total = match data_type {
            DataType::Trades => self.trades_total,
            DataType::IncrementalBookL2 => self.book_changes_total,
            _ => None,
        }?;
        let end = self.available_to_us.unwrap_or(exported_until_us).min(exported_until_us);
        let days = end.saturating_sub(self.available_from_us).max(1) as f64 / crate::day::DAY_US as f64;
        Some((total as f64 / days.max(1.0)).round() as u64)
    }

    /// The expiry by the vendor's terms, microseconds since the Unix epoch, UTC; `None` if it has none, or if the table's is the
    /// usual hour of the key's day, which is a guess.
    pub fn stated_expiry_us(&self) -> Option<i64> {
        self.expiry_us.filter(|_| self.terms_as_of.is_some())
    }

    /// The share of a day, 0 to 1, for which the vendor has data of it.
    pub fn share_of_day(&self, day: Day) -> f64 {
        let from = self.available_from_us.max(day.start_us());
        let to = self.available_to_us.unwrap_or(i64::MAX).min(day.end_us());
        to.saturating_sub(from).max(0) as f64 / crate::day::DAY_US as f64
    }

    /// Call or put; `None` if it is not an option.
    pub fn option_side(&self) -> Option<OptionSide> {
        self.key.option_side()
    }
}

/// Resolves key collisions on a day: of the instruments of one venue that share a key and are alive on the day, the one that began
/// first keeps the key, and the others get the twin form. If they began together, the order of their symbols decides. Returns the
/// shared keys with their raw symbols.
///
/// A mark belongs to the days on which both are alive. Before and after, each has the plain key, so that the series of a market
/// goes on under one key when the venue renames it.
///
/// Twins that share even the twin form, for example the symbols `B C` and `B*C`, get a form that is unique per symbol.
pub fn resolve_twins(instruments: &mut [Instrument], day: Day) -> Vec<(InstrumentKey, Vec<String>)> {
    let shared = resolve_by(instruments, day, InstrumentKey::with_twin);
    resolve_by(instruments, day, InstrumentKey::with_exact_twin);
    shared
}

fn resolve_by(
    instruments: &mut [Instrument],
    day: Day,
    twin_form: impl Fn(&InstrumentKey, &str) -> InstrumentKey,
) -> Vec<(InstrumentKey, Vec<String>)> {
    let mut order: Vec<usize> = (0..instruments.len()).filter(|i| instruments[*i].is_alive(day)).collect();
    order.sort_by(|a, b| {
        let name = |i: &usize| {
            let it = &instruments[*i];
            (&it.key, it.available_from_us, &it.raw_symbol)
        };
        name(a).cmp(&name(b))
    });
    let groups: Vec<&[usize]> = order.chunk_by(|a, b| instruments[*a].key == instruments[*b].key).collect();
    let mut shared = Vec::new();
    for same_key in groups.into_iter().filter(|group| group.len() > 1) {
        let symbols = same_key.iter().map(|i| instruments[*i].raw_symbol.clone()).collect();
        shared.push((instruments[same_key[0]].key.clone(), symbols));
        for twin in &same_key[1..] {
            instruments[*twin].key = twin_form(&instruments[*twin].key, &instruments[*twin].raw_symbol);
        }
    }
    shared
}

#[cfg(test)]
mod tests {
    use super::*;

    fn instrument(key: &str, raw: &str, from: &str, to: Option<&str>) -> Instrument {
        let day = |t: &str| t.parse::<Day>().unwrap();
        Instrument {
            available_to_us: to.map(|t| day(t).start_us()),
            data_types: vec![DataType::Trades, DataType::Quotes],
            trades_total: Some(1000),
            ..Instrument::of_name(key.parse().unwrap(), "deribit", raw, day(from))
        }
    }

    #[test]
    fn partitions_are_expected_only_while_it_lives() {
        let it = instrument("DERIBIT:PERP:BTC-USD", "BTC-PERPETUAL", "2024-03-01", Some("2024-03-03"));
        for (day, count) in [("2024-02-29", 0), ("2024-03-01", 2), ("2024-03-02", 2), ("2024-03-03", 0)] {
            assert_eq!(it.expected(day.parse().unwrap()).count(), count, "{day}");
        }
        let until = "2024-03-02".parse::<Day>().unwrap().start_us();
        assert_eq!(it.expected_rows(DataType::Trades, until), Some(1000));
        assert_eq!(it.expected_rows(DataType::Quotes, until), None);
    }

    #[test]
    fn neither_of_two_instruments_with_one_key_is_lost() {
        let key = "BYBIT-SPOT:SPOT_PAIR:BTC-USDT";
        let mut list = vec![
            instrument(key, "BTC3", "2024-02-01", None),
            instrument(key, "BTCUSDT", "2021-01-01", None),
            instrument("BYBIT-SPOT:SPOT_PAIR:ETH-USDT", "ETHUSDT", "2021-01-01", None),
        ];
        let shared = resolve_twins(&mut list, "2024-03-01".parse().unwrap());
        assert_eq!(shared, [(key.parse().unwrap(), vec!["BTCUSDT".to_owned(), "BTC3".to_owned()])]);
        assert_eq!(list[0].key.to_string(), format!("{key}~BTC3"));
        assert_eq!(list[1].key.to_string(), key);
    }

    #[test]
    fn no_two_symbols_end_in_one_key() {
        let key = "BYBIT-SPOT:SPOT_PAIR:B-B";
        let symbols = ["AAA", "B C", "B*C", "B-C", "b-c", "B\u{e9}C", "B\u{65}\u{301}C"];
        let long = "X".repeat(300);
        let names = symbols.iter().map(|s| (*s).to_owned()).chain([format!("{long}1"), format!("{long}2")]);
        let mut list: Vec<Instrument> = names.map(|raw| instrument(key, &raw, "2021-01-01", None)).collect();
        let count = list.len();
        resolve_twins(&mut list, "2024-03-01".parse().unwrap());
        let keys: std::collections::BTreeSet<String> = list.iter().map(|i| i.key.to_string()).collect();
        assert_eq!(keys.len(), count, "{keys:?}");
        for key in keys {
            assert_eq!(key.parse::<InstrumentKey>().map(|k| k.to_string()), Ok(key.clone()));
        }
    }

    #[test]
    fn a_mark_belongs_to_the_days_on_which_both_live() {
        let key = "POLONIEX:SPOT_PAIR:BTC-USDT";
        let list = [
            instrument(key, "USDT_BTC", "2019-03-30", Some("2022-08-03")),
            instrument(key, "BTC_USDT", "2022-08-02", None),
        ];
        for (day, keys) in [
            ("2022-08-01", [key.to_owned(), key.to_owned()]),
            ("2022-08-02", [key.to_owned(), format!("{key}~BTC_USDT")]),
            ("2022-08-03", [key.to_owned(), key.to_owned()]),
        ] {
            let mut of_day = list.clone();
            let shared = resolve_twins(&mut of_day, day.parse().unwrap());
            assert_eq!(of_day.map(|i| i.key.to_string()), keys, "{day}");
            assert_eq!(shared.len(), usize::from(day == "2022-08-02"));
        }
    }
}
