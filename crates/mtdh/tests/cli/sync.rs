//! What is wanted, and a sync that brings the lake there: wrong files, a killed run, two at once, days that are not exported.

use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::{Stage, contents, files_below, run};

/// Two days that the stand-in has exported.
const SET: &str = "[sets.majors]\nvenues = ['DERIBIT']\ninstrument_types = ['PERP']\ndata_types = ['trades', 'quotes']\n\
                   from = 2024-03-01\nuntil = 2024-03-02\ncandles = ['1m', '1h']\n";

fn want(stage: &Stage, lake: &str, text: &str) {
    std::fs::create_dir_all(stage.path(lake)).unwrap();
    std::fs::write(stage.path(lake).join("lake.toml"), text).unwrap();
}

fn csv_files(stage: &Stage) -> usize {
    stage.sim.requests().iter().filter(|request| request.url.contains(".csv.gz")).count()
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

#[test]
fn a_wrong_file_is_refused_before_anything_is_asked() {
    let stage = Stage::new();
    for (text, status, said) in [
        (
            "[sets.a]\nvenue = ['DERIBIT']\n",
            2,
            "lake.toml, line 2, sets.a.venue: there is no such field; perhaps venues",
        ),
        ("[sets.a]\nvenues = ['DERIBITT']\nfrom = 2024-03-01\nuntil = 2024-03-01\n", 2, "DERIBIT"),
        ("lake = 'gs://other'\n", 2, "lake.toml, line 1, lake: there is no such field"),
        ("# nothing yet\n", 0, "nothing is wanted yet"),
    ] {
        want(&stage, "data", text);
        stage.sim.clear_requests();
        let ended = stage.expect(status, "sync");
        assert!(ended.stderr.contains(said), "{text}\n{}", ended.stderr);
        assert_eq!(csv_files(&stage), 0);
    }
    let none = stage.expect(2, "sync --lake other");
    assert!(none.stderr.contains("there is no lake"), "{}", none.stderr);
    std::fs::create_dir(stage.path("other")).unwrap();
    let none = stage.expect(2, "sync --lake other");
    assert!(none.stderr.contains("mtdh want add NAME"), "{}", none.stderr);
    // A file that would fill the memory is not read.
    want(&stage, "data", &"#\n".repeat(200_000));
    assert!(stage.expect(2, "sync").stderr.contains("at most 262144 are read"));
}

#[test]
fn what_is_wanted_comes_and_only_what_lacks_is_fetched() {
    let stage = Stage::new();
    want(&stage, "data", SET);
    let dry = stage.expect(0, "sync --dry-run --format json");
    assert!(json(&dry.stdout)[0]["files"].as_u64().unwrap() > 0 && csv_files(&stage) == 0, "{}", dry.stdout);
    let first = stage.expect(0, "sync --format json --metrics-file sync.prom");
    let report = json(&first.stdout);
    let set = &report["sets"][0];
    assert_eq!(
        (&report["verdict"], &set["completeness"]),
        (&json!("clean"), &json!("complete")),
        "{report:#}"
    );
    assert!(set["files_done"].as_u64().unwrap() > 0 && set["candle_objects"].as_u64().unwrap() > 0);
    assert_eq!(set["days_checked"], 2);
    assert!(first.stderr.ends_with("the lake is as is wanted\n"), "{}", first.stderr);
    let metrics = std::fs::read_to_string(stage.path("sync.prom")).unwrap();
    for line in ["mtdh_sync_clean 1\n", "mtdh_sync_last_success_timestamp_seconds ", "set=\"majors\"} 0\n"] {
        assert!(metrics.contains(line), "{metrics}");
    }
    let before = contents(&stage.path("data"));
    stage.sim.clear_requests();
    let again = json(&stage.expect(0, "sync --format json").stdout);
    assert_eq!(csv_files(&stage), 0, "nothing is fetched twice");
    let set = &again["sets"][0];
    assert_eq!(
        (&set["files"], &set["candle_objects"], &set["days_checked"]),
        (&json!(0), &json!(0), &json!(0))
    );
    assert_eq!(contents(&stage.path("data")), before, "a second sync changes nothing");
    // One object goes: it alone comes again. It is the one that was checked, byte by byte.
    let gone = before.keys().find(|name| name.contains("day-2024-03-02/data_type-quotes/")).unwrap();
    std::fs::remove_file(stage.path("data").join(gone)).unwrap();
    let healed = json(&stage.expect(0, "sync --format json").stdout);
    let set = &healed["sets"][0];
    assert_eq!((&set["files_done"], &set["days_checked"]), (&json!(1), &json!(0)), "{set:#}");
    // What is to be checked changes: every day is checked as it is to be.
    want(&stage, "data", &format!("{SET}parameters = ['silence.factor=7']\n"));
    assert_eq!(json(&stage.expect(0, "sync --format json").stdout)["sets"][0]["days_checked"], 2);
    for verb in ["validate", "check completeness"] {
        let verdict = json(&stage.expect(0, &format!("{verb} --format json")).stdout);
        assert_eq!(verdict["about"], json!(["majors 2024-03-01 to 2024-03-02"]), "{verb}");
    }
}

#[test]
fn a_killed_sync_leaves_its_rest_to_the_next_one() {
    let stage = Stage::new();
    let words = |lake: &str| {
        let mut command = stage.command(&format!("sync --lake {lake}"));
        command.env("MTDH_LEASE_SECONDS", "0.5");
        command
    };
    want(&stage, "whole", SET);
    let started = Instant::now();
    let whole = run(words("whole"));
    assert_eq!(whole.status, 0, "{}", whole.stderr);
    let (length, expected) = (started.elapsed(), contents(&stage.path("whole")));
    let (mut killed, points) = (0, if std::env::var_os("MTDH_LONG").is_some() { 200 } else { 5 });
    for index in 0..points {
        let share = (f64::from(index) + 0.5) / f64::from(points);
        let lake = format!("killed-{index}");
        want(&stage, &lake, SET);
        let mut child = words(&lake).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let began = Instant::now();
        while began.elapsed() < length.mul_f64(share) && child.try_wait().unwrap().is_none() {
            std::thread::sleep(Duration::from_millis(2));
        }
        child.kill().unwrap();
        killed += usize::from(!child.wait().unwrap().success());
        let next = run(words(&lake));
        assert_eq!(next.status, 0, "killed at {share}: {}", next.stderr);
        let healed = contents(&stage.path(&lake));
        let data =
            |name: &&String| name.starts_with("raw_tick_data/") || name.starts_with("processed_candles/");
        for name in expected.keys().filter(data) {
            assert_eq!(healed.get(name), expected.get(name), "killed at {share}: {name}");
        }
        assert_eq!(healed.keys().collect::<Vec<_>>(), expected.keys().collect::<Vec<_>>());
    }
    assert!(killed > 0, "at least one kill came before the end");
}

#[test]
fn of_two_at_once_one_ends_with_a_status_of_its_own() {
    let stage = Stage::new();
    want(&stage, "data", SET);
    // Another process has the hold and renews it.
    let note = stage.path("data").join("runs/_sync.json");
    std::fs::create_dir_all(note.parent().unwrap()).unwrap();
    let stop = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let write = |beat: u64, is_held: bool| {
        let text = json!({"holder": "other", "beat": beat, "seconds": 60.0, "is_held": is_held}).to_string();
        let place = note.with_extension("new");
        std::fs::write(&place, text).unwrap();
        std::fs::rename(&place, &note).unwrap();
    };
    write(0, true);
    let busy = std::thread::scope(|scope| {
        scope.spawn(|| {
            for beat in 1.. {
                if stop.load(std::sync::atomic::Ordering::Relaxed) {
                    break;
                }
                write(beat, true);
                std::thread::sleep(Duration::from_millis(200));
            }
        });
        let busy = stage.run("sync");
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
        busy
    });
    assert_eq!(busy.status, 75, "{}", busy.stderr);
    assert!(busy.stderr.contains("other brings this lake to what is wanted"), "{}", busy.stderr);
    assert_eq!(csv_files(&stage), 0);
    write(9_999, false);
    stage.expect(0, "sync --wait");
}

#[test]
fn a_day_that_is_not_exported_is_a_fault_only_after_its_time() {
    let stage = Stage::new();
    // The stand-in stands at noon of 2024-03-03; this machine's clock is years later.
    let text = SET.replace("until = 2024-03-02", "until = 2024-03-03");
    want(&stage, "data", &text);
    let late = stage.expect(1, "sync --format json");
    let report = json(&late.stdout);
    assert_eq!(report["sets"][0]["days_late"], json!(["2024-03-03"]), "{report:#}");
    assert!(late.stderr.contains("1 day not exported in time, the first 2024-03-03"), "{}", late.stderr);
    want(&stage, "data", &format!("{text}export_grace = '36000d'\n"));
    let waiting = stage.expect(0, "sync --format json");
    let report = json(&waiting.stdout);
    assert_eq!(report["sets"][0]["days_waiting"], json!(["2024-03-03"]), "{report:#}");
}

#[test]
fn sets_are_added_listed_and_removed_beside_what_people_wrote() {
    let stage = Stage::new();
    for (words, said) in [
        ("want add majors --venues DERIBIT", "--start-date"),
        ("want add a/b --start-date 2024-03-01 --venues DERIBIT", "letters, digits"),
        ("want add majors --start-date 2024-03-01 --venues DERIBITT", "DERIBIT"),
        ("want add majors --start-date 2024-03-02 --end-date 2024-03-01 --venues DERIBIT", "lies before"),
        (
            "want add majors --start-date 2024-03-01 --venues DERIBIT --set x.y=1",
            "no check has the parameter",
        ),
        ("want remove majors", "there is no lake"),
    ] {
        let refused = stage.expect(2, words);
        assert!(refused.stderr.contains(said), "{words}\n{}", refused.stderr);
    }
    assert!(files_below(&stage.path("data")).is_empty(), "nothing was written");
    let add = "want add majors --start-date 2024-03-01 --end-date 2024-03-02 --venues deribit --instrument-types PERP \
               --data-types trades --timeframes 1m --keep 30";
    stage.expect(0, add);
    stage.expect(0, add);
    let path = stage.path("data").join("lake.toml");
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(text.contains("[sets.majors]\nvenues = [\"DERIBIT\"]\n"), "{text}");
    std::fs::write(&path, format!("# ours\n{text}# end\n")).unwrap();
    let other = stage.expect(2, "want add majors --start-date 2024-03-01 --venues OKX-SWAP");
    assert!(other.stderr.contains("has a set `majors` already"), "{}", other.stderr);
    std::fs::write(stage.path("keys"), "DERIBIT:PERP:BTC-USD\n# no\nDERIBIT:PERPETUAL:ETH-USD\n").unwrap();
    stage.expect(0, "want add few --start-date 2024-03-01 --universe keys --checks none");
    let listed = json(&stage.expect(0, "want list --format json").stdout);
    assert_eq!(
        listed[0]["instruments"],
        json!(["DERIBIT:PERP:BTC-USD", "DERIBIT:PERP:ETH-USD"]),
        "{listed:#}"
    );
    assert_eq!((&listed[0]["checks"], &listed[1]["keep_days"]), (&json!([]), &json!(30)));
    assert!(stage.expect(2, "want show major").stderr.contains("perhaps majors"));
    stage.expect(0, "want show majors");
    stage.expect(0, "want remove few");
    assert!(stage.expect(2, "want remove few").stderr.contains("it has: majors"));
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(text.starts_with("# ours\n") && text.contains("# end\n") && !text.contains("few"), "{text}");
}

#[test]
fn of_two_that_change_the_file_at_once_none_is_lost() {
    let stage = Stage::new();
    stage.sim.create_bucket("b");
    for lake in ["data", "gs://b/lake"] {
        let children: Vec<_> = (0..6)
            .map(|index| {
                let words = format!(
                    "want add set-{index} --start-date 2024-03-01 --venues DERIBIT --data-types trades --lake {lake}"
                );
                stage.command(&words).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
            })
            .collect();
        for mut child in children {
            assert!(child.wait().unwrap().success());
        }
        let listed = json(&stage.expect(0, &format!("want list --format json --lake {lake}")).stdout);
        assert_eq!(listed.as_array().unwrap().len(), 6, "{lake} {listed:#}");
    }
}

#[test]
fn verbs_are_about_what_is_wanted_and_flags_narrow_it() {
    let stage = Stage::new();
    want(&stage, "data", SET);
    stage.expect(0, "sync");
    // More than is wanted: of another venue, and another data type.
    stage.expect(0, "download --start-date 2024-03-01 --venues BINANCE --data-types trades --everything");
    for (words, status, said) in [
        ("validate", 0, "about what lake.toml wants: majors 2024-03-01 to 2024-03-02"),
        ("validate --start-date 2024-03-02 --venues DERIBIT", 0, "majors 2024-03-02 to 2024-03-02"),
        ("validate --venues OKX-SWAP", 2, "nothing that lake.toml wants is left"),
        ("validate --start-date 2024-02-01", 2, "nothing that lake.toml wants is left"),
        ("validate --everything", 2, "--start-date is needed"),
        ("validate --everything --start-date 2024-03-01", 1, "not complete"),
        ("validate --instruments DERIBIT:PERP:BTC-USD --data-types trades", 0, "complete"),
        ("plan", 0, "nothing to fetch"),
        ("plan --data-types trades --force", 0, "to fetch: 4 files"),
        ("download", 0, "majors"),
        ("full-pipeline", 0, "about what lake.toml wants: majors 2024-03-01 to 2024-03-02"),
        ("full-pipeline --start-date 2024-03-02", 0, "majors 2024-03-02 to 2024-03-02"),
        ("full-pipeline --everything", 2, "--start-date is needed"),
        ("check timestamp", 0, "majors"),
        ("candles", 0, "majors"),
        ("candles --timeframes 4h --dry-run --start-date 2024-03-01", 0, "majors"),
        ("certify --out c.json", 0, "about what lake.toml wants: majors 2024-03-01 to 2024-03-02"),
        ("certify --out c.json --everything --start-date 2024-03-01", 1, "not complete"),
        ("ls", 0, "of what lake.toml wants: majors; --everything lists all"),
    ] {
        let run = stage.expect(status, words);
        assert!(run.stderr.contains(said), "{words}\n{}", run.stderr);
    }
    assert!(!stage.expect(0, "ls --format csv").stdout.contains("BINANCE"));
    assert!(stage.expect(0, "ls --format csv --everything").stdout.contains("BINANCE"));
    // Many machines: a saved plan of all sets, each file once.
    want(
        &stage,
        "data",
        &format!("{SET}{}", SET.replace("majors", "same").replace("'quotes'", "'liquidations'")),
    );
    let two = stage.expect(2, "certify --out c.json");
    assert!(two.stderr.contains("a certificate is of one selection"), "{}", two.stderr);
    let planned = stage.expect(0, "plan --force --save r");
    assert!(planned.stderr.contains("to fetch: 12 files for 12 partitions"), "{}", planned.stderr);
    stage.expect(0, "download --run r");
    stage.expect(0, "sync");
    // Both sets in one report, each day once.
    let whole = json(&stage.expect(0, "full-pipeline --format json").stdout);
    let days = whole["instruments"]["days"].as_array().unwrap();
    assert_eq!(days.len(), 2, "{days:?}");
    let about = whole["validation"]["about"].as_array().unwrap();
    assert_eq!(about.len(), 2, "{about:?}");
    let report = json(&stage.expect(0, "validate --format json").stdout);
    assert_eq!(
        (&report["verdict"], &report["totals"]["missing"]),
        (&json!("complete"), &json!(0)),
        "{report:#}"
    );
}

#[test]
fn without_a_file_a_verdict_is_about_what_was_asked() {
    let stage = Stage::new();
    let download =
        "download --start-date 2024-03-01 --venues DERIBIT --instrument-types PERP --data-types trades";
    stage.expect(0, download);
    let asked = stage.expect(0, "validate --start-date 2024-03-01");
    assert!(asked.stderr.contains("about what was asked of this lake, 1 selection"), "{}", asked.stderr);
    stage.expect(0, "validate");
    // The whole list of the venue lacks much.
    stage.expect(1, "validate --start-date 2024-03-01 --everything");
    stage.expect(1, "validate --start-date 2024-03-01 --venues DERIBIT");
    // A name that never existed is a slip, and not asked for.
    stage.expect(1, "download --start-date 2024-03-01 --instruments DERIBIT:PERP:NONE");
    stage.expect(0, "validate");
    // Days that touch are one range; runs that go change nothing.
    stage.expect(0, &download.replace("2024-03-01", "2024-03-02"));
    let listed = json(&stage.expect(1, "want list --format json").stdout);
    assert_eq!(
        (listed.as_array().unwrap().len(), &listed[0]["until"]),
        (1, &json!("2024-03-02")),
        "{listed:#}"
    );
    for entry in std::fs::read_dir(stage.path("data/runs")).unwrap().map(|entry| entry.unwrap().path()) {
        if entry.is_dir() && !entry.ends_with("_identities") {
            std::fs::remove_dir_all(entry).unwrap();
        }
    }
    stage.expect(0, "validate");
    let name = listed[0]["asked"].as_str().unwrap();
    stage.expect(0, &format!("want remove {name}"));
    let forgotten = stage.run("validate --start-date 2024-03-01");
    assert!(forgotten.stderr.contains(&format!("nothing is said of it: {name}")), "{}", forgotten.stderr);
    std::fs::write(stage.path("data/runs/_asked.json"), "[]").unwrap();
    assert!(stage.expect(2, "validate").stderr.contains("delete it, and a verdict is about"));
}

#[test]
fn what_is_removed_is_shown_first_and_what_is_wanted_stays() {
    let stage = Stage::new();
    want(&stage, "data", SET);
    stage.expect(0, "sync");
    stage.expect(0, "download --start-date 2024-03-01 --venues BINANCE --data-types trades --everything");
    let before = contents(&stage.path("data"));
    for (words, status, said) in [
        ("rm", 2, "--start-date"),
        ("rm --runs none --yes", 2, "none"),
        ("rm --runs _identities --yes", 2, "_identities"),
        ("rm --runs ../data --yes", 2, "no name of a run"),
        ("rm --start-date 2024-03-01 --venues OKX-SWAP --yes", 1, "the lake has nothing of that"),
        ("rm --start-date 2024-03-01 --venues BINANCE", 0, "nothing was removed; next: mtdh rm "),
        (
            "rm --start-date 2024-03-01 --venues DERIBIT --yes",
            2,
            "majors of lake.toml still wants some of it",
        ),
        ("rm --start-date 2024-03-01 --tables --yes", 2, "still wants some of it"),
    ] {
        let run = stage.expect(status, words);
        assert!(run.stderr.contains(said), "{words}\n{}", run.stderr);
        assert_eq!(contents(&stage.path("data")), before, "{words}");
    }
    stage.expect(0, "rm --start-date 2024-03-01 --venues BINANCE --yes");
    let data = |name: &&String| name.starts_with("raw_tick_data/") || name.starts_with("processed_candles/");
    let after = contents(&stage.path("data"));
    assert!(after.keys().all(|name| !name.contains("/BINANCE:")));
    assert!(
        before
            .keys()
            .filter(data)
            .filter(|name| name.contains("/DERIBIT:"))
            .all(|name| after.contains_key(name))
    );
    stage.expect(0, "validate");
    // Rows of one data type go, candles stay; a day goes with all that was made of it.
    stage.expect(0, "rm --start-date 2024-03-02 --data-types quotes --venues DERIBIT --yes --and-unwant");
    assert!(!std::fs::read_to_string(stage.path("data/lake.toml")).unwrap().contains("majors"));
    let candles = |name: &&String| name.starts_with("processed_candles/by_date/day-2024-03-02/");
    assert!(contents(&stage.path("data")).keys().any(|name| candles(&name)));
    stage.expect(0, "rm --start-date 2024-03-02 --yes");
    assert!(!contents(&stage.path("data")).keys().any(|name| data(&name) && name.contains("day-2024-03-02")));
    stage.expect(0, "rm --start-date 2024-03-01 --end-date 2024-03-02 --tables --yes");
    assert!(!contents(&stage.path("data")).keys().any(|name| name.contains("/day-")));
    // What was asked is forgotten only if that is said.
    let asked = "download --start-date 2024-03-01 --venues DERIBIT --instrument-types PERP --data-types trades --lake other";
    stage.expect(0, asked);
    stage.expect(0, "rm --start-date 2024-03-01 --yes --lake other");
    stage.expect(1, "validate --lake other");
    stage.expect(0, asked);
    stage.expect(0, "rm --start-date 2024-03-01 --yes --forget --lake other");
    assert!(stage.run("validate --start-date 2024-03-01 --lake other").stderr.contains("forgotten"));
}

#[test]
fn a_sync_removes_only_what_a_set_no_longer_keeps_and_little_at_a_time() {
    let stage = Stage::new();
    // Years ago, by this machine's clock: whatever is kept for some days is nothing of it.
    let kept = |days: i64| {
        let since = chrono::Utc::now().date_naive() - chrono::NaiveDate::from_ymd_opt(2024, 3, 2).unwrap();
        format!("{SET}keep = '{}d'\n", since.num_days() + days - 1)
    };
    want(&stage, "data", SET);
    stage.expect(0, "sync");
    let before = contents(&stage.path("data"));
    let names = |files: &std::collections::BTreeMap<String, Vec<u8>>, of: &str| {
        files
            .keys()
            .filter(|name| name.starts_with("raw_") || name.starts_with("processed_"))
            .filter(|name| name.contains(of))
            .count()
    };
    // A set that says nothing keeps all, and nothing goes while anything is not as is wanted.
    let late = SET.replace("majors", "late").replace("until = 2024-03-02", "until = 2024-03-03");
    want(&stage, "data", &format!("{}{late}", kept(1)));
    let unclean = stage.expect(1, "sync --yes");
    assert!(!unclean.stderr.contains("no longer kept"), "{}", unclean.stderr);
    want(&stage, "data", &kept(1));
    let careful = stage.expect(0, "sync");
    assert!(
        careful.stderr.contains("more are no longer kept; mtdh sync --yes removes them"),
        "{}",
        careful.stderr
    );
    assert_eq!(names(&contents(&stage.path("data")), "day-2024-03-01"), names(&before, "day-2024-03-01"));
    // What another set wants stays.
    let other = SET.replace("majors", "other").replace("'trades', 'quotes'", "'quotes'");
    want(&stage, "data", &format!("{}{other}", kept(1)));
    // Nor does what a certificate names go, and nothing at all where one cannot be read.
    stage.expect(0, "certify --everything --start-date 2024-03-01 --venues DERIBIT --instrument-types PERP --data-types trades --out c.json");
    let damaged = stage.path(&format!("data/certificates/{}.json", "0".repeat(64)));
    std::fs::write(&damaged, "{}").unwrap();
    let unread = stage.expect(0, "sync --yes");
    assert!(
        unread.stderr.contains("nothing is removed, as a certificate cannot be used"),
        "{}",
        unread.stderr
    );
    std::fs::remove_file(&damaged).unwrap();
    let certified = stage.expect(0, "sync --yes");
    assert!(certified.stderr.contains("as certificates name them"), "{}", certified.stderr);
    let trades = "day-2024-03-01/data_type-trades";
    assert_eq!(names(&contents(&stage.path("data")), trades), names(&before, trades));
    stage.expect(0, "sync --yes --break-certificates");
    let after = contents(&stage.path("data"));
    assert_eq!(names(&after, trades), 0);
    assert!(names(&after, "day-2024-03-01/data_type-quotes") > 0);
    assert_eq!(names(&after, "day-2024-03-02"), names(&before, "day-2024-03-02"));
}

#[test]
fn a_lake_in_a_bucket_is_synced_held_and_healed_as_a_folder_is() {
    const WANTED: &str = "want add majors --start-date 2024-03-01 --end-date 2024-03-01 --venues DERIBIT --instrument-types PERP \
                          --data-types trades,quotes --timeframes 1h";
    let stage = Stage::new();
    stage.sim.create_bucket("b");
    let on = |scheme: &str, lake: &str, words: &str| {
        let mut command = stage.command(&format!("{words} --lake {scheme}://b/{lake}"));
        command
            .env("AWS_ENDPOINT", stage.sim.gcs_url())
            .env("AWS_ALLOW_HTTP", "true")
            .env("AWS_ACCESS_KEY_ID", "x")
            .env("AWS_SECRET_ACCESS_KEY", "y")
            .env("AWS_REGION", "us-east-1")
            .env("MTDH_LEASE_SECONDS", "1");
        command
    };
    let data = |lake: &str| {
        let of_lake = |(path, bytes): (String, _)| {
            let path = path.strip_prefix(&format!("{lake}/"))?.to_owned();
            let is_data = path.starts_with("raw_tick_data/") || path.starts_with("processed_candles/");
            is_data.then_some((path, bytes))
        };
        stage.sim.bucket_objects("b").into_iter().filter_map(of_lake).collect::<Vec<_>>()
    };
    stage.expect(0, WANTED);
    stage.expect(0, "sync");
    let expected: Vec<String> = contents(&stage.path("data"))
        .into_keys()
        .filter(|name| name.starts_with("raw_tick_data/") || name.starts_with("processed_candles/"))
        .collect();
    for scheme in ["gs", "s3"] {
        let wanted = run(on(scheme, scheme, WANTED));
        assert_eq!(wanted.status, 0, "{scheme}: {}", wanted.stderr);
        // Killed as soon as it has brought something.
        let mut child =
            on(scheme, scheme, "sync").stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let began = Instant::now();
        while data(scheme).is_empty() && child.try_wait().unwrap().is_none() {
            assert!(began.elapsed() < Duration::from_secs(60), "{scheme}: nothing came");
            std::thread::sleep(Duration::from_millis(2));
        }
        child.kill().unwrap();
        child.wait().unwrap();
        // The hold of the killed one is waited for, and taken over.
        let next = run(on(scheme, scheme, "sync"));
        assert_eq!(next.status, 0, "{scheme}: {}", next.stderr);
        let names: Vec<String> = data(scheme).into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, expected, "{scheme}");
        let again = run(on(scheme, scheme, "sync --format json"));
        assert_eq!(json(&again.stdout)["sets"][0]["files"], 0, "{scheme}: {}", again.stderr);
    }
}

