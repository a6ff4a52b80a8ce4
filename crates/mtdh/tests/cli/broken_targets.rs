//! What exports, publishing and `get` leave where their target, or the lake below them, fails: nothing half-written, a word that names
//! the thing, and a second run that goes on.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use crate::support::{DAY, Run, Stage, files_below, run};

const WHAT: &str = "--venues DERIBIT --instrument-types PERP --data-types trades";

fn filled() -> Stage {
    let stage = Stage::new();
    stage.expect(0, &format!("download --start-date {DAY} {WHAT}"));
    stage
}

/// The program where no file may be longer than so many bytes: a disk that is full amid a file.
fn with_small_files(stage: &Stage, bytes: u64, words: &str) -> Run {
    let usual = stage.command(words);
    let mut shell = Command::new("sh");
    let script = format!("trap '' XFSZ; ulimit -f {}; exec \"$@\"", bytes / 512);
    shell.args(["-c", &script, "sh"]).arg(usual.get_program()).args(usual.get_args());
    shell.env_clear().envs(usual.get_envs().filter_map(|(name, value)| Some((name, value?))));
    shell.current_dir(usual.get_current_dir().unwrap());
    run(shell)
}

/// The data files of an export or a table, without what is unfinished.
fn data_files(folder: &Path) -> Vec<String> {
    let names = files_below(folder).into_keys();
    names.filter(|name| name.ends_with(".parquet")).collect()
}

#[test]
fn a_disk_that_is_full_leaves_nothing_half_written() {
    let stage = filled();
    let get = format!("get DERIBIT:PERP:BTC-USD --data-types trades --start {DAY}");
    let before = stage.all_files();
    for (words, folder) in [
        (format!("{get} -o out.csv"), ""),
        (format!("{get} -o out.parquet"), ""),
        (format!("{get} -o out.jsonl"), ""),
        (format!("{get} -o out.arrow"), ""),
        (format!("export hive --out full --compact --tables trades --start-date {DAY}"), "full"),
        ("publish iceberg".to_owned(), "data/iceberg"),
        (format!("certify --start-date {DAY} {WHAT} --out c.json"), ""),
        ("validate --report v.html".to_owned(), ""),
    ] {
        let run = with_small_files(&stage, 512, &words);
        assert_eq!(run.status, 2, "mtdh {words}\n{}\n{}", run.stdout, run.stderr);
        assert!(
            run.stderr.contains("error: ") && run.stderr.contains("File too large"),
            "mtdh {words}\n{}",
            run.stderr
        );
        if folder.is_empty() {
            let left: Vec<String> =
                stage.all_files().into_keys().filter(|name| !before.contains_key(name)).collect();
            let left: Vec<&String> =
                left.iter().filter(|name| !name.starts_with("data/") && !name.starts_with("full/")).collect();
            assert!(left.is_empty(), "mtdh {words}: {left:?}");
        } else {
            assert_eq!(data_files(&stage.path(folder)), [""; 0], "mtdh {words}");
        }
        // With room it goes on.
        stage.expect(0, &words);
        std::fs::remove_file(stage.path(words.split_whitespace().last().unwrap())).ok();
    }
}

#[test]
fn a_target_that_cannot_take_an_export_is_named() {
    let stage = filled();
    std::fs::create_dir(stage.path("closed")).unwrap();
    std::fs::write(stage.path("a-file"), "precious").unwrap();
    std::fs::create_dir(stage.path("other")).unwrap();
    std::fs::write(stage.path("other/notes.txt"), "precious").unwrap();
    let before = stage.all_files();
    for (words, said) in [
        ("export hive --out data/hive", "would lie in the lake"),
        ("export hive --out .", "the lake in the export"),
        ("export hive --out data", "would lie in the lake"),
        ("export hive --out a-file", "a-file"),
        ("export hive --out other", "notes.txt"),
        ("export hive --out /proc/hive", "/proc/hive"),
        ("export delta --out a-file", "a-file"),
        ("export hive --out gs://", "gs://"),
    ] {
        let run = stage.expect(2, words);
        assert!(run.stderr.contains(said), "mtdh {words}\n{}", run.stderr);
        let after = stage.all_files();
        let new: Vec<&String> = after.keys().filter(|name| before.get(*name) != after.get(*name)).collect();
        assert!(new.is_empty(), "mtdh {words}: {new:?}");
    }
    // A superuser may write everywhere.
    std::fs::set_permissions(stage.path("closed"), std::fs::Permissions::from_mode(0o555)).unwrap();
    if std::fs::write(stage.path("closed/probe"), "").is_err() {
        let run = stage.expect(2, "export hive --out closed");
        assert!(run.stderr.contains("closed") && run.stderr.contains("ermission"), "{}", run.stderr);
    }
    std::fs::set_permissions(stage.path("closed"), std::fs::Permissions::from_mode(0o755)).unwrap();
}

