//! A line of a capture: `YYYY-MM-DDTHH:MM:SS.fffffffZ CONNECTION KIND RAW`.

use std::borrow::Cow;

use mtdh_core::Day;

use super::error::CaptureError;

/// What a line holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// `<`: a message as it was received.
    Received,
    /// `>`: a message as it was sent, without secrets.
    Sent,
    /// `!`: what happened to a connection or the session, in words of the recorder.
    Event,
    /// `g`: an answer to a request by REST, see [`Answer`].
    Answer,
}

impl Kind {
    /// All.
    pub const ALL: [Kind; 4] = [Kind::Received, Kind::Sent, Kind::Event, Kind::Answer];

    /// The sign in a line.
    pub fn sign(self) -> u8 {
        match self {
            Kind::Received => b'<',
            Kind::Sent => b'>',
            Kind::Event => b'!',
            Kind::Answer => b'g',
        }
    }

    fn of(sign: u8) -> Option<Kind> {
        Kind::ALL.into_iter().find(|kind| kind.sign() == sign)
    }
}

/// A line of a capture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line<'a> {
    /// When it was received, sent or happened, by this machine's clock, microseconds since the Unix epoch, UTC. Never falls within
    /// a session.
    pub arrived: i64,
    /// Which connection of the session's plan; `None`: none, as an answer by REST.
    pub connection: Option<u32>,
    /// What it holds.
    pub kind: Kind,
    /// The message, any bytes.
    pub raw: Cow<'a, [u8]>,
}

/// What follows the sign of a kind whose raw text is escaped.
const ESCAPED: u8 = b'\\';

/// Bytes of a line at most beside its raw text: time, connection, kind, blanks.
pub(super) const FRAME_OF_LINE: usize = 28 + 1 + 10 + 1 + 2 + 1 + 1;

/// Writes lines; keeps the text of the second, so that a time costs seven digits.
pub(super) struct LineText {
    second: i64,
    text: [u8; 20],
}

impl LineText {
    pub fn new() -> LineText {
        LineText { second: i64::MIN, text: [0; 20] }
    }

    /// Appends a line.
    ///
    /// # Errors
    /// When no calendar has the time; `out` is then as before.
    pub fn push(&mut self, line: &Line<'_>, out: &mut Vec<u8>) -> Result<(), CaptureError> {
        let (second, micros) = (line.arrived.div_euclid(1_000_000), line.arrived.rem_euclid(1_000_000));
        if second != self.second {
            self.text = second_text(line.arrived)?;
            self.second = second;
        }
        let mut start = [b'0'; 28];
        start[..20].copy_from_slice(&self.text);
        let mut left = micros;
        for place in (20..26).rev() {
            start[place] = b'0' + (left % 10) as u8;
            left /= 10;
        }
        start[27] = b'Z';
        out.extend_from_slice(&start);
        out.push(b' ');
        match line.connection {
            Some(number) => push_number(number, out),
            None => out.push(b'-'),
        }
        out.extend_from_slice(&[b' ', line.kind.sign()]);
        if memchr::memchr(b'\n', &line.raw).is_some() {
            out.extend_from_slice(&[ESCAPED, b' ']);
            for byte in line.raw.iter() {
                match byte {
                    b'\n' => out.extend_from_slice(b"\\n"),
                    b'\\' => out.extend_from_slice(b"\\\\"),
                    other => out.push(*other),
                }
            }
        } else {
            out.push(b' ');
            out.extend_from_slice(&line.raw);
        }
        out.push(b'\n');
        Ok(())
    }
}

/// `YYYY-MM-DDTHH:MM:SS.` of a time.
fn second_text(us: i64) -> Result<[u8; 20], CaptureError> {
    let day = Day::containing_us(us).filter(|day| (1..=9999).contains(&day.year()));
    let day = day.ok_or(CaptureError::BadTime(us))?;
    let of_day = (us - day.start_us()) / 1_000_000;
    let mut text = *b"0000-00-00T00:00:00.";
    let parts = [
        (0, 4, i64::from(day.year())),
        (5, 2, i64::from(day.month())),
        (8, 2, i64::from(day.day_of_month())),
        (11, 2, of_day / 3600),
        (14, 2, of_day / 60 % 60),
        (17, 2, of_day % 60),
    ];
    for (at, digits, number) in parts {
        let mut left = number;
        for place in (at..at + digits).rev() {
            text[place] = b'0' + (left % 10) as u8;
            left /= 10;
        }
    }
    Ok(text)
}

