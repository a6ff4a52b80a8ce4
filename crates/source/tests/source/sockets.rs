//! WebSockets and their links against servers made of bytes.

use std::time::Duration;

use mtdh_source::Url;
use mtdh_source::live::link::{Command, Doors, Event, Link, Rules};
use mtdh_source::live::out::Send;
use mtdh_source::live::socket::{Arrived, ConnectError, Socket};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

/// Accepts a connection and reads its request.
pub(crate) async fn request(listener: &TcpListener) -> (TcpStream, String) {
    let (mut stream, _) = listener.accept().await.unwrap();
    let mut text = Vec::new();
    while !text.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).await.unwrap();
        text.push(byte[0]);
    }
    (stream, String::from_utf8(text).unwrap())
}

/// The 101 answer to a request.
pub(crate) fn switching(request: &str) -> Vec<u8> {
    let key = request.lines().find_map(|line| line.strip_prefix("Sec-WebSocket-Key: ")).unwrap();
    let accept = derive_accept_key(key.as_bytes());
    format!(
        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: {accept}\r\n\r\n"
    )
    .into_bytes()
}

/// A frame of a server: short, whole.
pub(crate) fn frame(opcode: u8, payload: &[u8]) -> Vec<u8> {
    [&[0x80 | opcode, u8::try_from(payload.len()).unwrap()], payload].concat()
}

/// Reads a frame of a client: its opcode and payload.
pub(crate) async fn client_frame(stream: &mut TcpStream) -> (u8, Vec<u8>) {
    let mut head = [0; 6];
    stream.read_exact(&mut head).await.unwrap();
    let mut payload = vec![0; usize::from(head[1] & 0x7f)];
    stream.read_exact(&mut payload).await.unwrap();
    payload.iter_mut().enumerate().for_each(|(at, byte)| *byte ^= head[2 + at % 4]);
    (head[0] & 0x0f, payload)
}

pub(crate) async fn listener() -> (TcpListener, Url) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("ws://{}/stream?secret=1", listener.local_addr().unwrap());
    (listener, Url::parse(&url).unwrap())
}

#[tokio::test]
async fn answers_in_place_of_a_socket_are_told_with_what_they_ask() {
    for (answer, expected) in [
        (
            "HTTP/1.1 429 Too Many Requests\r\nRetry-After: 7\r\nContent-Length: 0\r\n\r\n",
            (429, Some(Duration::from_secs(7))),
        ),
        ("HTTP/1.1 418 I'm a teapot\r\nContent-Length: 0\r\n\r\n", (418, None)),
        ("HTTP/1.1 403 Forbidden\r\nContent-Type: text/html\r\nContent-Length: 6\r\n\r\n<html>", (403, None)),
        ("HTTP/1.1 502 Bad Gateway\r\nRetry-After: soon\r\nContent-Length: 0\r\n\r\n", (502, None)),
    ] {
        let (listener, url) = listener().await;
        let server = tokio::spawn(async move {
            let (mut stream, _) = request(&listener).await;
            stream.write_all(answer.as_bytes()).await.unwrap();
        });
        let Err(error) = Socket::connect(&url).await else { panic!("{answer}") };
        assert!(!error.to_string().contains("secret"), "{error}");
        let ConnectError::Answered { status, retry_after, .. } = error else { panic!("{error}") };
        assert_eq!((status, retry_after), expected);
        server.await.unwrap();
    }
}

#[tokio::test]
async fn what_is_no_answer_is_an_error() {
    for answer in [
        "",
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
        "garbage\r\n\r\n",
    ] {
        let (listener, url) = listener().await;
        let server = tokio::spawn(async move {
            let (mut stream, _) = request(&listener).await;
            stream.write_all(answer.as_bytes()).await.unwrap();
        });
        assert!(matches!(Socket::connect(&url).await, Err(ConnectError::Failed { .. })), "{answer}");
        server.await.unwrap();
    }
}

#[tokio::test]
async fn a_frame_in_the_segment_of_the_answer_is_not_lost_and_pings_are_answered_with_their_payload() {
    let (listener, url) = listener().await;
    let server = tokio::spawn(async move {
        let (mut stream, request) = request(&listener).await;
        let low = request.to_lowercase();
        assert!(!low.contains("origin:") && !low.contains("sec-websocket-extensions"), "{request}");
        assert!(low.contains("user-agent: mtdh/"), "{request}");
        let together =
            [switching(&request), frame(1, b"first"), frame(9, b"are you there"), frame(2, b"binary")]
                .concat();
        stream.write_all(&together).await.unwrap();
        assert_eq!(client_frame(&mut stream).await, (10, b"are you there".to_vec()));
        // Three bytes at a time, and a message in two frames.
        let split = [vec![0x01, 2], b"in".to_vec(), frame(0, b" two"), frame(8, &[0x03, 0xf4])].concat();
        for bytes in split.chunks(3) {
            stream.write_all(bytes).await.unwrap();
            stream.flush().await.unwrap();
            tokio::task::yield_now().await;
        }
    });
    let mut socket = Socket::connect(&url).await.unwrap();
    let mut arrived = Vec::new();
    let ended = loop {
        match socket.next().await {
            Ok(one) => arrived.push(one),
            Err(ended) => break ended,
        }
    };
    let data = |text: &'static str| Arrived::Data(text.into());
    assert_eq!(arrived, [data("first"), Arrived::Ping, data("binary"), data("in two")]);
    assert!(ended.is_clean && ended.reason.contains("1012"), "{ended:?}");
    server.await.unwrap();
}

