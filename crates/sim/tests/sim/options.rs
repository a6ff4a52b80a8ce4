//! The options: the effect of each on a client.

use mtdh_core::DataType;
use mtdh_sim::{
    Config, EmptyFile, FULL_KEY, Fault, FaultKind, Host, Md5Header, Options, RangeMode, Redirect, Sim,
    Validators,
};
use reqwest::Response;

use crate::{client, csv, day, get, gunzip, path, small, start};

const DAY: &str = "2024-03-01";

async fn with(options: Options) -> Sim {
    start(Config { options, ..small() }).await
}

fn file() -> String {
    path("deribit", DataType::Trades, DAY, "BTC-PERPETUAL")
}

fn header<'a>(response: &'a Response, name: &str) -> Option<&'a str> {
    response.headers().get(name).map(|value| value.to_str().unwrap())
}

/// A file without rows in [`Size::Small`].
fn empty_file(config: &Config) -> String {
    let details = mtdh_sim::exchange_details(config, "deribit");
    let symbols = details["datasets"]["symbols"].as_array().unwrap();
    let ids = symbols.iter().map(|symbol| symbol["id"].as_str().unwrap());
    let mut without_trades = ids.filter(|id| {
        mtdh_sim::csv(config, "deribit", DataType::Trades, day(DAY), id).is_some_and(|t| t.is_empty())
    });
    path("deribit", DataType::Trades, DAY, without_trades.next().unwrap())
}

#[tokio::test]
async fn a_file_has_a_length_validators_and_a_checksum() {
    let sim = with(Options::default()).await;
    let response = get(&sim, &file()).await;
    let etag = header(&response, "etag").unwrap().to_owned();
    let length: usize = header(&response, "content-length").unwrap().parse().unwrap();
    assert_eq!(header(&response, "last-modified"), Some("Sat, 02 Mar 2024 05:53:00 GMT"));
    assert_eq!(header(&response, "x-md5"), Some(etag.trim_matches('"')));
    assert_eq!(header(&response, "content-encoding"), None);
    let body = response.bytes().await.unwrap();
    assert_eq!(body.len(), length);
    assert_eq!(gunzip(&body), csv(&small(), "deribit", DataType::Trades, DAY, "BTC-PERPETUAL"));
    let again = get(&sim, &format!("{}?retryAttempt=2", file())).await;
    assert_eq!(again.bytes().await.unwrap(), body);
    assert_eq!(
        sim.requests().iter().map(|r| (r.attempt, r.bytes)).collect::<Vec<_>>(),
        [(1, Some(length as u64)), (2, Some(length as u64)),]
    );
}

#[tokio::test]
async fn options_of_the_headers() {
    let bare = Options { validators: Validators::Neither, x_md5: Md5Header::Absent, ..Options::default() };
    let response = get(&with(bare).await, &file()).await;
    assert!(["etag", "last-modified", "x-md5"].iter().all(|name| header(&response, name).is_none()));

    let odd =
        Options { x_md5: Md5Header::Wrong, content_encoding: true, chunked: true, ..Options::default() };
    let response = get(&with(odd).await, &file()).await;
    assert_eq!(header(&response, "content-encoding"), Some("gzip"));
    assert_eq!(header(&response, "content-length"), None);
    assert_eq!(header(&response, "transfer-encoding"), Some("chunked"));
    assert_ne!(header(&response, "x-md5"), header(&response, "etag").map(|etag| etag.trim_matches('"')));
    assert!(gunzip(&response.bytes().await.unwrap()).starts_with("exchange,symbol"));
}

#[tokio::test]
async fn empty_files_and_many_members() {
    let config = small();
    let header_only = Options { empty_file: EmptyFile::HeaderOnly, ..Options::default() };
    for (options, expected) in
        [(Options::default(), String::new()), (header_only, DataType::Trades.table().csv_header() + "\n")]
    {
        let response = get(&with(options).await, &empty_file(&config)).await;
        assert_eq!(response.status(), 200);
        assert_eq!(gunzip(&response.bytes().await.unwrap()), expected);
    }
    let members = Options { member_bytes: Some(777), ..Options::default() };
    let body = get(&with(members).await, &file()).await.bytes().await.unwrap();
    assert!(body.windows(3).filter(|bytes| *bytes == [0x1f, 0x8b, 8]).count() > 5);
    assert_eq!(gunzip(&body), csv(&config, "deribit", DataType::Trades, DAY, "BTC-PERPETUAL"));
}

