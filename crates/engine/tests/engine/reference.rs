//! Candles against klines: recorded pairs, the stand-in's service, files of its archive.

use std::io::Write;
use std::path::{Path, PathBuf};

use mtdh_core::check::{Finding, Group, Settings};
use mtdh_core::key::InstrumentKey;
use mtdh_engine::RetryPolicy;
use mtdh_engine::check::CheckReport;
use mtdh_engine::check::reference::{Reference, Source, check_files_reference};
use mtdh_sim::{Config, Sim, csv};
use tokio_util::sync::CancellationToken;

use crate::candle_support::plan;
use crate::recorded::{messages, recorded};

const HEADER: &str = "exchange,symbol,timestamp,local_timestamp,id,side,price,amount";

async fn check(files: &[PathBuf], key: &str, source: Source, set: &[&str]) -> CheckReport {
    let key: InstrumentKey = key.parse().unwrap();
    let mut plan = plan(&[Group::CrossSource]);
    plan.settings = Settings::default();
    set.iter().for_each(|text| plan.settings.set(text).unwrap());
    let reference = Reference { source, timeframe: "1m".parse().unwrap() };
    let stop = Default::default();
    check_files_reference(files, Some(&key), None, &reference, &plan, None, &stop).await.unwrap()
}

/// No tolerance at all.
const EXACT: [&str; 2] = ["reference_price.tolerance_pct=0", "reference_volume.tolerance_pct=0"];

fn told(findings: &[Finding]) -> Vec<(&'static str, &'static str, u64)> {
    findings.iter().map(|f| (f.severity.name(), f.check, f.found.count)).collect()
}

#[tokio::test]
async fn an_hour_of_recorded_trades_equals_the_exchanges_klines_in_all_fields() {
    let Some(trades) = recorded("tardis_csv/binance-futures_trades_2020-02-22_BTCUSDT.csv") else { return };
    let Some(klines) = recorded("klines/binance-um_BTCUSDT_1m_2020-02-22T0003_0102.csv") else { return };
    let key = "BINANCE-FUTURES:PERP:BTC-USDT";
    let report = check(&[trades], key, Source::File(klines.clone()), &EXACT).await;
    assert_eq!(told(&report.findings), []);
    let [plot] = &report.comparisons[..] else { panic!("one plot") };
    assert_eq!(plot.points.len(), 60);
    assert!(plot.points.iter().all(|point| point.ours.is_some() && point.ours == point.theirs));
}

#[tokio::test]
async fn of_a_live_recording_the_minute_that_was_recorded_in_part_is_found_and_no_other() {
    let Some(messages) = messages("live/usdm_btcusdt_20240808.gz") else { return };
    let Some(klines) = recorded("klines/binance-um_BTCUSDT_1m_2024-08-08T2354_2024-08-09T0006.csv") else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let trades = folder.path().join("binance-futures_trades_2024-08-08_BTCUSDT.csv");
    let mut out = std::fs::File::create(&trades).unwrap();
    writeln!(out, "{HEADER}").unwrap();
    for (arrival, message) in messages {
        let data = &message["data"];
        if message["stream"] != "btcusdt@trade" || data["X"] != "MARKET" {
            continue;
        }
        let time = data["T"].as_i64().unwrap() * 1000;
        let side = if data["m"] == true { "sell" } else { "buy" };
        let (id, price, amount) = (&data["t"], data["p"].as_str().unwrap(), data["q"].as_str().unwrap());
        writeln!(out, "binance-futures,BTCUSDT,{time},{arrival},{id},{side},{price},{amount}").unwrap();
    }
    let key = "BINANCE-FUTURES:PERP:BTC-USDT";
    let report = check(&[trades], key, Source::File(klines), &EXACT).await;
    assert!(report.findings.iter().all(|f| f.severity.name() == "warning"), "{:?}", told(&report.findings));
    let volume = report.findings.iter().find(|f| f.check == "reference_volume").unwrap();
    assert!(volume.found.examples.iter().all(|e| e.contains("2024-08-08T23:54")), "{volume:?}");
    assert_eq!(volume.found.explanation.as_ref().unwrap().class, "not_final");
    assert!(report.comparisons[0].points.len() >= 6, "23:54 and five whole minutes");
}

/// A day's trades of the stand-in as a file.
fn trades_of(folder: &Path, exchange: &str, symbol: &str) -> PathBuf {
    let day = "2024-03-01".parse().unwrap();
    let bytes = csv(&Config::default(), exchange, mtdh_core::DataType::Trades, day, symbol).unwrap();
    let path = folder.join(format!("{exchange}_trades_2024-03-01_{symbol}.csv"));
    std::fs::write(&path, bytes).unwrap();
    path
}

