//! Replays over real sockets. That their messages are the rows of the lake is told by `scripts/checks/serve/test_replay.py`.

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use mtdh_serve::{Limits, Options};

use crate::support::{DAY, KEY, Served, served, served_copy, served_with};

/// A query for a replay of the lake's perpetual.
fn path(words: &[&str], from: &str, to: &str) -> String {
    let options = json!({"exchange": "deribit", "symbols": ["btc-perpetual"], "from": from, "to": to, "dataTypes": words});
    let text =
        percent_encoding::utf8_percent_encode(&options.to_string(), percent_encoding::NON_ALPHANUMERIC)
            .to_string();
    format!("/replay-normalized?options={text}")
}

/// The lines of an answer, and whether it ended as one does.
async fn lines(served: &Served, path: &str) -> (u16, Vec<Value>, bool) {
    let mut answer = served.get(path).await;
    let (status, mut text, mut is_whole) = (answer.status().as_u16(), Vec::new(), true);
    loop {
        match answer.chunk().await {
            Ok(Some(piece)) => text.extend_from_slice(&piece),
            Ok(None) => break,
            Err(_) => {
                is_whole = false;
                break;
            }
        }
    }
    let text = String::from_utf8(text).unwrap();
    (status, text.lines().map(|line| serde_json::from_str(line).unwrap()).collect(), is_whole)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn messages_are_merged_by_arrival_and_an_empty_range_has_none() {
    let served = served().await;
    let words = ["trade", "book_change", "derivative_ticker", "quote_1m", "trade_bar_1m"];
    let (status, all, is_whole) = lines(&served, &path(&words, DAY, "2024-03-02")).await;
    assert!(status == 200 && is_whole && all.len() > 100, "{status} {}", all.len());
    let arrivals: Vec<&str> = all.iter().map(|m| m["localTimestamp"].as_str().unwrap()).collect();
    assert!(arrivals.is_sorted());
    for kind in ["trade", "book_change", "derivative_ticker", "book_snapshot", "trade_bar"] {
        assert!(all.iter().any(|message| message["type"] == kind), "{kind}");
    }
    assert!(
        all.iter().all(|message| message["symbol"] == "BTC-PERPETUAL" && message["exchange"] == "deribit")
    );
    assert_eq!(lines(&served, &path(&words, DAY, DAY)).await, (200, Vec::new(), true));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_missing_or_damaged_is_named_and_no_normal_end() {
    let served = served_copy().await;
    let folder = served.folder.as_ref().unwrap().path().join(format!("raw_tick_data/by_date/day-{DAY}"));
    let object = |data_type: &str| folder.join(format!("data_type-{data_type}/{KEY}.parquet"));
    std::fs::remove_file(object("derivative_ticker")).unwrap();
    let (status, all, _) = lines(&served, &path(&["derivative_ticker"], DAY, "2024-03-02")).await;
    let message = all[0]["message"].as_str().unwrap();
    assert!(status == 404 && message.contains(DAY) && message.contains(KEY), "{message}");
    let mut bytes = std::fs::read(object("trades")).unwrap();
    let middle = bytes.len() / 3;
    bytes[middle] ^= 0x10;
    std::fs::write(object("trades"), bytes).unwrap();
    let (status, all, is_whole) = lines(&served, &path(&["trade"], DAY, "2024-03-02")).await;
    let last = all.last().unwrap();
    assert!(status == 200 && !is_whole && last["type"] == "error", "{status} {is_whole} {last}");
    assert!(last["message"].as_str().unwrap().starts_with(&format!("trades of {KEY} on {DAY}: ")), "{last}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replay_keeps_to_the_limits_of_the_server() {
    let limits = |limits| Options { limits, ..Options::default() };
    let asked = path(&["trade"], DAY, "2024-03-02");
    let few = served_with(limits(Limits { rows: 10, ..Limits::default() })).await;
    let (status, all, is_whole) = lines(&few, &asked).await;
    assert!(status == 200 && !is_whole && all.len() == 11, "{status} {is_whole} {}", all.len());
    assert!(all[10]["message"].as_str().unwrap().contains("more rows than this server"));
    let small = served_with(limits(Limits { bytes: 10, ..Limits::default() })).await;
    let (status, all, _) = lines(&small, &asked).await;
    assert!(status == 413 && all[0]["message"].as_str().unwrap().contains("an answer may read 10"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_socket_is_opened_by_no_page_of_another_origin() {
    let served = served().await;
    let own = format!("http://{}", served.address);
    for (origin, status) in [
        (None, "101"),
        (Some(own.as_str()), "101"),
        (Some("https://evil.example"), "403"),
        (Some("null"), "403"),
    ] {
        let origin = origin.map(|origin| format!("Origin: {origin}\r\n")).unwrap_or_default();
        let asked = format!(
            "GET /ws-replay-normalized HTTP/1.1\r\nHost: {}\r\n{origin}Connection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
            served.address
        );
        let mut stream = TcpStream::connect(served.address).await.unwrap();
        stream.write_all(asked.as_bytes()).await.unwrap();
        let mut answer = [0; 12];
        stream.read_exact(&mut answer).await.unwrap();
        assert_eq!(std::str::from_utf8(&answer).unwrap(), format!("HTTP/1.1 {status}"));
    }
    let plain = served.get("/ws-replay-normalized").await;
    assert_eq!(plain.status(), 426);
}
