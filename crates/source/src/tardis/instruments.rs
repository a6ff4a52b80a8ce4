//! Converts the vendor's metadata to the instruments of a day.
//!
//! Keys come from the symbols, which are read together. Lifetimes, data types and terms always come from the vendor, never from
//! constants, and are those of the day.

mod amounts;
mod join;
mod lives;
mod terms;

use std::collections::{BTreeMap, BTreeSet};

use mtdh_core::day::DAY_US;
use mtdh_core::expectation::{LeftOut, NotExpected, VenueNote};
use mtdh_core::instrument::{Instrument, resolve_twins};
use mtdh_core::key::{InstrumentKey, InstrumentType};
use mtdh_core::symbol::{Listed, Named, Names, Stretch};
use mtdh_core::{DataType, Day};

use crate::tardis::metadata::Lists;
use crate::tardis::metadata::model::{InstrumentInfo, contract_of, type_of};
use amounts::amount_unit;
use join::{Entry, FileLine};
use lives::{Life, is_alive, wider};
use terms::{changes_within, in_force, stated_expiry, stated_kind};

/// Everything that the vendor lists for an exchange, over its whole lifetime.
#[derive(Clone, Debug)]
pub struct Listing {
    /// The vendor's id of the exchange.
    pub exchange: String,
    /// The names of its symbols.
    names: Names,
    /// Every symbol once, except grouped ones.
    entries: Vec<Entry>,
    /// The grouped symbols of the list of files, by id.
    groups: BTreeMap<String, Vec<FileLine>>,
    /// Elements of the lists that could not be read.
    unreadable: LeftOut,
    /// Why the contract terms could not be read.
    without_terms: Option<String>,
    /// The UTC day on which the contract terms were last known to be current.
    terms_as_of: Option<Day>,
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

impl Listing {
    /// Converts the vendor's lists.
    pub fn of(lists: &Lists) -> Listing {
        let Lists { details, terms, without_terms, names } = lists;
        let exported_until_us = details.datasets.as_ref().map(|d| d.exported_until.timestamp_micros());
        let from = details.available_since.map_or(i64::MIN, |t| t.timestamp_micros());
        let contracts = terms.as_ref().map(|terms| terms.instruments.as_slice()).unwrap_or_default();
        let mut unreadable = details.unreadable.clone();
        if let Some(terms) = terms {
            unreadable.merge(&terms.unreadable);
        }
        Listing {
            exchange: details.id.clone(),
            names: names.clone(),
            entries: join::entries(details, contracts, exported_until_us),
            groups: join::groups(details, exported_until_us),
            unreadable,
            without_terms: without_terms.clone(),
            terms_as_of: terms.as_ref().and_then(|terms| terms.as_of),
            exported_until_us,
            life_us: (from, details.end().map(|t| t.timestamp_micros())),
        }
    }

    /// The instruments of the exchange on a day.
    pub fn on(&self, day: Day) -> InstrumentListing {
        let (mut instruments, mut left_out) = (Vec::new(), self.notes(day));
        for entry in &self.entries {
            // Of two lives on one day, the day has one row.
            let alive = entry.lives.iter().copied().filter(|life| is_alive(*life, day));
            if let Some(life) = alive.reduce(wider).filter(|_| self.is_open(day)) {
                instruments.push(self.row(entry, life, day, &mut left_out));
            }
        }
        let shared_keys = resolve_twins(&mut instruments, day);
        InstrumentListing { instruments, left_out, shared_keys }
    }

