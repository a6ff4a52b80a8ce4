//! The rules: token, names, origins, methods, limits, clients that take nothing.

use std::time::Duration;

use mtdh_serve::api::endpoints::ENDPOINTS;
use mtdh_serve::{Limits, Options, Token};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::{DAY, Served, asking, long_replay, served, served_with};

const SECRET: &str = "0123456789abcdef0123456789abcdef";

/// What a server answers to bytes.
async fn raw(served: &Served, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(served.address).await.unwrap();
    // A server that refuses may close before all is written.
    let _refused = stream.write_all(bytes).await;
    let mut answer = Vec::new();
    let read = tokio::time::timeout(Duration::from_secs(30), stream.read_to_end(&mut answer)).await;
    assert!(read.is_ok(), "no answer to {}", String::from_utf8_lossy(&bytes[..bytes.len().min(80)]));
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_path_but_health_is_behind_the_token() {
    let served =
        served_with(Options { token: Some(Token::new(SECRET).unwrap()), ..Options::default() }).await;
    let client = reqwest::Client::new();
    let paths = ENDPOINTS.iter().map(|endpoint| endpoint.path.replace(['{', '}', '*'], ""));
    for path in paths.chain(["/".to_owned(), "/nothing".to_owned()]) {
        let expected = match path.as_str() {
            "/health" | "/login" => 200,
            // It takes a POST.
            "/logout" => 405,
            _ => 401,
        };
        for header in
            [None, Some("Bearer "), Some("Bearer wrong"), Some(&*format!("Basic {SECRET}")), Some(SECRET)]
        {
            let mut request = client.get(served.url(&path));
            if let Some(header) = header {
                request = request.header("authorization", header);
            }
            let answer = request.send().await.unwrap();
            assert_eq!(answer.status(), expected, "{path} {header:?}");
        }
    }
    let cookie = format!("mtdh_session={}", Token::new(SECRET).unwrap().cookie());
    for (name, value) in [
        ("authorization", format!("Bearer {SECRET}")),
        ("authorization", format!("bearer {SECRET}")),
        ("cookie", cookie),
    ] {
        let answer = client.get(served.url("/v1/days")).header(name, value).send().await.unwrap();
        assert_eq!(answer.status(), 200);
    }
    let in_query = client.get(served.url(&format!("/v1/days?token={SECRET}"))).send().await.unwrap();
    assert_eq!(in_query.status(), 401);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_known_names_and_methods_are_answered() {
    let served =
        served_with(Options { hosts: vec!["lake.example.com".to_owned()], ..Options::default() }).await;
    for (request, status) in [
        ("GET /v1/days HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n", "403"),
        ("GET /v1/days HTTP/1.1\r\nHost: lake.example.com\r\nConnection: close\r\n\r\n", "200"),
        ("GET /v1/days HTTP/1.1\r\nHost: localhost:1\r\nConnection: close\r\n\r\n", "200"),
        (
            "GET http://evil.example/v1/days HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n",
            "403",
        ),
        ("GET /v1/days HTTP/1.1\r\nConnection: close\r\n\r\n", "400"),
        ("GET /v1/days HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\nConnection: close\r\n\r\n", "400"),
        ("GET http://evil.example/v1/days HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", "403"),
        ("GET http://localhost/v1/days HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", "200"),
        (
            "POST /v1/slices HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2000000\r\nConnection: close\r\n\r\n",
            "413",
        ),
        (
            "POST /v1/slices HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\nzz\r\n\r\n",
            "400",
        ),
        ("GET /health HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n", "403"),
        ("TRACE /v1/days HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", "405"),
        ("DELETE /v1/days HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", "405"),
        (
            "PUT /v1/files/x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
            "405",
        ),
        ("OPTIONS /v1/days HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", "405"),
        (
            "POST /v1/slices HTTP/1.1\r\nHost: localhost\r\nOrigin: http://evil.example\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
            "403",
        ),
        (
            "GET /v1/days HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nOrigin: http://evil.example\r\nConnection: close\r\n\r\n",
            "403",
        ),
        ("nonsense\r\n\r\n", "400"),
    ] {
        let answer = raw(&served, request.as_bytes()).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{request}: {answer}");
    }
    let answer =
        raw(&served, b"TRACE /v1/days HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").await;
    assert!(answer.to_lowercase().contains("\r\nallow: get,head"), "{answer}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_named_origins_may_read() {
    let origin = "https://charts.example";
    let served = served_with(Options { origins: vec![origin.to_owned()], ..Options::default() }).await;
    let client = reqwest::Client::new();
    for (origin, is_named) in [(origin, true), ("https://evil.example", false)] {
        let answer = client.get(served.url("/v1/days")).header("origin", origin).send().await.unwrap();
        assert_eq!(answer.headers().contains_key("access-control-allow-origin"), is_named, "{origin}");
        let asked = client
            .request(reqwest::Method::OPTIONS, served.url("/v1/days"))
            .header("origin", origin)
            .header("access-control-request-method", "GET");
        assert_eq!(asked.send().await.unwrap().status() == 204, is_named, "{origin}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn long_headers_and_addresses_are_refused() {
    let served = served().await;
    for (request, statuses) in [
        (format!("GET /v1/days?{} HTTP/1.1\r\nHost: localhost\r\n\r\n", "x".repeat(70_000)), ["414", "431"]),
        (
            format!("GET /v1/days HTTP/1.1\r\nHost: localhost\r\nx: {}\r\n\r\n", "x".repeat(200_000)),
            ["431", "431"],
        ),
        (
            format!("GET /v1/days HTTP/1.1\r\nHost: localhost\r\n{}\r\n", "a: b\r\n".repeat(1000)),
            ["431", "431"],
        ),
    ] {
        let answer = raw(&served, request.as_bytes()).await;
        let is_refused = statuses.iter().any(|status| answer.starts_with(&format!("HTTP/1.1 {status}")));
        // A server that closes with unread bytes may reset the connection before the answer is read.
        assert!(is_refused || answer.is_empty(), "{}", answer.chars().take(200).collect::<String>());
    }
    assert_eq!(served.get("/health").await.status(), 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn too_many_requests_at_once_are_told_to_wait() {
    let limits = Limits { requests: 1, turn: Duration::ZERO, ..Limits::default() };
    let served = served_with(Options { limits, ..Options::default() }).await;
    let path = format!("/v1/coverage?start={DAY}");
    let asked = (0..30).map(|_| served.get(&path));
    let statuses: Vec<u16> =
        futures::future::join_all(asked).await.iter().map(|a| a.status().as_u16()).collect();
    assert!(statuses.contains(&200), "{statuses:?}");
    assert!(statuses.iter().all(|status| [200, 429].contains(status)), "{statuses:?}");
    // The permits come back.
    assert_eq!(served.get(&path).await.status(), 200);
}

/// A client that takes nothing of an answer that fits into no buffer.
async fn taking_nothing(served: &Served) -> TcpStream {
    asking(served, format!("GET /replay-normalized?{} HTTP/1.1\r\nHost: localhost\r\n\r\n", long_replay()))
        .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn limits_are_told_to_people_as_pages() {
    let client = reqwest::Client::new();
    let busy = Limits { requests: 1, turn: Duration::ZERO, ..Limits::default() };
    let slow = Limits { first_byte: Duration::ZERO, ..Limits::default() };
    for (limits, status, words) in [(busy, 429, "The server is busy"), (slow, 504, "This takes too long")] {
        let served = served_with(Options { limits, ..Options::default() }).await;
        // Plans for longer than the finest timer's step.
        let path = served.url(&format!("/replay-normalized?{}", long_replay()));
        let of = |accept: &'static str| {
            let ask = || client.get(&path).header("accept", accept).send();
            let asked: Vec<_> = (0..30).map(|_| ask()).collect();
            futures::future::join_all(asked)
        };
        for (accept, media) in [("text/html", "text/html"), ("*/*", "application/problem+json")] {
            // Holds the only turn, from the first byte of its answer on.
            let mut holder = taking_nothing(&served).await;
            if status == 429 {
                let _begun = holder.read_u8().await.unwrap();
            }
            let answers = of(accept).await.into_iter().map(Result::unwrap);
            let refused: Vec<_> = answers.filter(|answer| answer.status() == status).collect();
            assert!(!refused.is_empty(), "{status}");
            for answer in refused {
                assert!(answer.headers()["content-type"].to_str().unwrap().starts_with(media));
                assert_eq!(answer.headers().contains_key("retry-after"), status == 429);
                let text = answer.text().await.unwrap();
                assert_eq!(text.contains(words), media == "text/html", "{text}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_takes_nothing_is_dropped() {
    // As many turns as clients: nobody waits for one.
    let limits = Limits { idle: Duration::from_millis(300), requests: 64, ..Limits::default() };
    let served = served_with(Options { limits, ..Options::default() }).await;
    let mut stream = taking_nothing(&served).await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    let mut taken = Vec::new();
    // What was in the buffers, then the end: a reset, or a short answer.
    let ended = tokio::time::timeout(Duration::from_secs(30), stream.read_to_end(&mut taken)).await;
    assert!(ended.is_ok(), "the connection is still there, after {} bytes", taken.len());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clients_that_take_nothing_starve_nobody() {
    // Longer than the test takes: only because others wait are they dropped before. On a slow machine that may take its time.
    let (idle, turn) = (Duration::from_secs(600), Duration::from_secs(60));
    let limits = Limits { idle, turn, requests: 8, ..Limits::default() };
    let served = served_with(Options { limits, ..Options::default() }).await;
    let mut slow = Vec::new();
    for _ in 0..30 {
        slow.push(taking_nothing(&served).await);
    }
    tokio::time::sleep(Duration::from_millis(500)).await;
    let answer = tokio::time::timeout(turn, served.get("/v1/days")).await.unwrap();
    assert_eq!(answer.status(), 200);
    drop(slow);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_that_comes_slowly_holds_no_turn() {
    let limits = Limits { requests: 1, turn: Duration::ZERO, ..Limits::default() };
    let served = served_with(Options { limits, ..Options::default() }).await;
    let mut slow = Vec::new();
    for _ in 0..3 {
        let mut stream = TcpStream::connect(served.address).await.unwrap();
        stream
            .write_all(b"POST /v1/slices HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n{")
            .await
            .unwrap();
        slow.push(stream);
    }
    for _ in 0..5 {
        tokio::time::sleep(Duration::from_millis(20)).await;
        assert_eq!(served.get("/v1/days").await.status(), 200);
    }
    drop(slow);
}
