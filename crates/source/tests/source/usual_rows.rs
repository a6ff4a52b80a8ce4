//! Rows read straight into the columns against the same rows read the long way.
//!
//! A file that comes byte by byte has no whole row in any piece, so that each of its rows goes the long way. The same file in other
//! pieces must give the same rows, rejects, counts and errors.

use fastrand::Rng;
use mtdh_core::table::{Column, Kind};
use mtdh_core::{DataType, Table};
use mtdh_source::tardis::csv::{DecodeError, Decoder, Expectation, Reject, RowName};

use crate::Decoded;

/// Files of each table; `MTDH_LONG` makes them twenty times as many.
const FILES: u64 = 100;

/// All that a decoder says of a file; numbers as text, which differs where their bits do.
#[derive(Debug, PartialEq)]
struct Said {
    rows: Vec<Vec<Option<String>>>,
    row_names: Vec<u32>,
    batches: Vec<(usize, Vec<(String, String)>)>,
    names: Vec<RowName>,
    rejects: Vec<Reject>,
    rows_in: u64,
}

/// Decodes the parts of a file in pieces of lengths that `next_length` gives.
fn decode(
    table: &'static Table,
    expectation: &Expectation,
    parts: &[Vec<u8>],
    mut next_length: impl FnMut() -> usize,
) -> Result<Said, DecodeError> {
    let mut decoder = Decoder::new(table, expectation.clone());
    for (number, part) in parts.iter().enumerate() {
        if number > 0 {
            decoder.begin_part();
        }
        let mut rest = &part[..];
        while !rest.is_empty() {
            let (piece, after) = rest.split_at(next_length().clamp(1, rest.len()));
            decoder.push(piece)?;
            rest = after;
        }
    }
    decoder.finish()?;
    let decoded = Decoded {
        batches: std::iter::from_fn(|| decoder.take_rows()).collect(),
        rejects: decoder.take_rejects(),
        names: decoder.names().to_vec(),
        rows_in: decoder.rows(),
        has_header: decoder.has_header(),
    };
    decoded.check_conservation();
    for column in decoded.batches.iter().flat_map(|batch| &batch.columns) {
        column.to_data().validate_full().unwrap();
    }
    Ok(Said {
        rows: decoded.rows(table),
        row_names: decoded.row_names(),
        batches: decoded.batches.into_iter().map(|b| (b.names.len(), b.new_names)).collect(),
        names: decoded.names,
        rejects: decoded.rejects,
        rows_in: decoded.rows_in,
    })
}

/// A number as files have it, or nearly.
fn number(rng: &mut Rng) -> String {
    let digits = |rng: &mut Rng, count: usize| (0..count).map(|_| rng.digit(10)).collect::<String>();
    let lengths = [1, 1, 2, 3, 5, 6, 7, 8, 9, 16, 20];
    let (whole, scale) = (rng.choice(lengths).unwrap(), rng.choice(lengths).unwrap());
    match rng.u8(..12) {
        0 => digits(rng, whole),
        1 => format!("-{}.{}", digits(rng, whole), digits(rng, scale)),
        2 => format!("{}.{}", digits(rng, 5), digits(rng, 2)),
        3 => format!("0.{}", digits(rng, scale)),
        4 => format!("{}e{}", digits(rng, whole), rng.i8(-30..30)),
        5 => rng.choice(["0", "-0", "0.0", "-0.000", "00", "007.50", ".5", "5.", "-.5"]).unwrap().to_owned(),
        _ => format!("{}.{}", digits(rng, whole.min(7)), digits(rng, scale.min(8))),
    }
}

fn cell(rng: &mut Rng, column: &Column, clock: i64) -> String {
    if column.nullable && rng.u8(..8) == 0 {
        return String::new();
    }
    match column.kind {
        Kind::Time => (clock + rng.i64(0..9_000_000)).to_string(),
        Kind::Number => number(rng),
        Kind::Text => (0..rng.usize(1..40)).map(|_| rng.alphanumeric()).collect(),
        Kind::Category(words) => rng.choice(words).unwrap().to_string(),
        Kind::Flag => rng.bool().to_string(),
    }
}

