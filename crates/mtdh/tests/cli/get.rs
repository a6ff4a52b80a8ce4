//! `get`: several instruments, data types, candles and forms; what it refuses, and what it leaves then.

use std::io::Read;
use std::sync::OnceLock;

use crate::support::{DAY, Stage};

const KEYS: &str = "DERIBIT:PERP:BTC-USD DERIBIT:PERP:BTC-USDC";

/// A lake of trades and snapshots of a few instruments, filled once.
fn stage() -> &'static Stage {
    static STAGE: OnceLock<Stage> = OnceLock::new();
    STAGE.get_or_init(|| {
        let stage = Stage::new();
        let what = format!("--start-date {DAY} --instruments {KEYS} --data-types");
        stage.expect(0, &format!("full-pipeline {what} trades derivative_ticker"));
        stage.expect(0, &format!("candles {what} trades derivative_ticker --timeframes 1h"));
        stage
    })
}

fn read(name: &str) -> Vec<u8> {
    std::fs::read(stage().path(name)).unwrap()
}

/// The cells of a column of a CSV without quotes.
fn column<'a>(csv: &'a str, name: &str) -> Vec<&'a str> {
    let mut lines = csv.lines();
    let at = lines.next().unwrap().split(',').position(|header| header == name).unwrap();
    lines.map(|line| line.split(',').nth(at).unwrap()).collect()
}

#[test]
fn a_wrong_call_is_named_and_leaves_nothing() {
    let (day, object) = (
        format!("--start {DAY}"),
        format!("data/raw_tick_data/by_date/day-{DAY}/data_type-trades/DERIBIT:PERP:BTC-USD.parquet"),
    );
    let before = stage().all_files();
    for (words, expected) in [
        (
            format!("{KEYS} --data-types trades derivative_ticker {day} -o x.parquet"),
            "with {data_type} in the output's name",
        ),
        (format!("{KEYS} --data-types trades derivative_ticker {day}"), "or both as JSON lines"),
        (format!("{KEYS} --data-types trades instruments {day} -o x.jsonl"), "instruments have no time"),
        (format!("{KEYS} --data-types trades {day} -o x.parquet.gz"), "compresses inside"),
        (format!("{KEYS} --data-types trades {day} -o x.arrow.zst"), "compresses inside"),
        (format!("{KEYS} --data-types trades {day} -o x.feather"), "end it in .arrow"),
        (format!("{KEYS} --data-types trades {day} -o x.xlsx"), "the form of x.xlsx is not known"),
        (format!("{KEYS} --data-types trades {day} -o x.csv --format jsonl"), "leave one of them out"),
        (format!("{KEYS} --data-types trades {day} -o {object}"), "the lake's own objects"),
        (format!("{KEYS} --data-types trades {day} -o nowhere/x.csv"), "cannot write nowhere/x.csv"),
        (format!("--data-types trades {day} -o x.csv"), "no instrument is named"),
        (format!("{KEYS} {day} -o x.csv"), "--data-types is needed"),
        (format!("{KEYS} --data-types candles {day} -o x.csv"), "--every 1m"),
        (
            format!("{KEYS} --data-types derivative_ticker --every 1m {day} -o x.csv"),
            "derivative_ticker has none",
        ),
        (format!("--data-types instruments --every 1m {day} -o x.csv"), "--data-types names none"),
        (format!("{KEYS} --every 1m --origin live {day} -o x.csv"), "of the vendor's trades"),
        (format!("{KEYS} --every 7s {day} -o x.csv"), "7s"),
        (format!("{KEYS} --data-types trade {day} -o x.csv"), "unknown data type `trade`"),
        (
            format!("{KEYS} --data-types trades --columns price,cost {day} -o x.csv"),
            "trades has no column `cost`; it has",
        ),
        (format!("{KEYS} --data-types trades --columns price,price {day} -o x.csv"), "named twice"),
        (
            format!("--data-types instruments --columns price {day} -o x.csv"),
            "instruments has no column `price`",
        ),
        (format!("{KEYS} --data-types derivative_ticker --notional {day} -o x.csv"), "has no column `price`"),
        (format!("{KEYS} --data-types trades --limit 0 {day} -o x.csv"), "--limit"),
        (format!("DERIBIT:PERP --data-types trades {day} -o x.csv"), "is not an instrument key"),
        (format!("{KEYS} --data-types trades {day} -o x.csv --lake none"), "there is no lake at none"),
        (
            format!("{KEYS} --data-types trades --start {DAY} --end 2024-02-01 -o x.csv"),
            "nothing lies between",
        ),
    ] {
        let run = stage().expect(2, &format!("get {words}"));
        assert!(run.stderr.contains(expected), "mtdh get {words}\nexpected: {expected}\n{}", run.stderr);
        assert!(run.stdout.is_empty(), "mtdh get {words}");
    }
    let refused = stage().expect(2, "ls --format parquet");
    assert!(refused.stderr.contains("is for rows"), "{}", refused.stderr);
    let after: Vec<String> =
        stage().all_files().into_keys().filter(|name| !before.contains_key(name)).collect();
    // Other tests write beside this one.
    assert!(after.iter().all(|name| !name.starts_with('x') && !name.contains("unfinished")), "{after:?}");
}

