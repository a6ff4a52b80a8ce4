//! Delays of ticks, and their exact median without sorting them.
//!
//! An interval's delays are counted in bins that grow with the delay; the counts of long intervals are those of the short
//! ones in them, added. Only the delays of the median's bin are then looked at one by one. Each delay is kept once, for
//! all timeframes, in four bytes.

/// Delays of the trades of one interval, microseconds, in any order.
#[derive(Clone, Debug, Default)]
pub(crate) struct Delays {
    /// Those below 2^31 µs, 36 minutes: nearly all.
    narrow: Vec<i32>,
    wide: Vec<i64>,
}

impl Delays {
    #[inline]
    pub fn push(&mut self, delay: i64) {
        match i32::try_from(delay) {
            Ok(narrow) => self.narrow.push(narrow),
            Err(_) => self.wide.push(delay),
        }
    }

    pub fn append(&mut self, mut other: Delays) {
        self.narrow.append(&mut other.narrow);
        self.wide.append(&mut other.wide);
    }
}

/// What is known of an interval's delays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Spread {
    pub count: u64,
    pub min: i64,
    pub max: i64,
    pub sum: i128,
}

impl Spread {
    /// Of one interval's delays; null: there are none.
    pub fn of(delays: &Delays) -> Option<Spread> {
        let (mut min, mut max, mut sum) = (i32::MAX, i32::MIN, 0_i64);
        for delay in &delays.narrow {
            (min, max, sum) = (min.min(*delay), max.max(*delay), sum + i64::from(*delay));
        }
        let narrow = (!delays.narrow.is_empty()).then(|| Spread {
            count: delays.narrow.len() as u64,
            min: min.into(),
            max: max.into(),
            sum: sum.into(),
        });
        let wide = delays.wide.iter().map(|d| Spread { count: 1, min: *d, max: *d, sum: (*d).into() });
        narrow.into_iter().chain(wide).reduce(Spread::with)
    }

    pub fn with(self, other: Spread) -> Spread {
        Spread {
            count: self.count + other.count,
            min: self.min.min(other.min),
            max: self.max.max(other.max),
            sum: self.sum + other.sum,
        }
    }
}

/// Bins within each power of two.
const STEPS: u32 = 7;
/// Bins of the delays from 0 up; as many are of those below.
const HALF: usize = (32 - STEPS as usize) << STEPS;
/// Beyond the narrow ones, at either end.
const BINS: usize = 2 * HALF + 2;

/// Greater delays never have smaller bins.
#[inline]
fn bin(delay: i32) -> usize {
    let size = if delay < 0 { !delay } else { delay } as u32;
    let power = (31 - (size | ((1 << STEPS) - 1)).leading_zeros()).saturating_sub(STEPS - 1);
    // Below 2^STEPS each delay has its own bin.
    let place = match size >> STEPS {
        0 => size as usize,
        _ => ((power as usize) << STEPS) + ((size >> (power - 1)) as usize & ((1 << STEPS) - 1)),
    };
    if delay < 0 { HALF - place } else { HALF + 1 + place }
}

fn wide_bin(delay: i64) -> usize {
    if delay < 0 { 0 } else { BINS - 1 }
}

/// How many delays each bin has.
#[derive(Clone, Debug)]
pub(crate) struct Counts {
    bins: Box<[u32]>,
    /// The first and the last bin that may hold any.
    used: (usize, usize),
}

impl Default for Counts {
    fn default() -> Counts {
        Counts { bins: vec![0; BINS].into(), used: (BINS, 0) }
    }
}

impl Counts {
    /// Adds an interval's delays, whose spread is known.
    pub fn count(&mut self, delays: &Delays, spread: Option<Spread>) {
        let Some(spread) = spread else { return };
        let end = |delay: i64| i32::try_from(delay).map_or_else(|_| wide_bin(delay), bin);
        self.used = (self.used.0.min(end(spread.min)), self.used.1.max(end(spread.max)));
        delays.narrow.iter().for_each(|delay| self.bins[bin(*delay)] += 1);
        delays.wide.iter().for_each(|delay| self.bins[wide_bin(*delay)] += 1);
    }

    /// Adds the counts of an interval within this one.
    pub fn add(&mut self, other: &Counts) {
        let (first, last) = other.used;
        if first <= last {
            let theirs = &other.bins[first..=last];
            self.bins[first..=last].iter_mut().zip(theirs).for_each(|(own, more)| *own += more);
            self.used = (self.used.0.min(first), self.used.1.max(last));
        }
    }

    /// Back to nothing.
    pub fn clear(&mut self) {
        let (first, last) = self.used;
        if first <= last {
            self.bins[first..=last].fill(0);
        }
        self.used = (BINS, 0);
    }

