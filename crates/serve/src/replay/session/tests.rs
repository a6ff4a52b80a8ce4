//! Messages, byte for byte, and those that Tardis' own code made of the same minute.

use arrow_array::builder::{BooleanBuilder, Float64Builder, StringBuilder, StringDictionaryBuilder};
use arrow_array::types::Int32Type;
use arrow_array::{ArrayRef, RecordBatch, TimestampMicrosecondArray};
use arrow_schema::{Field, Schema};
use mtdh_core::DataType;
use mtdh_core::table::Kind as CellKind;
use serde_json::Value;

use super::*;
use crate::replay::feed::events;

#[path = "../../../../core/tests/shared/recorded.rs"]
mod recorded;

/// Rows of a data type, from the cells of a CSV behind `exchange,symbol`.
fn rows(data_type: DataType, lines: &[&str]) -> Arc<Rows> {
    let cells: Vec<Vec<&str>> = lines.iter().map(|line| line.split(',').collect()).collect();
    let columns = data_type.table().columns.iter().enumerate();
    let (fields, arrays): (Vec<Field>, Vec<ArrayRef>) = columns
        .map(|(at, column)| {
            let text = |row: &Vec<&str>| Some(row[at].to_owned()).filter(|text| !text.is_empty());
            let texts = cells.iter().map(text);
            let array: ArrayRef = match column.kind {
                CellKind::Time => {
                    let times = texts.map(|text| text.map(|text| text.parse::<i64>().unwrap()));
                    Arc::new(TimestampMicrosecondArray::from_iter(times).with_timezone("UTC"))
                }
                CellKind::Number => {
                    let mut numbers = Float64Builder::new();
                    texts.for_each(|text| numbers.append_option(text.map(|text| text.parse().unwrap())));
                    Arc::new(numbers.finish())
                }
                CellKind::Text => {
                    let mut all = StringBuilder::new();
                    texts.for_each(|text| all.append_option(text));
                    Arc::new(all.finish())
                }
                CellKind::Category(_) => {
                    let mut words = StringDictionaryBuilder::<Int32Type>::new();
                    texts.for_each(|text| words.append_option(text));
                    Arc::new(words.finish())
                }
                CellKind::Flag => {
                    let mut flags = BooleanBuilder::new();
                    texts.for_each(|text| flags.append_option(text.map(|text| text == "true")));
                    Arc::new(flags.finish())
                }
            };
            (Field::new(&column.name, array.data_type().clone(), column.nullable), array)
        })
        .unzip();
    Rows::of(data_type, &RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays).unwrap()).unwrap()
}

fn asked(words: &[&str]) -> Vec<(String, Vec<Wanted>)> {
    vec![("bitmex".to_owned(), words.iter().map(|word| Wanted::parse(word).unwrap()).collect())]
}

/// The messages of rows of one data type.
fn messages(words: &[&str], kind: Kind, data_type: DataType, lines: &[&str]) -> Vec<String> {
    let mut session = Session::new(&asked(words));
    let named = Arc::new(Named { symbol: "XBTUSD".to_owned(), exchange: "bitmex".to_owned() });
    let rows = rows(data_type, lines);
    for event in events(kind, &rows, 0..rows.len()) {
        session.take(0, &named, kind, &event).unwrap();
    }
    let text = String::from_utf8(session.take_lines()).unwrap();
    text.lines().map(str::to_owned).collect()
}

