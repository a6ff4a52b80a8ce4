//! The faults: the effect of each on a client.

use std::time::{Duration, Instant};

use futures::StreamExt;
use mtdh_core::DataType;
use mtdh_sim::{
    Attempts, ColumnChange, Config, ErrorBody, FULL_KEY, Fault, FaultKind, Host, Options, RetryAfter, Sim,
    TrailerPart,
};
use reqwest::Response;

use crate::{client, error, get, gunzip, path, small, start};

fn file() -> String {
    path("binance", DataType::Trades, "2024-03-01", "BTCUSDT")
}

async fn with(kind: FaultKind) -> Sim {
    start(Config { faults: vec![Fault::always(Host::Datasets, "BTCUSDT", kind)], ..small() }).await
}

/// Reads a body: the received bytes, and whether it ended without an error.
async fn read(response: Response) -> (usize, bool) {
    let mut stream = response.bytes_stream();
    let mut bytes = 0;
    while let Some(piece) = stream.next().await {
        match piece {
            Ok(piece) => bytes += piece.len(),
            Err(_) => return (bytes, false),
        }
    }
    (bytes, true)
}

#[tokio::test]
async fn statuses_and_pages() {
    for (kind, status, part) in [
        (FaultKind::Status { status: 503, body: ErrorBody::Own }, 503, "\"code\":503"),
        (FaultKind::Status { status: 500, body: ErrorBody::Html }, 500, "<html"),
        (FaultKind::Status { status: 502, body: ErrorBody::Empty }, 502, ""),
        (FaultKind::KeyLocked { retry_after_seconds: 893 }, 403, "\"retryAfterSeconds\":893"),
        (
            FaultKind::Words { status: 400, body: "{\"as\": \"told\"}".into(), etag: None },
            400,
            "{\"as\": \"told\"}",
        ),
        (FaultKind::EdgeBlocked, 403, "Attention Required"),
        (FaultKind::EdgeDown, 520, "<!DOCTYPE html>"),
        (FaultKind::WebPage, 200, "<html"),
    ] {
        let response = get(&with(kind.clone()).await, &file()).await;
        assert_eq!(response.status(), status, "{kind:?}");
        let body = response.text().await.unwrap();
        assert!(body.contains(part), "{kind:?}: {body}");
    }
}

#[tokio::test]
async fn inflating_bodies_and_redirects_to_other_hosts() {
    let (start, piece, end) = ("[0".to_owned(), ",1".to_owned(), "]".to_owned());
    let response = get(&with(FaultKind::Swollen { start, piece, times: 100_000, end }).await, &file()).await;
    assert_eq!(response.headers()["content-encoding"], "gzip");
    let body = response.bytes().await.unwrap();
    assert!(body.len() < 2000, "{}", body.len());
    assert_eq!(gunzip(&body), format!("[0{}]", ",1".repeat(100_000)));
    let to = "http://169.254.169.254/latest".to_owned();
    let response = get(&with(FaultKind::RedirectTo { to: to.clone() }).await, &file()).await;
    assert_eq!(
        (response.status().as_u16(), response.headers()["location"].to_str().unwrap()),
        (302, to.as_str())
    );
}

#[tokio::test]
async fn too_many_requests_with_every_retry_after() {
    for (retry_after, expected) in [
        (RetryAfter::Absent, None),
        (RetryAfter::Seconds(2), Some("2")),
        (RetryAfter::Seconds(86_400), Some("86400")),
        (RetryAfter::DateIn(60), Some("GMT")),
    ] {
        let response = get(&with(FaultKind::TooManyRequests { retry_after }).await, &file()).await;
        let header = response.headers().get("retry-after").map(|value| value.to_str().unwrap().to_owned());
        assert_eq!(header.is_some(), expected.is_some());
        assert!(header.unwrap_or_default().ends_with(expected.unwrap_or_default()));
        assert_eq!(error(response).await.0, 429);
    }
}

