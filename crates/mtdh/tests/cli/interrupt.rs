//! Ctrl-C: files in hand are given back, the run says what is left, and the same command goes on.

use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use mtdh_sim::{Fault, FaultKind, Host};

use crate::support::{DAY, Stage, ask_to_end};

/// Ctrl-C: the program ends with 130. Gives what it said.
fn interrupt(child: Child) -> String {
    ask_to_end(&child, "INT");
    let output = child.wait_with_output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(130), "{stderr}");
    stderr
}

#[test]
fn an_interrupted_run_ends_cleanly_and_goes_on_later() {
    // Slow enough that the run is still at it when it is interrupted.
    let drip = FaultKind::Drip { bytes_per_second: 2_000 };
    let stage = Stage::with(vec![Fault::always(Host::Datasets, "book_snapshot_5", drip)]);
    let words = format!("download --start-date {DAY} --venues DERIBIT,BINANCE --max-workers 2");
    let child = stage.command(&words).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let started = Instant::now();
    while stage.sim.requests().iter().all(|r| !r.url.contains("book_snapshot_5")) {
        assert!(started.elapsed() < Duration::from_secs(30), "the run did not begin");
        std::thread::sleep(Duration::from_millis(5));
    }
    let stderr = interrupt(child);
    assert!(stderr.contains("run the same command again to go on"), "{stderr}");
    stage.leave("data", "interrupted-just-now+not-validated");
    stage.sim.set_faults(Vec::new());
    stage.expect(0, &words);
    stage.expect(0, &format!("validate --start-date {DAY} --venues DERIBIT,BINANCE"));
    stage.leave("data", "interrupted");
}

#[test]
fn interrupted_candles_leave_whole_objects_and_the_next_run_makes_the_rest() {
    let stage = Stage::new();
    stage.sim.create_bucket("bucket");
    let lake = "--lake gs://bucket/lake";
    stage.expect(0, &format!("download --start-date {DAY} --venues BINANCE --data-types trades {lake}"));
    let words = format!(
        "candles --start-date {DAY} --venues BINANCE --data-types trades --timeframes 1m,1d --max-workers 1 {lake}"
    );
    // Slow enough that the run is still at this instrument when it is interrupted.
    let slow = FaultKind::Drip { bytes_per_second: 200 };
    stage.sim.set_faults(vec![Fault::always(Host::Gcs, "ETH-USDT.parquet", slow)]);
    stage.sim.clear_requests();
    let candles = || {
        let objects = stage.sim.bucket_objects("bucket").into_iter();
        let made: Vec<_> = objects.filter(|(name, _)| name.contains("processed_candles/")).collect();
        made
    };
    let child = stage.command(&words).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let started = Instant::now();
    while candles().is_empty() {
        assert!(started.elapsed() < Duration::from_secs(60), "no candle was made");
        std::thread::sleep(Duration::from_millis(5));
    }
    interrupt(child);
    stage.sim.set_faults(Vec::new());
    stage.leave_bucket("bucket", "lake/", "interrupted-candles+not-validated");
    let before = candles();
    assert!(before.iter().all(|(_, bytes)| bytes.starts_with(b"PAR1") && bytes.ends_with(b"PAR1")));
    assert_eq!(stage.sim.unfinished_uploads("bucket"), 0);
    stage.expect(0, &words);
    let after = candles();
    assert!(after.len() > before.len(), "{} objects, {} before", after.len(), before.len());
    assert!(before.iter().all(|object| after.contains(object)), "what was made is kept");
    stage.expect(0, &format!("check aggregation --start-date {DAY} --venues BINANCE {lake}"));
    stage.leave_bucket("bucket", "lake/", "interrupted-candles-made+not-validated");
}
