//! Pulling the plug: SIGKILL at ten points of a run, each followed by a plain run.

use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::support::{DAY, Stage, contents};

/// Points of a run, as shares of its length; spread by hand so that early, middle and late are all hit.
const POINTS: [f64; 10] = [0.05, 0.13, 0.22, 0.31, 0.4, 0.5, 0.61, 0.72, 0.84, 0.95];

#[test]
fn a_killed_run_leaves_nothing_half_visible_and_the_next_one_finishes_the_job() {
    let stage = Stage::new();
    let words = format!("full-pipeline --start-date {DAY} --venues DERIBIT,BINANCE");
    let started = Instant::now();
    stage.expect(0, &format!("{words} --lake undisturbed"));
    let length = started.elapsed();
    let undisturbed = contents(&stage.path("undisturbed"));
    let mut interrupted = 0;
    for (index, point) in POINTS.into_iter().enumerate() {
        let lake = format!("killed-{index}");
        let mut child = stage
            .command(&format!("{words} --lake {lake}"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        wait(&mut child, length.mul_f64(point));
        child.kill().unwrap();
        interrupted += usize::from(!child.wait().unwrap().success());
        let visible = contents(&stage.path(&lake));
        if !visible.is_empty() {
            stage.leave(&lake, &format!("{lake}+may-leave+not-validated"));
        }
        for (name, bytes) in visible.iter().filter(|(name, _)| name.starts_with("raw_tick_data/")) {
            assert_eq!(undisturbed.get(name), Some(bytes), "{name} is visible before it is whole");
        }
        stage.expect(0, &format!("{words} --lake {lake}"));
        stage.leave(&lake, &format!("{lake}-and-healed"));
        let (healed, expected) = (contents(&stage.path(&lake)), &undisturbed);
        let differing: Vec<_> =
            expected.keys().filter(|name| healed.get(*name) != expected.get(*name)).collect();
        assert!(differing.is_empty() && healed.len() == expected.len(), "killed at {point}: {differing:?}");
    }
    assert!(interrupted > 0, "at least one kill came before the end");
}

/// Waits for a process to end, at most so long.
fn wait(child: &mut std::process::Child, limit: Duration) {
    let started = Instant::now();
    while started.elapsed() < limit && child.try_wait().unwrap().is_none() {
        std::thread::sleep(Duration::from_millis(2));
    }
}
