//! Requests to end, in whatever a verb waits for; and what it waits for in a lake that it shares.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};

use crate::support::{DAY, Stage, ask_to_end, tested};

fn start(stage: &Stage, words: &str) -> Child {
    stage.command(words).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

#[track_caller]
fn ends(child: Child, status: i32, what: &str) -> String {
    let output = child.wait_with_output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(status), "{what}: {stderr}");
    stderr
}

/// A lake of a day in the folder `data` and in the bucket.
fn filled() -> Stage {
    let stage = Stage::new();
    stage.sim.create_bucket("b");
    for lake in ["data", "gs://b/lake"] {
        let what = format!("--start-date {DAY} --venues DERIBIT --data-types trades --lake {lake}");
        stage.expect(0, &format!("full-pipeline {what}"));
    }
    stage
}

/// Each verb that asks somebody, while that one is silent, and each of the three requests.
#[test]
fn a_verb_that_waits_for_a_silent_server_ends_when_it_is_asked_to() {
    const VENDOR: &str = "TARDIS_API_URL";
    const FILES: &str = "TARDIS_DATASETS_URL";
    const BUCKET: &str = "STORAGE_EMULATOR_HOST";
    let stage = filled();
    let day = format!("--start-date {DAY} --venues DERIBIT");
    let bucket = "--lake gs://b/lake";
    let get = format!("get DERIBIT:PERP:BTC-USD --data-type trades --start {DAY}");
    for (who, words, request) in [
        (VENDOR, format!("instruments {day} --lake new"), "TERM"),
        (VENDOR, format!("plan {day} --lake new"), "INT"),
        (VENDOR, format!("download {day} --lake new"), "HUP"),
        (VENDOR, format!("full-pipeline {day} --lake new"), "TERM"),
        (FILES, format!("download {day} --force"), "TERM"),
        (FILES, format!("validate {day} --deep --recheck"), "HUP"),
        (BUCKET, format!("ls {bucket}"), "TERM"),
        (BUCKET, format!("{get} {bucket}"), "INT"),
        (BUCKET, format!("{get} -o slice.csv {bucket}"), "TERM"),
        (BUCKET, format!("validate {day} {bucket}"), "TERM"),
        (BUCKET, format!("check all {day} {bucket}"), "INT"),
        (BUCKET, format!("candles {day} --force {bucket}"), "TERM"),
        (BUCKET, format!("instruments list {bucket}"), "HUP"),
        (BUCKET, format!("monitor r {bucket}"), "TERM"),
        (BUCKET, format!("resume r {bucket}"), "TERM"),
        (BUCKET, format!("plan --save s {day} {bucket}"), "TERM"),
        (BUCKET, format!("download --run r {bucket}"), "TERM"),
    ] {
        let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let mut command = stage.command(&words);
        // Nothing is known by heart.
        command.env("MTDH_CACHE_DIR", stage.path("no-cache")).env_remove("MTDH_MAX_ATTEMPTS");
        command.env(who, format!("http://{}", silent.local_addr().unwrap()));
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let asked = silent.accept().unwrap();
        ask_to_end(&child, request);
        // An engine is told that it is worth another try.
        let status = if words.contains("--run") { 10 } else { 130 };
        let said = ends(child, status, &words);
        assert!(!said.contains("hint:") && !said.contains("error:"), "{words}: {said}");
        drop(asked);
        let is_left =
            |name: &String| name.contains("_tmp/") && !name.ends_with("update.lock") || name == "slice.csv";
        let left: Vec<String> = stage.all_files().into_keys().filter(is_left).collect();
        assert!(left.is_empty(), "{words}: {left:?}");
    }
}

#[test]
fn a_verb_that_waits_between_attempts_ends_when_it_is_asked_to() {
    let stage = Stage::new();
    let mut command = stage.command(&format!("instruments --start-date {DAY} --venues DERIBIT"));
    command.env("TARDIS_API_URL", "http://127.0.0.1:1/v1").env("MTDH_MAX_ATTEMPTS", "10");
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let first = lines.next().unwrap().unwrap();
    assert!(first.contains("waiting for 127.0.0.1:1") && first.contains("10 times"), "{first}");
    ask_to_end(&child, "TERM");
    let further: Vec<String> = lines.map(Result::unwrap).collect();
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert!(further.iter().all(|line| !line.contains("127.0.0.1:1")), "one line says it: {further:?}");
}