    /// What the vendor says of the exchange on a day, besides its symbols.
    fn notes(&self, day: Day) -> VenueNote {
        let mut notes = VenueNote::new();
        let mut note = |reason: NotExpected, text: String| notes.entry(reason).or_default().add(|| text);
        let at = |us| Day::containing_us(us).map_or_else(String::new, |day| day.to_string());
        match self.life_us {
            (start, _) if start >= day.end_us() => {
                note(NotExpected::NotYetOpen, format!("{}, recorded since {}", self.exchange, at(start)));
            }
            (_, Some(end)) if !self.is_open(day) => {
                note(NotExpected::Closed, format!("{}, recorded until {}", self.exchange, at(end - 1)));
            }
            _ if self.exported_until_us.is_none() => {
                note(NotExpected::NothingExported, self.exchange.clone());
            }
            _ => {}
        }
        if !self.is_open(day) {
            return notes;
        }
        // The data of these exists in the grouped file only.
        if let Some((id, lines)) =
            InstrumentType::Option.group_id().and_then(|id| self.groups.get_key_value(id))
        {
            let words =
                lines.iter().filter(|line| is_alive(line.life, day)).flat_map(|line| &line.unknown_types);
            words.for_each(|word| note(NotExpected::UnknownDataType, format!("{word} of {id}")));
        }
        if let Some(cause) = &self.without_terms {
            note(NotExpected::WithoutTerms, format!("{}: {cause}", self.exchange));
        }
        if self.unreadable.count > 0 {
            notes.insert(NotExpected::Unreadable, self.unreadable.clone());
        }
        notes
    }

    fn is_open(&self, day: Day) -> bool {
        is_alive(self.life_us, day)
    }

    /// The row of an instrument that is alive on the day. What is left out of it is added to `left_out`.
    fn row(&self, entry: &Entry, life: Life, day: Day, left_out: &mut VenueNote) -> Instrument {
        let mut note = |reason: NotExpected, text: String| left_out.entry(reason).or_default().add(|| text);
        for word in entry.files_of(life).flat_map(|line| &line.unknown_types).collect::<BTreeSet<_>>() {
            note(NotExpected::UnknownDataType, format!("{word} of {}", entry.id));
        }
        let contract = entry.contract(life);
        // A symbol that is listed within the day has the terms of its first moment.
        let at_us = life.0.max(day.start_us());
        let (word, others) = entry.kind(contract, at_us);
        if !others.is_empty() {
            let others = others.join("`, `");
            note(NotExpected::TypesDiffer, format!("{} of type `{word}`, elsewhere `{others}`", entry.id));
        }
        let kind = type_of(&word);
        let terms = contract.map(|contract| in_force(contract, at_us));
        let terms = terms.as_ref();
        let (stretch, mut aliases) = self.name(entry, life, kind, contract, terms, day);
        let Stretch { from_us, to_us, named } = stretch;
        aliases.extend(entry.aliases.iter().cloned());
        let margin = Margin::of(&named, terms, named.key.instrument_type());
        let end_us = day.end_us().min(to_us.unwrap_or(i64::MAX));
        let changes = contract.map(|contract| changes_within(contract, at_us, end_us)).unwrap_or_default();
        let sizes: Option<Vec<f64>> = changes.iter().map(|(_, terms)| terms.contract_multiplier).collect();
        let group_data_types = self.group_data_types(kind, day);
        let stats = entry.files_of(life).find_map(|line| line.stats);
        let expiry_us = match terms {
            Some(terms) => terms.expiry.map(|expiry| expiry.timestamp_micros()),
            None => named.key.expiry().map(|day| self.usual_end_us(day)),
        };
        Instrument {
            price_currency: self.price_currency(&named, terms),
            amount_unit: amount_unit(&self.exchange, named.key.instrument_type(), margin.inverse),
            canonical: named.native.is_none(),
            native_reason: named.native.map(|reason| reason.to_string()),
            key: named.key,
            exchange: self.exchange.clone(),
            raw_symbol: entry.id.clone(),
            dataset_symbol: entry.dataset.clone(),
            available_from_us: from_us,
            // In the list of files, symbols alive at the end of a closed exchange have no end of their own.
            available_to_us: [to_us, self.life_us.1].into_iter().flatten().min(),
            data_types: entry.data_types(life, kind, &group_data_types),
            group_data_types,
            withdrawn_data_types: Vec::new(),
            is_listed: true,
            is_exported: self.is_exported(day),
            settle: margin.settle,
            inverse: margin.inverse,
            quanto: margin.quanto,
            terms_as_of: contract.and(self.terms_as_of),
            contract_type: terms.and_then(|terms| terms.contract_type.clone()),
            expiry_us,
            contract_size: terms.and_then(|terms| terms.contract_multiplier),
            tick_size: terms.and_then(|terms| terms.price_increment),
            min_size: terms.and_then(|terms| terms.min_trade_amount),
            trades_total: stats.and_then(|s| s.trades),
            book_changes_total: stats.and_then(|s| s.book_changes),
            aliases,
            changes_at_us: changes.iter().map(|(us, _)| *us).collect(),
            contract_sizes_after: sizes.unwrap_or_default(),
        }
    }

