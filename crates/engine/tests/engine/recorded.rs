//! Recorded data, which is not part of the project: the tests say so and pass where it is not there.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;

use mtdh_core::DataType::{BookTicker, Trades};
use mtdh_core::check::{Group, Severity};
use mtdh_engine::check::CheckReport;
use mtdh_engine::check::files::{FileHints, check_files};

use crate::candle_support::{Market, plan};

#[path = "../../../core/tests/shared/recorded.rs"]
mod shared;

pub use shared::recorded;

/// The messages of a recorded stream, each with its arrival, microseconds since the Unix epoch, UTC.
pub fn messages(file: &str) -> Option<Vec<(i64, serde_json::Value)>> {
    let file = std::fs::File::open(recorded(file)?).unwrap();
    let lines = BufReader::new(flate2::read::MultiGzDecoder::new(file)).lines();
    let message = |line: std::io::Result<String>| {
        let line = line.unwrap();
        let (arrival_ns, message) = line.split_once(' ').unwrap();
        (arrival_ns.parse::<i64>().unwrap() / 1000, serde_json::from_str(message).unwrap())
    };
    Some(lines.map(message).collect())
}

fn check(files: &[PathBuf], groups: &[Group]) -> CheckReport {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        check_files(files, &FileHints::default(), &plan(groups), &Default::default()).await.unwrap()
    })
}

#[test]
fn the_vendors_own_snapshots_follow_from_its_changes() {
    let file =
        |name| recorded(&format!("derived_csv/DERIVED_bitmex_{name}_2019-04-01_XBTUSD_first_minute.csv"));
    let Some((changes, snapshots)) = file("incremental_book_L2").zip(file("book_snapshot_5")) else { return };
    let report = check(&[changes.clone(), snapshots.clone()], &Group::ALL);
    assert_eq!((report.rows, report.looked_at["book_snapshot_5_recomputed"]), (15_752, 1));
    let worse: Vec<_> = report.findings.iter().filter(|f| f.severity > Severity::Info).collect();
    assert!(worse.is_empty(), "{worse:?}");
    // One amount of one row changed, and it is found.
    let folder = tempfile::tempdir().unwrap();
    let changed = folder.path().join("book_snapshot_5.csv");
    let text = std::fs::read_to_string(snapshots).unwrap().replacen(",1842118,", ",1842119,", 1);
    std::fs::write(&changed, text).unwrap();
    let report = check(&[changes, changed], &[Group::Book]);
    let found: Vec<_> = report.findings.iter().map(|f| (f.check, f.found.count)).collect();
    assert_eq!(found, [("book_snapshot_5_recomputed", 1)]);
}

#[test]
fn recorded_trades_have_every_id_and_sound_clocks() {
    let Some(trades) = recorded("tardis_csv/binance-futures_trades_2020-02-22_BTCUSDT.csv") else { return };
    let report = check(&[trades], &[Group::Timestamp]);
    assert_eq!((report.rows, report.looked_at["missing_trade_id"]), (9_999, 1));
    // The file is the day's first two hours, and says that it is the day.
    let found: Vec<_> = report.findings.iter().map(|f| (f.check, f.found.count)).collect();
    assert_eq!(found, [("silence", 1)]);
}

/// The checks of clocks and values, what they say with a warning at least.
fn judged(report: &CheckReport) -> Vec<(&'static str, Severity, u64)> {
    let is_meant = |check: &str| {
        let group = mtdh_core::check::find(check).map(|check| check.group);
        group == Some(Group::Values) || matches!(check, "clock_skew" | "clock_offset")
    };
    let findings = report.findings.iter().filter(|f| f.severity > Severity::Info && is_meant(f.check));
    findings.map(|f| (f.check, f.severity, f.found.count)).collect()
}

