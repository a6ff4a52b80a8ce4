//! What a tardis-machine sends, against the vendor's rows of the same minute.

use std::collections::HashMap;
use std::fs;

use mtdh_core::DataType::{
    self, BookSnapshot5, BookTicker, DerivativeTicker, IncrementalBookL2, OptionsChain, Trades,
};
use mtdh_core::table::Kind;
use mtdh_source::live::feed::Frame;
use mtdh_source::live::out::Out;
use mtdh_source::live::rows::{Rows, Taken};
use mtdh_source::live::venue::{Venue, Want};
use mtdh_source::tardis::machine::Machine;

use super::ONE;
use super::messages::{messages, vendors};
use crate::cells;
use crate::recorded::recorded;

/// A venue lives as long as the program.
fn machine(exchange: &str) -> &'static Machine {
    Box::leak(Box::new(Machine::new(exchange.to_owned().leak())))
}

/// Feeds lines of messages; the rows of all data types that are wanted.
fn feed(machine: &'static Machine, data_types: &[DataType], lines: &str) -> (Out, Taken) {
    let want = Want { data_types: data_types.to_vec(), ..Want::default() };
    let mut feed = machine.feed(&want, &machine.plan(&want));
    let mut out = Out { rows: Rows::with_groups(), ..Out::default() };
    feed.opened(ONE, 0, &mut out);
    for (at, line) in lines.lines().enumerate() {
        feed.message(ONE, Frame::Data(line.as_bytes()), at as i64, &mut out);
    }
    let taken = out.rows.take();
    (out, taken)
}

/// The cells of a data type's rows, numbers as floats.
fn rows(out: &Out, taken: &Taken, data_type: DataType) -> Vec<Vec<String>> {
    let mut rows = Vec::new();
    for (_, batch) in taken.batches.iter().filter(|(stream, _)| out.rows.name(*stream).data_type == data_type)
    {
        let columns: Vec<_> = data_type
            .table()
            .columns
            .iter()
            .zip(batch.columns())
            .map(|(column, array)| (column.kind, cells(column.kind, array)))
            .collect();
        rows.extend((0..batch.num_rows()).map(|row| {
            columns
                .iter()
                .map(|(kind, cells)| same_form(*kind, cells[row].as_deref().unwrap_or("")))
                .collect()
        }));
    }
    rows
}

fn same_form(kind: Kind, cell: &str) -> String {
    match (kind, cell.parse::<f64>()) {
        (Kind::Number, Ok(number)) => number.to_string(),
        _ => cell.to_owned(),
    }
}

/// The same of a file of the vendor's form.
fn file_rows(path: &std::path::Path, data_type: DataType) -> Vec<Vec<String>> {
    let mut reader = csv::Reader::from_path(path).unwrap();
    let header = reader.headers().unwrap().clone();
    let places: Vec<(Kind, usize)> = data_type
        .table()
        .columns
        .iter()
        .map(|column| (column.kind, header.iter().position(|name| name == column.csv).unwrap()))
        .collect();
    let row = |record: csv::StringRecord| {
        places.iter().map(|(kind, place)| same_form(*kind, &record[*place])).collect::<Vec<_>>()
    };
    reader.records().map(|record| row(record.unwrap())).collect()
}

#[test]
fn a_minute_of_bitmex_becomes_the_vendors_rows() {
    let Some(path) =
        recorded("normalized/bitmex_XBTUSD_2019-04-01_0000-0001_trades_bookchanges_computed.ndjson")
    else {
        return;
    };
    let text = fs::read_to_string(path).unwrap();
    let (out, taken) = feed(machine("bitmex"), &[Trades, IncrementalBookL2, BookSnapshot5], &text);
    assert_eq!((out.unread, out.gaps.len()), (0, 0));
    for (data_type, file, count) in [
        (Trades, "trades", 757),
        (IncrementalBookL2, "incremental_book_L2", 14_020),
        (BookSnapshot5, "book_snapshot_5", 1_732),
    ] {
        let name = format!("derived_csv/DERIVED_bitmex_{file}_2019-04-01_XBTUSD_first_minute.csv");
        let Some(path) = recorded(&name) else { return };
        let (ours, theirs) = (rows(&out, &taken, data_type), file_rows(&path, data_type));
        assert_eq!((ours.len(), theirs.len()), (count, count), "{file}");
        for (place, (ours, theirs)) in ours.iter().zip(&theirs).enumerate() {
            assert_eq!(ours, theirs, "{file}, row {place}");
        }
    }
}

#[test]
fn messages_of_18_exchanges_come_back_from_their_rows() {
    let Some(path) = recorded("normalized/replay_normalized_first10_by_exchange.ndjson") else { return };
    let text = fs::read_to_string(path).unwrap();
    let mut by_exchange: HashMap<String, Vec<serde_json::Value>> = HashMap::new();
    for line in text.lines() {
        let message: serde_json::Value = serde_json::from_str(line).unwrap();
        by_exchange.entry(message["exchange"].as_str().unwrap().to_owned()).or_default().push(message);
    }
    assert_eq!(by_exchange.values().map(Vec::len).sum::<usize>(), 180);
    for (exchange, theirs) in by_exchange {
        let machine = machine(&exchange);
        let lines: Vec<String> = theirs.iter().map(ToString::to_string).collect();
        // Another exchange's messages are left out.
        let other = r#"{"type":"trade","symbol":"X","exchange":"other","price":1,"amount":1,"side":"buy","timestamp":"2019-04-01T00:00:01.000Z","localTimestamp":"2019-04-01T00:00:01.000Z"}"#;
        let lines = format!("{other}\n{}", lines.join("\n"));
        // As recorded: a book that begins before the ten messages is given out all the same.
        let want = Want { data_types: DataType::ALL.to_vec(), is_recorded: true, ..Want::default() };
        let mut feed = machine.feed(&want, &[]);
        let mut out = Out { rows: Rows::with_groups(), ..Out::default() };
        let mut ours = Vec::new();
        for (at, line) in lines.lines().enumerate() {
            feed.message(ONE, Frame::Data(line.as_bytes()), at as i64, &mut out);
            let taken = out.rows.take();
            ours.extend(messages(&out.rows, &taken, &exchange));
        }
        assert_eq!(out.unread, 0, "{exchange}: {:?}", out.unread_texts);
        let has_levels = |message: &serde_json::Value| {
            message["type"] != "book_change"
                || message["asks"][0].is_object()
                || message["bids"][0].is_object()
        };
        let theirs: Vec<_> = theirs.iter().filter(|message| has_levels(message)).map(vendors).collect();
        assert_eq!(ours, theirs, "{exchange}");
    }
}

