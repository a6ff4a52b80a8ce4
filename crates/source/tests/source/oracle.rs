//! The fast decoder against a slow one, on random files of every table cut anywhere.
//!
//! The slow one reads line by line with the `csv` crate and parses cells with the standard library.

use std::fmt;

use chrono::{Datelike, Utc};
use mtdh_core::footer::Tally;
use mtdh_core::table::{Column, Kind};
use mtdh_core::{DataType, Day, Table};
use mtdh_source::tardis::csv::{Expectation, dataset_symbol};
use proptest::prelude::*;
use proptest::sample::{Index, select, subsequence};

use crate::number_text::is_exact;
use crate::{Decoded, decode};

/// What the slow decoder says of a file.
#[derive(Debug, Default, PartialEq)]
struct Slow {
    rows: Vec<Vec<Option<String>>>,
    row_names: Vec<u32>,
    /// Line, text, what the reason must contain, index of the name.
    rejects: Vec<(u64, String, String, Option<u32>)>,
    names: Vec<(String, String, Tally)>,
}

/// A value as [`crate::cells`] prints it, and whether its number is exact; nothing when the cell is bad.
fn parse(column: &Column, cell: &[u8]) -> Option<(Option<String>, bool)> {
    if cell.is_empty() {
        return column.nullable.then_some((None, true));
    }
    let text = std::str::from_utf8(cell).ok()?;
    let stored = |text: &str| Some((Some(text.to_owned()), true));
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    match column.kind {
        Kind::Time if unsigned.starts_with(|c: char| c.is_ascii_digit()) => {
            let us = text.parse::<i64>().ok()?;
            let is_clock = matches!(column.name.as_str(), "timestamp" | "local_timestamp");
            let end = Day::new(if is_clock { Utc::now().year() + 2 } else { 2200 }, 1, 1)?.start_us();
            let is_plausible = (Day::new(2009, 1, 1)?.start_us()..end).contains(&us);
            is_plausible.then(|| (Some(us.to_string()), true))
        }
        Kind::Number if unsigned.starts_with(|c: char| c.is_ascii_digit() || c == '.') => {
            let value: f64 = text.parse().ok()?;
            value.is_finite().then(|| (Some(value.to_string()), is_exact(text, value)))
        }
        Kind::Text => stored(text),
        Kind::Category(words) if words.contains(&text) => stored(text),
        Kind::Flag if matches!(text, "true" | "false") => stored(text),
        _ => None,
    }
}

/// The cells of one line, by the `csv` crate; nothing if a quoted cell has no end, or something behind it.
fn split(line: &[u8]) -> Option<Vec<Vec<u8>>> {
    let (mut is_quoted, mut is_start) = (false, true);
    let mut after_quote = false;
    for byte in line {
        match byte {
            b'"' if is_start => (is_quoted, is_start) = (true, false),
            // The first of two, or the last one.
            b'"' if is_quoted && !after_quote => after_quote = true,
            b'"' if is_quoted => after_quote = false,
            b',' if !is_quoted || after_quote => (is_quoted, is_start, after_quote) = (false, true, false),
            _ if after_quote => return None,
            _ => is_start = false,
        }
    }
    if is_quoted && !after_quote {
        return None;
    }

    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .terminator(csv::Terminator::Any(b'\n'))
        .from_reader(line);
    let mut record = csv::ByteRecord::new();
    reader.read_byte_record(&mut record).unwrap();
    Some(record.iter().map(<[u8]>::to_vec).collect())
}

/// A row's values in the table's order with its names, or what is wrong with it.
fn read_row(
    table: &Table,
    header: &[String],
    cells: &[Vec<u8>],
) -> Result<(Vec<Option<String>>, u64), String> {
    let mut values = vec![None; table.columns.len()];
    let mut inexact = 0;
    let (found, wanted) = (cells.len(), header.len());
    if found != wanted {
        let word = if found < wanted { "few" } else { "many" };
        return Err(format!("too {word} cells: {found} where {wanted} belong"));
    }
    for (name, cell) in header.iter().zip(cells) {
        let Some(index) = table.columns.iter().position(|c| c.csv == *name) else { continue };
        let (value, is_exact) = parse(&table.columns[index], cell).ok_or_else(|| format!("`{name}`"))?;
        values[index] = value;
        inexact += u64::from(!is_exact);
    }
    Ok((values, inexact))
}

