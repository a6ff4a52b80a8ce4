//! Reproducible random numbers. A stream is identified by a seed and some words.
//!
//! Not for secrets. Implemented here because a library may change its streams with any release.

/// A stream of random numbers (splitmix64).
#[derive(Clone, Debug)]
pub(crate) struct Rng {
    state: u64,
}

impl Rng {
    /// Creates the stream of a seed and some words.
    pub(crate) fn new(seed: u64, words: &[&str]) -> Rng {
        Rng { state: hash(seed, words) }
    }

    /// Returns 64 random bits.
    pub(crate) fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(GOLDEN);
        mix(self.state)
    }

    /// Returns an integer from 0 to `limit - 1`; 0 if the limit is 0.
    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        ((u128::from(self.next()) * u128::from(limit)) >> 64) as u64
    }

    /// Returns an integer from `low` to `high`, both included.
    pub(crate) fn between(&mut self, low: i64, high: i64) -> i64 {
        low + self.below((high - low).max(0) as u64 + 1) as i64
    }

    /// Returns a number in [0, 1).
    pub(crate) fn unit(&mut self) -> f64 {
        unit(self.next())
    }

    /// Returns true with a probability of `per_10_000` in 10,000.
    pub(crate) fn chance(&mut self, per_10_000: u64) -> bool {
        self.below(10_000) < per_10_000
    }
}

const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

/// Hashes a seed and some words to 64 bits.
pub(crate) fn hash(seed: u64, words: &[&str]) -> u64 {
    let mut state = 0xcbf2_9ce4_8422_2325_u64 ^ mix(seed.wrapping_add(GOLDEN));
    for word in words {
        for byte in word.bytes().chain([0xff]) {
            state = (state ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }
    mix(state)
}

/// Mixes 64 bits so that every input bit affects all output bits.
pub(crate) fn mix(bits: u64) -> u64 {
    let bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

/// Converts the upper 53 bits to a number in [0, 1).
pub(crate) fn unit(bits: u64) -> f64 {
    (bits >> 11) as f64 / (1_u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_never_change() {
        let mut rng = Rng::new(1, &["deribit", "BTC-PERPETUAL"]);
        assert_eq!([rng.next(), rng.next()], [4_963_056_295_966_619_742, 3_006_633_328_702_857_251]);
    }

    #[test]
    fn words_are_kept_apart() {
        assert_ne!(hash(1, &["ab", "c"]), hash(1, &["a", "bc"]));
        assert_ne!(hash(1, &["a"]), hash(2, &["a"]));
    }

    #[test]
    fn numbers_stay_within_their_bounds() {
        let mut rng = Rng::new(7, &[]);
        for _ in 0..10_000 {
            assert!((-3..=3).contains(&rng.between(-3, 3)));
            assert!((0.0..1.0).contains(&rng.unit()));
        }
        assert_eq!(rng.below(0), 0);
    }
}
