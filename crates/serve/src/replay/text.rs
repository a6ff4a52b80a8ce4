//! JSON as JavaScript writes it: numbers, times and texts, member by member.

use bytes::Bytes;
use mtdh_core::Day;
use mtdh_core::day::DAY_US;

/// A time of a message. Its form says how it is known, as in tardis-machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stamp {
    /// By the recorder: microseconds since the Unix epoch, UTC, always written with six digits.
    Arrival(i64),
    /// By the exchange: microseconds since the Unix epoch, UTC, written with three digits if they say it all.
    Exchange(i64),
    /// Computed: milliseconds since the Unix epoch, UTC.
    Computed(i64),
}

impl Stamp {
    /// The exchange's time of a row. Where it equals the arrival, the exchange gave none.
    pub(super) fn of_row(exchange_us: i64, arrival_us: i64) -> Stamp {
        if exchange_us == arrival_us { Stamp::Arrival(arrival_us) } else { Stamp::Exchange(exchange_us) }
    }

    /// Milliseconds since the Unix epoch, UTC, as JavaScript compares times.
    pub(super) fn ms(self) -> i64 {
        match self {
            Stamp::Arrival(us) | Stamp::Exchange(us) => us.div_euclid(1_000),
            Stamp::Computed(ms) => ms,
        }
    }
}

/// Messages as JSON, one a line.
#[derive(Debug, Default)]
pub(super) struct Lines {
    text: Vec<u8>,
    /// A second since the Unix epoch and its text, up to the point, of the recorder's times and of others: most of each are of the
    /// same one, and the clocks differ.
    seconds: [Option<(i64, String)>; 2],
}

impl Lines {
    /// Bytes that wait.
    pub(super) fn len(&self) -> usize {
        self.text.len()
    }

    /// The lines so far, which are then gone.
    pub(super) fn take(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.text)
    }

    /// A copy of the lines so far, which are then gone; their room stays.
    pub(super) fn copy(&mut self) -> Bytes {
        let copy = Bytes::copy_from_slice(&self.text);
        self.text.clear();
        copy
    }

    /// Begins a message.
    #[inline]
    pub(super) fn begin(&mut self, kind: &str) {
        self.text.extend_from_slice(b"{\"type\":\"");
        self.text.extend_from_slice(kind.as_bytes());
        self.text.push(b'"');
    }

    /// Ends a message.
    pub(super) fn end(&mut self) {
        self.text.extend_from_slice(b"}\n");
    }

    /// A member whose value follows. Names are ours, and need no escape.
    #[inline]
    pub(super) fn name(&mut self, name: &str) {
        self.raw(",\"");
        self.raw(name);
        self.raw("\":");
    }

    /// A text that is JSON already.
    #[inline]
    pub(super) fn raw(&mut self, json: &str) {
        self.text.extend_from_slice(json.as_bytes());
    }

    /// A text.
    #[inline]
    pub(super) fn text(&mut self, value: &str) {
        let is_plain = value.bytes().all(|byte| matches!(byte, b' '..=b'~') && byte != b'"' && byte != b'\\');
        if is_plain {
            self.text.push(b'"');
            self.raw(value);
            self.text.push(b'"');
        } else {
            // Writing to memory does not fail.
            let _infallible = serde_json::to_writer(&mut self.text, value);
        }
    }

    /// A number: the shortest digits that parse to it, with an exponent below 1e-6 and from 1e21 on.
    pub(super) fn number(&mut self, number: f64) {
        let size = number.abs();
        if number == 0.0 {
            self.raw("0");
        } else if (1e-5..1e15).contains(&size) {
            let mut buffer = zmij::Buffer::new();
            let digits = buffer.format_finite(number);
            self.raw(digits.strip_suffix(".0").unwrap_or(digits));
        } else if (1e-6..1e21).contains(&size) {
            self.raw(&format!("{number}"));
        } else if number.is_finite() {
            let digits = format!("{number:e}");
            self.raw(&if size < 1.0 { digits } else { digits.replace('e', "e+") });
        } else {
            self.raw("null");
        }
    }

    /// A time in ISO form, UTC.
    pub(super) fn time(&mut self, stamp: Stamp) {
        let (us, digits) = match stamp {
            Stamp::Arrival(us) => (us, 6),
            Stamp::Exchange(us) if us.rem_euclid(1_000) == 0 => (us, 3),
            Stamp::Exchange(us) => (us, 6),
            Stamp::Computed(ms) => (ms.saturating_mul(1_000), 3),
        };
        let (second, mut fraction) = (us.div_euclid(SECOND_US), us.rem_euclid(SECOND_US) as u32);
        let known = &mut self.seconds[usize::from(matches!(stamp, Stamp::Arrival(_)))];
        if known.as_ref().is_none_or(|(of, _)| *of != second) {
            *known = Some((second, shown(us)));
        }
        if let Some((_, shown)) = known {
            self.text.extend_from_slice(shown.as_bytes());
        }
        let mut all = *b"000000Z\"";
        for digit in all[..6].iter_mut().rev() {
            *digit = b'0' + (fraction % 10) as u8;
            fraction /= 10;
        }
        self.text.extend_from_slice(&all[..digits]);
        self.text.extend_from_slice(&all[6..]);
    }
}

