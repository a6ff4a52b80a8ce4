//! `mtdh candles`: from the lake and from files.

use crate::support::{DAY, Stage, contents};

const KEY: &str = "BINANCE:SPOT_PAIR:BTC-USDT";

/// A value of a JSON document.
fn value(stdout: &str, name: &str) -> serde_json::Value {
    serde_json::from_str::<serde_json::Value>(stdout).unwrap()[name].clone()
}

#[test]
fn candles_are_made_once_and_shards_together_are_the_whole() {
    let stage = Stage::new();
    stage.expect(0, &format!("download --start-date {DAY} --venues DERIBIT,BINANCE"));
    let words = format!("candles --start-date {DAY} --timeframes 1m,1d --format json");
    let dry = stage.expect(0, &format!("{words} --dry-run"));
    assert!(dry.stderr.contains("to make: ") && dry.stderr.contains("(1m, 24h)"), "{}", dry.stderr);
    assert!(!contents(&stage.path("data")).keys().any(|name| name.starts_with("processed_candles")));
    let mut whole = 0;
    for index in 0..2 {
        let part = stage.expect(0, &format!("{words} --total-shards 2 --shard-index {index}"));
        whole += value(&part.stdout, "objects").as_u64().unwrap();
        assert!(value(&part.stdout, "objects").as_u64() > Some(0));
    }
    // Each run says in the lake what it did.
    let summaries = |stage: &Stage| -> Vec<(String, serde_json::Value)> {
        let files =
            contents(&stage.path("data/runs")).into_iter().filter(|(name, _)| name.contains("/candles-"));
        let read = files.map(|(name, text)| {
            (name.rsplit('/').next().unwrap().to_owned(), serde_json::from_slice(&text).unwrap())
        });
        read.collect()
    };
    let mut told = summaries(&stage);
    told.sort_by_key(|(name, _)| name.clone());
    let names: Vec<&str> = told.iter().map(|(name, _)| &**name).collect();
    assert_eq!(names, ["candles-0-of-2.json", "candles-1-of-2.json"]);
    assert!(told.iter().all(|(_, run)| run["state"] == "done" && run["left"] == 0), "{told:?}");
    assert_eq!(told.iter().map(|(_, run)| run["objects"].as_u64().unwrap()).sum::<u64>(), whole);
    let candles = |stage: &Stage| {
        let mut files = contents(&stage.path("data"));
        files.retain(|name, _| name.starts_with("processed_candles/"));
        files
    };
    let made = candles(&stage);
    assert_eq!(made.len() as u64, whole);
    let path = format!("processed_candles/by_date/day-{DAY}/timeframe-24h/{KEY}.parquet");
    assert!(made.contains_key(&path), "{:?}", made.keys());
    let again = stage.expect(0, &words);
    assert_eq!(
        (value(&again.stdout, "objects"), value(&again.stdout, "up_to_date")),
        (0.into(), whole.into())
    );
    assert_eq!(summaries(&stage).len(), 2, "a run that has nothing to make leaves none");
    stage.expect(0, &format!("{words} --force"));
    assert!(candles(&stage) == made, "the same inputs give the same bytes");
    // Neither neighbour is in the lake.
    assert!(value(&stage.expect(0, &format!("{words} --force")).stdout, "not_final").as_u64() > Some(1));
}

#[test]
fn trades_that_should_be_there_and_are_not_are_told() {
    let stage = Stage::new();
    stage.expect(0, &format!("download --start-date {DAY} --venues BINANCE --data-types trades"));
    let trades = format!("data/raw_tick_data/by_date/day-{DAY}/data_type-trades/{KEY}.parquet");
    std::fs::remove_file(stage.path(&trades)).unwrap();
    let run = stage.expect(1, &format!("candles --start-date {DAY} --timeframes 1h"));
    assert!(run.stderr.contains(&format!("no trades in the lake: {DAY} {KEY}")), "{}", run.stderr);
    let others = contents(&stage.path("data")).keys().filter(|name| name.contains("timeframe-1h")).count();
    assert!(others > 0, "the others are made");
    for (words, said) in [
        (
            format!("--start-date {DAY} --instruments BINANCE:SPOT_PAIR:BTC-USDTT"),
            "not in the instrument table",
        ),
        ("--start-date 2024-02-01".to_owned(), "nothing in the lake is what was asked for"),
    ] {
        let run = stage.expect(1, &format!("candles {words}"));
        assert!(run.stderr.contains(said), "{}", run.stderr);
    }
}

