//! Reads the JSON of WebSockets in one pass, without an allocation per message.
//!
//! A [`Cursor`] stands before a value; each method takes exactly one value and moves behind it. Keys may come in any order, and
//! unknown ones are skipped. Numbers are read as text by the decoder of the CSV path, so that live rows and the vendor's files have the
//! same values. It takes what is JSON; of what is not, it may take some, and never panics.

#![expect(clippy::missing_errors_doc, reason = "each fails where the text is not what its name says")]

use std::borrow::Cow;

use crate::tardis::csv::number;

/// The message is not the JSON that was expected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no JSON, or not of the expected form, at byte {at}")]
pub struct Unreadable {
    /// Where, from the start of the text.
    pub at: usize,
}

/// A value was taken, or could not be.
pub type Taken<T> = Result<T, Unreadable>;

/// Deeper values are not read: no exchange sends them, and a message must not exhaust the stack.
const MAX_DEPTH: u32 = 32;

/// A place in a text.
#[derive(Clone, Copy, Debug)]
pub struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
    depth: u32,
}

/// A scalar, as it stands in the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scalar<'a> {
    /// A string's bytes between the quotes, escapes as they are.
    Text(&'a [u8]),
    /// A number's text.
    Number(&'a [u8]),
    /// `true` or `false`.
    Flag(bool),
    /// `null`.
    Null,
}

impl<'a> Scalar<'a> {
    /// A number, also one that is written as text; `None`: empty, null, or none.
    #[inline]
    pub fn number(self) -> Option<f64> {
        match self {
            Scalar::Text(text) | Scalar::Number(text) => decimal(text),
            Scalar::Flag(_) | Scalar::Null => None,
        }
    }

    /// As [`Scalar::number`], without zero: exchanges that write 0 for "none".
    #[inline]
    pub fn non_zero(self) -> Option<f64> {
        self.number().filter(|value| *value != 0.0)
    }

    /// A whole number, also one that is written as text.
    #[inline]
    pub fn integer(self) -> Option<i64> {
        match self {
            Scalar::Text(text) | Scalar::Number(text) => {
                number::integer(text).filter(|(_, length)| *length == text.len()).map(|(value, _)| value)
            }
            Scalar::Flag(_) | Scalar::Null => None,
        }
    }

    /// The text of a string or number, such as an id, as it stands. `None`: neither, or not UTF-8, or with escapes.
    #[inline]
    pub fn text(self) -> Option<&'a str> {
        match self {
            Scalar::Text(text) if text.contains(&b'\\') => None,
            Scalar::Text(text) | Scalar::Number(text) => std::str::from_utf8(text).ok(),
            Scalar::Flag(_) | Scalar::Null => None,
        }
    }

    /// The text of a string for people, escapes resolved.
    pub fn words(self) -> Cow<'a, str> {
        match self {
            Scalar::Text(text) if text.contains(&b'\\') => {
                let quoted = [b"\"", text, b"\""].concat();
                serde_json::from_slice::<String>(&quoted).map_or(Cow::Borrowed(""), Cow::Owned)
            }
            Scalar::Text(text) | Scalar::Number(text) => String::from_utf8_lossy(text),
            Scalar::Flag(flag) => Cow::Borrowed(if flag { "true" } else { "false" }),
            Scalar::Null => Cow::Borrowed(""),
        }
    }

    /// Whether it is exactly this string.
    #[inline]
    pub fn is(self, text: &str) -> bool {
        self == Scalar::Text(text.as_bytes())
    }
}

/// A decimal number of the whole text.
#[inline]
pub fn decimal(text: &[u8]) -> Option<f64> {
    number::decimal(text).filter(|(_, length)| *length == text.len()).map(|(decimal, _)| decimal.value)
}

