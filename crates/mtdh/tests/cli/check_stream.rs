//! `mtdh check stream`: what lines come to, when findings are printed, and how it ends.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use crate::support::{Run, Stage, ask_to_end};

const NAMED: &str = "check stream --instrument BTC-USDT --timeframe 1m";

fn start(stage: &Stage, words: &str) -> Child {
    let mut command = stage.command(words);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

fn told(stage: &Stage, words: &str, lines: &str) -> Run {
    let mut child = start(stage, words);
    child.stdin.take().unwrap().write_all(lines.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    Run {
        status: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

/// A sound candle of midnight that came a second after its end, with other values.
fn candle(values: &str) -> String {
    format!(
        r#"{{"timestamp":"2024-03-01T00:00:00Z","local_timestamp":"2024-03-01T00:01:01Z","open":10,"high":12,"low":9,"close":11,"volume":5{values}}}"#
    )
}

fn trade(second: u32, values: &str) -> String {
    format!(
        r#"{{"instrument_key":"DERIBIT:PERP:BTC-USD","data_type":"trades","timestamp":"2024-03-01T00:00:{second:02}Z","local_timestamp":"2024-03-01T00:00:{second:02}.5Z","id":"{second}","side":"buy","price":60000.5,"amount":10{values}}}"#
    )
}

#[test]
fn what_lines_come_to() {
    let stage = Stage::new();
    let late = candle("").replace("T00:01:01Z", "T00:02:00Z");
    for (words, lines, status, stdout, stderr) in [
        (NAMED, candle(""), 0, "", "clean: 0 errors, 0 warnings, 0 info; 1 candle and 0 rows checked"),
        (NAMED, String::new(), 1, "", "nothing was checked"),
        (NAMED, "\n  \n".to_owned(), 1, "", "nothing was checked"),
        (NAMED, candle(r#","low":11.5"#), 1, "candle_shape", "not clean: 1 error,"),
        (NAMED, late.clone(), 0, "warning  late_candle", "1 warning"),
        (
            "check stream --instrument BTC-USDT --timeframe 1m --fail-on warning",
            late.clone(),
            1,
            "late_candle",
            "not clean",
        ),
        ("check stream --instrument BTC-USDT --timeframe 1m --late 60", late, 0, "", "clean"),
        (NAMED, format!("{}\nx\n", candle("")), 1, "line 2: it is not JSON", "not clean"),
        (NAMED, "{\"open\":1,\"close\":1}".to_owned(), 1, "line 1: `timestamp` is missing", "not clean"),
        (
            "check stream --format csv",
            "x".to_owned(),
            1,
            "severity,check,instrument_key,timeframe",
            "not clean",
        ),
        ("check stream --format json", trade(1, ""), 0, "\"verdict\": \"clean\"", "1 row checked"),
        ("check stream", format!("{}\n{}", trade(2, ""), trade(1, "")), 1, "arrival_clock", "2 rows checked"),
        (
            "check stream --format jsonl",
            format!("{}\n{}", trade(1, ""), trade(1, "")),
            0,
            "\"check\":\"repeated_row\"",
            "clean: 0 errors, 2 warnings",
        ),
        (
            "check stream --data-type trades",
            trade(1, "").replace("\"data_type\":\"trades\",", ""),
            0,
            "",
            "clean",
        ),
    ] {
        let run = told(&stage, words, &lines);
        assert_eq!(run.status, status, "{words} < {lines}: {run:?}");
        assert!(run.stdout.contains(stdout), "{words} < {lines}: {run:?}");
        assert!(!stdout.is_empty() || run.stdout.is_empty(), "{words} < {lines}: {run:?}");
        assert!(run.stderr.contains(stderr), "{words} < {lines}: {run:?}");
    }
}

#[test]
fn a_finding_is_printed_before_the_stream_ends_and_a_signal_ends_it() {
    let stage = Stage::new();
    let mut child = start(&stage, &format!("{NAMED} --format jsonl"));
    let mut stdin = child.stdin.take().unwrap();
    writeln!(stdin, "{}", candle(r#","high":1"#)).unwrap();
    stdin.flush().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let finding: serde_json::Value = serde_json::from_str(&line).unwrap();
    assert_eq!((&finding["check"], &finding["severity"]), (&"candle_shape".into(), &"error".into()));
    assert_eq!(finding["instrument_key"], "BINANCE:SPOT_PAIR:BTC-USDT");
    let asked = Instant::now();
    ask_to_end(&child, "INT");
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert!(asked.elapsed() < Duration::from_secs(2), "{:?}", asked.elapsed());
}

#[test]
fn candles_are_held_against_the_exchange() {
    let stage = Stage::new();
    let run = told(&stage, &format!("{NAMED} --cross-source"), &candle(""));
    assert_eq!(run.status, 1, "{run:?}");
    assert!(run.stdout.contains("theirs none"), "the sim had no trade: {run:?}");
    assert!(run.stderr.contains("1 compared with the exchange's"), "{run:?}");
}

#[test]
fn a_stream_is_no_group_and_wrong_words_are_refused() {
    let stage = Stage::new();
    for words in [
        "check timestamp stream --start-date 2024-03-01",
        "check stream --timeframe 7m",
        "check stream --instrument BTCUSDT",
        "check stream --set nothing.at=1",
        "check",
    ] {
        stage.expect(2, words);
    }
}
