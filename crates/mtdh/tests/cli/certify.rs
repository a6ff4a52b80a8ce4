//! Certificates: what a lake holds, told to others; and what differs is named.

use mtdh_sim::Host;
use serde_json::Value;

use crate::support::{DAY, Run, Stage, run};

const WHAT: &str = "--instruments DERIBIT:PERP:* --data-types trades";
const FOLDER: &str = "data/raw_tick_data/by_date/day-2024-03-01/data_type-trades";
const BTC: &str = "DERIBIT:PERP:BTC-USD";

fn certify(more: &str) -> String {
    format!("certify --start-date {DAY} {WHAT} --out c.json {more}")
}

/// A lake of a few objects, and its certificate.
fn certified() -> Stage {
    let stage = Stage::new();
    stage.expect(0, &format!("full-pipeline --start-date {DAY} {WHAT}"));
    stage.expect(0, &certify(""));
    stage
}

/// How many certificates the lake keeps.
fn kept(stage: &Stage) -> usize {
    std::fs::read_dir(stage.path("data/certificates")).unwrap().count()
}

fn object(key: &str) -> String {
    format!("{FOLDER}/{key}.parquet")
}

fn document(stage: &Stage) -> Value {
    serde_json::from_slice(&std::fs::read(stage.path("c.json")).unwrap()).unwrap()
}

/// The differences, as `WHAT KEY`.
fn differences(run: &Run) -> Vec<String> {
    let report: Value = serde_json::from_str(&run.stdout).unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let all = report["differences"].as_array().unwrap().iter();
    all.map(|one| format!("{} {}", text(&one["what"]), text(&one["instrument_key"]))).collect()
}

const VERIFY: &str = "verify c.json --format json";

#[test]
fn a_copy_is_the_same_and_the_document_says_so_again() {
    let stage = certified();
    let asked = stage.sim.requests().len();
    let same = stage.expect(0, "verify c.json");
    assert!(same.stderr.contains("no bytes were read"), "{}", same.stderr);
    assert!(same.stderr.contains("the same data"), "{}", same.stderr);
    let bytes = stage.expect(0, "verify c.json --bytes");
    assert!(bytes.stderr.contains("every byte of the objects was read"), "{}", bytes.stderr);
    assert!(!bytes.stderr.contains("no bytes were read"), "{}", bytes.stderr);
    // Any copy will do: objects alone, elsewhere, without reports and tables.
    let elsewhere = stage.path("copy/raw_tick_data/by_date/day-2024-03-01/data_type-trades");
    std::fs::create_dir_all(&elsewhere).unwrap();
    for file in std::fs::read_dir(stage.path(FOLDER)).unwrap().map(|file| file.unwrap()) {
        std::fs::copy(file.path(), elsewhere.join(file.file_name())).unwrap();
    }
    stage.expect(0, "verify c.json --lake copy --bytes");
    assert_eq!(stage.sim.requests().len(), asked, "nobody was asked for anything");
    // The same lake gives the same document, but for the time; and the digest on stdout is that of the file.
    let first = document(&stage);
    let printed = stage.expect(0, &certify("")).stdout;
    let second = document(&stage);
    assert_eq!(printed.trim(), format!("sha256:{}", second["digest"].as_str().unwrap()));
    let without = |document: &Value| {
        let mut document = document.clone();
        document.as_object_mut().unwrap().retain(|name, _| name != "certified_us" && name != "digest");
        document
    };
    assert_eq!(without(&first), without(&second));
    assert_eq!(kept(&stage), 1, "the same data is kept once");
    let proved = stage.expect(0, &certify("--bytes --format json"));
    let third = document(&stage);
    assert_eq!((&third["root"], &third["bytes_proved"]), (&first["root"], &Value::Bool(true)));
    let said: Value = serde_json::from_str(&proved.stdout).unwrap();
    assert_eq!((&said["root"], &said["digest"]), (&third["root"], &third["digest"]));
}

#[test]
fn what_differs_is_named() {
    let stage = certified();
    let whole = std::fs::read(stage.path(&object(BTC))).unwrap();
    let restore = || std::fs::write(stage.path(&object(BTC)), &whole).unwrap();
    let flip = |at: usize| {
        let mut bytes = whole.clone();
        bytes[at] ^= 1;
        std::fs::write(stage.path(&object(BTC)), bytes).unwrap();
    };
    // Data only: the footers are the same, and the output says that nothing else was read.
    flip(60);
    let blind = stage.expect(0, "verify c.json");
    assert!(blind.stderr.contains("data that rotted is not found"), "{}", blind.stderr);
    assert_eq!(differences(&stage.expect(1, &format!("{VERIFY} --bytes"))), [format!("damaged {BTC}")]);
    flip(whole.len() - 400);
    assert_eq!(differences(&stage.expect(1, VERIFY)), [format!("damaged {BTC}")]);
    restore();
    stage.expect(0, VERIFY);
    // Two objects in each other's place.
    let names = std::fs::read_dir(stage.path(FOLDER)).unwrap();
    let names = names.map(|file| file.unwrap().file_name().into_string().unwrap());
    let mut keys: Vec<String> = names.map(|name| name.trim_end_matches(".parquet").to_owned()).collect();
    keys.retain(|key| key != BTC);
    let another = keys.iter().min().unwrap();
    let (one, other, aside) = (stage.path(&object(BTC)), stage.path(&object(another)), stage.path("aside"));
    let swap = || {
        std::fs::rename(&one, &aside).unwrap();
        std::fs::rename(&other, &one).unwrap();
        std::fs::rename(&aside, &other).unwrap();
    };
    swap();
    let mut swapped = [format!("damaged {BTC}"), format!("damaged {another}")];
    swapped.sort();
    assert_eq!(differences(&stage.expect(1, VERIFY)), swapped);
    swap();
    std::fs::rename(&one, &aside).unwrap();
    let gone = stage.expect(1, "verify c.json");
    assert!(gone.stdout.contains("gone") && gone.stdout.contains(BTC), "{}", gone.stdout);
    assert!(gone.stderr.contains("not the same data"), "{}", gone.stderr);
    // What was missing when it was certified is new.
    stage.expect(1, &certify(""));
    assert_eq!(document(&stage)["verdict"], "not_complete");
    assert_eq!(kept(&stage), 2);
    stage.expect(0, "verify c.json");
    std::fs::rename(&aside, &one).unwrap();
    assert_eq!(differences(&stage.expect(1, VERIFY)), [format!("new {BTC}")]);
    // An object that cannot be trusted is none, as in every verdict.
    flip(whole.len() - 400);
    let report: Value = serde_json::from_str(&stage.expect(0, VERIFY).stdout).unwrap();
    assert_eq!(report["untrusted"], 1);
}

