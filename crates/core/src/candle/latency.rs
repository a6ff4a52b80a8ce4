//! Delays of ticks, and their exact median without sorting them.
//!
//! Each delay is kept once, for all timeframes, in four bytes. Those of a cell are put in order by bins that grow with
//! the delay. The bins' counts, added up over the cells of an interval, tell in which bin the median lies, and only the
//! delays of that bin are looked at.

use std::ops::RangeInclusive;

/// Delays of the trades of one interval, microseconds, in any order.
#[derive(Clone, Debug, Default)]
pub(crate) struct Delays {
    /// What is known of them; null: there are none.
    pub spread: Option<Spread>,
    /// Those below 2^31 µs, 36 minutes: nearly all.
    ordered: Ordered,
    /// The same, not in order, or not yet.
    loose: Vec<i32>,
    wide: Vec<i64>,
}

/// What is known of an interval's delays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Spread {
    pub min: i64,
    pub max: i64,
    pub sum: i128,
}

impl Spread {
    fn with(self, other: Spread) -> Spread {
        Spread { min: self.min.min(other.min), max: self.max.max(other.max), sum: self.sum + other.sum }
    }

    /// The bins of the least and the greatest of those that are narrow.
    fn bins(&self) -> (usize, usize) {
        let narrow = |delay: i64| delay.clamp(i32::MIN.into(), i32::MAX.into()) as i32;
        (bin(narrow(self.min)), bin(narrow(self.max)))
    }
}

/// Bins of each power of two.
const STEPS: f32 = 16.0;
/// Bits of a float behind those that tell its bin, which are all but the fraction's and the first four of that.
const BELOW: u32 = f32::MANTISSA_DIGITS - 1 - 4;
/// The bin of no delay.
const ZERO: usize = 432;
/// Bins in all.
const BINS: usize = 2 * ZERO + 1;

/// Greater delays never have smaller bins. The bins of the smallest have one delay each, all others a 16th of a power of two.
#[inline]
fn bin(delay: i32) -> usize {
    // A float's first bits are those of its logarithm.
    let size = (delay as f32).abs() + STEPS;
    let place = ((size.to_bits() - STEPS.to_bits()) >> BELOW) as usize;
    if delay < 0 { ZERO - place } else { ZERO + place }
}

/// Delays in the order of their bins.
#[derive(Clone, Debug, Default)]
struct Ordered {
    first_bin: usize,
    /// Where each bin begins, from the first one on, and where the last one ends. Empty, as are the delays: there are none.
    starts: Vec<u32>,
    delays: Vec<i32>,
}

impl Ordered {
    /// Of delays that lie in the bins from the first to the last.
    fn of(delays: &[i32], (first, last): (usize, usize)) -> Ordered {
        let bins: Vec<u16> = delays.iter().map(|delay| bin(*delay) as u16).collect();
        // As large as a bin's number may be, so that none needs to be checked.
        let mut next = [0_u32; BINS.next_power_of_two()];
        let place = |bin: u16| usize::from(bin) % BINS.next_power_of_two();
        bins.iter().for_each(|bin| next[place(*bin)] += 1);
        let mut starts = Vec::with_capacity(last - first + 2);
        let mut before = 0;
        for next in &mut next[first..=last] {
            starts.push(before);
            (*next, before) = (before, before + *next);
        }
        starts.push(before);
        let mut ordered = vec![0; delays.len()];
        for (delay, bin) in delays.iter().zip(bins) {
            let next = &mut next[place(bin)];
            ordered[*next as usize] = *delay;
            *next += 1;
        }
        Ordered { first_bin: first, starts, delays: ordered }
    }

    /// How many delays the bins have, from the first one on.
    fn counts(&self) -> impl Iterator<Item = u32> + '_ {
        self.starts.windows(2).map(|pair| pair[1] - pair[0])
    }

    /// The delays of some bins.
    fn within(&self, bins: RangeInclusive<usize>) -> &[i32] {
        let Some(last) = self.starts.len().checked_sub(1) else { return &[] };
        let start = |bin: usize| self.starts[bin.saturating_sub(self.first_bin).min(last)] as usize;
        &self.delays[start(*bins.start())..start(bins.end() + 1)]
    }
}

