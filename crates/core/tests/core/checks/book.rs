//! Books: by themselves, and what the vendor makes of changes made again.

use mtdh_core::DataType::{
    BookSnapshot5, BookSnapshot25, BookTicker, IncrementalBookL2, Liquidations, Quotes, Trades,
};
use mtdh_core::check::Severity;

use super::{count, count_in, found_in, lines};

const KEY: &str = "DERIBIT:PERP:BTC-USD";

#[test]
fn tops_that_cross_or_lock() {
    for (row, expected) in [
        // ask amount, ask price, bid price, bid amount
        ("0 0 1 101 100 1", 0),
        ("0 0 1 100 100 1", 1),
        ("0 0 1 100 101 1", 1),
        ("0 0 - - 101 1", 0),
        ("0 0 1 100 - -", 0),
        ("0 0 1 -2 -3 1", 0),
    ] {
        assert_eq!(count_in("crossed_book", Quotes, &[row]), expected, "{row}");
        assert_eq!(count_in("crossed_book", BookTicker, &[row]), expected, "{row}");
    }
    for (row, expected) in
        [("0 0 101 1 100 1", 0), ("0 0 100 1 100 1", 1), ("0 0 99 1 100 1", 1), ("0 0 - - 100 1", 0)]
    {
        assert_eq!(count_in("crossed_book", BookSnapshot5, &[row]), expected, "{row}");
        assert_eq!(count_in("crossed_book", BookSnapshot25, &[row]), expected, "{row}");
    }
    let severity =
        |data_type| found_in("crossed_book", KEY, &[(data_type, lines(&["0 0 1 100 101 1"]))])[0].severity;
    assert_eq!(severity(Quotes), None, "an error, as the check says");
    assert_eq!(severity(BookTicker), Some(Severity::Warning), "the exchange's own");
}

#[test]
fn changes_cross_once_for_each_message() {
    let book = ["0 1 true ask 101 1", "0 1 true bid 100 1"];
    for (changes, expected) in [
        (&["0 2 false bid 100.5 1"][..], 0),
        (&["0 2 false bid 101 1"], 1),
        (&["0 2 false bid 102 1", "0 2 false ask 103 1"], 1),
        // Atomic: what the same message removes does not cross.
        (&["0 2 false bid 102 1", "0 2 false ask 101 0", "0 2 false ask 103 1"], 0),
        (&["0 2 false bid 102 1", "0 3 false bid 102 2"], 1),
        // A new book is not the old one.
        (&["0 2 true bid 102 1", "0 2 true ask 103 1"], 0),
    ] {
        let rows: Vec<&str> = book.iter().chain(changes).copied().collect();
        assert_eq!(count_in("crossed_book", IncrementalBookL2, &rows), expected, "{changes:?}");
    }
    // Before the first snapshot nothing is known.
    assert_eq!(count_in("crossed_book", IncrementalBookL2, &["0 1 false ask 1 1", "0 1 false bid 2 1"]), 0);
}

#[test]
fn levels_are_sorted_and_without_holes() {
    for (row, expected) in [
        ("0 0 101 1 100 1 102 1 99 1", 0),
        ("0 0 101 1 100 1", 0),
        ("0 0 101 1 - - 102 1 - -", 0),
        ("0 0 101 1 100 1 101 1 99 1", 1),
        ("0 0 102 1 100 1 101 1 99 1", 1),
        ("0 0 101 1 100 1 102 1 100 1", 1),
        ("0 0 101 1 99 1 102 1 100 1", 1),
        ("0 0 102 1 99 1 101 1 100 1", 2),
        ("0 0 - - 100 1 101 1 99 1", 1),
        ("0 0 101 1 100 1 - - - - 103 1 98 1", 2),
    ] {
        assert_eq!(count_in("level_order", BookSnapshot5, &[row]), expected, "{row}");
        assert_eq!(count_in("level_order", BookSnapshot25, &[row]), expected, "{row}");
    }
}

