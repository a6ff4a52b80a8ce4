//! What "complete" is measured against: the vendor's lists with faults in what they say.

use mtdh_sim::{Config, Fault, FaultKind, Host, JsonEdit, Size};
use serde_json::{Value, json};

use crate::support::{DAY, Run, Stage, run};

const VENUE: &str = "--venues OKX-SWAP --data-types trades,derivative_ticker";
const SYMBOL: &str = "/availableSymbols/id=SHIB-USDT-SWAP";
const FILES: &str = "/datasets/symbols/id=SHIB-USDT-SWAP";

/// The exchange's details with changes.
fn details(edits: &[JsonEdit]) -> Vec<Fault> {
    let kind = FaultKind::Json { edits: edits.to_vec() };
    vec![Fault::always(Host::Api, "exchanges/okex-swap", kind)]
}

/// A run that asks the vendor anew.
fn fresh(stage: &Stage, words: &str) -> Run {
    if stage.path("cache").exists() {
        std::fs::remove_dir_all(stage.path("cache")).unwrap();
    }
    stage.run(words)
}

fn pipeline(stage: &Stage) -> Run {
    fresh(stage, &format!("full-pipeline --start-date {DAY} {VENUE} --format json"))
}

fn validation(run: &Run) -> Value {
    let report: Value = serde_json::from_str(&run.stdout).unwrap_or_else(|e| panic!("{e}: {run:?}"));
    report.get("validation").unwrap_or(&report).clone()
}

/// Reason and count of what is not expected.
fn not_expected(report: &Value) -> Vec<(String, u64)> {
    let line = |l: &Value| (l["reason"].as_str().unwrap().to_owned(), l["count"].as_u64().unwrap());
    report["not_expected"].as_array().unwrap().iter().map(line).collect()
}

#[test]
fn what_is_left_out_is_counted_with_its_reason() {
    let all_types = |value: Value| JsonEdit::set("/datasets/symbols/*/dataTypes", value);
    for (edits, status, verdict, expected) in [
        (vec![], 0, "complete", vec![]),
        (
            vec![JsonEdit::set("/datasets", Value::Null)],
            1,
            "not_complete",
            vec![("nothing_exported", 1), ("no_files", 10)],
        ),
        (
            vec![JsonEdit::remove("/availableSymbols"), JsonEdit::set("/datasets/symbols", json!([]))],
            1,
            "not_complete",
            vec![],
        ),
        (vec![all_types(json!([]))], 1, "not_complete", vec![("no_data_types", 10)]),
        (
            vec![all_types(json!(["trade_v2"]))],
            1,
            "not_complete",
            vec![("no_data_types", 10), ("unknown_data_type", 10)],
        ),
        (
            vec![JsonEdit::set(&format!("{FILES}/dataTypes"), json!([]))],
            0,
            "complete",
            vec![("no_data_types", 1)],
        ),
        (
            vec![JsonEdit::set(&format!("{FILES}/dataTypes"), json!(["trade_v2", "quotes"]))],
            0,
            "complete",
            vec![("unknown_data_type", 1)],
        ),
        (vec![JsonEdit::remove(FILES)], 0, "complete", vec![("no_files", 1)]),
        // In the list of files alone: there are files, and they are expected.
        (vec![JsonEdit::remove(SYMBOL)], 0, "complete", vec![]),
        (
            vec![
                JsonEdit::set(&format!("{SYMBOL}/type"), "dividend"),
                JsonEdit::set(&format!("{FILES}/type"), "dividend"),
            ],
            0,
            "complete",
            // It is there with type UNKNOWN; the contract terms say another one.
            vec![("types_differ", 1)],
        ),
        (
            vec![JsonEdit::append(
                "/availableSymbols",
                json!({"id": "???", "type": "perpetual", "availableSince": "2020-01-01T00:00:00Z"}),
            )],
            0,
            "complete",
            vec![("no_files", 1)],
        ),
        (
            vec![JsonEdit::set("/availableTo", "2024-03-01T00:00:00Z")],
            1,
            "nothing_expected",
            vec![("closed", 1)],
        ),
        (
            vec![JsonEdit::set("/availableSince", "2024-03-02T00:00:00Z")],
            1,
            "nothing_expected",
            vec![("not_yet_open", 1)],
        ),
    ] {
        let stage = Stage::with(details(&edits));
        let run = pipeline(&stage);
        let report = validation(&run);
        let mut counts = not_expected(&report);
        counts.sort();
        let mut expected: Vec<(String, u64)> = expected.into_iter().map(|(r, c)| (r.to_owned(), c)).collect();
        expected.sort();
        assert_eq!(
            (counts, report["verdict"].as_str()),
            (expected, Some(verdict)),
            "{edits:?}\n{}",
            run.stderr
        );
        assert_eq!(run.status, status, "{edits:?}\n{}", run.stderr);
        assert!(status == 0 || !run.stderr.ends_with("\ncomplete\n"), "{edits:?}");
    }
}

