//! Trades beside books and marks of the same moment.

use mtdh_core::DataType::{BookSnapshot5, DerivativeTicker, IncrementalBookL2, Quotes, Trades};
use mtdh_core::check::{Detection, Severity};

use super::{SECOND, count, found_in, lines};

const PERP: &str = "DERIBIT:PERP:BTC-USD";
const OPTION: &str = "DERIBIT:OPTION:BTC-USD-240329-50000-CALL";

/// Quotes of 99.9 and 100.1, one a second, whose amounts change.
fn quotes(rows: i64) -> Vec<String> {
    (0..rows).map(|i| format!("{0} {0} {1} 100.1 99.9 1", i * SECOND, 1 + i % 9)).collect()
}

fn trade(at: i64, side: &str, price: f64) -> String {
    format!("{at} {at} {at} {side} {price} 1")
}

fn worst(found: &[Detection]) -> (u64, Option<Severity>) {
    (count(found), found.iter().filter_map(|f| f.severity).max())
}

#[test]
fn a_trade_is_near_what_was_bid_and_asked() {
    let (error, warning) = (Some(Severity::Error), Some(Severity::Warning));
    for (price, expected) in [
        (100.1, (0, None)),
        (104.0, (0, None)),
        (95.5, (0, None)),
        (106.0, (1, warning)),
        (94.0, (1, warning)),
        (299.0, (1, warning)),
        (1000.0, (1, error)),
        (10.0, (1, error)),
    ] {
        let trades = vec![trade(50 * SECOND + 500_000, "buy", price)];
        let found = found_in("trade_off_book", PERP, &[(Quotes, quotes(100)), (Trades, trades)]);
        assert_eq!(worst(&found), expected, "{price}");
    }
    // Many that are a little off are an error.
    let trades = (0..50).map(|i| trade(i * SECOND + 500_000, "buy", 110.0)).collect();
    let found = found_in("trade_off_book", PERP, &[(Quotes, quotes(100)), (Trades, trades)]);
    assert_eq!(worst(&found), (50, error));
}

#[test]
fn a_wide_spread_allows_what_a_narrow_one_does_not() {
    let wide: Vec<String> = (0..100).map(|i| format!("{0} {0} 1 0.003 0.001 1", i * SECOND)).collect();
    for (price, expected) in [(0.006, 0), (0.012, 0), (0.03, 1)] {
        let trades = vec![trade(50 * SECOND + 500_000, "buy", price)];
        let found = found_in("trade_off_book", OPTION, &[(Quotes, wide.clone()), (Trades, trades)]);
        assert_eq!(count(&found), expected, "{price}");
    }
}

#[test]
fn a_book_that_comes_after_the_trades_explains_them() {
    for (next, expected) in [(50 * SECOND + 600_000, 0), (150 * SECOND, 1)] {
        let mut quotes = quotes(51);
        quotes.push(format!("{next} {next} 1 80.1 79.9 1"));
        let trades = vec![trade(50 * SECOND + 500_000, "sell", 80.0)];
        let found = found_in("trade_off_book", PERP, &[(Quotes, quotes), (Trades, trades)]);
        assert_eq!(count(&found), expected, "{next}");
    }
    // What is older than ten minutes says nothing, and one side alone says what it can.
    let trades = vec![trade(700 * SECOND, "buy", 1000.0)];
    let found = found_in("trade_off_book", PERP, &[(Quotes, quotes(10)), (Trades, trades)]);
    assert_eq!(count(&found), 0);
    for (row, expected) in [("0 0 - - 99.9 1", 0), ("0 0 1 100.1 - -", 1)] {
        let trades = vec![trade(SECOND, "buy", 1000.0)];
        let found = found_in("trade_off_book", PERP, &[(Quotes, lines(&[row])), (Trades, trades)]);
        assert_eq!(count(&found), expected, "{row}");
    }
}

#[test]
fn a_book_of_changes_and_a_snapshot_are_books_too() {
    let changes = lines(&["0 1 true ask 100.1 1", "0 1 true bid 99.9 1", "5 5 false bid 98 1"]);
    let snapshots = lines(&["0 1 100.1 1 99.9 1"]);
    let trades = vec![trade(10, "buy", 1000.0)];
    for book in [(IncrementalBookL2, changes), (BookSnapshot5, snapshots)] {
        let found = found_in("trade_off_book", PERP, &[book.clone(), (Trades, trades.clone())]);
        assert_eq!(count(&found), 1, "{}", book.0);
    }
}

