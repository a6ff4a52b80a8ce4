//! Prices beside those before and after them; digits beside those of the day before.

use mtdh_core::DataType::{self, DerivativeTicker, Quotes, Trades};
use mtdh_core::check::{Context, Detection, Settings, Severity};

use super::{SECOND, batch, count, found_in, found_within};

const PERP: &str = "DERIBIT:PERP:BTC-USD";
const OPTION: &str = "DERIBIT:OPTION:BTC-USD-240329-50000-CALL";
const COMBO: &str = "DERIBIT:COMBO:BTC-FS-29MAR24_PERP";

/// Prices near 100 that move by a ten-thousandth.
fn steady(rows: usize) -> Vec<f64> {
    (0..rows).map(|i| 100.0 + (i * 7919 % 13) as f64 / 100.0).collect()
}

fn trades(prices: &[f64], step: i64) -> Vec<String> {
    let row = |(i, price): (usize, &f64)| format!("{0} {0} {i} buy {price} 1", i as i64 * step);
    prices.iter().enumerate().map(row).collect()
}

fn told(found: &[Detection]) -> (u64, Option<Severity>) {
    (count(found), found.iter().filter_map(|f| f.severity).max())
}

fn in_trades(name: &str, key: &str, prices: &[f64], step: i64) -> (u64, Option<Severity>) {
    told(&found_in(name, key, &[(Trades, trades(prices, step))]))
}

#[test]
fn one_price_that_fits_neither_side_is_told() {
    let (error, warning) = (Some(Severity::Error), Some(Severity::Warning));
    for (times, rows, expected) in [
        (10.0, 1, (1, error)),
        (0.1, 1, (1, error)),
        (10.0, 2, (2, error)),
        (2.1, 1, (1, error)),
        (1.9, 1, (1, warning)),
        (1.12, 1, (1, warning)),
        (0.88, 1, (1, warning)),
        (1.09, 1, (0, None)),
        // Five in a row are a market's, or a shift.
        (10.0, 5, (0, None)),
    ] {
        let mut prices = steady(200);
        prices[100..100 + rows].iter_mut().for_each(|price| *price *= times);
        assert_eq!(in_trades("price_outlier", PERP, &prices, SECOND), expected, "{times} {rows}");
    }
    for place in [0, 1, 198, 199] {
        let mut prices = steady(200);
        prices[place] *= 10.0;
        assert_eq!(in_trades("price_outlier", PERP, &prices, SECOND), (1, error), "row {place}");
    }
}

#[test]
fn what_prices_move_by_is_the_instruments_own() {
    // A wild instrument: every other price is a half more.
    let wild: Vec<f64> = (0..200).map(|i| if i % 2 == 0 { 100.0 } else { 150.0 }).collect();
    assert_eq!(in_trades("price_outlier", PERP, &wild, SECOND).0, 0);
    let mut prices = wild;
    prices[100] = 1e6;
    assert_eq!(in_trades("price_outlier", PERP, &prices, SECOND).0, 1);
    // Two hours apart nothing is a neighbour; near 0 any factor is possible.
    let mut prices = steady(12);
    prices[6] *= 10.0;
    assert_eq!(in_trades("price_outlier", PERP, &prices, 7200 * SECOND).0, 0);
    let mut prices = steady(200);
    prices[100] *= 10.0;
    assert_eq!(in_trades("price_outlier", COMBO, &prices, SECOND).0, 0);
}

