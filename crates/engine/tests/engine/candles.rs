//! A day's candles: rows beyond midnight, what is made again and what is not, one instrument's failure.

use mtdh_core::DataType;
use mtdh_core::partition::{Partition, Shard};
use mtdh_engine::candles::{Fill, Remake, Timeframe};
use mtdh_lake::Layout;

use crate::lake_support::{HandMade, KEY, Seen, day, key};

const D: i64 = 86_400;
const OTHER: &str = "DERIBIT:PERP:ETH-USD";

fn timeframes(text: &str) -> Vec<Timeframe> {
    text.split(' ').map(|t| t.parse().unwrap()).collect()
}

/// Three days in which two trades of 2024-03-01 lie in a neighbour's file each, and two of its file are not of the day.
async fn three_days(lake: &HandMade) {
    lake.trades(KEY, "2024-02-29", "a", &[(-70, -69, 1.0), (2, -1, 2.0)]).await;
    lake.trades(KEY, "2024-03-01", "b", &[(-3, 1, 3.0), (5, 6, 4.0), (3600, 3601, 5.0), (D + 2, D - 1, 6.0)])
        .await;
    lake.trades(KEY, "2024-03-02", "c", &[(D - 4, D + 1, 7.0), (D + 3, D + 4, 8.0)]).await;
}

#[tokio::test]
async fn trades_on_the_wrong_side_of_midnight_are_in_the_candles_of_their_time() {
    let lake = HandMade::new();
    three_days(&lake).await;
    let frames = timeframes("1m 24h");
    let summary = lake.make(&frames).await;
    assert!(summary.is_clean());
    assert_eq!((summary.objects, summary.trades, summary.candles, summary.not_final), (2, 4, 4, 0));
    let expected: [Seen; 3] =
        [(0, 2.0, 4.0, 0.2, true), (3600, 5.0, 5.0, 0.1, true), (D - 60, 7.0, 7.0, 0.1, true)];
    assert_eq!(lake.candles(frames[0], KEY), expected);
    assert_eq!(lake.candles(frames[1], KEY), [(0, 2.0, 7.0, 0.4, true)]);
}

#[tokio::test]
async fn a_run_that_is_interrupted_says_so_in_the_lake_leaves_nothing_half_done_and_the_next_one_makes_the_rest()
 {
    let lake = HandMade::new();
    three_days(&lake).await;
    let frames = timeframes("1m 24h");
    let stop = tokio_util::sync::CancellationToken::new();
    stop.cancel();
    let plan = lake.plan(&frames, Fill::None, Shard::WHOLE, Remake::Outdated).await;
    let summary = lake.run_until(plan, stop).await;
    assert_eq!((summary.objects, summary.left, summary.is_clean()), (0, 1, false));
    let told = lake.told();
    assert_eq!(
        (&told["state"], &told["left"], &told["objects"]),
        (&"interrupted".into(), &1.into(), &0.into())
    );
    assert!(frames.iter().all(|timeframe| !lake.path(*timeframe, KEY).exists()));
    assert!(lake.make(&frames).await.is_clean());
    let told = lake.told();
    assert_eq!((&told["state"], &told["left"], &told["objects"]), (&"done".into(), &0.into(), &2.into()));
}

#[tokio::test]
async fn the_candle_at_a_midnight_whose_other_side_is_missing_is_not_final_until_it_comes() {
    let (whole, lake) = (HandMade::new(), HandMade::new());
    three_days(&whole).await;
    let frames = timeframes("1m 24h");
    whole.make(&frames).await;
    lake.trades(KEY, "2024-03-01", "b", &[(-3, 1, 3.0), (5, 6, 4.0), (3600, 3601, 5.0), (D + 2, D - 1, 6.0)])
        .await;
    let summary = lake.make(&frames).await;
    assert_eq!((summary.candles, summary.not_final), (3, 2));
    assert_eq!(lake.candles(frames[0], KEY), [(0, 4.0, 4.0, 0.1, false), (3600, 5.0, 5.0, 0.1, true)]);
    lake.trades(KEY, "2024-02-29", "a", &[(-70, -69, 1.0), (2, -1, 2.0)]).await;
    assert_eq!(lake.make(&frames).await.not_final, 1, "the 24h candle still lacks the day after");
    three_days(&lake).await;
    lake.make(&frames).await;
    for timeframe in frames {
        assert!(
            lake.bytes(timeframe, KEY) == whole.bytes(timeframe, KEY),
            "{timeframe}: the same inputs, the same bytes"
        );
    }
}

