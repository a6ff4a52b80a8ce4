//! An answer that breaks off: continued where that is safe, begun anew where it is not, never mixed.

use std::io::Read;

use mtdh_core::DataType;
use mtdh_source::http::HttpClient;
use mtdh_source::http::rate_limit::Budget;
use mtdh_source::tardis::datasets::{Answer, Archive, Datasets, Known};
use mtdh_source::tardis::vendor_file::VendorFile;

use crate::server::{Reply, Server, client, gzip, policy};

fn file() -> VendorFile {
    let day = "2024-03-01".parse().unwrap();
    VendorFile {
        exchange: "deribit".into(),
        data_type: DataType::Trades,
        day,
        symbol: "BTC-PERPETUAL".into(),
    }
}

/// A file, and another one of the same length.
fn versions() -> (Vec<u8>, Vec<u8>) {
    let plain: Vec<u8> = (0..4000_u32).flat_map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes()).collect();
    let first = gzip(&plain);
    let mut second = first.clone();
    let last = second.len() - 1;
    second[last] ^= 1;
    (first, second)
}

fn rest(of: &[u8], from: usize) -> Reply {
    let range = format!("bytes {from}-{}/{}", of.len() - 1, of.len());
    Reply::new(206, &of[from..]).header("content-range", range)
}

/// What came, and the requests' `Range` and `If-Range`.
async fn fetched(script: Vec<Reply>) -> (Option<Vec<u8>>, Vec<[Option<String>; 2]>) {
    let server = Server::start(script).await;
    let archive = Archive::Service(Datasets::new(client(), server.url(), policy()));
    let spool = tempfile::tempdir().unwrap();
    let bytes = match archive.fetch(&file(), 0, spool.path(), &|_| {}).await {
        Ok(Answer::File(spooled)) => {
            let mut bytes = Vec::new();
            assert_eq!(spooled.sha256.len(), 64);
            spooled.into_reader().unwrap().read_to_end(&mut bytes).unwrap();
            Some(bytes)
        }
        _ => None,
    };
    let header = |asked: &crate::server::Asked, name| asked.header(name).map(str::to_owned);
    let asked = server.asked();
    (bytes, asked.iter().map(|a| [header(a, "range"), header(a, "if-range")]).collect())
}

#[tokio::test]
async fn a_broken_answer_goes_on_where_it_broke_off_or_begins_anew() {
    let (first, second) = versions();
    let half = first.len() / 2;
    let strong = |reply: Reply| reply.header("etag", "\"v1\"");
    let cut = || strong(Reply::new(200, first.clone())).cut();
    let whole = || strong(Reply::new(200, first.clone()));
    let other = || Reply::new(200, second.clone()).header("etag", "\"v2\"");
    let weak = || Reply::new(200, first.clone()).header("etag", "W/\"v1\"");
    let asks_rest = vec![None, Some(half)];
    let cases = [
        ("continued", vec![cut(), strong(rest(&first, half))], &first[..], asks_rest.clone()),
        ("the server ignores ranges", vec![cut(), whole()], &first, asks_rest.clone()),
        ("re-issued in between", vec![cut(), other()], &second, asks_rest.clone()),
        (
            "busy in between",
            vec![cut(), Reply::new(503, ""), strong(rest(&first, half))],
            &first,
            vec![None, Some(half), Some(half)],
        ),
        (
            "another version's rest",
            vec![cut(), rest(&second, half).header("etag", "\"v2\""), other()],
            &second,
            vec![None, Some(half), None],
        ),
        (
            "a rest that does not say whose",
            vec![cut(), rest(&first, half), whole()],
            &first,
            vec![None, Some(half), None],
        ),
        (
            "a rest from elsewhere",
            vec![cut(), strong(rest(&first, half - 1)), whole()],
            &first,
            vec![None, Some(half), None],
        ),
        ("no such rest", vec![cut(), Reply::new(416, ""), whole()], &first, vec![None, Some(half), None]),
        ("a weak tag", vec![weak().cut(), whole()], &first, vec![None, None]),
        ("no tag", vec![Reply::new(200, first.clone()).cut(), whole()], &first, vec![None, None]),
        ("no length", vec![cut().chunked(), whole()], &first, vec![None, None]),
    ];
    for (name, script, expected, ranges) in cases {
        let (bytes, asked) = fetched(script).await;
        assert!(bytes.as_deref() == Some(expected), "{name}");
        let range = |from: &Option<usize>| from.map(|from| format!("bytes={from}-"));
        let tag = |from: &Option<usize>| from.map(|_| "\"v1\"".to_owned());
        let expected: Vec<_> = ranges.iter().map(|from| [range(from), tag(from)]).collect();
        assert_eq!(asked, expected, "{name}");
    }
}

#[tokio::test]
async fn a_rest_that_breaks_off_is_continued_again() {
    let (first, _) = versions();
    let half = first.len() / 2;
    let three_quarters = half + (first.len() - half) / 2;
    let tagged = |reply: Reply| reply.header("etag", "\"v1\"");
    let script = vec![
        tagged(Reply::new(200, first.clone())).cut(),
        tagged(rest(&first, half)).cut(),
        tagged(rest(&first, three_quarters)),
    ];
    assert!(fetched(script).await.0 == Some(first));
}