fn push_number(number: u32, out: &mut Vec<u8>) {
    let (mut digits, mut at, mut left) = ([0; 10], 10, number);
    loop {
        at -= 1;
        digits[at] = b'0' + (left % 10) as u8;
        left /= 10;
        if left == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[at..]);
}

/// Reads a line without its end; `None`: it is none.
pub(super) fn parse(line: &[u8]) -> Option<Line<'_>> {
    let (time, rest) = (line.get(..28)?, line.get(28..)?.strip_prefix(b" ")?);
    let arrived = parse_time(time)?;
    let blank = memchr::memchr(b' ', rest)?;
    let connection = match &rest[..blank] {
        b"-" => None,
        digits => Some(parse_number(digits)?),
    };
    let (sign, rest) = rest[blank + 1..].split_first()?;
    let kind = Kind::of(*sign)?;
    let raw = match rest.strip_prefix(&[ESCAPED]) {
        None => Cow::Borrowed(rest.strip_prefix(b" ")?),
        Some(rest) => Cow::Owned(unescape(rest.strip_prefix(b" ")?)?),
    };
    Some(Line { arrived, connection, kind, raw })
}

/// A number in its canonical spelling.
fn parse_number(digits: &[u8]) -> Option<u32> {
    let is_canonical =
        digits.iter().all(u8::is_ascii_digit) && (digits.len() == 1 || !digits.starts_with(b"0"));
    std::str::from_utf8(digits).ok().filter(|_| is_canonical)?.parse().ok()
}

fn parse_time(text: &[u8]) -> Option<i64> {
    const FORM: &[u8; 28] = b"0000-00-00T00:00:00.0000000Z";
    let fits = |(byte, form): (&u8, &u8)| if *form == b'0' { byte.is_ascii_digit() } else { byte == form };
    if !text.iter().zip(FORM).all(fits) || text[26] != b'0' {
        return None;
    }
    let number = |at: usize, digits: usize| -> i64 {
        text[at..at + digits].iter().fold(0, |sum, digit| sum * 10 + i64::from(digit - b'0'))
    };
    let day = Day::new(number(0, 4) as i32, number(5, 2) as u32, number(8, 2) as u32)?;
    let (hour, minute, second) = (number(11, 2), number(14, 2), number(17, 2));
    let is_one = hour < 24 && minute < 60 && second < 60;
    is_one.then(|| day.start_us() + ((hour * 60 + minute) * 60 + second) * 1_000_000 + number(20, 6))
}

fn unescape(text: &[u8]) -> Option<Vec<u8>> {
    let mut raw = Vec::with_capacity(text.len());
    let mut bytes = text.iter();
    while let Some(byte) = bytes.next() {
        match byte {
            b'\\' => match bytes.next()? {
                b'n' => raw.push(b'\n'),
                b'\\' => raw.push(b'\\'),
                _ => return None,
            },
            other => raw.push(*other),
        }
    }
    Some(raw)
}

/// The raw text of [`Kind::Answer`]: `STATUS NAME BODY`. In the name, bytes up to the blank, `%` and DEL are written as `%` and two
/// hexadecimal digits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer<'a> {
    /// The status of HTTP; 0: no answer came.
    pub status: u16,
    /// The request's name, as the feed gave it.
    pub name: Cow<'a, str>,
    /// The body, any bytes.
    pub body: &'a [u8],
}

