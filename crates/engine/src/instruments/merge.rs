//! Merges a new answer of the vendor into a day's table, without losing what is known.
//!
//! An answer that is incomplete or was not permitted does not replace what is known. Rows that the vendor no longer lists
//! stay in the table, marked as withdrawn, until the user accepts the removal. A row is removed without that only if the
//! vendor itself gave its end.

use std::collections::{BTreeMap, BTreeSet};

use mtdh_core::instrument::Instrument;
use mtdh_core::key::InstrumentKey;
use mtdh_core::{DataType, Day};
use mtdh_source::tardis::csv::dataset_symbol;

/// What to do with rows and data types that are no longer listed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Removed {
    /// Keep them in the table, marked.
    #[default]
    Keep,
    /// Remove them, including those marked by earlier runs.
    Accept,
}

/// A source's answer for a day.
pub(super) struct SourceAnswer {
    /// The instruments that it lists.
    pub instruments: Vec<Instrument>,
    /// Whether it lists everything there is. A folder does not: a missing file proves nothing.
    pub scope: SourceScope,
}

/// The scope of a source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SourceScope {
    /// Every instrument of the exchange.
    Everything,
    /// Only those that it names.
    WhatItNames,
}

/// The new rows of a day's table in place of `old`. `has_ended` returns whether the source gave an end before the day to a row that is no
/// longer listed.
pub(super) fn merge(
    old: &[Instrument],
    found: &SourceAnswer,
    day: Day,
    removed: Removed,
    has_ended: impl Fn(&Instrument) -> bool,
) -> Vec<Instrument> {
    let symbol = |i: &Instrument| (i.exchange.clone(), i.raw_symbol.clone());
    let by_symbol: BTreeMap<(String, String), &Instrument> = old.iter().map(|i| (symbol(i), i)).collect();
    // A symbol that one of the vendor's lists lacks may be spelt differently in the other: the row with its key is its row.
    let form = |i: &Instrument| (dataset_symbol(&i.raw_symbol), i.key.clone());
    let by_form: BTreeMap<(String, InstrumentKey), &Instrument> = old.iter().map(|i| (form(i), i)).collect();
    let mut rows: Vec<Instrument> = Vec::with_capacity(found.instruments.len());
    for new in &found.instruments {
        rows.push(match by_symbol.get(&symbol(new)).or_else(|| by_form.get(&form(new))) {
            Some(known) => improved(known, new, day, found.scope),
            None => new.clone(),
        });
    }
    let keys: BTreeSet<InstrumentKey> = rows.iter().map(|i| i.key.clone()).collect();
    // A row of the same symbol replaces one under an earlier key; so does that of the instrument to which its file belongs.
    let renamed: BTreeSet<&str> =
        found.instruments.iter().flat_map(|i| i.aliases.iter().map(String::as_str)).collect();
    let plain = |i: &Instrument| i.key.as_str().split('~').next().unwrap_or_default().to_owned();
    // A twin's mark belongs to some days only.
    let unmarked: BTreeSet<(String, String)> =
        found.instruments.iter().map(|i| (i.raw_symbol.clone(), plain(i))).collect();
    let symbols: BTreeSet<(String, String)> = found.instruments.iter().map(symbol).collect();
    let is_there = |i: &Instrument| {
        keys.contains(&i.key)
            || symbols.contains(&symbol(i))
            || renamed.contains(i.key.as_str())
            || renamed.contains(i.raw_symbol.as_str())
            || unmarked.contains(&(i.raw_symbol.clone(), plain(i)))
    };
    for gone in old.iter().filter(|i| !is_there(i) && !has_ended(i)) {
        rows.push(match found.scope {
            SourceScope::Everything => withdrawn(gone),
            SourceScope::WhatItNames => gone.clone(),
        });
    }
    if removed == Removed::Accept {
        rows.retain(|i| i.is_listed);
        rows.iter_mut().for_each(|i| i.withdrawn_data_types.clear());
    }
    rows
}