#[test]
fn rows_become_messages_with_the_members_of_tardis_machine_in_its_order() {
    let t = "1583020803145000,1583020803307160";
    let times =
        "\"timestamp\":\"2020-03-01T00:00:03.145Z\",\"localTimestamp\":\"2020-03-01T00:00:03.307160Z\"";
    let head = "\"symbol\":\"XBTUSD\",\"exchange\":\"bitmex\"";
    for (word, data_type, row, members) in [
        (
            "trade",
            DataType::Trades,
            format!("{t},ccc3,sell,8531.5,2152"),
            "\"id\":\"ccc3\",\"price\":8531.5,\"amount\":2152,\"side\":\"sell\"",
        ),
        (
            "trade",
            DataType::Trades,
            format!("{t},,unknown,1e-7,10"),
            "\"price\":1e-7,\"amount\":10,\"side\":\"unknown\"",
        ),
        (
            "liquidation",
            DataType::Liquidations,
            format!("{t},,buy,9,1"),
            "\"price\":9,\"amount\":1,\"side\":\"buy\"",
        ),
        (
            "derivative_ticker",
            DataType::DerivativeTicker,
            format!("{t},1583049600000000,0.0001,,7,8,9.5,10"),
            "\"lastPrice\":8,\"openInterest\":7,\"fundingRate\":0.0001,\"fundingTimestamp\":\"2020-03-01T08:00:00.000Z\",\
             \"indexPrice\":9.5,\"markPrice\":10",
        ),
        (
            "book_ticker",
            DataType::BookTicker,
            format!("{t},1,2,3,4"),
            "\"askAmount\":1,\"askPrice\":2,\"bidPrice\":3,\"bidAmount\":4",
        ),
        ("book_ticker", DataType::BookTicker, format!("{t},,,3,4"), "\"bidPrice\":3,\"bidAmount\":4"),
        (
            "option_summary",
            DataType::OptionsChain,
            format!("{t},put,9875,1591689600000000,1,2,3,4,5,6,7,8,9,10,SYN.BTC,11,12,13,14,15,16"),
            "\"optionType\":\"put\",\"strikePrice\":9875,\"expirationDate\":\"2020-06-09T08:00:00.000Z\",\"bestBidPrice\":3,\
             \"bestBidAmount\":4,\"bestBidIV\":5,\"bestAskPrice\":6,\"bestAskAmount\":7,\"bestAskIV\":8,\"lastPrice\":2,\
             \"openInterest\":1,\"markPrice\":9,\"markIV\":10,\"delta\":12,\"gamma\":13,\"vega\":14,\"theta\":15,\"rho\":16,\
             \"underlyingPrice\":11,\"underlyingIndex\":\"SYN.BTC\"",
        ),
    ] {
        let kind = Wanted::parse(word).unwrap().kind();
        let expected = format!("{{\"type\":\"{word}\",{head},{members},{times}}}");
        assert_eq!(messages(&[word], kind, data_type, &[&row]), [expected]);
    }
}

const BOOK: &[&str] = &[
    "1000000,1000007,false,bid,1,1",
    "2000000,2000007,true,ask,11,4",
    "2000000,2000007,true,ask,10.5,3",
    "2000000,2000007,true,bid,9,1",
    "2100000,2100007,false,ask,12,5",
    "2200000,2200007,false,bid,9,2",
    "3300000,3300007,false,bid,9,0",
];

#[test]
fn rows_of_one_message_are_one_change_of_the_book() {
    let all = messages(&["book_change"], Kind::BookChange, DataType::IncrementalBookL2, BOOK);
    assert_eq!(all.len(), 5);
    assert_eq!(
        all[1],
        "{\"type\":\"book_change\",\"symbol\":\"XBTUSD\",\"exchange\":\"bitmex\",\"isSnapshot\":true,\
         \"bids\":[{\"price\":9,\"amount\":1}],\"asks\":[{\"price\":11,\"amount\":4},{\"price\":10.5,\"amount\":3}],\
         \"timestamp\":\"1970-01-01T00:00:02.000Z\",\"localTimestamp\":\"1970-01-01T00:00:02.000007Z\"}"
    );
    assert!(all[4].contains("\"isSnapshot\":false,\"bids\":[{\"price\":9,\"amount\":0}],\"asks\":[]"));
}

/// `name timestamp localTimestamp bids asks` of each snapshot, in seconds.
fn snapshots(words: &[&str]) -> Vec<String> {
    let all = messages(words, Kind::BookChange, DataType::IncrementalBookL2, BOOK);
    let second = |value: &Value| value.as_str().unwrap()[17..].trim_end_matches('Z').to_owned();
    let shown = |line: &String| {
        let m: Value = serde_json::from_str(line).unwrap();
        let sides = [&m["bids"], &m["asks"]].map(|side| side.to_string().replace('"', ""));
        format!("{} {} {} {}", second(&m["timestamp"]), second(&m["localTimestamp"]), sides[0], sides[1])
    };
    all.iter().map(shown).collect()
}

