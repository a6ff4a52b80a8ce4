//! What an exchange, or whoever speaks in its place, can make a connection keep: frames, messages, what is inflated, symbols.

use std::time::Duration;

use mtdh_core::DataType;
use mtdh_source::http::HttpClient;
use mtdh_source::live::feed::{ConnectionId, Frame};
use mtdh_source::live::link::{Event, Rules};
use mtdh_source::live::out::{Out, Request};
use mtdh_source::live::rest::{self, Answer};
use mtdh_source::live::socket::{Arrived, Socket};
use mtdh_source::live::venue::Want;
use mtdh_source::live::venues;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::mpsc;

use crate::server::{Reply, Server};
use crate::sockets::{frame, link, listener, request, rules, switching};

const MIB: usize = 1 << 20;

/// A frame of a server with any first byte and any length.
fn long_frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let length = u64::try_from(payload.len()).unwrap().to_be_bytes();
    [&[first, 127][..], &length, payload].concat()
}

/// A message in parts of a MiB.
fn in_parts(parts: usize) -> Vec<u8> {
    let part = vec![b'x'; MIB];
    let first = |place: usize| match place {
        0 => 0x01,
        _ if place + 1 == parts => 0x80,
        _ => 0x00,
    };
    (0..parts).flat_map(|place| long_frame(first(place), &part)).collect()
}

/// What each socket does with the bytes that come after its handshake.
async fn next_after(bytes: Vec<u8>) -> Result<Arrived, String> {
    let (listener, url) = listener().await;
    let server = tokio::spawn(async move {
        let (mut stream, request) = request(&listener).await;
        stream.write_all(&switching(&request)).await.unwrap();
        // The client may be gone before it is all written.
        let _gone = stream.write_all(&bytes).await;
        let _gone = stream.read(&mut [0; 64]).await;
    });
    let mut socket = Socket::connect(&url).await.unwrap();
    let next = socket.next().await.map_err(|ended| {
        assert!(!ended.is_clean && ended.reason.len() <= 400, "{ended:?}");
        ended.reason
    });
    drop(socket);
    server.await.unwrap();
    next
}

#[tokio::test]
async fn a_frame_that_no_exchange_may_send_ends_the_socket() {
    for (what, bytes) in [
        ("a frame of 17 MiB", long_frame(0x82, &vec![0; 17 * MIB])),
        ("a frame that says it has all that 63 bits hold", [&[0x82, 127][..], &[0x7f; 8]].concat()),
        ("a message of 17 MiB in parts", in_parts(17)),
        // Nothing is inflated, as no extension was asked for: a small frame stays small.
        ("a compressed frame", [vec![0xc1, 4], vec![0x4a, 0x4c, 0x04, 0x00]].concat()),
        ("a frame of another extension", [vec![0xa1, 1], vec![b'x']].concat()),
        ("an unknown kind of frame", frame(3, b"x")),
        ("a ping of 200 bytes", [vec![0x89, 126, 0, 200], vec![0; 200]].concat()),
        ("a ping in parts", vec![0x09, 1, b'x']),
        ("the rest of a message that never began", frame(0, b"x")),
    ] {
        assert!(next_after(bytes).await.is_err(), "{what}");
    }
    assert!(
        next_after(in_parts(15)).await.is_ok_and(|all| all == Arrived::Data(vec![b'x'; 15 * MIB].into()))
    );
}

#[tokio::test]
async fn after_a_frame_beyond_the_bounds_the_link_opens_again() {
    let (listener, url) = listener().await;
    let server = tokio::spawn(async move {
        let (mut first, of_first) = request(&listener).await;
        let bytes =
            [switching(&of_first), frame(1, b"good"), long_frame(0x81, &vec![b'x'; 17 * MIB])].concat();
        let _gone = first.write_all(&bytes).await;
        let (mut second, of_second) = request(&listener).await;
        second.write_all(&[switching(&of_second), frame(1, b"good again")].concat()).await.unwrap();
        let _gone = second.read(&mut [0; 64]).await;
    });
    let quiet = Rules { ping: None, silence: Duration::from_secs(60), ..rules() };
    let (mut events, commands) = link(url, quiet);
    let (mut ended, mut came) = (Vec::new(), Vec::new());
    while came.len() < 2 {
        match events.recv().await.unwrap().1 {
            Event::Closed { reason, .. } => ended.push(reason),
            Event::Arrived(batch) => came.extend(batch.into_iter().map(|one| one.what)),
            _ => {}
        }
    }
    assert_eq!(came, [Arrived::Data("good".into()), Arrived::Data("good again".into())]);
    assert!(ended.len() == 1 && ended[0].contains("too"), "{ended:?}");
    drop((events, commands));
    server.await.unwrap();
}

/// What is made of the answer to a request by REST.
async fn answer(reply: Reply) -> (Answer, Option<String>) {
    let server = Server::start(vec![reply]).await;
    let (ask, requests) = mpsc::channel(4);
    let (answers, mut answered) = mpsc::channel(4);
    let http = HttpClient::exchange().unwrap();
    let running = tokio::spawn(rest::run(http, Some(server.url()), Vec::new(), requests, answers));
    let wanted = Request { name: "x@depth".to_owned(), path: "/depth".to_owned(), weight: 1, not_before: 0 };
    ask.send(wanted).await.unwrap();
    let answer = answered.recv().await.unwrap();
    running.abort();
    let coding = server.asked().first().and_then(|asked| asked.header("accept-encoding").map(str::to_owned));
    (answer, coding)
}

#[tokio::test]
async fn answers_by_rest_are_asked_for_as_they_are_and_bounded() {
    let (whole, coding) = answer(Reply::new(200, "{}")).await;
    assert_eq!((whole.status, whole.body.as_slice(), coding.as_deref()), (200, &b"{}"[..], Some("identity")));
    let (long, _) = answer(Reply::new(200, vec![b' '; 17 * MIB])).await;
    assert_eq!((long.status, long.body.len()), (0, 0), "as if none had come");
}

#[test]
fn of_symbols_that_nobody_asked_for_only_so_many_are_kept() {
    const MOST: usize = 10_000;
    let venue = venues::find("binance").unwrap();
    let data_types = vec![DataType::Trades, DataType::IncrementalBookL2];
    // Without symbols all that is named is followed, as of a recording.
    for (symbols, expected) in [(Vec::new(), MOST), (vec!["S7".to_owned()], 1)] {
        let want = Want { symbols, data_types: data_types.clone(), is_recorded: true };
        let mut feed = venue.feed(&want, &venue.plan(&want));
        let (mut out, mut rows) = (Out::default(), 0);
        feed.opened(ConnectionId(0), 0, &mut out);
        for n in 0..MOST + 5_000 {
            let text = format!(
                r#"{{"stream":"s{n}@trade","data":{{"e":"trade","E":1,"s":"S{n}","t":1,"p":"1","q":"1","T":1,"m":true,"M":true}}}}"#
            );
            feed.message(ConnectionId(0), Frame::Data(text.as_bytes()), 1, &mut out);
            rows += out.rows.take().batches.iter().map(|(_, batch)| batch.num_rows()).sum::<usize>();
        }
        assert_eq!(rows, expected);
    }
}
