//! Coverage of a lake that changes under the server, and what is read for it.

use std::path::PathBuf;
use std::time::Duration;

use mtdh_serve::{Limits, Options};
use serde_json::Value;

use crate::support::{DAY, KEY, Served, served_copy_with};

/// A server over a copy of the lake whose answers are never older than the ask. The day has no report of available data: every footer
/// has to be read once.
async fn served() -> Served {
    let limits = Limits { age: Duration::ZERO, ..Limits::default() };
    let served = served_copy_with(Options { limits, ..Options::default() }).await;
    std::fs::remove_dir_all(served.folder.as_ref().unwrap().path().join("available_tick_data")).unwrap();
    served
}

fn object(served: &Served, key: &str) -> PathBuf {
    let folder = served.folder.as_ref().unwrap().path();
    folder.join(format!("raw_tick_data/by_date/day-{DAY}/data_type-trades/{key}.parquet"))
}

/// The answer of coverage of the day, and how many footers were read for coverage so far.
async fn asked(served: &Served) -> (Value, u64) {
    let (status, answer) = served.json(&format!("/v1/coverage?start={DAY}&type=trades&by=key")).await;
    assert_eq!(status, 200, "{answer}");
    let metrics = served.text("/metrics").await;
    let read = metrics.lines().find_map(|line| line.strip_prefix("mtdh_serve_footers_read_total "));
    (answer, read.unwrap().parse().unwrap())
}

fn statuses(answer: &Value, key: &str) -> Vec<String> {
    let groups = answer["groups"].as_array().unwrap();
    let group = groups.iter().find(|group| group["key"] == key).unwrap();
    let counted = ["stored", "empty", "absent", "missing"].into_iter().filter(|status| group[status] != 0);
    counted.map(str::to_owned).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_ask_reads_no_footer_and_a_replaced_object_is_read_again() {
    let served = served().await;
    let (answer, mut read) = asked(&served).await;
    let (again, read_again) = asked(&served).await;
    assert_eq!((&again["groups"], read_again), (&answer["groups"], read));
    assert_eq!(statuses(&answer, KEY), ["stored"]);
    let sound = std::fs::read(object(&served, KEY)).unwrap();
    for (bytes, expected) in [
        (Some(&b"PAR1 no rows PAR1"[..]), "missing"),
        (Some(&sound[..]), "stored"),
        (None, "missing"),
        (Some(&sound[..]), "stored"),
    ] {
        match bytes {
            Some(bytes) => std::fs::write(object(&served, KEY), bytes).unwrap(),
            None => std::fs::remove_file(object(&served, KEY)).unwrap(),
        }
        let (answer, now) = asked(&served).await;
        assert_eq!(statuses(&answer, KEY), [expected]);
        // Of this object only.
        assert_eq!(now - read, u64::from(bytes.is_some()));
        let (_, after) = asked(&served).await;
        assert_eq!(after, now);
        read = now;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn groups_add_up_however_they_are_made() {
    let served = served().await;
    let (_, whole) = served.json(&format!("/v1/coverage?start={DAY}")).await;
    for by in
        ["day", "venue", "instrument_type", "type", "key", "day,venue,type,key,instrument_type", "type,type"]
    {
        let (status, answer) = served.json(&format!("/v1/coverage?start={DAY}&by={by}")).await;
        assert_eq!(status, 200, "{answer}");
        let groups = answer["groups"].as_array().unwrap();
        for count in ["stored", "empty", "absent", "missing", "not_exported_yet", "rows", "bytes"] {
            let sum: u64 = groups.iter().map(|group| group[count].as_u64().unwrap()).sum();
            assert_eq!(
                (Some(sum), &answer["total"][count]),
                (whole["total"][count].as_u64(), &whole["total"][count])
            );
        }
        for by in by.split(',') {
            assert!(groups.iter().all(|group| group[by].is_string()), "{by}");
        }
    }
}
