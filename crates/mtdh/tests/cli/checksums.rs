//! Bits that changed at rest: found, refused, healed; and what a newer version of the program wrote: left alone.

use crate::support::{DAY, Run, Stage, contents};

const OBJECT: &str =
    "data/raw_tick_data/by_date/day-2024-03-01/data_type-trades/DERIBIT:PERP:BTC-USD.parquet";

fn words(verb: &str) -> String {
    format!("{verb} --start-date {DAY} --instruments DERIBIT:PERP:* --data-types trades")
}

/// A lake with a few objects of trades and candles.
fn filled() -> Stage {
    let stage = Stage::new();
    stage.expect(0, &words("full-pipeline"));
    stage.expect(0, &format!("{} --timeframes 1h", words("candles")));
    stage
}

/// Changes a file's bytes.
fn change(stage: &Stage, name: &str, how: impl FnOnce(&mut Vec<u8>)) {
    let path = stage.path(name);
    let mut bytes = std::fs::read(&path).unwrap();
    how(&mut bytes);
    std::fs::write(path, bytes).unwrap();
}

type Place = fn(usize) -> usize;

/// Places of a flip: how far from the start, or from the end.
fn places() -> [(&'static str, Place); 7] {
    [
        ("the first magic", |_| 0),
        ("a page's header", |_| 5),
        ("a page", |_| 60),
        ("a page further on", |length| length / 4),
        ("the facts", |length| length - 400),
        ("the footer's length", |length| length - 6),
        ("the last magic", |length| length - 1),
    ]
}

#[test]
fn a_flipped_bit_is_found_and_a_plain_download_heals_it() {
    let stage = filled();
    let whole = contents(&stage.path("data"));
    for (name, place) in places() {
        let flip = |bytes: &mut Vec<u8>| {
            let at = place(bytes.len());
            bytes[at] ^= 4;
        };
        change(&stage, OBJECT, flip);
        let is_tail = ["the facts", "the footer's length", "the last magic"].contains(&name);
        let get = stage.run(&format!("get DERIBIT:PERP:BTC-USD --data-type trades --start {DAY}"));
        assert!(get.status == 2 || name == "the first magic", "{name}: {get:?}");
        if is_tail {
            let deep = stage.expect(1, &format!("{} --deep", words("validate")));
            assert!(deep.stderr.contains("it cannot be trusted"), "{name}: {}", deep.stderr);
        }
        let found = stage.expect(1, &format!("{} --bytes", words("validate")));
        assert!(
            found.stderr.contains("DERIBIT:PERP:BTC-USD: it cannot be trusted"),
            "{name}: {}",
            found.stderr
        );
        // It is remembered, whatever its footer says, until it is fetched again.
        stage.expect(1, &format!("{} --deep", words("validate")));
        stage.expect(1, &words("validate"));
        stage.expect(0, &words("download"));
        let clean = stage.expect(0, &format!("{} --bytes", words("validate")));
        assert!(clean.stderr.contains("every byte of"), "{}", clean.stderr);
        let healed = contents(&stage.path("data"));
        let object = OBJECT.strip_prefix("data/").unwrap();
        assert!(healed[object] == whole[object], "{name}");
        change(&stage, OBJECT, flip);
        stage.expect(0, &format!("{} --force", words("download")));
        stage.expect(0, &format!("{} --bytes", words("validate")));
    }
}

#[test]
fn an_object_that_was_put_back_by_hand_is_believed_once_its_bytes_were_read() {
    let stage = filled();
    let whole = std::fs::read(stage.path(OBJECT)).unwrap();
    change(&stage, OBJECT, |bytes| bytes[60] ^= 1);
    stage.expect(1, &format!("{} --bytes", words("validate")));
    std::fs::write(stage.path(OBJECT), whole).unwrap();
    stage.expect(1, &words("validate"));
    stage.expect(0, &format!("{} --bytes", words("validate")));
    stage.expect(0, &words("validate"));
}

#[test]
fn candles_that_changed_are_named_and_made_again() {
    let stage = filled();
    let name = "data/processed_candles/by_date/day-2024-03-01/timeframe-1h/DERIBIT:PERP:BTC-USD.parquet";
    for place in [|_| 60, |length: usize| length - 300] {
        change(&stage, name, |bytes| {
            let at = place(bytes.len());
            bytes[at] ^= 1;
        });
        let found = stage.expect(1, &format!("{} --bytes", words("validate")));
        assert!(
            found.stderr.contains("timeframe-1h/DERIBIT:PERP:BTC-USD.parquet: it cannot"),
            "{}",
            found.stderr
        );
        let again = "candles --instruments DERIBIT:PERP:* --data-types trades --timeframes 1h --force";
        stage.expect(0, &format!("{again} --start-date {DAY}"));
        stage.expect(0, &format!("{} --bytes", words("validate")));
    }
}

#[test]
fn reports_that_cannot_be_read_are_made_again_and_a_table_by_its_verb() {
    let stage = filled();
    let reports = [
        "data/missing_data_reports/by_date/day-2024-03-01/missing_data.parquet",
        "data/available_tick_data/by_date/day-2024-03-01/available_data.parquet",
    ];
    for name in reports {
        for how in [|bytes: &mut Vec<u8>| bytes[40] ^= 1, |bytes: &mut Vec<u8>| bytes.truncate(100)] {
            let whole = std::fs::read(stage.path(name)).unwrap();
            change(&stage, name, how);
            stage.expect(0, &words("plan"));
            stage.expect(0, &words("validate"));
            assert_eq!(std::fs::read(stage.path(name)).unwrap(), whole, "{name}");
        }
    }
    let table = "data/instrument_availability/by_date/day-2024-03-01/instruments.parquet";
    change(&stage, table, |bytes| bytes[40] ^= 1);
    for verb in ["plan", "download", "validate"] {
        let refused = stage.expect(2, &words(verb));
        assert!(refused.stderr.contains("instruments.parquet is not the table"), "{}", refused.stderr);
        assert!(refused.stderr.contains("mtdh instruments"), "{}", refused.stderr);
    }
    stage.expect(0, &format!("instruments --start-date {DAY} --venues DERIBIT"));
    stage.expect(0, &words("validate"));
}

/// CRC-32 as gzip and Parquet have it.
fn crc32(bytes: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = (crc >> 1) ^ (0xedb8_8320 & 0_u32.wrapping_sub(crc & 1));
        }
    }
    !crc
}

