//! Files as the vendor writes them, given by a user: empty ones, those put together of parts, those of two possible types.

use std::io::Write;
use std::path::Path;

use mtdh_core::DataType;
use mtdh_engine::export::ExportFormat;
use mtdh_engine::files::convert::{Output, convert_file};

const TRADE: &str = "binance,BTCUSDT,1709251200000000,1709251200000001";
const FULL: &str = "binance_trades_2024-03-01_BTCUSDT";

fn gz(texts: &[&str]) -> Vec<u8> {
    let member = |text: &&str| {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(text.as_bytes()).unwrap();
        encoder.finish().unwrap()
    };
    texts.iter().flat_map(member).collect()
}

/// The data type and the rows of the outcome, or what is said.
fn convert(
    folder: &Path,
    name: &str,
    bytes: &[u8],
    data_type: Option<DataType>,
) -> Result<(String, u64), String> {
    let file = folder.join(name);
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    std::fs::write(&file, bytes).unwrap();
    let output = folder.join("out.parquet");
    let made = convert_file(
        &file,
        Output::File(&output),
        ExportFormat::Parquet,
        None,
        data_type,
        &Default::default(),
    );
    let made = made.map_err(|error| mtdh_core::error::chain(&error))?;
    assert!(std::fs::read(&output).unwrap().starts_with(b"PAR1"), "{name}");
    Ok((made.data_type.to_owned(), made.rows_out))
}

fn expect(found: Result<(String, u64), String>, expected: Result<(&str, u64), &str>, name: &str) {
    match (found, expected) {
        (Ok((data_type, rows)), Ok(expected)) => assert_eq!((data_type.as_str(), rows), expected, "{name}"),
        (Err(said), Err(expected)) => assert!(said.contains(expected), "{name}: {said}"),
        (found, expected) => panic!("{name}: {found:?}, expected {expected:?}"),
    }
}

#[test]
fn an_empty_file_has_no_rows_if_its_name_says_of_what() {
    let folder = tempfile::tempdir().unwrap();
    let (trades, liquidations) = (Some(DataType::Trades), Some(DataType::Liquidations));
    let header = DataType::Trades.table().csv_header() + "\n";
    let empty = "the file is empty, and its name does not tell";
    for (name, bytes, data_type, expected) in [
        (format!("{FULL}.csv"), vec![], None, Ok(("trades", 0))),
        (format!("{FULL}.csv.gz"), gz(&[""]), None, Ok(("trades", 0))),
        (format!("{FULL}.csv"), header.clone().into_bytes(), None, Ok(("trades", 0))),
        (
            "binance/liquidations/2024/03/01/BTCUSDT.csv.gz".to_owned(),
            gz(&[""]),
            None,
            Ok(("liquidations", 0)),
        ),
        ("mine.csv".to_owned(), vec![], None, Err(empty)),
        ("mine.csv.gz".to_owned(), gz(&[""]), None, Err(empty)),
        ("trades.csv".to_owned(), vec![], None, Err(empty)),
        ("mine.csv".to_owned(), vec![], trades, Ok(("trades", 0))),
        ("mine.csv.gz".to_owned(), gz(&[""]), liquidations, Ok(("liquidations", 0))),
        // Not even an empty gzip file has no bytes: it did not arrive whole.
        (format!("{FULL}.csv.gz"), vec![], None, Err("the file has no bytes")),
    ] {
        expect(convert(folder.path(), &name, &bytes, data_type), expected, &name);
    }
}