    /// The median of the delays that were counted, doubled so that it is whole: the middle one twice, or the sum of
    /// the two in the middle. `delays` are the same delays, in any number of pieces.
    pub fn doubled_median<'a>(&self, delays: impl Iterator<Item = &'a Delays> + Clone) -> Option<i128> {
        let count: u64 = self.used_bins().map(|(_, count)| u64::from(count)).sum();
        let ranks = [count.checked_sub(1)? / 2, count / 2];
        let (lower, before) = self.bin_of(ranks[0])?;
        let mut inside = in_bin(lower, delays.clone());
        let first = ranked(&mut inside, ranks[0] - before)?;
        if ranks[0] == ranks[1] {
            return Some(i128::from(first) * 2);
        }
        let (upper, before) = self.bin_of(ranks[1])?;
        if upper != lower {
            inside = in_bin(upper, delays);
        }
        Some(i128::from(first) + i128::from(ranked(&mut inside, ranks[1] - before)?))
    }

    fn used_bins(&self) -> impl Iterator<Item = (usize, u32)> + '_ {
        (self.used.0..=self.used.1).filter_map(|at| Some((at, *self.bins.get(at)?)))
    }

    /// The bin of the delay that has `rank` others before it, and how many lie in the bins before that.
    fn bin_of(&self, rank: u64) -> Option<(usize, u64)> {
        let mut before = 0;
        for (at, count) in self.used_bins() {
            if rank < before + u64::from(count) {
                return Some((at, before));
            }
            before += u64::from(count);
        }
        None
    }
}

fn ranked(delays: &mut [i64], place: u64) -> Option<i64> {
    let place = place as usize;
    (place < delays.len()).then(|| *delays.select_nth_unstable(place).1)
}

/// The delays of a bin.
fn in_bin<'a>(at: usize, delays: impl Iterator<Item = &'a Delays>) -> Vec<i64> {
    let mut inside = Vec::new();
    if at == 0 || at == BINS - 1 {
        delays.for_each(|piece| inside.extend(piece.wide.iter().filter(|delay| wide_bin(**delay) == at)));
        return inside;
    }
    let (first, last) = bounds(at);
    let width = last.wrapping_sub(first) as u32;
    let is_inside = |delay: &i32| delay.wrapping_sub(first) as u32 <= width;
    for piece in delays {
        // Most pieces of so many have none, which the processor sees at once.
        for some in piece.narrow.chunks(16) {
            if some.iter().fold(false, |any, delay| any | is_inside(delay)) {
                inside.extend(some.iter().filter(|delay| is_inside(delay)).map(|delay| i64::from(*delay)));
            }
        }
    }
    inside
}

/// The smallest and the largest delay of a bin of narrow ones.
fn bounds(at: usize) -> (i32, i32) {
    let of_place = |place: usize| {
        let (power, step) = ((place >> STEPS) as u32, (place & ((1 << STEPS) - 1)) as i32);
        match power {
            0 => (step, step),
            _ => {
                let first = ((1 << STEPS) + step) << (power - 1);
                (first, first + ((1 << (power - 1)) - 1))
            }
        }
    };
    if at > HALF {
        of_place(at - HALF - 1)
    } else {
        let (first, last) = of_place(HALF - at);
        (!last, !first)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

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
            let (first, last) = bounds(bin(pair[0]));
            assert!((first..=last).contains(&pair[0]), "{pair:?}");
            assert!(bin(first) == bin(last), "{first} {last}");
        }
        assert!(bin(i32::MIN) >= 1 && bin(i32::MAX) <= BINS - 2);
    }

    proptest! {
        #[test]
        fn the_median_is_that_of_the_sorted_delays(
            pieces in proptest::collection::vec(
                proptest::collection::vec(
                    prop_oneof![2000_i64..9000, -50_i64..50, any::<i64>().prop_map(|d| d >> 8), Just(0)], 0..60),
                1..6),
        ) {
            let mut all: Vec<i64> = pieces.iter().flatten().copied().collect();
            let mut counts = Counts::default();
            let delays: Vec<Delays> = pieces.iter().map(|piece| {
                let mut delays = Delays::default();
                piece.iter().for_each(|d| delays.push(*d));
                let mut own = Counts::default();
                own.count(&delays, Spread::of(&delays));
                counts.add(&own);
                delays
            }).collect();
            all.sort_unstable();
            let expected = (!all.is_empty()).then(|| {
                let (lower, upper) = (all[(all.len() - 1) / 2], all[all.len() / 2]);
                i128::from(lower) + i128::from(upper)
            });
            prop_assert_eq!(counts.doubled_median(delays.iter()), expected);
            let spread = delays.iter().filter_map(Spread::of).reduce(Spread::with);
            prop_assert_eq!(spread.map(|s| (s.min, s.max)), all.first().copied().zip(all.last().copied()));
        }
    }
}