#[tokio::test]
async fn only_what_is_missing_or_older_than_its_inputs_is_made() {
    let lake = HandMade::new();
    three_days(&lake).await;
    let frames = timeframes("1m 1h");
    let made = async |timeframes: &[Timeframe]| {
        let summary = lake.make(timeframes).await;
        (summary.objects, summary.up_to_date)
    };
    assert_eq!(made(&frames).await, (2, 0));
    assert_eq!(made(&frames).await, (0, 2));
    assert_eq!(made(&timeframes("1m 15s 1h")).await, (1, 2), "a timeframe more");
    lake.trades(KEY, "2024-03-02", "c2", &[(D + 3, D + 4, 8.0)]).await;
    assert_eq!(made(&frames).await, (2, 0), "a neighbour's file was fetched again and is another one");
    std::fs::remove_file(lake.path(frames[1], KEY)).unwrap();
    assert_eq!(made(&frames).await, (1, 1), "an object is gone");
    lake.junk(&Layout::VENDOR.candles(day("2024-03-01"), frames[0], &key(KEY))).await;
    assert_eq!(made(&frames).await, (1, 1), "an object cannot be trusted");
    let flat = lake.run(lake.plan(&frames, Fill::Flat, Shard::WHOLE, Remake::Outdated).await).await;
    assert_eq!(flat.objects, 2, "filled in another way");
    let before = lake.bytes(frames[0], KEY);
    let again = lake.run(lake.plan(&frames, Fill::Flat, Shard::WHOLE, Remake::All).await).await;
    assert_eq!((again.objects, lake.bytes(frames[0], KEY) == before), (2, true), "the same bytes");
}

#[tokio::test]
async fn an_instrument_that_fails_is_told_and_the_others_go_on() {
    let lake = HandMade::new();
    three_days(&lake).await;
    let broken = Partition { day: day("2024-03-01"), data_type: DataType::Trades, key: key(OTHER) };
    lake.junk(&Layout::VENDOR.partition(&broken)).await;
    lake.table("2024-03-01", &[KEY, OTHER, "DERIBIT:PERP:SOL-USD"]).await;
    let frames = timeframes("1m");
    let summary = lake.make(&frames).await;
    assert!(!summary.is_clean());
    assert_eq!(summary.without_trades, ["2024-03-01 DERIBIT:PERP:SOL-USD"]);
    let [failure] = &summary.failures[..] else { panic!("{summary:?}") };
    assert_eq!(failure.instrument_key, OTHER);
    assert!(failure.cause.contains("its trades of 2024-03-01 cannot be trusted"), "{}", failure.cause);
    assert!(!lake.path(frames[0], OTHER).exists() && lake.path(frames[0], KEY).exists());
}

#[tokio::test]
async fn a_day_without_trades_has_an_object_that_says_so() {
    let lake = HandMade::new();
    for on in ["2024-02-29", "2024-03-01", "2024-03-02"] {
        lake.trades(KEY, on, "e", &[]).await;
    }
    let frames = timeframes("1m");
    let summary = lake.make(&frames).await;
    assert_eq!((summary.is_clean(), summary.objects, summary.candles), (true, 1, 0));
    assert!(lake.candles(frames[0], KEY).is_empty());
}

#[tokio::test]
async fn shards_make_each_object_once() {
    let lake = HandMade::new();
    let keys: Vec<String> = (0..12).map(|i| format!("DERIBIT:PERP:A{i}-USD")).collect();
    for key in &keys {
        lake.trades(key, "2024-03-01", "x", &[(5, 6, 1.0)]).await;
    }
    let (mut made, frames) = (0, timeframes("1m"));
    for index in 0..3 {
        let shard = Shard::new(index, 3).unwrap();
        let summary = lake.run(lake.plan(&frames, Fill::None, shard, Remake::All).await).await;
        assert_eq!(summary.objects + summary.other_shard, keys.len());
        made += summary.objects;
    }
    assert_eq!(made, keys.len());
    assert!(keys.iter().all(|key| lake.path(frames[0], key).exists()));
}

#[tokio::test]
async fn trades_that_lie_in_no_interval_of_the_day_are_counted_and_a_day_without_any_other_fails() {
    let lake = HandMade::new();
    three_days(&lake).await;
    let frames = timeframes("1m 24h");
    // Of the middle day one trade happened before midnight and one after the next.
    let summary = lake.make(&frames).await;
    assert_eq!((summary.trades_outside, lake.told()["trades_outside"].as_u64()), (2, Some(2)));
    // The whole file an hour, or half a century, off.
    for off in [-D, D, -1_709_000_000] {
        let rows = [5, 3600, 80_000].map(|at| (at + off, at, 1.0));
        lake.trades(OTHER, "2024-03-01", &format!("off {off}"), &rows).await;
        let summary = lake.make(&frames).await;
        let cause = &summary.failures[0].cause;
        assert!(cause.contains("none of its 3 trades lies in 2024-03-01"), "{cause}");
        assert!(!summary.is_clean() && frames.iter().all(|frame| !lake.path(*frame, OTHER).exists()));
    }
    // The one trade that came right after midnight happened right before it.
    lake.trades(OTHER, "2024-03-01", "edge", &[(-1, 1, 1.0)]).await;
    let summary = lake.make(&frames).await;
    assert_eq!((summary.failures.len(), summary.trades_outside, summary.candles), (0, 1, 0));
}
