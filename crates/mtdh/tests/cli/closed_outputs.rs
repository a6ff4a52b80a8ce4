//! How each verb ends when nobody reads what it prints, when its output takes nothing, and when its words are no text:
//! with the status of its work, or 2 where printing is its work; never by a panic or a signal.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Stdio};

use crate::support::{DAY, Stage, program, run};

/// The words of each verb, and what it ends with when 2 is for a product that cannot be printed; `printed` says whether it is
/// for that. One that fails here, as `resume` of a run that has nothing left, does so with each output.
struct Verb {
    words: &'static str,
    /// How it ends in peace.
    status: i32,
    /// Whether its product goes to stdout.
    is_printed: bool,
}

const fn verb(words: &'static str, status: i32, is_printed: bool) -> Verb {
    Verb { words, status, is_printed }
}

/// Every verb. What makes something finds it made, so that each run of it ends alike.
const VERBS: [Verb; 59] = [
    verb("demo --lake demo", 0, false),
    verb("instruments --start-date 2024-03-01 --venues DERIBIT", 0, false),
    verb("instruments list", 0, true),
    verb("instruments show DERIBIT:PERP:BTC-USD", 0, true),
    verb("plan --start-date 2024-03-01 --venues DERIBIT --force", 0, true),
    verb("download --start-date 2024-03-01 --venues DERIBIT", 0, false),
    verb("download --start-date 2024-03-01 --venues DERIBIT --force --dry-run", 0, true),
    verb("rekey", 0, false),
    verb("rm --start-date 2024-03-01 --venues DERIBIT --break-certificates", 0, true),
    verb("monitor r", 0, true),
    verb("resume r", 0, false),
    verb("deploy render batch --run r --shards 2 --image i --lake gs://b", 0, true),
    verb("validate --start-date 2024-03-01 --venues DERIBIT", 0, false),
    verb("validate --start-date 2024-03-01 --venues DERIBIT,BINANCE", 1, false),
    verb("check completeness --start-date 2024-03-01 --venues DERIBIT", 0, false),
    verb("check completeness --start-date 2024-03-01 --venues DERIBIT,BINANCE", 1, false),
    verb("check stream", 1, false),
    verb("full-pipeline --start-date 2024-03-01 --venues DERIBIT", 0, false),
    verb("certify --start-date 2024-03-01 --venues DERIBIT --out c.json", 0, false),
    verb("verify certificate.json", 0, false),
    verb("want add s --start-date 2024-03-01 --end-date 2024-03-01 --venues DERIBIT", 0, false),
    verb("want list", 0, true),
    verb("sync", 0, false),
    verb("sync --dry-run", 0, true),
    verb("want show s", 0, true),
    verb("want remove other", 2, false),
    verb("ls", 0, true),
    verb("why DERIBIT:PERP:BTC-USD 2024-03-01 trades", 0, true),
    verb("venues --in-lake", 0, true),
    verb("runs", 0, true),
    verb("runs r", 0, true),
    verb("schema trades", 0, true),
    verb("candles --start-date 2024-03-01 --venues DERIBIT --instrument-types PERP", 0, false),
    verb("get DERIBIT:PERP:BTC-USD --data-type trades --start 2024-03-01", 0, true),
    verb("get DERIBIT:PERP:BTC-USD --data-type trades --start 2024-03-01 -o slice.csv", 0, false),
    verb("export hive --out hive --start-date 2024-03-01 --venues DERIBIT", 0, false),
    verb("export delta --out delta --start-date 2024-03-01 --tables trades,instruments", 0, false),
    verb("paths --start 2024-03-01 --venues DERIBIT", 0, true),
    verb("sql --print --start 2024-03-01 --venues DERIBIT", 0, true),
    verb("ddl --dialect duckdb", 0, true),
    verb("publish bigquery --dry-run --lake gs://b", 0, true),
    verb("publish iceberg", 0, false),
    verb("convert trades.csv -o trades.parquet --force", 0, false),
    verb("convert trades.csv -o -", 0, true),
    verb("live compare --day 2024-03-01", 1, false),
    verb("serve --listen 127.0.0.1:0 --seconds 0", 0, false),
    verb("live replay live.jsonl --venue BINANCE", 0, false),
    verb("live rebuild --day 2024-03-01", 1, false),
    verb("live serve --venues BINANCE --symbols BTCUSDT --listen 127.0.0.1:0 --seconds 0", 0, false),
    verb("live status --format json", 0, true),
    verb("live record --venues BINANCE --symbols BTCUSDT --for 0s", 0, false),
    verb("sim --small --seconds 0", 0, false),
    verb("sim exchange binance --seconds 0", 0, false),
    verb("sim replay live.jsonl --venue binance --seconds 0", 0, false),
    verb("config show", 0, true),
    verb("config check", 0, true),
    verb("doctor", 0, true),
    verb("completions bash", 0, true),
    verb("man pages", 0, false),
];

