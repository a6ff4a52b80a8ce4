//! Latencies of trades (`local_timestamp` − `timestamp`), and their exact median without a full sort.
//!
//! Each latency is kept once for all timeframes, in four bytes. Those of a bucket are sorted into bins whose width grows with
//! the latency. The bin counts, summed over the buckets of an interval, determine the bin of the median; only the latencies
//! of that bin are examined.

use std::ops::RangeInclusive;

/// Latencies of the trades of a bucket, microseconds, in any order.
#[derive(Clone, Debug, Default)]
pub(crate) struct Latencies {
    /// Minimum, maximum and sum; `None` if there are no latencies.
    pub stats: Option<LatencyStats>,
    /// Latencies below 2^31 µs (36 minutes), sorted by bin: nearly all of them.
    ordered: Ordered,
    /// Further latencies below 2^31 µs, not sorted.
    loose: Vec<i32>,
    /// All other latencies.
    wide: Vec<i64>,
}

/// Minimum, maximum and sum of latencies, microseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LatencyStats {
    pub min: i64,
    pub max: i64,
    pub sum: i128,
}

impl LatencyStats {
    fn with(self, other: LatencyStats) -> LatencyStats {
        LatencyStats { min: self.min.min(other.min), max: self.max.max(other.max), sum: self.sum + other.sum }
    }

    /// The bins of the smallest and of the largest latency, clamped to 32 bits.
    fn bins(&self) -> (usize, usize) {
        let narrow = |delay: i64| delay.clamp(i32::MIN.into(), i32::MAX.into()) as i32;
        (bin(narrow(self.min)), bin(narrow(self.max)))
    }
}

/// Bins per power of two.
const STEPS: f32 = 16.0;
/// Low bits of a float that do not affect its bin: the fraction without its first four bits.
const BELOW: u32 = f32::MANTISSA_DIGITS - 1 - 4;
/// The bin of latency 0.
const ZERO: usize = 432;
/// Number of bins.
const BINS: usize = 2 * ZERO + 1;

/// The bin of a latency. Larger latencies never have smaller bins. The bins near 0 hold one latency each, all others a 16th of
/// a power of two.
#[inline]
fn bin(delay: i32) -> usize {
    // The leading bits of a float are those of its logarithm.
    let size = (delay as f32).abs() + STEPS;
    let place = ((size.to_bits() - STEPS.to_bits()) >> BELOW) as usize;
    if delay < 0 { ZERO - place } else { ZERO + place }
}

/// Latencies sorted by bin.
#[derive(Clone, Debug, Default)]
struct Ordered {
    first_bin: usize,
    /// The start of each bin, from the first one on, and the end of the last one. Empty if there are no latencies.
    starts: Vec<u32>,
    delays: Vec<i32>,
}

impl Ordered {
    /// Sorts latencies that lie in the bins from `first` to `last`.
    fn of(delays: &[i32], (first, last): (usize, usize)) -> Ordered {
        let bins: Vec<u16> = delays.iter().map(|delay| bin(*delay) as u16).collect();
        // A power of two with a modulus, so that no index needs a bounds check.
        let mut next = [0_u32; BINS.next_power_of_two()];
        let index = |bin: u16| usize::from(bin) % BINS.next_power_of_two();
        for bin in &bins {
            next[index(*bin)] += 1;
        }
        let mut starts = Vec::with_capacity(last - first + 2);
        let mut before = 0;
        for next in &mut next[first..=last] {
            starts.push(before);
            (*next, before) = (before, before + *next);
        }
        starts.push(before);
        let mut ordered = vec![0; delays.len()];
        for (delay, bin) in delays.iter().zip(bins) {
            let next = &mut next[index(bin)];
            ordered[*next as usize] = *delay;
            *next += 1;
        }
        Ordered { first_bin: first, starts, delays: ordered }
    }

    /// The number of latencies of each bin, from the first one on.
    fn counts(&self) -> impl Iterator<Item = u32> + '_ {
        self.starts.windows(2).map(|pair| pair[1] - pair[0])
    }

    /// The latencies of a range of bins.
    fn within(&self, bins: RangeInclusive<usize>) -> &[i32] {
        let Some(last) = self.starts.len().checked_sub(1) else { return &[] };
        let start = |bin: usize| self.starts[bin.saturating_sub(self.first_bin).min(last)] as usize;
        &self.delays[start(*bins.start())..start(bins.end() + 1)]
    }
}

