//! What the vendor may answer about a venue, and what a run makes of it: entries that cannot be read, venues that cannot be had,
//! a key that covers a part, an exchange that is newer than the program, symbols without a canonical key.

use mtdh_sim::{Fault, FaultKind, Host, JsonEdit, LIMITED_KEY};
use serde_json::{Value, json};

use crate::support::{DAY, Run, Stage, run};

const TYPES: &str = "--data-types trades,derivative_ticker";

fn edits(url: &str, edits: &[JsonEdit]) -> Fault {
    Fault::always(Host::Api, url, FaultKind::Json { edits: edits.to_vec() })
}

fn answer(url: &str, status: u16, body: &Value) -> Fault {
    let kind = FaultKind::Words { status, body: body.to_string(), etag: None };
    Fault::always(Host::Api, url, kind)
}

fn report(run: &Run) -> Value {
    serde_json::from_str(&run.stdout).unwrap_or_else(|error| panic!("{error}: {run:?}"))
}

#[test]
fn an_entry_that_cannot_be_read_is_named_and_the_others_go_on() {
    let swap = "exchanges/okex-swap";
    let terms = "instruments/okex-swap";
    for (name, url, edit, told) in [
        (
            "an incident without an end",
            swap,
            JsonEdit::set(
                "/incidentReports",
                json!([{"from": "2024-01-01T00:00:00.000Z", "status": "unresolved"}]),
            ),
            "`from 2024-01-01T00:00:00.000Z` of incidentReports: missing field `to`",
        ),
        (
            "a symbol without a start",
            swap,
            JsonEdit::append("/availableSymbols", json!({"id": "AAA-USDT-SWAP", "type": "perpetual"})),
            "`AAA-USDT-SWAP` of availableSymbols: missing field `availableSince`",
        ),
        (
            "a file whose types are no list",
            swap,
            JsonEdit::append(
                "/datasets/symbols",
                json!({"id": "BBB", "type": "perpetual", "availableSince": "2020-01-01T00:00:00Z", "dataTypes": 1}),
            ),
            "`BBB` of datasets.symbols: invalid type",
        ),
        (
            "an element that is none",
            swap,
            JsonEdit::append("/availableSymbols", json!(7)),
            "of availableSymbols: invalid type",
        ),
        (
            "terms without a base",
            terms,
            JsonEdit::remove("/id=SHIB-USDT-SWAP/baseCurrency"),
            "`SHIB-USDT-SWAP` of instruments: missing field `baseCurrency`",
        ),
        (
            "a change without an end",
            terms,
            JsonEdit::set("/id=SHIB-USDT-SWAP/changes", json!([{"contractMultiplier": 1}])),
            "`SHIB-USDT-SWAP` of instruments: missing field `until`",
        ),
    ] {
        let stage = Stage::with(vec![edits(url, &[edit])]);
        let of_venue = format!("--start-date {DAY} --venues OKX-SWAP {TYPES}");
        let run = stage.expect(1, &format!("full-pipeline {of_venue} --format json"));
        assert!(run.stderr.contains(told), "{name}: {}", run.stderr);
        let report = report(&run);
        assert_eq!(report["validation"]["verdict"], "not_complete", "{name}");
        assert_eq!(report["validation"]["totals"]["missing"], 0, "{name}");
        assert!(report["validation"]["totals"]["stored"].as_u64() > Some(0), "{name}");
        let list = stage.expect(0, "instruments list --format json").stdout;
        assert!(list.contains("OKX-SWAP:PERP:SHIB-USDT"), "{name}");
        // Once the vendor has mended it, nothing is left of it.
        stage.sim.set_faults(Vec::new());
        std::fs::remove_dir_all(stage.path("cache")).unwrap();
        stage.expect(0, &format!("full-pipeline {of_venue}"));
        stage.expect(0, &format!("validate {of_venue}"));
    }
}

