//! The exchanges' WebSockets, met by a client that is not ours.

mod books;
mod kraken;
mod venues;
mod wire;

use std::time::Duration;

use futures::{SinkExt as _, StreamExt as _};
use mtdh_sim::sockets::{Server, SocketConfig, SocketFault, SocketFaultKind};
use serde_json::Value;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

/// A connection to a venue.
pub(crate) struct Wire {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
}

pub(crate) async fn server(venue: &str, faults: Vec<SocketFault>) -> Server {
    let config = SocketConfig { venues: vec![venue.to_owned()], faults, ..SocketConfig::default() };
    Server::start(config).await.unwrap()
}

pub(crate) fn fault(text: &str) -> SocketFault {
    serde_json::from_str(text).unwrap()
}

impl Wire {
    pub(crate) async fn open(url: &str) -> Wire {
        Wire { socket: connect_async(url).await.unwrap().0 }
    }

    pub(crate) async fn send(&mut self, text: &str) {
        self.socket.send(Message::text(text)).await.unwrap();
    }

    /// The next message; `None`: the connection is over.
    pub(crate) async fn next(&mut self) -> Option<Message> {
        let next = tokio::time::timeout(Duration::from_secs(10), self.socket.next()).await;
        next.expect("something comes in ten seconds")?.ok()
    }

    /// The next data message as text.
    pub(crate) async fn text(&mut self) -> Option<String> {
        loop {
            match self.next().await? {
                Message::Text(text) => return Some(text.to_string()),
                Message::Binary(bytes) => return Some(String::from_utf8(bytes.to_vec()).unwrap()),
                Message::Close(_) => return None,
                _ => {}
            }
        }
    }

    pub(crate) async fn json(&mut self) -> Value {
        serde_json::from_str(&self.text().await.expect("a message")).unwrap()
    }
}

pub(crate) async fn rest(url: &str) -> (u16, Value) {
    let response = super::client().get(url).send().await.unwrap();
    let status = response.status().as_u16();
    (status, serde_json::from_slice(&response.bytes().await.unwrap()).unwrap_or_default())
}

