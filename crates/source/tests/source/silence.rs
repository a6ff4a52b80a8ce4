//! Answers that fall silent: the client gives them up after two minutes, which pass here at once, and asks again.

use std::time::Duration;

use mtdh_source::tardis::datasets::{Answer, Archive, Datasets};
use mtdh_source::tardis::vendor_file::VendorFile;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use crate::server::{client, gzip, policy};

/// Longer than any wait of the client's.
const LONG: Duration = Duration::from_secs(121);

/// The client gives up a body below 1 KiB a second, however regularly it comes, and asks again.
#[tokio::test]
async fn a_body_that_drips_is_given_up_and_asked_for_again() {
    let body = gzip(b"exchange,symbol\n");
    let head = |length: usize| format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n");
    let whole = [head(body.len()).as_bytes(), &body].concat();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}/v1", listener.local_addr().unwrap());
    let (asked, mut count) = watch::channel(0);
    let (passed, mut passes) = watch::channel(0);
    let serving = async {
        let (mut slow, _) = listener.accept().await.unwrap();
        assert!(reads_request(&mut slow).await);
        slow.write_all(head(1 << 20).as_bytes()).await.unwrap();
        slow.write_all(&body[..2]).await.unwrap();
        asked.send_replace(1);
        loop {
            tokio::select! {
                further = listener.accept() => {
                    let (mut further, _) = further.unwrap();
                    asked.send_replace(2);
                    if reads_request(&mut further).await {
                        further.write_all(&whole).await.unwrap();
                    }
                }
                // The client may be gone by now.
                _ = passes.changed() => drop(slow.write_all(b"x").await),
            }
        }
    };
    let passing = async {
        count.wait_for(|count| *count == 1).await.unwrap();
        for minute in 0..200 {
            // Never so long that the silence alone would be too much.
            tokio::time::pause();
            tokio::time::advance(Duration::from_secs(20)).await;
            tokio::time::resume();
            passed.send_replace(minute);
            let again = tokio::time::timeout(Duration::from_millis(50), count.wait_for(|count| *count == 2));
            if again.await.is_ok() {
                return std::future::pending::<()>().await;
            }
        }
        panic!("it waits for as long as something comes");
    };
    let archive = Archive::Service(Datasets::new(client(), base.parse().unwrap(), policy()));
    let file = VendorFile::from_path("binance/trades/2024/03/01/BTCUSDT.csv.gz").unwrap();
    let spool = tempfile::tempdir().unwrap();
    let told = |_| {};
    let answer = tokio::select! {
        answer = archive.fetch(&file, 0, spool.path(), &told) => answer,
        () = serving => unreachable!("it serves as long as it is asked"),
        () = passing => unreachable!("it waits for the answer"),
    };
    let Answer::File(spooled) = answer.unwrap() else { panic!("a file is no absence") };
    assert_eq!(spooled.bytes, body.len() as u64);
}

/// Whether a request came whole.
async fn reads_request(stream: &mut TcpStream) -> bool {
    let mut read = Vec::new();
    while !read.ends_with(b"\r\n\r\n") {
        if !stream.read_buf(&mut read).await.is_ok_and(|length| length > 0) {
            return false;
        }
    }
    true
}

#[tokio::test]
async fn an_answer_that_falls_silent_is_given_up_and_asked_for_again() {
    let body = gzip(b"exchange,symbol\n");
    let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", body.len());
    let whole = [head.as_bytes(), &body].concat();
    for (name, sent) in
        [("no answer", 0), ("in the head", 9), ("at the body", head.len()), ("in it", head.len() + 12)]
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}/v1", listener.local_addr().unwrap());
        let (asked, mut count) = watch::channel(0);
        let serving = async {
            let (mut silent, _) = listener.accept().await.unwrap();
            assert!(reads_request(&mut silent).await);
            silent.write_all(&whole[..sent]).await.unwrap();
            asked.send_replace(1);
            loop {
                let (mut further, _) = listener.accept().await.unwrap();
                asked.send_replace(2);
                if reads_request(&mut further).await {
                    further.write_all(&whole).await.unwrap();
                }
            }
        };
        let passing = async {
            count.wait_for(|count| *count == 1).await.unwrap();
            // What was sent may be taken in before or after time passes: it passes until the client asks again.
            while *count.borrow() < 2 {
                tokio::time::pause();
                tokio::time::advance(LONG).await;
                tokio::time::resume();
                let _elapsed = tokio::time::timeout(Duration::from_millis(200), count.changed()).await;
            }
            std::future::pending::<()>().await
        };
        let archive = Archive::Service(Datasets::new(client(), base.parse().unwrap(), policy()));
        let file = VendorFile::from_path("binance/trades/2024/03/01/BTCUSDT.csv.gz").unwrap();
        let spool = tempfile::tempdir().unwrap();
        let told = |_| {};
        let answer = tokio::select! {
            answer = archive.fetch(&file, 0, spool.path(), &told) => answer,
            () = serving => unreachable!("it serves as long as it is asked"),
            () = passing => unreachable!("it waits for the answer"),
        };
        let Answer::File(spooled) = answer.unwrap() else { panic!("{name}: a file is no absence") };
        assert_eq!(spooled.bytes, body.len() as u64, "{name}: nothing of the first answer is in it");
    }
}
