//! Recorded traffic: the lines that a client received, and of which stream each is.
//!
//! Three forms of lines are read, plain or gzip: `<ns> <message>`; cryptofeed's `<s>: <message>` between lines of an address (reference/
//! live.md 16); Tardis' slices, `YYYY-MM-DDTHH:mm:ss.fffffffZ <message>` (live.md 14.4), where an empty line is a disconnect.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

use flate2::read::MultiGzDecoder;
use serde_json::Value;

use super::hub::topic::What;
use crate::generate::times::parse_iso;

/// Most messages of a recording.
const MAX_LINES: usize = 20_000_000;

/// A message.
#[derive(Debug)]
pub(super) struct Line {
    /// When it was received, microseconds since the Unix epoch, UTC.
    pub(super) at_us: i64,
    /// Number of its stream.
    pub(super) key: usize,
    pub(super) text: String,
}

/// A recording.
#[derive(Debug, Default)]
pub(super) struct Recording {
    /// In order of arrival.
    pub(super) lines: Vec<Line>,
    /// Names of streams, by number.
    pub(super) keys: Vec<String>,
    pub(super) whats: Vec<What>,
    /// Instruments.
    pub(super) symbols: Vec<String>,
    /// The first snapshot that came over HTTP, for Binance; it does not say of what.
    pub(super) snapshot: Option<String>,
}

impl Recording {
    /// Reads files one after the other.
    ///
    /// # Errors
    /// Fails when a file cannot be read, or is longer than is sensible.
    pub(super) fn read(venue: &str, files: &[impl AsRef<Path>]) -> io::Result<Recording> {
        let mut recording = Recording::default();
        let mut numbers = HashMap::new();
        for file in files {
            let mut magic = [0; 2];
            let is_gzip = File::open(file)?.read(&mut magic)? == 2 && magic == [0x1f, 0x8b];
            let plain = File::open(file)?;
            let reader: Box<dyn Read> =
                if is_gzip { Box::new(MultiGzDecoder::new(plain)) } else { Box::new(plain) };
            for line in BufReader::new(reader).lines() {
                if let Some((at_us, text)) = parse(&line?) {
                    recording.add(venue, at_us, text, &mut numbers);
                }
                if recording.lines.len() > MAX_LINES {
                    return Err(io::Error::other("a recording of more than 20 million messages"));
                }
            }
        }
        Ok(recording)
    }

    fn add(&mut self, venue: &str, at_us: i64, text: String, numbers: &mut HashMap<String, usize>) {
        if text.starts_with("{\"lastUpdateId\"") {
            self.snapshot.get_or_insert(text);
            return;
        }
        let Some((key, symbol, what)) = stream_of(venue, &text) else { return };
        let next = numbers.len();
        let number = *numbers.entry(key.clone()).or_insert(next);
        if number == next {
            self.keys.push(key);
            self.whats.push(what);
            if !self.symbols.contains(&symbol) {
                self.symbols.push(symbol);
            }
        }
        self.lines.push(Line { at_us, key: number, text });
    }
}

/// Takes a line apart: when it came, microseconds since the Unix epoch, UTC, and the message. `None`: nothing was received.
fn parse(line: &str) -> Option<(i64, String)> {
    let (time, text) = line.split_once(' ')?;
    if let Some(seconds) = time.strip_suffix(':') {
        let seconds: f64 = seconds.parse().ok()?;
        return Some(((seconds * 1e6) as i64, unquoted(text)));
    }
    if time.ends_with('Z') {
        let whole = format!("{}Z", time.get(..23)?);
        let more: i64 = time.get(23..26)?.parse().ok()?;
        return Some((parse_iso(&whole)? + more, text.to_owned()));
    }
    let ns: i64 = time.parse().ok().filter(|_| text.starts_with(['{', '[']))?;
    Some((ns / 1_000, text.to_owned()))
}

/// The content of a byte string as Python prints it, or the text as it is.
fn unquoted(text: &str) -> String {
    let inner = text.strip_prefix("b'").and_then(|text| text.strip_suffix('\''));
    inner.map_or_else(|| text.to_owned(), |inner| inner.replace("\\'", "'").replace("\\\\", "\\"))
}