#[test]
fn a_verb_that_waits_for_the_lakes_lock_says_for_whom_and_ends_when_it_is_asked_to() {
    let stage = filled();
    let lock = std::fs::File::options().write(true).open(stage.path("data/_tmp/update.lock")).unwrap();
    lock.lock().unwrap();
    let mut child = start(&stage, &format!("instruments --start-date {DAY} --venues BINANCE"));
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let first = lines.next().unwrap().unwrap();
    assert!(first.contains("waiting") && first.contains("holder=\"process "), "{first}");
    ask_to_end(&child, "TERM");
    lines.for_each(drop);
    assert_eq!(child.wait().unwrap().code(), Some(130));
}

#[test]
fn a_lock_that_is_a_link_leads_nowhere() {
    let stage = filled();
    let lock = stage.path("data/_tmp/update.lock");
    std::fs::remove_file(&lock).unwrap();
    std::fs::write(stage.path("precious"), "precious").unwrap();
    std::os::unix::fs::symlink(stage.path("precious"), &lock).unwrap();
    let run = stage.expect(2, &format!("instruments --start-date {DAY} --venues BINANCE"));
    assert!(run.stderr.contains("update.lock") && run.stderr.contains("link"), "{}", run.stderr);
    assert_eq!(std::fs::read_to_string(stage.path("precious")).unwrap(), "precious");
}

fn fifo(path: &std::path::Path) {
    std::fs::remove_file(path).ok();
    assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
}

/// What is no file is never opened; these verbs would wait for ever.
#[test]
fn a_fifo_in_a_lake_is_not_opened() {
    let stage = filled();
    let day = format!("--start-date {DAY} --venues DERIBIT");
    let partition = format!("raw_tick_data/by_date/day-{DAY}/data_type-trades/DERIBIT:PERP:BTC-USD.parquet");
    let table = format!("instrument_availability/by_date/day-{DAY}/instruments.parquet");
    let get = format!("get DERIBIT:PERP:BTC-USD --data-type trades --start {DAY}");
    for (at, words, status) in [
        (&partition, get, 2),
        (&partition, format!("validate {day} --data-types trades"), 1),
        (&partition, format!("download {day} --data-types trades"), 1),
        (&partition, "ls".to_owned(), 0),
        (&table, "instruments list".to_owned(), 2),
        (&table, format!("validate {day}"), 2),
    ] {
        fifo(&stage.path("data").join(at));
        stage.expect(status, &words);
    }
    std::fs::remove_file(stage.path("data").join(&table)).unwrap();
    let run = stage.expect(1, &format!("download {day} --data-types trades"));
    assert!(run.stderr.contains("no file; move it away"), "{}", run.stderr);
    std::fs::remove_file(stage.path("data").join(&partition)).unwrap();
    stage.expect(0, &format!("download {day} --data-types trades"));
}

#[test]
fn a_verb_that_reads_a_users_fifo_ends_when_it_is_asked_to() {
    let stage = Stage::new();
    fifo(&stage.path("fifo.csv"));
    let child = start(&stage, "convert fifo.csv -o out.parquet");
    // Opened as soon as the program waits at the other end.
    let other = std::fs::File::options().write(true).open(stage.path("fifo.csv")).unwrap();
    ask_to_end(&child, "TERM");
    ends(child, 130, "convert");
    drop(other);
    assert!(!stage.path("out.parquet").exists());
}

#[test]
fn a_second_request_ends_at_once_and_one_that_is_ignored_does_nothing() {
    let stage = Stage::new();
    let mut shell = Command::new("sh");
    let program = tested();
    shell.args(["-c", "trap '' HUP; exec \"$@\"", "sh", &program, "sim", "--small"]).env_clear();
    let mut child = shell.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut first = [0; 1];
    child.stdout.as_mut().unwrap().read_exact(&mut first).unwrap();
    // Not by another: this one is ignored.
    let hang_up = Command::new("kill").args(["-HUP", &child.id().to_string()]).status().unwrap();
    assert!(hang_up.success());
    ask_to_end(&child, "TERM");
    let status = child.wait().unwrap();
    assert_eq!(
        status.code(),
        Some(130),
        "the hang-up was ignored when it was started, and the other not: {status}"
    );
    drop(stage);
}
