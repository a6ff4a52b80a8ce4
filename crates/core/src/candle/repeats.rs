//! Finds trades that were sent again, as exchanges do after a reconnection.
//!
//! A trade is repeated if an earlier one has the same id, exchange time, price, amount and side. Trades without an id are never
//! repeated: two fills may be equal. Of each trade a hash of eight bytes is kept, by minute of the exchange's clock. Two
//! different trades of one minute count as equal with a chance below 10⁻⁸ for a million trades in it.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasherDefault, Hasher};

use super::{Side, Trades};

/// Length of a slot, microseconds.
const SLOT_US: i64 = 60_000_000;

/// Trades of one exchange time that are compared one by one.
const FEW: usize = 32;

/// The identity hasher, for keys that are hashes already.
#[derive(Clone, Copy, Debug, Default)]
struct Itself(u64);

impl Hasher for Itself {
    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }

    fn write_i64(&mut self, number: i64) {
        self.0 = mix(number as u64);
    }

    fn write(&mut self, bytes: &[u8]) {
        self.0 = bytes.iter().fold(self.0, |hash, byte| mix(hash ^ u64::from(*byte)));
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

type Hashes = HashSet<u64, BuildHasherDefault<Itself>>;

/// The trades of a slot.
#[derive(Debug)]
enum Slot {
    /// They came in the order of the exchange's clock, as nearly all do: only those of the last time can be sent again by the
    /// next one.
    InOrder { hashes: Vec<u64>, last_us: i64, first_of_last: usize },
    /// Some did not.
    Any(Hashes),
}

/// The trades that were seen, in the order of arrival.
#[derive(Debug, Default)]
pub struct Repeats {
    /// The slots with the minutes that they are of.
    slots: Vec<(i64, Slot)>,
    /// Minute → place of its slot.
    places: HashMap<i64, usize, BuildHasherDefault<Itself>>,
    /// Place of the last trade's slot: most trades are of the minute of the trade before.
    last: usize,
}

impl Repeats {
    /// Whether an equal trade was seen before; the trade is seen from now on. `hash` is that of [`hash`], `timestamp` the
    /// exchange's clock, microseconds since the Unix epoch, UTC.
    pub fn is_repeated(&mut self, timestamp: i64, hash: u64) -> bool {
        let minute = timestamp.div_euclid(SLOT_US);
        if self.slots.get(self.last).is_none_or(|(of, _)| *of != minute) {
            self.last = self.place(minute);
        }
        self.slots[self.last].1.is_repeated(timestamp, hash)
    }

    fn place(&mut self, minute: i64) -> usize {
        let Repeats { slots, places, .. } = self;
        *places.entry(minute).or_insert_with(|| {
            slots.push((minute, Slot::InOrder { hashes: Vec::new(), last_us: i64::MIN, first_of_last: 0 }));
            slots.len() - 1
        })
    }

    /// Forgets the trades of minutes that end at or before a time of the exchange's clock, microseconds since the Unix epoch,
    /// UTC. A trade of such a minute that is sent again is not found any more.
    pub fn forget(&mut self, before: i64) {
        let minute = before.div_euclid(SLOT_US);
        if self.slots.iter().all(|(of, _)| *of >= minute) {
            return;
        }
        self.slots.retain(|(of, _)| *of >= minute);
        self.places = self.slots.iter().enumerate().map(|(place, (of, _))| (*of, place)).collect();
        self.last = 0;
    }

    /// How many trades are known.
    pub fn known(&self) -> usize {
        let of = |slot: &Slot| match slot {
            Slot::InOrder { hashes, .. } => hashes.len(),
            Slot::Any(hashes) => hashes.len(),
        };
        self.slots.iter().map(|(_, slot)| of(slot)).sum()
    }

    /// Whether a trade of `later` is also one of these.
    pub fn overlaps(&self, later: &Repeats) -> bool {
        let overlap = |(minute, theirs): &(i64, Slot)| {
            let Some(place) = self.places.get(minute) else { return false };
            let own: Hashes = self.slots[*place].1.hashes().collect();
            theirs.hashes().any(|hash| own.contains(&hash))
        };
        later.slots.iter().any(overlap)
    }

    /// Adds trades that arrived after these.
    pub fn absorb(&mut self, later: Repeats) {
        for (minute, theirs) in later.slots {
            let place = self.place(minute);
            let own = &mut self.slots[place].1;
            if own.hashes().next().is_none() {
                *own = theirs;
            } else {
                own.any().extend(theirs.hashes());
            }
        }
    }
}

impl Slot {
    fn is_repeated(&mut self, timestamp: i64, hash: u64) -> bool {
        let Slot::InOrder { hashes, last_us, first_of_last } = self else {
            return !self.any().insert(hash);
        };
        if timestamp > *last_us {
            (*last_us, *first_of_last) = (timestamp, hashes.len());
        } else if timestamp < *last_us || hashes.len() - *first_of_last > FEW {
            return !self.any().insert(hash);
        } else if hashes[*first_of_last..].contains(&hash) {
            return true;
        }
        hashes.push(hash);
        false
    }

    /// The hashes as a set, which the slot is from now on.
    fn any(&mut self) -> &mut Hashes {
        if let Slot::InOrder { hashes, .. } = self {
            *self = Slot::Any(hashes.drain(..).collect());
        }
        match self {
            Slot::Any(hashes) => hashes,
            Slot::InOrder { .. } => unreachable!("it was just replaced"),
        }
    }

    fn hashes(&self) -> impl Iterator<Item = u64> + '_ {
        let (ordered, any) = match self {
            Slot::InOrder { hashes, .. } => (Some(hashes), None),
            Slot::Any(hashes) => (None, Some(hashes)),
        };
        ordered.into_iter().flatten().chain(any.into_iter().flatten()).copied()
    }
}