impl Delays {
    /// Adds those of trades, of which there are some.
    pub fn extend(&mut self, timestamps: &[i64], arrivals: &[i64]) {
        let before = self.loose.len();
        // In a form of which the processor does several at once; not 0: one of them is wide, or beyond 64 bits.
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
            self.spread_to(Spread { min: min.into(), max: max.into(), sum: sum.into() });
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
        self.spread_to(Spread { min: delay, max: delay, sum: delay.into() });
    }

    /// Says what is known of delays that are added, or kept elsewhere.
    pub fn spread_to(&mut self, more: Spread) {
        self.spread = Some(self.spread.map_or(more, |own| own.with(more)));
    }

    /// Puts those that came so far in order, where it is worth it. More may come.
    pub fn order(&mut self) {
        const MANY: usize = 256;
        let Some((first, last)) = self.spread.map(|spread| spread.bins()) else { return };
        // Not for a few that came late. Bins that have less than one each take more than they save.
        let count = self.loose.len();
        if count >= MANY.max(self.ordered.delays.len()) && count > last - first {
            let mut delays = std::mem::take(&mut self.loose);
            delays.append(&mut self.ordered.delays);
            self.ordered = Ordered::of(&delays, (first, last));
        }
    }

    /// Adds others, but for what is known of them.
    pub fn append(&mut self, mut other: Delays) {
        self.loose.append(&mut other.ordered.delays);
        self.loose.append(&mut other.loose);
        self.wide.append(&mut other.wide);
    }

    fn narrow(&self) -> usize {
        self.ordered.delays.len() + self.loose.len()
    }
}

/// The median of delays, whose spread is known, doubled so that it is whole: the one in the middle twice, or the sum of
/// the two in the middle; null: there are none.
pub(crate) fn doubled_median<'a>(
    delays: impl Iterator<Item = &'a Delays> + Clone,
    spread: Spread,
) -> Option<i128> {
    let narrow: usize = delays.clone().map(Delays::narrow).sum();
    let (mut early, mut late) = (Vec::new(), Vec::new());
    for delay in delays.clone().flat_map(|piece| &piece.wide) {
        if *delay < 0 { early.push(*delay) } else { late.push(*delay) }
    }
    let count = early.len() + narrow + late.len();
    let ranks = [count.checked_sub(1)? / 2, count / 2];
    // The wide ones lie at either end.
    let mut at: [Option<i128>; 2] = ranks.map(|rank| match rank {
        rank if rank < early.len() => Some((*early.select_nth_unstable(rank).1).into()),
        rank if rank < early.len() + narrow => None,
        rank => Some((*late.select_nth_unstable(rank - early.len() - narrow).1).into()),
    });
    if at.contains(&None) {
        let narrow = middle(
            delays,
            spread.bins(),
            ranks.map(|rank| rank.saturating_sub(early.len()).min(narrow - 1)),
        )?;
        at = [at[0].or(Some(narrow.0.into())), at[1].or(Some(narrow.1.into()))];
    }
    Some(at[0]? + at[1]?)
}

/// Of narrow delays, which lie in the bins from the first to the last, the two that have so many others before them: one
/// and the same, or the next.
fn middle<'a>(
    delays: impl Iterator<Item = &'a Delays> + Clone,
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

    fn delays(all: &[i64]) -> Delays {
        let mut delays = Delays::default();
        delays.extend(&vec![0; all.len()], all);
        delays.order();
        delays
    }

    fn found(pieces: &[Delays]) -> Option<i128> {
        let spread = pieces.iter().filter_map(|piece| piece.spread).reduce(Spread::with)?;
        doubled_median(pieces.iter(), spread)
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
                let mut pieces: Vec<Delays> = all.chunks(777).map(delays).collect();
                let rest = pieces.split_off(pieces.len() / 2 + 1);
                for (piece, more) in pieces.iter_mut().zip(rest) {
                    more.spread.iter().for_each(|spread| piece.spread_to(*spread));
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
            let pieces: Vec<Delays> = pieces.iter().map(|piece| delays(piece)).collect();
            all.sort_unstable();
            prop_assert_eq!(found(&pieces), doubled(&all));
            let spread = pieces.iter().filter_map(|piece| piece.spread).reduce(Spread::with);
            prop_assert_eq!(spread.map(|s| (s.min, s.max)), all.first().copied().zip(all.last().copied()));
            prop_assert_eq!(spread.map(|s| s.sum), (!all.is_empty()).then(|| all.iter().map(|d| i128::from(*d)).sum()));
        }
    }
}