fn is_name(cell: &[u8]) -> bool {
    std::str::from_utf8(cell).is_ok_and(|text| !text.is_empty())
}

/// Whether a row can be read although quotes mean nothing, and no cell that is read begins with one.
fn is_plain_row(table: &Table, header: &[String], cells: &[Vec<u8>]) -> bool {
    let is_read = |name: &String| {
        matches!(name.as_str(), "exchange" | "symbol") || table.columns.iter().any(|c| c.csv == *name)
    };
    let is_quoted = |(name, cell): (&String, &Vec<u8>)| is_read(name) && cell.starts_with(b"\"");
    let is_named = |name: &str| header.iter().zip(cells).any(|(n, cell)| n == name && is_name(cell));
    !header.iter().zip(cells).any(is_quoted)
        && read_row(table, header, cells).is_ok()
        && is_named("exchange")
        && is_named("symbol")
}

fn slow(table: &Table, file: &[u8]) -> Slow {
    let mut slow = Slow::default();
    let body = file.strip_suffix(b"\n").unwrap_or(file);
    let mut lines = body.split(|b| *b == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    let header: Vec<String> = split(lines.next().unwrap())
        .unwrap()
        .into_iter()
        .map(|cell| String::from_utf8(cell).unwrap())
        .collect();
    let place = |name: &str| header.iter().position(|n| n == name).unwrap();
    let mut last_arrival: Vec<i64> = Vec::new();
    for (number, line) in (2..).zip(lines) {
        // The `csv` crate skips empty lines, which are bad rows here.
        let plain: Vec<Vec<u8>> = line.split(|b| *b == b',').map(<[u8]>::to_vec).collect();
        let split = if line.is_empty() { Some(Vec::new()) } else { split(line) };
        // What can be read without looking at quotes is; columns that the table does not have may hold anything.
        let cells = if is_plain_row(table, &header, &plain) { Some(plain.clone()) } else { split };
        let is_quoted_badly = cells.is_none();
        let cells = cells.unwrap_or(plain);
        let whole = cells.len() == header.len();
        let names = whole.then(|| (cells[place("exchange")].clone(), cells[place("symbol")].clone()));
        let is_plain = |cell: &Vec<u8>| is_name(cell) && !cell.starts_with(b"\"");
        let names = names.filter(|(exchange, symbol)| is_name(exchange) && is_name(symbol));
        let names =
            names.filter(|(exchange, symbol)| !is_quoted_badly || is_plain(exchange) && is_plain(symbol));
        let outcome = match is_quoted_badly {
            true => Err("a quoted cell has no end".to_owned()),
            false => read_row(table, &header, &cells),
        };
        let name = names.map(|(exchange, symbol)| {
            let text = |bytes| String::from_utf8(bytes).unwrap();
            let (exchange, symbol) = (text(exchange), text(symbol));
            let is_same = |s: &str| dataset_symbol(s) == dataset_symbol(&symbol);
            let known = slow.names.iter().position(|(e, s, _)| *e == exchange && is_same(s));
            known.unwrap_or_else(|| {
                slow.names.push((exchange, symbol, Tally::default()));
                last_arrival.push(i64::MIN);
                slow.names.len() - 1
            })
        });
        let reason = match (&outcome, name) {
            (Ok((values, inexact)), Some(name)) => {
                let time = |index: usize| values[index].as_ref().unwrap().parse::<i64>().unwrap();
                let (timestamp, arrival) = (time(0), time(1));
                let tally = &mut slow.names[name].2;
                tally.rows_in += 1;
                tally.rows_out += 1;
                tally.inexact_numbers += inexact;
                tally.arrival_regressions += u64::from(arrival < last_arrival[name]);
                last_arrival[name] = arrival;
                for (range, t) in [(&mut tally.timestamp, timestamp), (&mut tally.local_timestamp, arrival)] {
                    let (first, last) = range.unwrap_or((t, t));
                    *range = Some((first.min(t), last.max(t)));
                }
                slow.rows.push(values.clone());
                slow.row_names.push(name as u32);
                continue;
            }
            (Ok(_), None) => "exchange or".to_owned(),
            (Err(_), _) if line.is_empty() => "empty line".to_owned(),
            (Err(reason), _) => reason.clone(),
        };
        if let Some(name) = name {
            slow.names[name].2.rows_in += 1;
            slow.names[name].2.rows_rejected += 1;
        }
        let text = String::from_utf8_lossy(line).into_owned();
        slow.rejects.push((number, text, reason, name.map(|n| n as u32)));
    }
    slow
}

fn check(table: &'static Table, file: &[u8], fast: &Decoded) {
    fast.check_conservation();
    let slow = slow(table, file);
    assert_eq!(fast.rows(table), slow.rows);
    assert_eq!(fast.row_names(), slow.row_names);
    let names: Vec<_> = fast.names.iter().map(|n| (n.exchange.clone(), n.symbol.clone(), n.tally)).collect();
    assert_eq!(names, slow.names);
    assert_eq!(fast.rejects.len(), slow.rejects.len());
    for (fast, (line, text, reason, name)) in fast.rejects.iter().zip(&slow.rejects) {
        assert_eq!((fast.line, &fast.text, fast.name), (*line, text, *name));
        assert!(
            fast.reason.contains(reason.as_str()),
            "`{}` of line {line} should say `{reason}`",
            fast.reason
        );
    }
}

/// Cells that some column or other refuses.
fn bad_cell() -> impl Strategy<Value = Vec<u8>> {
    let texts: &[&[u8]] = &[
        b"",
        b" 1",
        b"1 ",
        b"+1",
        b"-",
        b".",
        b"1e",
        b"1.2.3",
        b"1e999",
        b"inf",
        b"NaN",
        b"0x10",
        b"\"quoted\"",
        b"\"qu\"\"ot,ed\"",
        b"\"1\"",
        b"\"no end",
        b"\"something\"behind",
        b"nothing",
        b"\xff\xfe",
        b"1\r",
        b"TRUE",
        b"99999999999999999999",
        b"170925120000000x",
    ];
    select(texts.iter().map(|text| text.to_vec()).collect::<Vec<_>>())
}

fn good_cell(kind: Kind) -> BoxedStrategy<Vec<u8>> {
    let text =
        |pattern: &'static str| prop::string::string_regex(pattern).unwrap().prop_map(String::into_bytes);
    match kind {
        Kind::Time => prop_oneof![
            6 => (1_709_251_200_000_000_i64..1_709_337_600_000_000).prop_map(|t| t.to_string().into_bytes()),
            1 => text("-?[0-9]{1,18}"),
        ]
        .boxed(),
        Kind::Number => prop_oneof![
            4 => text("[0-9]{1,6}(\\.[0-9]{1,6})?"),
            1 => text("-?[0-9]{1,25}(\\.[0-9]{0,25})?"),
            1 => text("-?[0-9]{0,3}\\.[0-9]{1,20}([eE][+-]?[0-9]{1,2})?"),
            1 => text("[0-9]{1,17}e-?[0-9]{1,25}"),
        ]
        .boxed(),
        Kind::Text => text("[a-zA-Z0-9 :/@._é币\"-]{1,40}").boxed(),
        Kind::Category(words) => select(words).prop_map(|word| word.as_bytes().to_vec()).boxed(),
        Kind::Flag => prop_oneof![Just(b"true".to_vec()), Just(b"false".to_vec())].boxed(),
    }
}

fn cell(column: &Column) -> BoxedStrategy<Vec<u8>> {
    let empty = if column.nullable { 6 } else { 0 };
    prop_oneof![
        40 => good_cell(column.kind),
        1 => bad_cell(),
        empty => Just(Vec::new()),
    ]
    .boxed()
}

fn name_cell(names: &'static [&'static str]) -> BoxedStrategy<Vec<u8>> {
    prop_oneof![40 => select(names).prop_map(|name| name.as_bytes().to_vec()), 1 => bad_cell()].boxed()
}

