//! What becomes of each answer to a request for a file.

use std::io::Read;
use std::path::Path;
use std::time::{Duration, Instant};

use mtdh_core::DataType;
use mtdh_core::error::chain;
use mtdh_source::http::HttpClient;
use mtdh_source::http::rate_limit::Budget;
use mtdh_source::tardis::datasets::{Answer, Archive, Datasets, FetchError};
use mtdh_source::tardis::vendor_file::VendorFile;

use crate::server::{KEY, PAGE, Reply, Server, client, gzip, policy};

const PLAIN: &[u8] = b"exchange,symbol\nderibit,BTC-PERPETUAL\n";

fn file() -> VendorFile {
    VendorFile {
        exchange: "deribit".to_owned(),
        data_type: DataType::Trades,
        day: "2024-03-01".parse().unwrap(),
        symbol: "BTC-PERPETUAL".to_owned(),
    }
}

fn sent() -> Reply {
    Reply::new(200, gzip(PLAIN)).header("etag", "\"e1\"")
}

fn archive(server: &Server, http: HttpClient) -> Archive {
    Archive::Service(Datasets::new(http, server.url(), policy()))
}

async fn fetch(server: &Server, refetch: u32) -> Result<Answer, FetchError> {
    let spool = tempfile::tempdir().unwrap();
    let answer = archive(server, client()).fetch(&file(), refetch, spool.path(), &|_| {}).await;
    assert!(is_empty(spool.path()), "what was fetched has no name");
    answer
}

fn is_empty(folder: &Path) -> bool {
    std::fs::read_dir(folder).unwrap().next().is_none()
}

/// An outcome as one text. The key may show neither here nor in any debug output.
fn text(server: &Server, outcome: Result<Answer, FetchError>) -> String {
    let debug = format!("{outcome:?}");
    let text = match outcome {
        Ok(Answer::File(spooled)) => {
            let etag = spooled.etag.clone().unwrap_or_default();
            let mut bytes = Vec::new();
            spooled.into_reader().unwrap().read_to_end(&mut bytes).unwrap();
            assert_eq!(bytes, gzip(PLAIN), "the file is kept as it came");
            format!("file {etag}")
        }
        Ok(Answer::Absent { reason }) => format!("absent: {reason}"),
        Err(error) => chain(&error),
    };
    assert!(!debug.contains(KEY) && !text.contains(KEY), "{debug}");
    server.without_address(&text)
}

struct Case {
    name: &'static str,
    script: Vec<Reply>,
    /// How the outcome's text begins.
    outcome: &'static str,
    requests: usize,
}

/// Fetches by a script and compares outcome and number of requests. Each further request says which one it is.
async fn check(
    name: &'static str,
    script: impl IntoIterator<Item = Reply>,
    outcome: &'static str,
    requests: usize,
) {
    let case = Case { name, script: script.into_iter().collect(), outcome, requests };
    let server = Server::start(case.script).await;
    let found = text(&server, fetch(&server, 0).await);
    assert!(found.starts_with(case.outcome), "{}: {found}", case.name);
    let retries: Vec<String> = (0..case.requests)
        .map(|attempt| if attempt == 0 { String::new() } else { format!("retryAttempt={attempt}") })
        .collect();
    assert_eq!(server.queries(), retries, "{}", case.name);
    let path = "/v1/deribit/trades/2024/03/01/BTC-PERPETUAL.csv.gz";
    assert!(server.asked().iter().all(|asked| asked.path == path), "{}", case.name);
}

fn json(status: u16, body: &str) -> Reply {
    Reply::new(status, body).header("content-type", "application/json")
}

#[tokio::test]
async fn a_file_is_kept_as_it_comes() {
    check("with a length", [sent()], "file \"e1\"", 1).await;
    check("chunked", [sent().chunked()], "file \"e1\"", 1).await;
    check("byte by byte", [sent().dripping()], "file \"e1\"", 1).await;
    check("said to be gzip-encoded", [sent().header("content-encoding", "gzip")], "file \"e1\"", 1).await;
    check("without ETag", [Reply::new(200, gzip(PLAIN))], "file ", 1).await;
}

