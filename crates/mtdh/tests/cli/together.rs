//! Several verbs over one lake, one of them killed.

use std::process::Stdio;

use mtdh_core::DataType;
use mtdh_engine::Lake;
use mtdh_sim::{Fault, FaultKind, Host};

use crate::support::{DAY, Stage};

const INSTRUMENTS: &str = "--venues DERIBIT --instruments DERIBIT:PERP:BTC-USD,DERIBIT:PERP:BTC-USDC";

/// A download is killed after it replaced an object: whatever was derived of the old one is made anew.
#[test]
fn what_is_derived_does_not_outlive_what_it_is_made_of() {
    let stage = Stage::new();
    let what = format!("--start-date {DAY} {INSTRUMENTS} --data-types trades");
    stage.expect(0, &format!("full-pipeline {what}"));
    let candles = format!("candles {what} --timeframes 1h");
    stage.expect(0, &candles);
    let day = DAY.parse().unwrap();
    stage.sim.reissue("deribit", DataType::Trades, day, "BTC-PERPETUAL");
    stage.sim.set_faults(vec![Fault::always(Host::Datasets, "BTC_USDC-PERPETUAL", FaultKind::Hang)]);
    let object = stage
        .path(&format!("data/raw_tick_data/by_date/day-{DAY}/data_type-trades/DERIBIT:PERP:BTC-USD.parquet"));
    let before = std::fs::read(&object).unwrap();
    let mut command = stage.command(&format!("download --force {what}"));
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    while std::fs::read(&object).unwrap_or_default() == before {
        assert_eq!(child.try_wait().unwrap(), None, "it ended before it replaced anything");
        std::thread::yield_now();
    }
    child.kill().unwrap();
    child.wait().unwrap();
    stage.sim.set_faults(Vec::new());
    let lake = Lake::open(stage.path("data").to_str().unwrap(), &Default::default()).unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let report = runtime.block_on(lake.available(day)).unwrap();
    assert!(report.is_empty(), "no line of an object that was to be replaced is left: {report:?}");
    let candles = stage.expect(0, &format!("{candles} --format json"));
    let summary: serde_json::Value = serde_json::from_str(&candles.stdout).unwrap();
    assert_eq!((&summary["objects"], &summary["up_to_date"]), (&1.into(), &1.into()), "{}", candles.stdout);
    stage.expect(0, &format!("validate --deep --sample 100% {what}"));
    stage.expect(0, &format!("check aggregation --start-date {DAY} {INSTRUMENTS}"));
    stage.leave("data", "derived-anew");
}

/// Four writers of two venues each over one range: the table over all days has the rows of all.
#[test]
fn a_table_over_all_days_has_what_all_its_writers_wrote() {
    let stage = Stage::new();
    let venues = ["DERIBIT,BINANCE", "BINANCE-FUTURES,OKX-SWAP", "BYBIT,KRAKEN", "BITMEX,COINBASE"];
    let start = |venues: &&str| {
        let words = format!("instruments --start-date 2024-02-28 --end-date 2024-03-01 --venues {venues}");
        stage.command(&words).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
    };
    for mut child in venues.iter().map(start).collect::<Vec<_>>() {
        assert!(child.wait().unwrap().success());
    }
    let aggregate =
        stage.path("data/instrument_availability/aggregate/instruments_20240228_20240301.parquet");
    let written = std::fs::read(&aggregate).unwrap();
    // One more writer changes nothing: all was there.
    stage.expect(0, "instruments --start-date 2024-02-28 --end-date 2024-03-01 --venues DERIBIT");
    assert_eq!(std::fs::read(&aggregate).unwrap(), written);
    stage.leave("data", "four-writers-of-tables");
}
