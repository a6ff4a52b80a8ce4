//! Parses the numbers of CSV cells exactly.
//!
//! A cell ends at a comma or at the end of the slice. The parsers stop there and return the length, so a row is scanned once.

use super::eight::{eight_digits, word};

/// A parsed decimal number.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Decimal {
    /// The nearest float.
    pub value: f64,
    /// Whether formatting the float yields the cell's number again.
    pub is_exact: bool,
}

/// The powers of ten that floats have exactly.
pub(super) const POWERS: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18,
    1e19, 1e20, 1e21, 1e22,
];

/// Any number of this many significant digits survives decimal → f64 → decimal (`f64::DIGITS`).
const SAFE_MANTISSA: u64 = 10_u64.pow(f64::DIGITS);

fn ends_cell(bytes: &[u8], at: usize) -> bool {
    bytes.get(at).is_none_or(|b| *b == b',')
}

/// The cell at the start of `bytes`, and whether it is ASCII, eight bytes at a time.
#[inline]
pub fn cell(bytes: &[u8]) -> (&[u8], bool) {
    const COMMAS: u64 = 0x2c2c_2c2c_2c2c_2c2c;
    const LOW: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = 0x8080_8080_8080_8080;
    let (mut at, mut is_ascii) = (0, true);
    while let Some(chunk) = bytes.get(at..).and_then(|rest| rest.first_chunk::<8>()) {
        let word = u64::from_le_bytes(*chunk);
        // The highest bit of each comma byte. A borrow may mark the byte after a comma wrongly, but the first mark is right.
        let commas = ((word ^ COMMAS).wrapping_sub(LOW)) & !(word ^ COMMAS) & HIGH;
        let length = commas.trailing_zeros() / 8;
        is_ascii &= (word & HIGH).unbounded_shl(64 - 8 * length) == 0;
        at += length as usize;
        if length < 8 {
            return (&bytes[..at], is_ascii);
        }
    }
    let rest = &bytes[at..];
    let length = rest.iter().position(|b| *b == b',').unwrap_or(rest.len());
    (&bytes[..at + length], is_ascii && rest[..length].is_ascii())
}

/// Parses a whole number at the start of `bytes`. Returns it and its length; `None` if the cell is not one.
#[inline]
pub fn integer(bytes: &[u8]) -> Option<(i64, usize)> {
    // Sixteen digits are a time in microseconds between 2001 and 2286: nearly all cells parsed here.
    if let Some((head, rest)) = bytes.split_first_chunk::<16>()
        && rest.first().is_none_or(|b| *b == b',')
        && let Some(value) = sixteen_digits(head)
    {
        return Some((value, 16));
    }
    let negative = bytes.first() == Some(&b'-');
    let mut at = usize::from(negative);
    let first = at;
    let mut value: i64 = 0;
    while let Some(digit) = bytes.get(at).map(|b| b.wrapping_sub(b'0')).filter(|d| *d < 10) {
        value = value.checked_mul(10)?.checked_add(i64::from(digit))?;
        at += 1;
    }
    (at > first && ends_cell(bytes, at)).then_some((if negative { -value } else { value }, at))
}

#[inline]
fn sixteen_digits(bytes: &[u8; 16]) -> Option<i64> {
    let (high, low) = bytes.split_at(8);
    Some((eight_digits(word(high)?)? * 100_000_000 + eight_digits(word(low)?)?) as i64)
}

/// Parses a decimal number at the start of `bytes`: an optional minus, digits with at most one point, and an optional exponent.
/// Returns it and its length; `None` if the cell is not one (`nan`, `inf`, `+1`, `.`).
#[inline]
pub fn decimal(bytes: &[u8]) -> Option<(Decimal, usize)> {
    let negative = bytes.first() == Some(&b'-');
    let mut at = usize::from(negative);
    let first = at;
    let mut mantissa: u64 = 0;
    while let Some(digit) = bytes.get(at).map(|b| b.wrapping_sub(b'0')).filter(|d| *d < 10) {
        mantissa = mantissa.wrapping_mul(10).wrapping_add(u64::from(digit));
        at += 1;
    }
    let mut digits = at - first;
    let mut scale = 0;
    if bytes.get(at) == Some(&b'.') {
        at += 1;
        let point = at;
        while let Some(digit) = bytes.get(at).map(|b| b.wrapping_sub(b'0')).filter(|d| *d < 10) {
            mantissa = mantissa.wrapping_mul(10).wrapping_add(u64::from(digit));
            at += 1;
        }
        scale = at - point;
        digits += scale;
    }
    if digits == 0 {
        return None;
    }
    // With at most 19 digits the mantissa did not wrap; a whole number below 2^53 divided by a power of ten that is
    // exact itself rounds once, hence correctly (Clinger 1990).
    if ends_cell(bytes, at) && digits <= 19 && mantissa < SAFE_MANTISSA && scale < POWERS.len() {
        let value = mantissa as f64 / POWERS[scale];
        return Some((Decimal { value: if negative { -value } else { value }, is_exact: true }, at));
    }
    long_decimal(bytes, at)
}

