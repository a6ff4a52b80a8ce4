//! Values of venues' messages as their texts: ids keep every digit, numbers are read by the decoder of the vendor's files, and
//! times by the vendor's rules.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, Error, IgnoredAny, SeqAccess, Visitor};
use serde_json::value::RawValue;

use crate::tardis::csv::number;

/// A text or a number of a message, as it was sent.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(transparent)]
pub struct Cell<'a>(#[serde(borrow)] &'a RawValue);

impl<'a> Cell<'a> {
    /// What stands between the quotes, or the number's digits. Escapes stay as they are: no id, number or symbol has any.
    pub fn text(self) -> &'a str {
        let text = self.0.get();
        text.strip_prefix('"').and_then(|t| t.strip_suffix('"')).unwrap_or(text)
    }

    /// The number; none where the text is empty or no number.
    pub fn number(self) -> Option<f64> {
        number_of(self.text())
    }

    /// The number, unless it is zero. The vendor leaves zeros out where a venue writes them for "none".
    pub fn nonzero(self) -> Option<f64> {
        self.number().filter(|n| *n != 0.0)
    }

    /// The whole number.
    pub fn integer(self) -> Option<i64> {
        let text = self.text();
        number::integer(text.as_bytes()).filter(|(_, length)| *length == text.len()).map(|(value, _)| value)
    }

    /// A time in milliseconds, or in microseconds where the number is above 10^15 (the vendor's rule), as microseconds since the
    /// Unix epoch, UTC.
    pub fn time(self) -> Option<i64> {
        let value = self.integer()?;
        if value > 1_000_000_000_000_000 { Some(value) } else { value.checked_mul(1_000) }
    }

    /// A time such as `2022-12-01T00:00:00.122581Z`, microseconds since the Unix epoch, UTC.
    pub fn iso(self) -> Option<i64> {
        iso(self.text())
    }
}

/// Why a message could not be read, in words.
#[derive(Debug, PartialEq, Eq)]
pub struct Unread(pub String);

impl From<serde_json::Error> for Unread {
    fn from(error: serde_json::Error) -> Unread {
        Unread(error.to_string())
    }
}

impl From<&str> for Unread {
    fn from(words: &str) -> Unread {
        Unread(words.to_owned())
    }
}

impl<'a> Cell<'a> {
    /// The number, which a row cannot be without.
    ///
    /// # Errors
    /// [`Unread`] where it is none.
    pub fn need_number(self) -> Result<f64, Unread> {
        self.number().ok_or_else(|| Unread(format!("`{}` is no number", self.text())))
    }

    /// The time as [`Cell::time`], which a row cannot be without.
    ///
    /// # Errors
    /// [`Unread`] where it is none.
    pub fn need_time(self) -> Result<i64, Unread> {
        self.time().ok_or_else(|| Unread(format!("`{}` is no time in milliseconds", self.text())))
    }

    /// The time as [`Cell::iso`], which a row cannot be without.
    ///
    /// # Errors
    /// [`Unread`] where it is none.
    pub fn need_iso(self) -> Result<i64, Unread> {
        self.iso().ok_or_else(|| Unread(format!("`{}` is no time", self.text())))
    }
}

/// The number that a text is, all of it.
pub fn number_of(text: &str) -> Option<f64> {
    number::decimal(text.as_bytes()).filter(|(_, length)| *length == text.len()).map(|(d, _)| d.value)
}

/// A number that may be absent.
pub fn number_in(cell: Option<Cell<'_>>) -> Option<f64> {
    cell.and_then(Cell::number)
}

/// A number that may be absent, and is none where it is zero.
pub fn nonzero_in(cell: Option<Cell<'_>>) -> Option<f64> {
    cell.and_then(Cell::nonzero)
}