/// What may stand where a cell was.
const ODD_CELLS: &[&str] = &[
    "",
    " ",
    "1 ",
    " 1",
    "+1",
    "-",
    ".",
    "-.",
    "..",
    "1..2",
    "1.2.3",
    "--1",
    "1e",
    "1e+",
    "1e999",
    "-1e-999",
    "nan",
    "NaN",
    "inf",
    "-inf",
    "0x10",
    "true",
    "TRUE",
    "tru",
    "truely",
    "bid",
    "bids",
    "sel",
    "sells",
    "unknown",
    "unknowns",
    "\"",
    "\"1\"",
    "\"1",
    "1\"",
    "\"a,b\"",
    "\"a\"\"b\"",
    "\"a\"b",
    "é",
    "币",
    "1709251200000",
    "1709251200000000000",
    "01709251200000000",
    "-170925120000000",
    "170925120000000:",
    "17092512/0000000",
    "1230768000000000",
    "9999999999999999",
    "\r",
    "1\r",
    "\r1",
    "123456789",
    "1234567.12345678",
    "12345678.1234567",
    "1234567.123456789",
    "0.1000000000000000055511151231257827",
    "99999999999999999999",
    "1,5",
    ",",
    "\u{feff}",
    "\0",
    "/",
    ":",
    "1:",
    "1/",
    "1.:",
    "1./",
];

/// Changes a row's line, without its end.
fn mutate(rng: &mut Rng, line: &mut Vec<u8>) {
    let mut cells: Vec<Vec<u8>> = line.split(|b| *b == b',').map(<[u8]>::to_vec).collect();
    let place = rng.usize(..cells.len());
    let odd = rng.choice(ODD_CELLS).unwrap().as_bytes();
    match rng.u8(..12) {
        0..4 => cells[place] = odd.to_vec(),
        4 => drop(cells.remove(place)),
        5 => cells.insert(place, odd.to_vec()),
        6 => cells[place].extend_from_slice(odd),
        7 => cells[place] = [odd, &cells[place]].concat(),
        8 => cells[place] = [b"\"", &cells[place][..], b"\""].concat(),
        9 => {
            let other = rng.usize(..cells.len());
            cells.swap(place, other);
        }
        10 => cells[place] = (0..rng.usize(..30)).map(|_| b'0' + rng.u8(..10)).collect(),
        _ => {}
    }
    *line = cells.join(&b',');
    // And now and then bytes anywhere.
    for _ in 0..rng.usize(..12).saturating_sub(8) {
        let at = rng.usize(..=line.len());
        match (rng.u8(..4), at < line.len()) {
            (0, true) => drop(line.remove(at)),
            (1, true) => line[at] = rng.choice(*b",.-0:/\"\r\n\xff\x80e ").unwrap(),
            (2, _) => line.insert(at, rng.choice(*b",.-09\"\r\n\xffe").unwrap()),
            (3, true) => line.truncate(at),
            _ => {}
        }
    }
}

/// The parts of a file and how many of its rows are not as the vendor writes them.
fn file(rng: &mut Rng, table: &'static Table) -> (Vec<Vec<u8>>, usize) {
    let symbols = ["BTC-PERPETUAL", "btc-perpetual", "ETH/USDC", "ETH-USDC", "B"];
    let (mut symbol, mut clock) = (symbols[0], 1_709_251_190_000_000_i64);
    let changes = [0, 0, 3, 20][rng.usize(..4)];
    let end = ["\n", "\n", "\r\n"][rng.usize(..3)];
    let mut header = table.csv_header();
    match rng.u8(..20) {
        0 => header += ",fee",
        1 => header = header.replacen("exchange,symbol", "symbol,exchange", 1),
        _ => {}
    }
    let (mut parts, mut mutated) = (Vec::new(), 0);
    let mut above: Vec<String> = Vec::new();
    for number in 0..rng.usize(1..4) {
        // Later parts need not repeat the header row.
        let has_header = number == 0 || rng.u8(..3) > 0;
        let mut part = if has_header { format!("{header}{end}").into_bytes() } else { Vec::new() };
        for _ in 0..rng.usize(..16) {
            clock += if rng.u8(..20) == 0 { -rng.i64(0..90_000_000) } else { rng.i64(0..3_000_000) };
            if rng.u8(..20) < changes {
                symbol = rng.choice(symbols).unwrap();
            }
            // Cells often stay as they are, most of all in books.
            let is_kept = |rng: &mut Rng, column: &Column| column.kind == Kind::Number && rng.u8(..4) > 0;
            let row = table.columns.iter().enumerate().map(|(index, column)| match above.get(index) {
                Some(cell) if is_kept(rng, column) => cell.clone(),
                _ => cell(rng, column, clock),
            });
            above = row.collect();
            let mut line = format!("deribit,{symbol},{}", above.join(",")).into_bytes();
            if rng.u8(..5) == 0 {
                mutate(rng, &mut line);
                mutated += 1;
            }
            part.extend(line);
            part.extend_from_slice(if rng.u8(..40) == 0 { b"\r\n" } else { end.as_bytes() });
            if rng.u8(..40) == 0 {
                part.extend([header.as_bytes(), end.as_bytes()].concat());
            }
        }
        if rng.u8(..4) == 0 {
            part.truncate(part.len().saturating_sub(end.len()));
        }
        parts.push(part);
    }
    (parts, mutated)
}