/// A line's cells for a header row, sometimes one too few or too many, and its end.
fn row(table: &'static Table, header: &[String]) -> impl Strategy<Value = Vec<u8>> + use<> {
    let cells: Vec<BoxedStrategy<Vec<u8>>> = header
        .iter()
        .map(|name| match name.as_str() {
            "exchange" => name_cell(&["deribit", "bitmex"]),
            "symbol" => {
                name_cell(&["BTC-PERPETUAL", "btc-perpetual", "XBT/USD", "XBT-USD", "BTCF0:USTF0", "@107"])
            }
            name => match table.columns.iter().find(|column| column.csv == name) {
                Some(column) => cell(column),
                None => good_cell(Kind::Text),
            },
        })
        .collect();
    let tear = prop_oneof![30 => Just(0_isize), 1 => Just(-1), 1 => Just(1)];
    let end = prop_oneof![20 => Just("\n"), 1 => Just("\r\n"), 1 => Just("\n\n")];
    (cells, tear, end).prop_map(|(mut cells, tear, end)| {
        match tear {
            -1 => drop(cells.pop()),
            1 => cells.push(b"7".to_vec()),
            _ => {}
        }
        [cells.join(&b','), end.as_bytes().to_vec()].concat()
    })
}

/// A file that shows as text when a case fails.
#[derive(Clone)]
struct File(Vec<u8>);

