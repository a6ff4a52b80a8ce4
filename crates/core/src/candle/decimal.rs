//! Sums and quotients of decimal numbers, exact up to a single rounding at the end.
//!
//! A stored float is the nearest one to the vendor's decimal; the shortest decimal that parses to the float is that decimal.
//! Sums are computed over these decimals, as whole numbers with a scale. The results equal those of Python's `decimal`,
//! rounded once to the nearest float.

use num_bigint::{BigInt, BigUint, Sign};

/// A price or an amount that is not a finite number.
#[derive(Clone, Copy, Debug, thiserror::Error, PartialEq)]
#[error("{0} is not a finite number")]
pub struct NotANumber(pub f64);

/// Powers of ten that a float holds exactly.
const POWERS: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18,
    1e19, 1e20, 1e21, 1e22,
];

/// Below this number of units, a decimal is the only one with so few digits that parses to its float
/// (`f64::DIGITS` digits survive decimal → float → decimal).
const SAFE: i64 = 10_i64.pow(f64::DIGITS);

/// Whole numbers below 2^53 are exact as floats.
const EXACT: u128 = 1 << 53;

/// Adding this to a number below 2^51 puts its nearest whole number into the low bits.
const ROUNDER: f64 = 6_755_399_441_055_744.0;

/// `value` in units of `10^-scale`; `None` unless that is a whole number below [`SAFE`].
#[inline]
pub(crate) fn units(value: f64, scale: u32) -> Option<i64> {
    let power = *POWERS.get(scale as usize)?;
    let shifted = value * power;
    if shifted.is_nan() || shifted.abs() >= SAFE as f64 {
        return None;
    }
    let whole = ((shifted + ROUNDER).to_bits() as i64).wrapping_sub(ROUNDER.to_bits() as i64);
    (whole as f64 / power == value && whole.abs() < SAFE).then_some(whole)
}

/// Decimals of quotients that are summed: 24, seven more than a float has of 1 dollar in coins of 100,000.
pub(crate) const QUOTIENT_SCALE: i32 = 24;

/// The number of scales supported by [`units`]: 0 to one less than this.
pub(crate) const SCALES: u32 = POWERS.len() as u32;

/// Converts all `values` as [`units`] does. Returns false if one of them has no such value; `units` then has no meaning.
pub(crate) fn all_units(values: &[f64], scale: u32, units: &mut [i64]) -> bool {
    let Some(power) = POWERS.get(scale as usize) else { return false };
    // In chunks: a chunk is vectorised, and a scale that does not fit is rejected after the first chunks.
    values.chunks(32).zip(units.chunks_mut(32)).all(|(values, units)| {
        let mut fit = true;
        for (value, units) in values.iter().zip(units) {
            let shifted = value * power;
            let rounded = shifted + ROUNDER;
            let whole = rounded - ROUNDER;
            *units = (rounded.to_bits() as i64).wrapping_sub(ROUNDER.to_bits() as i64);
            fit &= (shifted.abs() < SAFE as f64) & (whole.abs() < SAFE as f64) & (whole / power == *value);
        }
        fit
    })
}

/// A decimal number: `digits × 10^-scale`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Decimal {
    pub digits: i64,
    /// Negative for numbers such as 1e30.
    pub scale: i32,
}

impl Decimal {
    /// The shortest decimal that parses to `value`.
    pub fn of(value: f64) -> Result<Decimal, NotANumber> {
        for scale in 0..POWERS.len() as u32 {
            if let Some(digits) = units(value, scale) {
                return Ok(Decimal { digits, scale: scale as i32 });
            }
        }
        // Rust formats the shortest text that parses to the same float, at most 17 digits.
        let text = format!("{value:e}");
        let parsed = || {
            let (mantissa, exponent) = text.split_once('e')?;
            let scale = mantissa.split_once('.').map_or(0, |(_, fraction)| fraction.len()) as i32;
            let digits = mantissa.replace('.', "").parse().ok()?;
            Some(Decimal { digits, scale: scale - exponent.parse::<i32>().ok()? })
        };
        parsed().ok_or(NotANumber(value))
    }
}

/// A sum of decimals. Its value is `(small + spill) × 10^-scale`.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sum {
    small: i128,
    /// The part that does not fit into `small`; `None` if it is 0.
    spill: Option<Box<BigInt>>,
    scale: i32,
}

