//! Gaps in Tardis' recording of an exchange: short reconnections and longer incidents.

use mtdh_core::Day;

use crate::generate::rng::Rng;
use crate::generate::times::{HOUR_US, MINUTE_US};

/// A time without messages, half-open, microseconds since the Unix epoch, UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Gap {
    pub(crate) from_us: i64,
    pub(crate) to_us: i64,
    /// Whether the metadata reports it.
    pub(crate) is_incident: bool,
}

/// Returns the gaps of an exchange's day, in order. They apply to all its instruments.
pub(crate) fn gaps(seed: u64, exchange: &str, day: Day) -> Vec<Gap> {
    let mut rng = Rng::new(seed, &["gaps", exchange, &day.to_string()]);
    let mut gaps = Vec::new();
    for (per_10_000, first_hour, hours, shortest_us, longest_us, is_incident) in [
        (4_000, 2, 8, 500_000, 3_000_000, false),
        (220, 11, 6, 10 * MINUTE_US, 45 * MINUTE_US, true),
        (2_000, 18, 4, 500_000, 3_000_000, false),
    ] {
        let happens = rng.chance(per_10_000);
        let from_us = day.start_us() + first_hour * HOUR_US + rng.below((hours * HOUR_US) as u64) as i64;
        let to_us = from_us + rng.between(shortest_us, longest_us);
        if happens {
            gaps.push(Gap { from_us, to_us, is_incident });
        }
    }
    gaps
}

/// Returns the incidents of an exchange from one day to another, the last excluded.
pub(crate) fn incidents(seed: u64, exchange: &str, first: Day, end: Day) -> Vec<Gap> {
    let days = std::iter::successors(Some(first), |day| Some(day.next())).take_while(|day| *day < end);
    days.flat_map(|day| gaps(seed, exchange, day)).filter(|gap| gap.is_incident).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::generate::universe::profile::day;

    #[test]
    fn gaps_are_in_order_and_within_their_day() {
        let (first, end) = (day("2023-01-01"), day("2024-03-01"));
        assert!((3..20).contains(&incidents(1, "deribit", first, end).len()));
        let mut today = first;
        while today < end {
            let mut before = today.start_us();
            for gap in gaps(1, "deribit", today) {
                assert!(before < gap.from_us && gap.from_us < gap.to_us && gap.to_us < today.end_us());
                before = gap.to_us;
            }
            today = today.next();
        }
    }
}
