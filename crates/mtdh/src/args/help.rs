//! The help of the program and of its verbs: verbs by purpose, and examples. A test parses every example as a command line.

use std::fmt::Write;

use clap::Command;

/// The verbs by purpose, in the order of the help.
const GROUPS: &[(&str, &[&str])] = &[
    ("Start", &["demo"]),
    ("Say what it is for", &["want", "sync"]),
    (
        "Build the lake",
        &["instruments", "plan", "download", "full-pipeline", "candles", "convert", "rekey", "rm"],
    ),
    ("Record", &["live"]),
    ("Look and read", &["ls", "venues", "runs", "why", "get", "serve", "schema"]),
    ("Hand to other programs", &["paths", "sql", "ddl", "publish", "export"]),
    ("Prove", &["validate", "check", "certify", "verify"]),
    ("Many machines", &["monitor", "resume", "deploy"]),
    ("Other", &["doctor", "config", "sim", "completions", "man", "help"]),
];

/// Example command lines for each verb.
const EXAMPLES: &[(&str, &[&str])] = &[
    ("demo", &["mtdh demo"]),
    (
        "instruments",
        &[
            "mtdh instruments --start-date 2024-03-01 --venues DERIBIT",
            "mtdh instruments list --venues DERIBIT --instrument-types OPTION --underlying BTC-USD",
            "mtdh instruments show DERIBIT:PERP:BTC-USD",
        ],
    ),
    (
        "plan",
        &[
            "mtdh plan --start-date 2024-03-01 --venues DERIBIT",
            "mtdh plan --start-date 2024-03-01 --end-date 2024-03-31 --save march",
        ],
    ),
    (
        "download",
        &[
            "mtdh download --start-date 2024-03-01 --venues DERIBIT --data-types trades",
            "mtdh download --start-date 2024-03-01 --instruments DERIBIT:PERP:BTC-USD --check",
            "mtdh download --run march",
        ],
    ),
    (
        "full-pipeline",
        &[
            "mtdh full-pipeline --start-date 2024-03-01 --venues DERIBIT",
            "mtdh full-pipeline --start-date 2024-03-01 --end-date 2024-03-31 --universe core60",
        ],
    ),
    (
        "want",
        &[
            "mtdh want add majors --start-date 2024-03-01 --venues DERIBIT --data-types trades --timeframes 1m,1h",
            "mtdh want list",
            "mtdh want remove majors",
        ],
    ),
    (
        "sync",
        &["mtdh sync", "mtdh sync --dry-run", "mtdh sync --metrics-file /var/lib/node_exporter/mtdh.prom"],
    ),
    (
        "candles",
        &[
            "mtdh candles --start-date 2024-03-01 --venues DERIBIT --timeframes 1m,1h",
            "mtdh candles --input trades.parquet --output candles",
        ],
    ),
    (
        "convert",
        &[
            "mtdh convert deribit_trades_2024-03-01_BTC-PERPETUAL.csv.gz --output trades.parquet",
            "mtdh convert - --output - --data-type trades --instrument DERIBIT:PERP:BTC-USD",
        ],
    ),
    ("rm", &["mtdh rm --start-date 2024-03-01 --venues DERIBIT", "mtdh rm --runs march --yes"]),
    ("rekey", &["mtdh rekey --dry-run", "mtdh rekey --start-date 2024-03-01 --end-date 2024-03-31"]),
    (
        "live",
        &[
            "mtdh live record --venues BINANCE-FUTURES --symbols BTCUSDT --capture-only --for 1h",
            "mtdh live record --venues BINANCE-FUTURES --symbols BTCUSDT ETHUSDT --data-types trades incremental_book_L2",
            "mtdh live replay recording.gz --venue BINANCE-FUTURES",
            "mtdh live rebuild --day 2024-03-01",
            "mtdh live record --venues BINANCE-FUTURES --symbols BTCUSDT --candles 1m,1h --check",
            "mtdh live compare --day 2024-03-01",
            "mtdh live status",
        ],
    ),
    (
        "ls",
        &[
            "mtdh ls",
            "mtdh ls --by month,venue --sort bytes --limit 20",
            "mtdh ls --long --start-date 2024-03-01 --venues DERIBIT",
            "mtdh ls candles --by type",
        ],
    ),
    ("venues", &["mtdh venues", "mtdh venues --in-lake --sort bytes"]),
    ("runs", &["mtdh runs", "mtdh runs march"]),
    (
        "why",
        &[
            "mtdh why DERIBIT:PERP:BTC-USD 2024-03-01 trades",
            "mtdh why DERIBIT:PERP:BTC-USD 2024-03-01 --format json",
        ],
    ),
    (
        "get",
        &[
            "mtdh get DERIBIT:PERP:BTC-USD --data-types trades --start 2024-03-01T12:00 --end 2024-03-01T12:05",
            "mtdh get DERIBIT:PERP:BTC-USD 'BINANCE:SPOT_PAIR:*-USDT' --data-types trades --start 2024-03 -o march.parquet",
            "mtdh get DERIBIT:PERP:BTC-USD --data-types trades,quotes --start 2024-03-01 -o '{data_type}.csv.zst'",
            "mtdh get DERIBIT:PERP:BTC-USD --every 1m --start 2024-03-01 --columns timestamp,close --strict",
        ],
    ),
    (
        "paths",
        &[
            "mtdh paths --start 2024-03-01 --instruments DERIBIT:PERP:* --data-types trades",
            "mtdh paths --start 2024-03-01 --venues DERIBIT --tables trades,candles_1m --verify --format json",
        ],
    ),
    (
        "sql",
        &[
            "mtdh sql --print --start 2024-03-01 --venues DERIBIT > views.sql",
            "mtdh sql trades.sql --start 2024-03-01",
        ],
    ),
    ("ddl", &["mtdh ddl --dialect duckdb", "mtdh ddl --dialect athena trades candles --lake s3://BUCKET"]),
    (
        "publish",
        &[
            "mtdh publish iceberg",
            "mtdh publish iceberg --start-date 2024-03-01 --venues DERIBIT --data-types trades --verify",
            "mtdh publish bigquery --dry-run --dataset PROJECT.ticks --start 2024-03-01 --data-types trades --lake gs://BUCKET",
        ],
    ),
    (
        "export",
        &[
            "mtdh export hive --out hive --start-date 2024-03-01",
            "mtdh export hive --out gs://BUCKET/hive --tables trades,candles --venues DERIBIT --compact",
            "mtdh export delta --out delta --tables candles_1m",
        ],
    ),
    ("schema", &["mtdh schema", "mtdh schema trades", "mtdh schema candles --format json"]),
    (
        "validate",
        &[
            "mtdh validate --start-date 2024-03-01 --end-date 2024-03-31 --venues DERIBIT",
            "mtdh validate --start-date 2024-03-01 --deep --sample 4%",
        ],
    ),
    (
        "check",
        &[
            "mtdh check all --start-date 2024-03-01 --venues DERIBIT --report report.html",
            "mtdh check timestamp --data-file trades.parquet",
            "mtdh check all --start-date 2024-03-01 --venues DERIBIT --gate --min-grade degraded --format github",
            "mtdh check cross-source --symbol BTC-USDT --start-date 2024-03-01",
            "mtdh check stream --instrument BTC-USDT --timeframe 1m --format jsonl < candles.jsonl",
        ],
    ),
    (
        "certify",
        &[
            "mtdh certify --start-date 2024-03-01 --end-date 2024-03-31 --venues DERIBIT --out march.json",
            "mtdh certify --start-date 2024-03-01 --universe core60 --bytes --out core60.json",
        ],
    ),
    ("verify", &["mtdh verify march.json", "mtdh verify march.json --lake gs://BUCKET --bytes"]),
    ("monitor", &["mtdh monitor march", "mtdh monitor march --watch"]),
    ("resume", &["mtdh resume march --save march-rest"]),
    (
        "deploy",
        &[
            "mtdh deploy render k8s --run march --shards 8 --image registry.example/mtdh:0.1",
            "mtdh deploy render batch --run march --shards 8 --image registry.example/mtdh:0.1 --spot",
        ],
    ),
    (
        "serve",
        &[
            "mtdh serve",
            "mtdh serve --lake gs://BUCKET --listen 0.0.0.0:8087 --token-file token --allow-host lake.example.com",
        ],
    ),
    (
        "sim",
        &[
            "mtdh sim --port 8000",
            "mtdh sim --faults faults.json --seconds 60",
            "mtdh sim exchange binance deribit --seconds 60",
            "mtdh sim replay lines.gz --venue binance --pace max",
        ],
    ),
    ("doctor", &["mtdh doctor", "mtdh doctor --lake gs://BUCKET --format json"]),
    ("config", &["mtdh config show", "mtdh config check"]),
    ("completions", &["mtdh completions bash > ~/.local/share/bash-completion/completions/mtdh"]),
    ("man", &["mtdh man ~/.local/share/man/man1"]),
];