/// A lake of a venue's day, in which the run `r` is done, and an instrument table of another venue.
fn stage() -> Stage {
    let stage = Stage::new();
    let days = format!("--start-date {DAY} --venues DERIBIT");
    stage.expect(0, &format!("instruments --start-date {DAY} --venues BINANCE"));
    stage.expect(0, &format!("plan --save r {days}"));
    stage.expect(0, "download --run r");
    stage.expect(0, &format!("certify {days} --out certificate.json"));
    stage.sim.create_bucket("b");
    stage.expect(0, &format!("plan --save r {days} --lake gs://b"));
    let rows = "exchange,symbol,timestamp,local_timestamp,id,side,price,amount\n\
                deribit,BTC-PERPETUAL,1709251200000000,1709251200000001,1,buy,60000.5,10\n";
    std::fs::write(stage.path("trades.csv"), rows).unwrap();
    let message = r#"{"stream":"btcusdt@trade","data":{"e":"trade","E":1,"s":"BTCUSDT","t":1,"p":"1.5","q":"2","T":1,"m":true,"M":true}}"#;
    std::fs::write(stage.path("live.jsonl"), format!("1709251200000000000 {message}\n")).unwrap();
    stage
}

/// The commands that the help lists below some words, those below them included.
fn commands_below(words: &str) -> Vec<String> {
    let help = run(program(&format!("{words} --help"))).stdout;
    // The program's own help has its verbs in groups, before the options.
    let list = match words {
        "" => help.split_once("Options:\n").map(|(list, _)| list),
        _ => help.split_once("Commands:\n").map(|(_, rest)| rest.split("\n\n").next().unwrap()),
    };
    let is_name = |line: &&str| line.starts_with("  ") && !line.starts_with("   ");
    let names = list.into_iter().flat_map(str::lines).filter(is_name);
    let names = names.filter_map(|line| line.split_whitespace().next()).filter(|name| *name != "help");
    let below = names.map(|name| format!("{words} {name}").trim().to_owned());
    below.flat_map(|verb| std::iter::once(verb.clone()).chain(commands_below(&verb))).collect()
}

#[test]
fn no_verb_is_left_out_here() {
    let known = commands_below("");
    assert!(known.len() > 15, "{known:?}");
    let tried: BTreeSet<&str> = VERBS.iter().map(|verb| verb.words).collect();
    for name in known.iter().filter(|name| !["config", "deploy"].contains(&name.as_str())) {
        let is_tried = tried.iter().any(|words| *words == name || words.starts_with(&format!("{name} ")));
        assert!(is_tried, "`mtdh {name}` is not in VERBS");
    }
}

/// What is done to a verb's outputs.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Outputs {
    AsUsual,
    StdoutUnread,
    StdoutClosed,
    StdoutFull,
    StderrUnread,
    StderrClosed,
    StderrFull,
    BothFull,
}

fn end(stage: &Stage, words: &str, outputs: Outputs) -> std::process::ExitStatus {
    let usual = stage.command(words);
    let mut command = match outputs {
        Outputs::StdoutClosed | Outputs::StderrClosed => {
            let mut shell = Command::new("sh");
            let closing =
                if outputs == Outputs::StdoutClosed { "exec \"$@\" >&-" } else { "exec \"$@\" 2>&-" };
            shell.args(["-c", closing, "sh"]).arg(usual.get_program()).args(usual.get_args());
            shell.env_clear().envs(usual.get_envs().filter_map(|(name, value)| Some((name, value?))));
            shell.current_dir(usual.get_current_dir().unwrap()).stdin(Stdio::null());
            shell
        }
        _ => usual,
    };
    let full = || std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let unread = || std::io::pipe().unwrap().1;
    command.stdout(Stdio::null()).stderr(Stdio::null());
    match outputs {
        Outputs::AsUsual | Outputs::StdoutClosed | Outputs::StderrClosed => &mut command,
        Outputs::StdoutUnread => command.stdout(unread()),
        Outputs::StdoutFull => command.stdout(full()),
        Outputs::StderrUnread => command.stderr(unread()),
        Outputs::StderrFull => command.stderr(full()),
        Outputs::BothFull => command.stdout(full()).stderr(full()),
    };
    command.status().unwrap()
}

