//! `mtdh check` as a user meets it: exit status, what is found in a damaged lake, reports, grades, files.

use std::path::PathBuf;

use mtdh_core::check::Severity;
use mtdh_engine::check::kept::CheckLine;
use mtdh_engine::{Lake, LakeOptions};
use mtdh_sim::{Fault, FaultKind, Host};

use crate::support::{DAY, Stage, run, run as run_command};

const TYPES: &str = "trades,incremental_book_L2,book_snapshot_5,quotes";
const TRADES: &str = "data_type-trades/BINANCE:SPOT_PAIR:BTC-USDT.parquet";

fn stage() -> Stage {
    let stage = Stage::new();
    stage
        .expect(0, &format!("download --start-date {DAY} --venues BINANCE --data-types {TYPES} --lake lake"));
    stage
}

fn object(stage: &Stage, name: &str) -> PathBuf {
    stage.path(&format!("lake/raw_tick_data/by_date/day-{DAY}/{name}"))
}

fn words(group: &str) -> String {
    format!(
        "check {group} --start-date {DAY} --venues BINANCE --data-types {TYPES} --lake lake --format json"
    )
}

fn document(stdout: &str) -> serde_json::Value {
    serde_json::from_str(stdout).unwrap()
}

/// Name of check, instrument and data type of each finding of a severity.
fn findings(document: &serde_json::Value, severity: &str) -> Vec<[String; 3]> {
    let all = document["findings"].as_array().unwrap().iter().filter(|f| f["severity"] == severity);
    let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    all.map(|f| [text(&f["check"]), text(&f["instrument_key"]), text(&f["data_type"])]).collect()
}

#[test]
fn a_sound_lake_has_no_error_and_every_partition_a_grade() {
    let stage = stage();
    stage
        .expect(0, &format!("candles --start-date {DAY} --venues BINANCE --timeframes 1m,5m,1d --lake lake"));
    let run = stage.expect(0, &words("all"));
    let document = document(&run.stdout);
    assert_eq!((&document["schema_version"], &document["is_clean"]), (&1.into(), &true.into()));
    assert!(findings(&document, "error").is_empty());
    assert!(document["summary"]["rows"].as_u64().unwrap() > 1_000);
    let days = document["instrument_days"].as_array().unwrap();
    assert!(!days.is_empty() && days.iter().all(|d| d["grade"].is_string()));
    assert!(run.stderr.contains("clean: 0 errors"), "{}", run.stderr);
    // Every check that has data of its kind looked at it; the venue has neither tickers nor options.
    let has_none = |check: &&serde_json::Value| {
        ["option_terms", "trade_off_mark"].contains(&check["name"].as_str().unwrap())
    };
    for check in document["checks"].as_array().unwrap().iter().filter(|check| !has_none(check)) {
        assert!(check["looked_at"].as_u64().unwrap() > 0, "{check}");
    }
}

#[test]
fn a_damaged_lake_is_not_clean_in_any_group() {
    let stage = stage();
    std::fs::remove_file(object(&stage, TRADES)).unwrap();
    let quotes = "data_type-quotes/BINANCE:SPOT_PAIR:BTC-USDT.parquet";
    std::fs::write(object(&stage, quotes), "no Parquet").unwrap();
    let all = document(&stage.expect(1, &words("all")).stdout);
    let key = "BINANCE:SPOT_PAIR:BTC-USDT".to_owned();
    let of = |check: &str, data_type: &str| [check.to_owned(), key.clone(), data_type.to_owned()];
    assert_eq!(
        findings(&all, "error"),
        [of("missing_partition", "trades"), of("unreadable_partition", "quotes")]
    );
    let day = all["instrument_days"].as_array().unwrap().iter().find(|d| d["instrument_key"] == key).unwrap();
    assert_eq!(day["grade"], "missing");
    // A group that only reads rows must not pass over an object that it cannot read.
    let timestamp = document(&stage.expect(1, &words("timestamp")).stdout);
    assert_eq!(findings(&timestamp, "error"), [of("unreadable_partition", "quotes")]);
    // Nor one whose type nobody asks for by default.
    let default = format!("check all --start-date {DAY} --venues BINANCE --lake lake --format json");
    let found = findings(&document(&stage.expect(1, &default).stdout), "error");
    assert!(found.contains(&of("unreadable_partition", "quotes")), "{found:?}");
}