#[tokio::test]
async fn a_message_beyond_all_bounds_ends_the_socket() {
    let (listener, url) = listener().await;
    let server = tokio::spawn(async move {
        let (mut stream, request) = request(&listener).await;
        stream.write_all(&switching(&request)).await.unwrap();
        // A frame that says it has a GiB.
        stream.write_all(&[0x82, 127, 0, 0, 0, 0, 0x40, 0, 0, 0]).await.unwrap();
        let _gone = stream.read(&mut [0; 64]).await;
    });
    let mut socket = Socket::connect(&url).await.unwrap();
    assert!(!socket.next().await.unwrap_err().is_clean);
    drop(socket);
    server.await.unwrap();
}

pub(crate) fn rules() -> Rules {
    Rules {
        silence: Duration::from_millis(400),
        ping: Some(Duration::from_millis(100)),
        messages: Vec::new(),
        connects: Vec::new(),
        lifetime: None,
    }
}

pub(crate) fn link(url: Url, rules: Rules) -> (mpsc::Receiver<(u32, Event)>, mpsc::Sender<Command>) {
    let (events_to, events) = mpsc::channel(64);
    let (commands_to, commands) = mpsc::channel(64);
    let doors = Doors::new(&rules);
    tokio::spawn(Link { number: 3, url, rules, doors, events: events_to, commands }.run());
    (events, commands_to)
}

#[tokio::test]
async fn a_silent_connection_is_opened_again_and_one_that_answers_pings_is_not() {
    let (listener, url) = listener().await;
    let server = tokio::spawn(async move {
        // The first one says nothing, not even a pong.
        let (mut silent, request_of_first) = request(&listener).await;
        silent.write_all(&switching(&request_of_first)).await.unwrap();
        let (mut second, request_of_second) = request(&listener).await;
        second.write_all(&switching(&request_of_second)).await.unwrap();
        for _ in 0..8 {
            assert_eq!(client_frame(&mut second).await.0, 9);
            second.write_all(&frame(10, b"")).await.unwrap();
        }
        second.write_all(&frame(1, b"still here")).await.unwrap();
        // Until the other side is gone.
        let _gone = second.read(&mut [0; 64]).await;
        drop(silent);
    });
    let (mut events, commands) = link(url, rules());
    let mut told = Vec::new();
    while let Some((3, event)) = events.recv().await {
        match event {
            Event::Opened { .. } => told.push("opened".to_owned()),
            Event::Closed { reason, .. } => told.push(reason),
            Event::Arrived(batch) if batch.iter().any(|one| matches!(one.what, Arrived::Data(_))) => break,
            _ => {}
        }
    }
    assert_eq!(told.len(), 3, "{told:?}");
    assert!(told[1].starts_with("nothing came for"), "{told:?}");
    drop(commands);
    drop(events);
    server.await.unwrap();
}

#[tokio::test]
async fn what_is_sent_keeps_to_the_limits_and_the_end_is_told() {
    let (listener, url) = listener().await;
    let server = tokio::spawn(async move {
        let (mut stream, request) = request(&listener).await;
        stream.write_all(&switching(&request)).await.unwrap();
        let began = std::time::Instant::now();
        let mut texts = Vec::new();
        for _ in 0..4 {
            texts.push(String::from_utf8(client_frame(&mut stream).await.1).unwrap());
        }
        assert_eq!(texts, ["0", "1", "2", "3"]);
        assert!(began.elapsed() >= Duration::from_millis(300), "two at once, then two more");
        assert_eq!(client_frame(&mut stream).await.0, 8, "a goodbye");
    });
    let limited = Rules {
        messages: vec![(2, Duration::from_millis(300))],
        ping: None,
        silence: Duration::from_secs(60),
        ..rules()
    };
    let (mut events, commands) = link(url, limited);
    let mut sent = 0;
    while let Some((_, event)) = events.recv().await {
        match event {
            Event::Opened { .. } => {
                for number in 0..4 {
                    commands.send(Command::Send(Send::Text(number.to_string()))).await.unwrap();
                }
            }
            Event::Sent { .. } => {
                sent += 1;
                if sent == 4 {
                    commands.send(Command::End).await.unwrap();
                }
            }
            Event::Closed { reason, .. } => assert_eq!(reason, mtdh_source::live::link::ENDED_HERE),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(sent, 4);
    server.await.unwrap();
}
