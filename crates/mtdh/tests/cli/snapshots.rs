//! What the program prints, word for word: the help of every verb, its main success, and each class of error. The files are in
//! `snapshots/`; `INSTA_UPDATE=always cargo test --workspace --test cli snapshots` writes them anew, and the diff is to be read.

use std::fmt::Write;

use mtdh_sim::{Fault, FaultKind, Host};

use crate::support::{DAY, Run, Stage, program, run};

/// A run as a text: its words, how it ended, and what it printed. What differs from run to run has a word in its place.
fn shown(stage: Option<&Stage>, words: &str, run: &Run) -> String {
    let mut text = String::new();
    writeln!(text, "$ mtdh {words}\nexit status: {}", run.status).unwrap();
    for (name, printed) in [("stdout", &run.stdout), ("stderr", &run.stderr)] {
        if !printed.is_empty() {
            writeln!(text, "---- {name}\n{}", printed.trim_end()).unwrap();
        }
    }
    if let Some(stage) = stage {
        let sim = &stage.sim;
        for (address, word) in [
            (sim.api_url(), "<api>"),
            (sim.datasets_url(), "<datasets>"),
            (sim.binance_url(), "<binance>"),
            (sim.gcs_url(), "<gcs>"),
        ] {
            text = text.replace(&address, word);
        }
        text = text.replace(&stage.path("").display().to_string(), "<folder>/");
    }
    let today = chrono::Utc::now().format("%Y-%m-%d").to_string();
    text.lines().map(|line| settled(line, &today)).collect::<Vec<_>>().join("\n")
}

/// A line in which what differs from run to run has a word in its place: names of runs, moments of today, ports, times taken.
fn settled(line: &str, today: &str) -> String {
    let words: Vec<&str> = line.split(' ').collect();
    let next = |place: usize| words.get(place + 1).map_or("", |word| word.trim_end_matches([',', ';', ')']));
    let word = |(place, word): (usize, &&str)| {
        let bare = word.trim_matches(['(', ',', ';', ':', '.', ')']);
        let is_measured = ["B", "kB", "MB", "GB", "s", "%", "files/s"].contains(&next(place))
            || next(place).ends_with("/s");
        let unit = bare.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.');
        if let Some(run) = bare.split('/').find(|part| is_run(part)) {
            word.replace(run, "<run>")
        } else if bare.starts_with(today) {
            word.replace(bare, "<today>")
        } else if is_measured && bare.parse::<f64>().is_ok() || ["ms", "µs"].contains(&unit) {
            word.replace(bare, "<n>")
        } else if let Some(port) = bare.strip_prefix("127.0.0.1:") {
            word.replace(port, "<port>")
        } else {
            (*word).to_owned()
        }
    };
    words.iter().enumerate().map(word).collect::<Vec<_>>().join(" ")
}

/// Whether a text is a name that a run gave itself.
fn is_run(text: &str) -> bool {
    text.len() == 23 && text.as_bytes()[8] == b'T' && text.as_bytes()[15..17] == *b"Z-"
}

#[test]
fn help_of_every_verb() {
    let help = run(program("--help"));
    insta::assert_snapshot!("help", shown(None, "--help", &help));
    let verbs: Vec<&str> = help
        .stdout
        .lines()
        .filter(|line| line.starts_with("  ") && !line.trim_start().starts_with('-'))
        .filter_map(|line| line.split_whitespace().next())
        .filter(|verb| *verb != "help" && run(program(&format!("{verb} --help"))).status == 0)
        .collect();
    assert!(verbs.len() >= 17, "{verbs:?}");
    for verb in verbs {
        let words = format!("{verb} --help");
        insta::assert_snapshot!(format!("help_{verb}"), shown(None, &words, &run(program(&words))));
    }
    for words in
        ["instruments list --help", "instruments show --help", "deploy render --help", "config show --help"]
    {
        let name = format!("help_{}", words.trim_end_matches(" --help").replace(' ', "_"));
        insta::assert_snapshot!(name, shown(None, words, &run(program(words))));
    }
}