/// One bit of an object's data.
fn flip(path: &Path) {
    let mut bytes = std::fs::read(path).unwrap();
    bytes[64] ^= 1;
    // Not through a link of an export.
    std::fs::remove_file(path).unwrap();
    std::fs::write(path, bytes).unwrap();
}

#[test]
fn a_flipped_bit_of_the_lake_goes_into_no_copy() {
    let stage = filled();
    stage.sim.create_bucket("b");
    let object = format!("raw_tick_data/by_date/day-{DAY}/data_type-trades/DERIBIT:PERP:BTC-USD.parquet");
    flip(&stage.path("data").join(&object));
    for (words, is_named) in [
        (
            format!("export hive --out one --compact --tables trades --start-date {DAY}"),
            "DERIBIT:PERP:BTC-USD",
        ),
        (
            format!("export hive --out gs://b/copies --tables trades --start-date {DAY}"),
            "DERIBIT:PERP:BTC-USD",
        ),
        (
            format!("export hive --out proved --verify --tables trades --start-date {DAY}"),
            "DERIBIT:PERP:BTC-USD",
        ),
        (
            format!("get DERIBIT:PERP:BTC-USD --data-types trades --start {DAY} -o out.parquet"),
            "DERIBIT:PERP:BTC-USD",
        ),
        ("publish iceberg --verify".to_owned(), "DERIBIT:PERP:BTC-USD"),
    ] {
        let run = stage.run(&words);
        assert!(run.status == 1 || run.status == 2, "mtdh {words}: {}\n{}", run.status, run.stderr);
        assert!(run.stderr.contains(is_named), "mtdh {words}\n{}", run.stderr);
    }
    assert!(!stage.path("out.parquet").exists());
    // All rows of the venue's day are in one file: without the damaged object there is none.
    assert_eq!(data_files(&stage.path("one")), [""; 0]);
    let copies: Vec<String> = stage
        .sim
        .bucket_objects("b")
        .into_iter()
        .map(|(path, _)| path)
        .filter(|path| path.ends_with(".parquet"))
        .collect();
    assert_eq!(copies.len(), 1, "{copies:?}");
    assert!(copies[0].contains("BTC-USDC"), "{copies:?}");
    let proved = data_files(&stage.path("proved"));
    assert_eq!(proved.len(), 1, "{proved:?}");
    // Fetched again, it goes into the copies by the same command.
    stage.expect(0, &format!("download --start-date {DAY} {WHAT} --force"));
    stage.expect(0, &format!("export hive --out gs://b/copies --tables trades --start-date {DAY}"));
    stage.expect(0, &format!("export hive --out one --compact --tables trades --start-date {DAY}"));
    assert_eq!(data_files(&stage.path("one")).len(), 1);
}

#[test]
fn a_killed_export_goes_on_and_two_at_once_do_not_mix() {
    let stage = filled();
    let words = |out: &str, more: &str| format!("export hive --out {out} --start-date {DAY}{more}");
    for (name, more) in [("links", " --delta"), ("one", " --compact")] {
        stage.expect(0, &words("whole", more));
        let whole = files_below(&stage.path("whole"));
        for milliseconds in [4, 16, 40, 80] {
            let mut child = stage.command(&words(name, more)).spawn().unwrap();
            std::thread::sleep(std::time::Duration::from_millis(milliseconds));
            // It may have ended before.
            child.kill().ok();
            child.wait().unwrap();
        }
        stage.expect(0, &words(name, more));
        let again = files_below(&stage.path(name));
        let data = |files: &std::collections::BTreeMap<String, Vec<u8>>| {
            let files = files.iter().filter(|(name, _)| name.ends_with(".parquet"));
            files.map(|(name, bytes)| (name.clone(), bytes.clone())).collect::<Vec<_>>()
        };
        assert_eq!(data(&again), data(&whole), "{name}");
        let left: Vec<&String> =
            again.keys().filter(|name| name.contains("_tmp") || name.contains(".unfinished")).collect();
        assert!(left.is_empty(), "{name}: {left:?}");
        std::fs::remove_dir_all(stage.path("whole")).unwrap();
    }
    let lock = std::fs::File::options().write(true).open(stage.path("one/export.lock")).unwrap();
    lock.lock().unwrap();
    let run = stage.expect(2, &words("one", " --compact"));
    assert!(run.stderr.contains("another export writes into one"), "{}", run.stderr);
}
