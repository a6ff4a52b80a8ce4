//! What a check of a day takes from the days before it in the lake, and that it takes nothing from others.

use mtdh_core::check::{Finding, Group, Severity};
use mtdh_core::instrument::Instrument;
use mtdh_core::{DataType, DayRange};
use mtdh_engine::Selection;
use mtdh_engine::check::kept::Keep;
use mtdh_engine::check::lake::{RowsOf, check_lake};

use crate::candle_support::plan;
use crate::lake_support::{HandMade, KEY, Row, day, key};

const D: i64 = 86_400;
const HOUR: i64 = 3600;

/// Trades every ten seconds of these hours, so many days after 2024-03-01.
fn trades(of: i64, hours: &[(i64, i64)], price: impl Fn(i64) -> f64) -> Vec<Row> {
    let seconds = hours.iter().flat_map(|(first, end)| (first * HOUR..end * HOUR).step_by(10));
    seconds.map(|second| (of * D + second, of * D + second, price(second / 10))).collect()
}

async fn publish(lake: &HandMade, on: &str, hours: &[(i64, i64)], price: impl Fn(i64) -> f64) {
    let of = (day(on).start_us() - day("2024-03-01").start_us()) / (D * 1_000_000);
    lake.trades(KEY, on, on, &trades(of, hours, price)).await;
}

fn steady(i: i64) -> f64 {
    100.0 + (i * 7919 % 101) as f64 / 100.0
}

/// What is said of 2024-03-01, with a warning at least.
async fn found(lake: &HandMade, groups: &[Group]) -> Vec<Finding> {
    let on = day("2024-03-01");
    let selection = Selection {
        days: DayRange::new(on, on).unwrap(),
        venues: vec!["DERIBIT".to_owned()],
        instrument_types: Vec::new(),
        data_types: vec![DataType::Trades],
        patterns: Vec::new(),
        max_instruments: None,
    };
    let report = check_lake(
        &lake.lake,
        &mtdh_engine::names::Names::default(),
        &plan(groups),
        &selection,
        RowsOf::All,
        Keep::InLake,
        &Default::default(),
    )
    .await;
    report.unwrap().findings.into_iter().filter(|f| f.severity > Severity::Info).collect()
}

fn names(findings: &[Finding]) -> Vec<&'static str> {
    findings.iter().map(|f| f.check).collect()
}

#[tokio::test]
async fn sessions_are_learnt_from_the_seven_days_before_and_from_no_others() {
    let lake = HandMade::new();
    let (session, whole) = (&[(8, 16)][..], &[(0, 24)][..]);
    publish(&lake, "2024-03-01", &[(8, 16)], steady).await;
    assert_eq!(names(&found(&lake, &[Group::Gaps]).await), [""; 0], "nobody can tell");
    publish(&lake, "2024-02-29", whole, steady).await;
    let told = found(&lake, &[Group::Gaps]).await;
    assert_eq!(names(&told), ["gap"; 2], "the day before traded at these hours");
    // Neither later days nor those before the window change that.
    for on in ["2024-03-02", "2024-03-03", "2024-02-22", "2024-02-21", "2024-02-20"] {
        publish(&lake, on, session, steady).await;
    }
    assert_eq!(found(&lake, &[Group::Gaps]).await, told);
    publish(&lake, "2024-02-23", session, steady).await;
    publish(&lake, "2024-02-24", session, steady).await;
    assert_eq!(names(&found(&lake, &[Group::Gaps]).await), [""; 0], "two of three days have the session");
    publish(&lake, "2024-03-01", &[(8, 10), (11, 16)], steady).await;
    assert_eq!(names(&found(&lake, &[Group::Gaps]).await), ["gap"], "a hole in the session");
}

#[tokio::test]
async fn the_day_before_says_where_prices_and_their_digits_begin() {
    let lake = HandMade::new();
    let whole = |i: i64| steady(i).trunc() + (i % 7) as f64;
    publish(&lake, "2024-03-01", &[(0, 24)], |i| whole(i) * 17.0).await;
    assert_eq!(names(&found(&lake, &[Group::Values]).await), [""; 0]);
    publish(&lake, "2024-02-29", &[(0, 24)], steady).await;
    let told = found(&lake, &[Group::Values]).await;
    assert_eq!(names(&told), ["fewer_digits", "price_shift"], "{told:?}");
    assert!(told[1].found.examples[0].starts_with("from row 0 on"), "{told:?}");
    publish(&lake, "2024-02-28", &[(0, 24)], whole).await;
    publish(&lake, "2024-03-02", &[(0, 24)], whole).await;
    assert_eq!(found(&lake, &[Group::Values]).await, told);
}

#[tokio::test]
async fn without_a_day_before_the_table_says_the_tick() {
    let lake = HandMade::new();
    publish(&lake, "2024-03-01", &[(0, 24)], |i| 100.0 + (i % 7) as f64 / 10.0).await;
    for (tick_size, expected) in [(None, vec![]), (Some(0.1), vec![]), (Some(0.01), vec!["fewer_digits"])] {
        let instrument =
            Instrument { tick_size, ..Instrument::of_name(key(KEY), "deribit", "BTC", day("2024-03-01")) };
        let table = vec![instrument];
        lake.lake
            .update_instruments(day("2024-03-01"), |rows| rows.instruments = table.clone())
            .await
            .unwrap();
        assert_eq!(names(&found(&lake, &[Group::Values]).await), expected, "{tick_size:?}");
    }
}