#[test]
fn the_deepest_level_is_looked_at() {
    let level = |i: i64| format!("{} 1 {} 1", 100 + i, 100 - i);
    for (data_type, levels) in [(BookSnapshot5, 5), (BookSnapshot25, 25)] {
        let good: Vec<String> = (1..=levels).map(level).collect();
        assert_eq!(count_in("level_order", data_type, &[&format!("0 0 {}", good.join(" "))]), 0);
        let mut bad = good.clone();
        bad[levels as usize - 1] = level(levels - 1);
        assert_eq!(
            count_in("level_order", data_type, &[&format!("0 0 {}", bad.join(" "))]),
            2,
            "{data_type}"
        );
    }
}

#[test]
fn amounts_below_zero() {
    for (data_type, row, expected) in [
        (Trades, "0 0 1 buy 5 0", 0),
        (Trades, "0 0 1 buy -5 1", 0),
        (Trades, "0 0 1 buy 5 -0.1", 1),
        (Liquidations, "0 0 1 buy 5 -1", 1),
        (IncrementalBookL2, "0 0 true ask 5 0", 0),
        (IncrementalBookL2, "0 0 true ask 5 -1", 1),
        (Quotes, "0 0 -1 5 4 -1", 2),
        (BookTicker, "0 0 1 5 4 -1", 1),
        (BookSnapshot5, "0 0 5 1 4 1 6 -1 3 -1", 2),
        (BookSnapshot25, "0 0 5 1 4 -1", 1),
    ] {
        assert_eq!(count_in("negative_amount", data_type, &[row]), expected, "{data_type} {row}");
    }
}

/// A book, two changes of its top, one below it.
const CHANGES: [&str; 8] = [
    "0 1 false ask 90 1",
    "0 1 true ask 101 1",
    "0 1 true ask 102 1",
    "0 1 true bid 100 1",
    "1 2 false bid 100 2",
    "2 3 false ask 108 1",
    "3 4 false ask 101 0",
    "4 5 false bid 55 0",
];

#[test]
fn quotes_are_made_again() {
    // ask amount, ask price, bid price, bid amount
    let right = ["0 1 1 101 100 1", "1 2 1 101 100 2", "3 4 1 102 100 2"];
    let recompute = |quotes: &[&str]| {
        let pieces = [(IncrementalBookL2, lines(&CHANGES)), (Quotes, lines(quotes))];
        count(&found_in("quotes_recomputed", KEY, &pieces))
    };
    for (quotes, expected) in [
        (&right[..], 0),
        (&right[..2], 1),
        (&right[1..], 1),
        (&[][..], 3),
        (&[right[0], right[1], "2 3 1 101 100 2", right[2]], 1),
        (&[right[0], "1 2 1 101 100 2.5", right[2]], 1),
        (&[right[0], "1 2 1 101.5 100 2", right[2]], 1),
        (&[right[0], "1 2 - - 100 2", right[2]], 1),
        (&[right[0], "0 2 1 101 100 2", right[2]], 1),
        // At another moment: one lacks, one is too many.
        (&[right[0], "1 3 1 101 100 2", right[2]], 2),
        (&[right[0], right[1], right[2], "4 5 1 102 100 2"], 1),
    ] {
        assert_eq!(recompute(quotes), expected, "{quotes:?}");
    }
}

#[test]
fn snapshots_are_made_again_with_every_level() {
    let right = [
        "0 1 101 1 100 1 102 1",
        "1 2 101 1 100 2 102 1",
        "2 3 101 1 100 2 102 1 - - 108 1",
        "3 4 102 1 100 2 108 1",
    ];
    let recompute = |rows: &[&str]| {
        let pieces = [(IncrementalBookL2, lines(&CHANGES)), (BookSnapshot5, lines(rows))];
        count(&found_in("book_snapshot_5_recomputed", KEY, &pieces))
    };
    assert_eq!(recompute(&right), 0);
    assert_eq!(recompute(&right[..3]), 1);
    assert_eq!(recompute(&[right[0], right[1], "2 3 101 1 100 2 102 1 - - 108 2", right[3]]), 1);
}