#[tokio::test]
async fn a_stream_that_is_not_there_is_acknowledged_and_silent() {
    let server = server("binance", vec![]).await;
    let mut wire = Wire::open(&format!("{}/stream", server.ws_url("binance"))).await;
    wire.send(r#"{"method":"SUBSCRIBE","params":["nosuch@trade","BTCUSDT@trade"],"id":1}"#).await;
    assert_eq!(wire.text().await.unwrap(), r#"{"result":null,"id":1}"#);
    wire.send(r#"{"method":"LIST_SUBSCRIPTIONS","id":"a2"}"#).await;
    assert_eq!(wire.text().await.unwrap(), r#"{"result":[],"id":"a2"}"#);
    for (request, code) in
        [(r#"{"method":"SUBSCRIBE","params":[],"id":1.5}"#, 2), ("{}", 2), (r#"{"method":"NOPE","id":1}"#, 2)]
    {
        wire.send(request).await;
        assert_eq!(wire.json().await["code"], code, "{request}");
    }
    server.stop().await;
}

#[tokio::test]
async fn too_many_messages_are_a_breach_and_the_end() {
    let server = server("binance", vec![]).await;
    let mut wire = Wire::open(&format!("{}/ws", server.ws_url("binance"))).await;
    for id in 0..6 {
        wire.send(&format!(r#"{{"method":"LIST_SUBSCRIPTIONS","id":{id}}}"#)).await;
    }
    let mut answers = 0;
    while wire.text().await.is_some() {
        answers += 1;
    }
    assert_eq!(answers, 5);
    let breaches = server.breaches();
    assert_eq!(
        (breaches.len(), breaches[0].limit, breaches[0].value, breaches[0].most),
        (1, "messages_per_s", 6, 5)
    );
    server.stop().await;
}

#[tokio::test]
async fn raw_channels_of_deribit_need_a_login() {
    let server = server("deribit", vec![]).await;
    let mut wire = Wire::open(&format!("{}/ws/api/v2", server.ws_url("deribit"))).await;
    wire.send(r#"{"jsonrpc":"2.0","id":7,"method":"public/subscribe","params":{"channels":["book.BTC-PERPETUAL.raw"]}}"#).await;
    assert_eq!(wire.json().await["error"]["code"], 13_778);
    wire.send(r#"{"jsonrpc":"2.0","id":8,"method":"public/subscribe","params":{"channels":["book.BTC-PERPETUAL.100ms","book.NONE.100ms","ticker.BTC-PERPETUAL.100ms"]}}"#).await;
    let answer = wire.json().await;
    assert_eq!(
        answer["result"],
        serde_json::json!(["book.BTC-PERPETUAL.100ms", "ticker.BTC-PERPETUAL.100ms"])
    );
    assert_eq!(wire.json().await["params"]["data"]["type"], "snapshot");
    server.stop().await;
}

#[tokio::test]
async fn a_test_request_must_be_answered() {
    let config = SocketConfig { venues: vec!["deribit".to_owned()], speed: 60.0, ..SocketConfig::default() };
    let server = Server::start(config).await.unwrap();
    for answers in [0, 2] {
        let mut wire = Wire::open(&server.ws_url("deribit")).await;
        wire.send(r#"{"jsonrpc":"2.0","id":0,"method":"public/set_heartbeat","params":{"interval":10}}"#)
            .await;
        let mut seen = 0;
        while let Some(text) = wire.text().await {
            if text.contains("test_request") {
                seen += 1;
                if seen <= answers {
                    wire.send(r#"{"jsonrpc":"2.0","id":1,"method":"public/test","params":{}}"#).await;
                }
            }
        }
        assert_eq!(seen, answers + 1);
    }
    let limits: Vec<_> = server.breaches().iter().map(|breach| breach.limit).collect();
    assert_eq!(limits, ["test_request_s", "test_request_s"]);
    server.stop().await;
}

#[tokio::test]
async fn a_dropped_message_is_in_the_truth_with_its_id() {
    let drop = fault(r#"{"data_type": "trade", "at": 3, "kind": {"drop": {"count": 2}}}"#);
    let server = server("binance-futures", vec![drop]).await;
    let mut wire =
        Wire::open(&format!("{}/public/stream?streams=btcusdt@trade", server.ws_url("binance-futures")))
            .await;
    let mut ids = Vec::new();
    while ids.len() < 6 {
        ids.push(wire.json().await["data"]["t"].as_i64().unwrap());
    }
    let hole = ids.windows(2).find(|two| two[1] != two[0] + 1).unwrap();
    let truth = server.truth();
    assert_eq!(truth.len(), 1);
    assert_eq!((truth[0].what.as_str(), truth[0].messages), ("drop", 2));
    assert_eq!((truth[0].first, truth[0].last), (Some(hole[0] + 1), Some(hole[1] - 1)));
    server.stop().await;
}

#[tokio::test]
async fn the_wrong_root_gives_nothing() {
    let server = server("binance-futures", vec![]).await;
    let url = server.ws_url("binance-futures");
    let mut wire =
        Wire::open(&format!("{url}/market/stream?streams=btcusdt@trade/btcusdt@markPrice@1s")).await;
    for _ in 0..5 {
        assert_eq!(wire.json().await["stream"], "btcusdt@markPrice@1s");
    }
    server.stop().await;
}

#[tokio::test]
async fn a_handshake_may_be_refused() {
    let kinds = [
        (SocketFaultKind::Handshake { status: 451, retry_after: None }, 451),
        (SocketFaultKind::Ban { seconds: 120 }, 418),
    ];
    for (kind, status) in kinds {
        let server = server("binance", vec![SocketFault::new(kind)]).await;
        let Err(error) = connect_async(format!("{}/ws", server.ws_url("binance"))).await else { panic!() };
        let tokio_tungstenite::tungstenite::Error::Http(response) = error else { panic!("{error}") };
        assert_eq!(response.status().as_u16(), status);
        server.stop().await;
    }
}
