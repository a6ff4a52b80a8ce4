//! An instrument of a day: one row of the instrument table.

use std::collections::BTreeMap;

use crate::day::Day;
use crate::expectation::VenueNote;
use crate::key::{InstrumentKey, OptionSide};
use crate::partition::Partition;
use crate::table::DataType;

/// What a day's instrument table says: what the day is measured against.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DayTable {
    /// A row each; no two have one key.
    pub instruments: Vec<Instrument>,
    /// What has no row, by venue. A venue that was never looked up is not in it, unless an older version wrote its rows.
    pub venues: BTreeMap<String, VenueNote>,
}

impl DayTable {
    /// Whether the table says anything of a venue.
    pub fn knows(&self, venue: &str) -> bool {
        self.venues.contains_key(venue) || self.instruments.iter().any(|i| i.key.venue() == venue)
    }
}

/// What is known of one instrument on one day.
#[derive(Clone, Debug, PartialEq)]
pub struct Instrument {
    /// Its name in the lake.
    pub key: InstrumentKey,
    /// The vendor's id of the exchange.
    pub exchange: String,
    /// The exchange's own symbol, as the vendor's API writes it (`btcusdt`, `XBT/USD`).
    pub raw_symbol: String,
    /// The symbol in the vendor's file URLs (`BTCUSDT`, `XBT-USD`); null: the vendor exports no files of it.
    pub dataset_symbol: Option<String>,
    /// First instant of the vendor's data, microseconds since the Unix epoch, UTC.
    pub available_from_us: i64,
    /// First instant after the vendor's data; null: it still trades.
    pub available_to_us: Option<i64>,
    /// Data types that the vendor exports of it, those that exist only as a group file included.
    pub data_types: Vec<DataType>,
    /// Data types for which the vendor has a group file with this instrument in it.
    pub group_data_types: Vec<DataType>,
    /// Data types that the table had and the vendor no longer lists, although the instrument still lives by the dates
    /// that the vendor gave. Nothing is expected of them; that they went is a finding until it is accepted.
    pub withdrawn_data_types: Vec<DataType>,
    /// False: the whole instrument is no longer listed, as above; what else is known of it stays.
    pub is_listed: bool,
    /// True: the vendor had exported the table's day when the row was written.
    pub is_exported: bool,
    /// What profit and loss are paid in; null: not known.
    pub settle: Option<String>,
    /// True: margined in the base asset; null: not a derivative.
    pub inverse: Option<bool>,
    /// The UTC day on which the vendor's contract terms were read, of which `contract_type`, `contract_size`,
    /// `tick_size` and `min_size` are; null: never, they need a key.
    pub terms_as_of: Option<Day>,
    /// The vendor's `contractType`; null: not known without access to the vendor's instrument metadata.
    pub contract_type: Option<String>,
    /// When a future or an option ends, microseconds since the Unix epoch, UTC; null: it does not, or not known.
    pub expiry_us: Option<i64>,
    /// Units of the base or quote asset in one contract; null: not known.
    pub contract_size: Option<f64>,
    /// Smallest price step, quote asset; null: not known.
    pub tick_size: Option<f64>,
    /// Smallest order, in units of `amount`; null: not known.
    pub min_size: Option<f64>,
    /// Trades over the instrument's whole life, the vendor's statistic; null: not given.
    pub trades_total: Option<u64>,
    /// Book changes over the instrument's whole life, the vendor's statistic; null: not given.
    pub book_changes_total: Option<u64>,
}

