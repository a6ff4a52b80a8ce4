//! The vendor's metadata: how it is asked for, kept and confirmed.

use std::path::{Path, PathBuf};
use std::time::Duration;

use mtdh_core::error::chain;
use mtdh_source::http::HttpClient;
use mtdh_source::http::rate_limit::Budget;
use mtdh_source::tardis::metadata::{Metadata, MetadataError};

use crate::server::{KEY, PAGE, Reply, Server, client, gzip, policy};

const HOUR: Duration = Duration::from_secs(3600);

fn metadata(server: &Server, folder: &Path, lifetime: Duration) -> Metadata {
    Metadata::new(client(), server.url(), policy(), folder.to_owned(), lifetime, true)
}

fn json(body: &str) -> Reply {
    Reply::new(200, body).header("content-type", "application/json").header("etag", "\"v1\"")
}

/// `/exchanges` with one exchange.
fn list(id: &str) -> String {
    format!(
        r#"[{{"id": "{id}", "name": "An exchange", "enabled": true, "availableSince": "2019-03-30T00:00:00.000Z"}}]"#
    )
}

async fn ids(metadata: &Metadata) -> Result<Vec<String>, String> {
    let outcome = metadata.exchanges().await;
    let debug = format!("{outcome:?}");
    assert!(!debug.contains(KEY), "{debug}");
    match outcome {
        Ok(list) => Ok(list.into_iter().map(|exchange| exchange.id).collect()),
        Err(error) => Err(chain(&error)),
    }
}

#[tokio::test]
async fn answers_are_read_plain_or_gzipped() {
    let gzipped = Reply::new(200, gzip(list("deribit").as_bytes())).header("content-encoding", "gzip");
    for (name, reply) in [
        ("plain", json(&list("deribit"))),
        ("gzipped", gzipped.clone()),
        ("gzipped, byte by byte", gzipped.dripping()),
        ("with blank lines in front", json(&format!("\n  {}", list("deribit")))),
    ] {
        let (server, folder) = (Server::start([reply]).await, tempfile::tempdir().unwrap());
        for _ in 0..2 {
            assert_eq!(
                ids(&metadata(&server, folder.path(), HOUR)).await,
                Ok(vec!["deribit".to_owned()]),
                "{name}"
            );
        }
        let asked = server.asked();
        assert_eq!(asked.len(), 1, "{name}: the second time it is kept");
        assert_eq!(asked[0].path, "/v1/exchanges");
        assert_eq!(asked[0].header("accept-encoding"), Some("gzip"));
        assert_eq!(asked[0].header("authorization"), Some(format!("Bearer {KEY}").as_str()));
        assert_eq!(asked[0].header("if-none-match"), None);
    }
}

#[tokio::test]
async fn what_has_grown_old_is_confirmed_or_replaced() {
    let script =
        [json(&list("deribit")), Reply::new(304, "").chunked(), json(&list("bitmex")), json(&list("okex"))];
    let (server, folder) = (Server::start(script).await, tempfile::tempdir().unwrap());
    for expected in ["deribit", "deribit", "bitmex"] {
        let found = ids(&metadata(&server, folder.path(), Duration::ZERO)).await;
        assert_eq!(found, Ok(vec![expected.to_owned()]));
    }
    let sent: Vec<_> = server.asked().iter().map(|a| a.header("if-none-match").map(str::to_owned)).collect();
    assert_eq!(sent, [None, Some("\"v1\"".to_owned()), Some("\"v1\"".to_owned())]);
    assert_eq!(
        ids(&metadata(&server, folder.path(), HOUR)).await,
        Ok(vec!["bitmex".to_owned()]),
        "the newest is kept"
    );
}

#[tokio::test]
async fn an_answer_without_a_tag_is_asked_for_anew() {
    let script = [Reply::new(200, list("deribit")), Reply::new(200, list("bitmex"))];
    let (server, folder) = (Server::start(script).await, tempfile::tempdir().unwrap());
    for expected in ["deribit", "bitmex"] {
        assert_eq!(
            ids(&metadata(&server, folder.path(), Duration::ZERO)).await,
            Ok(vec![expected.to_owned()])
        );
    }
    assert!(server.asked().iter().all(|asked| asked.header("if-none-match").is_none()));
}

