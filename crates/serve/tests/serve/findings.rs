//! What checks found and the lake keeps, and when a partition was fetched.

use std::path::Path;

use mtdh_core::DayRange;
use mtdh_core::check::{Group, Settings};
use mtdh_engine::check::CheckPlan;
use mtdh_engine::{CheckOptions, Config, Context, Filter};
use serde_json::{Value, json};

use crate::support::{DAY, KEY, copied, served, served_folder};

/// Checks the day in a lake.
async fn check(lake: &Path, groups: &[Group]) {
    let context = Context::open(&Config { lake: lake.display().to_string(), ..Config::default() }).unwrap();
    let filter = Filter { venues: vec!["DERIBIT".to_owned()], ..Filter::default() };
    let selection = filter.of_lake(DayRange::of(DAY.parse().unwrap())).unwrap();
    let plan = CheckPlan::new(groups.iter().copied(), Settings::default());
    context.check(plan, &selection, CheckOptions::default()).await.unwrap();
}

fn found(answer: &Value, check: &str) -> Vec<Value> {
    let all = answer["findings"].as_array().unwrap();
    all.iter().filter(|one| one["check"] == check).cloned().collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_not_checked_is_said() {
    let served = served().await;
    let (status, answer) = served.json(&format!("/v1/findings?start={DAY}")).await;
    assert_eq!(status, 200, "{answer}");
    assert_eq!((&answer["total"], &answer["checked"]), (&json!(0), &json!([])));
    assert_eq!(answer["unchecked_days"], json!([DAY]));
    let page = served.text(&format!("/quality?start={DAY}&end={DAY}")).await;
    assert!(page.contains("No check of this range is kept") && page.contains("not checked"), "{page}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn findings_are_told_with_what_was_checked_and_when() {
    let folder = copied();
    let lost = folder.path().join(format!("raw_tick_data/by_date/day-{DAY}/data_type-trades/{KEY}.parquet"));
    let bytes = std::fs::read(&lost).unwrap();
    std::fs::remove_file(&lost).unwrap();
    check(folder.path(), &[Group::Completeness, Group::Timestamp]).await;
    let there = tempfile::tempdir().unwrap();
    let of_lost = served_folder(folder).await;
    let (status, answer) = of_lost.json("/v1/findings").await;
    assert_eq!(status, 200, "{answer}");
    let told = found(&answer, "missing_partition");
    let one = told.iter().find(|one| one["key"] == KEY && one["type"] == "trades").unwrap();
    for (member, value) in [
        ("venue", json!("DERIBIT")),
        ("instrument_type", json!("PERP")),
        ("day", json!(DAY)),
        ("group", json!("completeness")),
        ("severity", json!("error")),
        ("objects", json!("current")),
        ("made_by", json!("check")),
        ("selection", json!("venues DERIBIT")),
        ("range", json!([DAY, DAY])),
    ] {
        assert_eq!(one[member], value, "{member} of {one}");
    }
    assert!(one["checked_at"].as_str().unwrap().ends_with('Z'));
    assert_eq!(answer["unchecked_days"], json!([]));
    let groups: Vec<&Value> = answer["checked"].as_array().unwrap().iter().map(|of| &of["group"]).collect();
    assert_eq!(groups, ["completeness", "timestamp"]);

    // Each filter takes what it says and nothing else.
    let total = answer["total"].as_u64().unwrap();
    for (query, takes) in [
        (format!("key={KEY}&type=trades&check=missing_partition"), 1),
        ("severity=error,warning,info".to_owned(), total),
        ("venue=DERIBIT&key=*:PERP:ETH*&type=trades&check=missing_partition".to_owned(), 0),
        ("venue=BINANCE".to_owned(), 0),
        ("instrument_type=COMBO".to_owned(), 0),
        ("objects=older".to_owned(), 0),
        ("group=timestamp&check=missing_partition".to_owned(), 0),
        ("start=2024-03-02".to_owned(), 0),
        ("check=missing_partition&limit=1".to_owned(), told.len() as u64),
    ] {
        let (status, answer) = of_lost.json(&format!("/v1/findings?{query}")).await;
        assert_eq!((status, answer["total"].as_u64()), (200, Some(takes)), "{query}: {answer}");
    }
    let (status, answer) = of_lost.json("/v1/findings?check=missing_partitions").await;
    assert_eq!(status, 400);
    assert!(answer["detail"].as_str().unwrap().contains("perhaps missing_partition"), "{answer}");
    let page = of_lost.text(&format!("/quality?check=missing_partition&day={DAY}")).await;
    let number = page.split("data-number=\"findings\">").nth(1).unwrap().split('<').next().unwrap();
    assert_eq!(number, told.len().to_string());

    // The object comes back: the finding is of what was there before, and not true of it.
    crate::support::copy(of_lost.folder.as_ref().unwrap().path(), there.path());
    let again = there.path().join(lost.strip_prefix(of_lost.folder.as_ref().unwrap().path()).unwrap());
    std::fs::write(again, &bytes).unwrap();
    let restored = served_folder(there).await;
    let (_, answer) =
        restored.json(&format!("/v1/findings?key={KEY}&type=trades&check=missing_partition")).await;
    assert_eq!(answer["findings"][0]["objects"], "older", "{answer}");
    assert_eq!(answer["checked"][0]["older"], 1, "{answer}");
    let page = restored.text(&format!("/quality?objects=older&day={DAY}")).await;
    assert!(page.contains("older object"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn evidence_says_when_the_file_was_fetched_and_what_was_checked() {
    let folder = copied();
    check(folder.path(), &[Group::Timestamp]).await;
    let times = folder.path().join(format!("runs/_identities/day-{DAY}.parquet"));
    let without = tempfile::tempdir().unwrap();
    crate::support::copy(folder.path(), without.path());
    std::fs::remove_file(without.path().join(times.strip_prefix(folder.path()).unwrap())).unwrap();
    let path = format!("/v1/partitions/{DAY}/trades/{KEY}");
    let served = served_folder(folder).await;
    let (status, answer) = served.json(&path).await;
    assert_eq!(status, 200, "{answer}");
    assert!(answer["fetched_at"].as_str().is_some_and(|text| text.ends_with('Z')), "{answer}");
    assert_eq!(answer["checks"][0]["groups"], json!(["timestamp"]), "{answer}");
    assert_eq!(answer["checks"][0]["objects"], "current");
    let page = served.text(&format!("/days/{DAY}/DERIBIT/trades/{KEY}")).await;
    assert!(page.contains("data-fact=\"fetched_at\">2") && page.contains("timestamp: 20"), "{page}");
    let older = served_folder(without).await;
    let (_, answer) = older.json(&path).await;
    assert_eq!(answer["fetched_at"], Value::Null, "{answer}");
    assert!(older.text(&format!("/days/{DAY}/DERIBIT/trades/{KEY}")).await.contains("not known"));
}
