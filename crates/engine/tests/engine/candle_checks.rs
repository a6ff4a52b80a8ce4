//! Checks of a lake's candles, and of files of candles: what is stale, lacking, damaged or not comparable.

use std::path::PathBuf;

use mtdh_core::check::{Finding, Group};
use mtdh_core::{DataType, DayRange};
use mtdh_engine::Selection;
use mtdh_engine::candles::{Timeframe, candle_files};
use mtdh_engine::chain;
use mtdh_engine::check::CheckReport;
use mtdh_engine::check::candle_files::check_candle_files;
use mtdh_engine::check::kept::Keep;
use mtdh_engine::check::lake::{RowsOf, check_lake};
use mtdh_lake::Layout;

use crate::candle_support::plan;
use crate::lake_support::{HandMade, KEY, Row, day, key};

const D: i64 = 86_400;

fn frames(text: &str) -> Vec<Timeframe> {
    text.split(' ').map(|t| t.parse().unwrap()).collect()
}

/// Half a day of trades, one every 40 seconds, and one that lies in the next day's file.
async fn lake() -> HandMade {
    let lake = HandMade::new();
    lake.trades(KEY, "2024-02-29", "a", &[(-70, -69, 1.0)]).await;
    lake.trades(KEY, "2024-03-01", "b", &rows(0)).await;
    lake.trades(KEY, "2024-03-02", "c", &[(D - 4, D + 1, 7.0), (D + 3, D + 4, 8.0)]).await;
    lake
}

fn rows(skip: usize) -> Vec<Row> {
    (0..1080).skip(skip).map(|i| (i * 40 + 5, i * 40 + 6, 100.0 + (i % 17) as f64)).collect()
}

fn selection() -> Selection {
    let on = day("2024-03-01");
    Selection {
        days: DayRange::new(on, on).unwrap(),
        venues: vec!["DERIBIT".to_owned()],
        instrument_types: Vec::new(),
        data_types: DataType::DEFAULT.to_vec(),
        patterns: Vec::new(),
        max_instruments: None,
    }
}

pub async fn check(lake: &HandMade, groups: &[Group]) -> CheckReport {
    check_lake(
        &lake.lake,
        &mtdh_engine::names::Names::default(),
        &plan(groups),
        &selection(),
        RowsOf::All,
        Keep::InLake,
        &Default::default(),
    )
    .await
    .unwrap()
}

fn told(findings: &[Finding]) -> Vec<(&'static str, u64)> {
    findings.iter().map(|f| (f.check, f.found.count)).collect()
}

#[tokio::test]
async fn a_lakes_candles_are_held_against_finer_ones_and_their_trades() {
    let lake = lake().await;
    lake.make(&frames("15s 1m 5m 1h 24h")).await;
    let report = check(&lake, &[Group::Aggregation]).await;
    assert_eq!(report.findings, []);
    // Five timeframes, four of them with a finer one.
    for (name, times) in [("candle_boundary", 5), ("candle_from_finer", 4), ("candle_from_ticks", 5)] {
        assert_eq!(report.looked_at[name], times, "{name}");
    }
    // The trades were fetched again with a hundred less, and the candles were not made again.
    lake.trades(KEY, "2024-03-01", "b2", &rows(100)).await;
    let found = told(&check(&lake, &[Group::Aggregation]).await.findings);
    // The candles that are there for nothing: by timeframe, as the trades' hour and six minutes have them.
    assert!(found.contains(&("tick_coverage", 100)), "one of 15s for each trade: {found:?}");
    assert!(found.iter().any(|(name, _)| *name == "candle_from_ticks"), "{found:?}");
    assert!(found.iter().all(|(name, _)| name.contains("tick")), "they agree among themselves: {found:?}");
}

#[tokio::test]
async fn one_timeframe_that_was_made_of_other_trades_is_found_without_the_trades() {
    let lake = lake().await;
    lake.make(&frames("1m")).await;
    lake.trades(KEY, "2024-03-01", "b2", &rows(3)).await;
    lake.make(&frames("5m")).await;
    let found = told(&check(&lake, &[Group::Aggregation]).await.findings);
    // What amounts are worth is not known without a table: there are no base and quote volumes to compare.
    assert!(found.contains(&("candle_from_finer", 6)), "open, low, volumes, counts: {found:?}");
}