impl Sum {
    /// Adds whole units of the sum's own scale.
    #[inline]
    pub fn add_units(&mut self, units: i128) {
        match self.small.checked_add(units) {
            Some(sum) => self.small = sum,
            None => self.spill(BigInt::from(units)),
        }
    }

    #[cold]
    fn spill(&mut self, units: BigInt) {
        **self.spill.get_or_insert_default() += units;
    }

    /// Changes the unit to `10^-scale`, if that is smaller than the current one.
    pub fn refine(&mut self, scale: i32) {
        if scale <= self.scale {
            return;
        }
        let steps = (scale - self.scale) as u32;
        self.scale = scale;
        if let Some(spill) = &mut self.spill {
            **spill *= ten_to(steps);
        }
        match 10_i128.checked_pow(steps).and_then(|power| self.small.checked_mul(power)) {
            Some(small) => self.small = small,
            None => {
                let large = BigInt::from(self.small) * ten_to(steps);
                self.small = 0;
                self.spill(large);
            }
        }
    }

    /// Adds the product of two decimals.
    pub fn add_product(&mut self, a: Decimal, b: Decimal) {
        let scale = a.scale + b.scale;
        self.refine(scale);
        let steps = (self.scale - scale) as u32;
        let product = i128::from(a.digits) * i128::from(b.digits);
        match 10_i128.checked_pow(steps).and_then(|power| product.checked_mul(power)) {
            Some(units) => self.add_units(units),
            None => self.spill(BigInt::from(product) * ten_to(steps)),
        }
    }

    /// Adds a decimal.
    pub fn add(&mut self, number: Decimal) {
        self.add_product(number, Decimal { digits: 1, scale: 0 });
    }

    /// Adds another sum.
    pub fn merge(&mut self, other: &Sum) {
        if self.scale == other.scale && other.spill.is_none() {
            return self.add_units(other.small);
        }
        self.refine(other.scale);
        let mut other = other.clone();
        other.refine(self.scale);
        self.add_units(other.small);
        if let Some(spill) = other.spill {
            self.spill(*spill);
        }
    }

    /// The sum times `factor`.
    pub fn times(&self, factor: i64) -> Sum {
        let mut sum = Sum { scale: self.scale, ..Sum::default() };
        match self.small.checked_mul(factor.into()) {
            Some(small) => sum.small = small,
            None => sum.spill(BigInt::from(self.small) * factor),
        }
        if let Some(spill) = &self.spill {
            sum.spill(&**spill * factor);
        }
        sum
    }

    /// The sum times a decimal.
    pub fn scaled(&self, by: Decimal) -> Sum {
        let mut sum = self.times(by.digits);
        if by.scale < 0 {
            // 1e30 and the like.
            let whole = sum.whole() * ten_to(by.scale.unsigned_abs());
            sum = Sum { scale: sum.scale, ..Sum::default() };
            sum.spill(whole);
        }
        sum.scale += by.scale.max(0);
        sum
    }

    /// Adds the quotient of two decimals, rounded to [`QUOTIENT_SCALE`] decimals, half away from zero. `divisor` is above 0.
    pub fn add_quotient(&mut self, number: Decimal, divisor: Decimal) {
        self.refine(QUOTIENT_SCALE);
        let steps = QUOTIENT_SCALE + divisor.scale - number.scale;
        let size = number.digits.unsigned_abs();
        let scaled = (steps >= 0).then(|| 10_u128.checked_pow(steps.unsigned_abs())).flatten();
        match scaled.and_then(|power| u128::from(size).checked_mul(power)) {
            Some(n) => {
                let d = u128::from(divisor.digits.unsigned_abs());
                let (whole, rest) = (n / d, n % d);
                let units = (whole + u128::from(rest >= d - rest)) as i128;
                self.add_units(if number.digits < 0 { -units } else { units });
            }
            None => {
                let (mut n, mut d) = (BigUint::from(size), BigUint::from(divisor.digits.unsigned_abs()));
                let power = BigUint::from(10_u32).pow(steps.unsigned_abs());
                if steps >= 0 {
                    n *= power
                } else {
                    d *= power
                }
                let units = (n * 2_u32 + &d) / (d * 2_u32);
                let sign = if number.digits < 0 { Sign::Minus } else { Sign::Plus };
                self.spill(BigInt::from_biguint(sign, units));
            }
        }
    }

    /// The sum as the nearest float.
    pub fn value(&self) -> f64 {
        // The denominator is not zero.
        self.over(&Sum { small: 1, spill: None, scale: 0 }).unwrap_or_default()
    }