#[test]
fn a_crossed_level_is_taken_out_as_the_vendor_does() {
    for (change, quote) in [
        // The message touched the best ask: the bid goes.
        (&["1 2 false ask 99 1"][..], "1 2 1 99 98 1"),
        // It did not: asks go until nothing crosses.
        (&["1 2 false bid 101.5 1"], "1 2 1 102 101.5 1"),
        (&["1 2 true bid 97 1", "1 2 true ask 98 1"], "1 2 1 98 97 1"),
        // A snapshot is the whole book, on both sides.
        (&["1 2 true bid 97 1", "1 2 true ask 103 1"], "1 2 1 103 97 1"),
    ] {
        let mut changes =
            vec!["0 1 true ask 101 1", "0 1 true ask 102 1", "0 1 true bid 100 1", "0 1 true bid 98 1"];
        changes.extend(change);
        let quotes = ["0 1 1 101 100 1", quote];
        let pieces = [(IncrementalBookL2, lines(&changes)), (Quotes, lines(&quotes))];
        assert_eq!(found_in("quotes_recomputed", KEY, &pieces), [], "{change:?}");
    }
}

#[test]
fn the_example_names_the_cell() {
    let quotes = ["0 1 1 101 100 1", "1 2 1 101 100 7", "3 4 1 102 100 2"];
    let pieces = [(IncrementalBookL2, lines(&CHANGES)), (Quotes, lines(&quotes))];
    let found = found_in("quotes_recomputed", KEY, &pieces);
    assert_eq!(found[0].examples, ["2024-03-01T00:00:00.000002Z: bid amount 1 is 7, the changes give 2"]);
}

/// What is found in quotes and in snapshots of five levels beside changes.
fn recomputed(changes: &[&str], quotes: &[&str], snapshots: &[&str]) -> (u64, u64) {
    let of = |name, data_type, rows: &[&str]| {
        count(&found_in(name, KEY, &[(IncrementalBookL2, lines(changes)), (data_type, lines(rows))]))
    };
    (of("quotes_recomputed", Quotes, quotes), of("book_snapshot_5_recomputed", BookSnapshot5, snapshots))
}

