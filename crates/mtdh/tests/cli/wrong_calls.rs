//! Wrong calls: a clear message, exit 2, nothing written.

use crate::support::{DAY, Stage, contents};

#[test]
fn a_wrong_call_is_named_and_writes_nothing() {
    let stage = Stage::new();
    std::fs::write(stage.path("a-file"), "x").unwrap();
    std::fs::write(stage.path("an-empty-file"), "# nothing\n\n").unwrap();
    let deribit = format!("--start-date {DAY} --venues DERIBIT");
    for (words, expected) in [
        (
            "download --start-date 2024-02-30".to_owned(),
            "`2024-02-30` is not a day or a month: 2024-02 has the days 01 to 29",
        ),
        (
            "download --start-date 2024-03-02 --end-date 2024-03-01".to_owned(),
            "--end-date lies before --start-date",
        ),
        ("download".to_owned(), "--start-date"),
        (format!("download --start-date {DAY} --venues BINNANCE"), "did you mean BINANCE?"),
        (format!("download {deribit} --data-types trade"), "unknown data type `trade`"),
        (format!("download {deribit} --instrument-types SWAP"), "SWAP"),
        (format!("download {deribit} --shard-index 3 --total-shards 3"), "shard 3 of 3 does not exist"),
        (format!("download {deribit} --universe core61"), "core61"),
        (format!("download {deribit} --universe an-empty-file"), "holds no key"),
        (format!("download {deribit} --max-workers 0"), "1 or more"),
        (format!("download {deribit} --max-instruments 0"), "1 or more"),
        ("instruments --start-date 2999-01-01 --venues DERIBIT".to_owned(), "lies in the future"),
        (format!("plan --start-date {DAY} --end-date 2999-01-01 --venues DERIBIT"), "lies in the future"),
        ("check all --data-file nowhere.parquet".to_owned(), "there is no file nowhere.parquet"),
        (format!("check all --start-date {DAY} --report nodir/x.html"), "there is no folder nodir"),
        (format!("download {deribit} --lake ftp://host"), "scheme"),
        (format!("download {deribit} --lake a-file"), "a-file"),
        (format!("download {deribit} --lake gs://no-such-bucket"), "does not exist"),
        (format!("download {deribit} --source nowhere"), "nowhere"),
        (format!("download {deribit} --check gaps"), "run `mtdh check gaps` after the download"),
        (format!("download {deribit} --check clocks"), "unknown group of checks `clocks`"),
        (
            format!("download {deribit} --check --set silence.fact=1"),
            "no check has the parameter `silence.fact`",
        ),
        (format!("download {deribit} --set silence.factor=1"), "--check"),
        ("validate --start-date 2024-03-01".to_owned(), "there is no lake at ./data"),
        ("ls".to_owned(), "there is no lake at ./data"),
        ("get DERIBIT:PERP --data-type trades --start 2024-03-01".to_owned(), "is not an instrument key"),
        (
            "get DERIBIT:PERP:BTC-USD --data-type trades --start 2024-03-02 --end 2024-03-01".to_owned(),
            "nothing lies between the start 2024-03-02 and the end 2024-03-01",
        ),
        (
            "get DERIBIT:PERP:BTC-USD --data-type trades --start 1709251200000".to_owned(),
            "this may be in milliseconds",
        ),
        ("download --start-date 2024-03-01T12".to_owned(), "2024-03-01T12:00:00Z has a time of day"),
        ("download --start-date today --end-date 9999-12".to_owned(), "9999-12-31 lies in the future"),
        ("instruments list --date 2024-03".to_owned(), "`2024-03` is a month, and one day is meant"),
        ("frobnicate".to_owned(), "unrecognized subcommand"),
    ] {
        let run = stage.expect(2, &words);
        assert!(run.stderr.contains(expected), "mtdh {words}\nexpected: {expected}\n{}", run.stderr);
        assert!(contents(&stage.path("data")).is_empty(), "mtdh {words} wrote something");
    }
}

