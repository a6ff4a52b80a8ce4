//! Runs of a saved plan by several processes: every file once, whoever is killed, frozen or asked to end.

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use mtdh_sim::{Fault, FaultKind, Host};
use serde_json::Value;

use crate::support::{DAY, Run, Stage, contents, run};

const WHAT: &str = "--venues DERIBIT,BINANCE --data-types trades,book_snapshot_5";
/// Long enough for a renewal on a busy machine, short enough for a test.
const LEASE: &str = "1.5";

/// A stage with a saved plan `r` in the lake `fleet`, and the same download by one process in the lake `single`.
fn stage() -> Stage {
    let stage = Stage::new();
    let days = format!("--start-date {DAY} {WHAT}");
    stage.expect(0, &format!("full-pipeline {days} --lake single"));
    stage.expect(0, &format!("plan --save r {days} --lake fleet"));
    stage
}

/// Slow enough that workers are still at it when something is done to them.
fn slow(stage: &Stage) {
    let drip = FaultKind::Drip { bytes_per_second: 4_000 };
    stage.sim.set_faults(vec![Fault::always(Host::Datasets, "book_snapshot_5", drip)]);
}

fn command(stage: &Stage, shard: u32, total: u32) -> Command {
    let mut command = stage.command(&format!(
        "download --run r --shard-index {shard} --total-shards {total} --max-workers 4 --lake fleet"
    ));
    command.env("MTDH_LEASE_SECONDS", LEASE).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn worker(stage: &Stage, shard: u32, total: u32) -> Child {
    command(stage, shard, total).spawn().unwrap()
}

fn signal(child: &Child, name: &str) {
    let status = Command::new("kill").args([name, &child.id().to_string()]).status().unwrap();
    assert!(status.success());
}

fn end(child: Child) -> Run {
    let output = child.wait_with_output().unwrap();
    Run {
        status: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

#[track_caller]
fn until(what: &str, is_so: impl Fn() -> bool) {
    let started = Instant::now();
    while !is_so() {
        assert!(started.elapsed() < Duration::from_secs(60), "it did not come: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// The progress of a part of a shard by its holder with a token.
fn progress(stage: &Stage, name: &str) -> Option<Value> {
    let text = std::fs::read(stage.path("fleet/runs/r").join(name)).ok()?;
    serde_json::from_slice(&text).ok()
}

fn has_begun(stage: &Stage, name: &str) -> bool {
    progress(stage, name).is_some_and(|p| p["files_done"].as_u64() > Some(0) && p["state"] == "running")
}

/// Every object is what one process makes; `validate` writes the reports anew first.
#[track_caller]
fn is_as_by_one_process(stage: &Stage) {
    stage.expect(0, &format!("validate --start-date {DAY} {WHAT} --lake fleet"));
    let test = std::thread::current().name().unwrap_or("fleet").replace("::", "-");
    stage.leave("fleet", &test);
    let (single, fleet) = (contents(&stage.path("single")), contents(&stage.path("fleet")));
    let differing: Vec<_> =
        single.keys().chain(fleet.keys()).filter(|n| single.get(*n) != fleet.get(*n)).collect();
    assert!(differing.is_empty() && single.len() > 20, "{} {differing:?}", single.len());
}

#[track_caller]
fn monitor(stage: &Stage, status: i32) -> Value {
    let run = stage.expect(status, "monitor r --format json --lake fleet");
    serde_json::from_str(&run.stdout).unwrap()
}

#[test]
fn workers_divide_a_plan_and_a_second_start_does_nothing() {
    let stage = stage();
    assert_eq!(monitor(&stage, 1)["state"], "not_begun");
    let before = stage.sim.requests().len();
    let workers: Vec<Child> = (0..3).map(|shard| worker(&stage, shard, 3)).collect();
    for child in workers {
        let run = end(child);
        assert_eq!(run.status, 0, "{}", run.stderr);
    }
    let mut urls: Vec<String> = stage.sim.requests().split_off(before).into_iter().map(|r| r.url).collect();
    let asked = urls.len();
    urls.sort();
    urls.dedup();
    assert_eq!(urls.len(), asked, "no file was asked for twice");
    let report = monitor(&stage, 0);
    assert_eq!((&report["state"], &report["files_done"]), (&"done".into(), &report["files"]));
    assert_eq!(report["shards"].as_array().unwrap().len(), 3);
    is_as_by_one_process(&stage);
    let (objects, before) = (contents(&stage.path("fleet")), stage.sim.requests().len());
    let again = run(command(&stage, 1, 3));
    assert_eq!(again.status, 0, "{}", again.stderr);
    assert!(again.stderr.contains("nothing is left of shard 1 of 3"), "{}", again.stderr);
    assert_eq!(stage.sim.requests().len(), before, "no download");
    assert_eq!(contents(&stage.path("fleet")), objects, "no write");
    let other = run(command(&stage, 1, 4));
    assert_eq!(other.status, 20, "{}", other.stderr);
    assert!(other.stderr.contains("is cut into 3 shards"), "{}", other.stderr);
    stage.expect(0, "resume r --lake fleet");
}

#[test]
fn what_a_killed_worker_left_is_taken_over() {
    let stage = stage();
    slow(&stage);
    let mut killed = worker(&stage, 0, 2);
    until("a file of shard 0", || has_begun(&stage, "shard-0-of-2-part-0.json"));
    killed.kill().unwrap();
    killed.wait().unwrap();
    let heir = worker(&stage, 1, 2);
    until("a takeover", || progress(&stage, "shard-0-of-2-part-0.2.json").is_some());
    stage.sim.set_faults(Vec::new());
    let run = end(heir);
    assert_eq!(run.status, 0, "{}", run.stderr);
    assert!(run.stderr.contains("part 0 of shard 0 of 2 is taken over from"), "{}", run.stderr);
    let report = monitor(&stage, 0);
    assert_eq!((&report["taken_over_shards"], &report["shards"][0]["takeovers"]), (&1.into(), &1.into()));
    assert_eq!(report["shards"][0]["holders"].as_array().unwrap().len(), 1, "its parts were all the heir's");
    is_as_by_one_process(&stage);
}

#[test]
fn a_worker_that_is_done_takes_parts_that_a_slow_one_has_not_begun_and_no_shard_that_nobody_began() {
    let stage = stage();
    slow(&stage);
    let with_long_lease = |shard| {
        let mut command = command(&stage, shard, 3);
        command.env("MTDH_LEASE_SECONDS", "3600").spawn().unwrap()
    };
    let busy = with_long_lease(0);
    until("part 0", || progress(&stage, "shard-0-of-3-part-0.json").is_some());
    signal(&busy, "-STOP");
    stage.sim.set_faults(Vec::new());
    let helper = with_long_lease(1);
    let of = |number: u32| progress(&stage, &format!("shard-0-of-3-part-{number}.json"));
    until("the other parts", || (1..6).all(|n| of(n).is_some_and(|part| part["state"] == "done")));
    let holders: Vec<Value> = [0, 1, 5].iter().map(|n| of(*n).unwrap()["lease"]["holder"].clone()).collect();
    assert!(holders[0] != holders[1] && holders[1] == holders[2], "{holders:?}");
    // It would look again after a sixth of the lease.
    signal(&helper, "-TERM");
    assert_eq!(end(helper).status, 10);
    signal(&busy, "-CONT");
    let run = end(busy);
    assert_eq!(run.status, 0, "{}", run.stderr);
    let report = monitor(&stage, 1);
    let states: Vec<&Value> = report["shards"].as_array().unwrap().iter().map(|s| &s["state"]).collect();
    assert_eq!(states, ["done", "done", "not_begun"]);
    assert_eq!(report["taken_over_shards"], 0);
    assert_eq!(end(worker(&stage, 2, 3)).status, 0);
    is_as_by_one_process(&stage);
}

#[test]
fn a_frozen_worker_that_wakes_up_notices_its_successor_and_stops() {
    let stage = stage();
    slow(&stage);
    let frozen = worker(&stage, 0, 2);
    until("a file of shard 0", || has_begun(&stage, "shard-0-of-2-part-0.json"));
    signal(&frozen, "-STOP");
    let heir = worker(&stage, 1, 2);
    until("a takeover", || progress(&stage, "shard-0-of-2-part-0.2.json").is_some());
    signal(&frozen, "-CONT");
    let woken = end(frozen);
    assert_eq!(woken.status, 10, "{}", woken.stderr);
    assert!(woken.stderr.contains("was taken over by another worker"), "{}", woken.stderr);
    assert_eq!(progress(&stage, "shard-0-of-2-part-0.json").unwrap()["state"], "taken_over");
    stage.sim.set_faults(Vec::new());
    let run = end(heir);
    assert_eq!(run.status, 0, "{}", run.stderr);
    is_as_by_one_process(&stage);
}

#[test]
fn a_worker_that_is_asked_to_end_gives_its_shard_back_within_ten_seconds() {
    let stage = stage();
    slow(&stage);
    let mut command = command(&stage, 0, 2);
    // A lease that nobody could wait for: what is given back is free at once.
    command.env("MTDH_LEASE_SECONDS", "3600");
    let asked = command.spawn().unwrap();
    until("shard 0", || progress(&stage, "shard-0-of-2-part-0.json").is_some());
    let started = Instant::now();
    signal(&asked, "-TERM");
    let ended = end(asked);
    assert!(started.elapsed() < Duration::from_secs(10));
    assert_eq!(ended.status, 10, "{}", ended.stderr);
    assert_eq!(progress(&stage, "shard-0-of-2-part-0.json").unwrap()["state"], "interrupted");
    stage.sim.set_faults(Vec::new());
    let run = end(worker(&stage, 1, 2));
    assert_eq!(run.status, 0, "{}", run.stderr);
    is_as_by_one_process(&stage);
}

#[test]
fn files_that_failed_are_tried_again_by_their_own_shard_and_resumed_as_a_new_plan() {
    let stage = stage();
    stage.sim.set_faults(vec![Fault::always(Host::Datasets, "book_snapshot_5", FaultKind::OtherSymbol)]);
    let failed = end(worker(&stage, 0, 1));
    assert_eq!(failed.status, 10, "{}", failed.stderr);
    let report = monitor(&stage, 1);
    assert_eq!(report["state"], "not_clean");
    let by_cause = report["failures"].as_object().unwrap();
    assert!(by_cause.len() == 1 && by_cause.values().all(|n| n == &report["files_failed"]), "{by_cause:?}");
    stage.sim.set_faults(Vec::new());
    let resumed = stage.expect(0, "resume r --save rest --format json --lake fleet");
    let resumed: Value = serde_json::from_str(&resumed.stdout).unwrap();
    assert_eq!(resumed["files"], report["files_failed"]);
    let before = stage.sim.requests().len();
    let run = end(worker(&stage, 0, 1));
    assert_eq!(run.status, 0, "{}", run.stderr);
    let again = stage.sim.requests().split_off(before);
    assert!(again.iter().all(|r| r.url.contains("book_snapshot_5")), "what is done is not fetched again");
    is_as_by_one_process(&stage);
    stage.expect(0, "resume rest --lake fleet");
}

#[test]
fn the_engines_environment_names_the_shard_and_engines_get_their_exit_codes() {
    let stage = stage();
    let words = "download --run r --lake fleet";
    let of_engine = |words: &str, variables: &[(&str, &str)]| {
        let mut command = stage.command(words);
        command.envs(variables.iter().copied());
        run(command)
    };
    let half = of_engine(words, &[("CLOUD_RUN_TASK_INDEX", "1")]);
    assert_eq!(half.status, 20, "{}", half.stderr);
    assert!(half.stderr.contains("CLOUD_RUN_TASK_COUNT is not"), "{}", half.stderr);
    let slurm =
        [("SLURM_ARRAY_TASK_ID", "4"), ("SLURM_ARRAY_TASK_COUNT", "2"), ("SLURM_ARRAY_TASK_MIN", "3")];
    let first = of_engine(words, &slurm);
    assert_eq!(first.status, 0, "{}", first.stderr);
    assert!(first.stderr.contains("shard 1 of 2, as Slurm (SLURM_ARRAY_TASK_ID=4"), "{}", first.stderr);
    let second = of_engine(words, &[("JOB_COMPLETION_INDEX", "0"), ("MTDH_TOTAL_SHARDS", "2")]);
    assert_eq!(second.status, 0, "{}", second.stderr);
    is_as_by_one_process(&stage);
    for (words, status) in [
        ("download --run none --lake fleet", 20),
        ("download --run none --exit-codes usual --lake fleet", 2),
        ("download --run r --start-date 2024-03-01", 20),
        ("download --lake fleet", 2),
        ("download --run ../r --lake fleet", 20),
    ] {
        assert_eq!(stage.run(words).status, status, "{words}");
    }
    let used_up = of_engine(
        &format!("download --start-date {DAY} {WHAT} --lake other --exit-codes engine"),
        &[("MTDH_BYTES_PER_DAY", "6000")],
    );
    assert_eq!(used_up.status, 30, "{}", used_up.stderr);
}

#[test]
fn the_workers_share_one_budget() {
    let stage = stage();
    let mut left = 0;
    let before = stage.sim.requests().len();
    let workers: Vec<Child> = (0..3)
        .map(|shard| {
            let mut command = command(&stage, shard, 3);
            // Less than any of the shards has: none can end before the others begin.
            command.env("MTDH_BYTES_PER_DAY", "30000").spawn().unwrap()
        })
        .collect();
    for child in workers {
        let run = end(child);
        assert_eq!(run.status, 30, "{}", run.stderr);
        left += usize::from(run.stderr.lines().any(|line| line.starts_with("left to do: ")));
    }
    assert_eq!(left, 3, "each says what is left of what it had");
    let requests = stage.sim.requests().split_off(before);
    let taken: u64 = requests.iter().filter(|r| r.host == Host::Datasets).filter_map(|r| r.bytes).sum();
    // What is refused by its announced length may be on its way already; what was kept never exceeds the budget.
    let kept: u64 = monitor(&stage, 1)["bytes"].as_u64().unwrap();
    assert!((10_000..=30_000).contains(&kept), "{kept} bytes kept, {taken} sent");
}

#[test]
fn what_was_removed_after_a_run_was_done_is_fetched_again_before_it_says_done() {
    let stage = stage();
    assert_eq!(end(worker(&stage, 0, 1)).status, 0);
    let day = format!("fleet/raw_tick_data/by_date/day-{DAY}/data_type-trades");
    for name in ["DERIBIT:PERP:BTC-USD.parquet", "BINANCE:SPOT_PAIR:BTC-USDT.parquet"] {
        std::fs::remove_file(stage.path(&day).join(name)).unwrap();
    }
    let run = end(worker(&stage, 0, 1));
    assert_eq!(run.status, 0, "{}", run.stderr);
    assert!(run.stderr.contains("is taken over from"), "{}", run.stderr);
    is_as_by_one_process(&stage);
    let run = end(worker(&stage, 0, 1));
    assert!(run.status == 0 && run.stderr.contains("nothing is left"), "{}", run.stderr);
}

#[test]
fn progress_that_no_worker_wrote_is_refused_by_name_or_not_looked_at() {
    let stage = stage();
    assert_eq!(end(worker(&stage, 0, 1)).status, 0);
    let first = "shard-0-of-1-part-0.json";
    let good = progress(&stage, first).unwrap();
    let put = |name: &str, value: &Value| {
        std::fs::write(stage.path("fleet/runs/r").join(name), value.to_string()).unwrap();
    };
    for (at, value) in [
        ("/units_done", "\"0-99999999999\""),
        ("/lease/seconds", "1e300"),
        ("/lease/seconds", "-1.0"),
        ("/weight_done", "18446744073709551615"),
        ("/lease/token", "4294967295"),
    ] {
        let mut changed = good.clone();
        *changed.pointer_mut(at).unwrap() = serde_json::from_str(value).unwrap();
        put(first, &changed);
        for (status, words) in [(20, "download --run r"), (2, "monitor r"), (2, "resume r --save s")] {
            let run = stage.expect(status, &format!("{words} --lake fleet"));
            assert!(
                run.stderr.contains(first) && run.stderr.contains("delete it"),
                "{words}: {}",
                run.stderr
            );
        }
    }
    put(first, &good);
    // As such a token would be the newest of its part for ever, and so many shards would take all memory.
    for name in ["shard-0-of-1-part-0.4294967295.json", "shard-0-of-4294967295-part-0.json"] {
        put(name, &good);
        for words in ["download --run r", "monitor r"] {
            let run = stage.expect(0, &format!("{words} --lake fleet"));
            assert!(run.stderr.contains(name), "{words}: {}", run.stderr);
        }
        std::fs::remove_file(stage.path("fleet/runs/r").join(name)).unwrap();
    }
}