/// How a file of the next version is refused.
fn newer() -> String {
    format!("has version {} of its form", mtdh_core::footer::FORMAT_VERSION + 1)
}

/// Makes a file of ours one of the next version, which is whole otherwise.
fn make_newer(bytes: &mut [u8]) {
    let find = |bytes: &[u8], name: &str| {
        let at = bytes.windows(name.len()).rposition(|window| window == name.as_bytes()).unwrap();
        at + name.len() + 2
    };
    let version = find(bytes, "mtdh.format_version");
    let ours = mtdh_core::footer::FORMAT_VERSION;
    assert_eq!(u32::from(bytes[version] - b'0'), ours);
    bytes[version] += 1;
    let data = find(bytes, "mtdh.data_bytes");
    let digits = bytes[data..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    let start: usize = std::str::from_utf8(&bytes[data..data + digits]).unwrap().parse().unwrap();
    let crc = find(bytes, "mtdh.tail_crc32");
    bytes[crc..crc + 8].fill(b'0');
    let text = format!("{:08x}", crc32(&bytes[start..]));
    bytes[crc..crc + 8].copy_from_slice(text.as_bytes());
}

#[test]
fn what_a_newer_version_wrote_is_said_and_left_alone() {
    let said = |run: &Run| {
        assert!(run.stderr.contains(&newer()), "{}", run.stderr);
        assert!(run.stderr.contains("update mtdh"), "{}", run.stderr);
    };
    for (name, verbs) in [
        (OBJECT, vec!["validate --deep", "plan --force"]),
        (
            "data/instrument_availability/by_date/day-2024-03-01/instruments.parquet",
            vec!["plan", "download", "validate", "instruments"],
        ),
        (
            "data/available_tick_data/by_date/day-2024-03-01/available_data.parquet",
            vec!["plan", "download", "validate", "download --exit-codes engine"],
        ),
        (
            "data/missing_data_reports/by_date/day-2024-03-01/missing_data.parquet",
            vec!["plan", "download", "validate"],
        ),
    ] {
        let stage = filled();
        change(&stage, name, |bytes| make_newer(bytes));
        if name == OBJECT {
            // Nobody has noted what it is.
            std::fs::remove_dir_all(stage.path("data/available_tick_data")).unwrap();
        }
        let before = contents(&stage.path("data"));
        for verb in verbs {
            let words = match verb {
                "instruments" => format!("instruments --start-date {DAY} --venues DERIBIT"),
                verb => words(verb),
            };
            let status = if verb.contains("engine") { 20 } else { 2 };
            said(&stage.expect(status, &words));
        }
        assert!(contents(&stage.path("data")) == before, "{name}: nothing was changed");
    }
}

#[test]
fn workers_of_two_versions_do_not_work_on_one_run() {
    let stage = Stage::new();
    stage.expect(0, &format!("{} --save r", words("plan")));
    stage.expect(0, "download --run r");
    let progress = "data/runs/r/shard-0-of-1-part-0.json";
    for (from, to, expected) in [
        ("\"program_version\": \"", "\"program_version\": \"9.", "one run is for one version"),
        ("\"summary_version\": 1", "\"summary_version\": 9", "has version 9 of its form"),
    ] {
        let whole = std::fs::read(stage.path(progress)).unwrap();
        change(&stage, progress, |bytes| {
            *bytes = String::from_utf8(bytes.clone()).unwrap().replacen(from, to, 1).into_bytes();
        });
        for words in ["download --run r", "monitor r"] {
            let refused = stage.run(words);
            let status = if words.starts_with("download") { 20 } else { 2 };
            assert_eq!(refused.status, status, "{words}: {}", refused.stderr);
            assert!(refused.stderr.contains(expected), "{words}: {}", refused.stderr);
        }
        std::fs::write(stage.path(progress), whole).unwrap();
    }
    change(&stage, "data/runs/r/plan.parquet", |bytes| make_newer(bytes));
    let refused = stage.expect(20, "download --run r");
    assert!(refused.stderr.contains(&newer()), "{}", refused.stderr);
}