#[test]
fn instruments_come_together_in_order_of_time() {
    for clock in ["arrival", "exchange"] {
        let time = if clock == "arrival" { "local_timestamp" } else { "timestamp" };
        let get = |keys: &str, more: &str| {
            stage()
                .expect(
                    0,
                    &format!(
                        "get {keys} --data-types trades --start {DAY} --end {DAY}T23 --clock {clock} {more}"
                    ),
                )
                .stdout
        };
        let together = get(KEYS, "");
        let times = column(&together, time);
        assert!(times.is_sorted() && times.len() > 100, "{clock}: {} rows", times.len());
        for key in KEYS.split(' ') {
            let alone = get(key, "");
            let of_key: Vec<&str> =
                together.lines().filter(|line| line.starts_with(&format!("{key},"))).collect();
            assert_eq!(of_key, alone.lines().skip(1).collect::<Vec<_>>(), "{key} by {clock}");
        }
        // By a pattern, by a list with commas, and cut.
        assert_eq!(get("*:PERP:*", ""), together);
        assert_eq!(get(&KEYS.replace(' ', ","), ""), together);
        let first: Vec<&str> = together.lines().take(8).collect();
        assert_eq!(get(KEYS, "--limit 7").lines().collect::<Vec<_>>(), first);
        let prices = get(KEYS, "--columns price");
        assert_eq!(column(&prices, "price"), column(&together, "price"), "without its clock");
    }
}

#[test]
fn every_form_has_the_same_rows() {
    let get = |output: &str| {
        stage().expect(0, &format!("get {KEYS} --data-types trades --start {DAY} -o {output}"))
    };
    let csv = get("-").stdout;
    let lines =
        stage().expect(0, &format!("get {KEYS} --data-types trades --start {DAY} --format jsonl")).stdout;
    for name in [
        "f.csv",
        "f.csv.gz",
        "f.csv.zst",
        "f.jsonl",
        "f.jsonl.gz",
        "f.ndjson.zst",
        "f.parquet",
        "f.arrow",
        "f.arrows",
    ] {
        get(name);
    }
    assert_eq!(String::from_utf8(read("f.csv")).unwrap(), csv);
    assert_eq!(String::from_utf8(read("f.jsonl")).unwrap(), lines);
    for (name, expected) in [("f.csv.gz", &csv), ("f.jsonl.gz", &lines)] {
        let mut text = String::new();
        flate2::read::MultiGzDecoder::new(&read(name)[..]).read_to_string(&mut text).unwrap();
        assert_eq!(&text, expected, "{name}");
    }
    assert_eq!(read("f.arrow"), read("f.arrows"));
    for name in ["f.csv.zst", "f.ndjson.zst", "f.parquet", "f.arrow"] {
        let first = read(name);
        get(name);
        assert_eq!(read(name), first, "{name} is the same each time");
    }
    // On stdout, by its format.
    for (format, name) in [("parquet", "f.parquet"), ("arrow", "f.arrow")] {
        let words = format!("get {KEYS} --data-types trades --start {DAY} --format {format}");
        assert_eq!(stage().command(&words).output().unwrap().stdout, read(name), "{format}");
    }
}

#[test]
fn several_data_types_are_a_file_each_or_lines_that_say_which() {
    let get = |words: &str| stage().expect(0, &format!("get {KEYS} --start {DAY} --end {DAY}T06 {words}"));
    get("--data-types trades,derivative_ticker -o s-{data_type}.csv");
    let alone = |data_type: &str| get(&format!("--data-type {data_type}")).stdout;
    for data_type in ["trades", "derivative_ticker"] {
        assert_eq!(String::from_utf8(read(&format!("s-{data_type}.csv"))).unwrap(), alone(data_type));
    }
    let lines = get("--data-types trades,derivative_ticker --format jsonl").stdout;
    let of_type = |data_type: &str| {
        let lead = format!("{{\"data_type\":\"{data_type}\",");
        let plain = lines.lines().filter_map(|line| Some(format!("{{{}", line.strip_prefix(&lead)?)));
        plain.collect::<Vec<_>>().join("\n") + "\n"
    };
    for data_type in ["trades", "derivative_ticker"] {
        assert_eq!(of_type(data_type), get(&format!("--data-type {data_type} --format jsonl")).stdout);
    }
    let times: Vec<&str> =
        lines.lines().map(|line| &line[line.find("\"local_timestamp\":").unwrap()..][..46]).collect();
    assert!(times.is_sorted());
    let first: Vec<&str> = lines.lines().take(5).collect();
    assert_eq!(
        get("--data-types trades,derivative_ticker --format jsonl --limit 5")
            .stdout
            .lines()
            .collect::<Vec<_>>(),
        first
    );
    let clean = stage()
        .run(&format!("get {KEYS} --start {DAY} --data-types trades,derivative_ticker -o all.jsonl.gz"));
    assert_eq!(clean.status, 0, "{clean:?}");
}