#[test]
fn a_type_that_neither_header_nor_name_tells_is_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let file = |of: DataType, row: &str| format!("{}\n{TRADE},{row}\n", of.table().csv_header());
    let (trade, quote) = (file(DataType::Trades, "1,buy,2,3"), file(DataType::Quotes, "1,101,100,1"));
    let (trades, quotes) = ("those of trades and of liquidations", "those of quotes and of book_ticker");
    for (name, text, data_type, expected) in [
        ("mine.csv", &trade, None, Err(trades)),
        ("mine.csv", &trade, Some(DataType::Liquidations), Ok(("liquidations", 1))),
        ("trades.csv", &trade, None, Ok(("trades", 1))),
        ("my-liquidations.csv", &trade, None, Ok(("liquidations", 1))),
        ("Liquidation_2024.csv", &trade, None, Ok(("liquidations", 1))),
        ("liquidation_trades.csv", &trade, None, Err(trades)),
        ("binance_liquidations_2024-03-01_BTCUSDT.csv", &trade, None, Ok(("liquidations", 1))),
        ("mine.csv", &quote, None, Err(quotes)),
        ("bookTicker.csv", &quote, None, Ok(("book_ticker", 1))),
        ("quotes.csv", &quote, None, Ok(("quotes", 1))),
        ("book_ticker_and_quotes.csv", &quote, Some(DataType::BookTicker), Ok(("book_ticker", 1))),
        (
            "mine.csv",
            &file(DataType::IncrementalBookL2, "true,ask,1,2"),
            None,
            Ok(("incremental_book_L2", 1)),
        ),
        (
            "mine.csv",
            &format!("\u{feff}{}", file(DataType::IncrementalBookL2, "true,ask,1,2")),
            None,
            Ok(("incremental_book_L2", 1)),
        ),
    ] {
        expect(convert(folder.path(), name, text.as_bytes(), data_type), expected, name);
    }
}

#[test]
fn files_of_several_gzip_members_may_repeat_the_header() {
    let folder = tempfile::tempdir().unwrap();
    let header = DataType::Trades.table().csv_header() + "\n";
    let rows =
        |ids: std::ops::Range<u64>| ids.map(|id| format!("{TRADE},{id},buy,2,3\n")).collect::<String>();
    let of = |ids| format!("{header}{}", rows(ids));
    let (large, larger) = (of(0..30_000), of(30_000..60_000));
    let (part, next) = (of(0..2), of(2..4));
    let name = format!("{FULL}.csv.gz");
    for (what, members, expected) in [
        ("two parts", vec![part.as_str(), &next], Ok(("trades", 4))),
        ("large parts, on three threads", vec![&large, &larger, &next, &header], Ok(("trades", 60_002))),
        ("an empty part first", vec!["", &part, &next], Ok(("trades", 4))),
        ("a part without header", vec![&part, &next[header.len()..]], Ok(("trades", 4))),
        ("the file twice in one", vec![&part, &part], Err("it came twice in one")),
        ("large and twice in one", vec![&large, &large], Err("it came twice in one")),
        ("the header within a part", vec![&format!("{part}{part}")], Err("cannot be read")),
    ] {
        expect(convert(folder.path(), &name, &gz(&members), None), expected, what);
    }
}

#[test]
fn times_in_another_unit_and_torn_rows_are_refused_in_words() {
    let folder = tempfile::tempdir().unwrap();
    let header = DataType::Trades.table().csv_header();
    for (row, expected) in [
        ("binance,BTCUSDT,1709251200000000000,1709251200000000001,1,buy,2,3", Err("nanoseconds?")),
        ("binance,BTCUSDT,1709251200000,1709251200001,1,buy,2,3", Err("milliseconds?")),
        ("binance,BTCUSDT,1709251200,1709251200,1,buy,2,3", Err("seconds?")),
        (
            "dydx,BTC,USD,1,1709251200000000,1709251200000001,1,buy,2,3",
            Err("too many cells: 10 where 8 belong"),
        ),
        ("binance,\"BTCUSDT\",1709251200000000,1709251200000001,\"1,5\",\"buy\",2,3", Ok(("trades", 1))),
    ] {
        expect(
            convert(folder.path(), "trades.csv", format!("{header}\n{row}\n").as_bytes(), None),
            expected,
            row,
        );
    }
}