impl<'a> Answer<'a> {
    /// Reads the raw text of a line; `None`: it is no answer.
    pub fn parse(raw: &'a [u8]) -> Option<Answer<'a>> {
        let (status, rest) = raw.split_at_checked(memchr::memchr(b' ', raw)?)?;
        let rest = &rest[1..];
        let (name, body) = rest.split_at_checked(memchr::memchr(b' ', rest)?)?;
        let status = parse_number(status).and_then(|status| u16::try_from(status).ok())?;
        let name = std::str::from_utf8(name).ok()?;
        let name = if name.contains('%') { Cow::Owned(decode(name)?) } else { Cow::Borrowed(name) };
        Some(Answer { status, name, body: &body[1..] })
    }

    /// The raw text.
    pub fn raw(&self) -> Vec<u8> {
        let mut raw = format!("{} ", self.status).into_bytes();
        for byte in self.name.bytes() {
            match byte {
                0..=b' ' | b'%' | 0x7f => raw.extend_from_slice(format!("%{byte:02x}").as_bytes()),
                other => raw.push(other),
            }
        }
        raw.push(b' ');
        raw.extend_from_slice(self.body);
        raw
    }
}

fn decode(name: &str) -> Option<String> {
    let mut pieces = name.split('%');
    let mut text = pieces.next()?.to_owned().into_bytes();
    for piece in pieces {
        let digits = piece.get(..2)?;
        text.push(u8::from_str_radix(digits, 16).ok().filter(|_| !digits.starts_with('+'))?);
        text.extend_from_slice(&piece.as_bytes()[2..]);
    }
    String::from_utf8(text).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn text(line: &Line<'_>) -> Vec<u8> {
        let mut out = Vec::new();
        LineText::new().push(line, &mut out).unwrap();
        out
    }

    #[test]
    fn a_line_is_written_as_the_document_says() {
        let us = 1_709_251_205_000_042;
        for (connection, kind, raw, expected) in [
            (Some(0), Kind::Received, "{}", "2024-03-01T00:00:05.0000420Z 0 < {}\n"),
            (Some(u32::MAX), Kind::Sent, "", "2024-03-01T00:00:05.0000420Z 4294967295 > \n"),
            (None, Kind::Event, "a\\b", "2024-03-01T00:00:05.0000420Z - ! a\\b\n"),
            (None, Kind::Answer, "a\n\\b", "2024-03-01T00:00:05.0000420Z - g\\ a\\n\\\\b\n"),
        ] {
            let line = Line { arrived: us, connection, kind, raw: raw.as_bytes().into() };
            let written = text(&line);
            assert_eq!(String::from_utf8_lossy(&written), expected);
            assert_eq!(parse(&written[..written.len() - 1]), Some(line));
        }
    }

    #[test]
    fn what_is_no_line_is_not_taken_for_one() {
        for other in [
            "",
            "2024-03-01T00:00:05.0000420Z",
            "2024-03-01T00:00:05.0000420Z 0 <",
            "2024-03-01T00:00:05.0000420Z 0 ?{}",
            "2024-03-01T00:00:05.0000420Z 0 <{}",
            "2024-03-01T00:00:05.0000420Z 00 < {}",
            "2024-03-01T00:00:05.0000420Z +1 < {}",
            "2024-03-01T00:00:05.0000420Z  < {}",
            "2024-03-01T00:00:05.0000420Z 4294967296 < {}",
            "2024-03-01T00:00:05.0000421Z 0 < {}",
            "2024-02-30T00:00:05.0000420Z 0 < {}",
            "2024-03-01T24:00:05.0000420Z 0 < {}",
            "2024-03-01 00:00:05.0000420Z 0 < {}",
            "2024-03-01T00:00:05.0000420Z 0 <\\ a\\",
            "2024-03-01T00:00:05.0000420Z 0 <\\ a\\x",
        ] {
            assert_eq!(parse(other.as_bytes()), None, "{other}");
        }
        assert!(matches!(
            LineText::new().push(
                &Line { arrived: i64::MAX, connection: None, kind: Kind::Event, raw: b"".into() },
                &mut Vec::new()
            ),
            Err(CaptureError::BadTime(i64::MAX))
        ));
        for other in ["", "200", "200 name", "x name body", "70000 name body", "200 a%2 b", "200 a%+1 b"] {
            assert_eq!(Answer::parse(other.as_bytes()), None, "{other}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_come_back(
            arrived in -62_000_000_000_000_000_i64..253_000_000_000_000_000,
            connection in proptest::option::of(any::<u32>()),
            kind in 0_usize..4,
            raw in proptest::collection::vec(prop_oneof![any::<u8>(), Just(b'\n'), Just(b'\\')], 0..200),
        ) {
            let line = Line { arrived, connection, kind: Kind::ALL[kind], raw: raw.into() };
            let written = text(&line);
            prop_assert!(written.len() <= line.raw.len() * 2 + FRAME_OF_LINE);
            prop_assert_eq!(memchr::memchr(b'\n', &written), Some(written.len() - 1));
            prop_assert_eq!(parse(&written[..written.len() - 1]), Some(line));
        }

        #[test]
        fn any_answer_comes_back(
            status in any::<u16>(),
            name in ".{0,20}",
            body in proptest::collection::vec(any::<u8>(), 0..50),
        ) {
            let answer = Answer { status, name: name.into(), body: &body };
            let raw = answer.raw();
            prop_assert_eq!(Answer::parse(&raw), Some(answer));
        }

        #[test]
        fn no_bytes_make_the_reader_panic(bytes in proptest::collection::vec(any::<u8>(), 0..100)) {
            parse(&bytes);
            Answer::parse(&bytes);
        }
    }
}
