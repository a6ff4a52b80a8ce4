//! Wrong calls: a clear message, exit 2, nothing written.

use crate::stage::{DAY, Stage, contents};

#[test]
fn a_wrong_call_is_named_and_writes_nothing() {
    let stage = Stage::new();
    std::fs::write(stage.path("a-file"), "x").unwrap();
    let deribit = format!("--start-date {DAY} --venues DERIBIT");
    for (words, expected) in [
        ("download --start-date 2024-02-30".to_owned(), "`2024-02-30` is not a day"),
        (
            "download --start-date 2024-03-02 --end-date 2024-03-01".to_owned(),
            "--end-date lies before --start-date",
        ),
        ("download".to_owned(), "--start-date"),
        (format!("download --start-date {DAY} --venues BINNANCE"), "did you mean BINANCE?"),
        (format!("download {deribit} --data-types trade"), "unknown data type `trade`"),
        (format!("download {deribit} --instrument-types SWAP"), "SWAP"),
        (format!("download {deribit} --shard-index 3 --total-shards 3"), "shard 3 of 3 does not exist"),
        (format!("download {deribit} --universe core61"), "core61"),
        (format!("download {deribit} --lake ftp://host"), "scheme"),
        (format!("download {deribit} --lake a-file"), "a-file"),
        (format!("download {deribit} --lake gs://no-such-bucket"), "does not exist"),
        (format!("download {deribit} --source nowhere"), "nowhere"),
        (format!("download {deribit} --check gaps"), "run `mtdh check gaps` after the download"),
        (format!("download {deribit} --check clocks"), "unknown group of checks `clocks`"),
        (
            format!("download {deribit} --check --set silence.fact=1"),
            "no check has the parameter `silence.fact`",
        ),
        (format!("download {deribit} --set silence.factor=1"), "--check"),
        ("validate --start-date 2024-03-01".to_owned(), "there is no lake at ./data"),
        ("ls".to_owned(), "there is no lake at ./data"),
        ("get DERIBIT:PERP --data-type trades --start 2024-03-01".to_owned(), "is not an instrument key"),
        ("frobnicate".to_owned(), "unrecognized subcommand"),
    ] {
        let run = stage.expect(2, &words);
        assert!(run.stderr.contains(expected), "mtdh {words}\nexpected: {expected}\n{}", run.stderr);
        assert!(contents(&stage.path("data")).is_empty(), "mtdh {words} wrote something");
    }
}

#[test]
fn a_refused_key_stops_the_run_and_is_not_shown() {
    let stage = Stage::new();
    for (key, day) in [("TD.wrong-marker", "2024-03-01"), ("", "2024-03-02")] {
        let mut command = stage.command(&format!("download --start-date {day} --venues BINANCE"));
        command.env("TARDIS_API_KEY", key);
        stage.sim.clear_requests();
        let run = crate::stage::run(command);
        assert_eq!(run.status, 2, "{}", run.stderr);
        assert!(run.stderr.contains("refused") && run.stderr.contains("TARDIS_API_KEY"), "{}", run.stderr);
        assert!(!run.stderr.contains("marker") && !run.stdout.contains("marker"));
        let files = stage.sim.requests().iter().filter(|r| r.url.contains(".csv.gz")).count();
        assert_eq!(files, 1, "after the first refusal nothing else is asked for");
        assert!(!contents(&stage.path("data")).keys().any(|name| name.starts_with("raw_tick_data")));
    }
}

#[test]
fn without_credentials_a_bucket_is_no_access() {
    let stage = Stage::new();
    let mut command = stage.command("ls --lake gs://some-bucket");
    command.env_remove("STORAGE_EMULATOR_HOST");
    let run = crate::stage::run(command);
    assert_eq!(run.status, 2);
    assert!(run.stderr.contains("no access to gs://some-bucket"), "{}", run.stderr);
    assert!(run.stderr.contains("gcloud auth application-default login"), "{}", run.stderr);
}