impl fmt::Debug for File {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.escape_ascii())
    }
}

/// A whole file: a header row in some order with further columns in between, and rows.
fn file(table: &'static Table) -> impl Strategy<Value = File> {
    let usual: Vec<String> = table.csv_header().split(',').map(str::to_owned).collect();
    let further = subsequence(vec!["row".to_owned(), "fee".to_owned()], 0..=2);
    let header = prop_oneof![
        2 => Just(usual.clone()),
        1 => further.prop_flat_map(move |further| {
            Just([usual.clone(), further].concat()).prop_shuffle()
        }),
    ];
    header
        .prop_flat_map(move |header| {
            let rows = prop::collection::vec(row(table, &header), 0..12);
            (Just(header.join(",").into_bytes()), rows, any::<bool>())
        })
        .prop_map(|(header, rows, has_last_end)| {
            let file = [header, b"\n".to_vec(), rows.concat()].concat();
            File(if has_last_end { file } else { file[..file.len() - 1].to_vec() })
        })
}

fn pieces<'a>(file: &'a [u8], cuts: &[Index]) -> Vec<&'a [u8]> {
    let mut ends: Vec<usize> = cuts.iter().map(|cut| cut.index(file.len() + 1)).collect();
    ends.push(file.len());
    ends.sort_unstable();
    let starts = std::iter::once(0).chain(ends.clone());
    starts.zip(ends.clone()).map(|(start, end)| &file[start..end]).collect()
}

fn of_table(data_type: DataType, cases: u32) {
    let table = data_type.table();
    let cuts = prop::collection::vec(any::<Index>(), 0..8);
    let config = ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() };
    proptest!(config, |(file in file(table), cuts in cuts)| {
        let fast = decode(table, &Expectation::default(), pieces(&file.0, &cuts)).unwrap();
        check(table, &file.0, &fast);
    });
}

#[test]
fn narrow_tables() {
    for data_type in DataType::ALL.into_iter().filter(|t| t.table().columns.len() < 20) {
        of_table(data_type, 300);
    }
}

#[test]
fn wide_tables() {
    for data_type in DataType::ALL.into_iter().filter(|t| t.table().columns.len() >= 20) {
        of_table(data_type, 60);
    }
}
