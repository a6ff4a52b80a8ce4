//! The vendor issues a file anew: seen, said, and replaced when that is asked for.

use mtdh_core::DataType;
use mtdh_sim::{Config, Fault, FaultKind, Host, Options, Size, Validators};

use crate::support::{DAY, Stage, contents};

const WHAT: &str = "--instruments DERIBIT:PERP:* --data-types trades";

fn reissue(stage: &Stage) {
    stage.sim.reissue("deribit", DataType::Trades, DAY.parse().unwrap(), "BTC-PERPETUAL");
}

#[test]
fn a_file_that_was_issued_anew_is_seen_and_replaced() {
    for validators in [Validators::Both, Validators::Neither] {
        let options = Options { validators, ..Options::default() };
        let stage = Stage::of(Config { size: Size::Small, options, ..Config::default() });
        let recheck = format!("validate --start-date {DAY} {WHAT} --deep --recheck");
        stage.expect(0, &format!("download --start-date {DAY} {WHAT}"));
        let same = stage.expect(0, &recheck);
        assert!(same.stderr.contains("2 files rechecked: 2 as they were, 0 changed"), "{}", same.stderr);
        let before = contents(&stage.path("data"));
        reissue(&stage);
        stage.expect(0, &recheck.replace(" --recheck", ""));
        let changed = stage.expect(1, &recheck);
        let line = "changed: deribit/trades/2024/03/01/BTC-PERPETUAL.csv.gz (1 partition): the vendor issued it anew";
        assert!(changed.stderr.contains(line), "{}", changed.stderr);
        assert!(changed.stderr.ends_with("not known to be what the vendor has now\n"), "{}", changed.stderr);
        let without_force = stage.expect(0, &format!("download --start-date {DAY} {WHAT}"));
        assert!(without_force.stdout.contains("partitions not fetched: stored"));
        assert_eq!(contents(&stage.path("data")), before, "looking changes nothing");
        stage.expect(0, &format!("download --start-date {DAY} {WHAT} --force"));
        let after = contents(&stage.path("data"));
        let differs = |name: &&String| before[*name] != after[*name];
        let replaced: Vec<&String> = before.keys().filter(differs).collect();
        assert_eq!(replaced.len(), 2, "the one object and the day's report: {replaced:?}");
        stage.expect(0, &recheck);
    }
}

#[test]
fn a_file_of_which_the_vendor_gives_no_answer_is_not_called_unchanged() {
    let stage = Stage::new();
    stage.expect(0, &format!("download --start-date {DAY} {WHAT}"));
    let failing = FaultKind::Status { status: 503, body: Default::default() };
    stage.sim.set_faults(vec![Fault::always(Host::Datasets, "BTC-PERPETUAL", failing)]);
    let run = stage.expect(1, &format!("validate --start-date {DAY} {WHAT} --deep --recheck"));
    assert!(run.stderr.contains("not rechecked: deribit/trades/2024/03/01/BTC-PERPETUAL"), "{}", run.stderr);
    stage.sim.set_faults(vec![Fault::always(Host::Datasets, "BTC-PERPETUAL", FaultKind::NoSuchFile)]);
    let gone = stage.expect(1, &format!("validate --start-date {DAY} {WHAT} --deep --recheck"));
    assert!(gone.stderr.contains("the vendor no longer has it"), "{}", gone.stderr);
}

/// Two instruments of a group's file are stored, the vendor issues it anew, and the others are stored from that: only of
/// the two the vendor has something else now.
#[test]
fn of_a_groups_file_in_two_versions_the_older_one_is_named_with_its_partitions() {
    let stage = Stage::new();
    let options =
        format!("--start-date {DAY} --venues DERIBIT --instrument-types OPTION --data-types options_chain");
    stage.expect(0, &format!("download {options} --max-instruments 2"));
    stage.sim.reissue("deribit", DataType::OptionsChain, DAY.parse().unwrap(), "OPTIONS");
    stage.expect(0, &format!("download {options}"));
    let run = stage.expect(1, &format!("validate {options} --deep --recheck --format json"));
    let report: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
    let recheck = &report["recheck"];
    assert_eq!(recheck["files"], 2, "{recheck}");
    let reissued = recheck["reissued"].as_array().unwrap();
    assert_eq!(reissued.len(), 1, "{recheck}");
    assert_eq!(reissued[0]["file"], "deribit/options_chain/2024/03/01/OPTIONS.csv.gz");
    assert_eq!(reissued[0]["partitions"].as_array().unwrap().len(), 2, "{recheck}");
    stage.expect(0, &format!("download {options} --max-instruments 2 --force"));
    stage.expect(0, &format!("validate {options} --deep --recheck"));
}
