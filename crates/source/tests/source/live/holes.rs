//! Messages that are left out, doubled and swapped in recorded traffic: each loss is told, and nothing else is.

use std::collections::BTreeMap;

use mtdh_core::DataType;
use mtdh_source::live::feed::Frame;
use mtdh_source::live::out::{Gap, Request};
use mtdh_source::live::venues;
use serde_json::{Value, json};

use super::recordings::{everything, received};
use super::{Fed, ONE};
use crate::recorded::recorded;

type Messages = Vec<(i64, Vec<u8>)>;

/// Where the messages are whose text has a word.
fn places(messages: &Messages, word: &str) -> Vec<usize> {
    let has = |text: &[u8]| memchr::memmem::find(text, word.as_bytes()).is_some();
    messages.iter().enumerate().filter(|(_, (_, text))| has(text)).map(|(place, _)| place).collect()
}

/// The book as the exchange has it, made apart from the feed.
#[derive(Default)]
struct Truth {
    sides: [BTreeMap<String, String>; 2],
    last: u64,
    event: (u64, u64),
}

impl Truth {
    fn take(&mut self, text: &[u8]) {
        let is_book =
            |word: &str| memchr::memmem::find(&text[..text.len().min(90)], word.as_bytes()).is_some();
        if !is_book("depthUpdate") && !is_book("lastUpdateId") {
            return;
        }
        let Ok(message) = serde_json::from_slice::<Value>(text) else { return };
        let (levels, names) = match &message["data"]["e"] {
            kind if kind == "depthUpdate" => (&message["data"], ["b", "a"]),
            _ if message.get("lastUpdateId").is_some() && self.last == 0 => (&message, ["bids", "asks"]),
            _ => return,
        };
        let time = |key: &str| levels[key].as_u64().unwrap_or_default();
        self.event = (time("E"), time("T"));
        self.last = levels["u"].as_u64().or(levels["lastUpdateId"].as_u64()).unwrap();
        for (side, name) in self.sides.iter_mut().zip(names) {
            for level in levels[name].as_array().unwrap() {
                let (price, amount) = (level[0].as_str().unwrap(), level[1].as_str().unwrap());
                if amount.parse::<f64>().unwrap() == 0.0 {
                    side.remove(price);
                } else {
                    side.insert(price.to_owned(), amount.to_owned());
                }
            }
        }
    }

    fn answer(&self) -> Vec<u8> {
        let [bids, asks] = self.sides.each_ref().map(|side| side.iter().collect::<Vec<_>>());
        json!({"lastUpdateId": self.last, "E": self.event.0, "T": self.event.1, "bids": bids, "asks": asks})
            .to_string()
            .into_bytes()
    }

    fn levels(&self) -> [BTreeMap<u64, f64>; 2] {
        self.sides.each_ref().map(|side| {
            let level = |(price, amount): (&String, &String)| {
                (price.parse::<f64>().unwrap().to_bits(), amount.parse().unwrap())
            };
            side.iter().map(level).collect()
        })
    }
}

/// Feeds what is left of a recording, and answers requests for snapshots from the whole of it.
fn run(exchange: &str, whole: &Messages, left: impl Fn(usize) -> Vec<usize>) -> (Fed, Truth, usize) {
    let venue = venues::find(exchange).unwrap();
    let mut fed = Fed::new(venue, &everything(venue));
    let (mut truth, mut asked) = (Truth::default(), 0);
    for (place, (at, text)) in whole.iter().enumerate() {
        truth.take(text);
        for sent in left(place) {
            fed.feed.message(ONE, Frame::Data(&whole[sent].1), *at, &mut fed.out);
        }
        if fed.feed.due().is_some_and(|due| due <= *at) {
            fed.feed.tick(*at, &mut fed.out);
        }
        // The first snapshot is that of the recording.
        for Request { name, .. } in std::mem::take(&mut fed.out.requests) {
            if truth.sides[0].len() > 100 && name.ends_with("@depthSnapshot") {
                asked += 1;
                fed.feed.answer(&name, 200, &truth.answer(), *at, &mut fed.out);
            }
        }
    }
    (fed, truth, asked)
}

/// The gaps of a data type by their beginning: of one that is told several times the last word counts.
fn gaps(fed: &Fed, data_type: DataType) -> Vec<&Gap> {
    let mut by_start: BTreeMap<(i64, Option<String>), &Gap> = BTreeMap::new();
    for gap in fed.out.gaps.iter().filter(|gap| gap.data_type == Some(data_type)) {
        by_start.insert((gap.from, gap.from_id.clone()), gap);
    }
    by_start.into_values().collect()
}

const BINANCE: [(&str, &str, bool); 2] = [
    ("binance", "live/spot_btcusdt_20240808.gz", true),
    ("binance-futures", "live/usdm_btcusdt_20240808.gz", false),
];

