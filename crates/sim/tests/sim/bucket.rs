//! The GCS server: the XML API and the JSON API on the same buckets.

use mtdh_sim::{Config, Options, Sim};
use reqwest::{Method, Response};
use serde_json::Value;

use crate::{client, small, start};

const NAME: &str = "raw_tick_data/by_date/day-2024-03-01/BINANCE:SPOT_PAIR:BTC-USDT.parquet";
const ENCODED: &str =
    "raw%5Ftick%5Fdata%2Fby%5Fdate%2Fday%2D2024%2D03%2D01%2FBINANCE%3ASPOT%5FPAIR%3ABTC%2DUSDT%2Eparquet";

async fn lake() -> Sim {
    let sim = start(small()).await;
    sim.create_bucket("lake");
    sim
}

async fn send(sim: &Sim, method: Method, path: &str, headers: &[(&str, &str)], body: &str) -> Response {
    let mut request = client().request(method, format!("{}{path}", sim.gcs_url())).body(body.to_owned());
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.send().await.unwrap()
}

async fn text(response: Response) -> String {
    response.text().await.unwrap()
}

async fn json(response: Response) -> Value {
    serde_json::from_slice(&response.bytes().await.unwrap()).unwrap()
}

fn header(response: &Response, name: &str) -> String {
    response.headers()[name].to_str().unwrap().to_owned()
}

#[tokio::test]
async fn objects_stored_by_one_api_are_read_by_the_other() {
    let sim = lake().await;
    let stored = send(
        &sim,
        Method::PUT,
        &format!("/lake/{ENCODED}"),
        &[("content-type", "application/x-parquet"), ("x-goog-meta-run", "7"), ("cache-control", "no-store")],
        "hello",
    )
    .await;
    assert_eq!(stored.status(), 200);
    assert_eq!(header(&stored, "etag"), "\"5d41402abc4b2a76b9719d911017c592\"");
    assert_eq!(header(&stored, "x-goog-hash"), "crc32c=mnG7TA==,md5=XUFAKrxLKna5cZ2REBfFkg==");
    let generation = header(&stored, "x-goog-generation");

    let resource =
        json(send(&sim, Method::GET, &format!("/storage/v1/b/lake/o/{ENCODED}"), &[], "").await).await;
    assert_eq!(resource["name"], NAME);
    assert_eq!(resource["generation"], generation.as_str());
    assert_eq!((&resource["size"], &resource["md5Hash"]), (&"5".into(), &"XUFAKrxLKna5cZ2REBfFkg==".into()));
    assert_eq!((&resource["metadata"]["run"], &resource["cacheControl"]), (&"7".into(), &"no-store".into()));
    for path in [
        format!("/download/storage/v1/b/lake/o/{ENCODED}?alt=media"),
        format!("/storage/v1/b/lake/o/{ENCODED}?alt=media"),
        format!("/lake/{NAME}"),
    ] {
        let response = send(&sim, Method::GET, &path, &[("range", "bytes=1-3")], "").await;
        assert_eq!(response.status(), 206, "{path}");
        assert_eq!(header(&response, "content-range"), "bytes 1-3/5");
        assert_eq!(text(response).await, "ell");
    }

    let boundary = "multipart/related; boundary='==x=='";
    let body = "--==x==\r\nContent-Type: application/json\r\n\r\n{\"name\": \"up/load\", \"metadata\": {\"a\": \"b\"}}\r\n\
                --==x==\r\nContent-Type: text/csv\r\n\r\n1,2\r\n3,4\r\n--==x==--\r\n";
    let upload = "/upload/storage/v1/b/lake/o?uploadType=multipart&ifGenerationMatch=0";
    assert_eq!(send(&sim, Method::POST, upload, &[("content-type", boundary)], body).await.status(), 200);
    let again = send(&sim, Method::POST, upload, &[("content-type", boundary)], body).await;
    assert_eq!(again.status(), 412);
    assert_eq!(json(again).await["error"]["errors"][0]["reason"], "conditionNotMet");
    let read = send(&sim, Method::GET, "/lake/up/load", &[], "").await;
    assert_eq!(
        (header(&read, "content-type"), header(&read, "x-goog-meta-a")),
        ("text/csv".to_owned(), "b".to_owned())
    );
    assert_eq!(text(read).await, "1,2\r\n3,4");
}

