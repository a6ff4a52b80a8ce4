//! The price of every asset at every time: one path per asset, shared by all exchanges.
//!
//! A path is a function of time alone (value noise of several wavelengths). Any day can be generated without the days
//! before it, and adjacent days are continuous.

use crate::generate::rng::{hash, mix, unit};
use crate::generate::times::{HOUR_US, MINUTE_US};
use crate::generate::universe::assets;

const DAY_US: i64 = 24 * HOUR_US;

/// Wavelengths in microseconds, and their amplitudes as fractions of the price.
const WAVES: [(i64, f64); 7] = [
    (128 * DAY_US, 0.25),
    (16 * DAY_US, 0.08),
    (3 * DAY_US, 0.03),
    (10 * HOUR_US, 0.012),
    (70 * MINUTE_US, 0.004),
    (9 * MINUTE_US, 0.001_2),
    (MINUTE_US, 0.000_4),
];

/// The path of an asset's price in dollars.
#[derive(Clone, Debug)]
struct Path {
    anchor: f64,
    seed: u64,
    moves: bool,
}

impl Path {
    fn new(seed: u64, asset: &str) -> Path {
        Path {
            anchor: assets::anchor(asset),
            seed: hash(seed, &["price", asset]),
            moves: !assets::is_dollar(asset),
        }
    }

    fn at(&self, us: i64) -> f64 {
        if !self.moves {
            return self.anchor;
        }
        let swing: f64 =
            WAVES.iter().enumerate().map(|(i, (length, share))| self.wave(i, *length, us) * share).sum();
        self.anchor * (1.0 + swing)
    }

    /// Returns one wave at a time, in [-1, 1].
    fn wave(&self, number: usize, length: i64, us: i64) -> f64 {
        let knot = us.div_euclid(length);
        let along = us.rem_euclid(length) as f64 / length as f64;
        let smooth = along * along * (3.0 - 2.0 * along);
        let height =
            |knot: i64| unit(mix(self.seed ^ mix(((number as u64) << 56) ^ knot as u64))) * 2.0 - 1.0;
        let left = height(knot);
        left + (height(knot + 1) - left) * smooth
    }
}

/// The price of one asset in another.
#[derive(Clone, Debug)]
pub(crate) struct Pair {
    base: Path,
    quote: Path,
}

impl Pair {
    /// Creates the price of `base` in `quote`.
    pub(crate) fn new(seed: u64, base: &str, quote: &str) -> Pair {
        Pair { base: Path::new(seed, base), quote: Path::new(seed, quote) }
    }

    /// Returns the price at a time in microseconds since the Unix epoch, UTC.
    pub(crate) fn at(&self, us: i64) -> f64 {
        self.base.at(us) / self.quote.at(us)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_has_no_jumps() {
        let pair = Pair::new(1, "BTC", "USDT");
        let start = 1_709_251_200_000_000;
        let mut before = pair.at(start);
        for second in 1..100_000 {
            let now = pair.at(start + second * 1_000_000);
            assert!((now / before - 1.0).abs() < 0.000_5, "{before} to {now} in a second");
            before = now;
        }
    }

    #[test]
    fn dollars_do_not_move() {
        assert_eq!(Pair::new(1, "USDT", "USDC").at(1_709_251_234_567_890), 1.0);
    }
}
