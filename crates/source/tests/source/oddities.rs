//! What files hold besides plain rows: one line of a table per oddity.

use mtdh_core::DataType;
use mtdh_source::tardis::csv::{Expectation, MAX_LINE_BYTES};

use crate::{cuttings, decode, line};

const HEADER: &str = "exchange,symbol,timestamp,local_timestamp,id,side,price,amount\n";
const T: &str = "1709251200000000,1709251200000001";

/// A trade without its two times and names.
fn row(rest: &str) -> String {
    format!("deribit,BTC-PERPETUAL,{T},{rest}")
}

fn expected() -> Expectation {
    Expectation {
        exchange: Some("deribit".to_owned()),
        symbol: Some("BTC-PERPETUAL".to_owned()),
        day: Some("2024-03-01".parse().unwrap()),
    }
}

/// Decodes a file of trades under several cuttings. What comes of it is one text each: stored rows without their
/// times, then `line N: REASON` for each rejected one; or `error: …`.
fn check_expecting(expectation: &Expectation, name: &str, file: &[u8], outcome: &[&str]) {
    let table = DataType::Trades.table();
    for pieces in cuttings(file) {
        let size = pieces.first().map_or(0, |piece| piece.len());
        let lines = match decode(table, expectation, pieces) {
            Err(error) => vec![format!("error: {error}")],
            Ok(decoded) => {
                decoded.check_conservation();
                let rows = decoded.rows(table).into_iter().map(|cells| line(&cells[2..]));
                let rejects = decoded.rejects.iter().map(|r| format!("line {}: {}", r.line, r.reason));
                rows.chain(rejects).collect()
            }
        };
        assert_eq!(lines, outcome, "{name}, in pieces of {size} bytes");
    }
}

fn check(name: &str, file: impl AsRef<[u8]>, outcome: &[&str]) {
    check_expecting(&expected(), name, file.as_ref(), outcome);
}

#[test]
fn files_without_rows() {
    for (name, file, has_header) in [
        ("no bytes", "", false),
        ("header only", HEADER, true),
        ("header without line end", HEADER.trim_end(), true),
        ("header with CRLF", &HEADER.replace('\n', "\r\n"), true),
    ] {
        check(name, file, &[]);
        let decoded = decode(DataType::Trades.table(), &expected(), [file.as_bytes()]).unwrap();
        assert_eq!(decoded.has_header, has_header, "{name}");
        assert!(decoded.names.is_empty() && decoded.batches.is_empty(), "{name}");
    }
}

#[test]
fn line_ends() {
    let (one, two) = (row("1,buy,1,2"), row("2,sell,3,4"));
    let stored = ["1 buy 1 2", "2 sell 3 4"];
    check("LF", format!("{HEADER}{one}\n{two}\n"), &stored);
    check("no last line end", format!("{HEADER}{one}\n{two}"), &stored);
    check("CRLF", format!("{HEADER}{one}\n{two}\n").replace('\n', "\r\n"), &stored);
    check("CRLF without the last LF", format!("{HEADER}{one}\r\n{two}\r"), &stored);
    check(
        "an empty line",
        format!("{HEADER}{one}\n\n{two}\n"),
        &[stored[0], stored[1], "line 3: empty line"],
    );
    check("an empty line at the end", format!("{HEADER}{one}\n\n"), &[stored[0], "line 3: empty line"]);
}

#[test]
fn headers() {
    let header = HEADER.trim_end();
    let stored = ["1 buy 1 2"];
    let trade = row("1,buy,1,2");
    check("byte order mark", format!("\u{feff}{header}\n{trade}\n"), &stored);
    check("extra column at the end", format!("{header},fee\n{trade},0.1\n"), &stored);
    check("extra column without cells", format!("{header},fee\n{trade},\n"), &stored);
    check("extra column in front", format!("row,{header}\n7,{trade}\n"), &stored);
    check(
        "reordered",
        "amount,price,side,id,local_timestamp,timestamp,symbol,exchange\n\
         2,1,buy,1,1709251200000001,1709251200000000,BTC-PERPETUAL,deribit\n",
        &stored,
    );
    check(
        "missing column",
        "exchange,symbol,timestamp,local_timestamp,id,price,quantity\n",
        &["error: the header row of a trades file lacks side, amount; it is \
           `exchange,symbol,timestamp,local_timestamp,id,price,quantity`"],
    );
    check(
        "missing symbol",
        "exchange,timestamp,local_timestamp,id,side,price,amount\n",
        &["error: the header row of a trades file lacks symbol; it is \
           `exchange,timestamp,local_timestamp,id,side,price,amount`"],
    );
    check(
        "double column",
        format!("{header},price\n{trade},1\n"),
        &["error: the header row names `price` twice"],
    );
    check("double extra column", format!("{header},fee,fee\n{trade},1,1\n"), &stored);
    check(
        "no CSV",
        "<html>\n",
        &[
            "error: the header row of a trades file lacks exchange, symbol, timestamp, local_timestamp, id, side, \
           price, amount; it is `<html>`",
        ],
    );
}