#[test]
fn trades_that_are_left_out_are_counted_exactly() {
    for (exchange, file, is_proven) in BINANCE {
        let Some(path) = recorded(file) else { return };
        let whole = received(&path);
        let trades = places(&whole, "\"e\":\"trade\"");
        let mut random = fastrand::Rng::with_seed(7);
        // Every 40th trade begins a hole of 1 to 9, is doubled, or changes places with the next one.
        let mut what: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        let (mut missing, mut doubled, mut swapped) = (Vec::new(), 0, 0);
        for chunk in trades.chunks_exact(40) {
            match random.u8(..3) {
                0 => {
                    let run = random.usize(1..10);
                    what.extend(chunk[5..5 + run].iter().map(|place| (*place, Vec::new())));
                    missing.push(run as u64);
                }
                1 => {
                    what.insert(chunk[7], vec![chunk[7], chunk[7]]);
                    doubled += 1;
                }
                _ => {
                    what.insert(chunk[9], vec![chunk[10]]);
                    what.insert(chunk[10], vec![chunk[9]]);
                    swapped += 1;
                }
            }
        }
        let (mut fed, _, _) =
            run(exchange, &whole, |place| what.get(&place).cloned().unwrap_or_else(|| vec![place]));
        assert!(missing.len() > 50 && doubled > 50 && swapped > 50);
        let found = gaps(&fed, DataType::Trades);
        assert!(found.iter().all(|gap| gap.kind == "sequence" && gap.is_proven == is_proven));
        let lost: Vec<u64> =
            found.iter().filter_map(|gap| gap.missing).filter(|missing| *missing > 0).collect();
        assert_eq!(lost, missing, "{exchange}");
        // Those that only came late are told, and that none is missing.
        assert_eq!(found.len() - lost.len(), swapped, "{exchange}");
        assert!(gaps(&fed, DataType::IncrementalBookL2).is_empty());
        let taken = fed.out.rows.take();
        let rows = taken
            .batches
            .iter()
            .filter(|(stream, _)| fed.out.rows.name(*stream).data_type == DataType::Trades);
        let rows: usize = rows.map(|(_, batch)| batch.num_rows()).sum();
        assert_eq!(rows as u64, trades.len() as u64 - missing.iter().sum::<u64>(), "{exchange}");
    }
}

#[test]
fn a_book_that_lost_an_update_begins_anew_and_is_the_exchanges_again() {
    for (exchange, file, _) in BINANCE {
        let Some(path) = recorded(file) else { return };
        let whole = received(&path);
        let updates = places(&whole, "\"depthUpdate\"");
        let snapshot = places(&whole, "\"lastUpdateId\"")[0];
        let updates: Vec<usize> = updates.into_iter().filter(|place| *place > snapshot + 50).collect();
        // A hole of one update, one of many, two updates swapped, and one doubled, far apart.
        let at = |part: usize| updates.len() * part / 9;
        let mut what: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        what.insert(updates[at(1)], Vec::new());
        what.extend(updates[at(3)..at(3) + 12].iter().map(|place| (*place, Vec::new())));
        what.insert(updates[at(5)], vec![updates[at(5) + 1]]);
        what.insert(updates[at(5) + 1], vec![updates[at(5)]]);
        what.insert(updates[at(7)], vec![updates[at(7)]; 3]);
        let (mut fed, truth, asked) =
            run(exchange, &whole, |place| what.get(&place).cloned().unwrap_or_else(|| vec![place]));
        let found = gaps(&fed, DataType::IncrementalBookL2);
        assert_eq!(found.len(), 3, "{exchange}: {found:#?}");
        assert!(
            found.iter().all(|gap| gap.kind == "sequence" && gap.is_proven && gap.to > gap.from),
            "{found:#?}"
        );
        assert!(gaps(&fed, DataType::Trades).is_empty());
        assert!(asked >= 3, "{exchange}: {asked}");
        // The book at the end is the exchange's.
        fed.out.rows.take();
        fed.feed.midnight(whole.last().unwrap().0, &mut fed.out);
        let taken = fed.out.rows.take();
        let rows = super::messages::messages(&fed.out.rows, &taken, exchange);
        let book = rows.iter().find(|message| message["type"] == "book_change").unwrap();
        let levels = ["bids", "asks"].map(|side| {
            let level = |level: &Value| {
                (level["price"].as_f64().unwrap().to_bits(), level["amount"].as_f64().unwrap())
            };
            book[side].as_array().unwrap().iter().map(level).collect::<BTreeMap<u64, f64>>()
        });
        // What was beyond the first snapshot's levels is not known to the truth either, but for what changed since.
        assert_eq!(
            levels.each_ref().map(BTreeMap::len),
            truth.levels().each_ref().map(BTreeMap::len),
            "{exchange}"
        );
        assert!(levels == truth.levels(), "{exchange}");
    }
}

#[test]
fn a_broken_chain_resubscribes_to_one_instrument() {
    let Some(path) = recorded("live/cryptofeed_DERIBIT.ws.1.0.gz") else { return };
    let whole = received(&path);
    let changes = places(&whole, "\"prev_change_id\"");
    let venue = venues::find("deribit").unwrap();
    let name = |place: usize| {
        let message: Value = serde_json::from_slice(&whole[place].1).unwrap();
        message["params"]["data"]["instrument_name"].as_str().unwrap().to_owned()
    };
    let mut planted = 0;
    for (nth, dropped) in changes.iter().enumerate() {
        let later = changes[nth + 1..].iter().any(|place| name(*place) == name(*dropped));
        let mut want = everything(venue);
        want.symbols = vec![name(*dropped)];
        let mut fed = Fed::new(venue, &want);
        fed.feed.opened(ONE, whole[0].0, &mut fed.out);
        fed.out.sends.clear();
        for (place, (at, text)) in whole.iter().enumerate() {
            if place != *dropped {
                fed.feed.message(ONE, Frame::Data(text), *at, &mut fed.out);
            }
        }
        let found = gaps(&fed, DataType::IncrementalBookL2);
        assert_eq!(found.len(), usize::from(later), "{found:?}");
        planted += found.len();
        fed.feed.tick(whole.last().unwrap().0 + 1_000_001, &mut fed.out);
        let texts = format!("{:?}", fed.out.sends);
        assert_eq!(texts.contains("public/unsubscribe"), later, "{texts}");
        assert_eq!(texts.contains(&format!("book.{}.100ms", name(*dropped))), later, "{texts}");
    }
    assert!(planted > 0);
}