/// Returns the stream of a message by its own words, its instrument, and what it is of. `None`: an answer, or nothing known.
fn stream_of(venue: &str, text: &str) -> Option<(String, String, What)> {
    let message: Value = serde_json::from_str(text).ok()?;
    let word = |pointer: &str| message.pointer(pointer).and_then(Value::as_str);
    let (key, symbol) = match venue {
        "deribit" => {
            let channel = word("/params/channel")?;
            (channel.to_owned(), channel.split('.').nth(1)?.to_owned())
        }
        "okex" | "okex-futures" | "okex-swap" | "okex-options" => {
            message.get("data")?;
            let (channel, id) = (word("/arg/channel")?, word("/arg/instId")?);
            (format!("{{\"channel\":\"{channel}\",\"instId\":\"{id}\"}}"), id.to_owned())
        }
        "upbit" => {
            let kind = word("/ty").or_else(|| word("/type"))?;
            let code = word("/cd").or_else(|| word("/code"))?;
            (format!("{kind}:{code}"), code.to_owned())
        }
        "bybit" | "bybit-spot" | "bybit-options" => {
            let topic = word("/topic")?;
            (topic.to_owned(), topic.rsplit('.').next()?.to_owned())
        }
        _ => {
            let stream = word("/stream")?;
            (stream.to_owned(), stream.split('@').next()?.to_uppercase())
        }
    };
    let what = if key.contains("rade") {
        What::Trade
    } else if ["bookTicker", "bbo", "quote"].iter().any(|word| key.contains(word)) {
        What::Best
    } else if ["depth", "book"].iter().any(|word| key.contains(word)) {
        What::Book
    } else {
        What::Ticker
    };
    Some((comparable(venue, &key), symbol, what))
}

/// The name of a stream as far as recordings and clients agree: Deribit's without the interval, since what is recorded is `raw`, which
/// needs a login.
pub(super) fn comparable(venue: &str, name: &str) -> String {
    match (venue, name.rsplit_once('.')) {
        ("deribit", Some((channel, "raw" | "100ms" | "agg2"))) => channel.to_owned(),
        _ => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_each_form() {
        for (line, expected) in [
            ("", None),
            ("wss://x <-> 1633998511.159679", None),
            ("wss://x <- 1633998511.159679: {\"op\":1}", None),
            ("1633998512.5: {\"a\":1}", Some((1_633_998_512_500_000, "{\"a\":1}"))),
            ("1618678263.25: b'{\"a\":\"\\'\"}'", Some((1_618_678_263_250_000, "{\"a\":\"'\"}"))),
            ("1723161253937085768 {\"a\":1}", Some((1_723_161_253_937_085, "{\"a\":1}"))),
            ("2024-03-01T00:00:00.1234567Z {\"a\":1}", Some((1_709_251_200_123_456, "{\"a\":1}"))),
        ] {
            assert_eq!(parse(line).as_ref().map(|(at, text)| (*at, text.as_str())), expected, "{line}");
        }
    }

    #[test]
    fn streams_by_the_words_of_a_message() {
        for (venue, text, expected) in [
            (
                "binance",
                r#"{"stream":"btcusdt@depth@100ms","data":{}}"#,
                Some(("btcusdt@depth@100ms", What::Book)),
            ),
            ("binance", r#"{"result":null,"id":1}"#, None),
            (
                "deribit",
                r#"{"params":{"channel":"book.BTC-PERPETUAL.raw"}}"#,
                Some(("book.BTC-PERPETUAL", What::Book)),
            ),
            ("okex", r#"{"event":"subscribe","arg":{"channel":"books","instId":"B"}}"#, None),
            ("upbit", r#"{"ty":"trade","cd":"KRW-BTC"}"#, Some(("trade:KRW-BTC", What::Trade))),
        ] {
            let found = stream_of(venue, text);
            assert_eq!(found.as_ref().map(|(key, _, what)| (key.as_str(), *what)), expected, "{text}");
        }
    }
}