#[test]
fn contract_terms_that_cannot_be_had_are_missed_and_the_venue_goes_on() {
    let none = json!({"code": 404, "message": "not found"});
    for (name, fault) in [
        ("404", answer("instruments/okex-swap", 404, &none)),
        ("no list", answer("instruments/okex-swap", 200, &json!({"a": 1}))),
    ] {
        let stage = Stage::with(vec![fault]);
        let selection = format!("--start-date {DAY} --venues OKX-SWAP {TYPES}");
        let run = stage.expect(1, &format!("full-pipeline {selection} --format json"));
        assert!(
            run.stderr.contains("the vendor's contract terms cannot be read: okex-swap: "),
            "{name}: {}",
            run.stderr
        );
        assert!(report(&run)["validation"]["totals"]["stored"].as_u64() > Some(0), "{name}");
        let shown = stage.expect(0, "instruments show OKX-SWAP:PERP:SHIB-USDT --format json").stdout;
        let shown: Value = serde_json::from_str(&shown).unwrap();
        assert_eq!((&shown["contract_size"], &shown["terms_as_of"]), (&Value::Null, &Value::Null), "{name}");
        stage.sim.set_faults(Vec::new());
        std::fs::remove_dir_all(stage.path("cache")).unwrap();
        stage.expect(0, &format!("download {selection}"));
        let shown = stage.expect(0, "instruments show OKX-SWAP:PERP:SHIB-USDT --format json").stdout;
        assert!(serde_json::from_str::<Value>(&shown).unwrap()["contract_size"].is_number(), "{name}");
    }
}

#[test]
fn a_venue_that_cannot_be_had_does_not_stop_the_others() {
    let none = json!({"code": 300, "message": "no such exchange"});
    let stage = Stage::with(vec![answer("exchanges/deribit", 400, &none)]);
    for verb in ["instruments", "plan", "download", "full-pipeline"] {
        let types = if verb == "instruments" { "" } else { TYPES };
        let run = stage.expect(1, &format!("{verb} --start-date {DAY} --venues OKX-SWAP,DERIBIT {types}"));
        assert!(
            run.stderr.contains("left out: DERIBIT: the vendor has no exchange `deribit`"),
            "{verb}: {}",
            run.stderr
        );
    }
    stage.expect(0, &format!("validate --start-date {DAY} --venues OKX-SWAP {TYPES}"));
    stage.expect(1, &format!("validate --start-date {DAY} --venues OKX-SWAP,DERIBIT {TYPES}"));
    stage.expect(2, &format!("instruments --start-date {DAY} --venues DERIBIT"));
}

#[test]
fn a_key_that_covers_one_of_two_venues_brings_that_one() {
    let stage = Stage::new();
    let day = "2024-02-28";
    let run_with_key = |words: &str| {
        let mut command = stage.command(words);
        command.env("TARDIS_API_KEY", LIMITED_KEY);
        run(command)
    };
    for venues in ["BINANCE,DERIBIT", "DERIBIT,BINANCE"] {
        let words = format!(
            "download --start-date {day} --venues {venues} --instruments BINANCE:*,DERIBIT:PERP:* --data-types trades --force"
        );
        let both = run_with_key(&words);
        assert_eq!(both.status, 1, "{}", both.stderr);
        assert!(
            both.stderr.contains("the API key does not cover it, but binance from 2024-01-01 to 2024-02-29"),
            "{}",
            both.stderr
        );
        assert!(!both.stderr.contains("set TARDIS_API_KEY"), "{}", both.stderr);
        let validated =
            run_with_key(&format!("validate --start-date {day} --venues BINANCE --data-types trades"));
        assert_eq!(validated.status, 0, "{}", validated.stderr);
    }
    let none = run_with_key(&format!(
        "download --start-date {day} --venues DERIBIT --instruments DERIBIT:PERP:* --data-types trades"
    ));
    assert_eq!(none.status, 2, "{}", none.stderr);
    assert!(!none.stderr.contains("set TARDIS_API_KEY"), "{}", none.stderr);
}