#[tokio::test]
async fn ranges_in_every_mode() {
    let sim = with(Options::default()).await;
    let whole = get(&sim, &file()).await;
    let etag = header(&whole, "etag").unwrap().to_owned();
    let whole = whole.bytes().await.unwrap();
    let part = |sim: &Sim, range: &str, if_range: &str| {
        let request = client()
            .get(format!("{}{}", sim.datasets_url(), file()))
            .bearer_auth(FULL_KEY)
            .header("range", range);
        let request = if if_range.is_empty() { request } else { request.header("if-range", if_range) };
        async move { request.send().await.unwrap() }
    };
    let response = part(&sim, "bytes=100-", &etag).await;
    assert_eq!(response.status(), 206);
    let length = whole.len();
    assert_eq!(
        header(&response, "content-range"),
        Some(format!("bytes 100-{}/{length}", length - 1).as_str())
    );
    assert_eq!(response.bytes().await.unwrap(), whole[100..]);
    assert_eq!(part(&sim, "bytes=100-", "\"older\"").await.status(), 200);
    let beyond = part(&sim, "bytes=99999999-", "").await;
    assert_eq!(
        (beyond.status().as_u16(), header(&beyond, "content-range")),
        (416, Some(format!("bytes */{length}").as_str()))
    );

    let ignoring = with(Options { range: RangeMode::Ignored, ..Options::default() }).await;
    assert_eq!(part(&ignoring, "bytes=100-", &etag).await.status(), 200);
    let wrong = with(Options { range: RangeMode::WrongStart, ..Options::default() }).await;
    let response = part(&wrong, "bytes=100-", &etag).await;
    assert!(response.status() == 206 && header(&response, "content-range").unwrap().starts_with("bytes 0-"));

    sim.reissue("deribit", DataType::Trades, day(DAY), "BTC-PERPETUAL");
    let response = part(&sim, "bytes=100-", &etag).await;
    assert_eq!(response.status(), 200, "a new version does not continue the old one");
    assert_ne!(header(&response, "etag"), Some(etag.as_str()));
    assert_ne!(gunzip(&response.bytes().await.unwrap()), gunzip(&whole));
}

#[tokio::test]
async fn percent_signs_do_not_matter() {
    let sim = with(Options::default()).await;
    let plain = get(&sim, &path("hyperliquid", DataType::Trades, DAY, "@107")).await.bytes().await.unwrap();
    let encoded =
        get(&sim, &path("hyperliquid", DataType::Trades, DAY, "%40107")).await.bytes().await.unwrap();
    assert_eq!(plain, encoded);
    assert!(gunzip(&plain).contains("hyperliquid,@107,"));
}

#[tokio::test]
async fn symbols_are_case_sensitive_by_default() {
    let wrong_case = path("deribit", DataType::Trades, DAY, "btc-perpetual");
    let lenient = Options { any_case_symbols: true, ..Options::default() };
    for (options, status) in [(Options::default(), 400), (lenient, 200)] {
        assert_eq!(get(&with(options).await, &wrong_case).await.status(), status);
    }
}

#[tokio::test]
async fn a_redirect_leads_to_another_origin_without_a_key() {
    let options = Options { redirect: Redirect::Keyed, further_redirects: 1, ..Options::default() };
    let sim = with(options).await;
    let first = get(&sim, &file()).await;
    assert_eq!(first.status(), 302);
    let location = header(&first, "location").unwrap().to_owned();
    assert!(!location.starts_with(&sim.datasets_url().replace("/v1", "")));

    let with_key = client().get(&location).bearer_auth(FULL_KEY).send().await.unwrap();
    assert_eq!(with_key.status(), 400, "{}", with_key.text().await.unwrap());
    let tampered = client().get(location.replace("BTC%2D", "ETH%2D")).send().await.unwrap();
    assert_eq!(tampered.status(), 403);

    let second = client().get(&location).send().await.unwrap();
    assert_eq!(second.status(), 302, "one more, of the same origin");
    let last = client().get(header(&second, "location").unwrap()).send().await.unwrap();
    assert_eq!(last.status(), 200);
    let expected = csv(&small(), "deribit", DataType::Trades, DAY, "BTC-PERPETUAL");
    assert_eq!(gunzip(&last.bytes().await.unwrap()), expected);

    sim.set_now("2024-03-03T12:05:00Z".parse().unwrap());
    let late = client().get(&location).send().await.unwrap();
    assert_eq!(late.status(), 403);
    assert!(late.text().await.unwrap().contains("AccessDenied"));

    let anonymous = crate::get_as(&sim, &file(), "").await;
    assert_eq!(anonymous.status(), 200, "free files are not redirected");
}

#[tokio::test]
async fn a_faulty_store_behind_a_redirect() {
    let options = Options { redirect: Redirect::Always, ..Options::default() };
    let faults = vec![Fault::once(Host::Store, "BTC-PERPETUAL", FaultKind::Reset)];
    let sim = start(Config { options, faults, ..small() }).await;
    let following = reqwest::Client::builder().no_proxy().user_agent("mtdh-test/1").build().unwrap();
    let url = format!("{}{}", sim.datasets_url(), file());
    assert!(following.get(&url).send().await.is_err());
    assert_eq!(following.get(&url).send().await.unwrap().status(), 200);
}
