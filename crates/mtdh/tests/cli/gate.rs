//! `mtdh check --gate`: one status, and annotations, for a CI job that must not use bad data.

use crate::support::{DAY, Stage};

const WHAT: &str = "--instruments DERIBIT:PERP:* --data-types trades";
const OBJECT: &str =
    "data/raw_tick_data/by_date/day-2024-03-01/data_type-trades/DERIBIT:PERP:BTC-USD.parquet";

fn gate(more: &str) -> String {
    format!("check all --start-date {DAY} {WHAT} --gate {more}")
}

#[test]
fn a_gate_says_in_one_status_whether_data_may_be_used() {
    let stage = Stage::new();
    stage.expect(0, &format!("full-pipeline --start-date {DAY} {WHAT}"));
    let passed = stage.expect(0, &gate("--min-grade degraded --format github")).stdout;
    let last = passed.lines().last().unwrap();
    assert!(last.starts_with("::notice title=mtdh gate::passed: clean; "), "{passed}");
    assert!(passed.lines().all(|line| line.starts_with("::")), "{passed}");
    let junit = stage.expect(0, &gate("--min-grade degraded --format junit")).stdout;
    assert!(junit.contains("<testsuite name=\"gate\" tests=\"1\" failures=\"0\""), "{junit}");
    // What is missing never passes, whatever grade is asked for.
    std::fs::remove_file(stage.path(OBJECT)).unwrap();
    for grade in ["good", "degraded", "bad"] {
        let held = stage.expect(1, &gate(&format!("--min-grade {grade} --format github"))).stdout;
        let named =
            "::error title=mtdh grade::2024-03-01 DERIBIT:PERP:BTC-USD trades: 1, missing, and at least";
        assert!(held.contains(&format!("{named} {grade} is asked for")), "{held}");
        assert!(held.lines().last().unwrap().starts_with("::error title=mtdh gate::did not pass"), "{held}");
    }
    let junit = stage.expect(1, &gate("--min-grade bad --format junit")).stdout;
    assert!(junit.contains("<testsuite name=\"gate\" tests=\"1\" failures=\"1\""), "{junit}");
    // Without a grade it is the findings that decide.
    assert!(stage.expect(1, &gate("--format github")).stdout.contains("title=mtdh missing_partition"));
}

#[test]
fn what_a_gate_cannot_tell_is_refused() {
    let stage = Stage::new();
    stage.expect(0, &format!("full-pipeline --start-date {DAY} {WHAT}"));
    for (words, expected) in [
        ("ls --format github", "for mtdh check --gate"),
        ("check all --start-date 2024-03-01 --format junit", "for mtdh check --gate"),
        ("check gaps --start-date 2024-03-01 --gate --min-grade good", "mtdh check all"),
        ("check all --start-date 2024-03-01 --min-grade good", "--gate"),
    ] {
        let refused = stage.expect(2, words);
        assert!(refused.stderr.contains(expected), "{words}: {}", refused.stderr);
    }
    // Nothing to look at is no pass.
    let nothing = stage.expect(
        1,
        &format!("check all --start-date {DAY} --instruments DERIBIT:OPTION:NO* --gate --format github"),
    );
    assert!(
        nothing.stdout.lines().last().unwrap().starts_with("::error title=mtdh gate::"),
        "{}",
        nothing.stdout
    );
}