#[test]
fn rows_damaged_behind_a_sound_footer_are_found() {
    let stage = stage();
    let file = object(&stage, TRADES);
    let mut bytes = std::fs::read(&file).unwrap();
    bytes[40..400].fill(0x5a);
    std::fs::write(&file, bytes).unwrap();
    stage.expect(0, &words("completeness"));
    let found = findings(&document(&stage.expect(1, &words("timestamp")).stdout), "error");
    assert!(found.iter().any(|f| f[0] == "unreadable_partition" && f[2] == "trades"), "{found:?}");
}

#[test]
fn grades_are_stored_and_go_with_the_object() {
    let stage = stage();
    let report = format!("available_tick_data/by_date/day-{DAY}/available_data.parquet");
    let grades = || {
        let bytes = std::fs::read(stage.path("lake").join(&report)).unwrap();
        // The words are plain in the dictionary page of a small table.
        ["good", "degraded"].map(|word| bytes.windows(word.len()).any(|w| w == word.as_bytes()))
    };
    assert_eq!(grades(), [false, false]);
    stage.expect(0, &words("timestamp"));
    assert_eq!(grades(), [false, false], "not every group was checked");
    stage.expect(0, &words("all"));
    assert!(grades()[0]);
    stage.expect(
        0,
        &format!("validate --start-date {DAY} --venues BINANCE --data-types {TYPES} --deep --lake lake"),
    );
    assert!(grades()[0], "the same objects keep their grades");
}

/// The kept findings of the day as key and check, by whom, and the things that were looked at.
fn kept(stage: &Stage) -> Option<(Vec<[String; 3]>, usize)> {
    let lake = Lake::open(stage.path("lake").to_str().unwrap(), &LakeOptions::default()).unwrap();
    let lines =
        tokio::runtime::Runtime::new().unwrap().block_on(lake.checks(DAY.parse().unwrap())).unwrap()?;
    let key = |line: &CheckLine| line.subject.key.as_ref().map_or(String::new(), ToString::to_string);
    let found = lines.iter().filter_map(|line| {
        let found = line.found.as_ref().filter(|found| found.severity == Severity::Error)?;
        Some([key(line), found.check.clone(), line.run.made_by.clone()])
    });
    Some((found.collect(), lines.iter().filter(|line| line.found.is_none()).count()))
}

#[test]
fn what_is_found_is_kept_in_the_lake_by_whoever_finds_it() {
    let stage = stage();
    assert_eq!(kept(&stage), None, "nobody checked");
    let validate = format!("validate --start-date {DAY} --venues BINANCE --data-types {TYPES} --lake lake");
    stage.expect(0, &validate);
    assert_eq!(kept(&stage), None, "a validation that finds nothing leaves its own report");
    stage.expect(0, &words("all"));
    let (found, looked) = kept(&stage).unwrap();
    assert!(found.is_empty() && looked > 4, "{found:?}, {looked}");
    // A missing partition: the exit status is the check's, and so is the line; then the validation's.
    let bytes = std::fs::read(object(&stage, TRADES)).unwrap();
    std::fs::remove_file(object(&stage, TRADES)).unwrap();
    let line = |by: &str| ["BINANCE:SPOT_PAIR:BTC-USDT", "missing_partition", by].map(str::to_owned);
    stage.expect(1, &words("completeness"));
    assert_eq!(kept(&stage).unwrap().0, [line("check")]);
    stage.expect(1, &validate);
    assert_eq!(kept(&stage).unwrap().0, [line("validate")]);
    // Another group says nothing of it.
    stage.expect(0, &words("values"));
    assert_eq!(kept(&stage).unwrap().0, [line("validate")]);
    std::fs::write(object(&stage, TRADES), bytes).unwrap();
    stage.expect(0, &validate);
    assert_eq!(kept(&stage).unwrap().0, [] as [[String; 3]; 0], "what is there again is not missing");
}

#[test]
fn a_lake_that_cannot_keep_findings_is_checked_and_says_so() {
    let stage = stage();
    std::fs::write(stage.path("lake/check_reports"), "no folder").unwrap();
    let run = stage.expect(0, &words("all"));
    let note = format!("the findings of {DAY} are not kept in the lake: ");
    let notes = document(&run.stdout)["notes"].to_string();
    assert!(notes.contains(&note) && run.stderr.contains(&note), "{notes} {}", run.stderr);
    std::fs::remove_file(object(&stage, TRADES)).unwrap();
    stage.expect(1, &words("all"));
}

