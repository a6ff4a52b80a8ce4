//! Bytes that no exchange sends.

use mtdh_source::live::feed::Frame;
use mtdh_source::live::venue::Want;
use mtdh_source::live::venues;
use proptest::prelude::*;

use super::recordings::received;
use super::{Fed, ONE, as_sent};
use crate::recorded::recorded;

/// What exchanges send, as far as it is at hand; else a few messages of no real market.
fn examples() -> Vec<String> {
    let Some(path) = recorded("native/native_to_normalized.ndjson") else {
        return vec![
            r#"{"stream":"x@trade","data":{"e":"trade","E":1,"s":"X","t":1,"p":"1","q":"1","T":1,"m":true}}"#.to_owned(),
            r#"{"stream":"x@depth","data":{"e":"depthUpdate","E":1,"s":"X","U":1,"u":2,"b":[["1","1"]],"a":[]}}"#.to_owned(),
        ];
    };
    let text = std::fs::read_to_string(path).unwrap();
    let native = |line: &str| serde_json::from_str::<serde_json::Value>(line).unwrap()["native"].to_string();
    let mut examples: Vec<String> = text.lines().map(native).collect();
    for folder in recorded("live").and_then(|folder| std::fs::read_dir(folder).ok()).into_iter().flatten() {
        let messages = received(&folder.unwrap().path());
        let texts =
            messages.into_iter().take(300).map(|(_, text)| String::from_utf8_lossy(&text).into_owned());
        examples.extend(texts.filter(|text| text.len() < 4_000));
    }
    examples
}

/// Texts that are fed to each exchange: 100,000 mutations over all of them with `MTDH_LONG`.
fn rounds() -> usize {
    let of_each = 100_000_usize.div_ceil(6 * venues::all().len());
    if std::env::var_os("MTDH_LONG").is_some() { of_each } else { 150 }
}

fn feed_all(exchange: usize, texts: &[Vec<u8>]) -> Result<(), TestCaseError> {
    let venue = venues::all()[exchange % venues::all().len()];
    for is_recorded in [false, true] {
        let want = Want { data_types: as_sent(venue), is_recorded, ..Want::default() };
        let mut fed = Fed::new(venue, &want);
        for (at, text) in texts.iter().enumerate() {
            fed.feed.message(ONE, Frame::Data(text), at as i64, &mut fed.out);
            fed.feed.answer("x@depthSnapshot", 200, text, at as i64, &mut fed.out);
            fed.feed.tick(at as i64, &mut fed.out);
        }
        fed.feed.midnight(1_000, &mut fed.out);
        prop_assert!(fed.out.unread_texts.len() <= 10);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn any_bytes_are_fed_without_a_panic(
        exchange in 0_usize..64,
        texts in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..80), 1..8),
    ) {
        feed_all(exchange, &texts)?;
    }
}

#[test]
fn mutated_messages_are_fed_without_a_panic() {
    let examples = examples();
    let mut random = fastrand::Rng::with_seed(11);
    for exchange in 0..venues::all().len() {
        for _ in 0..rounds() {
            let mut texts = Vec::new();
            for _ in 0..6 {
                let mut text = examples[random.usize(..examples.len())].clone().into_bytes();
                for _ in 0..random.usize(..4) {
                    let at = random.usize(..text.len().max(1)).min(text.len().saturating_sub(1));
                    match random.u8(..5) {
                        0 => text.truncate(at),
                        1 if !text.is_empty() => text[at] = random.u8(..),
                        2 if !text.is_empty() => drop(text.remove(at)),
                        3 => text.insert(at, b"\"{}[]:,0-"[random.usize(..9)]),
                        _ => {
                            // Another number in place of one: signs, sizes and kinds that no exchange sends.
                            let numbers = [
                                "-1",
                                "0",
                                "9223372036854775807",
                                "1e999",
                                "\"\"",
                                "null",
                                "{}",
                                "[]",
                                "99999999999999999999",
                            ];
                            let digit = text.iter().position(u8::is_ascii_digit);
                            if let Some(digit) = digit {
                                let end = text[digit..]
                                    .iter()
                                    .position(|b| !b.is_ascii_digit())
                                    .map_or(text.len(), |n| digit + n);
                                text.splice(digit..end, numbers[random.usize(..numbers.len())].bytes());
                            }
                        }
                    }
                }
                texts.push(text);
            }
            feed_all(exchange, &texts).unwrap();
        }
    }
}

#[test]
fn garbage_never_grows_what_a_feed_holds() {
    let venue = venues::find("binance").unwrap();
    let mut fed = Fed::new(venue, &Want { data_types: as_sent(venue), ..Want::default() });
    // Updates without a snapshot, each of another symbol, and many of one.
    for n in 0..30_000_u32 {
        let symbol = if n % 2 == 0 { "X".to_owned() } else { format!("S{n}") };
        let text = format!(
            r#"{{"data":{{"e":"depthUpdate","E":1,"s":"{symbol}","U":{n},"u":{n},"b":[["1","1"]],"a":[]}}}}"#
        );
        fed.feed.message(ONE, Frame::Data(text.as_bytes()), 1, &mut fed.out);
    }
    // One snapshot is asked for a symbol, within the budget; nothing is given out.
    assert!(fed.out.rows.is_empty());
    assert!(fed.out.requests.len() <= 10, "{}", fed.out.requests.len());
}