#[tokio::test]
async fn the_services_of_all_three_markets_are_compared_page_by_page() {
    let sim = Sim::start(Config::default()).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    for (exchange, symbol, key, path) in [
        ("binance", "BTCUSDT", "BINANCE:SPOT_PAIR:BTC-USDT", "/api/v3/klines"),
        ("binance-futures", "BTCUSDT", "BINANCE-FUTURES:PERP:BTC-USDT", "/fapi/v1/klines"),
        ("binance-delivery", "BTCUSD_PERP", "BINANCE-DELIVERY:PERP:BTC-USD", "/dapi/v1/klines"),
    ] {
        let trades = trades_of(folder.path(), exchange, symbol);
        sim.clear_requests();
        let source = || Source::Service { address: Some(sim.binance_url()), retry: RetryPolicy::default() };
        let report = check(std::slice::from_ref(&trades), key, source(), &EXACT).await;
        let worse: Vec<_> = report.findings.iter().filter(|f| f.severity.name() == "error").collect();
        assert!(worse.is_empty(), "{worse:?}");
        assert!(report.looked_at["reference_price"] == 1 && report.comparisons[0].points.len() > 500);
        let asked = sim.requests();
        assert!(asked.iter().all(|request| request.url.contains(path)), "{asked:?}");
        // A row less is found in the exact comparison.
        let text = std::fs::read_to_string(&trades).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        let middle = lines.len() / 2;
        let fewer = [&lines[..middle], &lines[middle + 1..]].concat().join("\n") + "\n";
        std::fs::write(&trades, fewer).unwrap();
        let report = check(&[trades], key, source(), &EXACT).await;
        assert!(report.findings.iter().any(|f| f.severity.name() == "error"), "{:?}", told(&report.findings));
    }
    let trades = trades_of(folder.path(), "binance", "BTCUSDT");
    let source = Source::Service { address: Some(sim.binance_url()), retry: RetryPolicy::default() };
    // An instrument that the exchange does not know.
    let text = std::fs::read_to_string(&trades).unwrap().replace(",BTCUSDT,", ",NOSUCHUSDT,");
    let renamed = folder.path().join("binance_trades_2024-03-01_NOSUCHUSDT.csv");
    std::fs::write(&renamed, text).unwrap();
    let report = check(&[renamed], "BINANCE:SPOT_PAIR:NOSUCH-USDT", source, &[]).await;
    assert_eq!(told(&report.findings), [("error", "reference_coverage", 1)]);
    sim.stop().await;
}

#[tokio::test]
async fn a_reference_of_another_time_is_no_pass() {
    let folder = tempfile::tempdir().unwrap();
    let trades = trades_of(folder.path(), "binance", "BTCUSDT");
    let klines = folder.path().join("BTCUSDT-1m-2023-01.csv");
    std::fs::write(&klines, "1672531200000,1,1,1,1,1,1672531259999,1,1,1,1,0\n").unwrap();
    let report = check(&[trades], "BINANCE:SPOT_PAIR:BTC-USDT", Source::File(klines), &[]).await;
    assert_eq!(told(&report.findings), [("error", "reference_coverage", 1)]);
}

/// The service changes the klines of a day after they were read once: the minute that has just ended is read again, until
/// two readings agree, and it is the last one that counts.
#[tokio::test]
async fn a_minute_that_has_just_ended_is_read_until_it_has_settled() {
    const MINUTE: i64 = 60_000_000;
    let folder = tempfile::tempdir().unwrap();
    let (symbol, key) = ("BTCUSDT", "BINANCE-FUTURES:PERP:BTC-USDT");
    let trades = trades_of(folder.path(), "binance-futures", symbol);
    // Only the last minute before noon that has trades, with the moment half a second after it.
    let text = std::fs::read_to_string(&trades).unwrap();
    let time = |line: &str| line.split(',').nth(2).and_then(|cell| cell.parse::<i64>().ok());
    let noon = 1_709_294_400_000_000;
    let last = text.lines().filter_map(time).filter(|us| *us < noon).max().unwrap();
    let start = last - last.rem_euclid(MINUTE);
    let of_minute = |line: &&str| time(line).is_none_or(|us| (start..start + MINUTE).contains(&us));
    std::fs::write(&trades, text.lines().filter(of_minute).collect::<Vec<_>>().join("\n") + "\n").unwrap();
    let now_us = start + MINUTE + 500_000;
    let now = chrono::DateTime::from_timestamp_micros(now_us).unwrap();
    let sim = Sim::start(Config { now, ..Config::default() }).await.unwrap();
    let mut plan = plan(&[Group::CrossSource]);
    plan.now_us = now_us;
    for text in EXACT.iter().chain(&["reference_coverage.again_s=0.5"]) {
        plan.settings.set(text).unwrap();
    }
    let source = Source::Service { address: Some(sim.binance_url()), retry: RetryPolicy::default() };
    let reference = Reference { source, timeframe: "1m".parse().unwrap() };
    let key: InstrumentKey = key.parse().unwrap();
    let (files, stop) = ([trades], CancellationToken::new());
    let report =
        check_files_reference(&files, Some(&key), None, &reference, &plan, None, &stop).await.unwrap();
    assert_eq!((told(&report.findings), sim.requests().len()), (vec![], 2), "two readings that agree");
    sim.clear_requests();
    let checking = check_files_reference(&files, Some(&key), None, &reference, &plan, None, &stop);
    let day = "2024-03-01".parse().unwrap();
    let changing = async {
        while sim.requests().is_empty() {
            tokio::task::yield_now().await;
        }
        sim.reissue("binance-futures", mtdh_core::DataType::Trades, day, symbol);
    };
    let (report, ()) = tokio::join!(checking, changing);
    let report = report.unwrap();
    assert!(sim.requests().len() >= 2, "{:?}", sim.requests());
    let found = told(&report.findings);
    assert!(
        found.iter().any(|(_, check, _)| *check == "reference_volume"),
        "it settled to others: {found:?}"
    );
    assert!(!found.iter().any(|(_, check, _)| *check == "reference_coverage"), "it settled: {found:?}");
    // Ctrl-C ends the waiting.
    plan.settings.set("reference_coverage.again_s=1000").unwrap();
    sim.clear_requests();
    let checking = check_files_reference(&files, Some(&key), None, &reference, &plan, None, &stop);
    let stopping = async {
        while sim.requests().is_empty() {
            tokio::task::yield_now().await;
        }
        stop.cancel();
    };
    let (report, ()) = tokio::join!(checking, stopping);
    assert!(report.unwrap().is_interrupted);
    sim.stop().await;
}