fn expectation(rng: &mut Rng) -> Expectation {
    let is_expected = rng.u8(..6);
    Expectation {
        exchange: (is_expected < 2).then(|| "deribit".to_owned()),
        symbol: (is_expected == 1).then(|| "BTC-PERPETUAL".to_owned()),
        day: (is_expected == 2).then(|| "2024-03-01".parse().unwrap()),
    }
}

#[test]
fn rows_are_the_same_in_any_pieces() {
    let files = if std::env::var_os("MTDH_LONG").is_some() { 20 * FILES } else { FILES };
    let (mut mutated, mut errors) = (0, 0);
    for table in DataType::ALL.map(DataType::table) {
        for seed in 0..files {
            let mut rng = Rng::with_seed(seed);
            let (parts, odd_rows) = file(&mut rng, table);
            mutated += odd_rows;
            let expectation = expectation(&mut rng);
            let long_way = decode(table, &expectation, &parts, || 1);
            errors += usize::from(long_way.is_err());
            let whole = decode(table, &expectation, &parts, || usize::MAX);
            let shown = || format!("{} {seed}: {}", table.data_type, parts.concat().escape_ascii());
            assert_eq!(whole, long_way, "{}", shown());
            for most in [90, 400, 3000] {
                let pieces = decode(table, &expectation, &parts, || rng.usize(..most));
                assert_eq!(pieces, long_way, "in pieces of up to {most}: {}", shown());
            }
        }
    }
    assert!(mutated > 2_000 && errors > 20, "{mutated} odd rows and {errors} refused files are too few");
}

/// A line may have 65,536 bytes, a carriage return included, whichever way it is read.
#[test]
fn a_long_line_fares_the_same_in_any_pieces() {
    let table = DataType::Trades.table();
    let row = "deribit,BTC,1709251200000000,1709251200000000,1,buy,10,2.5\n";
    for end in ["\n", "\r\n"] {
        for bytes in [65_535, 65_536, 65_537] {
            let (start, price) = row.split_at(row.len() - "10,2.5\n".len());
            let zeros = "0".repeat(bytes + 1 - row.len() - (end.len() - 1));
            let line = format!("{start}{zeros}{}{end}", price.trim_end());
            assert_eq!(line.len(), bytes + 1);
            let file = [format!("{}\n{row}{line}{row}", table.csv_header()).into_bytes()];
            let long_way = decode(table, &Expectation::default(), &file, || 1);
            assert_eq!(long_way.is_ok(), bytes <= 65_536);
            assert_eq!(decode(table, &Expectation::default(), &file, || usize::MAX), long_way, "{bytes}");
        }
    }
}

#[test]
fn a_row_whose_line_end_is_cut_by_a_part_is_kept() {
    let table = DataType::Trades.table();
    let row = "deribit,BTC,1709251200000000,1709251200000000,1,buy,10,2.5";
    let parts =
        [format!("{}\r\n{row}\r", table.csv_header()).into_bytes(), format!("\n{row}\r\n").into_bytes()];
    for most in [1, usize::MAX] {
        let said = decode(table, &Expectation::default(), &parts, || most).unwrap();
        assert_eq!((said.rows.len(), said.rows_in), (2, 2));
    }
}
