//! `mtdh why`: the evidence for a partition is what the stand-in's log says.

use mtdh_core::DataType;
use mtdh_sim::{Config, Fault, FaultKind, Host, Request, Size};
use serde_json::Value;

use crate::support::{DAY, Stage};

const BTC: &str = "DERIBIT:PERP:BTC-USD";
const USDC: &str = "DERIBIT:PERP:BTC-USDC";

/// A lake with a partition of each kind, and the requests for files that filled it.
fn stage() -> (Stage, Vec<Request>) {
    let of = |file: &str, kind| Fault::always(Host::Datasets, &format!("deribit/{file}"), kind);
    let refused = FaultKind::Status { status: 503, body: Default::default() };
    let stage = Stage::with(vec![
        of("quotes", FaultKind::NoRows),
        of("book_snapshot_5", FaultKind::NoSuchFile),
        of("derivative_ticker", refused),
    ]);
    let what = format!("--start-date {DAY} --instruments {BTC} {USDC}");
    let types = "--data-types trades,quotes,book_snapshot_5,derivative_ticker";
    stage.expect(1, &format!("download {what} {types} --check timestamp"));
    stage.sim.reissue("deribit", DataType::Trades, DAY.parse().unwrap(), "BTC_USDC-PERPETUAL");
    stage.expect(
        0,
        &format!("download --start-date {DAY} --instruments {USDC} --data-types trades --refetch"),
    );
    // Not all of their inputs are there.
    stage.run(&format!("candles --start-date {DAY} --instruments {BTC} --timeframes 1m,1h"));
    let log = stage.sim.requests().into_iter().filter(|request| request.host == Host::Datasets);
    let log = log.collect();
    (stage, log)
}

/// The requests for a file.
fn of_file<'a>(log: &'a [Request], file: &str) -> Vec<&'a Request> {
    log.iter().filter(|request| request.decoded_url().contains(file)).collect()
}

fn why(stage: &Stage, status: i32, words: &str) -> Value {
    let run = stage.expect(status, &format!("why {words} --format json"));
    let document: Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(document.as_array().unwrap().len(), 1, "{document}");
    document[0].clone()
}

/// Rows of a file in its first version.
fn rows(symbol: &str) -> u64 {
    let config = Config { size: Size::Small, ..Config::default() };
    let text = mtdh_sim::csv(&config, "deribit", DataType::Trades, DAY.parse().unwrap(), symbol).unwrap();
    text.iter().filter(|byte| **byte == b'\n').count() as u64 - 1
}

#[test]
fn the_evidence_of_five_partitions_is_what_the_log_says() {
    let (stage, log) = stage();
    for (key, symbol, data_type, status, exit, answered, requests) in [
        (BTC, "BTC-PERPETUAL", "trades", "stored", 0, 200, 1),
        (BTC, "BTC-PERPETUAL", "quotes", "empty", 0, 200, 1),
        (BTC, "BTC-PERPETUAL", "book_snapshot_5", "absent", 0, 400, 1),
        (BTC, "BTC-PERPETUAL", "derivative_ticker", "missing", 1, 503, 2),
        (USDC, "BTC_USDC-PERPETUAL", "trades", "stored", 0, 200, 2),
    ] {
        let found = why(&stage, exit, &format!("{key} {DAY} {data_type}"));
        let file = format!("deribit/{data_type}/2024/03/01/{symbol}.csv.gz");
        let asked = of_file(&log, &file);
        assert_eq!(found["status"], status, "{found}");
        assert_eq!((asked.len(), asked[0].status), (requests, answered), "{file}");
        assert_eq!(found["listing"]["symbol"], symbol, "{found}");
        if status == "missing" {
            assert_eq!((&found["source"], &found["fetched_at"]), (&Value::Null, &Value::Null), "{found}");
            let cause = found["failures"][0]["cause"].as_str().unwrap();
            assert!(cause.contains("503"), "{cause}");
            assert_eq!(found["failures"][0]["file"], file.as_str());
            continue;
        }
        assert_eq!(found["source"]["file"], file.as_str(), "{found}");
        assert!(found["fetched_at"].is_string(), "{found}");
        let last = asked.last().unwrap();
        let bytes = (status != "absent").then_some(last.bytes).flatten();
        assert_eq!(found["source"]["bytes"].as_u64(), bytes, "{found}");
        let counts = &found["rows"];
        let sum = counts["out"].as_u64().unwrap() + counts["rejected"].as_u64().unwrap();
        assert_eq!(counts["in"].as_u64(), Some(sum), "{found}");
        assert_eq!(sum > 0, status == "stored", "{found}");
    }
    let stored = why(&stage, 0, &format!("{BTC} {DAY} trades"));
    assert_eq!(stored["rows"]["in"].as_u64(), Some(rows("BTC-PERPETUAL")));
    let candles: Vec<_> = stored["candles"].as_array().unwrap().iter().map(|c| &c["timeframe"]).collect();
    assert_eq!(candles, ["1m", "1h"]);
    assert!(stored["candles"][0]["is_current"].as_bool().unwrap(), "{stored}");
    assert!(!stored["checks"].as_array().unwrap().is_empty(), "{stored}");
    assert_eq!(stored["reissues"].as_array().unwrap().len(), 0);
    let again = why(&stage, 0, &format!("{USDC} {DAY} trades"));
    let first = &again["reissues"][0];
    assert_eq!(first["rows"].as_u64(), Some(rows("BTC_USDC-PERPETUAL")), "{again}");
    assert_eq!(first["by_sha256"], again["source"]["sha256"]);
    assert_eq!(first["by_etag"], again["source"]["etag"]);
    assert!(first["sha256"] != first["by_sha256"] && first["etag"] != first["by_etag"], "{again}");
}

#[test]
fn it_says_ten_lines_of_each_partition_and_which_key_may_be_meant() {
    let (stage, _) = stage();
    let one = stage.expect(0, &format!("why {BTC} {DAY} trades"));
    assert_eq!(one.stdout.lines().count(), 12, "a head, the name and ten lines\n{}", one.stdout);
    let types = stage.expect(1, &format!("why {BTC} {DAY} --format jsonl"));
    assert!(types.stdout.lines().count() > 4, "all that are expected\n{}", types.stdout);
    let csv = stage.expect(0, &format!("why {BTC} {DAY} trades --format csv"));
    assert_eq!(csv.stdout.lines().count(), 11, "{}", csv.stdout);
    for (words, status, said) in [
        ("DERIBIT:PERP:BTC-USDD 2024-03-01", 2, "perhaps DERIBIT:PERP:BTC-USD"),
        ("BTC-PERPETUAL 2024-03-01", 2, "perhaps DERIBIT:PERP:BTC-USD"),
        ("DERIBIT:PERP:BTC-USD 2024-03", 2, "is a month"),
        ("DERIBIT:PERP:BTC-USD 2024-03-01 trade", 2, "trade"),
        // Nothing is expected of a day without a table.
        ("DERIBIT:PERP:BTC-USD 2024-03-05 trades", 0, ""),
    ] {
        let run = stage.expect(status, &format!("why {words}"));
        assert!(run.stderr.contains(said), "{words}: {}", run.stderr);
    }
    let unknown = why(&stage, 0, &format!("{BTC} 2024-03-05 trades"));
    assert_eq!(unknown["status"], "not_expected");
    assert!(unknown["reason"].as_str().unwrap().contains("no instrument table"), "{unknown}");
}
