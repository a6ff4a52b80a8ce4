//! Faults on the wire, and recordings.

use std::io::Write as _;

use mtdh_sim::sockets::{Pace, Server, SocketConfig};
use tokio_tungstenite::tungstenite::Message;

use super::{Wire, fault, server};

const TRADES: &str = "/binance/ws/btcusdt@trade";

/// The trade ids that a client gets under a fault until the connection is over, at most twelve, and how it ended.
async fn ids_under(kind: &str) -> (Vec<i64>, Vec<String>, Server) {
    let server =
        server("binance", vec![fault(&format!(r#"{{"at": 3, "data_type": "trade", "kind": {kind}}}"#))])
            .await;
    let mut wire = Wire::open(&server.ws_url("binance").replace("/binance", TRADES)).await;
    let (mut ids, mut others) = (Vec::new(), Vec::new());
    while ids.len() + others.len() < 12 {
        let text = match wire.next().await {
            Some(Message::Text(text)) => text.to_string(),
            Some(Message::Binary(bytes)) => {
                others.push("binary".to_owned());
                String::from_utf8(bytes.to_vec()).unwrap()
            }
            Some(Message::Close(frame)) => {
                others.push(format!("close {}", u16::from(frame.unwrap().code)));
                break;
            }
            Some(_) => continue,
            None => {
                others.push("over".to_owned());
                break;
            }
        };
        match serde_json::from_str::<serde_json::Value>(&text) {
            Ok(value) if value["e"] == "trade" => ids.push(value["t"].as_i64().unwrap()),
            Ok(_) => others.push("another".to_owned()),
            Err(_) => others.push("no JSON".to_owned()),
        }
    }
    (ids, others, server)
}

#[tokio::test]
async fn each_fault_of_a_message_is_what_it_says() {
    // The ids as steps from the first one, and what else came.
    let whole: Vec<i64> = (0..12).collect();
    for (kind, ids, others) in [
        (r#""duplicate""#, vec![0, 1, 2, 2, 3], vec![]),
        (r#""swap""#, vec![0, 1, 3, 2, 4], vec![]),
        (r#"{"drop": {"count": 3}}"#, vec![0, 1, 5, 6], vec![]),
        (r#"{"one_byte_writes": {"count": 2}}"#, whole[..6].to_vec(), vec![]),
        (r#"{"fragments": {"parts": 4}}"#, whole[..6].to_vec(), vec![]),
        (r#""other_opcode""#, whole[..6].to_vec(), vec!["binary"]),
        (r#""malformed""#, whole[..6].to_vec(), vec!["no JSON"]),
        (r#""truncated""#, vec![0, 1, 3, 4], vec!["no JSON"]),
        (r#""unknown_event""#, whole[..6].to_vec(), vec!["another"]),
        (r#""unknown_field""#, whole[..6].to_vec(), vec![]),
        (r#"{"huge": {"bytes": 100000}}"#, whole[..6].to_vec(), vec!["another"]),
        (r#"{"delay": {"ms": 300}}"#, whole[..6].to_vec(), vec![]),
        (r#"{"close": {"code": 1012}}"#, vec![0, 1], vec!["close 1012"]),
        (r#"{"close": {"code": 1006}}"#, vec![0, 1], vec!["over"]),
        (r#""reset""#, vec![0, 1], vec!["over"]),
    ] {
        let (seen, other, server) = ids_under(kind).await;
        let steps: Vec<i64> = seen.iter().map(|id| id - seen[0]).collect();
        assert_eq!(steps[..ids.len()], ids, "{kind}");
        assert_eq!(other, others, "{kind}");
        let truth = server.truth();
        assert_eq!(truth[0].first, Some(seen[0] + 2), "{kind}");
        server.stop().await;
    }
}

#[tokio::test]
async fn what_nobody_was_subscribed_to_is_in_the_truth() {
    let server = server("binance", vec![fault(r#"{"at": 3, "kind": {"close": {"code": 1001}}}"#)]).await;
    let url = server.ws_url("binance").replace("/binance", TRADES);
    let mut wire = Wire::open(&url).await;
    let mut last = 0;
    while let Some(text) = wire.text().await {
        last = serde_json::from_str::<serde_json::Value>(&text).unwrap()["t"].as_i64().unwrap();
    }
    tokio::time::sleep(std::time::Duration::from_millis(1_500)).await;
    let mut wire = Wire::open(&url).await;
    let next = wire.json().await["t"].as_i64().unwrap();
    let truth = server.truth();
    let lost: i64 = truth
        .iter()
        .filter(|line| ["lost", "missed"].contains(&line.what.as_str()))
        .map(|line| line.messages as i64)
        .sum();
    assert_eq!(lost, next - last - 1, "{truth:?}");
    server.stop().await;
}

#[tokio::test]
async fn a_recording_goes_to_whoever_subscribes() {
    let folder = std::env::temp_dir().join(format!("mtdh-replay-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let path = folder.join("lines");
    let mut file = std::fs::File::create(&path).unwrap();
    writeln!(file, "1000000000 {{\"lastUpdateId\":7,\"bids\":[],\"asks\":[]}}").unwrap();
    for number in 0..1_000 {
        let stream = if number % 2 == 0 { "aaabbb@trade" } else { "aaabbb@bookTicker" };
        let ns = 1_000_000_000_u64 + number * 1_000_000_000;
        writeln!(file, "{ns} {{\"stream\":\"{stream}\",\"data\":{{\"n\":{number}}}}}").unwrap();
    }
    let recordings = vec![path];
    let config = SocketConfig {
        venues: vec!["binance".to_owned()],
        pace: Pace::Most,
        recordings,
        ..SocketConfig::default()
    };
    let server = Server::start(config).await.unwrap();
    let mut wire = Wire::open(&format!("{}/stream?streams=aaabbb@trade", server.ws_url("binance"))).await;
    let mut raw = Wire::open(&format!("{}/ws/aaabbb@bookTicker", server.ws_url("binance"))).await;
    for number in (0..1_000).step_by(2) {
        assert_eq!(wire.json().await["data"]["n"], number);
        assert_eq!(raw.text().await.unwrap(), format!("{{\"n\":{}}}", number + 1));
    }
    let (_, snapshot) =
        super::rest(&format!("{}/api/v3/depth?symbol=AAABBB", server.rest_url("binance"))).await;
    assert_eq!(snapshot["lastUpdateId"], 7);
    server.stop().await;
    std::fs::remove_dir_all(folder).unwrap();
}

#[tokio::test]
async fn as_many_messages_as_asked_for() {
    let config =
        SocketConfig { venues: vec!["binance".to_owned()], pace: Pace::Most, ..SocketConfig::default() };
    let server = Server::start(config).await.unwrap();
    let streams = "btcusdt@trade/btcusdt@bookTicker/btcusdt@depth@100ms";
    let mut wire = Wire::open(&format!("{}/stream?streams={streams}", server.ws_url("binance"))).await;
    let (mut updates, mut last) = (0, 0);
    for _ in 0..20_000 {
        let value = wire.json().await;
        if value["stream"] == "btcusdt@depth@100ms" {
            let first = value["data"]["U"].as_i64().unwrap();
            assert!(updates == 0 || first == last + 1);
            (updates, last) = (updates + 1, value["data"]["u"].as_i64().unwrap());
        }
    }
    assert!(updates > 1_000, "{updates}");
    server.stop().await;
}