const SECOND_US: i64 = 1_000_000;

/// A time up to the point of its second, with the quote before it.
fn shown(us: i64) -> String {
    let day = Day::containing_us(us).map_or_else(|| "0000-00-00".to_owned(), |day| day.to_string());
    let second = us.rem_euclid(DAY_US) / SECOND_US;
    format!("\"{day}T{:02}:{:02}:{:02}.", second / 3_600, second / 60 % 60, second % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(write: impl FnOnce(&mut Lines)) -> String {
        let mut lines = Lines::default();
        write(&mut lines);
        String::from_utf8(lines.take()).unwrap()
    }

    /// The texts are those that Node prints for `JSON.stringify(NUMBER)`.
    #[test]
    fn numbers_are_those_of_javascript() {
        for (number, expected) in [
            (0.0, "0"),
            (-0.0, "0"),
            (1.0, "1"),
            (-1.5, "-1.5"),
            (4091.0057187730968, "4091.0057187730968"),
            (0.1 + 0.2, "0.30000000000000004"),
            (0.00001, "0.00001"),
            (0.000001, "0.000001"),
            (0.00000123, "0.00000123"),
            (0.0000001, "1e-7"),
            (0.00000015, "1.5e-7"),
            (9_007_199_254_740_991.0, "9007199254740991"),
            (1e15, "1000000000000000"),
            (1e16, "10000000000000000"),
            (123_456_789_012_345_680_000.0, "123456789012345680000"),
            (1e21, "1e+21"),
            (1.5e300, "1.5e+300"),
            (5e-324, "5e-324"),
            (f64::NAN, "null"),
            (f64::INFINITY, "null"),
        ] {
            assert_eq!(written(|lines| lines.number(number)), expected, "{number:?}");
        }
    }

    #[test]
    fn times_have_the_digits_that_are_known() {
        let us = 1_583_020_800_000_000;
        for (stamp, expected) in [
            (Stamp::Arrival(us), "\"2020-03-01T00:00:00.000000Z\""),
            (Stamp::Arrival(us + 123), "\"2020-03-01T00:00:00.000123Z\""),
            (Stamp::Exchange(us), "\"2020-03-01T00:00:00.000Z\""),
            (Stamp::Exchange(us + 132_000), "\"2020-03-01T00:00:00.132Z\""),
            (Stamp::Exchange(us + 1), "\"2020-03-01T00:00:00.000001Z\""),
            (Stamp::Exchange(-1), "\"1969-12-31T23:59:59.999999Z\""),
            (Stamp::Computed(1_583_020_860_000), "\"2020-03-01T00:01:00.000Z\""),
            (Stamp::of_row(us, us), "\"2020-03-01T00:00:00.000000Z\""),
            (Stamp::of_row(us, us + 1), "\"2020-03-01T00:00:00.000Z\""),
        ] {
            assert_eq!(written(|lines| lines.time(stamp)), expected);
        }
    }

    #[test]
    fn texts_are_escaped() {
        for (text, expected) in [("XBT/USD", r#""XBT/USD""#), ("a\"b\\\n", r#""a\"b\\\n""#), ("é", "\"é\"")]
        {
            assert_eq!(written(|lines| lines.text(text)), expected);
        }
    }
}