    /// The name of an instrument on a day, with the part of its life in which it has it, and its earlier keys.
    fn name(
        &self,
        entry: &Entry,
        life: Life,
        kind: InstrumentType,
        contract: Option<&InstrumentInfo>,
        terms: Option<&InstrumentInfo>,
        day: Day,
    ) -> (Stretch, Vec<String>) {
        let strike = terms.and_then(|terms| terms.strike_price.as_ref()).map(ToString::to_string);
        let terms = terms.map(|terms| contract_of(terms, strike.as_deref()));
        let listed = Listed { contract: terms.as_ref(), ..Listed::new(&entry.id, kind) };
        let dated_expiry = |day: Day| contract.and_then(|contract| stated_expiry(contract, day.start_us()));
        let mut stretches = self.names.over(&listed, life, self.exported_until_us, dated_expiry);
        let place = stretches.iter().position(|stretch| is_alive((stretch.from_us, stretch.to_us), day));
        let stretch = stretches.swap_remove(place.unwrap_or(stretches.len() - 1));
        let dated = Listed { since: Day::containing_us(life.0), ..listed };
        let earlier = self.names.first_version(&dated).into_iter().filter(|key| *key != stretch.named.key);
        let earlier = earlier.map(|key| key.to_string()).collect();
        (stretch, earlier)
    }

    /// Whether the export has everything of a day. A closed exchange has nothing after its end.
    fn is_exported(&self, day: Day) -> bool {
        let end = self.life_us.1.unwrap_or(i64::MAX).min(day.end_us());
        self.exported_until_us.is_some_and(|until| until >= end)
    }

    /// The usual expiry time of a day, microseconds since the Unix epoch, UTC: 08:00 UTC on Deribit, Binance, OKX and Bybit,
    /// 12:00 UTC on BitMEX. A guess: it explains nothing.
    fn usual_end_us(&self, day: Day) -> i64 {
        let hour = if self.exchange == "bitmex" { 12 } else { 8 };
        day.start_us() + hour * 3_600_000_000
    }

    /// The currency in which prices are quoted: the vendor's word; else that of the symbol. Deribit quotes an option in the
    /// asset in which it is settled: <https://docs.deribit.com>.
    fn price_currency(&self, named: &Named, terms: Option<&InstrumentInfo>) -> Option<String> {
        let stated = terms.map(|terms| terms.quote_currency.to_uppercase()).filter(|word| !word.is_empty());
        let by_name = || match named.key.instrument_type() {
            _ if named.native.is_some() => None,
            InstrumentType::SpotPair | InstrumentType::Perp | InstrumentType::Future => named.quote.clone(),
            InstrumentType::Option if self.exchange == "deribit" => named.settle.clone(),
            _ => None,
        };
        stated.or_else(by_name)
    }

    /// The data types that the vendor's grouped file of a type has on a day.
    fn group_data_types(&self, kind: InstrumentType, day: Day) -> Vec<DataType> {
        let lines = kind.group_id().and_then(|id| self.groups.get(id)).into_iter().flatten();
        let alive = lines.filter(|line| is_alive(line.life, day));
        let types: BTreeSet<DataType> = alive.flat_map(|line| line.data_types.iter().copied()).collect();
        types.into_iter().collect()
    }