#[test]
fn cells_of_every_kind() {
    for (name, rest, outcome) in [
        ("empty id", ",buy,1,2", "- buy 1 2"),
        ("side unknown", "1,unknown,1,2", "1 unknown 1 2"),
        ("another word", "1,both,1,2", "line 2: `side` is not one of buy, sell, unknown"),
        ("a word in capitals", "1,BUY,1,2", "line 2: `side` is not one of buy, sell, unknown"),
        ("empty side", "1,,1,2", "line 2: `side` is not one of buy, sell, unknown"),
        ("empty price", "1,buy,,2", "line 2: `price` is not a decimal number"),
        ("empty amount", "1,buy,1,", "line 2: `amount` is not a decimal number"),
        ("zeros at the end", "1,buy,10.00,2.0", "1 buy 10 2"),
        ("exponents", "1,buy,6.37e-8,1E+5", "1 buy 0.0000000637 100000"),
        ("negative price", "1,buy,-12.5,2", "1 buy -12.5 2"),
        ("not a number", "1,buy,NaN,2", "line 2: `price` is not a decimal number"),
        ("too large for a float", "1,buy,1,1e999", "line 2: `amount` is not a decimal number"),
        ("blank beside a number", "1,buy, 1,2", "line 2: `price` is not a decimal number"),
        ("hexadecimal", "1,buy,0x10,2", "line 2: `price` is not a decimal number"),
        ("decimal comma", "1,buy,1,2,5", "line 2: too many cells"),
        ("id that looks like a float", "9863668e-12,buy,1,2", "9863668e-12 buy 1 2"),
        ("id beyond 2^53", "18446744073709551617,buy,1,2", "18446744073709551617 buy 1 2"),
        ("id with blanks and signs", "a b:c/d@e.f_g,buy,1,2", "a b:c/d@e.f_g buy 1 2"),
        ("id outside ASCII", "ü-币,buy,1,2", "ü-币 buy 1 2"),
        ("quoted id", "\"1\",buy,1,2", "line 2: `id` is not UTF-8 text without quotes"),
        ("quoted number", "1,buy,\"1\",2", "line 2: `price` is not a decimal number"),
        ("too few cells", "1,buy,1", "line 2: too few cells"),
        ("far too few cells", "1", "line 2: too few cells"),
        ("too many cells", "1,buy,1,2,3", "line 2: too many cells"),
        ("empty last cell too many", "1,buy,1,2,", "line 2: too many cells"),
    ] {
        check(name, format!("{HEADER}{}\n", row(rest)), &[outcome]);
    }
}

#[test]
fn times_are_whole_microseconds() {
    for (name, times, outcome) in [
        ("plain", "1709251200000000,1709251200000001", "1 buy 1 2"),
        ("exchange's clock on the day before", "1709251199999999,1709251200000001", "1 buy 1 2"),
        ("exchange's clock before 1970", "-1,1709251200000001", "1 buy 1 2"),
        ("fraction", "1709251200000000.5,1709251200000001", "line 2: `timestamp` is not whole microseconds"),
        ("empty", ",1709251200000001", "line 2: `timestamp` is not whole microseconds"),
        ("text", "2024-03-01T00:00:00Z,1709251200000001", "line 2: `timestamp` is not whole microseconds"),
        ("exponent", "1709251200000000,1.7e15", "line 2: `local_timestamp` is not whole microseconds"),
        (
            "beyond 64 bits",
            "9223372036854775808,1709251200000001",
            "line 2: `timestamp` is not whole microseconds",
        ),
    ] {
        check(name, format!("{HEADER}deribit,BTC-PERPETUAL,{times},1,buy,1,2\n"), &[outcome]);
    }
}

#[test]
fn bytes_that_are_no_text() {
    let bad = |at: &str| {
        let text = format!("{HEADER}{}\n{}\n", row("1,buy,1,2"), row("2,sell,3,4"));
        let at = text.rfind(at).unwrap();
        let mut bytes = text.into_bytes();
        bytes[at] = 0xff;
        bytes
    };
    check("in an id", bad("2,sell"), &["1 buy 1 2", "line 3: `id` is not UTF-8 text without quotes"]);
    check("in a word", bad("ell,3"), &["1 buy 1 2", "line 3: `side` is not one of buy, sell, unknown"]);
    check("in a number", bad("3,4"), &["1 buy 1 2", "line 3: `price` is not a decimal number"]);
    check(
        "in a name",
        bad("PERPETUAL"),
        &["1 buy 1 2", "line 3: exchange or symbol is not UTF-8 text without quotes"],
    );
    check("NUL in an id", format!("{HEADER}{}\n", row("a\0b,buy,1,2")), &["a\0b buy 1 2"]);
}

