//! What verbs tell of their phases. A phase that is too short to be shown is in the log with what it came to.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::support::{DAY, Stage};

/// The phases of a run, each with its items, those that were done, and the bytes that were: the sums of its name.
fn phases(stage: &Stage, words: &str) -> BTreeMap<String, [u64; 3]> {
    let run = stage.run(&format!("{words} -vv --log-format json"));
    let said = run.stderr.lines().rev().take(3).collect::<Vec<_>>();
    assert!((0..2).contains(&run.status), "mtdh {words}: {} {said:?}", run.status);
    let mut phases: BTreeMap<String, [u64; 3]> = BTreeMap::new();
    for line in run.stderr.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok()) {
        if line["message"] != "a phase is over" && line["fields"]["message"] != "a phase is over" {
            continue;
        }
        let of = if line["fields"].is_object() { &line["fields"] } else { &line };
        let sums = phases.entry(of["phase"].as_str().unwrap().to_owned()).or_default();
        for (sum, name) in sums.iter_mut().zip(["items", "items_done", "bytes_done"]) {
            *sum += of[name].as_u64().unwrap();
        }
    }
    phases
}

#[test]
fn every_verb_tells_what_it_is_at() {
    let stage = Stage::new();
    let day = format!("--start-date {DAY} --venues DERIBIT --instrument-types PERP");
    let rows = "exchange,symbol,timestamp,local_timestamp,id,side,price,amount\n\
                deribit,BTC-PERPETUAL,1709251200000000,1709251200000001,1,buy,60000.5,10\n";
    std::fs::write(stage.path("trades.csv"), rows).unwrap();
    let get = format!("get DERIBIT:PERP:BTC-USD --start {DAY}");
    let mut wrong = Vec::new();
    // In this order: what one makes another reads. With a `*` bytes are counted too.
    for (words, expected) in [
        (format!("instruments --start-date {DAY} --venues DERIBIT"), "making instrument tables"),
        (format!("plan {day}"), "planning"),
        (format!("download {day}"), "planning, downloading"),
        (format!("full-pipeline {day}"), "making instrument tables, planning, validating"),
        (format!("candles {day} --timeframes 1h"), "planning candles, making candles"),
        (format!("validate {day} --deep"), "validating"),
        (format!("validate {day} --bytes"), "validating*"),
        (format!("check all {day}"), "checking, checking candles"),
        ("check timestamp --data-file trades.csv".to_owned(), "checking*"),
        ("convert trades.csv -o trades.parquet --force".to_owned(), "converting*"),
        ("check timestamp --data-file trades.parquet".to_owned(), "checking*"),
        ("ls".to_owned(), "listing"),
        ("ls candles".to_owned(), "listing"),
        ("ls reports".to_owned(), "listing reports"),
        ("ls instruments".to_owned(), "listing"),
        ("venues --in-lake".to_owned(), "listing"),
        ("runs".to_owned(), "reading runs"),
        ("paths".to_owned(), "listing"),
        ("paths --verify --tables trades".to_owned(), "listing, proving*"),
        ("sql --print".to_owned(), "listing"),
        (
            format!("{get} --data-types trades -o t.parquet"),
            "looking for objects, reading footers, reading rows*",
        ),
        (
            format!("{get} --data-types trades,derivative_ticker -o t.jsonl"),
            "looking for objects, reading rows*",
        ),
        (format!("{get} --every 1m -o c.csv"), "looking for objects, making candles"),
        (format!("{get} --data-types instruments -o i.csv"), "looking for objects, reading rows"),
        ("instruments list".to_owned(), "reading instrument tables"),
        (format!("certify {day} --out c.json"), "reading instrument tables, validating, reading digests"),
        ("verify c.json".to_owned(), "comparing"),
        ("publish iceberg".to_owned(), "publishing"),
        ("publish iceberg --verify".to_owned(), "publishing, proving*"),
        ("export hive --out hive --strict".to_owned(), "looking for what is missing, exporting*"),
        ("export hive --out one --compact".to_owned(), "exporting*"),
        ("export delta --out delta".to_owned(), "exporting*, writing logs"),
        ("rekey".to_owned(), "moving to new keys"),
        (format!("rm {day} --break-certificates"), "listing"),
        (format!("rm {day} --break-certificates --yes"), "listing, removing"),
        (format!("want add s {day} --end-date {DAY} --timeframes 1h"), ""),
        ("sync".to_owned(), "planning, downloading, planning candles, making candles, validating"),
    ] {
        let lacking = || {
            let told = phases(&stage, &words);
            let is_lacking = |name: &&str| {
                let (name, has_bytes) = (name.trim_end_matches('*'), name.ends_with('*'));
                // A phase whose items nobody knows beforehand has 0.
                !told.get(name).is_some_and(|[items, done, bytes]| {
                    done >= items && (*items == 0 || *done > 0) && (!has_bytes || *bytes > 0)
                })
            };
            let names = expected.split(", ").filter(|name| !name.is_empty());
            let lacking: Vec<&str> = names.filter(is_lacking).collect();
            (!lacking.is_empty()).then(|| format!("mtdh {words}: {} in {told:?}", lacking.join(", ")))
        };
        // A phase that ends on another thread may be over only after the program's last word: the log then lacks it, once.
        wrong.extend(lacking().and_then(|_| lacking()));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