#[tokio::test]
async fn a_fault_of_the_first_attempts_only() {
    let kind = FaultKind::Status { status: 503, body: ErrorBody::Own };
    let fault =
        Fault { attempts: Attempts::UpTo(2), ..Fault::always(Host::Datasets, "trades/*BTCUSDT", kind) };
    let sim = start(Config { faults: vec![fault.clone()], ..small() }).await;
    for (attempt, status) in [(1, 503), (2, 503), (3, 200)] {
        let retry = if attempt > 1 { format!("?retryAttempt={}", attempt - 1) } else { String::new() };
        assert_eq!(get(&sim, &format!("{}{retry}", file())).await.status(), status);
    }
    let statuses: Vec<(u32, u16)> = sim.requests().iter().map(|r| (r.attempt, r.status)).collect();
    assert_eq!(statuses, [(1, 503), (2, 503), (3, 200)]);
    sim.set_faults(vec![fault]);
    assert_eq!(get(&sim, &file()).await.status(), 503, "attempts count from the new faults on");
}

#[tokio::test]
async fn a_fault_of_one_request_of_many() {
    let kind = FaultKind::Status { status: 503, body: ErrorBody::Own };
    let fault = Fault { requests: Attempts::Only(vec![2]), ..Fault::always(Host::Datasets, "trades", kind) };
    let sim = start(Config { faults: vec![fault], ..small() }).await;
    let mut statuses = Vec::new();
    for symbol in ["BTCUSDT", "ETHUSDT", "ETHUSDT"] {
        statuses.push(
            get(&sim, &path("binance", DataType::Trades, "2024-03-01", symbol)).await.status().as_u16(),
        );
        get(&sim, "/exchanges").await;
    }
    assert_eq!(statuses, [200, 503, 200]);
}

