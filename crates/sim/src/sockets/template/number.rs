//! How a venue writes numbers.

use crate::generate::decimal::{Decimal, power};

/// The places behind the point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::sockets) enum Style {
    /// At least so many, filled with zeros.
    Fixed(u8),
    /// All that the number's step has.
    Step,
    /// None that is zero.
    Short,
    /// As Python writes floats: at least one.
    Float,
}

/// Appends a number.
pub(in crate::sockets) fn write(number: Decimal, style: Style, out: &mut Vec<u8>) {
    let Decimal { mut mantissa, mut scale } = number;
    let least = match style {
        Style::Fixed(places) => places,
        Style::Step => scale,
        Style::Short => 0,
        Style::Float => 1,
    };
    while scale > least && mantissa % 10 == 0 {
        mantissa /= 10;
        scale -= 1;
    }
    if mantissa < 0 {
        out.push(b'-');
    }
    let value = mantissa.unsigned_abs();
    let unit = power(scale).unsigned_abs();
    integer((value / unit) as i64, out);
    let places = scale.max(least);
    if places == 0 {
        return;
    }
    out.push(b'.');
    let start = out.len();
    let mut fraction = value % unit;
    out.resize(start + usize::from(places), b'0');
    for digit in out[start..start + usize::from(scale)].iter_mut().rev() {
        *digit = b'0' + (fraction % 10) as u8;
        fraction /= 10;
    }
}

/// Appends an integer.
pub(in crate::sockets) fn integer(value: i64, out: &mut Vec<u8>) {
    let mut buffer = [0; 20];
    let (mut start, mut left) = (buffer.len(), value.unsigned_abs());
    loop {
        start -= 1;
        buffer[start] = b'0' + (left % 10) as u8;
        left /= 10;
        if left == 0 {
            break;
        }
    }
    if value < 0 {
        out.push(b'-');
    }
    out.extend_from_slice(&buffer[start..]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_venue_writes_numbers_its_way() {
        for (mantissa, scale, style, text) in [
            (6_183_763, 2, Style::Fixed(8), "61837.63000000"),
            (0, 5, Style::Fixed(8), "0.00000000"),
            (123_456, 5, Style::Fixed(8), "1.23456000"),
            (618_002, 1, Style::Step, "61800.2"),
            (6_180_020, 2, Style::Step, "61800.20"),
            (181, 0, Style::Step, "181"),
            (6_180_020, 2, Style::Short, "61800.2"),
            (6_180_000, 2, Style::Short, "61800"),
            (1, 7, Style::Short, "0.0000001"),
            (47_140, 1, Style::Float, "4714.0"),
            (4_714, 0, Style::Float, "4714.0"),
            (15, 4, Style::Float, "0.0015"),
            (-5, 1, Style::Short, "-0.5"),
            (0, 3, Style::Short, "0"),
        ] {
            let mut out = Vec::new();
            write(Decimal::new(mantissa, scale), style, &mut out);
            assert_eq!(String::from_utf8(out).unwrap(), text);
        }
    }
}