#[test]
fn fail_on_and_nothing_to_check() {
    let stage = stage();
    let warnings = findings(&document(&stage.run(&words("all")).stdout), "warning").len();
    stage.expect(i32::from(warnings > 0), &format!("{} --fail-on warning", words("all")));
    // A skew of zero makes every row whose clocks are equal pass and all that are ahead a warning; none are ahead.
    stage.expect(0, &format!("{} --set clock_skew.max_ahead_ms=0", words("timestamp")));
    let run = stage.expect(1, &format!("check timestamp --start-date {DAY} --venues KRAKEN --lake lake"));
    assert!(run.stderr.contains("nothing was checked"), "{}", run.stderr);
    let run = stage.expect(1, "check completeness --start-date 2024-02-02 --lake lake");
    assert!(run.stdout.contains("no_instruments"), "{}", run.stdout);
}

/// What of `check` had nothing to look at, by its JSON: it is not clean, in whatever form.
#[track_caller]
fn nothing_checked(stage: &Stage, words: &str, unchecked: &[&str]) {
    let names = ["n.json", "n.csv", "n.xml", "n.md", "n.html"];
    let run = stage.expect(1, &format!("{words} --report {}", names.join(" ")));
    let [json, csv, xml, md, html] = names.map(|name| std::fs::read_to_string(stage.path(name)).unwrap());
    let told = document(&json);
    assert_eq!((&told["verdict"], &told["is_clean"]), (&"nothing_checked".into(), &false.into()), "{words}");
    assert_eq!(told["unchecked"], serde_json::json!(unchecked), "{words}");
    assert!(run.stdout.contains("nothing_checked"), "{words}: {}", run.stdout);
    assert!(run.stderr.contains("nothing was checked: 0 errors"), "{words}: {}", run.stderr);
    assert!(csv.contains("error,nothing_checked,"), "{words}: {csv}");
    assert_eq!(xml.matches("<failure message=\"nothing was checked\"").count(), 1, "{words}");
    assert!(md.starts_with("# Check: nothing was checked\n"), "{words}: {md}");
    assert!(html.contains("Nothing was checked") && !html.contains("Clean<"), "{words}");
}

#[test]
fn nothing_to_look_at_is_no_pass_in_a_lake_or_in_files() {
    let empty = Stage::with(vec![Fault::always(Host::Datasets, "", FaultKind::NoRows)]);
    let types = "--venues BINANCE --data-types trades,quotes,book_snapshot_5 --lake lake";
    empty.expect(0, &format!("download --start-date {DAY} {types}"));
    let check = |group: &str| format!("check {group} --start-date {DAY} {types}");
    for (group, unchecked) in [
        ("all", &["timestamp", "gaps", "book", "values", "aggregation"][..]),
        ("timestamp", &["timestamp"]),
        ("gaps", &["gaps"]),
        ("book", &["book"]),
        ("timestamp book", &["timestamp", "book"]),
    ] {
        nothing_checked(&empty, &check(group), unchecked);
    }
    // Whether everything is there can be told of a day without rows.
    empty.expect(0, &check("completeness"));
    let file = object(&empty, TRADES).display().to_string();
    for group in ["all", "timestamp", "gaps", "book", "values"] {
        let run = empty.expect(1, &format!("check {group} --data-file {file} --format table"));
        assert!(run.stderr.contains("nothing was checked"), "{group}: {}", run.stderr);
        assert!(run.stdout.contains("nothing_checked"), "{group}: {}", run.stdout);
    }
    // Data types that a group does not look at.
    let stage = Stage::new();
    let words = |data_type: &str| {
        format!("--start-date {DAY} --instruments DERIBIT:PERP:BTC-USD --data-types {data_type} --lake lake")
    };
    let (ticker, liquidations) = (words("derivative_ticker"), words("liquidations"));
    stage.expect(0, &format!("download {}", words("derivative_ticker,liquidations")));
    nothing_checked(&stage, &format!("check book {ticker}"), &["book"]);
    nothing_checked(&stage, &format!("check timestamp book {ticker}"), &["book"]);
    nothing_checked(&stage, &format!("check gaps {liquidations}"), &["gaps"]);
    stage.expect(0, &format!("check all {ticker}"));
    let name = "data_type-derivative_ticker/DERIBIT:PERP:BTC-USD.parquet";
    let file = object(&stage, name).display().to_string();
    nothing_checked(&stage, &format!("check completeness --data-file {file}"), &["completeness"]);
    // A share so small that no object falls into it.
    let run = stage.expect(0, &format!("validate {ticker} --deep --sample 0.001%"));
    assert!(run.stderr.contains("all rows of 1 object were read"), "{}", run.stderr);
}

