//! The two clocks, the day's ends, repeated rows.

use mtdh_core::DataType::{
    BookSnapshot5, BookTicker, DerivativeTicker, IncrementalBookL2, Liquidations, OptionsChain, Quotes,
    Trades,
};
use mtdh_core::check::{Settings, Severity};

use super::{SECOND, check, count, count_in, found_in, found_with, lines};

#[test]
fn an_arrival_clock_that_goes_back_is_an_error() {
    for (rows, expected) in [
        (&["0 5", "0 5", "0 6"][..], 0),
        (&["0 5", "0 4"], 1),
        (&["0 5", "0 4", "0 3", "0 9"], 2),
        // After a fall the row above counts, not the largest so far.
        (&["0 9", "0 1", "0 5"], 1),
        (&["9 1", "0 2"], 0),
    ] {
        assert_eq!(count_in("arrival_clock", Trades, rows), expected, "{rows:?}");
    }
    assert_eq!(check("arrival_clock").severity, Severity::Error);
    let found = found_in(
        "arrival_clock",
        "BINANCE:SPOT_PAIR:BTC-USDT",
        &[(Quotes, lines(&["0 5", "0 3000004", "0 4"]))],
    );
    assert_eq!(found[0].examples, ["row 2: 2024-03-01T00:00:00.000004Z is 3 s before the row above"]);
}

#[test]
fn an_exchange_clock_that_goes_back_is_counted() {
    for (rows, expected) in [
        (&["1 5", "1 6", "2 7"][..], 0),
        (&["2 5", "1 6"], 1),
        (&["3 5", "2 6", "1 7"], 2),
        (&["1 9", "2 1"], 0),
    ] {
        assert_eq!(count_in("exchange_clock", OptionsChain, rows), expected, "{rows:?}");
    }
    assert_eq!(check("exchange_clock").severity, Severity::Info);
}

#[test]
fn an_arrival_before_the_event_is_told_beyond_the_skew() {
    for (rows, expected) in [
        (&["0 5"][..], 0),
        // Recorders that are 1.27 s behind are known.
        (&["1270000 0"], 0),
        (&["5000000 0"], 0),
        (&["5000001 0", "5000002 0"], 2),
        (&["0 60000000"], 0),
        (&["0 60000001", "1 60000002"], 2),
    ] {
        assert_eq!(count_in("clock_skew", Trades, rows), expected, "{rows:?}");
    }
    let mut settings = Settings::default();
    settings.set("clock_skew.max_ahead_ms=1000").unwrap();
    let rows = [(Trades, lines(&["1000000 0", "1270000 0"]))];
    assert_eq!(count(&found_with("clock_skew", "BINANCE:SPOT_PAIR:BTC-USDT", &rows, &settings)), 1);
}

#[test]
fn a_row_of_another_day_is_told_by_its_arrival() {
    for (rows, expected) in [
        (&["0 0", "0 86399999999"][..], 0),
        (&["0 86400000000"], 1),
        (&["0 -1"], 1),
        // The exchange's clock may well lie on the day before.
        (&["-5000000 0"], 0),
    ] {
        assert_eq!(count_in("outside_day", Trades, rows), expected, "{rows:?}");
    }
}

#[test]
fn a_repeated_row_is_equal_in_every_cell() {
    let trade = "1 2 7 buy 10 1";
    for (rows, expected) in [
        (&[trade, trade][..], 1),
        (&[trade, trade, trade], 2),
        (&[trade, "1 3 7 buy 10 1"], 0),
        (&[trade, "1 2 8 buy 10 1"], 0),
        (&[trade, "1 2 7 sell 10 1"], 0),
        (&[trade, "1 2 7 buy 10 1.5"], 0),
        // Without an id two fills may well be equal.
        (&["1 2 - buy 10 1", "1 2 - buy 10 1"], 0),
        (&[trade, "1 2 8 buy 10 1", trade], 1),
    ] {
        assert_eq!(count_in("repeated_row", Trades, rows), expected, "{rows:?}");
    }
    for (data_type, row) in
        [(IncrementalBookL2, "1 2 true ask 5 6"), (BookSnapshot5, "1 2 5 6 4 3"), (Quotes, "1 2 - - 4 3")]
    {
        assert_eq!(count_in("repeated_row", data_type, &[row, row]), 1, "{data_type}");
    }
    assert_eq!(count_in("repeated_row", Quotes, &["1 2 3 - 4 3", "1 2 - 3 4 3"]), 0, "null has a place");
    // Without ids a book may change and change back.
    for (data_type, a, b) in [
        (BookTicker, "1 2 3 101 100 3", "1 2 3 101 100 4"),
        (Quotes, "1 2 3 101 100 3", "1 2 4 101 100 3"),
        (IncrementalBookL2, "1 2 false ask 5 6", "1 2 false ask 5 0"),
        (BookSnapshot5, "1 2 5 6 4 3", "1 2 5 7 4 3"),
        (DerivativeTicker, "1 2 - 0.1", "1 2 - 0.2"),
        (OptionsChain, "1 2 put 1 3", "1 2 put 1 4"),
    ] {
        for (rows, expected) in
            [(&[a, b, a][..], 0), (&[a, b, a, b], 0), (&[a, a, b], 1), (&[a, b, b, a, a, a], 3)]
        {
            assert_eq!(count_in("repeated_row", data_type, rows), expected, "{data_type} {rows:?}");
        }
    }
    assert_eq!(count_in("repeated_row", Liquidations, &["1 2 - buy 10 1", "1 2 - buy 10 1"]), 0);
}