/// The hash of the trade in a row: of its id, exchange time, price, amount and side.
pub fn hash(id: &[u8], trades: &Trades<'_>, row: usize) -> u64 {
    let side = match trades.side[row] {
        Side::Buy => 1,
        Side::Sell => 2,
        Side::Unknown => 3,
    };
    let (price, amount) = (trades.price[row].to_bits(), trades.amount[row].to_bits());
    let cells = [trades.timestamp[row] as u64, price, amount, (id.len() as u64) << 2 | side];
    let start = folded(cells[0], cells[1], 0).wrapping_add(folded(cells[2], cells[3], 1).rotate_left(32));
    let (words, rest) = id.as_chunks::<8>();
    let hash = words.iter().fold(start, |hash, word| folded(hash, u64::from_le_bytes(*word), 2));
    let mut last = [0; 8];
    last[..rest.len()].copy_from_slice(rest);
    mix(folded(hash, u64::from_le_bytes(last), 3))
}

/// Both halves of a product of 128 bits, of numbers that are made odd ones out first.
fn folded(a: u64, b: u64, place: usize) -> u64 {
    const SECRET: [u64; 4] =
        [0xa076_1d64_78bd_642f, 0xe703_7ed1_a0b4_28db, 0x8ebc_6af0_9c88_c6e3, 0x5899_65cc_7537_4cc3];
    let product = u128::from(a ^ SECRET[place]) * u128::from(b ^ SECRET[(place + 1) % 4]);
    (product >> 64) as u64 ^ product as u64
}

/// The finalizer of SplitMix64, which loses nothing.
fn mix(value: u64) -> u64 {
    let value = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_cell_of_a_trade_counts() {
        let of = |id: &str, timestamp, side, price, amount| {
            let trades = Trades {
                timestamp: &[timestamp],
                local_timestamp: &[0],
                side: &[side],
                price: &[price],
                amount: &[amount],
            };
            hash(id.as_bytes(), &trades, 0)
        };
        let first = of("17", 5, Side::Buy, 1.0, 2.0);
        assert_eq!(first, of("17", 5, Side::Buy, 1.0, 2.0));
        for other in [
            of("18", 5, Side::Buy, 1.0, 2.0),
            of("17\0", 5, Side::Buy, 1.0, 2.0),
            of("", 5, Side::Buy, 1.0, 2.0),
            of("17", 6, Side::Buy, 1.0, 2.0),
            of("17", 5, Side::Sell, 1.0, 2.0),
            of("17", 5, Side::Unknown, 1.0, 2.0),
            of("17", 5, Side::Buy, 1.5, 2.0),
            of("17", 5, Side::Buy, 1.0, 2.5),
            of("17", 5, Side::Buy, 2.0, 1.0),
        ] {
            assert_ne!(first, other);
        }
    }

    proptest! {
        /// In any order, with any number of trades of one time, and however the rows are cut into parts.
        #[test]
        fn a_trade_is_repeated_where_it_was_seen_before(
            trades in proptest::collection::vec((0..400_i64, 0..60_u64), 0..600),
            seconds in prop_oneof![Just(0_i64), Just(1), Just(20)],
            cut in 0..600_usize,
        ) {
            let rows: Vec<(i64, u64)> =
                trades.iter().map(|(at, id)| (at * seconds * 1_000_000, mix(*id ^ (*at as u64 * (seconds as u64)) << 8))).collect();
            let mut known = HashSet::new();
            let expected: Vec<bool> = rows.iter().map(|row| !known.insert(*row)).collect();
            let mut repeats = Repeats::default();
            let found: Vec<bool> = rows.iter().map(|(at, hash)| repeats.is_repeated(*at, *hash)).collect();
            prop_assert_eq!(&found, &expected);
            let (early, late) = rows.split_at(cut.min(rows.len()));
            let of = |rows: &[(i64, u64)]| {
                let mut repeats = Repeats::default();
                for (at, hash) in rows {
                    repeats.is_repeated(*at, *hash);
                }
                repeats
            };
            let (mut before, after) = (of(early), of(late));
            prop_assert_eq!(before.overlaps(&after), late.iter().any(|row| early.contains(row)));
            before.absorb(after);
            prop_assert!(rows.iter().all(|(at, hash)| before.is_repeated(*at, *hash)));
        }
    }
}