#[test]
fn the_main_success_of_every_verb() {
    let stage = Stage::new();
    let trades = "exchange,symbol,timestamp,local_timestamp,id,side,price,amount\n\
                  deribit,BTC-PERPETUAL,1709251200000000,1709251200000001,1,buy,60000.5,10\n";
    std::fs::write(stage.path("trades.csv"), trades).unwrap();
    let perps = format!("--start-date {DAY} --venues DERIBIT --instrument-types PERP");
    let minute = format!("--start {DAY}T12:00 --end {DAY}T12:01");
    for (name, words) in [
        ("instruments", format!("instruments --start-date {DAY} --venues DERIBIT")),
        ("instruments_list", "instruments list --instrument-types PERP".to_owned()),
        ("instruments_show", "instruments show DERIBIT:PERP:BTC-USD".to_owned()),
        ("plan", format!("plan {perps}")),
        ("plan_save", format!("plan {perps} --save march")),
        ("download", format!("download {perps}")),
        ("download_again", format!("download {perps}")),
        ("full_pipeline", format!("full-pipeline {perps}")),
        ("candles", format!("candles {perps} --timeframes 1h")),
        ("convert", "convert trades.csv -o trades.parquet".to_owned()),
        ("ls", "ls".to_owned()),
        ("get", format!("get DERIBIT:PERP:BTC-USD --data-type trades {minute}")),
        ("schema", "schema".to_owned()),
        ("schema_trades", "schema trades".to_owned()),
        ("validate", format!("validate {perps}")),
        ("check", format!("check completeness {perps}")),
        ("monitor", "monitor march".to_owned()),
        ("resume", "resume march --save rest".to_owned()),
        ("deploy", "deploy render k8s --run march --shards 2 --image i --lake gs://b".to_owned()),
        ("config", "config show --format json".to_owned()),
    ] {
        insta::assert_snapshot!(format!("main_{name}"), shown(Some(&stage), &words, &stage.run(&words)));
    }
}

#[test]
fn each_class_of_error() {
    let stage = Stage::new();
    std::fs::write(stage.path("list.txt"), "# nothing\n").unwrap();
    std::fs::write(stage.path("text.parquet"), "no Parquet").unwrap();
    let deribit = format!("--start-date {DAY} --venues DERIBIT --instrument-types PERP");
    for (name, words) in [
        ("usage", "download".to_owned()),
        ("unknown_verb", "frobnicate".to_owned()),
        ("unknown_venue", format!("download --start-date {DAY} --venues BINNANCE")),
        ("bad_day", "download --start-date 2024-02-30".to_owned()),
        ("backwards", "download --start-date 2024-03-02 --end-date 2024-03-01".to_owned()),
        ("future", "plan --start-date 2999-01-01".to_owned()),
        ("universe", format!("download {deribit} --universe list.txt")),
        ("no_universe", format!("download {deribit} --universe core61")),
        ("no_lake", "ls".to_owned()),
        ("no_table", "schema nothing".to_owned()),
        ("no_bucket", "ls --lake gs://no-such-bucket".to_owned()),
        ("scheme", "ls --lake ftp://host".to_owned()),
        ("bad_key", format!("get DERIBIT:PERP --data-type trades --start {DAY}")),
        ("no_run", "monitor nothing".to_owned()),
        ("bad_run_name", "monitor a/b".to_owned()),
        ("no_file", "check timestamp --data-file nowhere.parquet".to_owned()),
        ("no_parquet", "check timestamp --data-file text.parquet".to_owned()),
        ("bad_parameter", format!("check silence {deribit} --set silence.fact=1")),
    ] {
        insta::assert_snapshot!(format!("error_{name}"), shown(Some(&stage), &words, &stage.run(&words)));
    }
    for (name, fault) in [
        ("refused", FaultKind::EdgeBlocked),
        ("down", FaultKind::EdgeDown),
        ("web_page", FaultKind::WebPage),
        ("reset", FaultKind::Reset),
    ] {
        let stage = Stage::with(vec![Fault::always(Host::Datasets, "", fault)]);
        let words = format!("download {deribit} --data-types trades --instruments DERIBIT:PERP:BTC-USD");
        insta::assert_snapshot!(format!("error_{name}"), shown(Some(&stage), &words, &stage.run(&words)));
    }
}
