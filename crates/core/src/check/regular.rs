//! Times that should come at a fixed interval, as those of candles of a market that never rests.
//!
//! No registered check: a lake's candles may have quiet intervals, and a caller who knows better says so by asking.

/// What is wrong with times that should come at a fixed interval. Times are microseconds since the Unix epoch, UTC, intervals
/// microseconds.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Regularity {
    /// Times that were looked at.
    pub count: usize,
    /// Times that came before, once for each repetition.
    pub duplicates: Vec<i64>,
    /// Times that are earlier than the one before them: index, time, the one before.
    pub out_of_order: Vec<(usize, i64, i64)>,
    /// Intervals that differ from the expected one by more than the tolerance: the time at their end, their length.
    pub uneven: Vec<(i64, i64)>,
    /// Intervals longer than 1.5 times the expected one: the time at their end, their length.
    pub gaps: Vec<(i64, i64)>,
    /// The intervals between different times, in order of time.
    pub intervals: Vec<i64>,
}

impl Regularity {
    /// Whether nothing is wrong.
    pub fn is_clean(&self) -> bool {
        self.duplicates.is_empty()
            && self.out_of_order.is_empty()
            && self.uneven.is_empty()
            && self.gaps.is_empty()
    }
}

/// Looks at times in the order in which they came. Order is judged as they came, intervals after sorting, between different
/// times: a repetition is no interval of length 0.
pub fn regularity(times: &[i64], interval_us: i64, tolerance_us: i64) -> Regularity {
    let mut found = Regularity { count: times.len(), ..Regularity::default() };
    for (index, pair) in times.windows(2).enumerate() {
        if pair[1] < pair[0] {
            found.out_of_order.push((index + 1, pair[1], pair[0]));
        }
    }
    let mut sorted = times.to_vec();
    sorted.sort_unstable();
    for pair in sorted.windows(2) {
        let length = pair[1].saturating_sub(pair[0]);
        if length == 0 {
            found.duplicates.push(pair[1]);
            continue;
        }
        found.intervals.push(length);
        if length.abs_diff(interval_us) > tolerance_us.unsigned_abs() {
            found.uneven.push((pair[1], length));
        }
        if length > interval_us.saturating_add(interval_us / 2) {
            found.gaps.push((pair[1], length));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_with_times() {
        let found = |times: &[i64]| {
            let found = regularity(times, 60, 1);
            let counts =
                [&found.duplicates.len(), &found.out_of_order.len(), &found.uneven.len(), &found.gaps.len()];
            (counts.map(|count| *count), found.is_clean())
        };
        for (times, expected, is_clean) in [
            (&[][..], [0, 0, 0, 0], true),
            (&[0], [0, 0, 0, 0], true),
            (&[0, 60, 120], [0, 0, 0, 0], true),
            (&[0, 61, 121], [0, 0, 0, 0], true),
            (&[0, 62, 122], [0, 0, 1, 0], false),
            (&[0, 60, 60, 120], [1, 0, 0, 0], false),
            (&[0, 120, 60], [0, 1, 0, 0], false),
            (&[0, 60, 150], [0, 0, 1, 0], false),
            (&[0, 60, 151], [0, 0, 1, 1], false),
            (&[i64::MIN, i64::MAX], [0, 0, 1, 1], false),
        ] {
            assert_eq!(found(times), (expected, is_clean), "{times:?}");
        }
    }
}