/// The rare forms: an exponent, or more digits than a float can always represent. `at` is the end of the plain digits.
#[cold]
fn long_decimal(bytes: &[u8], mut at: usize) -> Option<(Decimal, usize)> {
    if matches!(bytes.get(at), Some(b'e' | b'E')) {
        at += 1;
        at += usize::from(matches!(bytes.get(at), Some(b'+' | b'-')));
        let exponent = at;
        while bytes.get(at).is_some_and(u8::is_ascii_digit) {
            at += 1;
        }
        if at == exponent {
            return None;
        }
    }
    if !ends_cell(bytes, at) {
        return None;
    }
    let cell = &bytes[..at];
    let value: f64 = fast_float2::parse(cell).ok()?;
    // Rust formats the shortest text that parses to the same float.
    let is_exact = value.is_finite() && canonical(cell) == canonical(format!("{value:e}").as_bytes());
    value.is_finite().then_some((Decimal { value, is_exact }, at))
}

/// Sign, digits without leading and trailing zeros, and the power of ten of the last digit. Equal for equal numbers.
fn canonical(cell: &[u8]) -> (bool, Vec<u8>, i64) {
    let (mantissa, exponent) = match cell.iter().position(|b| matches!(b, b'e' | b'E')) {
        Some(at) => {
            (&cell[..at], std::str::from_utf8(&cell[at + 1..]).ok().and_then(|t| t.parse().ok()).unwrap_or(0))
        }
        None => (cell, 0_i64),
    };
    let negative = mantissa.first() == Some(&b'-');
    let point = mantissa.iter().position(|b| *b == b'.');
    let scale = point.map_or(0, |p| mantissa.len() - p - 1) as i64;
    let mut digits: Vec<u8> =
        mantissa.iter().copied().filter(u8::is_ascii_digit).skip_while(|b| *b == b'0').collect();
    // Saturation affects only zero and numbers outside the range of floats.
    let mut power = exponent.saturating_sub(scale);
    while digits.last() == Some(&b'0') {
        digits.pop();
        power += 1;
    }
    if digits.is_empty() { (false, digits, 0) } else { (negative, digits, power) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn integers() {
        for (text, expected) in [
            ("1585699200245000,x", Some((1_585_699_200_245_000, 16))),
            ("1585699200245000", Some((1_585_699_200_245_000, 16))),
            ("15856992002450001,", Some((15_856_992_002_450_001, 17))),
            ("158569920024500/,", None),
            ("158569920024500:,", None),
            ("-5,", Some((-5, 2))),
            ("0", Some((0, 1))),
            ("", None),
            ("-,", None),
            ("1.0,", None),
            ("9223372036854775808", None),
        ] {
            assert_eq!(integer(text.as_bytes()), expected, "{text}");
        }
    }

    #[test]
    fn decimals() {
        for (text, value, is_exact) in [
            ("9682", 9682.0, true),
            ("9681.92,rest", 9681.92, true),
            ("10.0", 10.0, true),
            ("-0.61752", -0.61752, true),
            ("6.37e-8", 6.37e-8, true),
            ("1E+5", 1e5, true),
            ("0.000000", 0.0, true),
            (".5", 0.5, true),
            ("5.", 5.0, true),
            ("123456789012345678", 123_456_789_012_345_680.0, false),
            ("0.1000000000000000055511151231257827", 0.1, false),
            ("1000000000000000000000000", 1e24, true),
            ("0.30000000000000004", 0.300_000_000_000_000_04, true),
            ("179769313486231570000000000000", 1.797_693_134_862_315_7e29, true),
            ("1.5e-9223372036854775808", 0.0, false),
            ("0.00e-9223372036854775808", 0.0, true),
        ] {
            let (decimal, _) = decimal(text.as_bytes()).unwrap_or_else(|| panic!("{text}"));
            assert_eq!((decimal.value, decimal.is_exact), (value, is_exact), "{text}");
        }
        for text in ["", ",", ".", "-", "nan", "inf", "+1", "1e", "1e+", "1.2.3", "1 ", "0x1", "1e999", "--1"]
        {
            assert_eq!(decimal(text.as_bytes()), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn decimals_are_what_std_reads(text in "-?[0-9]{1,22}(\\.[0-9]{0,12})?(e-?[0-9]{1,2})?") {
            let (decimal, length) = decimal(text.as_bytes()).unwrap();
            prop_assert_eq!(decimal.value.to_bits(), text.parse::<f64>().unwrap().to_bits());
            prop_assert_eq!(length, text.len());
        }

        #[test]
        fn a_cell_ends_at_the_first_comma(text in "[a-z0-9é+-]{0,20},?[a-zé,-]{0,9}") {
            let expected = text.split(',').next().unwrap();
            prop_assert_eq!(cell(text.as_bytes()), (expected.as_bytes(), expected.is_ascii()), "{}", text);
        }

        #[test]
        fn up_to_fifteen_digits_are_exact(digits in 0_u64..1_000_000_000_000_000, scale in 0_usize..15) {
            let text = format!("{digits:016}");
            let text = format!("{}.{}", &text[..16 - scale], &text[16 - scale..]);
            prop_assert!(decimal(text.as_bytes()).unwrap().0.is_exact);
        }

        #[test]
        fn what_a_float_prints_is_exact(value in proptest::num::f64::NORMAL) {
            let (decimal, _) = decimal(format!("{value}").as_bytes()).unwrap();
            prop_assert!(decimal.is_exact && decimal.value.to_bits() == value.to_bits());
        }

        #[test]
        fn integers_are_what_std_reads(value in any::<i64>()) {
            let text = value.to_string();
            // The smallest i64 has no positive counterpart; no time is that old.
            let expected = (value != i64::MIN).then_some((value, text.len()));
            prop_assert_eq!(integer(text.as_bytes()), expected);
        }
    }
}