impl Latencies {
    /// Adds the latencies of trades. There must be at least one.
    pub fn extend(&mut self, timestamps: &[i64], arrivals: &[i64]) {
        let before = self.loose.len();
        // Vectorised by the compiler. `wide` is not 0 if one of them needs more than 32 bits, or overflows 64.
        let mut wide = 0;
        self.loose.extend(timestamps.iter().zip(arrivals).map(|(timestamp, arrival)| {
            let delay = arrival.wrapping_sub(*timestamp);
            let is_beyond = (arrival ^ timestamp) & (arrival ^ delay);
            wide |= (is_beyond as u64 >> 63) | (delay.wrapping_add(1 << 31) as u64 >> 32);
            delay as i32
        }));
        if wide == 0 {
            let (mut min, mut max, mut sum) = (i32::MAX, i32::MIN, 0_i64);
            for delay in &self.loose[before..] {
                (min, max, sum) = (min.min(*delay), max.max(*delay), sum + i64::from(*delay));
            }
            self.add_stats(LatencyStats { min: min.into(), max: max.into(), sum: sum.into() });
        } else {
            self.loose.truncate(before);
            let rows = timestamps.iter().zip(arrivals);
            rows.for_each(|(timestamp, arrival)| self.push(arrival.saturating_sub(*timestamp)));
        }
    }

    fn push(&mut self, delay: i64) {
        match i32::try_from(delay) {
            Ok(narrow) => self.loose.push(narrow),
            Err(_) => self.wide.push(delay),
        }
        self.add_stats(LatencyStats { min: delay, max: delay, sum: delay.into() });
    }

    /// Adds the statistics of further latencies, which are kept here or elsewhere.
    pub fn add_stats(&mut self, more: LatencyStats) {
        self.stats = Some(self.stats.map_or(more, |own| own.with(more)));
    }

    /// Sorts the latencies added so far into bins, if that saves time. More may be added afterwards.
    pub fn order(&mut self) {
        const MANY: usize = 256;
        let Some((first, last)) = self.stats.map(|stats| stats.bins()) else { return };
        // Not for a few late ones. Bins with less than one latency each cost more than they save.
        let count = self.loose.len();
        if count >= MANY.max(self.ordered.delays.len()) && count > last - first {
            let mut delays = std::mem::take(&mut self.loose);
            delays.append(&mut self.ordered.delays);
            self.ordered = Ordered::of(&delays, (first, last));
        }
    }

    /// Adds others, without their statistics.
    pub fn append(&mut self, mut other: Latencies) {
        self.loose.append(&mut other.ordered.delays);
        self.loose.append(&mut other.loose);
        self.wide.append(&mut other.wide);
    }

    /// Adds others with their statistics, and sorts if that saves time.
    pub fn absorb(&mut self, other: Latencies) {
        if let Some(stats) = other.stats {
            self.add_stats(stats);
        }
        self.append(other);
        self.order();
    }

    /// How many bytes their lists take.
    pub fn bytes(&self) -> usize {
        4 * (self.ordered.starts.capacity() + self.ordered.delays.capacity() + self.loose.capacity())
            + 8 * self.wide.capacity()
    }

    fn narrow(&self) -> usize {
        self.ordered.delays.len() + self.loose.len()
    }
}

/// Twice the median, which is a whole number: the middle latency twice, or the sum of the two middle ones. `stats` are the
/// statistics of all of them. `None` if there are no latencies.
pub(crate) fn doubled_median<'a>(
    delays: impl Iterator<Item = &'a Latencies> + Clone,
    stats: LatencyStats,
) -> Option<i128> {
    let narrow: usize = delays.clone().map(Latencies::narrow).sum();
    let (mut early, mut late) = (Vec::new(), Vec::new());
    for delay in delays.clone().flat_map(|piece| &piece.wide) {
        if *delay < 0 { early.push(*delay) } else { late.push(*delay) }
    }
    let count = early.len() + narrow + late.len();
    let ranks = [count.checked_sub(1)? / 2, count / 2];
    // The wide ones are at either end.
    let mut at: [Option<i128>; 2] = ranks.map(|rank| match rank {
        rank if rank < early.len() => Some((*early.select_nth_unstable(rank).1).into()),
        rank if rank < early.len() + narrow => None,
        rank => Some((*late.select_nth_unstable(rank - early.len() - narrow).1).into()),
    });
    if at.contains(&None) {
        let narrow =
            middle(delays, stats.bins(), ranks.map(|rank| rank.saturating_sub(early.len()).min(narrow - 1)))?;
        at = [at[0].or(Some(narrow.0.into())), at[1].or(Some(narrow.1.into()))];
    }
    Some(at[0]? + at[1]?)
}