#[tokio::test]
async fn the_control_api_sets_faults_and_lists_requests() {
    let sim = start(small()).await;
    let put = |name: &str, body: &str| {
        client().put(format!("{}/{name}", sim.control_url())).body(body.to_owned()).send()
    };
    let faults = r#"[{"host": "datasets", "kind": {"status": {"status": 503}}}]"#;
    assert_eq!(put("faults", faults).await.unwrap().status(), 200);
    assert_eq!(get(&sim, &file()).await.status(), 503);
    assert_eq!(put("faults", "[]").await.unwrap().status(), 200);
    assert_eq!(put("options", r#"{"redirect": "always"}"#).await.unwrap().status(), 200);
    assert_eq!(get(&sim, &file()).await.status(), 302);
    for (name, body) in [("faults", r#"[{"host": "moon", "kind": "reset"}]"#), ("options", "{")] {
        assert_eq!(put(name, body).await.unwrap().status(), 400);
    }
    let ask = |path: &str| client().get(format!("{}/{path}", sim.control_url())).send();
    let log: serde_json::Value =
        serde_json::from_slice(&ask("requests").await.unwrap().bytes().await.unwrap()).unwrap();
    let statuses: Vec<_> = log.as_array().unwrap().iter().map(|r| r["status"].as_u64().unwrap()).collect();
    assert_eq!(statuses, [503, 302], "control requests are not logged");
    assert_eq!(ask("unfinished/lake").await.unwrap().text().await.unwrap(), "0");
    assert_eq!(ask("nothing").await.unwrap().status(), 404);
}

#[tokio::test]
async fn a_hang_and_a_refused_connection() {
    let sim = with(FaultKind::Hang).await;
    let file = file();
    let waiting = tokio::time::timeout(Duration::from_millis(300), get(&sim, &file)).await;
    assert!(waiting.is_err(), "no answer comes");
    let response = get(&with(FaultKind::DeadRedirect).await, &file).await;
    let target = response.headers()["location"].to_str().unwrap().to_owned();
    assert!(client().get(target).send().await.unwrap_err().is_connect());
}

#[tokio::test]
async fn uploads_are_damaged_or_executed_twice() {
    for (kind, kept, status, own_tag) in [
        (FaultKind::DamageUpload, &b"he\x64lo"[..], 200, false),
        (FaultKind::OtherChecksum, b"hello", 200, false),
        (FaultKind::CarryOutTwice, b"hello", 412, true),
    ] {
        let sim = start(Config { faults: vec![Fault::once(Host::Gcs, "a", kind.clone())], ..small() }).await;
        sim.create_bucket("lake");
        let put = client().put(format!("{}/lake/a", sim.gcs_url())).header("x-goog-if-generation-match", "0");
        let response = put.body("hello").send().await.unwrap();
        assert_eq!(response.status(), status, "{kind:?}");
        let tag =
            response.headers().get("etag").map(|tag| tag.to_str().unwrap().trim_matches('"').to_owned());
        let right = "5d41402abc4b2a76b9719d911017c592";
        assert!(own_tag || tag.unwrap() != right, "{kind:?}");
        assert_eq!(sim.bucket_objects("lake")[0].1, kept, "{kind:?}");
    }
}

#[tokio::test]
async fn a_reset_precedes_any_response() {
    let sim = with(FaultKind::Reset).await;
    let failure = client().get(format!("{}{}", sim.datasets_url(), file())).send().await.unwrap_err();
    let chain = std::iter::successors(Some(&failure as &dyn std::error::Error), |e| e.source());
    let words: Vec<String> = chain.map(|e| e.to_string()).collect();
    assert!(words.iter().any(|text| text.contains("reset")), "{words:?}");
    assert_eq!(sim.requests()[0].status, 0);
    assert_eq!(get(&sim, "/exchanges").await.status(), 200, "other requests go on");
}

#[tokio::test]
async fn cuts_stalls_and_drips() {
    let whole = get(&start(small()).await, &file()).await.content_length().unwrap() as usize;
    for chunked in [false, true] {
        for after in [0, 700, whole as u64 - 1] {
            let response = get(&with(FaultKind::Cut { after, chunked }).await, &file()).await;
            assert_eq!(response.status(), 200);
            assert_eq!(response.content_length(), (!chunked).then_some(whole as u64));
            assert_eq!(read(response).await, (after as usize, false), "cut after {after}, chunked {chunked}");
        }
    }
    let sim = with(FaultKind::Stall { after: 700 }).await;
    let response = get(&sim, &file()).await;
    let waiting = tokio::time::timeout(Duration::from_millis(300), read(response)).await;
    assert!(waiting.is_err(), "nothing follows the 700th byte, and the body does not end");

    let sim = with(FaultKind::Drip { bytes_per_second: whole as u64 * 4 }).await;
    let begun = Instant::now();
    assert_eq!(read(get(&sim, &file()).await).await, (whole, true));
    assert!(begun.elapsed() > Duration::from_millis(180), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn damaged_bodies_have_the_right_length() {
    let sound = get(&start(small()).await, &file()).await.bytes().await.unwrap();
    for (kind, length) in [
        (FaultKind::FlipByte { at: 1000 }, sound.len()),
        (FaultKind::FlipBit { at: 1000 }, sound.len()),
        (FaultKind::Junk { bytes: 100 }, sound.len() + 100),
        (FaultKind::Truncate { keep: 1000 }, 1000),
        (FaultKind::WrongTrailer { part: TrailerPart::Crc }, sound.len()),
        (FaultKind::WrongTrailer { part: TrailerPart::Length }, sound.len()),
    ] {
        let response = get(&with(kind.clone()).await, &file()).await;
        assert_eq!(response.content_length(), Some(length as u64), "{kind:?}");
        let body = response.bytes().await.unwrap();
        assert_eq!(body.len(), length);
        let mut text = Vec::new();
        let read = std::io::Read::read_to_end(&mut flate2::read::MultiGzDecoder::new(&body[..]), &mut text);
        assert!(read.is_err(), "{kind:?} must not decompress");
    }
}

#[tokio::test]
async fn wrong_rows_are_in_an_intact_file() {
    let header = DataType::Trades.table().csv_header();
    for (kind, first_line, part) in [
        (FaultKind::OtherSymbol, header.clone(), "binance,OTHER-SYMBOL,"),
        (FaultKind::OtherDay, header.clone(), ",17092"),
        (FaultKind::Columns { change: ColumnChange::Missing }, header.replace(",amount", ""), ",buy,"),
        (FaultKind::Columns { change: ColumnChange::Renamed }, header.replace("amount", "renamed"), ",buy,"),
        (
            FaultKind::Columns { change: ColumnChange::Reordered },
            header.replace("price,amount", "amount,price"),
            ",buy,",
        ),
        (FaultKind::Columns { change: ColumnChange::Extra }, format!("{header},extra"), ",1\n"),
    ] {
        let text = gunzip(&get(&with(kind.clone()).await, &file()).await.bytes().await.unwrap());
        assert_eq!(text.lines().next().unwrap(), first_line, "{kind:?}");
        assert!(text.contains(part), "{kind:?}");
    }
}

#[tokio::test]
async fn a_request_with_a_lost_reply_was_executed() {
    let fault =
        Fault { method: Some("PUT".into()), ..Fault::once(Host::Gcs, "part-1", FaultKind::LoseReply) };
    let sim = start(Config { faults: vec![fault], ..small() }).await;
    sim.create_bucket("lake");
    let url = format!("{}/lake/part%2D1", sim.gcs_url());
    let put = || client().put(&url).header("x-goog-if-generation-match", "0").body("hello").send();
    assert!(put().await.is_err());
    assert_eq!(sim.bucket_objects("lake"), [("part-1".to_owned(), "hello".into())]);
    assert_eq!(put().await.unwrap().status(), 412);
}

#[tokio::test]
async fn gcs_faults_use_its_error_formats() {
    let failing = |status| FaultKind::Status { status, body: ErrorBody::Own };
    let faults = vec![
        Fault::once(Host::Gcs, "lake/a", failing(503)),
        Fault::once(Host::Gcs, "lake/b", failing(412)),
        Fault::once(Host::Gcs, "lake/c", FaultKind::TooManyRequests { retry_after: RetryAfter::Seconds(1) }),
        Fault::once(Host::Gcs, "/storage/v1", failing(503)),
    ];
    let sim = start(Config { faults, ..small() }).await;
    sim.create_bucket("lake");
    for (name, status, code) in
        [("a", 503, "ServiceUnavailable"), ("b", 412, "PreconditionFailed"), ("c", 429, "SlowDown")]
    {
        let response = client().put(format!("{}/lake/{name}", sim.gcs_url())).body("x").send().await.unwrap();
        assert_eq!(response.status(), status);
        assert!(response.text().await.unwrap().contains(&format!("<Code>{code}</Code>")));
    }
    let json = client().get(format!("{}/storage/v1/b/lake", sim.gcs_url())).send().await.unwrap();
    let body: serde_json::Value = serde_json::from_slice(&json.bytes().await.unwrap()).unwrap();
    assert_eq!(body["error"]["errors"][0]["reason"], "backendError");
}

#[tokio::test]
async fn a_stale_listing_lacks_the_last_change() {
    let sim = start(small()).await;
    sim.create_bucket("lake");
    for name in ["one", "two"] {
        client().put(format!("{}/lake/{name}", sim.gcs_url())).body("x").send().await.unwrap();
    }
    sim.set_faults(vec![Fault::once(Host::Gcs, "list-type=2", FaultKind::StaleListing)]);
    let list = || async {
        let url = format!("{}/lake?list-type=2", sim.gcs_url());
        let text = client().get(url).send().await.unwrap().text().await.unwrap();
        text.matches("<Key>").count()
    };
    assert_eq!((list().await, list().await), (1, 2));
}

#[tokio::test]
async fn stopping_ends_open_connections() {
    let sim = with(FaultKind::Stall { after: 10 }).await;
    let response =
        client().get(format!("{}{}", sim.datasets_url(), file())).bearer_auth(FULL_KEY).send().await.unwrap();
    let url = sim.api_url();
    sim.stop().await;
    assert!(!read(response).await.1);
    assert!(client().get(format!("{url}/exchanges")).send().await.is_err());
}

#[tokio::test]
async fn requests_in_flight_are_counted() {
    let sim = start(Config {
        faults: vec![Fault::always(Host::Datasets, "", FaultKind::Drip { bytes_per_second: 20_000 })],
        options: Options::default(),
        ..small()
    })
    .await;
    let asks = (0..5).map(|_| async { read(get(&sim, &file()).await).await });
    futures::future::join_all(asks).await;
    let most = sim.requests().iter().map(|request| request.in_flight).max();
    assert_eq!(most, Some(5));
}