/// The new row of an instrument, completed with known values that the source did not repeat.
fn improved(known: &Instrument, new: &Instrument, day: Day, scope: SourceScope) -> Instrument {
    let new = new.clone();
    let known = &with_terms_of(known, day);
    if scope == SourceScope::WhatItNames {
        let data_types = union(&known.data_types, &new.data_types);
        let group_data_types = union(&known.group_data_types, &new.group_data_types);
        return Instrument { data_types, group_data_types, is_listed: true, ..known.clone() };
    }
    let mut withdrawn = union(&known.data_types, &known.withdrawn_data_types);
    withdrawn.retain(|data_type| !new.data_types.contains(data_type));
    let lacks_terms = new.terms_as_of.is_none() && known.terms_as_of.is_some();
    let named = if lacks_terms { known } else { &new };
    let mut names = new.clone();
    names.keep_names_of(known);
    Instrument {
        aliases: names.aliases,
        settle: named.settle.clone().or(new.settle.clone()),
        inverse: named.inverse.or(new.inverse),
        expiry_us: named.expiry_us.or(new.expiry_us),
        price_currency: named.price_currency.clone().or(new.price_currency.clone()),
        amount_unit: named.amount_unit.or(new.amount_unit),
        quanto: named.quanto.or(new.quanto),
        changes_at_us: named.changes_at_us.clone(),
        contract_sizes_after: named.contract_sizes_after.clone(),
        terms_as_of: new.terms_as_of.or(known.terms_as_of),
        contract_type: new.contract_type.or_else(|| known.contract_type.clone()),
        contract_size: new.contract_size.or(known.contract_size),
        tick_size: new.tick_size.or(known.tick_size),
        min_size: new.min_size.or(known.min_size),
        trades_total: new.trades_total.or(known.trades_total),
        book_changes_total: new.book_changes_total.or(known.book_changes_total),
        dataset_symbol: new.dataset_symbol.or_else(|| known.dataset_symbol.clone()),
        is_exported: new.is_exported || known.is_exported,
        withdrawn_data_types: withdrawn,
        ..new
    }
}

/// Whether a row has terms of a version of this program that took today's for those of the day.
pub(super) fn has_old_terms(row: &Instrument) -> bool {
    row.terms_as_of.is_some() && row.price_currency.is_none()
}

/// A row whose terms are those of its day: without them if they were read before the day was over, when they could still
/// change, or are not the day's.
fn with_terms_of(row: &Instrument, day: Day) -> Instrument {
    let is_final = row.terms_as_of.is_none_or(|read| read > day);
    if is_final && !has_old_terms(row) {
        return row.clone();
    }
    Instrument {
        terms_as_of: None,
        contract_type: None,
        contract_size: None,
        tick_size: None,
        min_size: None,
        price_currency: None,
        quanto: None,
        changes_at_us: Vec::new(),
        contract_sizes_after: Vec::new(),
        ..row.clone()
    }
}

/// The row of an instrument that is no longer listed.
fn withdrawn(gone: &Instrument) -> Instrument {
    Instrument {
        withdrawn_data_types: union(&gone.data_types, &gone.withdrawn_data_types),
        data_types: Vec::new(),
        is_listed: false,
        ..gone.clone()
    }
}

fn union(a: &[DataType], b: &[DataType]) -> Vec<DataType> {
    let all: BTreeSet<DataType> = a.iter().chain(b).copied().collect();
    all.into_iter().collect()
}

