//! Recorded data, which is not part of the project: the tests say so and pass where it is not there.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;

use mtdh_core::check::{Group, Severity};
use mtdh_engine::check::CheckReport;
use mtdh_engine::check::files::{FileHints, check_files};

use crate::market::plan;

pub fn recorded(name: &str) -> Option<PathBuf> {
    let file = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data").join(name);
    if !file.is_file() {
        println!("skipped: there is no {}", file.display());
        return None;
    }
    Some(file)
}

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
