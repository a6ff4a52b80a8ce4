//! Trades that come again.

use mtdh_core::DataType::Trades;

use super::{count, found_in, lines};

#[test]
fn an_id_that_comes_again_with_another_content_is_told_and_one_as_it_was_is_not() {
    for (rows, changed, repeated) in [
        (&["1 2 7 buy 1 1", "3 4 8 buy 1 1"][..], 0, 0),
        (&["1 2 7 buy 1 1", "1 9 7 buy 1 1"], 0, 1),
        (&["1 2 7 buy 1 1", "2 9 7 buy 1 1"], 1, 1),
        (&["1 2 7 buy 1 1", "1 9 7 sell 1 1"], 1, 1),
        (&["1 2 7 buy 1 1", "1 9 7 buy 2 1", "1 10 7 buy 1 2"], 2, 2),
        (&["1 2 a-7 buy 1 1", "1 9 a-7 buy 1 1", "1 10 a-7 buy 5 1"], 1, 2),
        (&["1 2 - buy 1 1", "1 9 - buy 2 1"], 0, 0),
    ] {
        let of = |name| count(&found_in(name, "BITMEX:PERP:BTC-USD", &[(Trades, lines(rows))]));
        assert_eq!((of("changed_trade"), of("repeated_trade_id")), (changed, repeated), "{rows:?}");
    }
    let rows = lines(&["1 2 7 buy 1 1", "1 9 7 sell 5 3"]);
    let found = found_in("changed_trade", "BITMEX:PERP:BTC-USD", &[(Trades, rows)]);
    assert!(
        found[0].examples[0].contains("id 7: ") && found[0].examples[0].contains("sell 3 at 5, before "),
        "{found:?}"
    );
}
