//! One file of a group in the place of many: the same rows, and never an answer that the group did not give.

use std::sync::OnceLock;

use mtdh_sim::{Config, Fault, FaultKind, Host, TrailerPart};

use crate::support::{DAY, Stage};

/// All 101 pairs; the file of the group takes their place.
const ALL: &str = "--venues BINANCE --data-types trades";
const GROUP: &str = "binance/trades/2024/03/01/SPOT.csv.gz";

fn stage() -> Stage {
    Stage::of(Config::default())
}

fn files_asked_for(stage: &Stage) -> usize {
    stage.sim.requests().iter().filter(|r| r.url.contains("binance/trades/")).count()
}

/// The rows of some instruments, as CSV: some without many trades, one with most.
fn rows(stage: &Stage, lake: &str) -> Vec<String> {
    let listing =
        stage.expect(0, &format!("ls --long --format csv --lake {lake} {ALL} --start-date {DAY}")).stdout;
    let keys = listing.lines().skip(1).filter_map(|line| line.split(',').find(|cell| cell.contains(':')));
    let keys: Vec<&str> = keys.step_by(25).chain(["BINANCE:SPOT_PAIR:BTC-USDT"]).collect();
    assert!(keys.len() > 3, "{listing}");
    let get = |key: &&str| {
        stage.expect(0, &format!("get {key} --data-type trades --start {DAY} --lake {lake}")).stdout
    };
    keys.iter().map(get).collect()
}

#[test]
fn two_spellings_in_it_are_one_instrument() {
    let faults = vec![Fault::always(Host::Datasets, GROUP, FaultKind::OtherSpelling)];
    let stage = Stage::of(Config { faults, ..Config::default() });
    stage.expect(0, &format!("full-pipeline --start-date {DAY} {ALL} --lake grouped"));
    assert_eq!(files_asked_for(&stage), 1);
    assert!(rows(&stage, "grouped") == from_single_files().1);
}

/// What single files give, made once: first a part of the instruments, then the others, which are too few for the
/// group to be taken.
fn from_single_files() -> &'static (Stage, Vec<String>) {
    static STAGE: OnceLock<(Stage, Vec<String>)> = OnceLock::new();
    STAGE.get_or_init(|| {
        let stage = stage();
        for limit in ["--max-instruments 60", ""] {
            stage.expect(0, &format!("download --start-date {DAY} {ALL} --lake single {limit}"));
        }
        let rows = rows(&stage, "single");
        (stage, rows)
    })
}

#[test]
fn one_request_gives_what_a_hundred_give() {
    let stage = stage();
    let plan = stage.expect(0, &format!("plan --start-date {DAY} {ALL} --format json"));
    let plan: serde_json::Value = serde_json::from_str(&plan.stdout).unwrap();
    assert_eq!(plan["units"][0]["file"].as_str(), Some(GROUP));
    assert_eq!((plan["units"][0]["is_group"].as_bool(), plan["files"].as_u64()), (Some(true), Some(1)));
    let run = stage.expect(0, &format!("full-pipeline --start-date {DAY} {ALL} --lake grouped"));
    assert!(run.stderr.contains("\ncomplete; next: mtdh check all "), "{}", run.stderr);
    assert_eq!(files_asked_for(&stage), 1);
    let (single, expected) = from_single_files();
    assert!(files_asked_for(single) >= 101);
    assert!(rows(&stage, "grouped") == *expected);
}

#[test]
fn a_group_that_gives_no_answer_is_replaced_by_the_files_of_its_members() {
    for kind in [
        FaultKind::NoRows,
        FaultKind::NoSuchFile,
        FaultKind::OtherDay,
        FaultKind::OtherSymbol,
        FaultKind::WrongTrailer { part: TrailerPart::Crc },
        FaultKind::Status { status: 403, body: Default::default() },
    ] {
        let stage = Stage::of(Config {
            faults: vec![Fault::always(Host::Datasets, GROUP, kind.clone())],
            ..Config::default()
        });
        let run = stage.expect(0, &format!("download --start-date {DAY} {ALL} --lake grouped --format json"));
        let summary: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
        assert_eq!(summary["groups_not_used"].as_u64(), Some(1), "{kind:?}");
        assert!(
            run.stderr.contains("its members are fetched by their own files"),
            "{kind:?}: {}",
            run.stderr
        );
        assert!(files_asked_for(&stage) > 101);
        assert!(rows(&stage, "grouped") == from_single_files().1, "{kind:?}");
        stage.expect(0, &format!("validate --start-date {DAY} {ALL} --lake grouped"));
    }
}

#[test]
fn rows_of_options_under_a_name_that_nobody_knows_are_not_lost() {
    let stage = Stage::with(vec![Fault::once(Host::Datasets, "OPTIONS.csv.gz", FaultKind::OtherSymbol)]);
    let words = format!("download --start-date {DAY} --venues DERIBIT --data-types options_chain");
    let run = stage.expect(1, &words);
    assert!(
        run.stderr.contains("rows are of symbols that the day's instrument table does not have"),
        "{}",
        run.stderr
    );
    assert!(run.stdout.contains("files failed"), "{}", run.stdout);
    stage.expect(0, &words);
    stage.expect(0, &words.replace("download", "validate"));
}
