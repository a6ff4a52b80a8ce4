//! What is answered: rows in each form, pages, ranges, missing days, errors.

use arrow_ipc::reader::StreamReader;
use serde_json::Value;

use crate::support::{DAY, KEY, Served, copy, served, served_copy};

/// The rows of a day by NDJSON.
async fn lines(served: &Served, query: &str) -> Vec<Value> {
    let path = format!("/v1/slices/trades/{KEY}?start={DAY}&format=ndjson{query}");
    served.text(&path).await.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_form_has_the_same_rows() {
    let served = served().await;
    let lines = lines(&served, "").await;
    assert!(lines.len() > 5);
    let path = format!("/v1/slices/trades/{KEY}?start={DAY}");
    let csv = served.text(&format!("{path}&format=csv")).await;
    assert_eq!(csv.lines().count(), lines.len() + 1);
    let arrow = served.get(&format!("{path}&format=arrow")).await;
    assert_eq!(arrow.headers()["content-type"], "application/vnd.apache.arrow.stream");
    let arrow = arrow.bytes().await.unwrap();
    let reader = StreamReader::try_new(&arrow[..], None).unwrap();
    assert_eq!(reader.map(|batch| batch.unwrap().num_rows()).sum::<usize>(), lines.len());
    let parquet = served.get(&format!("{path}&format=parquet")).await.bytes().await.unwrap();
    assert!(parquet.starts_with(b"PAR1") && parquet.ends_with(b"PAR1"));
    let (_, count) = served.json(&format!("/v1/slices/trades/{KEY}/count?start={DAY}")).await;
    assert_eq!(count["rows"], lines.len());
    let (_, page) = served.json(&path).await;
    assert_eq!(page["rows"].as_array().unwrap().len(), lines.len());
    assert_eq!(page["next"], Value::Null);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pages_are_the_whole_by_either_clock() {
    let served = served().await;
    for clock in ["arrival", "exchange"] {
        let whole = lines(&served, &format!("&clock={clock}&columns=timestamp,price")).await;
        let mut next =
            format!("/v1/slices/trades/{KEY}?start={DAY}&clock={clock}&columns=timestamp,price&limit=3");
        let mut rows = Vec::new();
        for _ in 0..whole.len() {
            let (status, page) = served.json(&next).await;
            assert_eq!(status, 200, "{page}");
            rows.extend(page["rows"].as_array().unwrap().clone());
            let Some(following) = page["next"].as_str() else { break };
            next = following.to_owned();
        }
        let whole: Vec<Value> =
            whole.iter().map(|line| serde_json::json!([line["timestamp"], line["price"]])).collect();
        assert_eq!(rows, whole, "{clock}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_client_has_is_not_sent_again() {
    let served = served().await;
    let client = reqwest::Client::new();
    let files = format!("/v1/files/raw_tick_data/by_date/day-{DAY}/data_type-trades/{KEY}.parquet");
    for path in [format!("/v1/slices/trades/{KEY}?start={DAY}&format=csv"), files] {
        let first = served.get(&path).await;
        let etag = first.headers()["etag"].clone();
        let again = client.get(served.url(&path)).header("if-none-match", etag).send().await.unwrap();
        assert_eq!(again.status(), 304, "{path}");
        let other = client.get(served.url(&path)).header("if-none-match", "\"x\"").send().await.unwrap();
        assert_eq!(other.status(), 200, "{path}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_are_the_stored_bytes_whole_and_in_ranges() {
    let served = served_copy().await;
    let path = format!("raw_tick_data/by_date/day-{DAY}/data_type-trades/{KEY}.parquet");
    let stored = std::fs::read(served.folder.as_ref().unwrap().path().join(&path)).unwrap();
    let url = served.url(&format!("/v1/files/{path}"));
    let client = reqwest::Client::new();
    let whole = client.get(&url).send().await.unwrap();
    assert_eq!(whole.headers()["x-mtdh-data-blake3"].len(), 64);
    assert_eq!(whole.headers()["accept-ranges"], "bytes");
    assert_eq!(whole.bytes().await.unwrap(), stored);
    let head = client.head(&url).send().await.unwrap();
    assert_eq!(head.headers()["content-length"], stored.len().to_string().as_str());
    for (range, expected) in [
        ("bytes=0-3", Some(&stored[..4])),
        ("bytes=-8", Some(&stored[stored.len() - 8..])),
        ("bytes=10-", Some(&stored[10..])),
        ("bytes=99999999-", None),
    ] {
        let part = client.get(&url).header("range", range).send().await.unwrap();
        match expected {
            Some(expected) => {
                assert_eq!(part.status(), 206, "{range}");
                assert_eq!(part.bytes().await.unwrap(), expected, "{range}");
            }
            None => {
                assert_eq!(part.status(), 416, "{range}");
                assert_eq!(part.headers()["content-range"], format!("bytes */{}", stored.len()).as_str());
            }
        }
    }
    let stale =
        client.get(&url).header("range", "bytes=0-3").header("if-range", "\"old\"").send().await.unwrap();
    assert_eq!(stale.status(), 200);
    for outside in [
        "runs/made/shard-0-of-1.json",
        "_tmp/update.lock",
        "..%2f..%2fetc%2fpasswd",
        "raw_tick_data%2f..%2f..%2fetc%2fpasswd",
        "%2fetc%2fpasswd",
        "raw_tick_data/by_date/day-2024-03-01/data_type-trades/nothing.parquet",
    ] {
        assert_eq!(served.get(&format!("/v1/files/{outside}")).await.status(), 404, "{outside}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unknown_name_is_not_a_missing_day() {
    let served = served().await;
    for (path, status, kind) in [
        (format!("/v1/slices/trades/DERIBIT:PERP:BTC-UDS?start={DAY}"), 404, "unknown-instrument"),
        (format!("/v1/slices/trades/{KEY}?start=2024-03-02"), 404, "missing"),
        (format!("/v1/slices/trades/{KEY}?start={DAY}&colums=price"), 400, "unknown-parameter"),
        (format!("/v1/slices/trades/{KEY}?start={DAY}&columns=prize"), 400, "no-column"),
        (format!("/v1/slices/trades/{KEY}?start={DAY}&columns=price,id,price"), 400, "column-twice"),
        (format!("/v1/slices/trades/{KEY}?start={DAY}&columns="), 400, "wrong-parameter"),
        (format!("/v1/slices/trades/{KEY}?start={DAY}&columns=,"), 400, "wrong-parameter"),
        (format!("/v1/slices/trades,quotes/{KEY}?start={DAY}"), 400, "wrong-parameter"),
        (format!("/v1/slices/trades/{KEY}?start=0001-01-01&end=9999-12-31"), 400, "wrong-parameter"),
        (format!("/v1/slices/trades/{KEY}?start={DAY}&end={DAY}T00:00"), 400, "wrong-parameter"),
        (format!("/v1/slices/trades/{KEY}?start={DAY}&limit=1000000001"), 400, "wrong-parameter"),
        (format!("/v1/slices/trades/{KEY}?start={DAY}&limit=99999999999999999999"), 400, "wrong-parameter"),
        (
            format!("/v1/slices/trades/{KEY}?start={DAY}&cursor=0123456789abcdef.99999999999999999999.0"),
            400,
            "wrong-parameter",
        ),
        (format!("/v1/slices/quotes/{KEY}?start={DAY}"), 404, "missing"),
        (format!("/v1/slices/trades/%FF?start={DAY}"), 400, "wrong-path"),
        (format!("/v1/candles/{KEY}?timeframe=1h&start={DAY}&cursor=3"), 400, "wrong-parameter"),
        (format!("/v1/candles/{KEY}?timeframe=1h&start={DAY}&cursor=0123456789abcdef.0.1"), 409, "changed"),
        (format!("/v1/coverage?start={DAY}&end=2024-02-01"), 400, "wrong-parameter"),
        (format!("/v1/slices/trade/{KEY}?start={DAY}"), 400, "wrong-parameter"),
        (format!("/v1/slices/trades/{KEY}?start=2024-03-32"), 400, "wrong-parameter"),
        (format!("/v1/slices/trades/{KEY}?start={DAY}&end=2024-02-01"), 400, "wrong-parameter"),
        (format!("/v1/slices/trades/{KEY}?start={DAY}&limit=0"), 400, "wrong-parameter"),
        (format!("/v1/slices/trades/{KEY}?start={DAY}&limit=1&limit=2"), 400, "wrong-parameter"),
        (format!("/v1/slices/trades/{KEY}"), 400, "wrong-parameter"),
        (format!("/v1/slices/trades/{KEY}?start={DAY}&cursor=x"), 400, "wrong-parameter"),
        (format!("/v1/slices/trades/{KEY}?start={DAY}&cursor=0123456789abcdef.0.3"), 409, "changed"),
        ("/v1/slices/trades/BTC?start=2024-03-01".to_owned(), 400, "not-a-key"),
        ("/v1/reports/2024-03-09".to_owned(), 404, "no-report"),
        ("/v1/runs/none".to_owned(), 404, "unknown-run"),
        ("/v1/instruments?day=1999-01-01".to_owned(), 404, "no-instrument-table"),
        ("/nothing".to_owned(), 404, "unknown-path"),
        ("/v1/days?%ff=1".to_owned(), 400, "wrong-parameter"),
    ] {
        let answer = served.get(&path).await;
        assert_eq!(answer.status(), status, "{path}");
        assert_eq!(answer.headers()["content-type"], "application/problem+json", "{path}");
        let problem: Value = serde_json::from_str(&answer.text().await.unwrap()).unwrap();
        assert_eq!(problem["type"], format!("urn:mtdh:{kind}"), "{path}: {problem}");
        assert_eq!(problem["status"], status, "{path}");
    }
    let (_, problem) = served.json(&format!("/v1/slices/trades/DERIBIT:PERP:BTC-UDS?start={DAY}")).await;
    assert_eq!(problem["suggestions"][0], KEY);
    let (_, problem) = served.json(&format!("/v1/slices/trades/{KEY}?start={DAY}&colums=price")).await;
    assert!(problem["detail"].as_str().unwrap().contains("perhaps columns"), "{problem}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn missing_days_are_named_beside_the_rows_that_are_there() {
    let served = served().await;
    let path = format!("/v1/slices/trades/{KEY}?start={DAY}&end=2024-03-02");
    let answer = served.get(&format!("{path}&format=csv")).await;
    assert_eq!(answer.headers()["x-mtdh-missing-days"], "2024-03-02");
    let (_, page) = served.json(&path).await;
    assert_eq!(page["missing_days"], serde_json::json!(["2024-03-02"]));
    assert_eq!(page["missing"][0]["instrument"], KEY);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_book_by_replay_is_that_of_the_snapshot() {
    let served = served().await;
    let at = |source: &str| format!("/v1/book/{KEY}?at={DAY}T20:00&depth=5&source={source}");
    let (status, snapshot) = served.json(&at("snapshot")).await;
    assert_eq!((status, &snapshot["source"]), (200, &Value::from("book_snapshot_5")), "{snapshot}");
    let (status, replayed) = served.json(&at("changes")).await;
    assert_eq!((status, &replayed["made_by"]), (200, &Value::from("replay")), "{replayed}");
    for side in ["bids", "asks"] {
        assert!(!replayed[side].as_array().unwrap().is_empty());
        assert_eq!(snapshot[side], replayed[side], "{side}");
    }
    let (status, problem) = served.json(&format!("/v1/book/{KEY}?at=2024-03-02T12:00")).await;
    assert_eq!(status, 404, "{problem}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn candles_are_made_of_trades_where_none_are_stored() {
    let served = served().await;
    let (status, page) = served
        .json(&format!("/v1/candles/{KEY}?timeframe=1d&start={DAY}&columns=trade_count,repeated_trades"))
        .await;
    assert_eq!(status, 200, "{page}");
    let trades = lines(&served, "&clock=exchange").await.len();
    // Trades that were sent again count once.
    let counts = page["rows"][0].as_array().unwrap().iter().map(|count| count.as_u64().unwrap());
    assert_eq!(counts.sum::<u64>(), trades as u64, "{page}");
    let (status, problem) =
        served.json(&format!("/v1/candles/{KEY}?timeframe=1d&start={DAY}&source=stored")).await;
    assert_eq!(status, 404, "{problem}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn coverage_counts_what_partitions_list() {
    let served = served().await;
    let (_, coverage) = served.json(&format!("/v1/coverage?start={DAY}&by=venue,type")).await;
    let (_, all) = served.json(&format!("/v1/partitions?start={DAY}&limit=100000")).await;
    for group in coverage["groups"].as_array().unwrap() {
        for status in ["stored", "empty", "absent", "missing"] {
            let of_group = |line: &&Value| {
                line["venue"] == group["venue"] && line["type"] == group["type"] && line["status"] == status
            };
            let count = all["partitions"].as_array().unwrap().iter().filter(of_group).count();
            assert_eq!(group[status], count, "{group}");
        }
    }
    assert!(coverage["total"]["stored"].as_u64().unwrap() > 0);
    assert!(coverage["as_of"].is_string());
    let (_, resolved) = served.json("/v1/symbols?symbols=BTC-PERPETUAL,nothing").await;
    assert_eq!((&resolved["resolved"][0]["key"], &resolved["unknown"][0]), (&KEY.into(), &"nothing".into()));
    let (_, back) = served.json(&format!("/v1/symbols?from=key&symbols={KEY}")).await;
    assert_eq!(back["resolved"][0]["vendor_symbol"], "BTC-PERPETUAL");
    let (_, run) = served.json("/v1/runs/made").await;
    assert_eq!(run["summaries"][0]["state"], "done", "{run}");
    let events = served.text("/v1/runs/made/events").await;
    assert!(
        events.starts_with("retry: 2000\n\nevent: state\ndata: {")
            && events.ends_with("event: end\ndata: {}\n\n"),
        "{events}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_run_that_is_listed_has_an_answer_and_a_page() {
    let served = served_copy().await;
    let runs = served.folder.as_ref().unwrap().path().join("runs");
    let report = r#"{"verdict": "clean", "started_at": "2024-03-02T07:00:00.000Z", "ended_at": "2024-03-02T07:01:00.000Z", "sets": []}"#;
    for (run, record, text) in [
        // A run's folder stands for a moment before its first record does.
        ("begins", None, ""),
        ("synced", Some("sync.json"), report),
        ("broken", Some("shard-0-of-1.json"), "{"),
    ] {
        std::fs::create_dir(runs.join(run)).unwrap();
        if let Some(record) = record {
            std::fs::write(runs.join(run).join(record), text).unwrap();
        }
    }
    let (_, listed) = served.json("/v1/runs").await;
    assert_eq!(listed["runs"], serde_json::json!(["broken", "made", "synced"]));
    for (run, status, kind, state) in [
        ("begins", 404, None, None),
        ("none", 404, None, None),
        ("broken", 200, Some("unknown"), Some("unknown")),
        ("made", 200, Some("download"), Some("done")),
        ("synced", 200, Some("sync"), Some("done")),
    ] {
        let (answered, found) = served.json(&format!("/v1/runs/{run}")).await;
        assert_eq!((answered, found["details"]["kind"].as_str()), (status, kind), "{run}: {found}");
        let page = served.get(&format!("/runs/{run}")).await;
        assert_eq!(page.status(), status, "{run}");
        let page = page.text().await.unwrap();
        assert!(
            state.is_none_or(|state| page.contains(state) && page.contains("id=\"live\"")),
            "{run}: {page}"
        );
    }
    let list = served.text("/runs").await;
    assert!(list.contains("/runs/synced") && !list.contains("/runs/begins"), "{list}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn text_is_packed_where_the_client_accepts_it() {
    let served = served().await;
    let path = format!("/v1/slices/trades/{KEY}?start={DAY}&format=csv");
    let plain = served.get(&path).await.bytes().await.unwrap();
    for (accepted, coding) in
        [("gzip", Some("gzip")), ("zstd, gzip", Some("zstd")), ("gzip;q=0", None), ("br", None)]
    {
        let client = reqwest::Client::new();
        let answer = client.get(served.url(&path)).header("accept-encoding", accepted).send().await.unwrap();
        let named = answer.headers().get("content-encoding").map(|value| value.to_str().unwrap().to_owned());
        assert_eq!(named.as_deref(), coding);
        let bytes = answer.bytes().await.unwrap();
        let unpacked = match coding {
            None => bytes.to_vec(),
            Some("gzip") => {
                let mut text = Vec::new();
                std::io::Read::read_to_end(&mut flate2::read::MultiGzDecoder::new(&bytes[..]), &mut text)
                    .unwrap();
                text
            }
            _ => zstd::stream::decode_all(&bytes[..]).unwrap(),
        };
        assert_eq!(unpacked, plain, "{accepted}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_posted_question_has_the_bounds_of_one_in_an_address() {
    let served = served().await;
    let client = reqwest::Client::new();
    let right = serde_json::json!({"type": "trades", "instruments": [KEY], "start": DAY});
    for (member, value, expected) in [
        ("limit", serde_json::json!(1), Ok(())),
        ("limit", serde_json::json!(0), Err("limit")),
        ("limit", serde_json::json!(1_000_000_001), Err("limit")),
        ("columns", serde_json::json!(["price"]), Ok(())),
        ("columns", serde_json::json!(["price", "price"]), Err("columns")),
        ("columns", serde_json::json!([]), Err("columns")),
        ("type", serde_json::json!("trade"), Err("type")),
        ("start", serde_json::json!("2024-03-32"), Err("start")),
        ("end", serde_json::json!("2024-02-01"), Err("end")),
        ("end", serde_json::json!("9999-12-31"), Err("end")),
        ("clock", serde_json::json!("local"), Err("clock")),
        ("instruments", serde_json::json!([]), Err("instruments")),
        ("instruments", serde_json::json!([KEY, KEY]), Ok(())),
    ] {
        let mut body = right.clone();
        body[member] = value;
        let answer = client.post(served.url("/v1/slices")).body(body.to_string()).send().await.unwrap();
        let status = answer.status().as_u16();
        let answer: Value = serde_json::from_str(&answer.text().await.unwrap()).unwrap();
        match expected {
            Ok(()) => assert_eq!(status, 200, "{body}: {answer}"),
            Err(name) => assert_eq!((status, &answer["parameter"]), (400, &name.into()), "{body}: {answer}"),
        }
    }
    // A second kind of rows has no place in one answer.
    let two = serde_json::json!({"type": ["trades", "quotes"], "instruments": [KEY], "start": DAY});
    let answer = client.post(served.url("/v1/slices")).body(two.to_string()).send().await.unwrap();
    assert_eq!(answer.status(), 400);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn candles_and_some_columns_come_in_every_form() {
    let served = served().await;
    for path in [
        format!("/v1/candles/{KEY}?timeframe=1h&start={DAY}"),
        format!("/v1/candles/{KEY}?timeframe=1h&start={DAY}&columns=close,timestamp"),
        format!("/v1/slices/trades/{KEY}?start={DAY}&columns=price,local_timestamp"),
    ] {
        let (_, page) = served.json(&path).await;
        let rows = page["rows"].as_array().unwrap().len();
        let names: Vec<&str> = page["columns"]
            .as_array()
            .unwrap()
            .iter()
            .map(|column| column["name"].as_str().unwrap())
            .collect();
        let csv = served.text(&format!("{path}&format=csv")).await;
        assert_eq!(
            (csv.lines().next().unwrap(), csv.lines().count()),
            (&*names.join(","), rows + 1),
            "{path}"
        );
        assert_eq!(served.text(&format!("{path}&format=ndjson")).await.lines().count(), rows, "{path}");
        let arrow = served.get(&format!("{path}&format=arrow")).await.bytes().await.unwrap();
        let reader = StreamReader::try_new(&arrow[..], None).unwrap();
        assert_eq!(reader.map(|batch| batch.unwrap().num_rows()).sum::<usize>(), rows, "{path}");
        let parquet = served.get(&format!("{path}&format=parquet")).await.bytes().await.unwrap();
        assert!(parquet.starts_with(b"PAR1") && parquet.ends_with(b"PAR1"), "{path}");
        let has = |name: &str| parquet.windows(name.len()).any(|bytes| bytes == name.as_bytes());
        assert!(names.iter().all(|name| has(name)), "{path}");
        let is_part = path.contains("columns");
        assert_eq!(has("instrument_key"), !is_part, "{path}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_is_the_same_however_it_is_encoded() {
    let served = served().await;
    let plain = served.text(&format!("/v1/slices/trades/{KEY}?start={DAY}&format=csv")).await;
    for key in ["DERIBIT%3APERP%3ABTC-USD", "DERIBIT:PERP:BTC%2dUSD", "%44ERIBIT:PERP:BTC-USD"] {
        let path = format!("/v1/slices/trades/{key}?start={DAY}&format=csv");
        assert_eq!(served.text(&path).await, plain, "{key}");
    }
    for (key, status) in
        [("DERIBIT%253APERP%253ABTC-USD", 400), ("DERIBIT+PERP+BTC-USD", 400), ("DERIBIT%2FPERP", 400)]
    {
        assert_eq!(
            served.get(&format!("/v1/slices/trades/{key}?start={DAY}")).await.status(),
            status,
            "{key}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn packed_answers_have_a_tag_of_their_own_and_conditions_are_read_as_the_standard_says() {
    let served = served().await;
    let client = reqwest::Client::new();
    let slice = served.url(&format!("/v1/slices/trades/{KEY}?start={DAY}&format=csv"));
    let file =
        served.url(&format!("/v1/files/raw_tick_data/by_date/day-{DAY}/data_type-trades/{KEY}.parquet"));
    let tag = async |url: &str, accepted: &str| {
        let answer = client.get(url).header("accept-encoding", accepted).send().await.unwrap();
        answer.headers()["etag"].to_str().unwrap().to_owned()
    };
    let (plain, packed) = (tag(&slice, "identity").await, tag(&slice, "gzip").await);
    assert_ne!(plain, packed);
    for (url, known, status) in [
        (&slice, plain.clone(), 304),
        (&slice, packed.clone(), 304),
        (&slice, format!("W/{plain}"), 304),
        (&slice, format!("\"other\", {packed}"), 304),
        (&slice, "*".to_owned(), 304),
        (&slice, "\"other\"".to_owned(), 200),
        (&slice, String::new(), 200),
        (&file, tag(&file, "gzip").await, 304),
        (&file, plain, 200),
    ] {
        let answer = client.get(url).header("if-none-match", &known).send().await.unwrap();
        assert_eq!(answer.status(), status, "{known}");
    }
    for (range, status) in [
        ("bytes=0-0,2-3", 200),
        ("bytes=-0", 416),
        ("bytes=-99999999", 206),
        ("bytes=5-1", 200),
        ("bytes=99999999999999999999-", 416),
        ("rows=0-1", 200),
    ] {
        for head in [false, true] {
            let request = if head { client.head(&file) } else { client.get(&file) };
            assert_eq!(request.header("range", range).send().await.unwrap().status(), status, "{range}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn paths_are_of_the_origin_that_is_asked_for() {
    let served = served_copy().await;
    let folder = served.folder.as_ref().unwrap().path();
    let below = |root: &str| folder.join(format!("{root}/by_date/day-{DAY}/data_type-trades"));
    let path = |query: &str| format!("/v1/paths/trades/{KEY}?start={DAY}{query}");
    assert_eq!(served.json(&path("&origin=live")).await.0, 404, "nothing was recorded");
    std::fs::create_dir_all(below("live_tick_data")).unwrap();
    copy(&below("raw_tick_data"), &below("live_tick_data"));
    for (query, root) in [
        ("", "raw_tick_data/"),
        ("&origin=vendor", "raw_tick_data/"),
        ("&origin=live", "live_tick_data/"),
        ("&origin=both", "raw_tick_data/"),
    ] {
        let (status, found) = served.json(&path(query)).await;
        assert_eq!(status, 200, "{query}: {found}");
        let [one] = &found["paths"].as_array().unwrap()[..] else { panic!("{query}: {found}") };
        let of = one["path"].as_str().unwrap();
        assert!(of.starts_with(root), "{query}: {of}");
        assert_eq!(served.get(&format!("/v1/files/{of}")).await.status(), 200, "{query}: {of}");
    }
    assert_eq!(served.json(&path("&origin=theirs")).await.0, 400);
}