#[test]
fn bad_input_is_refused_with_a_status_of_its_own() {
    let stage = certified();
    let text = std::fs::read_to_string(stage.path("c.json")).unwrap();
    let resealed = |from: &str, to: &str| {
        assert!(text.contains(from), "{from}");
        let edited = text.replacen(from, to, 1);
        let head = &edited[..edited.rfind("\"digest\":").unwrap()];
        let digest = mtdh_engine::certify::certificate::Hash::sha256(head.as_bytes());
        format!("{head}\"digest\":\"{digest}\"}}\n")
    };
    let cases = [
        ("edited", text.replacen("\"complete\"", "\"not_complete\"", 1), "it was edited or damaged"),
        ("cut", text[..text.len() / 2].to_owned(), "it was cut off"),
        (
            "verdict",
            resealed("\"verdict\":\"complete\"", "\"verdict\":\"good\""),
            "there is no verdict `good`",
        ),
        (
            "venue",
            resealed("\"venues\":[\"DERIBIT\"]", "\"venues\":[\"BYBIT\"]"),
            "its selection does not take",
        ),
        ("pattern", resealed("DERIBIT:PERP:*\"]", "deribit:perp:*\"]"), "is not spelled"),
        ("path", resealed(&format!("\"{BTC}\""), "\"../../secret\""), "names no paths and no addresses"),
        ("empty", String::new(), "it was cut off"),
    ];
    for (name, text, expected) in cases {
        std::fs::write(stage.path(name), text).unwrap();
        let refused = stage.expect(2, &format!("verify {name}"));
        assert!(refused.stderr.contains(expected), "{name}: {}", refused.stderr);
        assert_eq!(refused.stdout, "", "{name}");
    }
    assert!(stage.expect(2, "verify nowhere.json").stderr.contains("there is no such file"));
    assert!(stage.expect(2, "verify c.json --lake nowhere").stderr.contains("there is no lake"));
    let limited = stage.expect(2, &certify("--max-instruments 1"));
    assert!(limited.stderr.contains("name them with --instruments"), "{}", limited.stderr);
    // A certificate of nothing proves nothing.
    let nothing = format!("certify --start-date {DAY} --instruments DERIBIT:OPTION:NO* --out n.json");
    stage.expect(1, &nothing);
    let proved = stage.expect(1, "verify n.json");
    assert!(proved.stderr.contains("nothing is proved"), "{}", proved.stderr);
}

#[test]
fn a_copy_in_a_bucket_is_compared_and_nothing_is_written() {
    let stage = certified();
    stage.sim.create_bucket("lake");
    let in_bucket = |words: &str| run(stage.command(&format!("{words} --lake gs://lake/p")));
    let filled = in_bucket(&format!("full-pipeline --start-date {DAY} {WHAT}"));
    assert_eq!(filled.status, 0, "{}", filled.stderr);
    let before = stage.sim.bucket_objects("lake");
    let asked = stage.sim.requests().len();
    for more in ["", " --bytes"] {
        let same = in_bucket(&format!("{VERIFY}{more}"));
        assert_eq!(same.status, 0, "{}", same.stderr);
    }
    assert!(before == stage.sim.bucket_objects("lake"));
    let requests = stage.sim.requests();
    assert!(requests[asked..].iter().all(|asked| asked.host == Host::Gcs), "the vendor was asked");
}

#[test]
fn what_the_vendor_issued_anew_is_said() {
    let stage = certified();
    let other = Stage::of(mtdh_sim::Config { seed: 2, size: mtdh_sim::Size::Small, ..Default::default() });
    // The same files, then files of another issue.
    stage.expect(0, &format!("download --start-date {DAY} {WHAT} --force"));
    assert!(!stage.path("data/runs/_superseded").exists(), "the same file again supersedes nothing");
    stage.expect(0, VERIFY);
    let mut again = stage
        .command(&format!("download --start-date {DAY} --instruments {BTC} --data-types trades --force"));
    again.env("TARDIS_DATASETS_URL", other.sim.datasets_url());
    let again = run(again);
    assert_eq!(again.status, 0, "{}", again.stderr);
    assert!(stage.path("data/runs/_superseded/day-2024-03-01.parquet").exists());
    let found = stage.expect(1, VERIFY);
    assert_eq!(differences(&found), [format!("data {BTC}")]);
    assert!(
        found.stdout.contains("superseded by the vendor's re-issue of deribit/trades/2024/03/01/"),
        "{}",
        found.stdout
    );
}

#[test]
fn of_recordings_no_certificate_is_made_and_why_is_said() {
    let stage = certified();
    let run = stage.expect(2, &certify("--origin live"));
    assert!(run.stderr.contains("follows from its captures"), "{}", run.stderr);
}