#[test]
fn a_trade_is_near_the_mark() {
    let marks: Vec<String> = (0..100).map(|i| format!("{0} {0} - - - - - - 100", i * SECOND)).collect();
    for (key, price, expected) in
        [(PERP, 119.0, 0), (PERP, 121.0, 1), (PERP, 79.0, 1), (PERP, 1000.0, 1), (OPTION, 1000.0, 0)]
    {
        let trades = vec![trade(50 * SECOND + 500_000, "buy", price)];
        let found = found_in("trade_off_mark", key, &[(DerivativeTicker, marks.clone()), (Trades, trades)]);
        assert_eq!(count(&found), expected, "{key} {price}");
    }
}

#[test]
fn a_book_that_says_the_same_while_trades_go_on_stands_still() {
    let run = |frozen: std::ops::Range<i64>, every: i64| {
        let row = |i: i64| {
            let amount = if frozen.contains(&i) { 5 } else { 10 + i % 9 };
            format!("{0} {0} {amount} 100.1 99.9 1", i * SECOND)
        };
        let quotes: Vec<String> = (0..1000).map(row).collect();
        let trades: Vec<String> =
            (0..1000 / every).map(|i| trade(i * every * SECOND + 1, "buy", 100.1)).collect();
        count(&found_in("book_stands_still", PERP, &[(Trades, trades), (Quotes, quotes)]))
    };
    for (frozen, every, expected) in [
        (0..0, 1, 0),
        (100..130, 1, 0),
        (100..200, 1, 1),
        (100..200, 20, 0),
        (100..600, 20, 1),
        (600..1000, 10, 1),
        (0..1000, 10, 1),
    ] {
        assert_eq!(run(frozen.clone(), every), expected, "{frozen:?} {every}");
    }
    // A book of which no rows come is a silence.
    let quotes = lines(&["0 0 1 100.1 99.9 1", "900000000 900000000 2 100.1 99.9 1"]);
    let trades: Vec<String> = (0..800).map(|i| trade(i * SECOND + 1, "buy", 100.1)).collect();
    assert_eq!(count(&found_in("book_stands_still", PERP, &[(Trades, trades), (Quotes, quotes)])), 0);
}

#[test]
fn sides_that_are_flipped_contradict_the_book() {
    let right = |i: i64| if i % 3 == 0 { ("sell", 99.9) } else { ("buy", 100.1) };
    let run = |wrong: &dyn Fn(i64) -> bool, rows: i64| {
        let row = |i: i64| {
            let (side, price) = right(i);
            let other = if side == "buy" { "sell" } else { "buy" };
            trade(10 * SECOND + i * SECOND + 1, if wrong(i) { other } else { side }, price)
        };
        let trades: Vec<String> = (0..rows).map(row).collect();
        count(&found_in("taker_side", PERP, &[(Quotes, quotes(rows + 12)), (Trades, trades)]))
    };
    assert_eq!(run(&|_| false, 200), 0);
    assert_eq!(run(&|_| true, 200), 200);
    assert_eq!(run(&|i| i >= 100, 200), 100);
    assert_eq!(run(&|i| (40..60).contains(&i), 200), 20);
    assert_eq!(run(&|i| i % 2 == 0, 200), 0, "a book that is as often wrong as right");
    assert_eq!(run(&|_| true, 12), 12);
    assert_eq!(run(&|_| true, 9), 0, "too few to say");
    // Within the spread nobody can say, and an unknown side is none.
    for (side, price) in [("buy", 100.0), ("unknown", 99.9)] {
        let trades: Vec<String> = (0..100).map(|i| trade((10 + i) * SECOND + 1, side, price)).collect();
        assert_eq!(count(&found_in("taker_side", PERP, &[(Quotes, quotes(113)), (Trades, trades)])), 0);
    }
}

#[test]
fn a_book_that_comes_before_its_trades_is_sure_of_no_side() {
    // Buyers lift the price by one each second; each trade comes right after the quote that it made.
    let quotes: Vec<String> =
        (0..200).map(|i| format!("{0} {0} 1 {1} {2} 1", i * SECOND, 101 + i, 100 + i)).collect();
    let trades: Vec<String> = (20..200).map(|i| trade(i * SECOND + 1, "buy", 100.0 + i as f64)).collect();
    assert_eq!(count(&found_in("taker_side", PERP, &[(Quotes, quotes), (Trades, trades)])), 0);
}
