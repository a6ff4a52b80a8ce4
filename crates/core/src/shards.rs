//! Splits a plan into shards, and a shard into parts.
//!
//! Shards are balanced by weight; each works on all days in turn. The parts of a shard become smaller towards its end, so that
//! finished workers can help the others. Both depend on names and weights alone, so every machine computes the same split,
//! whatever the order of its plan.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::fmt;

use crate::day::Day;
use crate::partition::Shard;

/// The largest number of parts in a shard.
pub const PARTS: u32 = 6;

/// A part of a shard: the unit of work of one worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Part {
    /// The shard.
    pub shard: Shard,
    /// The number within the shard, from 0 to one less than [`PARTS`].
    pub number: u32,
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "part {} of shard {} of {}", self.number, self.shard.index(), self.shard.total())
    }
}

/// The shard (from 0, below `total`) of each item. An item is a unique name and a weight.
///
/// Items are assigned heaviest first, each to the lightest shard so far: no shard is heavier than the lightest one by more than
/// one item.
pub fn balanced(items: &[(&str, u64)], total: u32) -> Vec<u32> {
    let mut order: Vec<usize> = (0..items.len()).collect();
    order.sort_by_key(|i| (Reverse(items[*i].1), items[*i].0));
    let mut loads: BinaryHeap<Reverse<(u64, u32)>> = (0..total.max(1)).map(|s| Reverse((0, s))).collect();
    let mut shards = vec![0; items.len()];
    for item in order {
        let Some(Reverse((load, shard))) = loads.pop() else { break };
        shards[item] = shard;
        // An item of weight 0 is work too.
        loads.push(Reverse((load.saturating_add(items[item].1.max(1)), shard)));
    }
    shards
}

/// The order of work, as indices into `items`: one item of each day in turn, the heaviest of a day first, starting with the
/// `first`-th day. An item is a day, a weight and a name. Object stores keep the objects of one day close together, so writing
/// one day at a time would load a single machine of the store.
pub fn interleaved(items: &[(Day, u64, &str)], first: usize) -> Vec<usize> {
    let mut days: BTreeMap<Day, Vec<usize>> = BTreeMap::new();
    for (index, (day, ..)) in items.iter().enumerate() {
        days.entry(*day).or_default().push(index);
    }
    let mut days: Vec<Vec<usize>> = days.into_values().collect();
    let count = days.len().max(1);
    days.rotate_left(first % count);
    for day in &mut days {
        day.sort_by_key(|i| (Reverse(items[*i].1), items[*i].2));
    }
    let longest = days.iter().map(Vec::len).max().unwrap_or(0);
    (0..longest).flat_map(|turn| days.iter().filter_map(move |day| day.get(turn).copied())).collect()
}

/// The part of each item of a shard, for the weights in the order of work. The first part has half of the weight, each further
/// part half of the remaining weight, the last part the rest.
pub fn parts(weights: &[u64]) -> Vec<u32> {
    // An item of weight 0 is work too.
    let weight = |weight: &u64| u128::from((*weight).max(1));
    let total: u128 = weights.iter().map(weight).sum();
    let (mut left, mut part) = (total, 0);
    let mut numbers = Vec::with_capacity(weights.len());
    for item in weights {
        while part + 1 < PARTS && left << (part + 1) <= total {
            part += 1;
        }
        numbers.push(part);
        left -= weight(item);
    }
    numbers
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn parts_become_smaller_towards_the_end() {
        for (weights, expected) in [
            (vec![], vec![]),
            (vec![5], vec![0]),
            (vec![0, 0], vec![0, 1]),
            (vec![7; 8], vec![0, 0, 0, 0, 1, 1, 2, 3]),
            (vec![1; 4], vec![0, 0, 1, 2]),
            (vec![90, 5, 5], vec![0, 3, 4]),
            (vec![u64::MAX, u64::MAX], vec![0, 1]),
        ] {
            assert_eq!(parts(&weights), expected, "{weights:?}");
        }
        let numbers = parts(&[3; 320]);
        let sizes: Vec<usize> = (0..PARTS).map(|p| numbers.iter().filter(|n| **n == p).count()).collect();
        assert_eq!(sizes, [160, 80, 40, 20, 10, 10]);
    }

    proptest! {
        #[test]
        fn every_item_is_in_one_shard_the_same_for_every_order(
            weights in proptest::collection::vec(0_u64..1_000_000, 0..200),
            total in 1_u32..17,
            turn in 0_usize..200,
        ) {
            let names: Vec<String> = (0..weights.len()).map(|i| format!("file-{i}")).collect();
            let items: Vec<(&str, u64)> = names.iter().map(String::as_str).zip(weights.iter().copied()).collect();
            let shards = balanced(&items, total);
            prop_assert!(shards.len() == items.len() && shards.iter().all(|s| *s < total));
            let mut turned = items.clone();
            turned.rotate_left(turn.min(items.len()));
            turned.reverse();
            let by_name: BTreeMap<&str, u32> =
                turned.iter().map(|i| i.0).zip(balanced(&turned, total)).collect();
            for (item, shard) in items.iter().zip(&shards) {
                prop_assert_eq!(by_name[item.0], *shard);
            }
            let load = |shard| -> u64 {
                items.iter().zip(&shards).filter(|(_, s)| **s == shard).map(|(i, _)| i.1.max(1)).sum()
            };
            let loads: Vec<u64> = (0..total).map(load).collect();
            let heaviest = weights.iter().copied().max().unwrap_or(0).max(1);
            let (least, most) = (loads.iter().min().unwrap(), loads.iter().max().unwrap());
            prop_assert!(most - least <= heaviest, "{loads:?}");
        }

        #[test]
        fn the_order_of_work_has_every_item_once_and_neighbours_of_different_days(
            days in proptest::collection::vec(0_i64..5, 0..60),
            first in 0_usize..9,
        ) {
            let names: Vec<String> = (0..days.len()).map(|i| format!("{i:03}")).collect();
            let items: Vec<(Day, u64, &str)> = days
                .iter()
                .zip(&names)
                .enumerate()
                .map(|(i, (day, name))| (Day::new(2024, 3, 1).unwrap().plus(*day), i as u64 % 7, name.as_str()))
                .collect();
            let order = interleaved(&items, first);
            let mut sorted = order.clone();
            sorted.sort_unstable();
            prop_assert_eq!(sorted, (0..items.len()).collect::<Vec<_>>());
            let count = |day: Day| items.iter().filter(|i| i.0 == day).count();
            for pair in order.windows(2) {
                let (a, b) = (items[pair[0]].0, items[pair[1]].0);
                prop_assert!(a != b || items[pair[0]].1 >= items[pair[1]].1, "the heaviest of a day first");
                // Only what one day has more than all others comes at the end by itself.
                prop_assert!(a != b || items.iter().all(|i| i.0 == a || count(i.0) < count(a)));
            }
        }
    }
}
