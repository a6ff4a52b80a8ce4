//! Trade ids.

use mtdh_core::DataType::Trades;
use mtdh_core::check::Severity;

use super::{count, found_in};

const COUNTING: &str = "BINANCE:SPOT_PAIR:BTC-USDT";
const WITH_OTHERS: &str = "BINANCE-FUTURES:PERP:BTC-USDT";
const OTHER: &str = "DERIBIT:PERP:BTC-USD";

fn trades(ids: &[&str]) -> Vec<String> {
    ids.iter().enumerate().map(|(i, id)| format!("{i} {i} {id} buy 1 1")).collect()
}

fn counts(key: &str, ids: &[&str]) -> (u64, u64) {
    let of = |name| count(&found_in(name, key, &[(Trades, trades(ids))]));
    (of("repeated_trade_id"), of("missing_trade_id"))
}

#[test]
fn repeated_and_missing_ids() {
    for (key, ids, repeated, missing) in [
        (COUNTING, &["5", "6", "7"][..], 0, 0),
        (COUNTING, &["5", "6", "6"], 1, 0),
        (COUNTING, &["5", "6", "5", "6", "7"], 2, 0),
        (COUNTING, &["5", "7"], 0, 1),
        (COUNTING, &["5", "9", "20"], 0, 13),
        // Late is not missing, and not repeated.
        (COUNTING, &["5", "7", "6", "8"], 0, 0),
        (COUNTING, &["5", "10", "7", "7"], 1, 3),
        (COUNTING, &["5", "x", "6"], 0, 1),
        (COUNTING, &["-", "5", "-", "6"], 0, 0),
        // What lies before the first cannot be told from a repetition; it is one.
        (COUNTING, &["5", "4", "6"], 1, 0),
        (OTHER, &["5", "9", "7"], 0, 0),
        (OTHER, &["5", "9", "5", "9"], 2, 0),
        (OTHER, &["ETH-1", "ETH-2", "ETH-1"], 1, 0),
        (OTHER, &["-", "-"], 0, 0),
    ] {
        assert_eq!(counts(key, ids), (repeated, missing), "{key} {ids:?}");
    }
}

#[test]
fn only_venues_that_count_their_trades_can_miss_one() {
    for (venue, expected) in [
        ("BINANCE:SPOT_PAIR:BTC-USDT", 1),
        ("BINANCE-FUTURES:PERP:BTC-USDT", 1),
        ("BINANCE-DELIVERY:PERP:BTC-USD", 1),
        ("OKX-SWAP:PERP:BTC-USDT", 0),
        ("BYBIT:PERP:BTC-USDT", 0),
    ] {
        assert_eq!(counts(venue, &["1", "3"]).1, expected, "{venue}");
    }
}

#[test]
fn holes_are_told_by_their_ends() {
    let found = found_in("missing_trade_id", COUNTING, &[(Trades, trades(&["5", "7", "20"]))]);
    assert_eq!(found[0].examples, ["id 6", "ids 8 to 19, 12 of them"]);
    assert_eq!(found[0].count, 13);
}

#[test]
fn more_holes_than_are_kept_open_are_still_counted() {
    let many = (1 << 16) + 100;
    let rows = (0..=many).map(|i| format!("{i} {i} {} buy 1 1", i * 2 + 1)).collect();
    let found = found_in("missing_trade_id", COUNTING, &[(Trades, rows)]);
    assert_eq!((count(&found), found[0].examples[0].as_str()), (many, "id 2"));
}

#[test]
fn other_venues_remember_a_window() {
    for (between, expected) in [((1 << 16) - 1, 1), (1 << 16, 0)] {
        let mut ids = vec!["first".to_owned()];
        ids.extend((0..between).map(|i| i.to_string()));
        ids.push("first".to_owned());
        let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
        assert_eq!(counts(OTHER, &ids).0, expected, "{between} ids between");
    }
}

#[test]
fn a_hole_proves_a_loss_only_where_every_id_is_a_trade() {
    // The ids that lack, of so many in all.
    let without = |ids: u64, lacking: &[(u64, u64)]| -> Vec<String> {
        let is_there = |id: &u64| !lacking.iter().any(|(first, end)| (*first..*end).contains(id));
        (0..ids).filter(is_there).map(|id| format!("{id} {id} {id} buy 1 1")).collect()
    };
    let spread =
        |step: u64, count: u64| -> Vec<_> { (1..=count).map(|i| (i * step, i * step + 1)).collect() };
    let (info, warning, error) = (Severity::Info, Severity::Warning, Severity::Error);
    for (ids, lacking, elsewhere) in [
        (3, vec![(1, 2)], info),
        (100, vec![(50, 60)], info),
        (100, vec![(50, 61)], warning),
        (20_000, vec![(50, 61)], warning),
        (10_000, spread(100, 10), info),
        (10_000, spread(100, 11), warning),
        (20_000, spread(100, 20), info),
        (20_000, spread(100, 21), warning),
        (100, spread(2, 40), warning),
    ] {
        let rows = without(ids, &lacking);
        let count: u64 = lacking.iter().map(|(first, end)| end - first).sum();
        for (key, expected) in
            [(COUNTING, error), (WITH_OTHERS, elsewhere), ("BINANCE-DELIVERY:PERP:BTC-USD", elsewhere)]
        {
            let found = found_in("missing_trade_id", key, &[(Trades, rows.clone())]).remove(0);
            assert_eq!(found.count, count, "{key} {ids} {lacking:?}");
            assert_eq!(found.severity.unwrap_or(error), expected, "{key} {ids} {lacking:?}");
            let class = found.explanation.map(|e| e.class);
            assert_eq!(class, (expected == info).then_some("off_market"), "{key} {ids} {lacking:?}");
        }
    }
    // An id that is no number is no hole.
    let found = found_in("missing_trade_id", WITH_OTHERS, &[(Trades, trades(&["1", "x", "3"]))]);
    let found: Vec<_> = found.iter().map(|f| (f.count, f.severity)).collect();
    assert_eq!(found, [(1, None), (1, Some(info))]);
}
