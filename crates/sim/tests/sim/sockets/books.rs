//! Books as a client builds them by each venue's rule, beside the venue's own snapshots.

use std::collections::BTreeMap;

use mtdh_sim::sockets::{Server, SocketConfig};
use serde_json::Value;

use super::{Wire, fault, rest, server};

type Side = BTreeMap<String, String>;

fn apply(side: &mut Side, levels: &Value) {
    for level in levels.as_array().unwrap() {
        let (price, amount) = (level[0].as_str().unwrap(), level[1].as_str().unwrap());
        if amount.parse::<f64>().unwrap() == 0.0 {
            side.remove(price);
        } else {
            side.insert(price.to_owned(), amount.to_owned());
        }
    }
}

/// Follows a book of Binance from a snapshot over REST and compares it with a later one.
async fn follow(venue: &str, config: SocketConfig) {
    let server = Server::start(SocketConfig { venues: vec![venue.to_owned()], ..config }).await.unwrap();
    let mut wire = Wire::open(&format!("{}/stream?streams=btcusdt@depth@100ms", server.ws_url(venue))).await;
    let mut buffered = Vec::new();
    for _ in 0..12 {
        buffered.push(wire.json().await["data"].clone());
    }
    let url = format!("{}/api/v3/depth?symbol=BTCUSDT&limit=1000", server.rest_url(venue));
    let (status, snapshot) = rest(&url).await;
    assert_eq!(status, 200);
    let (mut bids, mut asks) = (Side::new(), Side::new());
    apply(&mut bids, &snapshot["bids"]);
    apply(&mut asks, &snapshot["asks"]);
    let id = snapshot["lastUpdateId"].as_i64().unwrap();
    assert!(id >= buffered[0]["U"].as_i64().unwrap());
    let (mut last, mut second) = (id, None);
    // The book after each update, since the later snapshot may be of an earlier one.
    let mut books = BTreeMap::new();
    for turn in 0.. {
        let update = match buffered.get(turn) {
            Some(update) => update.clone(),
            None => wire.json().await["data"].clone(),
        };
        let ids = ["U", "u", "pu"].map(|name| update[name].as_i64());
        let [Some(first), Some(end), before] = ids else { panic!("{update}") };
        if end <= id {
            continue;
        }
        match before {
            Some(before) => assert!(before == last || last == id && first <= id + 1),
            None => assert!(first == last + 1 || last == id && first <= id + 1),
        }
        last = end;
        apply(&mut bids, &update["b"]);
        apply(&mut asks, &update["a"]);
        books.insert(last, (bids.clone(), asks.clone()));
        if turn >= 20 && second.is_none() {
            second = Some(rest(&url).await.1);
        }
        if let Some(later) = &second
            && let Some(book) = books.get(&later["lastUpdateId"].as_i64().unwrap())
        {
            let (mut their_bids, mut their_asks) = (Side::new(), Side::new());
            apply(&mut their_bids, &later["bids"]);
            apply(&mut their_asks, &later["asks"]);
            assert_eq!(*book, (their_bids, their_asks), "{venue}");
            return server.stop().await;
        }
        assert!(turn < 500, "{venue}: the later snapshot's id never comes");
    }
}

#[tokio::test]
async fn binances_books_can_be_followed() {
    follow("binance", SocketConfig::default()).await;
    follow("binance-futures", SocketConfig::default()).await;
    follow("binance", SocketConfig { snapshot_lag: 3, ..SocketConfig::default() }).await;
}

#[tokio::test]
async fn snapshots_are_older_or_newer_when_asked_for() {
    let older = fault(r#"{"kind": {"snapshot_older": {"updates": 5}}}"#);
    let newer = fault(r#"{"kind": {"snapshot_newer": {"updates": 7}}}"#);
    for (fault, is_newer) in [(older, false), (newer, true)] {
        let server = server("binance", vec![fault]).await;
        let mut wire = Wire::open(&format!("{}/ws/btcusdt@depth", server.ws_url("binance"))).await;
        let mut last = 0;
        for _ in 0..15 {
            last = wire.json().await["u"].as_i64().unwrap();
        }
        let url = format!("{}/api/v3/depth?symbol=btcusdt", server.rest_url("binance"));
        let id = rest(&url).await.1["lastUpdateId"].as_i64().unwrap();
        assert_eq!(id > last, is_newer, "{id} {last}");
        assert_eq!(server.truth()[0].what, if is_newer { "snapshot_newer" } else { "snapshot_older" });
        server.stop().await;
    }
}

#[tokio::test]
async fn deribits_chain_is_whole() {
    let server = server("deribit", vec![]).await;
    let mut wire = Wire::open(&server.ws_url("deribit")).await;
    wire.send(r#"{"id":1,"method":"public/subscribe","params":{"channels":["book.BTC-PERPETUAL.100ms"]}}"#)
        .await;
    assert!(wire.json().await["result"].is_array());
    let mut last = wire.json().await["params"]["data"]["change_id"].as_i64().unwrap();
    for _ in 0..20 {
        let data = wire.json().await["params"]["data"].clone();
        assert_eq!((data["type"].as_str(), data["prev_change_id"].as_i64()), (Some("change"), Some(last)));
        last = data["change_id"].as_i64().unwrap();
    }
    server.stop().await;
}