impl Instrument {
    /// An instrument of which only key and symbol are known, alive on one day, without data types.
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
        }
    }

    /// Whether the vendor has data of it on a day, or of a part of the day.
    pub fn is_alive(&self, day: Day) -> bool {
        self.available_from_us < day.end_us() && self.available_to_us.is_none_or(|to| to > day.start_us())
    }

    /// Whether there is a moment at which both are alive.
    fn lives_beside(&self, other: &Instrument) -> bool {
        other.available_to_us.is_none_or(|to| to > self.available_from_us)
            && self.available_to_us.is_none_or(|to| to > other.available_from_us)
    }

    /// The partitions that the lake should have of it on a day.
    pub fn expected(&self, day: Day) -> impl Iterator<Item = Partition> + '_ {
        let alive = self.is_alive(day);
        self.data_types.iter().filter(move |_| alive).map(move |t| Partition {
            day,
            data_type: *t,
            key: self.key.clone(),
        })
    }

    /// Rows that one day of a data type has on average over the instrument's life up to `exported_until_us`, from
    /// the vendor's statistics; null where the vendor gives none for the type.
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

    /// The share of a day, 0 to 1, in which the vendor has data of it.
    pub fn share_of_day(&self, day: Day) -> f64 {
        let from = self.available_from_us.max(day.start_us());
        let to = self.available_to_us.unwrap_or(i64::MAX).min(day.end_us());
        to.saturating_sub(from).max(0) as f64 / crate::day::DAY_US as f64
    }

    /// `CALL` or `PUT`; null: not an option.
    pub fn option_side(&self) -> Option<OptionSide> {
        self.key.option_side()
    }
}

/// Gives instruments of one venue that would share a key while both are alive different keys: the older one keeps
/// it, the others get the twin form. Returns the keys that were shared, for the report.
///
/// Twins that share even that form, as the symbols `B C` and `B*C` do, get one that tells any two symbols apart.
pub fn part_twins(instruments: &mut [Instrument]) -> Vec<(InstrumentKey, Vec<String>)> {
    let shared = part_by(instruments, InstrumentKey::with_twin);
    part_by(instruments, InstrumentKey::with_exact_twin);
    shared
}

fn part_by(
    instruments: &mut [Instrument],
    twin_form: impl Fn(&InstrumentKey, &str) -> InstrumentKey,
) -> Vec<(InstrumentKey, Vec<String>)> {
    let mut order: Vec<usize> = (0..instruments.len()).collect();
    order.sort_by(|a, b| {
        let name = |i: &usize| {
            let it = &instruments[*i];
            (&it.key, it.available_from_us, &it.raw_symbol)
        };
        name(a).cmp(&name(b))
    });
    let mut shared = Vec::new();
    let groups: Vec<&[usize]> = order.chunk_by(|a, b| instruments[*a].key == instruments[*b].key).collect();
    for same_key in groups {
        let overlaps = |a: usize, b: usize| instruments[a].lives_beside(&instruments[b]);
        let twins: Vec<usize> = same_key[1..]
            .iter()
            .enumerate()
            .filter(|(i, later)| same_key[..=*i].iter().any(|earlier| overlaps(*earlier, **later)))
            .map(|(_, later)| *later)
            .collect();
        if twins.is_empty() {
            continue;
        }
        let symbols = same_key.iter().map(|i| instruments[*i].raw_symbol.clone()).collect();
        shared.push((instruments[same_key[0]].key.clone(), symbols));
        for twin in twins {
            instruments[twin].key = twin_form(&instruments[twin].key, &instruments[twin].raw_symbol);
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
        let shared = part_twins(&mut list);
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
        part_twins(&mut list);
        let keys: std::collections::BTreeSet<String> = list.iter().map(|i| i.key.to_string()).collect();
        assert_eq!(keys.len(), count, "{keys:?}");
        for key in keys {
            assert_eq!(key.parse::<InstrumentKey>().map(|k| k.to_string()), Ok(key.clone()));
        }
    }

    #[test]
    fn one_after_the_other_is_no_clash() {
        let key = "BYBIT-SPOT:SPOT_PAIR:LUNA-USDT";
        let mut list = vec![
            instrument(key, "LUNAUSDT", "2021-01-01", Some("2022-05-13")),
            instrument(key, "LUNA2USDT", "2022-05-28", None),
        ];
        assert!(part_twins(&mut list).is_empty());
        assert!(list.iter().all(|i| i.key.to_string() == key));
    }
}