#[tokio::test]
async fn preconditions_hold_in_both_apis() {
    let sim = lake().await;
    let put = async |condition: &str| {
        send(&sim, Method::PUT, "/lake/x", &[("x-goog-if-generation-match", condition)], "1").await
    };
    assert_eq!(put("5").await.status(), 412);
    let first = put("0").await;
    assert_eq!(first.status(), 200);
    assert_eq!(put("0").await.status(), 412);
    let etag = header(&first, "etag");
    let generation = header(&first, "x-goog-generation");
    for (headers, status) in [
        (vec![("if-none-match", etag.as_str())], 304),
        (vec![("if-match", "\"other\"")], 412),
        (vec![("if-match", etag.as_str())], 200),
        (vec![("if-modified-since", "Sun, 03 Mar 2024 12:00:00 GMT")], 304),
        (vec![("if-unmodified-since", "Sun, 03 Mar 2024 11:00:00 GMT")], 412),
        (vec![("range", "bytes=9-")], 416),
    ] {
        assert_eq!(send(&sim, Method::GET, "/lake/x", &headers, "").await.status(), status, "{headers:?}");
    }
    for (path, status) in [
        (format!("/lake/x?generation={generation}"), 200),
        ("/lake/x?generation=1".to_owned(), 404),
        ("/storage/v1/b/lake/o/x?ifGenerationMatch=1".to_owned(), 412),
        (format!("/storage/v1/b/lake/o/x?ifGenerationNotMatch={generation}"), 412),
    ] {
        assert_eq!(send(&sim, Method::GET, &path, &[], "").await.status(), status, "{path}");
    }
    let head = send(&sim, Method::HEAD, "/lake/x", &[], "").await;
    assert_eq!(
        (header(&head, "content-length"), header(&head, "last-modified")),
        ("1".into(), "Sun, 03 Mar 2024 12:00:00 GMT".into())
    );
    let delete = send(&sim, Method::DELETE, "/storage/v1/b/lake/o/x?ifGenerationMatch=1", &[], "").await;
    assert_eq!(delete.status(), 412);
    assert_eq!(send(&sim, Method::DELETE, "/lake/x", &[], "").await.status(), 204);
    assert_eq!(send(&sim, Method::DELETE, "/lake/x", &[], "").await.status(), 404);
}

#[tokio::test]
async fn missing_objects_are_reported_in_both_formats() {
    let sim = lake().await;
    for (method, path, code) in [
        (Method::GET, "/none/x", "NoSuchBucket"),
        (Method::PUT, "/none/x", "NoSuchBucket"),
        (Method::GET, "/none?list-type=2", "NoSuchBucket"),
        (Method::GET, "/lake/x", "NoSuchKey"),
        (Method::PUT, "/lake/x?partNumber=1&uploadId=none", "NoSuchUpload"),
    ] {
        let response = send(&sim, method, path, &[], "").await;
        assert_eq!(response.status(), 404, "{path}");
        assert!(text(response).await.contains(&format!("<Code>{code}</Code>")), "{path}");
    }
    for (method, path) in [
        (Method::GET, "/storage/v1/b/none"),
        (Method::GET, "/storage/v1/b/none/o"),
        (Method::GET, "/storage/v1/b/lake/o/x"),
        (Method::POST, "/upload/storage/v1/b/none/o?uploadType=media&name=x"),
    ] {
        let response = send(&sim, method, path, &[], "").await;
        assert_eq!(response.status(), 404, "{path}");
        assert_eq!(json(response).await["error"]["errors"][0]["reason"], "notFound", "{path}");
    }
    let wrong =
        send(&sim, Method::PUT, "/lake/x", &[("content-md5", "XUFAKrxLKna5cZ2REBfFkg==")], "other").await;
    assert_eq!(wrong.status(), 400);
    assert!(sim.bucket_objects("lake").is_empty());
}