#[test]
fn snapshots_come_when_tardis_machine_makes_them() {
    let first = "02.000 02.000007 [{amount:1,price:9}] [{amount:3,price:10.5}]";
    let second = "02.200 02.200007 [{amount:2,price:9}] [{amount:3,price:10.5}]";
    let third = "03.300 03.300007 [{}] [{amount:3,price:10.5}]";
    assert_eq!(snapshots(&["quote"]), [first, second, third]);
    assert_eq!(snapshots(&["book_snapshot_1_0ms"]), [first, second, third]);
    // The state at the end of the second, once a later message shows that it is over.
    let ended = "03.000 03.300007 [{amount:2,price:9}] [{amount:3,price:10.5}]";
    assert_eq!(snapshots(&["quote_1s"]), [first, ended]);
    assert_eq!(snapshots(&["quote_10s"]), [first]);
    let grouped = "02.000 02.000007 [{amount:1,price:8}] [{amount:7,price:12}]";
    assert_eq!(snapshots(&["book_snapshot_1_grouped4_10s"]), [grouped]);
}

#[test]
fn what_is_sent_of_an_exchange_is_what_any_of_its_options_asks_for() {
    let trade = ["1000000,1000000,a,buy,1,1", "2000000,2000000,b,buy,1,1"];
    for (words, types) in [
        (&["trade_bar_1ticks"][..], &["trade_bar", "trade_bar"][..]),
        (&["trade_bar_1ticks", "trade"], &["trade", "trade_bar", "trade", "trade_bar"]),
        (&["trade", "quote"], &["trade", "trade"]),
    ] {
        let all = messages(words, Kind::Trade, DataType::Trades, &trade);
        let found: Vec<Value> = all.iter().map(|line| serde_json::from_str(line).unwrap()).collect();
        let found: Vec<&str> = found.iter().map(|message| message["type"].as_str().unwrap()).collect();
        assert_eq!(found, types);
    }
}

/// A message without what is null, which JavaScript leaves out.
fn without_nulls(mut value: Value) -> Value {
    if let Value::Object(members) = &mut value {
        members.retain(|_, member| !member.is_null());
        members.values_mut().for_each(|member| *member = without_nulls(member.take()));
    }
    if let Value::Array(values) = &mut value {
        values.iter_mut().for_each(|member| *member = without_nulls(member.take()));
    }
    value
}

#[test]
fn a_minute_of_bitmex_is_what_tardis_own_code_made_of_it() {
    const MINUTE: &str = "normalized/bitmex_XBTUSD_2019-04-01_0000-0001_trades_bookchanges_computed.ndjson";
    let Some(expected) = recorded::recorded(MINUTE) else { return };
    let Some(folder) = recorded::recorded("derived_csv") else { return };
    let mut expected: Vec<Value> = std::fs::read_to_string(expected)
        .unwrap()
        .lines()
        .map(|line| without_nulls(serde_json::from_str(line).unwrap()))
        .collect();
    let words = [
        "trade",
        "book_change",
        "book_snapshot_10_1000ms",
        "book_snapshot_5_0ms",
        "book_snapshot_3_100ms",
        "trade_bar_1000ms",
        "trade_bar_100ticks",
    ];
    let mut made: Vec<Value> = Vec::new();
    for (name, kind) in [("trades", Kind::Trade), ("incremental_book_L2", Kind::BookChange)] {
        let path = folder.join(format!("DERIVED_bitmex_{name}_2019-04-01_XBTUSD_first_minute.csv"));
        let text = std::fs::read_to_string(path).unwrap();
        let cells: Vec<&str> = text.lines().skip(1).map(|line| line.splitn(3, ',').nth(2).unwrap()).collect();
        let lines = messages(&words, kind, kind.data_type(), &cells);
        made.extend(lines.iter().map(|line| serde_json::from_str::<Value>(line).unwrap()));
    }
    // Both kinds were merged by Tardis; here they are made one after the other.
    let order = |message: &Value| {
        let text = |name: &str| message[name].as_str().unwrap_or_default().to_owned();
        (message["type"] != "trade" && message["type"] != "trade_bar", text("localTimestamp"))
    };
    expected.sort_by_key(order);
    let count = |all: &[Value], word: &str| {
        let is_of = |m: &&Value| m["name"] == word || (m["type"] == word && m["name"].is_null());
        all.iter().filter(is_of).count()
    };
    for word in words {
        assert_eq!(count(&made, word), count(&expected, word), "{word}");
    }
    let in_name_order = |mut all: Vec<Value>| {
        all.sort_by_cached_key(|m| (order(m), m["name"].to_string()));
        all
    };
    let (made, expected) = (in_name_order(made), in_name_order(expected));
    for (made, expected) in made.iter().zip(&expected) {
        assert_eq!(made, expected);
    }
}

