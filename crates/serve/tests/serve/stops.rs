//! The server stops: what is being sent ends as its protocol says.

use std::time::Duration;

use serde_json::Value;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;

use crate::support::{asking, long_replay, served, served_copy};

/// Time for an end that takes a second at most.
const SOON: Duration = Duration::from_secs(20);

/// The head of an answer.
async fn head(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap());
    }
    String::from_utf8(head).unwrap()
}

/// The next frame of a WebSocket: what it is, and its bytes.
async fn frame(stream: &mut TcpStream) -> (u8, Vec<u8>) {
    let kind = stream.read_u8().await.unwrap() & 0x0f;
    let bytes = match stream.read_u8().await.unwrap() {
        126 => u64::from(stream.read_u16().await.unwrap()),
        127 => stream.read_u64().await.unwrap(),
        few => u64::from(few),
    };
    let mut body = vec![0; usize::try_from(bytes).unwrap()];
    stream.read_exact(&mut body).await.unwrap();
    (kind, body)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_websocket_is_closed_with_1001() {
    let served = served().await;
    let request = format!(
        "GET /ws-replay-normalized?{} HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
        long_replay()
    );
    let mut stream = asking(&served, request).await;
    assert!(head(&mut stream).await.starts_with("HTTP/1.1 101 "));
    let (kind, body) = frame(&mut stream).await;
    assert_eq!(kind, 1, "{}", String::from_utf8_lossy(&body));
    served.stop();
    let (code, reason) = tokio::time::timeout(SOON, async {
        loop {
            let (kind, body) = frame(&mut stream).await;
            if kind == 8 {
                return (
                    u16::from_be_bytes([body[0], body[1]]),
                    String::from_utf8_lossy(&body[2..]).into_owned(),
                );
            }
            // Every message before is whole.
            assert!(kind != 1 || serde_json::from_slice::<Value>(&body).is_ok());
        }
    })
    .await
    .unwrap();
    assert!(code == 1001 && reason.contains("the server stops"), "{code} {reason}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replay_ends_with_a_line_that_says_so_and_no_normal_end() {
    let served = served().await;
    let request = format!("GET /replay-normalized?{} HTTP/1.1\r\nHost: localhost\r\n\r\n", long_replay());
    let mut stream = asking(&served, request).await;
    let head = head(&mut stream).await;
    assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
    served.stop();
    let mut text = Vec::new();
    // The connection may be reset behind the line.
    let _end = tokio::time::timeout(SOON, stream.read_to_end(&mut text)).await.unwrap();
    let text = String::from_utf8(text).unwrap();
    let last = text.lines().rev().find(|line| line.starts_with('{')).unwrap();
    assert!(last.contains("\"error\"") && last.contains("the server stops"), "{last}");
    assert!(!text.ends_with("0\r\n\r\n"), "a normal end");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_end_and_say_when_to_ask_again() {
    let served = served_copy().await;
    let file = served.folder.as_ref().unwrap().path().join("runs/made/shard-0-of-1.json");
    let mut summary: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    summary["state"] = "running".into();
    std::fs::write(&file, summary.to_string()).unwrap();
    let mut answer = served.get("/v1/runs/made/events").await;
    let mut text = answer.chunk().await.unwrap().unwrap().to_vec();
    served.stop();
    let rest = async {
        // An end that is none is an error here.
        while let Some(piece) = answer.chunk().await.unwrap() {
            text.extend_from_slice(&piece);
        }
        text
    };
    let text = String::from_utf8(tokio::time::timeout(SOON, rest).await.unwrap()).unwrap();
    assert!(text.starts_with("retry: 2000\n\n") && !text.contains("event: end"), "{text}");
}
