use arrow_array::cast::AsArray;
use arrow_array::types::{Int64Type, TimestampMicrosecondType};
use arrow_array::{ArrayRef, Int64Array, TimestampMicrosecondArray};
use proptest::prelude::*;

use super::*;

fn day(text: &str) -> Day {
    text.parse().unwrap()
}

#[test]
fn the_days_beside_a_range_may_have_rows_of_the_exchanges_clock() {
    let noon = day("2024-03-01").start_us() + 43_200_000_000;
    let whole = day("2024-03-01").start_us()..day("2024-03-01").end_us();
    let two_days = noon..day("2024-03-02").start_us() + 1;
    for (clock, range, expected) in [
        (Clock::Arrival, whole.clone(), Some(("2024-03-01", "2024-03-01"))),
        (Clock::Exchange, whole.clone(), Some(("2024-02-29", "2024-03-02"))),
        (Clock::Exchange, noon..noon + 1, Some(("2024-02-29", "2024-03-02"))),
        (Clock::Arrival, two_days.clone(), Some(("2024-03-01", "2024-03-02"))),
        (Clock::Exchange, two_days, Some(("2024-02-29", "2024-03-03"))),
        (Clock::Exchange, noon..noon, None),
        (Clock::Exchange, noon..noon - 1, None),
        (Clock::Exchange, -1..0, Some(("1969-12-30", "1970-01-01"))),
        (Clock::Exchange, i64::MIN..i64::MIN, None),
        (Clock::Exchange, i64::MIN..i64::MAX, None),
    ] {
        let days = days_to_open(clock, &range);
        let expected = expected.map(|(first, last)| DayRange::new(day(first), day(last)).unwrap());
        assert_eq!(days, expected, "{clock} {range:?}");
    }
}

#[test]
fn the_next_day_is_expected_near_midnight_and_by_the_exchanges_clock_only() {
    let (start, end) = (day("2024-03-01").start_us(), day("2024-03-01").end_us());
    for (clock, range, expected) in [
        (Clock::Arrival, start..end, Some(("2024-03-01", "2024-03-01"))),
        (Clock::Exchange, start..end, Some(("2024-03-01", "2024-03-02"))),
        (Clock::Exchange, start..end - NEAR_US + 1, Some(("2024-03-01", "2024-03-02"))),
        (Clock::Exchange, start..end - NEAR_US, Some(("2024-03-01", "2024-03-01"))),
        (Clock::Exchange, start..end + 1, Some(("2024-03-01", "2024-03-02"))),
        (Clock::Exchange, start..start, None),
    ] {
        let expected = expected.map(|(first, last)| DayRange::new(day(first), day(last)).unwrap());
        assert_eq!(days_expected(clock, &range), expected, "{clock} {range:?}");
    }
}

fn stretch(rows: u64, first_us: i64, last_us: i64) -> Stretch {
    Stretch { rows, first_us, last_us }
}

#[test]
fn windows_hold_about_as_many_rows_as_they_may() {
    for (stretches, within, most, expected) in [
        (vec![], 0..100, 10, vec![(0, 100)]),
        (vec![stretch(100, 0, 99)], 0..100, 1000, vec![(0, 100)]),
        (vec![stretch(100, 0, 99)], 0..100, 50, vec![(0, 50), (50, 100)]),
        (vec![stretch(100, 0, 99)], 50..100, 25, vec![(50, 75), (75, 100)]),
        // Two objects, one after the other, with an overlap.
        (vec![stretch(60, 0, 59), stretch(60, 50, 109)], 0..110, 40, vec![(0, 40), (40, 70), (70, 110)]),
        // Rows of one microsecond stay together, however many they are.
        (vec![stretch(1_000, 10, 10)], 0..20, 10, vec![(0, 10), (10, 11), (11, 20)]),
        // Without statistics rows may be anywhere.
        (vec![stretch(5, i64::MIN, i64::MAX)], 0..20, 10, vec![(0, 20)]),
        (vec![stretch(10, 200, 300)], 0..20, 1, vec![(0, 20)]),
    ] {
        let found =
            windows(&stretches, within.clone(), most).into_iter().map(|window| (window.start, window.end));
        assert_eq!(found.collect::<Vec<_>>(), expected, "{stretches:?} {within:?}");
    }
}

