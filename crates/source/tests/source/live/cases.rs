//! What exchanges sent, and what the vendor's own mappers made of it: each case through our feeds.

use std::collections::BTreeMap;

use mtdh_source::live::feed::Frame;
use mtdh_source::live::venue::Want;
use mtdh_source::live::venues;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::messages::{instant_us, messages, vendors};
use super::{Fed, ONE, as_sent};
use crate::recorded::recorded;

/// The exchanges whose feeds are to be read.
const EXCHANGES: [&str; 16] = [
    "binance",
    "binance-futures",
    "binance-delivery",
    "deribit",
    "bybit",
    "bybit-spot",
    "bybit-options",
    "okex",
    "okex-futures",
    "okex-swap",
    "okex-options",
    "upbit",
    "coinbase",
    "kraken",
    "bitmex",
    "hyperliquid",
];

/// Cases that cannot come out of the file alone, by line from 0, with the reason.
const NOT_OF_THE_FILE: [(usize, &str); 13] = [
    (34, "the same ticker had been seen in a message that the file omits"),
    (36, "the mapper was made for another date than the line's"),
    (37, "the mapper was made for another date than the line's"),
    (40, "the ticker carries values of messages that the file omits"),
    (46, "the ticker carries values of messages that the file omits"),
    (58, "the ticker carries values of messages that the file omits"),
    (62, "the ticker carries values of messages that the file omits"),
    (67, "the option carries values of messages that the file omits"),
    (69, "the option carries values of messages that the file omits"),
    (79, "the option carries values of messages that the file omits"),
    (131, "the ticker carries values of messages that the file omits"),
    (141, "the ticker carries values of messages that the file omits"),
    (349, "the snapshot that comes before is not in the file"),
];

#[derive(Deserialize)]
struct Case<'a> {
    exchange: String,
    #[serde(rename = "localTimestamp")]
    local_timestamp: String,
    #[serde(borrow)]
    native: &'a RawValue,
    normalized: Vec<Value>,
}

#[test]
fn native_messages_become_what_the_vendor_makes_of_them() {
    let Some(path) = recorded("native/native_to_normalized.ndjson") else { return };
    let text = std::fs::read_to_string(path).unwrap();
    let mut equal: BTreeMap<String, (usize, usize)> = BTreeMap::new();
    let mut different = Vec::new();
    let mut feed: Option<(String, String, Fed)> = None;
    for (line, case) in text.lines().enumerate() {
        let case: Case<'_> = serde_json::from_str(case).unwrap();
        if !EXCHANGES.contains(&case.exchange.as_str()) {
            feed = None;
            continue;
        }
        let counts = equal.entry(case.exchange.clone()).or_default();
        counts.1 += 1;
        let Some(venue) = venues::find(&case.exchange) else { continue };
        let is_same = |(exchange, at, _): &(String, String, Fed)| {
            *exchange == case.exchange && *at == case.local_timestamp
        };
        if !feed.as_ref().is_some_and(is_same) {
            let want = Want { data_types: as_sent(venue), is_recorded: true, ..Want::default() };
            feed = Some((case.exchange.clone(), case.local_timestamp.clone(), Fed::new(venue, &want)));
        }
        let Some((_, _, fed)) = &mut feed else { unreachable!() };
        let arrived = instant_us(&case.local_timestamp);
        fed.feed.message(ONE, Frame::Data(case.native.get().as_bytes()), arrived, &mut fed.out);
        let taken = fed.out.rows.take();
        let by_type = |mut messages: Vec<Value>| {
            messages.sort_by_key(|message| message["type"].as_str().unwrap_or_default().to_owned());
            messages
        };
        let ours = by_type(messages(&fed.out.rows, &taken, &case.exchange));
        // A book without any level has no row, in the vendor's files neither.
        let has_rows = |message: &&Value| {
            message["type"] != "book_change"
                || [&message["bids"], &message["asks"]].into_iter().any(|side| side[0].is_object())
        };
        let theirs = by_type(case.normalized.iter().filter(has_rows).map(vendors).collect());
        let listed = NOT_OF_THE_FILE.iter().find(|(of, _)| *of == line);
        match (ours == theirs, listed) {
            (true, None) => counts.0 += 1,
            (false, Some(_)) => {}
            // A case of another date comes out or not by chance.
            (true, Some(_)) => counts.0 += 1,
            (false, None) => different.push(format!(
                "line {line} {}\n  sent   {}\n  ours   {}\n  theirs {}",
                case.exchange,
                &case.native.get().chars().take(400).collect::<String>(),
                Value::Array(ours),
                Value::Array(theirs),
            )),
        }
    }
    let registered = |exchange: &str| venues::find(exchange).is_some();
    let (mut passed, mut missing) = (0, 0);
    for (exchange, (good, all)) in &equal {
        eprintln!("{exchange}: {good} of {all}{}", if registered(exchange) { "" } else { ", no feed yet" });
        passed += good;
        missing += if registered(exchange) { 0 } else { *all };
    }
    eprintln!("{passed} of 169 equal, {missing} of exchanges without a feed");
    assert!(different.is_empty(), "{} differ:\n{}", different.len(), different.join("\n"));
    assert_eq!(equal.values().map(|(_, all)| all).sum::<usize>(), 169);
    assert!(passed >= 153, "{passed}");
}
