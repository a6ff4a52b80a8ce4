//! Recorded traffic of a WebSocket, line by line.
//!
//! Three forms are read, told apart by the line itself:
//! `<local ns> <message>` (one digit run, a blank, JSON); `<local s>: <message>` after `url <-> time` and `url <- time: sent` of
//! cryptofeed, where the message may be a Python byte string; and the vendor's raw slices, `YYYY-MM-DDTHH:mm:ss.fffffffZ <message>`,
//! in which an empty line says that the recorder was disconnected. Start with [`Line::read`].

use std::borrow::Cow;

use mtdh_core::Day;

/// What a line says. Times are microseconds since the Unix epoch, UTC.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Line<'a> {
    /// A message that arrived.
    Received(i64, Cow<'a, [u8]>),
    /// A text that the recorder sent.
    Sent(i64, &'a [u8]),
    /// The recorder connected.
    Opened(i64),
    /// The recorder was disconnected.
    Disconnected,
}

/// A line that is in none of the forms.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "a line of no known form of recordings: `{start}`; expected `<ns> {{…}}`, `<s>: {{…}}` or `<ISO time> {{…}}`"
)]
pub struct UnknownLine {
    /// How it begins.
    pub start: String,
}

impl<'a> Line<'a> {
    /// Reads a line without its end.
    ///
    /// # Errors
    /// The line is in none of the forms.
    pub fn read(line: &'a [u8]) -> Result<Line<'a>, UnknownLine> {
        if line.is_empty() {
            return Ok(Line::Disconnected);
        }
        let unknown =
            || UnknownLine { start: String::from_utf8_lossy(&line[..line.len().min(60)]).into_owned() };
        let read = if line.first().is_some_and(u8::is_ascii_digit) { received(line) } else { other(line) };
        read.ok_or_else(unknown)
    }
}

fn received(line: &[u8]) -> Option<Line<'_>> {
    let blank = line.iter().position(|byte| *byte == b' ')?;
    let (head, message) = (&line[..blank], &line[blank + 1..]);
    if let Some(seconds) = head.strip_suffix(b":") {
        return Some(Line::Received(seconds_us(seconds)?, python(message)?));
    }
    let at = if head.iter().all(u8::is_ascii_digit) { digits(head)? / 1_000 } else { iso_us(head)? };
    Some(Line::Received(at, Cow::Borrowed(message)))
}

/// `url <-> time` and `url <- time: text`.
fn other(line: &[u8]) -> Option<Line<'_>> {
    if let Some(at) = memchr::memmem::find(line, b" <-> ") {
        return Some(Line::Opened(seconds_us(&line[at + 5..])?));
    }
    let at = memchr::memmem::find(line, b" <- ")?;
    let rest = &line[at + 4..];
    let colon = memchr::memmem::find(rest, b": ")?;
    Some(Line::Sent(seconds_us(&rest[..colon])?, &rest[colon + 2..]))
}

fn digits(text: &[u8]) -> Option<i64> {
    std::str::from_utf8(text).ok()?.parse().ok()
}

/// Seconds with a fraction; digits beyond microseconds are cut.
fn seconds_us(text: &[u8]) -> Option<i64> {
    let text = text.trim_ascii();
    let (whole, fraction) = match text.iter().position(|byte| *byte == b'.') {
        Some(at) => (&text[..at], &text[at + 1..]),
        None => (text, &b""[..]),
    };
    digits(whole)?.checked_mul(1_000_000)?.checked_add(fraction_us(fraction)?)
}

fn fraction_us(fraction: &[u8]) -> Option<i64> {
    if !fraction.iter().all(u8::is_ascii_digit) {
        return None;
    }
    Some((0..6).fold(0, |us, place| us * 10 + i64::from(fraction.get(place).map_or(0, |digit| digit - b'0'))))
}

/// `YYYY-MM-DDTHH:mm:ss.fffffffZ`; the seventh digit is cut.
fn iso_us(text: &[u8]) -> Option<i64> {
    let text = std::str::from_utf8(text).ok()?.strip_suffix('Z')?;
    let (day, time) = text.split_once('T')?;
    let day: Day = day.parse().ok()?;
    let (hour, rest) = time.split_once(':')?;
    let (minute, second) = rest.split_once(':')?;
    let (hour, minute): (i64, i64) = (hour.parse().ok()?, minute.parse().ok()?);
    Some(day.start_us() + (hour * 60 + minute) * 60_000_000 + seconds_us(second.as_bytes())?)
}

/// A message as Python prints it: `b'…'` with escapes, or plain.
fn python(message: &[u8]) -> Option<Cow<'_, [u8]>> {
    let quoted = message.strip_prefix(b"b'").and_then(|rest| rest.strip_suffix(b"'"));
    let quoted = quoted.or_else(|| message.strip_prefix(b"b\"").and_then(|rest| rest.strip_suffix(b"\"")));
    let Some(quoted) = quoted else { return Some(Cow::Borrowed(message)) };
    if !quoted.contains(&b'\\') {
        return Some(Cow::Borrowed(quoted));
    }
    let mut bytes = Vec::with_capacity(quoted.len());
    let mut rest = quoted.iter();
    while let Some(byte) = rest.next() {
        if *byte != b'\\' {
            bytes.push(*byte);
            continue;
        }
        match rest.next()? {
            b'n' => bytes.push(b'\n'),
            b'r' => bytes.push(b'\r'),
            b't' => bytes.push(b'\t'),
            b'x' => {
                let hex = [*rest.next()?, *rest.next()?];
                bytes.push(u8::from_str_radix(std::str::from_utf8(&hex).ok()?, 16).ok()?);
            }
            other => bytes.push(*other),
        }
    }
    Some(Cow::Owned(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_all_forms() {
        for bad in ["x", "12", "12x {}", "2024-13-01T00:00:00Z {}", "1.2.3: {}", "url <- {}", "5: b'\\x4'"] {
            assert!(Line::read(bad.as_bytes()).is_err(), "{bad}");
        }
        let received = |at, text: &'static [u8]| Line::Received(at, Cow::Borrowed(text));
        for (line, expected) in [
            ("", Line::Disconnected),
            ("1723161253937085768 {\"a\":1}", received(1_723_161_253_937_085, b"{\"a\":1}")),
            ("1635251474.4520066: {}", received(1_635_251_474_452_006, b"{}")),
            (
                "1617736000.5: b'{\"a\":\"\\xc3\\xa9\"}'",
                received(1_617_736_000_500_000, "{\"a\":\"é\"}".as_bytes()),
            ),
            ("2024-08-08T23:54:13.9370857Z {}", received(1_723_161_253_937_085, b"{}")),
            ("wss://x/ws <-> 1635251473.2", Line::Opened(1_635_251_473_200_000)),
            ("wss://x/ws <- 1635251473.2: {\"op\": 1}", Line::Sent(1_635_251_473_200_000, b"{\"op\": 1}")),
        ] {
            assert_eq!(Line::read(line.as_bytes()), Ok(expected), "{line}");
        }
    }
}
