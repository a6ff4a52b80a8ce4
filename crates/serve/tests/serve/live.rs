//! What is recorded now: messages, filters, codes, and that nothing is lost or doubled over breaks.

use std::time::Duration;

use mtdh_engine::live::hub::Limits;
use mtdh_engine::live::hub::event::State;
use mtdh_serve::{Options, Token};
use serde_json::{Value, json};

use crate::recorder::{Recorder, START};
use crate::socket::{Frame, Socket};
use crate::support::{Served, served, served_with};

async fn live(recorder: &Recorder) -> Served {
    served_with(Options { live: Some(recorder.hub.clone()), ..Options::default() }).await
}

fn encoded(text: &str) -> String {
    percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
}

fn stream_path(options: &Value) -> String {
    format!("/ws-stream-normalized?options={}", encoded(&options.to_string()))
}

fn asked(words: &[&str]) -> Value {
    json!({"exchange": "deribit", "symbols": ["btc-perpetual"], "dataTypes": words})
}

async fn opened(served: &Served, path: &str) -> Socket {
    Socket::open(served.address, path, "").await.unwrap()
}

/// Waits until so many clients listen.
async fn listening(served: &Served, clients: u64) {
    for _ in 0..2_000 {
        if served.json("/live/status").await.1["listeners"] == clients {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("{clients} clients do not listen");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_recorder_each_endpoint_says_that_nothing_is_recorded() {
    let served = served().await;
    let (status, document) = served.json("/live/status").await;
    assert!(status == 200 && document["is_recording"] == false, "{document}");
    assert!(document["detail"].as_str().unwrap().starts_with("nothing is recorded here"));
    let (status, problem) = served.json("/live/events").await;
    assert_eq!((status, &problem["type"]), (404, &json!("urn:mtdh:nothing-recorded")));
    for path in ["/live/stream".to_owned(), stream_path(&asked(&["trade"]))] {
        let (code, reason) = opened(&served, &path).await.closed().await;
        assert!(code == 1011 && reason.contains("nothing is recorded here"), "{path}: {code} {reason}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn messages_have_the_form_of_tardis_machine_and_begin_with_the_book() {
    let mut recorder = Recorder::new();
    let served = live(&recorder).await;
    recorder.book(true, &[("bid", 9.0, 1.0), ("ask", 10.0, 2.0)]);
    recorder.trade(9.0, 1.0);
    let options = json!([
        {"exchange": "deribit", "symbols": ["btc-perpetual"], "dataTypes": ["book_change", "quote", "trade_bar_2ticks"],
         "withDisconnectMessages": true, "timeoutIntervalMS": 10_000},
        {"exchange": "deribit", "symbols": ["ETH-PERPETUAL"], "dataTypes": ["trade"], "withErrorMessages": true},
    ]);
    let mut socket = opened(&served, &stream_path(&options)).await;
    let unknown: Value = serde_json::from_str(&socket.text().await).unwrap();
    assert_eq!(
        (&unknown["type"], &unknown["details"]),
        (&json!("error"), &json!("not recorded here: ETH-PERPETUAL"))
    );
    let head = r#""symbol":"BTC-PERPETUAL","exchange":"deribit""#;
    let times = |line: i64| {
        format!(
            r#""timestamp":"2026-11-30T12:00:00.{line:03}Z","localTimestamp":"2026-11-30T12:00:00.{line:03}250Z""#
        )
    };
    let quote = |bid: &str, ask: &str, line| {
        format!(
            r#"{{"type":"book_snapshot",{head},"name":"quote","depth":1,"interval":0,"bids":[{bid}],"asks":[{ask}],{}}}"#,
            times(line)
        )
    };
    let (bid, ask) = (r#"{"price":9,"amount":1}"#, r#"{"price":10,"amount":2}"#);
    assert_eq!(
        socket.text().await,
        format!(
            r#"{{"type":"book_change",{head},"isSnapshot":true,"bids":[{bid}],"asks":[{ask}],{}}}"#,
            times(1)
        )
    );
    assert_eq!(socket.text().await, quote(bid, ask, 1));
    recorder.book(false, &[("bid", 9.5, 3.0)]);
    let better = r#"{"price":9.5,"amount":3}"#;
    assert_eq!(
        socket.text().await,
        format!(
            r#"{{"type":"book_change",{head},"isSnapshot":false,"bids":[{better}],"asks":[],{}}}"#,
            times(3)
        )
    );
    assert_eq!(socket.text().await, quote(better, ask, 3));
    // Trades of the other object are sent of this exchange, as there; bars are of what came since.
    recorder.trade(9.5, 2.0);
    recorder.trade(10.0, 2.0);
    let trade = |line, price: &str| {
        format!(
            r#"{{"type":"trade",{head},"id":"{line}","price":{price},"amount":2,"side":"buy",{}}}"#,
            times(line)
        )
    };
    assert_eq!(socket.text().await, trade(4, "9.5"));
    assert_eq!(socket.text().await, trade(5, "10"));
    let bar: Value = serde_json::from_str(&socket.text().await).unwrap();
    assert_eq!(
        (&bar["type"], &bar["open"], &bar["close"], &bar["trades"]),
        (&json!("trade_bar"), &json!(9.5), &json!(10), &json!(2))
    );
    recorder.disconnect();
    assert_eq!(
        socket.text().await,
        r#"{"type":"disconnect","exchange":"deribit","localTimestamp":"2026-11-30T12:00:00.005500Z","symbols":["BTC-PERPETUAL"]}"#
    );
    // Behind it the book is unknown until a snapshot: the change is sent, and no quote is computed of it.
    recorder.book(false, &[("bid", 9.0, 7.0)]);
    recorder.book(true, &[("bid", 8.0, 1.0)]);
    let kinds = [socket.text().await, socket.text().await, socket.text().await];
    let kinds = kinds.map(|text| serde_json::from_str::<Value>(&text).unwrap()["type"].clone());
    assert_eq!(kinds, ["book_change", "book_change", "book_snapshot"]);
    recorder.health(State::Connecting, "refused", 1);
    assert_eq!(
        socket.text().await,
        r#"{"type":"error","exchange":"deribit","localTimestamp":"2026-11-30T12:00:00.007000Z","details":"refused","subSequentErrorsCount":1}"#
    );
    recorder.health(State::Connecting, "refused", 50);
    let reason = "Too many subsequent errors when connecting to  deribit WS API".to_owned();
    assert_eq!(socket.closed().await, (1011, reason));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hostile_options_are_closed_with_a_reason() {
    let recorder = Recorder::new();
    let served = live(&recorder).await;
    let with = |more: Value| {
        let mut options = asked(&["trade"]);
        options.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        options.to_string()
    };
    let deep = format!("{}1{}", "[".repeat(9_000), "]".repeat(8_999));
    for (options, words) in [
        (String::new(), "it is empty"),
        ("{".to_owned(), "options is no JSON"),
        (deep, "options is no JSON"),
        ("[]".to_owned(), "empty array"),
        ("[1]".to_owned(), "options holds 1"),
        ("{}".to_owned(), "lacks \"exchange\""),
        (json!({"exchange": "deribit"}).to_string(), "lacks \"dataTypes\""),
        (
            json!({"exchange": "bitmex", "dataTypes": ["trade"]}).to_string(),
            "Invalid \"exchange\" argument: bitmex",
        ),
        (json!({"exchange": "deribit", "dataTypes": ["trades"]}).to_string(), "do you mean \"trade\"?"),
        (with(json!({"symbols": "BTC"})), "not an array of texts"),
        (with(json!({"symbols": ["x".repeat(300)]})), "not a short text"),
        (with(json!({"symbols": vec!["x"; 2_001]})), "2001 symbols"),
        (with(json!({"from": "2024-03-01"})), "a live stream has no dates"),
        (with(json!({"withErrorMessages": 1})), "not true or false"),
        (with(json!({"nonsense": 1})), "no member \"nonsense\""),
        (Value::from(vec![asked(&["trade"]); 65]).to_string(), "65 options"),
    ] {
        let path = format!("/ws-stream-normalized?options={}", encoded(&options));
        let (code, reason) = opened(&served, &path).await.closed().await;
        let shown = &options[..options.len().min(80)];
        assert!(code == 1011 && reason.contains(words) && reason.len() <= 123, "{shown}: {code} {reason}");
    }
    let (code, reason) = opened(&served, "/ws-stream-normalized").await.closed().await;
    assert!(code == 1011 && reason.starts_with("Error: "), "{code} {reason}");
    let mut socket = opened(&served, &stream_path(&asked(&["trade"]))).await;
    socket.say(1_000).await;
    socket.say((512 << 10) + 1).await;
    assert_eq!(socket.closed().await.0, 1009);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_takes_nothing_is_closed_and_delays_no_other() {
    let mut recorder = Recorder::with(Limits { waiting_events: 500, ..Limits::default() });
    let served = live(&recorder).await;
    for path in [stream_path(&asked(&["trade"])), "/live/stream?type=trades".to_owned()] {
        let mut slow = opened(&served, &path).await;
        let mut fast = opened(&served, "/live/stream?type=trades").await;
        listening(&served, 2).await;
        assert_eq!(fast.text().await, "{\"event\":\"begin\",\"from\":\"now\"}\n");
        let mut sent = 0;
        // As much as no buffer of the machine takes.
        while served.json("/live/status").await.1["listeners"] == 2 && sent < 1_000_000 {
            for _ in 0..200 {
                recorder.trade(9.0, 1.0);
                sent += 1;
            }
            for _ in 0..200 {
                fast.text().await;
            }
        }
        let mut last = String::new();
        let closed = loop {
            match slow.frame().await {
                Frame::Text(text) => last = text,
                Frame::Close(code, reason) => break (code, reason),
                Frame::Other(_) => {}
            }
        };
        assert_eq!(closed, (1008, "Too much backpressure".to_owned()), "{path} after {sent}");
        let is_told = last.starts_with("{\"event\":\"lagged\",\"reason\":\"slow\",\"missed\":");
        assert_eq!(is_told, path.starts_with("/live"), "{last}");
        drop(fast);
        listening(&served, 0).await;
    }
}

/// The events of a piece of an answer that were whole, as id and data, and what is left.
fn parsed(text: &mut String) -> Vec<(Option<String>, Vec<String>)> {
    let mut events = Vec::new();
    while let Some((event, rest)) = text.split_once("\n\n") {
        let field = |name: &str| {
            event.lines().filter_map(|line| line.strip_prefix(name)).map(str::to_owned).collect()
        };
        let id: Vec<String> = field("id: ");
        let data: Vec<String> = field("data: ");
        events.push((id.into_iter().next(), data));
        *text = rest.to_owned();
    }
    events
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_go_on_where_a_client_left_off_without_loss_or_doubling() {
    let mut recorder = Recorder::new();
    let served = live(&recorder).await;
    let (mut ids, mut last, mut breaks) = (Vec::new(), None::<String>, 0);
    let mut seed = 0x2545_f491_4f6c_dd1d_u64;
    let client = reqwest::Client::new();
    let mut sent = 0;
    while breaks < 50 || ids.len() < sent {
        let mut request = client.get(served.url("/live/events?type=trades"));
        if let Some(last) = &last {
            request = request.header("Last-Event-ID", last);
        }
        let mut answer = request.send().await.unwrap();
        // The first answer begins before anything is sent.
        let mut text = String::from_utf8(answer.chunk().await.unwrap().unwrap().to_vec()).unwrap();
        assert!(text.starts_with("retry: 1000\n"), "{text}");
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let many = if breaks < 50 { (seed >> 33) as usize % 300 } else { 0 };
        for _ in 0..many {
            recorder.trade(9.0, 1.0);
            sent += 1;
        }
        let enough = ids.len() + (seed >> 45) as usize % (sent - ids.len() + 1);
        let enough = if breaks >= 50 { sent } else { enough };
        while ids.len() < enough {
            let piece = answer.chunk().await.unwrap().unwrap();
            text.push_str(std::str::from_utf8(&piece).unwrap());
            for (id, data) in parsed(&mut text) {
                for line in &data {
                    let line: Value = serde_json::from_str(line).unwrap();
                    assert_ne!(line["event"], "lagged", "{line}");
                    if line["event"] == "row" {
                        ids.push(line["id"].as_str().unwrap().parse::<usize>().unwrap());
                    }
                }
                last = id.or(last);
            }
        }
        breaks += 1;
    }
    assert_eq!(ids, (1..=sent).collect::<Vec<_>>());
    // What is gone is told, and nobody is misled.
    for (after, begin) in [("1:5", "later"), ("1796040000000000:999999", "later")] {
        let mut answer = served.get(&format!("/live/events?after={after}")).await;
        let text = String::from_utf8(answer.chunk().await.unwrap().unwrap().to_vec()).unwrap();
        assert!(text.contains(&format!("\"from\":\"{begin}\"")) && text.contains("event: lagged"), "{text}");
    }
    let (status, problem) = served.json("/live/events?after=nonsense").await;
    assert_eq!((status, &problem["parameter"]), (400, &json!("after")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn filters_choose_and_quotes_are_conflated() {
    let mut recorder = Recorder::new();
    let served = live(&recorder).await;
    let mut sockets = Vec::new();
    for query in [
        "type=trades",
        "type=book_ticker&symbol=btc-perpetual&conflate=true",
        "channels=ticks:DERIBIT:PERP:BTC-USD:trades",
        "symbol=ETH-PERPETUAL",
        "exchange=deribit&type=notes",
    ] {
        let mut socket = opened(&served, &format!("/live/stream?{query}")).await;
        assert_eq!(socket.text().await, "{\"event\":\"begin\",\"from\":\"now\"}\n");
        sockets.push(socket);
    }
    recorder.trade(9.0, 1.0);
    recorder.quote(5.0);
    recorder.health(State::Connecting, "", 0);
    let mut got = Vec::new();
    for place in [0, 1, 2, 4] {
        let line: Value = serde_json::from_str(&sockets[place].text().await).unwrap();
        got.push(if line["event"] == "row" { line["data_type"].clone() } else { line["event"].clone() });
    }
    assert_eq!(got, ["trades", "book_ticker", "trades", "health"]);
    for (query, parameter) in [
        ("exchange=bitmex", "exchange"),
        ("type=trade", "type"),
        ("timeframe=7m", "timeframe"),
        ("channels=bars:X:1m", "channels"),
        ("channels=ticks:X:trades&type=trades", "channels"),
        ("conflate=maybe", "conflate"),
        ("nonsense=1", "nonsense"),
    ] {
        let (status, problem) = served.json(&format!("/live/events?{query}")).await;
        assert_eq!((status, &problem["parameter"]), (400, &json!(parameter)), "{query}: {problem}");
        let (code, _) = opened(&served, &format!("/live/stream?{query}")).await.closed().await;
        assert_eq!(code, 1011, "{query}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_rule_of_the_server_holds_on_each_route() {
    let recorder = Recorder::new();
    let token = "0123456789abcdef0123456789abcdef";
    let served = served_with(Options {
        live: Some(recorder.hub.clone()),
        token: Some(Token::new(token).unwrap()),
        ..Options::default()
    })
    .await;
    let bearer = format!("Authorization: Bearer {token}\r\n");
    let sockets = ["/live/stream".to_owned(), stream_path(&asked(&["trade"]))];
    for path in &sockets {
        for (headers, expected) in [
            (String::new(), Some(401)),
            ("Authorization: Bearer wrong\r\n".to_owned(), Some(401)),
            (format!("{bearer}Host: evil.example\r\n"), Some(403)),
            (format!("{bearer}Origin: https://evil.example\r\n"), Some(403)),
            (format!("{bearer}Origin: null\r\n"), Some(403)),
            (bearer.clone(), None),
        ] {
            let got = Socket::open(served.address, path, &headers).await.err();
            assert_eq!(got, expected, "{path} {headers:?}");
        }
    }
    let client = reqwest::Client::new();
    for path in ["/live/events", "/live/status", "/live"] {
        for (name, value, status) in
            [("x-none", "", 401), ("authorization", "Bearer wrong", 401), ("host", "evil.example", 403)]
        {
            let request = client.get(served.url(path)).header(name, value);
            assert_eq!(request.send().await.unwrap().status(), status, "{path} {name}");
        }
        let request = client.get(served.url(path)).bearer_auth(token);
        assert_eq!(request.send().await.unwrap().status(), 200, "{path}");
    }
    for path in ["/live/events", "/live/status"] {
        assert_eq!(client.post(served.url(path)).bearer_auth(token).send().await.unwrap().status(), 405);
    }
    for path in &sockets {
        assert_eq!(client.get(served.url(path)).bearer_auth(token).send().await.unwrap().status(), 426);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn when_the_server_stops_streams_are_closed_and_events_end_whole() {
    let recorder = Recorder::new();
    let served = live(&recorder).await;
    let mut sockets =
        [opened(&served, "/live/stream").await, opened(&served, &stream_path(&asked(&["trade"]))).await];
    let mut events = served.get("/live/events").await;
    events.chunk().await.unwrap().unwrap();
    listening(&served, 3).await;
    served.stop();
    for socket in &mut sockets {
        let (code, reason) = socket.closed().await;
        assert!(code == 1001 && reason.contains("the server stops"), "{code} {reason}");
    }
    // An end that is none is an error here.
    while events.chunk().await.unwrap().is_some() {}
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_status_tells_of_each_stream() {
    let mut recorder = Recorder::new();
    let served = live(&recorder).await;
    recorder.trade(9.0, 1.0);
    recorder.trade(9.0, 1.0);
    let (_, document) = served.json("/live/status").await;
    let venue = &document["venues"][0];
    assert_eq!((&venue["exchange"], &venue["state"]), (&json!("deribit"), &json!("recording")));
    let streams = venue["streams"].as_array().unwrap();
    let shown: Vec<_> = streams
        .iter()
        .map(|one| {
            (
                one["data_type"].as_str().unwrap(),
                one["state"].as_str().unwrap(),
                one["rows"].as_u64().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        shown,
        [("book_ticker", "waiting", 0), ("incremental_book_L2", "waiting", 0), ("trades", "recording", 2)]
    );
    let at = mtdh_core::moment::TimeValue::Moment(START + 2_250).to_string();
    assert_eq!(
        streams[2]["last_arrival"].as_str().unwrap().replace(".002250", ""),
        at.replace(".002250", "")
    );
}