/// A moment of a message, microseconds since the Unix epoch, UTC.
fn us(message: &Value, name: &str) -> i64 {
    mtdh_core::moment::TimeValue::parse(message[name].as_str().unwrap(), 0).unwrap().as_start()
}

/// The cells of a trade or of a change of a book.
fn cells(message: &Value) -> Vec<String> {
    let times = format!("{},{}", us(message, "timestamp"), us(message, "localTimestamp"));
    if message["type"] == "trade" {
        let text = |name: &str| message[name].as_str().unwrap();
        let (id, side) = (text("id"), text("side"));
        return vec![format!("{times},{id},{side},{},{}", message["price"], message["amount"])];
    }
    let level = |side: &str, level: &Value| {
        format!("{times},{},{side},{},{}", message["isSnapshot"], level["price"], level["amount"])
    };
    let sides = [("ask", "asks"), ("bid", "bids")];
    let levels =
        sides.map(|(side, name)| message[name].as_array().unwrap().iter().map(move |one| (side, one)));
    levels.into_iter().flatten().map(|(side, one)| level(side, one)).collect()
}

/// With its times as numbers: how many digits are written depends on where they come from.
fn with_times(mut message: Value) -> Value {
    for name in ["timestamp", "localTimestamp", "openTimestamp", "closeTimestamp"] {
        if message.get(name).is_some() {
            message[name] = us(&message, name).into();
        }
    }
    message
}

/// Tardis' own tests of what it computes: bars by time, ticks and volume, and snapshots by interval and by change. They name what
/// they compute themselves. Of grouped snapshots nothing is recorded: they are tested by hand, above.
#[test]
fn bars_and_snapshots_are_those_of_tardis_own_tests() {
    for (file, kind, named) in [
        (
            "tardis_compute_small_trade_bars.ndjson",
            Kind::Trade,
            &[
                ("trade_bar_1_minute", "trade_bar_1m"),
                ("trade_bar_2ticks", "trade_bar_2ticks"),
                ("trade_bar_2kvol", "trade_bar_2000vol"),
            ][..],
        ),
        (
            "tardis_compute_small_book_snapshots.ndjson",
            Kind::BookChange,
            &[("book_snapshot_2_1000ms", "book_snapshot_2_1000ms"), ("quotes", "quote")],
        ),
    ] {
        let Some(path) = recorded::recorded(&format!("normalized/{file}")) else { return };
        let text = std::fs::read_to_string(path).unwrap();
        let all: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let is_source = |message: &&Value| message["type"] == kind.name();
        let rows: Vec<String> = all.iter().filter(is_source).flat_map(cells).collect();
        let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
        let words: Vec<&str> = named.iter().map(|(_, word)| *word).collect();
        let made = messages(&words, kind, kind.data_type(), &rows);
        let made = made.iter().map(|line| with_times(serde_json::from_str(line).unwrap()));
        // Of messages that are computed of one row, their order is that of the words.
        let computed = all.iter().filter(|message| message["name"].is_string()).map(|message| {
            let mut message = with_times(without_nulls(message.clone()));
            let word = named.iter().find(|(name, _)| message["name"] == *name).unwrap().1;
            message["name"] = word.into();
            message
        });
        let (made, computed): (Vec<Value>, Vec<Value>) = (made.collect(), computed.collect());
        assert_eq!(made.len(), computed.len(), "{file}");
        // These tests leave levels that cross in the book; tardis-machine takes them out, as is tested in `core::book`.
        let best = |message: &Value, side: &str| message[side][0]["price"].as_f64();
        let is_crossed = |message: &Value| {
            best(message, "bids").zip(best(message, "asks")).is_some_and(|(bid, ask)| bid >= ask)
        };
        for (made, computed) in made.iter().zip(&computed).filter(|(_, computed)| !is_crossed(computed)) {
            assert_eq!(made, computed, "{file}");
        }
    }
}