#[test]
fn reports_by_their_ending() {
    let stage = stage();
    std::fs::remove_file(object(&stage, TRADES)).unwrap();
    let names = ["r.json", "r.csv", "r.xml", "r.md", "r.html"];
    let run = stage.expect(1, &format!("{} --report {}", words("all"), names.join(" ")));
    let [json, csv, xml, md, html] = names.map(|name| std::fs::read_to_string(stage.path(name)).unwrap());
    let told = document(&json);
    assert_eq!(told["findings"], document(&run.stdout)["findings"]);
    let count = told["findings"].as_array().unwrap().len();
    assert_eq!(csv.lines().count(), count + 1);
    assert!(
        csv.contains("error,missing_partition,completeness,2024-03-01,BINANCE:SPOT_PAIR:BTC-USDT,trades,")
    );
    assert!(xml.contains("<testcase classname=\"mtdh.completeness\" name=\"missing_partition\">"));
    assert_eq!(xml.matches("<failure").count(), 1);
    assert_eq!(xml.matches("<testcase").count(), told["checks"].as_array().unwrap().len());
    assert!(md.starts_with("# Check: not clean\n") && md.contains("| error | missing\\_partition |"));
    assert!(html.starts_with("<!DOCTYPE html>") && html.contains("Not clean"));
    assert_eq!(html.matches("<script").count(), 2, "its data and its own script");
}

#[test]
fn candles_of_a_lake_and_of_files() {
    let stage = stage();
    let aggregation = format!("check aggregation --start-date {DAY} --lake lake --format json");
    let run = stage.expect(1, &aggregation);
    assert!(run.stdout.contains("no candles in the lake to be compared"), "{}", run.stdout);
    stage.expect(0, &format!("candles --start-date {DAY} --venues BINANCE --timeframes 1m,5m --lake lake"));
    let told = document(&stage.expect(0, &aggregation).stdout);
    let looked_at = told["checks"].as_array().unwrap().iter().map(|c| c["looked_at"].as_u64().unwrap());
    assert!(looked_at.min() > Some(0), "{told}");
    let candles = |frame: &str| {
        let name = "BINANCE:SPOT_PAIR:BTC-USDT.parquet";
        stage.path(&format!("lake/processed_candles/by_date/day-{DAY}/timeframe-{frame}/{name}"))
    };
    let (fine, coarse, trades) = (candles("1m"), candles("5m"), object(&stage, TRADES));
    let files = |base: &PathBuf, agg: &PathBuf| {
        let mut command = stage.command("check aggregation --format json");
        command.arg("--base-file").arg(base).arg("--agg-file").arg(agg).arg("--data-file").arg(&trades);
        run_command(command)
    };
    let sound = files(&fine, &coarse);
    assert_eq!(findings(&document(&sound.stdout), "error"), [] as [[String; 3]; 0], "{}", sound.stderr);
    assert_eq!(sound.status, 0, "{}", sound.stderr);
    assert_eq!(files(&coarse, &fine).status, 2);
    std::fs::remove_file(&coarse).unwrap();
    let lacking = document(&stage.expect(0, &aggregation).stdout);
    let found = findings(&lacking, "warning");
    assert!(
        found.contains(&["tick_coverage".into(), "BINANCE:SPOT_PAIR:BTC-USDT".into(), String::new()]),
        "{found:?}"
    );
}

#[test]
fn candles_of_a_lake_against_the_exchange() {
    let stage = stage();
    let words = |more: &str| {
        format!(
            "check cross-source --timeframe 1m --start-date {DAY} --end-date {DAY} --lake lake --format json {more}"
        )
    };
    // The stand-in's recorder reconnects and has some trades twice: candles count each once, as the exchange does. So both agree
    // in every digit.
    let exactly = "--set reference_volume.tolerance_pct=0 --set reference_price.tolerance_pct=0";
    let day = document(&stage.expect(0, &words(&format!("--symbol BTC-USDT {exactly}"))).stdout);
    assert_eq!(day["findings"].as_array().map(Vec::len), Some(0), "{day}");
    assert_eq!(day["comparisons"].as_array().unwrap().len(), 1);
    assert!(day["comparisons"][0]["title"].as_str().unwrap().starts_with("BINANCE:SPOT_PAIR:BTC-USDT"));
    assert!(day["checks"].as_array().unwrap().iter().all(|check| check["looked_at"] == 1), "{day}");
    // Stored candles are taken where there are any, and every instrument without --symbol.
    stage.expect(0, &format!("candles --start-date {DAY} --venues BINANCE --timeframes 1m --lake lake"));
    let all = document(&stage.expect(0, &words(exactly)).stdout);
    assert!(
        all["checks"].as_array().unwrap().iter().all(|check| check["looked_at"].as_u64() > Some(3)),
        "{all}"
    );
    // An instrument that the lake does not have is no pass, with or without trades of it at the exchange.
    std::fs::remove_dir_all(stage.path("lake/processed_candles")).unwrap();
    std::fs::remove_file(object(&stage, TRADES)).unwrap();
    let lacking = document(&stage.expect(1, &words("--symbol BTC-USDT")).stdout);
    assert_eq!(findings(&lacking, "error")[0][0], "reference_coverage");
    let unknown = document(&stage.expect(1, &words("--symbol NOSUCH-USDT")).stdout);
    assert_eq!(findings(&unknown, "error")[0][0], "reference_coverage");
    for (more, said) in [
        ("--symbol BTCUSDT", "write BASE-QUOTE"),
        ("--symbol BTC-USDT --venues DERIBIT", "it is of no market of Binance's"),
        ("--reference-file klines.csv", "name it with --symbol"),
        ("--symbol BTC-USDT --reference-file nowhere.csv", "there is no file nowhere.csv"),
    ] {
        std::fs::write(stage.path("klines.csv"), "").unwrap();
        let run = stage.expect(2, &words(more));
        assert!(run.stderr.contains(said), "{more}: {}", run.stderr);
    }
}