#[test]
fn a_change_of_either_clock_begins_a_message() {
    let start = ["1000 2000 true ask 101 1", "1000 2000 true bid 100 1"];
    for (name, changes, quotes, snapshots) in [
        (
            "two updates that arrive together",
            &["72000 209254 false ask 101 3", "92000 209254 false ask 101 4"][..],
            &["72000 209254 3 101 100 1", "92000 209254 4 101 100 1"][..],
            &["72000 209254 101 3 100 1", "92000 209254 101 4 100 1"][..],
        ),
        (
            "three, and the middle one changes nothing",
            &["5 2001 false ask 101 3", "6 2001 false ask 120 0", "7 2001 false ask 101 4"],
            &["5 2001 3 101 100 1", "7 2001 4 101 100 1"],
            &["5 2001 101 3 100 1", "7 2001 101 4 100 1"],
        ),
        (
            "there and back within a microsecond",
            &["5 2001 false ask 101 3", "6 2001 false ask 101 1"],
            &["5 2001 3 101 100 1", "6 2001 1 101 100 1"],
            &["5 2001 101 3 100 1", "6 2001 101 1 100 1"],
        ),
        (
            "one moment of the exchange that arrives twice",
            &["5 2001 false ask 101 3", "5 2002 false ask 101 4"],
            &["5 2001 3 101 100 1", "5 2002 4 101 100 1"],
            &["5 2001 101 3 100 1", "5 2002 101 4 100 1"],
        ),
        (
            "an exchange's clock that goes back",
            &["9 2001 false ask 101 3", "5 2001 false ask 101 4", "9 2001 false ask 101 5"],
            &["9 2001 3 101 100 1", "5 2001 4 101 100 1", "9 2001 5 101 100 1"],
            &["9 2001 101 3 100 1", "5 2001 101 4 100 1", "9 2001 101 5 100 1"],
        ),
        (
            "two snapshots that arrive together",
            &[
                "5 2001 true ask 99 1",
                "5 2001 true bid 98 1",
                "6 2001 true ask 103 1",
                "6 2001 true bid 102 1",
            ],
            &["5 2001 1 99 98 1", "6 2001 1 103 102 1"],
            &["5 2001 99 1 98 1", "6 2001 103 1 102 1"],
        ),
        (
            "an update and a snapshot",
            &["5 2001 false ask 101 3", "6 2001 true ask 99 1", "6 2001 true bid 98 1"],
            &["5 2001 3 101 100 1", "6 2001 1 99 98 1"],
            &["5 2001 101 3 100 1", "6 2001 99 1 98 1"],
        ),
    ] {
        let changes: Vec<&str> = start.iter().chain(changes).copied().collect();
        let with_start = |first, rows: &[&'static str]| [&[first], rows].concat();
        let quotes = with_start("1000 2000 1 101 100 1", quotes);
        let snapshots = with_start("1000 2000 101 1 100 1", snapshots);
        assert_eq!(recomputed(&changes, &quotes, &snapshots), (0, 0), "{name}");
        assert_eq!(count_in("crossed_book", IncrementalBookL2, &changes), 0, "{name}");
        // A row less, a row twice, and a row of other values are found all the same.
        let last = quotes.len() - 1;
        assert_eq!(recomputed(&changes, &quotes[..last], &snapshots[..last]), (1, 1), "{name}, one lacks");
        let twice = |rows: &[&'static str]| [rows, &rows[last..]].concat();
        assert_eq!(recomputed(&changes, &twice(&quotes), &twice(&snapshots)).0, 1, "{name}, one twice");
        let other = |row: &str| {
            row.replacen(" 100 1", " 100 9", 1).replacen(" 98 1", " 98 9", 1).replacen(" 102 1", " 102 9", 1)
        };
        let changed = other(quotes[last]);
        let quotes: Vec<&str> = quotes[..last].iter().copied().chain([changed.as_str()]).collect();
        assert_eq!(recomputed(&changes, &quotes, &snapshots), (1, 0), "{name}, one differs");
    }
}

#[test]
fn where_both_clocks_are_equal_either_grouping_is_right() {
    let start = ["1 1 true ask 101 1", "1 1 true bid 100 1"];
    let first = "1 1 1 101 100 1";
    for (name, changes, right, wrong) in [
        (
            "two updates",
            &["5 5 false ask 101 3", "5 5 false ask 101 4"][..],
            &[&["5 5 4 101 100 1"][..], &["5 5 3 101 100 1", "5 5 4 101 100 1"]][..],
            &[&["5 5 3 101 100 1"][..], &["5 5 4 101 100 1", "5 5 3 101 100 1"], &[]][..],
        ),
        (
            "there and back",
            &["5 5 false ask 101 3", "5 5 false ask 101 1"],
            &[&[], &["5 5 3 101 100 1", "5 5 1 101 100 1"]],
            &[&["5 5 3 101 100 1"], &["5 5 1 101 100 1"]],
        ),
        (
            "an update and a snapshot",
            &["5 5 false ask 101 3", "5 5 true ask 99 1", "5 5 true bid 98 1"],
            &[&["5 5 1 99 98 1"], &["5 5 3 101 100 1", "5 5 1 99 98 1"]],
            &[&["5 5 3 101 100 1"], &["5 5 1 99 - -", "5 5 1 99 98 1"]],
        ),
        (
            "a snapshot and an update",
            &["5 5 true ask 99 1", "5 5 true bid 98 1", "5 5 false ask 99 2"],
            &[&["5 5 2 99 98 1"], &["5 5 1 99 98 1", "5 5 2 99 98 1"]],
            &[&["5 5 1 99 98 1"]],
        ),
        (
            "two snapshots",
            &["5 5 true ask 99 1", "5 5 true bid 98 1", "5 5 true ask 103 1", "5 5 true bid 102 1"],
            &[&["5 5 1 103 102 1"]],
            &[&["5 5 1 99 98 1"], &[]],
        ),
    ] {
        let changes: Vec<&str> = start.iter().chain(changes).copied().collect();
        assert_eq!(count_in("crossed_book", IncrementalBookL2, &changes), 0, "{name}");
        for (groupings, is_right) in [(right, true), (wrong, false)] {
            for rows in groupings {
                let quotes = [&[first], *rows].concat();
                assert_eq!(
                    recomputed(&changes, &quotes, &["1 1 101 1 100 1"]).0 == 0,
                    is_right,
                    "{name}: {rows:?}"
                );
            }
        }
    }
}