/// A time in UTC as ISO text, microseconds since the Unix epoch. As the vendor reads it: of the fraction the milliseconds, and the
/// microseconds only in texts of the lengths in which venues send six or nine digits; what is finer is cut.
pub fn iso(text: &str) -> Option<i64> {
    let bytes = text.as_bytes();
    let digits = |from: usize, to: usize| -> Option<i64> {
        let part = bytes.get(from..to)?;
        part.iter().all(u8::is_ascii_digit).then(|| part.iter().fold(0, |n, b| n * 10 + i64::from(b - b'0')))
    };
    let day = mtdh_core::Day::new(digits(0, 4)? as i32, digits(5, 7)? as u32, digits(8, 10)? as u32)?;
    let second = digits(11, 13)? * 3_600 + digits(14, 16)? * 60 + digits(17, 19)?;
    if bytes[4] != b'-' || bytes[7] != b'-' || !matches!(bytes[10], b'T' | b' ') {
        return None;
    }
    let fraction = bytes[19..].strip_prefix(b".").unwrap_or_default();
    let length = fraction.iter().take_while(|b| b.is_ascii_digit()).count();
    let kept = if matches!(bytes.len(), 27 | 28 | 30 | 32) { length.min(6) } else { length.min(3) };
    let value = fraction[..kept].iter().fold(0, |n, b| n * 10 + i64::from(b - b'0'));
    let zone = if length > 0 { &fraction[length..] } else { &bytes[19..] };
    if !matches!(zone, b"" | b"Z" | b"z" | b"+00:00") {
        return None;
    }
    Some(day.start_us() + second * 1_000_000 + value * 10_i64.pow(6 - kept as u32))
}

/// Two texts at the start of an array: a price and an amount. What follows is ignored.
#[derive(Clone, Copy, Debug)]
pub struct Pair<'a>(pub Cell<'a>, pub Cell<'a>);

impl<'de: 'a, 'a> Deserialize<'de> for Pair<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Pair<'a>, D::Error> {
        struct Two;
        impl<'de> Visitor<'de> for Two {
            type Value = Pair<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an array that begins with a price and an amount")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut array: A) -> Result<Pair<'de>, A::Error> {
                let missing = |place| A::Error::invalid_length(place, &self);
                let first = array.next_element()?.ok_or_else(|| missing(0))?;
                let second = array.next_element()?.ok_or_else(|| missing(1))?;
                while array.next_element::<IgnoredAny>()?.is_some() {}
                Ok(Pair(first, second))
            }
        }
        deserializer.deserialize_seq(Two)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_and_numbers_keep_their_digits() {
        for (json, text, number) in [
            (r#""0.4500""#, "0.4500", Some(0.45)),
            ("0.4500", "0.4500", Some(0.45)),
            ("1.0e-5", "1.0e-5", Some(1e-5)),
            ("16186782820000000123", "16186782820000000123", Some(16_186_782_820_000_000_000.0)),
            (r#""""#, "", None),
            (r#""0.-10000""#, "0.-10000", None),
            (r#""NaN""#, "NaN", None),
            ("null", "null", None),
        ] {
            let cell: Cell<'_> = serde_json::from_str(json).unwrap();
            assert_eq!((cell.text(), cell.number()), (text, number), "{json}");
        }
    }

    #[test]
    fn times() {
        const SECOND: i64 = 1_669_852_800_000_000;
        for (text, expected) in [
            ("2022-12-01T00:00:00Z", Some(SECOND)),
            ("2022-12-01T00:00:00.122Z", Some(SECOND + 122_000)),
            ("2022-12-01T00:00:00.122581Z", Some(SECOND + 122_581)),
            ("2022-12-01T00:00:00.1225819Z", Some(SECOND + 122_581)),
            ("2022-12-01T00:00:00.122581999Z", Some(SECOND + 122_581)),
            ("2022-12-01T00:00:00.122581+00:00", Some(SECOND + 122_581)),
            ("2022-12-01T00:00:00.12258Z", Some(SECOND + 122_000)),
            ("0001-01-01T00:00:00.000000Z", Some(-62_135_596_800_000_000)),
            ("2022-12-01T00:00:00+09:00", None),
            ("2022-13-01T00:00:00Z", None),
            ("2022-12-01", None),
            ("é022-12-01T00:00:00Z", None),
            ("", None),
        ] {
            assert_eq!(iso(text), expected, "{text}");
        }
        for (json, expected) in [
            ("1639999319938", Some(1_639_999_319_938_000)),
            (r#""1655804279360632""#, Some(1_655_804_279_360_632)),
            ("1e3", None),
        ] {
            assert_eq!(serde_json::from_str::<Cell<'_>>(json).unwrap().time(), expected);
        }
    }

    #[test]
    fn a_pair_ignores_what_follows() {
        let pairs: Vec<Pair<'_>> = serde_json::from_str(r#"[["1.50",2,"0",[]],[3,"4"]]"#).unwrap();
        let texts: Vec<_> = pairs.iter().map(|p| (p.0.text(), p.1.text())).collect();
        assert_eq!(texts, [("1.50", "2"), ("3", "4")]);
        assert!(serde_json::from_str::<Pair<'_>>(r#"["1.50"]"#).is_err());
    }
}