fn batch(times: &[i64], numbers: &[i64]) -> RecordBatch {
    let times: ArrayRef = Arc::new(TimestampMicrosecondArray::from(times.to_vec()).with_timezone("UTC"));
    let numbers: ArrayRef = Arc::new(Int64Array::from(numbers.to_vec()));
    RecordBatch::try_from_iter([("timestamp", times), ("number", numbers)]).unwrap()
}

fn read(sorter: Sorter) -> Vec<(i64, i64)> {
    let mut rows = Vec::new();
    for batch in sorter.sorted() {
        let batch = batch.unwrap();
        let times = batch.column(0).as_primitive::<TimestampMicrosecondType>().values().to_vec();
        rows.extend(times.into_iter().zip(batch.column(1).as_primitive::<Int64Type>().values().to_vec()));
    }
    rows
}

#[test]
fn a_batch_without_the_clock_or_with_other_columns_is_refused() {
    let mut sorter = Sorter::new("timestamp");
    sorter.push(batch(&[1], &[1])).unwrap();
    let without = batch(&[1], &[1]).project(&[1]).unwrap();
    assert_eq!(sorter.push(without).unwrap_err(), "it has no column `timestamp`");
    let other = batch(&[1], &[1]).project(&[0]).unwrap();
    assert_eq!(sorter.push(other).unwrap_err(), "its columns are not those of the day before");
    let nulls: ArrayRef = Arc::new(TimestampMicrosecondArray::from(vec![Some(1), None]));
    let nulls = RecordBatch::try_from_iter([("timestamp", nulls)]).unwrap();
    assert!(Sorter::new("timestamp").push(nulls).is_err());
    assert_eq!(read(Sorter::new("timestamp")), []);
}

proptest! {
    #[test]
    fn sorting_is_that_of_all_rows_and_stable(
        batches in prop::collection::vec(prop::collection::vec(-5_i64..5, 0..40), 0..8),
    ) {
        let mut sorter = Sorter::new("timestamp");
        let mut all = Vec::new();
        for times in &batches {
            let numbers: Vec<i64> = (all.len() as i64..).take(times.len()).collect();
            all.extend(times.iter().copied().zip(numbers.iter().copied()));
            sorter.push(batch(times, &numbers)).unwrap();
        }
        prop_assert_eq!(sorter.rows(), all.len());
        all.sort_by_key(|(time, _)| *time);
        prop_assert_eq!(read(sorter), all);
    }

    #[test]
    fn windows_part_the_range_whatever_the_stretches(
        stretches in prop::collection::vec((1_u64..10_000, -500_i64..1_500, 0_i64..1_500), 0..20),
        most in 1_u64..5_000,
    ) {
        let stretches: Vec<Stretch> =
            stretches.into_iter().map(|(rows, first, length)| stretch(rows, first, first + length)).collect();
        let windows = windows(&stretches, 0..1_000, most);
        prop_assert_eq!(windows.first().map(|w| w.start), Some(0));
        prop_assert_eq!(windows.last().map(|w| w.end), Some(1_000));
        for pair in windows.windows(2) {
            prop_assert_eq!(pair[0].end, pair[1].start);
        }
        for window in &windows {
            prop_assert!(window.start < window.end);
            let expected: f64 = stretches
                .iter()
                .map(|s| {
                    let common = (s.last_us + 1).min(window.end) - s.first_us.max(window.start);
                    s.rows as f64 * common.max(0) as f64 / (s.last_us - s.first_us + 1) as f64
                })
                .sum();
            prop_assert!(expected <= most as f64 * 1.000_001 || window.end - window.start == 1, "{:?}", window);
        }
    }
}