#[test]
fn what_has_a_native_key_is_counted_in_a_run_that_takes_it() {
    let listed = json!({"id": "???", "type": "perpetual", "availableSince": "2020-01-01T00:00:00Z"});
    let stage = Stage::with(details(&[JsonEdit::append("/availableSymbols", listed)]));
    for (names, native, expected) in
        [("OKX-SWAP:PERP:*", 1, vec![("no_files".to_owned(), 1)]), ("OKX-SWAP:PERP:SHIB-USDT", 0, vec![])]
    {
        let words = format!(
            "full-pipeline --start-date {DAY} --data-types trades --instruments {names} --format json"
        );
        let report = validation(&stage.expect(0, &words));
        assert_eq!(not_expected(&report), expected, "{names}");
        assert_eq!(report["native_keys"], native, "{names}");
    }
}

#[test]
fn every_form_of_output_tells_what_is_not_expected() {
    let stage = Stage::with(details(&[JsonEdit::remove(FILES)]));
    let selection = format!("--start-date {DAY} {VENUE}");
    for verb in ["instruments", "plan", "download", "validate", "check all", "full-pipeline"] {
        for form in ["table", "csv", "jsonl", "json"] {
            let words = match verb {
                "instruments" => format!("instruments --start-date {DAY} --venues OKX-SWAP --format {form}"),
                verb => format!("{} {selection} --format {form}", verb.split(' ').next().unwrap()),
            };
            let words = if verb == "check all" { words.replace("check", "check all") } else { words };
            let run = stage.run(&words);
            let told = if verb == "check all" && form == "table" { &run.stderr } else { &run.stdout };
            assert!(told.contains("no_files"), "{words}\n{}\n{}", run.stdout, run.stderr);
        }
    }
}

#[test]
fn of_two_ends_the_later_one_is_asked_for() {
    let early = "2024-02-01T00:00:00.000Z";
    let shib = "OKX-SWAP:PERP:SHIB-USDT";
    for (place, expected) in [(SYMBOL, true), (FILES, true), ("both", false)] {
        let places = if place == "both" { vec![SYMBOL, FILES] } else { vec![place] };
        let edits: Vec<JsonEdit> =
            places.iter().map(|p| JsonEdit::set(&format!("{p}/availableTo"), early)).collect();
        let stage = Stage::with(details(&edits));
        stage.expect(0, &format!("instruments --start-date {DAY} --venues OKX-SWAP"));
        assert_eq!(stage.run("instruments list --format csv").stdout.contains(shib), expected, "{place}");
    }
}

#[test]
fn a_table_that_loses_rows_is_not_complete_until_that_is_accepted() {
    let stage = Stage::new();
    assert_eq!(pipeline(&stage).status, 0);
    let one = |edit| vec![edit];
    for edits in [
        vec![
            JsonEdit::Keep { at: "/availableSymbols".to_owned(), count: 1 },
            JsonEdit::Keep { at: "/datasets/symbols".to_owned(), count: 2 },
        ],
        vec![JsonEdit::remove(SYMBOL), JsonEdit::remove(FILES)],
        one(JsonEdit::set(&format!("{FILES}/dataTypes"), json!(["trades"]))),
        one(JsonEdit::set(&format!("{FILES}/availableSince"), "2024-04-01T00:00:00Z")),
    ] {
        if edits.len() == 1 && format!("{edits:?}").contains("availableSince") {
            // The other list still has the earlier start.
            stage.sim.set_faults(details(&edits));
            assert_eq!(pipeline(&stage).status, 0);
            continue;
        }
        stage.sim.set_faults(details(&edits));
        let run = pipeline(&stage);
        let report = validation(&run);
        assert_eq!((run.status, report["verdict"].as_str()), (1, Some("needs_decision")), "{edits:?}");
        assert!(
            run.stderr.contains("no longer listed by the vendor: 2024-03-01 OKX-SWAP:PERP:SHIB-USDT"),
            "{}",
            run.stderr
        );
        let selection = format!("--start-date {DAY} {VENUE}");
        stage.expect(1, &format!("validate {selection}"));
        stage.expect(1, &format!("check completeness {selection}"));
        let engine = format!("download {selection} --exit-codes engine");
        stage.expect(20, &engine);
        // Listed again, it is as it was.
        stage.sim.set_faults(Vec::new());
        assert_eq!(pipeline(&stage).status, 0, "{edits:?}");
    }
    stage.sim.set_faults(details(&[JsonEdit::remove(SYMBOL), JsonEdit::remove(FILES)]));
    let accepted =
        fresh(&stage, &format!("instruments --start-date {DAY} --venues OKX-SWAP --accept-removed"));
    assert_eq!(accepted.status, 0, "{}", accepted.stderr);
    let after = stage.expect(0, &format!("validate --start-date {DAY} {VENUE}"));
    assert!(after.stderr.contains("2 objects in the lake that the tables do not expect"), "{}", after.stderr);
}