#[test]
fn prices_that_become_others_are_told_once_for_each_step() {
    let (error, warning) = (Some(Severity::Error), Some(Severity::Warning));
    for (times, rows, expected) in [
        (17.0, 100, (2, error)),
        (0.05, 100, (2, error)),
        (1.3, 100, (2, warning)),
        (1.15, 100, (0, None)),
        (10.0, 2, (0, None)),
    ] {
        let mut prices = steady(300);
        prices[100..100 + rows].iter_mut().for_each(|price| *price *= times);
        assert_eq!(in_trades("price_shift", PERP, &prices, SECOND), expected, "{times} {rows}");
        assert_eq!(in_trades("price_shift", OPTION, &prices, SECOND).0, 0, "options");
    }
    // A fall by nine tenths in steps of three hundredths is a market's.
    let crash: Vec<f64> = (0..300).map(|i| 100.0 * 0.97_f64.powi((i - 100).clamp(0, 75))).collect();
    assert_eq!(in_trades("price_shift", PERP, &crash, SECOND).0, 0);
    assert_eq!(in_trades("price_outlier", PERP, &crash, SECOND).0, 0);
}

#[test]
fn a_book_is_off_with_both_sides() {
    let quotes = |change: &dyn Fn(usize, f64) -> (f64, f64)| -> Vec<String> {
        let row = |(i, price): (usize, &f64)| {
            let (ask, bid) = change(i, *price);
            format!("{0} {0} 1 {ask} {bid} 1", i as i64 * SECOND)
        };
        steady(200).iter().enumerate().map(row).collect()
    };
    let run = |name, key, change: &dyn Fn(usize, f64) -> (f64, f64)| {
        told(&found_in(name, key, &[(Quotes, quotes(change))]))
    };
    let both = |i, price| if i == 100 { (price * 10.1, price * 10.0) } else { (price + 0.1, price) };
    assert_eq!(run("price_outlier", PERP, &both), (1, Some(Severity::Error)));
    let ask = |i, price| if i == 100 { (price * 10.1, price) } else { (price + 0.1, price) };
    assert_eq!(run("price_outlier", PERP, &ask), (1, Some(Severity::Warning)));
    assert_eq!(run("price_outlier", OPTION, &ask).0, 0, "nobody asks for a moment");
    let thin = |i, price| if i >= 100 { (price * 10.1, price) } else { (price + 0.1, price) };
    assert_eq!(run("price_shift", PERP, &thin).0, 0, "nobody asks any more");
    let other = |i, price| if i >= 100 { (price * 10.1, price * 10.0) } else { (price + 0.1, price) };
    assert_eq!(run("price_shift", PERP, &other), (1, Some(Severity::Error)));
}

#[test]
fn marks_and_indices_are_looked_at_by_themselves() {
    let row = |i: usize| {
        let index = if i == 50 { 1000.0 } else { 100.0 + (i % 7) as f64 / 100.0 };
        format!("{0} {0} - - - - - {index} {1}", i as i64 * SECOND, 100.0 + (i % 5) as f64 / 100.0)
    };
    let rows: Vec<String> = (0..100).map(row).collect();
    let found = found_in("price_outlier", PERP, &[(DerivativeTicker, rows)]);
    assert_eq!(told(&found), (1, Some(Severity::Error)));
    assert!(found[0].examples[0].starts_with("row 50: index_price 1000"), "{found:?}");
}

fn after(
    name: &str,
    data_type: DataType,
    before: &[String],
    tick_size: Option<f64>,
    rows: Vec<String>,
) -> Vec<Detection> {
    let before = if before.is_empty() { Vec::new() } else { vec![batch(data_type, before)] };
    let context = Context { tick_size, before };
    found_within(name, PERP, &[(data_type, rows)], &Settings::default(), &context)
}

#[test]
fn the_day_before_is_where_the_day_begins() {
    let before: Vec<String> =
        (0..50).map(|i| format!("{0} {0} {i} buy 100.5 1", (i - 50) * SECOND)).collect();
    for (times, expected) in [(1.0, 0), (17.0, 1)] {
        let prices: Vec<f64> = steady(100).iter().map(|price| price * times).collect();
        let found = after("price_shift", Trades, &before, None, trades(&prices, SECOND));
        assert_eq!(count(&found), expected, "{times}");
        assert_eq!(count(&after("price_shift", Trades, &[], None, trades(&prices, SECOND))), 0, "{times}");
    }
    // A fault of the day before is not told again.
    let mut faulty = before.clone();
    faulty[20] = format!("{0} {0} 20 buy 9999 1", -30 * SECOND);
    assert_eq!(count(&after("price_outlier", Trades, &faulty, None, trades(&steady(100), SECOND))), 0);
}