#[test]
fn every_verb_ends_as_its_work_does_whatever_its_outputs_are() {
    use Outputs::*;
    let stage = stage();
    for Verb { words, status, is_printed } in VERBS {
        let outputs = [
            AsUsual,
            StdoutUnread,
            StdoutClosed,
            StdoutFull,
            StderrUnread,
            StderrClosed,
            StderrFull,
            BothFull,
        ];
        for outputs in outputs {
            let is_refused = matches!(outputs, StdoutClosed | StdoutFull | BothFull);
            let expected = if is_refused && is_printed { 2 } else { status };
            // The demonstration is minutes of work in a build for development: once with everything full.
            if words.starts_with("demo") && outputs != BothFull {
                continue;
            }
            for more in ["", " -vv --log-format json"] {
                if words.starts_with("demo") && !more.is_empty() {
                    continue;
                }
                let ended = end(&stage, &format!("{words}{more}"), outputs);
                assert_eq!(ended.code(), Some(expected), "mtdh {words}{more}, {outputs:?}: {ended}");
            }
        }
    }
}

#[test]
fn what_stdout_refuses_is_said_and_a_reader_that_goes_away_is_not() {
    let stage = stage();
    for (words, outputs, is_said) in [
        ("validate --start-date 2024-03-01 --venues DERIBIT", "/dev/full", true),
        ("ls", "/dev/full", true),
        ("ls", "a pipe", false),
    ] {
        let mut command = stage.command(words);
        let full = || std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        match outputs {
            "/dev/full" => command.stdout(full()),
            _ => command.stdout(std::io::pipe().unwrap().1),
        };
        let said = String::from_utf8(command.stderr(Stdio::piped()).output().unwrap().stderr).unwrap();
        assert_eq!(
            said.contains("stdout does not take what is printed"),
            is_said,
            "{words}, {outputs}: {said}"
        );
        assert!(!said.contains("Broken pipe"), "{said}");
    }
}

/// A slice goes on to no day that nobody reads; a day that is missing is still missing.
#[test]
fn a_slice_that_nobody_reads_has_the_status_of_its_work() {
    let stage = stage();
    for (range, status) in [("--start 2024-03-01", 0), ("--start 2024-03-01 --end 2024-03-03", 1)] {
        let words = format!("get DERIBIT:PERP:BTC-USD --data-type book_snapshot_5 {range}");
        assert_eq!(end(&stage, &words, Outputs::StdoutUnread).code(), Some(status), "{words}");
    }
}

#[test]
fn words_that_are_no_text_are_a_wrong_call() {
    let stage = Stage::new();
    let odd = OsStr::from_bytes(b"\xff\xfe");
    for Verb { words, .. } in VERBS {
        for before in ["", "--lake", "--run"] {
            // A worker of a run speaks to an engine.
            let status = if words.starts_with("download") && before == "--run" { 20 } else { 2 };
            let mut command = stage.command(words);
            command.args(Some(before).filter(|word| !word.is_empty())).arg(odd);
            let output = command.output().unwrap();
            assert_eq!(output.status.code(), Some(status), "mtdh {words} {before} \\xff: {output:?}");
        }
    }
    let mut first = stage.command("");
    assert_eq!(first.arg(odd).output().unwrap().status.code(), Some(2));
}

#[test]
fn a_file_whose_name_is_no_text_is_a_file() {
    let stage = stage();
    let name = OsStr::from_bytes(b"odd\xff.parquet");
    let mut command = stage.command("convert trades.csv --format json -o");
    let output = command.arg(name).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert!(stage.path("").join(name).is_file());
}

