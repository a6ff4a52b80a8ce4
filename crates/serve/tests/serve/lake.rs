//! What the lake has as lists, and what others are given of it: statements, Iceberg tables, certificates; and the page of all that.

use mtdh_engine::iceberg::IcebergRequest;
use mtdh_engine::{CertifyBy, Config, Context, DayRange, Filter};
use serde_json::{Value, json};

use crate::support::{DAY, KEY, Served, served, served_copy, served_folder};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_asked_wrongly_is_named() {
    let served = served().await;
    for (path, status, parameter, words) in [
        ("/v1/ls?what=partitons", 400, "what", "perhaps partitions"),
        ("/v1/ls?by=venu", 400, "by", "perhaps venue"),
        ("/v1/ls?sort=byts", 400, "sort", "perhaps bytes"),
        ("/v1/ls?start=2024-02-30", 400, "start", "2024-02-30"),
        ("/v1/ls?start=2024-03-02&end=2024-03-01", 400, "end", "before"),
        ("/v1/ls?start=2024-03-01T12:00", 400, "start", "time"),
        ("/v1/ls?end=1999-01-01", 400, "end", "before"),
        ("/v1/ls?venue=DERIBTI", 400, "venue", "did you mean DERIBIT?"),
        ("/v1/ls?long=true&by=day", 400, "long", "one of them"),
        ("/v1/ls?what=runs&venue=DERIBIT", 400, "venue", "runs"),
        ("/v1/ls?what=reports&venue=DERIBIT", 400, "what", "of days"),
        ("/v1/ls?limit=0", 400, "limit", "1"),
        ("/v1/ls?cursor=x", 400, "cursor", "digit"),
        ("/v1/ls?origin=theirs", 400, "origin", "vendor"),
        ("/v1/ddl", 400, "dialect", "needed"),
        ("/v1/ddl?dialect=duckdbb", 400, "dialect", "perhaps duckdb"),
        ("/v1/ddl?dialect=duckdb&table=trade", 400, "table", "perhaps trades"),
        ("/v1/ddl?dialect=duckdb&schema=a;b", 400, "schema", "plain name"),
        ("/v1/ddl?dialect=athena", 400, "place", "bucket"),
        ("/v1/ddl?dialect=athena&place=/data/lake", 400, "place", "bucket"),
        ("/v1/bigquery", 400, "start", "needed"),
        ("/v1/bigquery?start=2024-03-01&end=2024-02-01", 400, "end", "after"),
    ] {
        let (found, problem) = served.json(path).await;
        assert_eq!((found, &problem["parameter"]), (status, &parameter.into()), "{path}: {problem}");
        assert!(problem["detail"].as_str().unwrap().contains(words), "{path}: {problem}");
    }
    for (path, status, kind) in [
        ("/v1/schema/trade", 404, "unknown-table"),
        ("/v1/certificates/0123456789abcdef", 404, "unknown-certificate"),
        ("/v1/certificates/a", 404, "unknown-certificate"),
        ("/v1/bigquery?start=2024-03-01", 400, "wrong-request"),
    ] {
        let (found, problem) = served.json(path).await;
        assert_eq!(
            (found, &problem["type"]),
            (status, &format!("urn:mtdh:{kind}").into()),
            "{path}: {problem}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lake_without_anything_is_no_failure() {
    let served = served_folder(tempfile::tempdir().unwrap()).await;
    for what in ["partitions", "candles", "instruments", "runs", "reports"] {
        let (status, list) = served.json(&format!("/v1/ls?what={what}")).await;
        assert_eq!((status, &list["total"], &list["lines"]), (200, &json!(0), &json!([])), "{what}: {list}");
        assert!(!list["columns"].as_array().unwrap().is_empty(), "{what}");
    }
    assert_eq!(served.json("/v1/iceberg").await.1["tables"], json!([]));
    assert_eq!(served.json("/v1/certificates").await.1["certificates"], json!([]));
    let page = served.text("/lake").await;
    for words in ["no partitions in this range", "No Iceberg table", "No certificate"] {
        assert!(page.contains(words), "{words}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lists_are_what_partitions_are() {
    let served = served().await;
    let (_, partitions) = served.json(&format!("/v1/partitions?start={DAY}&limit=100000")).await;
    let (_, list) = served.json("/v1/ls?long=true&limit=100000").await;
    let sum = |lines: &Value, name: &str| -> u64 {
        lines.as_array().unwrap().iter().filter_map(|line| line[name].as_u64()).sum()
    };
    for name in ["rows", "bytes"] {
        assert_eq!(sum(&list["lines"], name), sum(&partitions["partitions"], name), "{name}");
        assert!(sum(&list["lines"], name) > 0);
    }
    // Groups of all pages are those of one.
    let (_, whole) = served.json("/v1/ls?by=key,type&sort=bytes").await;
    let (mut paged, mut next) = (Vec::new(), Some("/v1/ls?by=key,type&sort=bytes&limit=3".to_owned()));
    while let Some(path) = next {
        let (_, page) = served.json(&path).await;
        paged.extend(page["lines"].as_array().unwrap().clone());
        next = page["next"].as_str().map(str::to_owned);
    }
    assert_eq!(whole["lines"], json!(paged));
    let (_, runs) = served.json("/v1/ls?what=runs").await;
    assert_eq!(runs["lines"][0]["run"], "made");
    let (_, unknown) = served.json("/v1/ls?key=DERIBIT:PERP:BTC-UDS").await;
    assert_eq!((&unknown["total"], &unknown["unknown"][0]["suggestions"][0]), (&json!(0), &KEY.into()));
    let (_, table) = served.json("/v1/schema/TRADES").await;
    assert_eq!((&table["name"], &table["columns"][0]["name"]), (&"trades".into(), &"instrument_key".into()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn statements_name_no_folder_of_the_server() {
    let served = served_copy().await;
    let folder = served.folder.as_ref().unwrap().path().display().to_string();
    for (path, has) in [
        ("/v1/ddl?dialect=duckdb", "'/path/to/lake/raw_tick_data"),
        ("/v1/ddl?dialect=spark&table=trades", "stands for the folder"),
        ("/v1/ddl?dialect=athena&place=s3://lake/a/", "'s3://lake/a/raw_tick_data"),
        ("/v1/ddl?dialect=duckdb&place=/mnt/it's", "'/mnt/it''s/raw_tick_data"),
        ("/lake?dialect=duckdb", "/path/to/lake/raw_tick_data"),
        ("/lake?dialect=athena", "reads buckets"),
    ] {
        let text = served.text(path).await;
        assert!(text.contains(has), "{path}: {text}");
        assert!(!text.contains(&folder), "{path}: {text}");
    }
}

fn context(served: &Served) -> Context {
    let lake = served.folder.as_ref().unwrap().path().display().to_string();
    Context::open(&Config { lake, ..Config::default() }).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_table_is_stale_when_the_lake_has_changed() {
    let served = served_copy().await;
    context(&served).publish_iceberg(&IcebergRequest::default()).await.unwrap();
    let trades = async || {
        let (_, found) = served.json("/v1/iceberg").await;
        let tables = found["tables"].as_array().unwrap().clone();
        tables.into_iter().find(|table| table["table"] == "trades").unwrap()
    };
    let fresh = trades().await;
    assert_eq!(
        (&fresh["is_stale"], &fresh["reason"], &fresh["covers"]),
        (&json!(false), &Value::Null, &"lake".into())
    );
    let folder = served.folder.as_ref().unwrap().path();
    assert!(folder.join(fresh["path"].as_str().unwrap()).is_file(), "{fresh}");
    std::fs::remove_file(
        folder.join(format!("raw_tick_data/by_date/day-{DAY}/data_type-trades/{KEY}.parquet")),
    )
    .unwrap();
    let stale = trades().await;
    assert_eq!((&stale["is_stale"], &stale["removed"]), (&json!(true), &json!(1)), "{stale}");
    assert!(served.text("/lake").await.contains("1 file gone since"));
    std::fs::write(folder.join(fresh["path"].as_str().unwrap()), b"{").unwrap();
    let broken = trades().await;
    assert_eq!((&broken["is_stale"], &broken["version"]), (&json!(true), &json!(0)), "{broken}");
    assert!(!broken["reason"].as_str().unwrap().contains(&folder.display().to_string()), "{broken}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn certificates_are_listed_given_and_compared() {
    let served = served_copy().await;
    let filter = Filter { instruments: vec![KEY.to_owned()], ..Filter::default() };
    let selection = filter.of_lake(DayRange::of(DAY.parse().unwrap())).unwrap();
    let made = context(&served).certify(&selection, CertifyBy::Footers).await.unwrap();
    let (_, all) = served.json("/v1/certificates").await;
    let one = &all["certificates"][0];
    assert_eq!((&one["digest"], &one["first_day"]), (&made.digest.to_string().into(), &DAY.into()), "{all}");
    for name in [&one["digest"], &one["root"]] {
        let name = name.as_str().unwrap();
        for name in [name, &name[..8], &format!("sha256:{name}")] {
            assert_eq!(
                served.text(&format!("/v1/certificates/{name}")).await.as_bytes(),
                made.bytes,
                "{name}"
            );
        }
    }
    assert!(served.text("/lake").await.contains(&made.digest.to_string()[..16]));
    let client = reqwest::Client::new();
    let verify = async |body: Vec<u8>| -> (u16, Value) {
        let answer = client.post(served.url("/v1/verify")).body(body).send().await.unwrap();
        (answer.status().as_u16(), serde_json::from_str(&answer.text().await.unwrap()).unwrap())
    };
    let (status, found) = verify(made.bytes.clone()).await;
    assert_eq!(
        (status, &found["is_same"], &found["differences_total"]),
        (200, &json!(true), &json!(0)),
        "{found}"
    );
    let edited = String::from_utf8(made.bytes.clone()).unwrap().replace(DAY, "2024-03-02");
    for wrong in [Vec::new(), b"{}".to_vec(), edited.into_bytes()] {
        let (status, problem) = verify(wrong).await;
        assert_eq!((status, &problem["type"]), (400, &"urn:mtdh:no-certificate".into()), "{problem}");
    }
    let folder = served.folder.as_ref().unwrap().path();
    std::fs::remove_file(
        folder.join(format!("raw_tick_data/by_date/day-{DAY}/data_type-trades/{KEY}.parquet")),
    )
    .unwrap();
    let (_, found) = verify(made.bytes.clone()).await;
    assert_eq!(
        (&found["is_same"], &found["differences"][0]["what"]),
        (&json!(false), &"gone".into()),
        "{found}"
    );
    // What lies there and is none is listed with the reason.
    let kept =
        walk(folder).into_iter().find(|path| path.to_string_lossy().contains(one["root"].as_str().unwrap()));
    std::fs::write(kept.unwrap(), b"<script>alert(1)</script>").unwrap();
    let (_, all) = served.json("/v1/certificates").await;
    assert!(all["certificates"][0]["problem"].is_string(), "{all}");
    assert!(!served.text("/lake").await.contains("<script>alert"));
}

fn walk(folder: &std::path::Path) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
        match entry.file_type().unwrap().is_dir() {
            true => found.extend(walk(&entry.path())),
            false => found.push(entry.path()),
        }
    }
    found
}