#[tokio::test]
async fn multipart_and_resumable_uploads() {
    let sim = lake().await;
    let begun = text(send(&sim, Method::POST, "/lake/big?uploads=", &[], "").await).await;
    let id = begun.split("<UploadId>").nth(1).unwrap().split('<').next().unwrap().to_owned();
    let mut list = String::new();
    for (number, part) in [(2, "world"), (1, "hello ")] {
        let response =
            send(&sim, Method::PUT, &format!("/lake/big?partNumber={number}&uploadId={id}"), &[], part).await;
        let etag = header(&response, "etag").replace('"', "&quot;");
        list = format!("<Part><PartNumber>{number}</PartNumber><ETag>{etag}</ETag></Part>{list}");
    }
    assert_eq!((sim.unfinished_uploads("lake"), sim.bucket_objects("lake").len()), (1, 0));
    let complete = format!("<CompleteMultipartUpload>{list}</CompleteMultipartUpload>");
    let url = format!("/lake/big?uploadId={id}");
    let done = send(&sim, Method::POST, &url, &[("x-goog-if-generation-match", "0")], &complete).await;
    assert_eq!(done.status(), 200);
    assert!(!header(&done, "x-goog-generation").is_empty());
    assert_eq!(sim.bucket_objects("lake"), [("big".to_owned(), "hello world".into())]);
    let resource = json(send(&sim, Method::GET, "/storage/v1/b/lake/o/big", &[], "").await).await;
    assert!(resource.get("md5Hash").is_none() && resource["crc32c"].is_string());

    let begin = "/upload/storage/v1/b/lake/o?uploadType=resumable&name=long";
    let location = header(&send(&sim, Method::POST, begin, &[], "{}").await, "location");
    let path = location.strip_prefix(&sim.gcs_url()).unwrap().to_owned();
    let piece = async |range: &str, body: &str| {
        send(&sim, Method::PUT, &path, &[("content-range", range)], body).await
    };
    let first = piece("bytes 0-4/*", "hello").await;
    assert_eq!((first.status().as_u16(), header(&first, "range")), (308, "bytes=0-4".to_owned()));
    let asked = piece("bytes */11", "").await;
    assert_eq!((asked.status().as_u16(), header(&asked, "range")), (308, "bytes=0-4".to_owned()));
    assert_eq!(piece("bytes 8-9/11", "xx").await.status(), 400);
    let last = piece("bytes 3-10/11", "lo again").await;
    assert_eq!(last.status(), 200);
    assert_eq!(sim.bucket_objects("lake")[1], ("long".to_owned(), "hello again".into()));
    assert_eq!(sim.unfinished_uploads("lake"), 0);
}

#[tokio::test]
async fn both_apis_list_and_copy_the_same() {
    let sim = lake().await;
    for name in ["a/1", "a/2", "a/b/3", "c&d", "e"] {
        let name = name.replace('&', "%26");
        send(&sim, Method::PUT, &format!("/lake/{name}"), &[], "x").await;
    }
    for (query, expected) in
        [("prefix=a/&delimiter=/", 3), ("prefix=", 5), ("delimiter=%2F", 3), ("prefix=zzz", 0)]
    {
        let mut from_xml = Vec::new();
        let mut token = String::new();
        loop {
            let page = format!("/lake?list-type=2&max-keys=2&{query}{token}");
            let text = text(send(&sim, Method::GET, &page, &[], "").await).await;
            let of = |element: &str| -> Vec<String> {
                let open = format!("<{element}>");
                let pieces = text.split(&open).skip(1);
                pieces.map(|piece| piece.split("</").next().unwrap().replace("&amp;", "&")).collect()
            };
            from_xml.extend(of("Key"));
            from_xml.extend(
                text.split("<CommonPrefixes><Prefix>")
                    .skip(1)
                    .map(|p| p.split('<').next().unwrap().to_owned()),
            );
            match of("NextContinuationToken").first() {
                Some(next) => token = format!("&continuation-token={next}"),
                None => break,
            }
        }
        let body =
            json(send(&sim, Method::GET, &format!("/storage/v1/b/lake/o?{query}"), &[], "").await).await;
        let mut from_json: Vec<String> = Vec::new();
        let items = body["items"].as_array().cloned().unwrap_or_default();
        from_json.extend(items.iter().map(|item| item["name"].as_str().unwrap().to_owned()));
        let prefixes = body["prefixes"].as_array().cloned().unwrap_or_default();
        from_json.extend(prefixes.iter().map(|prefix| prefix.as_str().unwrap().to_owned()));
        from_xml.sort();
        from_json.sort();
        assert_eq!(from_xml, from_json, "{query}");
        assert_eq!(from_xml.len(), expected, "{query}");
    }
    let copy = send(&sim, Method::PUT, "/lake/copy", &[("x-goog-copy-source", "lake/a%2F1")], "").await;
    assert_eq!(copy.status(), 200);
    let rewrite = json(
        send(&sim, Method::POST, "/storage/v1/b/lake/o/a%2F1/rewriteTo/b/lake/o/copy%2F2", &[], "").await,
    )
    .await;
    assert_eq!((&rewrite["done"], &rewrite["resource"]["name"]), (&true.into(), &"copy/2".into()));
}

#[tokio::test]
async fn a_configured_token_is_required() {
    let options = Options { gcs_token: Some("secret".to_owned()), ..Options::default() };
    let sim = start(Config { options, ..small() }).await;
    sim.create_bucket("lake");
    assert_eq!(send(&sim, Method::PUT, "/lake/x", &[], "x").await.status(), 401);
    assert_eq!(
        send(&sim, Method::PUT, "/lake/x", &[("authorization", "Bearer wrong")], "x").await.status(),
        401
    );
    assert_eq!(
        send(&sim, Method::PUT, "/lake/x", &[("authorization", "Bearer secret")], "x").await.status(),
        200
    );
}
