//! Values that cannot be, and rows that say they are somebody else's.

use arrow_array::types::Int32Type;
use arrow_array::{ArrayRef, DictionaryArray, RecordBatch};
use mtdh_core::DataType::{
    self, BookSnapshot5, BookTicker, DerivativeTicker, IncrementalBookL2, Liquidations, OptionsChain, Quotes,
    Trades,
};
use mtdh_core::check::{CheckFn, CheckInput, Context, Rows, Settings, Severity};
use std::sync::Arc;

use super::{batch, check, count, day, found_in, key, lines};

const PERP: &str = "DERIBIT:PERP:BTC-USD";
const OPTION: &str = "DERIBIT:OPTION:BTC-USD-240329-50000-CALL";
const COMBO: &str = "DERIBIT:COMBO:BTC-FS-29MAR24_PERP";

fn found(key: &str, data_type: DataType, row: &str) -> u64 {
    count(&found_in("values", key, &[(data_type, lines(&[row]))]))
}

#[test]
fn each_column_has_the_values_of_its_rule() {
    for (key, data_type, row, expected) in [
        (PERP, Trades, "0 0 1 buy 5 1", 0),
        (PERP, Trades, "0 0 1 buy 0 1", 1),
        (PERP, Trades, "0 0 1 buy -5 1", 1),
        (PERP, Trades, "0 0 1 buy 5 0", 1),
        (PERP, Trades, "0 0 1 buy 5 -1", 1),
        (PERP, Trades, "0 0 1 buy NaN NaN", 2),
        (PERP, Trades, "0 0 1 buy inf 1", 1),
        (PERP, Trades, "0 0 1 buy -inf 1", 1),
        (PERP, Trades, "0 0 1 buy 1.8e308 1", 1),
        (PERP, Trades, "0 0 1 buy 1.7e308 1", 1),
        (PERP, Trades, "0 0 1 buy 5 1.7e308", 1),
        (PERP, Trades, "0 0 1 buy 5e-324 1", 1),
        (PERP, Trades, "0 0 1 buy 1e-12 1e15", 0),
        (COMBO, Trades, "0 0 1 buy -5 1", 0),
        (COMBO, Trades, "0 0 1 buy 0 1", 0),
        (COMBO, Trades, "0 0 1 buy -1.7e308 1", 1),
        (OPTION, Trades, "0 0 1 buy 0 1", 1),
        (PERP, Liquidations, "0 0 - buy 0 0", 2),
        (PERP, IncrementalBookL2, "0 0 true ask 5 0", 0),
        (PERP, IncrementalBookL2, "0 0 true ask 0 1", 1),
        (PERP, IncrementalBookL2, "0 0 true ask 5 -1", 1),
        (OPTION, IncrementalBookL2, "0 0 true bid 0 1", 0),
        // ask amount, ask price, bid price, bid amount
        (PERP, Quotes, "0 0 1 5 4 1", 0),
        (PERP, Quotes, "0 0 - - 4 1", 0),
        (PERP, Quotes, "0 0 0 5 4 1", 1),
        (PERP, Quotes, "0 0 1 5 0 1", 1),
        (OPTION, Quotes, "0 0 1 5 0 1", 0),
        (OPTION, Quotes, "0 0 1 5 -1 1", 1),
        (COMBO, Quotes, "0 0 1 -5 -6 1", 0),
        // An exchange that has no ask sends 0 for price and amount.
        (PERP, BookTicker, "0 0 0 0 4 1", 0),
        (PERP, BookTicker, "0 0 1 0 4 1", 1),
        (PERP, BookSnapshot5, "0 0 5 1 4 1 6 1 3 0", 1),
        (PERP, BookSnapshot5, "0 0 5 1 4 1 6 1 NaN 1", 1),
        // funding time, rate, predicted, open interest, last, index, mark
        (PERP, DerivativeTicker, "0 0 - 0.0001 -0.0001 5 4 4 4", 0),
        (PERP, DerivativeTicker, "0 0 - - - 0 0 - -", 0),
        (PERP, DerivativeTicker, "0 0 - - - -1 4 4 4", 1),
        (PERP, DerivativeTicker, "0 0 - - - 5 4 0 4", 1),
        (PERP, DerivativeTicker, "0 0 - - - 5 4 4 0", 1),
        (OPTION, DerivativeTicker, "0 0 - - - 5 4 4 0", 0),
        (COMBO, DerivativeTicker, "0 0 - - - 5 -13.5 4 -13", 0),
        (COMBO, DerivativeTicker, "0 0 - - - 5 4 0 4", 1),
        // The highest cap is 4 % a period; a thousand times the lowest one is 3.
        (PERP, DerivativeTicker, "0 0 - 0.04 0.04 5 4 4 4", 0),
        (PERP, DerivativeTicker, "0 0 - 3 -3 5 4 4 4", 2),
        (PERP, DerivativeTicker, "0 0 0 0.01 - 5 4 4 4", 0),
        // Seconds that were read as microseconds.
        (PERP, DerivativeTicker, "0 0 -1709250000000000 0.01 - 5 4 4 4", 1),
        // type, strike, end, open interest, last, bid, amount, iv, ask, amount, iv, mark, iv, index, price, greeks
        (OPTION, OptionsChain, "0 0 call 50000 0 0 0 0 0 0 1 0 0 0 5 B 1 -2 0 0 -9 0", 0),
        (OPTION, OptionsChain, "0 0 call 0 0 0 0 -1 0 0 1 0 0 0 -5 B 0 NaN 0 0 -9 0", 5),
    ] {
        assert_eq!(found(key, data_type, row), expected, "{key} {data_type} {row}");
    }
}

