//! Decides whose object a former key names, and in which order objects move.

use std::collections::{BTreeMap, BTreeSet};

use mtdh_core::DataType;
use mtdh_core::candle::Timeframe;
use mtdh_core::instrument::Instrument;
use mtdh_core::key::InstrumentKey;
use mtdh_lake::Entry;
use mtdh_source::tardis::csv::dataset_symbol;

use super::is_alias;

/// An object that should move.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Candidate {
    /// The data type, or `candles` and the timeframe.
    pub what: String,
    pub object: Object,
    pub from: InstrumentKey,
    pub to: InstrumentKey,
    pub entry: Entry,
}

/// What an object holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Object {
    Partition(DataType),
    Candles(Timeframe),
}

/// Whose object it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Owner {
    /// The instrument's that has the key now.
    Keeps,
    /// Another one's, with this key.
    Moves(InstrumentKey),
    /// It cannot be told; the text says why.
    Unknown(String),
}

/// The owner of an object with this key and, if its footer tells one, the vendor's symbol.
pub(super) fn owner(rows: &[Instrument], key: &InstrumentKey, symbol: Option<&str>) -> Owner {
    let named = |row: &&Instrument| row.key == *key || is_alias(row, key);
    let form = symbol.map(dataset_symbol);
    let is_of_symbol = |row: &&Instrument| {
        form.as_ref().is_none_or(|form| {
            dataset_symbol(&row.raw_symbol) == *form || row.dataset_symbol.as_ref() == Some(form)
        })
    };
    let owners: Vec<&Instrument> = rows.iter().filter(named).filter(is_of_symbol).collect();
    match (owners.as_slice(), symbol) {
        ([only], _) if only.key == *key => Owner::Keeps,
        ([only], _) => Owner::Moves(only.key.clone()),
        ([], Some(symbol)) => Owner::Unknown(format!(
            "its footer says that it is of the symbol `{symbol}`, which no instrument of that key has in the day's table"
        )),
        (owners, _) if owners.iter().any(|row| row.key == *key) && symbol.is_none() => Owner::Keeps,
        (owners, _) => {
            let keys: Vec<&str> = owners.iter().map(|row| row.key.as_str()).collect();
            Owner::Unknown(format!("it may be of {}; remove it and make it again", keys.join(" or of ")))
        }
    }
}

/// Moves in an order in which each finds its place free, and those that never do.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Ordered {
    pub moves: Vec<Candidate>,
    pub refused: Vec<(Candidate, String)>,
}

