//! Slices of time out of a partition: exactly their rows, for few bytes.

use std::ops::Range;
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_array::cast::AsArray;
use arrow_array::types::TimestampMicrosecondType;
use mtdh_lake::read::ReadCost;
use mtdh_lake::{Lake, LakeError};

use crate::stores::on_each_store;
use crate::trades::{self, STEP_US, arrival_us};

const MINUTE_US: i64 = 60_000_000;

/// Rows of a row group of trades.
const ROW_GROUP_ROWS: usize = 1 << 18;

/// Arrivals of the rows of a slice, and what they cost.
async fn slice(lake: &Lake, arrived_us: Range<i64>) -> (Vec<i64>, Arc<ReadCost>) {
    let entry = lake.entry(&trades::path()).await.unwrap().unwrap();
    let cost = Arc::new(ReadCost::default());
    let mut arrivals = Vec::new();
    let take = |batch: RecordBatch| {
        assert_eq!(&batch.schema(), trades::partition().data_type.table().schema());
        let column = batch.column_by_name("local_timestamp").unwrap();
        arrivals.extend(column.as_primitive::<TimestampMicrosecondType>().values());
        let ids = batch.column_by_name("id").unwrap().as_string::<i32>();
        let first = (arrivals[arrivals.len() - batch.num_rows()] - arrival_us(0)) / STEP_US;
        for (number, id) in (first as usize..).zip(ids) {
            assert_eq!(
                id.map(str::to_owned),
                (number % 1000 > 0).then(|| number.to_string()),
                "rows stay whole"
            );
        }
        Ok::<(), LakeError>(())
    };
    let bytes = lake.read_slice_at(&trades::path(), arrived_us, &cost, take).await.unwrap();
    assert_eq!(bytes, Some(entry.bytes));
    (arrivals, cost)
}

#[tokio::test]
async fn a_slice_has_exactly_its_rows_and_costs_little() {
    const ROWS: usize = 1_000_000;
    let object = trades::object(ROWS);
    let arrivals: Vec<i64> = (0..ROWS).map(arrival_us).collect();
    let (first, end) = (arrival_us(0), arrival_us(ROWS));
    on_each_store(async |lake| {
        trades::publish(lake, &object).await;
        let minute = |number: i64| first + number * MINUTE_US..first + (number + 1) * MINUTE_US;
        // In bytes, not in shares: a better packed object is no reason to read more of it.
        let whole = object.len() as u64;
        for (name, arrived_us, limit, requests) in [
            ("the first minute", minute(0), 400_000, 5),
            ("a minute in the middle", minute(777), 400_000, 5),
            ("a minute over the end of a row group", minute(174), 600_000, 9),
            ("one row", arrival_us(500_000)..arrival_us(500_000) + 1, 400_000, 5),
            ("between two rows", arrival_us(500_000) + 1..arrival_us(500_001), 400_000, 5),
            ("an hour", first + 600 * MINUTE_US..first + 660 * MINUTE_US, 600_000, 9),
            ("everything", i64::MIN..i64::MAX, whole, 17),
            ("exactly everything", first..end, whole, 17),
            ("all but the last row", first..arrival_us(ROWS - 1), whole, 17),
            ("nothing", first..first, 100_000, 1),
            ("a range that ends before it starts", end..first, 100_000, 1),
            ("before", 0..first, 100_000, 1),
            ("after", end..i64::MAX, 100_000, 1),
        ] {
            let (found, cost) = slice(lake, arrived_us.clone()).await;
            let expected: Vec<i64> = arrivals.iter().copied().filter(|t| arrived_us.contains(t)).collect();
            assert!(
                found == expected,
                "{}, {name}: {} rows, not {}",
                lake.url(),
                found.len(),
                expected.len()
            );
            assert!(cost.bytes() <= limit, "{}, {name}: {} of {}", lake.url(), cost.bytes(), object.len());
            assert!(cost.requests() <= requests, "{}, {name}: {} requests", lake.url(), cost.requests());
        }
    })
    .await;
}

#[tokio::test]
async fn a_minute_across_a_row_group_is_read_with_two_waits() {
    const ROWS: usize = 1_000_000;
    let object = trades::object(ROWS);
    on_each_store(async |lake| {
        trades::publish(lake, &object).await;
        for group in 1..=(ROWS - 1) / ROW_GROUP_ROWS {
            let end = arrival_us(group * ROW_GROUP_ROWS);
            for before_us in [STEP_US, MINUTE_US / 2, MINUTE_US - STEP_US] {
                let arrived_us = end - before_us..end - before_us + MINUTE_US;
                let (found, cost) = slice(lake, arrived_us.clone()).await;
                assert!(arrived_us.contains(&found[0]) && found[0] < end && *found.last().unwrap() >= end);
                let (read, requests, whole) = (cost.bytes(), cost.requests(), object.len());
                let seen = format!("{}, group {group}: {read} of {whole} in {requests}", lake.url());
                println!("{seen}");
                assert!(requests <= 9 && read <= 500_000, "{seen}");
            }
        }
    })
    .await;
}

#[tokio::test]
async fn no_byte_is_read_twice() {
    // From objects that come whole with the first request to those of which the end is a small part.
    for rows in [1000, 5000, 8000, 13_000, 20_000, 50_000, 300_000] {
        let object = trades::object(rows);
        on_each_store(async |lake| {
            trades::publish(lake, &object).await;
            let (found, cost) = slice(lake, i64::MIN..i64::MAX).await;
            assert_eq!(found.len(), rows);
            let (read, whole) = (cost.bytes(), object.len() as u64);
            assert!(read <= whole, "{}, {rows} rows: read {read} of {whole}", lake.url());
        })
        .await;
    }
}

#[tokio::test]
async fn a_small_partition_costs_one_request() {
    let object = trades::object(1000);
    on_each_store(async |lake| {
        trades::publish(lake, &object).await;
        let (found, cost) = slice(lake, arrival_us(10)..arrival_us(20)).await;
        assert_eq!(found.len(), 10);
        assert_eq!((cost.requests(), cost.bytes()), (1, object.len() as u64), "{}", lake.url());
    })
    .await;
}

#[tokio::test]
async fn a_partition_without_rows_has_no_slices() {
    on_each_store(async |lake| {
        trades::publish(lake, &trades::object(0)).await;
        assert!(slice(lake, i64::MIN..i64::MAX).await.0.is_empty(), "{}", lake.url());
    })
    .await;
}

#[tokio::test]
async fn a_slice_by_the_exchanges_clock_has_the_columns_asked_for() {
    on_each_store(async |lake| {
        trades::publish(lake, &trades::object(trades::BATCH_ROWS)).await;
        let entry = lake.entry(&trades::path()).await.unwrap().unwrap();
        let within = arrival_us(100)..arrival_us(200);
        let cost = Arc::default();
        let mut rows = 0;
        let columns = ["timestamp", "price"];
        let take = |batch: arrow_array::RecordBatch| {
            assert_eq!(batch.num_columns(), 2);
            rows += batch.num_rows();
            Ok::<(), LakeError>(())
        };
        lake.read_between(&entry, "timestamp", within.clone(), Some(&columns), &cost, take).await.unwrap();
        assert_eq!(rows, 100, "{}", lake.url());
        let lacking = ["timestamp", "prise"];
        let read =
            lake.read_between::<LakeError>(&entry, "timestamp", within, Some(&lacking), &cost, |_| Ok(()));
        assert!(
            matches!(read.await, Err(LakeError::WrongTable { reason, .. }) if reason.contains("`prise`"))
        );
    })
    .await;
}
