//! Exact decimal numbers, formatted as JavaScript formats numbers, as in Tardis' CSV.
//!
//! Not for arithmetic beyond scaling: elsewhere, prices and amounts are integers in units of their step.

use serde::{Serialize, Serializer};

/// The number `mantissa × 10^-scale`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Decimal {
    pub(crate) mantissa: i64,
    pub(crate) scale: u8,
}

impl Decimal {
    /// The number `mantissa × 10^-scale`.
    pub(crate) const fn new(mantissa: i64, scale: u8) -> Decimal {
        Decimal { mantissa, scale }
    }

    /// Rounds to `scale` decimal places.
    pub(crate) fn round(value: f64, scale: u8) -> Decimal {
        Decimal { mantissa: (value * power(scale) as f64).round() as i64, scale }
    }

    /// Converts to the nearest 64-bit float.
    pub(crate) fn to_f64(self) -> f64 {
        self.mantissa as f64 / power(self.scale) as f64
    }

    /// Multiplies by an integer.
    pub(crate) fn times(self, count: i64) -> Decimal {
        Decimal { mantissa: self.mantissa * count, ..self }
    }

    /// Appends the number without trailing zeros, in exponent notation below 0.000001.
    pub(crate) fn write(self, out: &mut Vec<u8>) {
        let Decimal { mut mantissa, mut scale } = self;
        while scale > 0 && mantissa % 10 == 0 {
            mantissa /= 10;
            scale -= 1;
        }
        if mantissa < 0 {
            out.push(b'-');
        }
        let mut buffer = [0; 20];
        let digits = digits(mantissa.unsigned_abs(), &mut buffer);
        let scale = usize::from(scale);
        if scale == 0 {
            out.extend_from_slice(digits);
        } else if digits.len() > scale {
            let (whole, fraction) = digits.split_at(digits.len() - scale);
            out.extend_from_slice(whole);
            out.push(b'.');
            out.extend_from_slice(fraction);
        } else if scale - digits.len() < 6 {
            out.extend_from_slice(&b"0.00000"[..2 + scale - digits.len()]);
            out.extend_from_slice(digits);
        } else {
            write_exponent(digits, scale, out);
        }
    }

    /// Returns the text that [`Decimal::write`] appends.
    pub(crate) fn text(self) -> String {
        let mut out = Vec::with_capacity(16);
        self.write(&mut out);
        String::from_utf8_lossy(&out).into_owned()
    }
}

impl Serialize for Decimal {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.scale == 0 {
            serializer.serialize_i64(self.mantissa)
        } else {
            serializer.serialize_f64(self.to_f64())
        }
    }
}

/// Appends an integer.
pub(crate) fn write_integer(value: i64, out: &mut Vec<u8>) {
    Decimal::new(value, 0).write(out);
}

/// `10^exponent`.
pub(crate) const fn power(exponent: u8) -> i64 {
    10_i64.pow(exponent as u32)
}

fn digits(mut value: u64, buffer: &mut [u8; 20]) -> &[u8] {
    let mut start = buffer.len();
    loop {
        start -= 1;
        buffer[start] = b'0' + (value % 10) as u8;
        value /= 10;
        if value == 0 {
            return &buffer[start..];
        }
    }
}

fn write_exponent(digits: &[u8], scale: usize, out: &mut Vec<u8>) {
    let (first, rest) = digits.split_at(1);
    out.extend_from_slice(first);
    if !rest.is_empty() {
        out.push(b'.');
        out.extend_from_slice(rest);
    }
    out.extend_from_slice(b"e-");
    write_integer((scale - rest.len()) as i64, out);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_look_like_javascripts() {
        for (mantissa, scale, text) in [
            (0, 0, "0"),
            (0, 5, "0"),
            (96820, 1, "9682"),
            (968192, 2, "9681.92"),
            (1, 6, "0.000001"),
            (1, 7, "1e-7"),
            (15, 8, "1.5e-7"),
            (637, 10, "6.37e-8"),
            (12345, 10, "0.0000012345"),
            (100, 8, "0.000001"),
            (-5, 1, "-0.5"),
            (-25, 9, "-2.5e-8"),
            (-120, 1, "-12"),
            (i64::MIN, 0, "-9223372036854775808"),
            (5, 4, "0.0005"),
            (123, 3, "0.123"),
        ] {
            assert_eq!(Decimal::new(mantissa, scale).text(), text);
        }
    }

    #[test]
    fn texts_read_back_as_the_same_number() {
        let mut rng = crate::generate::rng::Rng::new(1, &["decimal"]);
        for _ in 0..20_000 {
            let number = Decimal::new(rng.between(-1_000_000_000, 1_000_000_000), rng.below(12) as u8);
            assert_eq!(number.text().parse::<f64>().unwrap(), number.to_f64(), "{number:?}");
        }
    }
}