#[tokio::test]
async fn what_is_not_there_is_told_and_nothing_passes_for_lack_of_it() {
    let lake = lake().await;
    let report = check(&lake, &[Group::Aggregation]).await;
    assert_eq!(told(&report.findings), [("tick_coverage", 1)], "no candles at all");
    assert!(report.findings[0].found.examples[0].contains("build them first"));
    // As a part of everything else it is a note.
    let all = check(&lake, &Group::USUAL).await;
    assert!(all.findings.iter().all(|f| f.check != "tick_coverage"));
    assert!(all.notes.iter().any(|note| note.starts_with("aggregation: no candles")), "{:?}", all.notes);
    let other = "DERIBIT:PERP:ETH-USD";
    lake.trades(other, "2024-03-01", "e", &rows(0)).await;
    lake.make(&frames("1m 5m")).await;
    std::fs::remove_file(lake.path(frames("5m")[0], KEY)).unwrap();
    let report = check(&lake, &[Group::Aggregation]).await;
    assert_eq!(told(&report.findings), [("tick_coverage", 1)], "5m of one instrument");
    assert!(report.findings[0].found.examples[0].contains("no candles of 5m"));
    std::fs::remove_file(lake.path(frames("1m")[0], KEY)).unwrap();
    let report = check(&lake, &[Group::Aggregation]).await;
    assert_eq!(told(&report.findings), [("tick_coverage", 1)], "all of one instrument");
    assert!(report.findings[0].found.examples[0].contains("there are trades and no candles"));
}

#[tokio::test]
async fn candles_without_trades_and_damaged_candles_are_told() {
    let lake = lake().await;
    lake.make(&frames("1m 5m")).await;
    lake.junk(&Layout::VENDOR.candles(day("2024-03-01"), frames("5m")[0], &key(KEY))).await;
    let found = check(&lake, &[Group::Aggregation]).await.findings;
    assert_eq!(told(&found), [("unreadable_partition", 1)]);
    // A file of another timeframe under this name.
    std::fs::copy(lake.path(frames("1m")[0], KEY), lake.path(frames("5m")[0], KEY)).unwrap();
    let found = check(&lake, &[Group::Aggregation]).await.findings;
    assert!(found[0].found.examples[0].contains("its footer says that it is 1m"), "{found:?}");
    let trades = Layout::VENDOR.partition(&mtdh_core::partition::Partition {
        day: day("2024-03-01"),
        data_type: DataType::Trades,
        key: key(KEY),
    });
    std::fs::remove_file(lake.folder.path().join(trades.as_ref())).unwrap();
    let found = check(&lake, &[Group::Aggregation]).await.findings;
    assert!(
        found.iter().any(|f| f.found.examples[0].contains("no trades to hold them against")),
        "{found:?}"
    );
}

/// Files of candles and the file of trades that they were made of.
async fn files(folder: &std::path::Path, timeframes: &str) -> (Vec<PathBuf>, PathBuf) {
    let lake = lake().await;
    let object = format!("raw_tick_data/by_date/day-2024-03-01/data_type-trades/{KEY}.parquet");
    let trades = folder.join("trades.parquet");
    std::fs::copy(lake.folder.path().join(object), &trades).unwrap();
    let reports = candle_files(
        std::slice::from_ref(&trades),
        &frames(timeframes),
        mtdh_engine::candles::Fill::None,
        folder,
        None,
        &Default::default(),
    );
    (reports.unwrap().into_iter().map(|report| report.output).collect(), trades)
}

#[tokio::test]
async fn files_are_held_against_each_other_and_their_trades() {
    let folder = tempfile::tempdir().unwrap();
    let (made, trades) = files(folder.path(), "1m 5m 24h").await;
    let run = async |base: &PathBuf, agg: &PathBuf, trades: &[PathBuf]| {
        check_candle_files(base, agg, trades, &plan(&[Group::Aggregation]), None, &Default::default()).await
    };
    for agg in &made[1..] {
        let report = run(&made[0], agg, std::slice::from_ref(&trades)).await.unwrap();
        assert_eq!((report.findings.len(), report.looked_at["candle_from_ticks"]), (0, 2));
    }
    // Candles of fewer trades.
    let fewer = tempfile::tempdir().unwrap();
    let lake = HandMade::new();
    lake.trades(KEY, "2024-03-01", "b", &rows(600)).await;
    let object = format!("raw_tick_data/by_date/day-2024-03-01/data_type-trades/{KEY}.parquet");
    let part = fewer.path().join("trades.parquet");
    std::fs::copy(lake.folder.path().join(object), &part).unwrap();
    let report = run(&made[0], &made[1], &[part]).await.unwrap();
    assert!(told(&report.findings).contains(&("tick_coverage", 400)), "{:?}", told(&report.findings));
    for (base, agg, said) in [
        (&made[0], &made[0], "are not made of whole candles of 1m"),
        (&made[1], &made[0], "are not made of whole candles of 5m"),
        (&made[0], &trades, "neither its footer nor its name tells the timeframe"),
    ] {
        let error = chain(&run(base, agg, &[]).await.unwrap_err());
        assert!(error.contains(said), "{error}");
    }
}