/// Orders moves; `taken` are the keys that have an object.
pub(super) fn ordered(candidates: Vec<Candidate>, mut taken: BTreeSet<InstrumentKey>) -> Ordered {
    let mut claims: BTreeMap<InstrumentKey, Vec<InstrumentKey>> = BTreeMap::new();
    for candidate in &candidates {
        claims.entry(candidate.to.clone()).or_default().push(candidate.from.clone());
    }
    let (mut waiting, several): (Vec<Candidate>, Vec<Candidate>) =
        candidates.into_iter().partition(|candidate| claims[&candidate.to].len() == 1);
    let mut refused: Vec<(Candidate, String)> = several
        .into_iter()
        .map(|candidate| {
            let all: Vec<&str> = claims[&candidate.to].iter().map(InstrumentKey::as_str).collect();
            let reason =
                format!("{} would all become {}; remove all but one", all.join(" and "), candidate.to);
            (candidate, reason)
        })
        .collect();
    let mut moves = Vec::new();
    loop {
        let (ready, blocked): (Vec<Candidate>, Vec<Candidate>) =
            waiting.into_iter().partition(|candidate| !taken.contains(&candidate.to));
        waiting = blocked;
        if ready.is_empty() {
            break;
        }
        for candidate in ready {
            taken.remove(&candidate.from);
            taken.insert(candidate.to.clone());
            moves.push(candidate);
        }
    }
    refused.extend(waiting.into_iter().map(|candidate| {
        let reason = format!("{} has another object already; remove one of the two", candidate.to);
        (candidate, reason)
    }));
    Ordered { moves, refused }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(symbol: &str) -> InstrumentKey {
        format!("POLONIEX:SPOT_PAIR:{symbol}").parse().unwrap()
    }

    fn row(now: &str, symbol: &str, former: &[&str]) -> Instrument {
        let aliases = former.iter().map(|former| key(former).to_string()).collect();
        let day = "2024-03-01".parse().unwrap();
        Instrument { aliases, ..Instrument::of_name(key(now), "poloniex", symbol, day) }
    }

    #[test]
    fn the_symbol_decides_whose_object_it_is() {
        // Two instruments whose keys were exchanged, one that is not concerned, and two that shared a former key.
        let rows = [
            row("BTC-BNB", "BTC_BNB", &["BNB-BTC"]),
            row("BNB-BTC", "BNB_BTC", &["BTC-BNB"]),
            row("ETH-BTC", "ETH_BTC", &[]),
            row("A-B", "A_B", &["AB-C"]),
            row("D-B", "D_B", &["AB-C"]),
        ];
        for (named, symbol, expected) in [
            ("BNB-BTC", Some("BTC_BNB"), Owner::Moves(key("BTC-BNB"))),
            ("BNB-BTC", Some("BNB_BTC"), Owner::Keeps),
            ("BTC-BNB", Some("BNB_BTC"), Owner::Moves(key("BNB-BTC"))),
            ("ETH-BTC", Some("ETH_BTC"), Owner::Keeps),
            ("AB-C", Some("A_B"), Owner::Moves(key("A-B"))),
            ("AB-C", Some("D_B"), Owner::Moves(key("D-B"))),
        ] {
            assert_eq!(owner(&rows, &key(named), symbol), expected, "{named} {symbol:?}");
        }
        for (named, symbol, word) in [("AB-C", None, "A-B or of"), ("AB-C", Some("X_Y"), "`X_Y`")] {
            match owner(&rows, &key(named), symbol) {
                Owner::Unknown(reason) => assert!(reason.contains(word), "{reason}"),
                other => panic!("{named} {symbol:?}: {other:?}"),
            }
        }
    }

    #[test]
    fn each_move_finds_its_place_free() {
        let candidate = |from: &str, to: &str| Candidate {
            what: "trades".to_owned(),
            object: Object::Partition(DataType::Trades),
            from: key(from),
            to: key(to),
            entry: Entry { path: mtdh_lake::LakePath::from("x"), bytes: 1, identity: None },
        };
        // Moves, keys that have an object, the order, those refused.
        type Case<'a> = (&'a [(&'a str, &'a str)], &'a [&'a str], &'a [&'a str], &'a [&'a str]);
        let cases: [Case<'_>; 5] = [
            (&[("A-B", "C-D")], &["A-B"], &["A-B"], &[]),
            (&[("A-B", "C-D"), ("C-D", "E-F")], &["A-B", "C-D"], &["C-D", "A-B"], &[]),
            (&[("A-B", "C-D")], &["A-B", "C-D"], &[], &["A-B"]),
            (&[("A-B", "C-D"), ("C-D", "A-B")], &["A-B", "C-D"], &[], &["A-B", "C-D"]),
            (&[("A-B", "E-F"), ("C-D", "E-F")], &["A-B", "C-D"], &[], &["A-B", "C-D"]),
        ];
        for (moves, taken, in_order, refused) in cases {
            let candidates = moves.iter().map(|(from, to)| candidate(from, to)).collect();
            let found = ordered(candidates, taken.iter().map(|k| key(k)).collect());
            let froms =
                |all: Vec<&Candidate>| all.iter().map(|c| c.from.symbol().to_owned()).collect::<Vec<_>>();
            assert_eq!(froms(found.moves.iter().collect()), in_order, "{moves:?}");
            assert_eq!(froms(found.refused.iter().map(|(c, _)| c).collect()), refused, "{moves:?}");
        }
    }
}
