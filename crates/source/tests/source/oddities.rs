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
        ("decimal comma", "1,buy,1,2,5", "line 2: too many cells: 9 where 8 belong"),
        ("id that looks like a float", "9863668e-12,buy,1,2", "9863668e-12 buy 1 2"),
        ("id beyond 2^53", "18446744073709551617,buy,1,2", "18446744073709551617 buy 1 2"),
        ("id with blanks and signs", "a b:c/d@e.f_g,buy,1,2", "a b:c/d@e.f_g buy 1 2"),
        ("id outside ASCII", "ü-币,buy,1,2", "ü-币 buy 1 2"),
        ("too few cells", "1,buy,1", "line 2: too few cells: 7 where 8 belong"),
        ("far too few cells", "1", "line 2: too few cells: 5 where 8 belong"),
        ("too many cells", "1,buy,1,2,3", "line 2: too many cells: 9 where 8 belong"),
        ("empty last cell too many", "1,buy,1,2,", "line 2: too many cells: 9 where 8 belong"),
        ("too many cells, of which one is bad", "1,both,1,2,3", "line 2: too many cells: 9 where 8 belong"),
        ("too few cells, of which one is bad", "1,both", "line 2: too few cells: 6 where 8 belong"),
        ("quoted id", "\"1\",buy,1,2", "1 buy 1 2"),
        ("quoted number", "1,buy,\"1.5\",2", "1 buy 1.5 2"),
        ("quoted word", "1,\"buy\",1,2", "1 buy 1 2"),
        ("quoted nothing", "\"\",buy,1,2", "- buy 1 2"),
        ("quoted nothing where something must be", "1,buy,\"\",2", "line 2: `price` is not a decimal number"),
        ("quoted comma", "\"a,b\",buy,1,2", "a,b buy 1 2"),
        ("quoted quote", "\"a\"\"b\",buy,1,2", "a\"b buy 1 2"),
        ("quote within a cell", "a\"b,buy,1,2", "a\"b buy 1 2"),
        ("quoted decimal comma", "1,buy,\"1,5\",2", "line 2: `price` is not a decimal number"),
        ("quoted cells, too many", "\"1\",buy,1,2,3", "line 2: too many cells: 9 where 8 belong"),
        (
            "quote without end",
            "\"1,buy,1,2",
            "line 2: a quoted cell has no end in its line, or something behind it",
        ),
        (
            "text behind a quote",
            "\"1\"2,buy,1,2",
            "line 2: a quoted cell has no end in its line, or something behind it",
        ),
    ] {
        check(name, format!("{HEADER}{}\n", row(rest)), &[outcome]);
    }
}