#[test]
fn an_end_that_the_vendor_gives_lets_a_row_go() {
    let stage = Stage::new();
    assert_eq!(pipeline(&stage).status, 0);
    let ended =
        [SYMBOL, FILES].map(|p| JsonEdit::set(&format!("{p}/availableTo"), "2024-02-01T00:00:00.000Z"));
    stage.sim.set_faults(details(&ended));
    let run = pipeline(&stage);
    assert_eq!(run.status, 0, "{}", run.stderr);
    assert_eq!(validation(&run)["withdrawn"], json!([]));
}

#[test]
fn symbols_that_end_in_one_key_have_objects_of_their_own() {
    let symbols = ["ZZZ-USDT-SWAP", "ZZZ USDT-SWAP", "ZZZ*USDT-SWAP", "ZZZ+USDT-SWAP"];
    let listed = |id: &str| json!({"id": id, "type": "perpetual", "availableSince": "2020-01-01T00:00:00Z"});
    let edits = symbols.map(|id| JsonEdit::append("/availableSymbols", listed(id)));
    let stage = Stage::with(details(&edits));
    let first = fresh(&stage, &format!("instruments --start-date {DAY} --venues OKX-SWAP --format json"));
    assert_eq!(first.status, 0, "{}", first.stderr);
    let list = stage.expect(0, "instruments list --format json").stdout;
    let list: Vec<Value> = serde_json::from_str(&list).unwrap();
    let of_twins = |i: &&Value| i["exchange_raw_symbol"].as_str().unwrap().starts_with("ZZZ");
    let keys: std::collections::BTreeSet<&str> =
        list.iter().filter(of_twins).map(|i| i["instrument_key"].as_str().unwrap()).collect();
    assert_eq!(keys.len(), symbols.len(), "{keys:?} {}", first.stdout);
}

#[test]
fn an_answer_about_another_exchange_is_refused() {
    for (url, edit) in [
        ("exchanges/okex-swap", JsonEdit::set("/id", "deribit")),
        ("instruments/okex-swap", JsonEdit::set("/*/exchange", "deribit")),
    ] {
        let kind = FaultKind::Json { edits: vec![edit] };
        let stage = Stage::with(vec![Fault::always(Host::Api, url, kind)]);
        for _ in 0..2 {
            let run = stage.expect(2, &format!("instruments --start-date {DAY} --venues OKX-SWAP"));
            assert!(run.stderr.contains("is about `deribit`, not about `okex-swap`"), "{}", run.stderr);
        }
        assert!(!stage.path("data/instrument_availability").exists());
        stage.sim.set_faults(Vec::new());
        stage.expect(0, &format!("instruments --start-date {DAY} --venues OKX-SWAP"));
    }
}

#[test]
fn three_cases_of_a_name_are_never_mixed_up() {
    let stage = Stage::new();
    stage.expect(0, &format!("full-pipeline --start-date {DAY} --venues BINANCE --data-types trades"));
    let validate = |names: &str, status| {
        let words =
            format!("validate --start-date {DAY} --data-types trades --instruments {names} --format json");
        let run = stage.expect(status, &words);
        let names = validation(&run)["names"].clone();
        let count = |case: &str| names[case].as_array().unwrap().len();
        ([count("never_existed"), count("not_alive"), count("alive_and_missing")], run)
    };
    let good = "BINANCE:SPOT_PAIR:BTC-USDT";
    assert_eq!(validate(good, 0).0, [0, 0, 0]);
    let (counts, run) = validate(&format!("{good},BINANCE:SPOT_PAIR:ETH-USDTT"), 1);
    assert_eq!(counts, [1, 0, 0]);
    assert!(run.stderr.contains("perhaps BINANCE:SPOT_PAIR:ETH-USDT"), "{}", run.stderr);
    assert_eq!(validate(&format!("{good},BINANCE:SPOT_PAIR:BTC-BUSD"), 0).0, [0, 1, 0]);
    let engine = format!("download --start-date {DAY} --data-types trades --exit-codes engine --instruments");
    stage.expect(20, &format!("{engine} {good},BINANCE:SPOT_PAIR:ETH-USDTT"));
    stage.expect(0, &format!("{engine} {good},BINANCE:SPOT_PAIR:BTC-BUSD"));
    // The table was made of a list that lacked it.
    let shib = JsonEdit::remove("/availableSymbols/id=shibusdt");
    let files = JsonEdit::remove("/datasets/symbols/id=SHIBUSDT");
    let kind = FaultKind::Json { edits: vec![shib, files] };
    let lacking = Stage::with(vec![Fault::always(Host::Api, "exchanges/binance", kind)]);
    lacking.expect(0, &format!("full-pipeline --start-date {DAY} --venues BINANCE --data-types trades"));
    lacking.sim.set_faults(Vec::new());
    let words = format!(
        "validate --start-date {DAY} --data-types trades --instruments {good},BINANCE:SPOT_PAIR:SHIB-USDT"
    );
    let run = fresh(&lacking, &words);
    assert!(run.stderr.contains("listed by the vendor but not in the instrument table"), "{}", run.stderr);
    assert_eq!(run.status, 1);
}

