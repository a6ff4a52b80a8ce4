//! Completion of values, by the shells themselves. A shell that is not installed is named, and left out.

use std::path::Path;
use std::process::{Command, Output};

use crate::recorded::skipped;
use crate::support::{DAY, Stage, tested};

/// How a shell is made to complete a line, with `SCRIPT` in place of the file of its completions.
const SHELLS: [(&str, &[&str], &str); 3] = [
    (
        "bash",
        &["--norc", "--noprofile", "-c"],
        r#"source SCRIPT; COMP_LINE="$0"; COMP_POINT=${#COMP_LINE}; _mtdh; printf '%s\n' "${COMPREPLY[@]}""#,
    ),
    (
        "zsh",
        &["-f", "-c"],
        // Outside of its line editor zsh has no `_describe`: what it is given is printed.
        r#"compdef() { : }; _describe() { print -rl -- "${(@P)@[-1]}" }; source SCRIPT
           words=("${(@s: :)0}"); CURRENT=$#words; _clap_dynamic_completer_mtdh"#,
    ),
    ("fish", &["--no-config", "-c"], r#"source SCRIPT; complete -C "$argv[1]""#),
];

/// The line completed by a shell: the first word of each answer. `None`: the shell is not installed.
fn completed(stage: &Stage, shell: &str, line: &str) -> Option<Vec<String>> {
    let (_, flags, code) = SHELLS.iter().find(|(name, ..)| *name == shell).unwrap();
    let script = stage.path(&format!("completions.{shell}"));
    let code = code.replace("SCRIPT", &script.display().to_string());
    let programs = Path::new(&tested()).parent().unwrap().display().to_string();
    let mut command = Command::new(shell);
    command
        .args(*flags)
        .arg(code)
        .arg(line)
        .current_dir(stage.path(""))
        .env("PATH", format!("{programs}:{}", std::env::var("PATH").unwrap()))
        .env("HOME", stage.path(""))
        .env_remove("MTDH_LAKE");
    let Output { stdout, .. } = match command.output() {
        Ok(output) => output,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return None,
        Err(error) => panic!("{shell}: {error}"),
    };
    let text = String::from_utf8(stdout).unwrap();
    // Behind a tab, or in zsh behind a colon that is not escaped, stands what it is.
    let first = |line: &str| {
        let line = line.split('\t').next().unwrap_or_default().replace("\\:", "\0");
        let is_zsh = shell == "zsh";
        line.split(|c| is_zsh && c == ':').next().unwrap_or_default().replace('\0', ":")
    };
    Some(text.lines().map(first).filter(|line| !line.is_empty()).collect())
}

#[test]
fn shells_complete_verbs_flags_and_values() {
    let stage = Stage::new();
    let words = "--venues DERIBIT --instrument-types PERP --data-types trades";
    stage.expect(0, &format!("full-pipeline --start-date {DAY} {words}"));
    stage.expect(0, &format!("plan --start-date {DAY} {words} --force --save march"));
    stage.expect(0, &format!("want add majors --start-date {DAY} --venues DERIBIT"));
    for (shell, ..) in SHELLS {
        let script = stage.expect(0, &format!("completions {shell}")).stdout;
        std::fs::write(stage.path(&format!("completions.{shell}")), script).unwrap();
        if completed(&stage, shell, "mtdh l").is_none() {
            skipped("complete", &format!("{shell} is not installed"));
            continue;
        }
        // In bash a word ends at a colon: only what follows is completed.
        let of_key = if shell == "bash" { "BTC-USD" } else { "DERIBIT:PERP:BTC-USD" };
        for (line, expected) in [
            ("mtdh venu", "venues"),
            ("mtdh ls --ever", "--everything"),
            ("mtdh ls --venues DERI", "DERIBIT"),
            ("mtdh ls --venues deri", "deribit"),
            ("mtdh ls --venues BINANCE BINANCE-F", "BINANCE-FUTURES"),
            ("mtdh download --data-types tra", "trades"),
            ("mtdh plan --instrument-types PE", "PERP"),
            ("mtdh get DERIBIT:PERP:BTC-USD", of_key),
            ("mtdh ls --instruments DERIBIT:PERP:BTC-USD", of_key),
            ("mtdh runs ma", "march"),
            ("mtdh monitor ma", "march"),
            ("mtdh ls --start-date 2024", DAY),
            ("mtdh want show maj", "majors"),
            ("mtdh schema deriv", "derivative_ticker"),
            ("mtdh ls can", "candles"),
            ("mtdh ls --by mo", "month"),
            ("mtdh candles --timeframes 15", "15m"),
            ("mtdh plan --universe co", "core60"),
            ("mtdh ls --lake data --start-date 2024", DAY),
        ] {
            let found = completed(&stage, shell, line).unwrap();
            assert!(found.iter().any(|one| one == expected), "{shell}: {line}: {expected} in {found:?}");
        }
        for line in ["mtdh runs --lake nowhere ma", "mtdh runs --lake ftp://host ma", "mtdh runs zz"] {
            assert_eq!(completed(&stage, shell, line), Some(Vec::new()), "{shell}: {line}");
        }
    }
}

#[test]
fn a_question_of_a_shell_is_answered_in_silence() {
    let stage = Stage::new();
    for (variables, words, expected) in [
        (&[("MTDH_COMPLETE", "fish")][..], "-- mtdh runs --lake nowhere x", ""),
        (&[("MTDH_COMPLETE", "fish"), ("TARDIS_API_URL", "no address")], "-- mtdh get x", ""),
        (&[("MTDH_COMPLETE", "fish")], "", ""),
        (&[("MTDH_COMPLETE", "bash"), ("_CLAP_COMPLETE_INDEX", "99")], "-- mtdh ls", ""),
    ] {
        let mut command = stage.command(words);
        command.envs(variables.iter().copied());
        let run = crate::support::run(command);
        assert_eq!((run.status, &*run.stdout, &*run.stderr), (0, expected, ""), "{words}");
    }
    assert!(stage.all_files().is_empty(), "nothing is written");
}