#[test]
fn a_repetition_is_found_within_the_window_only() {
    for (between, expected) in [((1 << 16) - 1, 1), (1 << 16, 0)] {
        let mut rows = vec!["0 0 first buy 1 1".to_owned()];
        rows.extend((0..between).map(|i| format!("0 {i} {i} buy 1 1")));
        rows.push(rows[0].clone());
        let found = found_in("repeated_row", "DERIBIT:PERP:BTC-USD", &[(Trades, rows)]);
        assert_eq!(count(&found), expected, "{between} rows between");
    }
}

#[test]
fn a_book_that_is_sent_again_may_be_old() {
    let hour = 3_600_000_000_i64;
    for (data_type, rows, expected) in [
        (IncrementalBookL2, vec![format!("0 {hour} true ask 5 6")], 0),
        (IncrementalBookL2, vec![format!("0 {hour} true ask 5 6"), format!("1 {hour} false ask 5 6")], 1),
        (Quotes, vec![format!("0 {hour} 1 5 4 1")], 0),
        (Quotes, vec![format!("0 5 1 5 4 1"), format!("0 {hour} 1 5 4 1"), format!("9 {hour} 1 5 4 1")], 1),
        (Trades, vec![format!("0 {hour} 1 buy 5 6")], 1),
    ] {
        let found = found_in("clock_skew", "DERIBIT:PERP:BTC-USD", &[(data_type, rows.clone())]);
        assert_eq!(count(&found), expected, "{rows:?}");
    }
}

/// Trades every second, whose exchange time is what is made of the moment.
fn clock(moments: std::ops::Range<i64>, of: impl Fn(i64) -> i64) -> Vec<String> {
    moments.map(|i| format!("{} {} {i} buy 1 1", of(i), i * SECOND)).collect()
}

fn offset(rows: Vec<String>) -> Vec<(u64, String)> {
    let found = found_in("clock_offset", "DERIBIT:PERP:BTC-USD", &[(Trades, rows)]);
    found.into_iter().map(|f| (f.count, f.explanation.unwrap().class.to_owned())).collect()
}

#[test]
fn an_offset_that_stays_is_an_error() {
    let constant = |count: u64| vec![(count, "constant".to_owned())];
    let usual = |i: i64| i * SECOND - 40_000 - i % 7 * 1000;
    for (offset_s, expected) in [
        (0, vec![]),
        (-59, vec![]),
        (-61, constant(1000)),
        (61, constant(1000)),
        (-3600, constant(1000)),
        (3600, constant(1000)),
        (-86_400, constant(1000)),
    ] {
        let rows = clock(0..1000, |i| usual(i) + offset_s * SECOND);
        assert_eq!(offset(rows), expected, "{offset_s} s");
    }
    // Of a part of the day it is told where it begins with a jump.
    let part = |range: std::ops::Range<i64>| {
        clock(0..1000, |i| if range.contains(&i) { usual(i) - 3600 * SECOND } else { usual(i) })
    };
    for (range, expected) in
        [(0..100, constant(100)), (300..400, constant(100)), (300..325, constant(25)), (300..310, vec![])]
    {
        assert_eq!(offset(part(range.clone())), expected, "{range:?}");
    }
    // A queue that grows to four minutes and is worked off keeps its order.
    let queue = clock(0..1000, |i| usual(if (300..700).contains(&i) { 300 + (i - 300) * 2 / 5 } else { i }));
    assert_eq!(offset(queue), []);
    assert_eq!(offset(clock(0..2, |i| usual(i) - 3600 * SECOND)), [], "two moments may be anything");
    assert_eq!(offset(clock(0..3, |i| usual(i) - 3600 * SECOND)), constant(3));
    // A book that is sent again, with the moment of its last change, is one moment.
    assert_eq!(offset(clock(0..1000, |i| if i < 900 { -3600 * SECOND } else { usual(i) })), []);
}

#[test]
fn another_unit_is_named() {
    let start = super::day().start_us();
    for (divisor, unit) in [(1_000_000, "seconds"), (1_000, "milliseconds")] {
        for rows in [1, 1000] {
            let rows = clock(0..rows, |i| (start + i * SECOND) / divisor - start);
            // In seconds, all of one second are one moment.
            let found = offset(rows.clone());
            assert_eq!(found, [(rows.len() as u64, unit.to_owned())]);
        }
    }
    let found = offset(clock(0..10, |i| (start + i * SECOND) * 1000 - start));
    assert_eq!(found, [(10, "nanoseconds".to_owned())]);
    assert_eq!(check("clock_offset").severity, Severity::Error);
}
