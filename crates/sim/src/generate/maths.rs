//! Exponential, logarithm and normal distribution from basic arithmetic only.
//!
//! The standard library's results differ in the last bit between platforms; generated files must not. Results are
//! accurate to about nine digits, more than any greek is printed with.

const LN_2: f64 = std::f64::consts::LN_2;

/// Returns e^x; 0 below -700, and the value at 700 above it.
pub(crate) fn exp(x: f64) -> f64 {
    if x < -700.0 {
        return 0.0;
    }
    let x = x.min(700.0);
    let halvings = (x / LN_2).round();
    let rest = x - halvings * LN_2;
    let mut term = 1.0;
    let mut sum = 1.0;
    for n in 1..14 {
        term = term * rest / f64::from(n);
        sum += term;
    }
    scale_by_two(sum, halvings as i32)
}

/// Returns the natural logarithm of a positive number.
pub(crate) fn ln(x: f64) -> f64 {
    let mut reduced = x;
    let mut doublings = 0_i32;
    while reduced > 1.5 {
        reduced /= 2.0;
        doublings += 1;
    }
    while reduced < 0.75 {
        reduced *= 2.0;
        doublings -= 1;
    }
    let ratio = (reduced - 1.0) / (reduced + 1.0);
    let square = ratio * ratio;
    let mut power = ratio;
    let mut sum = 0.0;
    for n in 0..16 {
        sum += power / f64::from(2 * n + 1);
        power *= square;
    }
    2.0 * sum + f64::from(doublings) * LN_2
}

/// Returns the density of the standard normal distribution.
pub(crate) fn density(x: f64) -> f64 {
    exp(-x * x / 2.0) * 0.398_942_280_401_432_7
}

/// Returns the cumulative standard normal distribution at `x`, accurate to 7 digits.
pub(crate) fn normal(x: f64) -> f64 {
    let t = 1.0 / (1.0 + 0.231_641_9 * x.abs());
    let coefficients = [1.330_274_429, -1.821_255_978, 1.781_477_937, -0.356_563_782, 0.319_381_530];
    let tail = density(x) * coefficients.iter().fold(0.0, |sum, c| (sum + c) * t);
    if x < 0.0 { tail } else { 1.0 - tail }
}

fn scale_by_two(value: f64, exponent: i32) -> f64 {
    let step: f64 = if exponent < 0 { 0.5 } else { 2.0 };
    (0..exponent.abs()).fold(value, |value, _| value * step)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agrees_with_the_standard_library() {
        for i in -400..400 {
            let x = f64::from(i) / 20.0;
            assert!((exp(x) / x.exp() - 1.0).abs() < 1e-9, "exp {x}");
            let positive = x.exp();
            assert!((ln(positive) - x).abs() < 1e-9, "ln {positive}");
        }
    }

    #[test]
    fn half_of_the_normal_distribution_lies_below_zero() {
        for (x, share) in [(0.0, 0.5), (1.0, 0.841_344_746), (-1.96, 0.024_997_895), (6.0, 1.0)] {
            assert!((normal(x) - share).abs() < 1e-6, "{x}");
        }
    }
}