/// What a table lost, as `KEY DATA_TYPE…`, in the order of the keys.
pub(crate) fn losses<'a>(day: Day, rows: impl IntoIterator<Item = &'a Instrument>) -> Vec<String> {
    let lost = rows.into_iter().filter(|i| !i.is_listed || !i.withdrawn_data_types.is_empty());
    lost.map(|i| {
        let types: Vec<&str> = i.withdrawn_data_types.iter().map(|t| t.name()).collect();
        format!("{day} {} {}", i.key, types.join(" ")).trim_end().to_owned()
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day() -> Day {
        "2024-03-01".parse().unwrap()
    }

    fn row(symbol: &str, data_types: &[DataType]) -> Instrument {
        let key = format!("OKX-SWAP:PERP:{}-USDT", symbol.replace(['-', ':'], "")).parse().unwrap();
        Instrument { data_types: data_types.to_vec(), ..Instrument::of_name(key, "okex-swap", symbol, day()) }
    }

    fn found(instruments: Vec<Instrument>) -> SourceAnswer {
        SourceAnswer { instruments, scope: SourceScope::Everything }
    }

    fn merged(old: &[Instrument], found: &SourceAnswer) -> Vec<Instrument> {
        merge(old, found, day(), Removed::Keep, |i| i.raw_symbol == "SOL")
    }

    const BOTH: [DataType; 2] = [DataType::Trades, DataType::Quotes];

    #[test]
    fn terms_that_were_not_asked_for_stay() {
        let known = Instrument {
            terms_as_of: Some(day().next()),
            price_currency: Some("USDT".to_owned()),
            contract_type: Some("linear_perpetual".to_owned()),
            contract_size: Some(0.01),
            tick_size: Some(0.1),
            min_size: Some(1.0),
            trades_total: Some(5),
            ..row("BTC", &BOTH)
        };
        let without_key = Instrument { trades_total: Some(6), ..row("BTC", &BOTH) };
        let rows = merged(std::slice::from_ref(&known), &found(vec![without_key]));
        assert_eq!(rows, [Instrument { trades_total: Some(6), ..known.clone() }]);
        let newer = Instrument { contract_size: Some(0.1), tick_size: None, ..known.clone() };
        let rows = merged(std::slice::from_ref(&known), &found(vec![newer]));
        assert_eq!(rows, [Instrument { contract_size: Some(0.1), ..known.clone() }]);
    }

    #[test]
    fn terms_are_kept_only_where_they_are_the_days() {
        let known = Instrument {
            terms_as_of: Some(day().next()),
            price_currency: Some("USDT".to_owned()),
            contract_size: Some(10.0),
            changes_at_us: vec![day().start_us() + 1],
            contract_sizes_after: vec![1.0],
            ..row("BTC", &BOTH)
        };
        for (name, known, size) in [
            ("of the day", known.clone(), Some(10.0)),
            ("read within the day", Instrument { terms_as_of: Some(day()), ..known.clone() }, None),
            ("of an older version", Instrument { price_currency: None, ..known.clone() }, None),
        ] {
            let rows = merged(std::slice::from_ref(&known), &found(vec![row("BTC", &BOTH)]));
            let (changes, sizes) = (rows[0].changes_at_us.len(), rows[0].contract_sizes_after.len());
            let has = usize::from(size.is_some());
            assert_eq!((rows[0].contract_size, changes, sizes), (size, has, has), "{name}");
            assert_eq!(rows[0].terms_as_of.is_some(), size.is_some(), "{name}");
        }
    }

    #[test]
    fn the_row_of_a_file_replaces_those_of_its_other_names_and_a_mark_that_went() {
        let two = [row("BTC-USDT", &BOTH), row("BTC:USDT", &BOTH)];
        let one = Instrument { aliases: vec!["BTC:USDT".to_owned()], ..row("BTC-USDT", &BOTH) };
        assert_eq!(merged(&two, &found(vec![one.clone()])), [one]);
        let marked = Instrument { key: "OKX-SWAP:PERP:ETH-USDT~ETH".parse().unwrap(), ..row("ETH", &BOTH) };
        let unmarked = Instrument { aliases: vec![marked.key.to_string()], ..row("ETH", &BOTH) };
        assert_eq!(merged(&[marked], &found(vec![row("ETH", &BOTH)])), [unmarked]);
    }

    #[test]
    fn a_symbol_in_another_spelling_is_the_same_row() {
        let known = Instrument {
            terms_as_of: Some(day().next()),
            price_currency: Some("USDT".to_owned()),
            tick_size: Some(0.1),
            ..row("btc", &BOTH)
        };
        let key = known.key.clone();
        let new = Instrument { key, ..row("BTC", &[DataType::Quotes]) };
        let rows = merged(std::slice::from_ref(&known), &found(vec![new]));
        assert_eq!((rows.len(), rows[0].tick_size), (1, Some(0.1)));
        assert_eq!(rows[0].withdrawn_data_types, [DataType::Trades]);
    }

    #[test]
    fn what_is_no_longer_listed_stays_marked_until_that_is_accepted() {
        let old = vec![row("BTC", &BOTH), row("ETH", &BOTH), row("SOL", &BOTH)];
        let fewer = found(vec![row("BTC", &[DataType::Quotes])]);
        let rows = merged(&old, &fewer);
        let marks = |i: &Instrument| (i.raw_symbol.clone(), i.is_listed, i.withdrawn_data_types.clone());
        assert_eq!(
            rows.iter().map(marks).collect::<Vec<_>>(),
            [("BTC".to_owned(), true, vec![DataType::Trades]), ("ETH".to_owned(), false, BOTH.to_vec())]
        );
        assert_eq!(rows[1].expected(day()).count(), 0);
        assert_eq!(
            losses(day(), &rows),
            ["2024-03-01 OKX-SWAP:PERP:BTC-USDT trades", "2024-03-01 OKX-SWAP:PERP:ETH-USDT trades quotes"]
        );
        assert_eq!(merged(&rows, &fewer), rows, "and at every further look");
        assert_eq!(
            merge(&rows, &fewer, day(), Removed::Accept, |_| false),
            [row("BTC", &[DataType::Quotes])]
        );
        assert_eq!(merged(&rows, &found(old[..2].to_vec())), old[..2], "listed again");
    }

    #[test]
    fn a_folder_says_nothing_of_what_it_lacks() {
        let old = vec![row("BTC", &BOTH), row("ETH", &BOTH)];
        let named = vec![row("BTC", &[DataType::Liquidations]), row("SOL", &BOTH)];
        let folder = SourceAnswer { scope: SourceScope::WhatItNames, ..found(named) };
        let rows = merged(&old, &folder);
        let types: Vec<usize> = rows.iter().map(|i| i.data_types.len()).collect();
        assert_eq!(types, [3, 2, 2]);
        assert!(rows.iter().all(|i| i.is_listed));
    }
}