#[test]
fn what_is_not_there_is_told_apart() {
    let stage = Stage::new();
    let deribit = format!("--start-date {DAY} --venues DERIBIT,BINANCE --data-types trades,liquidations");
    stage.expect(0, &format!("full-pipeline {deribit}"));
    let perp = "get DERIBIT:PERP:BTC-USD";
    for (words, expected) in [
        (
            format!("get DERIBIT:PERP:BTC-USDD --data-type trades --start {DAY}"),
            "perhaps DERIBIT:PERP:BTC-USD",
        ),
        (
            format!("{perp} --data-type quotes --start {DAY}"),
            "quotes of DERIBIT:PERP:BTC-USD was not fetched",
        ),
        (
            format!("get BINANCE:SPOT_PAIR:BTC-USDT --data-type liquidations --start {DAY}"),
            "the vendor lists no liquidations",
        ),
        (
            format!("{perp} --data-type trades --start {DAY} --end 2024-03-02"),
            "2024-03-02 is not in the lake",
        ),
        (
            format!("{perp} --data-type trades --start 1900-01-01 --end 2100-01-01"),
            "days from 1900-01-01 to 2100-01-01 are not in the lake",
        ),
        ("ls --instruments DERIBIT:PERP:BTC-USDD".to_owned(), "perhaps DERIBIT:PERP:BTC-USD"),
        ("instruments list --venues KRAKEN".to_owned(), "0 instruments"),
    ] {
        let run = stage.expect(1, &words);
        assert!(run.stderr.contains(expected), "mtdh {words}\nexpected: {expected}\n{}", run.stderr);
        assert!(run.stderr.lines().count() < 6, "mtdh {words}\n{}", run.stderr);
    }
    for (words, expected) in [
        (format!("get BTCUSDT --data-type trades --start {DAY}"), "perhaps BINANCE:SPOT_PAIR:BTC-USDT"),
        ("instruments show DERIBIT:PERP:BTC-USDD".to_owned(), "perhaps DERIBIT:PERP:BTC-USD"),
        (format!("ls --start-date {DAY} --end-date 2024-02-01"), "--end-date lies before --start-date"),
        (format!("plan {deribit} --force --save once"), "a run `once` exists already"),
    ] {
        if words.contains("--save") {
            stage.expect(0, &words);
        }
        let run = stage.expect(2, &words);
        assert!(run.stderr.contains(expected), "mtdh {words}\nexpected: {expected}\n{}", run.stderr);
    }
}

#[test]
fn the_ending_of_an_output_decides_its_form() {
    let stage = Stage::new();
    let rows = "exchange,symbol,timestamp,local_timestamp,id,side,price,amount\n\
                deribit,BTC-PERPETUAL,1709251200000000,1709251200000001,1,buy,60000.5,10\n";
    std::fs::write(stage.path("trades.csv"), rows).unwrap();
    for (words, status, said) in [
        ("convert trades.csv -o out.txt", 2, "end it in .csv, .jsonl, .parquet or .arrow"),
        ("convert trades.csv -o out.parquet", 0, ""),
        ("convert trades.csv -o out.parquet", 2, "--force replaces it"),
        ("convert trades.csv -o out.parquet --force", 0, ""),
        ("convert trades.csv -o out.csv", 0, ""),
        ("convert trades.csv -o out.jsonl", 0, ""),
        ("convert trades.csv -o out.csv.zst", 0, ""),
        ("convert trades.csv -o out.arrow.gz", 2, "compresses inside"),
        (
            "convert trades.csv -o other.parquet --instrument DERIBIT:PERP:ETH-USD",
            1,
            "its rows are about DERIBIT:PERP:BTC-USD",
        ),
        (
            "convert trades.csv -o other.parquet --instrument BINANCE:PERP:BTC-USD",
            1,
            "its rows are about BTC-PERPETUAL of DERIBIT",
        ),
        ("convert trades.csv -o mine.parquet --instrument DERIBIT:PERP:BTC-USD", 0, ""),
    ] {
        let run = stage.expect(status, words);
        assert!(run.stderr.contains(said), "mtdh {words}\n{}", run.stderr);
    }
    assert!(!stage.path("other.parquet").exists());
    let csv = std::fs::read_to_string(stage.path("out.csv")).unwrap();
    assert!(
        csv.starts_with("instrument_key,timestamp,")
            && csv.contains("DERIBIT:PERP:BTC-USD,2024-03-01T00:00:00.000000Z"),
        "{csv}"
    );
    assert!(std::fs::read_to_string(stage.path("out.jsonl")).unwrap().contains("60000.5"));
    let mut command = stage.command("convert - -o - --data-type trades");
    command.stdin(std::fs::File::open(stage.path("trades.csv")).unwrap());
    let run = crate::support::run(command);
    assert_eq!((run.status, run.stdout.as_str()), (0, csv.as_str()), "{}", run.stderr);
}