#[test]
fn rows_of_somebody_else_refuse_the_file() {
    let mine = row("1,buy,1,2");
    for (name, other, outcome) in [
        (
            "exchange",
            format!("bitmex,BTC-PERPETUAL,{T},1,buy,1,2"),
            "error: line 3 is of exchange `bitmex`, expected `deribit`",
        ),
        (
            "symbol",
            format!("deribit,ETH-PERPETUAL,{T},1,buy,1,2"),
            "error: line 3 is of symbol `ETH-PERPETUAL`, expected `BTC-PERPETUAL`",
        ),
        (
            "symbol of a bad row",
            format!("deribit,ETH-PERPETUAL,{T},1,buy,x,2"),
            "error: line 3 is of symbol `ETH-PERPETUAL`, expected `BTC-PERPETUAL`",
        ),
        (
            "the day before",
            "deribit,BTC-PERPETUAL,1709251200000000,1709251199999999,1,buy,1,2".to_owned(),
            "error: line 3 arrived at 1709251199999999 µs, which is not on 2024-03-01",
        ),
        (
            "the day after",
            "deribit,BTC-PERPETUAL,1709251200000000,1709337600000000,1,buy,1,2".to_owned(),
            "error: line 3 arrived at 1709337600000000 µs, which is not on 2024-03-01",
        ),
    ] {
        check(name, format!("{HEADER}{mine}\n{other}\n"), &[outcome]);
    }
    let last = format!("{HEADER}deribit,BTC-PERPETUAL,1709337599999999,1709337599999999,1,buy,1,2\n");
    check("the day's last microsecond", last, &["1 buy 1 2"]);
}

#[test]
fn symbols_are_compared_as_urls_write_them() {
    for (expected, written, fits) in [
        ("XBT-USD", "XBT/USD", true),
        ("XBT-USD", "XBT-USD", true),
        ("BTCF0-USTF0", "BTCF0:USTF0", true),
        ("KPEPE", "kPEPE", true),
        ("@107", "@107", true),
        ("XBT-USD", "XBTUSD", false),
        ("XBT-USD", "XBT_USD", false),
    ] {
        let expectation = Expectation { symbol: Some(expected.to_owned()), ..Expectation::default() };
        let file = format!("{HEADER}kraken,{written},{T},1,buy,1,2\n");
        let error = format!("error: line 2 is of symbol `{written}`, expected `{expected}`");
        let outcome = if fits { "1 buy 1 2" } else { error.as_str() };
        check_expecting(&expectation, written, file.as_bytes(), &[outcome]);
    }
}

#[test]
fn quotes_around_names_are_refused() {
    let bad = "line 2: exchange or symbol is not UTF-8 text without quotes";
    for (name, file) in [
        ("exchange", format!("{HEADER}\"deribit\",BTC-PERPETUAL,{T},1,buy,1,2\n")),
        ("symbol", format!("{HEADER}deribit,\"BTC-PERPETUAL\",{T},1,buy,1,2\n")),
    ] {
        check(name, &file, &[bad]);
        check_expecting(&Expectation::default(), name, file.as_bytes(), &[bad]);
    }
    for (name, file) in [
        ("no exchange", format!("{HEADER},BTC-PERPETUAL,{T},1,buy,1,2\n")),
        ("no symbol", format!("{HEADER}deribit,,{T},1,buy,1,2\n")),
    ] {
        check(name, &file, &["line 2: no exchange or no symbol"]);
    }
}

#[test]
fn lines_have_a_longest_length_however_they_come() {
    let longest = row(&format!("{},buy,1,2", "x".repeat(MAX_LINE_BYTES)));
    let over = longest.len() - MAX_LINE_BYTES;
    let fits = longest.replacen(&"x".repeat(over), "", 1);
    assert_eq!(fits.len(), MAX_LINE_BYTES);
    let first = row("1,buy,1,2");
    let stored = format!("{} buy 1 2", fits.split(',').nth(4).unwrap());
    let error = format!("error: line 3 is longer than {MAX_LINE_BYTES} bytes; this is no CSV file");
    check("the longest", format!("{HEADER}{first}\n{fits}\n"), &["1 buy 1 2", &stored]);
    check("the longest without line end", format!("{HEADER}{first}\n{fits}"), &["1 buy 1 2", &stored]);
    check("one byte more", format!("{HEADER}{first}\n{fits}3\n"), &[&error]);
    check("one byte more without line end", format!("{HEADER}{first}\n{fits}3"), &[&error]);
}