/// Trades whose prices and amounts have so many decimals.
fn with_decimals(rows: usize, price: i32, amount: i32) -> Vec<String> {
    let round = |value: f64, decimals: i32| (value * 10_f64.powi(decimals)).floor() / 10_f64.powi(decimals);
    let row = |i: usize| {
        let noise = (i * 7919 % 10_007) as f64 / 10_007.0;
        let (price, amount) = (round(100.0 + noise * 20.0, price), round(1.0 + noise * 30.0, amount));
        format!("{0} {0} {i} buy {price} {amount}", i as i64 * 1000)
    };
    (0..rows).map(row).collect()
}

#[test]
fn fewer_digits_than_the_day_before_are_told() {
    let before = with_decimals(1000, 3, 3);
    for (rows, price, amount, expected) in [
        (1000, 3, 3, 0),
        (1000, 2, 3, 1),
        (1000, 0, 3, 1),
        (1000, 3, 1, 1),
        (1000, 1, 1, 2),
        (120, 2, 3, 1),
        (40, 2, 3, 0),
        // A smaller tick is none.
        (1000, 4, 4, 0),
    ] {
        let found = after("fewer_digits", Trades, &before, None, with_decimals(rows, price, amount));
        assert_eq!(found.len(), expected, "{rows} {price} {amount}: {found:?}");
        assert!(found.iter().all(|f| f.severity.is_none() && f.count > 90));
    }
    // Through a float of 32 bits.
    let narrow = |row: &String| {
        let cells: Vec<&str> = row.split(' ').collect();
        format!("{} {}", cells[..5].join(" "), f64::from(cells[5].parse::<f32>().unwrap()))
    };
    let rows = with_decimals(1000, 3, 3).iter().map(narrow).collect();
    let found = after("fewer_digits", Trades, &before, None, rows);
    assert!(found[0].examples[0].starts_with("amount has more than 3 decimals, "), "{found:?}");
    // Where every price is the same there are no digits to compare.
    let flat: Vec<String> = (0..1000).map(|i| format!("{i} {i} {i} buy 100 1.001")).collect();
    assert_eq!(after("fewer_digits", Trades, &before, None, flat).len(), 0);
}

#[test]
fn a_part_of_the_day_with_fewer_digits_is_told() {
    let mut rows = with_decimals(4096, 3, 3);
    assert_eq!(after("fewer_digits", Trades, &[], None, rows.clone()).len(), 0);
    let rounded = with_decimals(4096, 1, 3);
    rows[2048..].clone_from_slice(&rounded[2048..]);
    let found = after("fewer_digits", Trades, &[], None, rows);
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].examples[0].starts_with("price has at most 1 decimals in 1024 values"), "{found:?}");
}

#[test]
fn the_tick_size_counts_where_there_is_no_day_before() {
    for (tick, price, expected) in
        [(0.01, 2, 0), (0.01, 1, 1), (0.5, 1, 0), (0.5, 0, 1), (1.0, 0, 0), (10.0, 0, 0), (0.01, 3, 0)]
    {
        let rows = with_decimals(1000, price, 3);
        let rows: Vec<String> = match price {
            // Whole prices that differ from each other.
            0 => (0..1000).map(|i| format!("{i} {i} {i} buy {} 1.001", 100 + i % 50)).collect(),
            _ => rows,
        };
        assert_eq!(after("fewer_digits", Trades, &[], Some(tick), rows).len(), expected, "{tick} {price}");
    }
    let before = with_decimals(1000, 1, 3);
    assert_eq!(after("fewer_digits", Trades, &before, Some(0.01), with_decimals(1000, 1, 3)).len(), 0);
}
