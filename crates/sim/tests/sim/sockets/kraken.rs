//! Kraken's book of ten levels, as its rule has it: apply, cut, compare the checksum.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::{Wire, fault, server};

#[derive(Deserialize)]
struct Message {
    data: Vec<Book>,
}

#[derive(Deserialize)]
struct Book {
    bids: Vec<Level>,
    asks: Vec<Level>,
    checksum: u32,
}

#[derive(Deserialize)]
struct Level {
    price: Box<RawValue>,
    qty: Box<RawValue>,
}

type Side = BTreeMap<u64, String>;

fn digits(number: &str) -> String {
    number.replace('.', "").trim_start_matches('0').to_owned()
}

fn apply(side: &mut Side, levels: &[Level]) {
    for level in levels {
        let (price, amount) = (digits(level.price.get()).parse().unwrap(), digits(level.qty.get()));
        if amount.is_empty() {
            side.remove(&price);
        } else {
            side.insert(price, amount);
        }
    }
}

#[tokio::test]
async fn checksums_are_those_of_the_ten_best() {
    let server = server("kraken", vec![fault(r#"{"at": 30, "kind": "wrong_checksum"}"#)]).await;
    let mut wire = Wire::open(&format!("{}/v2", server.ws_url("kraken"))).await;
    wire.send(r#"{"method":"subscribe","params":{"channel":"book","symbol":["BTC/USD"],"depth":10}}"#).await;
    let (mut bids, mut asks) = (Side::new(), Side::new());
    let (mut right, mut wrong) = (0, 0);
    while right + wrong < 45 {
        let text = wire.text().await.unwrap();
        if !text.starts_with(r#"{"channel":"book""#) {
            continue;
        }
        let book = serde_json::from_str::<Message>(&text).unwrap().data.remove(0);
        apply(&mut bids, &book.bids);
        apply(&mut asks, &book.asks);
        while bids.len() > 10 {
            bids.pop_first();
        }
        while asks.len() > 10 {
            asks.pop_last();
        }
        let side = |(price, amount): (&u64, &String)| format!("{price}{amount}");
        let joined: String = asks.iter().map(side).chain(bids.iter().rev().map(side)).collect();
        if crc32fast::hash(joined.as_bytes()) == book.checksum {
            right += 1;
        } else {
            wrong += 1;
        }
    }
    assert_eq!((right, wrong), (44, 1));
    server.stop().await;
}