#[test]
fn rejected_rows_are_kept_with_line_text_and_whom_they_are_about() {
    let file = format!(
        "{HEADER}{}\n{}\nderibit,ETH-PERPETUAL,{T},3,buy,x,2\n{}\nderibit\n",
        row("1,buy,1,2"),
        row("2,both,1,2"),
        row("4,buy,1,2,3"),
    );
    let expectation = Expectation::default();
    let decoded = decode(DataType::Trades.table(), &expectation, [file.as_bytes()]).unwrap();
    decoded.check_conservation();
    let rejects: Vec<_> = decoded.rejects.iter().map(|r| (r.line, r.text.as_str(), r.name)).collect();
    let texts: Vec<&str> = file.lines().collect();
    assert_eq!(
        rejects,
        [(3, texts[2], Some(0)), (4, texts[3], Some(1)), (5, texts[4], None), (6, "deribit", None)]
    );
    let counts: Vec<_> = decoded
        .names
        .iter()
        .map(|n| (n.symbol.as_str(), n.tally.rows_in, n.tally.rows_out, n.tally.rows_rejected))
        .collect();
    assert_eq!(counts, [("BTC-PERPETUAL", 2, 1, 1), ("ETH-PERPETUAL", 1, 0, 1)]);
}

#[test]
fn rejected_rows_do_not_fill_the_memory() {
    let table = DataType::Trades.table();
    let short = format!("{HEADER}{}", "x\n".repeat(100_001));
    let long = format!("{HEADER}{}", format!("{}\n", "x".repeat(60_000)).repeat(1_200));
    for (name, file) in [("many", short), ("long", long)] {
        let error = decode(table, &expected(), file.as_bytes().chunks(1 << 16)).unwrap_err();
        let words = "too many rows cannot be read; the first is line 2: too few cells";
        assert_eq!(error.to_string(), words, "{name}");
    }
}

#[test]
fn tallies_tell_ranges_regressions_and_inexact_numbers() {
    let rows = [
        "1709251200000005,1709251200000010,1,buy,0.1,2",
        "1709251200000003,1709251200000012,2,buy,123456789012345678,2",
        "1709251200000009,1709251200000011,3,buy,0.1000000000000000055511151231257827,2",
        "1709251200000001,1709251200000099,4,buy,not a number,2",
        "1709251200000004,1709251200000011,5,buy,1e-7,2",
    ];
    let rows = rows.map(|row| format!("deribit,BTC-PERPETUAL,{row}\n")).concat();
    let decoded =
        decode(DataType::Trades.table(), &expected(), [HEADER.as_bytes(), rows.as_bytes()]).unwrap();
    let tally = decoded.names[0].tally;
    assert_eq!((tally.rows_in, tally.rows_out, tally.rows_rejected), (5, 4, 1));
    assert_eq!((tally.inexact_numbers, tally.arrival_regressions), (2, 1));
    assert_eq!(tally.timestamp, Some((1_709_251_200_000_003, 1_709_251_200_000_009)));
    assert_eq!(tally.local_timestamp, Some((1_709_251_200_000_010, 1_709_251_200_000_012)));
}

#[test]
fn spellings_of_one_dataset_symbol_are_one_instrument_in_file_order() {
    let row = |symbol: &str, id: u32| format!("deribit,{symbol},{T},{id},buy,1,1\n");
    for (name, symbols, names) in [
        ("small letters", ["BTC-PERPETUAL", "btc-perpetual", "Btc-Perpetual", "BTC-PERPETUAL"], 1),
        ("a slash", ["XBT/USD", "XBT-USD", "xbt:usd", "XBT/USD"], 1),
        ("a capital that is two letters", ["straße", "STRASSE", "straße", "strasse"], 1),
        ("two instruments", ["BTC", "ETH", "btc", "eth"], 2),
        ("a space is another name", ["BTC", "BTC ", "BTC", "BTC "], 2),
    ] {
        let rows: String = symbols.iter().zip(1..).map(|(symbol, id)| row(symbol, id)).collect();
        let file = format!("{HEADER}{rows}");
        for pieces in cuttings(file.as_bytes()) {
            let decoded = decode(DataType::Trades.table(), &Expectation::default(), pieces).unwrap();
            decoded.check_conservation();
            assert_eq!(decoded.names.len(), names, "{name}");
            assert_eq!(decoded.names[0].symbol, symbols[0], "{name}: as the first row writes it");
            assert_eq!(decoded.names[0].tally.rows_out, 4 / names as u64, "{name}");
        }
    }
}
