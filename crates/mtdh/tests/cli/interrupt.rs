//! Ctrl-C: files in hand are given back, the run says what is left, and the same command goes on.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use mtdh_sim::{Fault, FaultKind, Host};

use crate::stage::{DAY, Stage};

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
    let status = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(status.success());
    let output = child.wait_with_output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(130), "{stderr}");
    assert!(stderr.contains("run the same command again to go on"), "{stderr}");
    stage.sim.set_faults(Vec::new());
    stage.expect(0, &words);
    stage.expect(0, &format!("validate --start-date {DAY} --venues DERIBIT,BINANCE"));
}