#[tokio::test]
async fn two_vendors_share_a_folder_without_mixing() {
    let (one, other) =
        (Server::start([json(&list("one"))]).await, Server::start([json(&list("other"))]).await);
    let folder = tempfile::tempdir().unwrap();
    for (server, expected) in [(&one, "one"), (&other, "other"), (&one, "one")] {
        assert_eq!(ids(&metadata(server, folder.path(), HOUR)).await, Ok(vec![expected.to_owned()]));
    }
}

/// An answer that cannot be used is named, and is not kept: the next call asks again and gets the right one.
async fn check_trouble(name: &str, trouble: Reply, requests: usize, outcome: &str) {
    let mut script = vec![trouble; requests];
    script.push(json(&list("deribit")));
    let (server, folder) = (Server::start(script).await, tempfile::tempdir().unwrap());
    let found = ids(&metadata(&server, folder.path(), HOUR)).await.unwrap_err();
    let found = server.without_address(&found);
    assert!(found.starts_with(outcome), "{name}: {found}");
    assert_eq!(server.asked().len(), requests, "{name}");
    assert_eq!(ids(&metadata(&server, folder.path(), HOUR)).await, Ok(vec!["deribit".to_owned()]), "{name}");
    assert_eq!(server.asked()[requests].header("if-none-match"), None, "{name}");
}

