//! Checks of rows on their way into the lake: `mtdh download --check`.

use std::collections::BTreeSet;

use mtdh_core::check::{CheckFn, find};
use mtdh_engine::{Lake, LakeOptions};
use mtdh_sim::{Config, Size, csv};
use serde_json::Value;

use crate::support::{DAY, Stage};

const KEY: &str = "BINANCE:SPOT_PAIR:BTC-USDT";

/// A folder of vendor files in which the arrival clock of a trade goes back, a trade comes twice and a book is crossed.
fn with_faults(stage: &Stage) {
    let config = Config { size: Size::Small, ..Config::default() };
    let lines = |data_type: &str| -> Vec<String> {
        let text = csv(&config, "binance", data_type.parse().unwrap(), DAY.parse().unwrap(), "BTCUSDT");
        String::from_utf8(text.unwrap()).unwrap().lines().map(str::to_owned).collect()
    };
    let set = |line: &mut String, place: usize, text: &str| {
        let mut cells: Vec<&str> = line.split(',').collect();
        cells[place] = text;
        *line = cells.join(",");
    };
    let mut trades = lines("trades");
    set(&mut trades[9], 3, "1709251200000000");
    trades.insert(20, trades[20].clone());
    let mut books = lines("book_snapshot_5");
    set(&mut books[5], 4, "0.5");
    for (data_type, lines) in [("trades", trades), ("book_snapshot_5", books)] {
        let folder = stage.path(&format!("vendor/binance/{data_type}/2024/03/01"));
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("BTCUSDT.csv"), lines.join("\n") + "\n").unwrap();
    }
}

fn download(more: &str) -> String {
    format!(
        "download --start-date {DAY} --instruments {KEY} --data-types trades,book_snapshot_5 --source vendor --format json {more}"
    )
}

fn json(stdout: &str) -> Value {
    serde_json::from_str(stdout).unwrap()
}

/// Check, data type and how many times, of findings that `mtdh check` makes of the rows of one partition and that a
/// summary lists.
fn of_rows(findings: &Value) -> BTreeSet<(String, String, u64, String)> {
    let told = findings.as_array().unwrap().iter().filter(|f| {
        let check = find(f["check"].as_str().unwrap()).unwrap();
        matches!(check.run, CheckFn::Rows(..)) && f["severity"] != "info"
    });
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    told.map(|f| {
        (text(&f["check"]), text(&f["data_type"]), f["count"].as_u64().unwrap(), f["examples"].to_string())
    })
    .collect()
}

#[test]
fn what_checks_find_on_the_way_is_what_they_find_in_the_lake() {
    let stage = Stage::new();
    with_faults(&stage);
    let run = stage.expect(1, &download("--lake lake --check"));
    let checks = &json(&run.stdout)["row_checks"];
    let names: Vec<&str> =
        checks["listed"].as_array().unwrap().iter().map(|f| f["check"].as_str().unwrap()).collect();
    for name in ["arrival_clock", "repeated_row", "repeated_trade_id", "crossed_book"] {
        assert!(names.contains(&name), "{names:?}");
        assert!(run.stderr.contains(&format!("{name}: {DAY} {KEY}")), "{}", run.stderr);
    }
    assert_eq!(checks["partitions"], 2);
    // The lake keeps them too, and which partitions were looked at.
    let lake = Lake::open(stage.path("lake").to_str().unwrap(), &LakeOptions::default()).unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let kept = runtime.block_on(lake.checks(DAY.parse().unwrap())).unwrap().unwrap();
    assert!(kept.iter().all(|line| line.run.made_by == "download" && line.rows > 0));
    let (found, looked): (Vec<_>, Vec<_>) = kept.iter().partition(|line| line.found.is_some());
    let kept: Vec<&str> = found.iter().map(|line| &line.found.as_ref().unwrap().check[..]).collect();
    let sorted = |mut names: Vec<&str>| {
        names.sort_unstable();
        names.into_iter().map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!((sorted(kept), looked.len()), (sorted(names), 2));
    let words = format!(
        "check timestamp book values --start-date {DAY} --instruments {KEY} --data-types trades,book_snapshot_5 --lake lake --format json"
    );
    let document = json(&stage.expect(1, &words).stdout);
    assert_eq!(of_rows(&checks["listed"]), of_rows(&document["findings"]));
    let errors = document["summary"]["findings"]["error"].as_u64().unwrap();
    assert_eq!(checks["findings"]["error"].as_u64().unwrap(), errors);
}

#[test]
fn only_what_was_asked_for_is_checked() {
    let stage = Stage::new();
    with_faults(&stage);
    let summary = json(&stage.expect(0, &download("--lake unchecked")).stdout);
    assert!(summary["row_checks"].is_null());
    let summary = json(&stage.expect(1, &download("--lake books --check book")).stdout);
    let listed = summary["row_checks"]["listed"].as_array().unwrap();
    assert!(!listed.is_empty() && listed.iter().all(|f| f["group"] == "book"), "{listed:?}");
    // What is wrong in the vendor's file is not mended by trying again.
    stage.expect(0, &download("--lake engine --check --exit-codes engine"));
    // What is there goes by no more.
    let summary = json(&stage.expect(0, &download("--lake books --check")).stdout);
    assert_eq!(summary["files"], 0);
}

#[test]
fn a_groups_file_is_checked_by_instrument() {
    let stage = Stage::new();
    let words = format!("--start-date {DAY} --venues DERIBIT --data-types options_chain --lake lake");
    let run =
        stage.expect(0, &format!("download {words} --format json --check --set clock_skew.max_ahead_ms=0"));
    let summary = json(&run.stdout);
    let stored = summary["published"]["stored"].as_u64().unwrap();
    assert!(stored > 5);
    assert!(summary["row_checks"]["partitions"].as_u64().unwrap() >= stored);
    let words = format!("check timestamp values {words} --format json --set clock_skew.max_ahead_ms=0");
    let document = json(&stage.expect(0, &words).stdout);
    let counts = |findings: &Value, severity: &str| findings[severity].as_u64().unwrap_or_default();
    let info = document["findings"].as_array().unwrap().iter().filter(|f| f["check"] == "exchange_clock");
    assert_eq!(counts(&summary["row_checks"]["findings"], "info"), info.count() as u64);
    assert_eq!(of_rows(&summary["row_checks"]["listed"]), of_rows(&document["findings"]));
}

#[test]
fn workers_of_a_run_check_too_and_are_not_started_again_for_it() {
    let stage = Stage::new();
    with_faults(&stage);
    let words = format!(
        "--start-date {DAY} --instruments {KEY} --data-types trades,book_snapshot_5 --source vendor --lake lake"
    );
    stage.expect(0, &format!("plan --save r {words}"));
    let run = stage.expect(
        0,
        "download --run r --shard-index 0 --total-shards 1 --source vendor --lake lake --check --format json",
    );
    let parts = json(&run.stdout);
    let found = |part: &Value| part["row_checks"]["findings"]["error"].as_u64().unwrap_or_default();
    assert!(parts.as_array().unwrap().iter().map(found).sum::<u64>() > 0, "{parts}");
    assert!(run.stderr.contains("error: arrival_clock"), "{}", run.stderr);
}
