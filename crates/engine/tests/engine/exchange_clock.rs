//! Rows by the exchange's clock: those of the days beside are found, and all come sorted.

use std::ops::Range;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, TimestampMicrosecondType};
use mtdh_core::clock::Clock;
use mtdh_core::partition::Partition;
use mtdh_core::{DataType, DayRange};
use mtdh_engine::query::exchange::{Sorting, days_to_open, parts, sorted};

use crate::lake_support::{HandMade, KEY, Row, day, key};

const DAY: i64 = 86_400;

/// Seconds after midnight of 2024-03-01 by the exchange's clock, and the price, which names the row.
async fn read(lake: &HandMade, seconds: Range<i64>, most_rows: u64) -> Vec<(i64, f64)> {
    let midnight = day("2024-03-01").start_us();
    let within_us = midnight + seconds.start * 1_000_000..midnight + seconds.end * 1_000_000;
    let mut rows = Vec::new();
    for (_, within_us) in parts(&within_us) {
        let mut entries = Vec::new();
        for day in days_to_open(Clock::Exchange, &within_us).into_iter().flat_map(DayRange::days) {
            let path =
                lake.lake.partition_path(&Partition { day, data_type: DataType::Trades, key: key(KEY) });
            entries.extend(lake.lake.entry(&path).await.unwrap());
        }
        let (sender, mut receiver) = tokio::sync::mpsc::channel(10_000);
        let sorting = Sorting {
            lake: &lake.lake,
            clock: "timestamp",
            entries: &entries,
            within_us,
            columns: None,
            most_rows,
            cost: &Arc::default(),
        };
        sorted(sorting, &|_, batch| Ok(batch), &sender).await.unwrap();
        drop(sender);
        while let Some(batch) = receiver.recv().await {
            let batch = batch.unwrap();
            let times = batch.column_by_name("timestamp").unwrap().as_primitive::<TimestampMicrosecondType>();
            let prices = batch.column_by_name("price").unwrap().as_primitive::<Float64Type>();
            let seconds = times.values().iter().map(|us| (us - midnight) / 1_000_000);
            rows.extend(seconds.zip(prices.values().iter().copied()));
        }
    }
    rows
}

#[tokio::test]
async fn rows_of_the_days_beside_are_found_and_sorted_with_the_others() {
    let lake = HandMade::new();
    // The exchange's clock is ahead: a row of the first moment arrived the day before.
    lake.trades(KEY, "2024-02-29", "a", &[(-10, -9, 1.0), (0, -1, 2.0)]).await;
    // One arrived late, after another of the same second; one is of the evening before.
    let rows = [
        (-1, 1, 3.0),
        (5, 6, 4.0),
        (9, 9, 5.0),
        (5, 10, 6.0),
        (DAY - 1, DAY - 1, 7.0),
        (DAY + 3, DAY - 1, 8.0),
    ];
    lake.trades(KEY, "2024-03-01", "b", &rows).await;
    lake.trades(KEY, "2024-03-02", "c", &[(DAY - 2, DAY, 9.0), (DAY - 1, DAY, 10.0), (DAY, DAY + 1, 11.0)])
        .await;
    lake.trades(KEY, "2024-03-03", "d", &[(100, 2 * DAY, 12.0)]).await;
    let whole = [(0, 2.0), (5, 4.0), (5, 6.0), (9, 5.0), (DAY - 2, 9.0), (DAY - 1, 7.0), (DAY - 1, 10.0)];
    for (range, expected) in [
        (0..DAY, whole.to_vec()),
        (5..9, vec![(5, 4.0), (5, 6.0)]),
        (5..10, vec![(5, 4.0), (5, 6.0), (9, 5.0)]),
        (-DAY..0, vec![(-10, 1.0), (-1, 3.0)]),
        (DAY..2 * DAY, vec![(DAY, 11.0), (DAY + 3, 8.0)]),
        // What arrived two days later is in no range, however long.
        (0..2 * DAY, whole.iter().copied().chain([(DAY, 11.0), (DAY + 3, 8.0)]).collect()),
        (3600..7200, vec![]),
        (20 * DAY..21 * DAY, vec![]),
    ] {
        for most_rows in [1, 2, 1_000_000] {
            assert_eq!(read(&lake, range.clone(), most_rows).await, expected, "{range:?}, {most_rows}");
        }
    }
}

#[tokio::test]
async fn a_page_that_reaches_far_takes_nothing_from_the_order() {
    let lake = HandMade::new();
    // Every fifth row comes hours late or early.
    let row = |second: i64| {
        let far = if second % 5 == 0 { (second * 7919) % 40_000 - 20_000 } else { 0 };
        (second - far, second, second as f64)
    };
    let rows: Vec<Row> = (0..DAY).map(row).collect();
    lake.trades(KEY, "2024-03-01", "a", &rows).await;
    let mut expected: Vec<(i64, f64)> = rows.iter().map(|(at, _, price)| (*at, *price)).collect();
    expected.retain(|(at, _)| (0..DAY).contains(at));
    expected.sort_by_key(|(at, _)| *at);
    assert_eq!(read(&lake, 0..DAY, 5_000).await, expected);
}