    /// The quotient as the nearest float; `None` if `divisor` is zero.
    pub fn over(&self, divisor: &Sum) -> Option<f64> {
        let steps = divisor.scale - self.scale;
        if self.spill.is_none() && divisor.spill.is_none() {
            let power = 10_u128.checked_pow(steps.unsigned_abs());
            let scaled = |small: i128, is_scaled: bool| {
                if is_scaled { small.unsigned_abs().checked_mul(power?) } else { Some(small.unsigned_abs()) }
            };
            if let (Some(n), Some(d)) = (scaled(self.small, steps > 0), scaled(divisor.small, steps < 0)) {
                let negative = (self.small < 0) != (divisor.small < 0) && n > 0;
                let size = match (n, d) {
                    (_, 0) => return None,
                    // Both are exact, so the division rounds once.
                    (n, d) if n <= EXACT && d <= EXACT => n as f64 / d as f64,
                    (n, d) if d <= u64::MAX.into() => nearest_of_small(n, d),
                    (n, d) => nearest(&BigUint::from(n), &BigUint::from(d)),
                };
                return Some(if negative { -size } else { size });
            }
        }
        let (mut n, mut d) = (self.whole(), divisor.whole());
        if steps > 0 {
            n *= ten_to(steps.unsigned_abs())
        } else {
            d *= ten_to(steps.unsigned_abs())
        }
        if d.sign() == Sign::NoSign {
            return None;
        }
        let negative = n.sign() == Sign::Minus && d.sign() == Sign::Plus
            || n.sign() == Sign::Plus && d.sign() == Sign::Minus;
        let size = nearest(n.magnitude(), d.magnitude());
        Some(if negative { -size } else { size })
    }

    fn whole(&self) -> BigInt {
        BigInt::from(self.small) + self.spill.as_deref().cloned().unwrap_or_default()
    }
}

impl FromIterator<Decimal> for Sum {
    fn from_iter<I: IntoIterator<Item = Decimal>>(numbers: I) -> Sum {
        let mut sum = Sum::default();
        for number in numbers {
            sum.add(number);
        }
        sum
    }
}

fn ten_to(steps: u32) -> BigInt {
    BigInt::from(10).pow(steps)
}

/// The float nearest to `n / d`, ties to even. Neither is zero, and `d` is below 2^64.
fn nearest_of_small(n: u128, d: u128) -> f64 {
    if n == 0 {
        return 0.0;
    }
    // A quotient of at least 64 bits: the bits below those of a float only break ties.
    let shift = n.leading_zeros();
    let n = n << shift;
    let is_inexact = !n.is_multiple_of(d);
    ((n / d) | u128::from(is_inexact)) as f64 * 2_f64.powi(-(shift as i32))
}