#[test]
fn lists_take_a_comma_and_a_space() {
    let stage = Stage::new();
    stage.expect(
        0,
        &format!("full-pipeline --start-date {DAY} --data-types trades --venues deribit, okex-swap"),
    );
    let run = stage.run(&format!("check --start-date {DAY} --venues DERIBIT all"));
    assert!(run.status < 2, "{}", run.stderr);
}

#[test]
fn null_is_empty_in_csv_and_null_in_json_lines() {
    let stage = Stage::new();
    stage.expect(0, &format!("instruments --start-date {DAY} --venues OKX-SWAP"));
    let csv = stage.expect(0, "instruments list --format csv").stdout;
    let line = csv.lines().nth(1).unwrap();
    assert!(line.contains("00:00:00.000000Z,,"), "{csv}");
    let json = stage.expect(0, "instruments list --format jsonl").stdout;
    assert!(json.contains(r#""available_to_datetime":null"#), "{json}");
    let first: serde_json::Value = serde_json::from_str(json.lines().next().unwrap()).unwrap();
    let document: serde_json::Value =
        serde_json::from_str(&stage.expect(0, "instruments list --format json").stdout).unwrap();
    for name in first.as_object().unwrap().keys() {
        assert!(document[0].get(name).is_some() && csv.starts_with("instrument_key"), "{name}");
    }
}

#[test]
fn a_refused_key_stops_the_run_and_is_not_shown() {
    let stage = Stage::new();
    for (key, day) in [("TD.wrong-marker", "2024-03-01"), ("", "2024-03-02")] {
        let mut command = stage.command(&format!("download --start-date {day} --venues BINANCE"));
        command.env("TARDIS_API_KEY", key);
        stage.sim.clear_requests();
        let run = crate::support::run(command);
        assert_eq!(run.status, 2, "{}", run.stderr);
        assert!(run.stderr.contains("refused") && run.stderr.contains("TARDIS_API_KEY"), "{}", run.stderr);
        assert!(!run.stderr.contains("marker") && !run.stdout.contains("marker"));
        let files = stage.sim.requests().iter().filter(|r| r.url.contains(".csv.gz")).count();
        assert_eq!(files, 1, "after the first refusal nothing else is asked for");
        assert!(!contents(&stage.path("data")).keys().any(|name| name.starts_with("raw_tick_data")));
    }
}

#[test]
fn without_credentials_a_bucket_is_no_access() {
    let stage = Stage::new();
    let mut command = stage.command("ls --lake gs://some-bucket");
    command.env_remove("STORAGE_EMULATOR_HOST");
    let run = crate::support::run(command);
    assert_eq!(run.status, 2);
    assert!(run.stderr.contains("no access to gs://some-bucket"), "{}", run.stderr);
    assert!(run.stderr.contains("gcloud auth application-default login"), "{}", run.stderr);
}
