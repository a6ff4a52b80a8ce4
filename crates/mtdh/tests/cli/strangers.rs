//! What a newcomer gets wrong: the message names the thing, and what may be meant.

use crate::support::{DAY, Stage};

#[test]
fn what_is_no_lake_and_names_that_are_wrong() {
    let stage = Stage::new();
    std::fs::write(stage.path("a-file"), "x").unwrap();
    std::fs::create_dir(stage.path("empty")).unwrap();
    for verb in [
        "want list",
        "want add s --start-date 2024-03-01 --venues DERIBIT",
        "sync",
        "ls",
        "rm --start-date 2024-03-01",
        "why DERIBIT:PERP:BTC-USD 2024-03-01",
        "get DERIBIT:PERP:BTC-USD --data-types trades --start 2024-03-01",
        "paths",
        "sql --print",
        "publish iceberg",
        "export hive --out hive",
        "certify --start-date 2024-03-01 --out c.json",
        "check all --gate --start-date 2024-03-01",
        "full-pipeline --start-date 2024-03-01 --venues DERIBIT",
    ] {
        let run = stage.expect(2, &format!("{verb} --lake a-file"));
        assert!(run.stderr.contains("a-file: not a directory"), "{verb}\n{}", run.stderr);
        assert!(!stage.path("c.json").exists() && !stage.path("hive").exists(), "{verb}");
    }
    // Nothing says which instruments there are: a key that is spelt right is no misspelling of another.
    let run = stage.expect(2, "why DERIBIT:PERP:BTC-USD 2024-03-01 --lake empty");
    assert!(!run.stderr.contains("perhaps"), "{}", run.stderr);
    stage.expect(0, &format!("download --start-date {DAY} --venues DERIBIT --data-types trades"));
    for (words, said) in [
        ("paths --venues DERIBTI", "did you mean DERIBIT?"),
        ("sql --print --venues DERIBTI", "did you mean DERIBIT?"),
        ("paths --tables tradez", "perhaps trades"),
        ("ddl tradez --dialect duckdb", "perhaps trades"),
    ] {
        let run = stage.expect(2, words);
        assert!(run.stderr.contains(said) && run.stdout.is_empty(), "{words}\n{}", run.stderr);
    }
}