#[tokio::test]
async fn final_answers_are_asked_for_once() {
    let unauthorized = "the download failed: the vendor did not allow BASE/deribit/trades/2024/03/01/\
                        BTC-PERPETUAL.csv.gz: expired";
    check("401", [json(401, r#"{"code": 11, "message": "expired"}"#)], unauthorized, 1).await;
    let forbidden = "the download failed: the API key does not cover BASE/deribit";
    check("403 in the vendor's words", [json(403, r#"{"code": 7, "message": "plan"}"#)], forbidden, 1).await;
    let edge = "the download failed: the network in front of the vendor blocked the request for BASE/deribit";
    check("403 as a page", [Reply::new(403, PAGE)], edge, 1).await;
    check("403 without a word", [Reply::new(403, "")], edge, 1).await;
    let other = "the download failed: the vendor answered 400 for BASE/deribit";
    check("400 of another kind", [json(400, r#"{"code": 7, "message": "no"}"#)], other, 1).await;
    let not_found = "the download failed: the vendor answered 404 for BASE/deribit";
    check("404 without JSON", [Reply::new(404, "404 page not found")], not_found, 1).await;
    check("404 with a code", [json(404, r#"{"code": 404, "message": "no route"}"#)], not_found, 1).await;
    check("404 with foreign JSON", [json(404, r#"{"message": "no route"}"#)], not_found, 1).await;
    let quota =
        "the download failed: the account's quota is used up: the vendor asks to wait 3600 s for BASE/";
    check("429 for an hour", [Reply::new(429, "").header("retry-after", "3600")], quota, 1).await;
    let closed = "the download failed: the vendor answered 503";
    check("503 for an hour", [Reply::new(503, "").header("retry-after", "3600")], closed, 1).await;
}

#[tokio::test]
async fn absence_takes_the_vendors_own_word() {
    for (name, status, code) in [("day outside", 400, 140), ("no such symbol", 400, 300)] {
        let reply = json(status, &format!(r#"{{"code": {code}, "message": "words"}}"#));
        let server = Server::start([reply]).await;
        let outcome = text(&server, fetch(&server, 0).await);
        assert_eq!(outcome, format!("absent: status {status}, code {code}: words"), "{name}");
        assert_eq!(server.asked().len(), 1, "{name}");
    }
}

#[tokio::test]
async fn passing_troubles_are_asked_again() {
    for (name, trouble) in [
        ("429 without a word", Reply::new(429, "")),
        ("429 with a wait", Reply::new(429, "").header("retry-after", "0")),
        ("429 with a date", Reply::new(429, "").header("retry-after", "Sun, 06 Nov 1994 08:49:37 GMT")),
        ("key in use", json(403, r#"{"code": 274, "message": "in use", "retryAfterSeconds": 0}"#)),
        (
            "400 that the vendor's clients retry",
            json(400, r#"{"code": 1, "message": "not in ISO 8601 format"}"#),
        ),
        ("500", json(500, r#"{"code": 500, "message": "oops"}"#)),
        ("502 as a page", Reply::new(502, PAGE)),
        ("520 as a page", Reply::new(520, PAGE)),
        ("a page with status 200", Reply::new(200, PAGE)),
        ("a page, byte by byte", Reply::new(200, PAGE).dripping()),
        ("one byte", Reply::new(200, "<")),
        ("no bytes", Reply::new(200, "")),
        ("304 that nobody asked for", Reply::new(304, "").chunked()),
        ("cut with a length", sent().cut()),
        ("cut without a length", sent().chunked().cut()),
    ] {
        check(name, [trouble.clone(), sent()], "file \"e1\"", 2).await;
        check(name, [trouble.clone(), trouble, sent()], "file \"e1\"", 3).await;
    }
}

#[tokio::test]
async fn troubles_that_stay_are_named_after_the_last_attempt() {
    let page = "the download failed: the answer for BASE/deribit/trades/2024/03/01/BTC-PERPETUAL.csv.gz is not a gzip \
                file: it begins `<!DOCTYPE html> <html> <title>Attention Required!</title> </html>`";
    check("a page", [Reply::new(200, PAGE)], page, 4).await;
    check("500", [Reply::new(500, "")], "the download failed: the vendor answered 500", 4).await;
    let cut = "the download failed: the connection for BASE/deribit/trades/2024/03/01/BTC-PERPETUAL.csv.gz failed: ";
    check("cut", [sent().cut()], cut, 4).await;
    check("cut in chunks", [sent().chunked().cut()], cut, 4).await;
}

#[tokio::test]
async fn a_vendor_that_repeats_the_key_is_not_repeated() {
    for (status, body) in [
        (401, json(401, &format!(r#"{{"message": "bad key {KEY}"}}"#))),
        (200, Reply::new(200, format!("key {KEY}"))),
    ] {
        let server = Server::start([body]).await;
        let outcome = text(&server, fetch(&server, 0).await);
        assert!(outcome.contains("key ***"), "{status}: {outcome}");
    }
}

#[tokio::test]
async fn the_wait_that_the_vendor_asks_for_is_kept() {
    for (name, busy) in [
        ("header", Reply::new(429, "").header("retry-after", "1")),
        ("body", json(403, r#"{"code": 274, "message": "in use", "retryAfterSeconds": 0.5}"#)),
    ] {
        let server = Server::start([busy, sent()]).await;
        let started = Instant::now();
        assert_eq!(text(&server, fetch(&server, 0).await), "file \"e1\"", "{name}");
        assert!(started.elapsed() >= Duration::from_secs(1), "{name}: {:?}", started.elapsed());
    }
}

#[tokio::test]
async fn a_damaged_file_is_fetched_again_past_caches() {
    let server = Server::start([Reply::new(503, ""), sent()]).await;
    assert_eq!(text(&server, fetch(&server, 2).await), "file \"e1\"");
    assert_eq!(server.queries(), ["retryAttempt=2", "retryAttempt=3"]);
}

#[tokio::test]
async fn one_set_of_headers_is_sent() {
    for (key, authorization) in [(Some(KEY), Some(format!("Bearer {KEY}"))), (None, None)] {
        let server = Server::start([Reply::new(500, ""), sent()]).await;
        let http = HttpClient::new(key.map(Into::into).as_ref(), Budget::default()).unwrap();
        assert!(!format!("{http:?}").contains(KEY), "{http:?}");
        let spool = tempfile::tempdir().unwrap();
        let outcome = archive(&server, http).fetch(&file(), 0, spool.path(), &|_| {}).await;
        assert_eq!(text(&server, outcome), "file \"e1\"");
        for asked in server.asked() {
            let mut names: Vec<&str> = asked.headers.keys().map(|name| name.as_str()).collect();
            names.sort_unstable();
            names.retain(|name| *name != "authorization");
            assert_eq!(names, ["accept", "accept-encoding", "host", "user-agent"]);
            assert_eq!(asked.header("authorization").map(str::to_owned), authorization);
            assert_eq!(asked.header("accept-encoding"), Some("gzip"));
            assert!(asked.header("user-agent").unwrap().starts_with("mtdh/"));
        }
    }
}

#[tokio::test]
async fn every_byte_is_told() {
    let server = Server::start([sent().dripping()]).await;
    let spool = tempfile::tempdir().unwrap();
    let told = std::sync::atomic::AtomicU64::new(0);
    let tell = |bytes| {
        told.fetch_add(bytes, std::sync::atomic::Ordering::Relaxed);
    };
    archive(&server, client()).fetch(&file(), 0, spool.path(), &tell).await.unwrap();
    assert_eq!(told.into_inner(), gzip(PLAIN).len() as u64);
}

fn redirect(location: &str) -> Reply {
    Reply::new(302, "").header("location", location)
}

#[tokio::test]
async fn a_redirect_to_another_origin_does_not_take_the_key_along() {
    let store = Server::start([Reply::new(503, ""), sent()]).await;
    let signed = format!("{}/object?X-Amz-Signature=signed-secret", store.url());
    let vendor = Server::start([redirect(&signed)]).await;
    assert_eq!(text(&vendor, fetch(&vendor, 0).await), "file \"e1\"");
    assert_eq!(
        vendor.queries(),
        ["", "retryAttempt=1"],
        "each attempt begins at the vendor: signatures expire"
    );
    assert_eq!(store.queries(), ["X-Amz-Signature=signed-secret"; 2]);
    for asked in vendor.asked() {
        assert_eq!(asked.header("authorization"), Some(format!("Bearer {KEY}").as_str()));
    }
    for asked in store.asked() {
        assert_eq!((asked.header("authorization"), asked.header("referer")), (None, None));
    }
}

#[tokio::test]
async fn a_key_that_was_dropped_stays_dropped_on_the_next_redirect() {
    let store = Server::start([redirect("/second"), sent()]).await;
    let vendor = Server::start([redirect(&format!("{}/first", store.url()))]).await;
    assert_eq!(text(&vendor, fetch(&vendor, 0).await), "file \"e1\"");
    let keys: Vec<bool> = store.asked().iter().map(|r| r.headers.contains_key("authorization")).collect();
    assert_eq!(keys, [false, false]);
}

#[tokio::test]
async fn a_redirect_within_the_origin_keeps_the_key() {
    let server = Server::start([redirect("/v1/elsewhere"), sent()]).await;
    assert_eq!(text(&server, fetch(&server, 0).await), "file \"e1\"");
    let asked = server.asked();
    assert_eq!(asked[1].path, "/v1/elsewhere");
    assert_eq!(asked[1].header("authorization"), Some(format!("Bearer {KEY}").as_str()));
}

#[tokio::test]
async fn a_signature_shows_in_no_error() {
    for (name, last) in
        [("refused", Reply::new(403, PAGE)), ("cut", sent().cut()), ("a page", Reply::new(200, PAGE))]
    {
        let store = Server::start([last]).await;
        let signed = format!("{}/object?X-Amz-Signature=signed-secret", store.url());
        let vendor = Server::start([redirect(&signed)]).await;
        let error = fetch(&vendor, 0).await.unwrap_err();
        let (words, debug) = (chain(&error), format!("{error:?}"));
        assert!(!words.contains("signed-secret") && !debug.contains("signed-secret"), "{name}: {debug}");
    }
}

#[tokio::test]
async fn redirects_are_followed_five_times() {
    for (redirects, outcome, requests) in [
        (5, "file \"e1\"", 6),
        (
            6,
            "the download failed: the answer for BASE/deribit/trades/2024/03/01/BTC-PERPETUAL.csv.gz is a redirect that \
             is not followed: too many redirects",
            6,
        ),
    ] {
        let mut script = vec![redirect("/v1/again"); redirects];
        script.push(sent());
        let server = Server::start(script).await;
        assert_eq!(text(&server, fetch(&server, 0).await), outcome);
        assert_eq!(server.asked().len(), requests, "{redirects} redirects");
    }
}

#[tokio::test]
async fn a_vendor_that_is_not_there_is_named() {
    let gone = Server::start([sent()]).await.url();
    let http = Archive::Service(Datasets::new(client(), gone, policy()));
    let spool = tempfile::tempdir().unwrap();
    let error = http.fetch(&file(), 0, spool.path(), &|_| {}).await.unwrap_err();
    assert!(
        chain(&error).starts_with("the download failed: the connection for http://127.0.0.1:"),
        "{error:?}"
    );
}