/// The float nearest to `n / d`, ties to even. `d` is not zero. (Below 1e-300 it may be off by the last bit.)
fn nearest(n: &BigUint, d: &BigUint) -> f64 {
    if n.bits() == 0 {
        return 0.0;
    }
    // A quotient of 65 or 66 bits, more than a float has: the bits below them only break ties.
    let shift = 65 + d.bits() as i64 - n.bits() as i64;
    let (n, d) = if shift >= 0 { (n << shift, d.clone()) } else { (n.clone(), d << -shift) };
    let (quotient, rest) = (&n / &d, &n % &d);
    let drop = quotient.bits() - 64;
    let top = (&quotient >> drop).iter_u64_digits().next().unwrap_or_default();
    let is_inexact = rest.bits() > 0 || (&quotient >> drop << drop) != quotient;
    let exponent = drop as i64 - shift;
    let (half, other) = (exponent / 2, exponent - exponent / 2);
    // In two steps: a single factor may overflow where the product does not.
    (top | u64::from(is_inexact)) as f64 * 2_f64.powi(half as i32) * 2_f64.powi(other as i32)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn sum(texts: &[&str]) -> Sum {
        texts.iter().map(|t| Decimal::of(t.parse().unwrap()).unwrap()).collect()
    }

    #[test]
    fn sums_are_those_of_the_decimals() {
        for (texts, expected) in [
            (&["0.1", "0.2"][..], 0.3),
            (&["0.1"; 10][..], 1.0),
            (&["1e22", "1", "-1e22"], 1.0),
            (&["1e300", "1e-300", "-1e300"], 1e-300),
            (&["123456789.12345678", "0.00000001"], 123_456_789.123_456_79),
            (&["-0.3", "0.1"], -0.2),
            (&[], 0.0),
            (&["9007199254.740993"; 3], 27_021_597_764.222_98),
            (&["1e38", "1e38", "1e38", "0.5"], 3e38),
        ] {
            assert_eq!(sum(texts).value(), expected, "{texts:?}");
        }
    }

    #[test]
    fn quotients_round_once() {
        for (n, d, expected) in [
            ("1", "3", Some(1.0 / 3.0)),
            ("-2", "3", Some(-2.0 / 3.0)),
            ("0.3", "0.1", Some(3.0)),
            ("1e30", "1e-30", Some(1e60)),
            ("1e-30", "1e30", Some(1e-60)),
            ("0", "5", Some(0.0)),
            ("1", "0", None),
            ("1e300", "3e-5", Some(1e300 / 3.0 * 1e5)),
        ] {
            let found = sum(&[n]).over(&sum(&[d]));
            match (found, expected) {
                (Some(found), Some(expected)) => {
                    assert!((found / expected - 1.0).abs() < 1e-15 || found == expected)
                }
                _ => assert_eq!(found, expected, "{n} / {d}"),
            }
        }
    }

    #[test]
    fn what_is_no_number_is_refused() {
        for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            assert!(Decimal::of(value).is_err(), "{value}");
        }
    }

    proptest! {
        #[test]
        fn a_float_is_the_decimal_that_it_prints(value in proptest::num::f64::NORMAL | proptest::num::f64::ZERO) {
            let Decimal { digits, scale } = Decimal::of(value).unwrap();
            let text = format!("{digits}e{}", -scale);
            prop_assert_eq!(text.parse::<f64>().unwrap(), value);
            prop_assert_eq!(sum(&[&format!("{value:e}")]).value(), value);
        }

        #[test]
        fn sums_equal_those_of_whole_numbers(
            numbers in proptest::collection::vec((-1_000_000_000_000_i64..1_000_000_000_000, 0_u32..12), 0..40),
        ) {
            let texts: Vec<String> = numbers.iter().map(|(n, scale)| format!("{n}e-{scale}")).collect();
            let sum = sum(&texts.iter().map(String::as_str).collect::<Vec<_>>());
            let whole: i128 = numbers.iter().map(|(n, scale)| i128::from(*n) * 10_i128.pow(12 - scale)).sum();
            prop_assert_eq!(sum.value(), format!("{whole}e-12").parse::<f64>().unwrap());
        }

        #[test]
        fn small_quotients_are_those_of_large_ones(n in any::<u128>(), right in 0_u32..128, d in 1_u64.., low in 0_u32..64) {
            let (n, d) = (n >> right, u128::from((d >> low).max(1)));
            prop_assert_eq!(nearest_of_small(n, d), nearest(&n.into(), &d.into()));
            // Near the middle of two floats.
            let n = (n >> 74 | 1 << 53) * 2 + 1;
            for n in [n, n - 1, n + 1].map(|n| n.checked_mul(d)).into_iter().flatten() {
                for n in [n, n + 1, n - 1] {
                    prop_assert_eq!(nearest_of_small(n, d), nearest(&n.into(), &d.into()));
                }
            }
        }

        #[test]
        fn many_in_units_are_each_in_units(
            numbers in proptest::collection::vec(
                prop_oneof![
                    (-1_000_000_i64..1_000_000, 0_u32..6).prop_map(|(n, scale)| n as f64 / POWERS[scale as usize]),
                    (-2_000_000_000_000_000_i64..2_000_000_000_000_000).prop_map(|n| n as f64),
                    any::<f64>(),
                    Just(-0.0),
                    Just(999_999_999_999_999.9),
                ], 0..100),
            scale in 0..SCALES,
        ) {
            // Of those that are all in units too, which many at random seldom are.
            let good: Vec<f64> = numbers.iter().copied().filter(|n| units(*n, scale).is_some()).collect();
            for numbers in [numbers, good] {
                let expected: Option<Vec<i64>> = numbers.iter().map(|n| units(*n, scale)).collect();
                let mut found = vec![0; numbers.len()];
                let fit = all_units(&numbers, scale, &mut found);
                prop_assert_eq!(fit.then_some(found), expected);
            }
        }

        #[test]
        fn quotients_of_whole_numbers_that_fit_are_the_processors(n in 1_u64..1 << 53, d in 1_u64..1 << 53) {
            prop_assert_eq!(nearest(&n.into(), &d.into()), n as f64 / d as f64);
        }
    }
}