#[test]
fn files_without_a_lake() {
    let stage = stage();
    let file = object(&stage, TRADES);
    let mut command = stage.command("check timestamp --format json --data-file");
    let run_file = run({
        command.arg(&file);
        command
    });
    assert_eq!(run_file.status, 0, "{}", run_file.stderr);
    let told = document(&run_file.stdout);
    assert_eq!(told["summary"]["files"], 1);
    assert!(told["summary"]["rows"].as_u64().unwrap() > 0);
}

#[test]
fn wrong_calls_say_what_to_do() {
    let stage = Stage::new();
    std::fs::write(stage.path("text.parquet"), "no Parquet").unwrap();
    for (words, said) in [
        (
            "check candle --start-date 2024-03-01",
            "unknown group of checks `candle`; there are: all, completeness",
        ),
        ("check all", "--start-date"),
        ("check all --start-date 2024-03-01 --report r.pdf", "a report ends in .json"),
        ("check all --start-date 2024-03-01 --set silence.x=1", "no check has the parameter `silence.x`"),
        ("check all --start-date 2024-03-01 --set silence", "CHECK.PARAMETER=NUMBER"),
        ("check book --data-file nowhere.parquet", "nowhere.parquet"),
        ("check book --data-file text.parquet", "text.parquet"),
        ("check book --start-date 2024-03-01 --data-file text.parquet", "cannot be used with"),
        ("check aggregation --base-file text.parquet", "--agg-file"),
        ("check aggregation --data-file text.parquet", "--base-file and --agg-file"),
        ("check book --base-file text.parquet --agg-file text.parquet", "are for mtdh check aggregation"),
        ("check cross-source --start-date 2024-03-01 --timeframe 7m", "is not a timeframe"),
        ("check book --start-date 2024-03-02 --end-date 2024-03-01", "--end-date lies before"),
    ] {
        let run = stage.expect(2, words);
        assert!(run.stderr.contains(said), "{words}: {}", run.stderr);
    }
}

#[test]
fn files_of_the_users_are_no_matter_of_the_lake() {
    let stage = Stage::new();
    let head = "exchange,symbol,timestamp,local_timestamp,id,side,price,amount\n";
    let row = |symbol: &str, us: u64| format!("deribit,{symbol},{us},{us},{us},buy,100.5,10\n");
    let (first, second) =
        (row("BTC-PERPETUAL", 1_709_251_200_000_000), row("BTC-PERPETUAL", 1_709_251_201_000_000));
    std::fs::write(stage.path("a_trades.csv"), format!("{head}{first}")).unwrap();
    std::fs::write(stage.path("b_trades.csv"), format!("{head}{second}")).unwrap();
    std::fs::write(stage.path("text.parquet"), "no Parquet").unwrap();
    for (words, said) in [
        ("check timestamp --data-file nowhere.parquet", "there is no file nowhere.parquet"),
        ("check timestamp --data-file text.parquet", "cannot use text.parquet: it cannot be read"),
        (
            "check timestamp --data-file a_trades.csv b_trades.csv",
            "cannot use b_trades.csv: it is the second file of trades",
        ),
        ("check aggregation --base-file text.parquet --agg-file text.parquet", "cannot use text.parquet"),
    ] {
        let run = stage.expect(2, words);
        assert!(run.stderr.contains(said), "{words}: {}", run.stderr);
        assert!(
            !run.stderr.contains("the lake cannot") && !run.stderr.contains("move the object"),
            "{}",
            run.stderr
        );
    }
}