#[test]
fn single_messages_and_ends() {
    let (out, taken) = feed(
        machine("deribit"),
        &[Trades, IncrementalBookL2, BookTicker, DerivativeTicker, OptionsChain, DataType::Liquidations],
        concat!(
            r#"{"type":"book_change","symbol":"X","exchange":"deribit","isSnapshot":true,"bids":[{"price":9,"amount":1}],"asks":[],"timestamp":"2024-01-15T10:30:00.123Z","localTimestamp":"2024-01-15T10:30:00.234567Z"}"#,
            "\n",
            r#"{"type":"derivative_ticker","symbol":"X","exchange":"deribit","lastPrice":7987.5,"fundingRate":-0.00001568,"timestamp":"2024-01-15T10:30:00.123Z","localTimestamp":"2024-01-15T10:30:00.234Z"}"#,
            "\n",
            r#"{"type":"disconnect","exchange":"deribit","localTimestamp":"2024-01-15T10:30:01.000Z","symbols":["X"]}"#,
            "\n",
            // Before its snapshot nothing is known of the book; what is known of the ticker is told anew.
            r#"{"type":"book_change","symbol":"X","exchange":"deribit","isSnapshot":false,"bids":[{"price":9,"amount":2}],"asks":[],"timestamp":"2024-01-15T10:30:00.123Z","localTimestamp":"2024-01-15T10:30:02.234Z"}"#,
            "\n",
            r#"{"type":"derivative_ticker","symbol":"X","exchange":"deribit","lastPrice":7987.5,"timestamp":"2024-01-15T10:30:03.123Z","localTimestamp":"2024-01-15T10:30:03.234Z"}"#,
            "\n",
            r#"{"type":"book_ticker","symbol":"X","exchange":"deribit","askPrice":2,"askAmount":3,"timestamp":"2024-01-15T10:30:03.123Z","localTimestamp":"2024-01-15T10:30:03.234Z"}"#,
            "\n",
            r#"{"type":"liquidation","symbol":"X","exchange":"deribit","side":"sell","price":1,"amount":3,"timestamp":"2024-01-15T10:30:03.123Z","localTimestamp":"2024-01-15T10:30:03.234Z"}"#,
            "\n",
            r#"{"type":"option_summary","symbol":"X-28JUN24-7-C","exchange":"deribit","optionType":"call","strikePrice":7,"expirationDate":"2024-06-28T08:00:00.000Z","bestBidPrice":0.035,"markIV":0.5,"rho":0.05,"underlyingPrice":63500,"underlyingIndex":"","timestamp":"2024-01-15T10:30:00.123Z","localTimestamp":"2024-01-15T10:30:03.234Z"}"#,
            "\n",
            r#"{"type":"trade_bar","symbol":"X","exchange":"deribit","name":"trade_bar_10000ms","open":1}"#,
            "\n",
            r#"{"type":"trade","symbol":"X","exchange":"deribit","side":"sell","price":"x","amount":3}"#,
            "\n",
            "nonsense",
        ),
    );
    let told: Vec<String> = messages(&out.rows, &taken, "deribit")
        .iter()
        .map(|m| m["type"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(
        told,
        [
            "book_change",
            "derivative_ticker",
            "derivative_ticker",
            "book_ticker",
            "liquidation",
            "option_summary"
        ]
    );
    let gaps: Vec<_> = out.gaps.iter().map(|gap| (gap.kind, gap.from, gap.to)).collect();
    assert_eq!(gaps, [("disconnect", 1, 1), ("disconnect", 1, 3)]);
    assert_eq!(out.unread, 2, "{:?}", out.unread_texts);
}

#[test]
fn everything_stands_in_the_address() {
    let machine = machine("bitmex");
    let want = Want {
        symbols: vec!["XBTUSD".to_owned()],
        data_types: vec![Trades, BookSnapshot5, IncrementalBookL2],
        is_recorded: false,
    };
    let plan = machine.plan(&want);
    assert_eq!(plan.len(), 1);
    let options = plan[0].path.strip_prefix("/ws-stream-normalized?options=").unwrap();
    assert!(options.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'%'), "{options}");
    let mut bytes = Vec::new();
    let mut rest = options.bytes();
    while let Some(byte) = rest.next() {
        let hex = |byte: u8| (byte as char).to_digit(16).unwrap() as u8;
        bytes.push(if byte == b'%' {
            hex(rest.next().unwrap()) * 16 + hex(rest.next().unwrap())
        } else {
            byte
        });
    }
    let options: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
    let expected = serde_json::json!({
        "exchange": "bitmex",
        "symbols": ["XBTUSD"],
        "dataTypes": ["book_change", "trade"],
        "withDisconnectMessages": true,
        "timeoutIntervalMS": 0,
    });
    assert_eq!(options, expected);
}