#[test]
fn times_are_whole_microseconds() {
    for (name, times, outcome) in [
        ("plain", "1709251200000000,1709251200000001", "1 buy 1 2"),
        ("exchange's clock on the day before", "1709251199999999,1709251200000001", "1 buy 1 2"),
        ("exchange's clock at the end of the year after", "1767225599999999,1709251200000001", "1 buy 1 2"),
        ("exchange's clock in 2009", "1230768000000000,1709251200000001", "1 buy 1 2"),
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
fn times_that_no_clock_shows_are_refused_with_the_unit_that_would_fit() {
    let us = "1709251200000001";
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    let next = mtdh_core::Day::containing_us(now.as_micros() as i64).unwrap().year() + 1;
    let ahead = mtdh_core::Day::new(next + 1, 1, 1).unwrap().start_us();
    for (name, times, outcome) in [
        (
            "seconds",
            format!("1709251200,{us}"),
            "`timestamp`: 1709251200 µs is not in the years 2009 to NEXT: seconds?",
        ),
        (
            "milliseconds",
            format!("1709251200000,{us}"),
            "`timestamp`: 1709251200000 µs is not in the years 2009 to NEXT: milliseconds?",
        ),
        (
            "nanoseconds",
            format!("1709251200000000000,{us}"),
            "`timestamp`: 1709251200000000000 µs is not in the years 2009 to NEXT: nanoseconds?",
        ),
        (
            "arrival in nanoseconds",
            format!("{us},1709251200000000000"),
            "`local_timestamp`: 1709251200000000000 µs is not in the years 2009 to NEXT: nanoseconds?",
        ),
        (
            "quoted nanoseconds",
            format!("\"1709251200000000000\",{us}"),
            "`timestamp`: 1709251200000000000 µs is not in the years 2009 to NEXT: nanoseconds?",
        ),
        ("no time at all", format!("0,{us}"), "`timestamp`: 0 µs is not in the years 2009 to NEXT"),
        ("before 1970", format!("-1,{us}"), "`timestamp`: -1 µs is not in the years 2009 to NEXT"),
        (
            "before 2009",
            format!("1230767999999999,{us}"),
            "`timestamp`: 1230767999999999 µs is not in the years 2009 to NEXT",
        ),
        (
            "two years ahead",
            format!("{ahead},{us}"),
            "`timestamp`: AHEAD µs is not in the years 2009 to NEXT",
        ),
    ] {
        let outcome = outcome.replace("NEXT", &next.to_string()).replace("AHEAD", &ahead.to_string());
        let outcome = format!("line 2: {outcome}");
        check(name, format!("{HEADER}deribit,BTC-PERPETUAL,{times},1,buy,1,2\n"), &[&outcome]);
    }
    // The day of the file does not matter: an exchange's clock may be years off.
    let file = format!("{HEADER}deribit,BTC-PERPETUAL,1767225600000000,{us},1,buy,1,2\n");
    check("years off", file, &["1 buy 1 2"]);
}

#[test]
fn times_ahead_may_be_years_ahead() {
    for (data_type, cells, last) in [
        (DataType::DerivativeTicker, "AT,,,,,,", "funding_timestamp"),
        (DataType::OptionsChain, "call,1,AT,,,,,,,,,,,,,,,,,", "expiration"),
    ] {
        let table = data_type.table();
        let wide = table.columns.len() - 2;
        for (at, reason) in [
            ("1709280000000000", None),
            ("4102444800000000", None),
            ("1230768000000000", None),
            ("1709280000000", Some("milliseconds?")),
            ("1709280000", Some("seconds?")),
            ("1709280000000000000", Some("nanoseconds?")),
            ("0", Some("is not in the years 2009 to 2199")),
        ] {
            let cells: Vec<&str> = cells.split(',').chain(std::iter::repeat("")).take(wide).collect();
            let row = format!("deribit,X,{T},{}", cells.join(",").replace("AT", at));
            let file = format!("{}\n{row}\n", table.csv_header());
            let decoded = decode(table, &Expectation::default(), [file.as_bytes()]).unwrap();
            let said = decoded.rejects.first().map(|r| r.reason.as_str());
            let is_right = match reason {
                None => said.is_none(),
                Some(words) => said.is_some_and(|said| said.contains(words) && said.contains(last)),
            };
            assert!(is_right, "{data_type} {at}: {said:?}");
        }
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
    check("in an id", bad("2,sell"), &["1 buy 1 2", "line 3: `id` is not UTF-8 text"]);
    check("in a word", bad("ell,3"), &["1 buy 1 2", "line 3: `side` is not one of buy, sell, unknown"]);
    check("in a number", bad("3,4"), &["1 buy 1 2", "line 3: `price` is not a decimal number"]);
    check("in a name", bad("PERPETUAL"), &["1 buy 1 2", "line 3: exchange or symbol is not UTF-8 text"]);
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
fn quotes_around_names_and_in_the_header_are_read() {
    let quoted = |line: &str| format!("\"{}\"", line.trim_end().replace(',', "\",\""));
    let (one, two) = (row("1,buy,1,2"), row("2,sell,3,4"));
    for (name, file) in [
        ("exchange", format!("{HEADER}\"deribit\",BTC-PERPETUAL,{T},1,buy,1,2\n{two}\n")),
        ("symbol", format!("{HEADER}deribit,\"BTC-PERPETUAL\",{T},1,buy,1,2\n{two}\n")),
        ("header", format!("{}\n{one}\n{two}\n", quoted(HEADER))),
        ("everything", format!("{}\n{}\n{}\n", quoted(HEADER), quoted(&one), quoted(&two))),
        ("mark and everything", format!("\u{feff}{}\r\n{}\r\n{two}\r\n", quoted(HEADER), quoted(&one))),
    ] {
        check(name, &file, &["1 buy 1 2", "2 sell 3 4"]);
    }
    // A symbol with a comma is one symbol, and no other row begins like it.
    let file =
        format!("{HEADER}dydx,\"A,B\",{T},1,buy,1,2\ndydx,A,B,{T},2,buy,1,2\ndydx,\"A,B\",{T},3,buy,1,2\n");
    let outcome = ["1 buy 1 2", "3 buy 1 2", "line 3: too many cells: 9 where 8 belong"];
    check_expecting(&Expectation::default(), "comma", file.as_bytes(), &outcome);
    let decoded = decode(DataType::Trades.table(), &Expectation::default(), [file.as_bytes()]).unwrap();
    assert_eq!(decoded.names.iter().map(|n| n.symbol.as_str()).collect::<Vec<_>>(), ["A,B"]);
    check(
        "another symbol",
        format!("{HEADER}deribit,\"ETH-PERPETUAL\",{T},1,buy,1,2\n"),
        &["error: line 2 is of symbol `ETH-PERPETUAL`, expected `BTC-PERPETUAL`"],
    );
}

#[test]
fn rows_without_a_name_are_refused() {
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
        let words = "too many rows cannot be read; the first is line 2: too few cells: 1 where 8 belong";
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

/// Decodes parts as gzip members are read, each cut further.
fn decode_parts(parts: &[&str], size: usize) -> Vec<String> {
    let table = DataType::Trades.table();
    let mut decoder = mtdh_source::tardis::csv::Decoder::new(table, expected());
    let mut said = Vec::new();
    let decoded = (|| {
        for (place, part) in parts.iter().enumerate() {
            if place > 0 {
                decoder.begin_part();
            }
            for piece in part.as_bytes().chunks(size) {
                decoder.push(piece)?;
            }
        }
        decoder.finish()
    })();
    said.extend(decoded.err().map(|error: mtdh_source::tardis::csv::DecodeError| format!("error: {error}")));
    said.extend(decoder.take_rejects().iter().map(|r| format!("line {}: {}", r.line, r.reason)));
    said.push(format!(
        "{} rows, {} stored",
        decoder.rows(),
        decoder.names().iter().map(|n| n.tally.rows_out).sum::<u64>()
    ));
    said
}

#[test]
fn a_part_may_begin_with_the_header_row_again() {
    let header = HEADER.trim_end();
    let rows = format!("{}\n{}\n", row("1,buy,1,2"), row("2,sell,3,4"));
    let more = format!("{}\n{}\n", row("3,buy,5,6"), row("4,sell,7,8"));
    let cut = rows.trim_end();
    let again = "is of exchange `exchange`, expected `deribit`";
    let refused = |line: u64, stored: u64| {
        vec![format!("error: line {line} {again}"), format!("{stored} rows, {} stored", stored - 1)]
    };
    let fine = |rows: u64| vec![format!("{rows} rows, {rows} stored")];
    for (name, parts, outcome) in [
        ("two parts", vec![format!("{HEADER}{rows}"), format!("{HEADER}{more}")], fine(4)),
        (
            "the file twice in one",
            vec![format!("{HEADER}{rows}"), format!("{HEADER}{rows}")],
            vec!["error: line 5 begins the file anew: it came twice in one".to_owned()],
        ),
        (
            "one row, twice in one",
            vec![
                format!("{HEADER}{}", &rows[..rows.find('\n').unwrap()]),
                format!("{HEADER}{}", &rows[..=rows.find('\n').unwrap()]),
            ],
            vec!["error: line 4 begins the file anew: it came twice in one".to_owned()],
        ),
        (
            "three parts",
            vec![format!("{HEADER}{rows}"), format!("{HEADER}{more}"), format!("{HEADER}{more}")],
            fine(6),
        ),
        ("a part without header", vec![format!("{HEADER}{rows}"), rows.clone()], fine(4)),
        (
            "a part that is a header",
            vec![format!("{HEADER}{rows}"), HEADER.to_owned(), more.clone()],
            fine(4),
        ),
        ("headers alone", vec![HEADER.to_owned(), header.to_owned()], fine(0)),
        ("nothing, then a file", vec![String::new(), format!("{HEADER}{rows}")], fine(2)),
        ("Windows", vec![format!("{HEADER}{rows}"), format!("{header}\r\n{more}")], fine(4)),
        ("a mark", vec![format!("\u{feff}{HEADER}{rows}"), format!("\u{feff}{HEADER}{more}")], fine(4)),
        ("no line end before", vec![format!("{HEADER}{cut}"), format!("{HEADER}{more}")], fine(4)),
        ("a line in two parts", vec![format!("{HEADER}{}", &rows[..20]), rows[20..].to_owned()], fine(2)),
        ("a header within a part", vec![format!("{HEADER}{rows}{HEADER}")], refused(4, 3)),
        (
            "another header",
            vec![format!("{HEADER}{rows}"), format!("amount,{}\n{rows}", header.replace(",amount", ""))],
            vec!["error: line 4 is of exchange `amount`, expected `deribit`".to_owned()],
        ),
    ] {
        let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
        for size in [1, 7, usize::MAX >> 1] {
            let said = decode_parts(&parts, size);
            assert_eq!(said.first(), outcome.first(), "{name} in pieces of {size}: {said:?}");
            if !outcome[0].contains("line") {
                assert_eq!(said, outcome, "{name} in pieces of {size}");
            }
        }
    }
}