#[tokio::test]
async fn a_file_that_is_what_it_was_is_told_from_one_that_is_not() {
    let (first, second) = versions();
    let known = |etag: Option<&str>, sha256: Option<String>| Known { etag: etag.map(str::to_owned), sha256 };
    let sha = |bytes: &[u8]| {
        use sha2::Digest;
        Some(sha2::Sha256::digest(bytes).iter().map(|b| format!("{b:02x}")).collect::<String>())
    };
    let tagged = || known(Some("\"v1\""), sha(&first));
    let gone = || Reply::new(400, r#"{"code":140,"message":"no"}"#);
    for (name, known, reply, expected) in [
        ("not modified", tagged(), Reply::new(304, ""), "same"),
        ("the same bytes under a new tag", tagged(), Reply::new(200, first.clone()), "same"),
        ("other bytes", tagged(), Reply::new(200, second.clone()), "file"),
        ("other bytes, no tag known", known(None, sha(&first)), Reply::new(200, second.clone()), "file"),
        ("gone", tagged(), gone(), "absent"),
        ("still gone", known(None, None), gone(), "same"),
        ("there now", known(None, None), Reply::new(200, first.clone()), "file"),
        ("not modified, though nobody asked", known(None, sha(&first)), Reply::new(304, ""), "failed"),
        ("an answer that says nothing", tagged(), Reply::new(404, ""), "failed"),
    ] {
        let server = Server::start([reply]).await;
        let archive = Archive::Service(Datasets::new(client(), server.url(), policy()));
        let spool = tempfile::tempdir().unwrap();
        let outcome = match archive.changed(&file(), &known, spool.path()).await {
            Ok(None) => "same",
            Ok(Some(Answer::File(_))) => "file",
            Ok(Some(Answer::Absent { .. })) => "absent",
            Err(_) => "failed",
        };
        assert_eq!(outcome, expected, "{name}");
        assert_eq!(server.asked()[0].header("if-none-match"), known.etag.as_deref(), "{name}");
    }
}

#[tokio::test]
async fn a_file_that_does_not_fit_into_the_days_bytes_is_not_begun() {
    let (first, _) = versions();
    let server = Server::start([Reply::new(200, first.clone())]).await;
    let budget = Budget { bytes_per_day: Some(first.len() as u64 + 1), ..Budget::default() };
    let http = HttpClient::new(None, budget).unwrap();
    let archive = Archive::Service(Datasets::new(http, server.url(), policy()));
    let spool = tempfile::tempdir().unwrap();
    archive.fetch(&file(), 0, spool.path(), &|_| {}).await.unwrap();
    let error = archive.fetch(&file(), 0, spool.path(), &|_| {}).await.unwrap_err();
    let words = mtdh_core::error::chain(&error);
    assert!(words.contains("may be fetched in a day are used up"), "{words}");
    assert_eq!(server.asked().len(), 2, "it is not asked for again and again");
}

#[tokio::test]
async fn what_proves_a_files_end_is_told_and_what_speaks_against_it_is_asked_again() {
    use md5::{Digest, Md5};
    use mtdh_core::footer::End;

    let whole = gzip(b"exchange,symbol\n");
    let two = [whole.clone(), gzip(b"more")].concat();
    let md5 = Md5::digest(&two).iter().map(|b| format!("{b:02x}")).collect::<String>();
    let chunked = |body: &[u8]| Reply::new(200, body).chunked();
    for (name, script, expected) in [
        ("a length", vec![Reply::new(200, two.clone())], Some((End::Length, 1))),
        (
            "a length counts more than x-md5",
            vec![Reply::new(200, two.clone()).header("x-md5", "0".repeat(32))],
            Some((End::Length, 1)),
        ),
        ("nothing", vec![chunked(&two)], Some((End::NotStated, 1))),
        ("x-md5", vec![chunked(&two).header("x-md5", md5.to_uppercase())], Some((End::Md5, 1))),
        ("no MD5 in x-md5", vec![chunked(&two).header("x-md5", "abc-3")], Some((End::NotStated, 1))),
        (
            "cut once",
            vec![chunked(&whole).header("x-md5", md5.clone()), chunked(&two).header("x-md5", md5.clone())],
            Some((End::Md5, 2)),
        ),
        ("cut always", vec![chunked(&whole).header("x-md5", md5.clone()); 2], None),
    ] {
        let server = Server::start(script).await;
        let archive = Archive::Service(Datasets::new(client(), server.url(), policy()));
        let spool = tempfile::tempdir().unwrap();
        let end = match archive.fetch(&file(), 0, spool.path(), &|_| {}).await {
            Ok(Answer::File(spooled)) => Some((spooled.end, server.asked().len())),
            _ => None,
        };
        assert_eq!(end, expected, "{name}");
    }
}