#[test]
fn each_column_is_a_finding_that_names_it() {
    let rows = lines(&["0 5 1 buy 0 1", "0 6 2 buy 5 0", "0 7 3 buy -1 0"]);
    let found = found_in("values", PERP, &[(Trades, rows)]);
    let told: Vec<_> = found.iter().map(|f| (f.count, f.examples[0].as_str())).collect();
    assert_eq!(told, [(2, "row 0: price is 0"), (2, "row 1: amount is 0")]);
    let found = found_in("values", PERP, &[(Trades, lines(&["0 5 1 buy 1.7e308 1"]))]);
    assert_eq!(found[0].examples, ["row 0: price is 1.7e308"]);
    assert_eq!(check("values").severity, Severity::Error);
}

/// Trades with the column of keys before them.
fn with_keys(keys: &[&str]) -> RecordBatch {
    let rows: Vec<String> = (0..keys.len()).map(|i| format!("{i} {i} {i} buy 5 1")).collect();
    let rows = batch(Trades, &rows);
    let keys: DictionaryArray<Int32Type> = keys.iter().copied().collect();
    let mut columns: Vec<ArrayRef> = vec![Arc::new(keys)];
    columns.extend(rows.columns().iter().cloned());
    RecordBatch::try_new(Trades.table().schema().clone(), columns).unwrap()
}

#[test]
fn a_row_of_another_instrument_than_its_object_is_told() {
    let CheckFn::Rows(_, start) = check("instrument_key").run else { panic!() };
    let other = "DERIBIT:PERP:ETH-USD";
    for (keys, expected) in [
        (&[PERP, PERP, PERP][..], 0),
        (&[PERP, other, PERP], 1),
        (&[other, other], 2),
        (&["", PERP], 1),
        (&["deribit:perp:btc-usd"], 1),
    ] {
        let (key, values) = (key(PERP), Settings::default().values(check("instrument_key")));
        let context = Context::default();
        let (key, day) = (Some(&key), Some(day()));
        let mut running = start(&CheckInput { key, data_type: Trades, day, context: &context, values });
        running.rows(&Rows::new(Trades, &with_keys(keys), 0).unwrap());
        let found = running.finish();
        assert_eq!(count(&found), expected, "{keys:?}");
        if keys == [PERP, other, PERP] {
            assert_eq!(found[0].examples, [format!("row 1 is of {other}, the object of {PERP}")]);
        }
    }
    // Rows without the column say nothing.
    assert_eq!(count(&found_in("instrument_key", PERP, &[(Trades, lines(&["0 0 1 buy 5 1"]))])), 0);
}

#[test]
fn an_option_has_the_terms_of_its_key() {
    let end = (28 * 24 + 8) * 3_600_000_000_i64;
    for (terms, expected) in [
        (format!("call 50000 {end}"), 0),
        (format!("put 50000 {end}"), 1),
        (format!("call 55000 {end}"), 1),
        (format!("call 50000 {}", end + 86_400_000_000), 1),
    ] {
        let rows = vec![format!("0 0 {terms}")];
        assert_eq!(count(&found_in("option_terms", OPTION, &[(OptionsChain, rows)])), expected, "{terms}");
    }
}