impl<'a> Cursor<'a> {
    /// Before the first value of a text.
    #[inline]
    pub fn new(bytes: &'a [u8]) -> Cursor<'a> {
        Cursor { bytes, at: 0, depth: 0 }
    }

    /// Bytes from the start of the text.
    pub fn place(&self) -> usize {
        self.at
    }

    /// What is read here is not of the expected form.
    pub fn unreadable(&self) -> Unreadable {
        Unreadable { at: self.at }
    }

    fn fail<T>(&self) -> Taken<T> {
        Err(Unreadable { at: self.at })
    }

    /// The next byte that is no white space.
    #[inline]
    pub fn peek(&mut self) -> Option<u8> {
        loop {
            let byte = *self.bytes.get(self.at)?;
            if !matches!(byte, b' ' | b'\t' | b'\n' | b'\r') {
                return Some(byte);
            }
            self.at += 1;
        }
    }

    #[inline]
    fn take(&mut self, byte: u8) -> Taken<()> {
        if self.peek() == Some(byte) {
            self.at += 1;
            Ok(())
        } else {
            self.fail()
        }
    }

    /// Whether nothing but white space is left.
    pub fn end(&mut self) -> Taken<()> {
        if self.peek().is_none() { Ok(()) } else { self.fail() }
    }

    /// Takes an object: `field` is given each key, with the cursor before the value, and must take the value.
    #[inline]
    pub fn object(&mut self, mut field: impl FnMut(&'a [u8], &mut Cursor<'a>) -> Taken<()>) -> Taken<()> {
        self.take(b'{')?;
        self.deeper()?;
        if self.peek() == Some(b'}') {
            self.at += 1;
            self.depth -= 1;
            return Ok(());
        }
        loop {
            self.take(b'"')?;
            let key = self.string()?;
            self.take(b':')?;
            field(key, self)?;
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b'}') => {
                    self.at += 1;
                    self.depth -= 1;
                    return Ok(());
                }
                _ => return self.fail(),
            }
        }
    }

    /// Takes an array: `item` is called with the cursor before each element, and must take it.
    #[inline]
    pub fn array(&mut self, mut item: impl FnMut(&mut Cursor<'a>) -> Taken<()>) -> Taken<()> {
        self.take(b'[')?;
        self.deeper()?;
        if self.peek() == Some(b']') {
            self.at += 1;
            self.depth -= 1;
            return Ok(());
        }
        loop {
            item(self)?;
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b']') => {
                    self.at += 1;
                    self.depth -= 1;
                    return Ok(());
                }
                _ => return self.fail(),
            }
        }
    }

    #[inline]
    fn deeper(&mut self) -> Taken<()> {
        self.depth += 1;
        if self.depth > MAX_DEPTH { self.fail() } else { Ok(()) }
    }

    /// Takes a string, a number, `true`, `false` or `null`.
    #[inline]
    pub fn scalar(&mut self) -> Taken<Scalar<'a>> {
        match self.peek() {
            Some(b'"') => {
                self.at += 1;
                Ok(Scalar::Text(self.string()?))
            }
            Some(b'-' | b'0'..=b'9') => {
                let from = self.at;
                while self
                    .bytes
                    .get(self.at)
                    .is_some_and(|b| matches!(b, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E'))
                {
                    self.at += 1;
                }
                Ok(Scalar::Number(&self.bytes[from..self.at]))
            }
            Some(b't') => self.word("true", Scalar::Flag(true)),
            Some(b'f') => self.word("false", Scalar::Flag(false)),
            Some(b'n') => self.word("null", Scalar::Null),
            _ => self.fail(),
        }
    }

    fn word(&mut self, word: &str, value: Scalar<'a>) -> Taken<Scalar<'a>> {
        if self.bytes[self.at..].starts_with(word.as_bytes()) {
            self.at += word.len();
            Ok(value)
        } else {
            self.fail()
        }
    }

    /// The rest of a string after its first quote, to behind its last one.
    #[inline]
    fn string(&mut self) -> Taken<&'a [u8]> {
        let from = self.at;
        loop {
            match self.bytes.get(self.at) {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(&self.bytes[from..self.at - 1]);
                }
                Some(b'\\') => self.at += 2,
                Some(0..=0x1F) | None => return self.fail(),
                Some(_) => self.at += 1,
            }
        }
    }

    /// Takes any value and gives its text.
    #[inline]
    pub fn skip(&mut self) -> Taken<&'a [u8]> {
        let first = self.peek();
        let from = self.at;
        match first {
            Some(b'{') => self.object(|_, value| value.skip().map(|_| ()))?,
            Some(b'[') => self.array(|value| value.skip().map(|_| ()))?,
            _ => self.scalar().map(|_| ())?,
        }
        Ok(&self.bytes[from..self.at])
    }

    /// Takes a scalar, or any other value as `Null`.
    #[inline]
    pub fn scalar_or_skip(&mut self) -> Taken<Scalar<'a>> {
        match self.peek() {
            Some(b'{' | b'[') => self.skip().map(|_| Scalar::Null),
            _ => self.scalar(),
        }
    }

    /// Takes an array's first two elements as numbers and passes over the rest: a level of a book, `["9.5","1",…]`.
    #[inline]
    pub fn pair(&mut self) -> Taken<(f64, f64)> {
        let mut pair = [None; 2];
        let mut place = 0;
        self.array(|value| {
            if let Some(slot) = pair.get_mut(place) {
                *slot = value.scalar()?.number();
            } else {
                value.skip()?;
            }
            place += 1;
            Ok(())
        })?;
        match pair {
            [Some(price), Some(amount)] => Ok((price, amount)),
            _ => self.fail(),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_no_json_is_told() {
        for text in [
            "",
            "{",
            "[",
            "\"",
            "\"a",
            "\"\\",
            "{\"a\"",
            "{\"a\":",
            "{\"a\":1",
            "{\"a\":1,",
            "{\"a\":1,}",
            "[1,]",
            "[1 2]",
            "tru",
            "nul",
            "{1:2}",
            "-",
            "+1",
            ".5",
            "\"a\u{1}b\"",
        ] {
            let mut cursor = Cursor::new(text.as_bytes());
            let taken = cursor.skip().and_then(|value| {
                cursor.end()?;
                Ok(value)
            });
            // A lone minus is taken as a number's text, and is no number.
            if text == "-" {
                assert_eq!(Cursor::new(b"-").scalar().map(Scalar::number), Ok(None));
            } else {
                assert!(taken.is_err(), "{text}");
            }
        }
        let deep = "[".repeat(100_000);
        assert!(Cursor::new(deep.as_bytes()).skip().is_err());
    }

    #[test]
    fn fields_come_in_any_order_and_unknown_ones_are_skipped() {
        for text in [
            r#"{"p":"9.50","t":12345678901234567890,"x":{"y":[1,{"z":"\"}"}]},"m":true,"b":[["9.5","1"],["9",2,"0"]]}"#,
            r#" { "b" : [ [ "9.5" , "1" ] , [ "9" , 2 , "0" ] ] , "m" : true , "t" : 12345678901234567890 , "p" : "9.50" } "#,
        ] {
            let (mut price, mut id, mut flag, mut levels) = (None, None, None, Vec::new());
            let mut cursor = Cursor::new(text.as_bytes());
            let taken = cursor.object(|key, value| {
                match key {
                    b"p" => price = value.scalar()?.number(),
                    b"t" => id = value.scalar()?.text(),
                    b"m" => flag = Some(value.scalar()?),
                    b"b" => value.array(|level| {
                        levels.push(level.pair()?);
                        Ok(())
                    })?,
                    _ => drop(value.skip()?),
                }
                Ok(())
            });
            assert_eq!(taken.and_then(|()| cursor.end()), Ok(()));
            assert_eq!(
                (price, id, flag),
                (Some(9.5), Some("12345678901234567890"), Some(Scalar::Flag(true)))
            );
            assert_eq!(levels, [(9.5, 1.0), (9.0, 2.0)]);
        }
    }

    #[test]
    fn scalars() {
        for (text, number, integer, id) in [
            ("\"0.10\"", Some(0.1), None, Some("0.10")),
            ("6.37e-8", Some(6.37e-8), None, Some("6.37e-8")),
            ("\"\"", None, None, Some("")),
            ("null", None, None, None),
            ("\"1,2\"", None, None, Some("1,2")),
            (
                "16186782820000000",
                Some(16_186_782_820_000_000.0),
                Some(16_186_782_820_000_000),
                Some("16186782820000000"),
            ),
            ("\"a\\n\"", None, None, None),
        ] {
            let scalar = Cursor::new(text.as_bytes()).scalar().unwrap();
            assert_eq!((scalar.number(), scalar.integer(), scalar.text()), (number, integer, id), "{text}");
        }
        assert_eq!(Cursor::new(br#""a\u00e9\"""#).scalar().unwrap().words(), "aé\"");
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            let mut cursor = Cursor::new(&bytes);
            let _any = cursor.skip();
            prop_assert!(cursor.place() <= bytes.len() + 1);
            let _any = Cursor::new(&bytes).pair();
        }

        #[test]
        fn json_is_taken_whole(number in any::<f64>(), text in "[a-z\"\\\\é]{0,9}", flags in proptest::collection::vec(any::<bool>(), 0..4)) {
            let value = serde_json::json!({"a": number, "b": {"c": [text, null]}, "d": flags});
            let written = value.to_string();
            let mut cursor = Cursor::new(written.as_bytes());
            prop_assert_eq!(cursor.skip().map(<[u8]>::len), Ok(written.len()));
            prop_assert_eq!(cursor.end(), Ok(()));
        }
    }
}