#[test]
fn clocks_and_values_of_recorded_files_are_possible() {
    let bitmex = |name| format!("derived_csv/DERIVED_bitmex_{name}_2019-04-01_XBTUSD_first_minute.csv");
    let files = [
        vec!["tardis_csv/binance-futures_trades_2020-02-22_BTCUSDT.csv".to_owned()],
        vec!["tardis_csv/bitmex_trades_2020-03-01_XBTUSD.csv".to_owned()],
        vec!["tardis_csv/huobi-dm-swap_quotes_2020-05-01_BTC-USD.csv".to_owned()],
        vec!["tardis_csv/deribit_incremental_book_L2_2020-04-01_BTC-PERPETUAL.csv".to_owned()],
        vec!["tardis_csv/binance-futures_book_snapshot_5_2020-09-01_BTCUSDT.csv".to_owned()],
        vec!["tardis_csv/binance-futures_book_snapshot_25_2020-09-01_BTCUSDT.csv".to_owned()],
        vec![bitmex("trades"), bitmex("incremental_book_L2")],
        vec![bitmex("trades"), bitmex("book_snapshot_5")],
    ];
    for names in files {
        let paths: Vec<PathBuf> = names.iter().filter_map(|name| recorded(name)).collect();
        if paths.len() == names.len() {
            let report = check(&paths, &[Group::Timestamp, Group::Values]);
            assert!(report.rows > 0, "{names:?}");
            assert_eq!(judged(&report), [], "{names:?}");
        }
    }
}

/// Trades and the best bid and ask of a minute in which Binance was recorded, in the vendor's form. The recorder's clock was
/// 1.27 s behind.
#[test]
fn recorded_trades_fit_the_recorded_book() {
    for (file, exchange) in
        [("live/usdm_btcusdt_20240808.gz", "binance-futures"), ("live/spot_btcusdt_20240808.gz", "binance")]
    {
        let Some(messages) = messages(file) else { return };
        let mut market = Market {
            exchange,
            symbol: "BTCUSDT".to_owned(),
            day: "2024-08-08".parse().unwrap(),
            files: Vec::new(),
        };
        for (data_type, name) in [(Trades, "@trade"), (BookTicker, "@bookTicker")] {
            let mut lines = vec![data_type.table().csv_header()];
            for (at, message) in &messages {
                let data = &message["data"];
                let is_meant = message["stream"].as_str().is_some_and(|stream| stream.ends_with(name));
                if !is_meant
                    || data["X"].as_str().is_some_and(|kind| kind != "MARKET")
                    || *at >= market.day.end_us()
                {
                    continue;
                }
                let text = |name: &str| data[name].as_str().unwrap().to_owned();
                let exchange_us =
                    data["T"].as_i64().map_or(*at, |ms| if ms > 1 << 44 { ms } else { ms * 1000 });
                let cells = if data_type == Trades {
                    let side = if data["m"] == true { "sell" } else { "buy" };
                    format!("{},{side},{},{}", data["t"], text("p"), text("q"))
                } else {
                    format!("{},{},{},{}", text("A"), text("a"), text("b"), text("B"))
                };
                lines.push(format!("{exchange},BTCUSDT,{exchange_us},{at},{cells}"));
            }
            market.files.push((data_type, lines));
        }
        let report = market.check(&plan(&[Group::Timestamp, Group::Values]));
        assert!(report.rows > 5_000 && report.looked_at["taker_side"] == 1, "{file}: {} rows", report.rows);
        assert_eq!(judged(&report), [], "{file}");
        // The same with the sides flipped, so that it is known that they were judged.
        let flip = |line: &mut String| {
            let other = if line.contains(",buy,") {
                line.replace(",buy,", ",sell,")
            } else {
                line.replace(",sell,", ",buy,")
            };
            *line = other;
        };
        market.lines(Trades).iter_mut().for_each(flip);
        let flipped = market.check(&plan(&[Group::Values]));
        assert!(judged(&flipped).iter().any(|(check, ..)| *check == "taker_side"), "{file}");
    }
}