#[test]
fn files_and_folders_are_as_the_users_mask_says() {
    let stage = stage();
    for (mask, file, folder) in [("077", 0o600, 0o700), ("002", 0o664, 0o775), ("000", 0o666, 0o777)] {
        let words =
            "get DERIBIT:PERP:BTC-USD --data-type trades --start 2024-03-01 --lake data -o slice.parquet";
        let made = [
            format!("download --start-date {DAY} --venues DERIBIT --data-types trades --lake lake-{mask}"),
            "convert trades.csv -o converted.parquet --force".to_owned(),
            words.to_owned(),
            "candles --input converted.parquet --timeframes 1m -o candles".to_owned(),
            "check completeness --start-date 2024-03-01 --venues DERIBIT --report report.json".to_owned(),
        ];
        for words in made {
            let usual = stage.command(&words);
            let mut shell = Command::new("sh");
            shell.args(["-c", &format!("umask {mask}; exec \"$@\""), "sh"]);
            shell.arg(usual.get_program()).args(usual.get_args()).env_clear();
            shell.envs(usual.get_envs().filter_map(|(name, value)| Some((name, value?))));
            let output = shell.current_dir(stage.path("")).output().unwrap();
            assert_eq!(output.status.code(), Some(0), "{words}: {output:?}");
        }
        let partitions = format!("lake-{mask}/raw_tick_data/by_date/day-{DAY}/data_type-trades");
        let partition = format!("{partitions}/DERIBIT:PERP:BTC-USD.parquet");
        let mode = |name: &str| std::fs::metadata(stage.path(name)).unwrap().permissions().mode() & 0o777;
        for name in [&partition, "converted.parquet", "slice.parquet", "candles/1m.parquet", "report.json"] {
            assert_eq!(mode(name), file, "{name} with umask {mask}");
        }
        for name in [&partitions, "candles"] {
            assert_eq!(mode(name), folder, "{name} with umask {mask}");
        }
        std::fs::remove_dir_all(stage.path("candles")).unwrap();
    }
}

/// A limit that the shell sets, and what then fails: with 2, an output as it was before, and nothing left behind.
#[test]
fn an_output_that_does_not_fit_leaves_the_old_one_as_it_was() {
    let stage = stage();
    stage.expect(0, "convert trades.csv -o converted.parquet");
    let fill = "DERIBIT:PERP:BTC-USD --data-type book_snapshot_5 --start 2024-03-01";
    for (words, output) in [
        ("convert trades.csv -o old.parquet --force".to_owned(), "old.parquet"),
        (format!("get {fill} -o old.csv"), "old.csv"),
        ("candles --input converted.parquet --timeframes 1m -o out".to_owned(), "out/1m.parquet"),
        (
            "check completeness --start-date 2024-03-01 --venues DERIBIT --report old.json".to_owned(),
            "old.json",
        ),
    ] {
        let output = stage.path(output);
        std::fs::create_dir_all(output.parent().unwrap()).unwrap();
        std::fs::write(&output, "the old one").unwrap();
        let before: Vec<String> = stage.all_files().into_keys().collect();
        let usual = stage.command(&words);
        let mut shell = Command::new("sh");
        // In blocks of 512 bytes.
        shell.args(["-c", "ulimit -f 1; exec \"$@\"", "sh"]);
        shell.arg(usual.get_program()).args(usual.get_args()).env_clear();
        shell.envs(usual.get_envs().filter_map(|(name, value)| Some((name, value?))));
        let ended = shell.current_dir(stage.path("")).output().unwrap();
        assert_eq!((ended.status.code(), ended.status.signal()), (Some(2), None), "{words}: {ended:?}");
        assert_eq!(std::fs::read_to_string(&output).unwrap(), "the old one", "{words}");
        assert_eq!(stage.all_files().into_keys().collect::<Vec<_>>(), before, "{words}");
    }
}

#[test]
fn few_open_files_leave_nothing_behind() {
    let stage = Stage::new();
    let words = format!("download --start-date {DAY} --venues DERIBIT,BINANCE --max-workers 64");
    let usual = stage.command(&words);
    let mut shell = Command::new("sh");
    shell.args(["-c", "ulimit -n 64; exec \"$@\"", "sh"]).arg(usual.get_program()).args(usual.get_args());
    shell.env_clear().envs(usual.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let output = shell.current_dir(stage.path("")).output().unwrap();
    assert!(matches!(output.status.code(), Some(0..=2)), "{output:?}");
    let left: Vec<_> =
        std::fs::read_dir(stage.path("data/_tmp")).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert!(left.iter().all(|name| name == "update.lock"), "{left:?}: {output:?}");
}