#[test]
fn inputs_that_are_listed_and_not_in_the_lake_are_told_in_every_way() {
    let stage = Stage::new();
    let perp = "--instruments DERIBIT:PERP:BTC-USD";
    stage.expect(0, &format!("download --start-date {DAY} {perp} --data-types trades,liquidations"));
    let words = format!("candles --start-date {DAY} {perp} --timeframes 1h");
    let missing = ["derivative_ticker", "book_snapshot_5"];
    assert!(stage.expect(1, &format!("{words} --dry-run")).stdout.contains("lacking_inputs"));
    for _ in 0..2 {
        let run = stage.expect(1, &words);
        for name in missing {
            let said = format!("not in the lake: {DAY} DERIBIT:PERP:BTC-USD {name}");
            assert!(run.stderr.contains(&said), "{}", run.stderr);
        }
        assert!(!run.stderr.contains("liquidations;"), "{}", run.stderr);
    }
    let run = stage.expect(1, &format!("{words} --format json --force"));
    assert_eq!(value(&run.stdout, "lacking").as_array().map(Vec::len), Some(2));
    // Inputs that nobody asks for are not missed.
    stage.expect(0, &format!("{words} --data-types trades,liquidations"));
    stage.expect(0, &format!("download --start-date {DAY} {perp}"));
    stage.expect(0, &words);
}

#[test]
fn a_key_that_is_named_brings_its_type_in_every_verb() {
    let stage = Stage::new();
    let day = format!("--start-date {DAY}");
    let listed = stage.expect(
        0,
        &format!("download {day} --instruments DERIBIT:COMBO:* --max-instruments 1 --data-types trades"),
    );
    assert!(!listed.stdout.is_empty());
    let objects = contents(&stage.path(&format!("data/raw_tick_data/by_date/day-{DAY}/data_type-trades")));
    let name = objects.keys().next().expect("a combo was downloaded");
    let key = name.rsplit('/').next().unwrap().trim_end_matches(".parquet");
    assert!(key.starts_with("DERIBIT:COMBO:"), "{key}");
    let key = format!("--instruments {key}");
    for words in [
        format!("plan {day} {key} --data-types trades"),
        format!("download {day} {key} --data-types trades"),
        format!("validate {day} {key} --data-types trades"),
        format!("ls {day} {key}"),
        format!("candles {day} {key} --data-types trades --timeframes 1h"),
        format!("check aggregation {day} {key}"),
        format!("check timestamp {day} {key} --data-types trades"),
    ] {
        let run = stage.expect(0, &words);
        assert!(!run.stderr.contains("nothing in the lake"), "{words}: {}", run.stderr);
    }
    assert!(contents(&stage.path("data")).keys().any(|path| path.contains("timeframe-1h/DERIBIT:COMBO:")));
}

#[test]
fn a_users_own_file_gives_the_candles_that_the_lake_gives() {
    let stage = Stage::new();
    stage.expect(0, &format!("download --start-date {DAY} --instruments {KEY} --data-types trades"));
    let trades = format!("data/raw_tick_data/by_date/day-{DAY}/data_type-trades/{KEY}.parquet");
    let run =
        stage.expect(0, &format!("candles --input {trades} --timeframes 1m 1h --output out --format csv"));
    assert!(
        run.stdout.starts_with("output,timeframe,instrument_key,candles,trades,repeated_trades\n"),
        "{}",
        run.stdout
    );
    for name in ["out/1m.parquet", "out/1h.parquet"] {
        assert!(run.stdout.contains(name), "{}", run.stdout);
        assert!(std::fs::read(stage.path(name)).unwrap().starts_with(b"PAR1"), "{name}");
    }
    std::fs::write(stage.path("junk.parquet"), "junk").unwrap();
    stage.expect(0, &format!("download --start-date {DAY} --instruments DERIBIT:PERP:BTC-USD"));
    let day = format!("data/raw_tick_data/by_date/day-{DAY}");
    let other = format!("{day}/data_type-trades/DERIBIT:PERP:BTC-USD.parquet");
    let ticker = format!("{day}/data_type-derivative_ticker/DERIBIT:PERP:BTC-USD.parquet");
    for (input, said) in [
        ("junk.parquet", "cannot be read as Parquet"),
        (&format!("{trades} {other}"), "candles are made of one instrument at a time"),
        (&ticker, "for trades it lacks `side`"),
    ] {
        let run = stage.expect(1, &format!("candles --input {input} --timeframes 1m --output refused"));
        assert!(run.stderr.contains(said), "{input}: {}", run.stderr);
        assert!(!stage.path("refused/1m.parquet").exists(), "{input}");
    }
}

#[test]
fn a_wrong_call_is_named() {
    let stage = Stage::new();
    for (words, said) in [
        ("candles".to_owned(), "--start-date"),
        (format!("candles --start-date {DAY} --timeframes 7m"), "`7m` is not a timeframe"),
        (format!("candles --start-date {DAY} --fill zero"), "invalid value 'zero'"),
        (format!("candles --start-date {DAY}"), "there is no lake at ./data"),
        ("candles --input nowhere.parquet --output out".to_owned(), "nowhere.parquet"),
        ("candles --input nowhere.parquet".to_owned(), "--output"),
        (format!("candles --start-date {DAY} --output out"), "--input"),
        (
            format!("candles --start-date {DAY} --shard-index 2 --total-shards 2"),
            "shard 2 of 2 does not exist",
        ),
    ] {
        let run = stage.expect(2, &words);
        assert!(run.stderr.contains(said), "mtdh {words}\n{}", run.stderr);
        assert!(!stage.path("out").exists() && contents(&stage.path("data")).is_empty(), "mtdh {words}");
    }
}