#[test]
fn days_that_are_not_exported_have_a_verdict_of_their_own() {
    let stage = Stage::new();
    let range = "--start-date 2024-03-01 --end-date 2024-03-04 --venues OKX-SWAP --data-types trades";
    let run = stage.expect(1, &format!("full-pipeline {range} --format json"));
    let report = validation(&run);
    assert_eq!(report["verdict"], "complete_up_to");
    assert_eq!(report["complete_up_to"], "2024-03-02");
    assert_eq!(report["days_not_exported"], json!(["2024-03-03", "2024-03-04"]));
    assert!(run.stderr.contains("complete up to 2024-03-02; 2 days not exported yet"), "{}", run.stderr);
    for (words, usual, engine) in [
        (format!("download {range}"), 1, 10),
        (format!("download {range} --allow-not-exported"), 0, 0),
        (format!("full-pipeline {range} --allow-not-exported"), 0, 0),
    ] {
        stage.expect(usual, &words);
        stage.expect(engine, &format!("{words} --exit-codes engine"));
    }
    stage.expect(0, &format!("validate {range} --allow-not-exported"));
    let graced = |hours: &str| {
        let mut command = stage.command(&format!("validate {range}"));
        run_status(command.env("MTDH_EXPORT_GRACE", hours))
    };
    assert_eq!((graced("0"), graced("24")), (1, 1), "the days are years ago");
    // A plan that was saved is worked off clean, whatever was not exported when it was saved.
    let saved = format!("plan {range} --save run1");
    stage.expect(1, &format!("{saved} --force"));
    stage.expect(0, "download --run run1");
}

fn run_status(command: &mut std::process::Command) -> i32 {
    command.output().unwrap().status.code().unwrap_or(-1)
}

#[test]
fn what_a_key_told_is_not_lost_without_one() {
    let stage = Stage::new();
    let words = format!("instruments --start-date {DAY} --venues OKX-SWAP");
    stage.expect(0, &words);
    let before = stage.expect(0, "instruments list --format json").stdout;
    let mut without_key = stage.command(&words);
    without_key.env_remove("TARDIS_API_KEY").env("MTDH_CACHE_DIR", stage.path("other-cache"));
    let run = run(without_key);
    assert!(run.status == 0 && run.stderr.contains("0 new, 0 gone, 0 changed"), "{}", run.stderr);
    assert_eq!(stage.expect(0, "instruments list --format json").stdout, before);
    assert!(before.contains("contract_size") && before.contains("\"terms_as_of\": \"20"), "{before}");
}

#[test]
fn kept_metadata_that_is_dated_in_the_future_is_stale() {
    let stage = Stage::new();
    let words = format!("instruments --start-date {DAY} --venues OKX-SWAP");
    stage.expect(0, &words);
    let folder = std::fs::read_dir(stage.path("cache")).unwrap().next().unwrap().unwrap().path();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let bytes = std::fs::read(&path).unwrap();
        let end = bytes.iter().position(|b| *b == b'\n').unwrap();
        let mut first: Value = serde_json::from_slice(&bytes[..end]).unwrap();
        first["current_at"] = json!(4_102_444_800_u64);
        std::fs::write(&path, [first.to_string().as_bytes(), &bytes[end..]].concat()).unwrap();
    }
    stage.sim.clear_requests();
    stage.expect(0, &words);
    assert!(stage.sim.requests().iter().any(|r| r.url.contains("exchanges/okex-swap")));
}

#[test]
fn complete_and_failed_never_stand_in_one_report() {
    let stage = Stage::of(Config { size: Size::Small, ..Config::default() });
    let words = format!("full-pipeline --start-date {DAY} {VENUE}");
    stage.expect(0, &words);
    let fault = Fault::always(Host::Datasets, "SHIB-USDT-SWAP", FaultKind::Reset);
    stage.sim.set_faults(vec![fault]);
    let run = stage.expect(1, &format!("{words} --force"));
    assert!(run.stderr.ends_with("not known to be complete: 2 files failed\n"), "{}", run.stderr);
}