    /// Whether the vendor lists a symbol with an end at or before the start of a day, or the exchange had closed by then.
    pub fn has_ended(&self, raw_symbol: &str, day: Day) -> bool {
        // An export that goes on long after the exchange's end contradicts it: then no row is given up for it.
        let is_sound =
            |end: i64| self.exported_until_us.is_none_or(|until| until <= end.saturating_add(DAY_US));
        if self.life_us.1.is_some_and(|end| end <= day.start_us() && is_sound(end)) {
            return true;
        }
        let mut named = self.entries.iter().filter(|entry| entry.is_called(raw_symbol));
        named.any(|entry| {
            let has_end = entry.lives.iter().any(|(_, to)| to.is_some_and(|to| to <= day.start_us()));
            has_end && !entry.lives.iter().any(|life| is_alive(*life, day))
        })
    }

    /// Every instrument over the whole lifetime of the exchange, by every key that it ever had: with the terms of its first
    /// day, of each change, and of the first day of each year. Not for the rows of a day.
    pub fn instruments(&self) -> Vec<Instrument> {
        let mut all = Vec::new();
        for entry in &self.entries {
            let mut keys: BTreeSet<InstrumentKey> = BTreeSet::new();
            for life in &entry.lives {
                for day in self.days_of_names(entry, *life) {
                    let row = self.row(entry, *life, day, &mut VenueNote::new());
                    all.extend(Some(row).filter(|row| keys.insert(row.key.clone())));
                }
            }
        }
        all
    }

    /// Days on which an instrument may have another name.
    fn days_of_names(&self, entry: &Entry, life: Life) -> BTreeSet<Day> {
        let first = Day::containing_us(life.0);
        let last = life.1.or(self.exported_until_us).and_then(|us| Day::containing_us(us - 1)).or(first);
        let mut days: BTreeSet<Day> = first.into_iter().chain(last).collect();
        let changes = entry.contracts.iter().flat_map(|contract| &contract.changes);
        days.extend(changes.filter_map(|change| Day::containing_us(change.until.timestamp_micros())));
        if let (Some(first), Some(last)) = (first, last) {
            // A list may state any year.
            let years = (first.year() + 1..=last.year()).take(MOST_YEARS);
            days.extend(years.filter_map(|year| Day::new(year, 1, 1)));
        }
        days.into_iter().filter(|day| is_alive(life, *day)).collect()
    }
}

/// The most years of one life that are looked at for names.
const MOST_YEARS: usize = 50;

/// The instruments of an exchange on a day. For several days, call [`Listing::of`] once and [`Listing::on`] for each day.
pub fn list_instruments(lists: &Lists, day: Day) -> InstrumentListing {
    Listing::of(lists).on(day)
}

impl Entry {
    /// Whether the vendor uses a name for it, in one of its lists.
    fn is_called(&self, name: &str) -> bool {
        self.id == name || self.dataset.as_deref() == Some(name) || self.aliases.iter().any(|a| a == name)
    }

    /// Its lines in the list of files during a life; all of them if none is about that life: the vendor then answers that there
    /// is no file.
    fn files_of(&self, life: Life) -> impl Iterator<Item = &FileLine> {
        let is_of_life = move |line: &&FileLine| {
            line.life.0 < life.1.unwrap_or(i64::MAX) && line.life.1.is_none_or(|to| to > life.0)
        };
        let has_own = self.files.iter().any(|line| is_of_life(&line));
        self.files.iter().filter(move |line| !has_own || is_of_life(line))
    }

    /// The contract terms of a life; `None` if none are known of it.
    fn contract(&self, life: Life) -> Option<&InstrumentInfo> {
        let is_of_life = |contract: &&InstrumentInfo| {
            let from = contract.available_since.map_or(i64::MIN, |t| t.timestamp_micros());
            let to = contract.available_to.map_or(i64::MAX, |t| t.timestamp_micros());
            to < from || (from < life.1.unwrap_or(i64::MAX) && to > life.0)
        };
        self.contracts.iter().find(is_of_life)
    }

