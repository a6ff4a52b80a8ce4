//! What a lake keeps of checks: what was looked at, of which objects, what was found, and what of it still holds.

use std::collections::BTreeSet;

use mtdh_core::check::{Group, Settings};
use mtdh_core::{DataType, DayRange};
use mtdh_engine::check::CheckPlan;
use mtdh_engine::check::kept::{EVERYTHING, Keep, KeptLine};
use mtdh_engine::{CheckOptions, Config, Context, Filter, Selection};

use crate::lake_support::{HandMade, KEY, Row, day};

const ON: &str = "2024-03-01";
const AFTER: &str = "2024-03-02";
const OTHER: &str = "DERIBIT:PERP:ETH-USD";

fn context(made: &HandMade) -> Context {
    let lake = made.folder.path().display().to_string();
    Context::open(&Config { lake, ..Config::default() }).unwrap()
}

/// Trades of a day, one every ten seconds, without a silence; the price of one of them.
fn rows(odd: f64) -> Vec<Row> {
    let price = |place: i64| if place == 30 { odd } else { 100.0 + (place * 7919 % 101) as f64 / 100.0 };
    (0..8640).map(|place| (place * 10, place * 10, price(place))).collect()
}

fn selection(instruments: &[&str]) -> Selection {
    let instruments = instruments.iter().map(|key| (*key).to_owned()).collect();
    let filter = Filter { instruments, data_types: DataType::ALL.to_vec(), ..Filter::default() };
    filter.of_lake(DayRange::new(day(ON), day(AFTER)).unwrap()).unwrap()
}

async fn check(context: &Context, groups: &[Group], instruments: &[&str], keep: Keep) -> Vec<String> {
    let plan = CheckPlan::new(groups.iter().copied(), Settings::default());
    let options = CheckOptions { keep, ..CheckOptions::default() };
    context.check(plan, &selection(instruments), options).await.unwrap().report.notes
}

/// A line in words: key, groups, check, and whether it is of an older object.
fn told(kept: &KeptLine) -> String {
    let KeptLine { line, is_current } = kept;
    let key = line.subject.key.as_ref().map_or("the day", |key| key.symbol());
    let groups = line.groups.iter().map(String::as_str).collect::<Vec<_>>().join(",");
    let check = line.found.as_ref().map_or(String::new(), |found| format!(": {}", found.check));
    format!("{key} {groups}{check}{}", if *is_current { "" } else { " (older)" })
}

async fn kept(context: &Context, on: &str) -> Option<BTreeSet<String>> {
    Some(context.checks(day(on)).await.unwrap()?.iter().map(told).collect())
}

fn set(lines: &[&str]) -> Option<BTreeSet<String>> {
    Some(lines.iter().map(|line| (*line).to_owned()).collect())
}

#[tokio::test]
async fn checked_and_nothing_found_is_not_the_same_as_not_checked() {
    let made = HandMade::new();
    made.trades(KEY, ON, "aa", &rows(100.0)).await;
    made.trades(OTHER, ON, "bb", &rows(-1.0)).await;
    let context = context(&made);
    let groups = [Group::Timestamp, Group::Values];
    assert_eq!(kept(&context, ON).await, None, "not checked");
    check(&context, &groups, &[], Keep::Nothing).await;
    assert_eq!(kept(&context, ON).await, None, "whoever keeps nothing writes nothing");
    assert_eq!(context.checked_days().await.unwrap(), []);

    let notes = check(&context, &groups, &[KEY], Keep::InLake).await;
    assert!(notes.is_empty(), "{notes:?}");
    assert_eq!(kept(&context, ON).await, set(&["BTC-USD timestamp,values"]), "the other was not checked");
    let line = context.checks(day(ON)).await.unwrap().unwrap().remove(0).line;
    assert_eq!((line.rows, &line.run.made_by[..]), (8640, "check"));
    assert_eq!(line.run.selection, format!("venues DERIBIT; instruments {KEY}"));
    assert!(line.objects[0].starts_with("trades ") && line.objects[0].len() > 60, "{:?}", line.objects);
    assert_eq!((line.run.first_day, line.run.last_day), (day(ON), day(AFTER)));

    check(&context, &groups, &[], Keep::InLake).await;
    let all = ["BTC-USD timestamp,values", "ETH-USD timestamp,values", "ETH-USD values: values"];
    assert_eq!(kept(&context, ON).await, set(&all));
    assert_eq!(context.checks(day(ON)).await.unwrap().unwrap()[0].line.run.selection, EVERYTHING);
    assert_eq!(kept(&context, AFTER).await, None, "a day without data has nothing to look at");
    assert_eq!(context.checked_days().await.unwrap(), [day(ON)]);
}

#[tokio::test]
async fn a_finding_of_an_object_that_was_replaced_is_of_an_older_one() {
    let made = HandMade::new();
    made.trades(KEY, ON, "aa", &rows(-1.0)).await;
    let context = context(&made);
    let groups = [Group::Timestamp, Group::Values];
    check(&context, &groups, &[], Keep::InLake).await;
    let found = ["BTC-USD timestamp,values", "BTC-USD values: values"];
    assert_eq!(kept(&context, ON).await, set(&found));
    made.trades(KEY, ON, "bb", &rows(100.0)).await;
    let older = ["BTC-USD timestamp,values (older)", "BTC-USD values: values (older)"];
    assert_eq!(kept(&context, ON).await, set(&older));
    // The group that is checked again is of the new object; the other is not.
    check(&context, &[Group::Values], &[], Keep::InLake).await;
    assert_eq!(kept(&context, ON).await, set(&["BTC-USD timestamp (older)", "BTC-USD values"]));
    check(&context, &groups, &[], Keep::InLake).await;
    assert_eq!(kept(&context, ON).await, set(&["BTC-USD timestamp,values"]));
}

#[tokio::test]
async fn candles_are_things_that_are_checked_too() {
    let made = HandMade::new();
    made.trades(KEY, ON, "aa", &rows(100.0)).await;
    made.make(&["1m".parse().unwrap()]).await;
    let context = context(&made);
    check(&context, &[Group::Aggregation], &[], Keep::InLake).await;
    let lines = context.checks(day(ON)).await.unwrap().unwrap();
    let looked = lines.iter().find(|kept| kept.line.found.is_none()).unwrap();
    assert!(looked.is_current, "{looked:?}");
    let names: Vec<&str> = looked.line.objects.iter().map(|name| name.rsplit_once(' ').unwrap().0).collect();
    assert_eq!(names, ["candles 1m", "trades"]);
    made.trades(KEY, ON, "bb", &rows(101.0)).await;
    let lines = context.checks(day(ON)).await.unwrap().unwrap();
    assert!(lines.iter().all(|kept| !kept.is_current), "their trades were replaced");
}

#[tokio::test]
async fn a_lake_that_cannot_be_written_is_checked_all_the_same() {
    let made = HandMade::new();
    made.trades(KEY, ON, "aa", &rows(-1.0)).await;
    std::fs::write(made.folder.path().join("check_reports"), "no folder").unwrap();
    let notes = check(&context(&made), &[Group::Values], &[], Keep::InLake).await;
    assert_eq!(notes.len(), 1, "{notes:?}");
    assert!(notes[0].starts_with("the findings of 2024-03-01 are not kept in the lake: "), "{notes:?}");
}