/// What can be had without a key.
pub const WITHOUT_KEY: &str =
    "Without an API key, Tardis serves the first day of each month. To use a key, set TARDIS_API_KEY.";

/// What each exit status means.
pub const STATUSES: &str =
    "0 clean; 1 ran, but not clean (gaps, failed files); 2 could not run; 30 quota used up; 130 interrupted.";

/// The command line with its help.
pub fn with_help(command: Command) -> Command {
    let groups = groups(&command);
    let command = command.help_template(format!(
        "{{about-with-newline}}\n{{usage-heading}} {{usage}}\n{groups}\nOptions:\n{{options}}\n\n\
         Run `mtdh VERB --help` for the options of a verb, with examples.\n{WITHOUT_KEY}\nExit status: {STATUSES}\n"
    ));
    EXAMPLES.iter().fold(command, |command, (verb, lines)| {
        let examples = lines.iter().fold("Examples:".to_owned(), |text, line| text + "\n  " + line);
        command.mut_subcommand(verb, |verb| verb.after_help(examples))
    })
}

fn groups(command: &Command) -> String {
    let mut text = String::new();
    for (title, verbs) in GROUPS {
        let _infallible = write!(text, "\n{title}:\n");
        for verb in *verbs {
            let about = command.find_subcommand(verb).and_then(Command::get_about);
            let about = about.map_or_else(|| "Print the help of a verb".to_owned(), ToString::to_string);
            let _infallible = writeln!(text, "  {verb:<14} {about}");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use clap::FromArgMatches;

    use super::*;
    use crate::args::{Cli, command, lists};

    #[test]
    fn every_verb_stands_in_one_group_and_has_examples() {
        let command = command();
        let mut verbs: Vec<&str> = command.get_subcommands().map(Command::get_name).collect();
        let mut grouped: Vec<&str> = GROUPS.iter().flat_map(|(_, verbs)| *verbs).copied().collect();
        let mut exemplified: Vec<&str> = EXAMPLES.iter().map(|(verb, _)| *verb).collect();
        grouped.retain(|verb| *verb != "help");
        for list in [&mut verbs, &mut grouped, &mut exemplified] {
            list.sort_unstable();
        }
        assert_eq!(grouped, verbs);
        assert_eq!(exemplified, verbs);
    }

    #[test]
    fn every_example_is_a_command_line() {
        for (verb, lines) in EXAMPLES {
            for line in *lines {
                let words =
                    line.split_once(" > ").or(line.split_once(" < ")).map_or(*line, |(words, _)| words);
                let words = words.split(' ').map(Into::into);
                let matches = command().try_get_matches_from(lists::gathered(words, &command())).unwrap();
                assert_eq!(matches.subcommand_name(), Some(*verb), "{line}");
                Cli::from_arg_matches(&matches).unwrap();
            }
        }
    }

    #[test]
    fn the_quick_reference_is_made_from_the_help() {
        let command = command();
        let mut page = String::from(
            "# Quick reference\n\nEvery verb: what it does, and one command. `mtdh VERB --help` has its flags and more examples; \
             [verbs](verbs.md) has the facts. Made from `crates/mtdh/src/args/help.rs`.\n",
        );
        for (title, verbs) in GROUPS {
            let _infallible =
                write!(page, "\n## {title}\n\n| verb | what it does | example |\n|---|---|---|\n");
            for verb in verbs.iter().filter(|verb| **verb != "help") {
                let about = command.find_subcommand(verb).and_then(Command::get_about).unwrap();
                let (_, lines) = EXAMPLES.iter().find(|(of, _)| of == verb).unwrap();
                let example = lines[0].replace('|', "\\|");
                let _infallible = writeln!(page, "| `{verb}` | {about} | `{example}` |");
            }
        }
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/reference/quick-reference.md");
        if std::env::var_os("MTDH_WRITE_DOCS").is_some() {
            std::fs::write(path, &page).unwrap();
        }
        let written = std::fs::read_to_string(path).unwrap_or_default();
        assert_eq!(
            written, page,
            "write it anew: MTDH_WRITE_DOCS=1 cargo test --workspace --lib quick_reference"
        );
    }
}