#[test]
fn what_a_certificate_names_is_removed_only_where_that_is_asked_for() {
    let stage = Stage::new();
    let what = "--start-date 2024-03-01 --venues DERIBIT --instrument-types PERP --data-types trades";
    stage.expect(0, &format!("full-pipeline {what}"));
    stage.expect(0, &format!("certify {what} --out c.json"));
    let all = "rm --start-date 2024-03-01 --venues DERIBIT --instrument-types PERP";
    let before = contents(&stage.path("data"));
    let refused = stage.expect(2, &format!("{all} --yes"));
    assert!(refused.stderr.contains("a certificate of the lake names"), "{}", refused.stderr);
    assert!(refused.stderr.contains("--break-certificates"), "{}", refused.stderr);
    assert_eq!(contents(&stage.path("data")), before, "nothing was removed");
    // Of one that cannot be read nobody knows what it names.
    let kept = std::fs::read_dir(stage.path("data/certificates")).unwrap().next().unwrap().unwrap().path();
    let certificate = std::fs::read(&kept).unwrap();
    std::fs::write(&kept, "{}").unwrap();
    let unread = stage.expect(2, &format!("{all} --yes"));
    assert!(unread.stderr.contains("a certificate cannot be used"), "{}", unread.stderr);
    std::fs::write(&kept, certificate).unwrap();
    stage.expect(0, &format!("{all} --yes --break-certificates"));
    let gone = stage.expect(1, "verify c.json");
    assert!(gone.stderr.contains("not the same data"), "{}", gone.stderr);
}