/// An exchange that this program does not know, with one pair.
fn new_exchange() -> Vec<Fault> {
    let symbol = |id: &str| json!({"id": id, "type": "spot", "availableSince": "2023-01-01T00:00:00.000Z"});
    let mut file = symbol("BTC-USDT");
    file["dataTypes"] = json!(["trades"]);
    let details = json!({"id": "a-new-one", "availableSymbols": [symbol("BTC-USDT"), symbol("???")],
        "datasets": {"exportedUntil": "2024-03-03T00:00:00.000Z", "symbols": [file]}});
    vec![answer("exchanges/a-new-one", 200, &details), answer("instruments/a-new-one", 200, &json!([]))]
}

#[test]
fn an_exchange_that_only_the_vendor_knows_is_accepted_with_a_warning() {
    let mut faults = new_exchange();
    let list =
        json!([{"id": "a-new-one", "name": "A new one", "availableSince": "2023-01-01T00:00:00.000Z"}]);
    faults.push(answer("v1/exchanges", 200, &list));
    let stage = Stage::with(faults);
    let warning = "mtdh does not know the venue A-NEW-ONE, but ";
    for (verb, status) in [("instruments", 0), ("plan", 0), ("validate", 1), ("ls", 0)] {
        let run = stage.run(&format!("{verb} --start-date {DAY} --venues a-new-one"));
        assert_eq!(run.status, status, "{verb}: {}", run.stderr);
        assert!(run.stderr.contains(warning), "{verb}: {}", run.stderr);
    }
    let list = stage.expect(0, "instruments list --venues A-NEW-ONE --format json").stdout;
    let rows: Vec<Value> = serde_json::from_str(&list).unwrap();
    let keys: Vec<&str> = rows.iter().map(|row| row["instrument_key"].as_str().unwrap()).collect();
    assert!(keys.contains(&"A-NEW-ONE:SPOT_PAIR:BTC-USDT"), "{keys:?}");
    assert_eq!(keys.len(), 2, "{keys:?}");
    for verb in ["instruments", "plan", "download", "full-pipeline"] {
        let run = stage.expect(2, &format!("{verb} --start-date {DAY} --venues BINNANCE"));
        assert!(
            run.stderr.contains("unknown venue `BINNANCE`; did you mean BINANCE?"),
            "{verb}: {}",
            run.stderr
        );
    }
}

#[test]
fn what_has_no_canonical_key_is_downloaded_and_counted_in_every_verdict() {
    let odd = "dividend";
    let symbol = "id=SHIB-USDT-SWAP/type";
    let changes = [
        JsonEdit::set(&format!("/availableSymbols/{symbol}"), odd),
        JsonEdit::set(&format!("/datasets/symbols/{symbol}"), odd),
    ];
    let terms = edits("instruments/okex-swap", &[JsonEdit::set("/id=SHIB-USDT-SWAP/type", odd)]);
    let stage = Stage::with(vec![edits("exchanges/okex-swap", &changes), terms]);
    let selection = format!("--start-date {DAY} --venues OKX-SWAP {TYPES}");
    let run = stage.expect(0, &format!("full-pipeline {selection} --format json"));
    let key = "OKX-SWAP:UNKNOWN:SHIB-USDT-SWAP";
    assert!(
        run.stderr.contains(&format!("complete; 1 instrument of the days has a native key, as {key}")),
        "{}",
        run.stderr
    );
    let document = report(&run);
    assert_eq!(document["validation"]["native_keys"], 1);
    assert!(document["instruments"]["native_keys"][0].as_str().unwrap().contains(key), "{document}");
    assert!(
        stage
            .expect(0, &format!("validate {selection}"))
            .stderr
            .contains("1 instrument of the days has a native key")
    );
    assert!(stage.expect(0, &format!("ls --start-date {DAY} --long")).stdout.contains(key));
    let plan = stage.expect(0, &format!("plan --start-date {DAY} --instruments {key} {TYPES} --format json"));
    assert_eq!(report(&plan)["native_keys"], 1);
    let shown = stage.expect(0, &format!("instruments show {key} --format json")).stdout;
    let shown: Value = serde_json::from_str(&shown).unwrap();
    assert_eq!(shown["canonical"], false);
    assert!(shown["native_reason"].is_string(), "{shown}");
}