#[tokio::test]
async fn answers_that_cannot_be_used_are_named_and_not_kept() {
    let damaged = |at: usize| {
        let mut bytes = gzip(list("deribit").as_bytes());
        bytes[at] ^= 0x55;
        Reply::new(200, bytes).header("content-encoding", "gzip").header("etag", "\"v1\"")
    };
    let length = gzip(list("deribit").as_bytes()).len();
    let had = "cannot fetch the vendor's metadata: ";
    let understood = "the vendor's answer for BASE/exchanges cannot be understood: ";
    let whole = gzip(list("deribit").as_bytes());
    for (name, trouble, requests, cause) in [
        (
            "a page",
            Reply::new(200, PAGE),
            4,
            format!("{had}the answer for BASE/exchanges is not JSON: it begins `<!DO"),
        ),
        ("nothing", Reply::new(200, ""), 4, format!("{had}the answer for BASE/exchanges is not JSON")),
        ("304 that nobody asked for", Reply::new(304, "").chunked(), 4, format!("{had}the answer for")),
        ("cut", json(&list("deribit")).cut(), 4, format!("{had}the connection for BASE/exchanges failed: ")),
        ("500", Reply::new(500, ""), 4, format!("{had}the vendor answered 500")),
        ("401", Reply::new(401, r#"{"message": "no key"}"#), 1, format!("{had}the vendor did not allow")),
        ("another shape", json(r#"{"id": "deribit"}"#), 1, understood.to_owned()),
        ("unfinished JSON", json(r#"[{"id": "deribit""#), 3, understood.to_owned()),
        ("damaged gzip", damaged(20), 3, understood.to_owned()),
        ("wrong gzip checksum", damaged(length - 8), 3, understood.to_owned()),
        (
            "gzip that ends early",
            Reply::new(200, &whole[..whole.len() - 3])
                .header("content-encoding", "gzip")
                .header("etag", "\"v1\""),
            3,
            understood.to_owned(),
        ),
    ] {
        check_trouble(name, trouble, requests, &cause).await;
    }
}

#[tokio::test]
async fn an_answer_that_arrives_damaged_is_asked_for_again() {
    let damaged = Reply::new(200, &gzip(list("deribit").as_bytes())[..30]).header("content-encoding", "gzip");
    let (server, folder) =
        (Server::start([damaged, json(&list("deribit"))]).await, tempfile::tempdir().unwrap());
    assert_eq!(ids(&metadata(&server, folder.path(), HOUR)).await, Ok(vec!["deribit".to_owned()]));
}

/// The one file of a cache folder.
fn kept_file(folder: &Path) -> PathBuf {
    let only = |folder: &Path| std::fs::read_dir(folder).unwrap().next().unwrap().unwrap().path();
    only(&only(folder))
}

#[tokio::test]
async fn a_kept_answer_that_cannot_be_read_is_asked_for_again() {
    let script = [json(&list("deribit")), json(&list("bitmex"))];
    for (name, content) in [
        ("empty", ""),
        ("no first line", "not what this program writes"),
        ("foreign first line", "{}\n[]"),
        (
            "body of another shape",
            "{\"etag\":\"\\\"v1\\\"\",\"current_at\":99999999999,\"is_gzip\":false}\n{}",
        ),
        ("body lost", "{\"etag\":\"\\\"v1\\\"\",\"current_at\":99999999999,\"is_gzip\":true}\n\0\0\0"),
    ] {
        let (server, folder) = (Server::start(script.clone()).await, tempfile::tempdir().unwrap());
        assert_eq!(ids(&metadata(&server, folder.path(), HOUR)).await, Ok(vec!["deribit".to_owned()]));
        std::fs::write(kept_file(folder.path()), content).unwrap();
        assert_eq!(
            ids(&metadata(&server, folder.path(), HOUR)).await,
            Ok(vec!["bitmex".to_owned()]),
            "{name}"
        );
    }
}

/// A server that gives an exchange whose text is `start`, then many times `piece`, then `end`.
async fn swollen(start: &str, piece: &str, times: usize, end: &str) -> Server {
    let plain = [start, &piece.repeat(times), end].concat();
    Server::start([Reply::new(200, gzip(plain.as_bytes())).header("content-encoding", "gzip")]).await
}

#[tokio::test]
async fn an_answer_beyond_its_bounds_is_refused_by_name_and_not_asked_for_again() {
    let row = r#"{"id":"A","type":"spot","availableSince":"2020-01-01T00:00:00.000Z"},"#;
    let last = &row[..row.len() - 1];
    let incident = format!(
        r#"{{"from":"2020-01-01T00:00:00.000Z","to":"2020-01-01T00:00:00.000Z","details":"{}"}},"#,
        "x".repeat(60_000)
    );
    let symbols = r#"{"id":"deribit","availableSymbols":["#;
    let types = r#"{"id":"deribit","datasets":{"exportedUntil":"2024-01-01T00:00:00Z","symbols":[{"id":"A","type":"spot",
        "availableSince":"2020-01-01T00:00:00.000Z","dataTypes":["x""#;
    let long_name = row.replace("\"A\"", &format!("\"{}\"", "A".repeat(2000)));
    let long_row = row.replace("spot", &"x".repeat(60_000));
    for (name, start, piece, times, end, expected) in [
        ("text", r#"{"id":"deribit","x":""#, "y", 70_000, "\"}", "a text of more than 65536 bytes"),
        (
            "member",
            r#"{"id":"deribit","#,
            "y",
            1,
            &format!("\"{}\":1}}", "y".repeat(70_000)),
            "cannot be understood",
        ),
        ("depth", r#"{"id":"deribit","x":"#, "[", 40, "", "more than 32 arrays and objects"),
        ("row", types, ",\"x\"", 400_000, "]}]}}", "a line of more than 1048576 bytes"),
        (
            "name",
            symbols,
            &long_name,
            1,
            &format!("{last}]}}"),
            "a symbol whose name has more than 1024 bytes",
        ),
        ("kept", symbols, &long_row, 1000, &format!("{last}]}}"), "more symbols than can be held in memory"),
        (
            "incidents",
            r#"{"id":"deribit","incidentReports":["#,
            &incident,
            1000,
            &format!("{}]}}", &incident[..incident.len() - 1]),
            "has a list of more than 24 MB",
        ),
    ] {
        let (server, folder) = (swollen(start, piece, times, end).await, tempfile::tempdir().unwrap());
        let error = metadata(&server, folder.path(), HOUR).exchange("deribit").await.unwrap_err();
        let error = server.without_address(&chain(&error));
        assert!(error.contains(expected) && error.contains("BASE/exchanges/deribit"), "{name}: {error}");
        assert!(name == "member" || server.asked().len() == 1, "{name}");
    }
}

#[tokio::test]
async fn what_nobody_takes_is_no_burden() {
    for (name, start, piece, times) in [
        ("blanks", r#"{"id":"deribit","x":"#, " ", 2_000_000),
        ("members", r#"{"id":"deribit""#, r#","later":[{"a":1}]"#, 50_000),
        ("a list", r#"{"id":"deribit","x":[0"#, ",1", 500_000),
    ] {
        let end = ["1}", "}", "]}"][["blanks", "members", "a list"].iter().position(|n| *n == name).unwrap()];
        let (server, folder) = (swollen(start, piece, times, end).await, tempfile::tempdir().unwrap());
        let details = metadata(&server, folder.path(), HOUR).exchange("deribit").await.unwrap();
        assert_eq!(details.id, "deribit", "{name}");
    }
}

#[tokio::test]
async fn an_exchange_too_large_for_memory_is_narrowed_to_the_days() {
    let row = |id: &str, kind: &str, to: &str| {
        format!(r#"{{"id":"{id}","type":"{kind}","availableSince":"2020-01-01T00:00:00.000Z"{to}}}"#)
    };
    let (long, dead) = ("x".repeat(60_000), r#","availableTo":"2020-02-01T00:00:00.000Z""#);
    let mut rows: Vec<String> = (0..420).map(|n| row(&format!("BTC-{n}"), &long, dead)).collect();
    rows.push(row("BTC-29MAR24-50000-C", "option", ""));
    let body = format!(r#"{{"id":"deribit","availableSymbols":[{}]}}"#, rows.join(","));
    let terms = "[]";
    let server = Server::start([json(&body), json(terms)]).await;
    let folder = tempfile::tempdir().unwrap();
    let metadata = metadata(&server, folder.path(), HOUR);
    let days = |text: &str| {
        let day = text.parse().unwrap();
        mtdh_core::DayRange::new(day, day).unwrap()
    };
    let listing = metadata
        .lists("deribit", days("2024-03-01"), &mtdh_source::tardis::metadata::Also::default())
        .await
        .unwrap();
    let ids: Vec<&str> = listing.details.available_symbols.iter().map(|s| s.id.as_str()).collect();
    assert_eq!(ids, ["BTC-29MAR24-50000-C"]);
    let error = metadata
        .lists("deribit", days("2020-01-15"), &mtdh_source::tardis::metadata::Also::default())
        .await
        .unwrap_err();
    assert!(chain(&error).contains("ask for fewer days at once"), "{}", chain(&error));
    assert_eq!(server.asked().len(), 2, "what is kept serves all days");
}

#[tokio::test]
async fn the_key_is_in_no_word_about_an_answer_and_in_nothing_that_is_kept() {
    let escaped = KEY.replace('s', "\\u0073");
    for (name, reply) in [
        ("of another type", json(&format!(r#"["{escaped}"]"#))),
        ("an unknown member", json(&format!(r#"[{{"id": 1, "{KEY}": 1}}]"#))),
        ("an error", Reply::new(400, format!(r#"{{"message": "bad key {escaped}"}}"#))),
        ("an error in base64", Reply::new(400, r#"{"message": "VEQubWFya2VyLW9mLWEtc2VjcmV0LWtleTo="}"#)),
        ("a page", Reply::new(200, format!("<p>{}", KEY.replace('.', "&#46;")))),
        ("a tag", Reply::new(200, list("deribit")).header("etag", format!("\"{KEY}\""))),
    ] {
        let (server, folder) = (Server::start([reply]).await, tempfile::tempdir().unwrap());
        let outcome = format!("{:?}", ids(&metadata(&server, folder.path(), HOUR)).await);
        let forms = [KEY, &escaped, "VEQubWFya2VyLW9m", &KEY.replace('.', "&#46;")];
        assert!(forms.iter().all(|form| !outcome.contains(form)), "{name}: {outcome}");
        assert!(
            name == "a tag" || outcome.contains("***") || name == "an unknown member",
            "{name}: {outcome}"
        );
        let kept = std::fs::read_dir(folder.path()).unwrap().flatten();
        for file in kept.flat_map(|vendor| std::fs::read_dir(vendor.path()).unwrap().flatten()) {
            let text = String::from_utf8(std::fs::read(file.path()).unwrap()).unwrap();
            assert!(!text.contains(KEY), "{name}: {text}");
        }
    }
}

#[tokio::test]
async fn contract_terms_need_access() {
    let (folder, list) = (
        tempfile::tempdir().unwrap(),
        r#"[{"id": "XBTUSD", "type": "perpetual",
        "baseCurrency": "BTC", "quoteCurrency": "USD", "strikePrice": 1.14}]"#,
    );
    for (name, reply, has_key, exchange, expected, requests) in [
        ("with access", json(list), true, "deribit", Some(1), 1),
        ("without a key", json(list), false, "deribit", None, 0),
        ("open to all", json(list), false, "bitmex", Some(1), 1),
        ("refused", Reply::new(401, r#"{"code": 1, "message": "no"}"#), true, "deribit", None, 1),
        ("not in the plan", Reply::new(403, r#"{"code": 1, "message": "no"}"#), true, "deribit", None, 1),
    ] {
        let server = Server::start([reply]).await;
        let http = HttpClient::new(None, Budget::default()).unwrap();
        let metadata = Metadata::new(http, server.url(), policy(), folder.path().to_owned(), HOUR, has_key);
        let found = metadata.instruments(exchange).await.unwrap().map(|terms| terms.instruments.len());
        assert_eq!((found, server.asked().len()), (expected, requests), "{name}");
    }
    let server = Server::start([Reply::new(403, PAGE)]).await;
    let error = metadata(&server, folder.path(), HOUR).instruments("deribit").await.unwrap_err();
    assert!(matches!(error, MetadataError::Http(_)), "a blocked network is no lack of access: {error}");
}

#[tokio::test]
async fn the_keys_access_is_never_kept() {
    let script = [
        Reply::new(
            200,
            r#"[{"exchange": "deribit", "accessType": "x", "from": "2019-03-30T00:00:00.000Z",
            "to": null, "dataPlan": "pro"}]"#,
        ),
        Reply::new(200, "[]"),
    ];
    let (server, folder) = (Server::start(script).await, tempfile::tempdir().unwrap());
    let metadata = metadata(&server, folder.path(), HOUR);
    let plans: Vec<String> = metadata.key_access().await.unwrap().into_iter().map(|a| a.data_plan).collect();
    assert_eq!(plans, ["pro"]);
    assert!(metadata.key_access().await.unwrap().is_empty());
    assert_eq!(server.asked()[1].path, "/v1/api-key-info");
}

#[tokio::test]
async fn members_of_a_later_time_are_no_error() {
    let body = r#"{"id": "deribit", "name": "Deribit", "futureMember": [1, {"a": null}],
        "availableSymbols": [{"id": "BTC-PERPETUAL", "type": "perpetual", "availableSince": "2019-03-30T00:00:00.000Z",
            "aliases": ["x"]}],
        "incidentReports": [{"from": "2020-01-01T00:00:00.000Z", "to": "2020-01-01T01:00:00.000Z", "status": "odd"}],
        "datasets": {"formats": ["csv", "parquet"], "exportedUntil": "2024-03-01T00:00:00.000Z",
            "symbols": [{"id": "OPTIONS", "type": "group", "availableSince": "2020-03-01T00:00:00.000Z",
                "dataTypes": ["order_flow"], "stats": {"trades": 5, "other": "x"}}]}}"#;
    let without_files = r#"{"id": "deribit", "datasets": null}"#;
    let (server, folder) =
        (Server::start([json(body), json(without_files)]).await, tempfile::tempdir().unwrap());
    let metadata = metadata(&server, folder.path(), Duration::ZERO);
    let details = metadata.exchange("deribit").await.unwrap();
    let datasets = details.datasets.unwrap();
    assert_eq!(details.available_symbols[0].id, "BTC-PERPETUAL");
    assert_eq!(
        (details.incident_reports[0].status.as_str(), details.incident_reports[0].details.as_str()),
        ("odd", "")
    );
    assert_eq!(datasets.symbols[0].data_types, ["order_flow"]);
    assert_eq!(datasets.symbols[0].stats.unwrap().trades, Some(5));
    assert!(metadata.exchange("deribit").await.unwrap().datasets.is_none());
}