/// The narrow latencies of two ranks, which are equal or consecutive. All of them lie in the bins from the first to the last.
fn middle<'a>(
    delays: impl Iterator<Item = &'a Latencies> + Clone,
    bins: (usize, usize),
    ranks: [usize; 2],
) -> Option<(i32, i32)> {
    let mut counts = [0_u32; BINS];
    for piece in delays.clone() {
        let own = counts[piece.ordered.first_bin..].iter_mut().zip(piece.ordered.counts());
        own.for_each(|(all, count)| *all += count);
        piece.loose.iter().for_each(|delay| counts[bin(*delay)] += 1);
    }
    let mut before = 0;
    let mut found = [None; 2];
    for (at, count) in counts.iter().enumerate().take(bins.1 + 1).skip(bins.0) {
        let end = before + *count as usize;
        for (found, rank) in found.iter_mut().zip(ranks) {
            if found.is_none() && rank < end {
                *found = Some((at, before));
            }
        }
        before = end;
    }
    let [(first, before), (last, _)] = [found[0]?, found[1]?];
    let mut inside = Vec::with_capacity((counts[first] + counts[last]) as usize);
    for piece in delays {
        inside.extend_from_slice(piece.ordered.within(first..=last));
        inside.extend(piece.loose.iter().filter(|delay| (first..=last).contains(&bin(**delay))));
    }
    let (_, lower, rest) = inside.select_nth_unstable(ranks[0] - before);
    let upper = if ranks[0] == ranks[1] { *lower } else { *rest.iter().min()? };
    Some((*lower, upper))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn delays(all: &[i64]) -> Latencies {
        let mut delays = Latencies::default();
        delays.extend(&vec![0; all.len()], all);
        delays.order();
        delays
    }

    fn found(pieces: &[Latencies]) -> Option<i128> {
        let stats = pieces.iter().filter_map(|piece| piece.stats).reduce(LatencyStats::with)?;
        doubled_median(pieces.iter(), stats)
    }

    #[test]
    fn bins_rise_with_the_delays() {
        let mut delays: Vec<i32> =
            (0..31).flat_map(|p| [(1 << p) - 1, 1 << p, (1 << p) + 1, 3 << p >> 1]).collect();
        delays.extend(delays.clone().iter().map(|d| -d));
        delays.extend([i32::MIN, i32::MAX, i32::MIN + 1, 0]);
        delays.extend(-5000..5000);
        delays.sort_unstable();
        for pair in delays.windows(2) {
            assert!(bin(pair[0]) <= bin(pair[1]), "{pair:?}");
        }
        assert_eq!(
            (bin(-16), bin(-1), bin(0), bin(1), bin(16)),
            (ZERO - 16, ZERO - 1, ZERO, ZERO + 1, ZERO + 16)
        );
        assert_eq!((bin(i32::MIN), bin(i32::MAX)), (0, BINS - 1));
    }

    fn doubled(sorted: &[i64]) -> Option<i128> {
        let (lower, upper) = (sorted.get(sorted.len().checked_sub(1)? / 2)?, sorted.get(sorted.len() / 2)?);
        Some(i128::from(*lower) + i128::from(*upper))
    }

    #[test]
    fn the_median_of_many_is_that_of_the_sorted_delays_in_whatever_order_they_came() {
        for count in [255, 256, 2_000, 2_001, 50_000] {
            type Order = Box<dyn Fn(i64) -> i64>;
            let orders: [(&str, Order); 7] = [
                ("rising", Box::new(|n| n)),
                ("falling", Box::new(|n| -n)),
                ("all the same", Box::new(|_| 7)),
                ("around nothing", Box::new(|n| n * 7_919 % 5_003 - 2_500)),
                ("far apart", Box::new(|n| (n * 7_919 % 5_003 - 2_500) * 800_000)),
                ("two, the median between them", Box::new(|n| n % 2 * 1_000)),
                (
                    "far away, one in four",
                    Box::new(|n| if n % 4 == 0 { (n - 30_000) << 40 } else { n % 1_000 }),
                ),
            ];
            for (name, order) in orders {
                let mut all: Vec<i64> = (0..count).map(order).collect();
                // Some come when the others are in order, and some stay loose.
                let mut pieces: Vec<Latencies> = all.chunks(777).map(delays).collect();
                let rest = pieces.split_off(pieces.len() / 2 + 1);
                for (piece, more) in pieces.iter_mut().zip(rest) {
                    if let Some(stats) = more.stats {
                        piece.add_stats(stats);
                    }
                    piece.append(more);
                }
                let found = found(&pieces);
                all.sort_unstable();
                assert_eq!(found, doubled(&all), "{count} {name}");
            }
        }
    }

    proptest! {
        #[test]
        fn the_median_is_that_of_the_sorted_delays(
            pieces in proptest::collection::vec(
                proptest::collection::vec(
                    prop_oneof![2000_i64..9000, -50_i64..50, any::<i64>().prop_map(|d| d >> 8), Just(0)], 1..400),
                0..6),
        ) {
            let mut all: Vec<i64> = pieces.iter().flatten().copied().collect();
            let pieces: Vec<Latencies> = pieces.iter().map(|piece| delays(piece)).collect();
            all.sort_unstable();
            prop_assert_eq!(found(&pieces), doubled(&all));
            let stats = pieces.iter().filter_map(|piece| piece.stats).reduce(LatencyStats::with);
            prop_assert_eq!(stats.map(|s| (s.min, s.max)), all.first().copied().zip(all.last().copied()));
            prop_assert_eq!(stats.map(|s| s.sum), (!all.is_empty()).then(|| all.iter().map(|d| i128::from(*d)).sum()));
        }
    }
}
