//! What each venue says to a subscription, and how its books and trades are numbered.

use mtdh_sim::sockets::{Server, SocketConfig};
use serde_json::Value;

use super::{Wire, server};

/// A venue's address, what is asked there, and how many answers come before data.
const CASES: [(&str, &str, &str); 13] = [
    (
        "binance-delivery",
        "/stream",
        r#"{"method":"SUBSCRIBE","params":["btcusd_perp@trade","btcusd_perp@depth@0ms"],"id":1}"#,
    ),
    (
        "bybit",
        "/v5/public/linear",
        r#"{"op":"subscribe","args":["publicTrade.BTCUSDT","orderbook.50.BTCUSDT","tickers.BTCUSDT"]}"#,
    ),
    (
        "bybit",
        "/v5/public/inverse",
        r#"{"op":"subscribe","args":["publicTrade.BTCUSD","orderbook.1.BTCUSD"]}"#,
    ),
    (
        "bybit-spot",
        "/v5/public/spot",
        r#"{"op":"subscribe","args":["publicTrade.BTCUSDT","orderbook.50.BTCUSDT"]}"#,
    ),
    ("bybit-options", "/v5/public/option", r#"{"op":"subscribe","args":["publicTrade.BTC"]}"#),
    (
        "okex",
        "/ws/v5/public",
        r#"{"op":"subscribe","args":[{"channel":"books","instId":"BTC-USDT"},{"channel":"bbo-tbt","instId":"BTC-USDT"}]}"#,
    ),
    (
        "okex-swap",
        "/ws/v5/business",
        r#"{"op":"subscribe","args":[{"channel":"trades-all","instId":"BTC-USDT-SWAP"}]}"#,
    ),
    ("okex-options", "", r#"{"op":"subscribe","args":[{"channel":"opt-summary","instFamily":"BTC-USD"}]}"#),
    (
        "upbit",
        "/websocket/v1",
        r#"[{"ticket":"x"},{"type":"trade","codes":["KRW-BTC"]},{"type":"orderbook","codes":["KRW-BTC.15"]},{"format":"SIMPLE"}]"#,
    ),
    (
        "coinbase",
        "",
        r#"{"type":"subscribe","channels":[{"name":"matches","product_ids":["BTC-USD"]},{"name":"level2_batch","product_ids":["BTC-USD"]}]}"#,
    ),
    (
        "kraken",
        "/v2",
        r#"{"method":"subscribe","params":{"channel":"book","symbol":["BTC/USD"],"depth":10}}"#,
    ),
    ("bitmex", "/realtime", r#"{"op":"subscribe","args":["orderBookL2:XBTUSD","trade:XBTUSD"]}"#),
    ("hyperliquid", "/ws", r#"{"method":"subscribe","subscription":{"type":"l2Book","coin":"BTC"}}"#),
];

#[tokio::test]
async fn every_venue_acknowledges_and_sends() {
    for (venue, path, request) in CASES {
        let config = SocketConfig { venues: vec![venue.to_owned()], speed: 10.0, ..SocketConfig::default() };
        let server = Server::start(config).await.unwrap();
        let mut wire = Wire::open(&format!("{}{path}", server.ws_url(venue))).await;
        wire.send(request).await;
        let mut seen = Vec::new();
        while seen.len() < 12 {
            seen.push(wire.text().await.unwrap_or_else(|| panic!("{venue} ends: {seen:?}")));
        }
        for text in &seen {
            let value: Value =
                serde_json::from_str(text).unwrap_or_else(|error| panic!("{venue}: {error}: {text}"));
            assert!(value.get("error").is_none() && value["success"] != false, "{venue}: {text}");
            assert!(value["event"] != "error" && value["type"] != "error", "{venue}: {text}");
        }
        assert_eq!(server.breaches(), [], "{venue}");
        server.stop().await;
    }
}

#[tokio::test]
async fn a_wrong_request_is_answered_in_the_venues_words() {
    for (venue, path, request, pointer, expected) in [
        (
            "bybit",
            "/v5/public/linear",
            r#"{"op":"subscribe","args":["orderbook.50.NONE"]}"#,
            "/success",
            "false",
        ),
        (
            "bybit",
            "/v5/public/linear",
            r#"{"op":"subscribe","args":["publicTrade.BTCUSD"]}"#,
            "/success",
            "false",
        ),
        (
            "okex",
            "/ws/v5/public",
            r#"{"op":"subscribe","args":[{"channel":"trades-all","instId":"BTC-USDT"}]}"#,
            "/code",
            "\"60018\"",
        ),
        (
            "okex",
            "",
            r#"{"op":"subscribe","args":[{"channel":"books-l2-tbt","instId":"BTC-USDT"}]}"#,
            "/code",
            "\"60011\"",
        ),
        ("okex", "", "nonsense", "/code", "\"60012\""),
        ("upbit", "", "{}", "/error/name", "\"WRONG_FORMAT\""),
        ("upbit", "", r#"[{"type":"trade","codes":["KRW-BTC"]}]"#, "/error/name", "\"NO_TICKET\""),
        ("upbit", "", r#"[{"ticket":"a"}]"#, "/error/name", "\"NO_TYPE\""),
        ("upbit", "", r#"[{"ticket":"a"},{"type":"trade"}]"#, "/error/name", "\"NO_CODES\""),
        (
            "coinbase",
            "",
            r#"{"type":"subscribe","channels":["level2"],"product_ids":["BTC-USD"]}"#,
            "/type",
            "\"error\"",
        ),
        (
            "hyperliquid",
            "",
            r#"{"method":"subscribe","subscription":{"type":"trades","coin":"NONE"}}"#,
            "/channel",
            "\"error\"",
        ),
    ] {
        let server = server(venue, vec![]).await;
        let mut wire = Wire::open(&format!("{}{path}", server.ws_url(venue))).await;
        wire.send(request).await;
        let answer = wire.json().await;
        assert_eq!(
            answer.pointer(pointer).map(Value::to_string).as_deref(),
            Some(expected),
            "{venue}: {answer}"
        );
        server.stop().await;
    }
}

#[tokio::test]
async fn text_pings_are_answered_in_text() {
    for (venue, ping, pong) in [
        ("okex", "ping", "pong"),
        ("upbit", "PING", r#"{"status":"UP"}"#),
        ("hyperliquid", r#"{"method":"ping"}"#, r#"{"channel":"pong"}"#),
        ("kraken", r#"{"method":"ping"}"#, r#"{"method":"pong"}"#),
        ("bitmex", "ping", "pong"),
    ] {
        let server = server(venue, vec![]).await;
        let mut wire = Wire::open(&server.ws_url(venue)).await;
        wire.send(ping).await;
        let mut text = wire.text().await.unwrap();
        if text.contains("Welcome") || text.contains("online") {
            text = wire.text().await.unwrap();
        }
        assert_eq!(text, pong, "{venue}");
        server.stop().await;
    }
}

#[tokio::test]
async fn time_ends_what_is_silent_or_late() {
    for (venue, limit) in [
        ("coinbase", "subscribe_within_s"),
        ("okex", "silence_s"),
        ("upbit", "silence_s"),
        ("binance", "pong_within_s"),
    ] {
        let config = SocketConfig { venues: vec![venue.to_owned()], speed: 200.0, ..SocketConfig::default() };
        let server = Server::start(config).await.unwrap();
        let mut stream = tokio::net::TcpStream::connect(server.ws_url(venue)[5..].split('/').next().unwrap())
            .await
            .unwrap();
        // A client that shakes hands and then does nothing, not even answer pings.
        let head = format!(
            "GET /{venue} HTTP/1.1\r\nUpgrade: websocket\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        );
        tokio::io::AsyncWriteExt::write_all(&mut stream, head.as_bytes()).await.unwrap();
        let mut all = Vec::new();
        tokio::io::AsyncReadExt::read_to_end(&mut stream, &mut all).await.unwrap();
        let text = String::from_utf8_lossy(&all);
        assert!(text.contains("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="), "{text}");
        let limits: Vec<_> = server.breaches().iter().map(|breach| breach.limit).collect();
        assert_eq!(limits, [limit], "{venue}");
        server.stop().await;
    }
}

#[tokio::test]
async fn an_okx_chain_is_whole_and_its_restart_as_documented() {
    let reset = super::fault(r#"{"at": 6, "kind": {"sequence_reset": {"breaks": false}}}"#);
    let server = server("okex", vec![reset]).await;
    let mut wire = Wire::open(&server.ws_url("okex")).await;
    wire.send(r#"{"op":"subscribe","args":[{"channel":"books","instId":"BTC-USDT"}]}"#).await;
    assert_eq!(wire.json().await["event"], "subscribe");
    let first = wire.json().await;
    assert_eq!(
        (first["action"].as_str(), first["data"][0]["prevSeqId"].as_i64()),
        (Some("snapshot"), Some(-1))
    );
    let (mut last, mut restarts) = (first["data"][0]["seqId"].as_i64().unwrap(), 0);
    for _ in 0..12 {
        let data = wire.json().await["data"][0].clone();
        assert_eq!((data["prevSeqId"].as_i64(), data["checksum"].as_i64()), (Some(last), Some(0)));
        let next = data["seqId"].as_i64().unwrap();
        restarts += i32::from(next < last);
        last = next;
    }
    assert_eq!((restarts, server.truth().len()), (1, 1));
    server.stop().await;
}