#[test]
fn candles_are_made_as_they_would_be_stored_and_instruments_are_those_of_the_day() {
    let get = |words: &str| stage().expect(0, &format!("get {words} --start {DAY}")).stdout;
    let made = get(&format!("{KEYS} --every 1h"));
    assert_eq!(made, get(&format!("{KEYS} --data-types candles --every 1h")), "stored");
    assert!(column(&made, "timestamp").len() > 24, "{made}");
    assert!(column(&made, "timestamp").is_sorted());
    let four = get(&format!("{KEYS} --data-type trades --every 4h --columns close"));
    assert_eq!(column(&four, "close").len(), 12, "{four}");
    let run = stage().expect(1, &format!("get {KEYS} --data-types candles --every 5m --start {DAY}"));
    assert!(run.stderr.contains("candles 5m are not stored: mtdh candles"), "{}", run.stderr);
    let table =
        get("DERIBIT:PERP:* --data-types instruments --columns day,instrument_key,data_types --format jsonl");
    assert!(table.lines().count() == 2, "{table}");
    let first = "{\"day\":\"2024-03-01\",\"instrument_key\":\"DERIBIT:PERP:";
    assert!(
        table.lines().all(|line| line.starts_with(first) && line.contains("\"data_types\":[\"trades\"")),
        "{table}"
    );
    for output in ["i.parquet", "i.arrow", "i.csv"] {
        get(&format!("--data-types instruments -o {output}"));
    }
    let none = stage().expect(1, &format!("get X:*:* --data-types instruments --start {DAY}"));
    assert!(none.stderr.contains("no instrument of these tables fits"), "{}", none.stderr);
    let worth = get(&format!("{KEYS} --data-types trades --notional --columns price --limit 3"));
    assert_eq!(worth.lines().next(), Some("price,base_amount,quote_amount,settle_amount"));
    assert!(column(&worth, "quote_amount").iter().all(|cell| cell.parse::<f64>().unwrap() > 0.0), "{worth}");
}

#[test]
fn what_the_lake_lacks_is_named_and_with_strict_nothing_is_written() {
    for (words, expected) in [
        (
            format!("{KEYS} --data-types trades --start {DAY} --end 2024-03-02"),
            "trades of DERIBIT:PERP:BTC-USDC: 2024-03-02 is not in the lake",
        ),
        (
            "DERIBIT:PERP:* --data-types trades --start 2024-03-02".to_owned(),
            "no instrument table of 2024-03-02 says which",
        ),
        (
            format!("{KEYS} DERIBIT:PERP:XX-* --data-types trades --start {DAY}"),
            "the lake has no trades that DERIBIT:PERP:XX-* means",
        ),
        (
            format!("{KEYS} --data-types trades,quotes --start {DAY} --format jsonl"),
            "quotes of DERIBIT:PERP:BTC-USD was not fetched",
        ),
        (format!("{KEYS} --every 1m --start {DAY} --end 2024-03-02"), "2024-03-02 is not in the lake"),
        ("--data-types instruments --start 2024-03-02".to_owned(), "make it: "),
    ] {
        let run = stage().expect(1, &format!("get {words}"));
        assert!(run.stderr.contains(expected), "mtdh get {words}\nexpected: {expected}\n{}", run.stderr);
        let strict = stage().expect(1, &format!("get {words} --strict"));
        assert!(strict.stdout.is_empty() && strict.stderr.contains("nothing was written"), "{strict:?}");
        assert!(strict.stderr.contains(expected), "{}", strict.stderr);
    }
    stage().expect(
        1,
        &format!("get {KEYS} --data-types trades --start {DAY} --end 2024-03-02 --strict -o strict.csv"),
    );
    assert!(!stage().path("strict.csv").exists());
    stage().expect(0, &format!("get {KEYS} --data-types trades --start {DAY} --strict -o whole.csv"));
}

#[test]
fn a_damaged_object_is_named_and_no_output_is_left() {
    let stage = Stage::new();
    stage.expect(0, &format!("full-pipeline --start-date {DAY} --instruments {KEYS} --data-types trades"));
    let name = format!("data_type-trades/{}.parquet", &KEYS[21..]);
    let object = stage.path(&format!("data/raw_tick_data/by_date/day-{DAY}/{name}"));
    let whole = std::fs::read(&object).unwrap();
    for at in [60, whole.len() / 4, whole.len() - 400] {
        let mut bytes = whole.clone();
        bytes[at] ^= 4;
        std::fs::write(&object, bytes).unwrap();
        for output in ["x.parquet", "x.arrow", "x.csv.gz", "x.jsonl"] {
            let run = stage.expect(2, &format!("get {KEYS} --data-types trades --start {DAY} -o {output}"));
            assert!(run.stderr.contains(&name), "{at} {output}: {}", run.stderr);
            assert!(!stage.path(output).exists(), "{at} {output}");
        }
    }
    // Of several outputs none is there.
    stage.expect(
        2,
        &format!("get {KEYS} --data-types instruments,trades --start {DAY} -o x-{{data_type}}.csv"),
    );
    assert!(!stage.path("x-instruments.csv").exists());
}
