//! The lines of a capture and what happened: each line is one, and nothing but lines is needed to make the rows again.

use std::borrow::Cow;

use mtdh_lake::live::{Answer, Kind, Line};

use mtdh_source::live::out::Gap;

use super::machine::Input;

/// The words of a line of kind [`Kind::Event`]. What is told for people follows a blank.
const OPENED: &str = "opened";
const CLOSED: &str = "closed";
const ENDED: &str = "ended";
const PING: &str = "ping";
const PONG: &str = "pong";
/// A part of the rows ends with the line before. It is written before the part is, so that the parts can be made again alike.
pub const PART: &str = "part";
/// What a [`mtdh_lake::live::CaptureWriter`] writes at a session's end.
const END: &str = "session";
/// Something was lost that no message shows: `gap KIND FROM TO`, and more for people.
const GAP: &str = "gap";
/// A note for people, of which nothing follows.
pub const NOTE: &str = "note";
/// The kinds of such gaps.
const KINDS: [&str; 4] = ["overload", "clock", "refused", "crash"];

/// What a line says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Said<'a> {
    /// Something for the machine.
    Input(Input<'a>),
    /// A part of the rows ends here.
    Part,
    /// The session ended in good order.
    End,
    /// Something was lost that no message shows.
    Gap(Gap),
    /// Nothing that rows depend on: what was sent, notes, words of a newer version.
    Nothing,
}

/// The line of something that happened at a time, microseconds since the Unix epoch, UTC. `reason`: why a lane closed, for people.
pub fn line<'a>(at: i64, input: &Input<'a>, reason: &str) -> Option<Line<'a>> {
    let event = |lane: u32, text: String| Line {
        arrived: at,
        connection: Some(lane),
        kind: Kind::Event,
        raw: Cow::Owned(text.into_bytes()),
    };
    Some(match *input {
        Input::Opened { lane, connection } => event(lane, format!("{OPENED} {connection}")),
        Input::Closed { lane, by_us: true } => event(lane, format!("{ENDED} {reason}")),
        Input::Closed { lane, by_us: false } => event(lane, format!("{CLOSED} {reason}")),
        Input::Ping { lane } => event(lane, PING.to_owned()),
        Input::Pong { lane } => event(lane, PONG.to_owned()),
        Input::Data { lane, bytes } => {
            Line { arrived: at, connection: Some(lane), kind: Kind::Received, raw: Cow::Borrowed(bytes) }
        }
        Input::Answer { name, status, body } => Line {
            arrived: at,
            connection: None,
            kind: Kind::Answer,
            raw: Cow::Owned(Answer { status, name: Cow::Borrowed(name), body }.raw()),
        },
        Input::Time => return None,
    })
}

/// The line of something lost that no message shows, if it is of such a kind.
pub fn gap(at: i64, gap: &Gap) -> Line<'static> {
    word(at, GAP, &format!("{} {} {} {}", gap.kind, gap.from, gap.to, gap.detail))
}

fn read_gap(text: &str) -> Option<Gap> {
    let mut words = text.splitn(4, ' ');
    let kind = words.next()?;
    let kind = KINDS.into_iter().find(|known| *known == kind)?;
    let (from, to) = (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
    let detail = words.next().unwrap_or_default().to_owned();
    Some(session_gap(kind, from, to, detail))
}

/// A gap of a whole session, microseconds since the Unix epoch, UTC.
pub fn session_gap(kind: &'static str, from: i64, to: i64, detail: String) -> Gap {
    Gap {
        connection: None,
        symbol: None,
        data_type: None,
        kind,
        from,
        to,
        from_id: None,
        to_id: None,
        missing: None,
        is_proven: false,
        detail,
    }
}

/// A line with a word of the session: [`PART`] or [`NOTE`].
pub fn word(at: i64, word: &str, more: &str) -> Line<'static> {
    let text = format!("{word} {more}");
    Line {
        arrived: at,
        connection: None,
        kind: Kind::Event,
        raw: Cow::Owned(text.trim_end().to_owned().into_bytes()),
    }
}

/// What a line says. `name` holds the name of an answer.
pub fn said<'a>(line: &'a Line<'_>, name: &'a mut String) -> Said<'a> {
    match line.kind {
        Kind::Received => match line.connection {
            Some(lane) => Said::Input(Input::Data { lane, bytes: &line.raw }),
            None => Said::Nothing,
        },
        Kind::Answer => {
            let Some(answer) = Answer::parse(&line.raw) else { return Said::Nothing };
            *name = answer.name.into_owned();
            Said::Input(Input::Answer { name, status: answer.status, body: answer.body })
        }
        Kind::Sent => Said::Nothing,
        Kind::Event => event(line),
    }
}

fn event<'a>(line: &'a Line<'_>) -> Said<'a> {
    let text = std::str::from_utf8(&line.raw).unwrap_or_default();
    let (word, rest) = text.split_once(' ').unwrap_or((text, ""));
    let Some(lane) = line.connection else {
        return match word {
            PART => Said::Part,
            END => Said::End,
            GAP => read_gap(rest).map_or(Said::Nothing, Said::Gap),
            _ => Said::Nothing,
        };
    };
    match word {
        OPENED => match rest.split(' ').next().unwrap_or_default().parse() {
            Ok(connection) => Said::Input(Input::Opened { lane, connection }),
            Err(_) => Said::Nothing,
        },
        CLOSED => Said::Input(Input::Closed { lane, by_us: false }),
        ENDED => Said::Input(Input::Closed { lane, by_us: true }),
        PING => Said::Input(Input::Ping { lane }),
        PONG => Said::Input(Input::Pong { lane }),
        _ => Said::Nothing,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_back() {
        let inputs = [
            Input::Opened { lane: 3, connection: 1 },
            Input::Data { lane: 0, bytes: b"{}" },
            Input::Ping { lane: 0 },
            Input::Pong { lane: 9 },
            Input::Closed { lane: 3, by_us: true },
            Input::Closed { lane: 3, by_us: false },
            Input::Answer { name: "btcusdt@depth Snapshot", status: 200, body: b"{\"a\": 1}\n" },
        ];
        for input in inputs {
            let line = line(5, &input, "closed with 1006 for a reason").unwrap();
            assert_eq!(said(&line, &mut String::new()), Said::Input(input));
        }
        for (text, expected) in [(PART, Said::Part), (END, Said::End), (NOTE, Said::Nothing)] {
            assert_eq!(said(&word(5, text, "more"), &mut String::new()), expected);
        }
        for kind in KINDS {
            let lost = session_gap(kind, 1, 2, "the disk was full".to_owned());
            assert_eq!(said(&gap(5, &lost), &mut String::new()), Said::Gap(lost));
        }
        assert_eq!(said(&word(5, GAP, "theft 1 2"), &mut String::new()), Said::Nothing);
    }

    #[test]
    fn words_that_are_not_known_say_nothing() {
        for (connection, text) in
            [(Some(0), "opened"), (Some(0), "opened x"), (Some(0), "moved"), (None, "closed")]
        {
            let line = Line { arrived: 0, connection, kind: Kind::Event, raw: text.as_bytes().into() };
            assert_eq!(said(&line, &mut String::new()), Said::Nothing, "{text}");
        }
    }
}