    /// The type at a time: that of the vendor's changes; else the most frequent one in its lists, on a tie one that is known, then
    /// the one in the first list; and the other types, also that of the contract terms. Today's terms have no vote: a key must not
    /// depend on the user's plan.
    fn kind(&self, contract: Option<&InstrumentInfo>, at_us: i64) -> (String, Vec<String>) {
        if let Some(word) = contract.and_then(|contract| stated_kind(contract, at_us)) {
            return (word, Vec::new());
        }
        let rank = |word: &String| {
            let count = self.kinds.iter().filter(|other| *other == word).count();
            (count, type_of(word) != InstrumentType::Unknown)
        };
        let best = self.kinds.iter().map(rank).max();
        let kind = self.kinds.iter().find(|word| Some(rank(word)) == best).cloned().unwrap_or_default();
        let of_terms = contract.map(|contract| &contract.kind);
        let others = self.kinds.iter().chain(of_terms).filter(|word| **word != kind);
        let mut others: Vec<String> = others.cloned().collect();
        others.dedup();
        (kind, others)
    }

    /// The data types of a life. `of_group` are those of the grouped file of its type: it has those that exist only there of every
    /// instrument, and all of an option without files of its own. Of other types, what the vendor exports has a file of its own.
    fn data_types(&self, life: Life, kind: InstrumentType, of_group: &[DataType]) -> Vec<DataType> {
        let own: BTreeSet<DataType> =
            self.files_of(life).flat_map(|line| line.data_types.iter().copied()).collect();
        let is_of_group = kind == InstrumentType::Option && self.files.is_empty();
        let by_group = of_group.iter().filter(|t| is_of_group || t.only_grouped());
        let own = own.iter().filter(|t| !t.only_grouped() || of_group.contains(t));
        own.chain(by_group).copied().collect::<BTreeSet<_>>().into_iter().collect()
    }
}

/// How a contract is settled.
struct Margin {
    settle: Option<String>,
    inverse: Option<bool>,
    quanto: Option<bool>,
}

impl Margin {
    /// By the vendor's words, and where it has none by the symbol. The vendor states `settlementCurrency` for quanto and inverse
    /// contracts only: <https://docs.tardis.dev/api/instruments-metadata-api>.
    fn of(named: &Named, terms: Option<&InstrumentInfo>, kind: InstrumentType) -> Margin {
        let is_derivative =
            matches!(kind, InstrumentType::Perp | InstrumentType::Future | InstrumentType::Option);
        let Some(terms) = terms.filter(|_| is_derivative) else {
            return Margin { settle: named.settle.clone(), inverse: named.inverse, quanto: None };
        };
        let begins = |word: &str| terms.contract_type.as_deref().is_some_and(|t| t.starts_with(word));
        let by_type = |yes: &str, no: [&str; 2]| match () {
            () if begins(yes) => Some(true),
            () if no.iter().any(|word| begins(word)) => Some(false),
            () => None,
        };
        let inverse = terms.inverse.or_else(|| by_type("inverse_", ["linear_", "quanto_"]));
        let quanto = terms.quanto.or_else(|| by_type("quanto_", ["linear_", "inverse_"]));
        let word = |text: &str| Some(text.to_uppercase()).filter(|text| !text.is_empty());
        let settle = match (&terms.settlement_currency, inverse) {
            (Some(stated), _) => named.settle.clone().or_else(|| word(stated)),
            (None, _) if quanto == Some(true) => None,
            (None, Some(true)) => word(&terms.base_currency).or_else(|| named.base.clone()),
            (None, Some(false)) => word(&terms.quote_currency).or_else(|| named.quote.clone()),
            (None, None) => named.settle.clone(),
        };
        Margin { inverse: inverse.or(named.inverse), quanto, settle }
    }
}

#[cfg(test)]
mod tests;
